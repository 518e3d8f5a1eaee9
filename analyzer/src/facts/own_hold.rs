//! A lock word that is looked at by who holds it.

use super::Facts;
use super::access::Seen;
use super::control::Decision;
use super::required::Constant;
use super::role::RoleKind;
use crate::resolve::BodyId;

const GIVE_BACK: [&str; 4] = ["unlock", "release", "leave", "exit"];

impl Facts<'_> {
    /// Who gives a lock back asks in which way it is held: a branch compares the word with the constant that only one
    /// holder at a time can have put there. It is the caller's own hold, so the answer cannot change meanwhile.
    pub fn gives_back_by_kind(&self, body: BodyId, decision: &Decision, act: &Seen) -> bool {
        let op = self.op(act.op);
        let Some(location) = op.location else { return false };
        if !self.op_named(op, &GIVE_BACK) || self.role(location).kind != RoleKind::Lock {
            return false;
        }
        let taken_with = |constant: &Constant| {
            let mut takes = self.location(location).ops.iter().map(|o| self.op(*o)).filter(|o| o.kind.is_cas());
            takes.any(|o| o.new_value().and_then(|v| self.constant_of(o.body, v)).as_ref() == Some(constant))
        };
        let looked_at = decision.flows.ops.iter().chain(&decision.flows.compared).map(|i| &self.seen(body)[*i]);
        let mut own = looked_at.filter(|s| self.op(s.op).location == Some(location) && s.place.may_alias(&act.place));
        own.any(|s| {
            let asked = self.result_of(body, s.event).and_then(|v| self.required(body, decision, act.event, v));
            asked.is_some_and(|required| taken_with(&required.constant))
        })
    }
}
