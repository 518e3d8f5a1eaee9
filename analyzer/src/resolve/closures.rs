//! What the closures that are handed to the crate's own methods are given: `fn with<R>(&self, f: impl FnOnce(*mut T) -> R)`.

use super::{BodyId, Program, Type, calls::Target};
use crate::ir::{Bound, Call, Callee, Function, Ty};

impl Program<'_> {
    /// The type of a closure's parameter as the method that it is handed to declares it.
    pub(super) fn declared_closure_param(
        &self,
        body: BodyId,
        call: &Call,
        closure: BodyId,
        index: u32,
    ) -> Option<Type> {
        let (Target::Fn(def), Callee::Method { receiver, .. }) = (self.target(body, call), &call.callee) else {
            return None;
        };
        let f = self.function(def)?;
        let position = call.args.iter().position(|v| self.closure_of(body, *v) == Some(closure))?;
        let (_, declared) = f.params.get(position)?;
        let called = bounds_of(f, declared).find(|b| matches!(b.path.last(), "Fn" | "FnMut" | "FnOnce"))?;
        let given = called.path.segments.last()?.args.get(index as usize)?;
        let given = self.lower_type(def, given);
        Some(self.bind_impl_generics(&self.place_type(body, receiver), def, given))
    }
}

/// The bounds of `impl FnOnce(…)`, or of the generic parameter that is named.
fn bounds_of<'f>(f: &'f Function, ty: &'f Ty) -> impl Iterator<Item = &'f Bound> {
    let written: &[Bound] = if let Ty::Impl(bounds) = ty { bounds } else { &[] };
    let name = if let Ty::Path(path) = ty { path.ident() } else { None };
    let by_name = f.generics.params.iter().filter(move |p| Some(p.name.as_str()) == name).flat_map(|p| &p.bounds);
    let is_it = move |t: &Ty| matches!(t, Ty::Path(path) if name.is_some() && path.ident() == name);
    let by_predicate = f.generics.predicates.iter().filter(move |(t, _)| is_it(t)).flat_map(|(_, bounds)| bounds);
    written.iter().chain(by_name).chain(by_predicate)
}
