//! The two sides of a location: which reads acquire and which writes release, fences and helpers included.
//!
//! A read that may acquire (by a fence after it, in a caller, with an ordering that is not known) counts as acquiring,
//! and likewise for writes, so that the absence of a side can be relied on (C++20 \[atomics.order\], \[atomics.fences\]).

use super::access::{LocId, OpId, Order, resolve_order};
use super::required::Constant;
use super::{Facts, Seen};
use crate::ir::{AtomicOpKind, EventId, EventKind, Ordering};
use crate::resolve::BodyId;

/// How strong one half of an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// It synchronises nothing.
    Weak,
    /// Its ordering, or that of the fence before the write, is `Acquire`, `Release` or `AcqRel`: somebody meant it to
    /// pair.
    Meant,
    /// It is strong for a reason of its own: `SeqCst`, a fence, a lock, or an ordering that is not known.
    Other,
}

/// The operations of a location in shared contexts, by half.
#[derive(Debug, Default)]
pub struct Sides {
    pub reads: Vec<(OpId, Half)>,
    pub writes: Vec<(OpId, Half)>,
}

impl Facts<'_> {
    pub fn sides(&self, location: LocId) -> Sides {
        let mut sides = Sides::default();
        for &op in &self.location(location).ops {
            let o = self.op(op);
            if o.is_test || self.context(op).exclusive {
                continue;
            }
            if o.kind.reads() {
                sides.reads.push((op, self.read_half(op)));
            }
            if o.kind.writes() {
                sides.writes.push((op, self.write_half(op)));
            }
        }
        sides
    }

    fn read_half(&self, op: OpId) -> Half {
        let o = self.op(op);
        let half = half_of(o.orders.success, Ordering::acquires);
        let failure = if o.kind.is_cas() { half_of(o.orders.failure, Ordering::acquires) } else { Half::Weak };
        match (half, failure) {
            (Half::Other, _) | (_, Half::Other) => Half::Other,
            (Half::Meant, _) | (_, Half::Meant) => Half::Meant,
            (Half::Weak, Half::Weak) if self.is_acquired_after(op) => Half::Other,
            (Half::Weak, Half::Weak) => Half::Weak,
        }
    }

    fn write_half(&self, op: OpId) -> Half {
        match half_of(self.op(op).orders.success, Ordering::releases) {
            Half::Weak if self.is_fenced_for(op) => Half::Meant,
            Half::Weak if self.is_fenced_before(op) => Half::Other,
            half => half,
        }
    }

    /// Whether a release fence of the same body is there for this write: no other atomic write comes in between.
    fn is_fenced_for(&self, op: OpId) -> bool {
        let o = self.op(op);
        let ir = self.program.body(o.body).ir;
        let writes =
            |e: EventId| self.seen(o.body).iter().any(|s| s.event == e && e != o.event && self.op(s.op).kind.writes());
        ir.events.iter().enumerate().any(|(i, e)| {
            let EventKind::Fence { ordering, compiler: false } = &e.kind else { return false };
            let order = resolve_order(self.program, o.body, ordering.kind, 0);
            matches!(order, Order::Known(Ordering::Release | Ordering::AcqRel))
                && self.flow(o.body).reaches_avoiding(ir, EventId(i as u32), o.event, writes)
        })
    }

    /// Whether something that may acquire follows the operation on some way to it, or a lock is taken before.
    fn is_acquired_after(&self, op: OpId) -> bool {
        self.ways_to(op).into_iter().any(|(body, seen)| {
            steps(body, seen).any(|(b, e)| self.acquires_later(b, e)) || self.is_joined_before(body, seen.event)
        })
    }

    fn acquires_later(&self, body: BodyId, event: EventId) -> bool {
        let flow = self.flow(body);
        let events = self.program.body(body).ir.events.len() as u32;
        (0..events).map(EventId).any(|e| e != event && flow.reaches(event, e) && self.sync_at(body, e).acquires)
    }

    /// Whether a release fence may come before the write, or a lock was taken that its readers may take too.
    fn is_fenced_before(&self, op: OpId) -> bool {
        self.ways_to(op).into_iter().any(|(body, seen)| {
            steps(body, seen).any(|(b, e)| self.fences_earlier(b, e)) || self.is_released_before(body, seen.event)
        })
    }

    fn fences_earlier(&self, body: BodyId, event: EventId) -> bool {
        let flow = self.flow(body);
        self.program.body(body).ir.events.iter().enumerate().any(|(i, e)| {
            let id = EventId(i as u32);
            let fence = matches!(e.kind, EventKind::Fence { .. } | EventKind::Call(_));
            fence && id != event && flow.reaches(id, event) && self.has_release_fence(body, id)
        })
    }

    /// A release fence, or a call of a function that has one.
    fn has_release_fence(&self, body: BodyId, event: EventId) -> bool {
        match &self.event(body, event).kind {
            EventKind::Fence { .. } => self.sync_at(body, event).releases,
            EventKind::Call(_) => self.calls(body).iter().any(|(e, callee)| {
                *e == event && {
                    let events = &self.program.body(*callee).ir.events;
                    (0..events.len()).any(|i| {
                        matches!(events[i].kind, EventKind::Fence { .. })
                            && self.sync_at(*callee, EventId(i as u32)).releases
                    })
                }
            }),
            _ => false,
        }
    }

    /// The value that an acquiring RMW waits for: the other one than it puts there itself.
    pub fn awaited_value(&self, op: OpId) -> Option<Constant> {
        let o = self.op(op);
        match o.kind {
            AtomicOpKind::Swap => match self.constant_of(o.body, o.new_value()?)? {
                Constant::Bool(b) => Some(Constant::Bool(!b)),
                _ => None,
            },
            AtomicOpKind::Cas { .. } => self.constant_of(o.body, o.expected()?),
            _ => None,
        }
    }
}

/// The body at the top of a way with the event through which it goes on, and the bodies below it with theirs.
fn steps(body: BodyId, seen: &Seen) -> impl Iterator<Item = (BodyId, EventId)> + '_ {
    std::iter::once((body, seen.event)).chain(seen.via.iter().copied())
}

fn half_of(order: Order, strong: fn(Ordering) -> bool) -> Half {
    match order {
        Order::Known(Ordering::SeqCst) => Half::Other,
        Order::Known(o) if strong(o) => Half::Meant,
        Order::Known(_) => Half::Weak,
        Order::Param(_) | Order::Unknown | Order::Implied => Half::Other,
    }
}
