//! A lock is taken without acquiring what the last holder did, or given back without releasing it.

use std::collections::BTreeSet;

use crate::facts::access::Op;
use crate::facts::flow::loop_within;
use crate::facts::guards::Lock;
use crate::facts::pairing::lacks_acquire;
use crate::facts::publication::{How, origin};
use crate::facts::required::Constant;
use crate::facts::role::RoleKind;
use crate::facts::{Facts, LocId, OpId, Seen};
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::{AtomicOpKind, BinOp, BlockId, Callee, EventId, EventKind, Terminator, ValueId, ValueKind};
use crate::lint::{Cx, declare_lint};
use crate::remedy::ordering::{Half, strengthen, strengthen_failure};
use crate::resolve::{BodyId, Type};

declare_lint! {
    /// Finds a lock word that is taken without an acquire or given back without a release, so that what happens
    /// inside the critical section can leak out of it.
    ///
    /// ## Why it matters
    ///
    /// The word excludes other threads, but only the orderings keep the data's reads and writes inside:
    ///
    /// ```text
    ///   thread A                           thread B                          locked   data
    /// 1 data += 1                                                            true     (in A's buffer)
    /// 2 locked.store(false, Relaxed)                                         false
    /// 3                                    locked.swap(true, Acquire) → false true
    /// 4                                    reads data → 0                    true     A's update is lost
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::cell::UnsafeCell;
    /// use std::sync::atomic::{AtomicBool, Ordering::*};
    ///
    /// pub struct Spin { locked: AtomicBool, data: UnsafeCell<u64> }
    /// unsafe impl Sync for Spin {}
    ///
    /// impl Spin {
    ///     pub fn add(&self, n: u64) {
    ///         self.lock();
    ///         unsafe { *self.data.get() += n };
    ///         self.unlock();
    ///     }
    ///
    ///     fn lock(&self) {
    ///         while self.locked.swap(true, Relaxed) {
    ///             std::hint::spin_loop();
    ///         }
    ///     }
    ///
    ///     fn unlock(&self) {
    ///         self.locked.store(false, Release);
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::cell::UnsafeCell;
    /// use std::sync::atomic::{AtomicBool, Ordering::*};
    ///
    /// pub struct Spin { locked: AtomicBool, data: UnsafeCell<u64> }
    /// unsafe impl Sync for Spin {}
    ///
    /// impl Spin {
    ///     pub fn add(&self, n: u64) {
    ///         self.lock();
    ///         unsafe { *self.data.get() += n };
    ///         self.unlock();
    ///     }
    ///
    ///     fn lock(&self) {
    ///         while self.locked.swap(true, Acquire) {
    ///             std::hint::spin_loop();
    ///         }
    ///     }
    ///
    ///     fn unlock(&self) {
    ///         self.locked.store(false, Release);
    ///     }
    /// }
    /// ```
    ///
    /// Better still `std::sync::Mutex`, or `atomic_lint::SpinLock` where there is no `std`.
    ///
    /// ## When to allow
    ///
    /// When the lock protects no memory: a token that only limits how many threads do something.
    ///
    /// ## Known limits
    ///
    /// A lock is recognised by the names of the functions that take it and give it back, by guards, and by
    /// implementations of lock traits. An attempt that returns `false` or `None` need not acquire.
    ///
    /// ## References
    ///
    /// C++20 \[thread.mutex.requirements\]; *Mara Bos: Rust Atomics and Locks*, chapter 4.
    pub static RELAXED_LOCK = {
        name: "relaxed_lock",
        topic: "ordering",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

const TAKES: [&str; 11] =
    ["lock", "try_lock", "read", "write", "try_read", "try_write", "acquire", "upgrade", "wait", "enter", "obtain"];
const GIVES_BACK: [&str; 5] = ["unlock", "release", "leave", "exit", "downgrade"];

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for location in (0..facts.locations.len() as u32).map(LocId) {
        if facts.role(location).kind != RoleKind::Lock || !protects_data(facts, location) {
            continue;
        }
        let mut reported: BTreeSet<OpId> = BTreeSet::new();
        for &id in &facts.location(location).ops {
            let op = facts.op(id);
            let Some(seen) = facts.seen(op.body).iter().find(|s| s.op == id && s.is_direct()) else { continue };
            // What a closure returns is not the answer to "is it taken".
            if facts.program.body(op.body).parent.is_some()
                || facts.is_alone(op.body, seen)
                || facts.context(id).locks.iter().any(|(l, shared)| !shared && matches!(l, Lock::Location(_)))
            {
                continue;
            }
            let side = if is_taken_unacquired(facts, op.body, seen) || is_awaited_unacquired(facts, op.body, seen) {
                Side::Taken
            } else if is_given_back_unreleased(facts, op.body, location, seen) {
                Side::GivenBack
            } else {
                continue;
            };
            if reported.insert(id) {
                out.push(report(cx, location, op.body, seen, side));
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Taken,
    GivenBack,
}

/// The lock stands for memory: a cell that is touched behind it, a guard that hands it out, or a lock trait, whose
/// users bring the memory.
fn protects_data(facts: &Facts<'_>, location: LocId) -> bool {
    let program = facts.program;
    facts.location(location).ops.iter().any(|&o| {
        let owner = program.body(facts.op(o).body).owner;
        let by_trait = program.implemented_trait(owner).is_some_and(|t| t.starts_with("Raw") || t.contains("Lock"));
        by_trait || returns_guard(facts, facts.op(o).body) || guard_dropped(facts, facts.op(o).body)
    }) || facts.follows(location).iter().any(|f| f.key.is_some() && !matches!(f.how, How::GuardsAtomic(_)))
        || helpers_guard_cells(facts, location)
        || lies_beside_cell(facts, location)
}

/// The type that the lock is a field of holds a cell and says that it is `Sync` all the same: by the lock, then.
fn lies_beside_cell(facts: &Facts<'_>, location: LocId) -> bool {
    let owner = facts.location(location).key.owner();
    owner.is_some_and(|owner| facts.program.implements(owner, "Sync") && facts.has_cell(owner))
}

fn returns_guard(facts: &Facts<'_>, body: BodyId) -> bool {
    let owner = facts.program.body(body).owner;
    let Some(f) = facts.program.function(owner) else { return false };
    let is_guard = |ty: &Type| match ty {
        Type::Adt(d, _) => {
            let name = &facts.program.def(*d).item.name;
            name.ends_with("Guard") || facts.program.implements(*d, "DerefMut")
        }
        ty => ty.is_guard(),
    };
    match facts.program.lower_type(owner, &f.ret) {
        Type::Known(_, args) => args.iter().any(is_guard),
        ty => is_guard(&ty),
    }
}

/// The operation stands in the `Drop` of a guard that dereferences to the data.
fn guard_dropped(facts: &Facts<'_>, body: BodyId) -> bool {
    let owner = facts.program.body(body).owner;
    facts.program.implemented_trait(owner) == Some("Drop")
        && facts.program.self_adt(owner).is_some_and(|adt| {
            facts.program.implements(adt, "Deref") || facts.program.def(adt).item.name.ends_with("Guard")
        })
}

/// Some function takes the lock (through a helper) and then touches a cell.
fn helpers_guard_cells(facts: &Facts<'_>, location: LocId) -> bool {
    facts.bodies_with_ops().any(|body| {
        let flow = facts.flow(body);
        facts.seen(body).iter().any(|s| {
            let op = facts.op(s.op);
            op.location == Some(location)
                && op.kind.is_rmw()
                && facts.touches(body).iter().any(|t| (t.in_cell || t.is_static) && flow.dominates(s.event, t.event))
        })
    })
}

/// Taken by this RMW, with no acquire from here to where the function says so to its caller.
fn is_taken_unacquired(facts: &Facts<'_>, body: BodyId, seen: &Seen) -> bool {
    let op = facts.op(seen.op);
    if !op.kind.is_rmw() || !seen.orders.lacks_acquire() || !is_taking_fn(facts, body) {
        return false;
    }
    // Counting waiters, setting further bits and taking an attempt back is no taking; an upgrade gives up a reader's
    // count for the writer's bit.
    let upgrades = || facts.op_named(op, &["upgrade"]);
    if matches!(op.kind, AtomicOpKind::FetchAnd | AtomicOpKind::FetchXor | AtomicOpKind::Update)
        || op.kind == AtomicOpKind::FetchSub && !upgrades()
    {
        return false;
    }
    let outcome = facts.outcome(body, seen);
    let starts: Vec<BlockId> =
        if outcome.success.is_empty() { vec![facts.flow(body).block_of(seen.event)] } else { outcome.success };
    starts.iter().any(|b| reaches_success(facts, body, seen.event, *b))
}

/// A loop that waits for the lock is left on the strength of this read (a load, or what a failed CAS found), and
/// the function returns with no acquire after it.
fn is_awaited_unacquired(facts: &Facts<'_>, body: BodyId, seen: &Seen) -> bool {
    let op = facts.op(seen.op);
    let starts = match op.kind {
        AtomicOpKind::Load if seen.orders.lacks_acquire() => vec![facts.flow(body).block_of(seen.event)],
        AtomicOpKind::Cas { .. } if lacks_acquire(seen.orders.failure) => facts.outcome(body, seen).failure,
        _ => return false,
    };
    is_taking_fn(facts, body)
        && ends_a_loop(facts, body, seen)
        && starts.iter().any(|b| reaches_success(facts, body, seen.event, *b))
}

fn ends_a_loop(facts: &Facts<'_>, body: BodyId, seen: &Seen) -> bool {
    let ir = facts.program.body(body).ir;
    let index = facts.seen(body).iter().position(|s| std::ptr::eq(s, seen));
    facts.decisions(body).iter().any(|d| {
        let Some(in_loop) = ir.blocks[d.block.index()].in_loop else { return false };
        let relies = index.is_some_and(|i| d.flows.ops.contains(&i) || d.flows.compared.contains(&i));
        let leaves = |s: &BlockId| !loop_within(ir, ir.blocks[s.index()].in_loop, in_loop);
        relies && facts.flow(body).successors(d.block).iter().any(leaves)
    })
}

/// Named for taking a lock, and not for giving one back or for looking at it.
fn is_taking_fn(facts: &Facts<'_>, body: BodyId) -> bool {
    let owner = facts.program.body(body).owner;
    let name = facts.program.def(owner).item.name.to_lowercase();
    let words: Vec<&str> = name.split('_').collect();
    let takes = words.iter().any(|w| TAKES.contains(w));
    let other = words.iter().any(|w| {
        GIVES_BACK.contains(w) || matches!(*w, "is" | "bump" | "wake" | "unpark" | "count" | "force" | "poison")
    });
    takes && !other
}

/// Whether control comes from `from` through `block` to a return that says "taken", with no acquire on the way.
fn reaches_success(facts: &Facts<'_>, body: BodyId, from: EventId, block: BlockId) -> bool {
    let ir = facts.program.body(body).ir;
    let flow = facts.flow(body);
    let own = flow.block_of(from);
    let mut visited = vec![false; ir.blocks.len()];
    let mut queue = vec![block];
    while let Some(at) = queue.pop() {
        if std::mem::replace(&mut visited[at.index()], true) {
            continue;
        }
        let events = &ir.blocks[at.index()].events;
        let start = if at == own && at == block { flow.position(from) + 1 } else { 0 };
        // A thread that goes to sleep has not got the lock yet.
        let stops = |e: EventId| e == from || facts.sync_at(body, e).acquires || is_sleep(facts, body, e);
        let stopped = events[start.min(events.len())..].iter().any(|e| stops(*e));
        if stopped {
            continue;
        }
        match &ir.blocks[at.index()].term {
            Terminator::Return(v)
                if !v.is_some_and(|v| is_refusal(facts, body, v) || says_otherwise(facts, body, v)) =>
            {
                return true;
            }
            _ => queue.extend(flow.successors(at)),
        }
    }
    false
}

fn is_sleep(facts: &Facts<'_>, body: BodyId, event: EventId) -> bool {
    let EventKind::Call(call) = &facts.event(body, event).kind else { return false };
    let name = match &call.callee {
        Callee::Path(p) => p.last(),
        Callee::Method { name, .. } => name,
        Callee::Value(_) => "",
    };
    name.split('_').any(|w| matches!(w, "park" | "sleep" | "futex" | "wait"))
}

/// `false`, `None`, `Err(…)`: the lock was not taken.
fn is_refusal(facts: &Facts<'_>, body: BodyId, value: ValueId) -> bool {
    match facts.value(body, value) {
        ValueKind::Bool(b) => !b,
        ValueKind::Path(p) => p.last() == "None",
        ValueKind::Struct { path, .. } => matches!(path.last(), "Err" | "None"),
        ValueKind::Phi(operands) => {
            !operands.is_empty() && operands.iter().all(|(_, v)| *v != value && is_refusal(facts, body, *v))
        }
        _ => false,
    }
}

/// A word of the crate's own, and another one than the function answers with when it has taken the lock with an acquire.
fn says_otherwise(facts: &Facts<'_>, body: BodyId, value: ValueId) -> bool {
    let word = |v: ValueId| match facts.constant_of(body, v) {
        Some(Constant::Name(name)) => Some(name),
        _ => None,
    };
    let Some(said) = word(value) else { return false };
    let flow = facts.flow(body);
    let taken = facts.seen(body).iter().filter(|s| facts.op(s.op).kind.is_cas() && s.orders.acquires());
    let taken: Vec<BlockId> = taken.flat_map(|s| facts.outcome(body, s).success).collect();
    let mut answers = facts
        .all_ways_to_return(body)
        .into_iter()
        .filter(|(_, at)| taken.iter().any(|b| b == at || flow.block_dominates(*b, *at)))
        .filter_map(|(v, _)| word(v))
        .peekable();
    answers.peek().is_some() && answers.all(|answer| answer != said)
}

/// Given back by a write that releases nothing, with no release fence before.
fn is_given_back_unreleased(facts: &Facts<'_>, body: BodyId, location: LocId, seen: &Seen) -> bool {
    let op = facts.op(seen.op);
    let gives = match op.kind {
        AtomicOpKind::Store | AtomicOpKind::FetchSub | AtomicOpKind::FetchAnd | AtomicOpKind::Swap => true,
        AtomicOpKind::FetchAdd => is_downgrade(facts, body),
        AtomicOpKind::Cas { .. } => seen.stored.is_constant() || is_lowered(facts, op),
        _ => false,
    };
    gives
        && seen.orders.lacks_release()
        && (facts.op_named(op, &["unlock", "release", "leave", "exit"])
            || is_downgrade(facts, body)
            || guard_dropped(facts, body))
        && !facts.is_released_before(body, seen.event)
        && !is_given_back_before(facts, body, location, seen)
}

/// From a writer's hold to a lesser one: readers may come in and look at what was written. An upgradable hold has
/// written nothing.
fn is_downgrade(facts: &Facts<'_>, body: BodyId) -> bool {
    let name = &facts.program.def(facts.program.body(body).owner).item.name;
    name.starts_with("downgrade") && !name.starts_with("downgrade_upgradable")
}

/// What a CAS stores is what was there less a count or without a bit.
fn is_lowered(facts: &Facts<'_>, op: &Op<'_>) -> bool {
    let lowered = |v: ValueId| matches!(facts.value(op.body, v), ValueKind::Binary(BinOp::Sub | BinOp::BitAnd, ..));
    op.new_value().is_some_and(|v| lowered(origin(facts, op.body, v)))
}

/// A releasing operation on the lock has already given it back, here or in every caller: this one tidies up.
fn is_given_back_before(facts: &Facts<'_>, body: BodyId, location: LocId, seen: &Seen) -> bool {
    let gave = |b: BodyId, before: EventId| {
        facts.seen(b).iter().any(|s| {
            let op = facts.op(s.op);
            op.location == Some(location)
                && op.kind.writes()
                && op.orders.releases()
                && s.event != before
                && facts.flow(b).reaches(s.event, before)
        })
    };
    let callers = facts.callers(facts.program.body(body).owner);
    gave(body, seen.event)
        || !facts.is_entry(body) && !callers.is_empty() && callers.iter().all(|(c, call)| gave(*c, *call))
}

fn report(cx: &Cx<'_>, location: LocId, body: BodyId, seen: &Seen, side: Side) -> Finding {
    let facts = cx.facts;
    let op = facts.op(seen.op);
    let name = cx.location_name(location);
    let ordering = cx.ordering_text(op);
    let (message, text) = match side {
        Side::Taken => (
            format!("{name} is taken without seeing what its last holder wrote"),
            format!("`{ordering}` acquires nothing"),
        ),
        Side::GivenBack => (
            format!("{name} is given back before what was written under it is visible"),
            format!("`{ordering}` releases nothing"),
        ),
    };
    let site = cx.op_site(seen.op);
    let mut finding = cx.finding(&RELAXED_LOCK, body, Label::new(site, text), message);
    let partner = facts.location(location).ops.iter().copied().find(|&o| {
        let other = facts.op(o);
        match side {
            Side::Taken => other.kind.writes() && other.orders.releases(),
            Side::GivenBack => other.kind.is_rmw() && other.orders.acquires(),
        }
    });
    if let Some(partner) = partner {
        let label = if side == Side::Taken { "given back here" } else { "taken here" };
        finding.secondary.push(Label::new(cx.op_site(partner), label));
    }
    finding.notes.push(cx.role_note(location));
    finding.key.location = facts.location(location).name.clone();
    finding.key.operation = op.method.to_owned();
    let watched = facts.location(location).name.rsplit("::").next().unwrap_or("lock").to_owned();
    let other = partner.map(|p| cx.op_site(p));
    let (give, take) = if side == Side::Taken { (other, Some(site)) } else { (Some(site), other) };
    finding.interleaving = Some(
        Interleaving::new(&["thread A", "thread B"], watched)
            .step(0, None, "writes the data", "held by A")
            .step(0, give, "gives the lock back", "free")
            .step(1, take, "takes the lock", "held by B")
            .step(1, None, "reads the data", "held by B")
            .ending("may not see A's write"),
    );
    let half = if side == Side::Taken { Half::Acquire } else { Half::Release };
    // What a failed attempt has found is a load of its own.
    let by_failure = side == Side::Taken && op.kind.is_cas() && seen.orders.acquires();
    finding.fixes.extend(match by_failure {
        true => strengthen_failure(cx, seen.op),
        false => strengthen(cx, seen.op, half),
    });
    finding.help = Some(match (side, op.kind) {
        (Side::Taken, AtomicOpKind::Load) => {
            "read it with `Acquire`, or put `fence(Acquire)` after the loop".to_owned()
        }
        (Side::Taken, _) => format!("take it with `Acquire`: `{}(…, Acquire)`", op.method),
        (Side::GivenBack, _) => format!("give it back with `Release`: `{}(…, Release)`", op.method),
    });
    finding
}
