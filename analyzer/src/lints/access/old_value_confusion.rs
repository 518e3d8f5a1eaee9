//! The value that an RMW returns is the old one, and is tested as if it were the new one.

use crate::facts::initial::Initial;
use crate::facts::{Facts, LocId, Op, Seen};
use crate::finding::{Finding, Interleaving, Label, Site};
use crate::ir::{
    AtomicOpKind, Base, BinOp, BlockId, Callee, EventId, EventKind, Pattern, Terminator, ValueId, ValueKind,
};
use crate::lint::{Cx, declare_lint};
use crate::remedy::small;
use crate::resolve::{BodyId, Type};

declare_lint! {
    /// Finds the result of a `fetch_sub`, `fetch_add` or `swap` (the value from before) tested as if it were the value
    /// from after.
    ///
    /// ## Why it matters
    ///
    /// `fetch_sub(1)` returns what the counter held *before*. The last owner sees one, not zero, so a test for zero
    /// never finds the last owner, and finds a counter that has already gone below zero:
    ///
    /// ```text
    ///   thread A                thread B                refs
    /// 1 fetch_sub(1) → 2                                1
    /// 2                         fetch_sub(1) → 1        0    the last one, but 1 != 0: nothing is freed
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicUsize, Ordering::AcqRel};
    ///
    /// pub struct Job { workers: AtomicUsize }
    ///
    /// impl Job {
    ///     pub fn new(workers: usize) -> Self { Job { workers: AtomicUsize::new(workers) } }
    ///     pub fn worker_done(&self) {
    ///         if self.workers.fetch_sub(1, AcqRel) == 0 {
    ///             self.finish();
    ///         }
    ///     }
    ///     fn finish(&self) { println!("done") }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicUsize, Ordering::AcqRel};
    ///
    /// pub struct Job { workers: AtomicUsize }
    ///
    /// impl Job {
    ///     pub fn new(workers: usize) -> Self { Job { workers: AtomicUsize::new(workers) } }
    ///     pub fn worker_done(&self) {
    ///         if self.workers.fetch_sub(1, AcqRel) == 1 {
    ///             self.finish();
    ///         }
    ///     }
    ///     fn finish(&self) { println!("done") }
    /// }
    /// ```
    ///
    /// `atomic_lint::RefCount` and `atomic_lint::Countdown` answer the question by name.
    ///
    /// ## When to allow
    ///
    /// When the old value is what the code means, and a comment says so.
    ///
    /// ## Known limits
    ///
    /// Quiet where the branch undoes or reports an underflow, for signed counters, for a count of *extra* owners that
    /// starts at zero, and where the starting value is not known. The result of a `swap` is judged only where its
    /// variable is named as the new value.
    ///
    /// ## References
    ///
    /// `std::sync::atomic`: `fetch_sub` "returns the previous value".
    pub static OLD_VALUE_CONFUSION = {
        name: "old_value_confusion",
        topic: "access",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

/// A test of an operation's result against a number.
struct Test {
    /// Index into what the body sees.
    op: usize,
    against: Against,
    site: Site,
    /// The comparison, where there is one.
    value: Option<ValueId>,
    /// Where control goes if the numbers are equal.
    equal: Option<BlockId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Against {
    Int(i128),
    /// The value that the operation itself stored.
    Stored,
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for body in facts.bodies_with_ops() {
        for test in tests(facts, body) {
            let seen = &facts.seen(body)[test.op];
            let op = facts.op(seen.op);
            let Some(location) = op.location else { continue };
            let wrong = match (op.kind, test.against) {
                (AtomicOpKind::FetchSub, Against::Int(0)) => {
                    looks_for_last(facts, location, op) && !is_underflow_check(facts, body, seen, &test)
                }
                (AtomicOpKind::FetchAdd, Against::Int(1)) => looks_for_first(facts, location, body, op, &test),
                (AtomicOpKind::Swap, Against::Stored) => is_called_new(facts, body, seen),
                _ => false,
            };
            if wrong && !facts.is_alone(body, seen) {
                out.push(report(cx, body, location, seen, &test));
            }
        }
    }
}

/// The tests for equality that a body makes on results of its operations.
fn tests(facts: &Facts<'_>, body: BodyId) -> Vec<Test> {
    let ir = facts.program.body(body).ir;
    let mut found = Vec::new();
    for (i, v) in ir.values.iter().enumerate() {
        let value = ValueId(i as u32);
        let (result, other, equal) = match &v.kind {
            ValueKind::Binary(op, l, r) => match (op, int(facts, body, *l), int(facts, body, *r)) {
                (BinOp::Eq | BinOp::Ne, None, _) => (*l, *r, *op == BinOp::Eq),
                (BinOp::Eq | BinOp::Ne, Some(_), None) => (*r, *l, *op == BinOp::Eq),
                // `old <= 0`, `old < 1` of an unsigned number.
                (BinOp::Le, None, Some(0)) => (*l, *r, true),
                _ => continue,
            },
            _ => continue,
        };
        let Some(op) = facts.moved_from(body, result) else { continue };
        let Some(against) = against(facts, body, op, other) else { continue };
        let equal = branch_of(facts, body, value, equal);
        found.push(Test { op, against, site: facts.site(body, v.span), value: Some(value), equal });
    }
    for block in &ir.blocks {
        let Terminator::Switch { on, arms } = &block.term else { continue };
        let Some(op) = facts.moved_from(body, *on) else { continue };
        for (pattern, to) in arms {
            if let Pattern::Int(n) = pattern {
                let site = facts.site(body, facts.value_span(body, *on));
                found.push(Test { op, against: Against::Int(*n), site, value: None, equal: Some(*to) });
            }
        }
    }
    found
}

fn int(facts: &Facts<'_>, body: BodyId, value: ValueId) -> Option<i128> {
    match facts.value(body, value) {
        ValueKind::Int(n) => Some(*n),
        ValueKind::Cast(v, _) => int(facts, body, *v),
        _ => None,
    }
}

fn against(facts: &Facts<'_>, body: BodyId, op: usize, other: ValueId) -> Option<Against> {
    let seen = &facts.seen(body)[op];
    let o = facts.op(seen.op);
    if o.kind == AtomicOpKind::Swap {
        let stored = o.new_value().filter(|_| seen.is_direct())?;
        return same_constant(facts, body, stored, other).then_some(Against::Stored);
    }
    int(facts, body, other).map(Against::Int)
}

fn same_constant(facts: &Facts<'_>, body: BodyId, a: ValueId, b: ValueId) -> bool {
    match (facts.value(body, a), facts.value(body, b)) {
        (ValueKind::Int(x), ValueKind::Int(y)) => x == y,
        (ValueKind::Path(x), ValueKind::Path(y)) => x.to_string() == y.to_string(),
        (ValueKind::Read(x), ValueKind::Read(y)) => match (&x.base, &y.base) {
            (Base::Local(l, v), Base::Local(m, w)) => l == m && v == w && x.proj == y.proj,
            (Base::Path(x), Base::Path(y)) => x.to_string() == y.to_string(),
            _ => false,
        },
        _ => a == b,
    }
}

/// Where control goes if a comparison says that the two are equal.
fn branch_of(facts: &Facts<'_>, body: BodyId, value: ValueId, equal: bool) -> Option<BlockId> {
    facts.program.body(body).ir.blocks.iter().find_map(|b| match b.term {
        Terminator::Branch { cond, then, otherwise } => {
            let negated = matches!(facts.value(body, cond), ValueKind::Not(v) if *v == value);
            (cond == value || negated).then_some(if equal != negated { then } else { otherwise })
        }
        _ => None,
    })
}

/// The location counts owners (or work to do) from a known start, so that the last one sees one. A count of *extra*
/// owners starts at zero and is raised only when an owner is cloned; the last of those does see zero.
fn looks_for_last(facts: &Facts<'_>, location: LocId, op: &Op<'_>) -> bool {
    if is_signed(&op.value_type) {
        return false;
    }
    let raises: Vec<&Op<'_>> = facts
        .location(location)
        .ops
        .iter()
        .map(|o| facts.op(*o))
        .filter(|o| matches!(o.kind, AtomicOpKind::FetchAdd | AtomicOpKind::Update) || o.kind.is_cas())
        .collect();
    let starts = facts.initial_values(location);
    let counts_all = starts.iter().any(|i| matches!(i, Initial::Parameter) || matches!(i, Initial::Int(n) if *n > 0));
    let unknown = starts.is_empty() || starts.contains(&Initial::Other);
    let from_zero = !unknown && !counts_all && {
        let extra = |o: &&Op<'_>| {
            facts.op_named(o, &["clone", "share", "retain", "ref", "dup", "inc", "add", "acquire", "grab"])
        };
        !raises.is_empty() && !raises.iter().any(extra)
    };
    counts_all && !unknown || from_zero
}

fn is_signed(ty: &Type) -> bool {
    matches!(ty, Type::Prim("isize" | "i8" | "i16" | "i32" | "i64" | "i128") | Type::Unknown)
}

/// The branch makes sense for the old value: it reports an underflow or takes the decrement back.
fn is_underflow_check(facts: &Facts<'_>, body: BodyId, seen: &Seen, test: &Test) -> bool {
    let flow = facts.flow(body);
    let location = facts.op(seen.op).location;
    let undone = facts.seen(body).iter().any(|s| {
        let op = facts.op(s.op);
        s.event != seen.event && op.location == location && op.kind.writes() && flow.reaches(seen.event, s.event)
    });
    let name = facts.program.def(facts.program.body(body).owner).item.name.to_lowercase();
    let try_style = name.split('_').any(|w| matches!(w, "try" | "checked" | "underflow" | "wait" | "acquire" | "take"));
    let Some(equal) = test.equal else {
        // The comparison is handed on, or only asserted.
        return undone || try_style || !is_returned(facts, body, test.value);
    };
    let blocks = &facts.program.body(body).ir.blocks;
    let diverges = blocks[equal.index()].term == Terminator::Unreachable
        || facts.events_behind(body, equal).any(|e| is_complaint(facts, body, e));
    let does_something = facts.events_behind(body, equal).any(|e| facts.has_effect(body, e));
    undone || try_style || diverges || !does_something
}

/// `panic!`, `return Err(…)`, `abort()`, an error log.
fn is_complaint(facts: &Facts<'_>, body: BodyId, event: EventId) -> bool {
    let name = match &facts.event(body, event).kind {
        EventKind::Macro(m) => m.path.last(),
        EventKind::Call(c) => match &c.callee {
            Callee::Path(p) => p.last(),
            Callee::Method { name, .. } => name,
            Callee::Value(_) => return false,
        },
        _ => return false,
    };
    matches!(name, "panic" | "unreachable" | "abort" | "error" | "warn" | "bail" | "unreachable_unchecked" | "exit")
        || name.starts_with("assert")
        || name.starts_with("debug_assert")
        || name.contains("underflow")
}

fn is_returned(facts: &Facts<'_>, body: BodyId, value: Option<ValueId>) -> bool {
    let returns = |t: &Terminator| matches!(t, Terminator::Return(Some(v)) if Some(*v) == value);
    facts.program.body(body).ir.blocks.iter().any(|b| returns(&b.term))
}

/// A count from zero that goes down again, or one that is named as what happens once: the first one sees zero.
/// Two parties that meet (`fetch_add(1) == 1`: both are here) count up only.
fn looks_for_first(facts: &Facts<'_>, location: LocId, body: BodyId, op: &Op<'_>, test: &Test) -> bool {
    if is_signed(&op.value_type) || !facts.starts_at(location, 0) {
        return false;
    }
    let ops = || facts.location(location).ops.iter().map(|o| facts.op(*o));
    let goes_down = ops().any(|o| o.kind == AtomicOpKind::FetchSub && facts.tests_for_last(o));
    let function = &facts.program.def(facts.program.body(body).owner).item.name;
    let names = [facts.location(location).name.to_lowercase(), function.to_lowercase()];
    let once = names.iter().any(|n| {
        n.split(['_', ':']).any(|w| matches!(w, "first" | "init" | "initialize" | "once" | "initialized" | "setup"))
    });
    let acts = match test.equal {
        Some(equal) => {
            facts.events_behind(body, equal).any(|e| facts.has_effect(body, e))
                && !facts.events_behind(body, equal).any(|e| is_complaint(facts, body, e))
        }
        None => is_returned(facts, body, test.value) && once,
    };
    (goes_down || once) && acts
}

/// The variable that holds the result is named as what was stored.
fn is_called_new(facts: &Facts<'_>, body: BodyId, seen: &Seen) -> bool {
    let Some(result) = facts.op(seen.op).result.filter(|_| seen.is_direct()) else { return false };
    facts
        .program
        .body(body)
        .ir
        .locals
        .iter()
        .any(|l| l.init == Some(result) && l.name.split('_').any(|w| matches!(w, "new" | "now" | "updated" | "after")))
}

fn report(cx: &Cx<'_>, body: BodyId, location: LocId, seen: &Seen, test: &Test) -> Finding {
    let facts = cx.facts;
    let op = facts.op(seen.op);
    let name = cx.location_name(location);
    let (message, help) = match op.kind {
        AtomicOpKind::FetchSub => (
            format!("`{}` returns what {name} held before: the last one gets 1 here, and 0 means underflow", op.method),
            "compare with 1: `fetch_sub(1, …) == 1` is true for the last one; or count with `atomic_lint::RefCount`",
        ),
        AtomicOpKind::FetchAdd => (
            format!("`{}` returns what {name} held before: the first one gets 0 here, and 1 is the second", op.method),
            "compare with 0: `fetch_add(1, …) == 0` is true for the first one",
        ),
        _ => (
            format!("`{}` returns what {name} held before, not what was just stored", op.method),
            "use the value that was passed to `swap`, and name the result for what it is",
        ),
    };
    let site = cx.seen_site(body, seen);
    let mut finding = cx.finding(&OLD_VALUE_CONFUSION, body, Label::new(site, "returns the old value"), message);
    if test.site != site {
        finding.secondary.push(Label::new(test.site, "tested as if it were the new one"));
    }
    finding.notes.push(cx.role_note(location));
    finding.key.location = facts.location(location).name.clone();
    finding.key.operation = op.method.to_owned();
    let watched = facts.location(location).name.rsplit("::").next().unwrap_or("value").to_owned();
    let schedule = Interleaving::new(&["thread A", "thread B"], watched);
    let method = op.method;
    finding.interleaving = Some(match op.kind {
        AtomicOpKind::FetchSub => schedule
            .step(0, Some(site), format!("{method} → 2"), "1")
            .step(1, Some(site), format!("{method} → 1"), "0")
            .step(1, Some(test.site), "compares 1 with 0", "0")
            .ending("B was the last, and does not know"),
        AtomicOpKind::FetchAdd => schedule
            .step(0, Some(site), format!("{method} → 0"), "1")
            .step(0, Some(test.site), "compares 0 with 1", "1")
            .step(1, Some(site), format!("{method} → 1"), "2")
            .step(1, Some(test.site), "compares 1 with 1", "2")
            .ending("B takes itself for the first"),
        _ => schedule
            .step(1, None, "stores its value", "B's")
            .step(0, Some(site), format!("{method} → B's"), "A's")
            .step(0, Some(test.site), "tests B's for A's own", "A's")
            .ending("A acts on the value that is gone"),
    });
    let swapped = match op.kind {
        AtomicOpKind::FetchSub => Some(("0", "1")),
        AtomicOpKind::FetchAdd => Some(("1", "0")),
        _ => None,
    };
    finding.fixes.extend(swapped.and_then(|(from, to)| small::compared_with(cx, seen.op, from, to)));
    finding.help = Some(help.to_owned());
    finding
}
