//! What a function says on the two sides of a branch.

use super::Facts;
use super::control::Decision;
use crate::ir::{BlockId, EventId, ValueId, ValueKind};
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
        let apart = |ways: &[(BlockId, ValueId)]| {
            let mut said = ways.iter().filter(|(b, _)| acts(*b));
            said.any(|(_, yes)| ways.iter().any(|(b, no)| other(*b) && opposed(*yes, *no)))
        };
        let returned: Vec<_> = self.all_ways_to_return(body).into_iter().map(|(v, b)| (b, v)).collect();
        apart(&returned) || ir.values.iter().any(|v| matches!(&v.kind, ValueKind::Phi(ways) if apart(ways)))
    }
}
