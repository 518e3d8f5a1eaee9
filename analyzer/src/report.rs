//! What is shown of a run: findings at their levels, without the suppressed ones, and errors of the source itself.

use crate::config::{Config, Place};
use crate::coverage::Coverage;
use crate::finding::{Confidence, Finding, Fix, Interleaving, Key, Label, Purpose};
use crate::ir::Cfg;
use crate::level::{Level, Setting};
use crate::lint::Lint;
use crate::source::{FileId, Sources};
use crate::suppress::{Silenced, Suppressed, Suppressions};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Warning,
    Error,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// One thing to tell the user, ready to be rendered in any format.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub severity: Severity,
    /// `None` for what is wrong with the source itself.
    pub lint: Option<&'static Lint>,
    pub message: String,
    pub primary: Label,
    pub secondary: Vec<Label>,
    pub interleaving: Option<Interleaving>,
    /// Whether people are shown the interleaving unasked.
    pub shows_interleaving: bool,
    pub notes: Vec<String>,
    pub help: Option<String>,
    pub fixes: Vec<Fix>,
    /// `None` for what is wrong with the source itself.
    pub details: Option<Details>,
}

/// What machines are told of a finding besides.
#[derive(Clone, Debug)]
pub struct Details {
    pub confidence: Confidence,
    pub setting: Setting,
    /// The condition it stands under, as written in an attribute.
    pub cfg: Option<String>,
    pub purpose: Option<Purpose>,
    pub key: Key,
}

impl Diagnostic {
    /// An error of the source itself.
    pub fn problem(message: String, primary: Label) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            lint: None,
            message,
            primary,
            secondary: Vec::new(),
            interleaving: None,
            shows_interleaving: false,
            notes: Vec::new(),
            help: None,
            fixes: Vec::new(),
            details: None,
        }
    }

    /// The interleaving, where people are shown it.
    pub fn shown_interleaving(&self) -> Option<&Interleaving> {
        self.interleaving.as_ref().filter(|_| self.shows_interleaving)
    }

    /// `atomic_lint::split_read_modify_write`.
    pub fn code(&self) -> Option<String> {
        self.lint.map(|l| format!("atomic_lint::{}", l.name))
    }
}

/// How much is said of each finding.
#[derive(Clone, Copy, Debug, Default)]
pub struct Detail {
    /// Show every interleaving, not only those of errors.
    pub explain: bool,
    /// Say how sure a finding is and who set its level.
    pub verbose: bool,
}

/// A run, ready to be rendered.
#[derive(Debug, Default)]
pub struct Report {
    /// By file and position.
    pub diagnostics: Vec<Diagnostic>,
    pub suppressed: Vec<Suppressed>,
    /// How many findings the baseline knows.
    pub known: usize,
    /// How many findings stand on lines that have not changed, where only others were asked for.
    pub elsewhere: usize,
    pub coverage: Coverage,
}

impl Report {
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == severity).count()
    }

    /// Nothing that fails the run.
    pub fn is_success(&self) -> bool {
        self.count(Severity::Error) == 0
    }
}

/// What [`build`] puts together.
#[derive(Debug)]
pub struct Parts<'a> {
    pub sources: &'a Sources,
    pub config: &'a Config,
    pub suppressions: &'a Suppressions,
    /// The package that owns a file.
    pub packages: &'a dyn PackageOf,
    pub detail: Detail,
}

/// Tells the package of a file, by name.
pub trait PackageOf: std::fmt::Debug + Sync {
    fn package_of(&self, file: FileId) -> Option<&str>;
}

impl Parts<'_> {
    /// The level of a lint in a file.
    pub fn setting(&self, lint: &Lint, file: FileId) -> Setting {
        let package = self.packages.package_of(file);
        self.config.setting(lint, Place { package, file: Some(&self.sources.file(file).shown) })
    }
}

/// Puts levels and suppressions on what the lints found.
pub fn build(parts: &Parts<'_>, findings: Vec<Finding>, problems: Vec<Diagnostic>, coverage: Coverage) -> Report {
    let mut report = Report { diagnostics: problems, coverage, ..Report::default() };
    let Silenced { left, suppressed } = parts.suppressions.apply(findings, parts);
    report.suppressed = suppressed;
    report.diagnostics.extend(left.into_iter().filter_map(|finding| {
        let setting = parts.setting(finding.lint, finding.primary.site.file);
        (setting.level > Level::Allow).then(|| diagnostic(finding, setting, parts.detail))
    }));
    report.diagnostics.sort_by(|a, b| order(a).cmp(&order(b)));
    report
}

/// By place, then by lint: a total order on what can be told apart.
fn order(d: &Diagnostic) -> impl Ord + '_ {
    (d.primary.site, d.lint.map(|l| l.name), &d.message, d.secondary.iter().map(|l| l.site).collect::<Vec<_>>())
}

fn diagnostic(finding: Finding, setting: Setting, detail: Detail) -> Diagnostic {
    let severity = if setting.level.fails() { Severity::Error } else { Severity::Warning };
    let mut notes = finding.notes;
    let cfg = finding.cfg.filter(|c| !c.is_always()).map(|c| cfg_text(&c));
    notes.extend(cfg.iter().map(|cfg| format!("only under `cfg({cfg})`")));
    if detail.verbose {
        let (lint, level) = (finding.lint.name, setting.level.name());
        notes.push(format!("{}; `{lint}` is at {level}: {}", finding.confidence.name(), setting.origin));
    }
    Diagnostic {
        severity,
        lint: Some(finding.lint),
        message: finding.message,
        primary: finding.primary,
        secondary: finding.secondary,
        interleaving: finding.interleaving,
        shows_interleaving: detail.explain || severity == Severity::Error,
        notes,
        help: finding.help,
        fixes: finding.fixes,
        details: Some(Details {
            confidence: finding.confidence,
            setting,
            cfg,
            purpose: finding.purpose,
            key: finding.key,
        }),
    }
}

/// A condition as it is written in an attribute.
fn cfg_text(cfg: &Cfg) -> String {
    let list = |all: &[Cfg]| all.iter().map(cfg_text).collect::<Vec<_>>().join(", ");
    match cfg {
        Cfg::All(all) => format!("all({})", list(all)),
        Cfg::Any(any) => format!("any({})", list(any)),
        Cfg::Not(not) => format!("not({})", cfg_text(not)),
        Cfg::Flag(name) => name.clone(),
        Cfg::Equals(key, value) => format!("{key} = \"{value}\""),
    }
}
