//! Which branch decides whether an operation runs, and what a stretch of code does besides.

use super::{Facts, Flows, Seen};
use crate::ir::{Base, BlockId, Call, Callee, EventId, EventKind, LocalId, Place, Terminator, ValueId, ValueKind};
use crate::resolve::calls::Target;
use crate::resolve::places::{PlaceRef, Root};
use crate::resolve::{BodyId, Type};

/// A branch on a value.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The block that ends in the branch.
    pub block: BlockId,
    pub cond: ValueId,
    pub flows: Flows,
}

impl Facts<'_> {
    /// The branches of a body whose condition depends on some operation.
    pub fn decisions(&self, body: BodyId) -> &[Decision] {
        self.decisions[body.index()].get_or_init(|| self.decisions_of(body))
    }

    fn decisions_of(&self, body: BodyId) -> Vec<Decision> {
        if self.seen(body).is_empty() {
            return Vec::new();
        }
        let blocks = &self.program.body(body).ir.blocks;
        let mut found = Vec::new();
        for (i, block) in blocks.iter().enumerate() {
            let cond = match &block.term {
                Terminator::Branch { cond, .. } => *cond,
                Terminator::Switch { on, .. } | Terminator::Try { on, .. } => *on,
                _ => continue,
            };
            let flows = self.flows_into(body, cond);
            if !flows.ops.is_empty() || !flows.compared.is_empty() || !flows.decided.is_empty() {
                found.push(Decision { block: BlockId(i as u32), cond, flows });
            }
        }
        found
    }

    /// Whether the branch decides whether `event` runs: one way out of it leads there, another can miss it.
    pub fn is_controlled(&self, body: BodyId, decision: &Decision, event: EventId) -> bool {
        let flow = self.flow(body);
        let target = flow.block_of(event);
        if target == decision.block {
            return false;
        }
        let by_edge = flow.successors(decision.block).iter().any(|s| flow.edge_controls(decision.block, *s, target));
        by_edge || flow.decides(decision.block, target) && flow.block_dominates(decision.block, target)
    }

    /// The way out of the branch on which `event` lies.
    pub fn controlling_edge(&self, body: BodyId, decision: &Decision, event: EventId) -> Option<BlockId> {
        let flow = self.flow(body);
        let target = flow.block_of(event);
        let mut ways = flow
            .successors(decision.block)
            .iter()
            .copied()
            .filter(|s| *s == target || flow.block_dominates(*s, target));
        match (ways.next(), ways.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    }

    /// The way on which `event` lies out of the last branch between another branch and it.
    pub fn told_between(&self, body: BodyId, first: BlockId, event: EventId) -> Option<BlockId> {
        let flow = self.flow(body);
        let target = flow.block_of(event);
        let blocks = (0..self.program.body(body).ir.blocks.len() as u32).map(BlockId);
        let branches = |b: &BlockId| *b != first && flow.successors(*b).len() > 1 && flow.block_dominates(first, *b);
        let edges = blocks
            .filter(branches)
            .flat_map(|b| flow.successors(b).iter().copied().filter(move |to| flow.edge_controls(b, *to, target)));
        // The last one lies behind all others.
        edges
            .filter(|to| flow.block_dominates(*to, target))
            .reduce(|a, b| if flow.block_dominates(a, b) { b } else { a })
    }

    /// Whether the branch is a `debug_assert!`, which decides nothing in a release build.
    pub fn is_debug_assertion(&self, body: BodyId, decision: &Decision) -> bool {
        self.ends_in_macro(body, decision, "debug_assert")
    }

    /// Whether the branch is an `assert!`: it says what holds anyway, and sends nobody another way.
    pub fn is_assertion(&self, body: BodyId, decision: &Decision) -> bool {
        self.ends_in_macro(body, decision, "assert")
    }

    fn ends_in_macro(&self, body: BodyId, decision: &Decision, name: &str) -> bool {
        let b = self.program.body(body).ir;
        let panics = |e: &EventId| match &b.events[e.index()].kind {
            EventKind::Macro(m) => m.diverges && m.path.last().starts_with(name),
            _ => false,
        };
        let ways = self.flow(body).successors(decision.block);
        ways.iter().any(|to| b.blocks[to.index()].events.iter().any(panics))
    }

    /// Whether a branch behind `from` decides whether `to` runs, on what a lock's data or a called function that makes
    /// a read-modify-write has said: by then the matter is settled anew.
    pub fn is_settled_between(&self, body: BodyId, from: EventId, to: EventId) -> bool {
        let flow = self.flow(body);
        let b = self.program.body(body).ir;
        let settles = |id: EventId, call: &Call| {
            let by_guard = match &call.callee {
                Callee::Method { receiver, .. } => {
                    self.program.autoderef(&self.program.place_type(body, receiver)).iter().any(Type::is_guard)
                }
                _ => false,
            };
            by_guard || self.seen(body).iter().any(|s| s.event == id && !s.is_direct() && self.op(s.op).kind.is_rmw())
        };
        b.events.iter().enumerate().any(|(i, e)| {
            let id = EventId(i as u32);
            let EventKind::Call(call) = &e.kind else { return false };
            if id == to || !flow.reaches(from, id) || !flow.dominates(id, to) || !settles(id, call) {
                return false;
            }
            let Some(said) = self.result_of(body, id) else { return false };
            b.blocks.iter().enumerate().any(|(n, block)| {
                let cond = match &block.term {
                    Terminator::Branch { cond, .. } => *cond,
                    Terminator::Switch { on, .. } | Terminator::Try { on, .. } => *on,
                    _ => return false,
                };
                let decision = Decision { block: BlockId(n as u32), cond, flows: Flows::default() };
                self.derives_from(body, cond, said) && self.is_controlled(body, &decision, to)
            })
        })
    }

    /// The branch is the end of a loop that works on what it compares with (`while len > table.capacity() { grow }`):
    /// what follows the loop runs in any case.
    pub fn is_worked_off(&self, body: BodyId, decision: &Decision, event: EventId) -> bool {
        let ir = self.program.body(body).ir;
        let flow = self.flow(body);
        let Some(l) = ir.blocks[decision.block.index()].in_loop else { return false };
        let inside = |b: BlockId| super::flow::loop_within(ir, ir.blocks[b.index()].in_loop, l);
        let leaves = flow.successors(decision.block).iter().filter(|s| !inside(**s)).count() == 1;
        if !leaves || inside(flow.block_of(event)) {
            return false;
        }
        let changed = ir.events.iter().filter(|e| inside(e.block)).filter_map(|e| match e.kind {
            EventKind::Assign { local, .. } => Some(local),
            _ => None,
        });
        let changed: Vec<LocalId> = changed.collect();
        // The variable that the work changes is what the other side of the comparison is made of.
        let ValueKind::Binary(_, l, r) = self.value(body, decision.cond) else { return false };
        [l, r]
            .into_iter()
            .any(|side| self.flows_into(body, *side).ops.is_empty() && self.asks(body, *side, &changed, 0))
    }

    /// Whether a value is one of these variables or what a method of one gives.
    fn asks(&self, body: BodyId, value: ValueId, of: &[LocalId], depth: u32) -> bool {
        let is_it = |p: &Place| match p.base {
            Base::Local(local, _) => of.contains(&local),
            Base::Value(v) => depth < 4 && self.asks(body, v, of, depth + 1),
            Base::Path(_) => false,
        };
        match self.value(body, value) {
            ValueKind::Read(p) => is_it(p),
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(Call { callee: Callee::Method { receiver, .. }, .. }) => is_it(receiver),
                _ => false,
            },
            ValueKind::Cast(v, _) => depth < 4 && self.asks(body, *v, of, depth + 1),
            _ => false,
        }
    }

    /// Something that comes out the same however often it is done: another plain word that is stored, or a call to
    /// code outside on variables of the function's own.
    pub fn is_computed_again(&self, body: BodyId, event: EventId) -> bool {
        let own =
            |at: &PlaceRef| matches!(at.root, Root::Local(b, _) | Root::Value(b, _) if b == body) && at.shared == 0;
        match &self.event(body, event).kind {
            EventKind::Atomic(_) => self.seen(body).iter().filter(|s| s.event == event).all(|s| {
                let op = self.op(s.op);
                let plain = !op.value_type.is_raw_pointer() && op.atomic.is_some_and(|a| !a.is_pointer());
                op.kind == crate::ir::AtomicOpKind::Store && plain && s.stored.ops.is_empty()
            }),
            EventKind::Call(call) => {
                let foreign = match self.program.target(body, call) {
                    Target::Foreign(_) | Target::Method { .. } => true,
                    Target::Unknown => matches!(call.callee, Callee::Method { .. } | Callee::Path(_)),
                    _ => false,
                };
                let by_receiver = match &call.callee {
                    Callee::Method { receiver, .. } => own(&self.program.place_ref(body, receiver)),
                    _ => true,
                };
                let constant = |v: ValueId| self.flows_into(body, v).is_constant();
                foreign
                    && by_receiver
                    && call.args.iter().all(|v| constant(*v) || own(&self.program.value_ref(body, *v)))
            }
            _ => false,
        }
    }

    /// The events of blocks that run only by way of `edge`.
    pub fn events_behind(&self, body: BodyId, edge: BlockId) -> impl Iterator<Item = EventId> + '_ {
        let flow = self.flow(body);
        let blocks = &self.program.body(body).ir.blocks;
        (0..blocks.len() as u32)
            .map(BlockId)
            .filter(move |b| flow.block_dominates(edge, *b))
            .flat_map(move |b| blocks[b.index()].events.iter().copied())
    }

    /// Whether what a pointer leads to is freed (or taken into an owner again) on a way from `from` to `to`.
    pub fn is_freed(&self, body: BodyId, pointer: ValueId, from: EventId, to: EventId) -> bool {
        let flow = self.flow(body);
        self.frees(body, pointer).any(|id| flow.reaches(from, id) && flow.reaches(id, to))
    }

    /// The same, on some way behind an event.
    pub fn is_freed_behind(&self, body: BodyId, pointer: ValueId, event: EventId) -> bool {
        let flow = self.flow(body);
        self.frees(body, pointer).any(|id| flow.reaches(event, id))
    }

    /// Whether the object that an operation works on is freed on every way behind it: nobody else may have it any more.
    pub fn is_freed_with(&self, body: BodyId, seen: &Seen) -> bool {
        let values = &self.program.body(body).ir.values;
        let object = match seen.place.root {
            Root::Value(at, v) if at == body => Some(v),
            Root::Param(at, i) if at == body => {
                values.iter().position(|v| v.kind == ValueKind::Param(i)).map(|v| ValueId(v as u32))
            }
            _ => None,
        };
        let flow = self.flow(body);
        object.is_some_and(|object| {
            self.frees(body, object).any(|id| {
                flow.reaches(seen.event, id) && flow.block_post_dominates(flow.block_of(id), flow.block_of(seen.event))
            })
        })
    }

    /// The calls that free what a pointer leads to, or make an owner of it.
    fn frees(&self, body: BodyId, pointer: ValueId) -> impl Iterator<Item = EventId> + '_ {
        let events = self.program.body(body).ir.events.iter().enumerate();
        events.filter_map(move |(i, e)| {
            let EventKind::Call(call) = &e.kind else { return None };
            let freed = match &call.callee {
                Callee::Path(path) => {
                    matches!(path.last(), "from_raw" | "drop_in_place" | "dealloc" | "from_non_null" | "free")
                        && call.args.iter().any(|v| self.derives_from(body, *v, pointer))
                }
                Callee::Method { receiver, name, .. } => {
                    name == "drop_in_place"
                        && match receiver.base {
                            Base::Local(_, v) | Base::Value(v) => self.derives_from(body, v, pointer),
                            Base::Path(_) => false,
                        }
                }
                Callee::Value(_) => false,
            };
            freed.then_some(EventId(i as u32))
        })
    }

    /// Whether an event does something that another thread or the caller can notice: anything but plain reads,
    /// borrows, ends of scope and loads.
    pub fn has_effect(&self, body: BodyId, event: EventId) -> bool {
        match &self.event(body, event).kind {
            EventKind::Atomic(op) => op.kind.writes(),
            EventKind::Call(call) => !self.is_harmless_call(body, call),
            EventKind::Macro(m) => !matches!(
                m.path.last(),
                "debug_assert" | "debug_assert_eq" | "debug_assert_ne" | "matches" | "assert" | "assert_eq"
            ),
            EventKind::Write { .. } | EventKind::Await(_) | EventKind::Opaque => true,
            EventKind::Assign { .. }
            | EventKind::Fence { .. }
            | EventKind::Read(_)
            | EventKind::Borrow { .. }
            | EventKind::ScopeEnd(_) => false,
        }
    }

    /// Whether an event only writes to a log, where a line more harms nobody.
    pub fn is_logging(&self, body: BodyId, event: EventId) -> bool {
        let own = |e: &&super::effects::Effect| e.event == event;
        matches!(self.event(body, event).kind, EventKind::Macro(_))
            && self.effects(body).iter().filter(own).all(|e| e.kind == super::effects::EffectKind::Log)
            && self.effects(body).iter().any(|e| own(&e))
    }

    /// Calls that only compute: conversions, comparisons, constructors of plain values.
    fn is_harmless_call(&self, body: BodyId, call: &crate::ir::Call) -> bool {
        match self.program.target(body, call) {
            Target::Method { .. } | Target::Foreign(_) | Target::Unknown => {
                let name = match &call.callee {
                    Callee::Path(p) => p.last(),
                    Callee::Method { name, .. } => name,
                    Callee::Value(_) => return false,
                };
                super::wait_loop::is_hint(name)
                    || matches!(
                        name,
                        "is_null"
                            | "is_some"
                            | "is_none"
                            | "is_ok"
                            | "is_err"
                            | "eq"
                            | "ne"
                            | "clone"
                            | "as_ref"
                            | "into"
                            | "from"
                            | "unwrap"
                            | "len"
                            | "load"
                            | "get"
                            | "as_ptr"
                            | "deref"
                            | "null_mut"
                            | "null"
                    )
                    || matches!(&call.callee, Callee::Path(p) if is_wrapping(p))
            }
            Target::Fn(def) => self.program.body_of(def).is_some_and(|b| {
                let events = &self.program.body(b).ir.events;
                events.len() <= 8
                    && (0..events.len() as u32).all(|e| {
                        !matches!(self.event(b, EventId(e)).kind, EventKind::Call(_)) && !self.has_effect(b, EventId(e))
                    })
            }),
            Target::Closure(_) => false,
        }
    }
}

/// `NonNull::new(p)`, which only gives a pointer another type.
fn is_wrapping(path: &crate::ir::Path) -> bool {
    let owner = path.segments.iter().rev().nth(1).map_or("", |s| s.name.as_str());
    owner == "NonNull" && path.last().starts_with("new")
}
