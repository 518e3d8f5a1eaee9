//! Reference counts: decrements whose last owner frees, and the handles that own a count.

use super::Facts;
use super::access::{LocId, Seen};
use crate::ir::{AtomicOpKind, EventId};
use crate::resolve::BodyId;

/// A decrement that finds the last owner, who then frees.
#[derive(Clone, Debug)]
pub struct LastOwner {
    pub body: BodyId,
    /// Index into the body's seen operations.
    pub seen: usize,
    /// What frees.
    pub frees: EventId,
}

impl Facts<'_> {
    /// The decrements of a location whose result decides whether something is freed.
    pub fn last_owners(&self, location: LocId) -> Vec<LastOwner> {
        let mut found = Vec::new();
        for (body, seen) in self.performed(location, AtomicOpKind::FetchSub) {
            if let Some(frees) = self.freed_behind(body, seen, &self.seen(body)[seen]) {
                found.push(LastOwner { body, seen, frees });
            }
        }
        found
    }

    /// The bodies that perform an operation of this kind on the location, with its index among what they do.
    fn performed(&self, location: LocId, kind: AtomicOpKind) -> Vec<(BodyId, usize)> {
        let ops = self.location(location).ops.iter().filter(|o| self.op(**o).kind == kind);
        let mut found: Vec<(BodyId, usize)> =
            ops.flat_map(|o| &self.instances[o.index()]).map(|(b, i)| (*b, *i as usize)).collect();
        found.sort_unstable();
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
        !self.last_owners(location).is_empty()
    }
}
