//! Addresses that are published and do not live as long as those who can load them.

use super::Facts;
use super::access::{LocId, Seen};
use super::publication::How;
use crate::ir::{Base, Callee, EventId, EventKind, LocalId, Place, Proj, Terminator, ValueId, ValueKind, operands};
use crate::resolve::places::Root;
use crate::resolve::{BodyId, Known, Type};

/// What an address leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A variable of the function.
    Variable(LocalId),
    /// The inside of a box, `Arc` or vector that a variable owns.
    Owned(LocalId),
    /// A temporary.
    Temporary,
}

/// A write that publishes such an address.
#[derive(Clone, Copy, Debug)]
pub struct Dangling {
    pub body: BodyId,
    /// Index into the body's seen operations.
    pub seen: usize,
    pub target: Target,
    /// Who follows it: a body and the event.
    pub follower: (BodyId, EventId),
}

impl Facts<'_> {
    /// The writes of a body that publish the address of something that goes when the body returns.
    pub fn dangling(&self, body: BodyId) -> Vec<Dangling> {
        let mut found = Vec::new();
        for (i, s) in self.seen(body).iter().enumerate() {
            let op = self.op(s.op);
            let (Some(location), Some(value)) = (op.location, op.new_value()) else { continue };
            let shared = s.is_direct()
                && op.kind.writes()
                && !matches!(s.place.root, Root::Local(..) | Root::Unknown)
                && !self.is_alone(body, s);
            let Some(target) = shared.then(|| self.address_of(body, value, 0)).flatten() else { continue };
            if self.is_moved_on(body, target, s) || self.comes_back(body, location, s) {
                continue;
            }
            let follower = self.follower(body, location);
            found.extend(follower.map(|follower| Dangling { body, seen: i, target, follower }));
        }
        found
    }

    fn follower(&self, publisher: BodyId, location: LocId) -> Option<(BodyId, EventId)> {
        self.follows(location).iter().filter(|f| f.body != publisher).find_map(|f| match f.how {
            How::Pointer(t) => Some((f.body, self.touches(f.body)[t].event)),
            _ => None,
        })
    }

    /// What the pointer was made of, if that belongs to this call.
    fn address_of(&self, body: BodyId, value: ValueId, depth: u32) -> Option<Target> {
        if depth > 10 {
            return None;
        }
        let again = |v: ValueId| self.address_of(body, v, depth + 1);
        match self.value(body, value) {
            ValueKind::Ref { place, mutable } => self.address_of_place(body, place, *mutable),
            ValueKind::RawRef { place, .. } => self.address_of_place(body, place, false),
            ValueKind::Cast(v, _) | ValueKind::Mutated { before: v, .. } => again(*v),
            ValueKind::Read(p) if p.proj.is_empty() => match p.base {
                Base::Local(_, v) | Base::Value(v) => again(v),
                Base::Path(_) => None,
            },
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(call) => match &call.callee {
                    Callee::Path(p) => match (p.last(), call.args.first()) {
                        ("from_mut" | "from_ref" | "new_unchecked" | "addr_of" | "addr_of_mut", Some(v)) => again(*v),
                        // `Arc::as_ptr(&shared)`: the `Arc` stays with the variable.
                        ("as_ptr", Some(v)) => match again(*v)? {
                            Target::Variable(local) => Some(Target::Owned(local)),
                            other => Some(other),
                        },
                        _ => None,
                    },
                    Callee::Method { receiver, name, .. } => self.address_by_method(body, receiver, name),
                    Callee::Value(_) => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    fn address_by_method(&self, body: BodyId, receiver: &Place, name: &str) -> Option<Target> {
        let Base::Local(local, v) = receiver.base else {
            return match receiver.base {
                Base::Value(v) if receiver.proj.is_empty() && matches!(name, "cast" | "cast_mut" | "as_ptr") => {
                    self.address_of(body, v, 4)
                }
                _ => None,
            };
        };
        let ty = self.program.type_of(body, v);
        let owns = receiver.proj.is_empty()
            && matches!(name, "as_mut_ptr" | "as_ptr")
            && matches!(ty, Type::Known(Known::Vec | Known::String | Known::Box, _) | Type::Array(..));
        match (owns, &ty) {
            (true, Type::Array(..)) => Some(Target::Variable(local)),
            (true, _) => Some(Target::Owned(local)),
            (false, _) if receiver.proj.is_empty() && matches!(name, "cast" | "cast_mut" | "as_ptr") => {
                self.address_of(body, v, 4)
            }
            _ => None,
        }
    }

    fn address_of_place(&self, body: BodyId, place: &Place, mutable: bool) -> Option<Target> {
        match place.base {
            Base::Local(local, v) => {
                let ty = self.program.local_type(body, local, v);
                let captured = self.is_captured_local(body, Some(local));
                let known = !ty.is_unknown() && !captured;
                let derefs = place.proj.iter().filter(|p| **p == Proj::Deref).count();
                let plain = !ty.is_pointer() && !ty.is_raw_pointer() && !ty.is_guard();
                match &ty {
                    Type::Known(Known::Box, _) if derefs == 1 && place.proj[0] == Proj::Deref => {
                        Some(Target::Owned(local))
                    }
                    Type::Known(Known::Arc, _) if derefs == 0 && place.proj.is_empty() => Some(Target::Variable(local)),
                    // A field of the variable itself; what a smart pointer in it leads to is not looked for.
                    Type::Adt(..) | Type::Prim(_) | Type::Tuple(_) | Type::Array(..) | Type::Known(..)
                        if known
                            && plain
                            && derefs == 0
                            && place.proj.len() <= usize::from(matches!(ty, Type::Adt(..))) =>
                    {
                        Some(Target::Variable(local))
                    }
                    _ => None,
                }
            }
            Base::Value(v) if mutable && place.proj.is_empty() => {
                matches!(self.value(body, v), ValueKind::Struct { .. }).then_some(Target::Temporary)
            }
            _ => None,
        }
    }

    /// The owner is given to somebody else, who may keep it alive: only what it owns can be meant then.
    fn is_moved_on(&self, body: BodyId, target: Target, s: &Seen) -> bool {
        let Target::Owned(local) = target else { return false };
        let ir = self.program.body(body).ir;
        let is_owner = |v: ValueId| self.is_value_of(body, v, local);
        let moved = ir.events.iter().enumerate().any(|(i, e)| {
            let by_value = match &e.kind {
                EventKind::Call(call) => {
                    let dropped = self.callee_name(call) == "drop";
                    let receiver = matches!(
                        &call.callee,
                        Callee::Method { receiver, name, .. }
                            if receiver.proj.is_empty()
                                && matches!(receiver.base, Base::Local(l, _) if l == local)
                                && !matches!(name.as_str(), "as_ptr" | "as_mut_ptr" | "len" | "as_ref" | "as_mut" | "push")
                    );
                    !dropped && (receiver || call.args.iter().any(|v| is_owner(*v)))
                }
                EventKind::Write { value, .. } | EventKind::Assign { value, .. } => is_owner(*value),
                EventKind::Atomic(op) => op.args.iter().any(|v| is_owner(*v)),
                _ => false,
            };
            by_value && EventId(i as u32) != s.event
        });
        let kept = ir.values.iter().any(|v| match &v.kind {
            ValueKind::Struct { fields, .. } => fields.iter().any(|(_, v)| is_owner(*v)),
            ValueKind::Tuple(vs) | ValueKind::Array(vs) => vs.iter().any(|v| is_owner(*v)),
            ValueKind::Closure(idx) | ValueKind::AsyncBlock(idx) => self
                .program
                .nested_body(body, *idx)
                .is_some_and(|c| self.program.body(c).ir.captures.iter().any(|c| c.outer == local)),
            _ => false,
        });
        let returned = ir.blocks.iter().any(|b| {
            let mut used = false;
            if matches!(b.term, Terminator::Return(_)) {
                operands::of_terminator(&b.term, &mut |v| used |= is_owner(*v));
            }
            used
        });
        moved || kept || returned
    }

    /// The value is the variable's own content, moved or as it is.
    fn is_value_of(&self, body: BodyId, value: ValueId, local: LocalId) -> bool {
        match self.value(body, value) {
            ValueKind::Read(p) => p.proj.is_empty() && matches!(p.base, Base::Local(l, _) if l == local),
            _ => self.program.body(body).ir.locals[local.index()].init == Some(value),
        }
    }

    /// Before it returns, the function takes the address back, or waits: for that or for those who may follow it.
    fn comes_back(&self, body: BodyId, location: LocId, s: &Seen) -> bool {
        let flow = self.flow(body);
        let ir = self.program.body(body).ir;
        let later = |e: EventId| e != s.event && flow.reaches(s.event, e);
        let touched = self.seen(body).iter().any(|x| self.op(x.op).location == Some(location) && later(x.event));
        let waits = (0..ir.events.len() as u32).map(EventId).filter(|e| later(*e)).any(|e| {
            let in_loop = ir.blocks[flow.block_of(e).index()].in_loop.is_some();
            let by_name = match &ir.events[e.index()].kind {
                EventKind::Call(call) => {
                    let name = self.callee_name(call);
                    let words = ["wait", "park", "join", "recv", "block", "sleep", "yield", "lock", "acquire", "run"];
                    words.iter().any(|w| name.contains(w)) || self.wait_behind(body, e).is_some()
                }
                EventKind::Await(_) | EventKind::Opaque => true,
                _ => false,
            };
            in_loop || by_name
        });
        // An endless function keeps its variables.
        let returns = ir.blocks.iter().enumerate().any(|(i, b)| {
            let block = crate::ir::BlockId(i as u32);
            matches!(b.term, Terminator::Return(_))
                && (block == flow.block_of(s.event) || flow.block_reaches(flow.block_of(s.event), block))
        });
        touched || waits || !returns
    }
}
