//! In which surroundings each operation runs: alone with its memory, or under which locks.

use rustc_hash::FxHashSet;

use super::Facts;
use super::access::{LocId, OpId, Seen};
use super::guards::Lock;
use super::helpers::is_shared_reference;
use crate::ir::{AtomicOpKind, BodyKind, Cfg, EventId, EventKind, ItemKind, Receiver, Ty, ValueId, ValueKind, Vis};
use crate::resolve::places::{PlaceRef, Root};
use crate::resolve::{BodyId, DefId, Known, Type};

/// The surroundings of one operation, joined over every way that leads to it.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Nobody else can touch the location meanwhile.
    pub exclusive: bool,
    /// In the `Drop::drop` of the type that owns the location.
    pub in_drop: bool,
    /// Locks that are held on every way here; `true` for a lock that is only held shared.
    pub locks: Vec<(Lock, bool)>,
    /// On every way here a CAS has been won, or an RMW's result has been tested: it may have decided that this
    /// thread alone goes on.
    pub claimed: bool,
    /// It runs in a closure handed to code that is not analysed, or in an unsafe function whose caller vouches for
    /// conditions that the source states only in words.
    pub vouched: bool,
}

pub(super) fn of_all(facts: &Facts<'_>) -> Vec<Context> {
    (0..facts.ops.len() as u32).map(|i| context(facts, OpId(i))).collect()
}

fn context(facts: &Facts<'_>, op: OpId) -> Context {
    let ways = facts.ways_to(op);
    let body = facts.op(op).body;
    let in_drop = facts.program.implemented_trait(facts.program.body(body).owner) == Some("Drop");
    let exclusive = !ways.is_empty() && ways.iter().all(|(b, s)| facts.is_exclusive(*b, s.event, &s.place));
    let claimed = !ways.is_empty() && ways.iter().all(|w| steps(w).any(|(b, e)| facts.is_claimed(b, e)));
    let vouched = facts.is_vouched(body) || ways.iter().all(|w| steps(w).any(|(b, _)| facts.is_vouched(b)));
    let mut locks: Option<Vec<(Lock, bool)>> = None;
    for way in &ways {
        let here: Vec<(Lock, bool)> = steps(way).flat_map(|(b, e)| facts.guards(b).at(facts, b, e)).collect();
        locks = Some(match locks {
            None => here,
            Some(all) => all.into_iter().filter(|(l, _)| here.iter().any(|(h, _)| h.may_be(l))).collect(),
        });
    }
    Context { exclusive, in_drop, locks: locks.unwrap_or_default(), claimed, vouched }
}

/// The bodies on a way, each with the event through which the way goes on.
fn steps<'f>((body, seen): &(BodyId, &'f Seen)) -> impl Iterator<Item = (BodyId, EventId)> + use<'f> {
    std::iter::once((*body, seen.event)).chain(seen.via.iter().copied())
}

impl Facts<'_> {
    pub fn context(&self, op: OpId) -> &Context {
        &self.contexts[op.index()]
    }

    /// The ways to an operation: from bodies that code outside may enter, through the calls of the seen operation;
    /// where none is known, the longest ways that are.
    pub fn ways_to(&self, op: OpId) -> Vec<(BodyId, &Seen)> {
        let all = self.instances[op.index()].iter().map(|(b, i)| (*b, &self.seen(*b)[*i as usize]));
        let entries: Vec<(BodyId, &Seen)> = all.clone().filter(|(b, _)| self.is_entry(*b)).collect();
        if !entries.is_empty() {
            return entries;
        }
        // The calls lead further up than they are followed: the longest ways stand for the others.
        let longest = all.clone().map(|(_, s)| s.via.len()).max().unwrap_or(0);
        all.filter(|(_, s)| s.via.len() == longest).collect()
    }

    /// Whether code that is not analysed (or another thread) may enter here: public functions, trait methods,
    /// closures that do not run in place, functions that nobody calls.
    pub fn is_entry(&self, body: BodyId) -> bool {
        let b = self.program.body(body);
        if b.parent.is_some() {
            return match self.program.closure_use(body) {
                Some((parent, event)) => !super::call_graph::runs_in_place(self.program, parent, event),
                None => true,
            };
        }
        self.is_external(b.owner) || self.callers(b.owner).is_empty()
    }

    /// Whether a function can be called by code outside of the crate (as far as its own visibility goes).
    pub fn is_external(&self, def: DefId) -> bool {
        let d = self.program.def(def);
        match d.parent.map(|p| &self.program.def(p).item.kind) {
            Some(ItemKind::Impl(i)) if i.of_trait.is_some() => true,
            Some(ItemKind::Trait { .. }) => true,
            _ => d.item.vis == Vis::Pub,
        }
    }

    /// Whether a CAS that was won, or the tested result of another RMW, leads to an event of the same body.
    pub fn is_claimed(&self, body: BodyId, event: EventId) -> bool {
        let flow = self.flow(body);
        let here = flow.block_of(event);
        self.seen(body).iter().filter(|s| s.event != event && flow.reaches(s.event, event)).any(|s| {
            let op = self.op(s.op);
            if op.kind.is_cas() || op.kind == AtomicOpKind::Swap {
                let from = flow.block_of(s.event);
                let won = self.outcome(body, s).success;
                if won.iter().any(|b| *b == here || flow.block_dominates(*b, here) && flow.block_dominates(from, *b)) {
                    return true;
                }
            }
            op.kind.is_rmw()
                && !op.kind.is_cas()
                && flow.dominates(s.event, event)
                && self.decides_by_result(body, s, event)
        })
    }

    /// A branch on the operation's result decides whether `event` runs.
    fn decides_by_result(&self, body: BodyId, seen: &Seen, event: EventId) -> bool {
        let all = self.seen(body);
        self.decisions(body).iter().any(|d| {
            let depends = d
                .flows
                .ops
                .iter()
                .chain(&d.flows.compared)
                .any(|&i| all[i].op == seen.op && all[i].event == seen.event);
            depends && self.is_controlled(body, d, event)
        })
    }

    /// Whether what keeps others away may be known to the caller only: an unsafe function, or a closure that runs
    /// inside a function which is not analysed (under its locks, perhaps).
    pub fn is_vouched(&self, body: BodyId) -> bool {
        let b = self.program.body(body);
        if self.program.function(b.owner).is_some_and(|f| f.is_unsafe) {
            return true;
        }
        matches!(b.ir.kind, crate::ir::BodyKind::Closure { .. }) && !self.is_thread_entry(body) && {
            match self.program.closure_use(body) {
                Some((parent, event)) => !super::call_graph::runs_in_place(self.program, parent, event),
                None => true,
            }
        }
    }

    /// Whether a closure or `async` block is what a new thread or task runs.
    pub fn is_thread_entry(&self, body: BodyId) -> bool {
        let Some((parent, event)) = self.program.closure_use(body) else { return false };
        let EventKind::Call(call) = &self.event(parent, event).kind else { return false };
        let name = match &call.callee {
            crate::ir::Callee::Path(p) => p.last(),
            crate::ir::Callee::Method { name, .. } => name.as_str(),
            crate::ir::Callee::Value(_) => return false,
        };
        name.contains("spawn") || matches!(name, "scope" | "block_on" | "join" | "execute" | "install")
    }

    /// Whether an operation, as seen from this body, has its memory to itself.
    pub fn is_alone(&self, body: BodyId, seen: &Seen) -> bool {
        self.context(seen.op).exclusive || self.is_exclusive(body, seen.event, &seen.place)
    }

    /// Whether nobody else can touch the memory when `event` runs in `body`: it is reached through `&mut` or an
    /// owned value only, or through something made here that has not been given away yet.
    pub fn is_exclusive(&self, body: BodyId, event: EventId, place: &PlaceRef) -> bool {
        match place.root {
            Root::Param(b, i) => {
                place.shared == 0 && !is_shared_reference(self.program, b, i) && {
                    // Raw pointers and the like are shared whatever is behind them.
                    !self.param_type(b, i).is_shared_pointer()
                }
            }
            Root::Local(b, l) => {
                let init = self.program.body(b).ir.locals.get(l.index()).and_then(|l| l.init);
                place.shared == 0
                    && init.is_none_or(|v| b != body || !self.escapes_before(b, v, event))
                    && (b == body || !self.is_captured(b, l))
            }
            Root::Value(b, v) if b == body => self.is_fresh(b, v) && !self.escapes_before(b, v, event),
            // A closure that is called where it stands: `node.next.with_mut(|next| *next = head)`.
            Root::Value(b, _) => match self.program.closure_use(body) {
                Some((parent, call)) if parent == b => self.is_exclusive(parent, call, place),
                _ => false,
            },
            // By the key and by the reference that `with` lends.
            Root::Static(d) => place.shared <= 2 && self.is_per_thread(d),
            _ => false,
        }
    }

    /// A `thread_local!` that holds the memory itself: every thread has its own, and the reference that `with` lends
    /// stays in it.
    fn is_per_thread(&self, def: DefId) -> bool {
        let d = self.program.def(def);
        let ItemKind::Static { ty, .. } = &d.item.kind else { return false };
        let ty = self.program.lower_type(def, ty);
        let inner = match &ty {
            Type::Known(Known::ThreadLocal, args) => args.first().unwrap_or(&ty),
            ty => ty,
        };
        d.item.attrs.iter().any(|a| a.path == "thread_local")
            && matches!(
                inner,
                Type::Atomic(..)
                    | Type::Array(..)
                    | Type::Adt(..)
                    | Type::Known(Known::Cell | Known::RefCell | Known::UnsafeCell, _)
            )
    }

    pub fn param_type(&self, body: BodyId, index: u32) -> Type {
        let values = &self.program.body(body).ir.values;
        let value = values.iter().position(|v| v.kind == ValueKind::Param(index));
        value.map_or(Type::Unknown, |v| self.program.type_of(body, ValueId(v as u32)))
    }

    fn is_captured(&self, body: BodyId, local: crate::ir::LocalId) -> bool {
        self.program.body_ids().any(|b| {
            let c = self.program.body(b);
            c.parent == Some(body) && c.ir.captures.iter().any(|c| c.outer == local)
        })
    }

    /// Whether a value may have been given away (stored, passed, captured, returned) before `event` runs.
    pub fn escapes_before(&self, body: BodyId, value: ValueId, event: EventId) -> bool {
        self.escapes(body, value, Some(event))
    }

    /// The same for the whole body where no event is named; what it returns is not given away by that.
    pub(super) fn escapes(&self, body: BodyId, value: ValueId, before: Option<EventId>) -> bool {
        let b = self.program.body(body).ir;
        let flow = self.flow(body);
        let same = |v: ValueId| self.is_alias(body, v, value, 0);
        for (i, e) in b.events.iter().enumerate() {
            let id = EventId(i as u32);
            if before.is_some_and(|event| id == event || !flow.reaches(id, event)) {
                continue;
            }
            let escapes = match &e.kind {
                EventKind::Call(c) => match &c.callee {
                    crate::ir::Callee::Method { receiver, name, .. } => {
                        c.args.iter().any(|v| same(*v))
                            || name == "clone"
                                && matches!(receiver.base, crate::ir::Base::Local(_, v) | crate::ir::Base::Value(v) if same(v))
                    }
                    // Wrapping it (`Box::into_raw(node)`) gives another name to the same new object.
                    crate::ir::Callee::Path(p)
                        if matches!(
                            p.last(),
                            "into_raw" | "leak" | "new" | "as_ref" | "from" | "pin" | "new_unchecked" | "into_owned"
                        ) =>
                    {
                        false
                    }
                    _ => c.args.iter().any(|v| same(*v)),
                },
                EventKind::Atomic(op) if op.kind.is_cas() => {
                    op.args.iter().any(|v| same(*v))
                        && before.is_none_or(|event| self.is_behind_success(body, id, event))
                }
                EventKind::Atomic(op) => op.kind.writes() && op.args.iter().any(|v| same(*v)),
                EventKind::Write { value, .. } | EventKind::Assign { value, .. } => same(*value),
                _ => false,
            };
            if escapes {
                return true;
            }
        }
        // Captured by a closure that was made before.
        b.values.iter().any(|v| match v.kind {
            ValueKind::Closure(idx) | ValueKind::AsyncBlock(idx) => {
                let captured = self
                    .program
                    .nested_body(body, idx)
                    .is_some_and(|c| self.program.body(c).ir.captures.iter().any(|c| same(c.value)));
                captured && before.is_none_or(|event| v.span.end <= b.events[event.index()].span.start)
            }
            _ => false,
        })
    }

    /// Whether `event` may run after the CAS at `cas` has succeeded.
    fn is_behind_success(&self, body: BodyId, cas: EventId, event: EventId) -> bool {
        let Some(seen) = self.seen(body).iter().find(|s| s.event == cas && s.is_direct()) else { return true };
        let (flow, won) = (self.flow(body), self.outcome(body, seen).success);
        let here = flow.block_of(event);
        won.is_empty() || won.iter().any(|b| *b == here || flow.block_reaches(*b, here))
    }

    /// Whether `v` is the object `object` under another name.
    pub fn is_alias(&self, body: BodyId, v: ValueId, object: ValueId, depth: u32) -> bool {
        if v == object {
            return true;
        }
        if depth > 6 {
            return false;
        }
        let base = |p: &crate::ir::Place| match p.base {
            crate::ir::Base::Local(_, v) | crate::ir::Base::Value(v)
                if p.proj.iter().all(|p| *p == crate::ir::Proj::Deref) =>
            {
                Some(v)
            }
            _ => None,
        };
        match self.value(body, v) {
            ValueKind::Read(p) | ValueKind::Ref { place: p, .. } | ValueKind::RawRef { place: p, .. } => {
                base(p).is_some_and(|v| self.is_alias(body, v, object, depth + 1))
            }
            ValueKind::Cast(v, _) => self.is_alias(body, *v, object, depth + 1),
            ValueKind::Struct { path, fields, .. } if matches!(path.last(), "Some" | "Ok") => {
                fields.iter().any(|(_, v)| self.is_alias(body, *v, object, depth + 1))
            }
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(c) => match &c.callee {
                    crate::ir::Callee::Path(p)
                        if matches!(
                            p.last(),
                            "into_raw" | "leak" | "clone" | "as_ptr" | "from" | "new_unchecked" | "pin" | "new"
                        ) =>
                    {
                        c.args.first().is_some_and(|v| self.is_alias(body, *v, object, depth + 1))
                    }
                    _ => false,
                },
                _ => false,
            },
            _ => false,
        }
    }

    /// The operations on a location that change it in a shared context.
    pub fn shared_writes(&self, location: LocId) -> impl Iterator<Item = OpId> + '_ {
        self.location(location).ops.iter().copied().filter(|&o| self.op(o).kind.writes() && !self.context(o).exclusive)
    }

    /// A lock is held (exclusively) here and at every other shared write of the location. Writers that come by CAS
    /// without the lock are taken to be the fast path of the same protocol: their own check protects them.
    pub fn is_guarded(&self, location: LocId, op: OpId) -> bool {
        let held = &self.context(op).locks;
        held.iter().filter(|(_, shared)| !shared).any(|(lock, _)| {
            self.shared_writes(location).all(|w| {
                self.op(w).kind.is_cas() || self.context(w).locks.iter().any(|(l, shared)| l.may_be(lock) && !shared)
            })
        })
    }

    /// A method of a guard, a type that lets go of the location when it is dropped, changes it. Others only try once to
    /// take hold of it by CAS, so that while the guard lives all of them fail.
    pub fn is_guards_own(&self, op: OpId) -> bool {
        let type_at = |o: OpId| self.program.self_adt(self.program.body(self.op(o).body).owner);
        let (Some(location), Some(guard)) = (self.op(op).location, type_at(op)) else { return false };
        let is_single_try = |o: OpId| {
            let op = self.op(o);
            matches!(op.kind, AtomicOpKind::Cas { .. }) && self.cas_loops(op.body).is_empty()
        };
        self.location(location).key.owner() != Some(guard)
            && self.shared_writes(location).any(|o| self.context(o).in_drop && type_at(o) == Some(guard))
            && self.shared_writes(location).filter(|&o| self.op(o).kind.is_rmw()).all(is_single_try)
    }

    /// Whether all shared writes of a location come from one handle that cannot be in two hands: methods that
    /// take `&mut self` (or `self`, or `&self` of a type that is not `Sync`) of one type that is not `Clone`
    /// and that is made in one place only. Where the source only promises a single writer, the location's owner stands
    /// for its handle.
    pub fn confined_writer(&self, location: LocId) -> Option<DefId> {
        *self.confined[location.index()].get_or_init(|| {
            let promised = || self.promises_single_writer(location).then(|| self.location(location).key.owner());
            self.confined_handle(location).or_else(|| promised().flatten())
        })
    }

    fn confined_handle(&self, location: LocId) -> Option<DefId> {
        let mut handle: Option<DefId> = None;
        for op in self.shared_writes(location) {
            for (body, seen) in self.ways_to(op) {
                let through = self.handle_of(body, seen)?;
                if handle.is_some_and(|h| h != through) {
                    return None;
                }
                handle = Some(through);
            }
        }
        // Copies of what has the location in itself have one each.
        handle.filter(|h| self.location(location).key.owner() == Some(*h) || !self.is_copied(*h))
    }

    /// The handle by which a body runs, if one thread at a time can run it with one shared object: a method that has its
    /// handle to itself, or takes it by reference where it is not `Sync`, of a type whose values are not copied; or a
    /// helper that only such methods call. A handle that another one turns into (`into_…(self)`) is that one.
    pub fn one_handed(&self, body: BodyId) -> Option<DefId> {
        self.one_handed_within(self.program.outermost(body), 3).map(|handle| self.first_handle(handle))
    }

    fn one_handed_within(&self, body: BodyId, depth: u32) -> Option<DefId> {
        let def = self.program.body(body).owner;
        let receiver = self.program.function(def).and_then(|f| f.receiver.as_ref());
        let by_self = self.program.self_adt(def).filter(|adt| {
            let alone = match receiver {
                Some(Receiver::RefMut | Receiver::Value) => true,
                Some(Receiver::Typed(Ty::Path(p))) => p.last() == "Pin",
                Some(Receiver::Ref) => self.is_not_sync(*adt),
                _ => false,
            };
            alone && !self.is_copied(*adt)
        });
        let entered = self.is_external(def) && self.program.is_reachable(def);
        // What is not `Sync` may lie behind the raw pointers of several handles: those that call it count.
        let settled = by_self.is_some() && !matches!(receiver, Some(Receiver::Ref));
        if settled || depth == 0 || entered {
            return by_self;
        }
        self.handle_of_callers(def, depth).or(by_self)
    }

    /// The handle that all callers of a function have in common.
    fn handle_of_callers(&self, def: DefId, depth: u32) -> Option<DefId> {
        let mut callers = self.callers(def).iter().map(|(b, _)| self.program.outermost(*b));
        let handle = |b: BodyId| self.one_handed_within(b, depth - 1).map(|handle| self.first_handle(handle));
        let first = handle(callers.next()?)?;
        callers.all(|b| handle(b) == Some(first)).then_some(first)
    }

    /// The handle that a write goes through and that cannot be in two hands at once: a parameter that is taken by
    /// `&mut` or value, or by `&` if its type is not `Sync`; the nearest one to the write counts.
    pub(super) fn handle_of(&self, body: BodyId, seen: &Seen) -> Option<DefId> {
        // However alone its handle is, a static is not reached through it.
        if matches!(seen.place.root, Root::Static(_)) {
            return None;
        }
        let through = |body: BodyId, index: u32| -> Option<DefId> {
            let ty = self.param_type(body, index);
            let Type::Adt(adt, _) = ty.peeled_refs() else { return None };
            let by_ref = matches!(ty, Type::Ref { mutable: false, .. });
            (!by_ref || self.is_not_sync(*adt)).then_some(*adt)
        };
        // A method on the way that has its handle to itself.
        let chain = seen.via.iter().rev().map(|(b, _)| *b).chain(std::iter::once(body));
        for b in chain {
            let owner = self.program.body(b).owner;
            let receiver = self.program.function(owner).and_then(|f| f.receiver.as_ref());
            if self.program.body(b).parent.is_none() && matches!(receiver, Some(Receiver::RefMut | Receiver::Value)) {
                return self.program.self_adt(owner);
            }
        }
        match seen.place.root {
            Root::Param(b, i) => through(b, i),
            _ => None,
        }
    }

    /// Whether the type cannot be shared between threads by its fields: a marker or cell, no `unsafe impl Sync`.
    pub fn is_not_sync(&self, adt: DefId) -> bool {
        if self.program.implements(adt, "Sync") || self.is_vouched_by_holder(adt) {
            return false;
        }
        self.holds_unshareable(adt)
    }

    fn holds_unshareable(&self, adt: DefId) -> bool {
        if let Some(known) = self.unshareable.get(&adt) {
            return known;
        }
        let mut visited = FxHashSet::default();
        let holds = self.finds_unshareable(adt, &mut visited);
        match holds {
            true => self.unshareable.insert(adt, true),
            // Whatever was looked at on the way holds none either.
            false => visited.into_iter().for_each(|adt| self.unshareable.insert(adt, false)),
        }
        holds
    }

    fn finds_unshareable(&self, adt: DefId, visited: &mut FxHashSet<DefId>) -> bool {
        let ItemKind::Struct(s) = &self.program.def(adt).item.kind else { return false };
        visited.insert(adt);
        s.fields.iter().any(|f| self.is_unshareable(&self.program.lower_type(adt, &f.ty), visited))
    }

    /// Whether a value of the type makes what holds it `!Sync`. Pointers that share what they lead to pass it on.
    fn is_unshareable(&self, ty: &Type, visited: &mut FxHashSet<DefId>) -> bool {
        match ty {
            Type::Known(Known::Cell | Known::RefCell | Known::UnsafeCell | Known::Rc | Known::NonNull, _)
            | Type::Ptr { .. } => true,
            Type::Known(Known::Arc | Known::Box | Known::Option | Known::Padded | Known::PhantomData, args) => {
                args.first().is_some_and(|t| self.is_unshareable(t, visited))
            }
            Type::Tuple(items) => items.iter().any(|t| self.is_unshareable(t, visited)),
            Type::Ref { inner, .. } | Type::Array(inner, _) | Type::Slice(inner) => self.is_unshareable(inner, visited),
            Type::Adt(d, _) if visited.contains(d) || self.program.implements(*d, "Sync") => false,
            Type::Adt(d, _) => self.unshareable.get(d).unwrap_or_else(|| self.finds_unshareable(*d, visited)),
            _ => false,
        }
    }
}

/// Where code runs, besides its memory.
impl Facts<'_> {
    /// Whether the code exists in builds for a model checker only.
    pub fn is_model_only(&self, body: BodyId) -> bool {
        requires_model(&self.program.def(self.program.body(body).owner).cfg)
    }

    /// Whether the code runs inside a future that an executor polls: an `async` function or block, or `poll`.
    pub fn runs_on_executor(&self, body: BodyId) -> bool {
        let b = self.program.body(body);
        match b.ir.kind {
            BodyKind::AsyncBlock { .. } | BodyKind::Closure { is_async: true, .. } => return true,
            BodyKind::Closure { .. } => {
                let in_place = self
                    .program
                    .closure_use(body)
                    .is_some_and(|(p, e)| super::call_graph::runs_in_place(self.program, p, e));
                return in_place && b.parent.is_some_and(|p| self.runs_on_executor(p));
            }
            _ => {}
        }
        let is_async = self.program.function(b.owner).is_some_and(|f| f.is_async);
        is_async || matches!(self.program.implemented_trait(b.owner), Some("Future" | "Stream" | "Sink"))
    }
}

fn requires_model(cfg: &Cfg) -> bool {
    match cfg {
        Cfg::All(all) => all.iter().any(requires_model),
        Cfg::Any(any) => !any.is_empty() && any.iter().all(requires_model),
        Cfg::Not(_) => false,
        Cfg::Flag(name) => name.contains("loom") || name.contains("shuttle"),
        Cfg::Equals(key, value) => key == "feature" && matches!(value.as_str(), "loom" | "shuttle"),
    }
}
