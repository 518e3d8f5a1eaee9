//! Operations after which another thread may free the object that the operation's atomic lies in, and what is done with
//! the object afterwards.
//!
//! Three ways to give an object away are known: lowering its owner count, being the first of two parties at a flag whose
//! second one frees, and telling a waiter on whose stack the object lives that it may go on.

use super::access::{LocId, Seen};
use super::control::Decision;
use super::{Facts, Flow};
use crate::ir::{AtomicOpKind, Base, BlockId, Call, Callee, Event, EventId, EventKind, Place, Terminator};
use crate::resolve::calls::Target;
use crate::resolve::places::{PlaceRef, Root, Step};
use crate::resolve::{BodyId, Type};

/// Who may free the object from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taker {
    /// The last owner, here.
    LastOwner(BodyId, EventId),
    /// The second to come to the flag, here.
    SecondParty(BodyId, EventId),
    /// A waiter that has the object among its variables and looks at the atomic here.
    Waiter(BodyId, EventId),
}

/// An operation that gives the object away.
#[derive(Clone, Debug)]
pub struct HandOver {
    pub body: BodyId,
    /// Index into the body's seen operations.
    pub seen: usize,
    pub taker: Taker,
    /// The first use of the object after it.
    pub used: EventId,
}

/// The object that an atomic is part of, as a body reaches it.
struct Object {
    root: Root,
    steps: Vec<Step>,
}

impl Object {
    fn of(place: &PlaceRef) -> Option<Object> {
        let (_, field) = place.field.as_ref()?;
        let first = field.split('.').next()?;
        let at = place.steps.iter().rposition(|s| matches!(s, Step::Field(f) if f == first))?;
        let known = !matches!(place.root, Root::Unknown | Root::Static(_));
        known.then(|| Object { root: place.root.clone(), steps: place.steps[..at].to_vec() })
    }

    /// Whether a place lies inside the object.
    fn contains(&self, place: &PlaceRef) -> bool {
        place.root == self.root && place.steps.len() > self.steps.len() && place.steps.starts_with(&self.steps)
    }

    fn is(&self, place: &PlaceRef) -> bool {
        place.root == self.root && place.steps == self.steps
    }
}

impl Facts<'_> {
    /// The operations of a body that give their object away, after which the body uses it again.
    pub fn hand_overs(&self, body: BodyId) -> Vec<HandOver> {
        let mut found = Vec::new();
        for (i, s) in self.seen(body).iter().enumerate() {
            let op = self.op(s.op);
            let Some(location) = op.location.filter(|_| op.kind.writes() && !self.is_alone(body, s)) else { continue };
            let Some(object) = Object::of(&s.place) else { continue };
            // An owner that was made here is still here.
            if self.raises_before(body, location, s) {
                continue;
            }
            let freed = match s.is_direct() {
                true => self.freed_by_other(body, i, &object),
                false => None,
            };
            let (taker, keeps) = match freed {
                Some((taker, keeps)) => (taker, keeps),
                None => match self.told_waiter(body, location, s) {
                    Some((b, e)) => (Taker::Waiter(b, e), None),
                    None => continue,
                },
            };
            let used = self.used_after(body, s, &object, keeps);
            found.extend(used.map(|used| HandOver { body, seen: i, taker, used }));
        }
        found
    }

    fn raises_before(&self, body: BodyId, location: LocId, s: &Seen) -> bool {
        self.seen(body).iter().any(|r| {
            let op = self.op(r.op);
            op.location == Some(location)
                && op.kind == AtomicOpKind::FetchAdd
                && self.flow(body).reaches(r.event, s.event)
        })
    }

    /// A result that decides whether this body frees the whole object: then somebody else does on the other side. Also
    /// gives the way on which the object is this body's.
    fn freed_by_other(&self, body: BodyId, seen: usize, object: &Object) -> Option<(Taker, Option<BlockId>)> {
        let s = &self.seen(body)[seen];
        let op = self.op(s.op);
        let counts = op.kind == AtomicOpKind::FetchSub;
        let flags =
            matches!(op.kind, AtomicOpKind::Swap | AtomicOpKind::FetchOr) && op.value_type == Type::Prim("bool");
        if !counts && !flags {
            return None;
        }
        let flow = self.flow(body);
        let decisions = self.decisions(body);
        let on_result = |d: &&Decision| d.flows.ops.contains(&seen) || d.flows.compared.contains(&seen);
        let events = (0..self.program.body(body).ir.events.len() as u32).map(EventId);
        let frees: Vec<EventId> = events
            .filter(|&e| e != s.event && flow.reaches(s.event, e) && self.frees_object(body, e, object))
            .collect();
        decisions.iter().filter(on_result).find_map(|d| {
            let free = frees.iter().copied().find(|e| self.is_controlled(body, d, *e))?;
            let edge = self.controlling_edge(body, d, free)?;
            let taker = if counts { Taker::LastOwner(body, free) } else { Taker::SecondParty(body, free) };
            Some((taker, Some(edge)))
        })
    }

    /// Whether an event frees this very object rather than something in it.
    fn frees_object(&self, body: BodyId, event: EventId, object: &Object) -> bool {
        let EventKind::Call(call) = &self.event(body, event).kind else { return false };
        let by_argument = call.args.iter().any(|v| {
            let at = self.program.value_ref(body, *v);
            object.is(&at)
        });
        let by_receiver = match &call.callee {
            Callee::Method { receiver, .. } => {
                let at = self.program.place_ref(body, receiver);
                at.root == object.root && object.steps.starts_with(&at.steps)
            }
            _ => false,
        };
        (by_argument || by_receiver) && self.deallocates(body, event, 0)
    }

    /// The object is reached by a raw pointer and lives among the variables of a function that waits for this atomic.
    fn told_waiter(&self, body: BodyId, location: LocId, s: &Seen) -> Option<(BodyId, EventId)> {
        let op = self.op(s.op);
        let tells = matches!(op.kind, AtomicOpKind::Store | AtomicOpKind::Swap) || op.kind.is_cas();
        if !tells || !self.is_reached_raw(body, s) {
            return None;
        }
        self.location(location).ops.iter().flat_map(|o| &self.instances[o.index()]).find_map(|(b, i)| {
            let wait = &self.seen(*b)[*i as usize];
            let local = matches!(wait.place.root, Root::Local(owner, _) if owner == *b) && wait.place.shared == 0;
            let waits = local && *b != body && self.op(wait.op).kind.reads() && self.waits_in_loop(*b, wait);
            waits.then_some((*b, wait.event))
        })
    }

    /// Whether an operation's result decides how long a loop goes round, here or in the helper.
    fn waits_in_loop(&self, body: BodyId, s: &Seen) -> bool {
        let steps = std::iter::once((body, s.event)).chain(s.via.iter().copied());
        steps.into_iter().any(|(b, e)| {
            let ir = self.program.body(b).ir;
            let Some(l) = ir.blocks[self.flow(b).block_of(e).index()].in_loop else { return false };
            let Some(result) = self.result_of(b, e) else { return false };
            ir.blocks.iter().enumerate().any(|(i, block)| {
                let cond = match &block.term {
                    Terminator::Branch { cond, .. } => *cond,
                    Terminator::Switch { on, .. } => *on,
                    _ => return false,
                };
                let leaves = self
                    .flow(b)
                    .successors(BlockId(i as u32))
                    .iter()
                    .any(|n| !super::flow::loop_within(ir, ir.blocks[n.index()].in_loop, l));
                leaves && super::flow::loop_within(ir, block.in_loop, l) && self.derives_from(b, cond, result)
            })
        })
    }

    /// Whether the memory is reached by a raw pointer here, or by a reference that a caller makes of one.
    fn is_reached_raw(&self, body: BodyId, s: &Seen) -> bool {
        match s.place.root {
            Root::Value(b, v) => {
                let ty = self.program.type_of(b, v);
                ty.is_raw_pointer() || self.touches(body).iter().any(|t| t.event == s.event && t.is_direct())
            }
            Root::Param(b, i) => {
                let raw_here = self.param_type(b, i).is_raw_pointer();
                let owner = self.program.body(b).owner;
                raw_here
                    || self.callers(owner).iter().any(|(caller, call)| {
                        self.touches(*caller).iter().any(|t| t.event == *call && t.is_direct() && t.key.is_none())
                    })
            }
            _ => false,
        }
    }

    /// The first event after the operation that uses the object, on a way on which it is somebody else's.
    fn used_after(&self, body: BodyId, s: &Seen, object: &Object, keeps: Option<BlockId>) -> Option<EventId> {
        let ir = self.program.body(body).ir;
        let flow = self.flow(body);
        let own = |block: BlockId| keeps.is_some_and(|k| flow.block_dominates(k, block));
        // The next round of a loop has another object in hand.
        let header = ir.blocks[flow.block_of(s.event).index()].in_loop.map(|l| ir.loops[l.index()].header);
        let failed = if self.op(s.op).kind.is_cas() { self.outcome(body, s).failure } else { Vec::new() };
        let not_given = |block: BlockId| failed.iter().any(|f| *f == block || flow.block_dominates(*f, block));
        let reached = blocks_after(flow, s.event, header);
        let mut events: Vec<EventId> = Vec::new();
        for (i, block) in ir.blocks.iter().enumerate() {
            let id = BlockId(i as u32);
            let start = match id == flow.block_of(s.event) {
                true => flow.position(s.event) + 1,
                false => 0,
            };
            if (start > 0 || reached.contains(&id)) && !own(id) && !not_given(id) {
                events.extend(&block.events[start.min(block.events.len())..]);
            }
        }
        events.into_iter().find(|e| self.uses_object(body, *e, object))
    }

    /// Whether an event reads, writes or borrows part of the object.
    fn uses_object(&self, body: BodyId, event: EventId, object: &Object) -> bool {
        // A variable that holds a value of its own was taken out before.
        let by_pointer = |p: &Place| match p.base {
            Base::Local(_, v) | Base::Value(v) => {
                let ty = self.program.type_of(body, v);
                ty.is_pointer() || ty.is_raw_pointer()
            }
            Base::Path(_) => false,
        };
        let inside = |p: &Place| by_pointer(p) && object.contains(&self.program.place_ref(body, p));
        let e: &Event = self.event(body, event);
        match &e.kind {
            EventKind::Read(p) | EventKind::Write { place: p, .. } => inside(p),
            EventKind::Borrow { place, raw, .. } => !raw && inside(place),
            EventKind::Atomic(op) => inside(&op.receiver),
            EventKind::Call(call) => match &call.callee {
                Callee::Method { receiver, .. } => {
                    inside(receiver)
                        || object.is(&self.program.place_ref(body, receiver)) && self.looks_at_self(body, call)
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether a method of the crate reads something of what it is called on.
    fn looks_at_self(&self, body: BodyId, call: &Call) -> bool {
        let Target::Fn(def) = self.program.target(body, call) else { return false };
        let Some(callee) = self.program.body_of(def) else { return false };
        let takes_reference = matches!(self.param_type(callee, 0), Type::Ref { .. });
        let of_self = |p: &Place| {
            let at = self.program.place_ref(callee, p);
            matches!(at.root, Root::Param(b, 0) if b == callee) && !at.steps.is_empty()
        };
        takes_reference
            && self.program.body(callee).ir.events.iter().any(|e| match &e.kind {
                EventKind::Read(p) | EventKind::Write { place: p, .. } | EventKind::Borrow { place: p, .. } => {
                    of_self(p)
                }
                EventKind::Atomic(op) => of_self(&op.receiver),
                EventKind::Call(Call { callee: Callee::Method { receiver, .. }, .. }) => of_self(receiver),
                _ => false,
            })
    }
}

/// The blocks that control can come to after an event without passing the header of its loop.
fn blocks_after(flow: &Flow, event: EventId, header: Option<BlockId>) -> Vec<BlockId> {
    let mut found: Vec<BlockId> = Vec::new();
    let mut queue: Vec<BlockId> = flow.successors(flow.block_of(event)).to_vec();
    while let Some(block) = queue.pop() {
        if Some(block) != header && !found.contains(&block) {
            found.push(block);
            queue.extend(flow.successors(block));
        }
    }
    found
}
