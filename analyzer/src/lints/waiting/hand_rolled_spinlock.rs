//! A lock that spins where the operating system could block.

use super::head;
use crate::facts::RoleKind;
use crate::facts::wait_loop::WaitLoop;
use crate::finding::{Finding, Label};
use crate::ir::Cfg;
use crate::lint::{Cx, declare_lint};
use crate::resolve::BodyId;

declare_lint! {
    /// Finds locks made of an atomic that are waited for by spinning, in crates that have `std`.
    ///
    /// ## Why it matters
    ///
    /// A spinning waiter cannot tell the scheduler whom it waits for. If the holder is preempted, every waiter burns
    /// its whole time slice; with priorities, a high-priority waiter can keep the holder from ever running. The
    /// mutex of `std` spins too, for as long as it pays, and then sleeps:
    ///
    /// ```text
    ///   thread A          thread B                  core
    /// 1 takes the lock                              A
    /// 2 is preempted                                B
    /// 3                   spins to the end of its   B
    /// 4                   time slice                B
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicBool, Ordering::{Acquire, Release}};
    ///
    /// pub struct Lock { locked: AtomicBool }
    ///
    /// impl Lock {
    ///     pub fn lock(&self) {
    ///         while self.locked.swap(true, Acquire) {
    ///             std::hint::spin_loop();
    ///         }
    ///     }
    ///
    ///     pub fn unlock(&self) {
    ///         self.locked.store(false, Release);
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::{Mutex, MutexGuard, PoisonError};
    ///
    /// pub struct Lock { inner: Mutex<()> }
    ///
    /// impl Lock {
    ///     pub fn lock(&self) -> MutexGuard<'_, ()> {
    ///         self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    ///     }
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// Where nobody can be preempted while holding it (interrupts off), or the lock must live in shared memory.
    ///
    /// ## Known limits
    ///
    /// A word counts as a lock by what is done with it; ticket and queue locks are not recognised.
    ///
    /// ## References
    ///
    /// `std::sync::Mutex`; Malte Skarupke, Linus Torvalds, "spinlocks considered harmful" (2020).
    pub static HAND_ROLLED_SPINLOCK = {
        name: "hand_rolled_spinlock",
        topic: "waiting",
        group: Restriction,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for body in cx.facts.bodies_with_ops() {
        let d = cx.facts.program.def(cx.facts.program.body(body).owner);
        if d.is_test || !cx.facts.program.crates[d.krate].links_std || excludes_std(&d.cfg) {
            continue;
        }
        let waits = cx.facts.wait_loops(body);
        for wait in &waits {
            if is_lock_wait(cx, body, wait) && !stands_in_another(cx, body, wait, &waits) {
                out.push(report(cx, body, wait));
            }
        }
    }
}

/// A word in the role of a lock decides when the loop ends.
fn is_lock_wait(cx: &Cx<'_>, body: BodyId, wait: &WaitLoop) -> bool {
    wait.waits_on.iter().any(|w| {
        let op = cx.facts.op(cx.facts.seen(body)[*w].op);
        op.location.is_some_and(|l| cx.facts.role(l).kind == RoleKind::Lock)
    })
}

/// The loop around it tries to take the same lock: one wait in two steps.
fn stands_in_another(cx: &Cx<'_>, body: BodyId, wait: &WaitLoop, all: &[WaitLoop]) -> bool {
    all.iter().any(|outer| {
        outer.in_loop != wait.in_loop
            && is_lock_wait(cx, body, outer)
            && cx.facts.has_inner_wait(body, outer, std::slice::from_ref(wait))
    })
}

/// The item exists only where there is no `std`.
fn excludes_std(cfg: &Cfg) -> bool {
    match cfg {
        Cfg::All(all) => all.iter().any(excludes_std),
        Cfg::Any(any) => !any.is_empty() && any.iter().all(excludes_std),
        Cfg::Not(inner) => matches!(&**inner, Cfg::Equals(k, v) if k == "feature" && v == "std"),
        Cfg::Equals(k, v) => k == "target_os" && v == "none",
        Cfg::Flag(_) => false,
    }
}

fn report(cx: &Cx<'_>, body: BodyId, wait: &WaitLoop) -> Finding {
    let facts = cx.facts;
    let span = facts.program.body(body).ir.loops[wait.in_loop.index()].span;
    let location = wait
        .waits_on
        .iter()
        .filter_map(|w| facts.op(facts.seen(body)[*w].op).location)
        .find(|l| facts.role(*l).kind == RoleKind::Lock);
    let what = location.map_or_else(|| "the lock".to_owned(), |l| cx.location_name(l));
    let message = format!("{what} is a lock that is waited for by spinning, so a preempted holder stops all waiters");
    let mut finding =
        cx.finding(&HAND_ROLLED_SPINLOCK, body, Label::new(head(cx, body, span), "spins until it is free"), message);
    if let Some(l) = location {
        finding.notes.push(cx.role_note(l));
        finding.key.location.clone_from(&facts.location(l).name);
    }
    finding.key.operation = "wait".to_owned();
    finding.help = Some("use `std::sync::Mutex` or `parking_lot::Mutex`, which spin for as long as it pays".to_owned());
    finding
}
