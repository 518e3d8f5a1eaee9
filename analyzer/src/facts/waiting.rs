//! Where waiting happens: through calls, how long, and what for.

use super::wait_loop::WaitLoop;
use super::{Facts, LocId};
use crate::ir::{BinOp, EventId, EventKind, Terminator, ValueId, ValueKind};
use crate::resolve::calls::Target;
use crate::resolve::{BodyId, DefId};

/// How many calls away a wait is still blamed on the caller.
const MAX_DEPTH: u32 = 3;

impl Facts<'_> {
    /// Whether a counter ends the loop after a fixed number of rounds, whatever the other thread does.
    pub fn is_bounded(&self, body: BodyId, wait: &WaitLoop) -> bool {
        let b = self.program.body(body).ir;
        let inside = |l| super::flow::loop_within(b, l, wait.in_loop);
        b.blocks.iter().filter(|block| inside(block.in_loop)).any(|block| match &block.term {
            Terminator::Branch { cond, .. } => self.compares_counter(body, *cond),
            _ => false,
        })
    }

    /// `rounds < LIMIT`, `rounds == 0`: of a variable that each round changes by a constant.
    pub(super) fn compares_counter(&self, body: BodyId, cond: ValueId) -> bool {
        let ValueKind::Binary(op, l, r) = self.value(body, cond) else { return false };
        let compares = matches!(op, BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge | BinOp::Eq | BinOp::Ne);
        let counts = |v: ValueId| {
            let flows = self.flows_into(body, v);
            self.is_phi(body, v, 0) && flows.ops.is_empty() && flows.compared.is_empty() && !flows.other
        };
        let fixed = |v: ValueId| {
            let flows = self.flows_into(body, v);
            !self.is_phi(body, v, 0) && (flows.is_constant() || !flows.params.is_empty() && flows.ops.is_empty())
        };
        compares && (counts(*l) && fixed(*r) || counts(*r) && fixed(*l))
    }

    fn is_phi(&self, body: BodyId, value: ValueId, depth: u32) -> bool {
        let next = |v: ValueId| depth < 6 && self.is_phi(body, v, depth + 1);
        match self.value(body, value) {
            ValueKind::Phi(_) => true,
            ValueKind::Binary(_, l, r) => next(*l) || next(*r),
            ValueKind::Read(p) if p.proj.is_empty() => match p.base {
                crate::ir::Base::Local(_, v) | crate::ir::Base::Value(v) => next(v),
                crate::ir::Base::Path(_) => false,
            },
            _ => false,
        }
    }

    /// The wait without a bound that a synchronous function of the crate comes to when it is called here.
    pub fn wait_behind(&self, body: BodyId, event: EventId) -> Option<(BodyId, WaitLoop)> {
        self.wait_behind_at(body, event, 0)
    }

    fn wait_behind_at(&self, body: BodyId, event: EventId, depth: u32) -> Option<(BodyId, WaitLoop)> {
        let EventKind::Call(call) = &self.event(body, event).kind else { return None };
        let Target::Fn(def) = self.program.target(body, call) else { return None };
        let callee = self.program.body_of(def).filter(|_| depth < MAX_DEPTH && !self.is_async(def))?;
        let waits = self.wait_loops(callee).into_iter().find(|w| !self.is_bounded(callee, w));
        if let Some(wait) = waits {
            return Some((callee, wait));
        }
        let events = self.program.body(callee).ir.events.len() as u32;
        (0..events).find_map(|e| self.wait_behind_at(callee, EventId(e), depth + 1))
    }

    fn is_async(&self, def: DefId) -> bool {
        self.program.function(def).is_some_and(|f| f.is_async)
    }

    /// The location that a wait loop waits for.
    pub fn waited_location(&self, body: BodyId, wait: &WaitLoop) -> Option<LocId> {
        wait.waits_on.iter().find_map(|w| self.op(self.seen(body)[*w].op).location)
    }
}
