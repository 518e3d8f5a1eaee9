//! Where a value came from: which operations, parameters and other memory flow into it.

use std::ops::Range;

use rustc_hash::FxHashSet;

use super::{Facts, Seen};
use crate::ir::{Base, BinOp, Callee, EventId, EventKind, Place, Terminator, ValueId, ValueKind};
use crate::resolve::BodyId;
use crate::resolve::calls::Target;

/// What flows into a value. Operations are indices into [`Facts::seen`] of the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flows {
    /// Operations whose result is (part of) the value, through moves, arithmetic and helpers.
    pub ops: Vec<usize>,
    /// Operations whose result only was compared on the way (`x.load() == 3`).
    pub compared: Vec<usize>,
    /// Operations of helpers that decided which answer they gave (`if x.load() == 3 { Some(a) } else { None }`).
    pub decided: Vec<usize>,
    /// Parameters of the body.
    pub params: Vec<u32>,
    /// Literals and constants.
    pub constant: bool,
    /// Anything else: other memory, foreign calls.
    pub other: bool,
    /// Computed (arithmetic, calls) rather than only moved.
    pub computed: bool,
}

impl Flows {
    /// Whether nothing but literals and constants flows in.
    pub fn is_constant(&self) -> bool {
        self.constant && self.ops.is_empty() && self.compared.is_empty() && self.params.is_empty() && !self.other
    }

    fn join(&mut self, other: Flows) {
        merge(&mut self.ops, other.ops);
        merge(&mut self.compared, other.compared);
        merge(&mut self.decided, other.decided);
        merge(&mut self.params, other.params);
        self.constant |= other.constant;
        self.other |= other.other;
        self.computed |= other.computed;
    }

    /// The same flows, but only compared.
    fn into_compared(mut self) -> Flows {
        let ops = std::mem::take(&mut self.ops);
        merge(&mut self.compared, ops);
        self.computed = true;
        self
    }
}

fn merge<T: PartialEq>(into: &mut Vec<T>, from: Vec<T>) {
    for x in from {
        if !into.contains(&x) {
            into.push(x);
        }
    }
}

/// Where a walk over values stands.
struct Walk<'w, 'a> {
    facts: &'w Facts<'a>,
    body: BodyId,
    seen: &'w [Seen],
    by_event: &'w ByEvent,
    visited: FxHashSet<ValueId>,
}

/// Seen operations by the event at which they happen: those of one event stand side by side.
#[derive(Debug, Default)]
pub(super) struct ByEvent(Vec<(EventId, Range<usize>)>);

impl ByEvent {
    pub(super) fn of(seen: &[Seen]) -> ByEvent {
        let mut start = 0;
        let runs = seen.chunk_by(|a, b| a.event == b.event).map(|run| {
            let range = start..start + run.len();
            start = range.end;
            (run[0].event, range)
        });
        let mut all: Vec<_> = runs.collect();
        all.sort_unstable_by_key(|(e, _)| *e);
        ByEvent(all)
    }

    fn at(&self, event: EventId) -> Range<usize> {
        match self.0.binary_search_by_key(&event, |(e, _)| *e) {
            Ok(i) => self.0[i].1.clone(),
            Err(_) => 0..0,
        }
    }
}

impl<'a> Facts<'a> {
    /// What flows into a value of `body`.
    pub fn flows_into(&self, body: BodyId, value: ValueId) -> Flows {
        self.flows_with(body, value, self.seen(body), &self.by_event[body.index()])
    }

    pub(super) fn flows_with(&self, body: BodyId, value: ValueId, seen: &[Seen], by_event: &ByEvent) -> Flows {
        Walk { facts: self, body, seen, by_event, visited: FxHashSet::default() }.value(value)
    }

    /// A callee's flows in the caller's terms.
    pub(super) fn transport_flows(
        &self,
        body: BodyId,
        event: EventId,
        callee: BodyId,
        flows: &Flows,
        seen: &[Seen],
        by_event: &ByEvent,
    ) -> Flows {
        Walk { facts: self, body, seen, by_event, visited: FxHashSet::default() }.transport(event, callee, flows)
    }

    /// What flows out of a function's `return`s, in its own terms.
    pub(super) fn flows_returned(&self, callee: BodyId) -> Flows {
        let mut all = Flows::default();
        for block in &self.program.body(callee).ir.blocks {
            if let Terminator::Return(Some(v)) = block.term {
                all.join(self.flows_into(callee, v));
            }
        }
        if !self.seen(callee).is_empty() {
            for f in self.deciding_answer(callee) {
                all.decided.extend([f.ops, f.compared, f.decided].concat());
            }
            all.decided.sort_unstable();
            all.decided.dedup();
        }
        all
    }

    /// The same, remembered; calls inside a cycle of functions give something unknown.
    fn returned(&self, callee: BodyId) -> Flows {
        match self.returns.get(callee.index()) {
            Some(Some(flows)) => flows.clone(),
            _ => Flows { other: true, ..Flows::default() },
        }
    }

    /// The operation (an index into [`Facts::seen`]) whose result the value is, unchanged.
    pub fn moved_from(&self, body: BodyId, value: ValueId) -> Option<usize> {
        let flows = Flows { decided: Vec::new(), ..self.flows_into(body, value) };
        match flows.ops[..] {
            [op] if flows == (Flows { ops: vec![op], ..Flows::default() }) => Some(op),
            _ => None,
        }
    }

    /// The same within one round of a loop, and on one way: no value that depends on the way taken is looked through.
    pub fn derives_in_round(&self, body: BodyId, to: ValueId, from: ValueId) -> bool {
        self.derives(body, to, from, false)
    }

    /// Whether the values that `from` takes part in include `to`: every use is followed, calls excepted.
    pub fn derives_from(&self, body: BodyId, to: ValueId, from: ValueId) -> bool {
        self.derives(body, to, from, true)
    }

    fn derives(&self, body: BodyId, to: ValueId, from: ValueId, through_phi: bool) -> bool {
        let mut visited = FxHashSet::default();
        let mut queue = vec![to];
        while let Some(v) = queue.pop() {
            if v == from {
                return true;
            }
            let stops = !through_phi && matches!(self.value(body, v), ValueKind::Phi(_));
            if visited.insert(v) && !stops {
                operands(self, body, v, &mut queue);
            }
        }
        false
    }
}

/// The values that a value is made of, arguments of calls included.
fn operands(facts: &Facts<'_>, body: BodyId, value: ValueId, out: &mut Vec<ValueId>) {
    let of_place = |p: &Place, out: &mut Vec<ValueId>| match &p.base {
        Base::Local(_, v) | Base::Value(v) => out.push(*v),
        Base::Path(_) => {}
    };
    match facts.value(body, value) {
        ValueKind::Read(p) | ValueKind::Ref { place: p, .. } | ValueKind::RawRef { place: p, .. } => of_place(p, out),
        ValueKind::Binary(_, l, r) => out.extend([*l, *r]),
        ValueKind::Not(v)
        | ValueKind::Neg(v)
        | ValueKind::Cast(v, _)
        | ValueKind::Repeat(v, _)
        | ValueKind::Item(v) => {
            out.push(*v);
        }
        ValueKind::Tuple(vs) | ValueKind::Array(vs) => out.extend(vs),
        ValueKind::Struct { fields, rest, .. } => {
            out.extend(fields.iter().map(|(_, v)| *v));
            out.extend(*rest);
        }
        ValueKind::Part { of, .. } | ValueKind::Matches { value: of, .. } => out.push(*of),
        ValueKind::Range { start, end, .. } => {
            out.extend(*start);
            out.extend(*end);
        }
        ValueKind::Phi(ops) => out.extend(ops.iter().map(|(_, v)| *v)),
        ValueKind::Mutated { before, .. } => out.push(*before),
        ValueKind::Event(e) => match &facts.event(body, *e).kind {
            EventKind::Call(call) => {
                if let Callee::Method { receiver, .. } = &call.callee {
                    of_place(receiver, out);
                }
                out.extend(&call.args);
            }
            EventKind::Await(v) => out.push(*v),
            EventKind::Macro(m) => out.extend(&m.args),
            _ => {}
        },
        _ => {}
    }
}

impl Walk<'_, '_> {
    fn value(&mut self, value: ValueId) -> Flows {
        if !self.visited.insert(value) {
            return Flows::default();
        }
        let constant = || Flows { constant: true, ..Flows::default() };
        let other = || Flows { other: true, ..Flows::default() };
        match self.facts.value(self.body, value) {
            ValueKind::Param(i) => Flows { params: vec![*i], ..Flows::default() },
            ValueKind::Int(_) | ValueKind::Bool(_) | ValueKind::Lit(_) | ValueKind::Path(_) | ValueKind::Unit => {
                constant()
            }
            ValueKind::Read(place) => self.place(place),
            ValueKind::Ref { place, .. } | ValueKind::RawRef { place, .. } => self.place(place),
            ValueKind::Event(e) => self.event(*e),
            ValueKind::Binary(op, l, r) => {
                let mut both = self.value(*l);
                both.join(self.value(*r));
                both.computed = true;
                if is_comparison(*op) { both.into_compared() } else { both }
            }
            ValueKind::Not(v) | ValueKind::Neg(v) => Flows { computed: true, ..self.value(*v) },
            ValueKind::Cast(v, _) | ValueKind::Item(v) | ValueKind::Repeat(v, _) => self.value(*v),
            ValueKind::Tuple(vs) | ValueKind::Array(vs) => self.all(vs),
            ValueKind::Struct { fields, rest, .. } => {
                let mut all = self.all(&fields.iter().map(|(_, v)| *v).collect::<Vec<_>>());
                if let Some(rest) = rest {
                    all.join(self.value(*rest));
                }
                if fields.is_empty() {
                    all.constant = true;
                }
                all
            }
            ValueKind::Part { of, .. } => self.value(*of),
            ValueKind::Matches { value, .. } => self.value(*value).into_compared(),
            ValueKind::Phi(operands) => self.all(&operands.iter().map(|(_, v)| *v).collect::<Vec<_>>()),
            ValueKind::Mutated { before, by } => {
                let mut all = self.value(*before);
                all.join(self.event(*by));
                all
            }
            ValueKind::Range { start, end, .. } => {
                self.all(&start.iter().chain(end.iter()).copied().collect::<Vec<_>>())
            }
            ValueKind::Capture(_) | ValueKind::Closure(_) | ValueKind::AsyncBlock(_) | ValueKind::Unknown => other(),
        }
    }

    fn all(&mut self, values: &[ValueId]) -> Flows {
        let mut all = Flows::default();
        for v in values {
            all.join(self.value(*v));
        }
        all
    }

    fn place(&mut self, place: &Place) -> Flows {
        match &place.base {
            Base::Local(_, v) | Base::Value(v) => {
                let mut flows = self.value(*v);
                if !place.proj.is_empty() {
                    flows.other = true;
                    // A field of what a parameter leads to is memory, not the parameter.
                    flows.params.clear();
                }
                flows
            }
            Base::Path(path) => {
                // An upper-case path may be a constant or a static; statics are other memory.
                let is_static = matches!(
                    self.facts.program.resolve_value(self.body, path),
                    crate::resolve::Res::Def(d)
                        if matches!(self.facts.program.def(d).item.kind, crate::ir::ItemKind::Static { .. })
                );
                Flows { other: is_static, constant: !is_static, ..Flows::default() }
            }
        }
    }

    fn event(&mut self, event: EventId) -> Flows {
        let e = self.facts.event(self.body, event);
        // A direct operation is a source of its own.
        let direct = self.by_event.at(event).find(|&i| self.seen[i].is_direct());
        if let Some(i) = direct {
            return Flows { ops: vec![i], ..Flows::default() };
        }
        match &e.kind {
            EventKind::Call(call) => match self.facts.program.target(self.body, call) {
                Target::Fn(def) => match self.facts.program.body_of(def) {
                    Some(callee) => {
                        let returned = self.facts.returned(callee);
                        self.transport(event, callee, &returned)
                    }
                    None => self.arguments(call),
                },
                Target::Closure(callee) => {
                    let returned = self.facts.returned(callee);
                    self.transport(event, callee, &returned)
                }
                _ => {
                    let mut flows = self.arguments(call);
                    // What an in-place closure returns flows out too: `opt.map(|_| x.load())`.
                    for v in &call.args {
                        if let Some(c) = self.facts.program.closure_of(self.body, *v) {
                            let returned = self.facts.returned(c);
                            flows.join(self.transport(event, c, &returned));
                        }
                    }
                    flows
                }
            },
            EventKind::Await(v) => self.value(*v),
            EventKind::Macro(m) => {
                let mut flows = self.all(&m.args);
                flows.other |= m.opaque;
                flows
            }
            _ => Flows { other: true, ..Flows::default() },
        }
    }

    fn arguments(&mut self, call: &crate::ir::Call) -> Flows {
        let mut flows = match &call.callee {
            Callee::Method { receiver, .. } => self.place(receiver),
            _ => Flows::default(),
        };
        flows.join(self.all(&call.args));
        flows.computed = true;
        if call.args.is_empty() && !matches!(call.callee, Callee::Method { .. }) {
            flows.other = true;
        }
        flows
    }

    fn transport(&mut self, event: EventId, callee: BodyId, flows: &Flows) -> Flows {
        let facts = self.facts;
        let map = |indices: &[usize]| -> Vec<usize> {
            let inner = facts.seen(callee);
            indices
                .iter()
                .filter_map(|&i| {
                    let x = inner.get(i)?;
                    self.by_event.at(event).find(|&j| {
                        let s = &self.seen[j];
                        s.op == x.op
                            && s.via.first().is_some_and(|v| *v == (callee, x.event))
                            && s.via.get(1..) == Some(&x.via[..])
                    })
                })
                .collect()
        };
        let mut out = Flows {
            ops: map(&flows.ops),
            compared: map(&flows.compared),
            decided: map(&flows.decided),
            params: Vec::new(),
            constant: flows.constant,
            other: flows.other,
            computed: flows.computed,
        };
        let EventKind::Call(call) = &facts.event(self.body, event).kind else { return out };
        for &p in &flows.params {
            let argument = match (&call.callee, p) {
                (Callee::Method { receiver, .. }, 0) => Some(self.place(receiver)),
                (Callee::Method { .. }, p) => call.args.get(p as usize - 1).map(|v| self.value(*v)),
                (_, p) => call.args.get(p as usize).map(|v| self.value(*v)),
            };
            match argument {
                Some(f) => out.join(f),
                None => out.other = true,
            }
        }
        out
    }
}

pub fn is_comparison(op: BinOp) -> bool {
    matches!(op, BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge)
}
