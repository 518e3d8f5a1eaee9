//! Decisions by a count that others may change.

use crate::finding::{Finding, Interleaving, Label};
use crate::ir::{Base, Call, Callee, EventId, EventKind, Terminator, ValueId};
use crate::lint::{Cx, declare_lint};
use crate::resolve::BodyId;
use crate::resolve::calls::Target;

declare_lint! {
    /// Finds decisions by `Arc::strong_count` or `weak_count`, and `Arc::try_unwrap(x).ok()`, which two owners can lose.
    ///
    /// ## Why it matters
    ///
    /// The count is a number from the past: other owners clone and drop while it is compared. Two owners that drop at
    /// the same time may both see two and both leave the last step to the other:
    ///
    /// ```text
    ///   owner A                owner B                count
    /// 1 strong_count → 2                              2
    /// 2                        strong_count → 2       2
    /// 3 drop                                          1
    /// 4                        drop                   0   neither was the last, so nobody cleaned up
    /// ```
    ///
    /// `Arc::try_unwrap(x).ok()` is the same: each of two owners may get the `Err`, and drops it.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::Arc;
    ///
    /// pub fn finish(result: Arc<Vec<u64>>) -> Option<Vec<u64>> {
    ///     Arc::try_unwrap(result).ok()
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::Arc;
    ///
    /// pub fn finish(result: Arc<Vec<u64>>) -> Option<Vec<u64>> {
    ///     Arc::into_inner(result)
    /// }
    /// ```
    ///
    /// `Arc::into_inner` gives the value to exactly one of the last owners; `Arc::get_mut` says in one step whether
    /// this is the only one.
    ///
    /// ## When to allow
    ///
    /// When the count only steers a heuristic, or every clone is made under a lock that is held here.
    ///
    /// ## Known limits
    ///
    /// A count that is returned or stored and compared elsewhere is not followed.
    ///
    /// ## References
    ///
    /// `std::sync::Arc::into_inner`; `std::sync::Arc::strong_count`, "Safety".
    pub static ARC_COUNT_RACE = {
        name: "arc_count_race",
        topic: "api",
        group: Suspicious,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for body in cx.facts.program.body_ids() {
        let b = cx.facts.program.body(body);
        if cx.facts.program.def(b.owner).is_test {
            continue;
        }
        for (i, e) in b.ir.events.iter().enumerate() {
            let EventKind::Call(call) = &e.kind else { continue };
            let event = EventId(i as u32);
            match arc_function(cx, body, call) {
                Some(name @ ("strong_count" | "weak_count")) => {
                    if decides(cx, body, event) && !is_locked(cx, body, event) {
                        out.push(by_count(cx, body, event, name));
                    }
                }
                Some("try_unwrap") => {
                    if is_forgotten(cx, body, event) && !is_locked(cx, body, event) {
                        out.push(by_unwrap(cx, body, event));
                    }
                }
                _ => {}
            }
        }
    }
}

/// The function of `std::sync::Arc` that a call reaches.
fn arc_function<'c>(cx: &Cx<'_>, body: BodyId, call: &'c Call) -> Option<&'c str> {
    let Callee::Path(path) = &call.callee else { return None };
    let Target::Foreign(full) = cx.facts.program.target(body, call) else { return None };
    let mut parts = full.rsplit("::");
    let name = parts.next()?;
    (parts.next() == Some("Arc") && path.last() == name).then(|| path.last())
}

/// A branch of the body depends on the count.
fn decides(cx: &Cx<'_>, body: BodyId, event: EventId) -> bool {
    let Some(count) = cx.facts.result_of(body, event) else { return false };
    cx.facts.program.body(body).ir.blocks.iter().any(|block| match &block.term {
        Terminator::Branch { cond, .. } => cx.facts.derives_from(body, *cond, count) && !only_asserts(cx, body, block),
        Terminator::Switch { on, .. } => cx.facts.derives_from(body, *on, count),
        _ => false,
    })
}

/// One way out of the branch is a panic: an assertion.
fn only_asserts(cx: &Cx<'_>, body: BodyId, block: &crate::ir::Block) -> bool {
    let Terminator::Branch { then, otherwise, .. } = &block.term else { return false };
    let blocks = &cx.facts.program.body(body).ir.blocks;
    [then, otherwise].into_iter().any(|b| matches!(blocks[b.index()].term, Terminator::Unreachable))
}

/// A lock that is held here may be the one under which every clone is made.
fn is_locked(cx: &Cx<'_>, body: BodyId, event: EventId) -> bool {
    cx.facts.guards(body).at(cx.facts, body, event).iter().any(|(_, shared)| !shared)
}

/// The `Err` that holds the `Arc` is dropped by `.ok()`.
fn is_forgotten(cx: &Cx<'_>, body: BodyId, event: EventId) -> bool {
    let Some(result) = cx.facts.result_of(body, event) else { return false };
    let oks: Vec<EventId> = methods_on(cx, body, result, &["ok"]);
    // `.ok().unwrap()` panics rather than to drop the value silently.
    oks.iter().any(|ok| match cx.facts.result_of(body, *ok) {
        Some(v) => methods_on(cx, body, v, &["unwrap", "expect", "unwrap_unchecked"]).is_empty(),
        None => true,
    })
}

/// Calls of these methods on a value.
fn methods_on(cx: &Cx<'_>, body: BodyId, value: ValueId, names: &[&str]) -> Vec<EventId> {
    let events = cx.facts.program.body(body).ir.events.iter().enumerate();
    let on_value = |base: &Base| match base {
        Base::Local(_, v) | Base::Value(v) => *v == value || cx.facts.is_alias(body, *v, value, 0),
        Base::Path(_) => false,
    };
    let found = events.filter(|(_, e)| match &e.kind {
        EventKind::Call(Call { callee: Callee::Method { receiver, name, .. }, .. }) => {
            names.contains(&name.as_str()) && on_value(&receiver.base)
        }
        _ => false,
    });
    found.map(|(i, _)| EventId(i as u32)).collect()
}

fn by_count(cx: &Cx<'_>, body: BodyId, event: EventId, name: &str) -> Finding {
    let site = cx.facts.event_site(body, event);
    let message = format!("another owner can clone or drop between this `{name}` and what it decides");
    let mut finding = cx.finding(&ARC_COUNT_RACE, body, Label::new(site, "a count from the past"), message);
    finding.interleaving = Some(
        Interleaving::new(&["owner A", "owner B"], "count")
            .step(0, Some(site), format!("{name} → 2"), "2")
            .step(1, Some(site), format!("{name} → 2"), "2")
            .step(0, None, "drops its own", "1")
            .step(1, None, "drops its own", "0")
            .ending("neither saw itself as the last"),
    );
    finding.key.operation = name.to_owned();
    finding.help = Some(match name {
        "strong_count" => {
            "ask and act in one step: `Arc::get_mut` for the only owner, `Arc::into_inner` for the last".to_owned()
        }
        _ => "ask and act in one step: `Arc::get_mut` is `Some` only if no other owner and no `Weak` exists".to_owned(),
    });
    finding
}

fn by_unwrap(cx: &Cx<'_>, body: BodyId, event: EventId) -> Finding {
    let site = cx.facts.event_site(body, event);
    let message = "two owners that get here at once both get the `Err`, and the value is dropped".to_owned();
    let mut finding = cx.finding(&ARC_COUNT_RACE, body, Label::new(site, "the `Err` is thrown away"), message);
    finding.interleaving = Some(
        Interleaving::new(&["owner A", "owner B"], "count")
            .step(0, Some(site), "try_unwrap → Err", "2")
            .step(1, Some(site), "try_unwrap → Err", "2")
            .step(0, None, "drops the Err", "1")
            .step(1, None, "drops the Err", "0")
            .ending("nobody got the value"),
    );
    finding.key.operation = "try_unwrap".to_owned();
    finding.help = Some("`Arc::into_inner(…)` gives the value to exactly one of the last owners".to_owned());
    finding
}
