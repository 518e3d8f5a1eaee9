//! Waits that another thread ends: condition variables and `thread::park`, what they wait for, and who notifies.
//!
//! A condition variable keeps no notification. What is waited for has to change under the mutex that the waiter tests
//! it under, or be followed by taking that mutex, or the notification can fall between the test and the wait
//! (POSIX, `pthread_cond_wait`; *Mara Bos: Rust Atomics and Locks*, chapter 1). A parked thread keeps one token, so
//! there only the order of change and `unpark` counts.

use rustc_hash::FxHashMap;

use super::access::{Key, LocId};
use super::guards::Lock;
use super::{Facts, Seen};
use crate::ir::{
    AtomicOpKind, Base, BlockId, Call, Callee, EventId, EventKind, Terminator, ValueId, ValueKind, operands,
};
use crate::resolve::{BodyId, Known, Type};

/// How many calls away from the notification the change may stand.
const MAX_DEPTH: u32 = 2;

/// What a thread sleeps on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Bed {
    Condvar(Key),
    /// `thread::park`: whichever thread it is.
    Park,
}

/// A call that sleeps if an atomic says so.
#[derive(Clone, Debug)]
pub struct Wait {
    pub body: BodyId,
    pub event: EventId,
    pub bed: Bed,
    /// The reads that decide: indices into what the body does; or those of a condition closure.
    pub tests: Vec<(BodyId, usize)>,
    /// The mutex that the wait gives up meanwhile.
    pub lock: Option<Lock>,
    /// The test came before the mutex was taken, and is not repeated under it.
    pub tested_outside: bool,
}

/// A change of what is waited for whose notification can be missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    pub body: BodyId,
    /// The change: index into what the body does.
    pub change: usize,
    pub notify: EventId,
    /// The notification comes first.
    pub too_soon: bool,
}

#[derive(Debug, Default)]
pub struct Wakeups {
    pub waits: Vec<Wait>,
    /// Per bed: the bodies that notify, with the call.
    notifies: FxHashMap<Bed, Vec<(BodyId, EventId)>>,
}

pub(super) fn collect(facts: &Facts<'_>) -> Wakeups {
    let mut found = Wakeups::default();
    for body in facts.program.body_ids() {
        if facts.program.def(facts.program.body(body).owner).is_test {
            continue;
        }
        for (i, e) in facts.program.body(body).ir.events.iter().enumerate() {
            if !matches!(e.kind, EventKind::Call(_)) {
                continue;
            }
            let event = EventId(i as u32);
            found.waits.extend(wait(facts, body, event));
            if let Some(bed) = notified(facts, body, event) {
                // Which thread a caller further up unparks is not known well enough.
                let depth = if bed == Bed::Park { MAX_DEPTH } else { 0 };
                with_callers(facts, body, event, depth, found.notifies.entry(bed).or_default());
            }
        }
    }
    found
}

fn with_callers(facts: &Facts<'_>, body: BodyId, event: EventId, depth: u32, list: &mut Vec<(BodyId, EventId)>) {
    if list.contains(&(body, event)) {
        return;
    }
    list.push((body, event));
    if depth < MAX_DEPTH && facts.program.body(body).parent.is_none() {
        for (caller, call) in facts.callers(facts.program.body(body).owner) {
            with_callers(facts, *caller, *call, depth + 1, list);
        }
    }
}

fn condvar(facts: &Facts<'_>, body: BodyId, receiver: &crate::ir::Place) -> Option<Key> {
    let ty = facts.program.place_type(body, receiver);
    let is_condvar = facts.program.autoderef(&ty).iter().any(|t| matches!(t, Type::Known(Known::Condvar, _)));
    is_condvar.then(|| facts.program.place_ref(body, receiver).location().map(Key::of)).flatten()
}

fn wait(facts: &Facts<'_>, body: BodyId, event: EventId) -> Option<Wait> {
    let EventKind::Call(call) = &facts.event(body, event).kind else { return None };
    let mut outside = Vec::new();
    let (bed, lock) = match &call.callee {
        Callee::Method { receiver, name, .. } if matches!(name.as_str(), "wait" | "wait_while") => {
            let mut taken = Vec::new();
            lock_calls(facts, body, *call.args.first()?, &mut Vec::new(), &mut taken);
            let lock = one_lock(facts, body, &taken)?;
            outside = taken;
            (Bed::Condvar(condvar(facts, body, receiver)?), Some(lock))
        }
        Callee::Path(p) if p.last() == "park" && call.args.is_empty() && facts.calls_nothing_known(body, event) => {
            (Bed::Park, None)
        }
        _ => return None,
    };
    let closure = call.args.iter().find_map(|v| facts.program.closure_of(body, *v));
    let tests = match closure {
        Some(c) => reads_in(facts, c),
        None => reads_that_decide(facts, body, event),
    };
    let tested_outside = closure.is_none() && is_tested_outside(facts, body, &outside, &tests);
    (!tests.is_empty() && !tests_plain_data(facts, body, event)).then_some(Wait {
        body,
        event,
        bed,
        tests,
        lock,
        tested_outside,
    })
}

fn reads_in(facts: &Facts<'_>, closure: BodyId) -> Vec<(BodyId, usize)> {
    let reads = |(i, s): (usize, &Seen)| facts.op(s.op).kind.reads().then_some((closure, i));
    facts.seen(closure).iter().enumerate().filter_map(reads).collect()
}

/// The reads of atomics on which the way to `event` depends.
fn reads_that_decide(facts: &Facts<'_>, body: BodyId, event: EventId) -> Vec<(BodyId, usize)> {
    let seen = facts.seen(body);
    let mut reads = Vec::new();
    for d in facts.decisions(body).iter().filter(|d| facts.is_controlled(body, d, event)) {
        for &i in d.flows.ops.iter().chain(&d.flows.compared) {
            let plain = facts.op(seen[i].op).location.is_some();
            if plain && seen[i].event != event && !reads.contains(&(body, i)) {
                reads.push((body, i));
            }
        }
    }
    reads
}

/// The wait also depends on data that is no atomic: what the mutex guards says whether to sleep.
fn tests_plain_data(facts: &Facts<'_>, body: BodyId, event: EventId) -> bool {
    let flow = facts.flow(body);
    let at = flow.block_of(event);
    facts.program.body(body).ir.blocks.iter().enumerate().any(|(i, b)| {
        let block = BlockId(i as u32);
        let Terminator::Branch { cond, .. } = &b.term else { return false };
        let flows = facts.flows_into(body, *cond);
        let plain = flows.other && flows.ops.is_empty() && flows.compared.is_empty();
        plain && block != at && flow.successors(block).iter().any(|s| flow.edge_controls(block, *s, at))
    })
}

/// The calls that have made a guard: `lock` behind `unwrap`, reassignments and earlier waits.
fn lock_calls(facts: &Facts<'_>, body: BodyId, guard: ValueId, visited: &mut Vec<ValueId>, found: &mut Vec<EventId>) {
    if visited.contains(&guard) || visited.len() > 60 {
        return;
    }
    visited.push(guard);
    let mut next: Vec<ValueId> = Vec::new();
    match facts.value(body, guard) {
        ValueKind::Event(e) => {
            let EventKind::Call(call) = &facts.event(body, *e).kind else { return };
            match (&call.callee, facts.callee_name(call)) {
                (Callee::Method { .. }, "lock" | "try_lock" | "write" | "read") => found.push(*e),
                (_, "wait" | "wait_while" | "wait_timeout" | "wait_timeout_while") => next.extend(call.args.first()),
                (Callee::Method { receiver, .. }, _) => match receiver.base {
                    Base::Local(_, v) | Base::Value(v) => next.push(v),
                    Base::Path(_) => {}
                },
                _ => {}
            }
        }
        kind => operands::of_value(kind, &mut |v| next.push(*v)),
    }
    for v in next {
        lock_calls(facts, body, v, visited, found);
    }
}

/// The mutex that all these calls take.
fn one_lock(facts: &Facts<'_>, body: BodyId, calls: &[EventId]) -> Option<Lock> {
    let mut keys = calls.iter().map(|e| match &facts.event(body, *e).kind {
        EventKind::Call(Call { callee: Callee::Method { receiver, .. }, .. }) => {
            facts.program.place_ref(body, receiver).location().map(Key::of)
        }
        _ => None,
    });
    let first = keys.next()??;
    keys.all(|k| k.as_ref() == Some(&first)).then_some(Lock::Location(first))
}

/// Every read that decides runs before the mutex is taken.
fn is_tested_outside(facts: &Facts<'_>, body: BodyId, taken: &[EventId], tests: &[(BodyId, usize)]) -> bool {
    let flow = facts.flow(body);
    !taken.is_empty()
        && tests.iter().all(|(b, i)| {
            let read = facts.seen(*b)[*i].event;
            *b == body && taken.iter().all(|t| flow.dominates(read, *t))
        })
}

fn notified(facts: &Facts<'_>, body: BodyId, event: EventId) -> Option<Bed> {
    let EventKind::Call(call) = &facts.event(body, event).kind else { return None };
    let Callee::Method { receiver, name, .. } = &call.callee else { return None };
    match name.as_str() {
        "notify_one" | "notify_all" => condvar(facts, body, receiver).map(Bed::Condvar),
        "unpark" if facts.calls_nothing_known(body, event) => Some(Bed::Park),
        _ => None,
    }
}

impl Facts<'_> {
    /// The call is of no function of the analysed crates.
    fn calls_nothing_known(&self, body: BodyId, event: EventId) -> bool {
        self.calls(body).iter().all(|(e, _)| *e != event)
    }

    pub fn wakeups(&self) -> &Wakeups {
        self.wakeups.get_or_init(|| collect(self))
    }

    /// The locations that a wait waits for.
    pub fn awaited(&self, wait: &Wait) -> Vec<LocId> {
        let mut all: Vec<LocId> =
            wait.tests.iter().filter_map(|(b, i)| self.op(self.seen(*b)[*i].op).location).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// A change of what the wait waits for, with a notification that can be missed.
    pub fn missed(&self, wait: &Wait) -> Option<Missed> {
        let locations = self.awaited(wait);
        let notifies = self.wakeups().notifies.get(&wait.bed)?;
        notifies.iter().find_map(|(body, notify)| {
            let changes = (0..self.seen(*body).len()).filter(|i| {
                let s = &self.seen(*body)[*i];
                let op = self.op(s.op);
                op.kind.writes() && op.location.is_some_and(|l| locations.contains(&l)) && s.event != *notify
            });
            let changes: Vec<usize> = changes.collect();
            changes.iter().find_map(|&change| self.missed_by(wait, *body, change, *notify, notifies))
        })
    }

    fn missed_by(
        &self,
        wait: &Wait,
        body: BodyId,
        change: usize,
        notify: EventId,
        notifies: &[(BodyId, EventId)],
    ) -> Option<Missed> {
        let flow = self.flow(body);
        let s = &self.seen(body)[change];
        if self.is_alone(body, s) || self.resets(wait, s) || wait.body == body {
            return None;
        }
        let missed = |too_soon| Some(Missed { body, change, notify, too_soon });
        let locked = wait.lock.as_ref().is_some_and(|l| self.holds_perhaps(body, s, l));
        let later = notifies.iter().any(|(b, n)| *b == body && *n != s.event && flow.reaches(s.event, *n));
        if !later {
            let location = self.op(s.op).location;
            let announced = self.seen(body).iter().any(|c| {
                let op = self.op(c.op);
                op.kind.writes() && op.location == location && flow.reaches(c.event, notify)
            });
            let before = flow.dominates(notify, s.event) && !announced && !flow.reaches(s.event, notify);
            let together = wait.lock.as_ref().is_some_and(|l| self.holds_at(body, notify, l));
            return if before && !(locked && together) { missed(true) } else { None };
        }
        if wait.tested_outside && flow.reaches(s.event, notify) {
            return missed(false);
        }
        let lock = wait.lock.as_ref().filter(|l| matches!(l, Lock::Location(_)))?;
        let taken_between = self.takes_between(body, s.event, notify, lock);
        (flow.reaches(s.event, notify) && !locked && !taken_between).then_some(())?;
        missed(false)
    }

    /// The change is what the waiter itself waits to undo: the same constant as before the wait.
    fn resets(&self, wait: &Wait, change: &Seen) -> bool {
        let op = self.op(change.op);
        let sets = op.kind == AtomicOpKind::Store || op.kind == AtomicOpKind::Swap || op.kind.is_cas();
        let written = op.new_value().filter(|_| sets).and_then(|v| self.constant_of(op.body, v));
        let Some(written) = written else { return false };
        // The value that sends the waiter to sleep wakes nobody.
        wait.tests.iter().any(|(b, i)| {
            let s = &self.seen(*b)[*i];
            *b == wait.body
                && self.op(s.op).location == op.location
                && self.decisions(*b).iter().any(|d| {
                    let result = self.result_of(*b, s.event);
                    let required = result.and_then(|v| self.required(*b, d, wait.event, v));
                    required.is_some_and(|r| !r.excludes(&written))
                })
        })
    }

    fn holds_perhaps(&self, body: BodyId, s: &Seen, lock: &Lock) -> bool {
        self.holds_at(body, s.event, lock) || self.context(s.op).locks.iter().any(|(l, _)| l.may_be(lock))
    }

    fn holds_at(&self, body: BodyId, event: EventId, lock: &Lock) -> bool {
        self.guards(body).at(self, body, event).iter().any(|(l, _)| l.may_be(lock))
    }

    /// The mutex is taken between the change and the notification, here or in a function called there.
    fn takes_between(&self, body: BodyId, from: EventId, to: EventId, lock: &Lock) -> bool {
        let flow = self.flow(body);
        let events = self.program.body(body).ir.events.len() as u32;
        (0..events).map(EventId).any(|e| {
            let between = e == to || flow.reaches(from, e) && flow.reaches(e, to);
            between && (self.may_take(body, e, lock) || e != from && self.callee_takes(body, e, lock))
        })
    }

    fn may_take(&self, body: BodyId, event: EventId, lock: &Lock) -> bool {
        let EventKind::Call(call) = &self.event(body, event).kind else { return false };
        let locks = matches!(self.callee_name(call), "lock" | "write" | "read" | "try_lock" | "lock_arc");
        locks && {
            let at = match &call.callee {
                Callee::Method { receiver, .. } => self.program.place_ref(body, receiver).location().map(Key::of),
                _ => None,
            };
            at.is_none_or(|k| Lock::Location(k).may_be(lock))
        }
    }

    fn callee_takes(&self, body: BodyId, event: EventId, lock: &Lock) -> bool {
        self.calls(body).iter().filter(|(e, _)| *e == event).any(|(_, callee)| {
            let events = self.program.body(*callee).ir.events.len() as u32;
            (0..events).any(|e| self.may_take(*callee, EventId(e), lock))
        })
    }
}
