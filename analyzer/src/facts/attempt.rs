//! Attempts of a CAS loop: what one costs, what comes between two, and what limits their number.

use super::effects::EffectKind;
use super::flow::loop_within;
use super::outcome::Outcome;
use super::region::{Retry, What};
use super::retry::CasLoop;
use super::wait_loop::{is_hint, is_pure_name};
use super::{Facts, LocId, Seen};
use crate::ir::{BlockId, Callee, EventId, EventKind, LoopId, Terminator, ValueId, ValueKind, operands};
use crate::resolve::BodyId;
use crate::resolve::calls::Target;

/// How many calls a pause is looked for behind.
const MAX_DEPTH: u32 = 3;

impl Facts<'_> {
    /// The CAS of a loop, as the loop's body performs it.
    pub fn attempt<'f>(&'f self, retry: &'f Retry) -> Option<(&'f CasLoop, &'f Seen)> {
        let l = retry.cas_loop()?;
        Some((l, self.seen(retry.body).get(l.cas)?))
    }

    /// Whether an attempt does nothing but read, compute and look at the outcome.
    pub fn is_cheap(&self, retry: &Retry) -> bool {
        let effects = self.repeated(retry);
        let plain = |part: &super::region::Part| {
            let ir = self.program.body(part.body).ir;
            let own_loop = retry.cas_loop().map(|l| l.in_loop);
            part.blocks.iter().all(|b| {
                let block = &ir.blocks[b.index()];
                let repeats = block.in_loop != own_loop && part.body == retry.body;
                !repeats && block.events.iter().all(|e| self.is_cheap_event(part.body, *e, part.attempt))
            })
        };
        effects
            .iter()
            .all(|r| matches!(r.what, What::Effect(e) if matches!(e.kind, EffectKind::Assign | EffectKind::Write)))
            && retry.parts.iter().all(plain)
    }

    fn is_cheap_event(&self, body: BodyId, event: EventId, attempt: Option<EventId>) -> bool {
        if Some(event) == attempt {
            return true;
        }
        match &self.event(body, event).kind {
            EventKind::Call(call) => {
                let name = self.callee_name(call);
                let short =
                    matches!(name, "spin_loop" | "spin_loop_hint" | "spin" | "pause" | "cpu_relax" | "_mm_pause");
                short || is_pure_name(name) || is_arithmetic(name) || self.is_trivial_call(body, call)
            }
            EventKind::Await(_) | EventKind::Opaque => false,
            EventKind::Macro(m) => m.path.last().starts_with("debug_assert") || m.path.last() == "matches",
            _ => true,
        }
    }

    /// Whether a failed attempt can leave the loop without another attempt.
    pub fn failure_leaves(&self, body: BodyId, l: &CasLoop) -> bool {
        let ir = self.program.body(body).ir;
        let flow = self.flow(body);
        let cas = flow.block_of(self.seen(body)[l.cas].event);
        let mut queue: Vec<BlockId> = l.outcome.failure.clone();
        let mut visited = vec![false; ir.blocks.len()];
        while let Some(b) = queue.pop() {
            if b == cas || b == l.header || std::mem::replace(&mut visited[b.index()], true) {
                continue;
            }
            // A failed assertion ends the program: it counts as a way out.
            let asserts = |e: &EventId| match &self.event(body, *e).kind {
                EventKind::Macro(m) => m.path.last().contains("assert"),
                _ => false,
            };
            let block = &ir.blocks[b.index()];
            if !self.is_in_loop(body, b, l) || flow.successors(b).is_empty() || block.events.iter().any(asserts) {
                return true;
            }
            queue.extend(flow.successors(b));
        }
        false
    }

    /// The hint, pause, yield or wait between two attempts, in the region itself or in a function that it calls.
    pub fn pause_between(&self, retry: &Retry) -> Option<EventId> {
        let part = retry.parts.first()?;
        let ir = self.program.body(part.body).ir;
        let pauses = |e: &EventId| match &self.event(part.body, *e).kind {
            EventKind::Call(_) => self.pauses(part.body, *e, 0),
            EventKind::Await(_) | EventKind::Opaque => true,
            EventKind::Macro(m) => m.opaque,
            _ => false,
        };
        part.blocks.iter().flat_map(|b| &ir.blocks[b.index()].events).copied().find(pauses)
    }

    fn pauses(&self, body: BodyId, event: EventId, depth: u32) -> bool {
        let EventKind::Call(call) = &self.event(body, event).kind else { return false };
        if is_hint(self.callee_name(call)) || self.callee_name(call).contains("backoff") {
            return true;
        }
        // What is handed in as a closure may pause.
        if matches!(call.callee, Callee::Value(_)) {
            return self.program.target(body, call) == Target::Unknown;
        }
        let Target::Fn(def) = self.program.target(body, call) else { return false };
        let Some(callee) = self.program.body_of(def).filter(|_| depth < MAX_DEPTH) else { return false };
        (0..self.program.body(callee).ir.events.len() as u32).any(|e| self.pauses(callee, EventId(e), depth + 1))
    }

    /// Whether the number of attempts or their time has an end: a range that is walked through, or an exit decided by
    /// a counter, a clock or a backoff that has had enough.
    pub fn is_attempt_bounded(&self, body: BodyId, l: &CasLoop) -> bool {
        let ir = self.program.body(body).ir;
        if ir.loops[l.in_loop.index()].iterates.is_some_and(|v| !self.is_endless(body, v)) {
            return true;
        }
        let flow = self.flow(body);
        let inside = |b: BlockId| loop_within(ir, ir.blocks[b.index()].in_loop, l.in_loop);
        (0..ir.blocks.len() as u32).map(BlockId).filter(|b| inside(*b)).any(|b| {
            let leaves = || flow.successors(b).iter().any(|s| self.leads_out(body, *s, l.in_loop, &l.outcome));
            match ir.blocks[b.index()].term {
                Terminator::Branch { cond, .. } => self.is_limit(body, cond, l.in_loop) && leaves(),
                _ => false,
            }
        })
    }

    /// `0..`: a range without an end.
    fn is_endless(&self, body: BodyId, iterated: ValueId) -> bool {
        matches!(self.value(body, iterated), ValueKind::Range { end: None, .. })
    }

    /// Whether a way leads out of the loop without another attempt.
    fn leads_out(&self, body: BodyId, from: BlockId, l: LoopId, outcome: &Outcome) -> bool {
        let ir = self.program.body(body).ir;
        let header = ir.loops[l.index()].header;
        if outcome.success.contains(&from) || outcome.failure.contains(&from) {
            return false;
        }
        !loop_within(ir, ir.blocks[from.index()].in_loop, l)
            || !self.reaches_within(body, from, header, l) && from != header
    }

    /// Whether a condition asks how often or how long: it compares a counter of the loop, or asks a clock or a backoff.
    fn is_limit(&self, body: BodyId, cond: ValueId, l: LoopId) -> bool {
        if self.compares_counter(body, cond) {
            return true;
        }
        let mut queue = vec![(cond, 0)];
        while let Some((v, depth)) = queue.pop() {
            let kind = self.value(body, v);
            let mut asks = false;
            if let ValueKind::Event(e) = kind {
                if let EventKind::Call(call) = &self.event(body, *e).kind {
                    let within = loop_within(self.program.body(body).ir, self.block_loop(body, *e), l);
                    asks = within && asks_for_time(self.callee_name(call));
                }
                if depth < 6 {
                    operands::of_event(&self.event(body, *e).kind, &mut |v| queue.push((*v, depth + 1)));
                }
            }
            if asks {
                return true;
            }
            if depth < 6 && !matches!(kind, ValueKind::Phi(_)) {
                operands::of_value(kind, &mut |v| queue.push((*v, depth + 1)));
            }
        }
        false
    }

    fn block_loop(&self, body: BodyId, event: EventId) -> Option<LoopId> {
        self.program.body(body).ir.blocks[self.event(body, event).block.index()].in_loop
    }

    /// Another operation that changes the location in a shared context, outside of this loop.
    pub fn rival_write(&self, retry: &Retry, location: LocId) -> Option<super::OpId> {
        self.shared_writes(location).find(|w| {
            let op = self.op(*w);
            Some(*w) != retry.op && !op.is_test && !retry.contains(op.body, self.event(op.body, op.event).block)
        })
    }
}

/// Calls that ask how long it has taken already, or whether to go on.
fn asks_for_time(name: &str) -> bool {
    matches!(
        name,
        "elapsed" | "now" | "is_completed" | "duration_since" | "checked_duration_since" | "saturating_duration_since"
    ) || ["timed_out", "deadline", "expired", "timeout", "give_up", "exhausted"].iter().any(|w| name.contains(w))
}

/// Methods on numbers and results.
fn is_arithmetic(name: &str) -> bool {
    const STEMS: [&str; 4] = ["wrapping_", "checked_", "saturating_", "overflowing_"];
    STEMS.iter().any(|s| name.starts_with(s))
        || matches!(
            name,
            "is_err"
                | "is_ok"
                | "bitor"
                | "bitand"
                | "add"
                | "sub"
                | "into_usize"
                | "to_bits"
                | "from_bits"
                | "rotate_left"
                | "rotate_right"
                | "leading_zeros"
                | "trailing_zeros"
                | "pow"
                | "abs"
                | "as_usize"
                | "as_u64"
                | "contains"
                | "bits"
        )
}
