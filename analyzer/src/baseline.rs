//! The baseline, `atomic-lint-baseline.toml` at the workspace root: the findings of the day it was written, so that a big
//! code base fails on new ones only.
//!
//! ```toml
//! version = 1
//! tests = false            # whether test code was looked at
//!
//! [[findings]]
//! lint = "split_read_modify_write"
//! package = "metrics"
//! item = "counters::Metrics::hit"
//! location = "Metrics::hits"
//! operation = "store"
//! count = 2
//! ```
//!
//! A finding is known by what it is about, never by its line, so edits elsewhere leave the file as it is. Where several
//! findings are about the same thing they are counted. If there are more than the baseline says, all are reported: which
//! of them is the new one cannot be told. An entry that stands for more findings than there are is stale and reported by
//! `unfulfilled_suppression`, unless the run did not look at everything that the file is about. What has no item (a
//! suppression, an error of the source itself) has no place in it, and a lint at `forbid` ignores it.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::config::ConfigError;
use crate::level::{Level, nearest};
use crate::report::Diagnostic;

/// The name of the file.
pub const FILE: &str = "atomic-lint-baseline.toml";
const VERSION: u32 = 1;
const HEAD: &str = "# Findings that are known, written by `cargo atomic-lint baseline`: a run fails on new ones only.
# An entry whose findings are gone is reported as stale; run the command again to drop it.
";

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    pub package: String,
    pub item: String,
    pub lint: String,
    pub location: String,
    pub operation: String,
}

impl Subject {
    /// `None` for what has no place in a baseline.
    pub fn of(diagnostic: &Diagnostic, package: &str) -> Option<Subject> {
        let key = &diagnostic.details.as_ref()?.key;
        (!key.item.is_empty()).then(|| Subject {
            package: package.to_owned(),
            item: key.item.clone(),
            lint: diagnostic.lint.map_or(String::new(), |l| l.name.to_owned()),
            location: key.location.clone(),
            operation: key.operation.clone(),
        })
    }
}

/// What the file says.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    /// It was written by a run that looked at test code.
    pub tests: bool,
    entries: BTreeMap<Subject, Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    count: usize,
    /// Where the lint's name stands in the file.
    span: Range<usize>,
}

/// An entry that stands for more findings than there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    pub lint: String,
    pub package: String,
    pub span: Range<usize>,
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: Spanned<u32>,
    #[serde(default)]
    tests: bool,
    #[serde(default)]
    findings: Vec<WrittenEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    lint: Spanned<String>,
    package: String,
    item: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    operation: String,
    #[serde(default = "one")]
    count: usize,
}

fn one() -> usize {
    1
}

impl Baseline {
    /// Reads the file; `shown` is its name in an error.
    pub fn parse(text: &str, shown: &str) -> Result<Baseline, ConfigError> {
        let error = |span: Range<usize>, message: String, help: Option<String>| ConfigError {
            file: shown.to_owned(),
            text: text.to_owned(),
            span,
            message,
            help,
        };
        let written: Written = toml::from_str(text).map_err(|e| {
            let known = ["version", "tests", "findings", "lint", "package", "item", "location", "operation", "count"];
            let unknown = e.message().strip_prefix("unknown field `").and_then(|m| m.split('`').next());
            let help = unknown.and_then(|name| nearest(name, known)).map(|n| format!("did you mean `{n}`?"));
            error(e.span().unwrap_or(0..0), e.message().trim_end_matches('.').to_owned(), help)
        })?;
        if *written.version.get_ref() != VERSION {
            let help = "run `cargo atomic-lint baseline` to write it anew".to_owned();
            let message = format!("version {} of the baseline is not understood", written.version.get_ref());
            return Err(error(written.version.span(), message, Some(help)));
        }
        let mut entries: BTreeMap<Subject, Entry> = BTreeMap::new();
        for e in written.findings {
            let span = e.lint.span();
            let WrittenEntry { lint, package, item, location, operation, count } = e;
            let subject = Subject { package, item, lint: lint.into_inner(), location, operation };
            // Two branches may have added the same entry.
            entries.entry(subject).or_insert(Entry { count: 0, span }).count += count;
        }
        Ok(Baseline { tests: written.tests, entries })
    }

    /// The baseline of these findings.
    pub fn of(subjects: impl IntoIterator<Item = Subject>, tests: bool) -> Baseline {
        let mut entries: BTreeMap<Subject, Entry> = BTreeMap::new();
        for subject in subjects {
            entries.entry(subject).or_insert(Entry { count: 0, span: 0..0 }).count += 1;
        }
        Baseline { tests, entries }
    }

    /// Takes over what another baseline says of packages that this one is not about.
    pub fn keep_others(&mut self, other: &Baseline, is_mine: impl Fn(&str) -> bool) {
        let others = other.entries.iter().filter(|(subject, _)| !is_mine(&subject.package));
        self.entries.extend(others.map(|(s, e)| (s.clone(), e.clone())));
        self.tests |= other.tests;
    }

    /// Entries, findings.
    pub fn counts(&self) -> (usize, usize) {
        (self.entries.len(), self.entries.values().map(|e| e.count).sum())
    }

    pub fn render(&self) -> String {
        let mut out = format!("{HEAD}version = {VERSION}\ntests = {}\n", self.tests);
        for (subject, entry) in &self.entries {
            out += "\n[[findings]]\n";
            let fields = [
                ("lint", &subject.lint),
                ("package", &subject.package),
                ("item", &subject.item),
                ("location", &subject.location),
                ("operation", &subject.operation),
            ];
            for (key, value) in fields.into_iter().filter(|(_, v)| !v.is_empty()) {
                out += &format!("{key} = {}\n", toml::Value::String(value.clone()));
            }
            if entry.count != 1 {
                out += &format!("count = {}\n", entry.count);
            }
        }
        out
    }

    /// Takes the known ones out of a list; gives how many they were. `subject` tells what a finding is about.
    pub fn apply(
        &self,
        diagnostics: &mut Vec<Diagnostic>,
        subject: impl Fn(&Diagnostic) -> Option<Subject>,
    ) -> (usize, Vec<Stale>) {
        let mut found: BTreeMap<Subject, usize> = BTreeMap::new();
        for subject in diagnostics.iter().filter_map(&subject) {
            *found.entry(subject).or_default() += 1;
        }
        let before = diagnostics.len();
        diagnostics.retain_mut(|d| {
            let known = subject(d).and_then(|s| Some((found[&s], self.entries.get(&s)?.count)));
            let forbidden = d.details.as_ref().is_some_and(|d| d.setting.level == Level::Forbid);
            match known {
                None => true,
                Some(_) if forbidden => {
                    d.notes.push("the baseline is not heeded: the lint is forbidden".to_owned());
                    true
                }
                Some((now, then)) if now > then => {
                    d.notes.push(format!("the baseline knows {then} of these, and there are {now} now"));
                    true
                }
                Some(_) => false,
            }
        });
        (before - diagnostics.len(), self.stale(&found))
    }

    fn stale(&self, found: &BTreeMap<Subject, usize>) -> Vec<Stale> {
        let gone = self.entries.iter().filter_map(|(subject, entry)| {
            let now = found.get(subject).copied().unwrap_or(0);
            let message = match now {
                now if now >= entry.count => return None,
                0 => format!("there is no finding of `{}` in `{}` any more", subject.lint, subject.item),
                now => format!(
                    "this entry stands for {} findings of `{}` in `{}`, and there are {now}",
                    entry.count, subject.lint, subject.item
                ),
            };
            let Subject { lint, package, .. } = subject.clone();
            Some(Stale { lint, package, span: entry.span.clone(), message })
        });
        let mut stale: Vec<Stale> = gone.collect();
        stale.sort_by_key(|s| s.span.start);
        stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(lint: &str, item: &str) -> Subject {
        Subject {
            package: "demo".to_owned(),
            item: item.to_owned(),
            lint: lint.to_owned(),
            location: "S::\"x\"".to_owned(),
            operation: "store".to_owned(),
        }
    }

    #[test]
    fn it_reads_what_it_writes() {
        let all = [subject("a", "f"), subject("b", "f"), subject("a", "f")];
        let text = Baseline::of(all, true).render();
        let read = Baseline::parse(&text, FILE).unwrap();
        assert_eq!((read.counts(), read.tests), ((2, 3), true));
        assert_eq!(read.render(), text);
        insta::assert_snapshot!(text, @r#"
        # Findings that are known, written by `cargo atomic-lint baseline`: a run fails on new ones only.
        # An entry whose findings are gone is reported as stale; run the command again to drop it.
        version = 1
        tests = true

        [[findings]]
        lint = "a"
        package = "demo"
        item = "f"
        location = 'S::"x"'
        operation = "store"
        count = 2

        [[findings]]
        lint = "b"
        package = "demo"
        item = "f"
        location = 'S::"x"'
        operation = "store"
        "#);
    }

    #[test]
    fn entries_that_stand_for_too_many_are_stale() {
        let text = Baseline::of([subject("a", "f"), subject("a", "f"), subject("b", "f")], false).render();
        let baseline = Baseline::parse(&text, FILE).unwrap();
        let stale = baseline.stale(&BTreeMap::from([(subject("a", "f"), 1)]));
        let messages: Vec<&str> = stale.iter().map(|s| s.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "this entry stands for 2 findings of `a` in `f`, and there are 1",
                "there is no finding of `b` in `f` any more"
            ]
        );
        assert_eq!(&text[stale[1].span.clone()], "\"b\"");
    }

    #[test]
    fn other_packages_are_left_alone() {
        let other = Subject { package: "other".to_owned(), ..subject("a", "f") };
        let old = Baseline::of([subject("gone", "f"), other.clone()], false);
        let mut new = Baseline::of([subject("a", "f")], false);
        new.keep_others(&old, |package| package == "demo");
        assert_eq!(new.entries.keys().collect::<Vec<_>>(), [&subject("a", "f"), &other]);
    }

    #[test]
    fn mistakes_have_a_place() {
        let error = |text: &str| Baseline::parse(text, FILE).unwrap_err().to_string();
        assert!(error("version = 9").starts_with("atomic-lint-baseline.toml:1:11: version 9"));
        assert!(error("version = 1\n[[findings]]\nlnit = 'a'\n").contains("did you mean `lint`?"));
        assert!(error("version = ").starts_with("atomic-lint-baseline.toml:1:"));
    }
}
