//! Volatile accesses used to talk between threads.

use rustc_hash::FxHashMap;

use crate::facts::Facts;
use crate::facts::access::{Key, location_name};
use crate::finding::{Finding, Interleaving, Label, Site};
use crate::ir::{Callee, EventId, EventKind, ItemKind};
use crate::lint::{Cx, declare_lint};
use crate::resolve::places::{PlaceRef, Root};
use crate::resolve::{BodyId, DefId, Program};

declare_lint! {
    /// Finds `read_volatile` and `write_volatile` on a static, or on a field of a `Sync` type, used where threads talk
    /// to each other.
    ///
    /// ## Why it matters
    ///
    /// Volatile keeps the compiler from removing an access; it is not atomic and orders nothing. Two threads that
    /// access one place this way race, which is undefined behaviour, and what was written before the flag need not be
    /// there when the flag is seen:
    ///
    /// ```text
    ///   writer                       reader                      READY, data
    /// 1 data = 7                                                 0, (7 in a store buffer)
    /// 2 write_volatile(READY, 1)                                 1
    /// 3                              read_volatile(READY) → 1    1
    /// 4                              reads data → 0              1   the flag came first
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::ptr;
    ///
    /// static mut STOP: bool = false;
    ///
    /// pub fn stop() { unsafe { ptr::write_volatile(&raw mut STOP, true) } }
    /// pub fn stopped() -> bool { unsafe { ptr::read_volatile(&raw const STOP) } }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicBool, Ordering::{Acquire, Release}};
    ///
    /// static STOP: AtomicBool = AtomicBool::new(false);
    ///
    /// pub fn stop() { STOP.store(true, Release) }
    /// pub fn stopped() -> bool { STOP.load(Acquire) }
    /// ```
    ///
    /// ## When to allow
    ///
    /// For a device register, or for memory that another process or a signal handler on the same thread changes.
    ///
    /// ## Known limits
    ///
    /// Quiet for addresses made from integers, for names and documentation that speak of registers or devices, for
    /// data that a sequence number validates, for memory that is wiped, and under a lock.
    ///
    /// ## References
    ///
    /// `std::ptr::read_volatile`: "does not have any effect on … concurrency" in the sense of C11 volatile.
    pub static VOLATILE_AS_ATOMIC = {
        name: "volatile_as_atomic",
        topic: "access",
        group: Suspicious,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

/// One volatile access.
#[derive(Clone)]
struct Volatile {
    body: BodyId,
    event: EventId,
    place: PlaceRef,
    write: bool,
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    let mut by_key: FxHashMap<Key, Vec<Volatile>> = FxHashMap::default();
    let mut order: Vec<Key> = Vec::new();
    for access in accesses(facts) {
        let Some(key) = access.place.location().map(Key::of) else { continue };
        if !is_between_threads(facts, &key, &access) || is_something_else(facts, &key, &access) {
            continue;
        }
        if !by_key.contains_key(&key) {
            order.push(key.clone());
        }
        by_key.entry(key).or_default().push(access);
    }
    for key in order {
        out.push(report(cx, &key, &by_key[&key]));
    }
}

fn accesses(facts: &Facts<'_>) -> Vec<Volatile> {
    let mut found = Vec::new();
    for body in facts.program.body_ids() {
        let b = facts.program.body(body);
        if facts.program.def(b.owner).is_test {
            continue;
        }
        for (i, e) in b.ir.events.iter().enumerate() {
            let EventKind::Call(call) = &e.kind else { continue };
            let name = match &call.callee {
                Callee::Path(p) => p.last(),
                Callee::Method { name, .. } => name,
                Callee::Value(_) => continue,
            };
            let write = match name {
                "read_volatile" | "volatile_load" => false,
                "write_volatile" | "volatile_store" => true,
                _ => continue,
            };
            let place = match &call.callee {
                Callee::Method { receiver, .. } => facts.program.place_ref(body, receiver),
                _ => match call.args.first() {
                    Some(v) => facts.program.value_ref(body, *v),
                    None => continue,
                },
            };
            found.push(Volatile { body, event: EventId(i as u32), place, write });
        }
    }
    found
}

/// A static, or a field of something that several threads may hold a reference to.
fn is_between_threads(facts: &Facts<'_>, key: &Key, access: &Volatile) -> bool {
    let program = facts.program;
    if facts.is_exclusive(access.body, access.event, &access.place) {
        return false;
    }
    match key {
        Key::Static(_) => true,
        Key::Field(adt, _) => {
            let in_static = matches!(access.place.root, Root::Static(_));
            let receiver = match access.place.root {
                Root::Param(b, _) => program.self_adt(program.body(b).owner),
                _ => None,
            };
            in_static || program.implements(*adt, "Sync") || receiver.is_some_and(|a| program.implements(a, "Sync"))
        }
        Key::Local(..) => false,
    }
}

/// A device, memory that is wiped, data that a version validates, data under a lock.
fn is_something_else(facts: &Facts<'_>, key: &Key, access: &Volatile) -> bool {
    let program = facts.program;
    let owner = program.body(access.body).owner;
    let wiped = program.def(owner).item.name.to_lowercase().split('_').any(|w| {
        matches!(w, "zeroize" | "zero" | "wipe" | "scrub" | "clear" | "erase" | "bzero" | "memzero" | "blackbox")
    });
    let types = key.owner().into_iter().chain(program.self_adt(owner));
    let device = types.chain(static_of(key)).any(|d| is_device(program, d))
        || matches!(key, Key::Field(_, field) if names_device(field));
    wiped
        || device
        || program.implemented_trait(owner) == Some("Drop")
        || !facts.guards(access.body).at(facts, access.body, access.event).is_empty()
        || is_validated(facts, access)
}

fn static_of(key: &Key) -> Option<DefId> {
    match key {
        Key::Static(d) => Some(*d),
        _ => None,
    }
}

fn is_device(program: &Program<'_>, def: DefId) -> bool {
    let item = &program.def(def).item;
    let documented = item.attrs.iter().filter(|a| a.path == "doc").any(|a| {
        let text = a.tokens.to_lowercase();
        ["register", "mmio", "memory-mapped", "memory mapped", "peripheral", "hardware"]
            .iter()
            .any(|w| text.contains(w))
    });
    let link_section = item.attrs.iter().any(|a| a.path == "link_section" || a.path == "no_mangle");
    documented || names_device(&item.name) || link_section && !matches!(item.kind, ItemKind::Struct(_))
}

fn names_device(name: &str) -> bool {
    let lower = name.to_lowercase();
    ["register", "mmio", "volatile", "peripheral", "dma", "device", "uart", "gpio"].iter().any(|w| lower.contains(w))
        || lower.split('_').any(|w| matches!(w, "reg" | "regs" | "port" | "io"))
        || name.ends_with("Reg")
        || name.ends_with("Regs")
}

/// Atomic operations or a fence before and after: the data of a sequence lock.
fn is_validated(facts: &Facts<'_>, access: &Volatile) -> bool {
    let flow = facts.flow(access.body);
    let ir = facts.program.body(access.body).ir;
    let seen = facts.seen(access.body);
    let fence = ir.events.iter().any(|e| matches!(e.kind, EventKind::Fence { compiler: false, .. }));
    let before = seen.iter().any(|s| flow.reaches(s.event, access.event));
    let after = seen.iter().any(|s| flow.reaches(access.event, s.event));
    fence || before && after
}

fn report(cx: &Cx<'_>, key: &Key, accesses: &[Volatile]) -> Finding {
    let facts = cx.facts;
    let name = location_name(facts.program, key);
    let main = accesses.iter().find(|a| a.write).unwrap_or(&accesses[0]);
    let site = |a: &Volatile| -> Site { facts.event_site(a.body, a.event) };
    let (what, other) = if main.write { ("written", "read") } else { ("read", "written") };
    let message = format!("`{name}` is shared between threads, and volatile accesses are neither atomic nor ordered");
    let label = Label::new(site(main), format!("{what} as volatile here"));
    let mut finding = cx.finding(&VOLATILE_AS_ATOMIC, main.body, label, message);
    let partner = accesses.iter().find(|a| a.write != main.write);
    if let Some(partner) = partner {
        finding.secondary.push(Label::new(site(partner), format!("{other} here")));
    }
    let (w, r) = if main.write { (Some(main), partner) } else { (partner, Some(main)) };
    finding.interleaving = Some(
        Interleaving::new(&["writer", "reader"], name.clone())
            .step(0, None, "writes the data", "old")
            .step(0, w.map(site), "writes the word", "new")
            .step(1, r.map(site), "reads the word", "new")
            .step(1, None, "reads the data", "new")
            .ending("the data may still be old: nothing orders the two"),
    );
    finding.key.location = name;
    finding.key.operation = if main.write { "write_volatile" } else { "read_volatile" }.to_owned();
    finding.help =
        Some("make it an atomic: `store(…, Release)` where it is written, `load(Acquire)` where it is read".to_owned());
    finding
}
