//! Which value a branch asks for: `state.load(..) == READY`, `match state { DONE => … }`, `if flag`.

use super::Facts;
use super::control::Decision;
use crate::ir::{Base, BinOp, BlockId, EventId, Pattern, Terminator, ValueId, ValueKind};
use crate::resolve::BodyId;

/// A constant, by value or by the last name of its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constant {
    Int(i128),
    Bool(bool),
    Name(String),
}

/// What a value has to be where control takes one way out of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    pub constant: Constant,
    /// It has to be that; otherwise anything else.
    pub equal: bool,
}

impl Required {
    /// Whether a constant surely takes the other way. Names and numbers are not compared with each other.
    pub fn excludes(&self, constant: &Constant) -> bool {
        match (&self.constant, constant) {
            (Constant::Int(a), Constant::Int(b)) => (a == b) != self.equal,
            (Constant::Bool(a), Constant::Bool(b)) => (a == b) != self.equal,
            (Constant::Name(a), Constant::Name(b)) => (a == b) != self.equal,
            _ => false,
        }
    }
}

impl Facts<'_> {
    /// The constant that a value is.
    pub fn constant_of(&self, body: BodyId, value: ValueId) -> Option<Constant> {
        match self.value(body, value) {
            ValueKind::Int(n) => Some(Constant::Int(*n)),
            ValueKind::Bool(b) => Some(Constant::Bool(*b)),
            ValueKind::Path(p) => Some(Constant::Name(p.last().to_owned())),
            ValueKind::Read(p) if p.proj.is_empty() => match &p.base {
                Base::Path(p) => Some(Constant::Name(p.last().to_owned())),
                Base::Local(_, v) | Base::Value(v) => self.constant_of(body, *v),
            },
            ValueKind::Cast(v, _) => self.constant_of(body, *v),
            _ => None,
        }
    }

    /// What `value` has to be for `event` to run, as far as this branch says.
    pub fn required(&self, body: BodyId, decision: &Decision, event: EventId, value: ValueId) -> Option<Required> {
        self.required_on(body, decision, self.controlling_edge(body, decision, event)?, value)
    }

    /// What `value` has to be for control to take this way out of the branch.
    pub fn required_on(&self, body: BodyId, decision: &Decision, edge: BlockId, value: ValueId) -> Option<Required> {
        match &self.program.body(body).ir.blocks[decision.block.index()].term {
            Terminator::Branch { cond, then, otherwise } if then != otherwise => {
                self.required_by(body, *cond, value, edge == *then, 0)
            }
            Terminator::Switch { on, arms } if self.is_alias(body, *on, value, 0) => required_by_arm(arms, edge),
            // `match (a, b)` and matches on a comparison.
            Terminator::Switch { on, arms } => {
                let truth = arms.iter().find(|(_, b)| *b == edge).map(|(p, _)| p)?;
                match truth {
                    Pattern::Bool(b) => self.required_by(body, *on, value, *b, 0),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Whether a branch lets control come to `event` only if what the operation gave, or what was made of it, is one
    /// constant: nothing of the value is left that could be kept.
    pub fn is_pinned(&self, body: BodyId, seen: usize, event: EventId) -> bool {
        self.decisions(body).iter().any(|d| {
            let ValueKind::Binary(op @ (BinOp::Eq | BinOp::Ne), l, r) = self.value(body, d.cond) else { return false };
            let constant = [l, r].into_iter().any(|v| self.constant_of(body, *v).is_some());
            let Terminator::Branch { then, .. } = &self.program.body(body).ir.blocks[d.block.index()].term else {
                return false;
            };
            (d.flows.ops.contains(&seen) || d.flows.compared.contains(&seen))
                && constant
                && self.controlling_edge(body, d, event).is_some_and(|edge| (edge == *then) == (*op == BinOp::Eq))
        })
    }

    pub(super) fn required_by(
        &self,
        body: BodyId,
        cond: ValueId,
        value: ValueId,
        holds: bool,
        depth: u32,
    ) -> Option<Required> {
        if depth > 6 {
            return None;
        }
        if self.is_alias(body, cond, value, 0) {
            return Some(Required { constant: Constant::Bool(true), equal: holds });
        }
        match self.value(body, cond) {
            ValueKind::Not(v) => self.required_by(body, *v, value, !holds, depth + 1),
            ValueKind::Read(p) if p.proj.is_empty() => match &p.base {
                Base::Local(_, v) | Base::Value(v) => self.required_by(body, *v, value, holds, depth + 1),
                Base::Path(_) => None,
            },
            ValueKind::Binary(op @ (BinOp::Eq | BinOp::Ne), l, r) => {
                let other = match (self.is_alias(body, *l, value, 0), self.is_alias(body, *r, value, 0)) {
                    (true, _) => *r,
                    (_, true) => *l,
                    _ => return None,
                };
                let constant = self.constant_of(body, other)?;
                Some(Required { constant, equal: (*op == BinOp::Eq) == holds })
            }
            _ => None,
        }
    }
}

fn required_by_arm(arms: &[(Pattern, BlockId)], edge: BlockId) -> Option<Required> {
    let (pattern, _) = arms.iter().find(|(_, b)| *b == edge)?;
    let others = || arms.iter().filter(|(_, b)| *b != edge).map(|(p, _)| constant_in(p));
    match (pattern, others().next(), others().nth(1)) {
        // `0 => …, n => …`: anything but the one.
        (Pattern::Any, Some(only), None) => Some(Required { constant: only?, equal: false }),
        _ => Some(Required { constant: constant_in(pattern)?, equal: true }),
    }
}

fn constant_in(pattern: &Pattern) -> Option<Constant> {
    match pattern {
        Pattern::Int(n) => Some(Constant::Int(*n)),
        Pattern::Bool(b) => Some(Constant::Bool(*b)),
        Pattern::Path(p) => Some(Constant::Name(p.last().to_owned())),
        _ => None,
    }
}
