//! Links of nodes that are set while the node is still private: `node.next.store(head, Relaxed)`, then a CAS of the head.
//!
//! Whoever has acquired a pointer to such a node sees its link too, so that the link itself can be read `Relaxed`. A
//! link that is set after the node was published (the tail's link of a queue) is a publication of its own.

use super::Facts;
use super::access::{LocId, OpId, Seen};
use super::pairing::Sync;
use crate::ir::AtomicOpKind;
use crate::resolve::BodyId;
use crate::resolve::places::Root;

impl Facts<'_> {
    /// Whether an operation reads such a link, by a pointer that was acquired, or that the caller answers for.
    pub fn reads_private_link(&self, body: BodyId, location: LocId, read: &Seen) -> bool {
        let reached = match read.place.root {
            Root::Value(b, v) if b == body => {
                let flows = self.flows_into(body, v);
                let seen = self.seen(body);
                let acquires = |i: &usize| {
                    let op = self.op(seen[*i].op);
                    op.location != Some(location) && op.kind.reads() && Sync::of_order(seen[*i].orders.success).acquires
                };
                flows.ops.iter().any(acquires)
                    && flows.ops.iter().all(|i| acquires(i) || self.op(seen[*i].op).location == Some(location))
            }
            Root::Param(b, _) => b == body && (self.is_unsafe_fn(body) || !self.is_entry(body)),
            _ => false,
        };
        let mut writes = self.shared_writes(location).peekable();
        reached && writes.peek().is_some() && writes.all(|w| self.is_set_before_publication(w))
    }

    /// A plain store to a field of a node whose address the same function then writes to another location.
    fn is_set_before_publication(&self, write: OpId) -> bool {
        let op = self.op(write);
        let flow = self.flow(op.body);
        let all = self.seen(op.body);
        let Some(set) = all.iter().find(|s| s.op == write && s.is_direct()) else { return false };
        op.kind == AtomicOpKind::Store
            && all.iter().any(|p| {
                let published = self.op(p.op);
                published.kind.writes()
                    && p.is_direct()
                    && published.location != op.location
                    && flow.dominates(set.event, p.event)
                    && published.new_value().is_some_and(|v| self.program.value_ref(op.body, v).root == set.place.root)
            })
    }
}
