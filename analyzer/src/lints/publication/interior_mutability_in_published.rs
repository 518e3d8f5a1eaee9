//! What readers look at without a lock can change behind their shared reference.

use crate::facts::access::Key;
use crate::facts::interior::{Changing, HandedMut, Interior, Visible};
use crate::facts::{Facts, LocId};
use crate::finding::{Finding, Interleaving, Label, Site};
use crate::ir::ItemKind;
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds values that are published for reading without a lock (a pointer to them lies in an atomic, and readers load
    /// and follow it), or that are promised to be `#[frozen]`, and have a `Cell`, a `RefCell` or an `UnsafeCell` in
    /// them, a raw pointer through which a reader writes, or are handed out as `&mut`.
    ///
    /// ## Why it matters
    ///
    /// Publishing a pointer shows the value to every thread at once, and `AtomicPtr` asks no compiler whether it is
    /// `Sync`. A cell in it is changed by readers who believe that they have it for themselves:
    ///
    /// ```text
    ///   reader A               reader B               config.hits
    /// 1 hits.get() → 5                                5
    /// 2                        hits.get() → 5         5
    /// 3 hits.set(6)                                   6
    /// 4                        hits.set(6)            6    a data race; one of the two is lost
    /// ```
    ///
    /// For a `RefCell` it is worse: both find it free and borrow it mutably.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::cell::Cell;
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Config { port: u16, hits: Cell<u64> }
    ///
    /// static CURRENT: AtomicPtr<Config> = AtomicPtr::new(std::ptr::null_mut());
    ///
    /// pub fn install(port: u16) {
    ///     CURRENT.store(Box::leak(Box::new(Config { port, hits: Cell::new(0) })), Release);
    /// }
    ///
    /// pub fn port() -> Option<u16> {
    ///     let config = unsafe { CURRENT.load(Acquire).as_ref() }?;
    ///     config.hits.set(config.hits.get() + 1);
    ///     Some(config.port)
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};
    ///
    /// pub struct Config { port: u16, hits: AtomicUsize }
    ///
    /// static CURRENT: AtomicPtr<Config> = AtomicPtr::new(std::ptr::null_mut());
    ///
    /// pub fn install(port: u16) {
    ///     CURRENT.store(Box::leak(Box::new(Config { port, hits: AtomicUsize::new(0) })), Release);
    /// }
    ///
    /// pub fn port() -> Option<u16> {
    ///     let config = unsafe { CURRENT.load(Acquire).as_ref() }?;
    ///     config.hits.fetch_add(1, Relaxed);
    ///     Some(config.port)
    /// }
    /// ```
    ///
    /// A counter is an atomic (`atomic_lint::Counter`), several fields together go behind a `Mutex`, and a change of the
    /// whole is published as a new value: `atomic_lint::Snapshot::update` asks for `T: Send + Sync`.
    ///
    /// ## When to allow
    ///
    /// When only one thread ever uses the cell, whoever looks at the rest of the value, and the reason stands beside the
    /// field.
    ///
    /// ## Known limits
    ///
    /// A value that has a lock in it, or an atomic with an acquire or release side (a ready flag for each slot), has a
    /// protocol, and its cells are not looked at. Outside of frozen types a cell is reported only where it is seen to
    /// change in a shared context: not under a lock, not behind a claim by an RMW, not in unsafe functions or `Drop`.
    /// What types of other crates hold is not known. `&mut` made from a loaded pointer is `mutation_after_publication`
    /// where another reader of the same memory is seen.
    ///
    /// ## References
    ///
    /// The documentation of `std::cell` and of the trait `Sync`; *The Rustonomicon*, "Send and Sync".
    pub static INTERIOR_MUTABILITY_IN_PUBLISHED = {
        name: "interior_mutability_in_published",
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
    let said = |body, event| super::mutation_after_publication::is_reported(facts, body, event);
    for interior in facts.interiors() {
        let written = interior.field.kind == Changing::Pointer;
        if !written || !interior.change.is_some_and(|(body, event)| said(body, event)) {
            out.extend(report(cx, &interior));
        }
    }
    for handed in facts.handed_mutably().iter().filter(|h| !said(h.body, h.event)) {
        out.push(report_handed(cx, handed));
    }
}

fn report(cx: &Cx<'_>, interior: &Interior<'_>) -> Option<Finding> {
    let facts = cx.facts;
    let field = &interior.field;
    let d = facts.program.def(field.owner);
    let ItemKind::Struct(s) = &d.item.kind else { return None };
    let written = s.fields.iter().find(|f| f.name == field.field)?;
    let site = Site { file: d.file, span: written.name_span };
    let name = crate::facts::access::location_name(facts.program, &Key::Field(field.owner, field.field.clone()));
    let (kind, effect) = match field.kind {
        Changing::Cell => ("a `Cell`", "two that use it race"),
        Changing::RefCell => ("a `RefCell`", "two that borrow it race"),
        Changing::UnsafeCell => ("an `UnsafeCell`", "whoever writes it races with the others"),
        Changing::Pointer => ("a raw pointer that is written through", "the writer races with the others"),
    };
    let message = match &interior.visible {
        Visible::Published { location, .. } => {
            let at = cx.location_name(*location);
            format!("`{name}` is {kind} in what readers reach through {at} without a lock: {effect}")
        }
        Visible::Frozen(promise) => {
            format!("`{name}` is {kind}, and `{}` is promised never to change", promise.name)
        }
    };
    let primary = Label::new(site, "can change behind a shared reference");
    let mut finding = cx.finding_at_def(&INTERIOR_MUTABILITY_IN_PUBLISHED, field.owner, primary, message);
    if let Some((body, event)) = interior.change {
        finding.secondary.push(Label::new(facts.event_site(body, event), "changed here, where others may look"));
    }
    match &interior.visible {
        Visible::Published { location, reader } => {
            let read = facts.event_site(reader.0, reader.1);
            finding.secondary.push(Label::new(read, format!("reached through {}", cx.location_name(*location))));
            finding.notes.push(cx.role_note(*location));
            finding.interleaving = interior.change.map(|change| schedule(facts, &field.field, change, *location, read));
        }
        Visible::Frozen(promise) => {
            finding.secondary.push(Label::new(promise.site, "promised here"));
            finding.interleaving = Some(
                Interleaving::new(&["reader A", "reader B"], field.field.clone())
                    .step(0, Some(promise.site), "reads it, unlocked: it never changes", "old")
                    .step(1, Some(site), "changes it through `&`", "half old")
                    .step(0, None, "reads on", "new")
                    .ending("what was promised not to change has changed"),
            );
        }
    }
    finding.key.location.clone_from(&name);
    finding.key.operation = "interior".to_owned();
    finding.help = Some(match field.kind {
        Changing::Pointer => "publish a changed copy (`atomic_lint::Snapshot::update`)".to_owned(),
        _ => "make it an atomic or put it behind a `Mutex`, or publish a changed copy \
              (`atomic_lint::Snapshot::update`)"
            .to_owned(),
    });
    Some(finding)
}

fn schedule(
    facts: &Facts<'_>,
    field: &str,
    (body, event): (crate::resolve::BodyId, crate::ir::EventId),
    location: LocId,
    read: Site,
) -> Interleaving {
    let change = facts.event_site(body, event);
    Interleaving::new(&["reader A", "reader B"], field.to_owned())
        .step(0, Some(read), format!("loads {}", facts.location(location).name), "old")
        .step(1, Some(read), "loads the same pointer", "old")
        .step(0, Some(change), "begins to change it", "half old")
        .step(1, Some(change), "finds it half changed", "?")
        .ending("a data race: undefined behaviour")
}

fn report_handed(cx: &Cx<'_>, handed: &HandedMut) -> Finding {
    let facts = cx.facts;
    let name = cx.location_name(handed.location);
    let function = facts.function_name(handed.body);
    let message = format!("`{function}` gives `&mut` to what {name} leads to, and two callers can have it at once");
    let site = facts.event_site(handed.body, handed.event);
    let primary = Label::new(site, "exclusive only if nobody else calls this");
    let mut finding = cx.finding(&INTERIOR_MUTABILITY_IN_PUBLISHED, handed.body, primary, message);
    let load = cx.op_site(handed.load);
    if load != site {
        finding.secondary.push(Label::new(load, "loaded here, as by every caller"));
    }
    finding.notes.push(cx.role_note(handed.location));
    finding.key.location = facts.location(handed.location).name.clone();
    finding.key.operation = "hand out".to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["caller A", "caller B"], facts.location(handed.location).name.clone())
            .step(0, Some(site), "gets `&mut`", "one owner")
            .step(1, Some(site), "gets `&mut` to the same", "two owners")
            .step(0, None, "writes it", "half written")
            .step(1, None, "writes it too", "torn")
            .ending("undefined behaviour"),
    );
    finding.help =
        Some("hand out `&`, take `&mut self`, or take the pointer out with `swap` before giving it away".to_owned());
    finding
}
