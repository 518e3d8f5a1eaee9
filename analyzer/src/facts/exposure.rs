//! Which locations code that is not analysed may access too: public ones, those whose reference is handed out, and
//! those that some operation may mean whose receiver could not be resolved.
//!
//! A lint that says "nobody does X to this location" has to ask here first.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Facts;
use super::access::{Key, LocId};
use crate::ir::{Base, Callee, EventKind, ItemKind, Proj, Terminator, ValueId, ValueKind, Vis};
use crate::resolve::calls::Target;
use crate::resolve::places::PlaceRef;
use crate::resolve::{BodyId, DefId, Known, Type};

#[derive(Debug, Default)]
pub struct Exposure {
    /// Locations a reference or raw pointer to which goes where it is not followed.
    lent: FxHashSet<LocId>,
    /// Names of fields and variables on which some operation was not resolved to a location.
    unresolved: FxHashSet<String>,
}

pub(super) fn collect(facts: &Facts<'_>) -> Exposure {
    let ids: FxHashMap<&Key, LocId> =
        facts.locations.iter().enumerate().map(|(i, l)| (&l.key, LocId(i as u32))).collect();
    let mut found = Exposure::default();
    for body in facts.program.body_ids() {
        if !facts.program.def(facts.program.body(body).owner).is_test {
            lent_by(facts, body, &ids, &mut found);
            unresolved_in(facts, body, &mut found);
        }
    }
    found
}

fn lent_by(facts: &Facts<'_>, body: BodyId, ids: &FxHashMap<&Key, LocId>, found: &mut Exposure) {
    let program = facts.program;
    let ir = program.body(body).ir;
    let mut lent: Vec<PlaceRef> = Vec::new();
    let lend = |v: ValueId| {
        let points = leads_to_atomic(&program.type_of(body, v));
        points.then(|| program.value_ref(body, v))
    };
    for e in &ir.events {
        let EventKind::Call(call) = &e.kind else { continue };
        match &call.callee {
            Callee::Method { receiver, name, .. } if is_way_out(name) => {
                if program.as_atomic(&program.place_type(body, receiver)).is_some() {
                    lent.push(program.place_ref(body, receiver));
                }
                continue;
            }
            _ => {}
        }
        if call.args.is_empty() || is_followed(facts, body, call) {
            continue;
        }
        lent.extend(call.args.iter().filter_map(|v| lend(*v)));
    }
    if facts.is_external(program.body(body).owner) {
        let returned = ir.blocks.iter().filter_map(|b| match b.term {
            Terminator::Return(v) => v,
            _ => None,
        });
        lent.extend(returned.filter_map(lend));
    }
    found.lent.extend(lent.iter().filter_map(|at| at.location()).filter_map(|k| ids.get(&Key::of(k))));
}

/// Methods by which an atomic's address leaves the sight of the analysis.
fn is_way_out(name: &str) -> bool {
    matches!(name, "as_ptr" | "into_inner_ptr")
}

/// The callee's operations are known, or it only wraps or compares what it is given.
fn is_followed(facts: &Facts<'_>, body: BodyId, call: &crate::ir::Call) -> bool {
    let name = facts.callee_name(call);
    let wraps = matches!(
        name,
        "new" | "clone" | "from" | "ptr_eq" | "pin" | "drop" | "fmt" | "field" | "Some" | "Ok" | "leak" | "into_raw"
    );
    wraps
        || match facts.program.target(body, call) {
            Target::Fn(def) => facts.program.body_of(def).is_some(),
            Target::Closure(_) => true,
            _ => false,
        }
}

/// A reference, pointer or shared handle to an atomic.
fn leads_to_atomic(ty: &Type) -> bool {
    match ty {
        Type::Ref { inner, .. } | Type::Ptr { inner, .. } => {
            matches!(**inner, Type::Atomic(..)) || leads_to_atomic(inner)
        }
        Type::Known(Known::Arc | Known::Weak, args) => {
            args.iter().any(|t| matches!(t, Type::Atomic(..)) || leads_to_atomic(t))
        }
        _ => false,
    }
}

fn unresolved_in(facts: &Facts<'_>, body: BodyId, found: &mut Exposure) {
    let ir = facts.program.body(body).ir;
    for e in &ir.events {
        let EventKind::Atomic(op) = &e.kind else { continue };
        let known = facts.program.place_ref(body, &op.receiver).location().is_some();
        if known {
            continue;
        }
        let field = op.receiver.proj.iter().rev().find_map(|p| match p {
            Proj::Field(f) => Some(f.clone()),
            _ => None,
        });
        let name = field.or_else(|| match &op.receiver.base {
            Base::Local(l, _) => ir.locals.get(l.index()).map(|l| l.name.clone()),
            Base::Value(v) => match &ir.values[v.index()].kind {
                ValueKind::Event(e) => match &ir.events[e.index()].kind {
                    EventKind::Call(c) => Some(facts.callee_name(c).to_owned()),
                    _ => None,
                },
                _ => None,
            },
            Base::Path(_) => None,
        });
        found.unresolved.extend(name.filter(|n| !n.is_empty()));
    }
}

impl Facts<'_> {
    fn exposure(&self) -> &Exposure {
        self.exposure.get_or_init(|| collect(self))
    }

    /// Whether operations that are not in the access table may touch the location.
    pub fn is_exposed(&self, location: LocId) -> bool {
        let loc = self.location(location);
        let short = loc.key.short_name(&loc.name);
        self.exposure().lent.contains(&location)
            || self.exposure().unresolved.contains(short)
            || self.is_public(location)
            || self.stands_in_skipped(location, short)
    }

    /// Whether users of the crate can name the location.
    fn is_public(&self, location: LocId) -> bool {
        let program = self.program;
        match &self.location(location).key {
            Key::Static(d) => program.def(*d).item.vis == Vis::Pub && program.is_reachable(*d),
            Key::Field(adt, field) => {
                let first = field.split('.').next().unwrap_or(field);
                let public = match &program.def(*adt).item.kind {
                    ItemKind::Struct(s) | ItemKind::Union(s) => {
                        s.fields.iter().any(|f| f.name == first && f.vis == Vis::Pub)
                    }
                    ItemKind::Enum(_) => true,
                    _ => true,
                };
                public && program.is_reachable(*adt)
            }
            Key::Local(..) => false,
        }
    }

    /// The static, the type or the function that a location is part of.
    pub fn definition_of(&self, location: LocId) -> DefId {
        match &self.location(location).key {
            Key::Static(d) | Key::Field(d, _) => *d,
            Key::Local(b, _) => self.program.body(*b).owner,
        }
    }

    /// Whether the location's name stands in code of its crate that was not understood.
    fn stands_in_skipped(&self, location: LocId, name: &str) -> bool {
        let krate = self.program.def(self.definition_of(location)).krate;
        self.program.crates[krate].files.iter().any(|(file, _)| {
            let Some(Some(ir)) = self.program.files.get(file.0 as usize) else { return false };
            ir.skipped.iter().any(|s| self.sources.file(*file).slice(s.span).contains(name))
        })
    }
}

impl Key {
    /// The last name: `head` of `Queue::head`.
    fn short_name<'n>(&self, name: &'n str) -> &'n str {
        let last = name.rsplit("::").next().unwrap_or(name);
        // A tuple field has no name that says anything.
        last.split('.').next().unwrap_or(last)
    }
}
