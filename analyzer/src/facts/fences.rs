//! Fences and the atomic operations they combine with.
//!
//! A fence synchronises nothing by itself: an acquire fence turns relaxed reads *before* it into acquiring ones, a
//! release fence turns writes *after* it into releasing ones (C++20 \[atomics.fences\]). The partners may stand in callers;
//! a caller that is not known counts as having one.

use super::Facts;
use super::access::{Order, resolve_order};
use crate::ir::{BodyKind, EventId, EventKind, Ordering};
use crate::resolve::BodyId;
use crate::resolve::calls::Target;

/// How far up the callers are asked.
const MAX_DEPTH: u32 = 6;

/// A fence in the source.
#[derive(Clone, Copy, Debug)]
pub struct Fence {
    pub body: BodyId,
    pub event: EventId,
    pub ordering: Ordering,
    /// It keeps only the compiler from reordering.
    pub compiler: bool,
}

impl Facts<'_> {
    /// The fences outside of tests whose ordering is known.
    pub fn fences(&self) -> Vec<Fence> {
        let mut found = Vec::new();
        for body in self.program.body_ids() {
            if self.program.def(self.program.body(body).owner).is_test {
                continue;
            }
            for (i, e) in self.program.body(body).ir.events.iter().enumerate() {
                if let EventKind::Fence { ordering, compiler } = &e.kind
                    && let Order::Known(ordering) = resolve_order(self.program, body, ordering.kind, 0)
                {
                    found.push(Fence { body, event: EventId(i as u32), ordering, compiler: *compiler });
                }
            }
        }
        found
    }

    /// Whether some atomic operation, here or in a caller, is one that the fence can combine with.
    pub fn combines(&self, fence: &Fence) -> bool {
        let (acquires, releases) = (fence.ordering.acquires(), fence.ordering.releases());
        let before = |reads: bool| self.has_partner(fence.body, fence.event, true, reads, 0);
        let after = |writes: bool| self.has_partner(fence.body, fence.event, false, writes, 0);
        // A sequentially consistent fence orders writes before it and reads after it too.
        let total = fence.ordering == Ordering::SeqCst;
        acquires && before(true) || releases && after(true) || total && (before(false) || after(false))
    }

    /// An operation before (or after) the event: with `usual`, a read before or a write after; else any.
    fn has_partner(&self, body: BodyId, event: EventId, before: bool, usual: bool, depth: u32) -> bool {
        if depth > MAX_DEPTH {
            return true;
        }
        let flow = self.flow(body);
        let events = self.program.body(body).ir.events.len() as u32;
        let here = (0..events).map(EventId).any(|e| {
            let there = if before { flow.reaches(e, event) } else { flow.reaches(event, e) };
            e != event && there && self.may_operate(body, e, before, usual)
        });
        here || self.callers_have_partner(body, before, usual, depth)
    }

    fn may_operate(&self, body: BodyId, event: EventId, before: bool, usual: bool) -> bool {
        let fits =
            |reads: bool, writes: bool| if usual { if before { reads } else { writes } } else { reads || writes };
        match &self.event(body, event).kind {
            EventKind::Atomic(op) => fits(op.kind.reads(), op.kind.writes()),
            EventKind::Await(_) | EventKind::Opaque => true,
            EventKind::Macro(m) => m.opaque,
            EventKind::Call(call) => {
                let seen = self.seen(body).iter().filter(|s| s.event == event);
                let mut ops = seen.map(|s| self.op(s.op).kind).peekable();
                if ops.peek().is_some() {
                    return ops.any(|k| fits(k.reads(), k.writes()));
                }
                match self.program.target(body, call) {
                    Target::Fn(def) => self.program.body_of(def).is_none_or(|b| self.calls_outside(b, 0)),
                    Target::Closure(b) => self.calls_outside(b, 0),
                    _ => !is_plain_call(self.callee_name(call)),
                }
            }
            _ => false,
        }
    }

    /// Whether running a body leads to code that is not analysed.
    fn calls_outside(&self, body: BodyId, depth: u32) -> bool {
        depth > MAX_DEPTH
            || self.program.body(body).ir.events.iter().any(|e| match &e.kind {
                EventKind::Opaque | EventKind::Await(_) => true,
                EventKind::Call(call) => match self.program.target(body, call) {
                    Target::Fn(def) => self.program.body_of(def).is_none_or(|b| self.calls_outside(b, depth + 1)),
                    Target::Closure(b) => self.calls_outside(b, depth + 1),
                    _ => !is_plain_call(self.callee_name(call)),
                },
                _ => false,
            })
    }

    fn callers_have_partner(&self, body: BodyId, before: bool, usual: bool, depth: u32) -> bool {
        let b = self.program.body(body);
        if b.parent.is_some() || b.ir.kind != BodyKind::Fn {
            // What a new thread runs has nobody before or after it.
            let Some((parent, event)) = self.program.closure_use(body) else { return true };
            return !self.is_thread_entry(body) && self.has_partner(parent, event, before, usual, depth + 1);
        }
        let def = self.program.def(b.owner);
        if def.item.name == "main" && def.parent.is_none() {
            return false;
        }
        let callers = self.callers(b.owner);
        self.is_external(b.owner)
            || callers.is_empty()
            || callers.iter().any(|(caller, call)| self.has_partner(*caller, *call, before, usual, depth + 1))
    }
}

/// Foreign functions that surely do nothing atomic.
fn is_plain_call(name: &str) -> bool {
    matches!(
        name,
        "new"
            | "len"
            | "is_empty"
            | "get"
            | "push"
            | "pop"
            | "wrapping_add"
            | "wrapping_sub"
            | "min"
            | "max"
            | "unwrap"
            | "expect"
            | "iter"
            | "next"
            | "into_iter"
            | "as_ptr"
            | "is_null"
            | "Some"
            | "Ok"
            | "Err"
            | "from"
            | "into"
            | "default"
            | "to_string"
            | "format"
            | "_print"
            | "as_ref"
            | "deref"
    )
}
