//! A claim about pairing that is not so: the partner is gone, works on other memory, or forms no pair.

use crate::facts::partners::{Broken, Why};
use crate::facts::{Facts, LocId, OpId};
use crate::finding::{Finding, Interleaving, Label};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Checks what the source claims about pairing: `// sync: pairs with Queue::pop` at an operation, or
    /// `#[pairs_with("Queue::pop")]` on a function. The partner must exist, touch the same location, and form a
    /// release/acquire pair with it.
    ///
    /// ## Why it matters
    ///
    /// The claim is what the next reader relies on when an ordering is changed. Once it is wrong (the partner was
    /// renamed, moved to another word, or weakened), the ordering on this side is kept for nothing, and what it was
    /// meant to hand over is not handed over:
    ///
    /// ```text
    ///   Mailbox::put (claims the pair)   Mailbox::take               full    message
    /// 1 message = 7                                                  false   (on its way)
    /// 2 full.store(true, Release)                                    true
    /// 3                                  full.load(Relaxed) → true   true
    /// 4                                  reads the message           true    may still be the old one
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// pub struct Mailbox { full: AtomicBool }
    ///
    /// impl Mailbox {
    ///     pub fn put(&self) {
    ///         // sync: pairs with Mailbox::take
    ///         self.full.store(true, Ordering::Release);
    ///     }
    ///
    ///     pub fn take(&self) -> bool {
    ///         self.full.load(Ordering::Relaxed)
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// pub struct Mailbox { full: AtomicBool }
    ///
    /// impl Mailbox {
    ///     pub fn put(&self) {
    ///         // sync: pairs with Mailbox::take
    ///         self.full.store(true, Ordering::Release);
    ///     }
    ///
    ///     pub fn take(&self) -> bool {
    ///         // sync: pairs with Mailbox::put
    ///         self.full.load(Ordering::Acquire)
    ///     }
    /// }
    /// ```
    ///
    /// A comment stands on the operation's line or directly above its statement; above a fence, or above the head of a
    /// function, it speaks of the whole function. Several partners are separated by commas or "and".
    ///
    /// ## When to allow
    ///
    /// When the partner acts where the analysis cannot see it and still has the name of a function here.
    ///
    /// ## Known limits
    ///
    /// Comments without the `sync:` form are prose and not checked. Quiet where a partner does something that could not
    /// be followed: the location is handed to other code, an operation on memory that is not known, a lock on both
    /// sides, a name that a macro or another crate may define.
    ///
    /// ## References
    ///
    /// C++20 \[atomics.order\], \[atomics.fences\]; `std::sync::atomic::Ordering`.
    pub static BROKEN_PAIRING = {
        name: "broken_pairing",
        topic: "api",
        group: Correctness,
        confidence: Certain,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    out.extend(cx.facts.broken_claims().iter().map(|broken| report(cx, broken)));
}

fn report(cx: &Cx<'_>, broken: &Broken) -> Finding {
    let facts = cx.facts;
    let (claim, partner) = (&broken.claim, &broken.partner.name);
    let own = match &broken.why {
        Why::NoPair { own, .. } => claim.acts.iter().find(|a| a.op == *own),
        _ => None,
    };
    // A claim about a whole function is mended where it stands.
    let at = own.or_else(|| claim.acts.first()).filter(|_| !claim.whole);
    let primary_site = at.map_or(claim.site, |a| facts.event_site(a.at.0, a.at.1));
    let subject = match claim.acts.first().filter(|_| !claim.whole) {
        Some(act) => format!("this {}", facts.op(act.op).method),
        None => format!("`{}`", facts.program.name(claim.function)),
    };
    let (label, message) = match &broken.why {
        Why::Missing(_) => (
            "its partner does not exist".to_owned(),
            format!("{subject} claims to pair with `{partner}`, and there is no such function"),
        ),
        Why::Elsewhere(_) => {
            let location = locations(cx, claim.acts.iter().filter_map(|a| a.location));
            (
                format!("on {location}"),
                format!("{subject} claims to pair with `{partner}`, which does not touch {location}"),
            )
        }
        Why::NoPair { own, other, location } => {
            let name = cx.location_name(*location);
            (
                half(facts, *own),
                format!("{subject} claims to pair with `{partner}`, but {}", gap(facts, *own, *other, &name)),
            )
        }
    };
    let mut finding = cx.finding(&BROKEN_PAIRING, claim.body, Label::new(primary_site, label), message);
    if primary_site != claim.site {
        finding.secondary.push(Label::new(claim.site, "claimed here"));
    }
    match &broken.why {
        Why::Missing(similar) => {
            finding.help = Some(match similar {
                Some(name) => format!("name the function that is on the other side; there is a `{name}`"),
                None => "name the function that is on the other side, or take the claim away".to_owned(),
            });
        }
        Why::Elsewhere(function) => {
            let d = facts.program.def(*function);
            let site = crate::finding::Site { file: d.file, span: d.item.name_span };
            finding.secondary.push(Label::new(site, "touches other memory only"));
            finding.help = Some("name the function that is on the other side, or take the claim away".to_owned());
        }
        Why::NoPair { own, other, location } => {
            finding.secondary.push(Label::new(cx.op_site(*other), half(facts, *other)));
            finding.help = Some(help(facts, *own, *other));
            finding.interleaving = schedule(cx, *own, *other, *location);
        }
    }
    if let Some(act) = own.or_else(|| claim.acts.first()) {
        facts.op(act.op).method.clone_into(&mut finding.key.operation);
        if let Some(l) = act.location {
            finding.key.location.clone_from(&facts.location(l).name);
        }
    }
    finding
}

/// `` `Queue::head` ``, or `` `Queue::head` or `Queue::tail` ``.
fn locations(cx: &Cx<'_>, all: impl Iterator<Item = LocId>) -> String {
    let mut ids: Vec<LocId> = all.collect();
    ids.sort_unstable();
    ids.dedup();
    let names: Vec<String> = ids.iter().take(3).map(|l| cx.location_name(*l)).collect();
    names.join(" or ")
}

fn order_name(facts: &Facts<'_>, op: OpId) -> String {
    facts.op(op).orders.success.known().map_or_else(|| "its ordering".to_owned(), |o| format!("`{}`", o.name()))
}

fn half(facts: &Facts<'_>, op: OpId) -> String {
    let o = facts.op(op);
    let text = match (o.kind.reads(), o.kind.writes()) {
        (true, false) if o.orders.acquires() => "acquires",
        (true, false) => "acquires nothing",
        (false, true) if o.orders.releases() => "releases",
        (false, true) => "releases nothing",
        _ if o.orders.acquires() && o.orders.releases() => "acquires and releases",
        _ if o.orders.acquires() => "acquires only",
        _ if o.orders.releases() => "releases only",
        _ => "orders nothing",
    };
    format!("{} {text}", order_name(facts, op))
}

/// What the two sides lack.
fn gap(facts: &Facts<'_>, own: OpId, other: OpId, name: &str) -> String {
    let (a, b) = (facts.op(own), facts.op(other));
    if !a.kind.writes() && !b.kind.writes() {
        return format!("both only read {name}");
    }
    if !a.kind.reads() && !b.kind.reads() {
        return format!("both only write {name}");
    }
    let (write, read) = sides(facts, own, other);
    match (facts.op(write).orders.releases(), facts.op(read).orders.acquires()) {
        (true, _) => format!("what is released through {name} is not acquired there"),
        (_, true) => format!("what is acquired through {name} is not released there"),
        _ => format!("neither side orders anything through {name}"),
    }
}

/// The writing and the reading side, the better match for a pair first.
fn sides(facts: &Facts<'_>, own: OpId, other: OpId) -> (OpId, OpId) {
    let (a, b) = (facts.op(own), facts.op(other));
    let forward = a.kind.writes() && b.kind.reads();
    let backward = b.kind.writes() && a.kind.reads();
    let prefers_back = a.orders.acquires() && !a.orders.releases() || b.orders.releases() && !b.orders.acquires();
    if backward && (!forward || prefers_back) { (other, own) } else { (own, other) }
}

fn help(facts: &Facts<'_>, own: OpId, other: OpId) -> String {
    let (a, b) = (facts.op(own), facts.op(other));
    if !(a.kind.writes() && b.kind.reads() || b.kind.writes() && a.kind.reads()) {
        return "name the function that does the other half, or take the claim away".to_owned();
    }
    let (write, read) = sides(facts, own, other);
    let verb = |op: OpId| format!("`{}`", facts.op(op).method);
    match (facts.op(write).orders.releases(), facts.op(read).orders.acquires()) {
        (true, _) => format!("make the {} of the other side acquire, or take the claim away", verb(read)),
        (_, true) => format!("make the {} of the other side release, or take the claim away", verb(write)),
        _ => format!("release with the {}, acquire with the {}, or take the claim away", verb(write), verb(read)),
    }
}

fn schedule(cx: &Cx<'_>, own: OpId, other: OpId, location: LocId) -> Option<Interleaving> {
    let facts = cx.facts;
    let (write, read) = sides(facts, own, other);
    if !(facts.op(write).kind.writes() && facts.op(read).kind.reads()) {
        return None;
    }
    let name = |op: OpId| facts.function_name(facts.op(op).body);
    let watched = facts.location(location).name.rsplit("::").next().unwrap_or("value").to_owned();
    let (writer, reader) = (name(write), name(read));
    Some(
        Interleaving::new(&[&writer, &reader], watched)
            .step(0, None, "writes other memory", "old")
            .step(0, Some(cx.op_site(write)), "writes it", "new")
            .step(1, Some(cx.op_site(read)), "reads it → new", "new")
            .step(1, None, "reads the other memory", "new")
            .ending("may be what it was before"),
    )
}
