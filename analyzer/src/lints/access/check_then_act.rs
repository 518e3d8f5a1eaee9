//! A load decides whether the same location is written, with nothing that makes the two one step.

use super::{split_read_modify_write, store_clobbers_rmw};
use crate::facts::control::Decision;
use crate::facts::flow::loop_within;
use crate::facts::guards::Lock;
use crate::facts::publication::origin;
use crate::facts::required::Constant;
use crate::facts::{Facts, LocId, Op, OpId, Seen};
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::{AtomicOpKind, Base, BinOp, BlockId, EventId, Ordering, Terminator, ValueId, ValueKind};
use crate::lint::{Cx, declare_lint};
use crate::remedy::one_step;
use crate::resolve::{BodyId, Type};

declare_lint! {
    /// Finds a load whose value decides, in a branch, whether the same atomic is written, while another thread can
    /// change it between the check and the act.
    ///
    /// ## Why it matters
    ///
    /// What was checked no longer holds when the write happens:
    ///
    /// ```text
    ///   thread A              thread B              STATE
    /// 1 load → IDLE                                 IDLE
    /// 2                       load → IDLE           IDLE
    /// 3                       store RUNNING         RUNNING
    /// 4 store RUNNING                               RUNNING   both run
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicUsize, Ordering::*};
    ///
    /// pub struct Pool { used: AtomicUsize, limit: usize }
    ///
    /// impl Pool {
    ///     pub fn take(&self) -> bool {
    ///         if self.used.load(Acquire) < self.limit {
    ///             self.used.fetch_add(1, AcqRel);
    ///             return true;
    ///         }
    ///         false
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicUsize, Ordering::*};
    ///
    /// pub struct Pool { used: AtomicUsize, limit: usize }
    ///
    /// impl Pool {
    ///     pub fn take(&self) -> bool {
    ///         self.used.fetch_update(AcqRel, Acquire, |n| (n < self.limit).then_some(n + 1)).is_ok()
    ///     }
    /// }
    /// ```
    ///
    /// For a flag that one thread may claim: `swap(true)` and test what it returns. For a state machine:
    /// `compare_exchange` from the expected state, or `atomic_lint::StageGate`. For lazy creation: `OnceLock`,
    /// or `atomic_lint::RetryOnce` where the initialiser can fail.
    ///
    /// ## When to allow
    ///
    /// When acting twice is harmless and the reason stands beside the code.
    ///
    /// ## Known limits
    ///
    /// Quiet for an idempotent flag (`if !f.load(..) { f.store(true, ..) }` and nothing else, with nothing that tells
    /// the caller which way it went, and no loop that has waited for the flag to fall), under a lock that all
    /// writers hold, for a single confined writer, and where the RMW's own result is tested afterwards.
    ///
    /// ## References
    ///
    /// CWE-367 (time of check, time of use).
    pub static CHECK_THEN_ACT = {
        name: "check_then_act",
        topic: "access",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for body in facts.bodies_with_ops() {
        let seen = facts.seen(body);
        let torn = split_read_modify_write::pairs(facts, body);
        let decisions = facts.decisions(body);
        let mut reported: Vec<(EventId, EventId)> = Vec::new();
        for act in seen.iter().filter(|s| facts.op(s.op).kind.writes() && !facts.stands_for_many(s)) {
            if torn.iter().any(|p| p.store.op == act.op && p.store.event == act.event) {
                continue;
            }
            let load = decisions.iter().find_map(|d| deciding_load(facts, body, d, act));
            let load = load.or_else(|| disposed_load(facts, body, act));
            let load = load.or_else(|| replaced_load(facts, body, act));
            // What follows in the same branch (giving the claim back) is part of the act.
            let told = |load: &Seen| {
                let flow = facts.flow(body);
                reported.iter().any(|(l, a)| *l == load.event && flow.dominates(*a, act.event))
            };
            if let Some(load) = load.filter(|l| !told(l) && !is_count_raised(facts, act)) {
                reported.push((load.event, act.event));
                out.push(report(cx, body, load, act));
            }
        }
    }
}

/// An owner count that may have come to zero since the test is `refcount_resurrection`'s.
fn is_count_raised(facts: &Facts<'_>, act: &Seen) -> bool {
    let location = facts.op(act.op).location;
    location.is_some_and(|l| facts.late_raises(l).iter().any(|r| facts.seen(r.body)[r.seen].op == act.op))
}

/// The load on the same location that decides, by `decision`, whether `act` runs.
fn deciding_load<'f>(facts: &'f Facts<'_>, body: BodyId, decision: &Decision, act: &Seen) -> Option<&'f Seen> {
    let seen = facts.seen(body);
    let op = facts.op(act.op);
    let location = op.location?;
    // What a helper does on some ways only is decided by the helper.
    let certain = act.is_direct() || act.always;
    if !certain || !is_unconditional(facts, act) || !facts.is_controlled(body, decision, act.event) {
        return None;
    }
    let load = decision.flows.ops.iter().chain(&decision.flows.compared).map(|&i| &seen[i]).find(|l| {
        let load = facts.op(l.op);
        load.kind == AtomicOpKind::Load
            && load.location == Some(location)
            && l.place.may_alias(&act.place)
            && !l.place.is_other_element(&act.place)
            && (l.event != act.event || l.is_direct())
            && facts.flow(body).reaches(l.event, act.event)
    })?;
    let quiet = facts.is_alone(body, load)
        || facts.is_alone(body, act)
        || facts.is_guarded(location, act.op)
        || settled_under_lock(facts, body, act)
        || facts.context(act.op).vouched && !facts.is_contended(location, act.op)
        || facts.context(act.op).claimed
        || facts.is_claimed(body, act.event)
        || lowers_for_good(facts, location, act) && !facts.is_told_apart(body, decision, act.event)
        || is_learnt_on_the_way(facts, body, location, decision, act)
        || decided_by_rmw(facts, body, load, act)
        || is_idempotent(facts, body, decision, act) && !is_waited_for(facts, body, load, act)
        || facts.compares_own_id(body, decision)
        || act.stored.is_constant() && facts.holds_owners_id(location)
        || facts.gives_back_by_kind(body, decision, act)
        || facts.is_own_element(&act.place)
        || facts.is_debug_assertion(body, decision)
        || says_what_holds(op) && facts.is_assertion(body, decision)
        || facts.is_settled_between(body, load.event, act.event)
        || is_surplus(facts, body, decision, act)
        || is_of_another_round(facts, body, load, decision, act)
        || facts.is_worked_off(body, decision, act.event)
        || facts.is_left_by_one_owner(body, decision, load, act)
        || facts.confined_writer(location).is_some()
        || facts.is_handed_to_one_side(body, load)
        || facts.may_be_locked_by_callers(act.op)
        || facts.is_freed_with(body, act);
    (!quiet).then_some(load)
}

/// The load whose pointer is taken apart or freed before something else is stored in its place: a `swap` in two
/// steps, in which a value that another thread stores between them is lost.
fn disposed_load<'f>(facts: &'f Facts<'_>, body: BodyId, act: &Seen) -> Option<&'f Seen> {
    let op = facts.op(act.op);
    let location = op.location?;
    let replaced = op.kind == AtomicOpKind::Store && act.is_direct() && op.atomic.is_some_and(|a| a.is_pointer());
    if !replaced
        || facts.is_alone(body, act)
        || facts.is_guarded(location, act.op)
        || settled_under_lock(facts, body, act)
        || facts.is_claimed(body, act.event)
        || facts.is_vouched(body)
        || facts.context(act.op).in_drop
        || facts.confined_writer(location).is_some()
    {
        return None;
    }
    let flow = facts.flow(body);
    facts.seen(body).iter().find(|l| {
        let load = facts.op(l.op);
        l.is_direct()
            && load.kind == AtomicOpKind::Load
            && load.location == op.location
            && l.place.may_alias(&act.place)
            && flow.reaches(l.event, act.event)
            && !decided_by_rmw(facts, body, l, act)
            && load.result.is_some_and(|v| facts.is_freed(body, v, l.event, act.event))
    })
}

/// The load whose value is the answer that the function gives, or acts on, after something else was stored in its
/// place: a `swap` in two steps. Two threads may be given the same value, and one that is stored in between is lost.
fn replaced_load<'f>(facts: &'f Facts<'_>, body: BodyId, act: &Seen) -> Option<&'f Seen> {
    let op = facts.op(act.op);
    let location = op.location?;
    let quiet = op.kind != AtomicOpKind::Store
        || !act.is_direct()
        || facts.is_alone(body, act)
        || facts.is_guarded(location, act.op)
        || settled_under_lock(facts, body, act)
        || facts.is_claimed(body, act.event)
        || facts.context(act.op).claimed
        || facts.context(act.op).in_drop
        || facts.context(act.op).vouched
        || facts.is_own_element(&act.place)
        || facts.holds_owners_id(location)
        || facts.confined_writer(location).is_some()
        || facts.may_be_locked_by_callers(act.op);
    // Updates that the store wipes out are `store_clobbers_rmw`'s.
    if quiet || store_clobbers_rmw::clobbered(facts, body, location, act).is_some() {
        return None;
    }
    let flow = facts.flow(body);
    facts.seen(body).iter().enumerate().find_map(|(i, l)| {
        let load = facts.op(l.op);
        let replaced = l.is_direct()
            && load.kind == AtomicOpKind::Load
            && load.location == op.location
            && l.place.may_alias(&act.place)
            && !l.place.is_other_element(&act.place)
            && flow.dominates(l.event, act.event)
            // A value that is made from what was loaded is `split_read_modify_write`'s; a walk goes from object to object.
            && !act.stored.ops.contains(&i)
            && !facts.is_walked(body, act.event, &act.place)
            && !decided_by_rmw(facts, body, l, act)
            && !facts.is_settled_between(body, l.event, act.event)
            && !facts.is_handed_to_one_side(body, l)
            && is_answer(facts, body, i, load.result?, act);
        replaced.then_some(l)
    })
}

/// An assertion on a pointer, or on a number that is counted on, says what holds anyway; one on a flag may be the claim.
fn says_what_holds(op: &Op<'_>) -> bool {
    op.atomic.is_some_and(|a| a.is_pointer()) || matches!(op.kind, AtomicOpKind::FetchAdd | AtomicOpKind::FetchSub)
}

/// What was loaded is returned, or decides something, once the new value has been stored.
fn is_answer(facts: &Facts<'_>, body: BodyId, load: usize, loaded: ValueId, act: &Seen) -> bool {
    let ir = facts.program.body(body).ir;
    let flow = facts.flow(body);
    let from = flow.block_of(act.event);
    let after = |block: BlockId| block == from || flow.block_dominates(from, block);
    let returned = ir.blocks.iter().enumerate().any(|(i, b)| match b.term {
        Terminator::Return(Some(v)) => after(BlockId(i as u32)) && facts.is_alias(body, v, loaded, 0),
        _ => false,
    });
    let decides = facts
        .decisions(body)
        .iter()
        .any(|d| after(d.block) && d.flows.ops.iter().chain(&d.flows.compared).any(|&i| i == load));
    returned || decides || facts.is_freed_behind(body, loaded, act.event)
}

/// Writes that take effect whatever the current value is. A CAS brings its own check; an RMW whose result is used
/// settles the matter itself; maxima, minima and bits only ever grow towards the same end.
fn is_unconditional(facts: &Facts<'_>, act: &Seen) -> bool {
    let op = facts.op(act.op);
    match op.kind {
        AtomicOpKind::Store => true,
        // Adding nothing is a fence in disguise.
        AtomicOpKind::FetchAdd | AtomicOpKind::FetchSub => {
            let nothing = |v: ValueId| facts.constant_of(op.body, v) == Some(Constant::Int(0));
            op.result.is_none() && !op.new_value().is_some_and(nothing)
        }
        AtomicOpKind::Swap => false,
        _ => false,
    }
}

/// The write runs under an exclusive lock: the check is taken to be the first half of a double check, and the
/// writers that do not take the lock are judged on their own.
fn settled_under_lock(facts: &Facts<'_>, body: BodyId, act: &Seen) -> bool {
    let locked = |locks: &[(Lock, bool)]| locks.iter().any(|(_, shared)| !shared);
    locked(&facts.context(act.op).locks) || locked(&facts.guards(body).at(facts, body, act.event))
}

/// An RMW on the same location before the write decides who comes here.
fn decided_by_rmw(facts: &Facts<'_>, body: BodyId, load: &Seen, act: &Seen) -> bool {
    let flow = facts.flow(body);
    facts.seen(body).iter().any(|s| {
        let op = facts.op(s.op);
        op.kind.is_rmw()
            && op.location == facts.op(act.op).location
            && s.event != act.event
            && flow.dominates(s.event, act.event)
            && (flow.reaches(load.event, s.event) || op.result.is_some() && flow.dominates(s.event, load.event))
    })
}

/// A constant that every thread may store again, with nothing else done in the branch.
fn is_idempotent(facts: &Facts<'_>, body: BodyId, decision: &Decision, act: &Seen) -> bool {
    let op = facts.op(act.op);
    if op.kind != AtomicOpKind::Store {
        return false;
    }
    let Some(location) = op.location else { return false };
    let two_valued = op.value_type == Type::Prim("bool");
    let one_word_init = stored_is_pure(facts, act) && writes_once(facts, body, location, act);
    let raised = act.stored.is_constant() && (two_valued || is_only_constant(facts, location, act));
    if !(raised || one_word_init) || two_valued && facts.is_told_apart(body, decision, act.event) {
        return false;
    }
    match facts.controlling_edge(body, decision, act.event) {
        Some(edge) => facts.events_behind(body, edge).all(|e| {
            e == act.event
                || !facts.has_effect(body, e)
                || facts.is_logging(body, e)
                || facts.flow(body).reaches(e, act.event) && (one_word_init || facts.is_computed_again(body, e))
        }),
        None => false,
    }
}

/// The stored value is a plain word, the same whoever computes it, what a cell has made once for all, or the address
/// of a function or other thing that this program neither makes nor frees.
fn stored_is_pure(facts: &Facts<'_>, act: &Seen) -> bool {
    let op = facts.op(act.op);
    let is_opaque = match &op.value_type {
        Type::Ptr { inner, .. } => match &**inner {
            Type::Tuple(items) => items.is_empty(),
            Type::External(path, _) => path.ends_with("c_void"),
            _ => false,
        },
        _ => false,
    };
    let made_once = || op.new_value().is_some_and(|v| facts.is_made_once(op.body, v));
    let made_here = || op.new_value().is_some_and(|v| facts.fresh_object(op.body, v).is_some());
    // What the caller gave is another word for the next one.
    if !act.stored.params.is_empty() {
        return false;
    }
    match op.atomic {
        Some(a) if a.is_pointer() => is_opaque && !made_here() || made_once(),
        Some(_) => !op.value_type.is_raw_pointer(),
        None => false,
    }
}

/// The flag is raised once a loop has waited for it to fall: that is a lock, which two threads then both have.
fn is_waited_for(facts: &Facts<'_>, body: BodyId, load: &Seen, act: &Seen) -> bool {
    let op = facts.op(act.op);
    let raises = op.new_value().is_some_and(|v| matches!(facts.value(op.body, v), ValueKind::Bool(true)));
    let seen = facts.seen(body);
    raises
        && facts.wait_loops(body).iter().any(|w| {
            let ir = facts.program.body(body).ir;
            let inside = ir.blocks[facts.flow(body).block_of(act.event).index()].in_loop;
            w.waits_on.iter().any(|&i| seen[i].event == load.event) && !loop_within(ir, inside, w.in_loop)
        })
}

/// Everyone who writes the location stores this one constant: it changes once and stays so.
fn is_only_constant(facts: &Facts<'_>, location: LocId, act: &Seen) -> bool {
    let constant = |o: OpId| {
        let op = facts.op(o);
        op.new_value().and_then(|v| facts.constant_of(op.body, v)).filter(|_| op.kind == AtomicOpKind::Store)
    };
    let stored = constant(act.op);
    stored.is_some() && facts.shared_writes(location).all(|w| constant(w) == stored)
}

/// A walk from object to object: what was loaded from one decides about the next, in a later round of the loop.
fn is_of_another_round(facts: &Facts<'_>, body: BodyId, load: &Seen, decision: &Decision, act: &Seen) -> bool {
    let Some(loaded) = facts.result_of(body, load.event) else { return false };
    facts.is_walked(body, act.event, &act.place) && !facts.derives_in_round(body, decision.cond, loaded)
}

/// What the branch asks is whether there is anything to give back: `if surplus != 0 { count.fetch_add(surplus) }`.
fn is_surplus(facts: &Facts<'_>, body: BodyId, decision: &Decision, act: &Seen) -> bool {
    let op = facts.op(act.op);
    let ValueKind::Binary(BinOp::Ne | BinOp::Gt, amount, zero) = facts.value(body, decision.cond) else { return false };
    act.is_direct()
        && matches!(op.kind, AtomicOpKind::FetchAdd | AtomicOpKind::FetchSub)
        && *facts.value(body, *zero) == ValueKind::Int(0)
        && op.new_value().is_some_and(|v| origin(facts, body, v) == origin(facts, body, *amount))
}

/// All other writes of the location are of the same kind: a cached word that anyone may compute again.
fn writes_once(facts: &Facts<'_>, body: BodyId, location: LocId, act: &Seen) -> bool {
    let here = facts.op(act.op).body;
    // The same function for other targets.
    let is_variant = |other: BodyId| {
        let def = |b: BodyId| facts.program.def(facts.program.body(b).owner);
        def(other).item.name == def(here).item.name && !def(other).cfg.is_always() && !def(here).cfg.is_always()
    };
    facts.shared_writes(location).all(|w| {
        let op = facts.op(w);
        op.kind == AtomicOpKind::Store && (w == act.op || op.body == here || is_variant(op.body))
    }) && facts.op(act.op).value_type != Type::Prim("bool")
        && act.stored.ops.iter().all(|&i| facts.is_pinned(body, i, act.event))
        && (!act.stored.is_constant() || is_choice(facts, act))
}

/// A flag that is only ever cleared: a capability that turned out to be missing, an optimisation given up.
fn lowers_for_good(facts: &Facts<'_>, location: LocId, act: &Seen) -> bool {
    let clears = |o: OpId| {
        let op = facts.op(o);
        op.kind == AtomicOpKind::Store
            && op.new_value().is_some_and(|v| matches!(facts.value(op.body, v), ValueKind::Bool(false)))
    };
    clears(act.op) && facts.shared_writes(location).all(clears)
}

/// A hint: a relaxed flag that only ever takes this value, once something done after the check has told that it should.
/// Whoever does the same in between learns the same.
fn is_learnt_on_the_way(facts: &Facts<'_>, body: BodyId, location: LocId, decision: &Decision, act: &Seen) -> bool {
    let stored = |op: &Op<'_>| match facts.value(op.body, op.new_value()?) {
        ValueKind::Bool(b) if op.kind == AtomicOpKind::Store => Some(*b),
        _ => None,
    };
    let value = stored(facts.op(act.op));
    let mut ops = facts.location(location).ops.iter().map(|o| facts.op(*o));
    let hint = value.is_some()
        && ops.all(|op| {
            op.orders.success.known() == Some(Ordering::Relaxed) && (!op.kind.writes() || stored(op) == value)
        });
    hint && facts
        .told_between(body, decision.block, act.event)
        .is_some_and(|edge| facts.events_behind(body, edge).all(|e| e == act.event || !facts.has_effect(body, e)))
}

/// One of several constants, or what was found at a fixed address.
fn is_choice(facts: &Facts<'_>, act: &Seen) -> bool {
    let op = facts.op(act.op);
    act.stored.computed
        || op.new_value().is_some_and(|v| match facts.value(op.body, v) {
            ValueKind::Phi(_) => true,
            ValueKind::Read(p) => {
                matches!(p.base, Base::Local(_, v) if matches!(facts.value(op.body, v), ValueKind::Event(_)))
            }
            kind => matches!(kind, ValueKind::Event(_)),
        })
}

fn report(cx: &Cx<'_>, body: BodyId, load: &Seen, act: &Seen) -> Finding {
    let facts = cx.facts;
    let op = facts.op(act.op);
    let location = op.location.map_or_else(|| "the atomic".to_owned(), |l| cx.location_name(l));
    let message = format!("{location} can change between this check and the write that relies on it");
    let what = if op.kind == AtomicOpKind::Store { "stored" } else { "changed" };
    let primary = Label::new(cx.seen_site(body, act), format!("{what} here, whatever it holds by now"));
    let mut finding = cx.finding(&CHECK_THEN_ACT, body, primary, message);
    finding.secondary.push(Label::new(cx.seen_site(body, load), "checked here"));
    for (seen, what) in [(load, "the check"), (act, "the write")] {
        if !seen.is_direct() {
            finding.secondary.push(Label::new(cx.op_site(seen.op), format!("{what}, in a helper")));
        }
    }
    if let Some(l) = op.location {
        finding.notes.push(cx.role_note(l));
        finding.key.location = facts.location(l).name.clone();
        let watched = facts.location(l).name.rsplit("::").next().unwrap_or("value").to_owned();
        let (check_site, act_site) = (cx.seen_site(body, load), cx.seen_site(body, act));
        finding.interleaving = Some(
            Interleaving::new(&["thread A", "thread B"], watched)
                .step(0, Some(check_site), "check passes", "old")
                .step(1, Some(check_site), "check passes", "old")
                .step(1, Some(act_site), op.method, "new")
                .step(0, Some(act_site), op.method, "new")
                .ending("both acted"),
        );
    }
    finding.key.operation = op.method.to_owned();
    finding.fixes.extend(one_step::claim(cx, body, load, act));
    let receiver = cx.receiver_text(op);
    finding.help = Some(match (op.kind, &op.value_type) {
        (AtomicOpKind::Store, Type::Prim("bool")) => {
            format!("claim it in one step: `{receiver}.swap(…, AcqRel)`, and test what it returns")
        }
        (AtomicOpKind::Store, Type::Ptr { .. }) => {
            format!(
                "publish with `{receiver}.compare_exchange(…)` and free the loser's value, or use `std::sync::OnceLock`"
            )
        }
        (AtomicOpKind::Store, _) => {
            format!("check and change in one step: `{receiver}.compare_exchange(expected, new, AcqRel, Acquire)`")
        }
        _ => format!("check and change in one step: `{receiver}.fetch_update(AcqRel, Acquire, |n| …)`"),
    });
    finding
}
