//! A future that waits without giving its thread back.

use super::head;
use crate::facts::wait_loop::WaitLoop;
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::EventId;
use crate::lint::{Cx, declare_lint};
use crate::resolve::BodyId;

declare_lint! {
    /// Finds loops in `async` code and in `Future::poll` that wait for an atomic to change without an `.await`.
    ///
    /// ## Why it matters
    ///
    /// An executor runs many tasks on one thread and can only switch between them where a task awaits. A task that
    /// spins keeps the thread; if the task that is to change the value is queued on the same thread, it never runs,
    /// and the wait never ends. A `spin_loop` or `yield_now` does not help: the operating system may run another
    /// thread, but no other task of this one:
    ///
    /// ```text
    ///   task A                    task B                      ready
    /// 1 while !ready.load() {}                                false
    /// 2                           is next in the same queue   false
    /// 3 ready.load() → false                                  false   for ever
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicBool, Ordering::Acquire};
    ///
    /// pub async fn wait_until(ready: &AtomicBool) {
    ///     while !ready.load(Acquire) {
    ///         std::hint::spin_loop();
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::future::poll_fn;
    /// use std::sync::atomic::{AtomicBool, Ordering::Acquire};
    /// use std::task::Poll;
    ///
    /// pub async fn wait_until(ready: &AtomicBool) {
    ///     poll_fn(|cx| {
    ///         if ready.load(Acquire) {
    ///             return Poll::Ready(());
    ///         }
    ///         cx.waker().wake_by_ref();
    ///         Poll::Pending
    ///     })
    ///     .await
    /// }
    /// ```
    ///
    /// Better still, store the waker and wake it when the value changes (`Notify`, an `AtomicWaker`, a channel of the
    /// executor's crate), or move the wait to `spawn_blocking`.
    ///
    /// ## When to allow
    ///
    /// When the value is changed by a thread that is not the executor's, within nanoseconds, by a store that it is
    /// already committed to.
    ///
    /// ## Known limits
    ///
    /// Functions of the crate that are called from the future are followed three calls deep. Loops with a bound on
    /// their rounds are left alone.
    ///
    /// ## References
    ///
    /// `std::future::Future::poll`, "Runtime characteristics".
    pub static SPIN_IN_ASYNC = {
        name: "spin_in_async",
        topic: "waiting",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    // However many futures lead to one loop, it is one mistake.
    let mut reported = Vec::new();
    for body in cx.facts.program.body_ids() {
        let b = cx.facts.program.body(body);
        if cx.facts.program.def(b.owner).is_test || !cx.facts.runs_on_executor(body) {
            continue;
        }
        let waits = cx.facts.wait_loops(body);
        for wait in &waits {
            if !cx.facts.has_inner_wait(body, wait, &waits) && !cx.facts.is_bounded(body, wait) {
                out.push(report(cx, body, wait, None));
            }
        }
        for e in 0..b.ir.events.len() as u32 {
            if let Some((callee, wait)) = cx.facts.wait_behind(body, EventId(e)) {
                if reported.contains(&(callee, wait.in_loop)) {
                    continue;
                }
                reported.push((callee, wait.in_loop));
                out.push(report(cx, callee, &wait, Some((body, EventId(e)))));
            }
        }
    }
}

fn report(cx: &Cx<'_>, body: BodyId, wait: &WaitLoop, called: Option<(BodyId, EventId)>) -> Finding {
    let facts = cx.facts;
    let span = facts.program.body(body).ir.loops[wait.in_loop.index()].span;
    let location = facts.waited_location(body, wait);
    let what = location.map_or_else(|| "an atomic".to_owned(), |l| cx.location_name(l));
    let message = format!(
        "this future keeps its thread while it waits for {what}, and the task that would change it may need that thread"
    );
    let head = head(cx, body, span);
    let (at, primary) = match called {
        None => (body, Label::new(head, "no `.await` in here")),
        Some((caller, event)) => (caller, Label::new(facts.event_site(caller, event), "waits inside of this call")),
    };
    let mut finding = cx.finding(&SPIN_IN_ASYNC, at, primary, message);
    if called.is_some() {
        finding.secondary.push(Label::new(head, "the wait"));
    }
    if let Some(seen) = wait.waits_on.first().map(|w| &facts.seen(body)[*w]) {
        let op = facts.op(seen.op);
        finding.secondary.push(Label::new(cx.seen_site(body, seen), "looked at again and again"));
        finding.key.operation = op.method.to_owned();
    }
    if let Some(l) = location {
        finding.key.location.clone_from(&facts.location(l).name);
        finding.notes.push(cx.role_note(l));
    }
    finding.interleaving = Some(
        Interleaving::new(&["task A", "task B"], "value")
            .step(0, Some(head), "looks", "old")
            .step(1, None, "queued on the same thread", "old")
            .step(0, Some(head), "looks again", "old")
            .ending("task B never runs"),
    );
    finding.help = Some(
        "store the waker and return `Poll::Pending` (`AtomicWaker`, `Notify`, a channel), or move the wait to \
         `spawn_blocking`"
            .to_owned(),
    );
    finding
}
