//! A weak CAS whose failure is taken to mean that the value differed.

use crate::facts::publication::origin;
use crate::facts::{Facts, LocId, OpId, Seen};
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::{
    AtomicOpKind, Base, BinOp, BlockId, Callee, EventId, EventKind, Pattern, Terminator, ValueId, ValueKind,
};
use crate::lint::{Cx, declare_lint};
use crate::remedy::small;
use crate::resolve::BodyId;
use crate::resolve::calls::Target;

declare_lint! {
    /// Finds `compare_exchange_weak` with no loop that tries again, so that a spurious failure is taken for a
    /// different value.
    ///
    /// ## Why it matters
    ///
    /// The weak form may fail although the atomic holds the expected value: on Arm, RISC-V and PowerPC an interrupt or
    /// another core's write to the same cache line breaks the reservation. On x86 it never does, so tests there
    /// cannot show it:
    ///
    /// ```text
    ///   thread A (Arm)                     state
    /// 1 load-linked → FREE                 FREE
    /// 2 interrupt                          FREE
    /// 3 store-conditional fails            FREE
    /// 4 Err(FREE), "someone else has it"   FREE    nobody has it
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicBool, Ordering::*};
    ///
    /// pub struct Once { done: AtomicBool }
    ///
    /// impl Once {
    ///     pub fn claim(&self) -> bool {
    ///         self.done.compare_exchange_weak(false, true, AcqRel, Acquire).is_ok()
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicBool, Ordering::*};
    ///
    /// pub struct Once { done: AtomicBool }
    ///
    /// impl Once {
    ///     pub fn claim(&self) -> bool {
    ///         self.done.compare_exchange(false, true, AcqRel, Acquire).is_ok()
    ///     }
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// When a spurious failure is as good as any other, and the documentation of the function says so.
    ///
    /// ## Known limits
    ///
    /// Quiet where some loop around the call tries the same location again, in the function or in every caller, and
    /// where failure goes on to a slow path that changes the location itself; but not, even in a loop, where success and
    /// failure become one value (`.unwrap_or_else(|now| now)`) of which the expected one means success. Callers outside of the analysed crates are
    /// not known; a function that is named or documented as weak is taken at its word.
    ///
    /// ## References
    ///
    /// `AtomicUsize::compare_exchange_weak`; C++ [atomics.types.operations] on spurious failure.
    pub static WEAK_CAS_OUTSIDE_LOOP = {
        name: "weak_cas_outside_loop",
        topic: "cas",
        group: Correctness,
        confidence: Certain,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

/// How many callers up a loop is looked for.
const MAX_CALLERS: u32 = 4;

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for (i, op) in facts.ops.iter().enumerate() {
        if op.kind != (AtomicOpKind::Cas { weak: true }) || op.atomic.is_none() {
            continue;
        }
        let id = OpId(i as u32);
        let Some(seen) = facts.seen(op.body).iter().find(|s| s.op == id && s.is_direct()) else { continue };
        // A discarded result is taken for nothing at all.
        if op.result.is_none() {
            continue;
        }
        if let Some(at) = excluded_arm(facts, op.body, seen) {
            out.push(report_excluded(cx, seen, at));
        } else if let Some(at) = flattened(facts, op.body, seen) {
            out.push(report_flattened(cx, seen, at));
        } else if !is_retried(facts, op.body, seen, 0) {
            out.push(report(cx, seen));
        }
    }
}

/// Whether a failure leads to another attempt at the same location, here or in every caller.
fn is_retried(facts: &Facts<'_>, body: BodyId, cas: &Seen, depth: u32) -> bool {
    if is_in_retry_loop(facts, body, cas)
        || goes_on(facts, body, cas)
        || tests_the_failure(facts, body, cas)
        || asks_for_retry(facts, body, cas)
        || is_chosen_by_caller(facts, body, cas)
        || is_handed_to_function(facts, body)
    {
        return true;
    }
    if !hands_out_verdict(facts, body, cas) {
        return false;
    }
    depth >= MAX_CALLERS || is_retried_by_callers(facts, body, cas, depth)
}

/// Some loop around leads from the failure back to the CAS. A walk over many slots is none, unless it starts over.
fn is_in_retry_loop(facts: &Facts<'_>, body: BodyId, cas: &Seen) -> bool {
    let ir = facts.program.body(body).ir;
    let block = facts.event(body, cas.event).block;
    let outcome = facts.outcome(body, cas);
    let from: Vec<BlockId> = if outcome.failure.is_empty() { vec![block] } else { outcome.failure };
    let mut at = ir.blocks[block.index()].in_loop;
    let mut walks = false;
    while let Some(l) = at {
        let back = from.iter().any(|f| *f == block || facts.reaches_within(body, *f, block, l));
        if back && (walks || !facts.moves_on(body, cas, l)) {
            return true;
        }
        walks |= back;
        at = ir.loops[l.index()].parent;
    }
    false
}

/// Failure goes on to something that changes the location itself, or to a slow path.
fn goes_on(facts: &Facts<'_>, body: BodyId, cas: &Seen) -> bool {
    let location = facts.op(cas.op).location;
    let seen = facts.seen(body);
    let changes = |e: EventId| {
        seen.iter().any(|s| {
            let op = facts.op(s.op);
            s.event == e && s.event != cas.event && op.kind.is_rmw() && op.location == location && location.is_some()
        }) || location.is_some_and(|l| retries_itself(facts, body, e, l, 0))
    };
    events_after_failure(facts, body, cas).into_iter().any(|e| changes(e) || is_slow_path(facts, body, e))
}

/// The events that can run after a failure; after the CAS, where what decides is not understood.
fn events_after_failure(facts: &Facts<'_>, body: BodyId, cas: &Seen) -> Vec<EventId> {
    let flow = facts.flow(body);
    let blocks = &facts.program.body(body).ir.blocks;
    let here = flow.block_of(cas.event);
    let mut found = Vec::new();
    let mut from = facts.outcome(body, cas).failure;
    if from.is_empty() {
        from = flow.successors(here).to_vec();
        found.extend(&blocks[here.index()].events[flow.position(cas.event) + 1..]);
    }
    let reached = |b: BlockId| from.iter().any(|f| *f == b || flow.block_reaches(*f, b));
    let after = (0..blocks.len() as u32).map(BlockId).filter(|b| reached(*b));
    found.extend(after.flat_map(|b| &blocks[b.index()].events));
    found
}

/// The call leads to a loop that retries the same location.
fn retries_itself(facts: &Facts<'_>, body: BodyId, event: EventId, location: LocId, depth: u32) -> bool {
    let EventKind::Call(call) = &facts.event(body, event).kind else { return false };
    let Target::Fn(def) = facts.program.target(body, call) else { return false };
    let Some(callee) = facts.program.body_of(def) else { return false };
    let loops = facts.retries().iter().any(|r| r.body == callee && r.location == Some(location));
    loops
        || depth < 2
            && (0..facts.program.body(callee).ir.events.len() as u32)
                .any(|e| retries_itself(facts, callee, EventId(e), location, depth + 1))
}

fn is_slow_path(facts: &Facts<'_>, body: BodyId, event: EventId) -> bool {
    let EventKind::Call(call) = &facts.event(body, event).kind else { return false };
    let name = facts.callee_name(call);
    let cold = match facts.program.target(body, call) {
        Target::Fn(def) => facts.program.def(def).item.attrs.iter().any(|a| a.path == "cold"),
        _ => false,
    };
    cold || ["slow", "cold", "contended", "loop"].iter().any(|w| name.contains(w))
}

/// A closure that a function of the crate is given, which may call it until it is content with the answer.
fn is_handed_to_function(facts: &Facts<'_>, body: BodyId) -> bool {
    facts.program.closure_use(body).is_some_and(|(parent, event)| match &facts.event(parent, event).kind {
        EventKind::Call(call) => matches!(facts.program.target(parent, call), Target::Fn(_)),
        _ => false,
    })
}

/// The caller says by an argument whether it wants the weak or the strong form.
fn is_chosen_by_caller(facts: &Facts<'_>, body: BodyId, cas: &Seen) -> bool {
    let location = &facts.op(cas.op).place;
    let has_strong = facts.seen(body).iter().any(|s| {
        let op = facts.op(s.op);
        op.kind == (AtomicOpKind::Cas { weak: false }) && op.place.may_alias(location)
    });
    let flow = facts.flow(body);
    let block = flow.block_of(cas.event);
    has_strong
        && facts.program.body(body).ir.blocks.iter().enumerate().any(|(i, b)| match b.term {
            Terminator::Branch { cond, .. } => {
                let flows = facts.flows_into(body, cond);
                flow.block_dominates(BlockId(i as u32), block) && !flows.params.is_empty() && flows.ops.is_empty()
            }
            _ => false,
        })
}

/// Failure returns something that is named for trying again: `Steal::Retry`, `Err(Contended)`.
fn asks_for_retry(facts: &Facts<'_>, body: BodyId, cas: &Seen) -> bool {
    let outcome = facts.outcome(body, cas);
    let flow = facts.flow(body);
    let names = |p: &crate::ir::Path| {
        let last = p.last().to_lowercase();
        ["retry", "again", "conten", "spurious", "conflict"].iter().any(|w| last.contains(w))
    };
    facts.program.body(body).ir.blocks.iter().enumerate().any(|(i, b)| {
        let after = outcome.failure.iter().any(|f| flow.block_dominates(*f, BlockId(i as u32)));
        let Terminator::Return(Some(v)) = b.term else { return false };
        let mut named = false;
        let mut values = vec![(v, after)];
        if let ValueKind::Phi(ops) = facts.value(body, v) {
            values = ops
                .iter()
                .map(|(from, v)| (*v, outcome.failure.iter().any(|f| flow.block_dominates(*f, *from))))
                .collect();
        }
        for (v, after) in values {
            named |= after
                && match facts.value(body, v) {
                    ValueKind::Path(p) => names(p),
                    ValueKind::Struct { path, fields, .. } => {
                        names(path)
                            || fields
                                .iter()
                                .any(|(_, v)| matches!(facts.value(body, *v), ValueKind::Path(p) if names(p)))
                    }
                    _ => false,
                };
        }
        named
    })
}

/// What the failure handed back is compared with something: the function tells spurious failures apart.
fn tests_the_failure(facts: &Facts<'_>, body: BodyId, cas: &Seen) -> bool {
    let Some(result) = facts.result_of(body, cas.event) else { return false };
    let is_payload = |v: ValueId| payload_of(facts, body, v, result, 0);
    facts.program.body(body).ir.values.iter().any(|v| match &v.kind {
        ValueKind::Binary(op, l, r) => {
            let other = if is_payload(*l) {
                *r
            } else if is_payload(*r) {
                *l
            } else {
                return false;
            };
            matches!(op, BinOp::Eq | BinOp::Ne) && is_expected(facts, body, cas, other)
        }
        _ => false,
    })
}

/// `Err(now)`'s `now`, `.unwrap_err()`.
fn payload_of(facts: &Facts<'_>, body: BodyId, value: ValueId, result: ValueId, depth: u32) -> bool {
    if depth > 5 {
        return false;
    }
    match facts.value(body, value) {
        ValueKind::Part { of, variant: Some(v), .. } => v == "Err" && *of == result,
        ValueKind::Part { of, .. } | ValueKind::Cast(of, _) => payload_of(facts, body, *of, result, depth + 1),
        ValueKind::Phi(ops) => ops.iter().any(|(_, v)| payload_of(facts, body, *v, result, depth + 1)),
        _ => false,
    }
}

fn is_expected(facts: &Facts<'_>, body: BodyId, cas: &Seen, value: ValueId) -> bool {
    let Some(expected) = facts.op(cas.op).expected().filter(|_| cas.is_direct()) else { return false };
    facts.is_alias(body, value, expected, 0) || facts.value(body, value) == facts.value(body, expected)
}

/// The function gives back the result, or whether it was a success, and nothing else decides on it.
fn hands_out_verdict(facts: &Facts<'_>, body: BodyId, cas: &Seen) -> bool {
    let Some(result) = facts.result_of(body, cas.event) else { return false };
    facts.program.body(body).ir.blocks.iter().any(|b| match b.term {
        Terminator::Return(Some(v)) => facts.derives_from(body, v, result) || facts.depends_on_outcome(body, v, cas),
        _ => false,
    })
}

fn is_retried_by_callers(facts: &Facts<'_>, body: BodyId, cas: &Seen, depth: u32) -> bool {
    let program = facts.program;
    let b = program.body(body);
    if b.parent.is_some() {
        // A closure that runs on the spot is part of the function around it; of any other one the callers are unknown.
        return match program.closure_use(body) {
            Some((parent, event)) => match seen_at(facts, parent, event, body, cas) {
                Some(outer) => is_retried(facts, parent, outer, depth + 1),
                None => true,
            },
            None => true,
        };
    }
    let callers = facts.callers(b.owner);
    if callers.is_empty() {
        return !facts.is_external(b.owner) || says_so(facts, body) || gives_result(facts, body, cas);
    }
    callers.iter().all(|(caller, event)| match seen_at(facts, *caller, *event, body, cas) {
        Some(outer) => is_retried(facts, *caller, outer, depth + 1),
        None => true,
    })
}

fn seen_at<'f>(facts: &'f Facts<'_>, caller: BodyId, event: EventId, callee: BodyId, cas: &Seen) -> Option<&'f Seen> {
    facts.seen(caller).iter().find(|s| {
        s.op == cas.op && s.event == event && s.via.first() == Some(&(callee, cas.event)) && s.via[1..] == cas.via[..]
    })
}

/// The name or the documentation says that the function may fail for no reason.
fn says_so(facts: &Facts<'_>, body: BodyId) -> bool {
    let item = &facts.program.def(facts.program.body(body).owner).item;
    let docs = item.attrs.iter().filter(|a| a.path == "doc").any(|a| a.tokens.to_lowercase().contains("spurious"));
    docs || item.name.contains("weak")
}

/// The caller gets the `Result` with the value in it, and may do what it likes with it.
fn gives_result(facts: &Facts<'_>, body: BodyId, cas: &Seen) -> bool {
    let Some(result) = facts.result_of(body, cas.event) else { return false };
    facts.program.body(body).ir.blocks.iter().any(|b| match b.term {
        Terminator::Return(Some(v)) => facts.is_alias(body, v, result, 0),
        _ => false,
    })
}

/// In a loop: an arm for failures with any other value than those named, which cannot be reached unless the failure is
/// spurious. Gives the place of the panic.
fn excluded_arm(facts: &Facts<'_>, body: BodyId, cas: &Seen) -> Option<EventId> {
    let ir = facts.program.body(body).ir;
    let result = facts.result_of(body, cas.event)?;
    let is_named = |p: &Pattern| names_expected(facts, body, cas, p);
    for block in &ir.blocks {
        let Terminator::Switch { on, arms } = &block.term else { continue };
        let of_result = *on == result;
        if !of_result && !payload_of(facts, body, *on, result, 0) {
            continue;
        }
        let inner = |p: &Pattern| match p {
            Pattern::Struct { path, fields } if of_result && path.last() == "Err" => {
                fields.first().map(|f| f.1.clone())
            }
            Pattern::Any => Some(Pattern::Any),
            p if !of_result => Some(p.clone()),
            _ => None,
        };
        let failures: Vec<(Pattern, BlockId)> = arms.iter().filter_map(|(p, b)| Some((inner(p)?, *b))).collect();
        let names_some = failures.iter().any(|(p, _)| !matches!(p, Pattern::Any));
        if !names_some || failures.iter().any(|(p, _)| or_any(p, &is_named)) {
            continue;
        }
        let rest = failures.iter().find(|(p, _)| matches!(p, Pattern::Any))?;
        let panics = |b: &BlockId| ir.blocks[b.index()].events.iter().copied().find(|e| is_panic(facts, body, *e));
        let flow = facts.flow(body);
        // An assertion may stand in a block of its own.
        let inner = flow.successors(rest.1).iter().filter(|b| flow.block_dominates(rest.1, **b));
        if let Some(panic) = std::iter::once(&rest.1).chain(inner).find_map(panics) {
            return Some(panic);
        }
    }
    None
}

/// Success and failure become one value (`.unwrap_or_else(|now| now)`), and the expected one stands for success: it
/// comes out of a spurious failure as well. Gives the place where they are put together.
fn flattened(facts: &Facts<'_>, body: BodyId, cas: &Seen) -> Option<EventId> {
    let ir = facts.program.body(body).ir;
    let result = facts.result_of(body, cas.event)?;
    let (at, both) = ir.values.iter().enumerate().find_map(|(i, v)| {
        let ValueKind::Event(e) = v.kind else { return None };
        let EventKind::Call(call) = &facts.event(body, e).kind else { return None };
        let Callee::Method { receiver, name, .. } = &call.callee else { return None };
        let of_result = match receiver.base {
            Base::Local(_, v) | Base::Value(v) => receiver.proj.is_empty() && facts.is_alias(body, v, result, 0),
            Base::Path(_) => false,
        };
        let same = call.args.first().is_some_and(|f| gives_its_argument(facts, body, *f));
        (of_result && name == "unwrap_or_else" && same).then_some((e, ValueId(i as u32)))
    })?;
    let of_both = |v: ValueId| facts.is_alias(body, v, both, 0);
    let compared = ir.values.iter().any(|v| match v.kind {
        ValueKind::Binary(BinOp::Eq | BinOp::Ne, l, r) => {
            of_both(l) && is_expected(facts, body, cas, r) || of_both(r) && is_expected(facts, body, cas, l)
        }
        _ => false,
    });
    let matched = || {
        ir.blocks.iter().any(|b| match &b.term {
            Terminator::Switch { on, arms } => {
                of_both(*on) && arms.iter().any(|(p, _)| or_any(p, &|p| names_expected(facts, body, cas, p)))
            }
            _ => false,
        })
    };
    (compared || matched()).then_some(at)
}

/// `|now| now`
fn gives_its_argument(facts: &Facts<'_>, body: BodyId, value: ValueId) -> bool {
    let Some(closure) = facts.program.closure_of(body, value) else { return false };
    facts.program.body(closure).ir.blocks.iter().any(|b| match b.term {
        Terminator::Return(Some(v)) => matches!(facts.value(closure, origin(facts, closure, v)), ValueKind::Param(0)),
        _ => false,
    })
}

/// Whether a pattern is the constant that the CAS expects.
fn names_expected(facts: &Facts<'_>, body: BodyId, cas: &Seen, pattern: &Pattern) -> bool {
    let Some(expected) = facts.op(cas.op).expected() else { return false };
    match (pattern, facts.value(body, expected)) {
        (Pattern::Path(a), ValueKind::Path(b)) => a.last() == b.last(),
        (Pattern::Int(a), ValueKind::Int(b)) => a == b,
        (Pattern::Bool(a), ValueKind::Bool(b)) => a == b,
        _ => false,
    }
}

fn or_any(pattern: &Pattern, test: &dyn Fn(&Pattern) -> bool) -> bool {
    match pattern {
        Pattern::Or(all) => all.iter().any(|p| or_any(p, test)),
        p => test(p),
    }
}

fn is_panic(facts: &Facts<'_>, body: BodyId, event: EventId) -> bool {
    match &facts.event(body, event).kind {
        EventKind::Macro(m) => {
            let fails = m.args.first().is_some_and(|v| *facts.value(body, *v) == ValueKind::Bool(false));
            m.diverges || m.path.last().contains("assert") && fails
        }
        EventKind::Call(call) => facts.callee_name(call) == "unreachable_unchecked",
        _ => false,
    }
}

fn report(cx: &Cx<'_>, cas: &Seen) -> Finding {
    let facts = cx.facts;
    let op = facts.op(cas.op);
    let location = op.location.map_or_else(|| "the atomic".to_owned(), |l| cx.location_name(l));
    let message = format!("this may fail although {location} holds the expected value, and nothing tries again");
    let primary = Label::new(facts.site(op.body, op.span), "a spurious failure is taken for a different value");
    let mut finding = cx.finding(&WEAK_CAS_OUTSIDE_LOOP, op.body, primary, message);
    describe(cx, cas, &mut finding);
    finding.help = Some("use `compare_exchange`, which fails only if the value differs".to_owned());
    finding
}

fn report_excluded(cx: &Cx<'_>, cas: &Seen, panic: EventId) -> Finding {
    let message = "a spurious failure of this CAS lands in an arm that is held to be impossible";
    let help = "use `compare_exchange`, or add an arm for the expected value that tries again";
    report_expected(cx, cas, message, (panic, "reached then"), help)
}

fn report_flattened(cx: &Cx<'_>, cas: &Seen, merged: EventId) -> Finding {
    let message = "a spurious failure of this CAS gives the expected value, and is taken for success";
    let help = "use `compare_exchange`, or tell `Ok` and `Err` apart";
    report_expected(cx, cas, message, (merged, "success and failure become one here"), help)
}

/// A failure with the expected value goes where it must not.
fn report_expected(cx: &Cx<'_>, cas: &Seen, message: &str, (at, what): (EventId, &str), help: &str) -> Finding {
    let facts = cx.facts;
    let op = facts.op(cas.op);
    let primary = Label::new(facts.site(op.body, op.span), "may fail with the expected value itself");
    let mut finding = cx.finding(&WEAK_CAS_OUTSIDE_LOOP, op.body, primary, message.to_owned());
    finding.secondary.push(Label::new(facts.event_site(op.body, at), what));
    describe(cx, cas, &mut finding);
    finding.help = Some(help.to_owned());
    finding
}

fn describe(cx: &Cx<'_>, cas: &Seen, finding: &mut Finding) {
    let facts = cx.facts;
    let op = facts.op(cas.op);
    finding.key.location = op.location.map_or_else(String::new, |l| facts.location(l).name.clone());
    finding.key.operation = op.method.to_owned();
    let short = finding.key.location.rsplit("::").next().filter(|n| !n.is_empty()).unwrap_or("value").to_owned();
    let site = facts.site(op.body, op.span);
    finding.interleaving = Some(
        Interleaving::new(&["thread A"], short)
            .step(0, Some(site), "load-linked → expected", "expected")
            .step(0, None, "interrupt", "expected")
            .step(0, Some(site), "store-conditional fails", "expected")
            .ending("fails, and nobody has changed it"),
    );
    if op.method == "compare_exchange_weak" {
        finding.fixes.extend(small::other_method(cx, cas.op, "compare_exchange", "use the strong form"));
    }
}
