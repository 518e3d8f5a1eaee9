//! `SeqCst` where the location's role needs less.

use crate::facts::access::Order;
use crate::facts::value_flow::is_comparison;
use crate::facts::{Facts, LocId, Op, OpId, RoleKind};
use crate::finding::{Finding, Label};
use crate::ir::{EventId, Ordering, ValueKind};
use crate::lint::{Cx, declare_lint};
use crate::resolve::DefId;

declare_lint! {
    /// Finds locations that are accessed `SeqCst` although their role needs less.
    ///
    /// ## Why it matters
    ///
    /// `SeqCst` puts an operation into one total order of all `SeqCst` operations of the program. Only algorithms that
    /// compare *several* locations need that: a write of one followed by a read of another. A counter needs no order at
    /// all, a flag or pointer needs release and acquire. The stronger ordering costs a full fence at each store (x86, about
    /// as much as a locked instruction), and it makes readers look for an algorithm that is not there:
    ///
    /// ```text
    ///   ordering   store on x86-64       says to the reader
    /// 1 Relaxed    mov                   only this value matters
    /// 2 Release    mov                   what was written before it is visible with it
    /// 3 SeqCst     xchg                  its place among other locations' operations matters
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// static REQUESTS: AtomicU64 = AtomicU64::new(0);
    ///
    /// fn count() {
    ///     REQUESTS.fetch_add(1, Ordering::SeqCst);
    /// }
    ///
    /// fn requests() -> u64 {
    ///     REQUESTS.load(Ordering::SeqCst)
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// static REQUESTS: AtomicU64 = AtomicU64::new(0);
    ///
    /// fn count() {
    ///     REQUESTS.fetch_add(1, Ordering::Relaxed);
    /// }
    ///
    /// fn requests() -> u64 {
    ///     REQUESTS.load(Ordering::Relaxed)
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// Where nobody will measure the difference and everybody on the team reads `SeqCst` as "not thought about".
    ///
    /// ## Known limits
    ///
    /// Quiet where the location may be part of an algorithm over several locations: it is written before another one is
    /// read (or the other way round in another function), or several are read in different orders. Counters are judged
    /// only where their value decides nothing and no other memory is handed over with them.
    ///
    /// ## References
    ///
    /// C++20 \[atomics.order\] p4; *Mara Bos: Rust Atomics and Locks*, chapter 3.
    pub static REDUNDANT_SEQ_CST = {
        name: "redundant_seq_cst",
        topic: "ordering",
        group: Pedantic,
        confidence: Hint,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for location in (0..facts.locations.len() as u32).map(LocId) {
        let strong: Vec<OpId> =
            facts.location(location).ops.iter().copied().filter(|o| is_seq_cst(facts.op(*o))).collect();
        let Some(first) = strong.first() else { continue };
        let Some(needs) = enough(facts, location) else { continue };
        if facts.is_in_handshake(location) || facts.is_compared_with_others(location) || facts.is_exposed(location) {
            continue;
        }
        out.push(report(cx, location, *first, &strong, needs));
    }
}

/// Asked for by name: cells that take no ordering have no choice.
fn is_seq_cst(op: &Op<'_>) -> bool {
    op.orders.success == Order::Known(Ordering::SeqCst) && op.ordering_arg.is_some() && !op.is_test
}

/// What the location's role needs, if that is known.
fn enough(facts: &Facts<'_>, location: LocId) -> Option<&'static str> {
    match facts.role(location).kind {
        RoleKind::Counter | RoleKind::IdAllocator | RoleKind::Extremum if hands_nothing_over(facts, location) => {
            Some("`Relaxed`")
        }
        RoleKind::Flag if !uses_fences(facts, location) => Some("`Release` to write, `Acquire` to read"),
        // Lists and reclamation schemes hang on one pointer what they compare with others elsewhere.
        RoleKind::PublishedPointer if !uses_fences(facts, location) && is_only_one(facts, location) => {
            Some("`Release` to write, `Acquire` to read")
        }
        _ => None,
    }
}

/// The modules around the location have sequentially consistent fences: their algorithms compare locations.
fn uses_fences(facts: &Facts<'_>, location: LocId) -> bool {
    facts.program.body_ids().any(|b| {
        let events = facts.program.body(b).ir.events.len() as u32;
        let mut fences = (0..events).filter(|e| facts.is_total_fence(b, EventId(*e)));
        fences.next().is_some() && is_near(facts, location, facts.program.body(b).owner)
    })
}

/// No other location of the modules around is accessed `SeqCst`.
fn is_only_one(facts: &Facts<'_>, location: LocId) -> bool {
    !facts.ops.iter().any(|op| {
        is_seq_cst(op) && op.location.is_some_and(|l| l != location && is_near(facts, location, facts.definition_of(l)))
    })
}

/// The definition stands below the parent of the location's module.
fn is_near(facts: &Facts<'_>, location: LocId, other: DefId) -> bool {
    let program = facts.program;
    let own = program.def(facts.definition_of(location));
    let path = program.module_path(own.scope);
    let around = &path[..path.len().saturating_sub(1)];
    let other = program.def(other);
    own.krate == other.krate && program.module_path(other.scope).starts_with(around)
}

/// Nothing is decided by the value, here or by a caller who gets a comparison of it.
fn hands_nothing_over(facts: &Facts<'_>, location: LocId) -> bool {
    let compared = |op: &Op<'_>| {
        let values = &facts.program.body(op.body).ir.values;
        op.result.is_some_and(|result| {
            values.iter().any(|v| match &v.kind {
                ValueKind::Binary(o, l, r) if is_comparison(*o) => {
                    facts.derives_from(op.body, *l, result) || facts.derives_from(op.body, *r, result)
                }
                _ => false,
            })
        })
    };
    facts.follows(location).is_empty() && !facts.location(location).ops.iter().any(|o| compared(facts.op(*o)))
}

fn report(cx: &Cx<'_>, location: LocId, first: OpId, strong: &[OpId], needs: &str) -> Finding {
    let facts = cx.facts;
    let op = facts.op(first);
    let name = cx.location_name(location);
    let message = format!("`SeqCst` on {name} orders it among other locations, which nothing here relies on");
    let primary = Label::new(cx.op_site(first), "stronger than its role needs");
    let mut finding = cx.finding(&REDUNDANT_SEQ_CST, op.body, primary, message);
    for other in strong.iter().skip(1).take(3) {
        finding.secondary.push(Label::new(cx.op_site(*other), "here too"));
    }
    finding.notes.push(cx.role_note(location));
    finding.key.location.clone_from(&facts.location(location).name);
    finding.key.operation = op.method.to_owned();
    finding.help = Some(format!("{needs} is enough for {}", facts.role(location).kind.describe()));
    finding
}
