//! Loops that wait: nothing but reads of atomics and pauses, until another thread has changed something.

use super::flow::loop_within;
use super::{Facts, Seen};
use crate::ir::{
    AtomicOpKind, Base, BlockId, Call, Callee, EventId, EventKind, LoopId, Terminator, ValueId, ValueKind,
};
use crate::resolve::BodyId;
use crate::resolve::calls::Target;

/// A loop that only re-reads atomics until one has changed.
#[derive(Clone, Debug)]
pub struct WaitLoop {
    pub in_loop: LoopId,
    /// Operations that decide when it ends: indices into the body's seen operations.
    pub waits_on: Vec<usize>,
    /// Calls of a condition that the callers hand in as a closure, which only reads atomics.
    pub conditions: Vec<EventId>,
    /// The hint, yield, park, sleep or backoff in it.
    pub hint: Option<EventId>,
}

enum Waiting {
    /// Asks a closure of the caller, which only reads.
    Asks,
    Harmless,
    Hint,
    Polls,
    Works,
}

impl Facts<'_> {
    /// The loops of a body that only wait.
    pub fn wait_loops(&self, body: BodyId) -> Vec<WaitLoop> {
        let b = self.program.body(body).ir;
        (0..b.loops.len() as u32).filter_map(|l| self.as_wait_loop(body, LoopId(l))).collect()
    }

    fn as_wait_loop(&self, body: BodyId, l: LoopId) -> Option<WaitLoop> {
        let b = self.program.body(body).ir;
        let header = b.loops[l.index()].header;
        if b.loops[l.index()].iterates.is_some() {
            return None;
        }
        // Only what can come round again belongs to the waiting.
        let inside = |block: BlockId| {
            loop_within(b, b.blocks[block.index()].in_loop, l)
                && (block == header || self.reaches_within(body, block, header, l))
        };
        let blocks: Vec<BlockId> = (0..b.blocks.len() as u32).map(BlockId).filter(|x| inside(*x)).collect();
        let mut waits_on = Vec::new();
        let mut conditions = Vec::new();
        let mut hint = None;
        for block in &blocks {
            for &e in &b.blocks[block.index()].events {
                match self.waiting(body, e) {
                    Waiting::Harmless => {}
                    Waiting::Hint => hint = Some(e),
                    Waiting::Polls => waits_on
                        .extend(self.seen(body).iter().enumerate().filter(|(_, s)| s.event == e).map(|(i, _)| i)),
                    Waiting::Asks => conditions.push(e),
                    Waiting::Works => return None,
                }
            }
        }
        // Some exit is decided by what was read.
        let flow = self.flow(body);
        let decided = blocks.iter().any(|block| {
            let leaves = flow.successors(*block).iter().any(|s| !inside(*s));
            let cond = match &b.blocks[block.index()].term {
                Terminator::Branch { cond, .. } => *cond,
                Terminator::Switch { on, .. } | Terminator::Try { on, .. } => *on,
                _ => return false,
            };
            let flows = self.flows_into(body, cond);
            let asked = || {
                conditions.iter().any(|c| self.result_of(body, *c).is_some_and(|v| self.derives_from(body, cond, v)))
            };
            leaves && (waits_on.iter().any(|w| flows.ops.contains(w) || flows.compared.contains(w)) || asked())
        });
        if waits_on.is_empty() && conditions.is_empty()
            || !decided
            || waits_on.iter().any(|w| self.moves_on(body, &self.seen(body)[*w], l))
        {
            return None;
        }
        if self.waits_for_calm(body, &blocks, &waits_on)
            || self.steps_through_states(body, &waits_on)
            || self.is_told_apart_by_failure(body, &blocks, &waits_on)
        {
            return None;
        }
        Some(WaitLoop { in_loop: l, waits_on, conditions, hint })
    }

    /// Whether the loop tries several transitions of one state word in turn: it comes round only if the state moved.
    fn steps_through_states(&self, body: BodyId, waits_on: &[usize]) -> bool {
        let attempts: Vec<&Seen> =
            waits_on.iter().map(|w| &self.seen(body)[*w]).filter(|s| self.op(s.op).kind.is_cas()).collect();
        attempts.iter().enumerate().any(|(i, a)| {
            attempts[i + 1..].iter().any(|b| a.event != b.event && self.op(a.op).location == self.op(b.op).location)
        })
    }

    /// Whether what a failed CAS has found is told apart, each state with a way out of its own: the loop comes round
    /// with the state that the CAS expects, and nothing keeps it from succeeding then.
    fn is_told_apart_by_failure(&self, body: BodyId, blocks: &[BlockId], waits_on: &[usize]) -> bool {
        let ir = self.program.body(body).ir;
        let flow = self.flow(body);
        let found = |cond: ValueId, w: usize| {
            let compares = matches!(self.value(body, cond), ValueKind::Binary(..));
            let event = self.seen(body)[w].event;
            compares && self.result_of(body, event).is_some_and(|v| self.derives_from(body, cond, v))
        };
        waits_on.iter().filter(|w| self.op(self.seen(body)[**w].op).kind.is_cas()).any(|w| {
            let told = blocks.iter().filter(|block| {
                let Terminator::Branch { cond, .. } = ir.blocks[block.index()].term else { return false };
                found(cond, *w) && flow.successors(**block).iter().any(|s| !blocks.contains(s))
            });
            told.count() > 1
        })
    }

    /// Whether an exit compares two reads of one location: the loop takes a snapshot and repeats it only if somebody
    /// else made progress meanwhile.
    fn waits_for_calm(&self, body: BodyId, blocks: &[BlockId], waits_on: &[usize]) -> bool {
        let b = self.program.body(body).ir;
        blocks.iter().any(|block| {
            let Terminator::Branch { cond, .. } = &b.blocks[block.index()].term else { return false };
            let compared: Vec<&Seen> = self
                .flows_into(body, *cond)
                .compared
                .iter()
                .filter(|i| waits_on.contains(i))
                .map(|i| &self.seen(body)[*i])
                .collect();
            compared
                .iter()
                .enumerate()
                .any(|(i, a)| compared[i + 1..].iter().any(|c| a.event != c.event && a.place.same_memory(&c.place)))
        })
    }

    /// What an event in a loop means for the question whether the loop only waits.
    fn waiting(&self, body: BodyId, event: EventId) -> Waiting {
        let e = self.event(body, event);
        let ops: Vec<&Seen> = self.seen(body).iter().filter(|s| s.event == event).collect();
        match &e.kind {
            EventKind::Atomic(_) | EventKind::Call(_)
                if !ops.is_empty() && ops.iter().all(|s| self.only_polls(body, s)) =>
            {
                match ops.iter().all(|s| s.is_direct()) || self.helper_only_polls(body, event) {
                    true => Waiting::Polls,
                    false => Waiting::Works,
                }
            }
            EventKind::Atomic(_) => Waiting::Works,
            EventKind::Call(Call { callee: Callee::Value(v), args })
                if args.is_empty() && self.is_polling_argument(body, *v) =>
            {
                Waiting::Asks
            }
            EventKind::Call(call) => self.waiting_call(body, call),
            EventKind::Assign { value, .. } => {
                let flows = self.flows_into(body, *value);
                if flows.other && flows.ops.is_empty() { Waiting::Works } else { Waiting::Harmless }
            }
            EventKind::Macro(m)
                if matches!(
                    m.path.last(),
                    "debug_assert" | "debug_assert_eq" | "debug_assert_ne" | "matches" | "assert"
                ) =>
            {
                Waiting::Harmless
            }
            EventKind::Read(_)
            | EventKind::Borrow { mutable: false, .. }
            | EventKind::ScopeEnd(_)
            | EventKind::Fence { .. } => Waiting::Harmless,
            EventKind::Write { .. }
            | EventKind::Borrow { .. }
            | EventKind::Macro(_)
            | EventKind::Await(_)
            | EventKind::Opaque => Waiting::Works,
        }
    }

    /// The same for a call that performs no atomic operation.
    fn waiting_call(&self, body: BodyId, call: &Call) -> Waiting {
        let name = self.callee_name(call);
        if is_hint(name) || self.hints(body, call, 0) {
            return Waiting::Hint;
        }
        let drops = || matches!(self.program.target(body, call), Target::Foreign(p) if p.ends_with("::drop"));
        match is_pure_name(name) || drops() || self.is_trivial_call(body, call) {
            true => Waiting::Harmless,
            false => Waiting::Works,
        }
    }

    /// A load, or an attempt to take something that is not there yet.
    fn only_polls(&self, body: BodyId, seen: &Seen) -> bool {
        let op = self.op(seen.op);
        match op.kind {
            AtomicOpKind::Load => true,
            // An attempt of which neither half depends on what an attempt before has found.
            AtomicOpKind::Cas { .. } => self.is_fixed_attempt(body, seen),
            AtomicOpKind::FetchOr => seen.stored.is_constant() && self.result_of(body, seen.event).is_some(),
            AtomicOpKind::Swap => seen.stored.is_constant() && self.result_of(body, seen.event).is_some(),
            _ => false,
        }
    }

    fn is_fixed_attempt(&self, body: BodyId, seen: &Seen) -> bool {
        let op = self.op(seen.op);
        let constant = seen.expected.is_constant() && seen.stored.is_constant();
        let fixed = |v: Option<ValueId>| v.is_some_and(|v| self.is_fixed(body, v, seen.event, 0));
        // One that expects what the location held before the loop waits for nothing: it is stale.
        let stale = seen.expected.ops.iter().any(|&i| self.op(self.seen(body)[i].op).location == op.location);
        let written = match &self.event(body, seen.event).kind {
            EventKind::Call(call) if !seen.is_direct() => call.args.iter().all(|v| fixed(Some(*v))),
            _ => seen.is_direct() && fixed(op.expected()) && fixed(op.new_value()),
        };
        constant || written && !stale
    }

    /// Whether a value is the same in every round of the loops around `event`: it was made before them.
    fn is_fixed(&self, body: BodyId, value: ValueId, event: EventId, depth: u32) -> bool {
        let b = self.program.body(body).ir;
        let in_loop = |block: BlockId| {
            b.blocks[self.event(body, event).block.index()]
                .in_loop
                .is_some_and(|l| loop_within(b, b.blocks[block.index()].in_loop, l))
        };
        if depth > 8 {
            return false;
        }
        let next = |v: ValueId| self.is_fixed(body, v, event, depth + 1);
        match self.value(body, value) {
            ValueKind::Param(_)
            | ValueKind::Capture(_)
            | ValueKind::Int(_)
            | ValueKind::Bool(_)
            | ValueKind::Lit(_)
            | ValueKind::Path(_) => true,
            ValueKind::Event(e) => !in_loop(self.event(body, *e).block),
            ValueKind::Read(p) if p.proj.is_empty() => match p.base {
                Base::Local(_, v) | Base::Value(v) => next(v),
                Base::Path(_) => true,
            },
            ValueKind::Cast(v, _) | ValueKind::Not(v) | ValueKind::Neg(v) => next(*v),
            ValueKind::Part { of, .. } => next(*of),
            ValueKind::Binary(_, l, r) => next(*l) && next(*r),
            _ => false,
        }
    }

    fn helper_only_polls(&self, body: BodyId, event: EventId) -> bool {
        let EventKind::Call(call) = &self.event(body, event).kind else { return false };
        match self.program.target(body, call) {
            Target::Fn(def) => self.program.body_of(def).is_some_and(|callee| self.body_only_polls(callee)),
            Target::Closure(closure) => self.body_only_polls(closure),
            _ => false,
        }
    }

    fn body_only_polls(&self, body: BodyId) -> bool {
        let ir = self.program.body(body).ir;
        ir.loops.is_empty()
            && ir
                .events
                .iter()
                .enumerate()
                .all(|(i, _)| matches!(self.waiting(body, EventId(i as u32)), Waiting::Polls | Waiting::Harmless))
    }

    /// Whether a value is a parameter for which callers give closures that only read atomics.
    fn is_polling_argument(&self, body: BodyId, value: ValueId) -> bool {
        let b = self.program.body(body);
        let mut value = value;
        let index = loop {
            value = match self.value(body, value) {
                ValueKind::Param(i) if b.parent.is_none() => break *i,
                ValueKind::Read(p) | ValueKind::Ref { place: p, .. } if p.proj.is_empty() => match p.base {
                    Base::Local(_, v) | Base::Value(v) => v,
                    Base::Path(_) => return false,
                },
                ValueKind::Mutated { before, .. } => *before,
                _ => return false,
            };
        };
        self.callers(b.owner).iter().any(|(caller, event)| {
            let EventKind::Call(call) = &self.event(*caller, *event).kind else { return false };
            let skip = u32::from(matches!(call.callee, Callee::Method { .. }));
            let arg = index.checked_sub(skip).and_then(|i| call.args.get(i as usize));
            let closure = arg.and_then(|v| self.program.closure_of(*caller, *v));
            closure.is_some_and(|c| self.seen(c).iter().any(|s| self.only_polls(c, s)) && self.body_only_polls(c))
        })
    }

    /// Whether another wait loop stands inside this one.
    pub fn has_inner_wait(&self, body: BodyId, wait: &WaitLoop, all: &[WaitLoop]) -> bool {
        let b = self.program.body(body).ir;
        all.iter().any(|w| w.in_loop != wait.in_loop && loop_within(b, Some(w.in_loop), wait.in_loop))
    }

    /// Whether a function of the crate pauses, yields or blocks on its way.
    fn hints(&self, body: BodyId, call: &Call, depth: u32) -> bool {
        let Target::Fn(def) = self.program.target(body, call) else { return false };
        let Some(callee) = self.program.body_of(def).filter(|_| depth < 4) else { return false };
        self.program.body(callee).ir.events.iter().any(|e| match &e.kind {
            EventKind::Call(c) => is_hint(self.callee_name(c)) || self.hints(callee, c, depth + 1),
            _ => false,
        })
    }

    /// A function of the crate that does nothing but compute.
    pub fn is_trivial_call(&self, body: BodyId, call: &Call) -> bool {
        let Target::Fn(def) = self.program.target(body, call) else { return false };
        let Some(callee) = self.program.body_of(def) else { return false };
        let ir = self.program.body(callee).ir;
        ir.events.len() <= 12
            && ir.loops.is_empty()
            && ir.events.iter().all(|e| match &e.kind {
                EventKind::Read(_) | EventKind::ScopeEnd(_) | EventKind::Borrow { mutable: false, .. } => true,
                EventKind::Call(c) => match &c.callee {
                    Callee::Path(p) => is_pure_name(p.last()),
                    Callee::Method { name, .. } => is_pure_name(name),
                    Callee::Value(_) => false,
                },
                _ => false,
            })
    }
}

/// Calls that tell the processor or the scheduler that this thread waits.
pub fn is_hint(name: &str) -> bool {
    matches!(
        name,
        "spin_loop"
            | "spin_loop_hint"
            | "yield_now"
            | "park"
            | "park_timeout"
            | "sleep"
            | "sleep_ms"
            | "snooze"
            | "spin"
            | "spin_wait"
            | "spin_no_yield"
            | "wait"
            | "pause"
            | "relax"
            | "cpu_relax"
            | "_mm_pause"
            | "__yield"
            | "sched_yield"
            | "backoff"
            | "futex_wait"
            | "wait_timeout"
            | "recv"
            | "recv_timeout"
            | "block_on"
            | "thread_yield"
            | "yield_thread"
    )
}

/// Methods that compute and do nothing else.
pub fn is_pure_name(name: &str) -> bool {
    matches!(
        name,
        "is_null"
            | "is_some"
            | "is_none"
            | "is_ok"
            | "is_err"
            | "wrapping_add"
            | "wrapping_sub"
            | "as_ref"
            | "deref"
            | "unwrap"
            | "clone"
            | "eq"
            | "ne"
            | "cmp"
            | "get"
            | "as_raw"
            | "tag"
            | "saturating_sub"
            | "min"
            | "max"
            | "len"
            | "now"
            | "elapsed"
            | "is_empty"
            | "unwrap_err"
            | "ok"
            | "err"
            | "from"
            | "into"
            | "load"
            | "borrow"
            | "as_ptr"
            | "count_ones"
            | "from_millis"
            | "from_micros"
            | "from_nanos"
            | "from_secs"
    )
}
