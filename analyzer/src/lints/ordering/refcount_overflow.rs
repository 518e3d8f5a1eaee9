//! A count of handles is raised without a bound.

use crate::facts::role::RoleKind;
use crate::facts::{LocId, OpId};
use crate::finding::{Finding, Interleaving, Label};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds a hand-written count of owners or readers that is raised with no check against overflow, so that handles
    /// which are forgotten rather than dropped can wrap it to zero.
    ///
    /// ## Why it matters
    ///
    /// `mem::forget` is safe. A loop that clones a handle and forgets it leaves the count higher by one each time, until it
    /// wraps; on a 32-bit machine that takes seconds. Then the next `drop` frees what others still use:
    ///
    /// ```text
    ///   thread A                            thread B                 refs
    /// 1 forgets clones                                               4294967295
    /// 2 refs.fetch_add(1)                                            0
    /// 3 refs.fetch_add(1)                                            1
    /// 4                                     refs.fetch_sub(1) → 1    0     frees; A still has its handles
    /// ```
    ///
    /// A count of readers that shares its word with flag bits runs into the flags.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{fence, AtomicUsize, Ordering::*};
    ///
    /// pub struct Inner { refs: AtomicUsize, name: String }
    /// pub struct Handle { inner: *mut Inner }
    ///
    /// impl Clone for Handle {
    ///     fn clone(&self) -> Self {
    ///         unsafe { (*self.inner).refs.fetch_add(1, Relaxed) };
    ///         Handle { inner: self.inner }
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
    /// pub struct Inner { refs: AtomicUsize, name: String }
    /// pub struct Handle { inner: *mut Inner }
    ///
    /// impl Clone for Handle {
    ///     fn clone(&self) -> Self {
    ///         let before = unsafe { (*self.inner).refs.fetch_add(1, Relaxed) };
    ///         if before > isize::MAX as usize {
    ///             std::process::abort();
    ///         }
    ///         Handle { inner: self.inner }
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
    /// Half the range is room enough for every thread that may be between its raise and the test.
    /// `std::sync::Arc` and `atomic_lint::RefCount` do this.
    ///
    /// ## When to allow
    ///
    /// When handles cannot be had in such numbers: they are made inside the crate only, or each costs memory.
    ///
    /// ## Known limits
    ///
    /// Any comparison of the old count with something other than zero or one counts as a check, and so does handing it to
    /// a function. Counts that are raised by a CAS are left alone, and so are gauges that nothing relies on.
    ///
    /// ## References
    ///
    /// The sources of `std::sync::Arc` (`MAX_REFCOUNT`).
    pub static REFCOUNT_OVERFLOW = {
        name: "refcount_overflow",
        topic: "ordering",
        group: Pedantic,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for location in (0..facts.locations.len() as u32).map(LocId) {
        if let [first, rest @ ..] = &facts.unbounded_raises(location)[..] {
            out.push(report(cx, location, *first, rest));
        }
    }
}

fn report(cx: &Cx<'_>, location: LocId, first: OpId, rest: &[OpId]) -> Finding {
    let facts = cx.facts;
    let name = cx.location_name(location);
    let op = facts.op(first);
    let (what, outcome) = if facts.is_owner_count(location) {
        ("until it wraps to zero, and the object is freed in use", "frees, while A has handles")
    } else if facts.role(location).kind == RoleKind::Refcount {
        ("until it wraps to zero, and one of many passes for the last", "passes for the last")
    } else {
        ("until it runs over, and others are let in where they should not be", "taken for free")
    };
    let message = format!("forgotten handles can raise {name} {what}");
    let site = cx.op_site(first);
    let primary = Label::new(site, "raised, however high it is");
    let mut finding = cx.finding(&REFCOUNT_OVERFLOW, op.body, primary, message);
    for other in rest {
        finding.secondary.push(Label::new(cx.op_site(*other), "and here"));
    }
    finding.notes.push(cx.role_note(location));
    finding.key.location = facts.location(location).name.clone();
    finding.key.operation = op.method.to_owned();
    let watched = finding.key.location.rsplit("::").next().unwrap_or("refs").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["thread A", "thread B"], watched)
            .step(0, None, "makes handles and forgets them", "MAX")
            .step(0, Some(site), "fetch_add", "0")
            .step(1, None, "makes a handle and drops it", "0")
            .ending(outcome),
    );
    finding.help = Some(
        "abort when the count before the raise is above half its range, as `std::sync::Arc` does, or use \
         `atomic_lint::RefCount`"
            .to_owned(),
    );
    finding
}
