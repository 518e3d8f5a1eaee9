//! A count of one is taken for sole ownership without acquiring what the other owners did before they left.

use std::collections::BTreeSet;

use crate::facts::control::Decision;
use crate::facts::role::RoleKind;
use crate::facts::{Facts, LocId, OpId, Seen};
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::{AtomicOpKind, EventId};
use crate::lint::{Cx, declare_lint};
use crate::remedy::ordering::{Half, strengthen};
use crate::resolve::BodyId;

declare_lint! {
    /// Finds a `Relaxed` load of a reference count that decides, by being one, that the object may be changed or
    /// freed.
    ///
    /// ## Why it matters
    ///
    /// The other owners are gone, but what they last did with the object may not be visible here: their decrements
    /// released it, this load has to acquire it.
    ///
    /// ```text
    ///   owner A                        owner B                           refs
    /// 1 reads (*object).items                                            2
    /// 2 refs.fetch_sub(1, Release)                                       1
    /// 3                                refs.load(Relaxed) → 1            1
    /// 4                                (&mut *object).items.clear()      1    may overtake A's read
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{fence, AtomicUsize, Ordering::*};
    ///
    /// pub struct Inner { refs: AtomicUsize, items: Vec<u32> }
    /// pub struct Handle { inner: *mut Inner }
    ///
    /// impl Handle {
    ///     pub fn get_mut(&mut self) -> Option<&mut Vec<u32>> {
    ///         unsafe {
    ///             if (*self.inner).refs.load(Relaxed) == 1 { Some(&mut (*self.inner).items) } else { None }
    ///         }
    ///     }
    /// }
    ///
    /// impl Drop for Handle {
    ///     fn drop(&mut self) {
    ///         unsafe {
    ///             if (*self.inner).refs.fetch_sub(1, Release) == 1 {
    ///                 fence(Acquire);
    ///                 drop(Box::from_raw(self.inner));
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{fence, AtomicUsize, Ordering::*};
    ///
    /// pub struct Inner { refs: AtomicUsize, items: Vec<u32> }
    /// pub struct Handle { inner: *mut Inner }
    ///
    /// impl Handle {
    ///     pub fn get_mut(&mut self) -> Option<&mut Vec<u32>> {
    ///         unsafe {
    ///             if (*self.inner).refs.load(Acquire) == 1 { Some(&mut (*self.inner).items) } else { None }
    ///         }
    ///     }
    /// }
    ///
    /// impl Drop for Handle {
    ///     fn drop(&mut self) {
    ///         unsafe {
    ///             if (*self.inner).refs.fetch_sub(1, Release) == 1 {
    ///                 fence(Acquire);
    ///                 drop(Box::from_raw(self.inner));
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// `std::sync::Arc::get_mut` does this.
    ///
    /// ## When to allow
    ///
    /// When the object is only ever read, so that there is nothing to overtake.
    ///
    /// ## Known limits
    ///
    /// Sees the use where the test and the exclusive access stand in one function, or the test in a helper that it
    /// calls. Assertions and statistics are left alone.
    ///
    /// ## References
    ///
    /// The sources of `std::sync::Arc::is_unique`.
    pub static RELAXED_UNIQUENESS_CHECK = {
        name: "relaxed_uniqueness_check",
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
    let mut reported: BTreeSet<OpId> = BTreeSet::new();
    for body in facts.bodies_with_ops() {
        for decision in facts.decisions(body) {
            for &i in decision.flows.compared.iter().chain(&decision.flows.ops) {
                let seen = &facts.seen(body)[i];
                if reported.contains(&seen.op) {
                    continue;
                }
                if let Some((location, used)) = relied_upon(facts, body, decision, seen) {
                    reported.insert(seen.op);
                    out.push(report(cx, location, body, seen, used));
                }
            }
        }
    }
}

/// The count, and the event that needs sole ownership, if the load decides about it without acquiring.
fn relied_upon(facts: &Facts<'_>, body: BodyId, decision: &Decision, seen: &Seen) -> Option<(LocId, EventId)> {
    let op = facts.op(seen.op);
    let location = op.location?;
    let relevant = op.kind == AtomicOpKind::Load
        && seen.orders.lacks_acquire()
        && facts.is_compared_with(body, seen, &[1, 2])
        && !decision.flows.is_constant()
        && !facts.is_debug_assertion(body, decision)
        && !facts.is_guarded(location, seen.op)
        && !facts.acquires_in_helper(seen)
        // The other count of the same object was acquired before.
        && !facts.is_acquired_before(body, seen.event, location)
        && (facts.role(location).kind == RoleKind::Refcount || facts.is_owner_count(location));
    if !relevant {
        return None;
    }
    let touched = facts.touches(body).iter().filter(|t| t.kind.writes()).map(|t| t.event);
    let events = facts.program.body(body).ir.events.len() as u32;
    let freed = (0..events).map(EventId).filter(|e| facts.frees_at(body, *e));
    let used = touched
        .chain(freed)
        .find(|&e| facts.is_controlled(body, decision, e) && facts.reaches_unacquired(body, seen.event, e))?;
    Some((location, used))
}

fn report(cx: &Cx<'_>, location: LocId, body: BodyId, seen: &Seen, used: EventId) -> Finding {
    let facts = cx.facts;
    let op = facts.op(seen.op);
    let name = cx.location_name(location);
    let site = cx.op_site(seen.op);
    let used_site = facts.event_site(body, used);
    let ordering = cx.ordering_text(op);
    let message = format!("{name} is one, but what the other owners did last may not be visible here");
    let primary = Label::new(site, format!("`{ordering}` acquires nothing"));
    let mut finding = cx.finding(&RELAXED_UNIQUENESS_CHECK, op.body, primary, message);
    finding.secondary.push(Label::new(used_site, "taken to be the only owner here"));
    finding.notes.push(cx.role_note(location));
    finding.key.location = facts.location(location).name.clone();
    finding.key.operation = op.method.to_owned();
    let watched = facts.location(location).name.rsplit("::").next().unwrap_or("refs").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["owner A", "owner B"], watched)
            .step(0, None, "uses the object", "2")
            .step(0, None, "decrements, with Release", "1")
            .step(1, Some(site), "load → 1", "1")
            .step(1, Some(used_site), "changes the object", "1")
            .ending("may overtake A's use"),
    );
    finding.fixes.extend(strengthen(cx, seen.op, Half::Acquire));
    finding.help = Some("load with `Acquire`, or put `fence(Acquire)` after the test".to_owned());
    finding
}
