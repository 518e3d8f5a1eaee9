//! Links between objects of a list whose head hands the whole list over: whoever has acquired the head has acquired what
//! was linked before, and may follow the links without ordering of their own.

use super::publication::origin;
use super::{Facts, LocId, OpId, Seen};
use crate::ir::Ordering;
use crate::resolve::BodyId;
use crate::resolve::places::Root;

impl Facts<'_> {
    /// Whether a link is read in an object that came by way of a head that hands it over.
    pub(super) fn is_link_behind_head(&self, body: BodyId, read: &Seen) -> bool {
        let Some(location) = self.op(read.op).location else { return false };
        self.is_reached_by_head(body, read, location) && self.is_linked_before_head(location)
    }

    /// The object was handed in, or came out of another location by an acquiring read, or by the link itself.
    fn is_reached_by_head(&self, body: BodyId, read: &Seen, location: LocId) -> bool {
        let value = match read.place.root {
            Root::Param(..) => return true,
            Root::Value(b, v) if b == body => v,
            _ => return false,
        };
        let flows = self.flows_into(body, value);
        let orders = |&i: &usize| {
            let seen = &self.seen(body)[i];
            self.op(seen.op).location == Some(location) || seen.orders.success.known().is_some_and(Ordering::acquires)
        };
        flows.ops.iter().all(orders)
    }

    /// Every link is set to an object that was there before, in one that another location then hands over with a
    /// release: `node.next.store(old, Relaxed); head.compare_exchange(old, node, Release, …)`.
    fn is_linked_before_head(&self, location: LocId) -> bool {
        let links: Vec<OpId> = self
            .shared_writes(location)
            .filter(|w| {
                let op = self.op(*w);
                op.new_value().is_none_or(|v| !self.is_static_address(op.body, v, 0))
            })
            .collect();
        !links.is_empty() && links.iter().all(|w| self.is_followed_by_head(*w, location))
    }

    fn is_followed_by_head(&self, link: OpId, location: LocId) -> bool {
        let op = self.op(link);
        let Some(old) = op.new_value().filter(|v| self.fresh_object(op.body, *v).is_none()) else { return false };
        let flow = self.flow(op.body);
        self.seen(op.body).iter().any(|head| {
            let h = self.op(head.op);
            let other = h.location.is_some_and(|l| l != location) && h.atomic.is_some_and(|a| a.is_pointer());
            let differs = || match h.new_value().filter(|_| head.is_direct()) {
                Some(new) => origin(self, op.body, new) != origin(self, op.body, old),
                None => true,
            };
            other
                && h.kind.writes()
                && head.orders.success.known().is_some_and(Ordering::releases)
                && flow.reaches(op.event, head.event)
                && differs()
        })
    }
}
