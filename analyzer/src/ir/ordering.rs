//! Memory orderings, and which of them each kind of operation accepts (`core::sync::atomic`).

use serde::{Deserialize, Serialize};

use super::{Span, ValueId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ordering {
    Relaxed,
    Release,
    Acquire,
    AcqRel,
    SeqCst,
}

impl Ordering {
    /// Reads the name of a variant of `core::sync::atomic::Ordering`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "Relaxed" => Ordering::Relaxed,
            "Release" => Ordering::Release,
            "Acquire" => Ordering::Acquire,
            "AcqRel" => Ordering::AcqRel,
            "SeqCst" => Ordering::SeqCst,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Ordering::Relaxed => "Relaxed",
            Ordering::Release => "Release",
            Ordering::Acquire => "Acquire",
            Ordering::AcqRel => "AcqRel",
            Ordering::SeqCst => "SeqCst",
        }
    }

    /// Whether the read half of an operation (or a fence) with this ordering is an acquire.
    pub fn acquires(self) -> bool {
        matches!(self, Ordering::Acquire | Ordering::AcqRel | Ordering::SeqCst)
    }

    /// Whether the write half of an operation (or a fence) with this ordering is a release.
    pub fn releases(self) -> bool {
        matches!(self, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst)
    }

    /// Whether `core` accepts this ordering in that position; the others panic or are rejected.
    pub fn is_valid_for(self, position: OrderingPosition) -> bool {
        match position {
            OrderingPosition::Load | OrderingPosition::CasFailure => {
                !matches!(self, Ordering::Release | Ordering::AcqRel)
            }
            OrderingPosition::Store => !matches!(self, Ordering::Acquire | Ordering::AcqRel),
            OrderingPosition::Fence => self != Ordering::Relaxed,
            OrderingPosition::Rmw => true,
        }
    }
}

/// Where in an operation an ordering stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderingPosition {
    Load,
    Store,
    /// A read-modify-write, or the success side of a compare-and-swap.
    Rmw,
    CasFailure,
    Fence,
}

/// An ordering argument as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderingArg {
    pub span: Span,
    pub kind: OrderingKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderingKind {
    /// Named at the call: `Ordering::Acquire`, `atomic::Ordering::Acquire`, `Acquire`.
    Fixed(Ordering),
    /// A constant, a parameter, the result of an `if`: to be followed through the values.
    Value(ValueId),
}
