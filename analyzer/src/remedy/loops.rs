//! Loops: what a failed CAS hands back is used, one RMW takes the place of a loop, a wait tells the processor.

use super::one_step::{self, Single};
use super::ordering::join;
use super::{Call, Mend, is_plain_op};
use crate::facts::access::Order;
use crate::facts::{Op, Seen};
use crate::finding::{Applicability, Fix};
use crate::ir::outline::{NodeId, NodeKind};
use crate::ir::{AtomicOpKind, Ordering, OrderingKind, Span};
use crate::lint::Cx;
use crate::resolve::BodyId;

/// `std::hint::spin_loop()` in a loop that waits.
pub fn hint(cx: &Cx<'_>, body: BodyId, span: Span) -> Option<Fix> {
    let mut mend = Mend::new(cx, body);
    let node = mend.outline.expression(span)?;
    let (NodeKind::While { body: block, .. } | NodeKind::Loop { body: block }) = mend.kind(node) else { return None };
    let call = match ["std::hint::spin_loop", "core::hint::spin_loop"]
        .iter()
        .any(|p| mend.is_in_scope("hint::spin_loop", p))
    {
        true => "hint::spin_loop();".to_owned(),
        false => format!("{}::hint::spin_loop();", mend.std()),
    };
    let NodeKind::Block { statements } = mend.kind(*block) else { return None };
    // Behind the test of an endless loop; a `while` has tested before.
    let last = statements.last().filter(|s| {
        let ends = matches!(mend.text(**s).chars().next_back(), Some(';' | '}'));
        matches!(mend.kind(node), NodeKind::Loop { .. }) && ends && is_conditional(&mend, **s)
    });
    match last {
        Some(last) if mend.slice(mend.outline.span(*block)).contains('\n') => mend.insert_after(*last, &call),
        _ => mend.insert_first(*block, &call),
    }
    mend.finish("tell the processor that this loop waits", Applicability::MachineApplicable)
}

/// Control comes to what follows the statement.
fn is_conditional(mend: &Mend<'_, '_>, statement: NodeId) -> bool {
    let NodeKind::Statement { expr, .. } = mend.kind(statement) else { return true };
    match mend.kind(*expr) {
        NodeKind::If { otherwise, .. } => otherwise.is_none(),
        NodeKind::Break { .. } | NodeKind::Continue { .. } | NodeKind::Return(_) | NodeKind::Match { .. } => false,
        _ => true,
    }
}

/// A loop that goes on expecting what it loaded first takes what the failed CAS found.
pub fn reload(cx: &Cx<'_>, body: BodyId, cas: &Seen, load: &Seen) -> Option<Fix> {
    if !is_plain_op(cx, cas) || !is_plain_op(cx, load) {
        return None;
    }
    let mut mend = Mend::new(cx, body);
    let (cas, load) = (cx.facts.op(cas.op), cx.facts.op(load.op));
    if !cas.method.starts_with("compare_exchange") {
        return None;
    }
    let (attempt, read) = (mend.call(cas)?, mend.call(load)?);
    let expected = mend.outline.bare(*attempt.args.first()?);
    let first = mend.outline.statement_of(read.node)?;
    let NodeKind::Let { name: Some(name), mutable, pattern, diverges: false, .. } = mend.kind(first) else {
        return None;
    };
    let around = loop_around(&mend, attempt.node)?;
    let between = Span::new(mend.outline.span(first).end, mend.outline.span(around).start);
    // What was computed from the old value before the loop would be stale too.
    if mend.text(expected) != name || between.start > between.end || mend.mentions(between, name) {
        return None;
    }
    let looped = mend.outline.span(around);
    let now = ["now", "current", "found"].into_iter().find(|n| !mend.mentions(looped, n))?;
    take_from_failure(&mut mend, &attempt, name, now)?;
    if !*mutable {
        mend.insert(pattern.start, "mut ");
    }
    // What the load has acquired, the value of a later round must too.
    if load.orders.acquires() && cas.orders.failure.known().is_some_and(|o| !o.acquires()) {
        mend.raise(cas.failure_arg?, load.orders.success.known()?)?;
    }
    mend.finish("expect what the failed attempt has found", Applicability::MachineApplicable)
}

fn loop_around(mend: &Mend<'_, '_>, node: NodeId) -> Option<NodeId> {
    mend.outline
        .around(node)
        .take_while(|n| *mend.kind(*n) != NodeKind::Closure)
        .find(|n| matches!(mend.kind(*n), NodeKind::Loop { .. } | NodeKind::While { .. }))
}

/// Rewrites the test of an attempt so that a failure's value is kept in `name`.
fn take_from_failure(mend: &mut Mend<'_, '_>, attempt: &Call, name: &str, now: &str) -> Option<()> {
    let kept = format!("{name} = {now};");
    let tested = mend.outline.parent(attempt.node)?;
    let call = mend.outline.span(attempt.node);
    match mend.kind(tested) {
        NodeKind::Method { name: test, receiver, .. } if *receiver == attempt.node => {
            let decided = mend.outline.parent(tested)?;
            let rest = Span::new(call.end, mend.outline.span(tested).end);
            match (mend.kind(decided), test.as_str()) {
                // `while x.compare_exchange(…).is_err() { … }`
                (NodeKind::While { cond, body }, "is_err") | (NodeKind::If { cond, then: body, .. }, "is_err")
                    if *cond == tested =>
                {
                    mend.insert(call.start, format!("let Err({now}) = "));
                    mend.replace(rest, "");
                    mend.insert_first(*body, &kept);
                }
                // `if x.compare_exchange(…).is_ok() { break; }`
                (NodeKind::If { cond, then, otherwise: None }, "is_ok") if *cond == tested => {
                    let indent = mend.indent(mend.outline.span(decided).start);
                    mend.insert(call.start, "let Err(".to_owned() + now + ") = ");
                    mend.replace(rest, "");
                    mend.insert(mend.outline.span(*then).start, format!("{{\n{indent}    {kept}\n{indent}}} else "));
                }
                _ => return None,
            }
        }
        NodeKind::Match { on, arms } if *on == attempt.node => {
            let arm = arms.iter().find_map(|a| match mend.kind(*a) {
                NodeKind::Arm { pattern, guarded: false, body } if mend.slice(*pattern) == "Err(_)" => {
                    Some((*pattern, *body))
                }
                _ => None,
            });
            let (pattern, body) = arm?;
            mend.replace(pattern, format!("Err({now})"));
            match (mend.kind(body), mend.text(body)) {
                (_, "()" | "{}" | "continue") => mend.replace_node(body, format!("{name} = {now}")),
                (NodeKind::Block { .. }, _) => mend.insert_first(body, &kept),
                (_, text) => {
                    let indent = mend.indent(mend.outline.span(body).start);
                    let block = format!("{{\n{indent}    {kept}\n{indent}    {text}\n{indent}}}");
                    let span = mend.outline.span(body);
                    // A block needs no comma behind it.
                    let end = mend.outline.parent(body).map_or(span.end, |arm| mend.outline.span(arm).end);
                    mend.replace(Span::new(span.start, end), block);
                }
            }
            // After `continue` nothing ran; now the rest of the loop must not either.
            if mend.text(body) == "continue" && !is_last_in_loop(mend, tested) {
                return None;
            }
        }
        _ => return None,
    }
    Some(())
}

fn is_last_in_loop(mend: &Mend<'_, '_>, node: NodeId) -> bool {
    let Some(statement) = mend.outline.statement_of(node) else { return false };
    mend.rest_of_block(statement).is_some_and(|rest| mend.slice(rest).trim().is_empty())
}

/// A loop around a CAS becomes the one operation that it amounts to. `method` is what the facts say it is.
pub fn to_rmw(cx: &Cx<'_>, body: BodyId, op: &Op<'_>, method: &str) -> Option<Fix> {
    if !matches!(op.kind, AtomicOpKind::Cas { .. })
        || op.body != body
        || !op.atomic.is_some_and(|a| a.takes_orderings())
    {
        return None;
    }
    let mut mend = Mend::new(cx, body);
    let attempt = mend.call(op)?;
    let around = loop_around(&mend, attempt.node)?;
    let looped = Looped::of(&mend, op, &attempt, around)?;
    let single = looped.single(&mend, op, method)?;
    let ordering = looped.ordering(&mend, op)?;
    let call = format!("{}{}({}, {ordering})", mend.up_to_method(&attempt), single.method, single.operand);
    looped.rewrite(&mut mend, &call)?;
    mend.finish(format!("make it one `{}`", single.method), Applicability::MachineApplicable)
}

/// A CAS loop, taken apart.
struct Looped<'a> {
    around: NodeId,
    /// The statement that the loop is.
    statement: NodeId,
    /// The variable that is expected, and the statement that sets it first.
    old: &'a str,
    first: NodeId,
    new: NodeId,
    load: Ordering,
}

impl<'a> Looped<'a> {
    fn of(mend: &Mend<'_, 'a>, op: &Op<'_>, attempt: &Call, around: NodeId) -> Option<Looped<'a>> {
        let [expected, new, ..] = attempt.args[..] else { return None };
        let old = mend.text(mend.outline.bare(expected));
        let statement = mend.outline.statement_of(around)?;
        // In the loop or directly before it, and nowhere else.
        let is_first = |n: &NodeId| matches!(mend.kind(*n), NodeKind::Let { name: Some(name), .. } if name == old);
        let inside = mend.outline.within(around).find(is_first);
        let before = mend.outline.position(statement).and_then(|(block, at)| {
            let NodeKind::Block { statements } = mend.kind(block) else { return None };
            statements.get(at.checked_sub(1)?).copied().filter(is_first)
        });
        let first = inside.or(before)?;
        let NodeKind::Let { init: Some(init), diverges: false, .. } = mend.kind(first) else { return None };
        let facts = mend.cx.facts;
        let load = facts.seen(mend.body).iter().map(|s| facts.op(s.op)).find(|o| {
            o.kind == AtomicOpKind::Load && o.location == op.location && o.span == mend.outline.span(*init)
        })?;
        let receiver = mend.call(load)?.receiver;
        let Order::Known(ordering) = load.orders.success else { return None };
        let same = mend.same_words(receiver, attempt.receiver);
        same.then_some(Looped { around, statement, old, first, new, load: ordering })
    }

    fn single(&self, mend: &Mend<'_, 'a>, op: &Op<'_>, method: &str) -> Option<Single> {
        let mut new = mend.outline.bare(self.new);
        // `let next = old + 1;` in the loop.
        if *mend.kind(new) == NodeKind::Path && mend.text(new) != self.old {
            let name = mend.text(new);
            let set = mend.outline.within(self.around).find_map(|n| match mend.kind(n) {
                NodeKind::Let { name: Some(n), init: Some(init), .. } if n == name => Some(*init),
                _ => None,
            });
            new = set.unwrap_or(new);
        }
        let is_old = |m: &Mend<'_, '_>, n: NodeId| m.text(m.outline.bare(n)) == self.old;
        if method == "swap" {
            let free = !mend.mentions(mend.outline.span(new), self.old) && mend.is_plain(new);
            return free.then(|| Single { method: "swap", operand: mend.text(new).to_owned() });
        }
        let plain = || mend.is_plain(new) && !mend.mentions(mend.outline.span(new), self.old);
        // `while new > old { … }`: the test is what the operation does.
        if let Some(method) = ["fetch_max", "fetch_min"].into_iter().find(|m| *m == method).filter(|_| plain()) {
            return Some(Single { method, operand: mend.text(new).to_owned() });
        }
        let single = one_step::single(mend, new, &op.value_type, &is_old)?;
        // Computed anew in each round, once then: what it is made of must not be made in the loop.
        let is_local = mend.outline.within(self.around).any(|n| match mend.kind(n) {
            NodeKind::Let { name: Some(name), .. } => name != self.old && one_step_mentions(&single.operand, name),
            _ => false,
        });
        // The same by a name that older compilers know.
        let is_meant = single.method == method || method == "fetch_not" && single.operand == "true";
        (is_meant && !is_local).then_some(single)
    }

    /// At least what the loop did: its loads may have acquired what its CAS did not.
    fn ordering(&self, mend: &Mend<'_, 'a>, op: &Op<'_>) -> Option<String> {
        let arg = op.ordering_arg?;
        let failure = op.orders.failure.known()?;
        match arg.kind {
            OrderingKind::Fixed(success) => {
                let reads = join(self.load, failure);
                let all = if reads.acquires() { join(success, reads) } else { success };
                mend.ordering_like(arg, all)
            }
            OrderingKind::Value(_) => None,
        }
    }

    /// Puts the call in the place of the loop, and its result where the old value was used.
    fn rewrite(&self, mend: &mut Mend<'_, 'a>, call: &str) -> Option<()> {
        let NodeKind::Statement { semicolon, .. } = *mend.kind(self.statement) else { return None };
        let is_before = !mend.outline.span(self.around).contains(mend.outline.span(self.first));
        let rest = mend.rest_of_block(self.statement)?;
        let used_after = is_before && mend.mentions(rest, self.old);
        match self.exits(mend)? {
            Exit::Nothing if used_after => {
                let NodeKind::Let { pattern, .. } = *mend.kind(self.first) else { return None };
                if self.is_changed(mend.slice(rest)) {
                    return None;
                }
                // `let old = x.fetch_add(…);` where the loop was.
                let span = mend.outline.span(self.first);
                let (start, end) = (mend.outline.span(self.statement).start, mend.outline.span(self.statement).end);
                if !mend.slice(Span::new(span.end, start)).trim().is_empty() {
                    return None;
                }
                mend.replace(Span::new(pattern.start, end), format!("{} = {call};", self.old));
            }
            Exit::Nothing => {
                if is_before {
                    mend.remove(self.first)?;
                }
                mend.replace_node(self.statement, format!("{call};"));
            }
            // The tail of a function or block: the loop's value is the old one.
            Exit::Old if !semicolon && !used_after => {
                if is_before {
                    mend.remove(self.first)?;
                }
                mend.replace_node(self.statement, call);
            }
            Exit::Old => return None,
        }
        Some(())
    }

    fn is_changed(&self, text: &str) -> bool {
        text.match_indices(self.old).any(|(at, _)| {
            let after = text[at + self.old.len()..].trim_start();
            let assigned = after.starts_with('=') && !after.starts_with("==");
            let combined = after.get(1..2) == Some("=") && after.starts_with(['+', '-', '*', '/', '|', '&', '^']);
            assigned || combined || text[..at].trim_end().ends_with("&mut")
        })
    }

    /// How control leaves the loop; `None` if there is more than one way, or one that is not understood.
    fn exits(&self, mend: &Mend<'_, 'a>) -> Option<Exit> {
        let mut exits = Vec::new();
        if matches!(mend.kind(self.around), NodeKind::While { .. }) {
            exits.push(Exit::Nothing);
        }
        for n in mend.outline.within(self.around) {
            exits.push(match mend.kind(n) {
                NodeKind::Break { labelled: true, .. } | NodeKind::Leaves | NodeKind::Macro => return None,
                NodeKind::Break { value: None, .. } => Exit::Nothing,
                NodeKind::Break { value: Some(v), .. } | NodeKind::Return(Some(v)) if self.is_old(mend, *v) => {
                    Exit::Old
                }
                NodeKind::Break { .. } | NodeKind::Return(_) => return None,
                _ => continue,
            });
        }
        let first = *exits.first()?;
        // A `return` from the middle of a function is no value of the loop.
        let returns = mend.outline.within(self.around).any(|n| matches!(mend.kind(n), NodeKind::Return(_)));
        let ends_function = || {
            let block = mend.outline.parent(self.statement);
            block.is_some_and(|b| mend.outline.parent(b).is_none())
        };
        (exits.iter().all(|e| *e == first) && (!returns || ends_function())).then_some(first)
    }

    /// The expected value, or what a successful attempt has found, which is the same.
    fn is_old(&self, mend: &Mend<'_, 'a>, value: NodeId) -> bool {
        let text = mend.text(mend.outline.bare(value));
        let found = || {
            mend.outline.around(value).take_while(|n| *n != self.around).any(|n| match mend.kind(n) {
                NodeKind::Arm { pattern, .. } => mend.slice(*pattern) == format!("Ok({text})"),
                _ => false,
            })
        };
        text == self.old || found()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Nothing,
    /// With the value that the atomic had.
    Old,
}

fn one_step_mentions(operand: &str, name: &str) -> bool {
    operand.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == name)
}
