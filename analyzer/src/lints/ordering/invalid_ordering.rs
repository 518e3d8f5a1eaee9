//! An ordering that the operation does not accept, reached where the compiler's own lint does not look.

use std::collections::BTreeSet;

use crate::facts::access::{Order, resolve_order};
use crate::facts::{Facts, Seen};
use crate::finding::{Finding, Label, Site};
use crate::ir::{AtomicOpKind, Callee, EventId, EventKind, Ordering, OrderingKind, OrderingPosition};
use crate::lint::{Cx, declare_lint};
use crate::remedy::ordering as remedy;
use crate::resolve::BodyId;

declare_lint! {
    /// Finds orderings that an operation does not accept (`load(Release)`, `store(Acquire)`, `fence(Relaxed)`, a
    /// failure ordering of `Release` or `AcqRel`), through constants, parameters and wrappers too.
    ///
    /// ## Why it matters
    ///
    /// Such a call compiles, unless the ordering is written out right there, and panics when it runs:
    ///
    /// ```text
    /// 1 const PUBLISH: Ordering = Ordering::Release;
    /// 2 flag.load(PUBLISH)      thread panicked: there is no such thing as a release load
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// const ORDER: Ordering = Ordering::Release;
    ///
    /// pub fn is_done(done: &AtomicBool) -> bool {
    ///     done.load(ORDER)
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// const ORDER: Ordering = Ordering::Acquire;
    ///
    /// pub fn is_done(done: &AtomicBool) -> bool {
    ///     done.load(ORDER)
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// In a test that expects the panic.
    ///
    /// ## Known limits
    ///
    /// Orderings that are computed (`if`, tables) are not followed.
    ///
    /// ## References
    ///
    /// The *Panics* sections of `AtomicUsize::load`, `store`, `compare_exchange` and of `fence`; rustc's
    /// `invalid_atomic_ordering`.
    pub static INVALID_ORDERING = {
        name: "invalid_ordering",
        topic: "ordering",
        group: Correctness,
        confidence: Certain,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    let mut reported: BTreeSet<Site> = BTreeSet::new();
    for body in facts.bodies_with_ops() {
        for seen in facts.seen(body) {
            if let Some((order, position)) = invalid_op(facts, seen) {
                let site = cx.seen_site(body, seen);
                // The helper's own mistake is reported there, once.
                let own = seen.is_direct() || invalid_op_as_written(facts, seen).is_none();
                if own && reported.insert(site) {
                    out.push(report_op(cx, body, seen, order, position));
                }
            }
        }
    }
    for body in facts.program.body_ids() {
        if facts.program.def(facts.program.body(body).owner).is_test {
            continue;
        }
        check_fences(cx, body, out);
    }
}

/// The ordering that the operation would panic on, in the orderings of one caller.
fn invalid_op(facts: &Facts<'_>, seen: &Seen) -> Option<(Ordering, OrderingPosition)> {
    invalid(facts.op(seen.op).kind, seen.orders.success, seen.orders.failure)
}

fn invalid_op_as_written(facts: &Facts<'_>, seen: &Seen) -> Option<(Ordering, OrderingPosition)> {
    let op = facts.op(seen.op);
    invalid(op.kind, op.orders.success, op.orders.failure)
}

fn invalid(kind: AtomicOpKind, success: Order, failure: Order) -> Option<(Ordering, OrderingPosition)> {
    let first = match kind {
        AtomicOpKind::Load => OrderingPosition::Load,
        AtomicOpKind::Store => OrderingPosition::Store,
        _ => OrderingPosition::Rmw,
    };
    let wrong = |order: Order, position: OrderingPosition| match order {
        Order::Known(o) if !o.is_valid_for(position) => Some((o, position)),
        _ => None,
    };
    let failing = matches!(kind, AtomicOpKind::Cas { .. } | AtomicOpKind::Update);
    wrong(success, first).or_else(|| if failing { wrong(failure, OrderingPosition::CasFailure) } else { None })
}

fn report_op(cx: &Cx<'_>, body: BodyId, seen: &Seen, order: Ordering, position: OrderingPosition) -> Finding {
    let facts = cx.facts;
    let op = facts.op(seen.op);
    let (what, instead) = match position {
        OrderingPosition::Load => ("a load", "`Relaxed`, `Acquire` or `SeqCst`"),
        OrderingPosition::Store => ("a store", "`Relaxed`, `Release` or `SeqCst`"),
        OrderingPosition::CasFailure => ("the failure of a compare-and-swap", "`Relaxed`, `Acquire` or `SeqCst`"),
        _ => ("a fence", "`Acquire`, `Release`, `AcqRel` or `SeqCst`"),
    };
    let message = format!("`{}` panics here: {what} takes no `{}`", op.method, order.name());
    let text = format!("resolves to `{}`", order.name());
    let mut finding = cx.finding(&INVALID_ORDERING, body, Label::new(cx.seen_site(body, seen), text), message);
    if !seen.is_direct() {
        finding.secondary.push(Label::new(cx.op_site(seen.op), "the operation that it reaches"));
    }
    if let Some(l) = op.location {
        finding.key.location = facts.location(l).name.clone();
    }
    finding.key.operation = op.method.to_owned();
    let (arg, valid) = match position {
        OrderingPosition::Load => (op.ordering_arg, Ordering::Acquire),
        OrderingPosition::Store => (op.ordering_arg, Ordering::Release),
        _ if order == Ordering::AcqRel => (op.failure_arg, Ordering::Acquire),
        _ => (op.failure_arg, Ordering::Relaxed),
    };
    finding.fixes.extend(arg.filter(|_| seen.is_direct()).and_then(|arg| remedy::valid(cx, body, arg, valid)));
    finding.help = Some(format!("pass {instead}"));
    finding
}

/// `fence(Relaxed)`, written out or passed to a wrapper.
fn check_fences(cx: &Cx<'_>, body: BodyId, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    let events = &facts.program.body(body).ir.events;
    for (i, event) in events.iter().enumerate() {
        let site = facts.event_site(body, EventId(i as u32));
        let relaxed = match &event.kind {
            EventKind::Fence { ordering, .. } => {
                resolve_order(facts.program, body, ordering.kind, 0) == Order::Known(Ordering::Relaxed)
            }
            EventKind::Call(call) => calls_fence_relaxed(facts, body, call),
            _ => false,
        };
        if relaxed {
            let message = "`fence` panics here: a fence takes no `Relaxed`".to_owned();
            let primary = Label::new(site, "resolves to `Relaxed`");
            let mut finding = cx.finding(&INVALID_ORDERING, body, primary, message);
            finding.key.operation = "fence".to_owned();
            finding.help = Some("pass `Acquire`, `Release`, `AcqRel` or `SeqCst`, or leave the fence out".to_owned());
            out.push(finding);
        }
    }
}

/// A function of the crate that hands this argument to a fence, whatever it is.
fn calls_fence_relaxed(facts: &Facts<'_>, body: BodyId, call: &crate::ir::Call) -> bool {
    let crate::resolve::calls::Target::Fn(def) = facts.program.target(body, call) else { return false };
    let Some(callee) = facts.program.body_of(def) else { return false };
    let ir = facts.program.body(callee).ir;
    ir.events.iter().any(|e| {
        let EventKind::Fence { ordering, .. } = &e.kind else { return false };
        // Behind a branch the wrapper may leave the fence out.
        let Order::Param(index) = resolve_order(facts.program, callee, ordering.kind, 0) else { return false };
        let argument = match (&call.callee, index) {
            (Callee::Method { .. }, 0) => None,
            (Callee::Method { .. }, i) => call.args.get(i as usize - 1),
            (_, i) => call.args.get(i as usize),
        };
        e.block == crate::ir::BlockId(0)
            && argument.is_some_and(|v| {
                resolve_order(facts.program, body, OrderingKind::Value(*v), 0) == Order::Known(Ordering::Relaxed)
            })
    })
}
