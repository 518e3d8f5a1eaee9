//! Suppressions: where they stand, what they cover, which findings they silence, which of them silence nothing.
//!
//! Four forms are understood:
//!
//! - `#[atomic_lint::allow(x, reason = "…", until = "2027-01-01")]` and `#[atomic_lint::expect(…)]`,
//! - the same inside `#[cfg_attr(any(), …)]`, whatever the predicate,
//! - `#[allow(atomic_lint::x)]` and `#[expect(…)]`,
//! - `// atomic-lint: allow(x) reason…` behind code, for the line, or on its own line, for the statement, field or item
//!   below.
//!
//! An inner attribute (`#![…]`) covers the block or file it stands in, with the files of the modules declared there.
//! All are read from the text: attributes of statements, of match arms and inside macro arguments count as well as those
//! of items. A finding is covered if its primary span starts in the covered range.

mod apply;
pub mod date;
mod extent;
mod read;

use crate::finding::{Finding, Site};
use crate::ir::Span;
use crate::level::{Catalogue, Target, UnknownName};
use crate::lint::Lint;
use crate::source::{FileId, Sources};
use date::Date;

/// What suppressions are read from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    pub sources: &'a Sources,
    /// The files that were linted.
    pub linted: &'a [FileId],
    /// The `mod name;` declarations with the files they lead to.
    pub modules: &'a [ModuleLink],
    /// Where the lints do not look: test code.
    pub unjudged: &'a [Site],
    /// Lints that could not be run to their end: that they find nothing says nothing.
    pub broken_lints: &'a [&'static Lint],
    pub catalogue: Catalogue,
    pub require_reasons: bool,
    pub today: Date,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleLink {
    pub declaration: Site,
    pub file: FileId,
}

/// Every suppression of a run, by place.
#[derive(Debug, Default)]
pub struct Suppressions {
    all: Vec<Suppression>,
    require_reasons: bool,
    today: Date,
    catalogue: Catalogue,
    broken_lints: Vec<&'static Lint>,
}

/// One attribute or comment.
#[derive(Clone, Debug)]
struct Suppression {
    site: Site,
    form: Form,
    names: Vec<Name>,
    reason: Option<String>,
    until: Option<Until>,
    flaw: Option<Flaw>,
    reach: Reach,
    /// Whether one that silences nothing is worth a word.
    judged: bool,
}

/// Why a suppression silences less than it seems to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// It starts like a suppression and goes on like none.
    NotUnderstood,
    /// `#[atomic_lint::allow]`, `#[atomic_lint::allow()]`.
    NamesNothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Attribute,
    Comment { own_line: bool },
}

#[derive(Clone, Debug)]
struct Name {
    site: Site,
    target: Result<Target, UnknownName>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Until {
    Date(Date),
    /// As written; no date.
    Invalid(String),
}

#[derive(Clone, Debug)]
struct Reach {
    site: Site,
    /// The line, rather than the range: a finding that ends on it is covered too.
    line: bool,
    /// Files of modules declared in the range.
    files: Vec<FileId>,
}

impl Reach {
    fn covers(&self, at: Site) -> bool {
        let holds = |offset: u32| self.site.span.start <= offset && offset < self.site.span.end;
        let in_range = self.site.file == at.file
            && (holds(at.span.start) || self.line && holds(at.span.end.saturating_sub(1).max(at.span.start)));
        in_range || self.files.contains(&at.file)
    }

    /// Smaller is nearer to what it covers.
    fn size(&self) -> (usize, u32) {
        (self.files.len(), self.site.span.end - self.site.span.start)
    }
}

/// What suppressions have done to a list of findings.
#[derive(Debug, Default)]
pub struct Silenced {
    /// Those that stay, and those that the suppressions themselves deserve.
    pub left: Vec<Finding>,
    pub suppressed: Vec<Suppressed>,
}

/// A finding that is not shown, and why.
#[derive(Debug)]
pub struct Suppressed {
    pub finding: Finding,
    pub by: Site,
    pub reason: Option<String>,
    pub until: Option<Date>,
}

/// Reads every suppression in the linted files.
pub fn collect(inputs: Inputs<'_>) -> Suppressions {
    let mut all = Vec::new();
    for &file in inputs.linted {
        let text = &inputs.sources.file(file).text;
        // Scanning costs more than searching, and most files have none.
        if text.contains("atomic_lint") || text.contains("atomic-lint") {
            read::file(&inputs, file, &mut all);
        }
    }
    for suppression in &mut all {
        let declared = files_below(inputs.modules, suppression.reach.site);
        let unseen = declared.iter().any(|f| !inputs.linted.contains(f));
        let in_test = inputs.unjudged.iter().any(|t| contains(*t, suppression.site));
        suppression.judged = !unseen && !in_test;
        suppression.reach.files = declared;
    }
    all.sort_by_key(|s| s.site);
    let Inputs { require_reasons, today, catalogue, .. } = inputs;
    let broken_lints = inputs.broken_lints.to_vec();
    Suppressions { all, require_reasons, today, catalogue, broken_lints }
}

fn contains(outer: Site, inner: Site) -> bool {
    outer.file == inner.file && outer.span.contains(inner.span)
}

/// The files of the modules declared in a range, of those declared in these files, and so on.
fn files_below(modules: &[ModuleLink], range: Site) -> Vec<FileId> {
    let mut files: Vec<FileId> = modules.iter().filter(|m| contains(range, m.declaration)).map(|m| m.file).collect();
    let mut next = 0;
    while let Some(&parent) = files.get(next) {
        for link in modules.iter().filter(|m| m.declaration.file == parent) {
            if !files.contains(&link.file) {
                files.push(link.file);
            }
        }
        next += 1;
    }
    files
}

fn site(file: FileId, start: usize, end: usize) -> Site {
    Site { file, span: Span::new(start as u32, end as u32) }
}

#[cfg(test)]
mod tests;
