//! A contended CAS loop that tries again at once.

use crate::facts::region::Retry;
use crate::facts::{LocId, OpId, Seen};
use crate::finding::{Finding, Label};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds CAS loops on contended locations that try again at once after a failure.
    ///
    /// ## Why it matters
    ///
    /// A failed CAS has still taken the cache line for writing. When several threads retry at once, each attempt
    /// takes the line from the thread that was about to succeed, and the more threads there are, the more attempts
    /// fail:
    ///
    /// ```text
    ///   thread A               thread B               free
    /// 1 load → 7               load → 7               7
    /// 2 CAS 7 → 6                                     6
    /// 3                        CAS 7 → 5 fails        6    takes the line from A
    /// 4 CAS 6 → 5              at once again          5    waits for the line
    /// 5                        CAS 6 → 4 fails        5    and so on
    /// ```
    ///
    /// A short pause that grows with each failure lets one thread at a time go on. For a body of a few instructions
    /// it rarely pays: measure before adding one.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicU64, Ordering::*};
    ///
    /// pub struct Pool { free: AtomicU64 }
    ///
    /// impl Pool {
    ///     pub fn take(&self) -> Option<u32> {
    ///         let mut free = self.free.load(Acquire);
    ///         loop {
    ///             if free == 0 { return None; }
    ///             match self.free.compare_exchange_weak(free, free & (free - 1), AcqRel, Acquire) {
    ///                 Ok(_) => return Some(free.trailing_zeros()),
    ///                 Err(now) => free = now,
    ///             }
    ///         }
    ///     }
    ///
    ///     pub fn give(&self, slot: u32) { self.free.fetch_or(1 << slot, Release); }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU64, Ordering::*};
    ///
    /// pub struct Pool { free: AtomicU64 }
    ///
    /// impl Pool {
    ///     pub fn take(&self) -> Option<u32> {
    ///         let mut pause = 1;
    ///         let mut free = self.free.load(Acquire);
    ///         loop {
    ///             if free == 0 { return None; }
    ///             match self.free.compare_exchange_weak(free, free & (free - 1), AcqRel, Acquire) {
    ///                 Ok(_) => return Some(free.trailing_zeros()),
    ///                 Err(now) => free = now,
    ///             }
    ///             for _ in 0..pause { std::hint::spin_loop(); }
    ///             pause = (pause * 2).min(64);
    ///         }
    ///     }
    ///
    ///     pub fn give(&self, slot: u32) { self.free.fetch_or(1 << slot, Release); }
    /// }
    /// ```
    ///
    /// `crossbeam_utils::Backoff::spin` does the same in one call.
    ///
    /// ## When to allow
    ///
    /// Where contention is rare, or the body so short that a pause costs more than the attempt it saves.
    ///
    /// ## Known limits
    ///
    /// How often two writers meet is not known here: that other code writes the location is all the evidence. Loops
    /// that only wait are `spin_without_hint`'s.
    ///
    /// ## References
    ///
    /// `crossbeam_utils::Backoff`; Dice, Hendler, Mirsky, "Lightweight Contention Management for Efficient
    /// Compare-and-Swap Operations" (Euro-Par 2013).
    pub static CAS_LOOP_WITHOUT_BACKOFF = {
        name: "cas_loop_without_backoff",
        topic: "cas",
        group: Pedantic,
        confidence: Hint,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for retry in facts.retries() {
        let (Some((l, seen)), Some(location)) = (facts.attempt(retry), retry.location) else { continue };
        let alone = facts.is_alone(retry.body, seen);
        let waits = facts.wait_loops(retry.body).iter().any(|w| w.in_loop == l.in_loop);
        if alone || waits || facts.pause_between(retry).is_some() {
            continue;
        }
        if let Some(rival) = facts.rival_write(retry, location) {
            out.push(report(cx, retry, seen, location, rival));
        }
    }
}

fn report(cx: &Cx<'_>, retry: &Retry, seen: &Seen, location: LocId, rival: OpId) -> Finding {
    let facts = cx.facts;
    let message = format!(
        "this loop retries its CAS on {} at once, and takes the cache line from the thread that was faster",
        cx.location_name(location)
    );
    let primary = Label::new(cx.seen_site(retry.body, seen), "tried again with no pause");
    let mut finding = cx.finding(&CAS_LOOP_WITHOUT_BACKOFF, retry.body, primary, message);
    finding.secondary.push(Label::new(cx.op_site(rival), "written here too"));
    finding.key.location.clone_from(&facts.location(location).name);
    finding.key.operation = facts.op(seen.op).method.to_owned();
    finding.help = Some(
        "call `crossbeam_utils::Backoff::spin` after a failure; for a body as short as this one it rarely pays: measure"
            .to_owned(),
    );
    if !facts.is_cheap(retry) {
        finding.help = Some("call `crossbeam_utils::Backoff::spin` after a failure".to_owned());
    }
    finding
}
