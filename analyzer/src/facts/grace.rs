//! Waits for those who may still look at what was taken out.

use super::Facts;
use super::touch::TouchKind;
use crate::ir::{AtomicOpKind, EventId, Terminator};
use crate::resolve::BodyId;

impl Facts<'_> {
    /// A pointer was taken out of its place before `wait`, and what it leads to is freed or given to the caller behind
    /// it: in between, the function waits until all readers have left.
    pub fn is_grace_period(&self, body: BodyId, wait: EventId) -> bool {
        let flow = self.flow(body);
        self.seen(body).iter().enumerate().any(|(i, s)| {
            let op = self.op(s.op);
            let taken = op.kind == AtomicOpKind::Swap && op.atomic.is_some_and(|a| a.is_pointer());
            taken
                && flow.dominates(s.event, wait)
                && (self.is_freed_after(body, i, wait) || self.is_given_back(body, s.event))
        })
    }

    fn is_freed_after(&self, body: BodyId, taken: usize, wait: EventId) -> bool {
        let flow = self.flow(body);
        let frees = |t: &&super::touch::Touch| t.kind == TouchKind::Take && t.pointer.ops.contains(&taken);
        self.touches(body).iter().filter(frees).any(|t| flow.reaches(wait, t.event))
    }

    fn is_given_back(&self, body: BodyId, taken: EventId) -> bool {
        let Some(old) = self.result_of(body, taken) else { return false };
        let blocks = &self.program.body(body).ir.blocks;
        blocks.iter().any(|b| matches!(b.term, Terminator::Return(Some(v)) if self.derives_from(body, v, old)))
    }
}
