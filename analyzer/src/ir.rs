//! What the analyzer keeps of a source file: owned, serialisable data with byte ranges, no syntax tree.
//!
//! [`lower`](crate::lower) makes one [`File`] of one source file; everything after it reads only this.
//! Names are as written (nothing is resolved here) and every `cfg` branch is kept, its condition as data.
//! The textual form is in [`text`], the rules that every file keeps are in [`verify`].

pub mod body;
pub mod item;
pub mod operands;
pub mod ordering;
pub mod outline;
mod own_method;
pub mod text;
pub mod ty;
pub mod verify;

use serde::{Deserialize, Serialize};

pub use body::*;
pub use item::*;
pub use ordering::*;
pub use ty::*;

/// A range of bytes in the file that the containing [`File`] was lowered from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(start: u32, end: u32) -> Self {
        Span { start, end }
    }

    /// Whether `other` lies wholly inside this range.
    pub fn contains(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The smallest range that covers both.
    pub fn to(self, other: Span) -> Span {
        Span::new(self.start.min(other.start), self.end.max(other.end))
    }
}

/// One source file, lowered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// The items at the top of the file, in source order.
    pub items: Vec<Item>,
    /// Every function, closure, `async` block and initialiser of the file, in source order of their heads.
    pub bodies: Vec<Body>,
    /// Inner attributes of the file (`#![cfg(…)]`, `#![atomic_lint::allow(…)]`).
    pub attrs: Vec<Attr>,
    /// Code that was not understood, and why; shown by `--coverage`.
    pub skipped: Vec<Skipped>,
}

/// An index into [`File::bodies`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BodyIdx(pub u32);

/// A piece of source that was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    pub span: Span,
    pub why: SkipReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SkipReason {
    /// Arguments of a macro that parse neither as items, statements nor expressions.
    MacroBody,
    /// A local `macro_rules!` invocation that simple substitution cannot expand.
    MacroExpansion,
    /// Syntax that the parser keeps as plain tokens.
    Verbatim,
    /// Nested deeper than the lowering follows.
    TooDeep,
}
