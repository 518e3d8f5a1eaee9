//! The types of values and places, inferred on demand from annotations, signatures and the vocabulary.
//!
//! This is no type checker: it follows what is written far enough to say which field of which type an operation
//! touches, and says [`Type::Unknown`] where generics, traits or foreign code take over.

use std::cell::RefCell;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::types::{Args, Atomic, Known, Type};
use super::written::parse_len;
use super::{BodyId, DefId, Program, Res};
use crate::ir::{self, AtomicOpKind, Base, EventKind, ItemKind, Place, Proj, Ty, ValueId, ValueKind};

/// How deep types and aliases are followed.
pub(super) const MAX_DEPTH: u32 = 32;
/// How many automatic dereferences a field or method access makes.
const MAX_DEREFS: usize = 12;

thread_local! {
    /// Values whose type is being inferred, so that loops through phis end.
    static VISITING: RefCell<FxHashSet<(BodyId, ValueId)>> = RefCell::default();
}

/// Forgets what this thread was in the middle of.
pub(super) fn forget_unfinished() {
    VISITING.take();
}

/// Whether a type is being inferred on this thread.
pub(super) fn is_inferring() -> bool {
    VISITING.with_borrow(|v| !v.is_empty())
}

/// The path under which iterators over `T` are known here.
const ITERATOR: &str = "std::iter::Iterator";

pub fn iterator_of(item: Type) -> Type {
    Type::External(ITERATOR.into(), [item].into())
}

impl<'a> Program<'a> {
    /// The type of a field, if the type has a field of that name.
    pub fn field_type(&self, ty: &Type, field: &str) -> Option<Type> {
        match ty {
            Type::Adt(def, args) => {
                let (ItemKind::Struct(s) | ItemKind::Union(s)) = &self.def(*def).item.kind else { return None };
                let f = s.fields.iter().find(|f| f.name == field)?;
                Some(substitute(&self.lower_type(*def, &f.ty), &type_params(&s.generics), args))
            }
            Type::Tuple(items) => items.get(field.parse::<usize>().ok()?).cloned(),
            Type::Known(Known::Transparent, args) if field == "0" => args.first().cloned(),
            _ => None,
        }
    }

    /// The type of a variant's field.
    fn variant_field_type(&self, ty: &Type, variant: &str, field: &str) -> Type {
        match (ty.peeled(), variant) {
            // `option?` is taken apart as `result?` is.
            (Type::Known(Known::Option, args), "Some" | "Ok") | (Type::Known(Known::Result, args), "Ok") => {
                args.first().cloned().unwrap_or(Type::Unknown)
            }
            (Type::Known(Known::Result, args), "Err") => args.get(1).cloned().unwrap_or(Type::Unknown),
            (Type::Adt(def, args), _) => match &self.def(*def).item.kind {
                ItemKind::Enum(e) => {
                    let v = e.variants.iter().find(|v| v.name == variant);
                    let f = v.and_then(|v| v.fields.iter().find(|f| f.name == field));
                    f.map_or(Type::Unknown, |f| {
                        substitute(&self.lower_type(*def, &f.ty), &type_params(&e.generics), args)
                    })
                }
                _ => self.field_type(ty.peeled(), field).unwrap_or(Type::Unknown),
            },
            (Type::Known(Known::Guard | Known::ReadGuard, _), "Ok") => ty.clone(),
            _ => Type::Unknown,
        }
    }

    /// One automatic dereference, through known smart pointers and the crates' own `Deref` impls.
    pub fn deref(&self, ty: &Type) -> Option<Type> {
        if let Some(inner) = ty.builtin_deref() {
            return Some(inner.clone());
        }
        let Type::Adt(def, args) = ty else { return None };
        let (imp, target) = *self.deref_targets.get(def)?;
        let target = self.lower_type(imp, target);
        Some(self.apply_impl_args(imp, &target, args))
    }

    /// Replaces the generics of an impl by the arguments that its self type has here.
    fn apply_impl_args(&self, imp: DefId, ty: &Type, args: &[Type]) -> Type {
        let ItemKind::Impl(i) = &self.def(imp).item.kind else { return ty.clone() };
        let Ty::Path(p) = &i.self_ty else { return ty.clone() };
        let names: Vec<&str> = p
            .segments
            .last()
            .into_iter()
            .flat_map(|s| &s.args)
            .map(|a| match a {
                Ty::Path(p) => p.ident().unwrap_or(""),
                _ => "",
            })
            .collect();
        substitute(ty, &names, args)
    }

    /// The type behind a value and everything that dereferences on the way, outermost first.
    pub fn autoderef(&self, ty: &Type) -> Vec<Type> {
        let mut chain = vec![ty.clone()];
        while chain.len() < MAX_DEREFS {
            let next = match chain.last() {
                Some(last) => self.deref(last),
                None => None,
            };
            match next {
                Some(t) if !chain.contains(&t) => chain.push(t),
                _ => break,
            }
        }
        chain
    }

    /// The atomic that a receiver of this type is or dereferences to.
    pub fn as_atomic(&self, ty: &Type) -> Option<(Atomic, Type)> {
        self.autoderef(ty).into_iter().find_map(|t| match t {
            Type::Atomic(kind, value) => Some((kind, Arc::unwrap_or_clone(value))),
            _ => None,
        })
    }

    /// The type of a value.
    pub fn type_of(&self, body: BodyId, value: ValueId) -> Type {
        let b = self.body(body);
        let Some(cell) = b.type_cell(value) else { return Type::Unknown };
        if let Some(ty) = cell.get() {
            return ty.clone();
        }
        let entered = VISITING.with_borrow_mut(|v| v.len() < 400 && v.insert((body, value)));
        if !entered {
            return Type::Unknown;
        }
        let ty = self.infer(body, value);
        VISITING.with_borrow_mut(|v| v.remove(&(body, value)));
        let _ = cell.set(ty.clone());
        ty
    }

    fn infer(&self, body: BodyId, value: ValueId) -> Type {
        let b = self.body(body);
        let Some(v) = b.ir.values.get(value.index()) else { return Type::Unknown };
        let of = |v: ValueId| self.type_of(body, v);
        match &v.kind {
            ValueKind::Param(i) => self.param_type(body, *i),
            ValueKind::Capture(i) => match (b.parent, b.ir.captures.get(*i as usize)) {
                (Some(parent), Some(c)) => self.local_type(parent, c.outer, c.value),
                _ => Type::Unknown,
            },
            ValueKind::Int(_) | ValueKind::Unknown | ValueKind::Range { .. } => Type::Unknown,
            ValueKind::Bool(_) | ValueKind::Matches { .. } => Type::Prim("bool"),
            ValueKind::Lit(text) => literal_type(text),
            ValueKind::Path(path) => self.path_value_type(body, path),
            ValueKind::Read(place) => self.place_type(body, place),
            ValueKind::Ref { mutable, place } => self.place_type(body, place).reference(*mutable),
            ValueKind::RawRef { mutable, place } => {
                Type::Ptr { mutable: *mutable, inner: Arc::new(self.place_type(body, place)) }
            }
            ValueKind::Event(e) => self.event_type(body, *e),
            ValueKind::Binary(op, l, r) => {
                use ir::BinOp::*;
                match op {
                    Eq | Ne | Lt | Le | Gt | Ge | And | Or => Type::Prim("bool"),
                    _ => match of(*l) {
                        Type::Unknown => of(*r),
                        ty => ty,
                    },
                }
            }
            ValueKind::Not(v) | ValueKind::Neg(v) => of(*v),
            ValueKind::Cast(v, ty) => match self.lower_type(b.owner, ty) {
                // `as *mut _` keeps what was pointed to.
                Type::Ptr { mutable, inner } if inner.is_unknown() => {
                    let pointee = match of(*v) {
                        Type::Ref { inner, .. } | Type::Ptr { inner, .. } => inner,
                        _ => inner,
                    };
                    Type::Ptr { mutable, inner: pointee }
                }
                Type::Unknown => of(*v),
                ty => ty,
            },
            ValueKind::Tuple(items) => Type::Tuple(items.iter().map(|v| of(*v)).collect()),
            ValueKind::Array(items) => {
                let item = items.first().map_or(Type::Unknown, |v| of(*v));
                Type::Array(Arc::new(item), Some(items.len() as u64))
            }
            ValueKind::Repeat(v, len) => Type::Array(Arc::new(of(*v)), parse_len(len)),
            ValueKind::Struct { path, fields, .. } => self.struct_value_type(body, path, fields),
            ValueKind::Closure(_) | ValueKind::AsyncBlock(_) => Type::Unknown,
            ValueKind::Part { of: whole, variant, field } => {
                let ty = of(*whole);
                let part = match variant {
                    Some(v) => self.variant_field_type(&ty, v, field),
                    None => self.autoderef(&ty).iter().find_map(|t| self.field_type(t, field)).unwrap_or(Type::Unknown),
                };
                // Matching through a reference binds references.
                match (&ty, part) {
                    (_, Type::Unknown) => Type::Unknown,
                    (Type::Ref { mutable, .. }, part) => part.reference(*mutable),
                    (_, part) => part,
                }
            }
            ValueKind::Item(v) => self.item_type(&of(*v)),
            ValueKind::Phi(operands) => {
                operands.iter().map(|(_, v)| of(*v)).find(|t| !t.is_unknown()).unwrap_or(Type::Unknown)
            }
            ValueKind::Mutated { before, .. } => of(*before),
            ValueKind::Unit => Type::unit(),
        }
    }

    /// What iterating over a value of this type yields.
    pub fn item_type(&self, ty: &Type) -> Type {
        match ty {
            Type::External(path, args) if **path == *ITERATOR => args.first().cloned().unwrap_or(Type::Unknown),
            Type::Known(Known::Vec, args) => args.first().cloned().unwrap_or(Type::Unknown),
            Type::Array(item, _) | Type::Slice(item) => (**item).clone(),
            Type::Ref { mutable, inner } => match self.item_type(inner) {
                Type::Unknown => Type::Unknown,
                item if matches!(**inner, Type::External(..)) => item,
                item => item.reference(*mutable),
            },
            Type::Known(Known::Option, args) => args.first().cloned().unwrap_or(Type::Unknown),
            _ => match self.deref(ty) {
                Some(inner) => self.item_type(&inner.reference(false)),
                None => Type::Unknown,
            },
        }
    }

    fn param_type(&self, body: BodyId, index: u32) -> Type {
        let b = self.body(body);
        let annotated =
            b.ir.params.get(index as usize).and_then(|l| b.ir.locals.get(l.index())).and_then(|l| l.ty.as_ref());
        if b.parent.is_some() || !matches!(b.ir.kind, ir::BodyKind::Fn) {
            return match annotated.map(|t| self.lower_type(b.owner, t)) {
                Some(ty) if !ty.is_unknown() => ty,
                _ => self.closure_param_type(body, index),
            };
        }
        let Some(f) = self.function(b.owner) else { return Type::Unknown };
        let mut index = index as usize;
        if let Some(receiver) = &f.receiver {
            if index == 0 {
                let this = self.self_type(b.owner);
                return match receiver {
                    ir::Receiver::Value => this,
                    ir::Receiver::Ref => this.reference(false),
                    ir::Receiver::RefMut => this.reference(true),
                    ir::Receiver::Typed(ty) => self.lower_type(b.owner, ty),
                };
            }
            index -= 1;
        }
        f.params.get(index).map_or(Type::Unknown, |(_, ty)| self.lower_type(b.owner, ty))
    }

    /// The type of a variable: as annotated, else as its value has it.
    pub fn local_type(&self, body: BodyId, local: ir::LocalId, value: ValueId) -> Type {
        let b = self.body(body);
        if let Some(ty) = b.ir.locals.get(local.index()).and_then(|l| l.ty.as_ref())
            && !mentions_infer(ty)
        {
            let lowered = self.lower_type(b.owner, ty);
            if !lowered.is_unknown() {
                return lowered;
            }
        }
        self.type_of(body, value)
    }

    /// The type of what a place holds.
    pub fn place_type(&self, body: BodyId, place: &Place) -> Type {
        let mut ty = match &place.base {
            Base::Local(l, v) => self.local_type(body, *l, *v),
            Base::Path(path) => self.path_value_type(body, path),
            Base::Value(v) => self.type_of(body, *v),
        };
        for proj in &place.proj {
            ty = self.project(&ty, proj);
        }
        ty
    }

    /// The type after one projection, with the automatic dereferences it takes.
    pub fn project(&self, ty: &Type, proj: &Proj) -> Type {
        match proj {
            Proj::Field(name) => {
                self.autoderef(ty).iter().find_map(|t| self.field_type(t, name)).unwrap_or(Type::Unknown)
            }
            Proj::Index(_) => self
                .autoderef(ty)
                .iter()
                .find_map(|t| match t {
                    Type::Array(item, _) | Type::Slice(item) => Some((**item).clone()),
                    Type::Known(Known::Vec, args) => args.first().cloned(),
                    Type::Known(Known::Map, args) => args.get(1).cloned(),
                    _ => None,
                })
                .unwrap_or(Type::Unknown),
            Proj::Deref => match ty {
                Type::Ptr { inner, .. } => (**inner).clone(),
                _ => self.deref(ty).unwrap_or(Type::Unknown),
            },
        }
    }

    fn path_value_type(&self, body: BodyId, path: &ir::Path) -> Type {
        let b = self.body(body);
        match self.resolve_value(body, path) {
            Res::Def(d) => match &self.def(d).item.kind {
                ItemKind::Static { ty, .. } => {
                    let ty = self.lower_type(d, ty);
                    let thread_local = self.def(d).item.attrs.iter().any(|a| a.path == "thread_local");
                    if thread_local && !matches!(ty, Type::Known(Known::ThreadLocal, _)) {
                        return Type::Known(Known::ThreadLocal, [ty].into());
                    }
                    ty
                }
                ItemKind::Const { ty, .. } => self.lower_type(d, ty),
                ItemKind::Struct(_) => Type::open(d),
                ItemKind::Fn(_) => Type::FnPtr,
                _ => Type::Unknown,
            },
            Res::Variant(d, _) => Type::open(d),
            Res::External(p) if p.ends_with("Option::None") => Type::Known(Known::Option, [Type::Unknown].into()),
            _ => {
                let _ = b;
                Type::Unknown
            }
        }
    }

    /// What a path in a body stands for, `Self::X` included.
    pub fn resolve_value(&self, body: BodyId, path: &ir::Path) -> Res {
        let b = self.body(body);
        if path.segments.len() == 2 && path.segments[0].name == "Self" {
            if let Some(adt) = self.self_adt(b.owner) {
                return self.assoc_item(adt, path.last());
            }
            return self.def(b.owner).parent.map_or(Res::Unknown, |p| Res::Assoc(p, path.last().to_owned()));
        }
        if path.segments.len() == 1 && path.last() == "Self" {
            return self.self_adt(b.owner).map_or(Res::Unknown, Res::Def);
        }
        match self.resolve_value_path(b.scope, path) {
            Res::Assoc(d, name) if !matches!(self.def(d).item.kind, ItemKind::Trait { .. }) => {
                self.assoc_item(d, &name)
            }
            res => res,
        }
    }

    /// `Type::name`: a variant, or a function or const of an impl.
    fn assoc_item(&self, adt: DefId, name: &str) -> Res {
        if let ItemKind::Enum(e) = &self.def(adt).item.kind
            && e.variants.iter().any(|v| v.name == name)
        {
            return Res::Variant(adt, name.to_owned());
        }
        if let Some(&m) = self.methods_of(adt, name).first() {
            return Res::Def(m);
        }
        for &i in self.impls.get(&adt).into_iter().flatten() {
            let ItemKind::Impl(imp) = &self.def(i).item.kind else { continue };
            if let Some(d) = imp.items.iter().find(|it| it.name == name).and_then(|it| self.def_of(it)) {
                return Res::Def(d);
            }
        }
        Res::Assoc(adt, name.to_owned())
    }

    fn struct_value_type(&self, body: BodyId, path: &ir::Path, fields: &[(String, ValueId)]) -> Type {
        let first = || fields.first().map_or(Type::Unknown, |(_, v)| self.type_of(body, *v));
        match path.last() {
            "Some" => return Type::Known(Known::Option, [first()].into()),
            "Ok" => return Type::Known(Known::Result, [first(), Type::Unknown].into()),
            "Err" => return Type::Known(Known::Result, [Type::Unknown, first()].into()),
            _ => {}
        }
        let b = self.body(body);
        let adt = if path.ident() == Some("Self") {
            self.self_adt(b.owner)
        } else {
            match self.resolve_value(body, path) {
                Res::Def(d) | Res::Variant(d, _) => Some(d),
                _ => match self.resolve_type_path(b.scope, path) {
                    Res::Def(d) | Res::Variant(d, _) => Some(d),
                    _ => None,
                },
            }
        };
        let Some(adt) = adt else { return Type::Unknown };
        match &self.def(adt).item.kind {
            ItemKind::TypeAlias { .. } => self.type_of_def(adt, Vec::new(), 0),
            ItemKind::Struct(s) => {
                // Generic arguments follow from fields that are a bare parameter.
                let args = type_params(&s.generics)
                    .iter()
                    .map(|p| {
                        let carrier = s.fields.iter().find(|f| matches!(&f.ty, Ty::Path(t) if t.ident() == Some(p)));
                        let given = carrier.and_then(|f| fields.iter().find(|(n, _)| *n == f.name));
                        given.map_or(Type::Unknown, |(_, v)| self.type_of(body, *v))
                    })
                    .collect();
                Type::Adt(adt, args)
            }
            _ => Type::open(adt),
        }
    }

    fn event_type(&self, body: BodyId, event: ir::EventId) -> Type {
        let Some(e) = self.body(body).ir.events.get(event.index()) else { return Type::Unknown };
        match &e.kind {
            EventKind::Atomic(op) => match self.as_atomic(&self.place_type(body, &op.receiver)) {
                Some((kind, value)) => atomic_result(kind, value, op.kind, &op.method),
                None => Type::Unknown,
            },
            EventKind::Call(call) => self.call_type(body, call),
            EventKind::Macro(m) => match m.path.last() {
                "vec" => {
                    let item =
                        m.args.first().map_or(Type::Unknown, |v| match self.body(body).ir.values.get(v.index()) {
                            Some(ir::Value { kind: ValueKind::Array(items), .. }) if m.args.len() == 1 => {
                                items.first().map_or(Type::Unknown, |v| self.type_of(body, *v))
                            }
                            _ => self.type_of(body, *v),
                        });
                    Type::Known(Known::Vec, [item].into())
                }
                "format" => Type::Known(Known::String, Args::default()),
                "ready" | "try" | "unwrap" | "dbg" => m.args.first().map_or(Type::Unknown, |v| self.type_of(body, *v)),
                _ => Type::Unknown,
            },
            EventKind::Await(v) => self.type_of(body, *v),
            _ => Type::Unknown,
        }
    }

    /// The traits in which a method of a value of this type may be declared.
    pub fn traits_of(&self, body: BodyId, ty: &Type) -> Vec<DefId> {
        match ty {
            Type::Bounded(traits) => traits.clone(),
            Type::Param(name) => self.bounds_of_param(self.body(body).owner, name),
            _ => Vec::new(),
        }
    }
}

/// The type of what an operation on an atomic returns.
pub fn atomic_result(kind: Atomic, value: Type, op: AtomicOpKind, method: &str) -> Type {
    let value = match kind {
        Atomic::Epoch => Type::Known(Known::EpochShared, [value].into()),
        Atomic::ArcSwap => Type::Known(Known::Arc, [value].into()),
        Atomic::ArcSwapOption => Type::Known(Known::Option, [Type::Known(Known::Arc, [value].into())].into()),
        _ => value,
    };
    match op {
        AtomicOpKind::Store => Type::unit(),
        AtomicOpKind::Cas { .. } if method.starts_with("compare_and_swap") => value,
        AtomicOpKind::Cas { .. } => Type::Known(Known::Result, [value.clone(), value].into()),
        AtomicOpKind::Update if method != "update" => Type::Known(Known::Result, [value.clone(), value].into()),
        _ => value,
    }
}

/// Replaces generic parameters by arguments, by position.
pub fn substitute(ty: &Type, names: &[&str], args: &[Type]) -> Type {
    if names.is_empty() || !mentions_parameter(ty) {
        return ty.clone();
    }
    let sub = |t: &Type| substitute(t, names, args);
    let shared = |t: &Type| Arc::new(sub(t));
    let all = |ts: &[Type]| ts.iter().map(sub).collect::<Args>();
    match ty {
        Type::Param(p) => {
            let at = names.iter().position(|n| *n == &**p);
            at.and_then(|i| args.get(i)).cloned().unwrap_or_else(|| ty.clone())
        }
        Type::Atomic(kind, value) => Type::Atomic(*kind, shared(value)),
        Type::Adt(d, a) => Type::Adt(*d, all(a)),
        Type::Known(k, a) => Type::Known(*k, all(a)),
        Type::External(p, a) => Type::External(p.clone(), all(a)),
        Type::Ref { mutable, inner } => Type::Ref { mutable: *mutable, inner: shared(inner) },
        Type::Ptr { mutable, inner } => Type::Ptr { mutable: *mutable, inner: shared(inner) },
        Type::Slice(inner) => Type::Slice(shared(inner)),
        Type::Array(inner, len) => Type::Array(shared(inner), *len),
        Type::Tuple(items) => Type::Tuple(all(items)),
        _ => ty.clone(),
    }
}

fn mentions_parameter(ty: &Type) -> bool {
    match ty {
        Type::Param(_) => true,
        Type::Atomic(_, inner) | Type::Slice(inner) | Type::Array(inner, _) => mentions_parameter(inner),
        Type::Ref { inner, .. } | Type::Ptr { inner, .. } => mentions_parameter(inner),
        Type::Adt(_, args) | Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) => {
            args.iter().any(mentions_parameter)
        }
        Type::Prim(_) | Type::FnPtr | Type::Bounded(_) | Type::Never | Type::Unknown => false,
    }
}

/// The names of the type parameters, in order.
pub fn type_params(generics: &ir::Generics) -> Vec<&str> {
    generics.params.iter().filter(|p| p.kind == ir::GenericKind::Type).map(|p| p.name.as_str()).collect()
}

fn literal_type(text: &str) -> Type {
    match text.as_bytes().first() {
        Some(b'"' | b'r') => Type::Prim("str").reference(false),
        Some(b'\'') => Type::Prim("char"),
        _ => Type::Unknown,
    }
}

fn mentions_infer(ty: &Ty) -> bool {
    match ty {
        Ty::Infer | Ty::Opaque => true,
        Ty::Path(p) => p.segments.iter().flat_map(|s| &s.args).any(mentions_infer),
        Ty::Ref { inner, .. } | Ty::Ptr { inner, .. } => mentions_infer(inner),
        Ty::Slice(inner) | Ty::Array(inner, _) => mentions_infer(inner),
        Ty::Tuple(items) => items.iter().any(mentions_infer),
        _ => false,
    }
}
