//! How many handles of a type there may be for the same memory.

use rustc_hash::FxHashMap;

use super::Facts;
use crate::ir::{EventKind, Value, ValueId, ValueKind, Vis};
use crate::resolve::places::Root;
use crate::resolve::{BodyId, DefId, Type};

/// In how many places values of a type are put together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Made {
    places: u32,
    /// Those among them that may make a second one for the same memory: from a shared borrow, in a loop, in a closure.
    again: u32,
    /// The type of the handle that is used up for one, where each place uses up one of that type.
    from: Option<DefId>,
}

pub(super) fn collect(facts: &Facts<'_>) -> FxHashMap<DefId, Made> {
    let mut made: FxHashMap<DefId, Made> = FxHashMap::default();
    for body in facts.program.body_ids() {
        if facts.program.def(facts.program.body(body).owner).is_test {
            continue;
        }
        let mut leads: Vec<(DefId, Root)> = Vec::new();
        for (i, value) in facts.program.body(body).ir.values.iter().enumerate() {
            let ValueKind::Struct { fields, .. } = &value.kind else { continue };
            let Type::Adt(adt, _) = facts.program.type_of(body, ValueId(i as u32)) else { continue };
            let made = made.entry(adt).or_default();
            made.places += 1;
            let from = used_up(facts, body, fields).filter(|from| *from != adt);
            made.from = if made.places == 1 || made.from == from { from } else { None };
            let memory = shared_roots(facts, body, fields);
            let twin = memory.iter().any(|root| leads.contains(&(adt, root.clone())));
            leads.extend(memory.into_iter().map(|root| (adt, root)));
            made.again += u32::from(twin || is_made_again(facts, body, value, fields));
        }
    }
    made
}

/// What the shared pointers among the fields lead to: both ends of a pair are made from one `Arc`.
fn shared_roots(facts: &Facts<'_>, body: BodyId, fields: &[(String, ValueId)]) -> Vec<Root> {
    let shared = fields.iter().filter(|(_, v)| facts.program.type_of(body, *v).is_shared_pointer());
    shared.map(|(_, v)| facts.program.value_ref(body, *v).root).filter(|root| *root != Root::Unknown).collect()
}

/// The type of a parameter, taken by value, from which the fields are.
fn used_up(facts: &Facts<'_>, body: BodyId, fields: &[(String, ValueId)]) -> Option<DefId> {
    let b = facts.program.body(body);
    let from = |p: u32, v: ValueId| {
        matches!(facts.program.value_ref(body, v).root, Root::Param(q, i) if q == body && i == p)
            || facts.flows_into(body, v).params.contains(&p)
    };
    let taken = (0..b.ir.params.len() as u32).find_map(|p| match facts.param_type(body, p) {
        Type::Adt(adt, _) if fields.iter().any(|(_, v)| from(p, *v)) => Some(adt),
        _ => None,
    });
    taken.filter(|_| b.parent.is_none())
}

fn is_made_again(facts: &Facts<'_>, body: BodyId, value: &Value, fields: &[(String, ValueId)]) -> bool {
    let b = facts.program.body(body);
    let repeated = b.parent.is_some() || b.ir.loops.iter().any(|l| l.span.contains(value.span));
    let from = |p: u32, v: ValueId| {
        facts.flows_into(body, v).params.contains(&p)
            || matches!(facts.program.value_ref(body, v).root, Root::Param(_, q) if q == p)
    };
    let from_shared = || {
        (0..b.ir.params.len() as u32)
            .any(|p| facts.param_type(body, p).is_shared_pointer() && fields.iter().any(|(_, v)| from(p, *v)))
            && !is_called_once_for_new(facts, body)
    };
    // Whoever calls an unsafe function answers for there being one handle.
    let vouched = facts.program.function(b.owner).is_some_and(|f| f.is_unsafe);
    repeated || !vouched && from_shared()
}

/// A constructor that the crate keeps to itself and calls in one place, where the memory is made.
fn is_called_once_for_new(facts: &Facts<'_>, body: BodyId) -> bool {
    let owner = facts.program.body(body).owner;
    let [(caller, call)] = facts.callers(owner) else { return false };
    let inside = facts.program.body(*caller);
    let at = facts.event(*caller, *call).span;
    let EventKind::Call(call) = &facts.event(*caller, *call).kind else { return false };
    let given = |v: &ValueId| !facts.flows_into(*caller, *v).params.is_empty();
    facts.program.def(owner).item.vis != Vis::Pub
        && inside.parent.is_none()
        && !inside.ir.loops.iter().any(|l| l.span.contains(at))
        && !call.args.iter().any(given)
}

impl Facts<'_> {
    /// Whether there may be two handles of this type for the same memory.
    pub fn is_copied(&self, handle: DefId) -> bool {
        self.program.implements(handle, "Clone") || self.made(handle).again > 0
    }

    /// Whether the source shows where such handles come from; if not, nobody knows how many there are.
    pub fn is_made_in_source(&self, handle: DefId) -> bool {
        self.made(handle).places > 0
    }

    /// The handle with which one began that turns into others, each used up for the next.
    pub fn first_handle(&self, handle: DefId) -> DefId {
        let mut at = handle;
        for _ in 0..4 {
            match self.made(at).from {
                Some(from) if !self.is_copied(from) => at = from,
                _ => break,
            }
        }
        at
    }

    fn made(&self, handle: DefId) -> Made {
        self.handles.get_or_init(|| collect(self)).get(&handle).copied().unwrap_or_default()
    }
}
