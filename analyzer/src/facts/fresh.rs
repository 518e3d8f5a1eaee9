//! Objects that nobody else has seen yet, and addresses that are the same for ever.

use super::Facts;
use crate::ir::{Base, Callee, EventId, EventKind, ValueId, ValueKind};
use crate::resolve::{BodyId, Known, Res, Type};

impl Facts<'_> {
    /// Whether a value is null, a constant, or the address of a static or function.
    pub fn is_static_address(&self, body: BodyId, value: ValueId, depth: u32) -> bool {
        if depth > 6 {
            return false;
        }
        let again = |v: ValueId| self.is_static_address(body, v, depth + 1);
        match self.value(body, value) {
            ValueKind::Int(_) | ValueKind::Bool(_) | ValueKind::Lit(_) => true,
            ValueKind::Path(path) => !matches!(self.program.resolve_value(body, path), Res::Unknown),
            ValueKind::Ref { place, .. } | ValueKind::RawRef { place, .. } => match &place.base {
                Base::Path(_) => true,
                Base::Local(_, v) | Base::Value(v) => again(*v),
            },
            ValueKind::Read(p) if p.proj.is_empty() => match &p.base {
                Base::Local(_, v) | Base::Value(v) => again(*v),
                Base::Path(_) => true,
            },
            ValueKind::Cast(v, _) | ValueKind::Mutated { before: v, .. } => again(*v),
            ValueKind::Phi(operands) => operands.iter().all(|(_, v)| again(*v)),
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(call) => match &call.callee {
                    Callee::Path(p) => match p.last() {
                        "null"
                        | "null_mut"
                        | "dangling"
                        | "without_provenance"
                        | "without_provenance_mut"
                        | "invalid_mut" => true,
                        "transmute" => call.args.first().is_some_and(|v| again(*v)),
                        _ => false,
                    },
                    Callee::Method { receiver, name, .. } if matches!(name.as_str(), "cast" | "cast_mut") => {
                        matches!(&receiver.base, Base::Local(_, v) | Base::Value(v) if again(*v))
                    }
                    _ => false,
                },
                _ => false,
            },
            _ => false,
        }
    }

    /// Where the object that a pointer leads to was made, if it was made in this body: `Some(None)` for a box or
    /// the like that the caller handed in.
    pub fn fresh_object(&self, body: BodyId, value: ValueId) -> Option<Option<EventId>> {
        self.fresh(body, value, &mut Vec::new())
    }

    fn fresh(&self, body: BodyId, value: ValueId, visited: &mut Vec<ValueId>) -> Option<Option<EventId>> {
        if visited.contains(&value) || visited.len() > 60 {
            return None;
        }
        visited.push(value);
        match self.value(body, value) {
            ValueKind::Param(_) => {
                let owned = matches!(
                    self.program.type_of(body, value),
                    Type::Known(Known::Box | Known::Arc | Known::EpochOwned, _)
                );
                owned.then_some(None)
            }
            ValueKind::Read(p) | ValueKind::Ref { place: p, .. } | ValueKind::RawRef { place: p, .. } => {
                match &p.base {
                    Base::Local(_, v) | Base::Value(v)
                        if !p.proj.iter().any(|p| matches!(p, crate::ir::Proj::Field(_))) =>
                    {
                        self.fresh(body, *v, visited)
                    }
                    _ => None,
                }
            }
            ValueKind::Cast(v, _) | ValueKind::Mutated { before: v, .. } => self.fresh(body, *v, visited),
            ValueKind::Binary(_, l, r) => self.fresh(body, *l, visited).or_else(|| self.fresh(body, *r, visited)),
            ValueKind::Struct { path, fields, .. } if matches!(path.last(), "Some" | "Ok") => {
                fields.iter().find_map(|(_, v)| self.fresh(body, *v, visited))
            }
            ValueKind::Phi(operands) => operands.iter().find_map(|(_, v)| self.fresh(body, *v, visited)),
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(call) => self.fresh_call(body, *e, call, visited),
                _ => None,
            },
            _ => None,
        }
    }

    fn fresh_call(
        &self,
        body: BodyId,
        event: EventId,
        call: &crate::ir::Call,
        visited: &mut Vec<ValueId>,
    ) -> Option<Option<EventId>> {
        match &call.callee {
            Callee::Path(p) => {
                let owner = p.segments.len().checked_sub(2).map_or("", |i| p.segments[i].name.as_str());
                match (owner, p.last()) {
                    ("Box" | "Arc" | "Owned", "new" | "init" | "pin") => Some(Some(event)),
                    (_, "alloc" | "alloc_zeroed") => Some(Some(event)),
                    ("Box" | "Arc", "into_raw" | "leak" | "from" | "into_raw_with_allocator") => {
                        let arg = call.args.first()?;
                        Some(self.fresh(body, *arg, visited).flatten().or(Some(event)))
                    }
                    ("NonNull" | "Shared", _) | (_, "from_raw_unchecked") => {
                        self.fresh(body, *call.args.first()?, visited)
                    }
                    _ => None,
                }
            }
            Callee::Method { receiver, name, .. }
                if matches!(
                    name.as_str(),
                    "cast" | "as_ptr" | "into_shared" | "with_tag" | "into_raw" | "expose_provenance" | "addr"
                ) =>
            {
                match &receiver.base {
                    Base::Local(_, v) | Base::Value(v) => self.fresh(body, *v, visited),
                    Base::Path(_) => None,
                }
            }
            _ => None,
        }
    }
}
