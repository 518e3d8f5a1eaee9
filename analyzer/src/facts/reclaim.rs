//! What frees: calls that give memory or handles back, and decrements whose last owner does so.

use super::access::LocId;
use super::{Facts, Seen};
use crate::ir::{AtomicOpKind, Call, Callee, EventId, EventKind};
use crate::resolve::BodyId;
use crate::resolve::calls::Target;

/// A decrement that finds the last owner, who then frees.
#[derive(Clone, Debug)]
pub struct LastOwner {
    pub body: BodyId,
    /// Index into the body's seen operations.
    pub seen: usize,
    /// What frees.
    pub frees: EventId,
}

/// Whether each body frees something, callees before callers.
pub(super) fn collect(facts: &mut Facts<'_>) {
    facts.frees = vec![false; facts.program.bodies.len()];
    let order = std::mem::take(&mut facts.call_order);
    for body in order.iter().flatten() {
        let events = facts.program.body(*body).ir.events.len() as u32;
        let frees = (0..events).any(|e| facts.frees_at(*body, EventId(e)));
        facts.frees[body.index()] = frees;
    }
    facts.call_order = order;
}

impl Facts<'_> {
    /// Whether an event gives memory or a handle back, directly or in a helper.
    pub fn frees_at(&self, body: BodyId, event: EventId) -> bool {
        let EventKind::Call(call) = &self.event(body, event).kind else { return false };
        let in_helper =
            self.calls(body).iter().any(|(e, c)| *e == event && self.frees.get(c.index()).copied().unwrap_or(false));
        in_helper || self.is_free_call(body, call)
    }

    fn is_free_call(&self, body: BodyId, call: &Call) -> bool {
        let own = matches!(self.program.target(body, call), Target::Fn(d) if self.program.body_of(d).is_some());
        match &call.callee {
            Callee::Path(p) => {
                let owner = p.segments.len().checked_sub(2).map_or("", |i| p.segments[i].name.as_str());
                match p.last() {
                    "from_raw" | "from_raw_in" => {
                        matches!(owner, "Box" | "Arc" | "Rc" | "CString" | "OwnedFd" | "File" | "Owned")
                    }
                    "drop_in_place" | "dealloc" | "munmap" | "closesocket" | "CloseHandle" | "VirtualFree" => true,
                    "free" | "close" => matches!(owner, "libc" | "" | "c" | "unistd" | "rustix" | "io"),
                    _ => false,
                }
            }
            Callee::Method { name, .. } => {
                !own && matches!(name.as_str(), "drop_in_place" | "dealloc" | "deallocate" | "drop_slow" | "munmap")
            }
            Callee::Value(_) => false,
        }
    }

    /// The decrements of a location whose result decides whether something is freed.
    pub fn last_owners(&self, location: LocId) -> Vec<LastOwner> {
        let mut found = Vec::new();
        for body in self.bodies_with_ops() {
            for (i, s) in self.seen(body).iter().enumerate() {
                let op = self.op(s.op);
                if op.location != Some(location) || !is_decrement(self, s) {
                    continue;
                }
                if let Some(frees) = self.freed_behind(body, i, s) {
                    found.push(LastOwner { body, seen: i, frees });
                }
            }
        }
        found
    }

    fn freed_behind(&self, body: BodyId, seen: usize, s: &Seen) -> Option<EventId> {
        let events = self.program.body(body).ir.events.len() as u32;
        let decisions = self.decisions(body);
        let mut on_result =
            decisions.iter().filter(|d| d.flows.ops.contains(&seen) || d.flows.compared.contains(&seen)).peekable();
        on_result.peek()?;
        let decisions: Vec<_> = on_result.collect();
        (0..events).map(EventId).find(|&e| {
            e != s.event
                && self.frees_at(body, e)
                && self.flow(body).reaches(s.event, e)
                && decisions.iter().any(|d| self.is_controlled(body, d, e))
        })
    }

    /// Whether a location counts owners, the last of whom frees.
    pub fn is_owner_count(&self, location: LocId) -> bool {
        self.location(location).ops.iter().any(|o| self.op(*o).kind == AtomicOpKind::FetchSub)
            && !self.last_owners(location).is_empty()
    }
}

fn is_decrement(facts: &Facts<'_>, s: &Seen) -> bool {
    facts.op(s.op).kind == AtomicOpKind::FetchSub
}
