//! Wrappers of the crate's own around atomics, whose methods take the ordering from their callers
//! (`status.load(Acquire)` of an `AtomicStatus`).
//!
//! All fields of such a type share one location, that of the atomic inside. What one of them is used for says nothing
//! of the others.

use rustc_hash::FxHashMap;

use super::access::Order;
use super::helpers::nth_in_callee;
use super::publication::{Follow, Publish};
use super::{Facts, Seen};
use crate::ir::ItemKind;
use crate::resolve::{BodyId, DefId, Type};

impl Facts<'_> {
    /// Whether an operation is seen through a wrapper that takes the ordering from its caller.
    pub fn is_forwarded(&self, s: &Seen) -> bool {
        !s.is_direct() && matches!(self.op(s.op).orders.success, Order::Param(_))
    }

    /// Whether it is this body that says which ordering a helper is to use.
    pub(super) fn is_ordering_chosen(&self, body: BodyId, s: &Seen) -> bool {
        let chosen_in =
            |callee| matches!(self.seen(callee)[nth_in_callee(self, callee, s)].orders.success, Order::Param(_));
        let in_drop = || self.program.implemented_trait(self.program.body(body).owner) == Some("Drop");
        let known = !matches!(s.orders.success, Order::Param(_));
        known && s.via.first().is_some_and(|(callee, _)| chosen_in(*callee)) && !in_drop()
    }

    /// Whether such a wrapper is the type of several fields or statics, which its location does not tell apart.
    pub fn stands_for_many(&self, s: &Seen) -> bool {
        let owner = || self.op(s.op).location.and_then(|l| self.location(l).key.owner());
        self.is_forwarded(s)
            && owner().is_some_and(|adt| {
                self.holding.get_or_init(|| count_fields(self)).get(&adt).is_some_and(|fields| *fields > 1)
            })
    }

    /// Whether a publish and a follow may be about one field: behind a wrapper, only the fields on the way tell.
    pub(super) fn is_same_field(&self, publish: &Publish, follow: &Follow) -> bool {
        let written = &self.seen(publish.body)[publish.seen];
        let read = &self.seen(follow.body)[follow.seen];
        let (a, b) = (written.place.last_fields(2), read.place.last_fields(2));
        !self.is_forwarded(written) && !self.is_forwarded(read) || a.ends_with(&b) || b.ends_with(&a)
    }
}

/// How many fields and statics hold each type of the analysed crates, by value or through pointers.
fn count_fields(facts: &Facts<'_>) -> FxHashMap<DefId, u32> {
    let program = facts.program;
    let mut counts = FxHashMap::default();
    for def in program.def_ids() {
        match &program.def(def).item.kind {
            ItemKind::Struct(s) | ItemKind::Union(s) => {
                s.fields.iter().for_each(|f| count(&program.lower_type(def, &f.ty), &mut counts));
            }
            ItemKind::Static { ty, .. } => count(&program.lower_type(def, ty), &mut counts),
            _ => {}
        }
    }
    counts
}

fn count(ty: &Type, counts: &mut FxHashMap<DefId, u32>) {
    match ty {
        Type::Adt(def, args) => {
            *counts.entry(*def).or_default() += 1;
            args.iter().for_each(|t| count(t, counts));
        }
        Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) => {
            args.iter().for_each(|t| count(t, counts));
        }
        Type::Ref { inner, .. } | Type::Ptr { inner, .. } | Type::Slice(inner) | Type::Array(inner, _) => {
            count(inner, counts);
        }
        _ => {}
    }
}
