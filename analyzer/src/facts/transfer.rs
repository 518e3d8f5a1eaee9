//! What a generic type's API does with its parameter, and what its `Send` and `Sync` ask of it.
//!
//! A value that goes in on one thread and comes out on another needs `T: Send`; a `&T` that two threads can have at
//! once needs `T: Sync`. What an API can do is read from its signatures: methods, associated types of `Deref` and
//! iterators, closures that are handed a `T`.

use rustc_hash::FxHashMap;

use super::Facts;
use crate::ir::{
    Base, Bound, Callee, EventKind, Function, GenericKind, Generics, ItemKind, Place, Receiver, Ty, ValueKind, Vis,
};
use crate::resolve::calls::Target;
use crate::resolve::{Atomic, BodyId, DefId, Known, Res, Type};

const MAX_DEPTH: u32 = 8;

/// Which of the two promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    Send,
    Sync,
}

impl Marker {
    pub fn name(self) -> &'static str {
        match self {
            Marker::Send => "Send",
            Marker::Sync => "Sync",
        }
    }
}

/// A function that hands values or references of the parameter across.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    pub function: DefId,
    pub what: What,
    /// By `&self`: several threads can call it at once.
    pub by_shared: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A `T` or `&mut T` comes out, or a `T` goes in.
    Value,
    /// A `&T` comes out.
    Reference,
    /// A `&T` comes out of a guard that gives no `&mut T`; of a lock for one thread at a time, it goes no further.
    GuardedReference,
    /// Shared ownership comes out: an `Arc<T>`.
    Shared,
}

/// Bounds on a parameter, as far as they matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub send: bool,
    pub sync: bool,
    /// A trait that may well imply either.
    pub unknown: bool,
    /// A `T` that comes out may be a clone of one that stays.
    pub clone: bool,
}

impl Asked {
    fn or(self, other: Asked) -> Asked {
        Asked {
            send: self.send || other.send,
            sync: self.sync || other.sync,
            unknown: self.unknown || other.unknown,
            clone: self.clone || other.clone,
        }
    }

    pub fn has(self, marker: Marker) -> bool {
        match marker {
            Marker::Send => self.send,
            Marker::Sync => self.sync,
        }
    }
}

impl Facts<'_> {
    /// The names of a type's own type parameters.
    pub fn parameters(&self, adt: DefId) -> Vec<String> {
        let generics = match &self.program.def(adt).item.kind {
            ItemKind::Struct(s) | ItemKind::Union(s) => &s.generics,
            ItemKind::Enum(e) => &e.generics,
            _ => return Vec::new(),
        };
        generics.params.iter().filter(|p| p.kind == GenericKind::Type).map(|p| p.name.clone()).collect()
    }

    fn generics_of_type(&self, adt: DefId) -> Option<&Generics> {
        match &self.program.def(adt).item.kind {
            ItemKind::Struct(s) | ItemKind::Union(s) => Some(&s.generics),
            ItemKind::Enum(e) => Some(&e.generics),
            _ => None,
        }
    }

    /// What an impl (with the type's own bounds) asks of the parameter at this position of its self type.
    pub fn asked_by_impl(&self, imp: DefId, adt: DefId, position: usize) -> Asked {
        let ItemKind::Impl(i) = &self.program.def(imp).item.kind else { return Asked::default() };
        let own = match self.name_in_impl(imp, adt, position) {
            Some(name) => self.asked(imp, &i.generics, &name),
            // A concrete type in its place.
            None => Asked { unknown: true, ..Asked::default() },
        };
        let declared = self.generics_of_type(adt).zip(self.parameters(adt).get(position).cloned());
        declared.map_or(own, |(g, name)| own.or(self.asked(adt, g, &name)))
    }

    /// The name that an impl gives the parameter.
    fn name_in_impl(&self, imp: DefId, adt: DefId, position: usize) -> Option<String> {
        let ItemKind::Impl(i) = &self.program.def(imp).item.kind else { return None };
        match self.program.lower_type(imp, &i.self_ty).peeled() {
            Type::Adt(d, args) if *d == adt => match args.get(position) {
                Some(Type::Param(name)) => Some(name.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    fn asked(&self, context: DefId, generics: &Generics, name: &str) -> Asked {
        let mut asked = Asked::default();
        for p in generics.params.iter().filter(|p| p.name == name) {
            asked = asked.or(self.implied(context, &p.bounds, 0));
        }
        for (subject, bounds) in &generics.predicates {
            match subject {
                Ty::Path(p) if p.ident() == Some(name) => asked = asked.or(self.implied(context, bounds, 0)),
                // `OnceCell<T>: Sync` leaves it to the other type.
                _ if mentions_name(subject, name) => {
                    let passed_on = bounds.iter().any(|b| matches!(b.path.last(), "Send" | "Sync"));
                    asked = asked.or(Asked { send: passed_on, sync: passed_on, ..Asked::default() });
                }
                _ => {}
            }
        }
        asked
    }

    fn implied(&self, context: DefId, bounds: &[Bound], depth: u32) -> Asked {
        let mut asked = Asked::default();
        for b in bounds.iter().filter(|b| !b.maybe) {
            let one = match b.path.last() {
                "Send" => Asked { send: true, ..Asked::default() },
                "Sync" => Asked { sync: true, ..Asked::default() },
                "Clone" | "Copy" => Asked { clone: true, ..Asked::default() },
                _ => match self.program.resolve_type_path(self.program.def(context).scope, &b.path) {
                    Res::Def(t) if depth < MAX_DEPTH => self.implied_by_trait(t, depth),
                    Res::External(path) => Asked { unknown: !is_silent_trait(&path), ..Asked::default() },
                    _ => Asked { unknown: !is_silent_trait(b.path.last()), ..Asked::default() },
                },
            };
            asked = asked.or(one);
        }
        asked
    }

    fn implied_by_trait(&self, t: DefId, depth: u32) -> Asked {
        let ItemKind::Trait { supertraits, .. } = &self.program.def(t).item.kind else { return Asked::default() };
        let asked = self.implied(t, supertraits, depth + 1);
        // A trait that only numbers and the like implement asks for enough.
        let impls = self.program.trait_impls.get(&t).map_or(&[][..], |v| v);
        let plain = |i: &DefId| match &self.program.def(*i).item.kind {
            ItemKind::Impl(imp) => {
                matches!(self.program.lower_type(*i, &imp.self_ty), Type::Prim(_) | Type::Atomic(..))
            }
            _ => false,
        };
        match !impls.is_empty() && impls.iter().all(plain) {
            true => Asked { send: true, sync: true, ..Asked::default() },
            false => asked,
        }
    }

    /// Every function of a type's API that passes its parameter, with what the function itself asks of it. Functions
    /// that only the crate can call count for types that only the crate can name.
    pub fn passages(&self, adt: DefId, position: usize) -> Vec<(Passage, Asked)> {
        let mut found = Vec::new();
        let reachable = self.program.is_reachable(adt);
        for function in self.program.functions_of(adt) {
            let d = self.program.def(function);
            let (Some(f), Some(imp)) = (self.program.function(function), d.parent) else { continue };
            let public = d.item.vis == Vis::Pub || self.program.implemented_trait(function).is_some();
            if d.is_test || reachable && !public {
                continue;
            }
            let Some(name) = self.name_in_impl(imp, adt, position) else { continue };
            let asked = self.asked_by_impl(imp, adt, position).or(self.asked(function, &f.generics, &name));
            let by_shared = match &f.receiver {
                Some(Receiver::Ref) => true,
                Some(Receiver::Typed(ty)) => self.program.lower_type(function, ty).is_shared_pointer(),
                _ => false,
            };
            for what in self.what_passes(function, f, &name, asked.clone) {
                if what != What::Value && self.is_thread_local(function) {
                    continue;
                }
                found.push((Passage { function, what, by_shared }, asked));
            }
        }
        found
    }

    /// Whether what a function gives belongs to the thread that calls it.
    fn is_thread_local(&self, function: DefId) -> bool {
        let mut queue: Vec<DefId> = vec![function];
        let mut next = 0;
        while let Some(&at) = queue.get(next) {
            next += 1;
            let Some(body) = self.program.body_of(at).filter(|_| next < 40) else { continue };
            if self.reads_thread_static(body) {
                return true;
            }
            for e in &self.program.body(body).ir.events {
                let EventKind::Call(call) = &e.kind else { continue };
                if let Callee::Method { receiver, .. } = &call.callee
                    && matches!(
                        self.program.place_type(body, receiver).peeled_refs(),
                        Type::Known(Known::ThreadLocal, _)
                    )
                {
                    return true;
                }
                match self.program.target(body, call) {
                    Target::Foreign(path) if path.ends_with("thread::current") => return true,
                    Target::Fn(def) if !queue.contains(&def) => queue.push(def),
                    _ => {}
                }
            }
        }
        false
    }

    /// Whether a body reads a `#[thread_local] static`.
    fn reads_thread_static(&self, body: BodyId) -> bool {
        self.program.body(body).ir.values.iter().any(|v| match &v.kind {
            ValueKind::Read(Place { base: Base::Path(path), .. }) | ValueKind::Path(path) => {
                matches!(
                    self.program.resolve_value(body, path),
                    Res::Def(d) if self.program.def(d).item.attrs.iter().any(|a| a.path == "thread_local")
                )
            }
            _ => false,
        })
    }

    fn what_passes(&self, function: DefId, f: &Function, name: &str, clones: bool) -> Vec<What> {
        let mut found = Vec::new();
        let ret = self.program.lower_type(function, &f.ret);
        self.passing(&ret, name, true, 0, &mut found);
        if clones {
            // What comes out may be a copy that the calling thread made.
            found.retain(|w| *w != What::Value);
        }
        // `Debug`, `PartialEq` and the like look at the value on the calling thread.
        if self.program.implemented_trait(function).is_some_and(|t| matches!(t, "Debug" | "Display" | "Clone")) {
            return Vec::new();
        }
        for (_, ty) in &f.params {
            let ty = self.program.lower_type(function, ty);
            if !matches!(ty, Type::Ref { .. } | Type::Ptr { .. }) {
                let mut passed = Vec::new();
                self.passing(&ty, name, false, 0, &mut passed);
                found.extend(passed.into_iter().filter(|w| *w == What::Value));
            }
        }
        let generic = f.generics.params.iter().flat_map(|p| &p.bounds);
        for bound in generic.chain(f.generics.predicates.iter().flat_map(|p| &p.1)) {
            self.passing_to_closure(function, bound, name, &mut found);
        }
        for (_, ty) in &f.params {
            if let Ty::Impl(bounds) | Ty::Dyn(bounds) = ty {
                bounds.iter().for_each(|b| self.passing_to_closure(function, b, name, &mut found));
            }
        }
        found.dedup();
        found
    }

    /// What a closure parameter is handed comes out of the type.
    fn passing_to_closure(&self, function: DefId, bound: &Bound, name: &str, found: &mut Vec<What>) {
        if !matches!(bound.path.last(), "Fn" | "FnMut" | "FnOnce") {
            return;
        }
        let args = bound.path.segments.last().map_or(&[][..], |s| &s.args);
        for arg in args {
            self.passing(&self.program.lower_type(function, arg), name, true, 0, found);
        }
    }

    fn passing(&self, ty: &Type, name: &str, out: bool, depth: u32, found: &mut Vec<What>) {
        if depth > MAX_DEPTH {
            return;
        }
        let inside = |inner: &Type| {
            let mut passed = Vec::new();
            self.passing(inner, name, out, depth + 1, &mut passed);
            passed
        };
        match ty {
            Type::Param(p) if p == name => found.push(What::Value),
            Type::Ref { mutable, inner } => {
                let value = inside(inner).contains(&What::Value);
                match mutable {
                    true if value => found.push(What::Value),
                    false if value && out => found.push(What::Reference),
                    _ => {}
                }
            }
            Type::Known(Known::Arc, args) if args.iter().any(|t| inside(t).contains(&What::Value)) => {
                found.push(What::Shared);
            }
            Type::Known(Known::PhantomData | Known::NonNull | Known::MaybeUninit, _) => {}
            Type::Known(Known::ReadGuard | Known::CellRef, args)
                if out && args.iter().any(|t| inside(t).contains(&What::Value)) =>
            {
                found.push(What::GuardedReference);
            }
            Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) => {
                args.iter().for_each(|t| self.passing(t, name, out, depth + 1, found));
            }
            Type::Adt(adt, args) => self.passing_in_adt(*adt, args, name, found),
            Type::Slice(inner) | Type::Array(inner, _) => self.passing(inner, name, out, depth + 1, found),
            _ => {}
        }
    }

    /// A guard gives what it dereferences to: mutably if it can, by reference if it can only do that.
    fn passing_in_adt(&self, adt: DefId, args: &[Type], name: &str, found: &mut Vec<What>) {
        if !self.derefs(adt, args) {
            return;
        }
        let ty = Type::Adt(adt, args.to_vec());
        let target = self.program.deref(&ty).unwrap_or(Type::Unknown);
        let mut passed = Vec::new();
        self.passing(&target, name, true, MAX_DEPTH - 1, &mut passed);
        if !passed.contains(&What::Value) {
            return;
        }
        let mutable = self.program.implements(adt, "DerefMut");
        found.push(if mutable { What::Value } else { What::GuardedReference });
    }

    /// Whether the `Deref` of a type is for these arguments too (`impl<T> Deref for Slot<T, Full>`).
    fn derefs(&self, adt: DefId, args: &[Type]) -> bool {
        self.program.impls.get(&adt).into_iter().flatten().any(|&i| {
            let ItemKind::Impl(imp) = &self.program.def(i).item.kind else { return false };
            imp.of_trait.as_ref().is_some_and(|p| p.last() == "Deref")
                && match self.program.lower_type(i, &imp.self_ty) {
                    // A default that is left out on one side makes it unknown.
                    Type::Adt(_, own) => {
                        own.len() == args.len()
                            && own.iter().zip(args).all(|(o, a)| matches!(o, Type::Param(_)) || o == a)
                    }
                    _ => false,
                }
        })
    }

    /// Whether every function that makes a value of the type asks for the bound.
    pub fn constructors_ask(&self, adt: DefId, position: usize, marker: Marker) -> bool {
        let mut any = false;
        for function in self.program.functions_of(adt) {
            let (Some(f), Some(imp)) = (self.program.function(function), self.program.def(function).parent) else {
                continue;
            };
            if f.receiver.is_some() {
                continue;
            }
            let ret = self.program.lower_type(function, &f.ret);
            let makes = match &ret {
                Type::Known(Known::Option | Known::Result | Known::Arc | Known::Box, a) => {
                    matches!(a.first(), Some(Type::Adt(d, _)) if *d == adt)
                }
                Type::Adt(d, _) => *d == adt,
                Type::Tuple(items) => items.iter().any(|t| matches!(t, Type::Adt(d, _) if *d == adt)),
                _ => false,
            };
            if !makes {
                continue;
            }
            any = true;
            let Some(name) = self.name_in_impl(imp, adt, position) else { continue };
            let asked = self.asked_by_impl(imp, adt, position).or(self.asked(function, &f.generics, &name));
            if !asked.has(marker) && !asked.unknown {
                return false;
            }
        }
        any
    }

    /// Whether an atomic belongs to the type, directly or behind its pointers.
    pub fn reaches_atomic(&self, adt: DefId) -> bool {
        let mut seen = vec![adt];
        let mut next = 0;
        while let Some(&at) = seen.get(next) {
            next += 1;
            if next > 64 {
                return false;
            }
            let fields: Vec<&Ty> = match &self.program.def(at).item.kind {
                ItemKind::Struct(s) | ItemKind::Union(s) => s.fields.iter().map(|f| &f.ty).collect(),
                ItemKind::Enum(e) => e.variants.iter().flat_map(|v| v.fields.iter().map(|f| &f.ty)).collect(),
                _ => continue,
            };
            for ty in fields {
                if holds_atomic(&self.program.lower_type(at, ty), &mut seen) {
                    return true;
                }
            }
        }
        false
    }

    /// Whether an atomic lies in the type itself, beside a cell or pointer that leads to the parameter (or is one).
    pub fn is_built_on_atomic(&self, adt: DefId, name: &str) -> bool {
        let Some(s) = self.struct_of(adt) else { return false };
        let types: Vec<Type> = s.fields.iter().map(|f| self.program.lower_type(adt, &f.ty)).collect();
        let atomic = types.iter().any(|t| self.program.as_atomic(t).is_some() && !t.is_shared_pointer());
        atomic && types.iter().any(|t| mentions(t, name))
    }

    /// Whether the parameter lies in an `UnsafeCell`, so that its `Sync` is all the type's own doing.
    pub fn holds_in_cell(&self, adt: DefId, name: &str) -> bool {
        fn in_cell(ty: &Type, name: &str) -> bool {
            match ty {
                Type::Known(Known::UnsafeCell, args) => args.iter().any(|t| mentions(t, name)),
                Type::Known(_, args) | Type::Tuple(args) | Type::Adt(_, args) => args.iter().any(|t| in_cell(t, name)),
                Type::Ref { inner, .. } | Type::Array(inner, _) | Type::Slice(inner) => in_cell(inner, name),
                _ => false,
            }
        }
        self.struct_of(adt)
            .is_some_and(|s| s.fields.iter().any(|f| in_cell(&self.program.lower_type(adt, &f.ty), name)))
    }

    /// Whether users cannot name the type and a type that holds it answers for both, or gives it an argument that is
    /// no value of the user's.
    pub fn is_shielded(&self, adt: DefId) -> bool {
        self.is_shielded_at(adt, 0)
    }

    fn is_shielded_at(&self, adt: DefId, depth: u32) -> bool {
        if depth > 4 || self.program.is_reachable(adt) {
            return false;
        }
        let answers = |d: DefId| [Marker::Send, Marker::Sync].into_iter().any(|m| !self.marker_impls(d, m).is_empty());
        let holders = self.holders.get_or_init(|| holders(self)).get(&adt);
        holders
            .into_iter()
            .flatten()
            .any(|&(holder, own)| holder != adt && (!own || answers(holder) || self.is_shielded_at(holder, depth + 1)))
    }

    /// The impls of `Send` or `Sync` for a type; negative ones included.
    pub fn marker_impls(&self, adt: DefId, marker: Marker) -> Vec<DefId> {
        let impls = self.program.impls.get(&adt).map_or(&[][..], |v| v);
        let of = |i: &&DefId| match &self.program.def(**i).item.kind {
            ItemKind::Impl(imp) => imp.of_trait.as_ref().is_some_and(|p| p.last() == marker.name()),
            _ => false,
        };
        impls.iter().filter(of).copied().collect()
    }
}

/// Per type of the analysed crates: the types with a field that holds it, and whether a parameter of theirs is among
/// its arguments.
pub(super) type Holders = FxHashMap<DefId, Vec<(DefId, bool)>>;

fn holders(facts: &Facts<'_>) -> Holders {
    let program = facts.program;
    let mut holders = Holders::default();
    for holder in program.def_ids() {
        let fields: Vec<&Ty> = match &program.def(holder).item.kind {
            ItemKind::Struct(s) | ItemKind::Union(s) => s.fields.iter().map(|f| &f.ty).collect(),
            ItemKind::Enum(e) => e.variants.iter().flat_map(|v| v.fields.iter().map(|f| &f.ty)).collect(),
            _ => continue,
        };
        for ty in fields {
            held_types(&program.lower_type(holder, ty), &mut |adt, args| {
                let own = args.iter().any(|a| matches!(a, Type::Param(_)));
                holders.entry(adt).or_default().push((holder, own));
            });
        }
    }
    holders
}

/// Adds the types of the crate that `ty` mentions to `seen`; whether an atomic is among its parts.
fn holds_atomic(ty: &Type, seen: &mut Vec<DefId>) -> bool {
    match ty {
        Type::Atomic(kind, _) => !matches!(kind, Atomic::ArcSwap | Atomic::ArcSwapOption | Atomic::Cell),
        Type::Adt(adt, args) => {
            if !seen.contains(adt) {
                seen.push(*adt);
            }
            args.iter().any(|t| holds_atomic(t, seen))
        }
        Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) => {
            args.iter().any(|t| holds_atomic(t, seen))
        }
        Type::Ref { inner, .. } | Type::Ptr { inner, .. } | Type::Slice(inner) | Type::Array(inner, _) => {
            holds_atomic(inner, seen)
        }
        _ => false,
    }
}

/// Whether a type mentions a generic parameter.
pub fn mentions(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Param(p) => p == name,
        Type::Atomic(_, inner)
        | Type::Ref { inner, .. }
        | Type::Ptr { inner, .. }
        | Type::Slice(inner)
        | Type::Array(inner, _) => mentions(inner, name),
        Type::Adt(_, args) | Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) => {
            args.iter().any(|t| mentions(t, name))
        }
        _ => false,
    }
}

fn mentions_name(ty: &Ty, name: &str) -> bool {
    match ty {
        Ty::Path(p) => {
            let first = p.segments.first().is_some_and(|s| s.name == name);
            let of = p.qself.as_ref().is_some_and(|(t, _)| mentions_name(t, name));
            first || of || p.segments.iter().flat_map(|s| &s.args).any(|t| mentions_name(t, name))
        }
        Ty::Ref { inner, .. } | Ty::Ptr { inner, .. } | Ty::Slice(inner) | Ty::Array(inner, _) => {
            mentions_name(inner, name)
        }
        Ty::Tuple(items) => items.iter().any(|t| mentions_name(t, name)),
        _ => false,
    }
}

/// Traits that say nothing about threads.
fn is_silent_trait(path: &str) -> bool {
    matches!(
        path.rsplit("::").next().unwrap_or(path),
        "Sized"
            | "Clone"
            | "Copy"
            | "Debug"
            | "Display"
            | "Default"
            | "PartialEq"
            | "Eq"
            | "PartialOrd"
            | "Ord"
            | "Hash"
            | "Future"
            | "Iterator"
            | "IntoIterator"
            | "Fn"
            | "FnMut"
            | "FnOnce"
            | "Drop"
            | "AsRef"
            | "AsMut"
            | "Deref"
            | "Borrow"
            | "From"
            | "Into"
            | "Unpin"
            | "Any"
            | "ToOwned"
            | "Read"
            | "Write"
            | "Error"
    )
}

/// Calls `each` with every type of the analysed crates that a type mentions, and its arguments.
fn held_types(ty: &Type, each: &mut dyn FnMut(DefId, &[Type])) {
    match ty {
        Type::Adt(adt, args) => {
            each(*adt, args);
            args.iter().for_each(|t| held_types(t, each));
        }
        Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) => {
            args.iter().for_each(|t| held_types(t, each));
        }
        Type::Atomic(_, inner)
        | Type::Ref { inner, .. }
        | Type::Ptr { inner, .. }
        | Type::Slice(inner)
        | Type::Array(inner, _) => held_types(inner, each),
        _ => {}
    }
}
