//! Memory that can change behind a shared reference, inside values that are published for reading without a lock.
//!
//! A value is published where a pointer to it is stored in an atomic and followed by readers that merely load it. Its own
//! fields are what counts, through boxes, arrays and nested structs. A value that brings a lock, or an atomic with an
//! acquire or release side, has a protocol for its cells: which of them it covers is not asked.

use rustc_hash::{FxHashMap, FxHashSet};

use super::access::{Key, LocId};
use super::promises::Promise;
use super::publication::How;
use super::touch::{Touch, TouchKind};
use super::{Facts, OpId};
use crate::contract::Word;
use crate::ir::{AtomicOpKind, Base, Callee, EventId, EventKind, ItemKind, Receiver, Ty, ValueId, ValueKind};
use crate::resolve::places::{PlaceRef, Root, Step};
use crate::resolve::{Atomic, BodyId, DefId, Known, Type};

/// How deep nested structs are looked into.
const MAX_DEPTH: u32 = 5;

/// Why others look at a value without a lock.
#[derive(Clone, Debug)]
pub enum Visible<'a> {
    /// A pointer to it lies in this location; here somebody follows it.
    Published { location: LocId, reader: (BodyId, EventId) },
    /// It is promised never to change.
    Frozen(Promise<'a>),
}

/// A field that can change behind a shared reference.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Changeable {
    pub owner: DefId,
    pub field: String,
    pub kind: Changing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Changing {
    Cell,
    RefCell,
    UnsafeCell,
    /// What a raw pointer in it leads to is written.
    Pointer,
}

/// A changeable field in a value that others look at.
#[derive(Clone, Debug)]
pub struct Interior<'a> {
    /// The type that is published.
    pub value: DefId,
    pub field: Changeable,
    pub visible: Visible<'a>,
    /// Where it is changed while others may look.
    pub change: Option<(BodyId, EventId)>,
}

/// A change of a cell, and what the cell was reached through.
#[derive(Clone, Copy, Debug)]
struct Change {
    body: BodyId,
    event: EventId,
    pointer: ValueId,
}

/// A function that gives its caller `&mut` to what it loaded.
#[derive(Clone, Copy, Debug)]
pub struct HandedMut {
    pub body: BodyId,
    pub event: EventId,
    pub load: OpId,
    pub location: LocId,
}

impl<'a> Facts<'a> {
    /// Every changeable field of a published or frozen value.
    pub fn interiors(&self) -> Vec<Interior<'a>> {
        let mut found = self.in_frozen();
        let published = self.published_types();
        let mut cells: Vec<(DefId, usize, Changeable)> = Vec::new();
        for (i, (adt, ty, ..)) in published.iter().enumerate() {
            let mut fields = Vec::new();
            self.cells_in(ty, 0, &mut FxHashSet::default(), &mut fields);
            cells.extend(fields.into_iter().map(|f| (*adt, i, f)));
        }
        let changes = self.cell_changes(cells.iter().map(|(_, _, f)| f));
        for (adt, i, field) in cells {
            let (_, _, location, reader) = published[i];
            let here = changes.get(&field).into_iter().flatten();
            let Some(change) = here.copied().find(|c| self.leads_from(c.body, c.pointer, location, 0)) else {
                continue;
            };
            let visible = Visible::Published { location, reader };
            found.push(Interior { value: adt, field, visible, change: Some((change.body, change.event)) });
        }
        found.extend(self.written_through());
        let mut reported = FxHashSet::default();
        found.retain(|f| reported.insert((f.field.owner, f.field.field.clone())));
        found
    }

    /// The types of the program to which a pointer is published that readers follow, with a reader.
    fn published_types(&self) -> Vec<(DefId, Type, LocId, (BodyId, EventId))> {
        let mut found = Vec::new();
        for (i, l) in self.locations.iter().enumerate() {
            let location = LocId(i as u32);
            let ty = l.value_type.peeled();
            let Type::Adt(adt, _) = ty else { continue };
            if l.atomic.is_some_and(Atomic::is_pointer)
                && self.stores_live_pointer(location)
                && let Some(reader) = self.reader_of(location)
            {
                found.push((*adt, ty.clone(), location, reader));
            }
        }
        found
    }

    /// Where a pointer that was merely loaded is followed to be read.
    fn reader_of(&self, location: LocId) -> Option<(BodyId, EventId)> {
        let cell = matches!(self.location(location).atomic, Some(Atomic::ArcSwap | Atomic::ArcSwapOption));
        if cell {
            let loads = self.location(location).ops.iter().map(|o| self.op(*o));
            return loads.filter(|o| o.kind == AtomicOpKind::Load).map(|o| (o.body, o.event)).next();
        }
        self.follows(location).iter().find_map(|f| {
            let How::Pointer(t) = f.how else { return None };
            let touch = &self.touches(f.body)[t];
            let load = &self.seen(f.body)[f.seen];
            let reads = matches!(touch.kind, TouchKind::Read | TouchKind::Ref);
            let alone = self.op(load.op).kind != AtomicOpKind::Load
                || self.is_guarded(location, load.op)
                || !self.guards(f.body).at(self, f.body, touch.event).is_empty();
            (reads && !alone).then_some((f.body, touch.event))
        })
    }

    /// The cells of frozen types, and of what frozen fields lead to.
    fn in_frozen(&self) -> Vec<Interior<'a>> {
        let mut found = Vec::new();
        if !self.is_promised_somewhere(Word::Frozen) {
            return found;
        }
        let mut add = |ty: &Type, promise: Promise<'a>| {
            let Type::Adt(value, _) = ty else { return };
            let mut fields = Vec::new();
            self.cells_in(ty, 0, &mut FxHashSet::default(), &mut fields);
            let visible = Visible::Frozen(promise);
            found.extend(fields.into_iter().map(|field| Interior {
                value: *value,
                field,
                visible: visible.clone(),
                change: None,
            }));
        };
        for def in self.program.def_ids() {
            let ItemKind::Struct(s) = &self.program.def(def).item.kind else { continue };
            let whole = Type::open(def);
            if let Some(promise) = self.promise_of_whole(&whole, Word::Frozen) {
                add(&whole, promise);
            }
            for field in s.fields.iter().filter(|f| !f.attrs.is_empty()) {
                let Some(ty) = self.program.field_type(&whole, &field.name) else { continue };
                let inner = match self.program.as_atomic(&ty) {
                    Some((_, value)) => value.peeled().clone(),
                    None => ty.peeled().clone(),
                };
                if let Some(promise) = self.promise_of_field(def, &field.name, &ty, 0, Word::Frozen) {
                    add(&inner, promise);
                }
            }
        }
        found
    }

    /// The cells that a value holds itself, where nothing beside them orders their use.
    fn cells_in(&self, ty: &Type, depth: u32, visited: &mut FxHashSet<DefId>, out: &mut Vec<Changeable>) {
        match ty {
            Type::Adt(def, _) => {
                if depth > MAX_DEPTH || !visited.insert(*def) || self.brings_protocol(*def, 0) {
                    return;
                }
                for (name, ty) in self.fields_of(*def, ty) {
                    match cell_kind(&ty) {
                        Some(kind) => out.push(Changeable { owner: *def, field: name, kind }),
                        None => self.cells_in(&ty, depth + 1, visited, out),
                    }
                }
            }
            _ => {
                for inner in held(ty) {
                    self.cells_in(inner, depth, visited, out);
                }
            }
        }
    }

    /// The fields of a struct with their types.
    fn fields_of(&self, def: DefId, ty: &Type) -> Vec<(String, Type)> {
        let ItemKind::Struct(s) = &self.program.def(def).item.kind else { return Vec::new() };
        let typed = s.fields.iter().map(|f| (f.name.clone(), self.program.field_type(ty, &f.name)));
        typed.filter_map(|(name, ty)| Some((name, ty?))).collect()
    }

    /// The type holds a lock, or an atomic that is acquired or released: something that may say whose turn it is.
    fn brings_protocol(&self, def: DefId, depth: u32) -> bool {
        let whole = Type::open(def);
        self.fields_of(def, &whole).iter().any(|(name, ty)| self.is_protocol(&Key::Field(def, name.clone()), ty, depth))
    }

    fn is_protocol(&self, key: &Key, ty: &Type, depth: u32) -> bool {
        match ty {
            Type::Atomic(..) => {
                self.locations.iter().find(|l| l.key == *key).is_none_or(|l| self.orders_others(&l.ops))
            }
            Type::Known(
                Known::Mutex | Known::RwLock | Known::Condvar | Known::Once | Known::Lazy | Known::AtomicWaker,
                _,
            ) => true,
            // A lock of a kind that is not known, or a note of the thread that may.
            Type::External(path, _) => {
                let last = path.rsplit("::").next().unwrap_or(path);
                ["Lock", "Mutex", "Atomic", "Semaphore", "Event", "Notify", "ThreadId"].iter().any(|w| last.contains(w))
            }
            Type::Adt(inner, _) if depth < 3 => self.brings_protocol(*inner, depth + 1),
            Type::Unknown => true,
            _ => held(ty).into_iter().any(|t| self.is_protocol(key, t, depth)),
        }
    }

    /// Some operation orders other memory, by itself or beside a fence.
    fn orders_others(&self, ops: &[OpId]) -> bool {
        ops.iter().any(|o| {
            let op = self.op(*o);
            let fenced = || {
                let events = &self.program.body(op.body).ir.events;
                events.iter().any(|e| matches!(e.kind, EventKind::Fence { .. }))
            };
            op.orders.acquires() || op.orders.releases() || op.orders.success.known().is_none() || fenced()
        })
    }

    /// Where the fields are changed while others may look: outside of exclusive contexts, locks, and what an RMW has
    /// claimed before.
    fn cell_changes<'f>(&self, fields: impl Iterator<Item = &'f Changeable>) -> FxHashMap<Changeable, Vec<Change>> {
        let wanted: FxHashMap<(DefId, &str), &Changeable> = fields.map(|f| ((f.owner, f.field.as_str()), f)).collect();
        let mut found: FxHashMap<Changeable, Vec<Change>> = FxHashMap::default();
        if wanted.is_empty() {
            return found;
        }
        let of = |adt: DefId, name: &str| wanted.get(&(adt, name.split('.').next().unwrap_or(name))).copied();
        for body in self.program.body_ids() {
            if self.program.def(self.program.body(body).owner).is_test {
                continue;
            }
            for (i, e) in self.program.body(body).ir.events.iter().enumerate() {
                let EventKind::Call(call) = &e.kind else { continue };
                let Callee::Method { receiver, name, .. } = &call.callee else { continue };
                if !changes(name) {
                    continue;
                }
                let place = self.program.place_ref(body, receiver);
                let Some(field) = place.field.as_ref().and_then(|(adt, name)| of(*adt, name)) else { continue };
                let by_pointer = field.kind == Changing::UnsafeCell && name != "with_mut";
                let event = EventId(i as u32);
                let (Base::Local(_, pointer) | Base::Value(pointer)) = receiver.base else { continue };
                if !by_pointer && self.others_may_look(body, event, &place) {
                    found.entry(field.clone()).or_default().push(Change { body, event, pointer });
                }
            }
            for t in self.touches(body).iter().filter(|t| t.is_direct() && t.in_cell) {
                let Some(Key::Field(adt, name)) = &t.key else { continue };
                let Some(field) = of(*adt, name) else { continue };
                let writes = matches!(t.kind, TouchKind::Write | TouchKind::MutRef);
                let shared = self.shared_on_way(&t.place).unwrap_or(t.place.shared);
                let place = PlaceRef { shared, ..t.place.clone() };
                let Some(pointer) = t.value else { continue };
                if writes && self.others_may_look(body, t.event, &place) {
                    found.entry(field.clone()).or_default().push(Change { body, event: t.event, pointer });
                }
            }
        }
        found
    }

    /// Whether a pointer was loaded from the location, here or by a caller that passes it on. What is reached otherwise
    /// (a node that its owner took off a list) may be nobody else's.
    fn leads_from(&self, body: BodyId, pointer: ValueId, location: LocId, depth: u32) -> bool {
        let flows = self.flows_into(body, pointer);
        let loaded = flows.ops.iter().any(|i| {
            let op = self.op(self.seen(body)[*i].op);
            op.location == Some(location) && op.kind == AtomicOpKind::Load
        });
        let b = self.program.body(body);
        if loaded || depth > 3 || b.parent.is_some() {
            return loaded;
        }
        self.callers(b.owner).iter().any(|(caller, event)| {
            let EventKind::Call(call) = &self.event(*caller, *event).kind else { return false };
            flows.params.iter().any(|param| {
                let argument = match &call.callee {
                    Callee::Method { receiver, .. } if *param == 0 => match receiver.base {
                        Base::Local(_, v) | Base::Value(v) => Some(v),
                        Base::Path(_) => None,
                    },
                    Callee::Method { .. } => call.args.get(*param as usize - 1).copied(),
                    _ => call.args.get(*param as usize).copied(),
                };
                let alone =
                    || self.is_claimed(*caller, *event) || !self.guards(*caller).at(self, *caller, *event).is_empty();
                argument.is_some_and(|v| self.leads_from(*caller, v, location, depth + 1)) && !alone()
            })
        })
    }

    fn others_may_look(&self, body: BodyId, event: EventId, place: &PlaceRef) -> bool {
        let owner = self.program.body(body).owner;
        // Who has the structure by `&mut` has what it alone leads to.
        let by_exclusive = match place.root {
            Root::Param(b, i) => matches!(self.param_type(b, i), Type::Ref { mutable: true, .. }),
            Root::Value(b, v) => b == body && self.is_taken_exclusively(body, v),
            _ => false,
        };
        self.program.implemented_trait(owner) != Some("Drop")
            && !self.is_unsafe_fn(body)
            && !by_exclusive
            && !self.is_exclusive(body, event, place)
            && !self.is_claimed(body, event)
            && self.guards(body).at(self, body, event).is_empty()
    }

    /// What `get_mut` or `into_inner` gave.
    fn is_taken_exclusively(&self, body: BodyId, value: ValueId) -> bool {
        let ValueKind::Event(e) = self.value(body, value) else { return false };
        let EventKind::Call(call) = &self.event(body, *e).kind else { return false };
        matches!(&call.callee, Callee::Method { name, .. } if matches!(name.as_str(), "get_mut" | "into_inner"))
    }

    /// Published values with a raw pointer through which a reader writes.
    fn written_through(&self) -> Vec<Interior<'a>> {
        let mut found = Vec::new();
        for body in self.bodies_with_ops() {
            for t in self.touches(body) {
                let writes = matches!(t.kind, TouchKind::Write | TouchKind::MutRef) && t.is_direct() && !t.in_cell;
                let [Step::Field(first), _, ..] = &t.place.steps[..] else { continue };
                if !writes || !self.others_may_look(body, t.event, &t.place) {
                    continue;
                }
                let Some((load, location)) = self.loaded_for(body, t) else { continue };
                let Type::Adt(adt, _) = self.location(location).value_type.peeled() else { continue };
                let pointer = self.program.field_type(&Type::open(*adt), first);
                if pointer.is_some_and(|p| matches!(p, Type::Ptr { .. })) && !self.brings_protocol(*adt, 0) {
                    let field = Changeable { owner: *adt, field: first.clone(), kind: Changing::Pointer };
                    let visible = Visible::Published { location, reader: (body, load) };
                    found.push(Interior { value: *adt, field, visible, change: Some((body, t.event)) });
                }
            }
        }
        found
    }

    /// The load that a touch follows, of a pointer that others load too.
    fn loaded_for(&self, body: BodyId, touch: &Touch) -> Option<(EventId, LocId)> {
        self.followed(body, touch).find_map(|(_, s)| {
            let op = self.op(s.op);
            let location = op.location?;
            let shared = op.kind == AtomicOpKind::Load
                && !self.is_alone(body, s)
                && !self.context(s.op).in_drop
                && !self.is_guarded(location, s.op)
                && self.stores_live_pointer(location)
                && self.reader_of(location).is_some();
            shared.then_some((s.event, location))
        })
    }

    /// Safe public functions that return `&mut` to what a pointer leads to that they merely loaded: two callers have it
    /// twice.
    pub fn handed_mutably(&self) -> Vec<HandedMut> {
        let mut found = Vec::new();
        for body in self.bodies_with_ops() {
            let owner = self.program.body(body).owner;
            let Some(f) = self.program.function(owner) else { continue };
            let shared = matches!(f.receiver, None | Some(Receiver::Ref)) && !f.is_unsafe && self.is_external(owner);
            if !shared || !mentions_exclusive(&f.ret) || self.program.body(body).parent.is_some() {
                continue;
            }
            for t in self.touches(body).iter().filter(|t| t.kind == TouchKind::MutRef && t.is_direct()) {
                if !self.others_may_look(body, t.event, &t.place) {
                    continue;
                }
                let load = self.followed(body, t).find_map(|(_, s)| {
                    let op = self.op(s.op);
                    let location = op.location?;
                    let loaded =
                        op.kind == AtomicOpKind::Load && !self.is_alone(body, s) && !self.is_guarded(location, s.op);
                    (loaded && self.stores_live_pointer(location)).then_some((s.op, location))
                });
                if let Some((load, location)) = load {
                    found.push(HandedMut { body, event: t.event, load, location });
                    break;
                }
            }
        }
        found
    }
}

/// What a container holds as its own; a lock's content is the lock's business, a marker holds nothing.
fn held(ty: &Type) -> Vec<&Type> {
    match ty {
        Type::Known(
            Known::Option
            | Known::Box
            | Known::Arc
            | Known::Vec
            | Known::Map
            | Known::Padded
            | Known::ManuallyDrop
            | Known::MaybeUninit
            | Known::Pin
            | Known::Transparent,
            args,
        ) => args.iter().collect(),
        Type::Slice(item) | Type::Array(item, _) => vec![item],
        Type::Tuple(items) => items.iter().collect(),
        _ => Vec::new(),
    }
}

fn cell_kind(ty: &Type) -> Option<Changing> {
    match ty {
        Type::Known(Known::Cell, _) => Some(Changing::Cell),
        Type::Known(Known::RefCell, _) => Some(Changing::RefCell),
        Type::Known(Known::UnsafeCell, _) => Some(Changing::UnsafeCell),
        _ => held(ty).into_iter().find_map(cell_kind),
    }
}

/// Whether a method of a cell changes what is in it, or (for a `RefCell`) its count of borrows.
fn changes(method: &str) -> bool {
    matches!(
        method,
        "set"
            | "replace"
            | "take"
            | "swap"
            | "update"
            | "replace_with"
            | "borrow"
            | "borrow_mut"
            | "try_borrow"
            | "try_borrow_mut"
            | "with_mut"
    )
}

fn mentions_exclusive(ty: &Ty) -> bool {
    match ty {
        Ty::Ref { mutable, inner, .. } => *mutable || mentions_exclusive(inner),
        Ty::Path(p) => p.segments.iter().flat_map(|s| &s.args).any(mentions_exclusive),
        Ty::Tuple(ts) => ts.iter().any(mentions_exclusive),
        _ => false,
    }
}
