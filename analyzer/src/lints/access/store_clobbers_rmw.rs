//! A blind store wipes out updates that other functions make by RMW.

use super::split_read_modify_write;
use crate::facts::publication::origin;
use crate::facts::required::Constant;
use crate::facts::role::RoleKind;
use crate::facts::{Facts, LocId, Op, Seen};
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::{AtomicOpKind, ValueKind};
use crate::lint::{Cx, declare_lint};
use crate::resolve::BodyId;

declare_lint! {
    /// Finds a plain `store` of a fresh value to an atomic that other functions update by `fetch_*` or by a computed
    /// CAS: whatever they added since the value was last read is wiped out.
    ///
    /// ## Why it matters
    ///
    /// ```text
    ///   reporter             worker               events
    /// 1 load → 41                                 41
    /// 2                      fetch_add(1)         42
    /// 3 store 0                                   0      one event is never reported
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// pub struct Events { count: AtomicU64 }
    ///
    /// impl Events {
    ///     pub fn add(&self) { self.count.fetch_add(1, Relaxed); }
    ///     pub fn drain(&self) -> u64 {
    ///         let n = self.count.load(Relaxed);
    ///         self.count.store(0, Relaxed);
    ///         n
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// pub struct Events { count: AtomicU64 }
    ///
    /// impl Events {
    ///     pub fn add(&self) { self.count.fetch_add(1, Relaxed); }
    ///     pub fn drain(&self) -> u64 { self.count.swap(0, Relaxed) }
    /// }
    /// ```
    ///
    /// For bits: `fetch_and(!MASK, …)` clears only what this thread means to clear; for a counter, `fetch_sub(n, …)`
    /// takes away what was handled.
    ///
    /// ## When to allow
    ///
    /// When losing concurrent updates is part of the contract, as in a `reset` between test runs.
    ///
    /// ## Known limits
    ///
    /// Quiet for absolute setters (`set_…`), for `reset`/`clear` functions that read nothing before, for locks whose
    /// only RMW is the claim that the store gives back, for guards that hold such a claim until they are dropped, and where an RMW of the same function has decided that
    /// nobody else may write.
    ///
    /// ## References
    ///
    /// `std::sync::atomic`: atomicity is per operation; CWE-362.
    pub static STORE_CLOBBERS_RMW = {
        name: "store_clobbers_rmw",
        topic: "access",
        group: Suspicious,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for body in facts.bodies_with_ops() {
        for seen in facts.seen(body).iter().filter(|s| s.is_direct()) {
            let op = facts.op(seen.op);
            let blind = op.kind == AtomicOpKind::Store || op.kind == AtomicOpKind::Swap && op.result.is_none();
            let Some(location) = op.location.filter(|_| blind) else { continue };
            if let Some(partner) = clobbered(facts, body, location, seen) {
                out.push(report(cx, body, location, seen, partner));
            }
        }
    }
}

/// The update of another function that this store can wipe out.
pub fn clobbered<'f>(facts: &'f Facts<'_>, body: BodyId, location: LocId, store: &Seen) -> Option<&'f Op<'f>> {
    let op = facts.op(store.op);
    let partner = facts
        .shared_writes(location)
        .map(|o| facts.op(o))
        .find(|o| facts.program.body(o.body).owner != facts.program.body(op.body).owner && accumulates(facts, o))
        .filter(|o| !is_only_claim(facts, location, o))?;
    let quiet = facts.is_alone(body, store)
        || facts.context(store.op).in_drop && facts.function_name(op.body).starts_with(&facts.location(location).name)
        || facts.context(store.op).in_drop && is_kept_value(facts, store)
        || !facts.context(store.op).locks.is_empty()
        || facts.context(store.op).vouched
        || facts.context(store.op).claimed
        || facts.is_guards_own(store.op)
        || facts.decisions(body).iter().any(|d| facts.gives_back_by_kind(body, d, store))
        || facts.confined_writer(location).is_some()
        || split_read_modify_write::pairs(facts, body).iter().any(|p| p.store.op == store.op)
        || follows_rmw(facts, body, store)
        || is_looked_at_again(facts, body, store)
        || refills_slot(facts, body, store)
        || is_absolute_setter(facts, body, store)
        || is_last_state(facts, body, store)
        || facts.may_be_locked_by_callers(store.op)
        || facts.location(location).indexed && store.stored.is_constant();
    (!quiet).then_some(partner)
}

/// An update whose outcome builds on what was there: lost if overwritten.
fn accumulates(facts: &Facts<'_>, op: &Op<'_>) -> bool {
    match op.kind {
        AtomicOpKind::FetchAdd | AtomicOpKind::FetchSub | AtomicOpKind::FetchOr | AtomicOpKind::FetchXor => true,
        AtomicOpKind::FetchAnd | AtomicOpKind::FetchNand => op.value_type != crate::resolve::Type::Prim("bool"),
        AtomicOpKind::Update => true,
        AtomicOpKind::Cas { .. } => {
            // `old | BIT`, `old + 1`: computed from what the same function saw.
            let seen = facts.seen(op.body).iter().find(|s| s.event == op.event && s.is_direct());
            seen.is_some_and(|s| s.stored.computed && !s.stored.ops.is_empty()) && !op.value_type.is_raw_pointer()
        }
        _ => false,
    }
}

/// The only update there is raises one bit and looks at what was there: it takes the lock that the store gives back,
/// with whatever else it says.
fn is_only_claim(facts: &Facts<'_>, location: LocId, claim: &Op<'_>) -> bool {
    let bit = |op: &Op<'_>| op.new_value().and_then(|v| facts.constant_of(op.body, v));
    claim.kind == AtomicOpKind::FetchOr
        && claim.result.is_some()
        && bit(claim).is_some()
        && facts
            .shared_writes(location)
            .map(|w| facts.op(w))
            .filter(|op| op.kind.is_rmw())
            .all(|op| op.kind == AtomicOpKind::FetchOr && op.result.is_some() && bit(op) == bit(claim))
}

/// An RMW of the same function on the same location came first and decided who stores.
fn follows_rmw(facts: &Facts<'_>, body: BodyId, store: &Seen) -> bool {
    let flow = facts.flow(body);
    facts.seen(body).iter().any(|s| {
        let op = facts.op(s.op);
        op.kind.is_rmw()
            && op.location == facts.op(store.op).location
            && s.event != store.event
            // Of several threads that try, one gets to the last round.
            && (flow.dominates(s.event, store.event) || op.kind.is_cas() && flow.reaches(s.event, store.event))
    })
}

/// A guard puts back what it has kept since it took hold of the location.
fn is_kept_value(facts: &Facts<'_>, store: &Seen) -> bool {
    let op = facts.op(store.op);
    let guard = facts.program.self_adt(facts.program.body(op.body).owner);
    let is_own = op.location.is_some_and(|l| facts.location(l).key.owner() == guard);
    !is_own && store.stored.other && !store.stored.constant && store.stored.ops.is_empty()
}

/// One side of a shared object has found it in a state in which the other has left its data and gone.
fn is_last_state(facts: &Facts<'_>, body: BodyId, store: &Seen) -> bool {
    facts.seen(body).iter().any(|s| {
        facts.op(s.op).location == facts.op(store.op).location
            && facts.op(s.op).kind == AtomicOpKind::Load
            && facts.flow(body).dominates(s.event, store.event)
            && facts.is_handed_to_one_side(body, s)
    })
}

/// Cleared first and looked at afterwards, with the work in between: what is wiped out here, the work itself finds, and
/// what comes later, the second look.
fn is_looked_at_again(facts: &Facts<'_>, body: BodyId, store: &Seen) -> bool {
    let op = facts.op(store.op);
    let clears = op.new_value().and_then(|v| facts.constant_of(op.body, v));
    let seen = facts.seen(body);
    matches!(clears, Some(Constant::Int(0) | Constant::Bool(false)))
        && facts.decisions(body).iter().flat_map(|d| d.flows.ops.iter().chain(&d.flows.compared)).any(|&i| {
            let again = facts.op(seen[i].op);
            again.kind == AtomicOpKind::Load
                && again.location == op.location
                && seen[i].event != store.event
                && facts.flow(body).dominates(store.event, seen[i].event)
        })
}

/// The data of the same object was written plainly right before: whoever may do that has the whole object to himself,
/// and the store hands it over.
fn refills_slot(facts: &Facts<'_>, body: BodyId, store: &Seen) -> bool {
    let Some((_, object)) = store.place.steps.split_last() else { return false };
    facts.touches(body).iter().any(|t| {
        t.in_cell
            && t.kind.writes()
            && t.event != store.event
            && t.place.root == store.place.root
            && t.place.steps.starts_with(object)
            && facts.flow(body).dominates(t.event, store.event)
    })
}

/// The function says that it sets or clears, and looks at nothing before.
fn is_absolute_setter(facts: &Facts<'_>, body: BodyId, store: &Seen) -> bool {
    let owner = facts.program.body(body).owner;
    let name = &facts.program.def(owner).item.name;
    let op = facts.op(store.op);
    let argument = op
        .new_value()
        .is_some_and(|v| matches!(facts.value(op.body, origin(facts, op.body, v)), ValueKind::Param(i) if *i > 0));
    // A counter's `fn absolute(&self, value: u64)`, and nothing else.
    let only = facts.seen(body).len() == 1 && facts.is_external(owner);
    if argument && only && store.is_direct() && op.location.is_some_and(|l| facts.role(l).kind == RoleKind::Counter) {
        return true;
    }
    let says_so = name.split('_').any(|w| {
        matches!(
            w,
            "set"
                | "reset"
                | "clear"
                | "init"
                | "new"
                | "store"
                | "force"
                | "restore"
                | "initialize"
                | "zero"
                | "prepare"
                | "reinit"
                | "recycle"
                | "revert"
                | "rewind"
                | "rollback"
        )
    });
    let reads_before = facts.seen(body).iter().any(|s| {
        facts.op(s.op).kind == AtomicOpKind::Load
            && facts.op(s.op).location == facts.op(store.op).location
            && facts.flow(body).reaches(s.event, store.event)
    });
    says_so && !reads_before
}

fn report(cx: &Cx<'_>, body: BodyId, location: LocId, store: &Seen, partner: &Op<'_>) -> Finding {
    let facts = cx.facts;
    let op = facts.op(store.op);
    let name = cx.location_name(location);
    let message = format!("this store wipes out what other threads have just added to {name}");
    let site = cx.seen_site(body, store);
    let mut finding =
        cx.finding(&STORE_CLOBBERS_RMW, body, Label::new(site, "overwritten here, whatever it holds"), message);
    let partner_site = facts.site(partner.body, partner.span);
    finding
        .secondary
        .push(Label::new(partner_site, format!("updated here, in `{}`", facts.function_name(partner.body))));
    finding.notes.push(cx.role_note(location));
    finding.key.location = facts.location(location).name.clone();
    finding.key.operation = op.method.to_owned();
    let watched = facts.location(location).name.rsplit("::").next().unwrap_or("value").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["thread A", "thread B"], watched)
            .step(0, None, "decides to overwrite it", "old")
            .step(1, Some(partner_site), partner.method, "updated")
            .step(0, Some(site), op.method, "overwritten")
            .ending("the update is lost"),
    );
    let receiver = cx.receiver_text(op);
    let zero = op.new_value().is_some_and(|v| matches!(facts.value(op.body, v), ValueKind::Int(0)));
    finding.help = Some(if zero {
        format!(
            "take what is there in the same step: `{receiver}.swap(0, {})`, and use what it returns",
            cx.ordering_text(op)
        )
    } else {
        format!(
            "change only what you mean to change: `{receiver}.fetch_and(…)`, `fetch_or(…)`, `fetch_sub(…)`, or `swap` and use what it returns"
        )
    });
    finding
}
