//! From the text of a file to its suppressions.

use super::date::Date;
use super::extent::extent;
use super::{Flaw, Form, Inputs, Name, Reach, Suppression, Until, site};
use crate::finding::Site;
use crate::level::Target;
use crate::source::Comment;
use crate::source::FileId;
use crate::source::scan::{Kind, Scanner, Token, string_value};

pub(super) fn file(inputs: &Inputs<'_>, file: FileId, out: &mut Vec<Suppression>) {
    let source = inputs.sources.file(file);
    let reader = Reader { inputs, file, text: &source.text };
    reader.attributes(out);
    let lines = source.lines();
    for comment in source.comments().all().iter().filter(|c| c.doc.is_none()) {
        let line = lines.line_start(comment.line) as usize;
        out.extend(reader.comment(comment, line));
    }
}

struct Reader<'a> {
    inputs: &'a Inputs<'a>,
    file: FileId,
    text: &'a str,
}

/// What stands between the parentheses of `allow(…)`.
#[derive(Default)]
struct Arguments {
    names: Vec<Name>,
    reason: Option<String>,
    until: Option<Until>,
    /// Where the closing parenthesis ends.
    end: usize,
    /// Something was neither a name nor `key = "value"`, or the parenthesis is not closed.
    malformed: bool,
}

impl Reader<'_> {
    fn attributes(&self, out: &mut Vec<Suppression>) {
        let mut scanner = Scanner::new(self.text);
        let mut blocks: Vec<usize> = Vec::new();
        while let Some(token) = scanner.next_code() {
            if token.is(b'{') {
                blocks.push(token.end);
            } else if token.is(b'}') {
                blocks.pop();
            } else if token.is(b'#') {
                let inner = scanner.peek_code().filter(|t| t.is(b'!'));
                if inner.is_some() {
                    scanner.next_code();
                }
                if !scanner.peek_code().is_some_and(|t| t.is(b'[')) {
                    continue;
                }
                scanner.next_code();
                let end = scanner.skip_group();
                if !self.text[token.start..end].contains("atomic_lint") {
                    continue;
                }
                let (from, to) = match inner {
                    None => (token.start, extent(self.text, token.start)),
                    Some(_) => self.enclosing(blocks.last().copied(), &scanner),
                };
                self.attribute(token.start, end, site(self.file, from, to), out);
            }
        }
    }

    /// The block that starts at `block` and that `scanner` is inside of; the file without one.
    fn enclosing(&self, block: Option<usize>, scanner: &Scanner<'_>) -> (usize, usize) {
        match block {
            Some(start) => (start, scanner.clone().skip_group()),
            None => (0, self.text.len()),
        }
    }

    /// Every `allow(…)` and `expect(…)` inside one attribute.
    fn attribute(&self, start: usize, end: usize, reach: Site, out: &mut Vec<Suppression>) {
        let text = &self.text[..end];
        // From the bracket on, so that `#!` is not taken for a shebang.
        let mut scanner = Scanner::new(&text[start + 1..]);
        let at = start + 1;
        // The path read so far.
        let mut path: Vec<&str> = Vec::new();
        while let Some(token) = scanner.next_code() {
            match token.kind {
                Kind::Ident => path.push(scanner.text(token)),
                Kind::Punct(b':') => {}
                Kind::Punct(b'(') => {
                    let own = is_own(&path);
                    if own || matches!(path[..], ["allow" | "expect"]) {
                        let arguments = self.arguments(text, at + token.end, !own);
                        if !arguments.names.is_empty() || own {
                            let whole = site(self.file, start, end);
                            out.push(self.suppression(whole, Form::Attribute, arguments, reach, false));
                        }
                    }
                    path.clear();
                }
                _ => {
                    // `#[atomic_lint::allow]`: without a list it silences nothing, and must not look as if it did.
                    if is_own(&path) {
                        let whole = site(self.file, start, end);
                        out.push(self.suppression(whole, Form::Attribute, Arguments::default(), reach, false));
                    }
                    path.clear();
                }
            }
        }
    }

    /// `// atomic-lint: allow(x) reason…`; `None` for a comment on something else.
    fn comment(&self, comment: &Comment, line_start: usize) -> Option<Suppression> {
        let said = comment.text(self.text);
        let rest = said.strip_prefix("atomic-lint:")?;
        let (start, end) = (comment.span.start as usize, comment.span.end as usize);
        let whole = site(self.file, start, end);
        let form = Form::Comment { own_line: comment.own_line };
        let (reach, line) = self.comment_reach(comment, line_start);
        let rest = rest.trim_start();
        let list = rest.strip_prefix("allow").or_else(|| rest.strip_prefix("expect"));
        let Some(list) = list.and_then(|l| l.trim_start().strip_prefix('(')) else {
            let arguments = Arguments { malformed: true, ..Arguments::default() };
            return Some(self.suppression(whole, form, arguments, reach, line));
        };
        // `list` is a part of the text.
        let at = list.as_ptr() as usize - self.text.as_ptr() as usize;
        let mut arguments = self.arguments(&self.text[..at + list.len()], at, false);
        let behind = self.text[..at + list.len()].get(arguments.end..).unwrap_or("");
        let said = behind.trim_start_matches([' ', '\t', ':', '-', '–', '—']).trim();
        arguments.reason = arguments.reason.or_else(|| (!said.is_empty()).then(|| said.to_owned()));
        Some(self.suppression(whole, form, arguments, reach, line))
    }

    /// The range that a comment covers, and whether a finding that only ends there is covered too.
    fn comment_reach(&self, comment: &Comment, line_start: usize) -> (Site, bool) {
        let end = comment.span.end as usize;
        if !comment.own_line {
            let line_end = self.text[end..].find('\n').map_or(self.text.len(), |n| end + n);
            return (site(self.file, line_start, line_end), true);
        }
        let next = Scanner::new(&self.text[end..]).next_code();
        match next {
            // In the middle of a chain of calls, whose span starts further up.
            Some(next) if next.is(b'.') => {
                (site(self.file, end + next.start, extent(self.text, end + next.start)), true)
            }
            Some(next) => (site(self.file, end + next.start, extent(self.text, end + next.start)), false),
            None => (site(self.file, end, end), false),
        }
    }

    fn suppression(&self, whole: Site, form: Form, arguments: Arguments, reach: Site, line: bool) -> Suppression {
        let Arguments { names, reason, until, malformed, .. } = arguments;
        let flaw = match (malformed, names.is_empty()) {
            (true, _) => Some(Flaw::NotUnderstood),
            (false, true) => Some(Flaw::NamesNothing),
            (false, false) => None,
        };
        let reach = Reach { site: reach, line, files: Vec::new() };
        Suppression { site: whole, form, names, reason, until, flaw, reach, judged: true }
    }

    /// Reads a list from behind its opening parenthesis at `at`. In a `foreign` list only names with the tool's
    /// prefix are meant.
    fn arguments(&self, text: &str, at: usize, foreign: bool) -> Arguments {
        let mut arguments = Arguments { end: text.len(), malformed: true, ..Arguments::default() };
        let mut scanner = Scanner::new(&text[at..]);
        let mut part: Vec<Token> = Vec::new();
        let mut depth = 0_usize;
        let mut malformed = false;
        while let Some(token) = scanner.next_code() {
            match token.kind {
                Kind::Punct(b',') if depth == 0 => {
                    malformed |= !self.argument(&scanner, at, &part, foreign, &mut arguments);
                    part.clear();
                    continue;
                }
                Kind::Punct(b')') if depth == 0 => {
                    if !part.is_empty() {
                        malformed |= !self.argument(&scanner, at, &part, foreign, &mut arguments);
                    }
                    (arguments.end, arguments.malformed) = (at + token.end, malformed);
                    return arguments;
                }
                Kind::Punct(b'(' | b'[' | b'{') => depth += 1,
                Kind::Punct(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            part.push(token);
        }
        arguments
    }

    /// One argument; `false` if it is not understood.
    fn argument(&self, scanner: &Scanner<'_>, at: usize, part: &[Token], foreign: bool, out: &mut Arguments) -> bool {
        if let [key, equals, value] = part
            && equals.is(b'=')
            && value.kind == Kind::Str
        {
            let value = string_value(scanner.text(*value)).unwrap_or_default();
            match scanner.text(*key) {
                "reason" => out.reason = Some(value).filter(|v| !v.trim().is_empty()),
                "until" => out.until = Some(Date::parse(&value).map_or(Until::Invalid(value), Until::Date)),
                _ => return foreign,
            }
            return true;
        }
        let is_path = part.iter().all(|t| t.kind == Kind::Ident || t.is(b':') || t.is(b'-'));
        let (Some(first), Some(last)) = (part.first(), part.last()) else { return false };
        if !is_path {
            return foreign;
        }
        let path: String = part.iter().map(|t| scanner.text(*t)).collect();
        if foreign && !path.starts_with("atomic_lint::") {
            return true;
        }
        let start = if path.contains("::") { last.start } else { first.start };
        let target = match Target::parse(&path, self.inputs.catalogue) {
            Ok(Target::Warnings) => Ok(Target::All),
            target => target,
        };
        out.names.push(Name { site: site(self.file, at + start, at + last.end), target });
        true
    }
}

/// The path of the tool's own attributes.
fn is_own(path: &[&str]) -> bool {
    matches!(path, ["atomic_lint", "allow" | "expect"])
}
