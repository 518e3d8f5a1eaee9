//! What a run has looked at, and what it has not: silence must never look like a clean bill.

use crate::finding::Site;
use crate::ir::SkipReason;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The crates (targets) that were linted.
    pub crates: usize,
    /// The source files that belong to them.
    pub files: usize,
    /// Those that were parsed; the others name no atomic.
    pub files_parsed: usize,
    pub functions: usize,
    /// Atomic operations found.
    pub atomic_ops: usize,
    /// Those whose location is known.
    pub resolved_ops: usize,
    /// The locations that they touch.
    pub locations: usize,
    /// What was passed over, in source order.
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
    pub fn describe(self) -> &'static str {
        match self {
            Why::File => "file could not be read or parsed",
            Why::Code(SkipReason::MacroBody) => "macro arguments that are no items, statements or expressions",
            Why::Code(SkipReason::MacroExpansion) => "macro that simple substitution cannot expand",
            Why::Code(SkipReason::Verbatim) => "syntax that the parser does not know",
            Why::Code(SkipReason::TooDeep) => "code that is nested too deep",
            Why::Receiver => "atomic operation on an unknown location",
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
