//! The writer raises one flag, the reader looks at another.

use crate::facts::access::location_name;
use crate::facts::misdirected::{Misdirected, Tested};
use crate::facts::{Facts, LocId};
use crate::finding::{Finding, Interleaving, Label};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds data that is released by a store to one location while its readers decide by another, so that nobody ever
    /// acquires the release.
    ///
    /// ## Why it matters
    ///
    /// A release and an acquire meet at one location. A reader that looks at a different one, or at a plain field, has
    /// no edge to the writer, however strong the two orderings are:
    ///
    /// ```text
    ///   writer                           reader                        ready   data
    /// 1 data = 42                                                      false   (on its way)
    /// 2 ready.store(true, Release)                                     true
    /// 3                                  running.load(Acquire) → true  true
    /// 4                                  reads data                    true    may be the old one
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::cell::UnsafeCell;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// struct Slot { running: AtomicBool, ready: AtomicBool, data: UnsafeCell<u64> }
    /// unsafe impl Sync for Slot {}
    ///
    /// impl Slot {
    ///     fn start(&self) {
    ///         self.running.store(true, Ordering::Release);
    ///     }
    ///
    ///     fn fill(&self, value: u64) {
    ///         unsafe { *self.data.get() = value };
    ///         self.ready.store(true, Ordering::Release);
    ///     }
    ///
    ///     fn get(&self) -> Option<u64> {
    ///         if self.running.load(Ordering::Acquire) {
    ///             Some(unsafe { *self.data.get() })
    ///         } else {
    ///             None
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::cell::UnsafeCell;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// struct Slot { ready: AtomicBool, data: UnsafeCell<u64> }
    /// unsafe impl Sync for Slot {}
    ///
    /// impl Slot {
    ///     fn fill(&self, value: u64) {
    ///         unsafe { *self.data.get() = value };
    ///         self.ready.store(true, Ordering::Release);
    ///     }
    ///
    ///     fn get(&self) -> Option<u64> {
    ///         if self.ready.load(Ordering::Acquire) {
    ///             Some(unsafe { *self.data.get() })
    ///         } else {
    ///             None
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// Better still `std::sync::OnceLock`, which has flag and data in one.
    ///
    /// ## When to allow
    ///
    /// When the two are ordered by something outside of the source.
    ///
    /// ## Known limits
    ///
    /// Data is seen in `UnsafeCell`s, in `static mut`s and in atomics that are written and read `Relaxed`. Quiet where the
    /// other location is ever written together with the data, and where code outside of the crate can reach either.
    ///
    /// ## References
    ///
    /// C++20 \[intro.races\]; `std::sync::atomic::Ordering`.
    pub static SPLIT_FLAG = {
        name: "split_flag",
        topic: "ordering",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for location in (0..cx.facts.locations.len() as u32).map(LocId) {
        if let Some(found) = speaks_of(cx.facts, location) {
            out.push(report(cx, &found));
        }
    }
}

/// What this lint reports on the location.
pub fn speaks_of(facts: &Facts<'_>, location: LocId) -> Option<Misdirected> {
    let found = facts.misdirected(location)?;
    let open =
        facts.is_exposed(location) || matches!(found.tested, Tested::Atomic(_, other) if facts.is_exposed(other));
    (!open).then_some(found)
}

fn report(cx: &Cx<'_>, found: &Misdirected) -> Finding {
    let facts = cx.facts;
    let name = cx.location_name(found.location);
    let data = location_name(facts.program, &found.data);
    let (tested, other) = match &found.tested {
        Tested::Atomic(i, l) => {
            (facts.event_site(found.reader, facts.seen(found.reader)[*i].event), facts.location(*l).name.clone())
        }
        Tested::Plain(event, key) => (facts.event_site(found.reader, *event), location_name(facts.program, key)),
    };
    let message =
        format!("`{data}` is made visible by {name}, but its reader looks at `{other}` and may see the old data");
    let mut finding = cx.finding(&SPLIT_FLAG, found.reader, Label::new(tested, "the reader decides by this"), message);
    let release = &facts.seen(found.writer)[found.release];
    let written = facts.event_site(found.writer, found.written);
    let released = facts.event_site(found.writer, release.event);
    let used = facts.event_site(found.reader, found.used);
    finding.secondary.push(Label::new(used, "the data is read here"));
    finding.secondary.push(Label::new(written, "the data is written here"));
    finding.secondary.push(Label::new(released, "and released here, which nothing acquires"));
    finding.key.location.clone_from(&facts.location(found.location).name);
    finding.key.operation = "load".to_owned();
    let watched = facts.location(found.location).name.rsplit("::").next().unwrap_or("flag").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["writer", "reader"], watched)
            .step(0, Some(written), "writes the data", "old")
            .step(0, Some(released), "releases it", "new")
            .step(1, Some(tested), format!("reads `{other}`"), "new")
            .step(1, Some(used), "reads the data", "new")
            .ending("may not be what was written"),
    );
    finding.help = Some(format!("load {name} with `Acquire` before the data is read, and decide by it"));
    finding
}
