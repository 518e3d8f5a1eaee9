//! An object is used after the operation by which another thread may free it.

use std::collections::BTreeSet;

use crate::facts::OpId;
use crate::facts::handover::{HandOver, Taker};
use crate::finding::{Finding, Interleaving, Label};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds an object that is used after the very operation that let another thread free it: a decrement of its owner
    /// count that was not the last, a flag by which the second of two parties frees, a signal to the waiter on whose
    /// stack it lives.
    ///
    /// ## Why it matters
    ///
    /// The other thread may come right after the operation, free the object or leave the function it lived in, and this
    /// thread then uses memory that is somebody else's:
    ///
    /// ```text
    ///   signaller                     waiter                          done
    /// 1 (*waiter).done.store(true)                                    true
    /// 2                               done.load → true                true
    /// 3                               returns: its variables go
    /// 4 (*waiter).thread.unpark()                                             reads another function's stack
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::*};
    /// use std::thread::{self, Thread};
    ///
    /// pub struct Waiter { done: AtomicBool, thread: Thread }
    /// pub struct Event { waiter: AtomicPtr<Waiter> }
    ///
    /// impl Event {
    ///     pub fn wait(&self) {
    ///         let mut waiter = Waiter { done: AtomicBool::new(false), thread: thread::current() };
    ///         self.waiter.store(&mut waiter, Release);
    ///         while !waiter.done.load(Acquire) {
    ///             thread::park();
    ///         }
    ///     }
    ///
    ///     pub fn signal(&self) {
    ///         let waiter = self.waiter.swap(std::ptr::null_mut(), AcqRel);
    ///         if !waiter.is_null() {
    ///             unsafe {
    ///                 (*waiter).done.store(true, Release);
    ///                 (*waiter).thread.unpark();
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::*};
    /// use std::thread::{self, Thread};
    ///
    /// pub struct Waiter { done: AtomicBool, thread: Thread }
    /// pub struct Event { waiter: AtomicPtr<Waiter> }
    ///
    /// impl Event {
    ///     pub fn wait(&self) {
    ///         let mut waiter = Waiter { done: AtomicBool::new(false), thread: thread::current() };
    ///         self.waiter.store(&mut waiter, Release);
    ///         while !waiter.done.load(Acquire) {
    ///             thread::park();
    ///         }
    ///     }
    ///
    ///     pub fn signal(&self) {
    ///         let waiter = self.waiter.swap(std::ptr::null_mut(), AcqRel);
    ///         if !waiter.is_null() {
    ///             unsafe {
    ///                 let thread = (*waiter).thread.clone();
    ///                 (*waiter).done.store(true, Release);
    ///                 thread.unpark();
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// Take out what is needed afterwards before the operation, or keep an owner of your own until the end.
    ///
    /// ## When to allow
    ///
    /// When the other side cannot get past the point where it frees until this function is done, with that reason beside
    /// it.
    ///
    /// ## Known limits
    ///
    /// Owner counts and flags are judged in the function whose result decides to free; waiters where the waiting
    /// function holds the object in a variable of its own. Objects that an `Arc` keeps, copies that were taken before the
    /// operation, and the side of the branch that frees are left alone.
    ///
    /// ## References
    ///
    /// The queue of waiters in `std::sync::Once`; CWE-416.
    pub static USE_AFTER_RELEASE = {
        name: "use_after_release",
        topic: "ordering",
        group: Suspicious,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    let mut reported: BTreeSet<OpId> = BTreeSet::new();
    for body in facts.bodies_with_ops() {
        for given in facts.hand_overs(body) {
            if reported.insert(facts.seen(body)[given.seen].op) {
                out.push(report(cx, &given));
            }
        }
    }
}

fn report(cx: &Cx<'_>, given: &HandOver) -> Finding {
    let facts = cx.facts;
    let body = given.body;
    let seen = &facts.seen(body)[given.seen];
    let op = facts.op(seen.op);
    let location = op.location;
    let name = location.map_or_else(|| "the atomic".to_owned(), |l| cx.location_name(l));
    let (by, taken, who) = match given.taker {
        Taker::LastOwner(b, e) => ("another owner", facts.event_site(b, e), "the last owner frees it here"),
        Taker::SecondParty(b, e) => ("the other party", facts.event_site(b, e), "whoever comes second frees it here"),
        Taker::Waiter(b, e) => {
            ("the waiter", facts.event_site(b, e), "the waiter goes on here, and what it holds on its stack goes")
        }
    };
    let message = format!("{by} may have freed the object by now: {name} has told it that this thread is done");
    let site = facts.event_site(body, given.used);
    let primary = Label::new(site, "used here");
    let mut finding = cx.finding(&USE_AFTER_RELEASE, body, primary, message);
    let released = cx.seen_site(body, seen);
    finding.secondary.push(Label::new(released, "given away here"));
    finding.secondary.push(Label::new(taken, who));
    finding.key.location = location.map_or_else(String::new, |l| facts.location(l).name.clone());
    finding.key.operation = op.method.to_owned();
    let watched = finding.key.location.rsplit("::").next().unwrap_or("state").to_owned();
    let (before, after) = match given.taker {
        Taker::LastOwner(..) => ("2", "1"),
        _ => ("held", "given away"),
    };
    finding.interleaving = Some(
        Interleaving::new(&["this thread", by], watched)
            .step(0, None, "uses the object", before)
            .step(0, Some(released), op.method.to_owned(), after)
            .step(1, Some(taken), "sees it, and the object goes", "freed")
            .step(0, Some(site), "uses the object", "freed")
            .ending("freed memory"),
    );
    finding.help = Some(
        "take what is needed out of the object before this operation, or make the operation the last use".to_owned(),
    );
    finding
}
