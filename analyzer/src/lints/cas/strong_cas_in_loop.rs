//! A strong CAS in a loop that would try again anyway.

use crate::facts::region::Retry;
use crate::facts::{Facts, Seen};
use crate::finding::{Finding, Label};
use crate::ir::AtomicOpKind;
use crate::lint::{Cx, declare_lint};
use crate::remedy::small;

declare_lint! {
    /// Finds `compare_exchange` in a retry loop whose attempts are cheap, where `compare_exchange_weak` does the same
    /// with less.
    ///
    /// ## Why it matters
    ///
    /// Processors without a CAS instruction (Arm before 8.1, RISC-V, PowerPC) build it from a load that reserves
    /// the line and a store that fails if the reservation was lost. The reservation may be lost for no reason that
    /// concerns the value. The strong form must then try again by itself, in a second loop inside the one that is
    /// written:
    ///
    /// ```text
    ///   thread A, strong form            thread A, weak form           hits
    /// 1 load-reserve → 5                 load-reserve → 5              5
    /// 2 interrupt: reservation lost      interrupt: reservation lost   5
    /// 3 store fails                      store fails                   5
    /// 4 inner loop tries again           gives Err(5)                  5
    /// 5                                  the loop tries again          5    one loop instead of two
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// pub struct Budget { left: AtomicU64 }
    ///
    /// impl Budget {
    ///     pub fn halve(&self) {
    ///         let mut left = self.left.load(Relaxed);
    ///         while let Err(now) = self.left.compare_exchange(left, left / 2, Relaxed, Relaxed) {
    ///             left = now;
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// pub struct Budget { left: AtomicU64 }
    ///
    /// impl Budget {
    ///     pub fn halve(&self) {
    ///         let mut left = self.left.load(Relaxed);
    ///         while let Err(now) = self.left.compare_exchange_weak(left, left / 2, Relaxed, Relaxed) {
    ///             left = now;
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// On targets with a CAS instruction (x86-64, Arm with LSE) both forms are the same code.
    ///
    /// ## Known limits
    ///
    /// An attempt counts as cheap if all that it calls is known to compute only. Quiet where a failed attempt sleeps,
    /// yields or can leave the loop, since the strong form tells it that the value really differed.
    ///
    /// ## References
    ///
    /// `AtomicUsize::compare_exchange_weak`.
    pub static STRONG_CAS_IN_LOOP = {
        name: "strong_cas_in_loop",
        topic: "cas",
        group: Pedantic,
        confidence: Likely,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for retry in cx.facts.retries() {
        let Some((l, seen)) = cx.facts.attempt(retry) else { continue };
        if is_strong(cx.facts, seen) && cx.facts.is_cheap(retry) && !cx.facts.failure_leaves(retry.body, l) {
            out.push(report(cx, retry, seen));
        }
    }
}

/// Written here, on a type that has a weak form.
fn is_strong(facts: &Facts<'_>, seen: &Seen) -> bool {
    let op = facts.op(seen.op);
    seen.is_direct()
        && op.kind == AtomicOpKind::Cas { weak: false }
        && op.method == "compare_exchange"
        && op.atomic.is_some_and(|a| a.takes_orderings())
}

fn report(cx: &Cx<'_>, retry: &Retry, seen: &Seen) -> Finding {
    let facts = cx.facts;
    let op = facts.op(seen.op);
    let what = op.location.map_or_else(|| "the atomic".to_owned(), |l| cx.location_name(l));
    let message =
        format!("this loop retries a strong CAS on {what}, which has a retry loop of its own on some targets");
    let site = facts.site(op.body, op.span);
    let mut finding = cx.finding(
        &STRONG_CAS_IN_LOOP,
        retry.body,
        Label::new(site, "a spurious failure would only come round again"),
        message,
    );
    finding.key.location = op.location.map_or_else(String::new, |l| facts.location(l).name.clone());
    finding.key.operation = op.method.to_owned();
    finding.help = Some("use `compare_exchange_weak`".to_owned());
    finding.fixes.extend(small::other_method(cx, seen.op, "compare_exchange_weak", "use the weak form"));
    finding
}
