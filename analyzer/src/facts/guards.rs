//! Which locks are held where: guards of known lock types, of in-crate guard types, and explicit unlock calls.

use super::{Facts, access::Key};
use crate::ir::{BlockId, Callee, EventId, EventKind, LocalId, ValueId, ValueKind};
use crate::resolve::places::Root;
use crate::resolve::{BodyId, DefId, Known, Type};

/// A lock, as far as one can tell locks apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lock {
    Location(Key),
    /// A lock behind a parameter or foreign call, by the text of its path.
    Named(String),
    /// The lock of a guard that the caller has handed in.
    Somebodys,
}

impl Lock {
    /// Whether both may be one lock: a guard handed in may be of any.
    pub fn may_be(&self, other: &Lock) -> bool {
        self == other || *self == Lock::Somebodys || *other == Lock::Somebodys
    }
}

/// One stretch of holding a lock.
#[derive(Clone, Debug)]
pub struct Held {
    pub lock: Lock,
    /// A read guard: others may hold it too.
    pub shared: bool,
    pub acquired: EventId,
    holders: Vec<LocalId>,
    /// Given back by an `unlock` call rather than by a drop.
    by_call: bool,
}

/// The locks that a body takes, and where it surely holds them.
#[derive(Debug, Default)]
pub struct Guards {
    pub held: Vec<Held>,
    /// Bit set over `held` at the start of each block.
    entry: Vec<u64>,
    /// Parameters that are guards are held throughout.
    throughout: Vec<Lock>,
    /// Guards that live for one statement, by the event that makes them.
    temporary: Vec<(Lock, bool, EventId)>,
}

const ACQUIRING: [&str; 16] = [
    "lock",
    "write",
    "read",
    "lock_arc",
    "blocking_lock",
    "lock_blocking",
    "upgradable_read",
    "lock_exclusive",
    "lock_shared",
    "acquire",
    "raw_lock",
    "lock_irqsave",
    "lock_bucket",
    "lock_bucket_checked",
    "enter",
    "critical_section",
];

impl Guards {
    pub fn of(facts: &Facts<'_>, body: BodyId) -> Guards {
        let program = facts.program;
        let b = program.body(body);
        let mut guards = Guards::default();
        for index in 0..b.ir.params.len() as u32 {
            let value = b.ir.values.iter().position(|v| v.kind == ValueKind::Param(index));
            let Some(value) = value.map(|v| ValueId(v as u32)) else { continue };
            let ty = program.type_of(body, value);
            let carries = matches!(ty.peeled_refs(), Type::Adt(d, _) if holds_guard(facts, *d, 0));
            if is_guard(facts, ty.peeled_refs()) || carries || facts.is_locked_data(&ty) {
                guards.throughout.push(Lock::Somebodys);
            }
        }
        for (i, e) in b.ir.events.iter().enumerate() {
            let EventKind::Call(call) = &e.kind else { continue };
            if guards.held.len() == 64 {
                break;
            }
            let event = EventId(i as u32);
            match acquisition(facts, body, event, call) {
                Some(held) if held.holders.is_empty() && !held.by_call => {
                    guards.temporary.push((held.lock, held.shared, event));
                }
                held => guards.held.extend(held),
            }
        }
        if !guards.held.is_empty() {
            guards.solve(facts, body);
        }
        guards
    }

    /// The locks that are surely held when `event` runs.
    pub fn at(&self, facts: &Facts<'_>, body: BodyId, event: EventId) -> Vec<(Lock, bool)> {
        let mut locks: Vec<(Lock, bool)> = self.throughout.iter().map(|l| (l.clone(), false)).collect();
        for (lock, shared, made_by) in &self.temporary {
            if is_used_by(facts, body, event, *made_by) {
                locks.push((lock.clone(), *shared));
            }
        }
        locks.extend(self.held_at(facts, body, event).map(|h| (h.lock.clone(), h.shared)));
        locks
    }

    /// The stretches that surely cover `event`.
    pub fn held_at<'g>(
        &'g self,
        facts: &Facts<'_>,
        body: BodyId,
        event: EventId,
    ) -> impl Iterator<Item = &'g Held> + use<'g> {
        let bits = if self.held.is_empty() { 0 } else { self.bits_at(facts, body, event) };
        self.held.iter().enumerate().filter(move |(i, _)| bits & (1 << i) != 0).map(|(_, h)| h)
    }

    fn bits_at(&self, facts: &Facts<'_>, body: BodyId, event: EventId) -> u64 {
        let flow = facts.flow(body);
        let block = flow.block_of(event);
        let events = &facts.program.body(body).ir.blocks[block.index()].events;
        let before = &events[..flow.position(event).min(events.len())];
        before.iter().fold(self.entry[block.index()], |bits, e| self.step(facts, body, *e, bits))
    }

    fn step(&self, facts: &Facts<'_>, body: BodyId, event: EventId, mut bits: u64) -> u64 {
        for (i, h) in self.held.iter().enumerate() {
            if h.acquired == event {
                bits |= 1 << i;
            } else if bits & (1 << i) != 0 && ends(facts, body, event, h) {
                bits &= !(1 << i);
            }
        }
        bits
    }

    /// What is held where ways meet. A lock that one call has taken on one way and another call on another is held.
    fn join(&self, ways: &[u64]) -> u64 {
        let on_all = ways.iter().fold(u64::MAX, |all, way| all & way);
        let on_some = ways.iter().fold(0, |any, way| any | way);
        let of_lock = |lock: &Lock| {
            let same = self.held.iter().enumerate().filter(|(_, h)| h.lock == *lock);
            same.fold(0, |bits, (i, _)| bits | 1_u64 << i)
        };
        let taken = self.held.iter().enumerate().filter(|(i, h)| {
            let bits = of_lock(&h.lock);
            on_some & 1 << i != 0 && ways.iter().all(|way| way & bits != 0)
        });
        taken.fold(on_all, |bits, (i, _)| bits | 1 << i)
    }

    fn solve(&mut self, facts: &Facts<'_>, body: BodyId) {
        let blocks = &facts.program.body(body).ir.blocks;
        let flow = facts.flow(body);
        let mut entry = vec![u64::MAX; blocks.len()];
        entry[0] = 0;
        let mut changed = true;
        while changed {
            changed = false;
            for (i, block) in blocks.iter().enumerate() {
                if i > 0 {
                    let leaving = |p: &BlockId| {
                        let out = entry[p.index()];
                        let events = blocks[p.index()].events.iter();
                        if out == u64::MAX { out } else { events.fold(out, |bits, e| self.step(facts, body, *e, bits)) }
                    };
                    let ways: Vec<u64> = flow.predecessors(BlockId(i as u32)).iter().map(leaving).collect();
                    let new = self.join(&ways);
                    if new != entry[i] {
                        entry[i] = new;
                        changed = true;
                    }
                }
                let _ = block;
            }
        }
        for e in &mut entry {
            if *e == u64::MAX {
                *e = 0;
            }
        }
        self.entry = entry;
    }
}

/// Whether an event takes something made of the guard: `f(&mut lock.lock())`.
fn is_used_by(facts: &Facts<'_>, body: BodyId, event: EventId, made_by: EventId) -> bool {
    let Some(guard) = facts.result_of(body, made_by) else { return false };
    let mut used = false;
    crate::ir::operands::of_event(&facts.event(body, event).kind, &mut |v| {
        used |= facts.derives_from(body, *v, guard);
    });
    used && event != made_by
}

fn is_guard(facts: &Facts<'_>, ty: &Type) -> bool {
    match ty {
        Type::Known(Known::Guard | Known::ReadGuard, _) => true,
        Type::Adt(d, _) => is_guard_type(facts, *d),
        Type::External(path, _) => {
            ["Guard", "Permit", "CriticalSection"].iter().any(|n| path.ends_with(n))
                && !path.contains("epoch")
                && !path.contains("seize")
        }
        _ => false,
    }
}

/// An in-crate type that stands for holding a lock or permit: named so, and with something to do when dropped,
/// itself or in a guard that it holds.
fn is_guard_type(facts: &Facts<'_>, adt: DefId) -> bool {
    let item = &facts.program.def(adt).item;
    let named = ["Guard", "Permit", "Locked", "LockToken"].iter().any(|n| item.name.ends_with(n));
    named && (facts.program.implements(adt, "Drop") || holds_guard(facts, adt, 0))
}

fn holds_guard(facts: &Facts<'_>, adt: DefId, depth: u32) -> bool {
    let crate::ir::ItemKind::Struct(s) = &facts.program.def(adt).item.kind else { return false };
    s.fields.iter().any(|f| match facts.program.lower_type(adt, &f.ty).peeled_refs() {
        Type::Adt(inner, _) if depth < 3 && *inner != adt => {
            is_guard_type(facts, *inner) || holds_guard(facts, *inner, depth + 1)
        }
        ty => ty.is_guard(),
    })
}

fn acquisition(facts: &Facts<'_>, body: BodyId, event: EventId, call: &crate::ir::Call) -> Option<Held> {
    let program = facts.program;
    let ty = program.call_type(body, call);
    let inner = match &ty {
        Type::Known(Known::Option | Known::Result, args) => args.first()?,
        ty => ty,
    };
    let Callee::Method { receiver, name, .. } = &call.callee else {
        // `lock(&self.m)`, `Guard::new(&lock)`.
        if !is_guard(facts, inner) {
            return None;
        }
        let place = call.args.first().map(|v| program.value_ref(body, *v));
        let lock = place.map_or_else(|| Lock::Named(format!("{ty:?}")), |p| lock_of(facts, &p));
        return Some(Held {
            lock,
            shared: false,
            acquired: event,
            holders: holders(facts, body, event)?,
            by_call: false,
        });
    };
    let place = program.place_ref(body, receiver);
    let shared = matches!(inner, Type::Known(Known::ReadGuard, _)) || matches!(name.as_str(), "read" | "lock_shared");
    if is_guard(facts, inner) {
        let receiver_is_guard = is_guard(facts, program.place_type(body, receiver).peeled_refs());
        if receiver_is_guard {
            return None;
        }
        let holders = holders(facts, body, event).unwrap_or_default();
        let lock = lock_in_helper(facts, body, call).unwrap_or_else(|| lock_of(facts, &place));
        return Some(Held { lock, shared, acquired: event, holders, by_call: false });
    }
    // A raw lock: taken by a call that returns nothing, given back by `unlock`.
    let returns_nothing =
        matches!(&ty, Type::Tuple(t) if t.is_empty()) || ty.is_unknown() && program.result_unused(body, event);
    (ACQUIRING.contains(&name.as_str()) && !matches!(name.as_str(), "read" | "write") && returns_nothing)
        .then(|| Held { lock: lock_of(facts, &place), shared, acquired: event, holders: Vec::new(), by_call: true })
}

fn lock_of(facts: &Facts<'_>, place: &crate::resolve::places::PlaceRef) -> Lock {
    match place.location() {
        Some(key) => Lock::Location(Key::of(key)),
        None => match place.root {
            Root::Unknown | Root::Value(..) => Lock::Named(format!("{:?}{:?}", place.root, place.steps)),
            _ => Lock::Named(place.display(facts.program)),
        },
    }
}

/// The lock that a method of the crates takes to hand out its guard: `fn rows(&self) -> MutexGuard<…> { self.rows.lock() }`.
fn lock_in_helper(facts: &Facts<'_>, body: BodyId, call: &crate::ir::Call) -> Option<Lock> {
    let crate::resolve::calls::Target::Fn(def) = facts.program.target(body, call) else { return None };
    let callee = facts.program.body_of(def)?;
    let mut taken = facts.program.body(callee).ir.events.iter().filter_map(|e| match &e.kind {
        EventKind::Call(crate::ir::Call { callee: Callee::Method { receiver, name, .. }, .. })
            if ACQUIRING.contains(&name.as_str())
                && matches!(
                    facts.program.place_type(callee, receiver).peeled(),
                    Type::Known(Known::Mutex | Known::RwLock, _) | Type::External(..)
                ) =>
        {
            Some(lock_of(facts, &facts.program.place_ref(callee, receiver)))
        }
        _ => None,
    });
    let lock = taken.next().filter(|l| matches!(l, Lock::Location(_)))?;
    taken.next().is_none().then_some(lock)
}

/// The variables that keep the guard alive; `None` if it is a temporary.
fn holders(facts: &Facts<'_>, body: BodyId, event: EventId) -> Option<Vec<LocalId>> {
    let b = facts.program.body(body).ir;
    let result = facts.result_of(body, event)?;
    let found: Vec<LocalId> = b
        .locals
        .iter()
        .enumerate()
        .filter(|(_, l)| l.name != "_" && l.init.is_some_and(|v| is_same_guard(facts, body, v, result, 0)))
        .map(|(i, _)| LocalId(i as u32))
        .collect();
    (!found.is_empty()).then_some(found)
}

/// Whether `value` is the guard `guard`, taken out of results and options.
fn is_same_guard(facts: &Facts<'_>, body: BodyId, value: ValueId, guard: ValueId, depth: u32) -> bool {
    if value == guard {
        return true;
    }
    if depth > 8 {
        return false;
    }
    let again = |v: ValueId| is_same_guard(facts, body, v, guard, depth + 1);
    match facts.value(body, value) {
        ValueKind::Part { of, variant: Some(_), .. } => again(*of),
        ValueKind::Phi(ops) => ops.iter().any(|(_, v)| again(*v)),
        ValueKind::Read(p) if p.proj.is_empty() => match p.base {
            crate::ir::Base::Local(_, v) | crate::ir::Base::Value(v) => again(v),
            crate::ir::Base::Path(_) => false,
        },
        ValueKind::Event(e) => match &facts.event(body, *e).kind {
            EventKind::Call(call) => match &call.callee {
                Callee::Method { receiver, name, .. }
                    if matches!(
                        name.as_str(),
                        "unwrap"
                            | "expect"
                            | "unwrap_or_else"
                            | "ok"
                            | "map_err"
                            | "unwrap_or_default"
                            | "into_inner"
                            | "ignore_poison"
                    ) =>
                {
                    match receiver.base {
                        crate::ir::Base::Local(_, v) | crate::ir::Base::Value(v) => again(v),
                        crate::ir::Base::Path(_) => false,
                    }
                }
                // `Condvar::wait(guard)` hands the guard back.
                _ => {
                    call.args.first().is_some_and(|v| again(*v))
                        && is_guard(facts, &facts.program.call_type(body, call))
                }
            },
            EventKind::Await(v) => again(*v),
            _ => false,
        },
        _ => false,
    }
}

/// Whether the lock is given back at this event.
fn ends(facts: &Facts<'_>, body: BodyId, event: EventId, held: &Held) -> bool {
    match &facts.event(body, event).kind {
        EventKind::ScopeEnd(l) => held.holders.contains(l) && !is_moved_on(facts, body, *l, &held.holders),
        EventKind::Call(call) => match &call.callee {
            Callee::Path(p) if p.last() == "drop" => {
                call.args.iter().any(|v| reads_local(facts, body, *v, &held.holders))
            }
            Callee::Method { receiver, name, .. } if held.by_call && name.contains("unlock") => {
                lock_of(facts, &facts.program.place_ref(body, receiver)) == held.lock
            }
            Callee::Method { name, .. } if name.contains("unlock") => {
                call.args.iter().any(|v| reads_local(facts, body, *v, &held.holders))
            }
            _ => false,
        },
        _ => false,
    }
}

/// Whether another of the holders was given the guard by this one: `match m.try_lock() { Ok(g) => g, … }`.
fn is_moved_on(facts: &Facts<'_>, body: BodyId, local: LocalId, holders: &[LocalId]) -> bool {
    let init = |l: &LocalId| facts.program.body(body).ir.locals[l.index()].init;
    let own = init(&local);
    let gives = |value: ValueId| match facts.value(body, value) {
        ValueKind::Read(p) => matches!(p.base, crate::ir::Base::Local(l, _) if l == local),
        _ => own == Some(value),
    };
    holders.iter().filter(|h| **h != local).filter_map(init).any(|v| match facts.value(body, v) {
        ValueKind::Phi(ways) => ways.iter().any(|(_, v)| gives(*v)),
        _ => gives(v),
    })
}

fn reads_local(facts: &Facts<'_>, body: BodyId, value: ValueId, locals: &[LocalId]) -> bool {
    match facts.value(body, value) {
        ValueKind::Read(p) => matches!(p.base, crate::ir::Base::Local(l, _) if locals.contains(&l)),
        ValueKind::Mutated { before, .. } => reads_local(facts, body, *before, locals),
        ValueKind::Phi(_) | ValueKind::Event(_) | ValueKind::Part { .. } => {
            let init = |l: &LocalId| facts.program.body(body).ir.locals[l.index()].init;
            locals.iter().any(|l| init(l) == Some(value))
        }
        _ => false,
    }
}
