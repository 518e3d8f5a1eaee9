//! Takers of elements that move one index on, each from where the last one left it.

use super::publication::{Evidence, Follow, Publish, origin};
use super::touch::{Touch, TouchKind};
use super::{Facts, Seen};
use crate::ir::{BinOp, BlockId, ValueId, ValueKind};
use crate::resolve::BodyId;

impl Facts<'_> {
    /// Who takes elements by moving an index on, after those who did so before, has others than they had: what they only
    /// took is not handed over.
    pub(super) fn take_in_turn(&self, publish: &Publish, follow: &Follow) -> bool {
        let took = |t: usize| self.touches(publish.body)[t].kind == TouchKind::Take;
        (!publish.writes || matches!(publish.evidence, Evidence::Touch(t) if took(t)))
            && self.moves_on_by_cas(publish.body, publish.seen)
            && self.moves_on_by_cas(follow.body, follow.seen)
    }

    /// A CAS to a new value that is computed, and not by taking something away: that would give back what was taken.
    fn moves_on_by_cas(&self, body: BodyId, seen: usize) -> bool {
        let s = &self.seen(body)[seen];
        let op = self.op(s.op);
        let lowers = |v: ValueId| {
            matches!(
                self.value(op.body, origin(self, op.body, v)),
                ValueKind::Binary(BinOp::Sub | BinOp::BitAnd | BinOp::BitXor, ..) | ValueKind::Not(_)
            )
        };
        op.kind.is_cas() && s.stored.computed && !s.stored.is_constant() && !op.new_value().is_none_or(lowers)
    }

    /// Whether memory is only worked on once this CAS has taken it: what comes round to the CAS again was not made ready
    /// for it.
    pub(super) fn is_taken_by(&self, body: BodyId, touch: &Touch, s: &Seen) -> bool {
        let flow = self.flow(body);
        let touched = flow.block_of(touch.event);
        let behind = |b: &BlockId| *b == touched || flow.block_dominates(*b, touched);
        self.op(s.op).kind.is_cas() && touch.event != s.event && self.outcome(body, s).success.iter().any(behind)
    }
}
