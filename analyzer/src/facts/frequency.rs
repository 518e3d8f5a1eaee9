//! Which writes run often: told by what they store, where they stand and what the function is called.

use std::collections::BTreeSet;

use super::access::OpId;
use super::{Facts, LocId, RoleKind};
use crate::ir::{AtomicOpKind, EventKind, Item, Receiver, ValueId, ValueKind};
use crate::resolve::{BodyId, Type};

/// Whether a write is part of what the type does all day, rather than done once per object or configuration.
pub(super) fn is_frequent(facts: &Facts<'_>, id: OpId) -> bool {
    let op = facts.op(id);
    let Some(location) = op.location else { return false };
    if is_rare(facts, op.body) || matches!(op.atomic, Some(a) if !a.takes_orderings() && a.is_pointer()) {
        return false;
    }
    let role = facts.role(location).kind;
    // A flag is hot only as a lock, and what is written under a lock comes with the lock's own line.
    let flag = op.value_type == Type::Prim("bool") && !(role == RoleKind::Lock && is_taken(facts, location));
    let locked = facts.context(id).locks.iter().any(|(_, shared)| !shared);
    if role == RoleKind::Refcount || counts_handles(facts, location) || flag || locked || is_set_once(facts, location) {
        return false;
    }
    let pointer = op.atomic.is_some_and(crate::resolve::Atomic::is_pointer);
    match op.kind {
        AtomicOpKind::Load => false,
        AtomicOpKind::Store => is_frequent_store(facts, id),
        AtomicOpKind::Cas { .. } => {
            !pointer || op.expected().is_some_and(|v| !facts.flows_into(op.body, v).is_constant())
        }
        // Publishing a snapshot replaces the pointer and only disposes of the old one.
        AtomicOpKind::Swap if pointer => swaps_to_link(facts, id),
        AtomicOpKind::Update => !pointer,
        _ => true,
    }
}

/// Whether the old value of a swap is used for more than to be freed or tested.
fn swaps_to_link(facts: &Facts<'_>, id: OpId) -> bool {
    let op = facts.op(id);
    let Some(result) = op.result else { return false };
    let b = facts.program.body(op.body).ir;
    b.events.iter().any(|e| match &e.kind {
        EventKind::Atomic(other) => match other.receiver.base {
            crate::ir::Base::Local(_, v) | crate::ir::Base::Value(v) => facts.derives_from(op.body, v, result),
            crate::ir::Base::Path(_) => false,
        },
        EventKind::Write { place, .. } => match place.base {
            crate::ir::Base::Local(_, v) | crate::ir::Base::Value(v) => {
                v != result && facts.derives_from(op.body, v, result)
            }
            crate::ir::Base::Path(_) => false,
        },
        _ => false,
    })
}

/// Whether a value is the same each time, as written.
fn is_literal(facts: &Facts<'_>, body: BodyId, value: ValueId) -> bool {
    match facts.value(body, value) {
        ValueKind::Int(_) | ValueKind::Bool(_) | ValueKind::Lit(_) | ValueKind::Path(_) | ValueKind::Unit => true,
        ValueKind::Cast(v, _) | ValueKind::Neg(v) | ValueKind::Not(v) => is_literal(facts, body, *v),
        ValueKind::Read(p) if p.proj.is_empty() => match p.base {
            crate::ir::Base::Local(_, v) | crate::ir::Base::Value(v) => is_literal(facts, body, v),
            crate::ir::Base::Path(_) => true,
        },
        _ => false,
    }
}

/// Whether a value comes from the rounds of a loop, even over constants.
fn varies(facts: &Facts<'_>, body: BodyId, value: ValueId, depth: u32) -> bool {
    let next = |v: ValueId| varies(facts, body, v, depth + 1);
    match facts.value(body, value) {
        _ if depth > 8 => true,
        ValueKind::Item(_) => true,
        ValueKind::Cast(v, _) | ValueKind::Neg(v) | ValueKind::Not(v) | ValueKind::Part { of: v, .. } => next(*v),
        ValueKind::Binary(_, l, r) => next(*l) || next(*r),
        ValueKind::Read(p) if p.proj.is_empty() => match p.base {
            crate::ir::Base::Local(_, v) | crate::ir::Base::Value(v) => next(v),
            crate::ir::Base::Path(_) => false,
        },
        _ => false,
    }
}

/// A store in a loop, an advance computed from the value before, or one of a handle that is the only writer.
fn is_frequent_store(facts: &Facts<'_>, id: OpId) -> bool {
    let op = facts.op(id);
    let Some(value) = op.new_value() else { return false };
    let flows = facts.flows_into(op.body, value);
    if is_literal(facts, op.body, value) || op.atomic.is_some_and(|a| !a.takes_orderings() && a.is_pointer()) {
        return false;
    }
    if is_moved_per_item(facts, id) {
        return true;
    }
    let seen = facts.seen(op.body);
    let advances = flows.ops.iter().any(|&i| facts.op(seen[i].op).location == op.location);
    let block = facts.event(op.body, op.event).block;
    let in_loop = facts.program.body(op.body).ir.blocks[block.index()].in_loop.is_some();
    let confined = op.location.is_some_and(|l| facts.confined_writer(l).is_some());
    advances || in_loop || confined
}

/// Whether a lock is one that threads take to work under it, rather than a claim that is tried once.
fn is_taken(facts: &Facts<'_>, location: LocId) -> bool {
    facts.location(location).ops.iter().any(|o| facts.op_named(facts.op(*o), &["lock", "read", "write", "enter"]))
}

/// Whether the location is lowered when a handle ends: it changes as often as handles come and go.
fn counts_handles(facts: &Facts<'_>, location: LocId) -> bool {
    facts.location(location).ops.iter().any(|o| {
        let op = facts.op(*o);
        op.kind == AtomicOpKind::FetchSub
            && facts.instances[o.index()].iter().any(|(b, _)| {
                let owner = facts.program.body(*b).owner;
                facts.program.implemented_trait(owner) == Some("Drop") && !is_guard_drop(facts, *b)
            })
    })
}

/// Whether the location only ever moves one way, once: a latch, a lazily set pointer.
fn is_set_once(facts: &Facts<'_>, location: LocId) -> bool {
    let mut values: BTreeSet<String> = BTreeSet::new();
    for w in facts.shared_writes(location) {
        let op = facts.op(w);
        if op.is_test || facts.context(w).in_drop && !is_guard_drop(facts, op.body) {
            continue;
        }
        match op.kind {
            AtomicOpKind::Store | AtomicOpKind::Swap => {
                let Some(v) = op.new_value() else { return false };
                if !facts.flows_into(op.body, v).is_constant() || varies(facts, op.body, v, 0) {
                    return false;
                }
                values.insert(facts.text(facts.site(op.body, facts.value_span(op.body, v))).to_owned());
            }
            AtomicOpKind::Cas { .. } => {
                let constant = |v: Option<ValueId>| v.is_some_and(|v| facts.flows_into(op.body, v).is_constant());
                if !constant(op.expected()) {
                    return false;
                }
                let new = op.new_value().map_or(String::new(), |v| {
                    facts.text(facts.site(op.body, facts.value_span(op.body, v))).to_owned()
                });
                values.insert(new);
            }
            AtomicOpKind::FetchOr => {
                // Raised bits of which none is ever taken back.
                values.insert("|".to_owned());
            }
            _ => return false,
        }
    }
    values.len() <= 1
}

fn is_guard_drop(facts: &Facts<'_>, body: BodyId) -> bool {
    facts.program.self_adt(facts.program.body(body).owner).is_some_and(|adt| {
        let name = &facts.program.def(adt).item.name;
        name.ends_with("Guard") || name.ends_with("Permit")
    })
}

/// Words that begin the names of what runs once per object or per change of configuration.
const RARE: [&str; 34] = [
    "new",
    "with",
    "init",
    "initialize",
    "setup",
    "install",
    "start",
    "stop",
    "shutdown",
    "close",
    "disconnect",
    "terminate",
    "abort",
    "finish",
    "reset",
    "clear",
    "configure",
    "reload",
    "resize",
    "grow",
    "rehash",
    "subscribe",
    "unsubscribe",
    "enable",
    "disable",
    "set",
    "open",
    "join",
    "default",
    "from",
    "fmt",
    "poison",
    "clone",
    "force",
];

/// Whether a body belongs to a function that seldom runs: by its name, `#[cold]`, or because it ends a handle.
pub fn is_rare(facts: &Facts<'_>, body: BodyId) -> bool {
    let owner = facts.program.body(body).owner;
    let item: &Item = facts.program.def(owner).item;
    if item.attrs.iter().any(|a| a.path == "cold") {
        return true;
    }
    if facts.program.implemented_trait(owner) == Some("Drop") {
        return !is_guard_drop(facts, body);
    }
    // A closure that is spawned inside `start` is the work itself.
    let outer = facts.program.body(body).parent.is_none();
    let mut words = item.name.trim_start_matches("try_").split('_');
    // `start_send` is the first half of each send.
    let first = words.next().filter(|w| RARE.contains(w));
    outer && first.is_some_and(|w| w != "start" || !words.any(|w| PER_ITEM.contains(&w)))
}

/// Words for what is done once for each item that passes.
const PER_ITEM: [&str; 15] = [
    "push", "pop", "send", "recv", "receive", "put", "enqueue", "dequeue", "advance", "commit", "produce", "consume",
    "offer", "write", "release",
];

/// Whether a handle that has its end of the object to itself stores this once for each item: the position that it has
/// worked out in `push`, `pop`, `send` or the like.
fn is_moved_per_item(facts: &Facts<'_>, id: OpId) -> bool {
    let op = facts.op(id);
    let Some(location) = op.location else { return false };
    let owner = facts.location(location).key.owner();
    let method = |body: BodyId| facts.program.body(facts.program.outermost(body)).owner;
    let alone = |body: BodyId| {
        let def = method(body);
        let receiver = facts.program.function(def).and_then(|f| f.receiver.as_ref());
        let handle = facts.program.self_adt(def);
        matches!(receiver, Some(Receiver::RefMut | Receiver::Value)) && handle.is_some() && handle != owner
    };
    let named = |body: BodyId| {
        let name = &facts.program.def(method(body)).item.name;
        name.split('_').any(|w| PER_ITEM.contains(&w))
    };
    let ways = facts.ways_to(id);
    matches!(op.value_type, Type::Prim(p) if p != "bool")
        && facts.shared_writes(location).all(|w| facts.op(w).kind == AtomicOpKind::Store)
        && ways.iter().all(|(body, _)| alone(*body))
        && ways.iter().any(|(body, _)| named(*body))
}
