//! Memory that is freed while others may be at it: what protects readers, what is taken out and given back.

use super::effects::{Effect, EffectKind};
use super::{Facts, LocId, OpId};
use crate::ir::{AtomicOpKind, Base, Callee, EventId, EventKind, Proj, ValueId, ValueKind, operands};
use crate::resolve::{BodyId, Known, Type};

impl Facts<'_> {
    /// Whether something taken out of the location is freed where others may be at it.
    pub fn frees_what_was_taken(&self, location: LocId) -> bool {
        self.release_of(location).is_some()
    }

    /// Where the old value of a swap or CAS on the location is freed in a shared context, and that operation.
    pub fn release_of(&self, location: LocId) -> Option<((BodyId, EventId), OpId)> {
        self.location(location).ops.iter().find_map(|&id| {
            let op = self.op(id);
            let taken = match op.kind {
                AtomicOpKind::Swap => vec![op.result?],
                AtomicOpKind::Cas { .. } => op.result.into_iter().chain(op.expected()).collect(),
                _ => return None,
            };
            let seen = self.seen(op.body).iter().find(|s| s.op == id && s.is_direct())?;
            let context = self.context(id);
            if self.is_alone(op.body, seen) || context.in_drop || !context.locks.is_empty() {
                return None;
            }
            if self.is_protected(op.body) {
                return None;
            }
            let flow = self.flow(op.body);
            let outcome = self.outcome(op.body, seen);
            let freed = self.effects(op.body).iter().find(|e| {
                let block = flow.block_of(e.event);
                let failed = outcome.failure.iter().any(|f| *f == block || flow.block_dominates(*f, block));
                !failed && flow.reaches(op.event, e.event) && self.frees(op.body, e, &taken)
            })?;
            Some(((op.body, freed.event), id))
        })
    }

    /// Whether an effect frees one of these values.
    fn frees(&self, body: BodyId, effect: &Effect, taken: &[ValueId]) -> bool {
        let Some(value) = effect.value.filter(|_| effect.is_direct()) else { return false };
        let is_taken = |v: ValueId| taken.iter().any(|t| self.is_alias(body, v, *t, 0) || self.is_payload(body, v, *t));
        match effect.kind {
            EffectKind::Free => self.freed_pointer(body, value).is_some_and(is_taken),
            // `Box::from_raw(old);` and a box that is not given back.
            EffectKind::Reclaim => is_taken(value) && !self.is_kept_alive(body, effect.event),
            _ => false,
        }
    }

    /// `Ok(old)` of a CAS.
    fn is_payload(&self, body: BodyId, value: ValueId, of: ValueId) -> bool {
        matches!(self.value(body, value), ValueKind::Part { of: whole, variant: Some(v), .. } if *whole == of && v == "Ok")
    }

    /// The raw pointer behind what is dropped: `drop(Box::from_raw(p))`, `drop_in_place(p)`.
    fn freed_pointer(&self, body: BodyId, value: ValueId) -> Option<ValueId> {
        let ValueKind::Event(e) = self.value(body, value) else { return Some(value) };
        match &self.event(body, *e).kind {
            EventKind::Call(call) if self.callee_name(call).starts_with("from_raw") => call.args.first().copied(),
            _ => Some(value),
        }
    }

    /// What `from_raw` gave is returned, stored or turned back into a pointer.
    fn is_kept_alive(&self, body: BodyId, event: EventId) -> bool {
        let Some(result) = self.program.used_result(body, event) else { return false };
        let ir = self.program.body(body).ir;
        let uses = |v: ValueId| self.is_alias(body, v, result, 0) || self.derives_from(body, v, result);
        ir.events.iter().any(|e| {
            let mut used = false;
            operands::of_event(&e.kind, &mut |v| used |= uses(*v));
            let frees = match &e.kind {
                EventKind::Call(call) => self.callee_name(call) == "drop",
                EventKind::ScopeEnd(_) | EventKind::Read(_) | EventKind::Borrow { .. } => true,
                _ => false,
            };
            used && !frees
        }) || ir.blocks.iter().any(|b| {
            let mut used = false;
            operands::of_terminator(&b.term, &mut |v| used |= uses(*v));
            used
        })
    }

    /// Whether what a pointer leads to is read, or a reference to it is made.
    pub fn is_followed(&self, body: BodyId, pointer: ValueId) -> bool {
        let same = |v: ValueId| self.is_alias(body, v, pointer, 0);
        self.program.body(body).ir.events.iter().any(|e| match &e.kind {
            EventKind::Read(p) | EventKind::Borrow { place: p, .. } => match p.base {
                Base::Local(_, v) | Base::Value(v) => p.proj.first() == Some(&Proj::Deref) && same(v),
                Base::Path(_) => false,
            },
            EventKind::Call(call) => match &call.callee {
                Callee::Method { receiver, name, .. } => match receiver.base {
                    Base::Local(_, v) | Base::Value(v) => {
                        let through = receiver.proj.first() == Some(&Proj::Deref) && same(v);
                        through
                            || matches!(name.as_str(), "as_ref" | "as_mut" | "read")
                                && receiver.proj.is_empty()
                                && same(v)
                    }
                    Base::Path(_) => false,
                },
                Callee::Path(path) => {
                    matches!(path.last(), "increment_strong_count" | "read") && call.args.iter().any(|v| same(*v))
                }
                Callee::Value(_) => false,
            },
            EventKind::Atomic(op) => match op.receiver.base {
                Base::Local(_, v) | Base::Value(v) => op.receiver.proj.first() == Some(&Proj::Deref) && same(v),
                Base::Path(_) => false,
            },
            _ => false,
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
            matches!(ir.values[v.index()].kind, ValueKind::Param(_) | ValueKind::Event(_) | ValueKind::Capture(_))
                && guard(&self.program.type_of(body, v))
        });
        by_type
            || ir.events.iter().any(|e| match &e.kind {
                EventKind::Call(call) => {
                    let name = self.callee_name(call);
                    matches!(name, "pin" | "protect" | "protect_ptr" | "acquire_guard")
                }
                _ => false,
            })
    }
}
