//! Data is handed to another thread by a write that does not release it, or looked at after a read that does not
//! acquire it.

use std::collections::BTreeSet;

use crate::facts::publication::{Evidence, Follow, How, Publish};
use crate::facts::role::RoleKind;
use crate::facts::{Facts, LocId, OpId, Seen};
use crate::finding::{Finding, Interleaving, Label, Site};
use crate::ir::AtomicOpKind;
use crate::lint::{Cx, declare_lint};
use crate::remedy::ordering::{Half, strengthen, strengthen_all};
use crate::resolve::BodyId;

declare_lint! {
    /// Finds a pointer, flag or index that leads other threads to data, but is written without a release or read
    /// without an acquire, so that a thread can see the pointer before it sees the data.
    ///
    /// ## Why it matters
    ///
    /// A `Relaxed` operation orders nothing around it. The compiler and the processor may let the other thread see
    /// the new pointer first and the data behind it later:
    ///
    /// ```text
    ///   writer                     reader                     ready
    /// 1 DATA = 42                  (may stay in a buffer)     false
    /// 2 ready.store(true, Release)                            true
    /// 3                            ready.load(Relaxed) → true true
    /// 4                            reads DATA → 0             true    not the data that was published
    /// ```
    ///
    /// Both halves are needed: the `Release` of the writer only takes effect for a thread whose read acquires.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Config { limit: usize }
    /// pub struct Current { config: AtomicPtr<Config> }
    ///
    /// impl Current {
    ///     pub fn publish(&self, limit: usize) {
    ///         let config = Box::into_raw(Box::new(Config { limit }));
    ///         self.config.store(config, Release);
    ///     }
    ///
    ///     pub fn limit(&self) -> Option<usize> {
    ///         let config = self.config.load(Relaxed);
    ///         if config.is_null() { None } else { Some(unsafe { (*config).limit }) }
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Config { limit: usize }
    /// pub struct Current { config: AtomicPtr<Config> }
    ///
    /// impl Current {
    ///     pub fn publish(&self, limit: usize) {
    ///         let config = Box::into_raw(Box::new(Config { limit }));
    ///         self.config.store(config, Release);
    ///     }
    ///
    ///     pub fn limit(&self) -> Option<usize> {
    ///         let config = self.config.load(Acquire);
    ///         if config.is_null() { None } else { Some(unsafe { (*config).limit }) }
    ///     }
    /// }
    /// ```
    ///
    /// Or leave the pairing to a type: `std::sync::OnceLock` for a value that is set once,
    /// `atomic_lint::Snapshot` for one that is replaced, `atomic_lint::spsc::channel` for a queue.
    ///
    /// ## When to allow
    ///
    /// When something that is not in the source orders the two threads: the reader starts after the writer ended,
    /// or both run on one core with interrupts masked. Say so in the reason.
    ///
    /// ## Known limits
    ///
    /// Quiet where a fence, a lock or any acquiring operation comes between the read and the use, where another
    /// field of the same object was acquired before, under a lock that all writers hold, and where the pointer
    /// is only compared, printed or handed on. Data in plain fields is seen where it lies behind a raw pointer, in
    /// an `UnsafeCell`, in a `static mut`, or in atomics that are written and read `Relaxed`.
    ///
    /// ## References
    ///
    /// C++20 \[intro.races\] and \[atomics.order\]; *Boehm, Adve: Foundations of the C++ Concurrency Memory Model*,
    /// PLDI 2008; `std::sync::atomic::Ordering`.
    pub static RELAXED_PUBLICATION = {
        name: "relaxed_publication",
        topic: "publication",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

/// The two sides of a location, as far as they lead to the same data.
struct Sides<'f> {
    location: LocId,
    writes: Vec<&'f Publish>,
    reads: Vec<&'f Follow>,
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for location in (0..facts.locations.len() as u32).map(LocId) {
        if belongs_elsewhere(facts, location) {
            continue;
        }
        let sides = sides(facts, location);
        let wrong_writes: Vec<&Publish> = sides.writes.iter().copied().filter(|p| !p.released).collect();
        if wrong_writes.is_empty() {
            report_reads(cx, &sides, out);
        } else {
            report_writes(cx, &sides, &wrong_writes, out);
        }
        report_forwarded(cx, &sides, out);
    }
}

/// Whether this lint reports something on the location.
pub fn speaks_of(facts: &Facts<'_>, location: LocId) -> bool {
    if belongs_elsewhere(facts, location) {
        return false;
    }
    let sides = sides(facts, location);
    sides.writes.iter().any(|p| !p.released) || sides.reads.iter().any(|f| !f.acquired && !f.failure)
}

/// Locks and reference counts have lints of their own; a sequence is ordered by fences around the data.
fn belongs_elsewhere(facts: &Facts<'_>, location: LocId) -> bool {
    matches!(facts.role(location).kind, RoleKind::Lock | RoleKind::Refcount | RoleKind::Sequence)
}

fn sides<'f>(facts: &'f Facts<'_>, location: LocId) -> Sides<'f> {
    let (publishes, follows) = (facts.publishes(location), facts.follows(location));
    let leads = |p: &Publish, f: &Follow| facts.leads_to(p, f) && !is_same_step(p, f);
    Sides {
        location,
        writes: publishes.iter().filter(|p| follows.iter().any(|f| leads(p, f))).collect(),
        reads: follows
            .iter()
            .filter(|f| match f.how {
                How::Pointer(_) if !facts.is_forwarded(seen_of(facts, f.body, f.seen)) => {
                    facts.stores_live_pointer(location)
                }
                _ => publishes.iter().any(|p| leads(p, f)),
            })
            .collect(),
    }
}

/// One operation is both: a swap that publishes a new object and takes the old one.
fn is_same_step(p: &Publish, f: &Follow) -> bool {
    p.body == f.body && p.seen == f.seen
}

fn seen_of<'f>(facts: &'f Facts<'_>, body: BodyId, index: usize) -> &'f Seen {
    &facts.seen(body)[index]
}

fn report_reads(cx: &Cx<'_>, sides: &Sides<'_>, out: &mut Vec<Finding>) {
    let mut reported: BTreeSet<OpId> = BTreeSet::new();
    // A failed CAS that hands out a value is `relaxed_cas_failure`.
    for follow in sides.reads.iter().filter(|f| !f.acquired && !f.failure && !f.forwarded) {
        let seen = seen_of(cx.facts, follow.body, follow.seen);
        if reported.insert(seen.op) {
            out.push(read_finding(cx, sides, follow, seen));
        }
    }
}

fn report_writes(cx: &Cx<'_>, sides: &Sides<'_>, wrong: &[&Publish], out: &mut Vec<Finding>) {
    let mut reported: BTreeSet<OpId> = BTreeSet::new();
    for publish in wrong {
        let seen = seen_of(cx.facts, publish.body, publish.seen);
        if reported.insert(seen.op) {
            out.push(write_finding(cx, sides, publish, seen));
        }
    }
}

/// Safe public functions that let the caller choose the ordering of a read that they follow themselves.
fn report_forwarded(cx: &Cx<'_>, sides: &Sides<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    let mut reported: BTreeSet<OpId> = BTreeSet::new();
    for follow in sides.reads.iter().filter(|f| f.forwarded && !f.acquired) {
        let seen = seen_of(facts, follow.body, follow.seen);
        let owner = facts.program.body(follow.body).owner;
        if facts.is_external(owner) && !facts.is_unsafe_fn(follow.body) && reported.insert(seen.op) {
            let mut finding = read_finding(cx, sides, follow, seen);
            finding.message = format!(
                "`{}` lets its caller pass `Relaxed` and then follows the pointer",
                facts.function_name(follow.body)
            );
            finding.primary.text = "the ordering is the caller's choice".to_owned();
            finding.help = Some(
                "load with `Acquire` (store with `Release`) whatever was asked for, or make the function `unsafe`"
                    .to_owned(),
            );
            out.push(finding);
        }
    }
}

fn read_finding(cx: &Cx<'_>, sides: &Sides<'_>, follow: &Follow, seen: &Seen) -> Finding {
    let facts = cx.facts;
    let op = facts.op(seen.op);
    let name = cx.location_name(sides.location);
    let (use_site, data) = followed_data(cx, follow);
    let message = format!("{data} may be read before the thread that set {name} has made it visible");
    let ordering = weak_ordering(cx, seen);
    let primary = Label::new(weak_site(cx, follow.body, seen), format!("`{ordering}` acquires nothing"));
    let mut finding = cx.finding(&RELAXED_PUBLICATION, follow.body, primary, message);
    finding.secondary.push(Label::new(use_site, "what it leads to is used here"));
    add_helper_label(cx, follow.body, seen, &mut finding);
    let writer = write_sites(cx, sides).into_iter().next();
    if let Some((site, ordering)) = &writer {
        finding.secondary.push(Label::new(*site, format!("set here, with `{ordering}`")));
    }
    let read_site = weak_site(cx, follow.body, seen);
    finish(cx, sides.location, seen, &mut finding);
    finding.interleaving = Some(schedule(cx, sides.location, (None, writer.map(|w| w.0)), read_site, use_site));
    let strong = if op.kind.is_rmw() { "AcqRel" } else { "Acquire" };
    finding.fixes.extend(strengthen(cx, seen.op, Half::Acquire));
    finding.help = Some(format!(
        "read it with `{strong}`, or put `fence(Acquire)` between the read and the use of what it leads to"
    ));
    finding
}

fn write_finding(cx: &Cx<'_>, sides: &Sides<'_>, publish: &Publish, seen: &Seen) -> Finding {
    let facts = cx.facts;
    let op = facts.op(seen.op);
    let name = cx.location_name(sides.location);
    let what = match publish.evidence {
        Evidence::Object(_) => "the object".to_owned(),
        Evidence::Touch(_) | Evidence::Atomic(_) => match &publish.key {
            Some(key) => format!("`{}`", crate::facts::access::location_name(facts.program, key)),
            None => "the object".to_owned(),
        },
    };
    let message = format!("a thread that sees the new {name} may not see {what} that was written before it");
    let ordering = weak_ordering(cx, seen);
    let site = weak_site(cx, publish.body, seen);
    let primary = Label::new(site, format!("`{ordering}` releases nothing"));
    let mut finding = cx.finding(&RELAXED_PUBLICATION, publish.body, primary, message);
    if let Some(site) = prepared_site(cx, publish) {
        finding.secondary.push(Label::new(site, "prepared here"));
    }
    add_helper_label(cx, publish.body, seen, &mut finding);
    let mut shown: Vec<Site> = Vec::new();
    let mut read = None;
    for f in sides.reads.iter().filter(|f| matches!(f.how, How::Pointer(_)) || facts.leads_to(publish, f)) {
        let s = seen_of(facts, f.body, f.seen);
        let site = cx.op_site(s.op);
        if shown.len() < 3 && !shown.contains(&site) {
            let ordering = cx.ordering_text(facts.op(s.op));
            let note = if f.acquired { "" } else { ", which acquires nothing either" };
            finding.secondary.push(Label::new(site, format!("read here, with `{ordering}`{note}")));
            read.get_or_insert((site, followed_data(cx, f).0));
            shown.push(site);
        }
    }
    finish(cx, sides.location, seen, &mut finding);
    if let Some((read, used)) = read {
        let writer = (prepared_site(cx, publish), Some(site));
        finding.interleaving = Some(schedule(cx, sides.location, writer, read, used));
    }
    let strong = match op.kind {
        AtomicOpKind::Store => "Release",
        _ if op.orders.acquires() => "AcqRel",
        _ => "Release",
    };
    finding.fixes.extend(strengthen_all(cx, &both_sides(cx, sides, publish, seen)));
    let reads = if sides.reads.iter().any(|f| !f.acquired) { ", and read it with `Acquire`" } else { "" };
    finding.help = Some(format!("write it with `{strong}`{reads}"));
    finding
}

/// The write, and the reads that follow it without acquiring; those of a failed CAS are another lint's.
fn both_sides(cx: &Cx<'_>, sides: &Sides<'_>, publish: &Publish, write: &Seen) -> Vec<(OpId, Half)> {
    let mut ops = vec![(write.op, Half::Release)];
    for f in sides.reads.iter().filter(|f| !f.acquired && !f.failure) {
        let read = (seen_of(cx.facts, f.body, f.seen).op, Half::Acquire);
        if (matches!(f.how, How::Pointer(_)) || cx.facts.leads_to(publish, f)) && !ops.contains(&read) {
            ops.push(read);
        }
    }
    ops
}

/// Where the data is used, and what to call it.
fn followed_data(cx: &Cx<'_>, follow: &Follow) -> (Site, String) {
    let facts = cx.facts;
    let named = |key: &Option<crate::facts::access::Key>| match key {
        Some(key) => format!("`{}`", crate::facts::access::location_name(facts.program, key)),
        None => "what the pointer leads to".to_owned(),
    };
    match follow.how {
        How::Pointer(t) => {
            (facts.event_site(follow.body, facts.touches(follow.body)[t].event), "what the pointer leads to".to_owned())
        }
        How::Guards(t) => (facts.event_site(follow.body, facts.touches(follow.body)[t].event), named(&follow.key)),
        How::GuardsAtomic(s) => (facts.event_site(follow.body, facts.seen(follow.body)[s].event), named(&follow.key)),
    }
}

fn prepared_site(cx: &Cx<'_>, publish: &Publish) -> Option<Site> {
    let facts = cx.facts;
    let event = match publish.evidence {
        Evidence::Object(made) => made?,
        Evidence::Touch(t) => facts.touches(publish.body)[t].event,
        Evidence::Atomic(s) => facts.seen(publish.body)[s].event,
    };
    Some(facts.event_site(publish.body, event))
}

/// The writes that set the location, with their orderings: publishes first.
fn write_sites(cx: &Cx<'_>, sides: &Sides<'_>) -> Vec<(Site, String)> {
    let facts = cx.facts;
    let published = sides.writes.iter().map(|p| seen_of(facts, p.body, p.seen).op);
    let others = facts.shared_writes(sides.location);
    published.chain(others).map(|op| (cx.op_site(op), cx.ordering_text(facts.op(op)))).collect()
}

/// What has to change: the operation, or the call that tells a helper which ordering to use.
fn weak_site(cx: &Cx<'_>, body: BodyId, seen: &Seen) -> Site {
    if cx.facts.is_forwarded(seen) { cx.seen_site(body, seen) } else { cx.op_site(seen.op) }
}

fn weak_ordering(cx: &Cx<'_>, seen: &Seen) -> String {
    let known = seen.orders.success.known().filter(|_| cx.facts.is_forwarded(seen));
    known.map_or_else(|| cx.ordering_text(cx.facts.op(seen.op)), |o| o.name().to_owned())
}

fn add_helper_label(cx: &Cx<'_>, body: BodyId, seen: &Seen, finding: &mut Finding) {
    if cx.facts.is_forwarded(seen) {
        finding.secondary.push(Label::new(cx.op_site(seen.op), "the operation, in a helper"));
    } else if !seen.is_direct() {
        finding.secondary.push(Label::new(cx.seen_site(body, seen), "relied upon here"));
    }
}

fn finish(cx: &Cx<'_>, location: LocId, seen: &Seen, finding: &mut Finding) {
    finding.notes.push(cx.role_note(location));
    finding.key.location = cx.facts.location(location).name.clone();
    finding.key.operation = cx.facts.op(seen.op).method.to_owned();
}

/// Of the writer, where it prepares the data and where it shows them.
fn schedule(
    cx: &Cx<'_>,
    location: LocId,
    (prepared, write): (Option<Site>, Option<Site>),
    read: Site,
    used: Site,
) -> Interleaving {
    let watched = cx.facts.location(location).name.rsplit("::").next().unwrap_or("value").to_owned();
    Interleaving::new(&["writer", "reader"], watched)
        .step(0, prepared, "prepares the data", "old")
        .step(0, write, "writes it", "new")
        .step(1, Some(read), "reads it → new", "new")
        .step(1, Some(used), "uses the data", "new")
        .ending("may not be what was prepared")
}
