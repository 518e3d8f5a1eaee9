//! What orders memory on the way from one event to another: fences, acquiring and releasing operations, locks.
//!
//! Whatever may synchronise counts as if it did: a lint that relies on the absence of an ordering stays quiet where
//! a callee, a lock or a fence of unknown strength lies between (C++20 \[intro.races\]: a release sequence, or a
//! fence combined with a relaxed operation, makes a happens-before edge).

use super::access::{LocId, OpId, Order, resolve_order};
use super::touch::Touch;
use super::{Facts, Seen};
use crate::ir::{Callee, EventId, EventKind, Ordering, Terminator, ValueId};
use crate::resolve::calls::Target;
use crate::resolve::{BodyId, Known, Type};

/// Which halves an event (or a whole body) may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sync {
    pub acquires: bool,
    pub releases: bool,
}

impl Sync {
    const BOTH: Sync = Sync { acquires: true, releases: true };
    const ACQUIRE: Sync = Sync { acquires: true, releases: false };
    const RELEASE: Sync = Sync { acquires: false, releases: true };

    fn join(self, other: Sync) -> Sync {
        Sync { acquires: self.acquires || other.acquires, releases: self.releases || other.releases }
    }

    pub(super) fn of_order(order: Order) -> Sync {
        match order {
            Order::Known(o) => Sync { acquires: o.acquires(), releases: o.releases() },
            // A caller may have asked for anything.
            Order::Param(_) | Order::Unknown | Order::Implied => Sync::BOTH,
        }
    }
}

/// Sums up what each body may synchronise, callees before callers.
pub(super) fn collect(facts: &mut Facts<'_>) {
    facts.sync = vec![Sync::default(); facts.program.bodies.len()];
    let order = std::mem::take(&mut facts.call_order);
    for body in order.iter().flatten() {
        let events = facts.program.body(*body).ir.events.len() as u32;
        let all = (0..events).fold(Sync::default(), |all, e| all.join(facts.sync_at(*body, EventId(e))));
        facts.sync[body.index()] = all;
    }
    facts.call_order = order;
}

impl Facts<'_> {
    /// What an event may synchronise, helpers included.
    pub fn sync_at(&self, body: BodyId, event: EventId) -> Sync {
        let mut sync = match &self.event(body, event).kind {
            EventKind::Fence { ordering, compiler: false } => {
                Sync::of_order(resolve_order(self.program, body, ordering.kind, 0))
            }
            EventKind::Call(call) => self.sync_of_call(body, call),
            EventKind::ScopeEnd(local) => {
                let init = self.program.body(body).ir.locals.get(local.index()).and_then(|l| l.init);
                match init.map(|v| self.program.type_of(body, v)) {
                    Some(ty) if ty.is_guard() => Sync::RELEASE,
                    _ => Sync::default(),
                }
            }
            EventKind::Atomic(_) => self.sync_of_ops(body, event),
            _ => Sync::default(),
        };
        for (e, callee) in self.calls(body) {
            if *e == event {
                sync = sync.join(match self.forwards_orders(*callee) {
                    true => self.sync_of_seen(body, event),
                    false => self.sync.get(callee.index()).copied().unwrap_or_default(),
                });
            }
        }
        sync
    }

    /// A wrapper around operations that its callers give the orderings for, and that synchronises nothing besides.
    fn forwards_orders(&self, callee: BodyId) -> bool {
        let seen = self.seen(callee);
        let events = self.program.body(callee).ir.events.len() as u32;
        let is_op = |e: EventId| matches!(self.event(callee, e).kind, EventKind::Atomic(_));
        !seen.is_empty()
            && seen.iter().all(|s| s.is_direct() && matches!(s.orders.success, Order::Param(_)))
            && (0..events).map(EventId).all(|e| is_op(e) || self.sync_at(callee, e) == Sync::default())
    }

    fn sync_of_seen(&self, body: BodyId, event: EventId) -> Sync {
        let ops = self.seen(body).iter().filter(|s| s.event == event);
        ops.fold(Sync::default(), |all, s| all.join(self.sync_of_op(s)))
    }

    fn sync_of_ops(&self, body: BodyId, event: EventId) -> Sync {
        let direct = self.seen(body).iter().filter(|s| s.event == event && s.is_direct());
        direct.fold(Sync::default(), |all, s| all.join(self.sync_of_op(s)))
    }

    fn sync_of_op(&self, s: &Seen) -> Sync {
        let kind = self.op(s.op).kind;
        let order = Sync::of_order(s.orders.success);
        Sync { acquires: kind.reads() && order.acquires, releases: kind.writes() && order.releases }
    }

    fn sync_of_call(&self, body: BodyId, call: &crate::ir::Call) -> Sync {
        if matches!(self.program.target(body, call), Target::Fn(def) if self.program.body_of(def).is_some()) {
            return Sync::default();
        }
        let gives_guard = match self.program.call_type(body, call) {
            Type::Known(Known::Option | Known::Result, args) => args.first().is_some_and(Type::is_guard),
            ty => ty.is_guard(),
        };
        if gives_guard {
            return Sync::ACQUIRE;
        }
        let name = match &call.callee {
            Callee::Path(p) => p.last(),
            Callee::Method { name, .. } => name.as_str(),
            Callee::Value(_) => "",
        };
        match name {
            "lock" | "lock_exclusive" | "lock_shared" | "try_lock" | "join" | "recv" | "try_recv" | "call_once"
            | "get_or_init" | "call_once_force" => Sync::ACQUIRE,
            "unlock" | "unlock_exclusive" | "unlock_shared" | "force_unlock" | "send" | "try_send" | "spawn"
            | "spawn_local" | "spawn_blocking" => Sync::RELEASE,
            // `critical_section::with`, `interrupt::free`, `Thread::scope`.
            "with" if matches!(&call.callee, Callee::Path(p) if p.to_string().contains("critical_section")) => {
                Sync::BOTH
            }
            "free" | "without_interrupts" | "scope" | "membarrier" | "heavy" | "light" => Sync::BOTH,
            "drop" if call.args.iter().any(|v| self.program.type_of(body, *v).is_guard()) => Sync::RELEASE,
            _ => Sync::default(),
        }
    }

    /// Whether control can come from `from` to `to` with nothing in between that may acquire.
    pub fn reaches_unacquired(&self, body: BodyId, from: EventId, to: EventId) -> bool {
        let stop = |e: EventId| e != to && self.sync_at(body, e).acquires;
        self.flow(body).reaches_avoiding(self.program.body(body).ir, from, to, stop)
    }

    /// The same with nothing in between that may acquire what the location has handed over.
    pub fn reaches_without(&self, location: LocId, body: BodyId, from: EventId, to: EventId) -> bool {
        let stop = |e: EventId| e != to && self.may_acquire(body, e, location);
        self.flow(body).reaches_avoiding(self.program.body(body).ir, from, to, stop)
    }

    /// The same for one outcome of a CAS on the location: from the branches that it leads to. A new attempt that
    /// succeeds acquires, if the CAS does at all; one that fails is another read.
    pub fn outcome_reaches_without(
        &self,
        location: LocId,
        body: BodyId,
        cas: &Seen,
        failure: bool,
        to: EventId,
    ) -> bool {
        let outcome = self.outcome(body, cas);
        let from = if failure { outcome.failure } else { outcome.success };
        if from.is_empty() || cas.event == to {
            return self.reaches_without(location, body, cas.event, to);
        }
        let stop = |e: EventId| e != to && self.may_acquire(body, e, location);
        self.flow(body).enters_avoiding(self.program.body(body).ir, &from, to, stop)
    }

    /// Whether what a failed CAS gave always passes something that acquires before it becomes the value that is used:
    /// the other attempts of the loop, which use an older value, tell nothing about it.
    pub fn is_acquired_on_the_way(&self, body: BodyId, cas: &Seen, value: ValueId) -> bool {
        let crate::ir::ValueKind::Phi(operands) = self.value(body, self.merged(body, value)) else { return false };
        let from = self.outcome(body, cas).failure;
        let stop = |e: EventId| self.sync_at(body, e).acquires;
        let ir = self.program.body(body).ir;
        let mut failed = operands.iter().filter(|(_, v)| self.comes_through_failure(body, *v, cas.event)).peekable();
        !from.is_empty()
            && failed.peek().is_some()
            && failed.all(|(block, _)| !self.flow(body).passes_avoiding(ir, &from, *block, stop))
    }

    /// The merge of several values that a value was computed from.
    fn merged(&self, body: BodyId, value: ValueId) -> ValueId {
        use crate::ir::{Base, ValueKind};
        let mut at = value;
        for _ in 0..12 {
            at = match self.value(body, at) {
                ValueKind::Read(p) => match p.base {
                    Base::Local(_, v) | Base::Value(v) => v,
                    Base::Path(_) => return at,
                },
                ValueKind::Cast(v, _) | ValueKind::Mutated { before: v, .. } | ValueKind::Binary(_, v, _) => *v,
                _ => return at,
            };
        }
        at
    }

    /// Whether control can come from `from` to `to` with nothing in between that may release.
    pub fn reaches_unreleased(&self, body: BodyId, from: EventId, to: EventId) -> bool {
        let stop = |e: EventId| e != to && self.sync_at(body, e).releases;
        self.flow(body).reaches_avoiding(self.program.body(body).ir, from, to, stop)
    }

    /// Whether the helper through which an operation is seen acquires after it.
    pub fn acquires_in_helper(&self, seen: &Seen) -> bool {
        seen.via.iter().any(|(b, e)| {
            let events = self.program.body(*b).ir.events.len() as u32;
            (0..events)
                .map(EventId)
                .any(|later| later != *e && self.flow(*b).reaches(*e, later) && self.sync_at(*b, later).acquires)
        })
    }

    /// Whether the helper through which an operation is seen releases before it.
    pub fn releases_in_helper(&self, seen: &Seen) -> bool {
        seen.via.iter().any(|(b, e)| {
            let events = self.program.body(*b).ir.events.len() as u32;
            (0..events).map(EventId).any(|earlier| {
                earlier != *e && self.flow(*b).reaches(earlier, *e) && self.sync_at(*b, earlier).releases
            })
        })
    }

    /// Whether the helper that makes an access releases after it.
    pub fn releases_behind(&self, touch: &Touch) -> bool {
        touch.via.iter().any(|(b, e)| {
            let events = self.program.body(*b).ir.events.len() as u32;
            (0..events)
                .map(EventId)
                .any(|later| later != *e && self.flow(*b).reaches(*e, later) && self.sync_at(*b, later).releases)
        })
    }

    /// Whether an acquire of the same location, of another field of the same object, or of the pointer by which
    /// it is reached, always comes before; in a private helper, in all its callers.
    pub fn is_acquired_before(&self, body: BodyId, event: EventId, location: LocId) -> bool {
        self.acquired_before(body, event, location, 0)
    }

    /// Whether a read always has an acquire of another location before it that each of the writes has a release of behind
    /// it: `at.store(…); version.store(…, Release)`, `version.load(Acquire); at.load(…)`.
    pub fn is_acquired_by_way(&self, read: OpId, writes: &[OpId]) -> bool {
        let read = self.op(read);
        let is_behind = |w: &OpId, way: LocId| {
            let w = self.op(*w);
            self.seen(w.body).iter().any(|s| {
                self.op(s.op).location == Some(way)
                    && self.op(s.op).kind.writes()
                    && Sync::of_order(s.orders.success).releases
                    && s.event != w.event
                    && self.flow(w.body).dominates(w.event, s.event)
            })
        };
        self.seen(read.body).iter().any(|s| {
            let op = self.op(s.op);
            let acquires = op.kind.reads() && Sync::of_order(s.orders.success).acquires;
            let first = s.event != read.event && self.flow(read.body).dominates(s.event, read.event);
            let way = op.location.filter(|l| Some(*l) != read.location && acquires && first);
            way.is_some_and(|way| writes.iter().all(|w| is_behind(w, way)))
        })
    }

    fn acquired_before(&self, body: BodyId, event: EventId, location: LocId, depth: u32) -> bool {
        let flow = self.flow(body);
        let owner = self.location(location).key.owner();
        let locked = || self.is_locked_before(body, event);
        let here = self.seen(body).iter().any(|s| {
            let op = self.op(s.op);
            let same = op.location == Some(location)
                || op.location.is_some_and(|l| owner.is_some() && self.location(l).key.owner() == owner);
            same && op.kind.reads()
                && Sync::of_order(s.orders.success).acquires
                && s.event != event
                && flow.dominates(s.event, event)
        });
        let fenced = || {
            let events = &self.program.body(body).ir.events;
            (0..events.len() as u32).map(EventId).any(|e| {
                matches!(events[e.index()].kind, EventKind::Fence { .. })
                    && self.sync_at(body, e).acquires
                    && flow.dominates(e, event)
            })
        };
        here || fenced()
            || locked()
            || self.holds_in_callers(body, depth, |caller, call, d| self.acquired_before(caller, call, location, d))
    }

    /// Whether a release fence (or a release of anything) always comes right before, in all callers.
    pub fn is_released_before(&self, body: BodyId, event: EventId) -> bool {
        self.released_before(body, event, 0)
    }

    fn released_before(&self, body: BodyId, event: EventId, depth: u32) -> bool {
        let flow = self.flow(body);
        let events = &self.program.body(body).ir.events;
        let here = (0..events.len() as u32).map(EventId).any(|e| {
            matches!(events[e.index()].kind, EventKind::Fence { .. })
                && self.sync_at(body, e).releases
                && flow.dominates(e, event)
        });
        here || self.is_locked_before(body, event)
            || self.holds_in_callers(body, depth, |caller, call, d| self.released_before(caller, call, d))
    }

    /// Whether a call that takes a lock, or waits for other threads, always comes before; in a private helper, in
    /// all its callers.
    pub fn is_joined_before(&self, body: BodyId, event: EventId) -> bool {
        self.joined_before(body, event, 0)
    }

    fn joined_before(&self, body: BodyId, event: EventId, depth: u32) -> bool {
        self.is_locked_before(body, event)
            || self.holds_in_callers(body, depth, |caller, call, d| self.joined_before(caller, call, d))
    }

    fn is_locked_before(&self, body: BodyId, event: EventId) -> bool {
        let flow = self.flow(body);
        self.program.body(body).ir.events.iter().enumerate().any(|(i, e)| {
            let EventKind::Call(call) = &e.kind else { return false };
            let name = match &call.callee {
                Callee::Path(p) => p.last(),
                Callee::Method { name, .. } => name.as_str(),
                Callee::Value(_) => return false,
            };
            let id = EventId(i as u32);
            let word = |of: &[&str]| name.split('_').any(|w| of.contains(&w));
            let locks = word(&["lock"]) && !name.starts_with("try") && self.sync_at(body, id).acquires;
            (locks || word(&["wait", "join", "recv", "synchronize"])) && flow.dominates(id, event)
        })
    }

    /// Whether something holds at every call of a private function; `false` for functions that others may call.
    fn holds_in_callers(&self, body: BodyId, depth: u32, holds: impl Fn(BodyId, EventId, u32) -> bool) -> bool {
        if depth > 3 || self.is_entry(body) {
            return false;
        }
        let b = self.program.body(body);
        if b.parent.is_some() {
            return self.program.closure_use(body).is_some_and(|(parent, e)| holds(parent, e, depth + 1));
        }
        let callers = self.callers(b.owner);
        !callers.is_empty() && callers.iter().all(|(caller, call)| holds(*caller, *call, depth + 1))
    }

    /// Whether a value went through the failure side of a CAS: `Err(x)`, `unwrap_err`, or, for the closure forms,
    /// `unwrap_or_else`.
    pub fn comes_through_failure(&self, body: BodyId, value: ValueId, cas: EventId) -> bool {
        self.through_side(body, value, cas, true, &mut Vec::new())
    }

    /// Whether the helper that makes a CAS hands out what the failed one gave as its own result.
    pub fn returns_failure(&self, seen: &Seen) -> bool {
        let op = self.op(seen.op);
        !seen.is_direct()
            && self.program.body(op.body).ir.blocks.iter().any(|b| match b.term {
                Terminator::Return(Some(v)) => self.comes_through_failure(op.body, v, op.event),
                _ => false,
            })
    }

    /// Whether a value went through the success side of a CAS.
    pub fn comes_through_success(&self, body: BodyId, value: ValueId, cas: EventId) -> bool {
        self.through_side(body, value, cas, false, &mut Vec::new())
    }

    fn through_side(
        &self,
        body: BodyId,
        value: ValueId,
        cas: EventId,
        fails: bool,
        visited: &mut Vec<ValueId>,
    ) -> bool {
        use crate::ir::{Base, ValueKind};
        if visited.contains(&value) || visited.len() > 200 {
            return false;
        }
        visited.push(value);
        let result = self.result_of(body, cas);
        let is_result = |v: ValueId| result.is_some_and(|r| self.is_alias(body, v, r, 0));
        let (variant, methods) = match fails {
            true => ("Err", &["unwrap_err", "expect_err", "err", "unwrap_or_else"][..]),
            false => ("Ok", &["unwrap", "expect", "ok", "unwrap_or_else", "unwrap_or"][..]),
        };
        let mut next = |v: ValueId| self.through_side(body, v, cas, fails, visited);
        match self.value(body, value) {
            ValueKind::Part { of, variant: Some(v), .. } if is_result(*of) => v == variant,
            ValueKind::Part { of, .. } => next(*of),
            ValueKind::Read(p) | ValueKind::Ref { place: p, .. } => match &p.base {
                Base::Local(_, v) | Base::Value(v) => {
                    // `e.new` of a failed epoch CAS is the caller's own object.
                    let own = p.proj.iter().any(|p| matches!(p, crate::ir::Proj::Field(f) if f == "new"));
                    !own && next(*v)
                }
                Base::Path(_) => false,
            },
            ValueKind::Cast(v, _) | ValueKind::Not(v) | ValueKind::Mutated { before: v, .. } => next(*v),
            ValueKind::Binary(op, l, r) if !super::value_flow::is_comparison(*op) => next(*l) || next(*r),
            ValueKind::Phi(operands) => operands.iter().any(|(_, v)| next(*v)),
            ValueKind::Struct { fields, .. } => fields.iter().any(|(_, v)| next(*v)),
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(call) => match &call.callee {
                    Callee::Method { receiver, name, .. } => match &receiver.base {
                        Base::Local(_, v) | Base::Value(v) => {
                            is_result(*v) && methods.contains(&name.as_str())
                                || !is_result(*v) && next(*v)
                                || call.args.iter().any(|v| next(*v))
                        }
                        Base::Path(_) => call.args.iter().any(|v| next(*v)),
                    },
                    _ => call.args.iter().any(|v| next(*v)),
                },
                _ => false,
            },
            _ => false,
        }
    }

    /// The ordering that the value of an operation comes with.
    pub fn read_order(&self, seen: &Seen, through_failure: bool) -> Order {
        let op = self.op(seen.op);
        if through_failure && op.kind.is_cas() { seen.orders.failure } else { seen.orders.success }
    }
}

/// Whether the ordering surely is too weak to acquire.
pub fn lacks_acquire(order: Order) -> bool {
    matches!(order, Order::Known(Ordering::Relaxed | Ordering::Release))
}
