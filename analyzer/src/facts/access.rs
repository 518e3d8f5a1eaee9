//! The access table: every atomic operation, the location it touches, and what each body does through helpers.

use rustc_hash::{FxHashMap, FxHashSet};

use super::same_memory::SameMemory;
use super::value_flow::Flows;
use crate::ir::{
    AtomicOpKind, BodyIdx, Call, Callee, EventId, EventKind, ItemKind, Ordering, OrderingArg, OrderingKind, Place,
    Span, ValueId, ValueKind, Vis,
};
use crate::resolve::calls::{Target, atomic_method};
use crate::resolve::places::{LocationKey, PlaceRef, Root};
use crate::resolve::{Atomic, BodyId, DefId, Program, Res, Type};
use crate::source::FileId;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);

        impl $name {
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

id! {
    /// An atomic operation in the source.
    OpId;
    /// A location.
    LocId;
}

/// An ordering argument, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Known(Ordering),
    /// The parameter with this index of the enclosing function decides.
    Param(u32),
    Unknown,
    /// The operation takes no ordering: `AtomicCell`, `ArcSwap`.
    Implied,
}

impl Order {
    pub fn known(self) -> Option<Ordering> {
        match self {
            Order::Known(o) => Some(o),
            // Cells that take no ordering synchronise.
            Order::Implied => Some(Ordering::SeqCst),
            _ => None,
        }
    }

    /// The ordering with which `compare_and_swap` and the other forms that take a single one fail.
    pub(super) fn read_half(self) -> Order {
        match self {
            Order::Known(Ordering::AcqRel) => Order::Known(Ordering::Acquire),
            Order::Known(Ordering::Release) => Order::Known(Ordering::Relaxed),
            other => other,
        }
    }
}

/// The orderings of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders {
    pub success: Order,
    /// Of a CAS or update; `Unknown` elsewhere.
    pub failure: Order,
}

impl Orders {
    /// Whether the read half surely is no acquire. A fence may still make up for it.
    pub fn lacks_acquire(self) -> bool {
        self.success.known().is_some_and(|o| !o.acquires())
    }

    /// Whether the write half surely is no release.
    pub fn lacks_release(self) -> bool {
        self.success.known().is_some_and(|o| !o.releases())
    }

    pub fn acquires(self) -> bool {
        self.success.known().is_some_and(Ordering::acquires)
    }

    pub fn releases(self) -> bool {
        self.success.known().is_some_and(Ordering::releases)
    }
}

/// One atomic operation in the source.
#[derive(Debug)]
pub struct Op<'a> {
    pub body: BodyId,
    pub event: EventId,
    pub kind: AtomicOpKind,
    /// What kind of atomic it is on; `None` if the receiver's type is unknown.
    pub atomic: Option<Atomic>,
    /// The type of the atomic's value.
    pub value_type: Type,
    pub place: PlaceRef,
    pub location: Option<LocId>,
    pub orders: Orders,
    pub ordering_arg: Option<OrderingArg>,
    pub failure_arg: Option<OrderingArg>,
    /// Value operands: `[new]`, `[expected, new]`, `[closure]`.
    pub args: &'a [ValueId],
    /// What the operation returns, if that is used.
    pub result: Option<ValueId>,
    pub span: Span,
    pub method: &'a str,
    /// Where the method's name stands.
    pub method_span: Span,
    pub is_test: bool,
}

impl Op<'_> {
    /// The value that is written (the second operand of a CAS).
    pub fn new_value(&self) -> Option<ValueId> {
        if self.kind.is_cas() { self.args.get(1).copied() } else { self.args.first().copied() }
    }

    pub fn expected(&self) -> Option<ValueId> {
        if self.kind.is_cas() { self.args.first().copied() } else { None }
    }
}

/// A piece of shared memory with its operations.
#[derive(Debug)]
pub struct Location {
    pub key: Key,
    /// `Queue::head`, `COUNTER`.
    pub name: String,
    pub atomic: Option<Atomic>,
    pub value_type: Type,
    /// An array or collection of atomics, taken as one.
    pub indexed: bool,
    /// Operations outside of tests, in source order.
    pub ops: Vec<OpId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    Field(DefId, String),
    Static(DefId),
    Local(BodyId, crate::ir::LocalId),
}

impl Key {
    pub fn of(key: LocationKey<'_>) -> Key {
        match key {
            LocationKey::Field(d, f) => Key::Field(d, f.to_owned()),
            LocationKey::Static(d) => Key::Static(d),
            LocationKey::Local(b, l) => Key::Local(b, l),
        }
    }

    /// The type that owns the field.
    pub fn owner(&self) -> Option<DefId> {
        match self {
            Key::Field(d, _) => Some(*d),
            _ => None,
        }
    }
}

/// An operation as one body performs it: directly, or through the helper that it calls at `event`.
#[derive(Clone, Debug)]
pub struct Seen {
    pub op: OpId,
    /// The operation itself, or the call through which it happens.
    pub event: EventId,
    /// Calls from the one at `event` inwards; empty for an operation of the body itself.
    pub via: Vec<(BodyId, EventId)>,
    /// The memory, as this body sees it.
    pub place: PlaceRef,
    pub orders: Orders,
    /// What is written, and compared with, in terms of this body.
    pub stored: Flows,
    pub expected: Flows,
    /// The helper performs it on every way through.
    pub always: bool,
}

impl Seen {
    pub fn is_direct(&self) -> bool {
        self.via.is_empty()
    }
}

/// What was looked at, for the line at the end of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub functions: usize,
    pub atomic_ops: usize,
    pub resolved_ops: usize,
    pub locations: usize,
}

pub(super) struct Table<'a> {
    pub ops: Vec<Op<'a>>,
    pub locations: Vec<Location>,
    pub callers: FxHashMap<DefId, Vec<(BodyId, EventId)>>,
    pub coverage: Coverage,
}

/// Finds every atomic operation and gives each location a number.
pub(super) fn collect<'a>(program: &'a Program<'a>, tests: bool) -> Table<'a> {
    let mut ops = Vec::new();
    let mut callers: FxHashMap<DefId, Vec<(BodyId, EventId)>> = FxHashMap::default();
    let mut coverage = Coverage::default();
    for body in program.body_ids() {
        let b = program.body(body);
        let is_test = program.def(b.owner).is_test;
        if is_test && !tests {
            continue;
        }
        coverage.functions += usize::from(b.parent.is_none());
        for (i, event) in b.ir.events.iter().enumerate() {
            let id = EventId(i as u32);
            match &event.kind {
                EventKind::Atomic(op) => {
                    let parts = Parts {
                        kind: op.kind,
                        receiver: &op.receiver,
                        method: &op.method,
                        method_span: op.method_span,
                        args: &op.args,
                        ordering: op.ordering,
                        failure: op.failure,
                    };
                    ops.extend(make_op(program, body, id, parts, is_test));
                }
                EventKind::Call(call) => {
                    if let Callee::Method { receiver, name, name_span, .. } = &call.callee {
                        let atomic = atomic_method(Atomic::Int, name, call.args.len())
                            .filter(|_| program.as_atomic(&program.place_type(body, receiver)).is_some());
                        if let Some(kind) = atomic {
                            let parts = Parts {
                                kind,
                                receiver,
                                method: name,
                                method_span: *name_span,
                                args: &call.args,
                                ordering: None,
                                failure: None,
                            };
                            ops.extend(make_op(program, body, id, parts, is_test));
                            continue;
                        }
                    }
                    if let Target::Fn(def) = program.target(body, call) {
                        callers.entry(def).or_default().push((body, id));
                    }
                }
                _ => {}
            }
        }
    }
    let locations = number_locations(program, &mut ops);
    coverage.atomic_ops = ops.len();
    coverage.resolved_ops = ops.iter().filter(|o| o.location.is_some()).count();
    coverage.locations = locations.len();
    Table { ops, locations, callers, coverage }
}

/// Looks up the names that the facts about atomics depend on, so that the program notes which files it would have had to
/// see: the types of what operations are performed on, the functions called around them, and the types of the fields
/// that lie beside atomics.
pub(crate) fn sound_out(program: &Program<'_>, tests: bool) {
    let mut around: FxHashSet<BodyId> = FxHashSet::default();
    let mut owners: Vec<DefId> = Vec::new();
    let bodies = || program.body_ids().filter(|b| tests || !program.def(program.body(*b).owner).is_test);
    for body in bodies() {
        for event in &program.body(body).ir.events {
            let receiver = match &event.kind {
                EventKind::Atomic(op) => &op.receiver,
                EventKind::Call(Call { callee: Callee::Method { receiver, name, .. }, args }) => {
                    if atomic_method(Atomic::Int, name, args.len()).is_none()
                        || program.as_atomic(&program.place_type(body, receiver)).is_none()
                    {
                        continue;
                    }
                    receiver
                }
                _ => continue,
            };
            around.insert(program.outermost(body));
            owners.extend(program.place_ref(body, receiver).field.map(|(adt, _)| adt));
        }
    }
    for body in bodies().filter(|b| around.contains(&program.outermost(*b))) {
        for event in &program.body(body).ir.events {
            if let EventKind::Call(call) = &event.kind {
                program.target(body, call);
            }
        }
    }
    owners.extend(program.def_ids().filter_map(|def| super::transfer::promised_for(program, def)));
    let mut seen: FxHashSet<DefId> = FxHashSet::default();
    while let Some(adt) = owners.pop() {
        if seen.insert(adt)
            && let ItemKind::Struct(s) = &program.def(adt).item.kind
        {
            let types = s.fields.iter().map(|f| program.lower_type(adt, &f.ty));
            owners.extend(types.filter_map(|t| if let Type::Adt(inner, _) = t { Some(inner) } else { None }));
        }
    }
}

/// Operations on types of the crate's own that have a method of that name: calls, to be looked through like others.
pub(crate) fn own_methods(program: &Program<'_>) -> Vec<(FileId, BodyIdx, EventId)> {
    let mut found = Vec::new();
    for body in program.body_ids() {
        let b = program.body(body);
        for (i, event) in b.ir.events.iter().enumerate() {
            let EventKind::Atomic(op) = &event.kind else { continue };
            let ty = program.place_type(body, &op.receiver);
            let own = || matches!(program.method_target(body, ty.clone(), &op.method), Target::Fn(_));
            if program.as_atomic(&ty).is_none() && own() {
                found.push((b.file, b.idx, EventId(i as u32)));
            }
        }
    }
    found
}

/// The parts of an operation as written.
struct Parts<'a> {
    kind: AtomicOpKind,
    receiver: &'a Place,
    method: &'a str,
    method_span: Span,
    args: &'a [ValueId],
    ordering: Option<OrderingArg>,
    failure: Option<OrderingArg>,
}

/// `None` if the receiver turns out to be something else that has a method of that name.
fn make_op<'a>(program: &Program<'a>, body: BodyId, event: EventId, parts: Parts<'a>, is_test: bool) -> Option<Op<'a>> {
    let ty = program.place_type(body, parts.receiver);
    let atomic = program.as_atomic(&ty);
    // A wrapper type's own `load(order)` is a call of that method, not an operation.
    let wrapper = match &atomic {
        None => program.autoderef(&ty).iter().any(|t| match t {
            Type::Adt(adt, _) => !program.methods_of(*adt, parts.method).is_empty(),
            Type::Known(..) | Type::Prim(_) => true,
            Type::External(path, _) => !path.to_lowercase().contains("atomic"),
            _ => false,
        }),
        Some(_) => false,
    };
    if wrapper {
        return None;
    }
    let mut place = program.place_ref(body, parts.receiver);
    if place.ty.is_unknown() {
        place.ty = ty;
    }
    if atomic.is_some() {
        place = place.into_atomic(program);
    }
    let b = program.body(body);
    let result = program.used_result(body, event);
    let (atomic, value_type) = match atomic {
        Some((kind, value)) => (Some(kind), value),
        None => (None, Type::Unknown),
    };
    let order = |arg: Option<OrderingArg>| match arg {
        Some(arg) => resolve_order(program, body, arg.kind, 0),
        None if atomic.is_some_and(|a| !a.takes_orderings()) => Order::Implied,
        None => Order::Unknown,
    };
    let mut orders = Orders { success: order(parts.ordering), failure: order(parts.failure) };
    if parts.failure.is_none() && parts.kind.is_cas() {
        orders.failure = orders.success.read_half();
    }
    Some(Op {
        body,
        event,
        kind: parts.kind,
        atomic,
        value_type,
        place,
        location: None,
        orders,
        ordering_arg: parts.ordering,
        failure_arg: parts.failure,
        args: parts.args,
        result,
        span: b.ir.events[event.index()].span,
        method: parts.method,
        method_span: parts.method_span,
        is_test,
    })
}

/// Follows an ordering through constants, parameters and variables.
pub fn resolve_order(program: &Program<'_>, body: BodyId, kind: OrderingKind, depth: u32) -> Order {
    let value = match kind {
        OrderingKind::Fixed(o) => return Order::Known(o),
        OrderingKind::Value(v) => v,
    };
    if depth > 8 {
        return Order::Unknown;
    }
    let b = program.body(body);
    match b.ir.values.get(value.index()).map(|v| &v.kind) {
        Some(ValueKind::Param(i)) if b.parent.is_none() => Order::Param(*i),
        Some(ValueKind::Path(path)) => {
            if let Some(o) = Ordering::from_name(path.last()) {
                return Order::Known(o);
            }
            match program.resolve_value(body, path) {
                Res::Def(d) if matches!(program.def(d).item.kind, ItemKind::Const { .. }) => {
                    let init = program.body_of(d);
                    let returned = init.and_then(|i| {
                        program.body(i).ir.blocks.iter().find_map(|bl| match bl.term {
                            crate::ir::Terminator::Return(v) => v,
                            _ => None,
                        })
                    });
                    match (init, returned) {
                        (Some(i), Some(v)) => resolve_order(program, i, OrderingKind::Value(v), depth + 1),
                        _ => Order::Unknown,
                    }
                }
                _ => Order::Unknown,
            }
        }
        Some(ValueKind::Read(p)) if p.proj.is_empty() => match &p.base {
            crate::ir::Base::Local(_, v) | crate::ir::Base::Value(v) => {
                resolve_order(program, body, OrderingKind::Value(*v), depth + 1)
            }
            crate::ir::Base::Path(path) => match Ordering::from_name(path.last()) {
                Some(o) => Order::Known(o),
                None => Order::Unknown,
            },
        },
        _ => Order::Unknown,
    }
}

fn number_locations(program: &Program<'_>, ops: &mut [Op<'_>]) -> Vec<Location> {
    let same = SameMemory::of(program);
    let mut ids: FxHashMap<Key, LocId> = FxHashMap::default();
    let mut locations: Vec<Location> = Vec::new();
    for (i, op) in ops.iter_mut().enumerate() {
        // What a local points to is known by its type only where the type is an atomic's owner.
        let Some(key) = op.place.location().map(|k| same.leader(Key::of(k))) else { continue };
        if op.atomic.is_none() || is_lent_wrapper(program, &op.place) {
            continue;
        }
        let id = *ids.entry(key.clone()).or_insert_with(|| {
            locations.push(Location {
                name: location_name(program, &key),
                key,
                atomic: op.atomic,
                value_type: op.value_type.clone(),
                indexed: op.place.indexed,
                ops: Vec::new(),
            });
            LocId(locations.len() as u32 - 1)
        });
        op.location = Some(id);
        locations[id.index()].ops.push(OpId(i as u32));
    }
    locations
}

/// A parameter of a private helper that is a wrapper which stands for its atomic by `Deref`: as with a `&AtomicUsize`,
/// the callers know whose it is.
fn is_lent_wrapper(program: &Program<'_>, place: &PlaceRef) -> bool {
    let (Root::Param(body, index), Some((wrapper, _))) = (&place.root, &place.field) else { return false };
    let values = &program.body(*body).ir.values;
    let Some(value) = values.iter().position(|v| v.kind == ValueKind::Param(*index)) else { return false };
    let ty = program.type_of(*body, ValueId(value as u32));
    let is_wrapper = matches!(ty.peeled_refs(), Type::Adt(adt, _) if adt == wrapper);
    let owner = program.body(*body).owner;
    is_wrapper
        && program.def(owner).item.vis != Vis::Pub
        && program.self_adt(owner) != Some(*wrapper)
        && program.implements(*wrapper, "Deref")
        && program.as_atomic(ty.peeled_refs()).is_some()
}

pub fn location_name(program: &Program<'_>, key: &Key) -> String {
    match key {
        Key::Field(adt, field) => format!("{}::{field}", program.def(*adt).item.name),
        Key::Static(d) => program.def(*d).item.name.clone(),
        Key::Local(b, l) => program.body(*b).ir.locals.get(l.index()).map_or_else(String::new, |l| l.name.clone()),
    }
}
