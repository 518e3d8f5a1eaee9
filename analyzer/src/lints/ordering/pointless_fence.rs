//! A fence that orders nothing, or only the compiler.

use crate::facts::access::Order;
use crate::facts::fences::Fence;
use crate::facts::{Facts, Seen};
use crate::finding::{Finding, Label};
use crate::ir::Ordering;
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds fences with no atomic operation that they could combine with, and `compiler_fence` where threads are meant.
    ///
    /// ## Why it matters
    ///
    /// A fence makes no edge to another thread by itself. A release fence needs an atomic write *after* it that the other
    /// thread reads, an acquire fence an atomic read *before* it. With a plain variable in their place nothing is ordered;
    /// and a `compiler_fence` leaves the processor free to reorder what the compiler did not:
    ///
    /// ```text
    ///   writer                          reader                        ready   data
    /// 1 data.store(7, Relaxed)                                        false   (in the buffer)
    /// 2 compiler_fence(Release)                                       false   (no instruction)
    /// 3 ready.store(true, Relaxed)                                    true
    /// 4                                 ready.load(Relaxed) → true    true
    /// 5                                 data.load(Relaxed) → 0        true    still in the buffer
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{compiler_fence, AtomicBool, AtomicU64, Ordering};
    ///
    /// static DATA: AtomicU64 = AtomicU64::new(0);
    /// static READY: AtomicBool = AtomicBool::new(false);
    ///
    /// pub fn publish(n: u64) {
    ///     DATA.store(n, Ordering::Relaxed);
    ///     compiler_fence(Ordering::Release);
    ///     READY.store(true, Ordering::Relaxed);
    /// }
    ///
    /// pub fn is_ready() -> bool {
    ///     READY.load(Ordering::Acquire)
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    ///
    /// static DATA: AtomicU64 = AtomicU64::new(0);
    /// static READY: AtomicBool = AtomicBool::new(false);
    ///
    /// pub fn publish(n: u64) {
    ///     DATA.store(n, Ordering::Relaxed);
    ///     READY.store(true, Ordering::Release);
    /// }
    ///
    /// pub fn is_ready() -> bool {
    ///     READY.load(Ordering::Acquire)
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// Around device memory, and where an interrupt or signal handler on the same core is the other side.
    ///
    /// ## Known limits
    ///
    /// The partner of a fence may stand in a caller, so that a function that users of the crate can call, directly or not,
    /// is left alone; what a spawned thread and `main` run has nothing before it. Functions that are not analysed count as
    /// partners. `compiler_fence` is left alone in files that mention signals or interrupts and in crates that use
    /// `membarrier` or `sigaction`, or do without `std`.
    ///
    /// ## References
    ///
    /// C++20 \[atomics.fences\]; `std::sync::atomic::compiler_fence`.
    pub static POINTLESS_FENCE = {
        name: "pointless_fence",
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
    for fence in facts.fences() {
        if fence.compiler {
            if let Some(partner) = shared_partner(facts, &fence)
                && !is_for_one_core(cx, &fence)
            {
                out.push(report(cx, &fence, Some(partner)));
            }
        } else if !facts.combines(&fence) {
            out.push(report(cx, &fence, None));
        }
    }
}

/// The relaxed operation that the compiler fence is meant to order, if other functions use its location too.
fn shared_partner<'f>(facts: &'f Facts<'_>, fence: &Fence) -> Option<&'f Seen> {
    let flow = facts.flow(fence.body);
    facts.seen(fence.body).iter().find(|s| {
        let op = facts.op(s.op);
        let released = fence.ordering.releases() && op.kind.writes() && flow.reaches(fence.event, s.event);
        let acquired = fence.ordering.acquires() && op.kind.reads() && flow.reaches(s.event, fence.event);
        let elsewhere = |l| facts.location(l).ops.iter().any(|o| facts.op(*o).body != fence.body);
        (released || acquired)
            && s.orders.success == Order::Known(Ordering::Relaxed)
            && !facts.is_alone(fence.body, s)
            && op.location.is_some_and(elsewhere)
    })
}

/// The other side may run on the same core: a signal or interrupt handler, or a kernel call that fences for all.
fn is_for_one_core(cx: &Cx<'_>, fence: &Fence) -> bool {
    let program = cx.facts.program;
    let krate = &program.crates[program.def(program.body(fence.body).owner).krate];
    const NEAR: [&str; 3] = ["signal", "SIG", "interrupt"];
    const ANYWHERE: [&str; 4] = ["sigaction", "membarrier", "FlushProcessWriteBuffers", "no_std"];
    let own = &cx.sources.file(program.body(fence.body).file).text;
    !krate.links_std
        || NEAR.iter().any(|w| own.contains(w))
        || krate.files.iter().any(|(file, _)| {
            let text = &cx.sources.file(*file).text;
            ANYWHERE.iter().any(|w| text.contains(w))
        })
}

fn report(cx: &Cx<'_>, fence: &Fence, partner: Option<&Seen>) -> Finding {
    let facts = cx.facts;
    let ordering = fence.ordering.name();
    let (message, text, help) = match partner {
        Some(_) => (
            format!(
                "`compiler_fence({ordering})` is no instruction, so another thread may see the accesses around it reordered"
            ),
            "orders only the compiler",
            format!("use `fence({ordering})`, or put the ordering on the operation itself"),
        ),
        None => (
            format!(
                "`fence({ordering})` has no atomic operation to combine with, so it orders nothing between threads"
            ),
            "orders nothing",
            match (fence.ordering.acquires(), fence.ordering.releases()) {
                (true, false) => "put it behind the atomic read that the other thread's release is to meet",
                (false, true) => "put it before the atomic write that the other thread reads",
                _ => "put it between the atomic operations that it is to order",
            }
            .to_owned(),
        ),
    };
    let primary = Label::new(facts.event_site(fence.body, fence.event), text);
    let mut finding = cx.finding(&POINTLESS_FENCE, fence.body, primary, message);
    if let Some(partner) = partner {
        finding.secondary.push(Label::new(cx.seen_site(fence.body, partner), "this is what it should order"));
        let location = facts.op(partner.op).location;
        finding.key.location = location.map_or_else(String::new, |l| facts.location(l).name.clone());
    }
    finding.key.operation = if fence.compiler { "compiler_fence" } else { "fence" }.to_owned();
    finding.help = Some(help);
    finding
}
