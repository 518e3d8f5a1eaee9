//! Where the values of a generic type are made, and what is asked of its parameter there.

use rustc_hash::FxHashMap;

use super::Facts;
use super::transfer::{Asked, Marker, mentions_name};
use crate::ir::{Bound, Function, Generics, ItemKind, Receiver, Ty, Vis};
use crate::resolve::{DefId, Known, Type};

impl Facts<'_> {
    /// Whether every function that makes a value of the type asks for the bound: its constructors, and functions of
    /// other types that give one (`scope.spawn(f)` gives a join handle).
    pub fn constructors_ask(&self, adt: DefId, position: usize, marker: Marker) -> bool {
        let makers = self.makers.get_or_init(|| makers(self));
        let by_name = makers.get(self.program.def(adt).item.name.as_str());
        let others = by_name.into_iter().flatten().copied();
        let own: Vec<DefId> = self.program.functions_of(adt).collect();
        let mut any = false;
        for function in others.filter(|f| !own.contains(f)).chain(own.iter().copied()) {
            let Some(f) = self.program.function(function) else { continue };
            let ret = self.program.lower_type(function, &f.ret);
            let Some(args) = made(&ret, adt) else { continue };
            let is_method = f.receiver.is_some() && own.contains(&function);
            let Some(Type::Param(name)) = args.get(position) else {
                any |= !is_method;
                continue;
            };
            let imp = self.program.def(function).parent;
            let same = imp.and_then(|i| self.name_in_impl(i, adt, position)).is_some_and(|own| *own == **name);
            if is_method && same || !own.contains(&function) && self.converts_promised(function, f) {
                // Another handle, or the same value in another state.
                continue;
            }
            any = true;
            let asked = self.asked_around(function, f, name);
            let asked = if own.contains(&function) && same {
                asked.or(imp.map_or(Asked::default(), |i| self.asked_by_impl(i, adt, position)))
            } else {
                asked
            };
            if !asked.has(marker) && !asked.unknown && !self.owner_asks(function, f, name) {
                return false;
            }
        }
        any
    }

    /// Functions that users can call, other than the type's own, that make one and are given the parameter's value for
    /// it, with what each asks.
    pub(super) fn made_from_value(&self, adt: DefId, position: usize) -> Vec<(DefId, bool, Asked)> {
        let makers = self.makers.get_or_init(|| makers(self));
        let by_name = makers.get(self.program.def(adt).item.name.as_str());
        let mut found = Vec::new();
        for &function in by_name.into_iter().flatten() {
            let d = self.program.def(function);
            let Some(f) = self.program.function(function).filter(|f| f.receiver.is_none() && !d.is_test) else {
                continue;
            };
            if d.item.vis != Vis::Pub || !self.program.is_reachable(function) || self.is_own(adt, function) {
                continue;
            }
            let ret = self.program.lower_type(function, &f.ret);
            let Some(Type::Param(name)) = made(&ret, adt).and_then(|args| args.get(position)) else { continue };
            let given =
                |(_, ty): &(_, Ty)| matches!(self.program.lower_type(function, ty), Type::Param(p) if p == *name);
            if f.params.iter().any(given) {
                found.push((function, f.is_unsafe, self.asked_around(function, f, name)));
            }
        }
        found
    }

    fn is_own(&self, adt: DefId, function: DefId) -> bool {
        self.program.functions_of(adt).any(|f| f == function)
    }

    /// What a function and the impl it stands in ask of a parameter of either.
    fn asked_around(&self, function: DefId, f: &Function, name: &str) -> Asked {
        let own = self.asked(function, &f.generics, name);
        match self.program.def(function).parent.map(|imp| (imp, &self.program.def(imp).item.kind)) {
            Some((imp, ItemKind::Impl(i))) => own.or(self.asked(imp, &i.generics, name)),
            _ => own,
        }
    }

    /// Whether the parameter comes with an owner of which enough is asked: `O: Deref<Target = T> + Send`.
    fn owner_asks(&self, function: DefId, f: &Function, name: &str) -> bool {
        let binds = |b: &Bound| b.path.segments.iter().flat_map(|s| &s.bindings).any(|(_, ty)| mentions_name(ty, name));
        let asks = |context: DefId, generics: &Generics| {
            let declared = generics.params.iter().map(|p| &p.bounds);
            declared.chain(generics.predicates.iter().map(|p| &p.1)).any(|bounds| {
                let asked = self.implied(context, bounds, 0);
                bounds.iter().any(binds) && (asked.send || asked.sync)
            })
        };
        let around = self.program.def(function).parent;
        asks(function, &f.generics)
            || around.is_some_and(|i| match &self.program.def(i).item.kind {
                ItemKind::Impl(imp) => asks(i, &imp.generics),
                _ => false,
            })
    }

    /// Whether a function turns a value of a type that has made the promise itself into this one.
    fn converts_promised(&self, function: DefId, f: &Function) -> bool {
        let around = self.program.def(function).parent.map(|i| (i, &self.program.def(i).item.kind));
        let Some((i, ItemKind::Impl(imp))) = around else { return false };
        f.receiver == Some(Receiver::Value)
            && match self.program.lower_type(i, &imp.self_ty) {
                Type::Adt(from, _) => {
                    [Marker::Send, Marker::Sync].iter().any(|m| !self.marker_impls(from, *m).is_empty())
                }
                _ => false,
            }
    }
}

/// Functions by the names that their result types mention.
pub(super) type Makers = FxHashMap<String, Vec<DefId>>;

fn makers(facts: &Facts<'_>) -> Makers {
    let mut makers = Makers::default();
    for function in facts.program.def_ids() {
        let ItemKind::Fn(f) = &facts.program.def(function).item.kind else { continue };
        each_name(&f.ret, &mut |name| {
            let known = makers.entry(name.to_owned()).or_default();
            if known.last() != Some(&function) {
                known.push(function);
            }
        });
    }
    makers
}

fn each_name(ty: &Ty, each: &mut dyn FnMut(&str)) {
    match ty {
        Ty::Path(p) => {
            each(p.last());
            p.segments.iter().flat_map(|s| &s.args).for_each(|t| each_name(t, each));
        }
        Ty::Ref { inner, .. } | Ty::Ptr { inner, .. } => each_name(inner, each),
        Ty::Tuple(items) => items.iter().for_each(|t| each_name(t, each)),
        _ => {}
    }
}

/// The arguments of a type in what a function gives: itself, in a tuple, or in a common wrapper.
fn made(ret: &Type, adt: DefId) -> Option<&[Type]> {
    match ret {
        Type::Adt(d, args) if *d == adt => Some(args),
        Type::Known(Known::Option | Known::Result | Known::Arc | Known::Box, args) | Type::Tuple(args) => {
            args.iter().find_map(|t| made(t, adt))
        }
        _ => None,
    }
}
