//! Retried regions: the code that runs again when a CAS fails, wherever it stands.
//!
//! A region is made of parts. The first is the stretch of the loop ([`CasLoop`]) or the closure that an update
//! (`fetch_update`, `rcu`) calls; where the CAS itself happens in a helper, the helper's way to it and from its
//! failure is a part too. A closure handed to a function of the crate that calls it in a region of its own is one
//! as well, and so is a function annotated `#[cas_pure]`, which asks to be called from one.

use rustc_hash::{FxHashMap, FxHashSet};

use super::effects::Effect;
use super::retry::CasLoop;
use super::wait_loop::is_hint;
use super::{Facts, LocId, OpId, Seen};
use crate::ir::{
    AtomicOpKind, Base, BlockId, Call, Callee, EventId, EventKind, LocalId, Terminator, ValueId, ValueKind,
};
use crate::resolve::calls::Target;
use crate::resolve::places::{PlaceRef, Root, Step};
use crate::resolve::{BodyId, Res};

/// How many functions a closure is handed through.
const MAX_HANDS: usize = 4;

/// Code that is tried until a CAS succeeds.
#[derive(Clone, Debug)]
pub struct Retry {
    pub kind: RetryKind,
    /// Where the loop stands, or the closure is handed over.
    pub body: BodyId,
    /// The CAS or update that ends it.
    pub op: Option<OpId>,
    pub location: Option<LocId>,
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug)]
pub enum RetryKind {
    Loop(CasLoop),
    /// The closure of an update at this event.
    Update(EventId),
    /// A closure given to a function of the crate at this event.
    Handed(EventId),
    /// A function that says that it may be retried.
    Pure,
}

/// A piece of one body that runs again.
#[derive(Clone, Debug)]
pub struct Part {
    pub body: BodyId,
    pub blocks: Vec<BlockId>,
    /// The blocks that run after a failure only.
    pub after_failure: Vec<BlockId>,
    /// The event at which the CAS happens, here or through a call.
    pub attempt: Option<EventId>,
}

/// Something done once for each attempt.
#[derive(Clone, Copy, Debug)]
pub struct Repeated<'f> {
    pub body: BodyId,
    pub event: EventId,
    pub what: What<'f>,
    /// It is done only when an attempt has failed.
    pub after_failure: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum What<'f> {
    Effect(&'f Effect),
    /// A write to another atomic.
    Op(&'f Seen),
}

impl Repeated<'_> {
    /// Where it stands: in the region, or in the helper that the region calls.
    pub fn origin(&self) -> (BodyId, EventId) {
        match self.what {
            What::Effect(e) => e.origin(self.body),
            What::Op(s) => s.via.last().copied().unwrap_or((self.body, self.event)),
        }
    }
}

impl Retry {
    pub fn contains(&self, body: BodyId, block: BlockId) -> bool {
        self.parts.iter().any(|p| p.body == body && p.blocks.contains(&block))
    }

    pub fn cas_loop(&self) -> Option<&CasLoop> {
        match &self.kind {
            RetryKind::Loop(l) => Some(l),
            _ => None,
        }
    }
}

impl Facts<'_> {
    /// Every retried region of the program, those that stand in one function before those that span several.
    pub fn retries(&self) -> &[Retry] {
        self.retries.get_or_init(|| find(self))
    }

    /// What a region does in each attempt, in the order of the source: effects, and writes to atomics other than its own.
    pub fn repeated<'f>(&'f self, retry: &'f Retry) -> Vec<Repeated<'f>> {
        let mut found = Vec::new();
        for part in &retry.parts {
            let flow = self.flow(part.body);
            let inside = |event: EventId| {
                let block = flow.block_of(event);
                (Some(event) != part.attempt && part.blocks.contains(&block))
                    .then(|| part.after_failure.contains(&block))
            };
            for effect in self.effects(part.body) {
                if let Some(after_failure) = inside(effect.event) {
                    let what = What::Effect(effect);
                    found.push(Repeated { body: part.body, event: effect.event, what, after_failure });
                }
            }
            for seen in self.seen(part.body) {
                let op = self.op(seen.op);
                let other =
                    op.location.is_some() && (retry.location.is_some() || matches!(retry.kind, RetryKind::Pure));
                if !op.kind.writes() || !other || op.location == retry.location || Some(seen.op) == retry.op {
                    continue;
                }
                if let Some(after_failure) = inside(seen.event) {
                    found.push(Repeated { body: part.body, event: seen.event, what: What::Op(seen), after_failure });
                }
            }
        }
        found.sort_by_key(|r| (r.body, self.event(r.body, r.event).span));
        found
    }
}

impl Facts<'_> {
    /// Whether it is done once and kept for the next attempt: it stands behind a test of a variable that it sets
    /// (`if node.is_none() { node = Some(Box::new(…)) }`), or in the closure that runs when nothing was kept.
    pub fn is_kept(&self, part: &Part, r: &Repeated<'_>) -> bool {
        let direct =
            matches!(r.what, What::Effect(e) if e.is_direct()) || matches!(r.what, What::Op(s) if s.is_direct());
        if let EventKind::Call(call) = &self.event(r.body, r.event).kind
            && !direct
            && runs_when_missing(self.callee_name(call))
        {
            return true;
        }
        let ir = self.program.body(r.body).ir;
        let flow = self.flow(r.body);
        let block = flow.block_of(r.event);
        part.blocks.iter().filter(|b| **b != block && flow.block_dominates(**b, block)).any(|b| {
            let (Terminator::Branch { cond: on, .. } | Terminator::Switch { on, .. }) = ir.blocks[b.index()].term
            else {
                return false;
            };
            let Some(edge) = flow.successors(*b).iter().copied().find(|s| flow.block_dominates(*s, block)) else {
                return false;
            };
            // A variable that is set behind the same test, to what was made or to a mark.
            let result = self.result_of(r.body, r.event);
            let marks = |v: ValueId| {
                matches!(self.value(r.body, v), ValueKind::Int(_) | ValueKind::Bool(_) | ValueKind::Path(_))
                    || result.is_some_and(|made| self.derives_from(r.body, v, made))
            };
            ir.events.iter().any(|e| match &e.kind {
                EventKind::Assign { local, value } => {
                    flow.block_dominates(edge, e.block)
                        && marks(*value)
                        && self.tests_variable(r.body, on, *local, *value)
                }
                _ => false,
            }) || self.sets_what_is_tested(r.body, on, edge)
        })
    }

    /// Whether code behind a test, or a closure there, writes the very place that the test has read, and the place is the
    /// function's own: `if *slot == NONE { claim(|free| *slot = free) }`.
    fn sets_what_is_tested(&self, body: BodyId, cond: ValueId, edge: BlockId) -> bool {
        let ir = self.program.body(body).ir;
        let flow = self.flow(body);
        let own = |b: BodyId, p: &crate::ir::Place| {
            let at = self.program.place_ref(b, p);
            matches!(at.root, Root::Local(owner, _) if owner == body).then_some(at)
        };
        let tested = |at: &PlaceRef| {
            ir.values.iter().enumerate().any(|(i, v)| match &v.kind {
                ValueKind::Read(p) if !p.proj.is_empty() => {
                    own(body, p).is_some_and(|t| t.root == at.root && t.steps == at.steps)
                        && self.derives_from(body, cond, ValueId(i as u32))
                }
                _ => false,
            })
        };
        let here = ir.events.iter().filter(|e| flow.block_dominates(edge, e.block)).filter_map(|e| match &e.kind {
            EventKind::Write { place, .. } => own(body, place),
            _ => None,
        });
        let closures = self.program.body_ids().filter(|b| {
            let within = self.program.closure_use(*b).filter(|(parent, _)| *parent == body);
            within.is_some_and(|(_, call)| flow.block_dominates(edge, flow.block_of(call)))
        });
        let mut inside = closures.flat_map(|b| {
            self.program.body(b).ir.events.iter().filter_map(move |e| match &e.kind {
                EventKind::Write { place, .. } => own(b, place),
                _ => None,
            })
        });
        here.into_iter().any(|at| tested(&at)) || inside.any(|at| tested(&at))
    }

    /// Whether a condition reads a variable that may hold `value`, assigned in an earlier round.
    fn tests_variable(&self, body: BodyId, cond: ValueId, local: LocalId, value: ValueId) -> bool {
        let captures = &self.program.body(body).ir.captures;
        let of_capture = captures.iter().position(|c| c.local == local);
        (0..self.program.body(body).ir.values.len() as u32).map(ValueId).any(|v| match self.value(body, v) {
            ValueKind::Phi(_) => self.joins(body, v, value, 0) && self.derives_from(body, cond, v),
            ValueKind::Capture(i) => Some(*i as usize) == of_capture && self.derives_from(body, cond, v),
            _ => false,
        })
    }

    /// Whether a join has `value` among the values it joins, through further joins.
    fn joins(&self, body: BodyId, phi: ValueId, value: ValueId, depth: u32) -> bool {
        match self.value(body, phi) {
            ValueKind::Phi(ops) if depth < 6 => {
                ops.iter().any(|(_, v)| *v == value || *v != phi && self.joins(body, *v, value, depth + 1))
            }
            ValueKind::Mutated { before, .. } if depth < 6 => {
                *before == value || self.joins(body, *before, value, depth + 1)
            }
            _ => false,
        }
    }

    /// Whether a hint, park or wait follows in the same body: what stands before it belongs to the waiting.
    pub fn waits_after(&self, body: BodyId, event: EventId) -> bool {
        let flow = self.flow(body);
        self.program.body(body).ir.events.iter().enumerate().any(|(i, e)| match &e.kind {
            EventKind::Call(call) => is_hint(self.callee_name(call)) && flow.reaches(event, EventId(i as u32)),
            _ => false,
        })
    }

    /// Whether the lock that an event takes is handed to a wait in the same body.
    pub fn guards_a_wait(&self, body: BodyId, event: EventId) -> bool {
        let Some(guard) = self.program.used_result(body, event) else { return false };
        self.program.body(body).ir.events.iter().any(|e| match &e.kind {
            EventKind::Call(call) => {
                matches!(self.callee_name(call), "wait" | "wait_timeout" | "wait_while" | "wait_until" | "wait_for")
                    && call.args.iter().any(|v| self.derives_from(body, *v, guard))
            }
            _ => false,
        })
    }

    /// Whether memory belongs to what the CAS is to make visible: the value that it stores leads there.
    pub fn is_published_by(&self, retry: &Retry, body: BodyId, place: &PlaceRef) -> bool {
        let new_values: Vec<(BodyId, ValueId)> = match (&retry.kind, retry.op) {
            (RetryKind::Loop(_), Some(op)) => {
                let op = self.op(op);
                let mut values: Vec<_> = op.new_value().map(|v| (op.body, v)).into_iter().collect();
                values.extend(self.passed_as_new(retry));
                values
            }
            _ => return false,
        };
        new_values.into_iter().any(|(b, new)| {
            let target = self.program.value_ref(b, new);
            let same_root = target.root != Root::Unknown && target.root == place.root;
            // `slots[new].next`: a node is named by its index.
            let by_index = place.steps.iter().any(|step| match step {
                Step::Index(Some((b, index))) if *b == body => {
                    let index = self.without_casts(body, *index);
                    self.derives_from(body, new, index) && !self.reads_location(retry, body, index)
                }
                _ => false,
            });
            if by_index && b == body {
                return true;
            }
            same_root && !self.is_around_cas(retry, place) || b == body && self.root_flows_into(retry, b, place, new)
        })
    }

    fn without_casts(&self, body: BodyId, value: ValueId) -> ValueId {
        match self.value(body, value) {
            ValueKind::Cast(v, _) => self.without_casts(body, *v),
            ValueKind::Read(p) if p.proj.is_empty() => match p.base {
                Base::Local(_, v) | Base::Value(v) if v != value => self.without_casts(body, v),
                _ => value,
            },
            _ => value,
        }
    }

    /// Whether a value comes from the location that the region is about.
    fn reads_location(&self, retry: &Retry, body: BodyId, value: ValueId) -> bool {
        self.flows_into(body, value).ops.iter().any(|&i| self.op(self.seen(body)[i].op).location == retry.location)
    }

    /// The arguments of helpers on the way to the CAS that its new value is made of.
    fn passed_as_new(&self, retry: &Retry) -> Vec<(BodyId, ValueId)> {
        let Some(part) = retry.parts.first() else { return Vec::new() };
        let Some(at) = part.attempt else { return Vec::new() };
        match &self.event(part.body, at).kind {
            EventKind::Call(call) if retry.parts.len() > 1 => call.args.iter().map(|v| (part.body, *v)).collect(),
            _ => Vec::new(),
        }
    }

    /// The place is rooted in what the CAS's own location is rooted in: the structure, not a node.
    fn is_around_cas(&self, retry: &Retry, place: &PlaceRef) -> bool {
        retry.op.is_some_and(|op| self.op(op).place.root == place.root)
    }

    fn root_flows_into(&self, retry: &Retry, body: BodyId, place: &PlaceRef, new: ValueId) -> bool {
        let values = &self.program.body(body).ir.values;
        let root = match place.root {
            Root::Value(b, v) if b == body => Some(v),
            Root::Param(b, i) if b == body && i > 0 => {
                values.iter().position(|v| v.kind == ValueKind::Param(i)).map(|v| ValueId(v as u32))
            }
            Root::Local(b, l) if b == body => self.program.body(b).ir.locals[l.index()].init,
            _ => None,
        };
        root.is_some_and(|root| {
            // What was loaded from the location is the old node, not the new one.
            let loaded = match self.value(body, root) {
                ValueKind::Event(e) => {
                    self.seen(body).iter().any(|s| s.event == *e && self.op(s.op).location == retry.location)
                }
                _ => false,
            };
            !loaded && self.derives_from(body, new, root)
        })
    }

    /// Whether a write stores what the region has read: it links a new node to the old one.
    pub fn links_to_read(&self, retry: &Retry, body: BodyId, effect: &Effect) -> bool {
        let Some(value) = self.written_by(body, effect) else { return false };
        let flows = self.flows_into(body, value);
        // What a closure form hands its closure is what it has read.
        let handed = body != retry.body && !flows.params.is_empty();
        handed || flows.ops.iter().any(|&i| self.op(self.seen(body)[i].op).location == retry.location)
    }

    /// What an effect writes, as the body knows it that has the effect: helpers have it from an argument, closures from
    /// around them.
    fn written_by(&self, body: BodyId, effect: &Effect) -> Option<ValueId> {
        let mut value = effect.value?;
        for (i, (at, _)) in effect.via.iter().enumerate().rev() {
            let (caller, call) = match i.checked_sub(1) {
                Some(before) => effect.via[before],
                None => (body, effect.event),
            };
            let ir = self.program.body(*at).ir;
            value = match self.value(*at, super::publication::origin(self, *at, value)) {
                ValueKind::Capture(c) => {
                    let around = ir.captures.get(*c as usize).filter(|_| self.program.body(*at).parent == Some(caller));
                    around?.value
                }
                ValueKind::Param(p) => match &self.event(caller, call).kind {
                    EventKind::Call(call) => {
                        let skip = u32::from(matches!(call.callee, Callee::Method { .. }));
                        *call.args.get(p.checked_sub(skip)? as usize)?
                    }
                    _ => return None,
                },
                _ => return None,
            };
        }
        Some(value)
    }

    /// Whether each attempt empties a collection before it comes to `event`.
    pub fn is_emptied_before(&self, part: &Part, event: EventId, place: &PlaceRef) -> bool {
        let flow = self.flow(part.body);
        let same = |p: &crate::ir::Place| self.program.place_ref(part.body, p).same_memory(place);
        self.program.body(part.body).ir.events.iter().enumerate().any(|(i, e)| {
            let id = EventId(i as u32);
            let empties = match &e.kind {
                EventKind::Call(call) => match &call.callee {
                    Callee::Method { receiver, name, .. } => {
                        matches!(name.as_str(), "clear" | "truncate" | "drain" | "take") && same(receiver)
                    }
                    _ => false,
                },
                EventKind::Assign { local, .. } => {
                    // A new value for the whole variable is one for each of its fields.
                    matches!(place.root, Root::Local(b, l) if b == part.body && l == *local)
                }
                EventKind::Write { place: p, .. } => same(p),
                _ => false,
            };
            empties && part.blocks.contains(&flow.block_of(id)) && flow.dominates(id, event)
        })
    }
}

fn find(facts: &Facts<'_>) -> Vec<Retry> {
    let mut found = Vec::new();
    for body in facts.bodies_with_ops() {
        for l in facts.cas_loops(body) {
            found.push(of_loop(facts, body, l));
        }
    }
    for (i, op) in facts.ops.iter().enumerate().filter(|(_, op)| op.kind == AtomicOpKind::Update) {
        let Some(closure) = op.args.iter().find_map(|v| callable(facts, op.body, *v)) else { continue };
        found.push(Retry {
            kind: RetryKind::Update(op.event),
            body: op.body,
            op: Some(OpId(i as u32)),
            location: op.location,
            parts: vec![whole(facts, closure)],
        });
    }
    for body in facts.program.body_ids().filter(|b| facts.is_cas_pure(*b)) {
        let parts = vec![whole(facts, body)];
        found.push(Retry { kind: RetryKind::Pure, body, op: None, location: None, parts });
    }
    let handed = Handed::new(facts, &found).closures(&found);
    found.extend(handed);
    found.sort_by_key(|r| r.parts.len());
    found
}

fn of_loop(facts: &Facts<'_>, body: BodyId, l: CasLoop) -> Retry {
    let seen = &facts.seen(body)[l.cas];
    let mut parts = vec![Part {
        body,
        blocks: l.region.clone(),
        after_failure: l.after_failure.clone(),
        attempt: Some(seen.event),
    }];
    for (depth, (callee, event)) in seen.via.iter().enumerate() {
        let rest = &seen.via[depth + 1..];
        let inner = facts.seen(*callee).iter().find(|s| s.op == seen.op && s.event == *event && s.via[..] == *rest);
        if let Some(inner) = inner {
            parts.push(attempt_in(facts, *callee, inner));
        }
    }
    let op = facts.op(seen.op);
    Retry { location: op.location, op: Some(seen.op), kind: RetryKind::Loop(l), body, parts }
}

/// What runs in a helper if the CAS in it fails.
fn attempt_in(facts: &Facts<'_>, body: BodyId, cas: &Seen) -> Part {
    let flow = facts.flow(body);
    let at = flow.block_of(cas.event);
    let outcome = facts.outcome(body, cas);
    let mut after = vec![at];
    let mut next = 0;
    while next < after.len() {
        for s in flow.successors(after[next]) {
            if !after.contains(s) && !outcome.success.contains(s) {
                after.push(*s);
            }
        }
        next += 1;
    }
    let all = (0..facts.program.body(body).ir.blocks.len() as u32).map(BlockId);
    let before = |b: BlockId| b == at || flow.block_reaches(b, at);
    let blocks: Vec<BlockId> = all.filter(|b| before(*b) || after.contains(b)).collect();
    let after_failure = blocks.iter().copied().filter(|b| !before(*b)).collect();
    Part { body, blocks, after_failure, attempt: Some(cas.event) }
}

/// A closure or function that is called in each attempt. Ways that give `None` give up and do not come back.
fn whole(facts: &Facts<'_>, body: BodyId) -> Part {
    let flow = facts.flow(body);
    let ir = facts.program.body(body).ir;
    let mut commits = Vec::new();
    for (i, block) in ir.blocks.iter().enumerate() {
        match block.term {
            Terminator::Return(Some(v)) => committing(facts, body, v, BlockId(i as u32), &mut commits, 0),
            Terminator::Return(None) => commits.push(BlockId(i as u32)),
            _ => {}
        }
    }
    let all = (0..ir.blocks.len() as u32).map(BlockId);
    let blocks = all.filter(|b| commits.iter().any(|c| c == b || flow.block_reaches(*b, *c))).collect();
    Part { body, blocks, after_failure: Vec::new(), attempt: None }
}

/// The blocks from which something other than `None` is returned.
fn committing(facts: &Facts<'_>, body: BodyId, value: ValueId, at: BlockId, out: &mut Vec<BlockId>, depth: u32) {
    match facts.value(body, value) {
        ValueKind::Phi(operands) if depth < 6 => {
            for (from, v) in operands {
                committing(facts, body, *v, *from, out, depth + 1);
            }
        }
        ValueKind::Path(p) if p.last() == "None" => {}
        _ => out.push(at),
    }
}

/// The body of a closure, or of a function that is named, as a value.
fn callable(facts: &Facts<'_>, body: BodyId, value: ValueId) -> Option<BodyId> {
    if let Some(closure) = facts.program.closure_of(body, value) {
        return Some(closure);
    }
    match facts.value(body, value) {
        ValueKind::Path(path) => match facts.program.resolve_value(body, path) {
            Res::Def(def) => facts.program.function(def).and_then(|_| facts.program.body_of(def)),
            _ => None,
        },
        _ => None,
    }
}

/// Parameters that functions call, and which of them in a retried region.
struct Handed<'f, 'a> {
    facts: &'f Facts<'a>,
    /// Calls of the program that pass a closure or a parameter on: where, to which parameter, what.
    passed: Vec<(BodyId, EventId, (BodyId, u32), ValueId)>,
    /// Parameters that are called somewhere.
    called: FxHashSet<(BodyId, u32)>,
}

impl<'f, 'a> Handed<'f, 'a> {
    fn new(facts: &'f Facts<'a>, retries: &[Retry]) -> Self {
        let mut handed = Handed { facts, passed: Vec::new(), called: FxHashSet::default() };
        if retries.is_empty() {
            return handed;
        }
        let tests = facts.ops.iter().any(|op| op.is_test);
        for body in facts.program.body_ids() {
            if !tests && facts.program.def(facts.program.body(body).owner).is_test {
                continue;
            }
            for (i, e) in facts.program.body(body).ir.events.iter().enumerate() {
                let EventKind::Call(call) = &e.kind else { continue };
                if let Callee::Value(v) = &call.callee {
                    handed.called.extend(param_of(facts, body, *v, 0));
                }
                if !call.args.iter().any(|v| is_callable_arg(facts, body, *v)) {
                    continue;
                }
                handed.pass(body, EventId(i as u32), call);
            }
        }
        // A parameter that is passed on to one that is called is called.
        while let Some(p) = handed.passed.iter().find_map(|(body, _, to, v)| {
            let from = param_of(facts, *body, *v, 0)?;
            (handed.called.contains(to) && !handed.called.contains(&from)).then_some(from)
        }) {
            handed.called.insert(p);
        }
        handed
    }

    fn pass(&mut self, body: BodyId, event: EventId, call: &Call) {
        let Target::Fn(def) = self.facts.program.target(body, call) else { return };
        let Some(callee) = self.facts.program.body_of(def) else { return };
        let offset = u32::from(matches!(call.callee, Callee::Method { .. }));
        for (k, v) in call.args.iter().enumerate() {
            if is_callable_arg(self.facts, body, *v) {
                self.passed.push((body, event, (callee, k as u32 + offset), *v));
            }
        }
    }

    /// The closures that are handed to functions which call them in a region.
    fn closures(self, retries: &[Retry]) -> Vec<Retry> {
        // Parameters that are called in a region, with the operation that ends it.
        let mut retried: FxHashMap<(BodyId, u32), Option<OpId>> = FxHashMap::default();
        for (i, op) in self.facts.ops.iter().enumerate().filter(|(_, op)| op.kind == AtomicOpKind::Update) {
            for p in op.args.iter().filter_map(|v| param_of(self.facts, op.body, *v, 0)) {
                retried.entry(p).or_insert(Some(OpId(i as u32)));
            }
        }
        self.called_in(retries, &mut retried);
        let mut found: Vec<Retry> = Vec::new();
        for _ in 0..MAX_HANDS {
            self.pass_on(&mut retried);
            let new = self.handed(&retried, &found);
            if new.is_empty() {
                break;
            }
            self.called_in(&new, &mut retried);
            found.extend(new);
        }
        found
    }

    /// Adds the parameters that are called in these regions.
    fn called_in(&self, retries: &[Retry], retried: &mut FxHashMap<(BodyId, u32), Option<OpId>>) {
        for retry in retries {
            for part in &retry.parts {
                for block in &part.blocks {
                    for &e in &self.facts.program.body(part.body).ir.blocks[block.index()].events {
                        for p in self.called_at(part.body, e) {
                            retried.entry(p).or_insert(retry.op);
                        }
                    }
                }
            }
        }
    }

    /// A parameter that is passed on to one that is called in a region is called there.
    fn pass_on(&self, retried: &mut FxHashMap<(BodyId, u32), Option<OpId>>) {
        while let Some((p, op)) = self.passed.iter().find_map(|(body, _, to, v)| {
            let from = param_of(self.facts, *body, *v, 0)?;
            let op = *retried.get(to)?;
            (!retried.contains_key(&from)).then_some((from, op))
        }) {
            retried.insert(p, op);
        }
    }

    fn handed(&self, retried: &FxHashMap<(BodyId, u32), Option<OpId>>, known: &[Retry]) -> Vec<Retry> {
        let mut new: Vec<Retry> = Vec::new();
        for (body, event, to, v) in &self.passed {
            let (Some(&op), Some(closure)) = (retried.get(to), callable(self.facts, *body, *v)) else { continue };
            let same = |r: &Retry| {
                r.body == *body && matches!(r.kind, RetryKind::Handed(e) if e == *event) && r.parts[0].body == closure
            };
            if known.iter().chain(&new).any(same) {
                continue;
            }
            let location = op.and_then(|o| self.facts.op(o).location);
            let parts = vec![whole(self.facts, closure)];
            new.push(Retry { kind: RetryKind::Handed(*event), body: *body, op, location, parts });
        }
        new
    }

    /// The parameters that are called at an event, directly or by the function that it calls.
    fn called_at(&self, body: BodyId, event: EventId) -> Vec<(BodyId, u32)> {
        let EventKind::Call(call) = &self.facts.event(body, event).kind else { return Vec::new() };
        let mut found = Vec::new();
        if let Callee::Value(v) = &call.callee {
            found.extend(param_of(self.facts, body, *v, 0));
        }
        for (_, _, to, v) in self.passed.iter().filter(|(b, e, ..)| (*b, *e) == (body, event)) {
            if self.called.contains(to) {
                found.extend(param_of(self.facts, body, *v, 0));
            }
        }
        found
    }
}

/// Methods whose closure runs where nothing is there yet.
fn runs_when_missing(name: &str) -> bool {
    matches!(
        name,
        "unwrap_or_else" | "get_or_insert_with" | "or_insert_with" | "get_or_init" | "or_else" | "map_or_else"
    )
}

/// Whether an argument may be something to call: a closure, a function's name, a parameter handed on.
fn is_callable_arg(facts: &Facts<'_>, body: BodyId, value: ValueId) -> bool {
    callable(facts, body, value).is_some() || param_of(facts, body, value, 0).is_some()
}

/// The parameter of a function that a value is, through references and captures.
fn param_of(facts: &Facts<'_>, body: BodyId, value: ValueId, depth: u32) -> Option<(BodyId, u32)> {
    if depth > 6 {
        return None;
    }
    let b = facts.program.body(body);
    match facts.value(body, value) {
        ValueKind::Param(i) if b.parent.is_none() => Some((body, *i)),
        ValueKind::Capture(i) => {
            let capture = b.ir.captures.get(*i as usize)?;
            param_of(facts, b.parent?, capture.value, depth + 1)
        }
        ValueKind::Read(p) | ValueKind::Ref { place: p, .. } => match p.base {
            Base::Local(_, v) | Base::Value(v) if p.proj.iter().all(|x| *x == crate::ir::Proj::Deref) => {
                param_of(facts, body, v, depth + 1)
            }
            _ => None,
        },
        ValueKind::Mutated { before, .. } => param_of(facts, body, *before, depth + 1),
        // A parameter that is called in a loop may be assigned a new borrow of itself.
        ValueKind::Phi(operands) => operands.iter().find_map(|(_, v)| param_of(facts, body, *v, depth + 3)),
        _ => None,
    }
}
