//! Lints that exist for unit tests only, so that those of the user-facing half hold whatever lints there are.

use crate::finding::{Confidence, Finding, Key, Label, Site};
use crate::ir::Span;
use crate::level::Catalogue;
use crate::lint::{FixKind, Group, Lint};
use crate::report::PackageOf;
use crate::source::{FileId, SourceFile, Sources};

macro_rules! lint {
    ($name:literal, $group:ident, $fix:ident) => {
        &Lint {
            name: $name,
            topic: "testing",
            group: Group::$group,
            confidence: Confidence::Certain,
            since: "0.1.0",
            fix: FixKind::$fix,
            docs: concat!(" A summary of ", $name, ".\n\n # What it does\n\n Exists.\n"),
            check: |_, _| {},
        }
    };
}

/// Sorted by name, with the names and groups of real lints.
pub(crate) static CATALOGUE: Catalogue = &[
    lint!("redundant_seq_cst", Pedantic, Always),
    lint!("split_read_modify_write", Correctness, Sometimes),
    &crate::lints::api::unfulfilled_suppression::UNFULFILLED_SUPPRESSION,
    lint!("unpadded_hot_atomics", Perf, None),
];

pub(crate) fn lint(name: &str) -> &'static Lint {
    CATALOGUE.iter().find(|l| l.name == name).expect("a lint of the test catalogue")
}

/// A finding at the `n`th occurrence of `needle` in `text`, the text of file 0.
pub(crate) fn finding(name: &str, text: &str, needle: &str, n: usize) -> Finding {
    Finding {
        lint: lint(name),
        confidence: Confidence::Certain,
        message: format!("found by {name}"),
        primary: Label { site: site(text, needle, n), text: String::new() },
        secondary: Vec::new(),
        interleaving: None,
        notes: Vec::new(),
        help: None,
        cfg: None,
        fixes: Vec::new(),
        purpose: None,
        key: Key::default(),
    }
}

pub(crate) fn site(text: &str, needle: &str, n: usize) -> Site {
    let (start, _) = text.match_indices(needle).nth(n).expect("the needle stands in the text");
    Site { file: FileId(0), span: Span::new(start as u32, (start + needle.len()) as u32) }
}

/// One file, `src/lib.rs`.
pub(crate) fn sources(text: &str) -> Sources {
    let mut sources = Sources::default();
    sources.add(SourceFile::new("src/lib.rs", "src/lib.rs", text.to_owned()));
    sources
}

/// Every file belongs to one package.
#[derive(Debug)]
pub(crate) struct OnePackage;

impl PackageOf for OnePackage {
    fn package_of(&self, _: FileId) -> Option<&str> {
        Some("demo")
    }
}
