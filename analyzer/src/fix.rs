//! The edit engine: which fixes can be made together, and what the files hold then.
//!
//! It works on texts; reading, writing and looking again at the result belong to the caller. The law it keeps: a fix is
//! made whole or not at all, two that come near each other are never combined (so of alternatives for one place at most
//! one is made), no comment is lost, and a file that would no longer parse, or of which less would be understood, stays
//! as it is.

use std::collections::{BTreeMap, BTreeSet};

use crate::driver;
pub use crate::finding::Fix;
use crate::finding::{Applicability, Edit};
use crate::ir::{self, EventKind, Span};
use crate::source::{FileId, SourceFile, Sources};

/// How much may be taken on trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Fixes that preserve behaviour except for the bug.
    Safe,
    /// Those that may be wrong too; never those with holes to fill.
    All,
}

impl Trust {
    pub fn allows(self, applicability: Applicability) -> bool {
        match applicability {
            Applicability::MachineApplicable => true,
            Applicability::MaybeIncorrect => self == Trust::All,
            Applicability::HasPlaceholders => false,
        }
    }
}

/// What one round comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// By file: its new text, and how many fixes changed it.
    pub changed: BTreeMap<FileId, (String, usize)>,
    /// Files that their fixes would have broken.
    pub broken: BTreeSet<FileId>,
    /// How many fixes were made.
    pub made: usize,
}

/// Makes as many of the fixes as can be made together. Earlier ones win; each of `findings` gives the alternatives for
/// one finding, of which the first that is trusted counts. `may_touch` tells whether a file may be changed at all.
pub fn apply<'f>(
    sources: &Sources,
    findings: impl IntoIterator<Item = &'f [Fix]>,
    trust: Trust,
    may_touch: &dyn Fn(FileId) -> bool,
) -> Outcome {
    let trusted = |fixes: &'f [Fix]| fixes.iter().find(|f| trust.allows(f.applicability));
    let candidates = findings.into_iter().filter_map(trusted);
    let sound = candidates.filter(|fix| is_sound(sources, fix) && fix.edits.iter().all(|e| may_touch(e.site.file)));
    let mut chosen = compatible(sound);
    let mut outcome = Outcome::default();
    // Leaving a broken file alone takes back the fixes that reach into it, which may be half of what another file got.
    loop {
        outcome.changed = edited(sources, &chosen);
        let broken: BTreeSet<FileId> = outcome
            .changed
            .iter()
            .filter(|(file, (text, _))| !is_still_understood(&sources.file(**file).text, text))
            .map(|(file, _)| *file)
            .collect();
        if broken.is_empty() {
            outcome.made = chosen.len();
            return outcome;
        }
        chosen.retain(|fix| !fix.edits.iter().any(|e| broken.contains(&e.site.file)));
        outcome.broken.extend(broken);
    }
}

/// Whether a fix can be made by itself: its places exist, do not overlap, and hold no comment that would be lost.
pub fn is_sound(sources: &Sources, fix: &Fix) -> bool {
    let exists = |e: &Edit| {
        let text = &sources.file(e.site.file).text;
        let Span { start, end } = e.site.span;
        start <= end && text.get(start as usize..end as usize).is_some()
    };
    let separate = |(n, a): (usize, &Edit)| {
        fix.edits[n + 1..].iter().all(|b| {
            let (x, y) = (a.site.span, b.site.span);
            a.site.file != b.site.file || x.end <= y.start && x != y || y.end <= x.start && x != y
        })
    };
    let changes = |e: &Edit| sources.file(e.site.file).slice(e.site.span) != e.replacement;
    !fix.edits.is_empty()
        && fix.edits.iter().all(exists)
        && fix.edits.iter().any(changes)
        && fix.edits.iter().enumerate().all(separate)
        && keeps_comments(sources, fix)
}

/// Every comment inside what is replaced stands in some replacement of the same fix.
fn keeps_comments(sources: &Sources, fix: &Fix) -> bool {
    fix.edits.iter().all(|edit| {
        let file = sources.file(edit.site.file);
        let inside = file.comments().within(edit.site.span);
        inside.iter().all(|c| {
            let text = file.slice(c.span);
            fix.edits.iter().any(|e| e.replacement.contains(text.trim_end()))
        })
    })
}

/// The fixes that keep clear of each other. One that two findings ask for alike is made once.
fn compatible<'f>(fixes: impl Iterator<Item = &'f Fix>) -> Vec<&'f Fix> {
    let mut chosen: Vec<&Fix> = Vec::new();
    for fix in fixes {
        let is_clear = |other: &&Fix| {
            reaches(fix)
                .iter()
                .all(|(file, a)| reaches(other).get(file).is_none_or(|b| a.end < b.start || b.end < a.start))
        };
        if chosen.iter().all(is_clear) {
            chosen.push(fix);
        }
    }
    chosen
}

/// Per file, from the first edit to the last: what stands between may be what the fix relies on.
fn reaches(fix: &Fix) -> BTreeMap<FileId, Span> {
    let mut all: BTreeMap<FileId, Span> = BTreeMap::new();
    for edit in &fix.edits {
        let span = edit.site.span;
        all.entry(edit.site.file).and_modify(|s| *s = s.to(span)).or_insert(span);
    }
    all
}

fn edited(sources: &Sources, fixes: &[&Fix]) -> BTreeMap<FileId, (String, usize)> {
    let files: BTreeSet<FileId> = fixes.iter().flat_map(|f| f.edits.iter().map(|e| e.site.file)).collect();
    let mut changed = BTreeMap::new();
    for file in files {
        let edits: Vec<&Edit> = fixes.iter().flat_map(|f| &f.edits).filter(|e| e.site.file == file).collect();
        let count = fixes.iter().filter(|f| f.edits.iter().any(|e| e.site.file == file)).count();
        changed.insert(file, (replace(sources.file(file), edits), count));
    }
    changed
}

/// The text of a file after edits that do not overlap.
fn replace(file: &SourceFile, mut edits: Vec<&Edit>) -> String {
    edits.sort_by_key(|e| e.site.span);
    let crlf = uses_crlf(&file.text);
    let mut out = String::with_capacity(file.text.len() + 64);
    let mut at = 0;
    for edit in edits {
        let Span { start, end } = edit.site.span;
        out += &file.text[at..start as usize];
        match crlf {
            // Pieces copied from the file have their line ends already.
            true => out += &edit.replacement.replace("\r\n", "\n").replace('\n', "\r\n"),
            false => out += &edit.replacement,
        }
        at = end as usize;
    }
    out + &file.text[at..]
}

/// Whether lines end as on Windows: the first one decides.
fn uses_crlf(text: &str) -> bool {
    text.find('\n').is_some_and(|at| text[..at].ends_with('\r'))
}

/// The new text is Rust, and no part of it has become unintelligible.
fn is_still_understood(before: &str, after: &str) -> bool {
    let lowered = |text: &str| driver::lower_one(text).ok().and_then(Result::ok);
    match (lowered(before), lowered(after)) {
        (Some(before), Some(after)) => opaque(&after) <= opaque(&before),
        _ => false,
    }
}

/// How many pieces of a file stayed dark.
fn opaque(file: &ir::File) -> usize {
    let is_opaque = |event: &&ir::Event| match &event.kind {
        EventKind::Macro(m) => m.opaque,
        EventKind::Opaque => true,
        _ => false,
    };
    file.skipped.len() + file.bodies.iter().flat_map(|b| &b.events).filter(is_opaque).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Site;
    use crate::testing;

    /// A fix that replaces the first occurrence of each needle.
    fn fix(text: &str, edits: &[(&str, &str)]) -> Fix {
        let edit = |(needle, new): &(&str, &str)| Edit {
            site: testing::site(text, needle, 0),
            replacement: (*new).to_owned(),
        };
        Fix {
            title: String::new(),
            applicability: Applicability::MachineApplicable,
            edits: edits.iter().map(edit).collect(),
        }
    }

    fn run(text: &str, fixes: &[Vec<Fix>], trust: Trust) -> Outcome {
        apply(&testing::sources(text), fixes.iter().map(Vec::as_slice), trust, &|_| true)
    }

    /// What `text` is after the fixes, and how many were made.
    #[track_caller]
    fn check(text: &str, fixes: Vec<Fix>, expected: &str, made: usize) {
        let alone: Vec<Vec<Fix>> = fixes.into_iter().map(|f| vec![f]).collect();
        let outcome = run(text, &alone, Trust::Safe);
        let after = outcome.changed.get(&FileId(0)).map_or(text, |(text, _)| text);
        assert_eq!((after, outcome.made), (expected, made));
    }

    const TEXT: &str = "fn f() { a(1); b(2); c(3); }";

    #[test]
    fn fixes_that_keep_clear_of_each_other_are_made_together() {
        let fixes = vec![fix(TEXT, &[("a(1)", "x()")]), fix(TEXT, &[("c(3)", "z()")])];
        check(TEXT, fixes, "fn f() { x(); b(2); z(); }", 2);
    }

    #[test]
    fn of_two_that_overlap_the_first_is_made() {
        for other in ["a(1); b(2)", "1", ";"] {
            let fixes = vec![fix(TEXT, &[("a(1)", "x()")]), fix(TEXT, &[(other, "y()")])];
            check(TEXT, fixes, "fn f() { x(); b(2); c(3); }", 1);
        }
    }

    #[test]
    fn nothing_is_changed_between_the_edits_of_one_fix() {
        let fixes = vec![fix(TEXT, &[("a(1)", "x()"), ("c(3)", "z()")]), fix(TEXT, &[("b(2)", "y()")])];
        check(TEXT, fixes, "fn f() { x(); b(2); z(); }", 1);
    }

    #[test]
    fn what_two_findings_ask_for_alike_is_made_once() {
        let same = || fix(TEXT, &[("a(1)", "x()")]);
        check(TEXT, vec![same(), same()], "fn f() { x(); b(2); c(3); }", 1);
    }

    #[test]
    fn of_alternatives_one_is_made() {
        let outcome = run(TEXT, &[vec![fix(TEXT, &[("1", "10")]), fix(TEXT, &[("1", "11")])]], Trust::Safe);
        assert_eq!(outcome.changed[&FileId(0)], ("fn f() { a(10); b(2); c(3); }".to_owned(), 1));
    }

    #[test]
    fn trust_decides_which_fixes_count() {
        let with = |applicability| vec![Fix { applicability, ..fix(TEXT, &[("1", "10")]) }];
        let made = |a, trust| run(TEXT, &[with(a)], trust).made;
        assert_eq!(made(Applicability::MaybeIncorrect, Trust::Safe), 0);
        assert_eq!(made(Applicability::MaybeIncorrect, Trust::All), 1);
        assert_eq!(made(Applicability::HasPlaceholders, Trust::All), 0);
    }

    #[test]
    fn a_file_that_one_edit_would_break_stays_as_it_is() {
        let fixes = [vec![fix(TEXT, &[("a(1)", "x()")])], vec![fix(TEXT, &[("c(3)", "z(")])]];
        let outcome = run(TEXT, &fixes, Trust::Safe);
        assert_eq!((outcome.made, outcome.changed.len()), (0, 0));
        assert_eq!(outcome.broken, BTreeSet::from([FileId(0)]));
    }

    #[test]
    fn a_fix_that_reaches_into_a_broken_file_is_taken_back_everywhere() {
        let (broken, other) = ("fn f() { a(1); }", "fn g() { b(2); c(3); }");
        let mut sources = testing::sources(broken);
        let second = sources.add(SourceFile::new("src/b.rs", "src/b.rs", other.to_owned()));
        let mut both = fix(broken, &[("a(1)", "a(")]);
        both.edits
            .push(Edit { site: Site { file: second, ..testing::site(other, "b(2)", 0) }, replacement: "y()".into() });
        let alone = Fix {
            edits: vec![Edit {
                site: Site { file: second, ..testing::site(other, "c(3)", 0) },
                replacement: "z()".into(),
            }],
            ..both.clone()
        };
        let outcome = apply(&sources, [&[both][..], &[alone][..]], Trust::Safe, &|_| true);
        assert_eq!(outcome.changed[&second].0, "fn g() { b(2); z(); }");
        assert!(!outcome.changed.contains_key(&FileId(0)));
    }

    #[test]
    fn code_that_would_no_longer_be_understood_breaks_a_file() {
        let text = "cfg_x! { fn f() { x.load(Relaxed); } }";
        check(text, vec![fix(text, &[("f()", "()")])], text, 0);
    }

    #[test]
    fn comments_survive_or_the_fix_is_not_made() {
        let text = "fn f() { a(/* why */ 1); }";
        check(text, vec![fix(text, &[("a(/* why */ 1)", "x()")])], text, 0);
        check(text, vec![fix(text, &[("a(/* why */ 1)", "x(/* why */)")])], "fn f() { x(/* why */); }", 1);
    }

    #[test]
    fn line_ends_stay_what_they_are() {
        let text = "fn f() {\r\n    a(1);\r\n}\r\n";
        check(text, vec![fix(text, &[("a(1);", "a(1);\n    b();")])], "fn f() {\r\n    a(1);\r\n    b();\r\n}\r\n", 1);
    }

    #[test]
    fn edits_of_places_that_do_not_exist_are_not_made() {
        let mut wild = fix(TEXT, &[("1", "2")]);
        wild.edits[0].site.span = Span::new(5, 500);
        check(TEXT, vec![wild], TEXT, 0);
        check(TEXT, vec![fix(TEXT, &[("a(1)", "x()"), ("1", "2")])], TEXT, 0);
        check(TEXT, vec![fix(TEXT, &[("1", "1")])], TEXT, 0);
    }

    #[test]
    fn files_of_others_are_left_alone() {
        let fixes = [vec![fix(TEXT, &[("1", "10")])]];
        let outcome = apply(&testing::sources(TEXT), fixes.iter().map(Vec::as_slice), Trust::Safe, &|_| false);
        assert_eq!(outcome, Outcome::default());
    }
}
