//! Which location may carry on what another one has handed over.
//!
//! An acquire makes visible what came before the release that it reads. It can stand in for an acquire of another
//! location only if some thread that has written that other one, or acquired it, releases this one afterwards
//! (C++20 \[intro.races\]: happens-before is made of such chains). The index of a queue that only its producers move
//! says nothing of what a consumer has left in a slot.

use rustc_hash::FxHashSet;

use super::access::{LocId, Order};
use super::pairing::Sync;
use super::{Facts, Seen};
use crate::ir::{EventId, EventKind};
use crate::resolve::BodyId;

#[derive(Debug, Default)]
pub(super) struct Carries {
    /// `(a, b)`: somewhere `a` is released after `b` was written or acquired.
    after: FxHashSet<(LocId, LocId)>,
    /// Locations that are released where what came before is not in sight: at the end of a guard, in a function that
    /// only gives something back, by operations that are not seen.
    open: FxHashSet<LocId>,
}

impl Facts<'_> {
    /// Whether who acquires `by` may thereby see what `location` has handed over.
    fn may_carry(&self, by: LocId, location: LocId) -> bool {
        let carries = self.carries.get_or_init(|| collect(self));
        by == location || carries.open.contains(&by) || carries.after.contains(&(by, location))
    }

    /// Whether an event may acquire what was handed over by `location`.
    pub fn may_acquire(&self, body: BodyId, event: EventId, location: LocId) -> bool {
        self.sync_at(body, event).acquires && !self.is_beside(body, event, location)
    }

    /// An operation of the body's own on something that has nothing to do with the location.
    fn is_beside(&self, body: BodyId, event: EventId, location: LocId) -> bool {
        let mut ops = self.seen(body).iter().filter(|s| s.event == event).peekable();
        matches!(self.event(body, event).kind, EventKind::Atomic(_))
            && ops.peek().is_some()
            && ops.all(|s| s.is_direct() && self.op(s.op).location.is_some_and(|by| !self.may_carry(by, location)))
    }
}

fn collect(facts: &Facts<'_>) -> Carries {
    let mut found = Carries::default();
    for (i, location) in facts.locations.iter().enumerate() {
        let id = LocId(i as u32);
        let gives_back = |body: BodyId| {
            let owner = facts.program.body(body).owner;
            facts.program.implemented_trait(owner) == Some("Drop")
                || facts.program.def(owner).item.name.split('_').any(|w| matches!(w, "unlock" | "release" | "leave"))
        };
        let open = |o| {
            let op = facts.op(o);
            op.kind.writes() && (gives_back(op.body) || !matches!(op.orders.success, Order::Known(_)))
        };
        if facts.is_handed_out(id) || facts.is_exposed(id) || location.ops.iter().any(|o| open(*o)) {
            found.open.insert(id);
        }
    }
    for body in facts.bodies_with_ops() {
        let flow = facts.flow(body);
        let seen = facts.seen(body);
        let tells = |s: &Seen| facts.op(s.op).kind.writes() || Sync::of_order(s.orders.success).acquires;
        for then in seen {
            let Some(by) = facts.op(then.op).location.filter(|by| !found.open.contains(by)) else { continue };
            if !facts.op(then.op).kind.writes() || !Sync::of_order(then.orders.success).releases {
                continue;
            }
            for first in seen.iter().filter(|s| tells(s) && s.event != then.event && flow.reaches(s.event, then.event))
            {
                if let Some(location) = facts.op(first.op).location {
                    found.after.insert((by, location));
                }
            }
        }
    }
    found
}
