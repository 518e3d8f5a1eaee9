//! A CAS loop expects the value that was loaded before the loop, in every round.

use rustc_hash::FxHashSet;

use crate::facts::region::Retry;
use crate::facts::retry::CasLoop;
use crate::facts::{Facts, Seen};
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::{AtomicOpKind, Base, Callee, EventKind, ValueId, ValueKind, operands};
use crate::lint::{Cx, declare_lint};
use crate::remedy::loops;
use crate::resolve::BodyId;
use crate::resolve::calls::Target;

declare_lint! {
    /// Finds compare-and-swap loops whose expected value was loaded before the loop and is the same in every round.
    ///
    /// ## Why it matters
    ///
    /// A CAS fails because the atomic holds something else. Unless the next round expects that, it fails for the
    /// same reason, and the loop spins until some thread happens to put the old value back (which is ABA, not
    /// success):
    ///
    /// ```text
    ///   thread A               thread B          count
    /// 1 load → 5                                 5
    /// 2                        add 1             6
    /// 3 CAS 5 → 0 fails                          6
    /// 4 CAS 5 → 0 fails                          6     and so on
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicUsize, Ordering::*};
    ///
    /// pub struct Batch { count: AtomicUsize }
    ///
    /// impl Batch {
    ///     pub fn take(&self) -> usize {
    ///         let count = self.count.load(Acquire);
    ///         while self.count.compare_exchange(count, 0, AcqRel, Acquire).is_err() {
    ///             std::hint::spin_loop();
    ///         }
    ///         count
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicUsize, Ordering::*};
    ///
    /// pub struct Batch { count: AtomicUsize, limit: usize }
    ///
    /// impl Batch {
    ///     pub fn take(&self) -> Option<usize> {
    ///         let mut count = self.count.load(Acquire);
    ///         while count > self.limit {
    ///             match self.count.compare_exchange_weak(count, 0, AcqRel, Acquire) {
    ///                 Ok(_) => return Some(count),
    ///                 Err(now) => count = now,
    ///             }
    ///         }
    ///         None
    ///     }
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// When the loop is meant to wait until the atomic comes back to that value.
    ///
    /// ## Known limits
    ///
    /// Quiet where the expected value is a constant, a ticket drawn elsewhere, or where the loop looks at the atomic in
    /// each round and ends when it differs. A value that travels through other memory is not followed.
    ///
    /// ## References
    ///
    /// `AtomicUsize::compare_exchange` (the `Err` value is what the atomic holds).
    pub static STALE_CAS_EXPECTED = {
        name: "stale_cas_expected",
        topic: "cas",
        group: Correctness,
        confidence: Certain,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for retry in facts.retries() {
        let Some(l) = retry.cas_loop() else { continue };
        if let Some(load) = stale_load(facts, retry, l) {
            out.push(report(cx, retry, l, load));
        }
    }
}

/// The load before the loop that gives the expected value of every round.
fn stale_load<'f>(facts: &'f Facts<'_>, retry: &Retry, l: &CasLoop) -> Option<&'f Seen> {
    let body = retry.body;
    let seen = facts.seen(body);
    let cas = &seen[l.cas];
    let location = retry.location?;
    if cas.expected.other || cas.expected.ops.is_empty() || !cas.expected.params.is_empty() {
        return None;
    }
    let sources: Vec<&Seen> = cas.expected.ops.iter().map(|&i| &seen[i]).collect();
    let before = |s: &Seen| facts.is_before_loop(body, s.event, l);
    let only_loads = sources.iter().all(|s| {
        let op = facts.op(s.op);
        op.kind == AtomicOpKind::Load && op.location == Some(location) && s.place.may_alias(&cas.place) && before(s)
    });
    if !only_loads || changes_in_loop(facts, body, cas, l) || looks_again(facts, retry, l) {
        return None;
    }
    sources.into_iter().next()
}

/// Whether the expected value may differ from round to round.
fn changes_in_loop(facts: &Facts<'_>, body: BodyId, cas: &Seen, l: &CasLoop) -> bool {
    let mut queue: Vec<ValueId> = match &facts.event(body, cas.event).kind {
        EventKind::Atomic(_) => facts.op(cas.op).expected().into_iter().collect(),
        EventKind::Call(call) => call.args.clone(),
        _ => return true,
    };
    let mut visited = FxHashSet::default();
    while let Some(v) = queue.pop() {
        if !visited.insert(v) {
            continue;
        }
        let kind = facts.value(body, v);
        let varies = match kind {
            ValueKind::Phi(ops) => ops.iter().any(|(block, _)| facts.is_in_loop(body, *block, l)),
            ValueKind::Mutated { .. } | ValueKind::Unknown | ValueKind::Capture(_) => true,
            ValueKind::Read(p) => !p.proj.is_empty() || matches!(p.base, Base::Path(_)),
            ValueKind::Event(e) => {
                let inside = facts.is_in_loop(body, facts.event(body, *e).block, l);
                inside && !computes_only(facts, body, *e, &mut queue)
            }
            _ => false,
        };
        if varies {
            return true;
        }
        operands::of_value(kind, &mut |v| queue.push(*v));
    }
    false
}

/// A call in the loop that gives the same for the same arguments, which are followed.
fn computes_only(facts: &Facts<'_>, body: BodyId, event: crate::ir::EventId, queue: &mut Vec<ValueId>) -> bool {
    let EventKind::Call(call) = &facts.event(body, event).kind else { return false };
    queue.extend(&call.args);
    if let Callee::Method { receiver, .. } = &call.callee {
        if !receiver.proj.is_empty() {
            return false;
        }
        operands::of_place(receiver, &mut |v| queue.push(*v));
    }
    match facts.program.target(body, call) {
        Target::Fn(_) => facts.is_trivial_call(body, call),
        _ => crate::facts::wait_loop::is_pure_name(facts.callee_name(call)),
    }
}

/// Some branch in the loop compares what the location holds now: the loop knows when to give up.
fn looks_again(facts: &Facts<'_>, retry: &Retry, l: &CasLoop) -> bool {
    let body = retry.body;
    let seen = facts.seen(body);
    facts.decisions(body).iter().any(|d| {
        let reads = |i: &usize| {
            let s = &seen[*i];
            let op = facts.op(s.op);
            *i != l.cas
                && op.location == retry.location
                && op.kind.reads()
                && facts.is_in_loop(body, facts.event(body, s.event).block, l)
        };
        let of_failure = d.flows.compared.contains(&l.cas)
            && !l.outcome.success.iter().any(|s| facts.flow(body).successors(d.block).contains(s));
        facts.is_in_loop(body, d.block, l) && (d.flows.ops.iter().chain(&d.flows.compared).any(reads) || of_failure)
    })
}

fn report(cx: &Cx<'_>, retry: &Retry, l: &CasLoop, load: &Seen) -> Finding {
    let facts = cx.facts;
    let body = retry.body;
    let cas = &facts.seen(body)[l.cas];
    let op = facts.op(cas.op);
    let location = retry.location.map_or_else(|| "the atomic".to_owned(), |l| cx.location_name(l));
    let message = format!("once {location} has changed, this CAS expects an old value in every round");
    let site = cx.seen_site(body, cas);
    let label = Label::new(site, "fails again for the reason it has failed before");
    let mut finding = cx.finding(&STALE_CAS_EXPECTED, body, label, message);
    let load_site = cx.seen_site(body, load);
    finding.secondary.push(Label::new(load_site, "the expected value is read here, once"));
    finding.key.location = retry.location.map_or_else(String::new, |l| facts.location(l).name.clone());
    finding.key.operation = op.method.to_owned();
    let short = finding.key.location.rsplit("::").next().unwrap_or("value").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["thread A", "thread B"], short)
            .step(0, Some(load_site), "load → 5", "5")
            .step(1, None, "changes it", "6")
            .step(0, Some(site), "CAS 5 → … fails", "6")
            .step(0, Some(site), "CAS 5 → … fails", "6")
            .ending("and so on"),
    );
    finding.fixes.extend(loops::reload(cx, body, cas, load));
    finding.help =
        Some("take the value that the failed CAS returns (`Err(now) => expected = now`), or load again".to_owned());
    finding
}
