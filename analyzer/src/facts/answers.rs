//! What a function says on the two sides of a branch.

use super::Facts;
use super::control::Decision;
use crate::ir::{BlockId, EventId, Terminator, ValueId, ValueKind};
use crate::resolve::BodyId;

impl Facts<'_> {
    /// Whether the branch and what `event` does behind it are told to whoever asked: `true` comes out where the event
    /// has run, and `false` on the other side. Then it matters how many come past here.
    pub fn is_told_apart(&self, body: BodyId, decision: &Decision, event: EventId) -> bool {
        let flow = self.flow(body);
        let ir = self.program.body(body).ir;
        let acting = flow.block_of(event);
        let Some(edge) = self.controlling_edge(body, decision, event) else { return false };
        let acts = |b: BlockId| b == acting || flow.block_dominates(acting, b);
        let other = |b: BlockId| {
            b == decision.block
                || flow.block_dominates(decision.block, b) && b != edge && !flow.block_dominates(edge, b)
        };
        let opposed = |a: ValueId, b: ValueId| match (self.shape(body, a), self.shape(body, b)) {
            (Some((kind, yes)), Some((other, no))) => kind == other && yes != no,
            _ => false,
        };
        let returns = || {
            ir.blocks.iter().enumerate().filter_map(|(i, b)| match b.term {
                Terminator::Return(Some(v)) => Some((BlockId(i as u32), v)),
                _ => None,
            })
        };
        let by_return =
            returns().filter(|(b, _)| acts(*b)).any(|(_, said)| returns().any(|(b, v)| other(b) && opposed(said, v)));
        by_return
            || ir.values.iter().any(|v| match &v.kind {
                ValueKind::Phi(ways) => ways
                    .iter()
                    .filter(|(b, _)| acts(*b))
                    .any(|(_, said)| ways.iter().any(|(b, v)| other(*b) && opposed(*said, *v))),
                _ => false,
            })
    }
}
