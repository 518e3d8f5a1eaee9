//! Plain (non-atomic) accesses to memory that is elsewhere accessed by atomic operations: through `as_ptr`, through
//! an `UnsafeCell`, a raw pointer or a `static mut` that other code turns into an atomic.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Facts;
use super::access::{Key, LocId};
use crate::ir::{Base, Callee, EventId, EventKind, Place, ValueId};
use crate::resolve::places::PlaceRef;
use crate::resolve::{BodyId, Type};

/// A plain access to a location.
#[derive(Clone, Debug)]
pub struct Plain {
    pub body: BodyId,
    pub event: EventId,
    pub place: PlaceRef,
    pub write: bool,
}

/// All plain accesses, by location.
pub(super) fn collect(facts: &Facts<'_>) -> FxHashMap<LocId, Vec<Plain>> {
    let ids: FxHashMap<&Key, LocId> =
        facts.locations.iter().enumerate().map(|(i, l)| (&l.key, LocId(i as u32))).collect();
    let mut found: FxHashMap<LocId, Vec<Plain>> = FxHashMap::default();
    for body in facts.program.body_ids() {
        let b = facts.program.body(body);
        if facts.program.def(b.owner).is_test {
            continue;
        }
        for (i, e) in b.ir.events.iter().enumerate() {
            let event = EventId(i as u32);
            for (place, write) in touched(facts, body, &e.kind, Reach::Indirect) {
                // Handing an atomic itself around is no access to its memory.
                if matches!(place.ty, Type::Atomic(..)) {
                    continue;
                }
                let id = place.location().and_then(|k| ids.get(&Key::of(k)).copied());
                if let Some(id) = id {
                    found.entry(id).or_default().push(Plain { body, event, place, write });
                }
            }
        }
    }
    found
}

/// Which accesses count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those through raw pointers, and of `static mut`s.
    Indirect,
    /// All of them.
    All,
}

/// The memory that an event reads or writes plainly.
pub(super) fn touched(facts: &Facts<'_>, body: BodyId, kind: &EventKind, reach: Reach) -> Vec<(PlaceRef, bool)> {
    let program = facts.program;
    let pointee = |v: &ValueId| {
        let mut at = program.value_ref(body, *v);
        if let Type::Ptr { inner, .. } = &at.ty {
            at.ty = (**inner).clone();
        }
        at
    };
    match kind {
        EventKind::Read(p) if reach == Reach::All || is_indirect(facts, body, p) => {
            vec![(program.place_ref(body, p), false)]
        }
        EventKind::Write { place, .. } if reach == Reach::All || is_indirect(facts, body, place) => {
            vec![(program.place_ref(body, place), true)]
        }
        EventKind::Call(call) => match &call.callee {
            Callee::Path(p) => {
                let in_ptr = p.segments.len() >= 2 && p.segments[p.segments.len() - 2].name == "ptr";
                match (p.last(), &call.args[..]) {
                    ("read" | "read_unaligned", [src, ..]) if in_ptr => vec![(pointee(src), false)],
                    ("write" | "write_unaligned" | "write_bytes" | "replace", [dst, ..]) if in_ptr => {
                        vec![(pointee(dst), true)]
                    }
                    ("swap", [a, b, ..]) if in_ptr => vec![(pointee(a), true), (pointee(b), true)],
                    ("copy_nonoverlapping" | "copy", [src, dst, ..]) if in_ptr => {
                        vec![(pointee(src), false), (pointee(dst), true)]
                    }
                    _ => Vec::new(),
                }
            }
            Callee::Method { receiver, name, .. } => {
                let write = match name.as_str() {
                    "read" | "read_unaligned" | "copy_to" | "copy_to_nonoverlapping" => false,
                    "write"
                    | "write_unaligned"
                    | "write_bytes"
                    | "replace"
                    | "copy_from"
                    | "copy_from_nonoverlapping" => true,
                    _ => return Vec::new(),
                };
                match program.place_type(body, receiver) {
                    Type::Ptr { inner, .. } => {
                        let mut at = program.place_ref(body, receiver);
                        at.ty = Arc::unwrap_or_clone(inner);
                        vec![(at, write)]
                    }
                    _ => Vec::new(),
                }
            }
            Callee::Value(_) => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Goes through a raw pointer, or names a `static mut`.
fn is_indirect(facts: &Facts<'_>, body: BodyId, place: &Place) -> bool {
    let program = facts.program;
    match &place.base {
        Base::Path(_) => true,
        Base::Local(_, v) | Base::Value(v) => {
            place.proj.contains(&crate::ir::Proj::Deref)
                && matches!(program.type_of(body, *v), Type::Ptr { .. } | Type::Unknown)
        }
    }
}
