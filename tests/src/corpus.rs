//! Findings in released crates, each read and judged in the source: `tests/corpus.toml`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use crate::root;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corpus {
    /// Crates of which every finding of the default levels is listed, as `name version`.
    pub read: Vec<String>,
    pub finding: Vec<Judged>,
}

/// A finding and what became of it. Sorted by place.
#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    #[serde(rename = "crate")]
    pub name: String,
    pub version: String,
    /// From the root of the package.
    pub file: String,
    pub line: usize,
    pub lint: String,
    pub verdict: Verdict,
    /// One sentence.
    pub why: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Wrong on some schedule, or slower than a drop-in, as the message says.
    Right,
    /// As the lint has it, and the author may have reasons.
    Defensible,
    /// Our mistake.
    Wrong,
}

impl Corpus {
    pub fn stored() -> Corpus {
        let text = std::fs::read_to_string(root().join("tests/corpus.toml")).expect("the corpus can be read");
        toml::from_str(&text).unwrap_or_else(|e| panic!("tests/corpus.toml: {e}"))
    }

    /// What was measured of each lint, as `analyzer/src/measured.rs` has it.
    pub fn table(&self) -> String {
        let mut counts: BTreeMap<&str, [u32; 3]> = BTreeMap::new();
        for finding in &self.finding {
            counts.entry(&finding.lint).or_default()[finding.verdict as usize] += 1;
        }
        let mut table = String::new();
        for (lint, [right, defensible, wrong]) in counts {
            writeln!(table, "    (\"{lint}\", ({right}, {defensible}, {wrong})),").expect("a string grows");
        }
        table
    }
}

impl Judged {
    /// `name version`, as [`Corpus::read`] has it.
    pub fn package(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// Where it stands.
    pub fn place(&self) -> (String, usize, String) {
        (self.file.clone(), self.line, self.lint.clone())
    }
}
