//! An atomic operation as a line of a program.

use super::operations::Operation;
use crate::ir::{AtomicOpKind, Ordering, OrderingPosition};

/// An operation with orderings that are sure to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Act {
    pub(super) kind: AtomicOpKind,
    pub(super) success: Ordering,
    /// Of a CAS or update.
    pub(super) failure: Ordering,
}

impl Act {
    pub(super) fn new(kind: AtomicOpKind, success: Ordering) -> Act {
        Act { kind, success, failure: Ordering::Relaxed }
    }

    /// An ordering that the caller chooses may be the weakest.
    pub(super) fn of(op: &Operation) -> Option<Act> {
        let success = op.success.unwrap_or(Ordering::Relaxed);
        let failure = op.failure.unwrap_or(Ordering::Relaxed);
        let position = match op.kind {
            AtomicOpKind::Load => OrderingPosition::Load,
            AtomicOpKind::Store => OrderingPosition::Store,
            _ => OrderingPosition::Rmw,
        };
        let valid = success.is_valid_for(position) && failure.is_valid_for(OrderingPosition::CasFailure);
        valid.then_some(Act { kind: op.kind, success, failure })
    }

    pub(super) fn acquires(self) -> bool {
        self.kind.reads() && self.success.acquires()
    }

    pub(super) fn releases(self) -> bool {
        self.kind.writes() && self.success.releases()
    }

    /// The weakest strengthening that acquires.
    pub(super) fn acquiring(self) -> Act {
        let success = match self.success {
            Ordering::Relaxed => Ordering::Acquire,
            Ordering::Release => Ordering::AcqRel,
            enough => enough,
        };
        Act { success, ..self }
    }

    /// The weakest strengthening that releases.
    pub(super) fn releasing(self) -> Act {
        let success = match self.success {
            Ordering::Relaxed => Ordering::Release,
            Ordering::Acquire => Ordering::AcqRel,
            enough => enough,
        };
        Act { success, ..self }
    }

    /// Changes `field` from `old` to `new`, of which one is 0 and the other a power of two or 1.
    pub(super) fn write(self, field: &str, old: u32, new: u32) -> Option<String> {
        let order = self.success.name();
        Some(match self.kind {
            AtomicOpKind::Load => return None,
            AtomicOpKind::Store => format!("s.{field}.store({new}, {order});"),
            AtomicOpKind::Swap => format!("s.{field}.swap({new}, {order});"),
            AtomicOpKind::FetchAdd => format!("s.{field}.fetch_add({}, {order});", new.checked_sub(old)?),
            AtomicOpKind::FetchSub => format!("s.{field}.fetch_sub({}, {order});", old.checked_sub(new)?),
            AtomicOpKind::FetchOr => format!("s.{field}.fetch_or({new}, {order});"),
            AtomicOpKind::FetchXor => format!("s.{field}.fetch_xor({}, {order});", old ^ new),
            AtomicOpKind::FetchAnd => format!("s.{field}.fetch_and({new}, {order});"),
            AtomicOpKind::FetchMax => format!("s.{field}.fetch_max({new}, {order});"),
            AtomicOpKind::FetchMin => format!("s.{field}.fetch_min({new}, {order});"),
            AtomicOpKind::FetchNand => return None,
            AtomicOpKind::Cas { .. } => format!("_ = {};", self.cas(field, &old.to_string(), &new.to_string())),
            AtomicOpKind::Update => {
                format!("_ = s.{field}.fetch_update({order}, {}, |_| Some({new}));", self.failure.name())
            }
        })
    }

    /// Gives the value of `field`; a successful CAS leaves 0 behind.
    pub(super) fn read(self, field: &str, expected: u32) -> Option<String> {
        let order = self.success.name();
        Some(match self.kind {
            AtomicOpKind::Load => format!("s.{field}.load({order})"),
            AtomicOpKind::Store => return None,
            AtomicOpKind::Swap => format!("s.{field}.swap(0, {order})"),
            AtomicOpKind::FetchAdd => format!("s.{field}.fetch_add(0, {order})"),
            AtomicOpKind::FetchSub => format!("s.{field}.fetch_sub(0, {order})"),
            AtomicOpKind::FetchOr => format!("s.{field}.fetch_or(0, {order})"),
            AtomicOpKind::FetchXor => format!("s.{field}.fetch_xor(0, {order})"),
            AtomicOpKind::FetchAnd => format!("s.{field}.fetch_and(!0, {order})"),
            AtomicOpKind::FetchMax => format!("s.{field}.fetch_max(0, {order})"),
            AtomicOpKind::FetchMin => format!("s.{field}.fetch_min(!0, {order})"),
            AtomicOpKind::FetchNand => return None,
            AtomicOpKind::Cas { .. } => format!("{}.unwrap_or(0)", self.cas(field, &expected.to_string(), "0")),
            AtomicOpKind::Update => {
                format!("s.{field}.fetch_update({order}, {}, |_| Some(0)).unwrap_or(0)", self.failure.name())
            }
        })
    }

    /// Whether this turns 0 into 1, as a condition.
    pub(super) fn claims(self, field: &str) -> Option<String> {
        let order = self.success.name();
        Some(match self.kind {
            AtomicOpKind::Swap => format!("s.{field}.swap(1, {order}) == 0"),
            AtomicOpKind::FetchAdd => format!("s.{field}.fetch_add(1, {order}) == 0"),
            AtomicOpKind::FetchOr => format!("s.{field}.fetch_or(1, {order}) == 0"),
            AtomicOpKind::FetchMax => format!("s.{field}.fetch_max(1, {order}) == 0"),
            AtomicOpKind::Cas { .. } => format!("{}.is_ok()", self.cas(field, "0", "1")),
            AtomicOpKind::Update => {
                format!("s.{field}.fetch_update({order}, {}, |n| (n == 0).then_some(1)).is_ok()", self.failure.name())
            }
            _ => return None,
        })
    }

    pub(super) fn cas(self, field: &str, expected: &str, new: &str) -> String {
        let (weak, failure) = match self.kind {
            AtomicOpKind::Cas { weak: true } => ("_weak", self.failure),
            _ => ("", self.failure),
        };
        format!("s.{field}.compare_exchange{weak}({expected}, {new}, {}, {})", self.success.name(), failure.name())
    }
}
