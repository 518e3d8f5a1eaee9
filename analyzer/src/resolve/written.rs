//! Types as they are written, resolved where they stand: paths, generics, `Self`, associated types and bounds.

use std::sync::Arc;

use super::infer::{MAX_DEPTH, iterator_of, substitute, type_params};
use super::modules::{BindingKind, exclude_each_other};
use super::types::{Args, Atomic, Known, Type};
use super::vocabulary::{self, Meaning};
use super::{DefId, Program, Res};
use crate::ir::{self, ItemKind, Ty};

impl<'a> Program<'a> {
    /// A type as written in the item `context` (whose generics, `Self` and imports apply).
    pub fn lower_type(&self, context: DefId, ty: &'a Ty) -> Type {
        if !self.globs_linked {
            return self.lower_type_at(context, ty, 0);
        }
        let key = (context, std::ptr::from_ref(ty).addr());
        if let Some(known) = self.lowered.get(&key) {
            return known;
        }
        let lowered = self.lower_type_at(context, ty, 0);
        self.lowered.insert(key, lowered.clone());
        lowered
    }

    fn lower_type_at(&self, context: DefId, ty: &Ty, depth: u32) -> Type {
        if depth > MAX_DEPTH {
            return Type::Unknown;
        }
        let lower = |t: &Ty| self.lower_type_at(context, t, depth + 1);
        match ty {
            Ty::Path(path) => self.lower_path_type(context, path, depth),
            Ty::Ref { mutable, inner, .. } => Type::Ref { mutable: *mutable, inner: Arc::new(lower(inner)) },
            Ty::Ptr { mutable, inner } => Type::Ptr { mutable: *mutable, inner: Arc::new(lower(inner)) },
            Ty::Slice(inner) => Type::Slice(Arc::new(lower(inner))),
            Ty::Array(inner, len) => Type::Array(Arc::new(lower(inner)), parse_len(len)),
            Ty::Tuple(items) => Type::Tuple(items.iter().map(lower).collect()),
            Ty::FnPtr { .. } => Type::FnPtr,
            Ty::Impl(bounds) | Ty::Dyn(bounds) => self.lower_bounds(context, bounds, depth),
            Ty::Never => Type::Never,
            Ty::Infer | Ty::Opaque => Type::Unknown,
        }
    }

    fn lower_bounds(&self, context: DefId, bounds: &[ir::Bound], depth: u32) -> Type {
        let scope = self.def(context).scope;
        for b in bounds {
            if matches!(b.path.last(), "Iterator" | "IntoIterator" | "DoubleEndedIterator" | "ExactSizeIterator") {
                let item = b.path.segments.last().and_then(|s| s.bindings.iter().find(|(n, _)| n == "Item"));
                if let Some((_, item)) = item {
                    return iterator_of(self.lower_type_at(context, item, depth + 1));
                }
            }
            if b.path.last() == "Deref" {
                let target = b.path.segments.last().and_then(|s| s.bindings.iter().find(|(n, _)| n == "Target"));
                if let Some((_, target)) = target {
                    return self.lower_type_at(context, target, depth + 1).reference(false);
                }
            }
        }
        let traits: Vec<DefId> = bounds
            .iter()
            .filter_map(|b| match self.resolve_type_path(scope, &b.path) {
                Res::Def(d) => Some(d),
                _ => None,
            })
            .collect();
        if traits.is_empty() { Type::Unknown } else { Type::Bounded(traits) }
    }

    fn lower_path_type(&self, context: DefId, path: &ir::Path, depth: u32) -> Type {
        if path.qself.is_some() {
            return Type::Unknown;
        }
        let first = path.segments.first().map_or("", |s| s.name.as_str());
        if path.segments.len() == 1 && self.is_generic_param(context, first) {
            return Type::Param(first.into());
        }
        if first == "Self" {
            return match path.segments.len() {
                1 => self.self_type_at(context, depth + 1),
                2 => self.assoc_type(context, path.last(), depth + 1),
                _ => Type::Unknown,
            };
        }
        let args = || -> Vec<Type> {
            let segment = path.segments.last();
            segment.into_iter().flat_map(|s| &s.args).map(|t| self.lower_type_at(context, t, depth + 1)).collect()
        };
        match self.resolve_type_path(self.def(context).scope, path) {
            Res::Def(d) => self.type_of_def(self.in_same_build(context, path, d), args(), depth),
            Res::External(full) => {
                if let (1, Some(prim)) = (path.segments.len(), primitive(first)) {
                    return Type::Prim(prim);
                }
                from_meaning(vocabulary::by_path(&full), &full, args())
            }
            Res::Unknown => {
                if let (1, Some(prim)) = (path.segments.len(), primitive(first)) {
                    return Type::Prim(prim);
                }
                // An import that could not be followed: a distinctive name speaks for itself.
                match vocabulary::by_name(path.last()) {
                    Some(meaning) => from_meaning(Some(meaning), path.last(), args()),
                    None => Type::Unknown,
                }
            }
            _ => Type::Unknown,
        }
    }

    /// Where `cfg` chooses between definitions of one name, or between files that define the same names, each means
    /// its own.
    fn in_same_build(&self, context: DefId, path: &ir::Path, found: DefId) -> DefId {
        let (Some(name), at) = (path.ident(), self.def(context)) else { return found };
        let bindings = self.module(at.scope).names.get(name).map_or(&[][..], Vec::as_slice);
        if self.def(found).scope != at.scope || bindings.len() < 2 {
            return found;
        }
        let in_same_file = |d: &DefId| self.def(*d).file == at.file;
        let goes_with = |d: &DefId| in_same_file(d) && !exclude_each_other(&self.def(*d).cfg, &at.cfg);
        if goes_with(&found) {
            return found;
        }
        let types = || {
            bindings.iter().filter_map(|b| match b.kind {
                BindingKind::Def(d) if is_type(self.def(d).item) => Some(d),
                _ => None,
            })
        };
        types().find(goes_with).or_else(|| types().find(in_same_file)).unwrap_or(found)
    }

    /// The type that a definition names, given generic arguments.
    pub(super) fn type_of_def(&self, def: DefId, args: Vec<Type>, depth: u32) -> Type {
        match &self.def(def).item.kind {
            ItemKind::Struct(_) | ItemKind::Enum(_) | ItemKind::Union(_) => Type::Adt(def, args.into()),
            ItemKind::TypeAlias { generics, ty: Some(ty) } => {
                let target = self.lower_type_at(def, ty, depth + 1);
                substitute(&target, &type_params(generics), &args)
            }
            ItemKind::Trait { .. } => Type::Bounded(vec![def]),
            _ => Type::Unknown,
        }
    }

    fn self_type_at(&self, context: DefId, depth: u32) -> Type {
        let mut at = Some(context);
        while let Some(d) = at {
            match &self.def(d).item.kind {
                ItemKind::Impl(i) => return self.lower_type_at(d, &i.self_ty, depth + 1),
                ItemKind::Trait { .. } => return Type::Bounded(vec![d]),
                ItemKind::Struct(s) | ItemKind::Union(s) => return Type::Adt(d, params_as_args(&s.generics)),
                ItemKind::Enum(e) => return Type::Adt(d, params_as_args(&e.generics)),
                _ => at = self.def(d).parent,
            }
        }
        Type::Unknown
    }

    fn assoc_type(&self, context: DefId, name: &str, depth: u32) -> Type {
        let parent = match self.def(context).item.kind {
            ItemKind::Impl(_) => Some(context),
            _ => self.def(context).parent,
        };
        let Some(parent) = parent else { return Type::Unknown };
        let ItemKind::Impl(imp) = &self.def(parent).item.kind else { return Type::Unknown };
        let found = imp.items.iter().find_map(|i| match &i.kind {
            ItemKind::TypeAlias { ty: Some(ty), .. } if i.name == name => Some(ty),
            _ => None,
        });
        found.map_or(Type::Unknown, |ty| self.lower_type_at(parent, ty, depth + 1))
    }

    fn generics_of(&self, def: DefId) -> Option<&'a ir::Generics> {
        match &self.def(def).item.kind {
            ItemKind::Struct(s) | ItemKind::Union(s) => Some(&s.generics),
            ItemKind::Enum(e) => Some(&e.generics),
            ItemKind::TypeAlias { generics, .. } | ItemKind::Trait { generics, .. } => Some(generics),
            ItemKind::Impl(i) => Some(&i.generics),
            ItemKind::Fn(f) => Some(&f.generics),
            _ => None,
        }
    }

    fn is_generic_param(&self, context: DefId, name: &str) -> bool {
        let declares = |d: DefId| {
            self.generics_of(d)
                .is_some_and(|g| g.params.iter().any(|p| p.kind == ir::GenericKind::Type && p.name == name))
        };
        declares(context) || self.def(context).parent.is_some_and(declares)
    }

    /// The traits of the analysed crates that bound a generic parameter, where it is used.
    pub(super) fn bounds_of_param(&self, context: DefId, name: &str) -> Vec<DefId> {
        let mut traits = Vec::new();
        for d in [Some(context), self.def(context).parent].into_iter().flatten() {
            let Some(g) = self.generics_of(d) else { continue };
            let direct = g.params.iter().filter(|p| p.name == name).flat_map(|p| &p.bounds);
            let clauses = g.predicates.iter().filter(|(t, _)| matches!(t, Ty::Path(p) if p.ident() == Some(name)));
            for b in direct.chain(clauses.flat_map(|(_, b)| b)) {
                if let Res::Def(t) = self.resolve_type_path(self.def(d).scope, &b.path) {
                    traits.push(t);
                }
            }
        }
        traits
    }
}

fn is_type(item: &ir::Item) -> bool {
    matches!(item.kind, ItemKind::Struct(_) | ItemKind::Enum(_) | ItemKind::Union(_) | ItemKind::TypeAlias { .. })
}

fn params_as_args(generics: &ir::Generics) -> Args {
    type_params(generics).into_iter().map(|n| Type::Param(n.into())).collect()
}

pub(super) fn from_meaning(meaning: Option<Meaning>, path: &str, mut args: Vec<Type>) -> Type {
    match meaning {
        Some(Meaning::AtomicInt { bits, signed }) => {
            Type::Atomic(Atomic::Int, Arc::new(Type::Prim(int_name(bits, signed))))
        }
        Some(Meaning::AtomicBool) => Type::Atomic(Atomic::Bool, Arc::new(Type::Prim("bool"))),
        Some(Meaning::AtomicPtr) => {
            let inner = Arc::new(args.pop().unwrap_or(Type::Unknown));
            Type::Atomic(Atomic::Ptr, Arc::new(Type::Ptr { mutable: true, inner }))
        }
        Some(Meaning::AtomicOf(kind)) => {
            let value = if args.is_empty() { Type::Unknown } else { args.swap_remove(0) };
            // `ArcSwapAny<Arc<T>>` and `ArcSwap<T>` both lead to `T`.
            let value = match (kind, value) {
                (Atomic::ArcSwap, Type::Known(Known::Arc, inner)) if inner.len() == 1 => inner[0].clone(),
                (_, value) => value,
            };
            Type::Atomic(kind, Arc::new(value))
        }
        Some(Meaning::Known(k)) => Type::Known(k, args.into()),
        Some(Meaning::Ordering) | None => Type::External(path.into(), args.into()),
    }
}

fn int_name(bits: u8, signed: bool) -> &'static str {
    match (bits, signed) {
        (8, false) => "u8",
        (16, false) => "u16",
        (32, false) => "u32",
        (64, false) => "u64",
        (128, false) => "u128",
        (_, false) => "usize",
        (8, true) => "i8",
        (16, true) => "i16",
        (32, true) => "i32",
        (64, true) => "i64",
        (128, true) => "i128",
        (_, true) => "isize",
    }
}

fn primitive(name: &str) -> Option<&'static str> {
    const PRIMITIVES: [&str; 19] = [
        "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "bool", "char", "str",
        "f32", "f64", "f16", "f128",
    ];
    PRIMITIVES.iter().find(|p| **p == name).copied()
}

pub(super) fn parse_len(len: &str) -> Option<u64> {
    let digits: String = len.chars().filter(|c| *c != '_').collect();
    let digits = digits.trim().trim_end_matches("usize");
    match digits.split_once(['*', '+']) {
        Some((l, r)) => {
            let (l, r) = (l.trim().parse::<u64>().ok()?, r.trim().parse::<u64>().ok()?);
            if digits.contains('*') { l.checked_mul(r) } else { l.checked_add(r) }
        }
        None => digits.parse().ok(),
    }
}
