//! Reference counts: decrements whose last owner frees, the handles that own a count, and raises that may come too late.

use super::Facts;
use super::access::{LocId, OpId, Seen};
use super::control::Decision;
use super::required::{Constant, Required};
use super::role::RoleKind;
use crate::ir::{AtomicOpKind, BinOp, EventId, EventKind, ItemKind, Pattern, Terminator, ValueId, ValueKind};
use crate::resolve::places::Root;
use crate::resolve::{BodyId, DefId, Type};

/// How deep types are looked into for the handles that they hold.
const MAX_TYPE_DEPTH: u32 = 4;

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
    pub(super) fn performed(&self, location: LocId, kind: AtomicOpKind) -> Vec<(BodyId, usize)> {
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

/// A raise of an owner count, with the reason why the count may be zero by then.
#[derive(Clone, Debug)]
pub struct LateRaise {
    pub body: BodyId,
    /// Index into the body's seen operations.
    pub seen: usize,
    pub doubt: Doubt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It was found above zero by a separate load: index into the body's seen operations.
    Checked(usize),
    /// It is raised by way of a handle that does not keep the count up, to make one that does.
    Weak { handle: DefId, owner: DefId },
    /// The object was found through a pointer that others replace: index of the load.
    Loaded(usize),
    /// It was found in a table whose lock the last owner (its body, the decrement among what that does) takes only
    /// when the count has come to zero.
    Table { last: BodyId, seen: usize, taken: EventId },
}

impl Facts<'_> {
    /// The raises of an owner count by which an object may come to life again whose last owner is about to free it.
    pub fn late_raises(&self, location: LocId) -> Vec<LateRaise> {
        let mut found: Vec<LateRaise> = Vec::new();
        let raises = self.performed(location, AtomicOpKind::FetchAdd);
        if raises.is_empty() {
            return found;
        }
        let owners = self.is_owner_count(location);
        for (body, seen) in raises {
            let s = &self.seen(body)[seen];
            let told = found.iter().any(|f| self.seen(f.body)[f.seen].op == s.op);
            if told || self.is_alone(body, s) || self.is_guarded(location, s.op) || self.is_result_asked(body, s) {
                continue;
            }
            let of_owners = || {
                self.checked_before(body, s)
                    .or_else(|| self.raised_through_weak(body, location, s))
                    .or_else(|| self.raised_through_loaded(body, s))
            };
            let doubt = owners.then(of_owners).flatten().or_else(|| self.raised_in_table(body, location, s));
            found.extend(doubt.map(|doubt| LateRaise { body, seen, doubt }));
        }
        found
    }

    /// Whether what the raise gives back (the count before it) is compared with zero or one, or goes to a caller who may
    /// do so. A test for overflow is none.
    fn is_result_asked(&self, body: BodyId, raise: &Seen) -> bool {
        let op = self.op(raise.op);
        let Some(result) = op.result else { return false };
        let returned = self
            .program
            .body(op.body)
            .ir
            .blocks
            .iter()
            .any(|b| matches!(b.term, Terminator::Return(Some(v)) if self.derives_from(op.body, v, result)));
        returned || self.is_compared_with(body, raise, &[0, 1])
    }

    /// Whether what an operation gives is compared with one of these numbers, here or in a helper on the way.
    pub fn is_compared_with(&self, body: BodyId, seen: &Seen, numbers: &[i128]) -> bool {
        let steps = std::iter::once((body, seen.event)).chain(seen.via.iter().copied());
        steps.into_iter().any(|(b, e)| {
            let Some(result) = self.result_of(b, e) else { return false };
            let ir = self.program.body(b).ir;
            let number = |v: ValueId| matches!(self.value(b, v), ValueKind::Int(n) if numbers.contains(n));
            let compared = ir.values.iter().any(|v| match &v.kind {
                ValueKind::Binary(op, l, r) if super::value_flow::is_comparison(*op) => {
                    number(*l) && self.derives_from(b, *r, result) || number(*r) && self.derives_from(b, *l, result)
                }
                _ => false,
            });
            compared
                || ir.blocks.iter().any(|block| match &block.term {
                    Terminator::Switch { on, arms } => {
                        arms.iter().any(|(p, _)| matches!(p, Pattern::Int(n) if numbers.contains(n)))
                            && self.derives_from(b, *on, result)
                    }
                    _ => false,
                })
        })
    }

    /// A load of the same count, compared with zero, decides whether the raise happens.
    fn checked_before(&self, body: BodyId, raise: &Seen) -> Option<Doubt> {
        let op = self.op(raise.op);
        let certain = raise.is_direct() || raise.always;
        if !certain || self.context(raise.op).vouched || self.is_claimed(body, raise.event) {
            return None;
        }
        let seen = self.seen(body);
        let flow = self.flow(body);
        let is_check = |i: usize| {
            let load = &seen[i];
            let l = self.op(load.op);
            l.kind == AtomicOpKind::Load
                && l.location == op.location
                && load.place.may_alias(&raise.place)
                && flow.reaches(load.event, raise.event)
                && self.is_compared_with(body, load, &[0])
        };
        // Who raises it because it was zero owns the object in another way: the count is of further owners.
        let none_left = Required { constant: Constant::Int(0), equal: true };
        let asks_for_none = |d: &Decision, i: usize| {
            let result = self.result_of(body, seen[i].event);
            result.and_then(|v| self.required(body, d, raise.event, v)).as_ref() == Some(&none_left)
        };
        self.decisions(body).iter().filter(|d| self.is_controlled(body, d, raise.event)).find_map(|d| {
            let mut flows = d.flows.ops.iter().chain(&d.flows.compared).copied();
            flows.find(|&i| is_check(i) && !asks_for_none(d, i)).map(Doubt::Checked)
        })
    }

    /// The handle that the raise goes through owns another count of the object, and a handle that owns this one is made.
    fn raised_through_weak(&self, body: BodyId, location: LocId, raise: &Seen) -> Option<Doubt> {
        let Root::Param(b, index) = raise.place.root else { return None };
        let Type::Ref { inner, .. } = self.param_type(b, index) else { return None };
        let Type::Adt(handle, _) = inner.peeled_refs() else { return None };
        let owners = self.dropped_by(location);
        let returned = self.program.function(self.program.body(body).owner).map(|f| &f.ret)?;
        let returned = self.program.lower_type(self.program.body(body).owner, returned);
        let owner = owners.iter().copied().find(|o| self.mentions_type(&returned, *o, 0))?;
        let weak = b == body
            && !owners.contains(handle)
            && !owners.iter().any(|o| self.mentions_type(&Type::open(*handle), *o, 0))
            && self.owns_another_count(*handle, location);
        weak.then_some(Doubt::Weak { handle: *handle, owner })
    }

    /// The types whose `Drop` lowers the count.
    pub fn dropped_by(&self, location: LocId) -> Vec<DefId> {
        let mut found: Vec<DefId> = self
            .performed(location, AtomicOpKind::FetchSub)
            .into_iter()
            .map(|(body, _)| self.program.body(body).owner)
            .filter(|f| self.program.implemented_trait(*f) == Some("Drop"))
            .filter_map(|f| self.program.self_adt(f))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The handle's `Drop` lowers another count of the same object, by which the memory lives on when this count has
    /// come to zero: a weak count. (An owner of the strong count keeps the weak one up as well.)
    fn owns_another_count(&self, handle: DefId, location: LocId) -> bool {
        let owner = self.location(location).key.owner();
        owner.is_some()
            && !self.frees_allocation(location)
            && (0..self.locations.len() as u32).map(LocId).any(|other| {
                other != location
                    && self.location(other).key.owner() == owner
                    && self.dropped_by(other).contains(&handle)
                    && self.frees_allocation(other)
            })
    }

    /// Whether the last owner gives back the memory that the count itself lies in, by this count's word alone.
    fn frees_allocation(&self, location: LocId) -> bool {
        self.last_owners(location).iter().any(|last| {
            let events = (0..self.program.body(last.body).ir.events.len() as u32).map(EventId);
            let decisions = self.decisions(last.body);
            let on = |d: &Decision, own: bool| {
                let flows = d.flows.ops.iter().chain(&d.flows.compared);
                flows.copied().any(|i| (i == last.seen) == own)
            };
            let controls =
                |own: bool, e: EventId| decisions.iter().any(|d| on(d, own) && self.is_controlled(last.body, d, e));
            events.into_iter().any(|e| controls(true, e) && !controls(false, e) && self.deallocates(last.body, e, 0))
        })
    }

    pub(super) fn deallocates(&self, body: BodyId, event: EventId, depth: u32) -> bool {
        let EventKind::Call(call) = &self.event(body, event).kind else { return false };
        if matches!(self.callee_name(call), "dealloc" | "deallocate" | "from_raw" | "from_raw_in") {
            return true;
        }
        let inner = |callee: BodyId| {
            let decided = |e: EventId| self.decisions(callee).iter().any(|d| self.is_controlled(callee, d, e));
            let mut events = (0..self.program.body(callee).ir.events.len() as u32).map(EventId);
            events.any(|e| self.deallocates(callee, e, depth + 1) && !decided(e))
        };
        depth < 3 && self.calls(body).iter().any(|(e, c)| *e == event && inner(*c))
    }

    /// Whether a type has another one in it, by its parameters or fields.
    fn mentions_type(&self, ty: &Type, wanted: DefId, depth: u32) -> bool {
        let any = |types: &[Type]| types.iter().any(|t| self.mentions_type(t, wanted, depth + 1));
        if depth > MAX_TYPE_DEPTH {
            return false;
        }
        match ty {
            Type::Adt(adt, args) => {
                let in_fields = || match &self.program.def(*adt).item.kind {
                    ItemKind::Struct(s) => s
                        .fields
                        .iter()
                        .any(|f| self.mentions_type(&self.program.lower_type(*adt, &f.ty), wanted, depth + 1)),
                    _ => false,
                };
                *adt == wanted || any(args) || in_fields()
            }
            Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) => any(args),
            Type::Ref { inner, .. } | Type::Slice(inner) | Type::Array(inner, _) => {
                self.mentions_type(inner, wanted, depth + 1)
            }
            _ => false,
        }
    }

    /// The counted object was reached by a loaded pointer, which others replace, and nothing kept it meanwhile.
    fn raised_through_loaded(&self, body: BodyId, raise: &Seen) -> Option<Doubt> {
        if !raise.is_direct() && !raise.always || self.is_protected(body) {
            return None;
        }
        let touch = self.touches(body).iter().find(|t| t.event == raise.event && !t.pointer.ops.is_empty())?;
        let (load, _) = self.followed(body, touch).find(|(_, s)| {
            let op = self.op(s.op);
            op.kind == AtomicOpKind::Load
                && op.location.is_some_and(|l| self.is_replaced(l))
                && !self.is_alone(body, s)
                && self.context(s.op).locks.is_empty()
        })?;
        let location = self.op(self.seen(body)[load].op).location;
        let flow = self.flow(body);
        // Looked at again after the raise: whoever replaced it meanwhile is found out.
        let again = self
            .seen(body)
            .iter()
            .enumerate()
            .any(|(i, s)| i != load && self.op(s.op).location == location && flow.reaches(raise.event, s.event));
        let announced = self.is_announced(body, load, raise.event);
        (!again && !announced).then_some(Doubt::Loaded(load))
    }

    /// Whether a pointer may be replaced while others look at it, so that the object which it led to goes.
    fn is_replaced(&self, location: LocId) -> bool {
        self.shared_writes(location).any(|w: OpId| {
            let op = self.op(w);
            // A CAS that frees nothing has put an object where none was, by whatever mark that is known.
            let replaces = || !self.expects_nothing(w) && self.frees_what_was_taken(location);
            op.kind == AtomicOpKind::Swap || op.kind.is_cas() && replaces()
        })
    }

    /// A CAS that only ever fills what was null.
    fn expects_nothing(&self, cas: OpId) -> bool {
        let op = self.op(cas);
        op.expected().is_some_and(|v| self.is_static_address(op.body, v, 0))
    }
}

impl Facts<'_> {
    /// The raises of a count of handles that nothing keeps from passing its greatest value: owners of an object, readers
    /// that a lock lets in. The count goes down when a handle is dropped, but a handle can be forgotten.
    pub fn unbounded_raises(&self, location: LocId) -> Vec<OpId> {
        let mut raises: Vec<OpId> = self
            .location(location)
            .ops
            .iter()
            .copied()
            .filter(|&o| self.op(o).kind == AtomicOpKind::FetchAdd && !self.context(o).exclusive)
            .filter(|&o| self.is_raise_by_one(o) && !self.is_bounded_raise(o))
            .collect();
        let counts = || match self.role(location).kind {
            RoleKind::Refcount | RoleKind::Lock => true,
            // What the raise found decides whether a handle is given.
            _ => raises.iter().any(|r| self.result_decides(*r)),
        };
        let handles = || !self.dropped_by(location).is_empty() && counts();
        if !raises.is_empty() && !self.is_owner_count(location) && !handles() {
            raises.clear();
        }
        raises
    }

    fn result_decides(&self, op: OpId) -> bool {
        let body = self.op(op).body;
        let own = |i: &usize| self.seen(body)[*i].op == op;
        self.op(op).result.is_some()
            && self.decisions(body).iter().any(|d| d.flows.ops.iter().chain(&d.flows.compared).any(own))
    }

    /// One handle is added, rather than what was counted up elsewhere or a state changed into another.
    fn is_raise_by_one(&self, raise: OpId) -> bool {
        let op = self.op(raise);
        op.new_value().is_some_and(|v| matches!(self.value(op.body, v), ValueKind::Int(_) | ValueKind::Path(_)))
    }

    /// The old count is compared with a bound, or handed to something that may do so.
    fn is_bounded_raise(&self, raise: OpId) -> bool {
        let op = self.op(raise);
        let Some(result) = op.result else { return false };
        let ir = self.program.body(op.body).ir;
        let from_result = |v: ValueId| self.derives_from(op.body, v, result);
        let bound = |v: ValueId| !matches!(self.value(op.body, v), ValueKind::Int(0 | 1));
        let compared = ir.values.iter().any(|v| match &v.kind {
            ValueKind::Binary(BinOp::Gt | BinOp::Ge | BinOp::Lt | BinOp::Le | BinOp::Eq | BinOp::Ne, l, r) => {
                from_result(*l) && bound(*r) || from_result(*r) && bound(*l)
            }
            _ => false,
        });
        let passed = ir.events.iter().any(|e| match &e.kind {
            EventKind::Call(call) => call.args.iter().any(|v| from_result(*v)),
            EventKind::Macro(m) => m.args.iter().any(|v| from_result(*v)),
            _ => false,
        });
        let returned = ir.blocks.iter().any(|b| matches!(b.term, Terminator::Return(Some(v)) if v == result));
        compared || passed || returned
    }
}
