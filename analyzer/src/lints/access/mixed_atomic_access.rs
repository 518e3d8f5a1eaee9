//! One location is accessed by atomic operations and also plainly.

use crate::facts::plain::Plain;
use crate::facts::{Facts, LocId, OpId};
use crate::finding::{Finding, Interleaving, Label};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds memory that is accessed by atomic operations in one place and by plain reads or writes in another,
    /// while several threads can reach it.
    ///
    /// ## Why it matters
    ///
    /// An atomic operation protects nobody from a plain access to the same memory: the two race, which is undefined
    /// behaviour, and in practice torn values, values that never arrive, and reads that the compiler has moved.
    ///
    /// ```text
    ///   thread A                 thread B                  word
    /// 1 fetch_add: reads 5                                 5
    /// 2                          *word.as_ptr() = 0        0
    /// 3 fetch_add: writes 6                                6    the plain write never happened
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    ///
    /// pub struct Gauge { word: AtomicU32 }
    ///
    /// impl Gauge {
    ///     pub fn add(&self) { self.word.fetch_add(1, Relaxed); }
    ///     pub fn reset(&self) { unsafe { *self.word.as_ptr() = 0 } }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    ///
    /// pub struct Gauge { word: AtomicU32 }
    ///
    /// impl Gauge {
    ///     pub fn add(&self) { self.word.fetch_add(1, Relaxed); }
    ///     pub fn reset(&mut self) { *self.word.get_mut() = 0 }
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// When something that the analysis cannot see (an external lock, a stopped world) keeps the accesses apart.
    ///
    /// ## Known limits
    ///
    /// Plain access is seen through `as_ptr`, `UnsafeCell::get`, casts, `transmute` and `static mut`, inside the
    /// analysed crates. What foreign code does with a pointer is not.
    ///
    /// ## References
    ///
    /// `std::sync::atomic`, section "Memory model for atomic accesses"; C++20 \[intro.races\].
    pub static MIXED_ATOMIC_ACCESS = {
        name: "mixed_atomic_access",
        topic: "access",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for index in 0..cx.facts.locations.len() as u32 {
        let location = LocId(index);
        let plain: Vec<&Plain> = cx.facts.plain_accesses(location).iter().filter(|p| is_shared(cx.facts, p)).collect();
        if plain.is_empty() {
            continue;
        }
        if let Some((plain, partner)) = racing(cx.facts, location, &plain) {
            out.push(report(cx, location, plain, partner));
        }
    }
}

/// Somebody else may reach the memory at the same time.
fn is_shared(facts: &Facts<'_>, plain: &Plain) -> bool {
    let owner = facts.program.body(plain.body).owner;
    let in_drop = facts.program.implemented_trait(owner) == Some("Drop");
    // The caller of an unsafe function vouches for what its documentation asks.
    let callers_duty = facts.program.function(owner).is_some_and(|f| f.is_unsafe);
    let locked = !facts.guards(plain.body).at(facts, plain.body, plain.event).is_empty();
    !in_drop && !callers_duty && !locked && !facts.is_exclusive(plain.body, plain.event, &plain.place)
}

/// Two plain or atomic reads never race; a write on either side does.
fn racing<'f>(facts: &Facts<'_>, location: LocId, plain: &[&'f Plain]) -> Option<(&'f Plain, OpId)> {
    let shared = || facts.location(location).ops.iter().copied().filter(|o| !facts.context(*o).exclusive);
    if let Some(write) = plain.iter().find(|p| p.write)
        && let Some(partner) = shared().find(|o| !decided_here(facts, *o, write))
    {
        return Some((write, partner));
    }
    let writer = shared().find(|o| facts.op(*o).kind.writes())?;
    let read = plain.iter().find(|p| !p.write && !decided_here(facts, writer, p))?;
    Some((read, writer))
}

/// An atomic RMW of the same function comes first: it may have claimed the memory for this thread.
fn decided_here(facts: &Facts<'_>, op: OpId, plain: &Plain) -> bool {
    let _ = op;
    let flow = facts.flow(plain.body);
    facts.seen(plain.body).iter().any(|s| {
        facts.op(s.op).kind.is_rmw()
            && facts.op(s.op).place.root == plain.place.root
            && flow.dominates(s.event, plain.event)
    })
}

fn report(cx: &Cx<'_>, location: LocId, plain: &Plain, partner: OpId) -> Finding {
    let facts = cx.facts;
    let op = facts.op(partner);
    let name = cx.location_name(location);
    let (what, races) = if plain.write { ("written", "write") } else { ("read", "read") };
    let message = format!("this plain {races} of {name} races with the atomic operations on it");
    let site = facts.event_site(plain.body, plain.event);
    let mut finding =
        cx.finding(&MIXED_ATOMIC_ACCESS, plain.body, Label::new(site, format!("{what} plainly here")), message);
    finding.secondary.push(Label::new(cx.op_site(partner), "accessed atomically here"));
    finding.notes.push(cx.role_note(location));
    finding.key.location = facts.location(location).name.clone();
    finding.key.operation = format!("plain {races}");
    let action = cx.snippet(site);
    finding.interleaving = Some(
        Interleaving::new(&["thread A", "thread B"], facts.location(location).name.clone())
            .step(0, Some(cx.op_site(partner)), format!("{} begins", op.method), "old")
            .step(1, Some(site), action, "torn")
            .step(0, Some(cx.op_site(partner)), format!("{} ends", op.method), "?")
            .ending("a data race: undefined behaviour"),
    );
    finding.help = Some(if plain.write {
        "store atomically, or take `&mut self` and use `get_mut()`".to_owned()
    } else {
        "load atomically, or take `&mut self` and use `get_mut()`".to_owned()
    });
    finding
}
