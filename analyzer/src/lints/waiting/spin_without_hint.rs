//! A loop that waits for another thread and does not tell the processor.

use super::head;
use crate::facts::wait_loop::WaitLoop;
use crate::finding::{Finding, Label};
use crate::ir::AtomicOpKind;
use crate::lint::{Cx, declare_lint};
use crate::remedy::loops;
use crate::resolve::BodyId;

declare_lint! {
    /// Finds loops that only read an atomic again and again until it changes, without a pause of any kind.
    ///
    /// ## Why it matters
    ///
    /// The loop runs as fast as the core can load. It fills the pipeline with speculative loads that are all thrown
    /// away when the value changes, takes execution slots from the sibling hyper-thread (which may be the one that is
    /// waited for), burns power, and on a machine with fewer cores than threads runs out its time slice while the
    /// other thread cannot run at all:
    ///
    /// ```text
    ///   thread A                thread B             core
    /// 1 takes the lock                               A
    /// 2 is preempted                                 B
    /// 3                         load → still locked  B
    /// 4                         load → still locked  B    … until the time slice ends
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicBool, Ordering::Acquire};
    ///
    /// pub fn wait_until(ready: &AtomicBool) {
    ///     while !ready.load(Acquire) {}
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicBool, Ordering::Acquire};
    ///
    /// pub fn wait_until(ready: &AtomicBool) {
    ///     while !ready.load(Acquire) {
    ///         std::hint::spin_loop();
    ///     }
    /// }
    /// ```
    ///
    /// `spin_loop` is for waits of a few hundred cycles. Where the wait may be longer, `atomic_lint::Backoff` spins,
    /// then yields; where it may be long, park the thread or use a `Condvar`.
    ///
    /// ## When to allow
    ///
    /// On a dedicated core where the last nanosecond of reaction time matters.
    ///
    /// ## Known limits
    ///
    /// Loops that retry a CAS of their own and make progress are not waits and are left alone, and so are loops that
    /// call anything whose effects are unknown.
    ///
    /// ## References
    ///
    /// `core::hint::spin_loop`; Intel 64 and IA-32 Architectures Software Developer's Manual, `PAUSE`.
    pub static SPIN_WITHOUT_HINT = {
        name: "spin_without_hint",
        topic: "waiting",
        group: Perf,
        confidence: Certain,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for body in cx.facts.program.body_ids() {
        let b = cx.facts.program.body(body);
        if b.ir.loops.is_empty() || cx.facts.program.def(b.owner).is_test {
            continue;
        }
        // In a future the wait itself is the mistake, with a hint or without.
        if cx.facts.is_model_only(body) || cx.facts.runs_on_executor(body) {
            continue;
        }
        let waits = cx.facts.wait_loops(body);
        for wait in &waits {
            if wait.hint.is_none() && !cx.facts.has_inner_wait(body, wait, &waits) {
                out.push(report(cx, body, wait));
            }
        }
    }
}

fn report(cx: &Cx<'_>, body: BodyId, wait: &WaitLoop) -> Finding {
    let facts = cx.facts;
    let looped = &facts.program.body(body).ir.loops[wait.in_loop.index()];
    let first = wait.waits_on.first().map(|w| &facts.seen(body)[*w]);
    let what =
        first.and_then(|s| facts.op(s.op).location).map_or_else(|| "an atomic".to_owned(), |l| cx.location_name(l));
    let message = format!("this loop waits for {what} at full speed, in the way of the thread it waits for");
    let primary = Label::new(head(cx, body, looped.span), "no `spin_loop`, yield, park or backoff in here");
    let mut finding = cx.finding(&SPIN_WITHOUT_HINT, body, primary, message);
    for &call in &wait.conditions {
        finding
            .secondary
            .push(Label::new(facts.event_site(body, call), "the caller's condition, which reads an atomic"));
    }
    for &w in wait.waits_on.iter().take(3) {
        let seen = &facts.seen(body)[w];
        let op = facts.op(seen.op);
        let says = if op.kind == AtomicOpKind::Load { "read again and again" } else { "tried again and again" };
        finding.secondary.push(Label::new(cx.seen_site(body, seen), says));
        if !seen.is_direct() {
            finding.secondary.push(Label::new(cx.op_site(seen.op), "in a helper"));
        }
    }
    if let Some(op) = first.map(|s| facts.op(s.op)) {
        if let Some(l) = op.location {
            finding.notes.push(cx.role_note(l));
            finding.key.location.clone_from(&facts.location(l).name);
        }
        finding.key.operation = op.method.to_owned();
    }
    finding.fixes.extend(loops::hint(cx, body, looped.span));
    finding.help = Some(
        "call `std::hint::spin_loop()` in the loop for a wait of a few hundred cycles, `atomic_lint::Backoff` for a \
         longer one, and park or use a `Condvar` where it may be long"
            .to_owned(),
    );
    finding
}
