//! A read-modify-write where nobody can come between.

use super::single_writer_violation;
use crate::facts::frequency::is_rare;
use crate::facts::writers::Write;
use crate::facts::{Facts, LocId, RoleKind};
use crate::finding::{Finding, Label, Site};
use crate::ir::Ordering;
use crate::lint::{Cx, declare_lint};
use crate::resolve::{DefId, Type};

declare_lint! {
    /// Finds read-modify-writes and compare-exchanges of locations that one handle alone writes.
    ///
    /// ## Why it matters
    ///
    /// An RMW takes the cache line for itself and, on x86-64, drains the store buffer: some 20 cycles against one for a
    /// load and a store. It pays for keeping other writers out, and here there are none.
    ///
    /// ```text
    ///   producer (the only writer)     consumer                       tail
    /// 1 load: 4                                                         4
    /// 2                                load: 4                          4
    /// 3 store(5)                                                        5    nothing is lost
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicUsize, Ordering::*};
    /// use std::sync::Arc;
    ///
    /// struct Shared { written: AtomicUsize }
    /// pub struct Writer { shared: Arc<Shared> }
    /// pub struct Reader { shared: Arc<Shared> }
    ///
    /// impl Writer {
    ///     pub fn new() -> Self {
    ///         Writer { shared: Arc::new(Shared { written: AtomicUsize::new(0) }) }
    ///     }
    ///
    ///     pub fn add(&mut self, n: usize) {
    ///         self.shared.written.fetch_add(n, Release);
    ///     }
    /// }
    ///
    /// impl Reader {
    ///     pub fn written(&self) -> usize {
    ///         self.shared.written.load(Acquire)
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
    /// struct Shared { written: AtomicUsize }
    /// pub struct Writer { shared: Arc<Shared> }
    /// pub struct Reader { shared: Arc<Shared> }
    ///
    /// impl Writer {
    ///     pub fn new() -> Self {
    ///         Writer { shared: Arc::new(Shared { written: AtomicUsize::new(0) }) }
    ///     }
    ///
    ///     pub fn add(&mut self, n: usize) {
    ///         let written = self.shared.written.load(Relaxed);
    ///         self.shared.written.store(written.wrapping_add(n), Release);
    ///     }
    /// }
    ///
    /// impl Reader {
    ///     pub fn written(&self) -> usize {
    ///         self.shared.written.load(Acquire)
    ///     }
    /// }
    /// ```
    ///
    /// With `#[single_writer]` on the field a later second writer is reported; `atomic_lint::SingleWriter` has the load
    /// and store as one method.
    ///
    /// ## When to allow
    ///
    /// Where the operation runs seldom, or a second writer is about to come.
    ///
    /// ## Known limits
    ///
    /// Only handles count whose type shows that there is one: `&mut self`, no `Clone`, made in one place. A `SeqCst` RMW
    /// before a load of another location may be there for the total order, and is left alone.
    ///
    /// ## References
    ///
    /// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, "Locked atomic operations".
    pub static NEEDLESS_RMW = {
        name: "needless_rmw",
        topic: "api",
        group: Perf,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for index in 0..cx.facts.locations.len() as u32 {
        let location = LocId(index);
        let writes = cx.facts.writes(location);
        if !writes.iter().any(|w| cx.facts.op(w.op).kind.is_rmw()) {
            continue;
        }
        let Some(handle) = confined(cx.facts, location, &writes) else { continue };
        let mut reported = Vec::new();
        for write in writes.iter().filter(|w| is_needless(cx.facts, w)) {
            if !reported.contains(&write.op) {
                reported.push(write.op);
                out.push(report(cx, location, handle, write));
            }
        }
    }
}

/// The one handle that writes a location. References and locks are counted by handles of which there are many, made
/// where it can't be seen.
fn confined(facts: &Facts<'_>, location: LocId, writes: &[Write<'_>]) -> Option<DefId> {
    if matches!(facts.role(location).kind, RoleKind::Refcount | RoleKind::Lock) {
        return None;
    }
    let handle = facts.sole_handle(location, writes)?;
    let inferred = facts.are_all_writes(location, writes);
    let promised = facts.promises_single_writer(location) && !single_writer_violation::is_broken(facts, location);
    (promised || inferred).then_some(handle)
}

/// A `SeqCst` RMW with a load of another location behind it may be the store of a store-then-load handshake. What runs
/// seldom isn't worth the words, nor is a pointer that is taken out, and a flag that is taken is taken from others.
fn is_needless(facts: &Facts<'_>, write: &Write<'_>) -> bool {
    let op = facts.op(write.op);
    let flow = facts.flow(write.body);
    let handshake = || {
        op.orders.success.known() == Some(Ordering::SeqCst)
            && facts.seen(write.body).iter().any(|s| {
                let other = facts.op(s.op);
                other.kind.reads() && other.location != op.location && flow.reaches(write.seen.event, s.event)
            })
    };
    let worthwhile = !write.excused
        && !is_rare(facts, op.body)
        && !op.value_type.is_pointer()
        && op.value_type != Type::Prim("bool");
    op.kind.is_rmw() && op.orders.success.known().is_some() && worthwhile && !handshake()
}

fn report(cx: &Cx<'_>, location: LocId, handle: DefId, write: &Write<'_>) -> Finding {
    let facts = cx.facts;
    let op = facts.op(write.op);
    let handle = &facts.program.def(handle).item.name;
    let name = cx.location_name(location);
    let message =
        format!("`{}` on {name}, which only `{handle}` writes: a load and a store do, and cost less", op.method);
    let primary = Label::new(cx.op_site(write.op), "nobody else writes in between");
    let mut finding = cx.finding(&NEEDLESS_RMW, op.body, primary, message);
    if let Some((adt, field)) = facts.field_of(location) {
        let site = Site { file: facts.program.def(adt).file, span: field.name_span };
        finding.secondary.push(Label::new(site, format!("written by `{handle}` only")));
    }
    finding.key.location.clone_from(&facts.location(location).name);
    finding.key.operation = op.method.to_owned();
    let receiver = cx.receiver_text(op);
    finding.help = Some(format!(
        "load `{receiver}`, compute, and store with the same release: `{receiver}.store(…, {})`",
        store_half(op.orders.success.known())
    ));
    finding
}

/// What a store needs of an RMW's ordering.
fn store_half(order: Option<Ordering>) -> &'static str {
    match order {
        Some(Ordering::SeqCst) => "SeqCst",
        Some(Ordering::AcqRel | Ordering::Release) => "Release",
        _ => "Relaxed",
    }
}
