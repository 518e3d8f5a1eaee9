//! What a location is for, inferred from everything that is done with it.

use super::Facts;
use super::access::{LocId, Op};
use crate::ir::{AtomicOpKind, BinOp, ValueId, ValueKind};
use crate::resolve::{BodyId, Type};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoleKind {
    Counter,
    Flag,
    Lock,
    Refcount,
    PublishedPointer,
    /// The version of a sequence lock.
    Sequence,
    RingIndex,
    StateMachine,
    IdAllocator,
    /// A running maximum or minimum.
    Extremum,
    Unknown,
}

impl RoleKind {
    /// With its article, as messages use it.
    pub fn describe(self) -> &'static str {
        match self {
            RoleKind::Counter => "a counter",
            RoleKind::Flag => "a flag",
            RoleKind::Lock => "a lock",
            RoleKind::Refcount => "a reference count",
            RoleKind::PublishedPointer => "a published pointer",
            RoleKind::Sequence => "a sequence number",
            RoleKind::RingIndex => "a ring index",
            RoleKind::StateMachine => "a state",
            RoleKind::IdAllocator => "an id allocator",
            RoleKind::Extremum => "a running maximum or minimum",
            RoleKind::Unknown => "an atomic",
        }
    }
}

/// A role and the evidence for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub kind: RoleKind,
    /// `3 functions add to it, 1 reads it`.
    pub why: String,
}

/// Counts over the operations of a location.
#[derive(Default)]
struct Tally {
    loads: usize,
    stores: usize,
    swaps: usize,
    adds: usize,
    subs: usize,
    bits: usize,
    extrema: usize,
    cas: usize,
    updates: usize,
}

pub(super) fn infer(facts: &Facts<'_>, location: LocId) -> Role {
    let ops: Vec<&Op<'_>> = facts.location(location).ops.iter().map(|o| facts.op(*o)).collect();
    let mut t = Tally::default();
    for op in &ops {
        match op.kind {
            AtomicOpKind::Load => t.loads += 1,
            AtomicOpKind::Store => t.stores += 1,
            AtomicOpKind::Swap => t.swaps += 1,
            AtomicOpKind::FetchAdd => t.adds += 1,
            AtomicOpKind::FetchSub => t.subs += 1,
            AtomicOpKind::FetchAnd | AtomicOpKind::FetchNand | AtomicOpKind::FetchOr | AtomicOpKind::FetchXor => {
                t.bits += 1
            }
            AtomicOpKind::FetchMax | AtomicOpKind::FetchMin => t.extrema += 1,
            AtomicOpKind::Cas { .. } => t.cas += 1,
            AtomicOpKind::Update => t.updates += 1,
        }
    }
    let kind = kind(facts, location, &ops, &t);
    Role { kind, why: why(&t) }
}

fn kind(facts: &Facts<'_>, location: LocId, ops: &[&Op<'_>], t: &Tally) -> RoleKind {
    let loc = facts.location(location);
    if loc.atomic.is_some_and(|a| a.is_pointer()) {
        return RoleKind::PublishedPointer;
    }
    let counts = t.adds > 0 && ops.iter().any(|o| o.kind == AtomicOpKind::FetchSub && facts.tests_for_last(o));
    if facts.sequence(location).is_some() {
        return RoleKind::Sequence;
    }
    // A reader-writer lock counts too; what tells a reference count apart is that its last owner frees.
    if counts && (!is_lock(facts, ops) || begins_owned(facts, location, ops))
        || t.adds + t.cas > 0 && t.subs > 0 && facts.is_owner_count(location)
    {
        return RoleKind::Refcount;
    }
    if is_lock(facts, ops) {
        return RoleKind::Lock;
    }
    if t.extrema > 0 {
        return RoleKind::Extremum;
    }
    if loc.value_type == Type::Prim("bool") {
        return RoleKind::Flag;
    }
    if t.adds + t.subs > 0 && t.cas + t.updates + t.bits + t.swaps == 0 {
        let used = ops.iter().any(|o| o.kind == AtomicOpKind::FetchAdd && o.result.is_some());
        return if used && t.subs == 0 { RoleKind::IdAllocator } else { RoleKind::Counter };
    }
    let constants =
        ops.iter().filter_map(|o| o.new_value().map(|v| (o.body, v))).filter(|(b, v)| is_named_constant(facts, *b, *v));
    if t.cas + t.stores + t.swaps >= 2 && constants.count() >= 2 {
        return RoleKind::StateMachine;
    }
    RoleKind::Unknown
}

fn why(t: &Tally) -> String {
    let mut parts = Vec::new();
    let mut say = |n: usize, one: &str, many: &str| match n {
        0 => {}
        1 => parts.push(format!("1 place {one}")),
        n => parts.push(format!("{n} places {many}")),
    };
    say(t.adds, "adds to it", "add to it");
    say(t.subs, "subtracts from it", "subtract from it");
    say(t.bits, "changes bits of it", "change bits of it");
    say(t.extrema, "raises or lowers it", "raise or lower it");
    say(t.swaps, "swaps it", "swap it");
    say(t.cas + t.updates, "compares and swaps it", "compare and swap it");
    say(t.stores, "stores to it", "store to it");
    say(t.loads, "reads it", "read it");
    parts.join(", ")
}

/// The count starts with its maker as an owner, and who takes hold of the object adds to it. A lock starts free, and
/// the permits of a semaphore grow fewer when one is taken.
fn begins_owned(facts: &Facts<'_>, location: LocId, ops: &[&Op<'_>]) -> bool {
    let takes = |o: &&&Op<'_>| o.kind == AtomicOpKind::FetchSub && facts.op_named(o, &["lock", "acquire", "enter"]);
    !ops.iter().any(|o| takes(&o)) && facts.starts_at(location, 1)
}

/// Taken by a CAS or swap between two constants and given back by a store, `fetch_*` or CAS to the first, in
/// functions named for it or in a `Drop`.
fn is_lock(facts: &Facts<'_>, ops: &[&Op<'_>]) -> bool {
    let takes = ops.iter().any(|o| match o.kind {
        AtomicOpKind::Cas { .. } => {
            facts.op_named(o, &["lock", "acquire", "read", "write", "enter", "upgrade"])
                || o.expected().is_some_and(|v| matches!(facts.value(o.body, v), ValueKind::Bool(false)))
        }
        AtomicOpKind::Swap => {
            o.new_value().is_some_and(|v| matches!(facts.value(o.body, v), ValueKind::Bool(true))) && o.result.is_some()
        }
        AtomicOpKind::FetchOr | AtomicOpKind::FetchAdd => facts.op_named(o, &["lock", "acquire"]),
        // The turn that a ticket waits for.
        AtomicOpKind::Load => facts.op_named(o, &["lock"]) && is_in_loop(facts, o),
        _ => false,
    });
    let gives_back = ops.iter().any(|o| {
        let release = facts.op_named(o, &["unlock", "release", "leave", "exit"])
            || facts.program.implemented_trait(facts.program.body(o.body).owner) == Some("Drop")
                && facts.function_name(o.body).contains("Guard");
        release
            && matches!(
                o.kind,
                AtomicOpKind::Store
                    | AtomicOpKind::FetchSub
                    | AtomicOpKind::FetchAnd
                    | AtomicOpKind::Cas { .. }
                    | AtomicOpKind::Swap
            )
    });
    takes && gives_back
}

fn is_in_loop(facts: &Facts<'_>, op: &Op<'_>) -> bool {
    let ir = facts.program.body(op.body).ir;
    ir.blocks[ir.events[op.event.index()].block.index()].in_loop.is_some()
}

fn is_named_constant(facts: &Facts<'_>, body: BodyId, value: ValueId) -> bool {
    match facts.value(body, value) {
        ValueKind::Path(_) => true,
        ValueKind::Cast(v, _) => is_named_constant(facts, body, *v),
        ValueKind::Read(p) => p.proj.is_empty() && matches!(p.base, crate::ir::Base::Path(_)),
        _ => false,
    }
}

impl Facts<'_> {
    /// Whether the function around an operation is named with one of these words.
    pub fn op_named(&self, op: &Op<'_>, words: &[&str]) -> bool {
        let owner = self.program.body(op.body).owner;
        let name = self.program.def(owner).item.name.to_lowercase();
        words.iter().any(|w| name.split('_').any(|part| part == *w) || name.contains(w) && w.len() > 4)
    }

    /// Whether a decrement's old value is compared with one (or what is left with zero): the last owner is looked for.
    pub fn tests_for_last(&self, op: &Op<'_>) -> bool {
        let Some(result) = op.result else { return false };
        let values = &self.program.body(op.body).ir.values;
        values.iter().any(|v| match &v.kind {
            ValueKind::Binary(BinOp::Eq | BinOp::Ne | BinOp::Gt | BinOp::Le | BinOp::Lt, l, r) => {
                let one = |x: ValueId| matches!(self.value(op.body, x), ValueKind::Int(0 | 1));
                one(*r) && self.derives_from(op.body, *l, result) || one(*l) && self.derives_from(op.body, *r, result)
            }
            _ => false,
        })
    }
}
