//! What the answer of a helper says of what it has read: it returns `true` only if the flag was up, `Some` only if the
//! state was the awaited one, and at all only once the wait is over.
//!
//! A branch in the caller on such an answer is a branch on what was read. Nothing is told where one way to the same
//! answer goes past the operation.

use super::control::Decision;
use super::helpers::nth_in_callee;
use super::required::{Constant, Required};
use super::touch::Touch;
use super::{Facts, Flows};
use crate::ir::{
    Base, BinOp, BlockId, Call, Callee, EventId, EventKind, Pattern, Place, Terminator, ValueId, ValueKind,
};
use crate::resolve::BodyId;

/// How many calls deep answers are followed.
const MAX_DEPTH: u32 = 4;

/// An answer: a variant, a constant or a truth value by its name; `Some` and `Ok`, `None` and `Err` go for the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    name: String,
    /// It is that; otherwise anything else.
    equal: bool,
}

/// What an operation has to have given, if that much is known.
pub type Told = Option<Required>;

impl Facts<'_> {
    /// What flows into the branches that decide which of its answers a body gives.
    pub(super) fn deciding_answer(&self, body: BodyId) -> Vec<Flows> {
        let ways = self.all_ways_to_return(body);
        let ir = self.program.body(body).ir;
        if ways.len() < 2 {
            return Vec::new();
        }
        let flow = self.flow(body);
        let mut found = Vec::new();
        for (i, block) in ir.blocks.iter().enumerate() {
            let Some(cond) = condition(&block.term) else { continue };
            let divides = flow.successors(BlockId(i as u32)).iter().any(|to| {
                let behind = ways.iter().filter(|(_, at)| self.is_past(body, BlockId(i as u32), *to, *at)).count();
                (1..ways.len()).contains(&behind)
            });
            if divides {
                found.push(self.flows_into(body, cond));
            }
        }
        found
    }

    /// Whether a branch of `body` lets control come to `event` only if an operation gave what was asked for, in the
    /// branch itself or in the helper that made the operation.
    pub fn told(&self, body: BodyId, decision: &Decision, event: EventId, seen: usize) -> Option<Told> {
        self.told_on(body, decision, self.controlling_edge(body, decision, event)?, seen, 0)
    }

    fn told_on(&self, body: BodyId, d: &Decision, edge: BlockId, seen: usize, depth: u32) -> Option<Told> {
        let s = &self.seen(body)[seen];
        let by_call = || {
            let (_, answer) = self.heard(body, d, edge).filter(|(call, _)| *call == s.event)?;
            self.told_by_call(body, seen, Some(&answer), depth)
        };
        if d.flows.decided.contains(&seen)
            && let Some(told) = by_call()
        {
            return Some(told);
        }
        let result = || self.result_of(body, s.event).and_then(|v| self.required_on(body, d, edge, v));
        (d.flows.ops.contains(&seen) || d.flows.compared.contains(&seen)).then(result)
    }

    /// Whether the helper that makes the operation comes back only if that gave what was asked for: a wait, an
    /// assertion.
    pub fn told_by_return(&self, body: BodyId, seen: usize) -> Option<Told> {
        self.told_by_call(body, seen, None, 0)
    }

    /// Whether a value that is `yes` (true, `Some`, `Ok`) or not says so.
    pub fn told_by_value(&self, body: BodyId, value: ValueId, yes: bool, seen: usize) -> Option<Told> {
        let s = &self.seen(body)[seen];
        let flows = self.flows_into(body, value);
        let by_call = || {
            let call = self.call_of(body, value, 0).filter(|call| *call == s.event)?;
            let name = if self.is_truth(body, call) { "true" } else { "Some" };
            self.told_by_call(body, seen, Some(&Answer { name: normal(name), equal: yes }), 0)
        };
        if flows.decided.contains(&seen)
            && let Some(told) = by_call()
        {
            return Some(told);
        }
        let result = || self.result_of(body, s.event).and_then(|v| self.required_by(body, value, v, yes, 0));
        (flows.ops.contains(&seen) || flows.compared.contains(&seen)).then(result)
    }

    /// Whether a body says yes (true, `Some`, `Ok`) or no, and yes only if the operation gave what was asked for.
    pub fn says_yes_by(&self, body: BodyId, seen: usize) -> bool {
        let ways = self.all_ways_to_return(body);
        let answers: Vec<Option<String>> = ways.iter().map(|(v, _)| self.answer(body, *v)).collect();
        let is_yes = |a: &Option<String>| a.as_deref().is_some_and(|a| matches!(a, "yes" | "true"));
        answers.iter().any(is_yes)
            && answers.iter().any(|a| a.as_deref().is_some_and(|a| matches!(a, "no" | "false")))
            && answers.iter().all(Option::is_some)
            && ways
                .iter()
                .zip(&answers)
                .filter(|(_, a)| is_yes(a))
                .all(|((_, at), _)| self.told_at(body, *at, seen, 0).is_some())
    }

    fn is_truth(&self, body: BodyId, event: EventId) -> bool {
        self.result_of(body, event).is_some_and(|v| self.program.type_of(body, v) == crate::resolve::Type::Prim("bool"))
    }

    /// What the answer of the helper (its coming back at all, if none is given) says of the operation that it makes.
    fn told_by_call(&self, body: BodyId, seen: usize, answer: Option<&Answer>, depth: u32) -> Option<Told> {
        let s = &self.seen(body)[seen];
        let (callee, _) = *s.via.first().filter(|_| depth < MAX_DEPTH)?;
        let inner = nth_in_callee(self, callee, s);
        let mut told: Option<Told> = None;
        let mut any = false;
        let from = self.flow(callee).block_of(self.seen(callee)[inner].event);
        for (value, at) in self.ways_with(callee, answer) {
            // A way that goes past the operation (a remembered answer) says nothing of it.
            if at != from && !self.flow(callee).block_reaches(from, at) {
                continue;
            }
            let this = self
                .told_at(callee, at, inner, depth)
                .or_else(|| self.told_by_answer(callee, value?, answer?, inner, depth))?;
            // Two ways that ask for different things leave open what it was.
            told = Some(if any && told != Some(this.clone()) { None } else { this });
            any = true;
        }
        told
    }

    /// The ways out of a body with an answer that may be the given one.
    fn ways_with(&self, body: BodyId, answer: Option<&Answer>) -> Vec<(Option<ValueId>, BlockId)> {
        let Some(answer) = answer else {
            let blocks = self.program.body(body).ir.blocks.iter().enumerate();
            let returns = blocks.filter(|(_, b)| matches!(b.term, Terminator::Return(_)));
            return returns.map(|(i, _)| (None, BlockId(i as u32))).collect();
        };
        let fits = |v: ValueId| self.answer(body, v).is_none_or(|name| (name == answer.name) == answer.equal);
        let ways = self.all_ways_to_return(body).into_iter();
        ways.filter(|(v, _)| fits(*v)).map(|(v, at)| (Some(v), at)).collect()
    }

    /// Whether some branch lets control come to a block only if the operation gave what was asked for.
    fn told_at(&self, body: BodyId, at: BlockId, seen: usize, depth: u32) -> Option<Told> {
        let from = self.seen(body)[seen].event;
        let tells = |d: &&Decision| !self.is_debug_assertion(body, d) && !self.compares_own_id(body, d);
        self.decisions(body).iter().filter(tells).find_map(|d| {
            let edge = self.way_through(body, d, from, at)?;
            self.told_on(body, d, edge, seen, depth + 1)
        })
    }

    /// The way out of a branch by which alone control comes to a block, once `from` has run: what was read only where
    /// a remembered value did not do decides all the same.
    pub fn way_through(&self, body: BodyId, d: &Decision, from: EventId, block: BlockId) -> Option<BlockId> {
        let flow = self.flow(body);
        let start = flow.block_of(from);
        let mut edges = flow.successors(d.block).iter().copied();
        edges.find(|to| {
            self.is_past(body, d.block, *to, block)
                || flow.predecessors(*to).len() == 1 && flow.comes_only_through(start, *to, block)
        })
    }

    /// The answer is handed on from another helper, or is what the operation gave.
    fn told_by_answer(&self, body: BodyId, value: ValueId, answer: &Answer, seen: usize, depth: u32) -> Option<Told> {
        let flows = self.flows_into(body, value);
        if self.answer(body, value).is_none() && (flows.ops.contains(&seen) || flows.compared.contains(&seen)) {
            return Some(None);
        }
        let (call, answer) = match (answer.name.as_str(), self.call_of(body, value, 0)) {
            (_, Some(call)) => (call, answer.clone()),
            // `self.state() == State::Ready`
            ("true" | "false", None) => self.heard_in(body, value, (answer.name == "true") == answer.equal, 0)?,
            _ => return None,
        };
        let s = &self.seen(body)[seen];
        (call == s.event && !s.is_direct()).then(|| self.told_by_call(body, seen, Some(&answer), depth + 1))?
    }

    /// Whether control comes to a block only by one way out of a branch.
    fn is_past(&self, body: BodyId, branch: BlockId, edge: BlockId, block: BlockId) -> bool {
        let flow = self.flow(body);
        flow.edge_controls(branch, edge, block) || edge == block && flow.predecessors(edge).len() == 1
    }

    /// The name by which an answer goes, if it is one by itself.
    fn answer(&self, body: BodyId, value: ValueId) -> Option<String> {
        match self.value(body, value) {
            ValueKind::Struct { path, .. } => Some(normal(path.last())),
            _ => self.constant_of(body, value).and_then(name_of),
        }
    }

    /// The call whose answer a way out of a branch depends on, and what that answer is.
    fn heard(&self, body: BodyId, d: &Decision, edge: BlockId) -> Option<(EventId, Answer)> {
        match &self.program.body(body).ir.blocks[d.block.index()].term {
            Terminator::Branch { cond, then, otherwise } if then != otherwise => {
                self.heard_in(body, *cond, edge == *then, 0)
            }
            Terminator::Try { on, ok, .. } => {
                Some((self.call_of(body, *on, 0)?, Answer { name: normal("Ok"), equal: edge == *ok }))
            }
            Terminator::Switch { on, arms } => {
                let call = self.call_of(body, *on, 0)?;
                let mine = arms.iter().find(|(_, b)| *b == edge).and_then(|(p, _)| named(p));
                let others: Vec<String> =
                    arms.iter().filter(|(_, b)| *b != edge).filter_map(|(p, _)| named(p)).collect();
                match (mine, &others[..]) {
                    (Some(name), _) => Some((call, Answer { name, equal: true })),
                    (None, [only]) => Some((call, Answer { name: only.clone(), equal: false })),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn heard_in(&self, body: BodyId, cond: ValueId, holds: bool, depth: u32) -> Option<(EventId, Answer)> {
        if depth > 6 {
            return None;
        }
        let answer = |name: &str, equal| Answer { name: normal(name), equal };
        match self.value(body, cond) {
            ValueKind::Not(v) => self.heard_in(body, *v, !holds, depth + 1),
            ValueKind::Read(p) => self.heard_in(body, base_of(p)?, holds, depth + 1),
            ValueKind::Matches { value, pattern } => {
                Some((self.call_of(body, *value, 0)?, answer(&named(pattern)?, holds)))
            }
            ValueKind::Binary(op @ (BinOp::Eq | BinOp::Ne), l, r) => {
                let (call, other) = match (self.call_of(body, *l, 0), self.call_of(body, *r, 0)) {
                    (Some(call), None) => (call, *r),
                    (None, Some(call)) => (call, *l),
                    _ => return None,
                };
                Some((call, answer(&self.answer(body, other)?, (*op == BinOp::Eq) == holds)))
            }
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(Call { callee: Callee::Method { receiver, name, .. }, args }) if args.is_empty() => {
                    let asked = match name.as_str() {
                        "is_some" | "is_ok" => Some(("Some", holds)),
                        "is_none" | "is_err" => Some(("Some", !holds)),
                        _ => None,
                    };
                    match asked {
                        Some((name, equal)) => Some((self.call_of(body, base_of(receiver)?, 0)?, answer(name, equal))),
                        None => Some((*e, answer("true", holds))),
                    }
                }
                EventKind::Call(_) => Some((*e, answer("true", holds))),
                _ => None,
            },
            _ => None,
        }
    }

    /// The call that gave a value, under another name or converted with its answer kept.
    fn call_of(&self, body: BodyId, value: ValueId, depth: u32) -> Option<EventId> {
        if depth > 6 {
            return None;
        }
        match self.value(body, value) {
            ValueKind::Read(p) => self.call_of(body, base_of(p)?, depth + 1),
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(Call { callee: Callee::Method { receiver, name, .. }, .. })
                    if matches!(
                        name.as_str(),
                        "ok" | "map" | "map_err" | "as_ref" | "as_mut" | "cloned" | "copied" | "ok_or" | "ok_or_else"
                    ) =>
                {
                    self.call_of(body, base_of(receiver)?, depth + 1)
                }
                EventKind::Call(_) => Some(*e),
                _ => None,
            },
            _ => None,
        }
    }

    /// For an access in a closure that runs only on one answer (`ready.then(|| …)`, `slot.map(|s| …)`): the value that
    /// gives the answer, and whether that has to be yes.
    pub fn asked_before(&self, body: BodyId, touch: &Touch) -> Option<(ValueId, bool)> {
        let (closure, _) = *touch.via.first()?;
        self.program.body(closure).parent?;
        let EventKind::Call(Call { callee: Callee::Method { receiver, name, .. }, .. }) =
            &self.event(body, touch.event).kind
        else {
            return None;
        };
        let yes = match name.as_str() {
            "then" | "map" | "and_then" | "is_some_and" | "is_ok_and" | "inspect" | "filter" => true,
            "unwrap_or_else" | "or_else" | "map_err" | "ok_or_else" => false,
            _ => return None,
        };
        Some((base_of(receiver)?, yes))
    }
}

fn condition(term: &Terminator) -> Option<ValueId> {
    match term {
        Terminator::Branch { cond, .. } => Some(*cond),
        Terminator::Switch { on, .. } | Terminator::Try { on, .. } => Some(*on),
        _ => None,
    }
}

fn base_of(place: &Place) -> Option<ValueId> {
    match place.base {
        Base::Local(_, v) | Base::Value(v) if place.proj.is_empty() => Some(v),
        _ => None,
    }
}

fn named(pattern: &Pattern) -> Option<String> {
    match pattern {
        Pattern::Bool(b) => Some(b.to_string()),
        Pattern::Path(path) | Pattern::Struct { path, .. } => Some(normal(path.last())),
        Pattern::Int(n) => Some(n.to_string()),
        _ => None,
    }
}

fn name_of(constant: Constant) -> Option<String> {
    Some(match constant {
        Constant::Bool(b) => b.to_string(),
        Constant::Int(n) => n.to_string(),
        Constant::Name(name) => normal(&name),
    })
}

fn normal(name: &str) -> String {
    match name {
        "Some" | "Ok" => "yes".to_owned(),
        "None" | "Err" => "no".to_owned(),
        name => name.to_owned(),
    }
}
