//! The numbers that users may set for lints, and those that they have set.

use std::collections::BTreeMap;

/// A number that users may set for a lint: `unpadded_hot_atomics = { level = "deny", line = 128 }`.
#[derive(Debug)]
pub struct LintOption {
    pub lint: &'static str,
    pub key: &'static str,
    pub accepts: fn(u64) -> bool,
    /// What it accepts, after "must be".
    pub expected: &'static str,
}

/// Every option of every lint.
pub static OPTIONS: &[LintOption] =
    &[line_option("ineffective_padding"), line_option("unpadded_hot_atomics"), line_option("unpadded_shards")];

/// The size of a cache line in bytes, where the target's own is not the one to pad for.
const fn line_option(lint: &'static str) -> LintOption {
    LintOption {
        lint,
        key: "line",
        accepts: |n| n.is_power_of_two() && (16..=1024).contains(&n),
        expected: "a power of two from 16 to 1024",
    }
}

/// The options that were set.
#[derive(Clone, Debug, Default)]
pub struct Options(BTreeMap<(&'static str, &'static str), u64>);

impl Options {
    pub fn get(&self, lint: &str, key: &str) -> Option<u64> {
        self.0.iter().find(|((l, k), _)| *l == lint && *k == key).map(|(_, n)| *n)
    }

    pub fn set(&mut self, lint: &'static str, key: &'static str, value: u64) {
        self.0.insert((lint, key), value);
    }
}
