//! A CAS loop does what one read-modify-write instruction does.

use crate::facts::Facts;
use crate::facts::effects::EffectKind;
use crate::facts::region::{Retry, RetryKind, What};
use crate::facts::retry::CasLoop;
use crate::facts::wait_loop::is_hint;
use crate::finding::{Finding, Label};
use crate::ir::{
    AtomicOpKind, Base, BinOp, Callee, EventId, EventKind, Proj, Terminator, ValueId, ValueKind, operands,
};
use crate::lint::{Cx, declare_lint};
use crate::remedy::loops;
use crate::resolve::{Atomic, BodyId};

declare_lint! {
    /// Finds compare-and-swap loops that only add, subtract, mask, take a maximum or store: a single operation does
    /// that.
    ///
    /// ## Why it matters
    ///
    /// A `fetch_add` takes the cache line once and cannot fail. The loop takes it twice (to read, then to write), and
    /// under contention most of its rounds are thrown away:
    ///
    /// ```text
    ///   thread A            thread B            hits
    /// 1 load → 5            load → 5            5
    /// 2 CAS 5 → 6                               6
    /// 3                     CAS 5 → 6 fails     6     a round for nothing
    /// 4                     CAS 6 → 7           7
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicU64, Ordering::*};
    ///
    /// pub struct Metrics { bytes: AtomicU64 }
    ///
    /// impl Metrics {
    ///     pub fn add(&self, n: u64) {
    ///         let mut bytes = self.bytes.load(Relaxed);
    ///         while let Err(now) = self.bytes.compare_exchange_weak(bytes, bytes + n, Relaxed, Relaxed) {
    ///             bytes = now;
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU64, Ordering::*};
    ///
    /// pub struct Metrics { bytes: AtomicU64 }
    ///
    /// impl Metrics {
    ///     pub fn add(&self, n: u64) {
    ///         self.bytes.fetch_add(n, Relaxed);
    ///     }
    /// }
    /// ```
    ///
    /// A hot maximum that seldom rises may be read first: `atomic_lint::AtomicMax` does.
    ///
    /// ## When to allow
    ///
    /// On targets that have a CAS but not the operation.
    ///
    /// ## Known limits
    ///
    /// Quiet where the new value is checked or saturates, where the loop tests a bound or leaves on its own, and for floats.
    /// `old + k` panics on overflow in debug builds, `fetch_add` wraps.
    ///
    /// ## References
    ///
    /// `AtomicUsize::fetch_add` and its neighbours.
    pub static CAS_LOOP_REIMPLEMENTS_RMW = {
        name: "cas_loop_reimplements_rmw",
        topic: "cas",
        group: Perf,
        confidence: Likely,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

/// The operation that a loop spells out, and its operand.
struct Spelled {
    method: &'static str,
    operand: Option<ValueId>,
    /// A test in the loop belongs to it: `if new > old`.
    test: Option<ValueId>,
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for retry in facts.retries() {
        let spelled = match &retry.kind {
            RetryKind::Loop(l) => of_loop(facts, retry, l),
            RetryKind::Update(_) => of_closure(facts, retry),
            RetryKind::Handed(_) | RetryKind::Pure => None,
        };
        if let Some((body, spelled)) = spelled {
            out.push(report(cx, retry, body, &spelled));
        }
    }
}

fn of_loop(facts: &Facts<'_>, retry: &Retry, l: &CasLoop) -> Option<(BodyId, Spelled)> {
    let body = retry.body;
    let seen = &facts.seen(body)[l.cas];
    let op = facts.op(seen.op);
    if !seen.is_direct() || !has_rmw(op.atomic) {
        return None;
    }
    let old = op.expected()?;
    // A constant that is expected makes it a lock or a state, not an update.
    let read = &seen.expected;
    let from_location = |&i: &usize| facts.op(facts.seen(body)[i].op).location == op.location;
    // A value that was masked or moved first makes it a test.
    if read.is_constant() || read.computed || read.ops.is_empty() || !read.ops.iter().all(from_location) {
        return None;
    }
    // One that is never read again makes it a stale loop.
    let read_again = |&i: &usize| facts.is_in_loop(body, facts.event(body, facts.seen(body)[i].event).block, l);
    if !read.ops.iter().any(read_again) {
        return None;
    }
    let is_old = |v: ValueId| facts.is_alias(body, v, old, 0);
    let new = op.new_value()?;
    let mut spelled = spell(facts, body, new, &is_old, op.atomic)?;
    if spelled.method == "swap" {
        spelled = extremum(facts, body, l, new, &is_old).unwrap_or(spelled);
    }
    let pointer = op.atomic.is_some_and(Atomic::is_pointer);
    if pointer && spelled.method != "swap" {
        return None;
    }
    let tests_nothing = only_exits_by_success(facts, body, l, &spelled);
    (tests_nothing && does_nothing_else(facts, retry, l)).then_some((body, spelled))
}

/// Types whose operations are single instructions; cells of any `T` are not.
fn has_rmw(atomic: Option<Atomic>) -> bool {
    matches!(atomic, Some(Atomic::Int | Atomic::Bool | Atomic::Ptr))
}

/// `while old < new { CAS(old, new) }`: the test makes it a maximum or minimum.
fn extremum(
    facts: &Facts<'_>,
    body: BodyId,
    l: &CasLoop,
    new: ValueId,
    is_old: &dyn Fn(ValueId) -> bool,
) -> Option<Spelled> {
    let ir = facts.program.body(body).ir;
    let is_new = |v: ValueId| facts.is_alias(body, v, new, 0) || facts.value(body, v) == facts.value(body, new);
    l.region.iter().find_map(|block| {
        let Terminator::Branch { cond, then, .. } = ir.blocks[block.index()].term else { return None };
        let ValueKind::Binary(op, left, right) = facts.value(body, cond) else { return None };
        let less = match op {
            BinOp::Lt | BinOp::Le => true,
            BinOp::Gt | BinOp::Ge => false,
            _ => return None,
        };
        let old_is_less = match (is_old(*left) && is_new(*right), is_new(*left) && is_old(*right)) {
            (true, _) => less,
            (_, true) => !less,
            _ => return None,
        };
        // What goes on to the CAS if it holds; the other way leaves.
        let goes_on = l.region.contains(&then);
        let method = if old_is_less == goes_on { "fetch_max" } else { "fetch_min" };
        Some(Spelled { method, operand: Some(new), test: Some(cond) })
    })
}

/// Which operation gives `new` from the old value.
fn spell(
    facts: &Facts<'_>,
    body: BodyId,
    new: ValueId,
    is_old: &dyn Fn(ValueId) -> bool,
    atomic: Option<Atomic>,
) -> Option<Spelled> {
    let free = |v: ValueId| !mentions_old(facts, body, v, is_old);
    let found = |method, operand| Some(Spelled { method, operand: Some(operand), test: None });
    match facts.value(body, new) {
        ValueKind::Binary(op, l, r) => {
            let (k, old_left) = match (is_old(*l), is_old(*r)) {
                (true, false) if free(*r) => (*r, true),
                (false, true) if free(*l) => (*l, false),
                _ => return None,
            };
            match op {
                BinOp::Add => found("fetch_add", k),
                BinOp::Sub if old_left => found("fetch_sub", k),
                BinOp::BitAnd => found("fetch_and", k),
                BinOp::BitOr => found("fetch_or", k),
                BinOp::BitXor => found("fetch_xor", k),
                _ => None,
            }
        }
        ValueKind::Not(v) if is_old(*v) && atomic == Some(Atomic::Bool) => {
            Some(Spelled { method: "fetch_not", operand: None, test: None })
        }
        ValueKind::Not(v) => match facts.value(body, *v) {
            ValueKind::Binary(BinOp::BitAnd, l, r) if is_old(*l) && free(*r) => found("fetch_nand", *r),
            ValueKind::Binary(BinOp::BitAnd, l, r) if is_old(*r) && free(*l) => found("fetch_nand", *l),
            _ => None,
        },
        ValueKind::Event(e) => {
            let EventKind::Call(call) = &facts.event(body, *e).kind else {
                return plain(facts, body, new, is_old);
            };
            let (left, right) = match &call.callee {
                Callee::Method { receiver, .. } => match (&receiver.base, call.args.first()) {
                    (Base::Local(_, v) | Base::Value(v), Some(r)) if receiver.proj.is_empty() => (*v, *r),
                    _ => return plain(facts, body, new, is_old),
                },
                Callee::Path(_) if call.args.len() == 2 => (call.args[0], call.args[1]),
                _ => return plain(facts, body, new, is_old),
            };
            let k = match (is_old(left), is_old(right)) {
                (true, false) if free(right) => right,
                (false, true) if free(left) => left,
                _ => return plain(facts, body, new, is_old),
            };
            match facts.callee_name(call) {
                "wrapping_add" => found("fetch_add", k),
                "wrapping_sub" if k == right => found("fetch_sub", k),
                "max" => found("fetch_max", k),
                "min" => found("fetch_min", k),
                "bitor" => found("fetch_or", k),
                "bitand" => found("fetch_and", k),
                _ => None,
            }
        }
        _ => plain(facts, body, new, is_old),
    }
}

/// A new value that has nothing to do with the old one.
fn plain(facts: &Facts<'_>, body: BodyId, new: ValueId, is_old: &dyn Fn(ValueId) -> bool) -> Option<Spelled> {
    let varies = matches!(facts.value(body, new), ValueKind::Phi(_) | ValueKind::Mutated { .. } | ValueKind::Unknown);
    (!varies && !mentions_old(facts, body, new, is_old)).then_some(Spelled {
        method: "swap",
        operand: Some(new),
        test: None,
    })
}

/// Whether a value is made of the old one, or of anything read from memory after it.
fn mentions_old(facts: &Facts<'_>, body: BodyId, value: ValueId, is_old: &dyn Fn(ValueId) -> bool) -> bool {
    let mut visited = rustc_hash::FxHashSet::default();
    let mut queue = vec![value];
    while let Some(v) = queue.pop() {
        if is_old(v) {
            return true;
        }
        if !visited.insert(v) {
            continue;
        }
        let kind = facts.value(body, v);
        operands::of_value(kind, &mut |v| queue.push(*v));
        if let ValueKind::Event(e) = kind {
            operands::of_event(&facts.event(body, *e).kind, &mut |v| queue.push(*v));
        }
    }
    false
}

/// The loop ends when the CAS has succeeded and for no other reason, a test that belongs to a maximum or minimum
/// aside.
fn only_exits_by_success(facts: &Facts<'_>, body: BodyId, l: &CasLoop, spelled: &Spelled) -> bool {
    let ir = facts.program.body(body).ir;
    let flow = facts.flow(body);
    l.region.iter().all(|block| {
        let decides = l.outcome.success.iter().chain(&l.outcome.failure).any(|o| flow.successors(*block).contains(o));
        let branches = flow.successors(*block).len() > 1;
        match ir.blocks[block.index()].term {
            _ if decides || !branches => true,
            Terminator::Branch { cond, .. } => spelled.test == Some(cond),
            _ => false,
        }
    })
}

/// Nothing else happens in the region, backoff aside: what is read or called there may depend on the old value, and what
/// a `swap` stores must be finished before the loop (a node that links to the old value is not).
fn does_nothing_else(facts: &Facts<'_>, retry: &Retry, l: &CasLoop) -> bool {
    let body = retry.body;
    let effects = facts.repeated(retry).into_iter().any(|r| match r.what {
        What::Op(_) => true,
        What::Effect(e) => e.kind != EffectKind::Assign,
    });
    let ir = facts.program.body(body).ir;
    let works = |e: &EventId| match &facts.event(body, *e).kind {
        EventKind::Call(call) => {
            let own = facts.seen(body).iter().any(|s| s.event == *e && s.is_direct());
            !own && !is_hint(facts.callee_name(call)) && !is_arithmetic(facts.callee_name(call))
        }
        EventKind::Read(place) => {
            place.proj.contains(&Proj::Deref) || place.proj.iter().any(|p| matches!(p, Proj::Index(_)))
        }
        EventKind::Write { .. } | EventKind::Await(_) | EventKind::Opaque => true,
        EventKind::Atomic(_) => {
            facts.seen(body).iter().any(|s| s.event == *e && facts.op(s.op).location != retry.location)
        }
        _ => false,
    };
    !effects && !l.region.iter().any(|b| ir.blocks[b.index()].events.iter().any(works))
}

/// Calls that only compute the new value or look at the outcome.
fn is_arithmetic(name: &str) -> bool {
    matches!(
        name,
        "is_ok"
            | "is_err"
            | "unwrap_err"
            | "err"
            | "ok"
            | "as_raw"
            | "wrapping_add"
            | "wrapping_sub"
            | "max"
            | "min"
            | "bitor"
            | "bitand"
            | "into"
            | "from"
            | "clone"
            | "is_null"
    )
}

/// A closure of one straight line that returns `Some(old ⊕ k)` (or `old ⊕ k` for `update`).
fn of_closure(facts: &Facts<'_>, retry: &Retry) -> Option<(BodyId, Spelled)> {
    let op = facts.op(retry.op?);
    if !has_rmw(op.atomic) || op.atomic == Some(Atomic::Ptr) {
        return None;
    }
    let body = retry.parts.first()?.body;
    let b = facts.program.body(body);
    if b.parent.is_none() || b.ir.blocks.len() != 1 {
        return None;
    }
    let Terminator::Return(Some(returned)) = b.ir.blocks[0].term else { return None };
    let new = match facts.value(body, returned) {
        ValueKind::Struct { path, fields, .. } if path.last() == "Some" => fields.first()?.1,
        _ if op.method == "update" => returned,
        _ => return None,
    };
    let is_old = |v: ValueId| is_param(facts, body, v, 0);
    let spelled = spell(facts, body, new, &is_old, op.atomic)?;
    let pure = facts.repeated(retry).is_empty();
    pure.then_some((body, spelled))
}

fn is_param(facts: &Facts<'_>, body: BodyId, value: ValueId, depth: u32) -> bool {
    match facts.value(body, value) {
        ValueKind::Param(0) => true,
        ValueKind::Read(p) if depth < 4 => match p.base {
            Base::Local(_, v) | Base::Value(v) if p.proj.is_empty() => is_param(facts, body, v, depth + 1),
            _ => false,
        },
        _ => false,
    }
}

fn report(cx: &Cx<'_>, retry: &Retry, body: BodyId, spelled: &Spelled) -> Finding {
    let facts = cx.facts;
    let id = retry.op.unwrap_or(crate::facts::OpId(0));
    let op = facts.op(id);
    let location = retry.location.map_or_else(|| "the atomic".to_owned(), |l| cx.location_name(l));
    let method = spelled.method;
    let form = if op.kind == AtomicOpKind::Update { "closure" } else { "loop" };
    let message = format!("this {form} does to {location} what one `{method}` does, and may take several rounds");
    let site = facts.site(op.body, op.span);
    let label = Label::new(site, format!("a `{method}` takes one step"));
    let mut finding = cx.finding(&CAS_LOOP_REIMPLEMENTS_RMW, op.body, label, message);
    if let Some(new) = op.new_value().filter(|_| op.kind.is_cas() && method != "swap") {
        let new_site = facts.site(body, facts.value_span(body, new));
        finding.secondary.push(Label::new(new_site, "the new value"));
    }
    finding.key.location = retry.location.map_or_else(String::new, |l| facts.location(l).name.clone());
    finding.key.operation = op.method.to_owned();
    finding.fixes.extend(loops::to_rmw(cx, body, op, method));
    let receiver = cx.receiver_text(op);
    let ordering = cx.ordering_text(op);
    let operand = spelled.operand.map(|v| cx.snippet(facts.site(body, facts.value_span(body, v))));
    finding.help = Some(match operand {
        Some(k) => format!("write `{receiver}.{method}({k}, {ordering})`"),
        None => format!("write `{receiver}.{method}({ordering})`"),
    });
    if op.kind.is_cas() {
        finding.notes.push(format!(
            "where the new value is to be any function of the old one, `{receiver}.fetch_update(…)` is the same loop"
        ));
    }
    finding
}
