//! What a failed CAS hands back is used as initialised data, though the failure ordering does not acquire.

use std::collections::BTreeSet;

use crate::facts::publication::{Follow, How};
use crate::facts::role::RoleKind;
use crate::facts::{LocId, OpId, Seen};
use crate::finding::{Finding, Interleaving, Label};
use crate::lint::{Cx, declare_lint};
use crate::remedy::ordering::strengthen_failure;

declare_lint! {
    /// Finds a compare-and-swap whose failure value leads to data (the pointer is dereferenced, the state says that
    /// the data is ready) while the failure ordering is `Relaxed`.
    ///
    /// ## Why it matters
    ///
    /// A failed CAS is a load with the failure ordering. Losing the race means that another thread has published
    /// something; with `Relaxed`, what it published may not be visible yet:
    ///
    /// ```text
    ///   thread A                          thread B                         TABLE
    /// 1                                   table = Box::new(…)              null
    /// 2                                   CAS(null → table, Release) → Ok  table
    /// 3 CAS(null → mine, …, Relaxed) → Err(table)                          table
    /// 4 (*table).len → garbage                                             table   not yet visible here
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::ptr;
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Table { len: usize }
    /// static TABLE: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());
    ///
    /// pub fn table() -> &'static Table {
    ///     let mine = Box::into_raw(Box::new(Table { len: 8 }));
    ///     match TABLE.compare_exchange(ptr::null_mut(), mine, Release, Relaxed) {
    ///         Ok(_) => unsafe { &*mine },
    ///         Err(theirs) => unsafe {
    ///             drop(Box::from_raw(mine));
    ///             &*theirs
    ///         },
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::ptr;
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Table { len: usize }
    /// static TABLE: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());
    ///
    /// pub fn table() -> &'static Table {
    ///     let mine = Box::into_raw(Box::new(Table { len: 8 }));
    ///     match TABLE.compare_exchange(ptr::null_mut(), mine, Release, Acquire) {
    ///         Ok(_) => unsafe { &*mine },
    ///         Err(theirs) => unsafe {
    ///             drop(Box::from_raw(mine));
    ///             &*theirs
    ///         },
    ///     }
    /// }
    /// ```
    ///
    /// `std::sync::OnceLock` does all of it.
    ///
    /// ## When to allow
    ///
    /// When an earlier acquire on another object already orders the two threads; say which.
    ///
    /// ## Known limits
    ///
    /// Quiet if the failure value only becomes the next expected value, is tested for null or printed, or if a fence
    /// or another acquiring operation comes before the use.
    ///
    /// ## References
    ///
    /// C++20 \[atomics.types.operations\] (the failure ordering of `compare_exchange`);
    /// `AtomicPtr::compare_exchange`.
    pub static RELAXED_CAS_FAILURE = {
        name: "relaxed_cas_failure",
        topic: "publication",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for location in (0..facts.locations.len() as u32).map(LocId) {
        let mut reported: BTreeSet<OpId> = BTreeSet::new();
        for follow in facts.follows(location).iter().filter(|f| f.failure && !f.acquired && !f.forwarded) {
            let seen = &facts.seen(follow.body)[follow.seen];
            if leads_to_data(cx, location, follow) && reported.insert(seen.op) {
                out.push(report(cx, location, follow, seen));
            }
        }
    }
}

/// Somebody puts there what is made at run time; for flags, somebody writes this very memory before raising them.
fn leads_to_data(cx: &Cx<'_>, location: LocId, follow: &Follow) -> bool {
    let facts = cx.facts;
    match follow.how {
        How::Pointer(_) => facts.stores_live_pointer(location),
        _ => {
            facts.role(location).kind != RoleKind::Lock
                && facts.publishes(location).iter().any(|p| facts.leads_to(p, follow))
        }
    }
}

fn report(cx: &Cx<'_>, location: LocId, follow: &Follow, seen: &Seen) -> Finding {
    let facts = cx.facts;
    let op = facts.op(seen.op);
    let name = cx.location_name(location);
    let event = match follow.how {
        How::Pointer(t) | How::Guards(t) => facts.touches(follow.body)[t].event,
        How::GuardsAtomic(s) => facts.seen(follow.body)[s].event,
    };
    let used = facts.event_site(follow.body, event);
    // A helper that hands out what the failed CAS gave has it in its own hands to acquire that.
    let handed_out = facts.returns_failure(seen);
    let site = if handed_out { cx.op_site(seen.op) } else { cx.seen_site(follow.body, seen) };
    let message = format!("what another thread put into {name} is used before it is sure to be visible");
    let failure = op.failure_arg.map(|a| cx.snippet(facts.site(op.body, a.span)));
    let failure = failure.unwrap_or_else(|| "Relaxed".to_owned());
    let primary = Label::new(site, format!("on failure this is a load with `{failure}`"));
    let body = if handed_out { op.body } else { follow.body };
    let mut finding = cx.finding(&RELAXED_CAS_FAILURE, body, primary, message);
    finding.secondary.push(Label::new(used, "what it found is used here"));
    if handed_out {
        finding.secondary.push(Label::new(cx.seen_site(follow.body, seen), "handed out to here"));
    } else if !seen.is_direct() {
        finding.secondary.push(Label::new(cx.op_site(seen.op), "the operation, in a helper"));
    }
    finding.notes.push(cx.role_note(location));
    finding.key.location = facts.location(location).name.clone();
    finding.key.operation = op.method.to_owned();
    let watched = facts.location(location).name.rsplit("::").next().unwrap_or("value").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["thread A", "thread B"], watched)
            .step(1, None, "prepares an object", "old")
            .step(1, Some(site), "CAS → Ok", "B's")
            .step(0, Some(site), format!("CAS → Err(B's), with {failure}"), "B's")
            .step(0, Some(used), "uses B's object", "B's")
            .ending("may not be visible yet"),
    );
    finding.fixes.extend(strengthen_failure(cx, seen.op));
    finding.help = Some("make the failure ordering `Acquire`".to_owned());
    finding
}
