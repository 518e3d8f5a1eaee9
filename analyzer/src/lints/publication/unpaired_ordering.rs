//! A release that nobody acquires, an acquire that nobody releases: one half of a hand-over is missing.

use crate::facts::publication::Evidence;
use crate::facts::required::Constant;
use crate::facts::sides::{Half, Sides};
use crate::facts::{Facts, LocId, OpId, RoleKind};
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::AtomicOpKind;
use crate::lint::{Cx, declare_lint};
use crate::resolve::Type;

declare_lint! {
    /// Finds locations that are written with `Release` but never read with `Acquire`, or read with `Acquire` but
    /// never written with `Release`: half a hand-over hands nothing over.
    ///
    /// ## Why it matters
    ///
    /// An ordering works in pairs. A release makes earlier writes visible only to a thread whose *acquire* reads the
    /// released value; without it the other thread sees the new value and the old data:
    ///
    /// ```text
    ///   producer                        consumer                    written   data
    /// 1 slot = 7                                                    0         (on its way)
    /// 2 written.store(1, Release)                                   1
    /// 3                                 written.load(Relaxed) → 1   1
    /// 4                                 reads the slot              1         may still be 0
    /// ```
    ///
    /// Somebody thought that this location orders something: either the other side is missing, or the ordering that is
    /// there is paid for and does nothing.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// struct Wakeup { woken: AtomicBool }
    ///
    /// impl Wakeup {
    ///     fn wake(&self) {
    ///         self.woken.swap(true, Ordering::Relaxed);
    ///     }
    ///
    ///     fn take(&self) -> bool {
    ///         self.woken.swap(false, Ordering::Acquire)
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// struct Wakeup { woken: AtomicBool }
    ///
    /// impl Wakeup {
    ///     fn wake(&self) {
    ///         self.woken.swap(true, Ordering::Release);
    ///     }
    ///
    ///     fn take(&self) -> bool {
    ///         self.woken.swap(false, Ordering::Acquire)
    ///     }
    /// }
    /// ```
    ///
    /// Where nothing is handed over, write and read it `Relaxed`: that says so.
    ///
    /// ## When to allow
    ///
    /// When the other half stands where the analysis cannot see it: another process, hardware, assembly.
    ///
    /// ## Known limits
    ///
    /// Quiet for locations that code outside of the crate can reach, for those whose reference is handed to foreign
    /// code, and where a fence, a lock or an ordering that is not known may stand for the missing half. Of several
    /// writers one that doesn't release is reported only if it touches shared memory before. Locks, reference
    /// counts and locations whose data is in sight have lints of their own (`relaxed_lock`,
    /// `relaxed_refcount_release`, `relaxed_publication`).
    ///
    /// ## References
    ///
    /// C++20 \[atomics.order\]; `std::sync::atomic::Ordering`.
    pub static UNPAIRED_ORDERING = {
        name: "unpaired_ordering",
        topic: "publication",
        group: Suspicious,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

/// What is wrong with a location: the operations that lack a half, and those that have the other one.
struct Gap {
    /// The weak operations, the primary one first.
    weak: Vec<OpId>,
    strong: Vec<OpId>,
    side: Side,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Nothing acquires what is released.
    Read,
    /// Nothing releases what is acquired.
    Write,
    /// The value that is waited for is never released.
    Value,
    /// One write of several does not release what was made ready before it.
    OneWrite,
    /// One read of several ends a wait and does not acquire what was waited for.
    Wait,
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for location in (0..facts.locations.len() as u32).map(LocId) {
        if belongs_elsewhere(facts, location) {
            continue;
        }
        let sides = facts.sides(location);
        let gap = unread(facts, location, &sides)
            .or_else(|| unwritten(facts, location, &sides))
            .or_else(|| value_unwritten(facts, &sides))
            .or_else(|| one_write(facts, location, &sides))
            .or_else(|| waits(facts, location, &sides));
        if let Some(gap) = gap
            && !facts.is_exposed(location)
            && !super::relaxed_publication::speaks_of(facts, location)
            && crate::lints::ordering::split_flag::speaks_of(facts, location).is_none()
        {
            out.push(report(cx, location, &gap));
        }
    }
}

/// Locks, reference counts and sequences have lints of their own; a cell that takes no orderings has both halves.
fn belongs_elsewhere(facts: &Facts<'_>, location: LocId) -> bool {
    matches!(facts.role(location).kind, RoleKind::Lock | RoleKind::Refcount | RoleKind::Sequence)
        || !facts.last_owners(location).is_empty()
        || facts.location(location).atomic.is_none_or(|a| !a.takes_orderings())
}

/// Written with `Release`, and every read of it is too weak to notice.
fn unread(facts: &Facts<'_>, location: LocId, sides: &Sides) -> Option<Gap> {
    let others = |(op, _): &&(OpId, Half)| !reads_its_own(facts, location, *op);
    let reads: Vec<(OpId, Half)> = sides.reads.iter().filter(others).copied().collect();
    if reads.iter().any(|(_, half)| *half != Half::Weak) {
        return None;
    }
    let strong = meant(&sides.writes);
    // Who has waited for the writer to end, or has acquired what it released after this, needs no acquire here.
    let is_ordered = |op: OpId| {
        facts.is_joined_before(facts.op(op).body, facts.op(op).event) || facts.is_acquired_by_way(op, &strong)
    };
    let weak: Vec<OpId> = reads
        .iter()
        .map(|(op, _)| *op)
        .filter(|op| tells_something(facts, *op) && !facts.is_guarded(location, *op) && !is_ordered(*op))
        .collect();
    // What one function releases and reads again, nobody else is told.
    let others = weak.iter().any(|r| strong.iter().any(|w| facts.op(*w).body != facts.op(*r).body));
    (!strong.is_empty() && others).then_some(Gap { weak, strong, side: Side::Read })
}

/// Read with `Acquire`, and every write of it is too weak to be worth that.
fn unwritten(facts: &Facts<'_>, location: LocId, sides: &Sides) -> Option<Gap> {
    if sides.writes.iter().any(|(_, half)| *half != Half::Weak) {
        return None;
    }
    let strong: Vec<OpId> = meant(&sides.reads).into_iter().filter(|op| !facts.is_guarded(location, *op)).collect();
    let mut weak: Vec<OpId> = sides.writes.iter().map(|(op, _)| *op).collect();
    // An RMW that only acquires claims something; what it claims was set by the others.
    let claims = |op: &OpId| facts.op(*op).orders.acquires();
    weak.sort_by_key(|op| claims(op));
    weak.retain(|op| !claims(op));
    let others = weak.iter().any(|w| strong.iter().any(|r| facts.op(*w).body != facts.op(*r).body));
    (!strong.is_empty() && others).then_some(Gap { weak, strong, side: Side::Write })
}

/// An acquiring swap or CAS takes one value away, and that value is only ever put there by weak writes.
fn value_unwritten(facts: &Facts<'_>, sides: &Sides) -> Option<Gap> {
    let mut takers: Vec<(OpId, Constant)> = Vec::new();
    for op in meant(&sides.reads) {
        match facts.awaited_value(op) {
            Some(value) => takers.push((op, value)),
            None => return None,
        }
    }
    let (_, awaited) = takers.first()?;
    if takers.iter().any(|(_, v)| v != awaited) || sides.reads.iter().any(|(_, half)| *half == Half::Other) {
        return None;
    }
    let mut weak = Vec::new();
    for (op, half) in &sides.writes {
        let o = facts.op(*op);
        let value = o.new_value().and_then(|v| facts.constant_of(o.body, v))?;
        if value == *awaited {
            match half {
                Half::Weak => weak.push(*op),
                _ => return None,
            }
        }
    }
    (!weak.is_empty()).then(|| Gap { weak, strong: takers.into_iter().map(|(op, _)| op).collect(), side: Side::Value })
}

/// Readers acquire, the other writers release, and one writer that has just worked on shared memory doesn't.
fn one_write(facts: &Facts<'_>, location: LocId, sides: &Sides) -> Option<Gap> {
    let hands_over = |op: OpId| {
        facts
            .publishes(location)
            .iter()
            .any(|p| facts.seen(p.body)[p.seen].op == op && !p.released && matches!(p.evidence, Evidence::Touch(_)))
    };
    let weak = odd_ones(&sides.writes, |op| hands_over(op) && !takes_back(facts, op) && !claims_to_release(facts, op))?;
    let others = |op: &OpId| facts.op(*op).body != facts.op(weak[0]).body && !facts.is_guarded(location, *op);
    let strong: Vec<OpId> = meant(&sides.reads).into_iter().filter(others).collect();
    (!strong.is_empty()).then_some(Gap { weak, strong, side: Side::OneWrite })
}

/// A loop waits until another thread has released something, and goes on without acquiring it, though others do.
fn waits(facts: &Facts<'_>, location: LocId, sides: &Sides) -> Option<Gap> {
    let ends_a_wait = |op: OpId| {
        let o = facts.op(op);
        let seen = facts.seen(o.body);
        // Who has something to return may well say that the wait was in vain; who says yes only after it relies on it.
        let owner = facts.program.body(o.body).owner;
        let returns_nothing = facts
            .program
            .function(owner)
            .is_some_and(|f| matches!(facts.program.lower_type(owner, &f.ret), Type::Tuple(items) if items.is_empty()));
        let says_so = || {
            let index = seen.iter().position(|s| s.op == op && s.is_direct());
            returns_nothing || !facts.is_vouched(o.body) && index.is_some_and(|i| facts.says_yes_by(o.body, i))
        };
        o.kind == AtomicOpKind::Load
            && says_so()
            && !facts.is_guarded(location, op)
            && facts
                .wait_loops(o.body)
                .iter()
                .any(|wait| wait.waits_on.iter().any(|&i| seen[i].op == op && seen[i].is_direct()))
    };
    let weak: Vec<OpId> =
        sides.reads.iter().filter(|(op, half)| *half == Half::Weak && ends_a_wait(*op)).map(|(op, _)| *op).collect();
    let first = facts.op(*weak.first()?).body;
    let strong: Vec<OpId> = meant(&sides.writes).into_iter().filter(|op| facts.op(*op).body != first).collect();
    (!strong.is_empty()).then_some(Gap { weak, strong, side: Side::Wait })
}

/// The single weak operation among several strong ones, if it matters.
fn odd_ones(ops: &[(OpId, Half)], matters: impl Fn(OpId) -> bool) -> Option<Vec<OpId>> {
    let strong = ops.iter().filter(|(_, half)| *half != Half::Weak).count();
    let weak: Vec<OpId> = ops.iter().filter(|(_, half)| *half == Half::Weak).map(|(op, _)| *op).collect();
    let odd: Vec<OpId> = weak.iter().copied().filter(|op| matters(*op)).collect();
    (odd.len() == 1 && weak.len() <= strong).then_some(odd)
}

/// A CAS that acquires and has a release of the location behind it: it takes what that gives back.
fn claims_to_release(facts: &Facts<'_>, op: OpId) -> bool {
    let o = facts.op(op);
    o.kind.is_cas()
        && o.orders.acquires()
        && facts.seen(o.body).iter().any(|s| {
            let next = facts.op(s.op);
            s.is_direct()
                && next.location == o.location
                && next.kind.writes()
                && next.orders.releases()
                && facts.flow(o.body).reaches(o.event, s.event)
        })
}

/// Nothing is handed over by a null, a zero or a lowered flag: it says that there is nothing now.
fn takes_back(facts: &Facts<'_>, op: OpId) -> bool {
    let o = facts.op(op);
    o.new_value().is_some_and(|v| {
        matches!(facts.constant_of(o.body, v), Some(Constant::Bool(false) | Constant::Int(0)))
            || o.atomic.is_some_and(|a| a.is_pointer()) && facts.is_static_address(o.body, v, 0)
    })
}

/// The operations whose half was asked for by `Acquire`, `Release` or `AcqRel`.
fn meant(ops: &[(OpId, Half)]) -> Vec<OpId> {
    ops.iter().filter(|(_, half)| *half == Half::Meant).map(|(op, _)| *op).collect()
}

/// Somebody looks at what was read.
fn tells_something(facts: &Facts<'_>, op: OpId) -> bool {
    facts.op(op).result.is_some()
}

/// The only writer reads what it wrote itself.
fn reads_its_own(facts: &Facts<'_>, location: LocId, op: OpId) -> bool {
    let o = facts.op(op);
    facts
        .seen(o.body)
        .iter()
        .position(|s| s.op == op && s.is_direct())
        .is_some_and(|i| facts.is_own_value(o.body, location, i))
}

/// Numbers that lead to no other memory.
fn counts(facts: &Facts<'_>, location: LocId) -> bool {
    matches!(facts.role(location).kind, RoleKind::Counter | RoleKind::IdAllocator | RoleKind::Extremum)
}

fn report(cx: &Cx<'_>, location: LocId, gap: &Gap) -> Finding {
    let facts = cx.facts;
    let name = cx.location_name(location);
    let (first, partner) = (facts.op(gap.weak[0]), gap.strong[0]);
    let strong = cx.ordering_text(facts.op(partner));
    let message = match gap.side {
        Side::Read if counts(facts, location) => format!("the release of {name} is paid for, but nothing acquires it"),
        Side::Write if counts(facts, location) => format!("the acquire of {name} is paid for, but nothing releases it"),
        Side::Read => {
            format!("{name} is released but never acquired, so its reader may not see what came before the write")
        }
        Side::Write => {
            format!("{name} is acquired but never released, so its reader may not see what came before the write")
        }
        Side::Wait => format!("what {name} waits for may not be visible yet when this loop ends"),
        Side::OneWrite => format!("its reader may see the new {name} before what was written ahead of it here"),
        Side::Value => {
            format!("{name} is set here without a release, so the thread that takes it may not see what came before")
        }
    };
    let text = match gap.side {
        Side::Read | Side::Wait => "acquires nothing",
        Side::Write | Side::Value | Side::OneWrite => "releases nothing",
    };
    let primary = Label::new(cx.op_site(gap.weak[0]), format!("`{}` {text}", cx.ordering_text(first)));
    let mut finding = cx.finding(&UNPAIRED_ORDERING, first.body, primary, message);
    let word = if matches!(gap.side, Side::Read | Side::Wait) { "released here" } else { "acquired here" };
    for op in gap.strong.iter().take(2) {
        let ordering = cx.ordering_text(facts.op(*op));
        finding.secondary.push(Label::new(cx.op_site(*op), format!("{word}, with `{ordering}`")));
    }
    for op in gap.weak.iter().skip(1).take(3) {
        let ordering = cx.ordering_text(facts.op(*op));
        finding.secondary.push(Label::new(cx.op_site(*op), format!("`{ordering}` {text} either")));
    }
    finding.notes.push(cx.role_note(location));
    finding.key.location.clone_from(&facts.location(location).name);
    finding.key.operation = first.method.to_owned();
    if !counts(facts, location) {
        finding.interleaving = Some(schedule(cx, location, gap));
    }
    finding.help = Some(match gap.side {
        Side::Wait => "wait with `Acquire`, or put `fence(Acquire)` behind the loop".to_owned(),
        Side::OneWrite => "write it with `Release`, as the other writers do".to_owned(),
        Side::Read => {
            format!("read it with `Acquire`; or, if it hands nothing over, write it `Relaxed` instead of `{strong}`")
        }
        Side::Write | Side::Value => {
            format!("write it with `Release`; or, if it hands nothing over, read it `Relaxed` instead of `{strong}`")
        }
    });
    finding
}

fn schedule(cx: &Cx<'_>, location: LocId, gap: &Gap) -> Interleaving {
    let watched = cx.facts.location(location).name.rsplit("::").next().unwrap_or("value").to_owned();
    let (weak, strong) = (Some(cx.op_site(gap.weak[0])), Some(cx.op_site(gap.strong[0])));
    let (write, read) = if matches!(gap.side, Side::Read | Side::Wait) { (strong, weak) } else { (weak, strong) };
    Interleaving::new(&["writer", "reader"], watched)
        .step(0, None, "writes other memory", "old")
        .step(0, write, "writes it", "new")
        .step(1, read, "reads it → new", "new")
        .step(1, None, "reads the other memory", "new")
        .ending("may be what it was before")
}
