//! What a run has looked at, and what it has not: silence must never look like a clean bill.

use crate::finding::Site;
use crate::ir::SkipReason;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The crates (targets) that were linted.
    pub crates: usize,
    /// The source files that belong to them.
    pub files: usize,
    /// Those that were parsed; the others name no atomic or are tests.
    pub files_parsed: usize,
    pub functions: usize,
    /// Atomic operations found.
    pub atomic_ops: usize,
    /// Those whose location is known.
    pub resolved_ops: usize,
    /// The locations that they touch.
    pub locations: usize,
    /// What was passed over, by reason, then in source order.
    pub skipped: Vec<Skip>,
    /// Targets that were not looked at, as sentences.
    pub left_out: Vec<String>,
}

/// A piece of source that the run says nothing about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    pub site: Site,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// The whole file: not UTF-8, not Rust, too large, not readable.
    File,
    Code(SkipReason),
    /// An atomic operation on something unknown.
    Receiver,
}

impl Why {
    /// What comes behind the number of such pieces.
    pub fn describe(self, number: usize) -> &'static str {
        let one = number == 1;
        match self {
            Why::File if one => "file that cannot be read or parsed:",
            Why::File => "files that cannot be read or parsed:",
            Why::Code(SkipReason::MacroBody) if one => "macro call whose arguments are no Rust code:",
            Why::Code(SkipReason::MacroBody) => "macro calls whose arguments are no Rust code:",
            Why::Code(SkipReason::MacroExpansion) if one => "macro call that substitution does not expand:",
            Why::Code(SkipReason::MacroExpansion) => "macro calls that substitution does not expand:",
            Why::Code(SkipReason::Verbatim) if one => "piece of syntax that the parser does not know:",
            Why::Code(SkipReason::Verbatim) => "pieces of syntax that the parser does not know:",
            Why::Code(SkipReason::TooDeep) if one => "piece of code that is nested too deep:",
            Why::Code(SkipReason::TooDeep) => "pieces of code that are nested too deep:",
            Why::Receiver if one => "atomic operation on an unknown location:",
            Why::Receiver => "atomic operations on unknown locations:",
        }
    }
}

impl Coverage {
    pub fn skipped_files(&self) -> usize {
        self.skipped.iter().filter(|s| s.why == Why::File).count()
    }

    /// Pieces of code that were passed over inside files that were parsed.
    pub fn skipped_code(&self) -> usize {
        self.skipped.iter().filter(|s| matches!(s.why, Why::Code(_))).count()
    }
}
