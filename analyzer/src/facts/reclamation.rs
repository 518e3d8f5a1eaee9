//! Memory that is freed: which calls give it back, who may still be at it, and what protects readers.

use super::access::LocId;
use super::effects::{Effect, EffectKind};
use super::publication::How;
use super::touch::TouchKind;
use super::{Facts, OpId, Seen};
use crate::ir::{AtomicOpKind, Base, Call, Callee, EventId, EventKind, Proj, Terminator, ValueId, ValueKind, operands};
use crate::resolve::calls::Target;
use crate::resolve::places::Root;
use crate::resolve::{Atomic, BodyId, DefId, Known, Type};

/// What was taken out of a location is given back while others may be at it.
#[derive(Clone, Copy, Debug)]
pub struct Release {
    pub body: BodyId,
    /// What frees it, or makes an owner of it.
    pub event: EventId,
    /// The swap or CAS that took it out.
    pub taken: OpId,
    /// It is not freed here but handed to the caller as its own.
    pub to_caller: bool,
}

/// A load whose value is followed with nothing that keeps it from being freed.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    pub body: BodyId,
    pub load: OpId,
    /// Where the memory is used.
    pub used: EventId,
}

/// Whether each body frees something, callees before callers.
pub(super) fn collect(facts: &mut Facts<'_>) {
    facts.frees = vec![false; facts.program.bodies.len()];
    let order = std::mem::take(&mut facts.call_order);
    for body in order.iter().flatten() {
        let events = facts.program.body(*body).ir.events.len() as u32;
        let frees = (0..events).any(|e| facts.frees_at(*body, EventId(e)));
        facts.frees[body.index()] = frees;
    }
    facts.call_order = order;
}

/// What frees.
impl Facts<'_> {
    /// Whether an event gives memory or a handle back, directly or in a helper.
    pub fn frees_at(&self, body: BodyId, event: EventId) -> bool {
        let EventKind::Call(call) = &self.event(body, event).kind else { return false };
        let in_helper =
            self.calls(body).iter().any(|(e, c)| *e == event && self.frees.get(c.index()).copied().unwrap_or(false));
        in_helper || self.is_free_call(body, call)
    }

    fn is_free_call(&self, body: BodyId, call: &Call) -> bool {
        let own = matches!(self.program.target(body, call), Target::Fn(d) if self.program.body_of(d).is_some());
        match &call.callee {
            Callee::Path(p) => {
                let owner = p.segments.len().checked_sub(2).map_or("", |i| p.segments[i].name.as_str());
                match p.last() {
                    "from_raw" | "from_raw_in" => {
                        matches!(owner, "Box" | "Arc" | "Rc" | "CString" | "OwnedFd" | "File" | "Owned")
                    }
                    "drop_in_place" | "dealloc" | "munmap" | "closesocket" | "CloseHandle" | "VirtualFree" => true,
                    "free" | "close" => matches!(owner, "libc" | "" | "c" | "unistd" | "rustix" | "io"),
                    _ => false,
                }
            }
            Callee::Method { name, .. } => {
                !own && matches!(name.as_str(), "drop_in_place" | "dealloc" | "deallocate" | "drop_slow" | "munmap")
            }
            Callee::Value(_) => false,
        }
    }
}

/// What is taken out of a location and given back.
impl Facts<'_> {
    /// Whether something taken out of the location is freed where others may be at it.
    pub fn frees_what_was_taken(&self, location: LocId) -> bool {
        self.release_of(location).is_some_and(|r| !r.to_caller)
    }

    /// Where the old value of a swap or CAS on the location is given back in a shared context.
    pub fn release_of(&self, location: LocId) -> Option<Release> {
        let all: Vec<Release> = self.location(location).ops.iter().filter_map(|&id| self.release_by(id)).collect();
        all.iter().find(|r| !r.to_caller).or(all.first()).copied()
    }

    fn release_by(&self, id: OpId) -> Option<Release> {
        let op = self.op(id);
        let epoch = op.atomic == Some(Atomic::Epoch);
        let taken = match op.kind {
            AtomicOpKind::Swap => vec![op.result?],
            // What an epoch CAS gives on success is the new pointer.
            AtomicOpKind::Cas { .. } if epoch => vec![op.expected()?],
            AtomicOpKind::Cas { .. } => op.result.into_iter().chain(op.expected()).collect(),
            _ => return None,
        };
        let seen = self.seen(op.body).iter().find(|s| s.op == id && s.is_direct())?;
        // A lock keeps other writers away; whether it keeps the readers away is for them to say.
        if self.is_alone(op.body, seen) || self.context(id).in_drop {
            return None;
        }
        let flow = self.flow(op.body);
        let outcome = self.outcome(op.body, seen);
        let release = |e: &Effect| {
            let block = flow.block_of(e.event);
            let failed =
                op.kind.is_cas() && outcome.failure.iter().any(|f| *f == block || flow.block_dominates(*f, block));
            let possible = !failed && flow.reaches(op.event, e.event) && !self.is_awaited(op.body, seen, e.event);
            let to_caller = self.gives_back(op.body, e, &taken).filter(|_| possible)?;
            // The caller of an unsafe function answers for the readers. A guard may be what a domain waits for, but the
            // epoch's own guard keeps nobody from freeing at once.
            let vouched = to_caller && self.is_unsafe_fn(op.body) || !epoch && self.is_protected(op.body);
            (!vouched).then_some(Release { body: op.body, event: e.event, taken: id, to_caller })
        };
        self.effects(op.body).iter().find_map(release)
    }

    /// Between taking out and freeing, something was found out about others: another atomic decides whether to free, or
    /// a loop or call waits until the readers are gone.
    fn is_awaited(&self, body: BodyId, taken: &Seen, free: EventId) -> bool {
        let flow = self.flow(body);
        let own = self.op(taken.op).location;
        let seen = self.seen(body);
        let others = |i: &usize| {
            let s = &seen[*i];
            self.op(s.op).location != own && flow.reaches(taken.event, s.event)
        };
        let decided = self.decisions(body).iter().any(|d| {
            d.flows.ops.iter().chain(&d.flows.compared).any(others)
                && flow.block_dominates(d.block, flow.block_of(free))
        });
        let waits = |e: EventId| {
            let EventKind::Call(call) = &self.event(body, e).kind else { return false };
            let name = self.callee_name(call);
            let waits = name.split('_').any(|w| {
                matches!(w, "wait" | "synchronize" | "quiesce" | "flush" | "barrier" | "join" | "drain" | "pay")
            });
            waits && flow.reaches(taken.event, e) && flow.reaches(e, free)
        };
        decided || (0..self.program.body(body).ir.events.len() as u32).map(EventId).any(waits)
    }

    /// Whether an effect frees one of these values (`Some(false)`) or gives it to the caller as an owner
    /// (`Some(true)`).
    fn gives_back(&self, body: BodyId, effect: &Effect, taken: &[ValueId]) -> Option<bool> {
        let value = effect.value.filter(|_| effect.is_direct())?;
        let is_taken = |v: ValueId| taken.iter().any(|t| self.leads_back_to(body, v, *t));
        match effect.kind {
            // `defer_destroy`, `retire`: freed when the readers are gone.
            EffectKind::Free if !self.event_names(body, effect.event, &FREE_AT_ONCE) => None,
            EffectKind::Free => {
                let owner = self.owner_of_pointer(body, value);
                let raw = owner.unwrap_or(value);
                // Dropping what a cell of whole values gave is the cell's business.
                let pointer = owner.is_some()
                    || self.program.type_of(body, raw).is_raw_pointer()
                    || !self.event_names(body, effect.event, &["drop"]);
                (pointer && is_taken(raw)).then_some(false)
            }
            // `Box::from_raw(old);` and a box that goes nowhere else.
            EffectKind::Reclaim if is_taken(value) => match self.destination(body, effect.event) {
                Destination::Dropped => Some(false),
                Destination::Returned => Some(true),
                Destination::Kept => None,
            },
            _ => None,
        }
    }

    /// Whether a pointer is another one under another name: casts, payloads of `Ok` and `Some`, conversions.
    fn leads_back_to(&self, body: BodyId, value: ValueId, taken: ValueId) -> bool {
        let mut at = value;
        for _ in 0..12 {
            if at == taken {
                return true;
            }
            at = match self.value(body, at) {
                ValueKind::Cast(v, _) | ValueKind::Mutated { before: v, .. } => *v,
                ValueKind::Part { of, variant: Some(v), .. } if v == "Ok" || v == "Some" => *of,
                ValueKind::Read(p) | ValueKind::Ref { place: p, .. } | ValueKind::RawRef { place: p, .. } => {
                    match p.base {
                        Base::Local(_, v) | Base::Value(v) if p.proj.iter().all(|p| *p == Proj::Deref) => v,
                        _ => return false,
                    }
                }
                ValueKind::Event(e) => match &self.event(body, *e).kind {
                    EventKind::Call(call) => match (&call.callee, call.args.first()) {
                        (Callee::Path(p), Some(v))
                            if matches!(p.last(), "new" | "new_unchecked" | "from" | "from_exposed_addr_mut") =>
                        {
                            *v
                        }
                        (Callee::Method { receiver, name, .. }, _)
                            if matches!(
                                name.as_str(),
                                "as_ptr" | "as_raw" | "cast" | "cast_mut" | "unwrap" | "expect" | "into"
                            ) =>
                        {
                            match receiver.base {
                                Base::Local(_, v) | Base::Value(v) if receiver.proj.is_empty() => v,
                                _ => return false,
                            }
                        }
                        _ => return false,
                    },
                    _ => return false,
                },
                _ => return false,
            };
        }
        false
    }

    /// The pointer behind an owner that is dropped: `drop(Box::from_raw(p))`, `drop(p.into_owned())`.
    fn owner_of_pointer(&self, body: BodyId, value: ValueId) -> Option<ValueId> {
        let ValueKind::Event(e) = self.value(body, super::publication::origin(self, body, value)) else { return None };
        let EventKind::Call(call) = &self.event(body, *e).kind else { return None };
        match &call.callee {
            Callee::Path(p) if p.last().starts_with("from_raw") => call.args.first().copied(),
            Callee::Method { receiver, name, .. } if name == "into_owned" && receiver.proj.is_empty() => {
                match receiver.base {
                    Base::Local(_, v) | Base::Value(v) => Some(v),
                    Base::Path(_) => None,
                }
            }
            _ => None,
        }
    }

    fn event_names(&self, body: BodyId, event: EventId, names: &[&str]) -> bool {
        matches!(&self.event(body, event).kind, EventKind::Call(call) if names.contains(&self.callee_name(call)))
    }

    /// Where the owner that `from_raw` made ends up.
    fn destination(&self, body: BodyId, event: EventId) -> Destination {
        let Some(result) = self.program.used_result(body, event) else { return Destination::Dropped };
        let ir = self.program.body(body).ir;
        let uses = |v: ValueId| self.is_alias(body, v, result, 0) || self.derives_from(body, v, result);
        let kept = ir.events.iter().any(|e| {
            let mut used = false;
            operands::of_event(&e.kind, &mut |v| used |= uses(*v));
            let ends = match &e.kind {
                EventKind::Call(call) => self.callee_name(call) == "drop",
                EventKind::ScopeEnd(_) | EventKind::Read(_) | EventKind::Borrow { .. } => true,
                _ => false,
            };
            used && !ends
        });
        if kept {
            return Destination::Kept;
        }
        let returned = ir.blocks.iter().any(|b| match &b.term {
            Terminator::Return(Some(v)) => uses(*v),
            _ => false,
        });
        if returned { Destination::Returned } else { Destination::Dropped }
    }
}

/// Calls that free now rather than when readers are gone.
const FREE_AT_ONCE: [&str; 4] = ["drop", "drop_in_place", "dealloc", "decrement_strong_count"];

enum Destination {
    Dropped,
    Returned,
    /// Stored, passed on, turned back into a pointer.
    Kept,
}

/// Who may be at it.
impl Facts<'_> {
    /// The loads of a location whose value is followed in a shared context with nothing that keeps it from being freed.
    pub fn unprotected_readers(&self, location: LocId, release: &Release) -> Vec<Reader> {
        let mut found: Vec<Reader> = Vec::new();
        // Freed without regard for the epoch: a pinned reader is no safer than another.
        let at_once = self.location(location).atomic == Some(Atomic::Epoch) && !release.to_caller;
        for f in self.follows(location) {
            let How::Pointer(t) = f.how else { continue };
            let (seen, touch) = (&self.seen(f.body)[f.seen], &self.touches(f.body)[t]);
            let load = seen.op;
            let is_reader = self.op(load).kind == AtomicOpKind::Load
                && touch.kind != TouchKind::Take
                && self.context(load).locks.is_empty()
                && (at_once || !self.is_protected(f.body) && !self.is_protected(self.op(load).body))
                && !self.is_one_owner(release.body, f.body)
                && !self.is_one_handle((release.body, release.taken), (f.body, seen))
                && !self.is_announced(f.body, f.seen, touch.event);
            if is_reader && !found.iter().any(|r| r.load == load) {
                found.push(Reader { body: f.body, load, used: touch.event });
            }
        }
        found
    }

    /// Taking out and reading go through one handle that cannot be in two hands.
    fn is_one_handle(&self, (taker, taken): (BodyId, OpId), (reader, load): (BodyId, &Seen)) -> bool {
        let take = self.seen(taker).iter().find(|s| s.op == taken && s.is_direct());
        let handle = take.and_then(|s| self.handle_of(taker, s));
        handle.is_some() && self.handle_of(reader, load) == handle
    }

    /// Before it follows the pointer, the reader writes another atomic, by which whoever frees can know of it: a count of
    /// readers, a hazard slot.
    pub(super) fn is_announced(&self, body: BodyId, load: usize, used: EventId) -> bool {
        let flow = self.flow(body);
        let own = self.op(self.seen(body)[load].op).location;
        let through_pointer =
            |e: EventId| self.touches(body).iter().any(|t| t.event == e && t.pointer.ops.contains(&load));
        self.seen(body).iter().any(|s| {
            let op = self.op(s.op);
            op.kind.writes()
                && op.location != own
                && (flow.dominates(s.event, used) || s.event == used && !s.is_direct())
                && !through_pointer(s.event)
        })
    }

    /// An epoch guard or hazard pointer is at hand, so that what was read is not reclaimed meanwhile.
    pub fn is_protected(&self, body: BodyId) -> bool {
        let ir = self.program.body(body).ir;
        let guard = |ty: &Type| match ty.peeled_refs() {
            Type::Known(Known::ReclaimGuard, _) => true,
            Type::External(path, _) => {
                let last = path.rsplit("::").next().unwrap_or("");
                last.contains("Guard") || last.contains("Hazard")
            }
            _ => false,
        };
        let by_type = (0..ir.values.len() as u32).map(ValueId).any(|v| {
            let given = match ir.values[v.index()].kind {
                ValueKind::Param(_) | ValueKind::Capture(_) => true,
                // A guard that says itself that it guards nothing.
                ValueKind::Event(e) => !self.event_names(body, e, &["unprotected"]),
                _ => false,
            };
            given && guard(&self.program.type_of(body, v))
        });
        by_type
            || self.retires_by_own_guard(body)
            || ir.events.iter().any(|e| match &e.kind {
                EventKind::Call(call) => {
                    let name = self.callee_name(call);
                    matches!(name, "pin" | "protect" | "protect_ptr" | "acquire_guard")
                }
                _ => false,
            })
    }

    /// What is taken out is handed to a guard of the crate's own, which announces by an atomic when it goes: until then
    /// nobody frees what others may look at.
    fn retires_by_own_guard(&self, body: BodyId) -> bool {
        self.program.body(body).ir.events.iter().any(|e| {
            let EventKind::Call(call) = &e.kind else { return false };
            let Callee::Method { receiver, .. } = &call.callee else { return false };
            let Target::Fn(method) = self.program.target(body, call) else { return false };
            let guard =
                self.program.self_adt(method).filter(|_| call.args.iter().any(|v| self.comes_from_pointer(body, *v)));
            let root = self.program.place_ref(body, receiver).root;
            let held = matches!(root, Root::Local(b, _) | Root::Value(b, _) if b == body);
            held && guard.is_some_and(|g| self.leaves_by_atomic(g))
        })
    }

    /// Whether a value was made from a pointer that an atomic gave.
    fn comes_from_pointer(&self, body: BodyId, value: ValueId) -> bool {
        self.seen(body).iter().any(|s| {
            let op = self.op(s.op);
            let given = self.result_of(body, s.event).filter(|_| op.kind.reads());
            op.atomic.is_some_and(|a| a.is_pointer()) && given.is_some_and(|v| self.derives_from(body, value, v))
        })
    }

    /// Dropping a value of the type lowers an atomic.
    fn leaves_by_atomic(&self, adt: DefId) -> bool {
        self.program.methods_of(adt, "drop").iter().any(|drop| {
            let by_trait = self.program.implemented_trait(*drop) == Some("Drop");
            let body = self.program.body_of(*drop).filter(|_| by_trait);
            body.is_some_and(|b| self.seen(b).iter().any(|s| self.op(s.op).kind == AtomicOpKind::FetchSub))
        })
    }
}
