//! What a variable carries from one attempt of a retried region into the next.
//!
//! A variable of the surroundings that every attempt computes anew is harmless; one that adds up, or that a failed
//! attempt has raised and nothing lowers again, remembers attempts that came to nothing.

use rustc_hash::FxHashSet;

use super::region::{Part, Retry, RetryKind};
use super::wait_loop::is_hint;
use super::{Facts, flow::loop_within};
use crate::ir::{BinOp, BlockId, Callee, EventId, EventKind, LocalId, Terminator, ValueId, ValueKind, operands};
use crate::resolve::BodyId;

/// How a variable is changed by an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// Nothing of an earlier attempt is left.
    Fresh,
    /// It only says how often something was tried, or how long to wait.
    Attempts,
    /// It is raised and stays so: a constant that some attempts assign.
    Raised,
    /// Its new value is computed from the old one.
    Accumulated,
}

impl Facts<'_> {
    /// What the assignment of a variable in a part of a region leaves to the next attempt.
    pub fn carried(&self, retry: &Retry, part: &Part, event: EventId, local: LocalId, value: ValueId) -> Carried {
        let body = part.body;
        if !self.is_outer(retry, part, local) {
            return Carried::Fresh;
        }
        let block = self.flow(body).block_of(event);
        let after_failure = part.after_failure.contains(&block);
        let accumulates = self.is_computed(body, value) && self.depends_on_itself(body, local, value);
        if accumulates {
            let steps = self.is_step(body, value);
            let counts = steps && (after_failure || counts_by_name(self, body, local));
            return match counts || self.only_steers(retry, part, local) {
                true => Carried::Attempts,
                // Bits that are set, maxima: doing it again changes nothing.
                false if self.is_idempotent_step(body, value) => self.raised(retry, part, local),
                false => Carried::Accumulated,
            };
        }
        match self.is_literal(body, value) && !after_failure {
            true => self.raised(retry, part, local),
            false => Carried::Fresh,
        }
    }

    /// A value that stays once it is assigned: fresh if every attempt assigns it first, or if nobody but the next
    /// attempt can tell.
    fn raised(&self, retry: &Retry, part: &Part, local: LocalId) -> Carried {
        let fresh = self.is_always_set(retry, part, local) || self.only_steers(retry, part, local);
        if fresh { Carried::Fresh } else { Carried::Raised }
    }

    fn is_literal(&self, body: BodyId, value: ValueId) -> bool {
        match self.value(body, value) {
            ValueKind::Int(_) | ValueKind::Bool(_) | ValueKind::Lit(_) | ValueKind::Path(_) => true,
            ValueKind::Struct { fields, rest: None, .. } => fields.iter().all(|(_, v)| self.is_literal(body, *v)),
            _ => false,
        }
    }

    /// Whether a variable lives longer than an attempt.
    pub fn is_outer(&self, retry: &Retry, part: &Part, local: LocalId) -> bool {
        let ir = self.program.body(part.body).ir;
        let Some(l) = ir.locals.get(local.index()) else { return false };
        match &retry.kind {
            RetryKind::Loop(at) if part.body == retry.body => !loop_within(ir, l.in_loop, at.in_loop),
            // A closure in the region, a helper on the way: their own variables start anew.
            _ => self.is_captured_local(part.body, Some(local)),
        }
    }

    /// Whether every way through an attempt, up to the CAS, assigns the variable.
    fn is_always_set(&self, retry: &Retry, part: &Part, local: LocalId) -> bool {
        let flow = self.flow(part.body);
        let ir = self.program.body(part.body).ir;
        let start = match retry.cas_loop() {
            Some(l) if part.body == retry.body => l.header,
            _ => BlockId(0),
        };
        let sets =
            |block: BlockId, before: Option<EventId>| {
                ir.blocks[block.index()].events.iter().take_while(|e| Some(**e) != before).any(
                    |e| matches!(&self.event(part.body, *e).kind, EventKind::Assign { local: l, .. } if *l == local),
                )
            };
        let ends = |block: BlockId| match part.attempt {
            Some(e) => flow.block_of(e) == block,
            None => matches!(ir.blocks[block.index()].term, Terminator::Return(_)),
        };
        let mut seen = FxHashSet::default();
        let mut queue = vec![start];
        while let Some(block) = queue.pop() {
            if !seen.insert(block) || !part.blocks.contains(&block) {
                continue;
            }
            if ends(block) {
                if !sets(block, part.attempt) {
                    return false;
                }
            } else if !sets(block, None) {
                queue.extend(flow.successors(block));
            }
        }
        true
    }

    /// Whether an assigned value is computed from what the variable held before.
    fn depends_on_itself(&self, body: BodyId, local: LocalId, value: ValueId) -> bool {
        let ir = self.program.body(body).ir;
        let captured = ir.captures.iter().position(|c| c.local == local);
        let mut visited = FxHashSet::default();
        let mut queue = Vec::new();
        operands::of_value(&ir.values[value.index()].kind, &mut |v| queue.push(*v));
        self.call_operands(body, value, &mut queue);
        while let Some(v) = queue.pop() {
            let kind = &ir.values[v.index()].kind;
            if v == value || matches!(kind, ValueKind::Capture(i) if Some(*i as usize) == captured) {
                return true;
            }
            if visited.insert(v) {
                operands::of_value(kind, &mut |v| queue.push(*v));
                self.call_operands(body, v, &mut queue);
            }
        }
        false
    }

    fn call_operands(&self, body: BodyId, value: ValueId, out: &mut Vec<ValueId>) {
        if let ValueKind::Event(e) = self.value(body, value)
            && let EventKind::Call(call) = &self.event(body, *e).kind
        {
            if let Callee::Method { receiver, .. } = &call.callee {
                operands::of_place(receiver, &mut |v| out.push(*v));
            }
            out.extend(&call.args);
        }
    }

    /// Arithmetic, rather than a move out of and back into the variable.
    fn is_computed(&self, body: BodyId, value: ValueId) -> bool {
        match self.value(body, value) {
            ValueKind::Binary(..) => true,
            ValueKind::Part { of, .. } | ValueKind::Cast(of, _) => self.is_computed(body, *of),
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(c) => is_arithmetic(self.callee_name(c)),
                _ => false,
            },
            _ => false,
        }
    }

    /// `x + 1`, `x.wrapping_add(1)`, `x * 2`: one step further, whatever was read.
    fn is_step(&self, body: BodyId, value: ValueId) -> bool {
        match self.value(body, value) {
            ValueKind::Binary(BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::Shl, l, r) => {
                matches!(self.value(body, *r), ValueKind::Int(_)) || matches!(self.value(body, *l), ValueKind::Int(_))
            }
            ValueKind::Part { of, .. } => self.is_step(body, *of),
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(c) => {
                    is_arithmetic(self.callee_name(c)) && c.args.iter().all(|v| self.flows_into(body, *v).is_constant())
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn is_idempotent_step(&self, body: BodyId, value: ValueId) -> bool {
        matches!(self.value(body, value), ValueKind::Binary(BinOp::BitOr | BinOp::BitAnd | BinOp::Or | BinOp::And, ..))
    }

    /// Whether the variable only decides how often to try and how long to wait, or only goes into the CAS's new value as
    /// long as that is retried: nothing outside of the region uses it, and nothing inside but branches and backoff.
    fn only_steers(&self, retry: &Retry, part: &Part, local: LocalId) -> bool {
        let body = part.body;
        if part.body != retry.body || retry.cas_loop().is_none() {
            return false;
        }
        let ir = self.program.body(body).ir;
        let family = self.values_of(body, local);
        let uses = |v: &ValueId| family.contains(v);
        for (i, e) in ir.events.iter().enumerate() {
            let id = EventId(i as u32);
            let mut used = false;
            operands::of_event(&e.kind, &mut |v| used |= uses(v));
            let allowed = match &e.kind {
                EventKind::Assign { local: l, .. } => *l == local,
                EventKind::Call(call) => match &call.callee {
                    Callee::Path(p) => is_hint(p.last()),
                    Callee::Method { name, .. } => is_hint(name) || is_arithmetic(name),
                    Callee::Value(_) => false,
                },
                EventKind::ScopeEnd(_) => true,
                EventKind::Atomic(_) => self
                    .seen(body)
                    .iter()
                    .any(|s| s.event == id && Some(s.op) == retry.op && self.is_idempotent_family(body, local)),
                EventKind::Macro(m) => m.path.last().contains("assert"),
                _ => false,
            };
            if used && !allowed {
                return false;
            }
        }
        ir.blocks.iter().enumerate().all(|(i, b)| {
            let mut used = false;
            operands::of_terminator(&b.term, &mut |v| used |= uses(v));
            !used || part.blocks.contains(&BlockId(i as u32)) && !matches!(b.term, Terminator::Return(_))
        })
    }

    /// Every assignment of the variable sets a constant or more bits.
    fn is_idempotent_family(&self, body: BodyId, local: LocalId) -> bool {
        self.program.body(body).ir.events.iter().all(|e| match &e.kind {
            EventKind::Assign { local: l, value } if *l == local => {
                self.is_idempotent_step(body, *value) || self.flows_into(body, *value).is_constant()
            }
            _ => true,
        })
    }

    /// The values that are computed from a variable's, without calls and memory in between.
    fn values_of(&self, body: BodyId, local: LocalId) -> FxHashSet<ValueId> {
        let ir = self.program.body(body).ir;
        let mut family: FxHashSet<ValueId> = FxHashSet::default();
        for e in &ir.events {
            if let EventKind::Assign { local: l, value } = &e.kind {
                // A constant may be shared with other variables; what joins it is the variable's own.
                if *l == local && !matches!(ir.values[value.index()].kind, ValueKind::Int(_) | ValueKind::Bool(_)) {
                    family.insert(*value);
                }
            }
        }
        let assigned: Vec<ValueId> = ir
            .events
            .iter()
            .filter_map(|e| match &e.kind {
                EventKind::Assign { local: l, value } if *l == local => Some(*value),
                _ => None,
            })
            .collect();
        let mut grows = true;
        while grows {
            grows = false;
            for (i, v) in ir.values.iter().enumerate() {
                let id = ValueId(i as u32);
                if family.contains(&id) {
                    continue;
                }
                let mut from = false;
                match &v.kind {
                    ValueKind::Phi(ops) => {
                        from = ops.iter().any(|(_, v)| family.contains(v) || assigned.contains(v));
                    }
                    ValueKind::Event(e) => {
                        if let EventKind::Call(call) = &ir.events[e.index()].kind
                            && let Callee::Method { receiver, name, .. } = &call.callee
                            && is_arithmetic(name)
                        {
                            operands::of_place(receiver, &mut |v| from |= family.contains(v));
                        }
                    }
                    ValueKind::Closure(_) | ValueKind::AsyncBlock(_) => {}
                    kind => operands::of_value(kind, &mut |v| from |= family.contains(v)),
                }
                if from {
                    family.insert(id);
                    grows = true;
                }
            }
        }
        family
    }
}

fn is_arithmetic(name: &str) -> bool {
    matches!(
        name,
        "wrapping_add"
            | "wrapping_sub"
            | "wrapping_mul"
            | "saturating_add"
            | "saturating_sub"
            | "saturating_mul"
            | "checked_add"
            | "checked_sub"
            | "checked_mul"
            | "min"
            | "max"
            | "pow"
    )
}

/// A name that says that attempts are counted.
pub fn is_attempt_name(name: &str) -> bool {
    const WORDS: [&str; 14] = [
        "attempt",
        "tries",
        "try",
        "retries",
        "retry",
        "spin",
        "spins",
        "iteration",
        "fail",
        "backoff",
        "collision",
        "conflict",
        "contention",
        "round",
    ];
    let name = name.to_lowercase();
    name.split('_').any(|part| WORDS.iter().any(|w| part == *w || part.strip_suffix('s') == Some(w)))
        || name.contains("failure")
}

fn counts_by_name(facts: &Facts<'_>, body: BodyId, local: LocalId) -> bool {
    is_attempt_name(&facts.program.body(body).ir.locals[local.index()].name)
}
