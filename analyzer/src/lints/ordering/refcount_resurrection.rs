//! A reference count is raised where it may already be zero.

use super::super::cas::premature_reclamation;
use crate::facts::refcount::{Doubt, LateRaise};
use crate::facts::{Facts, LocId};
use crate::finding::{Finding, Interleaving, Label, Site};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds a reference count that is raised, whatever it holds, where the last owner may just have brought it to zero:
    /// after a separate test for zero, from a weak handle, through a pointer that others replace, or in a table whose lock
    /// the last owner takes too late.
    ///
    /// ## Why it matters
    ///
    /// The owner that comes to zero frees; a raise does not call it back. From then on the new owner uses freed memory:
    ///
    /// ```text
    ///   upgrade                       last owner                     strong
    /// 1 strong.load → 1                                              1
    /// 2                               strong.fetch_sub(1) → 1        0
    /// 3 strong.fetch_add(1) → 0                                      1
    /// 4                               drops the value                1
    /// 5 hands out a new owner                                        1     its value is gone
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{fence, AtomicUsize, Ordering::*};
    ///
    /// pub struct Inner { strong: AtomicUsize, name: String }
    /// pub struct Handle { inner: *mut Inner }
    /// pub struct Directory { entry: *mut Inner }
    ///
    /// impl Directory {
    ///     pub fn find(&self) -> Option<Handle> {
    ///         let strong = unsafe { &(*self.entry).strong };
    ///         if strong.load(Acquire) == 0 {
    ///             return None;
    ///         }
    ///         strong.fetch_add(1, Relaxed);
    ///         Some(Handle { inner: self.entry })
    ///     }
    /// }
    ///
    /// impl Drop for Handle {
    ///     fn drop(&mut self) {
    ///         unsafe {
    ///             if (*self.inner).strong.fetch_sub(1, Release) == 1 {
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
    /// pub struct Inner { strong: AtomicUsize, name: String }
    /// pub struct Handle { inner: *mut Inner }
    /// pub struct Directory { entry: *mut Inner }
    ///
    /// impl Directory {
    ///     pub fn find(&self) -> Option<Handle> {
    ///         let strong = unsafe { &(*self.entry).strong };
    ///         strong.fetch_update(Acquire, Relaxed, |n| (n != 0).then_some(n + 1)).ok()?;
    ///         Some(Handle { inner: self.entry })
    ///     }
    /// }
    ///
    /// impl Drop for Handle {
    ///     fn drop(&mut self) {
    ///         unsafe {
    ///             if (*self.inner).strong.fetch_sub(1, Release) == 1 {
    ///                 fence(Acquire);
    ///                 drop(Box::from_raw(self.inner));
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// The count itself has to outlive the value then, by a second count as in `std::sync::Weak`, or by the lock of the
    /// directory. `std::sync::Weak::upgrade` and `atomic_lint::RefCount::try_acquire` do this.
    ///
    /// ## When to allow
    ///
    /// When something that the source does not show keeps an owner alive meanwhile.
    ///
    /// ## Known limits
    ///
    /// Counts are recognised by a decrement whose result decides that something is freed, or that the lock of the table
    /// is taken in which the raise finds its entry; another look at the count under that lock settles the matter. Quiet where the result of the
    /// raise is tested, where a lock is held that every change of the count holds, for `clone` of a handle that owns the
    /// count, in unsafe functions after a test (the caller may keep an owner), and for raises through raw pointers whose
    /// origin is not seen.
    ///
    /// ## References
    ///
    /// The sources of `std::sync::Weak::upgrade`; Anthony Williams, *C++ Concurrency in Action*, 7.2.4, on split reference
    /// counts.
    pub static REFCOUNT_RESURRECTION = {
        name: "refcount_resurrection",
        topic: "ordering",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for location in (0..facts.locations.len() as u32).map(LocId) {
        let raises = facts.late_raises(location);
        out.extend(raises.iter().filter(|r| !is_told_of_pointer(facts, r)).map(|r| report(cx, location, r)));
    }
}

/// `premature_reclamation` already speaks of the pointer that the object was found through.
fn is_told_of_pointer(facts: &Facts<'_>, raise: &LateRaise) -> bool {
    let Doubt::Loaded(load) = raise.doubt else { return false };
    let location = facts.op(facts.seen(raise.body)[load].op).location;
    location.is_some_and(|l| premature_reclamation::is_reported(facts, l))
}

/// Where the last owner lowers the count, and where the object goes.
fn end(cx: &Cx<'_>, location: LocId, raise: &LateRaise) -> (Option<Site>, Option<Site>) {
    let facts = cx.facts;
    if let Doubt::Table { last, seen, taken } = raise.doubt {
        return (Some(cx.op_site(facts.seen(last)[seen].op)), Some(facts.event_site(last, taken)));
    }
    let last = facts.last_owners(location).into_iter().next();
    let lowers = last.as_ref().map(|l| cx.op_site(facts.seen(l.body)[l.seen].op));
    (lowers, last.map(|l| facts.event_site(l.body, l.frees)))
}

fn report(cx: &Cx<'_>, location: LocId, raise: &LateRaise) -> Finding {
    let facts = cx.facts;
    let seen = &facts.seen(raise.body)[raise.seen];
    let op = facts.op(seen.op);
    let name = cx.location_name(location);
    let message = match raise.doubt {
        Doubt::Checked(_) => format!("{name} may have come to zero since it was tested, and its object be freed"),
        Doubt::Weak { owner, .. } => {
            let owner = &facts.program.def(owner).item.name;
            format!("{name} may be zero here: the `{owner}` made of it then owns what is being freed")
        }
        Doubt::Loaded(_) => format!("{name} may be zero here: its object may be replaced and freed after the load"),
        Doubt::Table { .. } => {
            format!(
                "{name} may be zero here: its last owner waits for this lock, and takes the object out all the same"
            )
        }
    };
    let site = cx.seen_site(raise.body, seen);
    let primary = Label::new(site, "raised, whatever it holds by now");
    let mut finding = cx.finding(&REFCOUNT_RESURRECTION, raise.body, primary, message);
    let (first, what) = match raise.doubt {
        Doubt::Checked(load) => {
            let load = cx.seen_site(raise.body, &facts.seen(raise.body)[load]);
            finding.secondary.push(Label::new(load, "found above zero here"));
            (Some(load), "load → 1")
        }
        Doubt::Weak { handle, .. } => {
            let handle = &facts.program.def(handle).item.name;
            finding
                .notes
                .push(format!("a `{handle}` does not keep {name} above zero: its `Drop` lowers another count"));
            (None, "holds no count")
        }
        Doubt::Loaded(load) => {
            let load = cx.seen_site(raise.body, &facts.seen(raise.body)[load]);
            finding.secondary.push(Label::new(load, "the object is found here; others may replace it"));
            (Some(load), "load → object")
        }
        Doubt::Table { last, taken, .. } => {
            let taken = facts.event_site(last, taken);
            finding.secondary.push(Label::new(taken, "the last owner takes the lock here, and does not look again"));
            (None, "finds it in the table")
        }
    };
    let (lowers, frees) = end(cx, location, raise);
    if let Some(lowers) = lowers {
        finding.secondary.push(Label::new(lowers, "the owner that brings it to zero frees"));
    }
    finding.notes.push(cx.role_note(location));
    finding.key.location = facts.location(location).name.clone();
    finding.key.operation = op.method.to_owned();
    let watched = finding.key.location.rsplit("::").next().unwrap_or("refs").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["new owner", "last owner"], watched)
            .step(0, first, what, "1")
            .step(1, lowers, "fetch_sub → 1", "0")
            .step(0, Some(site), "fetch_add → 0", "1")
            .step(1, frees, "frees the object", "1")
            .step(0, None, "uses the object", "1")
            .ending("freed memory"),
    );
    finding.help = Some(
        "raise it by a CAS that gives up at zero: `fetch_update(Acquire, Relaxed, |n| (n != 0).then_some(n + 1))`, or \
         `atomic_lint::RefCount::try_acquire`"
            .to_owned(),
    );
    finding
}
