//! One body under construction: blocks, events and numbered values.
//!
//! Variables become values while the blocks are made (*Braun et al., Simple and Efficient Construction of Static
//! Single Assignment Form, CC 2013*). A block is *sealed* when all its predecessors are known; reading a variable
//! in a block that is not (a loop header) leaves a phi to fill in later. Superfluous phis are removed at the end
//! ([`finish`](super::finish)). Two things differ from the paper: variables that are never assigned again have one
//! value and take no part, and reading works with a list instead of recursion.
//!
//! Code behind a `return` or `break` goes to blocks without predecessors; edges out of them are not drawn.

use rustc_hash::FxHashMap;

use crate::ir::{
    Base, Block, BlockId, Body, BodyIdx, BodyKind, Capture, Cfg, Event, EventId, EventKind, Local, LocalId, LoopId,
    Place, Span, Terminator, Ty, Value, ValueId, ValueKind,
};

/// Definitions that are remembered; beyond that, reads of variables give unknown values. Only code made to
/// exhaust memory gets there.
const DEFINITIONS: usize = 8_000_000;

pub(in crate::lower) struct Builder {
    pub(in crate::lower) idx: BodyIdx,
    pub(in crate::lower) body: Body,
    /// Whether names may come from the body around: closures and `async` blocks.
    pub(in crate::lower) captures: bool,
    /// Bodies whose captures name values of this one.
    pub(in crate::lower) children: Vec<BodyIdx>,
    pub(in crate::lower) flow: Vec<Flow>,
    /// The blocks that were started, in that order.
    pub(in crate::lower) started: Vec<BlockId>,
    pub(in crate::lower) cur: BlockId,
    /// Whether control reaches the current point.
    pub(in crate::lower) live: bool,
    vars: Vec<Var>,
    defs: FxHashMap<(BlockId, LocalId), ValueId>,
    incomplete: FxHashMap<BlockId, Vec<(LocalId, ValueId)>>,
    /// The variables in scope, innermost last.
    pub(in crate::lower) scope: Vec<LocalId>,
    pub(in crate::lower) targets: Vec<Target>,
    pub(in crate::lower) loops: Vec<LoopId>,
    pub(in crate::lower) is_unsafe: bool,
    pub(in crate::lower) cfg: Cfg,
    unit: Option<ValueId>,
}

#[derive(Default)]
pub(in crate::lower) struct Flow {
    pub(in crate::lower) preds: Vec<BlockId>,
    pub(in crate::lower) term: Option<Terminator>,
    pub(in crate::lower) live: bool,
    sealed: bool,
    events: Vec<EventId>,
    in_loop: Option<LoopId>,
}

/// How the value of a variable is found.
enum Var {
    Undefined,
    /// Never assigned again.
    Fixed(ValueId),
    /// Through the definitions of each block.
    Assigned,
}

/// What `break`, `continue` and `?` may leave.
pub(in crate::lower) struct Target {
    pub(in crate::lower) label: Option<String>,
    pub(in crate::lower) kind: TargetKind,
    pub(in crate::lower) exit: BlockId,
    /// The values that leave with a `break`, and from where.
    pub(in crate::lower) values: Vec<(BlockId, ValueId)>,
    /// The variables in scope outside.
    pub(in crate::lower) scope: usize,
}

#[derive(Clone, Copy, PartialEq)]
pub(in crate::lower) enum TargetKind {
    Loop { header: BlockId },
    Block,
    Try,
}

impl Builder {
    /// The state between bodies.
    pub(in crate::lower) fn outside() -> Self {
        Builder::new(BodyIdx(u32::MAX), super::empty())
    }

    pub(in crate::lower) fn new(idx: BodyIdx, body: Body) -> Self {
        Builder {
            idx,
            captures: matches!(body.kind, BodyKind::Closure { .. } | BodyKind::AsyncBlock { .. }),
            body,
            children: Vec::new(),
            flow: Vec::new(),
            started: Vec::new(),
            cur: BlockId(0),
            live: false,
            vars: Vec::new(),
            defs: FxHashMap::default(),
            incomplete: FxHashMap::default(),
            scope: Vec::new(),
            targets: Vec::new(),
            loops: Vec::new(),
            is_unsafe: false,
            cfg: Cfg::always(),
            unit: None,
        }
    }

    /// Makes the entry block and starts it.
    pub(in crate::lower) fn enter(&mut self) {
        let entry = self.new_block();
        self.start(entry);
        self.live = true;
        self.flow[entry.index()].live = true;
    }

    pub(in crate::lower) fn new_block(&mut self) -> BlockId {
        self.flow.push(Flow::default());
        BlockId(self.flow.len() as u32 - 1)
    }

    /// Continues in `block`, whose predecessors are all known.
    pub(in crate::lower) fn start(&mut self, block: BlockId) {
        self.start_header(block);
        self.seal(block);
    }

    /// Continues in `block`, to which edges may still be added; [`Builder::seal`] must follow.
    pub(in crate::lower) fn start_header(&mut self, block: BlockId) {
        self.cur = block;
        self.started.push(block);
        let in_loop = self.loops.last().copied();
        let flow = &mut self.flow[block.index()];
        flow.live = !flow.preds.is_empty();
        flow.in_loop = in_loop;
        self.live = flow.live;
    }

    pub(in crate::lower) fn seal(&mut self, block: BlockId) {
        self.flow[block.index()].sealed = true;
        for (local, phi) in self.incomplete.remove(&block).unwrap_or_default() {
            self.fill_phis(local, vec![(phi, block)]);
        }
    }

    /// Ends the current block. What follows before the next [`Builder::start`] is not reached.
    pub(in crate::lower) fn terminate(&mut self, term: Terminator) {
        if !self.live {
            return;
        }
        let from = self.cur;
        for to in term.successors() {
            self.flow[to.index()].preds.push(from);
        }
        self.flow[from.index()].term = Some(term);
        self.live = false;
    }

    pub(in crate::lower) fn goto(&mut self, to: BlockId) {
        self.terminate(Terminator::Goto(to));
    }

    /// Ends the current block for good; the code behind it is kept apart.
    pub(in crate::lower) fn diverge(&mut self, term: Terminator) {
        self.terminate(term);
        let dead = self.new_block();
        self.start(dead);
    }

    /// Turns the jump with which a block ends into a branch that may also go to `otherwise`.
    pub(in crate::lower) fn jump_to_branch(&mut self, from: BlockId, otherwise: BlockId, cond: ValueId) {
        let flow = &mut self.flow[from.index()];
        if let Some(Terminator::Goto(then)) = flow.term {
            flow.term = Some(Terminator::Branch { cond, then, otherwise });
            self.flow[otherwise.index()].preds.push(from);
        }
    }

    pub(in crate::lower) fn event(&mut self, kind: EventKind, span: Span) -> EventId {
        let id = EventId(self.body.events.len() as u32);
        self.body.events.push(Event {
            kind,
            span,
            block: self.cur,
            is_unsafe: self.is_unsafe,
            cfg: (!self.cfg.is_always()).then(|| Box::new(self.cfg.clone())),
        });
        self.flow[self.cur.index()].events.push(id);
        id
    }

    /// An event and the value that it gives.
    pub(in crate::lower) fn event_value(&mut self, kind: EventKind, span: Span) -> ValueId {
        let id = self.event(kind, span);
        self.value(ValueKind::Event(id), span)
    }

    pub(in crate::lower) fn value(&mut self, kind: ValueKind, span: Span) -> ValueId {
        self.body.values.push(Value { kind, span });
        ValueId(self.body.values.len() as u32 - 1)
    }

    pub(in crate::lower) fn unknown(&mut self, span: Span) -> ValueId {
        self.value(ValueKind::Unknown, span)
    }

    pub(in crate::lower) fn unit(&mut self) -> ValueId {
        if let Some(unit) = self.unit {
            return unit;
        }
        let end = self.body.span.end;
        let unit = self.value(ValueKind::Unit, Span::new(end, end));
        self.unit = Some(unit);
        unit
    }

    pub(in crate::lower) fn is_unit(&self, value: ValueId) -> bool {
        self.unit == Some(value)
    }

    pub(in crate::lower) fn kind(&self, value: ValueId) -> &ValueKind {
        &self.body.values[value.index()].kind
    }

    /// The value of a construct whose parts leave to the current block with these values.
    pub(in crate::lower) fn join(&mut self, incoming: Vec<(BlockId, ValueId)>, span: Span) -> ValueId {
        match incoming.first() {
            None => self.unit(),
            Some(&(_, first)) if incoming.iter().all(|&(_, v)| v == first) => first,
            Some(_) => self.value(ValueKind::Phi(incoming), span),
        }
    }

    /// Adds a variable and brings it into scope. It has no value yet.
    pub(in crate::lower) fn declare(&mut self, name: String, ty: Option<Ty>, mutable: bool, span: Span) -> LocalId {
        let id = LocalId(self.body.locals.len() as u32);
        self.body.locals.push(Local {
            name,
            ty,
            mutable,
            span,
            declared_in: self.cur,
            in_loop: self.loops.last().copied(),
            init: None,
        });
        self.vars.push(match mutable {
            true => Var::Assigned,
            false => Var::Undefined,
        });
        self.scope.push(id);
        id
    }

    /// Gives a variable its first value where it is declared.
    pub(in crate::lower) fn define(&mut self, local: LocalId, value: ValueId) {
        self.body.locals[local.index()].init = Some(value);
        if let var @ Var::Undefined = &mut self.vars[local.index()] {
            *var = Var::Fixed(value);
        } else {
            self.defs.insert((self.cur, local), value);
        }
    }

    /// Gives a variable a value that other paths may not give it.
    pub(in crate::lower) fn assign(&mut self, local: LocalId, value: ValueId) {
        match self.vars[local.index()] {
            Var::Fixed(first) => {
                let declared_in = self.body.locals[local.index()].declared_in;
                self.defs.insert((declared_in, local), first);
                self.vars[local.index()] = Var::Assigned;
            }
            Var::Undefined => self.vars[local.index()] = Var::Assigned,
            Var::Assigned => {}
        }
        self.defs.insert((self.cur, local), value);
        self.mark_mutated(local);
    }

    pub(in crate::lower) fn mark_mutated(&mut self, local: LocalId) {
        for capture in &mut self.body.captures {
            if capture.local == local {
                capture.mutated = true;
            }
        }
    }

    /// The value of a variable at the current point.
    pub(in crate::lower) fn read(&mut self, local: LocalId) -> ValueId {
        match self.vars[local.index()] {
            Var::Fixed(value) => value,
            Var::Undefined => {
                let span = self.body.locals[local.index()].span;
                self.unknown(span)
            }
            Var::Assigned => {
                let mut pending = Vec::new();
                let value = self.find(local, self.cur, &mut pending);
                self.fill_phis(local, pending);
                value
            }
        }
    }

    fn fill_phis(&mut self, local: LocalId, mut pending: Vec<(ValueId, BlockId)>) {
        while let Some((phi, block)) = pending.pop() {
            let preds = self.flow[block.index()].preds.clone();
            let operands = preds.into_iter().map(|pred| (pred, self.find(local, pred, &mut pending))).collect();
            self.body.values[phi.index()].kind = ValueKind::Phi(operands);
        }
    }

    /// The value at the end of `block`. A phi whose operands are still to be found is added to `pending`.
    fn find(&mut self, local: LocalId, block: BlockId, pending: &mut Vec<(ValueId, BlockId)>) -> ValueId {
        let span = self.body.locals[local.index()].span;
        let mut at = block;
        let value = loop {
            if let Some(&value) = self.defs.get(&(at, local)) {
                break value;
            }
            let flow = &self.flow[at.index()];
            if !flow.sealed {
                let phi = self.value(ValueKind::Phi(Vec::new()), span);
                self.incomplete.entry(at).or_default().push((local, phi));
                break phi;
            }
            match flow.preds.as_slice() {
                [] => break self.unknown(span),
                &[only] => at = only,
                _ if self.defs.len() > DEFINITIONS => break self.unknown(span),
                _ => {
                    let phi = self.value(ValueKind::Phi(Vec::new()), span);
                    pending.push((phi, at));
                    break phi;
                }
            }
        };
        self.defs.insert((at, local), value);
        self.defs.insert((block, local), value);
        value
    }

    /// What a name means here; what the body declares itself goes before what it captures.
    pub(in crate::lower) fn lookup(&self, name: &str) -> Option<LocalId> {
        let captured = self.body.captures.iter().map(|c| c.local);
        self.scope.iter().rev().copied().chain(captured).find(|local| self.body.locals[local.index()].name == name)
    }

    /// Takes a variable over from the body around.
    pub(in crate::lower) fn capture(&mut self, name: &str, outer: LocalId, from: &Local, value: ValueId) -> LocalId {
        let local = LocalId(self.body.locals.len() as u32);
        self.body.locals.push(Local {
            name: name.to_owned(),
            ty: from.ty.clone(),
            mutable: from.mutable,
            span: from.span,
            declared_in: BlockId(0),
            in_loop: None,
            init: None,
        });
        let index = self.body.captures.len() as u32;
        let captured = self.value(ValueKind::Capture(index), from.span);
        self.vars.push(Var::Fixed(captured));
        if from.mutable {
            self.vars[local.index()] = Var::Assigned;
            self.defs.insert((BlockId(0), local), captured);
        }
        self.body.captures.push(Capture { local, outer, value, mutated: false });
        local
    }

    /// Ends the scopes opened since `mark`, innermost variable first.
    pub(in crate::lower) fn end_scope(&mut self, mark: usize, span: Span) {
        self.leave_scope(mark, span);
        self.scope.truncate(mark);
    }

    /// The events of leaving scopes by a jump; the variables stay visible to the code behind.
    pub(in crate::lower) fn leave_scope(&mut self, mark: usize, span: Span) {
        if !self.live {
            return;
        }
        for index in (mark..self.scope.len()).rev() {
            let local = self.scope[index];
            if !self.body.locals[local.index()].name.is_empty() {
                self.event(EventKind::ScopeEnd(local), span);
            }
        }
    }

    /// A place that is a temporary.
    pub(in crate::lower) fn temporary(value: ValueId, span: Span) -> Place {
        Place { base: Base::Value(value), proj: Vec::new(), span }
    }

    /// The block as it goes into the body.
    pub(in crate::lower) fn take_block(&mut self, block: BlockId) -> Block {
        let flow = std::mem::take(&mut self.flow[block.index()]);
        Block { events: flow.events, term: flow.term.unwrap_or(Terminator::Unreachable), in_loop: flow.in_loop }
    }

    pub(in crate::lower) fn has_events(&self, block: BlockId) -> bool {
        !self.flow[block.index()].events.is_empty()
    }
}
