//! One location is accessed by atomic operations and also plainly.

use rustc_hash::FxHashSet;

use crate::facts::access::Key;
use crate::facts::atomic_only::PlainUse;
use crate::facts::plain::Plain;
use crate::facts::{Facts, LocId, OpId};
use crate::finding::{Finding, Interleaving, Label};
use crate::lint::{Cx, declare_lint};
use crate::resolve::places::PlaceRef;

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
    /// Memory whose type is not atomic (a mapping, words behind an `UnsafeCell`) can be promised to be: with
    /// `#[atomic_only]` on its field or static every plain access is reported, also where no atomic one was seen, under
    /// a lock, and in unsafe functions. `&mut self`, constructors and `Drop` may still look at it plainly.
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
    let broken = cx.facts.plain_uses();
    let promised: FxHashSet<&Key> = broken.iter().filter_map(|u| u.promise.on.as_ref()).collect();
    out.extend(broken.iter().map(|plain_use| report_promise(cx, plain_use)));
    for index in 0..cx.facts.locations.len() as u32 {
        let location = LocId(index);
        // Each access was reported for the promise that it breaks.
        if promised.contains(&cx.facts.location(location).key) {
            continue;
        }
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
    // The pointer that a cell gives to what is in it is nobody else's.
    let own = facts.shared_on_way(&plain.place).map(|shared| PlaceRef { shared, ..plain.place.clone() });
    let place = own.as_ref().unwrap_or(&plain.place);
    !in_drop && !callers_duty && !locked && !facts.is_exclusive(plain.body, plain.event, place)
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
    // Its own element a thread reads as it has left it.
    let read = plain.iter().find(|p| !p.write && !decided_here(facts, writer, p) && !facts.is_own_element(&p.place))?;
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

fn report_promise(cx: &Cx<'_>, plain_use: &PlainUse<'_>) -> Finding {
    let PlainUse { plain, promise } = plain_use;
    let facts = cx.facts;
    let verb = if plain.write { "written" } else { "read" };
    let site = facts.event_site(plain.body, plain.event);
    let message = format!("`{}` is {verb} plainly, and every access of it is promised to be atomic", promise.name);
    let mut finding =
        cx.finding(&MIXED_ATOMIC_ACCESS, plain.body, Label::new(site, format!("{verb} plainly here")), message);
    finding.secondary.push(Label::new(promise.site, "promised here"));
    let same = |key: &Key| facts.locations.iter().find(|l| l.key == *key);
    let partner = promise.on.as_ref().and_then(same).and_then(|l| {
        let writes = |o: &&OpId| plain.write || facts.op(**o).kind.writes();
        l.ops.iter().find(writes)
    });
    if let Some(op) = partner {
        finding.secondary.push(Label::new(cx.op_site(*op), "accessed atomically here"));
    }
    finding.key.location.clone_from(&promise.name);
    finding.key.operation = format!("plain {}", if plain.write { "write" } else { "read" });
    let action = cx.snippet(site);
    let other = partner.map(|op| cx.op_site(*op));
    finding.interleaving = Some(
        Interleaving::new(&["thread A", "thread B"], promise.name.clone())
            .step(0, other, "begins an atomic access", "old")
            .step(1, Some(site), action, "torn")
            .step(0, other, "ends it", "?")
            .ending("a data race: undefined behaviour"),
    );
    let call = if plain.write { "store(value, Relaxed)" } else { "load(Relaxed)" };
    finding.help = Some(format!("make it an atomic operation (`AtomicU64::from_ptr(…).{call}`), or take `&mut self`"));
    finding
}
