//! Which operations hand data to other threads, and which operations others follow to it.
//!
//! A *publish* is a write of a location after which other threads may look at plain memory: a pointer to a fresh
//! object, or a flag or index raised after the data was written. A *follow* is a read of the location whose value
//! leads to that memory: the pointer is dereferenced, or a branch on the flag decides whether the data is touched.

use rustc_hash::FxHashMap;

use super::access::{Key, LocId, Order};
use super::control::Decision;
use super::excused::{is_excused, is_own_data};
use super::pairing::lacks_acquire;
use super::required::{Constant, Required};
use super::touch::{Touch, TouchKind};
use super::{Facts, Seen};
use crate::ir::{AtomicOpKind, Base, BlockId, EventId, ItemKind, Ordering, Place, ValueId, ValueKind};
use crate::resolve::places::Root;
use crate::resolve::{BodyId, DefId, Type};

/// What was made ready before a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A new object, made by this event (`None` if the caller made it), to which the stored pointer leads.
    Object(Option<EventId>),
    /// Plain memory, by index into the body's touches.
    Touch(usize),
    /// Another atomic, written `Relaxed` before: index into the body's seen operations.
    Atomic(usize),
}

#[derive(Clone, Debug)]
pub struct Publish {
    pub body: BodyId,
    /// Index into the body's seen operations.
    pub seen: usize,
    pub evidence: Evidence,
    /// The memory that is handed over, where it is a field or static.
    pub key: Option<Key>,
    /// What is stored, if it is a constant.
    pub value: Option<Constant>,
    /// The whole object that the location is part of was written.
    pub whole: Option<DefId>,
    pub writes: bool,
    /// It releases what came before, by itself or by a fence.
    pub released: bool,
}

/// How a read leads to data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The loaded pointer is dereferenced: index into the body's touches.
    Pointer(usize),
    /// A branch on the loaded value decides whether the memory is touched: index into the body's touches.
    Guards(usize),
    /// The same for data in another atomic that is read `Relaxed`: index into the body's seen operations.
    GuardsAtomic(usize),
}

#[derive(Clone, Debug)]
pub struct Follow {
    pub body: BodyId,
    /// Index into the body's seen operations.
    pub seen: usize,
    pub how: How,
    pub key: Option<Key>,
    pub writes: bool,
    /// What was released is acquired before it is used, or needs no acquire here.
    pub acquired: bool,
    /// What the branch asks the value to be.
    pub required: Option<Required>,
    /// The value comes from a failed CAS.
    pub failure: bool,
    /// The ordering is a parameter of the function.
    pub forwarded: bool,
}

#[derive(Debug, Default)]
pub struct Published {
    publishes: FxHashMap<LocId, Vec<Publish>>,
    follows: FxHashMap<LocId, Vec<Follow>>,
}

impl Facts<'_> {
    fn published(&self) -> &Published {
        self.published.get_or_init(|| {
            let mut all = Published::default();
            for body in self.bodies_with_ops() {
                publishes(self, body, &mut all);
                follows(self, body, &mut all);
            }
            all
        })
    }

    /// The writes of a location that hand data over, in shared contexts.
    pub fn publishes(&self, location: LocId) -> &[Publish] {
        self.published().publishes.get(&location).map_or(&[], |v| v)
    }

    /// The reads of a location that lead to data, in shared contexts.
    pub fn follows(&self, location: LocId) -> &[Follow] {
        self.published().follows.get(&location).map_or(&[], |v| v)
    }

    /// Whether what the publish makes ready is what the follow leads to.
    pub fn leads_to(&self, publish: &Publish, follow: &Follow) -> bool {
        let excluded = match (&follow.required, &publish.value) {
            (Some(required), Some(value)) => required.excludes(value),
            _ => false,
        };
        // A function that looks at data and writes it later has no other thread to give it back to.
        let own = !publish.writes && publish.body == follow.body;
        // Who has only looked at the data hands them over in one state of several, and which one is not known.
        let other_state =
            !publish.writes && publish.value.is_none() && follow.required.as_ref().is_some_and(|r| r.equal);
        let elsewhere = !self.is_same_field(publish, follow);
        if excluded
            || own
            || other_state
            || elsewhere
            || self.take_in_turn(publish, follow)
            || self.is_mere_hint(publish, follow)
            || self.is_one_owner(publish.body, follow.body)
        {
            return false;
        }
        match (publish.evidence, follow.how) {
            (Evidence::Object(_), How::Pointer(_)) => true,
            (Evidence::Touch(_), How::Pointer(_)) => publish.key.is_none() && publish.writes,
            (Evidence::Object(_), _)
            | (Evidence::Atomic(_), How::Pointer(_))
            | (Evidence::Touch(_), How::GuardsAtomic(_)) => false,
            (Evidence::Touch(_), How::Guards(_)) if publish.whole.is_some() => {
                follow.key.as_ref().and_then(Key::owner) == publish.whole
            }
            _ => publish.key.is_some() && publish.key == follow.key && (publish.writes || follow.writes),
        }
    }

    /// Whether `event` runs only after `decision` was taken: on one side of the branch, after the loop that it
    /// ends, or behind a branch whose other side writes the location first (a lazy initialisation).
    pub fn is_behind(&self, body: BodyId, decision: &Decision, event: EventId, location: LocId) -> bool {
        if self.is_controlled(body, decision, event) {
            return true;
        }
        let flow = self.flow(body);
        let target = flow.block_of(event);
        if target == decision.block || !flow.block_dominates(decision.block, target) {
            return false;
        }
        let ir = self.program.body(body).ir;
        let in_loop = ir.blocks[decision.block.index()].in_loop;
        let leaves = in_loop.is_some_and(|l| {
            !super::flow::loop_within(ir, ir.blocks[target.index()].in_loop, l)
                && flow
                    .successors(decision.block)
                    .iter()
                    .any(|s| !super::flow::loop_within(ir, ir.blocks[s.index()].in_loop, l))
        });
        let skips = || {
            self.seen(body).iter().any(|s| {
                let op = self.op(s.op);
                op.location == Some(location)
                    && op.kind.writes()
                    && self.is_controlled(body, decision, s.event)
                    && flow.reaches(s.event, event)
            })
        };
        leaves || skips()
    }
}

/// Whether a write may put something other than a null or "nothing here" into the location.
fn publishes(facts: &Facts<'_>, body: BodyId, all: &mut Published) {
    let seen = facts.seen(body);
    for (i, s) in seen.iter().enumerate() {
        let op = facts.op(s.op);
        let Some(location) = op.location else { continue };
        if !op.kind.writes() || op.kind == AtomicOpKind::Update || is_alone(facts, body, s) {
            continue;
        }
        // An RMW of a helper is judged where it stands, unless the memory is only known here.
        let mut found = Vec::new();
        if s.is_direct() {
            found.extend(object_published(facts, body, i, s));
        }
        found.extend(memory_published(facts, body, i, s));
        found.extend(atomics_published(facts, body, i, s));
        for p in &mut found {
            p.released = p.released || !facts.shared_write_matters(location, s) || facts.may_be_locked_by_callers(s.op);
        }
        all.publishes.entry(location).or_default().extend(found);
    }
}

/// Alone with the memory, and not by a handle that others have the like of.
pub(super) fn is_alone(facts: &Facts<'_>, body: BodyId, s: &Seen) -> bool {
    facts.is_alone(body, s) && !facts.is_lent(s.op)
}

fn releases(order: Order) -> bool {
    !matches!(order, Order::Known(Ordering::Relaxed | Ordering::Acquire))
}

fn object_published(facts: &Facts<'_>, body: BodyId, i: usize, s: &Seen) -> Option<Publish> {
    let op = facts.op(s.op);
    let value = op.new_value()?;
    let made = facts.fresh_object(body, value)?;
    let fenced =
        made.is_some_and(|m| !facts.reaches_unreleased(body, m, s.event)) || facts.is_released_before(body, s.event);
    Some(Publish {
        body,
        seen: i,
        evidence: Evidence::Object(made),
        key: None,
        value: None,
        whole: None,
        writes: true,
        released: releases(s.orders.success) || fenced,
    })
}

fn memory_published(facts: &Facts<'_>, body: BodyId, i: usize, s: &Seen) -> Vec<Publish> {
    let flow = facts.flow(body);
    let mut found: Vec<Publish> = Vec::new();
    for (n, t) in facts.touches(body).iter().enumerate() {
        if t.event == s.event || !flow.reaches(t.event, s.event) || !is_shared_memory(t) {
            continue;
        }
        if facts.is_taken_by(body, t, s) {
            continue;
        }
        // Written through the very pointer that is published: the object is handed over.
        let by_pointer = s.is_direct() && is_written_through(facts, body, t, s);
        let whole = whole_object(facts, t, s);
        if t.key.is_none() && !by_pointer && whole.is_none() || !by_pointer && is_private(facts, body, t) {
            continue;
        }
        if !by_pointer && (!is_near(t, s) || is_on_the_way(t, s)) {
            continue;
        }
        let key = if by_pointer { None } else { t.key.clone() };
        if !t.kind.writes() && (is_claim(facts, body, t, s) || is_on_the_way(t, s)) {
            continue;
        }
        if found.iter().any(|f| f.key == key && f.whole == whole && (f.writes || !t.kind.writes())) {
            continue;
        }
        let released = releases(s.orders.success)
            || !facts.reaches_unreleased(body, t.event, s.event)
            || goes_on_releasing(facts, body, t, s)
            || facts.releases_in_helper(s)
            || facts.releases_behind(t)
            || is_released_next(facts, body, s)
            || facts.is_released_before(body, s.event);
        found.push(Publish {
            body,
            seen: i,
            evidence: Evidence::Touch(n),
            key,
            value: constant_stored(facts, s),
            whole,
            writes: t.kind.writes(),
            released,
        });
    }
    found
}

/// Data that is looked at before the operation is used or written behind it as well: the operation takes it rather
/// than giving it back.
fn is_claim(facts: &Facts<'_>, body: BodyId, looked_at: &Touch, s: &Seen) -> bool {
    let behind = |e: EventId| match e == s.event {
        true => !s.is_direct(),
        false => facts.flow(body).dominates(s.event, e),
    };
    let same = |t: &Touch| t.key.is_some() && t.key == looked_at.key && t.event != looked_at.event;
    facts.touches(body).iter().any(|t| same(t) && behind(t.event))
}

/// The data was released by an earlier write of the location, and an RMW goes on with what that write began.
fn goes_on_releasing(facts: &Facts<'_>, body: BodyId, t: &Touch, s: &Seen) -> bool {
    let flow = facts.flow(body);
    let location = facts.op(s.op).location;
    facts.op(s.op).kind.is_rmw()
        && facts.seen(body).iter().any(|r| {
            let op = facts.op(r.op);
            op.kind.writes()
                && op.location == location
                && r.event != s.event
                && r.orders.success.known().is_some_and(Ordering::releases)
                && (r.event == t.event || flow.dominates(t.event, r.event))
                && flow.dominates(r.event, s.event)
        })
}

fn constant_stored(facts: &Facts<'_>, s: &Seen) -> Option<Constant> {
    let op = facts.op(s.op);
    facts.constant_of(op.body, op.new_value()?)
}

/// Data kept in other atomics and written `Relaxed` before a write of this one that releases them, or is a plain store
/// and should.
fn atomics_published(facts: &Facts<'_>, body: BodyId, i: usize, s: &Seen) -> Vec<Publish> {
    let op = facts.op(s.op);
    let Some(order) = s.orders.success.known() else { return Vec::new() };
    // What a helper leaves without a release is judged there, unless it is told here which ordering to use.
    let is_here = s.is_direct() || facts.is_forwarded(s);
    let shows = || {
        let matters = op.location.is_some_and(|l| facts.shared_write_matters(l, s));
        is_here && op.kind == AtomicOpKind::Store && matters && !facts.may_be_locked_by_callers(s.op)
    };
    if !(order.releases() || shows()) {
        return Vec::new();
    }
    let flow = facts.flow(body);
    let seen = facts.seen(body);
    let mut found = Vec::new();
    for (n, d) in seen.iter().enumerate() {
        let data = facts.op(d.op);
        let Some(location) = data.location.filter(|l| Some(*l) != op.location) else { continue };
        if data.kind == AtomicOpKind::Store
            && d.orders.success == Order::Known(Ordering::Relaxed)
            && d.event != s.event
            && flow.reaches(d.event, s.event)
            && (order.releases()
                || flow.dominates(d.event, s.event) && facts.reaches_unreleased(body, d.event, s.event))
            && facts.location(location).key.owner() == op.location.and_then(|l| facts.location(l).key.owner())
            && !facts.is_alone(body, d)
        {
            let key = Some(facts.location(location).key.clone());
            found.push(Publish {
                body,
                seen: i,
                evidence: Evidence::Atomic(n),
                key,
                value: constant_stored(facts, s),
                whole: None,
                writes: true,
                released: order.releases(),
            });
        }
    }
    found
}

/// Memory that another thread can name: a `static mut`, the inside of a cell, or what a raw pointer leads to.
fn is_shared_memory(t: &Touch) -> bool {
    !t.by_reference || t.key.is_some()
}

/// The memory belongs to something that was made here and not yet given away.
fn is_private(facts: &Facts<'_>, body: BodyId, t: &Touch) -> bool {
    facts.is_exclusive(body, t.event, &t.place) || t.value.is_some_and(|v| facts.fresh_object(body, v).is_some())
}

/// The type of the object that was written as a whole, through the pointer by which the flag in it is reached.
fn whole_object(facts: &Facts<'_>, t: &Touch, s: &Seen) -> Option<DefId> {
    let same =
        t.key.is_none() && t.kind == TouchKind::Write && t.place.steps.is_empty() && t.place.root == s.place.root;
    let owner = facts.op(s.op).location.and_then(|l| facts.location(l).key.owner());
    owner.filter(|_| same && matches!(t.place.root, Root::Value(..)))
}

/// Flag and data belong together: parts of one object, or both statics.
fn is_near(t: &Touch, s: &Seen) -> bool {
    match (&t.place.root, &s.place.root) {
        (Root::Static(_), Root::Static(_)) => true,
        (a, b) => a == b && *a != Root::Unknown,
    }
}

/// A step of a helper that always has a releasing write of the same location behind it, which is what lets readers in.
fn is_released_next(facts: &Facts<'_>, body: BodyId, s: &Seen) -> bool {
    !s.is_direct()
        && facts.seen(body).iter().any(|next| {
            facts.op(next.op).location == facts.op(s.op).location
                && facts.op(next.op).kind.writes()
                && releases(next.orders.success)
                && facts.flow(body).always_followed_by(s.event, next.event)
        })
}

/// The memory by which the location itself is reached: who has come to the location has seen it.
fn is_on_the_way(t: &Touch, s: &Seen) -> bool {
    !t.place.steps.is_empty()
        && s.place.steps.len() > t.place.steps.len()
        && s.place.root == t.place.root
        && s.place.steps.starts_with(&t.place.steps)
}

fn is_written_through(facts: &Facts<'_>, body: BodyId, t: &Touch, s: &Seen) -> bool {
    let (Some(pointer), Some(stored)) = (t.value, facts.op(s.op).new_value()) else { return false };
    t.kind.writes()
        && t.kind != TouchKind::Take
        && facts.op(s.op).atomic.is_some_and(|a| a.is_pointer())
        && facts.is_alias(body, stored, origin(facts, body, pointer), 0)
}

/// The value that a variable was given, looked at through reads and casts.
pub fn origin(facts: &Facts<'_>, body: BodyId, value: ValueId) -> ValueId {
    let mut at = value;
    for _ in 0..8 {
        at = match facts.value(body, at) {
            ValueKind::Read(Place { base: Base::Local(_, v) | Base::Value(v), proj, .. }) if proj.is_empty() => *v,
            ValueKind::Cast(v, _) | ValueKind::Mutated { before: v, .. } => *v,
            _ => return at,
        };
    }
    at
}

fn follows(facts: &Facts<'_>, body: BodyId, all: &mut Published) {
    told_follows(facts, body, all);
    for (n, t) in facts.touches(body).iter().enumerate() {
        for (i, s) in facts.followed(body, t) {
            // Judged in the helper, unless it is told here which ordering to use.
            let same_helper =
                t.event == s.event && !t.is_direct() && !s.is_direct() && !facts.is_ordering_chosen(body, s);
            if same_helper
                || facts.is_put_away(body, t)
                || facts.is_asserted_only(t)
                || !facts.flow(body).reaches(s.event, t.event) && s.event != t.event
            {
                continue;
            }
            add_follow(facts, all, body, i, How::Pointer(n), t.event, t.value, None, t.kind.writes(), None);
        }
    }
    // Who finds the own id has written it: what was written with it is the own as well.
    let tells = |d: &&Decision| !facts.is_debug_assertion(body, d) && !facts.compares_own_id(body, d);
    for d in facts.decisions(body).iter().filter(tells) {
        for &i in d.flows.ops.iter().chain(&d.flows.compared) {
            let s = &facts.seen(body)[i];
            let Some(location) = facts.op(s.op).location else { continue };
            for (n, t) in facts.touches(body).iter().enumerate() {
                if !may_be_guarded(facts, body, t, s) {
                    continue;
                }
                if facts.is_behind(body, d, t.event, location) {
                    let required = required(facts, body, d, t.event, s);
                    add_guard(facts, all, body, i, n, Some(d.cond), required);
                } else if let Some(edge) = facts.way_through(body, d, s.event, facts.flow(body).block_of(t.event)) {
                    let required = facts.result_of(body, s.event).and_then(|v| facts.required_on(body, d, edge, v));
                    add_guard(facts, all, body, i, n, Some(d.cond), required);
                }
            }
            for (n, data) in facts.seen(body).iter().enumerate() {
                let op = facts.op(data.op);
                if op.kind == AtomicOpKind::Load
                    && data.orders.success == Order::Known(Ordering::Relaxed)
                    && op.location.is_some_and(|l| l != location)
                    && facts.is_controlled(body, d, data.event)
                    && !is_settled_by_cas(facts, body, location, i, data)
                {
                    let key = op.location.map(|l| facts.location(l).key.clone());
                    let how = How::GuardsAtomic(n);
                    let required = required(facts, body, d, data.event, s);
                    add_follow(facts, all, body, i, how, data.event, Some(d.cond), key, false, required);
                }
            }
        }
    }
}

/// What the answers of helpers decide: a branch on one, a closure that runs only on one, and the code behind a call
/// that comes back only when the location holds what was waited for.
fn told_follows(facts: &Facts<'_>, body: BodyId, all: &mut Published) {
    for (i, s) in facts.seen(body).iter().enumerate().filter(|(_, s)| facts.op(s.op).kind.reads()) {
        let touches = facts.touches(body).iter().enumerate().filter(|(_, t)| may_be_guarded(facts, body, t, s));
        let touches: Vec<(usize, &Touch)> = touches.collect();
        if touches.is_empty() {
            continue;
        }
        let by_return = if s.is_direct() { None } else { facts.told_by_return(body, i) };
        let branches: Vec<&Decision> = facts.decisions(body).iter().filter(|d| d.flows.decided.contains(&i)).collect();
        for (n, t) in touches {
            let by_call = || by_return.clone().filter(|_| facts.flow(body).dominates(s.event, t.event));
            let by_branch = || branches.iter().find_map(|d| facts.told(body, d, t.event, i));
            let by_closure = || {
                let (value, yes) = facts.asked_before(body, t)?;
                facts.told_by_value(body, value, yes, i)
            };
            if let Some(required) = by_call().or_else(by_branch).or_else(by_closure) {
                add_guard(facts, all, body, i, n, None, required);
            }
        }
    }
}

/// Memory beside the location that a branch on it may keep others away from.
fn may_be_guarded(facts: &Facts<'_>, body: BodyId, t: &Touch, s: &Seen) -> bool {
    t.key.is_some() && t.event != s.event && is_near(t, s) && is_shared_memory(t) && !is_private(facts, body, t)
}

fn add_guard(
    facts: &Facts<'_>,
    all: &mut Published,
    body: BodyId,
    seen: usize,
    touch: usize,
    value: Option<ValueId>,
    required: Option<Required>,
) {
    let t = &facts.touches(body)[touch];
    add_follow(facts, all, body, seen, How::Guards(touch), t.event, value, t.key.clone(), t.kind.writes(), required);
}

/// A hint that is read on the way to a CAS, which finds out for itself whether the first value still holds.
fn is_settled_by_cas(facts: &Facts<'_>, body: BodyId, location: LocId, first: usize, hint: &Seen) -> bool {
    let is_bool = facts.op(hint.op).value_type == Type::Prim("bool");
    is_bool
        && facts.seen(body).iter().any(|s| {
            let op = facts.op(s.op);
            op.kind.is_cas()
                && op.location == Some(location)
                && s.expected.ops.contains(&first)
                && facts.flow(body).reaches(hint.event, s.event)
        })
}

fn required(facts: &Facts<'_>, body: BodyId, d: &Decision, event: EventId, s: &Seen) -> Option<Required> {
    let by_branch = || facts.required(body, d, event, facts.result_of(body, s.event)?);
    let by_answer = || facts.told(body, d, event, facts.seen(body).iter().position(|x| std::ptr::eq(x, s))?).flatten();
    expected_by_cas(facts, body, event, s).or_else(by_branch).or_else(by_answer)
}

/// Behind the success of a CAS the location held what was expected.
fn expected_by_cas(facts: &Facts<'_>, body: BodyId, event: EventId, s: &Seen) -> Option<Required> {
    let op = facts.op(s.op);
    let flow = facts.flow(body);
    let target = flow.block_of(event);
    let won = || facts.outcome(body, s).success.iter().any(|b| *b == target || flow.block_dominates(*b, target));
    let expected = op.expected().filter(|_| op.kind.is_cas() && won())?;
    Some(Required { constant: facts.constant_of(op.body, expected)?, equal: true })
}

#[allow(clippy::too_many_arguments)]
fn add_follow(
    facts: &Facts<'_>,
    all: &mut Published,
    body: BodyId,
    seen: usize,
    how: How,
    to: EventId,
    value: Option<ValueId>,
    key: Option<Key>,
    writes: bool,
    required: Option<Required>,
) {
    let s = &facts.seen(body)[seen];
    let op = facts.op(s.op);
    let Some(location) = op.location else { return };
    if !op.kind.reads() || op.kind == AtomicOpKind::Update || is_alone(facts, body, s) || facts.context(s.op).in_drop {
        return;
    }
    let failure = op.kind.is_cas()
        && match how {
            How::Pointer(_) => {
                value.is_some_and(|v| facts.comes_through_failure(body, v, s.event)) || facts.returns_failure(s)
            }
            _ => is_on_failure_side(facts, body, s, to),
        };
    // Of a CAS whose result is a `Result`, only what comes out of `Ok` was read with the success ordering.
    let elsewhere = op.kind.is_cas()
        && !failure
        && matches!(how, How::Pointer(_))
        && !op.method.starts_with("compare_and_swap")
        && !value.is_some_and(|v| facts.comes_through_success(body, v, s.event));
    // An epoch pointer's CAS that succeeds hands back what it has stored, which is the writer's own.
    let own_pointer = op.kind.is_cas()
        && !failure
        && matches!(how, How::Pointer(_))
        && op.atomic == Some(crate::resolve::Atomic::Epoch)
        && !op.method.starts_with("compare_and_swap");
    if elsewhere || own_pointer || is_own_data(facts, body, s, how) {
        return;
    }
    let touch = match how {
        How::Pointer(n) | How::Guards(n) => Some(n),
        How::GuardsAtomic(_) => None,
    };
    let order = facts.read_order(s, failure);
    let forwarded = matches!(order, Order::Param(_));
    let acquired = !lacks_acquire(order) && !forwarded
        || s.event != to && !reaches_unacquired(facts, location, body, s, failure, to)
        || failure && value.is_some_and(|v| facts.is_acquired_on_the_way(body, s, v))
        || touch.is_some_and(|n| facts.touches(body)[n].event != s.event && facts.is_acquired_in_helper(&facts.touches(body)[n]))
        || facts.acquires_in_helper(s)
        || facts.is_guarded(location, s.op)
        // What an earlier read acquired is not what the RMW finds.
        || !op.kind.is_rmw() && facts.is_acquired_before(body, s.event, location)
        || op.kind.is_rmw() && facts.is_joined_before(body, s.event)
        || is_excused(facts, body, s)
        || facts.is_own_element(&s.place)
        || matches!(how, How::Pointer(_)) && facts.is_link_behind_head(body, s)
        || facts.may_be_locked_by_callers(s.op)
        || facts.is_own_value(body, location, seen);
    let follow = Follow { body, seen, how, key, writes, acquired, required, failure, forwarded };
    all.follows.entry(location).or_default().push(follow);
}

fn reaches_unacquired(facts: &Facts<'_>, location: LocId, body: BodyId, s: &Seen, failure: bool, to: EventId) -> bool {
    match facts.op(s.op).kind.is_cas() {
        true => facts.outcome_reaches_without(location, body, s, failure, to),
        false => facts.reaches_without(location, body, s.event, to),
    }
}

fn is_on_failure_side(facts: &Facts<'_>, body: BodyId, s: &Seen, to: EventId) -> bool {
    let flow = facts.flow(body);
    let target = flow.block_of(to);
    let outcome = facts.outcome(body, s);
    let behind = |blocks: &[BlockId]| blocks.iter().any(|b| *b == target || flow.block_dominates(*b, target));
    behind(&outcome.failure) && !behind(&outcome.success)
}

impl Facts<'_> {
    /// The reader is the only writer: what it reads is what it wrote. Either the value that it stores later comes
    /// from this read (an index that only this side advances), or all writes come from the handle it belongs to.
    pub fn is_own_value(&self, body: BodyId, location: LocId, seen: usize) -> bool {
        let advances = self.seen(body).iter().any(|w| {
            let op = self.op(w.op);
            op.location == Some(location) && op.kind == AtomicOpKind::Store && w.stored.ops.contains(&seen)
        });
        let owner = self.program.self_adt(self.program.body(body).owner);
        advances || owner.is_some() && self.confined_writer(location) == owner
    }

    /// Whether the helper that makes an access acquires before it, for itself.
    fn is_acquired_in_helper(&self, touch: &Touch) -> bool {
        touch.via.iter().any(|(body, event)| {
            let events = self.program.body(*body).ir.events.len() as u32;
            (0..events)
                .map(EventId)
                .any(|e| e != *event && self.sync_at(*body, e).acquires && self.flow(*body).dominates(e, *event))
        })
    }

    /// A write of null (or of nothing but a constant, for pointers) hands nothing over.
    pub(super) fn shared_write_matters(&self, location: LocId, s: &Seen) -> bool {
        let op = self.op(s.op);
        let pointer = self.location(location).atomic.is_some_and(|a| a.is_pointer());
        !pointer || op.new_value().is_none_or(|v| !self.is_static_address(op.body, v, 0))
    }

    /// Whether a function is unsafe to call, or says in its name that the caller has to know better.
    pub fn is_unsafe_fn(&self, body: BodyId) -> bool {
        let def = self.program.body(self.program.outermost(body)).owner;
        matches!(&self.program.def(def).item.kind, ItemKind::Fn(f) if f.is_unsafe)
    }
}
