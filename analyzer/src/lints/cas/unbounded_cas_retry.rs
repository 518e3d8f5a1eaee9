//! A CAS loop that may go on for ever.

use crate::facts::Seen;
use crate::facts::region::Retry;
use crate::finding::{Finding, Label};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds CAS loops with no bound on the number of attempts.
    ///
    /// ## Why it matters
    ///
    /// Each failure means that some thread has succeeded, so the system as a whole makes progress. One thread need
    /// not: with fast rivals it can lose every time. Where a deadline must be kept, each loop needs an end:
    ///
    /// ```text
    ///   thread A (slow core)     thread B (fast core)     level
    /// 1 load → 1                                          1
    /// 2                          add(1)                   2
    /// 3 CAS 1 → 4 fails                                   2
    /// 4                          add(1)                   3
    /// 5 CAS 2 → 5 fails                                   3    and so on, without end
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicU32, Ordering::*};
    ///
    /// pub struct Level { level: AtomicU32 }
    ///
    /// impl Level {
    ///     pub fn triple(&self) {
    ///         let mut level = self.level.load(Relaxed);
    ///         while let Err(now) = self.level.compare_exchange_weak(level, level * 3, Relaxed, Relaxed) {
    ///             level = now;
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU32, Ordering::*};
    ///
    /// pub struct Level { level: AtomicU32 }
    ///
    /// impl Level {
    ///     pub fn try_triple(&self) -> Result<(), u32> {
    ///         let mut level = self.level.load(Relaxed);
    ///         for _ in 0..64 {
    ///             match self.level.compare_exchange_weak(level, level * 3, Relaxed, Relaxed) {
    ///                 Ok(_) => return Ok(()),
    ///                 Err(now) => level = now,
    ///             }
    ///         }
    ///         Err(level)
    ///     }
    /// }
    /// ```
    ///
    /// A single operation (`fetch_add`, `swap`, `fetch_max`) needs no bound where one does the job.
    ///
    /// ## When to allow
    ///
    /// Everywhere but on threads that must answer in bounded time.
    ///
    /// ## Known limits
    ///
    /// A bound is a range that is walked through, or an exit decided by a counter, a clock or `Backoff::is_completed`.
    /// Closures of `fetch_update` are not looked at, although they loop as well.
    ///
    /// ## References
    ///
    /// Herlihy and Shavit, "The Art of Multiprocessor Programming", lock-free and wait-free progress.
    pub static UNBOUNDED_CAS_RETRY = {
        name: "unbounded_cas_retry",
        topic: "cas",
        group: Restriction,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for retry in cx.facts.retries() {
        if let Some((l, seen)) = cx.facts.attempt(retry)
            && !cx.facts.is_attempt_bounded(retry.body, l)
        {
            out.push(report(cx, retry, seen));
        }
    }
}

fn report(cx: &Cx<'_>, retry: &Retry, seen: &Seen) -> Finding {
    let facts = cx.facts;
    let what = retry.location.map_or_else(|| "the atomic".to_owned(), |l| cx.location_name(l));
    let message =
        format!("nothing limits how often this loop tries its CAS on {what}, so a slow thread may never get through");
    let primary = Label::new(cx.seen_site(retry.body, seen), "tried until it succeeds");
    let mut finding = cx.finding(&UNBOUNDED_CAS_RETRY, retry.body, primary, message);
    finding.key.location = retry.location.map_or_else(String::new, |l| facts.location(l).name.clone());
    finding.key.operation = facts.op(seen.op).method.to_owned();
    finding.help = Some(
        "give up after a number of attempts or at a deadline, and tell the caller; or take a lock then".to_owned(),
    );
    finding
}
