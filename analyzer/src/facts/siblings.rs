//! Atomics that belong together: members of one struct (or statics of one module) that some function updates in
//! one go, so that their values mean something only as a pair.
//!
//! Members are named by the type that declares them at the point where two places part, so that wrappers around
//! the atomics (a counter type of the crate's own) do not hide whose they are.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Facts, OpId, Seen};
use crate::ir::{AtomicOpKind, EventId};
use crate::resolve::places::{PlaceRef, Root, Step};
use crate::resolve::{BodyId, DefId, Type};

/// One of the atomics of a struct or module.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Member {
    Field(DefId, String),
    Static(DefId),
}

/// Two members in the order of their names.
pub type Pair = (Member, Member);

/// One function's update of both members of a pair.
#[derive(Clone, Debug)]
pub struct JointUpdate {
    pub body: BodyId,
    pub first: (OpId, EventId),
    pub second: (OpId, EventId),
    /// One is raised while the other is lowered: their sum stays the same.
    pub moves: bool,
}

fn collect(facts: &Facts<'_>) -> FxHashMap<Pair, Vec<JointUpdate>> {
    let mut found: FxHashMap<Pair, Vec<JointUpdate>> = FxHashMap::default();
    for body in facts.bodies_with_ops() {
        if facts.program.def(facts.program.body(body).owner).is_test {
            continue;
        }
        let flow = facts.flow(body);
        let writes: Vec<&Seen> =
            facts.seen(body).iter().filter(|s| facts.op(s.op).kind.writes() && !facts.is_alone(body, s)).collect();
        for (i, a) in writes.iter().enumerate() {
            for b in &writes[i + 1..] {
                // On one way through the function: updating the one or the other is no pair.
                let together = match a.event == b.event {
                    true => are_on_one_way(facts, a, b),
                    // What two calls may do, each for itself, no call surely does to both.
                    false => flow.reaches(a.event, b.event) && [a, b].iter().all(|s| s.is_direct() || s.always),
                };
                let Some((pair, _)) = facts.siblings(&a.place, &b.place).filter(|_| together) else { continue };
                let kinds = (facts.op(a.op).kind, facts.op(b.op).kind);
                let moves = matches!(
                    kinds,
                    (AtomicOpKind::FetchAdd, AtomicOpKind::FetchSub) | (AtomicOpKind::FetchSub, AtomicOpKind::FetchAdd)
                );
                let update = JointUpdate { body, first: (a.op, a.event), second: (b.op, b.event), moves };
                found.entry(pair).or_default().push(update);
            }
        }
    }
    found
}

/// Whether one run of a helper performs both operations: they part in some body on the way, and there the one leads to
/// the other, each by itself or in a helper that surely performs it.
fn are_on_one_way(facts: &Facts<'_>, a: &Seen, b: &Seen) -> bool {
    match a.via.iter().zip(&b.via).find(|(x, y)| x != y) {
        Some(((body, x), (other, y))) if body == other => {
            let flow = facts.flow(*body);
            let surely = |event: EventId, op: OpId| {
                facts.seen(*body).iter().any(|s| s.event == event && s.op == op && (s.is_direct() || s.always))
            };
            (flow.reaches(*x, *y) || flow.reaches(*y, *x)) && surely(*x, a.op) && surely(*y, b.op)
        }
        _ => true,
    }
}

impl Facts<'_> {
    /// The functions that update both members of a pair in a shared context.
    pub fn joint_updates(&self, pair: &Pair) -> &[JointUpdate] {
        self.joint.get_or_init(|| collect(self)).get(pair).map_or(&[], |v| v)
    }

    /// The members by which two places of one object differ, and whether the first comes first in the pair.
    pub fn siblings(&self, a: &PlaceRef, b: &PlaceRef) -> Option<(Pair, bool)> {
        let (m, n) = match (&a.root, &b.root) {
            (Root::Static(x), Root::Static(y)) if x != y => {
                let same_module = self.program.def(*x).scope == self.program.def(*y).scope;
                if !same_module || !a.steps.is_empty() || !b.steps.is_empty() {
                    return None;
                }
                (Member::Static(*x), Member::Static(*y))
            }
            (Root::Unknown, _) => return None,
            (x, y) if x == y => {
                let common = a.steps.iter().zip(&b.steps).take_while(|(s, t)| same_step(s, t)).count();
                let (s, t) = (a.steps.get(common)?, b.steps.get(common)?);
                let (Step::Field(f), Step::Field(g)) = (s, t) else { return None };
                let owner = self.owner_at(a, common)?;
                (Member::Field(owner, f.clone()), Member::Field(owner, g.clone()))
            }
            _ => return None,
        };
        (m != n).then(|| if m <= n { ((m, n), true) } else { ((n, m), false) })
    }

    /// The type that declares the field at step number `at`.
    fn owner_at(&self, place: &PlaceRef, at: usize) -> Option<DefId> {
        let mut ty = self.root_type(&place.root);
        for (i, step) in place.steps.iter().enumerate() {
            match step {
                Step::Field(f) => {
                    let chain = self.program.autoderef(&through_pointer(ty));
                    let declares = |t: &Type| self.program.field_type(t, f).map(|inner| (t.clone(), inner));
                    let (owner, inner) = chain.iter().find_map(declares)?;
                    if i == at {
                        return match owner {
                            Type::Adt(adt, _) => Some(adt),
                            _ => None,
                        };
                    }
                    ty = inner;
                }
                Step::Index(_) => ty = self.program.item_type(&ty).peeled_refs().clone(),
            }
        }
        None
    }
}

fn through_pointer(ty: Type) -> Type {
    match ty {
        Type::Ptr { inner, .. } => Arc::unwrap_or_clone(inner),
        ty => ty,
    }
}

fn same_step(a: &Step, b: &Step) -> bool {
    match (a, b) {
        (Step::Index(None), _) | (_, Step::Index(None)) => false,
        (a, b) => a == b,
    }
}
