//! An ordering without a word on what it is for.

use crate::contract::Word;
use crate::facts::access::Order;
use crate::facts::{Facts, Op, OpId, RoleKind};
use crate::finding::{Finding, Label};
use crate::ir::Ordering;
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds orderings weaker than `SeqCst` with no comment that says what they pair with, or that they pair with nothing.
    ///
    /// ## Why it matters
    ///
    /// An ordering is half of a sentence; the other half stands in another function. Without a comment every reader has
    /// to find it again, and whoever changes one half does not know of the other:
    ///
    /// ```text
    ///   publish()                        get()                        what a comment would say
    /// 1 data = …                                                      —
    /// 2 ready.store(true, Release)                                    pairs with the load in `get`
    /// 3                                  ready.load(Acquire) → true   pairs with the store in `publish`
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// static READY: AtomicBool = AtomicBool::new(false);
    ///
    /// fn finish() {
    ///     READY.store(true, Ordering::Release);
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// static READY: AtomicBool = AtomicBool::new(false);
    ///
    /// fn finish() {
    ///     // Release: pairs with the Acquire load in `is_ready`.
    ///     READY.store(true, Ordering::Release);
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// In code whose orderings are argued in one place, a module's documentation for instance.
    ///
    /// ## Known limits
    ///
    /// A comment counts if it stands on the line, directly above or inside the statement, or in the documentation of a
    /// function with one operation, and if it mentions an ordering, pairing, visibility, a fence or a race. What it says
    /// is not checked; `broken_pairing` checks comments of the form `sync: pairs with Queue::pop`.
    ///
    /// ## References
    ///
    /// The Linux kernel's `Documentation/memory-barriers.txt`, which asks for a comment at every barrier.
    pub static UNDOCUMENTED_ORDERING = {
        name: "undocumented_ordering",
        topic: "ordering",
        group: Restriction,
        confidence: Certain,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

/// Words that only a comment on ordering has.
const TOPIC: [&str; 27] = [
    "relaxed",
    "acquire",
    "acquires",
    "acquired",
    "release",
    "releases",
    "released",
    "acqrel",
    "seqcst",
    "ordering",
    "orderings",
    "ordered",
    "orders",
    "pair",
    "pairs",
    "paired",
    "visible",
    "visibility",
    "fence",
    "fences",
    "barrier",
    "reorder",
    "reordered",
    "race",
    "races",
    "sync",
    "publishes",
];

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for (i, op) in facts.ops.iter().enumerate() {
        let id = OpId(i as u32);
        let Some(ordering) = weak_ordering(op) else { continue };
        if op.is_test || only_counts(facts, op) || is_annotated(facts, op) || is_argued(facts, id) {
            continue;
        }
        out.push(report(cx, id, ordering));
    }
}

/// The ordering, if it is written here and weaker than `SeqCst`.
fn weak_ordering(op: &Op<'_>) -> Option<Ordering> {
    match op.orders.success {
        Order::Known(o) if o != Ordering::SeqCst && op.ordering_arg.is_some() => Some(o),
        _ => None,
    }
}

/// Counters order nothing, and a receiver that was not resolved may be one.
fn only_counts(facts: &Facts<'_>, op: &Op<'_>) -> bool {
    op.location
        .is_none_or(|l| matches!(facts.role(l).kind, RoleKind::Counter | RoleKind::IdAllocator | RoleKind::Extremum))
}

/// `#[pairs_with("Queue::pop")]` says it.
fn is_annotated(facts: &Facts<'_>, op: &Op<'_>) -> bool {
    facts.program.annotation(facts.program.body(op.body).owner, Word::PairsWith).is_some()
}

/// Some comment of the operation is about ordering.
fn is_argued(facts: &Facts<'_>, op: OpId) -> bool {
    facts.comments_of(op).iter().any(|c| {
        let text = c.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|w| text.contains(w));
        has(&["happens-before", "happens before", "synchroni", "single writer", "only writer"])
            || text.split(|ch: char| !ch.is_alphanumeric() && ch != '_').any(|w| TOPIC.contains(&w))
    })
}

fn report(cx: &Cx<'_>, id: OpId, ordering: Ordering) -> Finding {
    let op = cx.facts.op(id);
    let name = op.location.map_or_else(|| "it".to_owned(), |l| cx.location_name(l));
    let message = format!("nothing says what the `{}` of {name} pairs with", ordering.name());
    let primary = Label::new(cx.op_site(id), "no comment on its ordering");
    let mut finding = cx.finding(&UNDOCUMENTED_ORDERING, op.body, primary, message);
    finding.key.location = op.location.map_or_else(String::new, |l| cx.facts.location(l).name.clone());
    finding.key.operation = op.method.to_owned();
    finding.help = Some(match ordering {
        Ordering::Relaxed => "say what else orders it, or that nothing needs to".to_owned(),
        _ => "name the function on the other side: `// sync: pairs with Type::function`".to_owned(),
    });
    finding
}
