//! Atomics that are handed around by reference, so that not every operation on them is seen.
//!
//! A location counts as handed out if somewhere a reference to it is made, or it is moved, printed, or taken apart by a
//! pattern: everything but being the receiver of an operation, of `get_mut` or of `into_inner`.

use rustc_hash::FxHashSet;

use super::Facts;
use super::access::{Key, LocId};
use crate::ir::{Base, Call, Callee, EventKind, ItemKind, Place, Proj, ValueId, ValueKind, Vis, operands};
use crate::resolve::calls::atomic_method;
use crate::resolve::{Atomic, BodyId, Type};

/// What is known of the ways on which atomics leave the hands of their owners.
#[derive(Debug, Default)]
pub struct HandedOut {
    keys: FxHashSet<Key>,
    /// Last field names of operations whose location is not known: they may be on any field of that name.
    unresolved: FxHashSet<String>,
}

impl Facts<'_> {
    /// Whether operations on a location may be missing from its table.
    pub fn is_handed_out(&self, location: LocId) -> bool {
        let handed = self.handed_out.get_or_init(|| collect(self));
        let key = &self.location(location).key;
        let by_name = match key {
            Key::Field(_, field) => handed.unresolved.contains(field.rsplit('.').next().unwrap_or(field)),
            Key::Static(d) => handed.unresolved.contains(&self.program.def(*d).item.name),
            Key::Local(..) => false,
        };
        by_name || handed.keys.contains(key)
    }

    /// Calls `f` with every value of a body that is passed, stored, returned, joined or put into something.
    pub fn given_away(&self, body: BodyId, f: &mut impl FnMut(ValueId)) {
        given_away(self, body, f);
    }

    /// Whether only the type's own module can name the field of a location.
    pub fn is_private_field(&self, location: LocId) -> bool {
        let Key::Field(adt, name) = &self.location(location).key else { return false };
        let ItemKind::Struct(s) = &self.program.def(*adt).item.kind else { return false };
        let field = name.split('.').next().unwrap_or(name);
        s.fields.iter().any(|f| f.name == field && f.vis == Vis::Private)
    }
}

fn collect(facts: &Facts<'_>) -> HandedOut {
    let mut out = HandedOut::default();
    for op in facts.ops.iter().filter(|op| op.location.is_none()) {
        if let EventKind::Atomic(a) = &facts.event(op.body, op.event).kind {
            out.unresolved.extend(last_name(&a.receiver));
        }
    }
    for body in facts.program.body_ids() {
        let mut used = FxHashSet::default();
        given_away(facts, body, &mut |v| {
            used.insert(v);
        });
        let ir = facts.program.body(body).ir;
        for (i, v) in ir.values.iter().enumerate() {
            let value = ValueId(i as u32);
            let key = match &v.kind {
                ValueKind::Ref { place, .. } | ValueKind::RawRef { place, .. } | ValueKind::Read(place) => {
                    key_of_place(facts, body, place)
                }
                // A reference that came in: a closure's parameter, part of a pattern, what an accessor gives.
                _ if used.contains(&value) && is_atomic(facts, &facts.program.type_of(body, value)) => {
                    facts.program.value_ref(body, value).into_atomic(facts.program).location().map(Key::of)
                }
                _ => None,
            };
            out.keys.extend(key);
        }
        for e in &ir.events {
            if let EventKind::Call(call) = &e.kind
                && let Callee::Method { receiver, name, .. } = &call.callee
                && !receiver.proj.is_empty()
                && !is_harmless(facts, body, receiver, name, call)
            {
                out.keys.extend(key_of_place(facts, body, receiver));
            }
        }
    }
    out
}

fn given_away(facts: &Facts<'_>, body: BodyId, f: &mut impl FnMut(ValueId)) {
    let ir = facts.program.body(body).ir;
    for v in &ir.values {
        let place = matches!(v.kind, ValueKind::Ref { .. } | ValueKind::RawRef { .. } | ValueKind::Read(_));
        if !place && !matches!(v.kind, ValueKind::Mutated { .. } | ValueKind::Part { .. } | ValueKind::Item(_)) {
            operands::of_value(&v.kind, &mut |v| f(*v));
        }
    }
    for e in &ir.events {
        match &e.kind {
            EventKind::Atomic(op) => op.args.iter().for_each(|v| f(*v)),
            EventKind::Call(call) => {
                call.args.iter().for_each(|v| f(*v));
                let Callee::Method { receiver, name, .. } = &call.callee else { continue };
                if let (Base::Local(_, v) | Base::Value(v), false) =
                    (&receiver.base, is_harmless(facts, body, receiver, name, call))
                    && receiver.proj.is_empty()
                {
                    f(*v);
                }
            }
            EventKind::Read(_) | EventKind::Borrow { .. } => {}
            kind => operands::of_event(kind, &mut |v| f(*v)),
        }
    }
    ir.blocks.iter().for_each(|b| operands::of_terminator(&b.term, &mut |v| f(*v)));
}

fn last_name(place: &Place) -> Option<String> {
    let field = place.proj.iter().rev().find_map(|p| match p {
        Proj::Field(name) => Some(name.clone()),
        _ => None,
    });
    field.or_else(|| match &place.base {
        Base::Path(path) => Some(path.last().to_owned()),
        _ => None,
    })
}

/// The location of the atomic that a place names, if it names one.
fn key_of_place(facts: &Facts<'_>, body: BodyId, place: &Place) -> Option<Key> {
    let ty = facts.program.place_type(body, place);
    if !is_atomic(facts, &ty) {
        return None;
    }
    let at = facts.program.place_ref(body, place).into_atomic(facts.program);
    at.location().map(Key::of)
}

/// An atomic, or an array or collection of some.
fn is_atomic(facts: &Facts<'_>, ty: &Type) -> bool {
    match ty {
        Type::Atomic(..) => true,
        Type::Array(inner, _) | Type::Slice(inner) | Type::Ref { inner, .. } => is_atomic(facts, inner),
        Type::Known(_, args) => args.iter().any(|t| is_atomic(facts, t)),
        ty => facts.program.as_atomic(ty).is_some(),
    }
}

/// A method that leaves the atomic where it is: an operation, or one of those that need it exclusively.
fn is_harmless(facts: &Facts<'_>, body: BodyId, receiver: &Place, name: &str, call: &Call) -> bool {
    let operation = || {
        atomic_method(Atomic::Int, name, call.args.len()).is_some()
            && facts.program.as_atomic(&facts.program.place_type(body, receiver)).is_some()
    };
    matches!(name, "get_mut" | "into_inner" | "with" | "len" | "is_empty") || operation()
}
