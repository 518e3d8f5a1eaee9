//! The count of an `Arc`'s owners decides what is done, though it may be another by then.

use crate::facts::Facts;
use crate::finding::{Finding, Interleaving, Label, Site};
use crate::ir::{Base, BlockId, Call, Callee, Event, EventId, EventKind, Path, Terminator, ValueId, ValueKind};
use crate::lint::{Cx, declare_lint};
use crate::remedy::small;
use crate::resolve::calls::Target;
use crate::resolve::{BodyId, Known, Type};

declare_lint! {
    /// Finds decisions by `Arc::strong_count` or `Arc::weak_count`, and `Arc::try_unwrap(x).ok()`, by which two owners
    /// that let go at the same time both find the other still there.
    ///
    /// ## Why it matters
    ///
    /// The count can change as soon as it has been read. Two owners that leave together both see two and both leave
    /// the cleaning up to the other; with `try_unwrap(..).ok()` both get an error and drop what they were to hand on:
    ///
    /// ```text
    ///   thread A                     thread B                     count
    /// 1 strong_count → 2                                          2
    /// 2                              strong_count → 2             2
    /// 3 not the last: drop                                        1
    /// 4                              not the last: drop           0   nobody cleaned up
    /// ```
    ///
    /// The other way round, a `Weak` can be upgraded right after one was read.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::Arc;
    ///
    /// pub fn close(file: Arc<std::fs::File>) {
    ///     if Arc::strong_count(&file) == 1 {
    ///         file.sync_all().unwrap();
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::Arc;
    ///
    /// pub fn close(file: Arc<std::fs::File>) {
    ///     if let Some(file) = Arc::into_inner(file) {
    ///         file.sync_all().unwrap();
    ///     }
    /// }
    /// ```
    ///
    /// `Arc::into_inner` gives the value to exactly one of the last owners; `Arc::get_mut` lends it to the only one.
    ///
    /// ## When to allow
    ///
    /// When the count is a hint and a wrong one costs nothing.
    ///
    /// ## Known limits
    ///
    /// `Arc::into_inner` came with Rust 1.70, so a package whose `rust-version` is older is offered no fix.
    ///
    /// Logging, assertions and tests are left alone, and so is code under an exclusive lock in a crate that makes no
    /// `Weak`. A count that is handed to the caller is not followed.
    ///
    /// ## References
    ///
    /// `std::sync::Arc`: `strong_count`, `into_inner`.
    pub static ARC_COUNT_RACE = {
        name: "arc_count_race",
        topic: "api",
        group: Suspicious,
        confidence: Likely,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for body in facts.program.body_ids() {
        let b = facts.program.body(body);
        if facts.program.def(b.owner).is_test {
            continue;
        }
        for (i, event) in b.ir.events.iter().enumerate() {
            let id = EventId(i as u32);
            let EventKind::Call(call) = &event.kind else { continue };
            match &call.callee {
                Callee::Path(path) if is_arc_function(facts, body, id, path, &["strong_count", "weak_count"]) => {
                    if let Some(decided) = deciding_branch(facts, body, id).filter(|_| !is_locked(facts, body, id)) {
                        out.push(report_count(cx, body, id, path.last(), decided));
                    }
                }
                Callee::Method { receiver, name, .. } if name == "ok" => {
                    let (Base::Value(v) | Base::Local(_, v)) = receiver.base else { continue };
                    let drops =
                        receiver.proj.is_empty() && is_try_unwrap(facts, body, v) && !is_insisted_on(facts, body, id);
                    if drops && !is_locked(facts, body, id) {
                        let mut finding = report_unwrap(cx, body, id);
                        if let ValueKind::Event(unwrap) = facts.value(body, v) {
                            finding.fixes.extend(small::into_inner(cx, body, *unwrap));
                        }
                        out.push(finding);
                    }
                }
                _ => {}
            }
        }
    }
}

fn is_arc_function(facts: &Facts<'_>, body: BodyId, event: EventId, path: &Path, names: &[&str]) -> bool {
    let EventKind::Call(call) = &facts.event(body, event).kind else { return false };
    let owner = path.segments.len().checked_sub(2).map_or("", |i| path.segments[i].name.as_str());
    // The crate's own `Arc` counts for itself.
    let own = matches!(facts.program.target(body, call), Target::Fn(_));
    names.contains(&path.last()) && owner == "Arc" && !own
}

fn is_try_unwrap(facts: &Facts<'_>, body: BodyId, value: ValueId) -> bool {
    let ValueKind::Event(e) = facts.value(body, value) else { return false };
    match &facts.event(body, *e).kind {
        EventKind::Call(call) => match &call.callee {
            Callee::Path(path) => is_arc_function(facts, body, *e, path, &["try_unwrap"]),
            _ => false,
        },
        _ => false,
    }
}

/// `.ok().expect(…)`: the caller knows that it is alone, and finds out if not.
fn is_insisted_on(facts: &Facts<'_>, body: BodyId, event: EventId) -> bool {
    let Some(result) = facts.result_of(body, event) else { return false };
    facts.program.body(body).ir.events.iter().any(|e| match &e.kind {
        EventKind::Call(call) => match &call.callee {
            Callee::Method { receiver, name, .. } => {
                let on_result = matches!(receiver.base, Base::Value(v) | Base::Local(_, v) if v == result);
                on_result && matches!(name.as_str(), "expect" | "unwrap" | "unwrap_unchecked")
            }
            _ => false,
        },
        _ => false,
    })
}

/// The condition of the branch that the count decides, if more than an assertion or a log line hangs on it.
fn deciding_branch(facts: &Facts<'_>, body: BodyId, event: EventId) -> Option<ValueId> {
    let count = facts.result_of(body, event)?;
    let blocks = &facts.program.body(body).ir.blocks;
    blocks.iter().enumerate().find_map(|(i, block)| {
        let cond = match block.term {
            Terminator::Branch { cond, .. } => cond,
            Terminator::Switch { on, .. } => on,
            _ => return None,
        };
        let ways = facts.flow(body).successors(BlockId(i as u32));
        // An assertion, in whatever words.
        let asserts = ways.iter().any(|to| blocks[to.index()].term == Terminator::Unreachable);
        let acts =
            !asserts && facts.derives_from(body, cond, count) && ways.iter().any(|to| does_something(facts, body, *to));
        acts.then_some(cond)
    })
}

/// Something that others notice hangs on the way to this block.
fn does_something(facts: &Facts<'_>, body: BodyId, to: BlockId) -> bool {
    let flow = facts.flow(body);
    if flow.predecessors(to).len() != 1 {
        return false;
    }
    facts.events_behind(body, to).any(|e| facts.has_effect(body, e) && !is_log(facts, body, e))
}

fn is_log(facts: &Facts<'_>, body: BodyId, event: EventId) -> bool {
    match &facts.event(body, event).kind {
        EventKind::Macro(m) => matches!(
            m.path.last(),
            "trace"
                | "debug"
                | "info"
                | "warn"
                | "error"
                | "log"
                | "println"
                | "eprintln"
                | "print"
                | "eprint"
                | "dbg"
                | "event"
                | "panic"
                | "format"
                | "format_args"
        ),
        _ => false,
    }
}

/// An exclusive lock is held, and the crate makes no `Weak` that could be upgraded without it. Of the `Weak`s
/// themselves, none comes back once the last is gone.
fn is_locked(facts: &Facts<'_>, body: BodyId, event: EventId) -> bool {
    let held = facts.guards(body).at(facts, body, event).iter().any(|(_, shared)| !shared);
    held && (counts_weak(facts, body, event) || !makes_weak(facts, body, counted(facts, body, event).as_ref()))
}

fn counts_weak(facts: &Facts<'_>, body: BodyId, event: EventId) -> bool {
    let EventKind::Call(Call { callee: Callee::Path(path), .. }) = &facts.event(body, event).kind else { return false };
    path.last() == "weak_count"
}

/// The type of what the counted owners own, if it is known.
fn counted(facts: &Facts<'_>, body: BodyId, event: EventId) -> Option<Type> {
    let EventKind::Call(Call { callee: Callee::Path(_), args }) = &facts.event(body, event).kind else { return None };
    owned(facts, body, *args.first()?)
}

fn owned(facts: &Facts<'_>, body: BodyId, value: ValueId) -> Option<Type> {
    match facts.program.type_of(body, value).peeled_refs() {
        Type::Known(Known::Arc, args) => args.first().filter(|t| !matches!(t, Type::Unknown | Type::Param(_))).cloned(),
        _ => None,
    }
}

/// Whether the crate makes a `Weak` of such a type, or of one that may be it.
fn makes_weak(facts: &Facts<'_>, body: BodyId, counted: Option<&Type>) -> bool {
    let krate = facts.program.def(facts.program.body(body).owner).krate;
    let makes = |body: BodyId, event: &Event| match &event.kind {
        EventKind::Call(Call { callee: Callee::Path(path), args }) if path.last() == "downgrade" => {
            let other = args.first().and_then(|v| owned(facts, body, *v));
            counted.is_none() || other.is_none() || other.as_ref() == counted
        }
        EventKind::Call(Call { callee: Callee::Path(path), .. }) => path.last() == "new_cyclic",
        _ => false,
    };
    let mut own = facts.program.body_ids().filter(|b| facts.program.def(facts.program.body(*b).owner).krate == krate);
    own.any(|b| facts.program.body(b).ir.events.iter().any(|e| makes(b, e)))
}

fn report_count(cx: &Cx<'_>, body: BodyId, event: EventId, function: &str, decided: ValueId) -> Finding {
    let facts = cx.facts;
    let site = facts.event_site(body, event);
    let message = "the number of owners can change between this count and what it decides".to_owned();
    let mut finding = cx.finding(&ARC_COUNT_RACE, body, Label::new(site, "counted here"), message);
    let decision: Site = facts.site(body, facts.value_span(body, decided));
    if decision != site {
        finding.secondary.push(Label::new(decision, "decides here"));
    }
    finding.key.operation = function.to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["thread A", "thread B"], "owners")
            .step(0, Some(site), format!("{function} → 2"), "2")
            .step(1, Some(site), format!("{function} → 2"), "2")
            .step(0, None, "drops its Arc", "1")
            .step(1, None, "drops its Arc", "0")
            .ending("neither was the last"),
    );
    finding.help = Some(
        "let the `Arc` decide in one step: `Arc::into_inner` for the last owner, `Arc::get_mut` for the only one"
            .to_owned(),
    );
    finding
}

fn report_unwrap(cx: &Cx<'_>, body: BodyId, event: EventId) -> Finding {
    let site = cx.facts.event_site(body, event);
    let message = "two owners that do this at the same time may both get nothing, and the value is lost".to_owned();
    let mut finding =
        cx.finding(&ARC_COUNT_RACE, body, Label::new(site, "drops its `Arc` if another is left"), message);
    finding.key.operation = "try_unwrap".to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["thread A", "thread B"], "owners")
            .step(0, Some(site), "try_unwrap fails", "2")
            .step(1, Some(site), "try_unwrap fails", "2")
            .step(0, Some(site), "ok() drops the Arc", "1")
            .step(1, Some(site), "ok() drops the Arc", "0")
            .ending("nobody got the value"),
    );
    finding.help = Some("use `Arc::into_inner`, which gives the value to exactly one of the last owners".to_owned());
    finding
}
