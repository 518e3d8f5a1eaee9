//! What the findings of each lint turned out to be in released crates, where a person read every one in the source.
//!
//! The table is written from `tests/corpus.toml`, which holds each finding with its verdict and the reason for it; it
//! is repeated here because the published package does not carry that file.

use std::fmt;

use serde::Serialize;

/// How many findings of a lint were judged so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// Wrong on some schedule, or slower than a drop-in, as the message says.
    pub right: u32,
    /// As the lint has it, and the author may have reasons.
    pub defensible: u32,
    /// Our mistake.
    pub wrong: u32,
}

impl Measured {
    pub fn read(&self) -> u32 {
        self.right + self.defensible + self.wrong
    }
}

/// `12 right, 1 defensible`: verdicts that never fell are left out.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdicts = [(self.right, "right"), (self.defensible, "defensible"), (self.wrong, "wrong")];
        for (n, (count, verdict)) in verdicts.into_iter().filter(|(count, _)| *count > 0).enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {verdict}")?;
        }
        Ok(())
    }
}

/// What was measured of a lint, if anything.
pub fn measured(lint: &str) -> Option<Measured> {
    let found = TABLE.binary_search_by_key(&lint, |(name, _)| name).ok()?;
    let (right, defensible, wrong) = TABLE[found].1;
    Some(Measured { right, defensible, wrong })
}

/// Lints by name; right, defensible, wrong.
#[rustfmt::skip]
const TABLE: &[(&str, (u32, u32, u32))] = &[
    // measured: begin
    ("aba_prone_cas", (1, 0, 0)),
    ("allocation_in_cas_loop", (0, 4, 0)),
    ("arc_count_race", (0, 1, 0)),
    ("atomic_under_lock", (1, 0, 0)),
    ("cas_loop_reimplements_rmw", (6, 0, 0)),
    ("cas_loop_without_backoff", (0, 3, 0)),
    ("check_then_act", (0, 7, 0)),
    ("cloned_atomic", (0, 2, 0)),
    ("hand_rolled_spinlock", (2, 1, 0)),
    ("implicit_single_writer", (2, 1, 0)),
    ("ineffective_padding", (1, 0, 0)),
    ("io_under_lock", (0, 1, 0)),
    ("leaked_atomic", (0, 2, 0)),
    ("missing_target_has_atomic", (5, 0, 0)),
    ("needless_rmw", (1, 0, 0)),
    ("pointless_fence", (0, 1, 0)),
    ("redundant_seq_cst", (6, 0, 0)),
    ("refcount_overflow", (0, 5, 0)),
    ("relaxed_cas_failure", (2, 0, 0)),
    ("relaxed_lock", (3, 0, 0)),
    ("relaxed_publication", (3, 0, 0)),
    ("seqlock_misuse", (1, 0, 0)),
    ("side_effects_in_cas_loop", (1, 2, 0)),
    ("spin_in_async", (0, 2, 0)),
    ("spin_without_hint", (5, 0, 0)),
    ("split_read_modify_write", (0, 1, 0)),
    ("store_clobbers_rmw", (2, 1, 0)),
    ("strong_cas_in_loop", (12, 0, 0)),
    ("torn_snapshot", (4, 13, 0)),
    ("unbounded_cas_retry", (5, 0, 0)),
    ("unbounded_send_sync", (20, 0, 0)),
    ("undocumented_ordering", (2, 0, 0)),
    ("unpadded_hot_atomics", (7, 9, 0)),
    ("unpaired_ordering", (21, 1, 0)),
    ("weak_cas_outside_loop", (1, 0, 0)),
    // measured: end
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lints;

    #[test]
    fn lints_by_name_each_with_a_finding() {
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
        for (name, _) in TABLE {
            assert!(lints::ALL.iter().any(|l| l.name == *name), "{name} is no lint");
            assert!(measured(name).expect("it is in the table").read() > 0, "{name} has no finding");
        }
        assert_eq!(measured("no_such_lint"), None);
    }
}
