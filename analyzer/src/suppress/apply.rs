//! Which findings are silenced, and which suppressions deserve a finding themselves.

use rustc_hash::FxHashSet;

use super::{Flaw, Form, Name, Silenced, Suppressed, Suppression, Suppressions, Until};
use crate::finding::{Applicability, Confidence, Edit, Finding, Fix, Key, Label, Site};
use crate::level::{Level, Origin, Target};
use crate::lint::Lint;
use crate::lints::api::unfulfilled_suppression::UNFULFILLED_SUPPRESSION;
use crate::render::locus;
use crate::report::Parts;

/// Names that silenced (or would have silenced) something: index of the suppression, index of the name.
type Used = FxHashSet<(usize, usize)>;

/// When a name is judged: those that could silence what is said of the others come last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    First,
    Last,
}

impl Suppressions {
    /// Takes the suppressed ones out of `findings` and adds what suppressions themselves deserve.
    pub fn apply(&self, findings: Vec<Finding>, parts: &Parts<'_>) -> Silenced {
        let mut used = Used::default();
        let mut silenced = Silenced::default();
        for finding in findings {
            self.one(finding, parts, &mut used, &mut silenced);
        }
        // A suppression may cover the finding that another one is unfulfilled. Whether it does is known only after the
        // others were judged; so those that name this very lint are judged last, and their own findings stay.
        for finding in self.unfulfilled(parts, &used, Turn::First) {
            self.one(finding, parts, &mut used, &mut silenced);
        }
        silenced.left.extend(self.unfulfilled(parts, &used, Turn::Last));
        silenced
    }

    /// Puts one finding where it belongs.
    fn one(&self, mut finding: Finding, parts: &Parts<'_>, used: &mut Used, silenced: &mut Silenced) {
        let at = finding.primary.site;
        let setting = parts.setting(finding.lint, at.file);
        if setting.level == Level::Allow {
            return;
        }
        let mut by: Option<&Suppression> = None;
        for (n, suppression) in self.all.iter().enumerate().filter(|(_, s)| s.reach.covers(at)) {
            let mut named = false;
            for (m, _) in suppression.names.iter().enumerate().filter(|(_, name)| covers(name, finding.lint)) {
                used.insert((n, m));
                named = true;
            }
            if !named {
                continue;
            }
            let place = locus(parts.sources, suppression.site);
            if setting.level == Level::Forbid {
                finding
                    .notes
                    .push(format!("the suppression at {place} is not heeded: {} forbids it", origin(&setting.origin)));
            } else if let Some(Until::Date(until)) = suppression.until.as_ref().filter(|u| self.is_past(u)) {
                finding.notes.push(format!("the suppression at {place} has ended on {until}"));
            } else if by.is_none_or(|other| suppression.reach.size() < other.reach.size()) {
                by = Some(suppression);
            }
        }
        match by {
            None => silenced.left.push(finding),
            Some(by) => silenced.suppressed.push(Suppressed {
                finding,
                by: by.site,
                reason: by.reason.clone(),
                until: match by.until {
                    Some(Until::Date(date)) => Some(date),
                    _ => None,
                },
            }),
        }
    }

    fn is_past(&self, until: &Until) -> bool {
        matches!(until, Until::Date(date) if *date <= self.today)
    }

    /// What is wrong with the suppressions themselves, as far as it is the turn of their names.
    fn unfulfilled(&self, parts: &Parts<'_>, used: &Used, turn: Turn) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (n, suppression) in self.all.iter().enumerate() {
            for (m, name) in suppression.names.iter().enumerate().filter(|(_, name)| turn_of(name) == turn) {
                match &name.target {
                    Err(unknown) => findings.push(finding(name.site, unknown.to_string(), None)),
                    Ok(target) if suppression.judged && !used.contains(&(n, m)) && self.is_on(*target, name, parts) => {
                        let fix = if suppression.names.len() == 1 { removal(suppression, parts) } else { None };
                        findings.push(finding(name.site, unmatched(*target, suppression.form), fix));
                    }
                    Ok(_) => {}
                }
            }
            // What is to be said of the whole is said once, with its first name.
            if suppression.names.first().map_or(Turn::First, turn_of) == turn {
                findings.extend(self.of_the_whole(suppression));
            }
        }
        findings
    }

    fn of_the_whole(&self, suppression: &Suppression) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(flaw) = suppression.flaw {
            let message = match (flaw, suppression.form) {
                (Flaw::NamesNothing, _) => "this suppression names no lint, so it silences nothing",
                (Flaw::NotUnderstood, Form::Attribute) => "this suppression is not understood",
                (Flaw::NotUnderstood, Form::Comment { .. }) => "this comment looks like a suppression, but is none",
            };
            let mut finding = finding(suppression.site, message.to_owned(), None);
            finding.help = Some(
                match suppression.form {
                    Form::Attribute => "write `allow(lint, reason = \"why\", until = \"2027-01-31\")`",
                    Form::Comment { .. } => "write `// atomic-lint: allow(lint) why`",
                }
                .to_owned(),
            );
            findings.push(finding);
        } else if self.require_reasons && suppression.reason.is_none() {
            let message = "this suppression gives no reason, and `require-reasons` is set".to_owned();
            let mut finding = finding(suppression.site, message, None);
            finding.help = Some(
                match suppression.form {
                    Form::Attribute => "add `reason = \"…\"`",
                    Form::Comment { .. } => "say why behind the closing parenthesis",
                }
                .to_owned(),
            );
            findings.push(finding);
        }
        if let Some(Until::Invalid(written)) = &suppression.until {
            let message = format!("`{written}` is no date, so this suppression never ends");
            let mut finding = finding(suppression.site, message, None);
            finding.help = Some("write a date as `2027-01-31`".to_owned());
            findings.push(finding);
        }
        findings
    }

    /// Whether any lint that a name stands for is on where it stands.
    fn is_on(&self, target: Target, name: &Name, parts: &Parts<'_>) -> bool {
        let is_broken = |lint: &Lint| self.broken_lints.iter().any(|b| b.name == lint.name);
        let mut covered = self.catalogue.iter().filter(|l| target.covers(l));
        if self.catalogue.iter().any(|l| target.covers(l) && is_broken(l)) {
            return false;
        }
        covered.any(|lint| parts.setting(lint, name.site.file).level > Level::Allow)
    }
}

fn covers(name: &Name, lint: &Lint) -> bool {
    matches!(&name.target, Ok(target) if target.covers(lint))
}

fn turn_of(name: &Name) -> Turn {
    if covers(name, &UNFULFILLED_SUPPRESSION) { Turn::Last } else { Turn::First }
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Default(_) => "its default".to_owned(),
        origin => origin.to_string(),
    }
}

fn unmatched(target: Target, form: Form) -> String {
    let what = match target {
        Target::Lint(lint) => format!("`{}`", lint.name),
        Target::Group(group) => format!("a lint of `{}`", group.name()),
        Target::All | Target::Warnings => "any lint".to_owned(),
    };
    let place = match form {
        Form::Attribute => "in what this attribute covers",
        Form::Comment { own_line: true } => "in the statement or item below",
        Form::Comment { own_line: false } => "on this line",
    };
    format!("there is no finding of {what} {place}")
}

/// Takes a comment away, with its line if it has one to itself. Attributes may share their brackets with others.
fn removal(suppression: &Suppression, parts: &Parts<'_>) -> Option<Fix> {
    let Form::Comment { own_line } = suppression.form else { return None };
    let text = &parts.sources.file(suppression.site.file).text;
    let Site { file, span } = suppression.site;
    let (start, end) = (span.start as usize, span.end as usize);
    let before = text[..start].trim_end_matches([' ', '\t']).len();
    let behind = &text[end..];
    let line_end = behind.starts_with('\n') as usize + 2 * behind.starts_with("\r\n") as usize;
    let (start, end) = match own_line {
        true if line_end > 0 => (before, end + line_end),
        true => (start, end),
        false => (before, end),
    };
    Some(Fix {
        title: "remove the comment".to_owned(),
        applicability: Applicability::MachineApplicable,
        edits: vec![Edit { site: super::site(file, start, end), replacement: String::new() }],
    })
}

fn finding(site: Site, message: String, fix: Option<Fix>) -> Finding {
    Finding {
        lint: &UNFULFILLED_SUPPRESSION,
        confidence: Confidence::Certain,
        message,
        primary: Label { site, text: String::new() },
        secondary: Vec::new(),
        interleaving: None,
        notes: Vec::new(),
        help: None,
        cfg: None,
        fixes: fix.into_iter().collect(),
        purpose: None,
        key: Key::default(),
    }
}
