//! A pointer that may be null is followed as it was loaded.

use crate::facts::LocId;
use crate::facts::nullness::{NullSource, Unchecked};
use crate::finding::{Finding, Interleaving, Label};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds a pointer that is loaded from an atomic which is null at first, or is set to null again, and dereferenced with
    /// no test on the way.
    ///
    /// ## Why it matters
    ///
    /// Whether the load finds null is a matter of timing: a reader that comes before the first publication, or after the
    /// pointer was taken back, follows null:
    ///
    /// ```text
    ///   reader                        owner                          hook
    /// 1                                                              null
    /// 2 hook.load → null                                             null
    /// 3                               hook.store(new)                new
    /// 4 reads *null                                                  new     undefined behaviour
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Settings { verbose: bool }
    ///
    /// static CURRENT: AtomicPtr<Settings> = AtomicPtr::new(std::ptr::null_mut());
    ///
    /// pub fn install(settings: Settings) {
    ///     CURRENT.store(Box::leak(Box::new(settings)), Release);
    /// }
    ///
    /// pub fn is_verbose() -> bool {
    ///     unsafe { (*CURRENT.load(Acquire)).verbose }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Settings { verbose: bool }
    ///
    /// static CURRENT: AtomicPtr<Settings> = AtomicPtr::new(std::ptr::null_mut());
    ///
    /// pub fn install(settings: Settings) {
    ///     CURRENT.store(Box::leak(Box::new(settings)), Release);
    /// }
    ///
    /// pub fn is_verbose() -> bool {
    ///     unsafe { CURRENT.load(Acquire).as_ref() }.is_some_and(|s| s.verbose)
    /// }
    /// ```
    ///
    /// `std::sync::OnceLock` holds what is set once and tells by an `Option` whether it was.
    ///
    /// ## When to allow
    ///
    /// When every caller comes after the first publication, with that reason beside it; an `unsafe fn` or a `debug_assert!`
    /// says it better.
    ///
    /// ## Known limits
    ///
    /// Any branch or assertion before the dereference is taken for the missing test, whatever it asks. Quiet in unsafe
    /// functions, in private ones that are only called from within the crate, for arrays of pointers, and where the
    /// constructor or the same function stores something first.
    ///
    /// ## References
    ///
    /// The documentation of `pointer::as_ref`; CWE-476.
    pub static UNCHECKED_NULL_LOAD = {
        name: "unchecked_null_load",
        topic: "publication",
        group: Suspicious,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for location in (0..facts.locations.len() as u32).map(LocId) {
        let unchecked = facts.unchecked_loads(location);
        if let Some(source) = unchecked.first().and_then(|_| facts.null_source(location)) {
            out.extend(unchecked.iter().map(|u| report(cx, location, u, source)));
        }
    }
}

fn report(cx: &Cx<'_>, location: LocId, unchecked: &Unchecked, source: NullSource) -> Finding {
    let facts = cx.facts;
    let body = unchecked.body;
    let seen = &facts.seen(body)[unchecked.load];
    let name = cx.location_name(location);
    let message = match source {
        NullSource::First(_) => {
            format!("{name} is null until something is stored, and is followed here without a test")
        }
        NullSource::Stored(_) => format!("{name} is set to null at times, and is followed here without a test"),
    };
    let site = facts.event_site(body, unchecked.used);
    let load = cx.seen_site(body, seen);
    let mut finding = cx.finding(&UNCHECKED_NULL_LOAD, body, Label::new(site, "followed, null or not"), message);
    if load != site {
        finding.secondary.push(Label::new(load, "loaded here"));
    }
    let (null, what) = match source {
        NullSource::First(site) => (site, "null at first"),
        NullSource::Stored(op) => (Some(cx.op_site(op)), "null is stored here"),
    };
    if let Some(null) = null {
        finding.secondary.push(Label::new(null, what));
    }
    finding.notes.push(cx.role_note(location));
    finding.key.location = facts.location(location).name.clone();
    finding.key.operation = facts.op(seen.op).method.to_owned();
    let watched = finding.key.location.rsplit("::").next().unwrap_or("pointer").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["reader", "owner"], watched)
            .step(1, null, what, "null")
            .step(0, Some(load), "load → null", "null")
            .step(0, Some(site), "reads *null", "null")
            .ending("undefined behaviour"),
    );
    finding.help =
        Some("ask first: `unsafe { p.as_ref() }` gives an `Option`; or hold it in a `std::sync::OnceLock`".to_owned());
    finding
}
