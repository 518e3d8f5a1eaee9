//! What belongs to one thread by its number: elements found by a thread's or worker's index, and words that are
//! compared with the caller's own id.

use super::Facts;
use super::access::LocId;
use super::control::Decision;
use crate::ir::{AtomicOpKind, Base, BinOp, Callee, EventKind, Place, Proj, ValueId, ValueKind};
use crate::resolve::BodyId;
use crate::resolve::places::{PlaceRef, Root, Step};

const MAX_DEPTH: u32 = 6;

impl Facts<'_> {
    /// A branch compares with something of the caller's own (its thread's id): only the owner gets past.
    pub fn compares_own_id(&self, body: BodyId, decision: &Decision) -> bool {
        self.asks_for_own_id(body, decision.cond)
    }

    pub(super) fn asks_for_own_id(&self, body: BodyId, cond: ValueId) -> bool {
        let ValueKind::Binary(BinOp::Eq | BinOp::Ne, l, r) = self.value(body, cond) else { return false };
        [*l, *r].into_iter().any(|v| self.mentions_id(body, v, 0))
    }

    /// Whether threads ask of a location if it holds their own id: who is found there has written it, and is the only one
    /// to change it until it is gone.
    pub fn holds_owners_id(&self, location: LocId) -> bool {
        self.location(location).ops.iter().any(|&o| {
            let op = self.op(o);
            let asks = |d: &&Decision| {
                let mut read = d.flows.ops.iter().chain(&d.flows.compared);
                read.any(|i| self.seen(op.body)[*i].op == o)
            };
            op.kind == AtomicOpKind::Load
                && self.decisions(op.body).iter().filter(asks).any(|d| self.compares_own_id(op.body, d))
        })
    }

    /// An element that belongs to the thread (or worker) by whose number it is found.
    pub fn is_own_element(&self, place: &PlaceRef) -> bool {
        let by_step = place.steps.iter().any(|s| match s {
            Step::Index(Some((body, index))) => self.mentions_id(*body, *index, 0),
            _ => false,
        });
        by_step
            || match place.root {
                Root::Value(body, v) => self.is_found_by_id(body, v, 0),
                _ => false,
            }
    }

    /// Whether a pointer or reference was made by counting up to a thread's number: `base.add(thread.index)`.
    fn is_found_by_id(&self, body: BodyId, value: ValueId, depth: u32) -> bool {
        if depth > MAX_DEPTH {
            return false;
        }
        let behind = |p: &Place| match p.base {
            Base::Local(_, v) | Base::Value(v) => self.is_found_by_id(body, v, depth + 1),
            Base::Path(_) => false,
        };
        match self.value(body, value) {
            ValueKind::Read(p) | ValueKind::Ref { place: p, .. } => behind(p),
            ValueKind::Cast(v, _) => self.is_found_by_id(body, *v, depth + 1),
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(c) => match &c.callee {
                    Callee::Method { name, .. }
                        if matches!(name.as_str(), "add" | "offset" | "wrapping_add" | "get" | "get_unchecked") =>
                    {
                        c.args.iter().any(|v| self.mentions_id(body, *v, 0))
                    }
                    _ => false,
                },
                _ => false,
            },
            _ => false,
        }
    }

    fn mentions_id(&self, body: BodyId, value: ValueId, depth: u32) -> bool {
        if depth > MAX_DEPTH {
            return false;
        }
        match self.value(body, value) {
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(c) => {
                    let named = match &c.callee {
                        Callee::Path(p) => is_like_id(p.last()),
                        Callee::Method { name, receiver, .. } => {
                            is_like_id(name) || self.place_mentions_id(body, receiver, depth)
                        }
                        Callee::Value(_) => false,
                    };
                    named || c.args.iter().any(|v| self.mentions_id(body, *v, depth + 1))
                }
                _ => false,
            },
            ValueKind::Param(index) => is_like_id(&self.program.param_name(body, *index)),
            ValueKind::Read(p) => self.place_mentions_id(body, p, depth),
            ValueKind::Cast(v, _) | ValueKind::Part { of: v, .. } => self.mentions_id(body, *v, depth + 1),
            _ => false,
        }
    }

    fn place_mentions_id(&self, body: BodyId, place: &Place, depth: u32) -> bool {
        let by_field = place.proj.iter().any(|p| matches!(p, Proj::Field(f) if is_like_id(f)));
        by_field
            || match &place.base {
                Base::Local(l, v) => {
                    is_like_id(&self.program.body(body).ir.locals[l.index()].name)
                        || self.mentions_id(body, *v, depth + 1)
                }
                Base::Value(v) => self.mentions_id(body, *v, depth + 1),
                // `THREAD_ID.with(|id| *id)`
                Base::Path(path) => is_like_id(&path.last().to_lowercase()),
            }
    }
}

fn is_like_id(name: &str) -> bool {
    name.split('_').any(|w| matches!(w, "id" | "tid" | "current" | "thread" | "worker"))
}
