//! Whether a pointer may be null where it is followed.

use super::access::{LocId, OpId};
use super::initial::Initial;
use super::publication::{Follow, How};
use super::touch::TouchKind;
use super::{Facts, Seen};
use crate::finding::Site;
use crate::ir::{AtomicOpKind, BlockId, Callee, EventId, EventKind, Terminator, ValueId, ValueKind, operands};
use crate::resolve::{Atomic, BodyId};

/// Why a location may hold null.
#[derive(Clone, Copy, Debug)]
pub enum NullSource {
    /// It does at first; where its owner is made, if that stands in the source.
    First(Option<Site>),
    /// This operation stores null.
    Stored(OpId),
}

/// A load whose value is followed, null or not.
#[derive(Clone, Copy, Debug)]
pub struct Unchecked {
    pub body: BodyId,
    /// Index into the body's seen operations.
    pub load: usize,
    pub used: EventId,
}

impl Facts<'_> {
    /// The loads of a location that are followed in safe functions with no test on the way that may have told that there
    /// is something.
    pub fn unchecked_loads(&self, location: LocId) -> Vec<Unchecked> {
        let loc = self.location(location);
        let mut found: Vec<Unchecked> = Vec::new();
        // Of several pointers, the index may tell which are set.
        if loc.indexed || !matches!(loc.atomic, Some(Atomic::Ptr | Atomic::Epoch)) {
            return found;
        }
        for f in self.follows(location) {
            let How::Pointer(t) = f.how else { continue };
            let op = self.seen(f.body)[f.seen].op;
            let told = found.iter().any(|u| self.seen(u.body)[u.load].op == op);
            if !told && self.is_blind(f, t) {
                found.push(Unchecked { body: f.body, load: f.seen, used: self.touches(f.body)[t].event });
            }
        }
        found
    }

    /// The pointer is followed as soon as it is loaded: nothing is asked before, of it or of anything else.
    fn is_blind(&self, f: &Follow, touch: usize) -> bool {
        let body = f.body;
        let (load, touch) = (&self.seen(body)[f.seen], &self.touches(body)[touch]);
        let op = self.op(load.op);
        op.kind == AtomicOpKind::Load
            && load.via.len() <= 1
            && touch.is_direct()
            && touch.kind != TouchKind::Take
            && !self.gives_option(body, touch.event)
            && self.is_entry(body)
            && !self.is_vouched(body)
            && !self.is_unsafe_fn(body)
            && !self.context(load.op).in_drop
            && !self.is_joined_before(body, load.event)
            && !self.is_written_before(body, load)
            && !self.is_asserted(body, touch.event)
            && !self.is_tested(body, f.seen)
            && !self.is_conditional(body, touch.event)
            && load.via.iter().all(|(b, e)| {
                let inner = self.seen(*b).iter().position(|s| s.event == *e && s.op == load.op);
                !self.is_conditional(*b, *e)
                    && !self.is_asserted(*b, *e)
                    && inner.is_some_and(|i| !self.is_tested(*b, i))
            })
    }

    /// Some branch asks for what was loaded, be it to put something in its place.
    fn is_tested(&self, body: BodyId, load: usize) -> bool {
        self.decisions(body).iter().any(|d| d.flows.ops.contains(&load) || d.flows.compared.contains(&load))
    }

    /// `p.as_ref()` of a raw pointer: what it gives is tested.
    fn gives_option(&self, body: BodyId, event: EventId) -> bool {
        matches!(
            &self.event(body, event).kind,
            EventKind::Call(call) if matches!(&call.callee, Callee::Method { name, .. } if matches!(name.as_str(), "as_ref" | "as_mut"))
        )
    }

    /// Something was put there first in the same function, or by the helper that loads it.
    fn is_written_before(&self, body: BodyId, load: &Seen) -> bool {
        let location = self.op(load.op).location;
        self.seen(body).iter().any(|s| {
            let op = self.op(s.op);
            let before = s.event == load.event || self.flow(body).reaches(s.event, load.event);
            op.location == location && op.kind.writes() && before
        })
    }

    /// `assert!(!p.is_null())`, `debug_assert!(…)` of what was loaded, or of anything else.
    fn is_asserted(&self, body: BodyId, used: EventId) -> bool {
        self.program.body(body).ir.events.iter().enumerate().any(|(i, e)| match &e.kind {
            EventKind::Macro(m) => m.path.last().contains("assert") && self.flow(body).reaches(EventId(i as u32), used),
            EventKind::Call(call) => {
                self.callee_name(call).contains("assert") && self.flow(body).reaches(EventId(i as u32), used)
            }
            _ => false,
        })
    }

    /// Some branch decides whether the event runs, or control gets past it alive.
    fn is_conditional(&self, body: BodyId, event: EventId) -> bool {
        let flow = self.flow(body);
        let target = flow.block_of(event);
        self.program.body(body).ir.blocks.iter().enumerate().any(|(i, b)| {
            let branches =
                matches!(b.term, Terminator::Branch { .. } | Terminator::Switch { .. } | Terminator::Try { .. });
            let block = BlockId(i as u32);
            let misses = |s: &BlockId| *s != target && !flow.block_reaches(*s, target);
            branches
                && block != target
                && flow.block_dominates(block, target)
                && (flow.decides(block, target) || flow.successors(block).iter().any(misses))
        })
    }

    /// Why the location may hold null in a shared context: it was never given anything before it is shared, or null is
    /// stored again.
    pub fn null_source(&self, location: LocId) -> Option<NullSource> {
        let stored = self.location(location).ops.iter().copied().find(|&o| {
            let op = self.op(o);
            let puts = matches!(op.kind, AtomicOpKind::Store | AtomicOpKind::Swap);
            puts && op.new_value().is_some_and(|v| self.is_null(op.body, v, 0))
                && !self.context(o).exclusive
                && !self.context(o).in_drop
        });
        if let Some(op) = stored {
            return Some(NullSource::Stored(op));
        }
        // Set up by its constructor after all.
        let set_up = self.location(location).ops.iter().any(|&o| {
            let op = self.op(o);
            op.kind.writes() && self.context(o).exclusive && !self.context(o).in_drop
        });
        let first = self.initial_places(location);
        let all = !first.is_empty() && first.iter().all(|(i, _)| *i == Initial::Null);
        (all && !set_up).then(|| NullSource::First(first.iter().find_map(|(_, site)| *site)))
    }

    /// Whether a value is the null pointer.
    pub fn is_null(&self, body: BodyId, value: ValueId, depth: u32) -> bool {
        match self.value(body, value) {
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(call) => match &call.callee {
                    Callee::Path(p) => matches!(p.last(), "null" | "null_mut") && call.args.is_empty(),
                    Callee::Method { receiver, name, .. } if matches!(name.as_str(), "cast" | "cast_mut") => {
                        let mut null = false;
                        operands::of_place(receiver, &mut |v| null |= depth < 6 && self.is_null(body, *v, depth + 1));
                        null
                    }
                    Callee::Method { .. } | Callee::Value(_) => false,
                },
                _ => false,
            },
            ValueKind::Cast(v, _) => {
                depth < 6 && (self.is_null(body, *v, depth + 1) || *self.value(body, *v) == ValueKind::Int(0))
            }
            _ => false,
        }
    }
}
