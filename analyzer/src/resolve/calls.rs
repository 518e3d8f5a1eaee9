//! Which function a call reaches, and what it returns.

use std::sync::{Arc, OnceLock};

use super::infer::{self, atomic_result, iterator_of, substitute, type_params};
use super::types::{Args, Atomic, Known, Type};
use super::written::from_meaning;
use super::{BodyId, DefId, Program, Res, vocabulary};
use crate::ir::{self, AtomicOpKind, Call, Callee, EventKind, ItemKind, ValueId, ValueKind};

/// What a call reaches.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A function of the analysed crates (perhaps a trait's declaration without a body).
    Fn(DefId),
    Closure(BodyId),
    /// A function outside of the analysed crates, by path.
    Foreign(String),
    /// A method of a type that is known or foreign.
    Method {
        receiver: Type,
        name: String,
    },
    Unknown,
}

/// Methods that hand their receiver through, as far as memory is concerned.
pub const TRANSPARENT: [&str; 38] = [
    "as_ref",
    "as_mut",
    "as_deref",
    "as_deref_mut",
    "deref",
    "deref_mut",
    "borrow",
    "borrow_mut",
    "unwrap",
    "expect",
    "unwrap_unchecked",
    "unwrap_or_default",
    "unwrap_or_else",
    "as_slice",
    "as_mut_slice",
    "cast",
    "cast_mut",
    "cast_const",
    "by_ref",
    "get_ref",
    "into_ref",
    "as_pin_ref",
    "into_inner_ref",
    "into_iter",
    "iter",
    "iter_mut",
    "rev",
    "skip",
    "take",
    "step_by",
    "peekable",
    "cloned",
    "copied",
    "as_ptr",
    "as_mut_ptr",
    "ok",
    "get_unchecked_ref",
    "inner_ref",
];

impl<'a> Program<'a> {
    /// Which function a call in `body` reaches.
    pub fn target(&self, body: BodyId, call: &Call) -> Target {
        let cell = self.event_with(body, call).and_then(|e| self.body(body).target_cell(e));
        if let Some(known) = cell.and_then(OnceLock::get) {
            return known.clone();
        }
        let target = self.find_target(body, call);
        // In the middle of inferring a type that depends on itself, what is unknown may be known later.
        if let Some(cell) = cell
            && (target != Target::Unknown || !infer::is_inferring())
        {
            let _ = cell.set(target.clone());
        }
        target
    }

    /// The position of the event that a call of this body stands in, told from where it stands in memory.
    fn event_with(&self, body: BodyId, call: &Call) -> Option<usize> {
        let events = &self.body(body).ir.events;
        let offset = std::ptr::from_ref(call).addr().checked_sub(events.as_ptr().addr())?;
        let index = offset / size_of::<ir::Event>();
        (index < events.len()).then_some(index)
    }

    fn find_target(&self, body: BodyId, call: &Call) -> Target {
        match &call.callee {
            Callee::Path(path) => self.path_target(body, path, &call.args),
            Callee::Method { receiver, name, .. } => {
                let ty = self.place_type(body, receiver);
                self.method_target(body, ty, name)
            }
            Callee::Value(v) => match self.closure_of(body, *v) {
                Some(c) => Target::Closure(c),
                None => Target::Unknown,
            },
        }
    }

    fn path_target(&self, body: BodyId, path: &ir::Path, args: &[ValueId]) -> Target {
        if let Some((ty, _)) = &path.qself {
            let ty = self.lower_type(self.body(body).owner, ty);
            return self.method_target(body, ty, path.last());
        }
        match self.resolve_value(body, path) {
            Res::Def(d) if matches!(self.def(d).item.kind, ItemKind::Fn(_)) => Target::Fn(d),
            Res::Assoc(d, name) => match &self.def(d).item.kind {
                // `Trait::method(x)`: the impl for the first argument's type, if it is known.
                ItemKind::Trait { .. } => {
                    let by_arg = args.first().map(|v| self.method_target(body, self.type_of(body, *v), &name));
                    match by_arg {
                        Some(t @ Target::Fn(_)) => t,
                        _ => self.trait_method(d, &name).map_or(Target::Unknown, Target::Fn),
                    }
                }
                _ => Target::Unknown,
            },
            Res::External(p) => Target::Foreign(p),
            Res::Unknown if path.segments.len() >= 2 => {
                // `T::method` of a generic parameter; or a known type whose import could not be followed.
                let first = &path.segments[0].name;
                let traits = self.traits_of(body, &Type::Param(first.as_str().into()));
                if let Some(m) = traits.iter().find_map(|t| self.trait_method(*t, path.last())) {
                    return Target::Fn(m);
                }
                let owner = &path.segments[path.segments.len() - 2].name;
                match vocabulary::by_name(owner) {
                    Some(_) => Target::Foreign(format!("std::{owner}::{}", path.last())),
                    None => Target::Unknown,
                }
            }
            _ => Target::Unknown,
        }
    }

    /// The method that `name` means on a value of type `ty`.
    pub fn method_target(&self, body: BodyId, ty: Type, name: &str) -> Target {
        let chain = self.autoderef(&ty);
        for t in &chain {
            match t {
                Type::Adt(adt, _) => {
                    if let Some(&m) = self.methods_of(*adt, name).first() {
                        return Target::Fn(m);
                    }
                }
                Type::Bounded(_) | Type::Param(_) => {
                    let traits = self.traits_of(body, t);
                    if let Some(m) = traits.iter().find_map(|tr| self.trait_method(*tr, name)) {
                        return Target::Fn(m);
                    }
                }
                _ => {}
            }
            // A trait of the crate implemented for a foreign type (`impl Ext for AtomicUsize`).
            if !matches!(t, Type::Adt(..) | Type::Unknown | Type::Param(_) | Type::Bounded(_)) {
                let ext = self.methods_on_foreign_types(name).iter().find(|&&m| self.self_type(m) == *t);
                if let Some(&m) = ext {
                    return Target::Fn(m);
                }
            }
        }
        match chain.into_iter().find(|t| !matches!(t, Type::Ref { .. })) {
            Some(Type::Unknown) | None => Target::Unknown,
            Some(receiver) => Target::Method { receiver, name: name.to_owned() },
        }
    }

    /// The one implementation of a trait's method in the crate, or its declaration.
    fn trait_method(&self, trait_def: DefId, name: &str) -> Option<DefId> {
        let ItemKind::Trait { items, .. } = &self.def(trait_def).item.kind else { return None };
        let declared = items.iter().find(|i| i.name == name).and_then(|i| self.def_of(i))?;
        let mut implementations = self.trait_impls.get(&trait_def).into_iter().flatten().filter_map(|&i| {
            let ItemKind::Impl(imp) = &self.def(i).item.kind else { return None };
            imp.items.iter().find(|it| it.name == name).and_then(|it| self.def_of(it))
        });
        match (implementations.next(), implementations.next()) {
            (Some(only), None) => Some(only),
            _ => Some(declared),
        }
    }

    /// The closure that a value holds.
    pub fn closure_of(&self, body: BodyId, value: ValueId) -> Option<BodyId> {
        let b = self.body(body);
        match &b.ir.values.get(value.index())?.kind {
            ValueKind::Closure(idx) | ValueKind::AsyncBlock(idx) => self.nested_body(body, *idx),
            ValueKind::Read(p) | ValueKind::Ref { place: p, .. } if p.proj.is_empty() => match p.base {
                ir::Base::Local(_, v) | ir::Base::Value(v) => self.closure_of(body, v),
                ir::Base::Path(_) => None,
            },
            ValueKind::Capture(i) => {
                let c = b.ir.captures.get(*i as usize)?;
                self.closure_of(b.parent?, c.value)
            }
            _ => None,
        }
    }

    /// What a call returns.
    pub fn call_type(&self, body: BodyId, call: &Call) -> Type {
        match self.target(body, call) {
            Target::Fn(def) => self.return_type(body, call, def),
            Target::Closure(c) => {
                let returned = self.body(c).ir.blocks.iter().find_map(|b| match b.term {
                    ir::Terminator::Return(Some(v)) => Some(v),
                    _ => None,
                });
                returned.map_or(Type::Unknown, |v| self.type_of(c, v))
            }
            Target::Foreign(path) => self.foreign_call_type(body, &path, call),
            Target::Method { receiver, name } => self.method_type(body, &receiver, &name, call),
            Target::Unknown => match &call.callee {
                // The guard convention holds for unknown locks too.
                Callee::Method { name, .. } if name == "lock" && call.args.is_empty() => {
                    Type::Known(Known::Guard, [Type::Unknown].into())
                }
                _ => Type::Unknown,
            },
        }
    }

    fn return_type(&self, body: BodyId, call: &Call, def: DefId) -> Type {
        let Some(f) = self.function(def) else { return Type::Unknown };
        let ret = self.lower_type(def, &f.ret);
        let Some(parent) = self.def(def).parent else { return self.bind_fn_generics(body, call, def, ret) };
        if !matches!(self.def(parent).item.kind, ItemKind::Impl(_)) {
            return ret;
        }
        // The impl's generics follow from the receiver.
        let receiver = match &call.callee {
            Callee::Method { receiver, .. } => self.place_type(body, receiver),
            Callee::Path(p) if p.segments.len() >= 2 => {
                let args = p.segments[p.segments.len() - 2].args.iter();
                let args: Vec<Type> = args.map(|t| self.lower_type(self.body(body).owner, t)).collect();
                match self.self_type(def) {
                    Type::Adt(adt, own) if args.is_empty() => Type::Adt(adt, own),
                    Type::Adt(adt, _) => Type::Adt(adt, args.into()),
                    _ => Type::Unknown,
                }
            }
            _ => Type::Unknown,
        };
        self.bind_impl_generics(&receiver, def, ret)
    }

    /// A type in the signature of a method, with the impl's generics as the receiver has them.
    pub(super) fn bind_impl_generics(&self, receiver: &Type, method: DefId, ty: Type) -> Type {
        let Some(ItemKind::Impl(imp)) = self.def(method).parent.map(|p| &self.def(p).item.kind) else { return ty };
        let own = self.self_type(method);
        let names: Vec<Arc<str>> = match own.peeled() {
            Type::Adt(_, args) => {
                args.iter().map(|a| if let Type::Param(p) = a { p.clone() } else { "".into() }).collect()
            }
            _ => type_params(&imp.generics).into_iter().map(Arc::from).collect(),
        };
        let args = self.autoderef(receiver).into_iter().find_map(|t| match (t, own.peeled()) {
            (Type::Adt(d, args), Type::Adt(o, _)) if d == *o => Some(args),
            _ => None,
        });
        match args {
            Some(args) => {
                let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
                substitute(&ty, &names, &args)
            }
            None => ty,
        }
    }

    /// A free function's generics follow from arguments whose parameter is a bare `T`, `&T` or `*T`.
    fn bind_fn_generics(&self, body: BodyId, call: &Call, def: DefId, ret: Type) -> Type {
        let Some(f) = self.function(def) else { return ret };
        let names = type_params(&f.generics);
        if names.is_empty() {
            return ret;
        }
        let args: Vec<Type> = names
            .iter()
            .map(|n| {
                f.params
                    .iter()
                    .zip(&call.args)
                    .find_map(|((_, pty), arg)| {
                        let (formal, actual) = (self.lower_type(def, pty), self.type_of(body, *arg));
                        match (&formal, &actual) {
                            (Type::Param(p), actual) if **p == **n => Some(actual.clone()),
                            (Type::Ref { inner: a, .. }, Type::Ref { inner: b, .. })
                            | (Type::Ptr { inner: a, .. }, Type::Ptr { inner: b, .. })
                                if **a == Type::Param((*n).into()) =>
                            {
                                Some((**b).clone())
                            }
                            _ => None,
                        }
                    })
                    .unwrap_or(Type::Unknown)
            })
            .collect();
        substitute(&ret, &names, &args)
    }

    fn foreign_call_type(&self, body: BodyId, path: &str, call: &Call) -> Type {
        let arg = |i: usize| call.args.get(i).map_or(Type::Unknown, |v| self.type_of(body, *v));
        let mut parts = path.rsplit("::");
        let (method, owner) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let owner_path = path.rsplit_once("::").map_or("", |(o, _)| o);
        let wrap = |ty: Type, item: Type| match ty {
            Type::Known(k, _) => Type::Known(k, [item].into()),
            ty => ty,
        };
        let owner_type = from_meaning(
            vocabulary::by_path(owner_path).or_else(|| vocabulary::by_name(owner)),
            owner_path,
            self.turbofish_of_owner(body, call),
        );
        match (&owner_type, method) {
            (Type::Atomic(kind @ (Atomic::Int | Atomic::Bool), v), "new") => Type::Atomic(*kind, v.clone()),
            (
                Type::Atomic(kind, v),
                "new" | "null" | "from" | "from_pointee" | "default" | "empty" | "init" | "const_empty",
            ) => {
                let value = match (kind, arg(0)) {
                    (_, Type::Unknown) => (**v).clone(),
                    (Atomic::Epoch | Atomic::ArcSwap, Type::Known(_, inner)) if inner.len() == 1 => inner[0].clone(),
                    (_, ty) => ty,
                };
                Type::Atomic(*kind, Arc::new(value))
            }
            (Type::Atomic(..), "from_ptr" | "from_mut" | "from_ref") => owner_type.clone().reference(false),
            (Type::Known(Known::Arc | Known::Rc | Known::Pin, _), "clone" | "new_unchecked") if owner != "Pin" => {
                match arg(0) {
                    Type::Ref { inner, .. } => Arc::unwrap_or_clone(inner),
                    ty => ty,
                }
            }
            (Type::Known(Known::Arc | Known::Rc | Known::Box, _), "into_raw" | "as_ptr" | "leak") => match arg(0) {
                Type::Known(_, inner) if inner.len() == 1 => {
                    Type::Ptr { mutable: true, inner: Arc::new(inner[0].clone()) }
                }
                Type::Ref { inner, .. } => match &*inner {
                    Type::Known(_, i) if i.len() == 1 => Type::Ptr { mutable: false, inner: Arc::new(i[0].clone()) },
                    _ => Type::Unknown,
                },
                _ => Type::Unknown,
            },
            (Type::Known(..), "from_raw" | "from_raw_in") => match arg(0) {
                Type::Ptr { inner, .. } => wrap(owner_type.clone(), Arc::unwrap_or_clone(inner)),
                _ => owner_type.clone(),
            },
            (Type::Known(Known::Arc, _), "get_mut" | "make_mut" | "try_unwrap" | "into_inner" | "downgrade") => {
                Type::Unknown
            }
            (Type::Known(Known::NonNull, _), "new_unchecked" | "from" | "from_ref" | "from_mut") => match arg(0) {
                Type::Ptr { inner, .. } | Type::Ref { inner, .. } => {
                    wrap(owner_type.clone(), Arc::unwrap_or_clone(inner))
                }
                _ => owner_type.clone(),
            },
            (Type::Known(Known::NonNull, _), "new") => match arg(0) {
                Type::Ptr { inner, .. } => {
                    Type::Known(Known::Option, [wrap(owner_type.clone(), Arc::unwrap_or_clone(inner))].into())
                }
                _ => Type::Unknown,
            },
            (
                Type::Known(Known::Vec | Known::Map | Known::String | Known::Backoff | Known::Condvar | Known::Once, a),
                _,
            ) if !a.is_empty() || matches!(method, "new" | "with_capacity" | "default") => owner_type.clone(),
            (Type::Known(..), "new" | "pin" | "from" | "new_cyclic") => wrap(owner_type.clone(), arg(0)),
            _ => match (owner, method) {
                ("mem", "replace" | "take") => match arg(0) {
                    Type::Ref { inner, .. } => Arc::unwrap_or_clone(inner),
                    _ => Type::Unknown,
                },
                ("ptr", "read" | "read_volatile" | "replace" | "read_unaligned") => match arg(0) {
                    Type::Ptr { inner, .. } | Type::Ref { inner, .. } => Arc::unwrap_or_clone(inner),
                    _ => Type::Unknown,
                },
                ("ptr", "from_ref" | "from_mut") => match arg(0) {
                    Type::Ref { inner, mutable } => Type::Ptr { inner, mutable },
                    _ => Type::Unknown,
                },
                ("slice", "from_raw_parts") => match arg(0) {
                    Type::Ptr { inner, .. } => Type::Slice(inner).reference(false),
                    _ => Type::Unknown,
                },
                ("crossbeam_epoch" | "epoch", "pin" | "unprotected") => {
                    Type::Known(Known::ReclaimGuard, Args::default())
                }
                ("thread", "current") => Type::Known(Known::Thread, Args::default()),
                ("thread", "spawn") => Type::Known(Known::JoinHandle, Args::default()),
                _ => Type::Unknown,
            },
        }
    }

    /// `AtomicPtr::<T>::new`: the arguments written on the type.
    fn turbofish_of_owner(&self, body: BodyId, call: &Call) -> Vec<Type> {
        let Callee::Path(p) = &call.callee else { return Vec::new() };
        let Some(owner) = p.segments.len().checked_sub(2).map(|i| &p.segments[i]) else { return Vec::new() };
        owner.args.iter().map(|t| self.lower_type(self.body(body).owner, t)).collect()
    }

    fn method_type(&self, body: BodyId, receiver: &Type, name: &str, call: &Call) -> Type {
        let arg = |i: usize| call.args.get(i).map_or(Type::Unknown, |v| self.type_of(body, *v));
        let option = |ty: Type| Type::Known(Known::Option, [ty].into());
        if let Some((kind, value)) = self.as_atomic(receiver) {
            if let Some(op) = atomic_method(kind, name, call.args.len()) {
                return atomic_result(kind, value, op, name);
            }
            match name {
                "get_mut" => return value.reference(true),
                "into_inner" | "into_owned" => return value,
                "as_ptr" => return Type::Ptr { mutable: true, inner: Arc::new(value) },
                "load_full" | "peek" => return Type::Known(Known::Arc, [value].into()),
                _ => {}
            }
        }
        let item = |t: &Type| self.item_type(t);
        for t in self.autoderef(receiver) {
            let found = match (&t, name) {
                (_, "clone") if !matches!(t, Type::Ref { .. }) => Some(t.clone()),
                (
                    Type::Known(Known::Option | Known::Result, a),
                    "unwrap" | "expect" | "unwrap_unchecked" | "unwrap_or" | "unwrap_or_default" | "unwrap_or_else",
                ) => a.first().cloned(),
                (Type::Known(Known::Result, a), "ok") => a.first().cloned().map(option),
                (Type::Known(Known::Result, a), "err") => a.get(1).cloned().map(option),
                (Type::Known(Known::Result, a), "unwrap_err" | "expect_err" | "into_err") => a.get(1).cloned(),
                (Type::Known(Known::Option, a), "as_ref" | "as_deref" | "get_or_insert_with" | "insert") => {
                    a.first().cloned().map(|t| {
                        let t = if name == "as_deref" { self.deref(&t).unwrap_or(t) } else { t };
                        if name.starts_with("as") { option(t.reference(false)) } else { t.reference(true) }
                    })
                }
                (Type::Known(Known::Option, a), "as_mut" | "as_deref_mut") => {
                    a.first().cloned().map(|t| option(t.reference(true)))
                }
                (Type::Known(Known::Option, a), "take" | "filter" | "or" | "copied" | "cloned") => match a.first() {
                    Some(Type::Ref { inner, .. }) if name.ends_with("ed") => Some(option((**inner).clone())),
                    Some(ty) => Some(option(ty.clone())),
                    None => None,
                },
                (
                    Type::Known(Known::Guard | Known::ReadGuard, _),
                    "unwrap" | "expect" | "unwrap_or_else" | "ok" | "await",
                ) => Some(t.clone()),
                (Type::Known(Known::Mutex, a), "lock" | "lock_arc" | "blocking_lock" | "lock_blocking") => {
                    Some(Type::Known(Known::Guard, a.clone()))
                }
                (Type::Known(Known::Mutex, a), "try_lock") => Some(option(Type::Known(Known::Guard, a.clone()))),
                (Type::Known(Known::RwLock, a), "write" | "upgradable_read" | "blocking_write") => {
                    Some(Type::Known(Known::Guard, a.clone()))
                }
                (Type::Known(Known::RwLock, a), "read" | "blocking_read") => {
                    Some(Type::Known(Known::ReadGuard, a.clone()))
                }
                (Type::Known(Known::RwLock, a), "try_write") => Some(option(Type::Known(Known::Guard, a.clone()))),
                (Type::Known(Known::RwLock, a), "try_read") => Some(option(Type::Known(Known::ReadGuard, a.clone()))),
                (Type::Known(Known::Condvar, _), "wait" | "wait_while" | "wait_timeout" | "wait_timeout_while") => {
                    Some(arg(0))
                }
                (Type::Known(Known::RefCell, a), "borrow" | "borrow_mut") => {
                    Some(Type::Known(Known::CellRef, a.clone()))
                }
                (Type::Known(Known::UnsafeCell, a), "get" | "raw_get") => {
                    Some(Type::Ptr { mutable: true, inner: Arc::new(a.first().cloned().unwrap_or(Type::Unknown)) })
                }
                (
                    Type::Known(Known::UnsafeCell | Known::Cell | Known::Mutex | Known::RwLock | Known::RefCell, a),
                    "get_mut",
                ) => a.first().cloned().map(|t| t.reference(true)),
                (Type::Known(Known::Cell, a), "get" | "take" | "replace") => a.first().cloned(),
                (Type::Known(Known::MaybeUninit, a), "as_ptr" | "as_mut_ptr") => {
                    a.first().map(|t| Type::Ptr { mutable: true, inner: Arc::new(t.clone()) })
                }
                (Type::Known(Known::MaybeUninit, a), "assume_init_ref" | "assume_init_mut") => {
                    a.first().cloned().map(|t| t.reference(false))
                }
                (Type::Known(Known::MaybeUninit, a), "assume_init" | "assume_init_read") => a.first().cloned(),
                (Type::Known(Known::NonNull, a), "as_ref" | "as_mut") => {
                    a.first().cloned().map(|t| t.reference(name == "as_mut"))
                }
                (Type::Known(Known::NonNull, a), "as_ptr") => {
                    a.first().map(|t| Type::Ptr { mutable: true, inner: Arc::new(t.clone()) })
                }
                (Type::Known(Known::EpochShared, a), "deref" | "deref_mut") => {
                    a.first().cloned().map(|t| t.reference(false))
                }
                (Type::Known(Known::EpochShared, a), "as_ref") => {
                    a.first().cloned().map(|t| option(t.reference(false)))
                }
                (Type::Known(Known::EpochShared, a), "as_raw") => {
                    a.first().map(|t| Type::Ptr { mutable: false, inner: Arc::new(t.clone()) })
                }
                (Type::Known(Known::EpochShared | Known::EpochOwned, _), "with_tag" | "into_shared") => Some(t.clone()),
                (Type::Known(Known::Lazy, a), "get") => a.first().cloned().map(|t| option(t.reference(false))),
                (Type::Known(Known::Lazy, a), "get_or_init" | "call_once" | "wait" | "force") => {
                    a.first().cloned().map(|t| t.reference(false))
                }
                (Type::Known(Known::Weak, a), "upgrade") => Some(option(Type::Known(Known::Arc, a.clone()))),
                (
                    Type::Known(Known::Pin, a),
                    "get_ref" | "get_mut" | "get_unchecked_mut" | "into_ref" | "as_ref" | "as_mut",
                ) => a.first().cloned(),
                (Type::Ptr { inner, .. }, "as_ref" | "as_mut") => {
                    Some(option((**inner).clone().reference(name == "as_mut")))
                }
                (
                    Type::Ptr { .. },
                    "add" | "sub" | "offset" | "wrapping_add" | "wrapping_sub" | "cast_mut" | "cast_const"
                    | "with_addr" | "map_addr" | "byte_add",
                ) => Some(t.clone()),
                (Type::Ptr { mutable, .. }, "cast") => {
                    let to = match &call.callee {
                        Callee::Method { turbofish, .. } => turbofish.first(),
                        _ => None,
                    };
                    let inner = to.map_or(Type::Unknown, |t| self.lower_type(self.body(body).owner, t));
                    Some(Type::Ptr { mutable: *mutable, inner: Arc::new(inner) })
                }
                (Type::Ptr { inner, .. }, "read" | "read_volatile" | "replace" | "read_unaligned") => {
                    Some((**inner).clone())
                }
                (
                    Type::Known(Known::Vec, _) | Type::Slice(_) | Type::Array(..),
                    "get" | "first" | "last" | "get_mut" | "first_mut" | "last_mut",
                ) => Some(option(item(&t.clone().reference(name.ends_with("mut"))))),
                (
                    Type::Known(Known::Vec, _) | Type::Slice(_) | Type::Array(..),
                    "get_unchecked" | "get_unchecked_mut",
                ) => Some(item(&t.clone().reference(name.ends_with("mut")))),
                (Type::Known(Known::Vec, _) | Type::Slice(_) | Type::Array(..), "iter" | "iter_mut") => {
                    Some(iterator_of(item(&t.clone().reference(name.ends_with("mut")))))
                }
                (Type::Known(Known::Vec, a), "pop" | "remove" | "swap_remove") => {
                    a.first().cloned().map(|t| if name == "pop" { option(t) } else { t })
                }
                (Type::Known(Known::Vec, a), "as_ptr" | "as_mut_ptr") => {
                    Some(Type::Ptr { mutable: true, inner: Arc::new(a.first().cloned().unwrap_or(Type::Unknown)) })
                }
                (Type::Slice(a) | Type::Array(a, _), "as_ptr" | "as_mut_ptr") => {
                    Some(Type::Ptr { mutable: true, inner: a.clone() })
                }
                (Type::Known(Known::Vec, a), "into_boxed_slice") => {
                    let slice = Type::Slice(Arc::new(a.first().cloned().unwrap_or(Type::Unknown)));
                    Some(Type::Known(Known::Box, [slice].into()))
                }
                // A set has its elements for keys.
                (Type::Known(Known::Map, a), "get" | "get_mut") => {
                    a.get(1).or(a.first()).map(|t| option(t.clone().reference(name == "get_mut")))
                }
                (Type::Known(Known::Map, a), "values" | "values_mut") => {
                    a.get(1).map(|t| iterator_of(t.clone().reference(name == "values_mut")))
                }
                (Type::Known(Known::Map, a), "remove") => a.get(1).cloned().map(option),
                (Type::Known(Known::Vec, _) | Type::Array(..), "into_iter") => Some(iterator_of(item(&t))),
                (
                    Type::External(_, _),
                    "rev" | "skip" | "take" | "filter" | "step_by" | "by_ref" | "cycle" | "peekable" | "chain"
                    | "into_iter" | "skip_while" | "take_while" | "fuse" | "inspect",
                ) => Some(t.clone()),
                (Type::External(_, _), "enumerate") => {
                    Some(iterator_of(Type::Tuple([Type::Prim("usize"), item(&t)].into())))
                }
                (Type::External(_, _), "zip") => Some(iterator_of(Type::Tuple([item(&t), item(&arg(0))].into()))),
                (Type::External(_, _), "next" | "last" | "nth" | "find" | "peek" | "max" | "min") => {
                    Some(option(item(&t)))
                }
                (_, "deref" | "deref_mut") => self.deref(&t).map(|t| t.reference(name == "deref_mut")),
                (
                    Type::Known(Known::Arc | Known::Rc | Known::Box | Known::Padded, _),
                    "as_ref" | "as_mut" | "borrow",
                ) => self.deref(&t).map(|t| t.reference(false)),
                (Type::Known(Known::Padded | Known::ManuallyDrop | Known::Transparent, a), "into_inner") => {
                    a.first().cloned()
                }
                (_, "with" | "with_mut") => self.closure_result(body, call),
                (Type::Known(Known::Option | Known::Result, _), "map" | "and_then" | "map_or" | "map_or_else") => {
                    match self.closure_result(body, call) {
                        Some(ty) if name == "map" => Some(option(ty)),
                        other => other,
                    }
                }
                (Type::External(_, _), "map") => self.closure_result(body, call).map(iterator_of),
                _ => None,
            };
            if let Some(ty) = found {
                return ty;
            }
        }
        match name {
            "lock" if call.args.is_empty() => Type::Known(Known::Guard, [Type::Unknown].into()),
            _ => Type::Unknown,
        }
    }

    fn closure_result(&self, body: BodyId, call: &Call) -> Option<Type> {
        let closure = call.args.iter().find_map(|v| self.closure_of(body, *v))?;
        let returned = self.body(closure).ir.blocks.iter().find_map(|b| match b.term {
            ir::Terminator::Return(Some(v)) => Some(v),
            _ => None,
        })?;
        Some(self.type_of(closure, returned))
    }

    /// The event in the parent to which a closure is handed, with its position among the arguments.
    pub fn closure_use(&self, closure: BodyId) -> Option<(BodyId, ir::EventId)> {
        let b = self.body(closure);
        let parent = b.parent?;
        let event = *self.uses(parent).closures.get(&b.idx)?;
        Some((parent, event))
    }

    pub(super) fn closure_param_type(&self, closure: BodyId, index: u32) -> Type {
        let Some((parent, event)) = self.closure_use(closure) else { return Type::Unknown };
        match &self.body(parent).ir.events[event.index()].kind {
            EventKind::Atomic(op) => match self.as_atomic(&self.place_type(parent, &op.receiver)) {
                Some((_, value)) if index == 0 => value,
                _ => Type::Unknown,
            },
            EventKind::Call(call) => {
                let Callee::Method { receiver, name, .. } = &call.callee else { return Type::Unknown };
                let ty = self.place_type(parent, receiver);
                let first = |k: &[Type]| k.first().cloned().unwrap_or(Type::Unknown);
                for t in self.autoderef(&ty) {
                    match (&t, name.as_str()) {
                        (Type::External(..), "fold" | "try_fold") if index == 1 => return self.item_type(&t),
                        (
                            Type::External(..),
                            "filter" | "find" | "take_while" | "skip_while" | "inspect" | "max_by_key" | "min_by_key",
                        ) => {
                            return self.item_type(&t).reference(false);
                        }
                        (Type::External(..), _) => return self.item_type(&t),
                        (Type::Known(Known::Option | Known::Result, a), _) => return first(a),
                        (Type::Known(Known::UnsafeCell, a), "with" | "with_mut") => {
                            return Type::Ptr { mutable: true, inner: Arc::new(first(a)) };
                        }
                        (Type::Known(Known::ThreadLocal, a), _) => return first(a).reference(false),
                        _ => {}
                    }
                }
                self.declared_closure_param(parent, call, closure, index).unwrap_or(Type::Unknown)
            }
            _ => Type::Unknown,
        }
    }
}

/// What a method of an atomic does, by name; the arguments counted with their orderings.
pub fn atomic_method(kind: Atomic, name: &str, _args: usize) -> Option<AtomicOpKind> {
    Some(match name {
        "load" | "load_consume" | "load_full" => AtomicOpKind::Load,
        "store" => AtomicOpKind::Store,
        "swap" => AtomicOpKind::Swap,
        "take" if !kind.takes_orderings() => AtomicOpKind::Swap,
        "fetch_add" | "add" => AtomicOpKind::FetchAdd,
        "fetch_sub" | "sub" => AtomicOpKind::FetchSub,
        "fetch_and" | "and" => AtomicOpKind::FetchAnd,
        "fetch_nand" => AtomicOpKind::FetchNand,
        "fetch_or" | "or" => AtomicOpKind::FetchOr,
        "fetch_xor" | "fetch_not" | "xor" => AtomicOpKind::FetchXor,
        "fetch_max" => AtomicOpKind::FetchMax,
        "fetch_min" => AtomicOpKind::FetchMin,
        "compare_exchange" | "compare_and_swap" | "compare_and_set" => AtomicOpKind::Cas { weak: false },
        "compare_exchange_weak" | "compare_and_set_weak" => AtomicOpKind::Cas { weak: true },
        "fetch_update" | "try_update" | "update" | "rcu" => AtomicOpKind::Update,
        _ => return None,
    })
}
