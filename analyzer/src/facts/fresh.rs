//! Objects that nobody else has seen yet, and addresses that are the same for ever.

use super::Facts;
use super::publication::origin;
use crate::ir::{Base, Call, Callee, EventId, EventKind, Place, Proj, ValueId, ValueKind};
use crate::resolve::calls::Target;
use crate::resolve::{BodyId, Known, Res, Type};

/// How many calls deep the maker of an object is looked for.
const MAX_CALLS: u32 = 3;

impl Facts<'_> {
    /// Whether a value is a new object: made by a constructor call here, or by a helper.
    pub(super) fn is_fresh(&self, body: BodyId, value: ValueId) -> bool {
        self.is_made(body, value, 0)
    }

    fn is_made(&self, body: BodyId, value: ValueId, calls: u32) -> bool {
        match self.value(body, value) {
            ValueKind::Struct { .. } => true,
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(c) => match &c.callee {
                    Callee::Path(p) => {
                        matches!(
                            p.last(),
                            "new" | "into_raw" | "leak" | "default" | "alloc" | "alloc_zeroed" | "from" | "pin"
                        ) || p.last().starts_with("new_")
                            || self.gives_what_it_made(body, c, calls)
                    }
                    Callee::Method { receiver, name, .. } if matches!(name.as_str(), "cast" | "as_ptr") => {
                        match receiver.base {
                            Base::Local(_, v) | Base::Value(v) => {
                                receiver.proj.is_empty() && self.is_made(body, v, calls)
                            }
                            Base::Path(_) => false,
                        }
                    }
                    _ => false,
                },
                _ => false,
            },
            ValueKind::Cast(v, _) => self.is_made(body, *v, calls),
            _ => false,
        }
    }

    /// Whether a function of the crate gives back what it has made itself and shown to nobody else.
    fn gives_what_it_made(&self, body: BodyId, call: &Call, calls: u32) -> bool {
        let Target::Fn(def) = self.program.target(body, call) else { return false };
        let Some(callee) = self.program.body_of(def).filter(|_| calls < MAX_CALLS) else { return false };
        let ways = self.all_ways_to_return(callee);
        !ways.is_empty()
            && ways.iter().all(|(v, _)| {
                let made = origin(self, callee, *v);
                self.is_made(callee, made, calls + 1) && !self.escapes(callee, made, None)
            })
    }

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

    /// Whether a pointer was given by a cell that makes its value once: whoever asks is given the same.
    pub fn is_made_once(&self, body: BodyId, value: ValueId) -> bool {
        let behind = |p: &Place| match p.base {
            Base::Local(_, v) | Base::Value(v) if p.proj.iter().all(|p| *p == Proj::Deref) => Some(v),
            _ => None,
        };
        match self.value(body, value) {
            ValueKind::Cast(v, _) => self.is_made_once(body, *v),
            ValueKind::Read(p) | ValueKind::Ref { place: p, .. } | ValueKind::RawRef { place: p, .. } => {
                behind(p).is_some_and(|v| self.is_made_once(body, v))
            }
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(Call { callee: Callee::Method { receiver, name, .. }, .. }) => match name.as_str() {
                    "get_or_init" | "get_or_try_init" | "get_or_create" | "call_once" => true,
                    "cast" | "cast_mut" | "as_ptr" => behind(receiver).is_some_and(|v| self.is_made_once(body, v)),
                    _ => false,
                },
                EventKind::Call(Call { callee: Callee::Path(p), args }) if p.last() == "from_ref" => {
                    args.first().is_some_and(|v| self.is_made_once(body, *v))
                }
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
        call: &Call,
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
