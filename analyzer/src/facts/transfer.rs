//! What a generic type's API does with its parameter, and what its `Send` and `Sync` ask of it.
//!
//! A value that goes in on one thread and comes out on another needs `T: Send`; a `&T` that two threads can have at
//! once needs `T: Sync`. What an API can do is read from its signatures: methods, associated types of `Deref` and
//! iterators, closures that are handed a `T`.

use std::sync::Arc;

use super::Facts;
use crate::ir::{
    Base, Bound, Callee, EventKind, Field, Function, GenericKind, Generics, ItemKind, Place, Receiver, Terminator, Ty,
    ValueKind, Vis,
};
use crate::resolve::calls::Target;
use crate::resolve::{BodyId, DefId, Known, Program, Res, Type};

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
    /// It comes out, rather than only going in.
    pub out: bool,
    /// The caller answers for it: an `unsafe fn`.
    pub is_unsafe: bool,
    /// By a handle that the type gives: `map.write().insert(key, value)`.
    pub by_handle: bool,
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
    pub(super) fn or(self, other: Asked) -> Asked {
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
    pub(super) fn name_in_impl(&self, imp: DefId, adt: DefId, position: usize) -> Option<Arc<str>> {
        let ItemKind::Impl(i) = &self.program.def(imp).item.kind else { return None };
        match self.program.lower_type(imp, &i.self_ty).peeled() {
            Type::Adt(d, args) if *d == adt => match args.get(position) {
                Some(Type::Param(name)) => Some(name.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn asked(&self, context: DefId, generics: &Generics, name: &str) -> Asked {
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

    pub(super) fn implied(&self, context: DefId, bounds: &[Bound], depth: u32) -> Asked {
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
                // `fn get(this: &Self)`
                None => f.params.first().is_some_and(|(_, ty)| {
                    let ty = self.program.lower_type(function, ty);
                    matches!(&ty, Type::Ref { mutable: false, inner } if matches!(**inner, Type::Adt(d, _) if d == adt))
                }),
                _ => false,
            };
            let is_unsafe = f.is_unsafe;
            let own = self.what_passes(function, f, &name, asked.clone);
            if self.has_thread_token(function, f) {
                continue;
            }
            for &(what, out) in &own {
                if what != What::Value && self.is_thread_local(function) {
                    continue;
                }
                found.push((Passage { function, what, by_shared, out, is_unsafe, by_handle: false }, asked));
            }
            if own.iter().any(|(what, _)| *what == What::Value) {
                continue;
            }
            if self.is_made_inside(function, f, &name) && !self.is_thread_local(function) {
                found.push((
                    Passage { function, what: What::Value, by_shared, out: false, is_unsafe, by_handle: false },
                    asked,
                ));
            }
            for (step, what, out, more) in self.passages_of_handle(adt, function, f, &name) {
                let passage = Passage { function: step, what, by_shared, out, is_unsafe, by_handle: true };
                found.push((passage, asked.or(more)));
            }
        }
        let what = What::Value;
        let by_maker = |(function, is_unsafe, asked)| {
            (Passage { function, what, by_shared: false, out: false, is_unsafe, by_handle: false }, asked)
        };
        found.extend(self.made_from_value(adt, position).into_iter().map(by_maker));
        found
    }

    /// Whether a closure that the function is given makes a value that stays: `get_or_init(&self, || value)`.
    fn is_made_inside(&self, function: DefId, f: &Function, name: &str) -> bool {
        closure_bounds(f).into_iter().any(|bound| {
            let Some(segment) = bound.path.segments.last().filter(|s| s.args.is_empty() && is_closure(bound)) else {
                return false;
            };
            let Some(output) = segment.output.as_deref() else { return false };
            let mut made = Vec::new();
            self.passing(&self.program.lower_type(function, output), name, false, 0, &mut made);
            made.contains(&What::Value)
        })
    }

    /// What the methods of a handle pass that a function gives and that borrows from the type: a write guard with
    /// `insert`, an iterator.
    fn passages_of_handle(
        &self,
        adt: DefId,
        function: DefId,
        f: &Function,
        name: &str,
    ) -> Vec<(DefId, What, bool, Asked)> {
        let mut found = Vec::new();
        let Some((handle, position)) = self.handle_given(&self.program.lower_type(function, &f.ret), name) else {
            return found;
        };
        if handle == adt || f.receiver.is_none() || self.program.implements(handle, "Deref") {
            return found;
        }
        for step in self.program.functions_of(handle) {
            let d = self.program.def(step);
            let (Some(g), Some(imp)) = (self.program.function(step), d.parent) else { continue };
            let public = d.item.vis == Vis::Pub || self.program.implemented_trait(step) == Some("Iterator");
            if d.is_test || !public || g.is_unsafe || g.receiver.is_none() {
                continue;
            }
            let Some(inner) = self.name_in_impl(imp, handle, position) else { continue };
            let asked = self.asked_by_impl(imp, handle, position).or(self.asked(step, &g.generics, &inner));
            let iterates = d.item.name == "next" && self.program.implemented_trait(step) == Some("Iterator");
            for (what, out) in self.what_passes(step, g, &inner, asked.clone) {
                // References that a guard gives may be all one thread's; those of an iterator come from `&self`.
                if what == What::Value || iterates && !self.holds_guard(handle) {
                    found.push((step, what, out, asked));
                }
            }
        }
        found
    }

    /// The type with a lifetime that a function gives (by itself, in an `Option` or a `Result`), and where the
    /// parameter stands among its arguments.
    fn handle_given(&self, ty: &Type, name: &str) -> Option<(DefId, usize)> {
        match ty {
            Type::Known(Known::Option | Known::Result | Known::Box, args) => self.handle_given(args.first()?, name),
            Type::Adt(handle, args) => {
                let borrows = self.generics_of_type(*handle)?.params.iter().any(|p| p.kind == GenericKind::Lifetime);
                let position = args.iter().position(|a| matches!(a, Type::Param(p) if **p == *name))?;
                borrows.then_some((*handle, position))
            }
            _ => None,
        }
    }

    fn holds_guard(&self, adt: DefId) -> bool {
        fn has_guard(ty: &Type) -> bool {
            match ty {
                Type::Known(Known::Guard | Known::ReadGuard, _) => true,
                Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) | Type::Adt(_, args) => {
                    args.iter().any(has_guard)
                }
                Type::Unknown => true,
                _ => false,
            }
        }
        self.struct_of(adt).is_none_or(|s| s.fields.iter().any(|f| has_guard(&self.program.lower_type(adt, &f.ty))))
    }

    /// Whether a function is given, or gives, something that cannot leave the thread it was made on and so tells the
    /// threads apart.
    fn has_thread_token(&self, function: DefId, f: &Function) -> bool {
        let given = self.program.lower_type(function, &f.ret);
        let given = match &given {
            Type::Known(Known::Option | Known::Result, args) => args.first().unwrap_or(&given),
            _ => &given,
        };
        self.is_thread_token(given)
            || f.params.iter().any(|(_, ty)| self.is_thread_token(self.program.lower_type(function, ty).peeled_refs()))
    }

    fn is_thread_token(&self, ty: &Type) -> bool {
        let Type::Adt(token, args) = ty else { return false };
        let plain = !args.iter().any(|t| matches!(t, Type::Param(_)));
        let marked = |field: &Field| match self.program.lower_type(*token, &field.ty) {
            Type::Known(Known::PhantomData, args) => {
                matches!(args.first(), Some(Type::Ptr { .. } | Type::Known(Known::Rc, _)))
            }
            _ => false,
        };
        plain
            && self.marker_impls(*token, Marker::Send).is_empty()
            && self.struct_of(*token).is_some_and(|s| s.fields.iter().any(marked))
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

    /// Whether some function of the type first asserts where it is called from (`assert!(in_interrupt())`): such a
    /// type keeps its values to one context by itself.
    pub fn checks_its_context(&self, adt: DefId) -> bool {
        self.knows_its_thread(adt) || self.program.functions_of(adt).any(|function| {
            self.program.body_of(function).is_some_and(|body| {
                let ir = &self.program.body(body).ir;
                ir.blocks.iter().any(|block| {
                    let Terminator::Branch { cond, otherwise, .. } = &block.term else { return false };
                    let fails = ir.blocks[otherwise.index()].events.last().is_some_and(
                        |e| matches!(&ir.events[e.index()].kind, EventKind::Macro(m) if m.diverges && !m.path.last().starts_with("debug")),
                    );
                    let ValueKind::Event(e) = &ir.values[cond.index()].kind else { return false };
                    fails
                        && matches!(
                            &ir.events[e.index()].kind,
                            EventKind::Call(call) if call.args.is_empty() && matches!(call.callee, Callee::Path(_))
                        )
                })
            })
        })
    }

    /// Values keep the id of the thread that made them, and a method compares that with the caller's.
    fn knows_its_thread(&self, adt: DefId) -> bool {
        let is_id = |ty: &Ty| matches!(ty, Ty::Path(p) if p.last() == "ThreadId");
        let keeps = self.struct_of(adt).is_some_and(|s| s.fields.iter().any(|f| is_id(&f.ty)));
        let asks = |body: BodyId| {
            self.program.body(body).ir.blocks.iter().any(|block| match &block.term {
                Terminator::Branch { cond, .. } => self.asks_for_own_id(body, *cond),
                _ => false,
            })
        };
        keeps && self.program.functions_of(adt).filter_map(|f| self.program.body_of(f)).any(asks)
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

    /// What a function passes, and whether it comes out.
    fn what_passes(&self, function: DefId, f: &Function, name: &str, clones: bool) -> Vec<(What, bool)> {
        // `Debug`, `PartialEq` and the like look at the value on the calling thread.
        if self.program.implemented_trait(function).is_some_and(|t| matches!(t, "Debug" | "Display" | "Clone")) {
            return Vec::new();
        }
        let mut given = Vec::new();
        let ret = self.program.lower_type(function, &f.ret);
        self.passing(&ret, name, true, 0, &mut given);
        if clones {
            // What comes out may be a copy that the calling thread made.
            given.retain(|w| *w != What::Value);
        }
        let mut found: Vec<(What, bool)> = given.into_iter().map(|w| (w, true)).collect();
        for (_, ty) in &f.params {
            let ty = self.program.lower_type(function, ty);
            if !matches!(ty, Type::Ref { .. } | Type::Ptr { .. }) {
                let mut passed = Vec::new();
                self.passing(&ty, name, false, 0, &mut passed);
                found.extend(passed.into_iter().filter(|w| *w == What::Value).map(|w| (w, false)));
            }
        }
        let mut handed = Vec::new();
        for bound in closure_bounds(f) {
            self.passing_to_closure(function, bound, name, &mut handed);
        }
        found.extend(handed.into_iter().map(|w| (w, true)));
        found.dedup();
        found
    }

    /// What a closure parameter is handed comes out of the type.
    fn passing_to_closure(&self, function: DefId, bound: &Bound, name: &str, found: &mut Vec<What>) {
        if !is_closure(bound) {
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
            Type::Param(p) if **p == *name => found.push(What::Value),
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
        let ty = Type::Adt(adt, args.to_vec().into());
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

/// The generic type that an `unsafe impl` promises to be `Send` or `Sync`; its functions' signatures are looked up.
pub(super) fn promised_for(program: &Program<'_>, def: DefId) -> Option<DefId> {
    let ItemKind::Impl(i) = &program.def(def).item.kind else { return None };
    let promise = i.of_trait.as_ref().is_some_and(|t| matches!(t.last(), "Send" | "Sync"));
    if !promise || i.generics.params.is_empty() {
        return None;
    }
    let Type::Adt(adt, _) = program.lower_type(def, &i.self_ty) else { return None };
    for function in program.functions_of(adt) {
        if let Some(f) = program.function(function) {
            program.lower_type(function, &f.ret);
        }
    }
    Some(adt)
}

/// The bounds on what a function is given, closures among them.
fn closure_bounds(f: &Function) -> Vec<&Bound> {
    let generic = f.generics.params.iter().flat_map(|p| &p.bounds);
    let stated = generic.chain(f.generics.predicates.iter().flat_map(|p| &p.1));
    let written = f.params.iter().flat_map(|(_, ty)| match ty {
        Ty::Impl(bounds) | Ty::Dyn(bounds) => &bounds[..],
        _ => &[],
    });
    stated.chain(written).collect()
}

fn is_closure(bound: &Bound) -> bool {
    matches!(bound.path.last(), "Fn" | "FnMut" | "FnOnce")
}

pub(super) fn mentions_name(ty: &Ty, name: &str) -> bool {
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
