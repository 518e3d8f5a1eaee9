//! CAS loops: loops that retry one CAS on one location until it succeeds, with what runs again after a failure.

use super::flow::loop_within;
use super::outcome::Outcome;
use super::{Facts, Seen};
use crate::ir::{Base, BlockId, Event, EventId, EventKind, LoopId, Terminator, ValueId, ValueKind};
use crate::resolve::BodyId;
use crate::resolve::places::{PlaceRef, Root, Step};

/// A loop that retries one CAS on one location until it succeeds.
#[derive(Clone, Debug)]
pub struct CasLoop {
    /// Index into the body's seen operations.
    pub cas: usize,
    pub in_loop: LoopId,
    pub header: BlockId,
    /// What runs again after a failed CAS.
    pub region: Vec<BlockId>,
    /// The part of it that runs after a failure only.
    pub after_failure: Vec<BlockId>,
    pub outcome: Outcome,
}

impl Facts<'_> {
    /// The CAS loops of a body.
    pub fn cas_loops(&self, body: BodyId) -> Vec<CasLoop> {
        let b = self.program.body(body).ir;
        let mut found = Vec::new();
        for (i, seen) in self.seen(body).iter().enumerate() {
            if !self.op(seen.op).kind.is_cas() {
                continue;
            }
            let cas_block = self.event(body, seen.event).block;
            let Some(in_loop) = b.blocks[cas_block.index()].in_loop else { continue };
            let outcome = self.outcome_of(body, seen, true);
            // The innermost loop to whose head a failure leads back.
            let mut at = Some(in_loop);
            while let Some(l) = at {
                if let Some(cas) = self.as_cas_loop(body, i, cas_block, l, &outcome) {
                    found.push(cas);
                    break;
                }
                at = b.loops[l.index()].parent;
            }
        }
        found
    }

    fn as_cas_loop(
        &self,
        body: BodyId,
        cas: usize,
        cas_block: BlockId,
        l: LoopId,
        outcome: &Outcome,
    ) -> Option<CasLoop> {
        let b = self.program.body(body).ir;
        let header = b.loops[l.index()].header;
        let inside = |block: BlockId| loop_within(b, b.blocks[block.index()].in_loop, l);
        let steps = self.steps_of_machine(body, cas_block, l);
        let retries = outcome
            .failure
            .iter()
            .any(|f| *f == header || !steps.contains(f) && self.walk(body, *f, header, l, &steps));
        let succeeds_out = outcome.success.iter().all(|s| *s != header && !self.reaches_within(body, *s, header, l));
        let seen = &self.seen(body)[cas];
        if !retries || !succeeds_out || outcome.success.is_empty() {
            return None;
        }
        // A helper's step from one constant state to another fails for a reason that the caller acts on.
        let step = !seen.is_direct() && seen.expected.is_constant() && seen.stored.is_constant();
        if step || self.moves_on(body, seen, l) || self.comes_from_cursor(body, seen, l) {
            return None;
        }
        // What lies between the head and the CAS, and between a failure and the head.
        let mut region = Vec::new();
        let mut after_failure = Vec::new();
        for i in 0..b.blocks.len() as u32 {
            let block = BlockId(i);
            if !inside(block) {
                continue;
            }
            let before = block == cas_block
                || cas_block != header
                    && (block == header || self.reaches_within(body, header, block, l))
                    && self.reaches_avoiding_header(body, block, cas_block, header, l);
            let after =
                outcome.failure.iter().any(|f| *f == block || self.reaches_avoiding_header(body, *f, block, header, l))
                    && (block == header || self.reaches_within(body, block, header, l));
            if before || after {
                region.push(block);
            }
            if after && !before {
                after_failure.push(block);
            }
        }
        Some(CasLoop { cas, in_loop: l, header, region, after_failure, outcome: outcome.clone() })
    }

    pub fn is_in_loop(&self, body: BodyId, block: BlockId, l: &CasLoop) -> bool {
        let b = self.program.body(body).ir;
        loop_within(b, b.blocks[block.index()].in_loop, l.in_loop)
    }

    /// Whether an event stands on the way to the loop.
    pub fn is_before_loop(&self, body: BodyId, event: EventId, l: &CasLoop) -> bool {
        let block = self.flow(body).block_of(event);
        !self.is_in_loop(body, block, l) && (self.flow(body).block_reaches(block, l.header))
    }

    /// The blocks of a loop that set the place by which it finds, in each round, what is to be done (`match *state`), if
    /// the CAS is one of these things: past such a block it goes on with another one.
    fn steps_of_machine(&self, body: BodyId, cas_block: BlockId, l: LoopId) -> Vec<BlockId> {
        let b = self.program.body(body).ir;
        let flow = self.flow(body);
        let inside = |block: BlockId| loop_within(b, b.blocks[block.index()].in_loop, l);
        let asked = b.blocks.iter().enumerate().filter_map(|(i, block)| {
            let Terminator::Switch { on, .. } = &block.term else { return None };
            let at = BlockId(i as u32);
            let decides = inside(at) && at != cas_block && flow.block_dominates(at, cas_block);
            match self.value(body, *on) {
                ValueKind::Read(p) if decides && !p.proj.is_empty() => Some(self.program.place_ref(body, p)),
                _ => None,
            }
        });
        let asked: Vec<PlaceRef> = asked.collect();
        let sets = |e: &Event| match &e.kind {
            EventKind::Write { place, .. } if !asked.is_empty() => {
                let place = self.program.place_ref(body, place);
                asked.iter().any(|a| a.same_memory(&place))
            }
            _ => false,
        };
        b.events.iter().filter(|e| inside(e.block) && sets(e)).map(|e| e.block).collect()
    }

    /// Whether control can come from `from` to `to` without leaving the loop.
    pub fn reaches_within(&self, body: BodyId, from: BlockId, to: BlockId, l: LoopId) -> bool {
        self.walk(body, from, to, l, &[])
    }

    fn reaches_avoiding_header(&self, body: BodyId, from: BlockId, to: BlockId, header: BlockId, l: LoopId) -> bool {
        self.walk(body, from, to, l, &[header])
    }

    fn walk(&self, body: BodyId, from: BlockId, to: BlockId, l: LoopId, avoid: &[BlockId]) -> bool {
        let b = self.program.body(body).ir;
        let flow = self.flow(body);
        let inside = |block: BlockId| loop_within(b, b.blocks[block.index()].in_loop, l);
        if !inside(from) {
            return false;
        }
        let mut seen = vec![false; b.blocks.len()];
        let mut queue = vec![from];
        while let Some(at) = queue.pop() {
            for &s in flow.successors(at) {
                if s == to {
                    return true;
                }
                if inside(s) && !avoid.contains(&s) && !std::mem::replace(&mut seen[s.index()], true) {
                    queue.push(s);
                }
            }
        }
        false
    }

    /// Whether each round of the loop is about another object or slot.
    pub fn moves_on(&self, body: BodyId, seen: &Seen, l: LoopId) -> bool {
        let b = self.program.body(body).ir;
        let changes = |value: ValueId| match self.value(body, value) {
            ValueKind::Item(_) => true,
            ValueKind::Phi(ops) => ops.iter().any(|(block, _)| loop_within(b, b.blocks[block.index()].in_loop, l)),
            ValueKind::Part { .. } => {
                self.flows_into(body, value).other && self.derived_from_item(body, value)
                    // `if let Node(n) = node`, where each round goes on to another `node`.
                    || self.derived_from_phi(body, value, l)
            }
            ValueKind::Event(e) => {
                // Computed anew in each round: another slot, unless it is the same lookup of the same thing.
                let block = self.event(body, *e).block;
                loop_within(b, b.blocks[block.index()].in_loop, l)
                    && match &self.event(body, *e).kind {
                        EventKind::Atomic(_) => true,
                        // `node.as_leaf()`, where each round goes on to another `node`.
                        EventKind::Call(_) => self.derived_from_phi(body, value, l),
                        _ => false,
                    }
            }
            _ => false,
        };
        let by_root = match seen.place.root {
            Root::Value(r, v) if r == body => {
                // `let Node { next, .. } = node`, where `node` is another one in each round.
                let within =
                    || matches!(self.value(body, v), ValueKind::Part { .. }) && self.derived_from_phi(body, v, l);
                changes(v) || within()
            }
            _ => false,
        };
        by_root
            || seen.place.steps.iter().any(|s| match s {
                Step::Index(Some((r, v))) if *r == body => {
                    changes(*v) || self.derived_from_phi(body, *v, l) || self.is_counted_on(body, *v, l)
                }
                _ => false,
            })
    }

    /// Whether an index is read from a place that the loop changes: `slots[self.position]`.
    fn is_counted_on(&self, body: BodyId, index: ValueId, l: LoopId) -> bool {
        let b = self.program.body(body).ir;
        let mut index = index;
        let place = loop {
            index = match self.value(body, index) {
                ValueKind::Read(p) if !p.proj.is_empty() => break self.program.place_ref(body, p),
                ValueKind::Read(p) => match p.base {
                    Base::Local(_, v) | Base::Value(v) if v != index => v,
                    _ => return false,
                },
                ValueKind::Cast(v, _) => *v,
                _ => return false,
            };
        };
        b.events.iter().any(|e| match &e.kind {
            EventKind::Write { place: p, .. } => {
                loop_within(b, b.blocks[e.block.index()].in_loop, l)
                    && self.program.place_ref(body, p).same_memory(&place)
            }
            _ => false,
        })
    }

    /// Whether a place is reached by a pointer that moves on from round to round of a loop around an event.
    pub fn is_walked(&self, body: BodyId, event: EventId, place: &PlaceRef) -> bool {
        let b = self.program.body(body).ir;
        let Root::Value(root, value) = place.root else { return false };
        let around = b.blocks[self.event(body, event).block.index()].in_loop;
        root == body
            && (0..b.loops.len() as u32)
                .map(LoopId)
                .any(|l| loop_within(b, around, l) && self.derived_from_phi(body, value, l))
    }

    /// Whether each round takes its object from something that it advances (`cursor.next()`). It may give the same
    /// object again.
    fn comes_from_cursor(&self, body: BodyId, seen: &Seen, l: LoopId) -> bool {
        let b = self.program.body(body).ir;
        let Root::Value(root, mut value) = seen.place.root else { return false };
        if root != body {
            return false;
        }
        for _ in 0..8 {
            value = match self.value(body, value) {
                ValueKind::Part { of, .. } => *of,
                ValueKind::Event(e) => {
                    let inside = loop_within(b, b.blocks[self.event(body, *e).block.index()].in_loop, l);
                    return match &self.event(body, *e).kind {
                        EventKind::Call(call) => {
                            inside && matches!(self.callee_name(call), "next" | "next_back" | "pop")
                        }
                        _ => false,
                    };
                }
                _ => return false,
            };
        }
        false
    }

    fn derived_from_item(&self, body: BodyId, mut value: ValueId) -> bool {
        for _ in 0..8 {
            value = match self.value(body, value) {
                ValueKind::Item(_) => return true,
                ValueKind::Part { of, .. } => *of,
                _ => return false,
            };
        }
        false
    }

    /// Whether an index changes from round to round.
    fn derived_from_phi(&self, body: BodyId, value: ValueId, l: LoopId) -> bool {
        let b = self.program.body(body).ir;
        b.values.iter().enumerate().any(|(i, v)| match &v.kind {
            ValueKind::Phi(ops) => {
                let variant = ops.iter().any(|(block, _)| loop_within(b, b.blocks[block.index()].in_loop, l));
                variant && self.derives_from(body, value, ValueId(i as u32))
            }
            _ => false,
        })
    }
}
