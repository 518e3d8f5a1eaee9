//! Pointers that become references to atomics, and how far the memory behind them is known to be aligned.
//!
//! Alignments are those that hold on every target: `u64` has four on 32-bit x86, `AtomicU64` has eight everywhere
//! (`core::sync::atomic`, "Portability"). What cannot be followed to a type is unknown, never "unaligned".

use super::Facts;
use crate::ir::{Base, BinOp, Call, Callee, Event, EventId, EventKind, ItemKind, Place, Proj, ValueId, ValueKind};
use crate::resolve::calls::Target;
use crate::resolve::{Atomic, BodyId, DefId, Type};

/// How many callers deep a pointer parameter is followed.
const MAX_CALLERS: u32 = 3;

/// A place where a pointer is turned into a reference to an atomic.
#[derive(Clone, Debug)]
pub struct AtomicCast {
    pub body: BodyId,
    /// The dereference, `from_ptr` or `transmute`.
    pub event: EventId,
    /// The pointer that is turned.
    pub pointer: ValueId,
    /// The alignment that the atomic needs.
    pub needs: u64,
}

/// What is known of the memory behind a pointer.
#[derive(Clone, Debug, PartialEq)]
pub struct Aligned {
    pub to: u64,
    /// What the memory was declared as: `u8`, a packed field.
    pub declared: String,
    pub body: BodyId,
    pub origin: ValueId,
}

impl Facts<'_> {
    /// Every place of a body in which a pointer becomes a reference to an atomic.
    pub fn atomic_casts(&self, body: BodyId) -> Vec<AtomicCast> {
        let ir = self.program.body(body).ir;
        let mut found: Vec<AtomicCast> = Vec::new();
        for (i, event) in ir.events.iter().enumerate() {
            let id = EventId(i as u32);
            if let Some((pointer, needs)) = self.becomes_atomic(body, id, event)
                && !found.iter().any(|c| c.pointer == pointer)
            {
                found.push(AtomicCast { body, event: id, pointer, needs });
            }
        }
        found
    }

    fn becomes_atomic(&self, body: BodyId, id: EventId, event: &Event) -> Option<(ValueId, u64)> {
        let dereferenced = |place: &Place| {
            let (Base::Local(_, v) | Base::Value(v)) = place.base else { return None };
            let first = place.proj.first() == Some(&Proj::Deref);
            match self.program.type_of(body, v) {
                Type::Ptr { inner, .. } if first => Some((v, size_of_atomic(&inner)?)),
                _ => None,
            }
        };
        match &event.kind {
            EventKind::Borrow { place, raw: false, .. } => dereferenced(place),
            EventKind::Atomic(op) => dereferenced(&op.receiver),
            EventKind::Call(call) => match &call.callee {
                Callee::Path(path) if path.last() == "from_ptr" => {
                    let owner = self.program.call_type(body, call);
                    Some((*call.args.first()?, size_of_atomic(owner.peeled_refs())?))
                }
                Callee::Path(path) if path.last() == "transmute" => {
                    let result = self.result_of(body, id)?;
                    let target = match path.segments.last().and_then(|s| s.args.get(1)) {
                        Some(ty) => self.program.lower_type(self.program.body(body).owner, ty),
                        None => self.expected_type(body, result),
                    };
                    match target {
                        Type::Ref { inner, .. } => Some((*call.args.first()?, size_of_atomic(&inner)?)),
                        _ => None,
                    }
                }
                Callee::Method { receiver, name, .. } if matches!(name.as_str(), "as_ref" | "as_mut") => {
                    let (Base::Local(_, v) | Base::Value(v)) = receiver.base else { return None };
                    match self.program.place_type(body, receiver) {
                        Type::Ptr { inner, .. } if receiver.proj.is_empty() => Some((v, size_of_atomic(&inner)?)),
                        _ => None,
                    }
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The type that the annotation of a `let`, or the function's result, asks of a value.
    fn expected_type(&self, body: BodyId, value: ValueId) -> Type {
        let b = self.program.body(body);
        let annotated = b.ir.locals.iter().find(|l| l.init == Some(value)).and_then(|l| l.ty.as_ref());
        if let Some(ty) = annotated {
            return self.program.lower_type(b.owner, ty);
        }
        let returned = b.ir.blocks.iter().any(|bl| bl.term == crate::ir::Terminator::Return(Some(value)));
        match self.program.function(b.owner).filter(|_| returned && b.parent.is_none()) {
            Some(f) => self.program.lower_type(b.owner, &f.ret),
            None => self.program.type_of(body, value),
        }
    }

    /// How far the memory behind a pointer is aligned for sure; `None` where that is not known.
    pub fn alignment_behind(&self, body: BodyId, pointer: ValueId) -> Option<Aligned> {
        self.aligned(body, pointer, 0, 0)
    }

    fn aligned(&self, body: BodyId, value: ValueId, depth: u32, callers: u32) -> Option<Aligned> {
        if depth > 24 || self.checks_alignment(body) {
            return None;
        }
        let again = |v: ValueId| self.aligned(body, v, depth + 1, callers);
        match self.value(body, value) {
            ValueKind::Cast(v, _) => match self.program.type_of(body, *v) {
                // An address from nowhere, a function, an integer.
                Type::Prim(_) | Type::FnPtr => None,
                _ => again(*v),
            },
            ValueKind::Read(place) if place.proj.is_empty() => match place.base {
                Base::Local(_, v) | Base::Value(v) => again(v),
                Base::Path(_) => None,
            },
            ValueKind::Ref { place, .. } | ValueKind::RawRef { place, .. } => {
                self.place_alignment(body, value, place, depth, callers)
            }
            ValueKind::Mutated { before, .. } => again(*before),
            ValueKind::Param(index) => self.parameter_alignment(body, value, *index, callers),
            ValueKind::Event(e) => self.call_alignment(body, *e, depth, callers),
            _ => None,
        }
    }

    fn place_alignment(
        &self,
        body: BodyId,
        value: ValueId,
        place: &Place,
        depth: u32,
        callers: u32,
    ) -> Option<Aligned> {
        // `&*p`, `&mut *p`: the pointer itself.
        if let (Base::Local(_, v) | Base::Value(v), [Proj::Deref]) = (&place.base, &place.proj[..]) {
            return self.aligned(body, *v, depth + 1, callers);
        }
        let at = self.program.place_ref(body, place);
        let owner = at.field.as_ref().map(|(adt, _)| *adt);
        if let Some(packed) = owner.and_then(|adt| self.packed(adt)) {
            let declared = format!("a field of the packed `{}`", self.program.def(owner?).item.name);
            return Some(Aligned { to: packed, declared, body, origin: value });
        }
        if owner.is_some_and(|adt| self.declares_alignment(adt)) {
            return None;
        }
        self.declared(body, value, &self.program.place_type(body, place))
    }

    fn declared(&self, body: BodyId, origin: ValueId, ty: &Type) -> Option<Aligned> {
        let (to, name) = guaranteed_alignment(ty)?;
        Some(Aligned { to, declared: format!("`{name}`"), body, origin })
    }

    /// The pointee of a parameter; for a function that only its own crate calls, what the callers pass.
    fn parameter_alignment(&self, body: BodyId, value: ValueId, index: u32, callers: u32) -> Option<Aligned> {
        let b = self.program.body(body);
        if b.parent.is_some() || self.promises_alignment(b.owner) {
            return None;
        }
        let own = match self.program.type_of(body, value) {
            Type::Ref { inner, .. } | Type::Ptr { inner, .. } => self.declared(body, value, &inner)?,
            ty => self.declared(body, value, ty.peeled())?,
        };
        let calls = self.callers(b.owner);
        if self.is_external(b.owner) || calls.is_empty() {
            return Some(own);
        }
        if callers == MAX_CALLERS {
            return None;
        }
        calls.iter().find_map(|(caller, event)| {
            let EventKind::Call(call) = &self.event(*caller, *event).kind else { return None };
            let argument = match (&call.callee, index) {
                (Callee::Method { .. }, 0) => return None,
                (Callee::Method { .. }, i) => call.args.get(i as usize - 1),
                (_, i) => call.args.get(i as usize),
            };
            let behind = self.aligned(*caller, *argument?, 0, callers + 1)?;
            (behind.to < 16).then_some(behind)
        })
    }

    /// Pointer arithmetic, `as_ptr`, `cast`: the memory of the receiver.
    fn call_alignment(&self, body: BodyId, event: EventId, depth: u32, callers: u32) -> Option<Aligned> {
        let EventKind::Call(call) = &self.event(body, event).kind else { return None };
        let Callee::Method { receiver, name, .. } = &call.callee else { return None };
        let ty = self.program.place_type(body, receiver);
        let of_receiver = || match receiver.base {
            Base::Local(_, v) | Base::Value(v) if receiver.proj.is_empty() => self.aligned(body, v, depth + 1, callers),
            _ => None,
        };
        match name.as_str() {
            "cast" | "cast_mut" | "cast_const" | "as_mut" | "as_ref" if matches!(ty, Type::Ptr { .. }) => of_receiver(),
            "as_ptr" | "as_mut_ptr" | "get" => {
                let origin = self.result_of(body, event)?;
                let owner = self.program.place_ref(body, receiver).field.map(|(adt, _)| adt);
                if owner.is_some_and(|adt| self.declares_alignment(adt)) {
                    return None;
                }
                match ty.peeled() {
                    Type::Slice(item) | Type::Array(item, _) => self.declared(body, origin, item),
                    Type::Known(crate::resolve::Known::Vec, args) => self.declared(body, origin, args.first()?),
                    Type::Known(crate::resolve::Known::UnsafeCell, args) => self.declared(body, origin, args.first()?),
                    _ => None,
                }
            }
            "add" | "sub" | "offset" | "wrapping_add" | "byte_add" => {
                let base = of_receiver()?;
                let Type::Ptr { inner, .. } = &ty else { return None };
                let step = if name.starts_with("byte") { 1 } else { guaranteed_alignment(inner)?.0 };
                match self.multiple_of(body, *call.args.first()?) {
                    Some(n) => {
                        let offset = n.unsigned_abs() as u64 * step;
                        let power = if offset == 0 { base.to } else { 1 << offset.trailing_zeros().min(12) };
                        Some(Aligned { to: base.to.min(power), ..base })
                    }
                    // An offset that is not known: nothing is lost where the base was too little anyway.
                    None => Some(base),
                }
            }
            _ => None,
        }
    }

    fn multiple_of(&self, body: BodyId, offset: ValueId) -> Option<i128> {
        match self.value(body, offset) {
            ValueKind::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// Somewhere in the function the alignment is asked for or made.
    pub fn checks_alignment(&self, body: BodyId) -> bool {
        let ir = self.program.body(body).ir;
        // A helper that says yes or no for two types: `fits::<T, AtomicU32>()`.
        let helper_asks = |call: &Call| match self.program.target(body, call) {
            Target::Fn(def) if call.args.is_empty() => {
                self.program.body_of(def).is_some_and(|b| self.asks_for_alignment(b, &|_| false))
            }
            _ => false,
        };
        let asks = self.asks_for_alignment(body, &helper_asks);
        // `p as usize % 4`, `addr & 7`.
        let computes = ir.values.iter().any(|v| match &v.kind {
            ValueKind::Binary(BinOp::Rem | BinOp::BitAnd, l, _) => self.is_address(body, *l),
            _ => false,
        });
        asks || computes
    }

    fn asks_for_alignment(&self, body: BodyId, by_call: &dyn Fn(&Call) -> bool) -> bool {
        self.program.body(body).ir.events.iter().any(|e| match &e.kind {
            EventKind::Call(call) => match &call.callee {
                Callee::Path(p) => p.last().contains("align") || by_call(call),
                Callee::Method { name, .. } => name.contains("align"),
                Callee::Value(_) => false,
            },
            EventKind::Macro(m) => m.path.last().contains("align"),
            _ => false,
        })
    }

    fn is_address(&self, body: BodyId, value: ValueId) -> bool {
        match self.value(body, value) {
            ValueKind::Cast(v, _) => self.program.type_of(body, *v).is_pointer() || self.is_address(body, *v),
            ValueKind::Read(p) if p.proj.is_empty() => match p.base {
                Base::Local(_, v) | Base::Value(v) => self.is_address(body, v),
                Base::Path(_) => false,
            },
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(c) => matches!(&c.callee, Callee::Method { name, .. } if name == "addr"),
                _ => false,
            },
            _ => false,
        }
    }

    /// The documentation asks the caller for an aligned pointer.
    fn promises_alignment(&self, function: DefId) -> bool {
        let attrs = &self.program.def(function).item.attrs;
        attrs.iter().any(|a| a.path == "doc" && a.tokens.to_lowercase().contains("align"))
    }

    /// The `N` of `repr(packed(N))`.
    fn packed(&self, adt: DefId) -> Option<u64> {
        let attrs = &self.program.def(adt).item.attrs;
        attrs.iter().filter(|a| a.path == "repr").find_map(|a| {
            let (_, rest) = a.tokens.split_once("packed")?;
            let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
            Some(digits.parse().unwrap_or(1))
        })
    }

    fn declares_alignment(&self, adt: DefId) -> bool {
        let item = &self.program.def(adt).item;
        matches!(item.kind, ItemKind::Struct(_) | ItemKind::Union(_))
            && item.attrs.iter().any(|a| a.path == "repr" && a.tokens.contains("align"))
    }
}

/// The alignment that an atomic of this type needs, which is its size.
fn size_of_atomic(ty: &Type) -> Option<u64> {
    match ty {
        Type::Atomic(Atomic::Bool, _) => Some(1),
        Type::Atomic(Atomic::Ptr, _) => Some(4),
        Type::Atomic(Atomic::Int, value) => match **value {
            Type::Prim("u8" | "i8") => Some(1),
            Type::Prim("u16" | "i16") => Some(2),
            Type::Prim("u32" | "i32" | "usize" | "isize") => Some(4),
            Type::Prim("u64" | "i64") => Some(8),
            Type::Prim("u128" | "i128") => Some(16),
            _ => None,
        },
        _ => None,
    }
}

/// The alignment that a plain type has on every target, and its name.
fn guaranteed_alignment(ty: &Type) -> Option<(u64, String)> {
    match ty {
        Type::Prim(name) => {
            let to = match *name {
                "u8" | "i8" | "bool" | "str" => 1,
                "u16" | "i16" | "f16" => 2,
                "u32" | "i32" | "f32" | "char" | "usize" | "isize" | "u64" | "i64" | "f64" => 4,
                "u128" | "i128" => 4,
                _ => return None,
            };
            Some((to, (*name).to_owned()))
        }
        Type::Slice(item) | Type::Array(item, _) => {
            let (to, name) = guaranteed_alignment(item)?;
            Some((to, format!("[{name}]")))
        }
        Type::Known(
            crate::resolve::Known::UnsafeCell
            | crate::resolve::Known::Cell
            | crate::resolve::Known::ManuallyDrop
            | crate::resolve::Known::MaybeUninit,
            args,
        ) => guaranteed_alignment(args.first()?),
        Type::Atomic(..) => size_of_atomic(ty).map(|n| (n, "an atomic".to_owned())),
        _ => None,
    }
}
