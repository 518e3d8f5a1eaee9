//! Locations that others change at any time, whatever the caller of an unsafe function promises and whoever has won
//! the claim that leads to a write.

use super::Facts;
use super::access::{LocId, Op, OpId};
use super::role::RoleKind;
use crate::ir::AtomicOpKind;
use crate::resolve::places::{PlaceRef, Step};

/// What the words of an unsafe function's documentation say when it may only be called with nobody else around.
const ALONE: [&str; 9] = [
    "exclusive",
    "no other thread",
    "only one thread",
    "single thread",
    "single-thread",
    "concurrent",
    "unsynchron",
    "only thread",
    "not shared",
];

impl Facts<'_> {
    /// Another function changes the location by an RMW that takes effect in whatever state it finds it, and neither a
    /// lock nor a won claim keeps that function away: who loads and then stores loses its change. That the caller
    /// vouches for something, or that a claim was won, does not help where all the others need an RMW.
    pub fn is_contended(&self, location: LocId, write: OpId) -> bool {
        let of = |o: OpId| self.program.body(self.program.outermost(self.op(o).body)).owner;
        let (writer, context) = (of(write), self.context(write));
        // The last owner is alone with what it has, until it says otherwise.
        let last = context.claimed && self.role(location).kind == RoleKind::Refcount;
        if last || context.in_drop && context.exclusive || self.promises_alone(write) {
            return false;
        }
        self.shared_writes(location).any(|w| {
            let (op, there) = (self.op(w), self.context(w));
            of(w) != writer
                && changes_any_state(op)
                && !is_sibling(&op.place, &self.op(write).place)
                && !self.is_give_back(location, op)
                && !op.is_test
                && !there.claimed
                && !there.in_drop
                && there.locks.is_empty()
                && !self.promises_alone(w)
        })
    }

    /// The end of a shared hold (`unlock_shared`), of which several may come at once.
    pub fn is_shared_give_back(&self, location: LocId, op: OpId) -> bool {
        let op = self.op(op);
        self.role(location).kind == RoleKind::Lock
            && self.op_named(op, &["unlock", "release", "leave", "decrement"])
            && self.op_named(op, &["shared", "read", "reader"])
    }

    /// Who gives a lock back has taken it before: while another thread holds it, there is nothing to give back.
    fn is_give_back(&self, location: LocId, op: &Op<'_>) -> bool {
        self.role(location).kind == RoleKind::Lock
            && self.op_named(op, &["unlock", "release", "leave", "exit", "downgrade"])
    }

    /// The function around an operation says in its documentation that nobody else may be there.
    fn promises_alone(&self, op: OpId) -> bool {
        let owner = self.program.body(self.program.outermost(self.op(op).body)).owner;
        let docs = &self.program.def(owner).item.attrs;
        docs.iter().any(|a| {
            let text = a.tokens.to_lowercase();
            a.path == "doc" && ALONE.iter().any(|words| text.contains(words))
        })
    }
}

/// Two fields of one type: `queue.head.index` and `queue.tail.index`.
fn is_sibling(a: &PlaceRef, b: &PlaceRef) -> bool {
    let pairs = a.steps.iter().rev().zip(b.steps.iter().rev());
    pairs.into_iter().any(|pair| matches!(pair, (Step::Field(a), Step::Field(b)) if a != b))
}

/// `fetch_add` and its like: no value of the location keeps them from happening.
fn changes_any_state(op: &Op<'_>) -> bool {
    matches!(
        op.kind,
        AtomicOpKind::FetchAdd
            | AtomicOpKind::FetchSub
            | AtomicOpKind::FetchAnd
            | AtomicOpKind::FetchNand
            | AtomicOpKind::FetchOr
            | AtomicOpKind::FetchXor
    )
}
