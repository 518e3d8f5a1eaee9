//! How many handles of a type there may be for the same memory.

use rustc_hash::FxHashMap;

use super::Facts;
use crate::ir::{Value, ValueId, ValueKind};
use crate::resolve::places::Root;
use crate::resolve::{BodyId, DefId, Type};

/// In how many places values of a type are put together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Made {
    places: u32,
    /// Those among them that may make a second one for the same memory: from a shared borrow, in a loop, in a closure.
    again: u32,
}

pub(super) fn collect(facts: &Facts<'_>) -> FxHashMap<DefId, Made> {
    let mut made: FxHashMap<DefId, Made> = FxHashMap::default();
    for body in facts.program.body_ids() {
        if facts.program.def(facts.program.body(body).owner).is_test {
            continue;
        }
        for (i, value) in facts.program.body(body).ir.values.iter().enumerate() {
            let ValueKind::Struct { fields, .. } = &value.kind else { continue };
            let Type::Adt(adt, _) = facts.program.type_of(body, ValueId(i as u32)) else { continue };
            let made = made.entry(adt).or_default();
            made.places += 1;
            made.again += u32::from(is_made_again(facts, body, value, fields));
        }
    }
    made
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
    };
    // Whoever calls an unsafe function answers for there being one handle.
    let vouched = facts.program.function(b.owner).is_some_and(|f| f.is_unsafe);
    repeated || !vouched && from_shared()
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

    fn made(&self, handle: DefId) -> Made {
        self.handles.get_or_init(|| collect(self)).get(&handle).copied().unwrap_or_default()
    }
}
