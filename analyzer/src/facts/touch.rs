//! Plain accesses to memory that other threads can reach: behind raw pointers, inside `UnsafeCell`s, in `static mut`s.
//!
//! Such memory has no ordering of its own; a [`Touch`] is right only if some atomic orders it. Each touch knows
//! which field or static it is about, and what flows into the pointer that it follows. References that were made
//! from a raw pointer in the same body are looked through.

use super::access::Key;
use super::helpers::transport_place;
use super::value_flow::Flows;
use super::{Facts, Seen};
use crate::ir::{
    Base, Call, Callee, EventId, EventKind, ItemKind, Path, Place, Proj, Span, Terminator, Ty, ValueId, ValueKind,
};
use crate::resolve::calls::Target;
use crate::resolve::places::PlaceRef;
use crate::resolve::{BodyId, Known, Res, Type};

/// How many accesses of a helper are still looked through.
const MAX_HELPER_TOUCHES: usize = 48;
/// How many calls deep helpers are looked through.
const MAX_CALL_DEPTH: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TouchKind {
    Read,
    /// A shared reference is made, or a method called on the memory.
    Ref,
    Write,
    /// An exclusive reference is made.
    MutRef,
    /// Ownership is taken: `Box::from_raw`, `drop_in_place`, `ptr::read` of a box.
    Take,
}

impl TouchKind {
    pub fn writes(self) -> bool {
        matches!(self, TouchKind::Write | TouchKind::MutRef | TouchKind::Take)
    }
}

/// One plain access, as a body performs it: itself, or through the helper that it calls at `event`.
#[derive(Clone, Debug)]
pub struct Touch {
    pub event: EventId,
    /// Calls from the one at `event` inwards.
    pub via: Vec<(BodyId, EventId)>,
    pub kind: TouchKind,
    /// The memory, as this body sees it.
    pub place: PlaceRef,
    pub key: Option<Key>,
    /// What flows into the pointer, in terms of this body; operations are indices into its seen operations.
    pub pointer: Flows,
    /// The pointer itself, for an access of the body's own.
    pub value: Option<ValueId>,
    /// Where it stands in the source.
    pub site: (BodyId, Span),
    /// The memory lies in an `UnsafeCell`.
    pub in_cell: bool,
    /// A `static mut`, or memory of a known field or static rather than only "what the pointer leads to".
    pub is_static: bool,
    /// Reached by way of a reference, as a field of what it leads to.
    pub by_reference: bool,
}

impl Touch {
    pub fn is_direct(&self) -> bool {
        self.via.is_empty()
    }
}

fn of_body(facts: &Facts<'_>, body: BodyId) -> Vec<Touch> {
    let mut touches = own(facts, body);
    through_calls(facts, body, &mut touches);
    touches
}

fn own(facts: &Facts<'_>, body: BodyId) -> Vec<Touch> {
    let b = facts.program.body(body);
    let mut out = Vec::new();
    for (i, event) in b.ir.events.iter().enumerate() {
        let mut at = Finder { facts, body, event: EventId(i as u32), span: event.span, out: &mut out };
        match &event.kind {
            EventKind::Read(place) => at.place(place, TouchKind::Read),
            EventKind::Write { place, .. } => at.place(place, TouchKind::Write),
            EventKind::Borrow { place, mutable, raw: false } => {
                at.place(place, if *mutable { TouchKind::MutRef } else { TouchKind::Ref });
            }
            EventKind::Atomic(op) => at.place(&op.receiver, TouchKind::Ref),
            EventKind::Call(call) => at.call(call),
            _ => {}
        }
    }
    out
}

fn through_calls(facts: &Facts<'_>, body: BodyId, out: &mut Vec<Touch>) {
    let seen = facts.seen(body);
    let by_event = &facts.by_event[body.index()];
    for &(event, callee) in &facts.calls[body.index()] {
        let of_callee = facts.touches.of_callee(callee).filter(|_| !facts.call_each_other(body, callee));
        let Some(inner) = of_callee.filter(|inner| inner.len() <= MAX_HELPER_TOUCHES) else { continue };
        for t in inner {
            if t.via.len() >= MAX_CALL_DEPTH {
                continue;
            }
            let pointer = facts.transport_flows(body, event, callee, &t.pointer, seen, by_event);
            if t.key.is_none() && pointer.ops.is_empty() && pointer.params.is_empty() {
                continue;
            }
            let place = transport_place(facts.program, body, event, callee, &t.place);
            let mut via = vec![(callee, t.event)];
            via.extend(t.via.iter().copied());
            let key = t.key.clone().or_else(|| place.location().map(Key::of));
            out.push(Touch { event, via, place, key, pointer, value: None, ..t.clone() });
        }
    }
}

struct Finder<'f, 'a> {
    facts: &'f Facts<'a>,
    body: BodyId,
    event: EventId,
    span: Span,
    out: &'f mut Vec<Touch>,
}

impl Finder<'_, '_> {
    /// The accesses that naming `place` makes: one for each raw pointer on the way; the last is of kind `kind`.
    fn place(&mut self, place: &Place, kind: TouchKind) {
        let program = self.facts.program;
        if let Base::Path(path) = &place.base
            && self.is_static_mut(path)
        {
            self.push(place, kind, Flows { other: true, ..Flows::default() }, None, true, false);
        }
        let raw: Vec<usize> = (0..place.proj.len()).filter(|&i| self.is_raw_deref(place, i)).collect();
        for (n, &i) in raw.iter().enumerate() {
            let kind = if n + 1 == raw.len() { kind } else { TouchKind::Read };
            let (flows, value) = self.pointer(place, i);
            let upto = if n + 1 == raw.len() { place.proj.len() } else { i + 1 };
            let reached = Place { base: place.base.clone(), proj: place.proj[..upto].to_vec(), span: place.span };
            self.push(&reached, kind, flows, value, false, false);
        }
        let has_field = place.proj.iter().any(|p| matches!(p, Proj::Field(_)));
        let (Base::Local(_, v) | Base::Value(v)) = &place.base else { return };
        if raw.is_empty()
            && has_field
            && program.type_of(self.body, *v).is_pointer()
            && let Some(origin) = self.raw_origin(*v, 0)
        {
            let flows = self.facts.flows_into(self.body, origin);
            self.push(place, kind, flows, Some(origin), false, true);
        }
    }

    fn is_raw_deref(&self, place: &Place, i: usize) -> bool {
        if place.proj[i] != Proj::Deref {
            return false;
        }
        let upto = Place { base: place.base.clone(), proj: place.proj[..i].to_vec(), span: place.span };
        match self.facts.program.place_type(self.body, &upto) {
            Type::Ptr { .. } => true,
            // What an atomic pointer gives, where its type could not be followed.
            Type::Unknown => match &place.base {
                Base::Local(_, v) | Base::Value(v) => {
                    self.facts.event(self.body, self.event).is_unsafe && {
                        let flows = self.facts.flows_into(self.body, *v);
                        flows.ops.iter().any(|o| self.gives_pointer(*o)) && i == 0
                    }
                }
                Base::Path(_) => false,
            },
            _ => false,
        }
    }

    fn gives_pointer(&self, seen: usize) -> bool {
        let seen = &self.facts.seen(self.body)[seen];
        self.facts.op(seen.op).atomic.is_some_and(|a| a.is_pointer())
    }

    /// What flows into the pointer that the dereference at `i` follows.
    fn pointer(&self, place: &Place, i: usize) -> (Flows, Option<ValueId>) {
        match &place.base {
            Base::Local(_, v) | Base::Value(v) if i == 0 => (self.facts.flows_into(self.body, *v), Some(*v)),
            Base::Local(_, v) | Base::Value(v) => {
                let mut flows = self.facts.flows_into(self.body, *v);
                flows.params.clear();
                flows.other = true;
                (flows, None)
            }
            Base::Path(_) => (Flows { other: true, ..Flows::default() }, None),
        }
    }

    /// The raw pointer that a reference was made of, by `&*p` in this body.
    fn raw_origin(&self, value: ValueId, depth: u32) -> Option<ValueId> {
        if depth > 4 {
            return None;
        }
        match self.facts.value(self.body, value) {
            ValueKind::Ref { place, .. } => {
                let raw = (0..place.proj.len()).rev().find(|&i| self.is_raw_deref(place, i))?;
                match &place.base {
                    Base::Local(_, v) | Base::Value(v) if raw == 0 => Some(*v),
                    _ => None,
                }
            }
            ValueKind::Read(p) if p.proj.is_empty() => match &p.base {
                Base::Local(_, v) | Base::Value(v) => self.raw_origin(*v, depth + 1),
                Base::Path(_) => None,
            },
            ValueKind::Mutated { before, .. } => self.raw_origin(*before, depth + 1),
            _ => None,
        }
    }

    fn is_static_mut(&self, path: &Path) -> bool {
        match self.facts.program.resolve_value(self.body, path) {
            Res::Def(d) => matches!(self.facts.program.def(d).item.kind, ItemKind::Static { mutable: true, .. }),
            _ => false,
        }
    }

    fn call(&mut self, call: &Call) {
        match &call.callee {
            Callee::Method { receiver, name, .. } => {
                let ty = self.facts.program.place_type(self.body, receiver);
                let raw =
                    matches!(ty.peeled_refs(), Type::Ptr { .. } | Type::Known(Known::NonNull | Known::EpochShared, _));
                if let (Type::Known(Known::Cell, _), Some(kind)) = (ty.peeled_refs(), cell_touch(name)) {
                    self.push(receiver, kind, Flows { other: true, ..Flows::default() }, None, false, true);
                    return;
                }
                match method_touch(name).filter(|_| raw) {
                    Some(kind) => {
                        let (flows, value) = match &receiver.base {
                            Base::Local(_, v) | Base::Value(v) if receiver.proj.is_empty() => {
                                (self.facts.flows_into(self.body, *v), Some(*v))
                            }
                            _ => (Flows { other: true, ..Flows::default() }, None),
                        };
                        self.place(receiver, TouchKind::Read);
                        self.push(receiver, kind, flows, value, false, false);
                    }
                    None => {
                        let kind = self.receiver_kind(call, name);
                        self.place(receiver, kind);
                    }
                }
            }
            Callee::Path(path) => {
                if matches!(self.facts.program.target(self.body, call), Target::Fn(_) | Target::Closure(_)) {
                    return;
                }
                for (index, kind) in self.function_touches(path) {
                    let Some(&v) = call.args.get(index) else { continue };
                    let flows = self.facts.flows_into(self.body, v);
                    let place = Place { base: Base::Value(v), proj: Vec::new(), span: self.span };
                    self.push(&place, kind, flows, Some(v), false, false);
                }
            }
            Callee::Value(_) => {}
        }
    }

    /// Whether a method changes the memory that it is called on.
    fn receiver_kind(&self, call: &Call, name: &str) -> TouchKind {
        let program = self.facts.program;
        match program.target(self.body, call) {
            Target::Fn(def) => match program.function(def).and_then(|f| f.receiver.as_ref()) {
                Some(crate::ir::Receiver::RefMut) => TouchKind::MutRef,
                _ => TouchKind::Ref,
            },
            _ if matches!(name, "write" | "push" | "push_back" | "insert" | "replace" | "set" | "take" | "clear") => {
                TouchKind::Write
            }
            _ => TouchKind::Ref,
        }
    }

    /// Which arguments a function of std (or of a reclamation crate) accesses memory through.
    fn function_touches(&self, path: &Path) -> Vec<(usize, TouchKind)> {
        let n = path.segments.len();
        let owner = if n >= 2 { path.segments[n - 2].name.as_str() } else { "" };
        match (owner, path.last()) {
            (_, "transmute" | "transmute_copy") if self.makes_reference(path) => vec![(0, TouchKind::Ref)],
            ("Box" | "Arc" | "Rc" | "CString" | "Weak" | "Owned" | "Vec", "from_raw" | "from_raw_parts")
            | ("Arc" | "Rc", "decrement_strong_count") => vec![(0, TouchKind::Take)],
            ("Arc" | "Rc", "increment_strong_count") => vec![(0, TouchKind::Ref)],
            ("slice", "from_raw_parts") | ("CStr", "from_ptr") | (_, "slice_from_raw") => vec![(0, TouchKind::Ref)],
            (_, "from_raw_parts") if owner.is_empty() => vec![(0, TouchKind::Ref)],
            (_, "from_raw_parts_mut") => vec![(0, TouchKind::MutRef)],
            (_, "drop_in_place" | "dealloc") => vec![(0, TouchKind::Take)],
            ("ptr", "read" | "read_volatile" | "read_unaligned") => vec![(0, TouchKind::Read)],
            ("ptr", "write" | "write_volatile" | "write_unaligned" | "write_bytes" | "replace") => {
                vec![(0, TouchKind::Write)]
            }
            (_, "copy_nonoverlapping") | ("ptr", "copy") => vec![(0, TouchKind::Read), (1, TouchKind::Write)],
            _ => Vec::new(),
        }
    }

    /// Whether a `transmute` makes a reference, by its written target or by what the function returns.
    fn makes_reference(&self, path: &Path) -> bool {
        let target = path.segments.last().and_then(|s| s.args.get(1));
        match target {
            Some(ty) => mentions_reference(ty),
            None => {
                let owner = self.facts.program.body(self.body).owner;
                self.facts.program.function(owner).is_some_and(|f| mentions_reference(&f.ret))
            }
        }
    }

    fn push(
        &mut self,
        place: &Place,
        kind: TouchKind,
        pointer: Flows,
        value: Option<ValueId>,
        is_static: bool,
        by_reference: bool,
    ) {
        let at = self.facts.program.place_ref(self.body, place);
        let key = at.location().map(Key::of).filter(|k| !matches!(k, Key::Local(..)));
        let in_cell = key.as_ref().is_some_and(|k| self.facts.holds_cell(k));
        self.out.push(Touch {
            event: self.event,
            via: Vec::new(),
            kind,
            place: at,
            key,
            pointer,
            value,
            site: (self.body, self.span),
            in_cell,
            is_static,
            by_reference,
        });
    }
}

fn mentions_reference(ty: &Ty) -> bool {
    match ty {
        Ty::Ref { .. } => true,
        Ty::Path(p) => p.segments.iter().flat_map(|s| &s.args).any(mentions_reference),
        Ty::Tuple(ts) => ts.iter().any(mentions_reference),
        _ => false,
    }
}

/// What a method of `Cell` does to what is in it.
fn cell_touch(name: &str) -> Option<TouchKind> {
    Some(match name {
        "set" | "replace" | "swap" | "take" | "update" => TouchKind::Write,
        "get" | "as_ptr" => TouchKind::Read,
        _ => return None,
    })
}

fn method_touch(name: &str) -> Option<TouchKind> {
    Some(match name {
        "read" | "read_volatile" | "read_unaligned" | "copy_to" | "copy_to_nonoverlapping" => TouchKind::Read,
        "as_ref" | "deref" | "as_uninit_ref" | "as_ref_unchecked" => TouchKind::Ref,
        "write"
        | "write_volatile"
        | "write_unaligned"
        | "write_bytes"
        | "replace"
        | "copy_from"
        | "copy_from_nonoverlapping" => TouchKind::Write,
        "as_mut" | "deref_mut" | "as_uninit_mut" | "as_mut_unchecked" => TouchKind::MutRef,
        "drop_in_place" | "into_owned" => TouchKind::Take,
        _ => return None,
    })
}

impl Facts<'_> {
    /// The plain accesses that running a body makes, its helpers' included.
    pub fn touches(&self, body: BodyId) -> &[Touch] {
        self.summary::<Vec<_>>(&self.touches, body, of_body)
    }

    /// Whether the type of a field or static has an `UnsafeCell` in it.
    pub(super) fn holds_cell(&self, key: &Key) -> bool {
        let program = self.program;
        let ty = match key {
            Key::Field(adt, field) => match &program.def(*adt).item.kind {
                ItemKind::Struct(s) | ItemKind::Union(s) => {
                    s.fields.iter().find(|f| f.name == *field).map(|f| program.lower_type(*adt, &f.ty))
                }
                _ => None,
            },
            Key::Static(d) => match &program.def(*d).item.kind {
                ItemKind::Static { ty, .. } => Some(program.lower_type(*d, ty)),
                _ => None,
            },
            Key::Local(..) => None,
        };
        // A newtype of the crate's own around a cell is one.
        let around = |ty: &Type| match ty {
            Type::Adt(adt, _) => match &program.def(*adt).item.kind {
                ItemKind::Struct(s) if s.fields.len() == 1 => Some(program.lower_type(*adt, &s.fields[0].ty)),
                _ => None,
            },
            _ => None,
        };
        ty.is_some_and(|t| has_cell(&t) || around(&t).is_some_and(|t| has_cell(&t)))
    }

    /// Whether control leaves a body by returning this value (directly).
    pub fn returns_value(&self, body: BodyId, value: ValueId) -> bool {
        self.program
            .body(body)
            .ir
            .blocks
            .iter()
            .any(|b| matches!(b.term, Terminator::Return(Some(v)) if self.is_alias(body, v, value, 0)))
    }

    /// The operations whose result the touch follows as a pointer: those of pointer atomics, and of integers that
    /// were cast to one on the way.
    pub fn followed<'s>(&'s self, body: BodyId, touch: &'s Touch) -> impl Iterator<Item = (usize, &'s Seen)> + 's {
        let seen = self.seen(body);
        touch.pointer.ops.iter().map(move |&i| (i, &seen[i])).filter(move |(_, s)| {
            let op = self.op(s.op);
            match op.atomic {
                Some(a) if a.is_pointer() => true,
                Some(_) => op.value_type.is_raw_pointer() || self.is_cast_to_pointer(body, touch, s),
                None => false,
            }
        })
    }

    /// The access stands in a `debug_assert!`, which a release build has not got.
    pub fn is_asserted_only(&self, touch: &Touch) -> bool {
        let (mut body, span) = (Some(touch.site.0), touch.site.1);
        std::iter::from_fn(|| {
            let here = body?;
            body = self.program.body(here).parent;
            Some(here)
        })
        .flat_map(|b| &self.program.body(b).ir.events)
        .any(|e| match &e.kind {
            EventKind::Macro(m) => m.path.last().starts_with("debug_assert") && e.span.contains(span),
            _ => false,
        })
    }

    /// The pointer is only made a reference that is put into a field, without a look at what it leads to.
    pub fn is_put_away(&self, body: BodyId, touch: &Touch) -> bool {
        let EventKind::Call(Call { callee: Callee::Method { name, .. }, .. }) = &self.event(body, touch.event).kind
        else {
            return false;
        };
        let Some(made) = self.result_of(body, touch.event).filter(|_| touch.is_direct() && name == "as_ref") else {
            return false;
        };
        let ir = self.program.body(body).ir;
        let is_it = |v: ValueId| self.derives_from(body, v, made);
        let base = |p: &Place| matches!(p.base, Base::Local(_, v) | Base::Value(v) if is_it(v));
        let used = ir.events.iter().enumerate().any(|(i, e)| match &e.kind {
            EventKind::Call(call) if EventId(i as u32) != touch.event => {
                let receives = matches!(&call.callee, Callee::Method { receiver, .. } if base(receiver));
                receives || call.args.iter().any(|v| is_it(*v))
            }
            EventKind::Atomic(op) => base(&op.receiver) || op.args.iter().any(|v| is_it(*v)),
            EventKind::Write { place, .. } | EventKind::Read(place) => base(place),
            _ => false,
        });
        let tested = ir.blocks.iter().any(|b| match &b.term {
            Terminator::Branch { cond: v, .. } | Terminator::Switch { on: v, .. } | Terminator::Try { on: v, .. } => {
                is_it(*v)
            }
            Terminator::Return(v) => v.is_some_and(is_it),
            _ => false,
        });
        let stored = ir.events.iter().any(|e| matches!(e.kind, EventKind::Write { value, .. } if is_it(value)));
        stored && !used && !tested
    }

    /// Whether an integer that the operation gave became a pointer on the way to the touch.
    fn is_cast_to_pointer(&self, body: BodyId, touch: &Touch, seen: &Seen) -> bool {
        let Some(result) = self.result_of(body, seen.event) else { return false };
        // A helper has made the pointer: `fn table(&self) -> *mut Table { self.address.load(Acquire) as _ }`.
        if !seen.is_direct() && self.program.type_of(body, result).is_raw_pointer() {
            return true;
        }
        let Some(pointer) = touch.value else { return false };
        let values = &self.program.body(body).ir.values;
        values.iter().enumerate().any(|(i, v)| match &v.kind {
            ValueKind::Cast(inner, ty) if matches!(**ty, Ty::Ptr { .. }) => {
                matches!(self.program.type_of(body, *inner), Type::Prim(_))
                    && self.derives_from(body, *inner, result)
                    && self.derives_from(body, pointer, ValueId(i as u32))
            }
            _ => false,
        })
    }
}

fn has_cell(ty: &Type) -> bool {
    match ty {
        Type::Known(Known::UnsafeCell | Known::Cell, _) => true,
        Type::Known(_, args) | Type::External(_, args) | Type::Adt(_, args) => args.iter().any(has_cell),
        Type::Ref { inner, .. } | Type::Ptr { inner, .. } | Type::Slice(inner) | Type::Array(inner, _) => {
            has_cell(inner)
        }
        Type::Tuple(items) => items.iter().any(has_cell),
        _ => false,
    }
}
