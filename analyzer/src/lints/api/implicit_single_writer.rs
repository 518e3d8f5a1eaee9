//! One writer, and nothing that says so.

use crate::facts::{Facts, LocId};
use crate::finding::{Finding, Label, Site};
use crate::lint::{Cx, declare_lint};
use crate::remedy::annotation;
use crate::resolve::DefId;

declare_lint! {
    /// Finds locations that one handle updates by load and store, which is right only as long as there is no second
    /// writer, and that nothing in the source marks as such.
    ///
    /// ## Why it matters
    ///
    /// The code is right today. The day somebody makes the handle `Clone`, or adds a method that writes from the other
    /// side, updates get lost, and no compiler and no test is likely to notice:
    ///
    /// ```text
    ///   thread A (push)                thread B (a new method)        tail
    /// 1 load: 4                                                         4
    /// 2                                store(0)                         0
    /// 3 store(5)                                                        5    the reset is lost
    /// ```
    ///
    /// With `#[single_writer]` on the field this lint tool reports the second writer where it appears.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicUsize, Ordering::*};
    /// use std::sync::Arc;
    ///
    /// pub struct Ring { tail: AtomicUsize }
    /// pub struct Producer { ring: Arc<Ring> }
    ///
    /// impl Producer {
    ///     pub fn new() -> Self {
    ///         Producer { ring: Arc::new(Ring { tail: AtomicUsize::new(0) }) }
    ///     }
    ///
    ///     pub fn push(&mut self) {
    ///         let tail = self.ring.tail.load(Relaxed);
    ///         self.ring.tail.store(tail + 1, Release);
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicUsize, Ordering::*};
    /// use std::sync::Arc;
    ///
    /// pub struct Ring {
    ///     #[cfg_attr(any(), atomic_lint::single_writer)]
    ///     tail: AtomicUsize,
    /// }
    /// pub struct Producer { ring: Arc<Ring> }
    ///
    /// impl Producer {
    ///     pub fn new() -> Self {
    ///         Producer { ring: Arc::new(Ring { tail: AtomicUsize::new(0) }) }
    ///     }
    ///
    ///     pub fn push(&mut self) {
    ///         let tail = self.ring.tail.load(Relaxed);
    ///         self.ring.tail.store(tail + 1, Release);
    ///     }
    /// }
    /// ```
    ///
    /// In this form the annotation needs no dependency. In a struct under `#[concurrent]` of `atomic_lint` it is
    /// written `#[single_writer]`, and on a struct it generates the handles.
    ///
    /// ## When to allow
    ///
    /// Where a type already says it in its own way.
    ///
    /// ## Known limits
    ///
    /// Flags and locations that only ever get constants are not offered the annotation: they have nothing to lose.
    ///
    /// ## References
    ///
    /// Thompson and others, "Disruptor: High performance alternative to bounded queues", 2011: the single writer
    /// principle.
    pub static IMPLICIT_SINGLE_WRITER = {
        name: "implicit_single_writer",
        topic: "api",
        group: Pedantic,
        confidence: Likely,
        since: "0.1.0",
        fix: Always,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for index in 0..cx.facts.locations.len() as u32 {
        let location = LocId(index);
        if let Some(handle) = writer(cx.facts, location) {
            out.extend(report(cx, location, handle));
        }
    }
}

/// The one handle that updates a location by load and store, without a word about it.
fn writer(facts: &Facts<'_>, location: LocId) -> Option<DefId> {
    if facts.promises_single_writer(location) || facts.is_only_set(location) {
        return None;
    }
    let writes = facts.writes(location);
    let plain = writes.iter().all(|w| !facts.op(w.op).kind.is_rmw());
    facts.sole_handle(location, &writes).filter(|_| plain && facts.are_all_writes(location, &writes))
}

fn report(cx: &Cx<'_>, location: LocId, handle: DefId) -> Option<Finding> {
    let facts = cx.facts;
    let (adt, field) = facts.field_of(location)?;
    let handle = &facts.program.def(handle).item.name;
    let name = cx.location_name(location);
    let site = Site { file: facts.program.def(adt).file, span: field.name_span };
    let message = format!("only `{handle}` writes {name}, and nothing in the source says that it must stay so");
    let mut finding =
        cx.finding_at_def(&IMPLICIT_SINGLE_WRITER, adt, Label::new(site, "updated by load and store"), message);
    if let Some(write) = facts.shared_writes(location).next() {
        finding.secondary.push(Label::new(cx.op_site(write), format!("`{handle}` writes here")));
    }
    finding.key.location.clone_from(&facts.location(location).name);
    finding.key.operation = "declaration".to_owned();
    finding.help = Some(format!(
        "annotate the field `{}`, so that a second writer is reported the day it appears",
        annotation::on_field(cx, adt, "single_writer")
    ));
    finding.fixes.extend(annotation::annotate(cx, adt, field, "single_writer"));
    Some(finding)
}
