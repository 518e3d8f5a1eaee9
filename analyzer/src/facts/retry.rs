//! Loops around atomics: CAS loops with their retried region, and loops that wait for another thread.

use super::flow::loop_within;
use super::{Facts, Seen};
use crate::ir::{
    AtomicOpKind, Base, BinOp, BlockId, Call, Callee, EventId, EventKind, LoopId, Pattern, Place, Terminator, ValueId,
    ValueKind,
};
use crate::resolve::BodyId;
use crate::resolve::calls::Target;
use crate::resolve::places::{Root, Step};

/// Which blocks are entered when a CAS has succeeded, and when it has failed.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub success: Vec<BlockId>,
    pub failure: Vec<BlockId>,
}

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

/// How a value tells success from failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    /// It is the `Result` of the CAS.
    Result,
    /// `Some` means success.
    Option,
    /// It is a truth value; `true` means success if set.
    Bool(bool),
}

/// Values that say yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Bool,
    Result,
    Option,
}

impl Shape {
    /// What a value of this shape tells if success gives it with `yes`. Only a truth value can tell it the wrong way round.
    fn tells(self, yes: bool) -> Option<Tells> {
        match (self, yes) {
            (Shape::Bool, yes) => Some(Tells::Bool(yes)),
            (Shape::Result, true) => Some(Tells::Result),
            (Shape::Option, true) => Some(Tells::Option),
            _ => None,
        }
    }
}

impl Facts<'_> {
    /// The branches that a CAS's result takes.
    pub fn outcome(&self, body: BodyId, seen: &Seen) -> Outcome {
        self.outcome_of(body, seen, false)
    }

    /// The same; if `strict`, a helper that may fail for other reasons than the CAS tells nothing.
    fn outcome_of(&self, body: BodyId, seen: &Seen, strict: bool) -> Outcome {
        let Some((value, tells)) = self.verdict(body, seen, strict) else { return Outcome::default() };
        let blocks = &self.program.body(body).ir.blocks;
        let mut out = Outcome::default();
        for block in blocks {
            match &block.term {
                Terminator::Branch { cond, then, otherwise } => {
                    let (yes, no) = match self.polarity(body, *cond, value, tells, 0) {
                        Some(true) => (*then, *otherwise),
                        Some(false) => (*otherwise, *then),
                        None => continue,
                    };
                    out.success.push(yes);
                    out.failure.push(no);
                }
                Terminator::Try { on, ok, error }
                    if !matches!(tells, Tells::Bool(_)) && self.carries(body, *on, value, 0) =>
                {
                    out.success.push(*ok);
                    out.failure.push(*error);
                }
                Terminator::Switch { on, arms } if self.carries(body, *on, value, 0) => {
                    self.switch_outcome(body, seen, tells, arms, &mut out);
                }
                _ => {}
            }
        }
        out
    }

    fn switch_outcome(&self, body: BodyId, seen: &Seen, tells: Tells, arms: &[(Pattern, BlockId)], out: &mut Outcome) {
        let (mut ok_taken, mut err_taken) = (false, false);
        for (pattern, block) in arms {
            let side = match (pattern, tells) {
                (Pattern::Struct { path, .. } | Pattern::Path(path), Tells::Result) => match path.last() {
                    "Ok" | "Some" => Some(true),
                    "Err" | "None" => Some(false),
                    // `compare_and_swap`: the expected constant means success.
                    _ => self.is_expected(body, seen, pattern),
                },
                (Pattern::Struct { path, .. } | Pattern::Path(path), Tells::Option) => match path.last() {
                    "Some" => Some(true),
                    "None" => Some(false),
                    _ => None,
                },
                (Pattern::Bool(b), Tells::Bool(p)) => Some(*b == p),
                (Pattern::Bool(_) | Pattern::Int(_), Tells::Result) => self.is_expected(body, seen, pattern),
                (Pattern::Or(_), _) => None,
                (Pattern::Any, _) if ok_taken => Some(false),
                (Pattern::Any, _) if err_taken => Some(true),
                _ => None,
            };
            match side {
                Some(true) => {
                    ok_taken = true;
                    out.success.push(*block);
                }
                Some(false) => {
                    err_taken = true;
                    out.failure.push(*block);
                }
                None => {}
            }
        }
    }

    fn is_expected(&self, body: BodyId, seen: &Seen, pattern: &Pattern) -> Option<bool> {
        let op = self.op(seen.op);
        if !op.method.starts_with("compare_and_swap") || !seen.is_direct() {
            return None;
        }
        let expected = self.value(body, op.expected()?);
        Some(match (pattern, expected) {
            (Pattern::Bool(a), ValueKind::Bool(b)) => a == b,
            (Pattern::Int(a), ValueKind::Int(b)) => a == b,
            (Pattern::Path(a), ValueKind::Path(b)) => a.last() == b.last(),
            _ => false,
        })
    }

    /// Whether a value is chosen by the CAS's outcome: a join of ways of which some come by a success or failure only.
    pub fn depends_on_outcome(&self, body: BodyId, value: ValueId, cas: &Seen) -> bool {
        let outcome = self.outcome(body, cas);
        let flow = self.flow(body);
        let decided = |block: BlockId| {
            outcome.success.iter().chain(&outcome.failure).any(|s| *s == block || flow.block_dominates(*s, block))
        };
        match self.value(body, value) {
            ValueKind::Phi(ops) => ops.iter().any(|(block, _)| decided(*block)),
            _ => {
                let returns = |b: &crate::ir::Block| b.term == Terminator::Return(Some(value));
                let blocks = &self.program.body(body).ir.blocks;
                blocks.iter().enumerate().any(|(i, b)| returns(b) && decided(BlockId(i as u32)))
            }
        }
    }

    /// The value in `body` that tells whether the CAS succeeded: its result, or what the helper makes of it.
    fn verdict(&self, body: BodyId, seen: &Seen, strict: bool) -> Option<(ValueId, Tells)> {
        let value = self.result_of(body, seen.event)?;
        let op = self.op(seen.op);
        if seen.is_direct() {
            let swaps_bool = op.kind == AtomicOpKind::Swap || op.method.starts_with("compare_and_swap");
            let boolean = swaps_bool && matches!(op.value_type, crate::resolve::Type::Prim("bool"));
            // The old value of a flag: `false` means it was free.
            let free = match op.kind {
                AtomicOpKind::Swap => op.new_value().map(|v| self.value(body, v)),
                _ => None,
            };
            return Some(match free {
                Some(ValueKind::Bool(new)) if boolean => (value, Tells::Bool(!new)),
                _ if boolean => (
                    value,
                    Tells::Bool(matches!(op.expected().map(|v| self.value(body, v)), Some(ValueKind::Bool(true)))),
                ),
                _ => (value, Tells::Result),
            });
        }
        // A helper that returns the result, or whether it is `Ok`.
        let (callee, event) = seen.via[0];
        let inner =
            self.seen(callee).iter().find(|s| s.op == seen.op && s.event == event && s.via[..] == seen.via[1..])?;
        self.returned_verdict(callee, inner, strict).map(|tells| (value, tells))
    }

    /// What the value that a helper returns tells about the CAS in it. Not `strict`: a failure may have other reasons too.
    fn returned_verdict(&self, callee: BodyId, inner: &Seen, strict: bool) -> Option<Tells> {
        let (inner_value, inner_tells) = self.verdict(callee, inner, strict)?;
        let mut returned = Vec::new();
        for (i, block) in self.program.body(callee).ir.blocks.iter().enumerate() {
            if let Terminator::Return(Some(v)) = block.term {
                self.ways_to_return(callee, v, BlockId(i as u32), &mut returned, 0);
            }
        }
        let outcome = self.outcome_of(callee, inner, strict);
        let flow = self.flow(callee);
        let behind = |edges: &[BlockId], b: BlockId| edges.iter().any(|e| *e == b || flow.block_dominates(*e, b));
        let mut tells = None;
        let mut others = Vec::new();
        for (v, block) in returned {
            let this = if self.carries(callee, v, inner_value, 0) {
                Some(inner_tells)
            } else if let Some(p) = self.polarity(callee, v, inner_value, inner_tells, 0) {
                Some(Tells::Bool(p))
            } else {
                match (self.shape(callee, v), behind(&outcome.success, block), behind(&outcome.failure, block)) {
                    (Some((kind, yes)), true, false) => kind.tells(yes),
                    (Some((kind, yes)), false, true) => kind.tells(!yes),
                    (shape, _, _) => {
                        others.push(shape);
                        continue;
                    }
                }
            };
            if tells.is_some() && tells != this {
                return None;
            }
            tells = this;
        }
        let tells = tells?;
        let fails = |shape: &Option<(Shape, bool)>| shape.is_some_and(|(kind, yes)| kind.tells(!yes) == Some(tells));
        (others.iter().all(fails) && (!strict || others.is_empty())).then_some(tells)
    }

    /// The values that a `return` may give, each with the block it comes from.
    fn ways_to_return(&self, body: BodyId, v: ValueId, at: BlockId, out: &mut Vec<(ValueId, BlockId)>, depth: u32) {
        match self.value(body, v) {
            ValueKind::Phi(ops) if depth < 6 => {
                for (block, v) in ops {
                    self.ways_to_return(body, *v, *block, out, depth + 1);
                }
            }
            _ => out.push((v, at)),
        }
    }

    /// `true`, `Ok(…)`, `None`: a value that by itself says yes or no.
    fn shape(&self, body: BodyId, value: ValueId) -> Option<(Shape, bool)> {
        let by_name = |name: &str| match name {
            "Ok" => Some((Shape::Result, true)),
            "Err" => Some((Shape::Result, false)),
            "Some" => Some((Shape::Option, true)),
            "None" => Some((Shape::Option, false)),
            _ => None,
        };
        match self.value(body, value) {
            ValueKind::Bool(b) => Some((Shape::Bool, *b)),
            ValueKind::Struct { path, .. } | ValueKind::Path(path) => by_name(path.last()),
            _ => None,
        }
    }

    /// Whether `v` is `verdict` under another name or converted, success staying success: `.ok()`, `.map(…)`.
    fn carries(&self, body: BodyId, v: ValueId, verdict: ValueId, depth: u32) -> bool {
        if self.is_alias(body, v, verdict, 0) {
            return true;
        }
        let ValueKind::Event(e) = self.value(body, v) else { return false };
        match &self.event(body, *e).kind {
            EventKind::Call(Call { callee: Callee::Method { receiver, name, .. }, .. }) if depth < 4 => {
                let base = match receiver.base {
                    Base::Local(_, v) | Base::Value(v) if receiver.proj.is_empty() => v,
                    _ => return false,
                };
                matches!(name.as_str(), "ok" | "map" | "map_err" | "as_ref" | "or_else" | "cloned" | "copied")
                    && self.carries(body, base, verdict, depth + 1)
            }
            _ => false,
        }
    }

    /// What `cond` being true says of the CAS whose verdict is `value`.
    fn polarity(&self, body: BodyId, cond: ValueId, value: ValueId, tells: Tells, depth: u32) -> Option<bool> {
        if depth > 8 {
            return None;
        }
        if let Tells::Bool(p) = tells
            && self.is_alias(body, cond, value, 0)
        {
            return Some(p);
        }
        let same = |v: ValueId| self.carries(body, v, value, 0);
        let base = |p: &Place| match p.base {
            Base::Local(_, v) | Base::Value(v) if p.proj.is_empty() => Some(v),
            _ => None,
        };
        match self.value(body, cond) {
            ValueKind::Not(v) => self.polarity(body, *v, value, tells, depth + 1).map(|p| !p),
            ValueKind::Read(p) => base(p).and_then(|v| self.polarity(body, v, value, tells, depth + 1)),
            ValueKind::Matches { value: v, pattern: Pattern::Struct { path, .. } | Pattern::Path(path) }
                if same(*v) =>
            {
                match path.last() {
                    "Ok" | "Some" => Some(true),
                    "Err" | "None" => Some(false),
                    _ => None,
                }
            }
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(c) => match &c.callee {
                    Callee::Method { receiver, name, .. } if base(receiver).is_some_and(same) => match name.as_str() {
                        "is_ok" | "is_ok_and" | "is_some" | "is_some_and" => Some(true),
                        "is_err" | "is_err_and" | "is_none" | "is_none_or" => Some(false),
                        _ => None,
                    },
                    _ => None,
                },
                _ => None,
            },
            ValueKind::Binary(op @ (BinOp::Eq | BinOp::Ne), l, r) => {
                let other = if same(*l) {
                    *r
                } else if same(*r) {
                    *l
                } else {
                    return None;
                };
                let equal_means = match self.value(body, other) {
                    ValueKind::Struct { path, .. } if path.last() == "Ok" => true,
                    ValueKind::Struct { path, .. } if path.last() == "Err" => false,
                    ValueKind::Bool(b) => match tells {
                        Tells::Bool(p) => *b == p,
                        Tells::Result | Tells::Option => true,
                    },
                    // `compare_and_swap(x, …) == x`
                    _ => true,
                };
                Some(equal_means == (*op == BinOp::Eq))
            }
            _ => None,
        }
    }

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
        let retries = outcome.failure.iter().any(|f| *f == header || self.reaches_within(body, *f, header, l));
        let succeeds_out = outcome.success.iter().all(|s| *s != header && !self.reaches_within(body, *s, header, l));
        let seen = &self.seen(body)[cas];
        if !retries || !succeeds_out || outcome.success.is_empty() {
            return None;
        }
        if self.moves_on(body, seen, l) || self.comes_from_cursor(body, seen, l) {
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

    /// Whether control can come from `from` to `to` without leaving the loop.
    pub fn reaches_within(&self, body: BodyId, from: BlockId, to: BlockId, l: LoopId) -> bool {
        self.walk(body, from, to, l, None)
    }

    fn reaches_avoiding_header(&self, body: BodyId, from: BlockId, to: BlockId, header: BlockId, l: LoopId) -> bool {
        self.walk(body, from, to, l, Some(header))
    }

    fn walk(&self, body: BodyId, from: BlockId, to: BlockId, l: LoopId, avoid: Option<BlockId>) -> bool {
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
                if inside(s) && Some(s) != avoid && !std::mem::replace(&mut seen[s.index()], true) {
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
            ValueKind::Part { .. } => self.flows_into(body, value).other && self.derived_from_item(body, value),
            ValueKind::Event(e) => {
                // Computed anew in each round: another slot, unless it is the same lookup of the same thing.
                let block = self.event(body, *e).block;
                loop_within(b, b.blocks[block.index()].in_loop, l)
                    && matches!(self.event(body, *e).kind, EventKind::Atomic(_))
            }
            _ => false,
        };
        let by_root = match seen.place.root {
            Root::Value(r, v) if r == body => changes(v),
            _ => false,
        };
        by_root
            || seen.place.steps.iter().any(|s| match s {
                Step::Index(Some((r, v))) if *r == body => changes(*v) || self.derived_from_phi(body, *v, l),
                _ => false,
            })
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
        if self.waits_for_calm(body, &blocks, &waits_on) || self.steps_through_states(body, &waits_on) {
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
                match &e.kind {
                    EventKind::Call(_)
                        if !ops.iter().all(|s| s.is_direct()) && !self.helper_only_polls(body, event) =>
                    {
                        Waiting::Works
                    }
                    _ => Waiting::Polls,
                }
            }
            EventKind::Atomic(_) => Waiting::Works,
            EventKind::Call(Call { callee: Callee::Value(v), .. }) if self.is_polling_argument(body, *v) => {
                Waiting::Asks
            }
            EventKind::Call(call) => {
                let name = match &call.callee {
                    Callee::Path(p) => p.last(),
                    Callee::Method { name, .. } => name.as_str(),
                    Callee::Value(_) => "",
                };
                if is_hint(name) || self.hints(body, call, 0) {
                    Waiting::Hint
                } else if is_pure_name(name)
                    || matches!(self.program.target(body, call), Target::Foreign(p) if p.ends_with("::drop"))
                    || self.is_trivial_call(body, call)
                {
                    Waiting::Harmless
                } else {
                    Waiting::Works
                }
            }
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
        let direct = seen.is_direct() && op.body == body && !stale;
        constant || direct && fixed(op.expected()) && fixed(op.new_value())
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
            EventKind::Call(c) => {
                let name = match &c.callee {
                    Callee::Path(p) => p.last(),
                    Callee::Method { name, .. } => name.as_str(),
                    Callee::Value(_) => "",
                };
                is_hint(name) || self.hints(callee, c, depth + 1)
            }
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

enum Waiting {
    /// Asks a closure of the caller, which only reads.
    Asks,
    Harmless,
    Hint,
    Polls,
    Works,
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
    )
}
