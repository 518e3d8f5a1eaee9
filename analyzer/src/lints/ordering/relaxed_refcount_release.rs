//! The last owner frees an object without being ordered after the other owners' last uses of it.

use std::collections::BTreeSet;

use crate::facts::refcount::LastOwner;
use crate::facts::{Facts, LocId, OpId, Seen};
use crate::finding::{Finding, Interleaving, Label};
use crate::lint::{Cx, declare_lint};
use crate::remedy::ordering;

declare_lint! {
    /// Finds a reference count whose last decrement frees, while the decrement does not release, or nothing acquires
    /// between the decrement and the free.
    ///
    /// ## Why it matters
    ///
    /// Each owner's last use of the object has to happen before the free. The decrement publishes it (`Release`), and
    /// the owner that comes to zero has to receive it (`Acquire`):
    ///
    /// ```text
    ///   owner A                        owner B                     refs
    /// 1 reads (*object).name                                       2
    /// 2 refs.fetch_sub(1, Relaxed) → 2                             1     step 1 may still be under way
    /// 3                                refs.fetch_sub(1) → 1       0
    /// 4                                drop(Box::from_raw(object)) 0     A reads freed memory
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicUsize, Ordering::*};
    ///
    /// pub struct Inner { refs: AtomicUsize, name: String }
    /// pub struct Handle { inner: *mut Inner }
    ///
    /// impl Drop for Handle {
    ///     fn drop(&mut self) {
    ///         unsafe {
    ///             if (*self.inner).refs.fetch_sub(1, Release) == 1 {
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
    /// pub struct Inner { refs: AtomicUsize, name: String }
    /// pub struct Handle { inner: *mut Inner }
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
    /// `fetch_sub(1, AcqRel)` is as right; `std::sync::Arc` or `atomic_lint::RefCount` does it for you.
    ///
    /// ## When to allow
    ///
    /// When all owners are on one thread, or another lock orders them.
    ///
    /// ## Known limits
    ///
    /// Freeing is recognised by what is called: `Box::from_raw`, `drop_in_place`, `dealloc`, `munmap`, `close`, and
    /// functions of the crate that do so. Counts whose zero branch only notifies are left alone.
    ///
    /// ## References
    ///
    /// The sources of `std::sync::Arc` (`Drop`); *Boost.Atomic: usage examples*, on reference counting.
    pub static RELAXED_REFCOUNT_RELEASE = {
        name: "relaxed_refcount_release",
        topic: "ordering",
        group: Correctness,
        confidence: Certain,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Release,
    Acquire,
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for location in (0..facts.locations.len() as u32).map(LocId) {
        let mut reported: BTreeSet<OpId> = BTreeSet::new();
        for last in facts.last_owners(location) {
            let seen = &facts.seen(last.body)[last.seen];
            if facts.is_alone(last.body, seen) || facts.is_guarded(location, seen.op) {
                continue;
            }
            if let Some(missing) = missing(facts, &last, seen).filter(|_| reported.insert(seen.op)) {
                out.push(report(cx, location, &last, seen, missing));
            }
        }
    }
}

/// Which half is missing; an ordering that is not known is taken to be enough.
fn missing(facts: &Facts<'_>, last: &LastOwner, seen: &Seen) -> Option<Missing> {
    if seen.orders.lacks_release() && !facts.is_released_before(last.body, seen.event) {
        return Some(Missing::Release);
    }
    let acquired = !seen.orders.lacks_acquire()
        || facts.acquires_in_helper(seen)
        || facts.sync_at(last.body, last.frees).acquires
        || !facts.reaches_unacquired(last.body, seen.event, last.frees);
    (!acquired).then_some(Missing::Acquire)
}

fn report(cx: &Cx<'_>, location: LocId, last: &LastOwner, seen: &Seen, missing: Missing) -> Finding {
    let facts = cx.facts;
    let op = facts.op(seen.op);
    let name = cx.location_name(location);
    let message = match missing {
        Missing::Release => format!("another owner's last use may come after the free that {name} decides"),
        Missing::Acquire => {
            format!("the owner that brings {name} to zero frees without acquiring the others' last uses")
        }
    };
    let ordering = cx.ordering_text(op);
    let text = match missing {
        Missing::Release => format!("`{ordering}` does not release this owner's uses"),
        Missing::Acquire => format!("`{ordering}` does not acquire the other owners' uses"),
    };
    let site = cx.op_site(seen.op);
    let free = facts.event_site(last.body, last.frees);
    let mut finding = cx.finding(&RELAXED_REFCOUNT_RELEASE, op.body, Label::new(site, text), message);
    finding.secondary.push(Label::new(free, "freed here"));
    finding.notes.push(cx.role_note(location));
    finding.key.location = facts.location(location).name.clone();
    finding.key.operation = op.method.to_owned();
    let watched = facts.location(location).name.rsplit("::").next().unwrap_or("refs").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["owner A", "owner B"], watched)
            .step(0, None, "uses the object", "2")
            .step(0, Some(site), format!("{} → 2", op.method), "1")
            .step(1, Some(site), format!("{} → 1", op.method), "0")
            .step(1, Some(free), "frees the object", "0")
            .ending("A's use may still be under way"),
    );
    finding.fixes.extend(ordering::last_owner(cx, op.body, seen));
    finding.help = Some(match missing {
        Missing::Release => "decrement with `Release`, and put `fence(Acquire)` before the free (or use `AcqRel`, or \
                             `atomic_lint::RefCount`)"
            .to_owned(),
        Missing::Acquire => "put `fence(Acquire)` before the free, or decrement with `AcqRel`".to_owned(),
    });
    finding
}
