//! Something that must not happen once for each attempt happens in the retried region of a CAS loop.

use rustc_hash::FxHashSet;

use crate::facts::carried::{Carried, is_attempt_name};
use crate::facts::effects::{Effect, EffectKind};
use crate::facts::region::{Part, Repeated, Retry, RetryKind, What};
use crate::facts::wait_loop::is_hint;
use crate::facts::{Facts, Seen};
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::{AtomicOpKind, Cfg, EventKind};
use crate::lint::{Cx, declare_lint};
use crate::remedy::success;
use crate::resolve::BodyId;
use crate::resolve::places::{PlaceRef, Root};

declare_lint! {
    /// Finds effects inside the part of a compare-and-swap loop that runs again when the CAS fails: output, logging,
    /// locks, messages, writes to other memory, things read that cannot be read twice, frees.
    ///
    /// ## Why it matters
    ///
    /// An attempt that fails leaves no trace on the atomic, but its effect stays. Under contention the effect happens
    /// more often than the update, and never when one thread tests it alone:
    ///
    /// ```text
    ///   thread A            thread B            balance   withdrawals
    /// 1 load → 10                               10        0
    /// 2 withdrawals += 1                        10        1
    /// 3                     CAS 10 → 7          7         2
    /// 4 CAS 10 → 5 fails                        7         2
    /// 5 withdrawals += 1                        7         3
    /// 6 CAS 7 → 2                               2         3    two withdrawals, three counted
    /// ```
    ///
    /// The closure of `fetch_update`, `rcu` or of a function that calls it in such a loop is retried in the same way.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicU64, Ordering::*};
    ///
    /// pub struct Account { balance: AtomicU64, withdrawals: AtomicU64 }
    ///
    /// impl Account {
    ///     pub fn withdraw(&self, amount: u64) {
    ///         let mut balance = self.balance.load(Acquire);
    ///         loop {
    ///             self.withdrawals.fetch_add(1, Relaxed);
    ///             match self.balance.compare_exchange_weak(balance, balance - amount, AcqRel, Acquire) {
    ///                 Ok(_) => return,
    ///                 Err(now) => balance = now,
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU64, Ordering::*};
    ///
    /// pub struct Account { balance: AtomicU64, withdrawals: AtomicU64 }
    ///
    /// impl Account {
    ///     pub fn withdraw(&self, amount: u64) {
    ///         let mut balance = self.balance.load(Acquire);
    ///         loop {
    ///             match self.balance.compare_exchange_weak(balance, balance - amount, AcqRel, Acquire) {
    ///                 Ok(_) => break,
    ///                 Err(now) => balance = now,
    ///             }
    ///         }
    ///         self.withdrawals.fetch_add(1, Relaxed);
    ///     }
    /// }
    /// ```
    ///
    /// What an attempt computes may go into variables that every attempt sets anew; act on them after the loop.
    ///
    /// ## When to allow
    ///
    /// When the effect is meant for each attempt (a statistic of contention), with that reason beside it. A function
    /// that is safe to repeat can say so with `#[cas_pure]`: its own body is checked instead of its callers.
    ///
    /// ## Known limits
    ///
    /// Quiet for backoff, parking, attempt counters, memory made in the attempt, writes to the node that the loop
    /// inserts, and a CAS on another atomic that helps another thread along. Functions outside of the analysed crates are
    /// known by name only; calls through function pointers and trait objects are taken to be pure.
    ///
    /// ## References
    ///
    /// `AtomicUsize::fetch_update` ("the closure may be called several times"); Herlihy and Shavit, *The Art of
    /// Multiprocessor Programming*, chapter 5.
    pub static SIDE_EFFECTS_IN_CAS_LOOP = {
        name: "side_effects_in_cas_loop",
        topic: "cas",
        group: Suspicious,
        confidence: Likely,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    let mut told = FxHashSet::default();
    for retry in facts.retries() {
        if facts.program.def(facts.program.body(retry.body).owner).is_test && retry.op.is_none() {
            continue;
        }
        let mut found = facts.repeated(retry);
        found.retain(|r| is_effect(facts, retry, r) && told.insert((r.origin(), kind_of(r))));
        if let Some(first) = found.first() {
            out.push(report(cx, retry, first, &found[1..]));
        }
    }
}

fn kind_of(r: &Repeated<'_>) -> Option<EffectKind> {
    match r.what {
        What::Effect(e) => Some(e.kind),
        What::Op(_) => None,
    }
}

fn is_effect(facts: &Facts<'_>, retry: &Retry, r: &Repeated<'_>) -> bool {
    let Some(part) = retry.parts.iter().find(|p| p.body == r.body) else { return false };
    if is_backoff(facts, r) || is_for_debugging(facts, r) || is_won_elsewhere(facts, part, r) || facts.is_kept(part, r)
    {
        return false;
    }
    match r.what {
        What::Op(seen) => is_write_to_others(facts, retry, part, r, seen),
        What::Effect(e) => is_lasting(facts, retry, part, r, e),
    }
}

/// Part of waiting before the next attempt: the call is a hint, or a lock that a park or wait follows on the failure
/// path.
fn is_backoff(facts: &Facts<'_>, r: &Repeated<'_>) -> bool {
    if let EventKind::Call(call) = &facts.event(r.body, r.event).kind
        && is_hint(facts.callee_name(call))
    {
        return true;
    }
    r.after_failure && facts.waits_after(r.body, r.event) || facts.guards_a_wait(r.body, r.event)
}

/// Code that a release build does not have.
fn is_for_debugging(facts: &Facts<'_>, r: &Repeated<'_>) -> bool {
    fn debug(cfg: &Cfg) -> bool {
        match cfg {
            Cfg::All(of) | Cfg::Any(of) => of.iter().any(debug),
            Cfg::Flag(flag) => flag == "debug_assertions" || flag == "test",
            _ => false,
        }
    }
    let (body, event) = r.origin();
    let own = |b: BodyId, e| facts.event(b, e).cfg.as_deref().is_some_and(debug);
    let by_name = match &facts.event(r.body, r.event).kind {
        EventKind::Call(call) => facts.callee_name(call).starts_with("debug_"),
        _ => false,
    };
    own(r.body, r.event) || own(body, event) || by_name
}

/// It runs only behind the success of another CAS, so it is done once whatever becomes of this attempt.
fn is_won_elsewhere(facts: &Facts<'_>, part: &Part, r: &Repeated<'_>) -> bool {
    let flow = facts.flow(part.body);
    let block = flow.block_of(r.event);
    let wins = |seen: &Seen| {
        facts.op(seen.op).kind.is_cas()
            && Some(seen.event) != part.attempt
            && facts.outcome(part.body, seen).success.iter().any(|s| flow.block_dominates(*s, block))
    };
    facts.seen(part.body).iter().any(wins)
}

fn is_write_to_others(facts: &Facts<'_>, retry: &Retry, part: &Part, r: &Repeated<'_>, seen: &Seen) -> bool {
    let op = facts.op(seen.op);
    let pure_inside = seen.via.iter().any(|(b, _)| facts.is_cas_pure(*b));
    let conditional = op.kind.is_cas() && !is_retried_itself(facts, retry, seen);
    !pure_inside
        && !conditional
        && !facts.is_alone(r.body, seen)
        && !is_new_node(facts, retry, r.body, &seen.place)
        && !is_made_in_attempt(facts, retry, part, &seen.place)
        && !counts_attempts(facts, r, seen)
        && !tells_of_failure(facts, r, seen)
        && !announces(facts, retry, part, seen)
}

/// A CAS that a loop of its own repeats until it succeeds takes effect each time; any other one only helps.
fn is_retried_itself(facts: &Facts<'_>, retry: &Retry, seen: &Seen) -> bool {
    let outer = retry.cas_loop().map(|l| (retry.body, l.in_loop));
    facts.retries().iter().any(|other| {
        other.op == Some(seen.op) && other.cas_loop().is_some_and(|l| Some((other.body, l.in_loop)) != outer)
    })
}

/// The node that the CAS is to publish: nobody sees it before the CAS has succeeded.
fn is_new_node(facts: &Facts<'_>, retry: &Retry, body: BodyId, place: &PlaceRef) -> bool {
    facts.is_published_by(retry, body, place)
}

/// Memory that the attempt made itself.
fn is_made_in_attempt(facts: &Facts<'_>, retry: &Retry, part: &Part, place: &PlaceRef) -> bool {
    match place.root {
        Root::Local(b, l) => {
            b != part.body && !is_around(facts, part.body, b) || b == part.body && !facts.is_outer(retry, part, l)
        }
        Root::Value(b, v) => facts.maker_of(b, v, 0).is_some_and(|e| retry.contains(b, facts.flow(b).block_of(e))),
        _ => false,
    }
}

/// Whether `outer` is a body around `inner`.
fn is_around(facts: &Facts<'_>, inner: BodyId, outer: BodyId) -> bool {
    let mut at = facts.program.body(inner).parent;
    while let Some(b) = at {
        if b == outer {
            return true;
        }
        at = facts.program.body(b).parent;
    }
    false
}

/// A counter of attempts: named so, or raised on the failure path only.
fn counts_attempts(facts: &Facts<'_>, r: &Repeated<'_>, seen: &Seen) -> bool {
    let op = facts.op(seen.op);
    let adds = matches!(op.kind, AtomicOpKind::FetchAdd) && op.result.is_none();
    let name = op.location.map_or("", |l| facts.location(l).name.rsplit("::").next().unwrap_or(""));
    adds && (r.after_failure || is_attempt_name(name))
}

/// A constant that says that there was a failure: the second one adds nothing to the first.
fn tells_of_failure(facts: &Facts<'_>, r: &Repeated<'_>, seen: &Seen) -> bool {
    let op = facts.op(seen.op);
    let constant = op.new_value().and_then(|v| facts.constant_of(op.body, v));
    r.after_failure && op.kind == AtomicOpKind::Store && constant.is_some()
}

/// The store tells others what this attempt has read (a hazard pointer), and each attempt overwrites it.
fn announces(facts: &Facts<'_>, retry: &Retry, part: &Part, seen: &Seen) -> bool {
    let op = facts.op(seen.op);
    // What a closure form hands its closure is what it has read.
    let handed = part.body != retry.body && !seen.stored.params.is_empty();
    let read_here =
        handed || seen.stored.ops.iter().any(|&i| facts.op(facts.seen(part.body)[i].op).location == retry.location);
    let pointer = op.atomic.is_some_and(|a| a.is_pointer()) || op.value_type.is_raw_pointer();
    let validated = || {
        let flow = facts.flow(part.body);
        facts.seen(part.body).iter().any(|s| {
            facts.op(s.op).location == retry.location
                && facts.op(s.op).kind == AtomicOpKind::Load
                && flow.dominates(seen.event, s.event)
        })
    };
    op.kind == AtomicOpKind::Store && read_here && (pointer || validated())
}

/// Whether an effect outlives the attempt and adds up.
fn is_lasting(facts: &Facts<'_>, retry: &Retry, part: &Part, r: &Repeated<'_>, e: &Effect) -> bool {
    match e.kind {
        EffectKind::Log | EffectKind::Io | EffectKind::Lock | EffectKind::Send | EffectKind::Spawn => true,
        EffectKind::Sleep => !r.after_failure && !is_conditional(facts, part, r),
        EffectKind::Allocate | EffectKind::Reclaim => false,
        EffectKind::Consume => {
            !r.after_failure && !e.place.as_ref().is_some_and(|p| is_made_in_attempt(facts, retry, part, p))
        }
        EffectKind::Free => frees_what_others_see(facts, retry, e, r),
        EffectKind::Assign => match (e.is_direct(), e.local, e.value) {
            (true, Some(local), Some(value)) => {
                matches!(facts.carried(retry, part, e.event, local, value), Carried::Raised | Carried::Accumulated)
            }
            _ => false,
        },
        EffectKind::Write => writes_outer_memory(facts, retry, part, r, e),
        EffectKind::Mutate => changes_outer_collection(facts, retry, part, r, e),
    }
}

fn is_conditional(facts: &Facts<'_>, part: &Part, r: &Repeated<'_>) -> bool {
    let flow = facts.flow(part.body);
    let block = flow.block_of(r.event);
    part.attempt.is_some_and(|a| !flow.block_dominates(block, flow.block_of(a)))
}

/// Memory that others may still reach is given back before the CAS has decided; what the attempt made it may drop.
fn frees_what_others_see(facts: &Facts<'_>, retry: &Retry, e: &Effect, r: &Repeated<'_>) -> bool {
    let (body, event) = e.origin(r.body);
    let EventKind::Call(call) = &facts.event(body, event).kind else { return false };
    let Some(value) = e.value else { return false };
    let made = facts.maker_of(body, value, 0);
    if made.is_some_and(|m| !e.is_direct() || retry.contains(body, facts.flow(body).block_of(m))) {
        return false;
    }
    // What a failed CAS hands back is the caller's own again, and so is what a swap has taken out.
    let flows = facts.flows_into(body, value);
    let own = |&i: &usize| {
        let op = facts.seen(body)[i].op;
        Some(op) == retry.op || facts.op(op).kind == AtomicOpKind::Swap
    };
    if flows.ops.iter().any(own) {
        return false;
    }
    match facts.callee_name(call) {
        "drop" => facts.is_reclaimed(body, value) && made.is_none(),
        _ => true,
    }
}

fn writes_outer_memory(facts: &Facts<'_>, retry: &Retry, part: &Part, r: &Repeated<'_>, e: &Effect) -> bool {
    let Some(place) = &e.place else { return false };
    if place.root == Root::Unknown
        || is_new_node(facts, retry, r.body, place)
        || is_made_in_attempt(facts, retry, part, place)
        || place_names_attempts(facts, place)
        || matches!(place.root, Root::Local(..)) && facts.is_emptied_before(part, r.event, place)
    {
        return false;
    }
    let (body, event) = e.origin(r.body);
    if facts.is_update_of_itself(body, event) {
        return !r.after_failure;
    }
    // Written anew by each attempt: only memory that others see meanwhile matters.
    let others_see = matches!(place.root, Root::Static(_))
        || matches!(place.root, Root::Param(b, 0) if facts.takes_shared_self(b)) && place.shared > 0;
    others_see && !r.after_failure && !facts.links_to_read(retry, r.body, e)
}

fn changes_outer_collection(facts: &Facts<'_>, retry: &Retry, part: &Part, r: &Repeated<'_>, e: &Effect) -> bool {
    let (body, event) = e.origin(r.body);
    let EventKind::Call(call) = &facts.event(body, event).kind else { return false };
    let Some(place) = &e.place else { return false };
    if matches!(place.root, Root::Unknown)
        || is_new_node(facts, retry, r.body, place)
        || is_made_in_attempt(facts, retry, part, place)
    {
        return false;
    }
    if let Root::Value(..) = place.root {
        return false;
    }
    let overwrites = matches!(facts.callee_name(call), "clear" | "truncate" | "set" | "replace" | "retain");
    !overwrites && !facts.is_emptied_before(part, r.event, place)
}

fn place_names_attempts(facts: &Facts<'_>, place: &PlaceRef) -> bool {
    match place.steps.iter().rev().find_map(|s| match s {
        crate::resolve::places::Step::Field(f) => Some(f),
        crate::resolve::places::Step::Index(_) => None,
    }) {
        Some(field) => is_attempt_name(field),
        None => match place.root {
            Root::Local(b, l) => is_attempt_name(&facts.program.body(b).ir.locals[l.index()].name),
            _ => false,
        },
    }
}

fn report(cx: &Cx<'_>, retry: &Retry, first: &Repeated<'_>, rest: &[Repeated<'_>]) -> Finding {
    let facts = cx.facts;
    let what = describe(cx, first);
    let target = retry.location.map_or_else(|| "the atomic".to_owned(), |l| cx.location_name(l));
    let message = match retry.kind {
        RetryKind::Pure => format!("{what} in a function that is declared safe to retry"),
        _ => format!("{what} happens once for each attempt to change {target}, failed ones included"),
    };
    let site = facts.event_site(first.body, first.event);
    let mut finding = cx.finding(
        &SIDE_EFFECTS_IN_CAS_LOOP,
        first.body,
        Label::new(site, "not undone when the attempt fails"),
        message,
    );
    let (origin_body, origin) = first.origin();
    if (origin_body, origin) != (first.body, first.event) {
        finding.secondary.push(Label::new(facts.event_site(origin_body, origin), "it stands here, in a helper"));
    }
    for other in rest {
        let label = format!("so does {}", describe(cx, other));
        finding.secondary.push(Label::new(facts.event_site(other.body, other.event), label));
    }
    match (&retry.kind, retry.op) {
        (RetryKind::Loop(l), Some(op)) => {
            let seen = &facts.seen(retry.body)[l.cas];
            let label = "when this fails, the loop comes round again";
            finding.secondary.push(Label::new(cx.seen_site(retry.body, seen), label));
            finding.key.operation = facts.op(op).method.to_owned();
            if first.body == retry.body && !first.after_failure {
                finding.fixes.extend(success::after_success(cx, retry.body, seen, first.event));
            }
        }
        (RetryKind::Update(event) | RetryKind::Handed(event), op) => {
            let label = "calls it again for each attempt";
            finding.secondary.push(Label::new(facts.event_site(retry.body, *event), label));
            finding.key.operation = op.map_or_else(String::new, |o| facts.op(o).method.to_owned());
        }
        _ => finding.key.operation = "cas_pure".to_owned(),
    }
    finding.key.location = retry.location.map_or_else(String::new, |l| facts.location(l).name.clone());
    let short = finding.key.location.rsplit("::").next().filter(|n| !n.is_empty()).unwrap_or("value").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["thread A", "thread B"], short)
            .step(0, None, "reads 5", "5")
            .step(0, Some(site), format!("first {}", plain(&what)), "5")
            .step(1, None, "CAS 5 → 6", "6")
            .step(0, None, "CAS 5 → 7 fails", "6")
            .step(0, Some(site), format!("second {}", plain(&what)), "6")
            .step(0, None, "CAS 6 → 8", "8")
            .ending("one change, two effects"),
    );
    finding.help = Some(match retry.kind {
        RetryKind::Loop(_) => "do it once the CAS has succeeded: in its success arm, or behind the loop".to_owned(),
        RetryKind::Pure => "move it to the caller, behind the CAS, or take `#[cas_pure]` off".to_owned(),
        _ => "let the closure only compute the new value, and act on what the update returns".to_owned(),
    });
    finding
}

fn plain(what: &str) -> String {
    what.strip_prefix("this ").unwrap_or(what).to_owned()
}

fn describe(cx: &Cx<'_>, r: &Repeated<'_>) -> String {
    let facts = cx.facts;
    let (body, event) = r.origin();
    let e = match r.what {
        What::Op(seen) => {
            let name = facts.op(seen.op).location.map_or_else(String::new, |l| cx.location_name(l));
            return format!("this write to {name}");
        }
        What::Effect(e) => e,
    };
    let named = |what: &str| match &facts.event(body, event).kind {
        EventKind::Macro(m) => format!("this {what} (`{}!`)", m.path.last()),
        EventKind::Call(c) => format!("this {what} (`{}`)", facts.callee_name(c)),
        _ => format!("this {what}"),
    };
    let variable = || match e.local.and_then(|l| facts.program.body(body).ir.locals.get(l.index())) {
        Some(l) if !l.name.is_empty() && l.name != "self" => format!("this change of `{}`", l.name),
        _ => match &e.place {
            Some(p) => format!("this change of `{}`", p.display(facts.program)),
            None => "this change".to_owned(),
        },
    };
    match e.kind {
        EffectKind::Log => named("log entry"),
        EffectKind::Io => named("output or input"),
        EffectKind::Lock => named("lock"),
        EffectKind::Send => named("message"),
        EffectKind::Spawn => named("start of a task"),
        EffectKind::Sleep => named("sleep"),
        EffectKind::Consume => named("read of what cannot be read twice"),
        EffectKind::Free => named("release of memory"),
        EffectKind::Allocate | EffectKind::Reclaim => named("allocation"),
        EffectKind::Write | EffectKind::Assign | EffectKind::Mutate => variable(),
    }
}
