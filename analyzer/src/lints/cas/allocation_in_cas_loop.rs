//! The retried region of a CAS loop allocates.

use rustc_hash::FxHashSet;

use crate::facts::Facts;
use crate::facts::effects::EffectKind;
use crate::facts::region::{Part, Repeated, Retry, RetryKind, What};
use crate::facts::wait_loop::is_hint;
use crate::finding::{Finding, Label};
use crate::ir::EventKind;
use crate::lint::{Cx, declare_lint};
use crate::remedy::{hoist, runtime};

declare_lint! {
    /// Finds allocations inside the part of a compare-and-swap loop that runs again when the CAS fails.
    ///
    /// ## Why it matters
    ///
    /// Every failed attempt allocates, and frees what it has allocated. The allocator is the slowest thing in such a
    /// loop and often takes a lock itself, so that the window in which the CAS can fail grows just when threads
    /// compete for it:
    ///
    /// ```text
    ///   thread A               thread B               head
    /// 1 load → n1                                     n1
    /// 2 allocate a                                    n1
    /// 3                        CAS n1 → b             b
    /// 4 CAS n1 → a fails                              b
    /// 5 free a, allocate a'                           b     and the window is open again
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Node { value: u32, next: *mut Node }
    /// pub struct Log { head: AtomicPtr<Node> }
    ///
    /// impl Log {
    ///     pub fn push(&self, value: u32) {
    ///         loop {
    ///             let next = self.head.load(Acquire);
    ///             let node = Box::into_raw(Box::new(Node { value, next }));
    ///             if self.head.compare_exchange(next, node, AcqRel, Acquire).is_ok() {
    ///                 return;
    ///             }
    ///             drop(unsafe { Box::from_raw(node) });
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Node { value: u32, next: *mut Node }
    /// pub struct Log { head: AtomicPtr<Node> }
    ///
    /// impl Log {
    ///     pub fn push(&self, value: u32) {
    ///         let node = Box::into_raw(Box::new(Node { value, next: std::ptr::null_mut() }));
    ///         let mut next = self.head.load(Acquire);
    ///         loop {
    ///             unsafe { (*node).next = next };
    ///             match self.head.compare_exchange_weak(next, node, AcqRel, Acquire) {
    ///                 Ok(_) => return,
    ///                 Err(now) => next = now,
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// Where each attempt must copy what it has read (copy-on-write), let writers take turns: a mutex on the writers'
    /// side and `atomic_lint::Snapshot` for the readers copies once for each change. To move over:
    ///
    /// ```text
    /// current: AtomicPtr<Config>                          current: atomic_lint::LockedSnapshot<Config>
    /// unsafe { &*self.current.load(Acquire) }             self.current.load()
    /// loop { copy; change; compare_exchange; free }       self.current.modify(|config| config.limit = limit)
    /// ```
    ///
    /// `Snapshot` with `update` does the same without a lock where copies are cheap, and frees what is replaced when the
    /// last reader has gone.
    ///
    /// ## When to allow
    ///
    /// When writes are so rare that attempts hardly ever fail.
    ///
    /// ## Known limits
    ///
    /// Quiet for memory that is allocated once and kept for the next attempt. Constructors that allocate nothing
    /// (`Vec::new`, `String::new`) and `Arc::clone` do not count. Foreign functions are known by name only.
    ///
    /// ## References
    ///
    /// `arc_swap::ArcSwap::rcu` ("the closure may be called multiple times").
    pub static ALLOCATION_IN_CAS_LOOP = {
        name: "allocation_in_cas_loop",
        topic: "cas",
        group: Perf,
        confidence: Likely,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    let mut told = FxHashSet::default();
    for retry in facts.retries().iter().filter(|r| !matches!(r.kind, RetryKind::Pure)) {
        let mut found = facts.repeated(retry);
        found.retain(|r| allocates_each_time(facts, retry, r) && told.insert(r.origin()));
        if let Some(first) = found.first() {
            out.push(report(cx, retry, first, &found[1..]));
        }
    }
}

fn allocates_each_time(facts: &Facts<'_>, retry: &Retry, r: &Repeated<'_>) -> bool {
    let What::Effect(e) = r.what else { return false };
    let Some(part) = retry.parts.iter().find(|p| p.body == r.body) else { return false };
    e.kind == EffectKind::Allocate
        && !is_in_backoff(facts, r)
        && !is_inside_another(facts, r)
        && !facts.is_kept(part, r)
        && !is_created_once(facts, part, r)
}

/// Waiting may allocate; nobody is in a hurry there.
fn is_in_backoff(facts: &Facts<'_>, r: &Repeated<'_>) -> bool {
    match &facts.event(r.body, r.event).kind {
        EventKind::Call(call) => is_hint(facts.callee_name(call)),
        _ => false,
    }
}

/// An argument of another allocation (`Arc::new(list.clone())`) or the message of a panic is told with that one.
fn is_inside_another(facts: &Facts<'_>, r: &Repeated<'_>) -> bool {
    let Some(result) = facts.result_of(r.body, r.event) else { return false };
    facts.program.body(r.body).ir.events.iter().any(|e| match &e.kind {
        EventKind::Macro(m) => m.diverges && m.args.contains(&result),
        _ => false,
    })
}

/// It fills an empty slot of the structure by a CAS of its own: whoever comes next finds the slot filled.
fn is_created_once(facts: &Facts<'_>, part: &Part, r: &Repeated<'_>) -> bool {
    let Some(result) = facts.result_of(r.body, r.event) else { return false };
    facts.seen(r.body).iter().any(|s| {
        let op = facts.op(s.op);
        op.kind.is_cas()
            && Some(s.event) != part.attempt
            && s.is_direct()
            && op.new_value().is_some_and(|v| facts.derives_from(r.body, v, result))
    })
}

fn report(cx: &Cx<'_>, retry: &Retry, first: &Repeated<'_>, rest: &[Repeated<'_>]) -> Finding {
    let facts = cx.facts;
    let target = retry.location.map_or_else(|| "the atomic".to_owned(), |l| cx.location_name(l));
    let message = format!("every failed attempt to change {target} allocates again");
    let site = facts.event_site(first.body, first.event);
    let label = Label::new(site, "allocated once for each attempt");
    let mut finding = cx.finding(&ALLOCATION_IN_CAS_LOOP, first.body, label, message);
    let (body, event) = first.origin();
    if (body, event) != (first.body, first.event) {
        finding.secondary.push(Label::new(facts.event_site(body, event), "the allocation, in a helper"));
    }
    for other in rest {
        finding.secondary.push(Label::new(facts.event_site(other.body, other.event), "this too"));
    }
    match (&retry.kind, retry.op) {
        (RetryKind::Loop(l), Some(op)) => {
            let seen = &facts.seen(retry.body)[l.cas];
            let label = "when this fails, the loop comes round again";
            finding.secondary.push(Label::new(cx.seen_site(retry.body, seen), label));
            finding.key.operation = facts.op(op).method.to_owned();
            if first.body == retry.body && seen.is_direct() {
                finding.fixes.extend(hoist::out_of_loop(cx, first.body, first.event, facts.op(op).span));
            }
        }
        (RetryKind::Update(event) | RetryKind::Handed(event), op) => {
            let label = "calls it again for each attempt";
            finding.secondary.push(Label::new(facts.event_site(retry.body, *event), label));
            finding.key.operation = op.map_or_else(String::new, |o| facts.op(o).method.to_owned());
        }
        _ => {}
    }
    finding.key.location = retry.location.map_or_else(String::new, |l| facts.location(l).name.clone());
    let copies = match &facts.event(body, event).kind {
        EventKind::Call(call) => matches!(facts.callee_name(call), "clone" | "to_vec" | "to_owned" | "collect"),
        _ => false,
    };
    if copies {
        finding.fixes.extend(retry.location.and_then(|l| runtime::snapshot(cx, l)));
    }
    finding.help = Some(match retry.kind {
        RetryKind::Loop(_) if !copies => {
            "allocate before the loop, and set what depends on the old value in each attempt".to_owned()
        }
        _ => "let writers take turns (a mutex on their side) and publish with `atomic_lint::Snapshot`, so that each \
              change copies once"
            .to_owned(),
    });
    finding
}
