//! Two threads that each write one word and look at the other's, with nothing that keeps the looks behind the writes.

use std::collections::BTreeSet;

use crate::facts::handshake::{Handshake, Stake, StoreLoad};
use crate::facts::{Facts, LocId, OpId, Seen};
use crate::finding::{Finding, Interleaving, Label};
use crate::lint::{Cx, declare_lint};
use crate::remedy::ordering::full_fence;

declare_lint! {
    /// Finds handshakes in which each side writes its own word and then looks at the other's, where a side may look
    /// before its write has reached the other.
    ///
    /// ## Why it matters
    ///
    /// A store may wait in the core's buffer while the load after it runs already. `Release` and `Acquire` allow that, and
    /// so does every processor, x86 included. Then neither side sees the other:
    ///
    /// ```text
    ///   sleeper                          producer                        sleeping   work
    /// 1 sleeping.store(true, Release)                                    (in the buffer)
    /// 2                                  work.store(1, Release)                     (in the buffer)
    /// 3 work.load(Acquire) → 0                                           false      0
    /// 4                                  sleeping.load(Acquire) → false  false      0
    /// 5 parks, with work to do           does not wake it                true       1
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    /// use std::thread::{self, Thread};
    ///
    /// struct Worker { sleeping: AtomicBool, work: AtomicUsize, thread: Thread }
    ///
    /// impl Worker {
    ///     fn sleep(&self) {
    ///         self.sleeping.store(true, Ordering::Release);
    ///         if self.work.load(Ordering::Acquire) == 0 {
    ///             thread::park();
    ///         }
    ///     }
    ///
    ///     fn submit(&self) {
    ///         self.work.store(1, Ordering::Release);
    ///         if self.sleeping.load(Ordering::Acquire) {
    ///             self.thread.unpark();
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{fence, AtomicBool, AtomicUsize, Ordering};
    /// use std::thread::{self, Thread};
    ///
    /// struct Worker { sleeping: AtomicBool, work: AtomicUsize, thread: Thread }
    ///
    /// impl Worker {
    ///     fn sleep(&self) {
    ///         self.sleeping.store(true, Ordering::Relaxed);
    ///         fence(Ordering::SeqCst);
    ///         if self.work.load(Ordering::Acquire) == 0 {
    ///             thread::park();
    ///         }
    ///     }
    ///
    ///     fn submit(&self) {
    ///         self.work.store(1, Ordering::Release);
    ///         fence(Ordering::SeqCst);
    ///         if self.sleeping.load(Ordering::Relaxed) {
    ///             self.thread.unpark();
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// Or make all four operations `SeqCst`, or put both words into one and use a single RMW on each side.
    ///
    /// ## When to allow
    ///
    /// When a sleeper that is missed once is woken by something else soon, and the source says so.
    ///
    /// ## Known limits
    ///
    /// Reported where sleeping and waking, entering a critical section, or confirming an announced pointer depends on the
    /// read. Sides that look again before they act lose nothing; a lock, an `.await` or a sequentially consistent fence
    /// between the write and the read ends the search.
    ///
    /// ## References
    ///
    /// C++20 \[atomics.order\] p4; *Dekker's algorithm*; *Mara Bos: Rust Atomics and Locks*, chapter 3 (sequentially
    /// consistent ordering).
    pub static STORE_LOAD_REORDERING = {
        name: "store_load_reordering",
        topic: "ordering",
        group: Suspicious,
        confidence: Likely,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    let mut reported: BTreeSet<(LocId, LocId)> = BTreeSet::new();
    for handshake in &facts.handshakes().all {
        let (a, b) = handshake.sides;
        if a.ordered && b.ordered
            || reported.contains(&handshake.locations)
            || is_locked(facts, handshake)
            || is_same_party(facts, handshake)
            || !facts.is_at_stake(handshake)
        {
            continue;
        }
        reported.insert(handshake.locations);
        let waits = |side: &StoreLoad, other: &StoreLoad| {
            matches!(facts.stake(side, other), Some(Stake::Sleeps | Stake::Validates))
        };
        // If both are too early: the side that cannot make up for it later.
        let (early, other) = if a.ordered || !b.ordered && waits(&b, &a) { (b, a) } else { (a, b) };
        out.push(report(cx, &early, &other));
    }
}

fn read_of<'f>(facts: &'f Facts<'_>, side: &StoreLoad) -> &'f Seen {
    &facts.seen(side.body)[side.read]
}

fn write_of<'f>(facts: &'f Facts<'_>, side: &StoreLoad) -> &'f Seen {
    &facts.seen(side.body)[side.write]
}

/// All four operations hold one lock.
fn is_locked(facts: &Facts<'_>, handshake: &Handshake) -> bool {
    let (a, b) = handshake.sides;
    let ops = [write_of(facts, &a).op, read_of(facts, &a).op, write_of(facts, &b).op, read_of(facts, &b).op];
    let [first, rest @ ..] = ops;
    let holds = |op: &OpId, lock| facts.context(*op).locks.iter().any(|(l, _)| l == lock);
    facts.context(first).locks.iter().any(|(lock, _)| rest.iter().all(|op| holds(op, lock)))
}

/// Both sides are one function whose two words are not elements of one array: nobody stands on the other side.
fn is_same_party(facts: &Facts<'_>, handshake: &Handshake) -> bool {
    let (a, b) = handshake.sides;
    let (x, y) = handshake.locations;
    let writer = |op: OpId| facts.confined_writer(facts.op(op).location.unwrap_or(x));
    let one_handle = writer(write_of(facts, &a).op).is_some_and(|h| writer(write_of(facts, &b).op) == Some(h));
    x != y && (one_handle || a.body == b.body)
}

fn report(cx: &Cx<'_>, early: &StoreLoad, other: &StoreLoad) -> Finding {
    let facts = cx.facts;
    let (write, read) = (write_of(facts, early), read_of(facts, early));
    let (their_write, their_read) = (write_of(facts, other), read_of(facts, other));
    let name = |s: &Seen| facts.op(s.op).location.map_or_else(|| "it".to_owned(), |l| cx.location_name(l));
    let outcome = match facts.stake(early, other) {
        Some(Stake::Sleeps) => "and sleep through the wake-up",
        Some(Stake::Wakes) => "and not wake a thread that is going to sleep",
        Some(Stake::Validates) => "and use what the other side is about to free",
        _ => "and both sides go on",
    };
    let message = format!("this may read {} before the write of {} is visible, {outcome}", name(read), name(write));
    let primary = Label::new(cx.seen_site(early.body, read), "may run before the write above is visible");
    let mut finding = cx.finding(&STORE_LOAD_REORDERING, early.body, primary, message);
    finding.secondary.push(Label::new(cx.seen_site(early.body, write), "written here"));
    finding.secondary.push(Label::new(cx.seen_site(other.body, their_write), "the other side writes here"));
    finding.secondary.push(Label::new(cx.seen_site(other.body, their_read), "and looks here"));
    let op = facts.op(read.op);
    finding.key.location = op.location.map_or_else(String::new, |l| facts.location(l).name.clone());
    finding.key.operation = op.method.to_owned();
    let watched = name(write).trim_matches('`').rsplit("::").next().unwrap_or("word").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["this side", "other side"], watched)
            .step(0, Some(cx.seen_site(early.body, write)), "writes its word", "old (on its way)")
            .step(1, Some(cx.seen_site(other.body, their_write)), "writes its word", "old")
            .step(0, Some(cx.seen_site(early.body, read)), "reads the other's → old", "old")
            .step(1, Some(cx.seen_site(other.body, their_read)), "reads this one's → old", "new")
            .ending("neither has seen the other"),
    );
    let open = [early, other].into_iter().filter(|side| !side.ordered);
    let sides: Vec<_> = open.map(|s| (s.body, write_of(facts, s).event, read_of(facts, s).event)).collect();
    finding.fixes.extend(full_fence(cx, &sides));
    finding.help = Some(
        "put `fence(SeqCst)` between the write and the read on both sides, or make all four operations `SeqCst`"
            .to_owned(),
    );
    finding
}
