//! Which fields are written often, by whom, and which are read beside them.
//!
//! Everything here is told by the field inside its type (`Ring::head`), wherever values of the type lie: a walk
//! along each operation's place names every type that holds the atomic inline. What a function does counts all
//! that it calls, and what the guards that it hands out do when they are dropped: their holder is the same thread.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::Facts;
use super::access::{OpId, Seen};
use super::call_graph::runs_in_place;
use super::frequency::{is_frequent, is_rare};
use crate::contract::Word;
use crate::ir::{AtomicOpKind, Callee, EventKind, ItemKind, Proj, Receiver, ValueId, ValueKind, Vis};
use crate::resolve::places::{PlaceRef, Root, Step};
use crate::resolve::{BodyId, DefId, Known, Type};

/// A field of a type of the analysed crates.
pub type FieldId = (DefId, String);

/// What one body (with all that it calls) does to a field.
#[derive(Clone, Copy, Debug, Default)]
struct Touch {
    /// A write that happens often, if there is one.
    hot: Option<OpId>,
    writes: bool,
    reads: bool,
}

/// How a field is used, over all places where threads enter.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// A write that happens often.
    pub hot: Option<OpId>,
    /// Entries that write it often.
    pub hot_writers: BTreeSet<BodyId>,
    /// Entries that write it at all.
    pub writers: BTreeSet<BodyId>,
    /// Entries that read it.
    pub readers: BTreeSet<BodyId>,
}

/// The use of every field that holds an atomic.
#[derive(Debug, Default)]
pub struct Heat {
    fields: BTreeMap<FieldId, Usage>,
    /// Types that live once per element of a collection or once per node.
    elements: FxHashSet<DefId>,
    /// Types behind a static, an `Arc` or a type that is shared itself.
    shared: FxHashSet<DefId>,
}

impl Heat {
    pub fn usage(&self, adt: DefId, field: &str) -> Option<&Usage> {
        self.fields.get(&(adt, field.to_owned()))
    }

    /// Types with a field that is written often.
    pub fn owners(&self) -> Vec<DefId> {
        let mut owners: Vec<DefId> =
            self.fields.iter().filter(|(_, u)| !u.hot_writers.is_empty()).map(|((adt, _), _)| *adt).collect();
        owners.dedup();
        owners
    }

    /// Whether there is one value of the type per element of a collection, per node or per task.
    pub fn is_element(&self, adt: DefId) -> bool {
        self.elements.contains(&adt)
    }

    pub fn is_shared(&self, adt: DefId) -> bool {
        self.shared.contains(&adt)
    }
}

impl Usage {
    pub fn is_hot(&self) -> bool {
        !self.hot_writers.is_empty()
    }

    /// Whether each of two fields has a frequent writer that leaves the other alone.
    pub fn has_other_writers_than(&self, other: &Usage) -> bool {
        self.hot_writers.iter().any(|w| !other.writers.contains(w))
            && other.hot_writers.iter().any(|w| !self.writers.contains(w))
    }
}

pub(super) fn collect(facts: &Facts<'_>) -> Heat {
    let mut touches: Vec<BTreeMap<FieldId, Touch>> = vec![BTreeMap::new(); facts.program.bodies.len()];
    for body in facts.bodies_with_ops() {
        for seen in facts.seen(body) {
            add(facts, body, seen, &mut touches[body.index()]);
        }
    }
    add_plain_reads(facts, &mut touches);
    add_lent_fields(facts, &mut touches);
    let drops = guard_drops(facts);
    close(facts, &mut touches, &drops);
    let guards: FxHashSet<BodyId> = drops.values().copied().collect();
    let mut heat = Heat { elements: elements(facts), shared: shared(facts), ..Heat::default() };
    for body in facts.program.body_ids() {
        if touches[body.index()].is_empty() || guards.contains(&body) || !facts.is_entry(body) {
            continue;
        }
        let rare = is_rare(facts, body);
        for (field, touch) in std::mem::take(&mut touches[body.index()]) {
            let usage = heat.fields.entry(field).or_default();
            if let (Some(op), false) = (touch.hot, rare) {
                usage.hot.get_or_insert(op);
                usage.hot_writers.insert(body);
            }
            if touch.writes {
                usage.writers.insert(body);
            }
            if touch.reads && !rare {
                usage.readers.insert(body);
            }
        }
    }
    heat
}

fn add(facts: &Facts<'_>, body: BodyId, seen: &Seen, touches: &mut BTreeMap<FieldId, Touch>) {
    let op = facts.op(seen.op);
    let first = || is_first_installed(facts, seen.op);
    if op.is_test || facts.is_alone(body, seen) || facts.stands_for_many(seen) || first() {
        return;
    }
    let frequent = op.kind.writes() && is_frequent(facts, seen.op) && !follows_lock(facts, body, seen);
    let hot = frequent.then_some(seen.op);
    for field in facts.inline_fields(&seen.place) {
        let touch = touches.entry(field).or_default();
        touch.hot = touch.hot.or(hot);
        touch.writes |= op.kind.writes();
        touch.reads |= op.kind.reads();
    }
}

/// What a CAS has just put into another field is put here as well: the first block of a queue, which whoever pushes
/// first hangs in at both ends.
fn is_first_installed(facts: &Facts<'_>, id: OpId) -> bool {
    let op = facts.op(id);
    let direct = || facts.seen(op.body).iter().filter(|s| s.is_direct());
    let pointer = op.atomic.is_some_and(crate::resolve::Atomic::is_pointer);
    let (Some(stored), true) = (op.new_value(), op.kind == AtomicOpKind::Store && pointer) else { return false };
    facts.is_claimed(op.body, op.event)
        && direct().any(|s| {
            let cas = facts.op(s.op);
            cas.kind.is_cas()
                && s.place.steps != op.place.steps
                && cas.new_value().is_some_and(|v| facts.is_alias(op.body, stored, v, 0))
        })
}

/// The thread took a lock on the way: it moves that lock's line anyway.
fn follows_lock(facts: &Facts<'_>, body: BodyId, seen: &Seen) -> bool {
    let flow = facts.flow(body);
    facts.guards(body).held.iter().any(|h| !h.shared && flow.dominates(h.acquired, seen.event))
}

/// Plain fields that are read beside atomics: pointers, masks, limits.
fn add_plain_reads(facts: &Facts<'_>, touches: &mut [BTreeMap<FieldId, Touch>]) {
    let owners: FxHashSet<DefId> = touches.iter().flat_map(|t| t.keys().map(|(adt, _)| *adt)).collect();
    for body in facts.program.body_ids() {
        let b = facts.program.body(body);
        let adt = facts.program.self_adt(b.owner);
        if facts.program.def(b.owner).is_test || !adt.is_some_and(|a| owners.contains(&a)) {
            continue;
        }
        for e in &b.ir.events {
            let EventKind::Read(place) = &e.kind else { continue };
            if place.proj.is_empty() {
                continue;
            }
            let at = facts.program.place_ref(body, place);
            if facts.is_exclusive_root(&at) {
                continue;
            }
            for (adt, field) in facts.inline_fields(&at) {
                if owners.contains(&adt) {
                    touches[body.index()].entry((adt, field)).or_default().reads = true;
                }
            }
        }
    }
}

/// A guard that is given a reference to one atomic of its lock (`Guard { serving: &self.serving }`) writes it when it
/// is dropped, on the thread that made it.
fn add_lent_fields(facts: &Facts<'_>, touches: &mut [BTreeMap<FieldId, Touch>]) {
    for body in facts.program.body_ids() {
        for (i, v) in facts.program.body(body).ir.values.iter().enumerate() {
            let ValueKind::Struct { fields, .. } = &v.kind else { continue };
            let Type::Adt(guard, _) = facts.program.type_of(body, ValueId(i as u32)) else { continue };
            let drop = facts.program.methods_of(guard, "drop").first().and_then(|d| facts.program.body_of(*d));
            let Some(drop) = drop else { continue };
            for (name, value) in fields {
                let write = facts.seen(drop).iter().find(|s| {
                    let op = facts.op(s.op);
                    op.kind.writes() && s.place.field.as_ref().is_some_and(|(a, f)| *a == guard && f == name)
                });
                let Some(write) = write else { continue };
                let lent = facts.program.value_ref(body, *value);
                for field in facts.inline_fields(&lent) {
                    let touch = touches[body.index()].entry(field).or_default();
                    touch.hot = touch.hot.or(Some(write.op));
                    touch.writes = true;
                }
            }
        }
    }
}

/// Adds to each body what its callees and the guards that it returns do.
fn close(facts: &Facts<'_>, touches: &mut [BTreeMap<FieldId, Touch>], drops: &FxHashMap<BodyId, BodyId>) {
    let mut edges: Vec<(BodyId, BodyId)> = drops.iter().map(|(from, to)| (*from, *to)).collect();
    for (def, callers) in &facts.callers {
        if let Some(callee) = facts.program.body_of(*def) {
            edges.extend(callers.iter().map(|(body, _)| (*body, callee)));
        }
    }
    for body in facts.program.body_ids() {
        if let Some((parent, event)) = facts.program.closure_use(body)
            && runs_in_place(facts.program, parent, event)
        {
            edges.push((parent, body));
        }
    }
    edges.sort_unstable();
    edges.dedup();
    // Touches only grow and are few, so this ends soon. An edge whose end has not grown since has nothing new to say.
    let mut growth: Vec<u32> = touches.iter().map(|t| u32::from(!t.is_empty())).collect();
    let mut taken_in = vec![0; edges.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for ((from, to), taken_in) in edges.iter().zip(&mut taken_in) {
            let (from, to) = (from.index(), to.index());
            if from == to || *taken_in == growth[to] {
                continue;
            }
            *taken_in = growth[to];
            let theirs = std::mem::take(&mut touches[to]);
            if take_in(&mut touches[from], &theirs) {
                growth[from] += 1;
                changed = true;
            }
            touches[to] = theirs;
        }
    }
}

/// Whether a body learns something by what another one does.
fn take_in(mine: &mut BTreeMap<FieldId, Touch>, theirs: &BTreeMap<FieldId, Touch>) -> bool {
    let mut grown = false;
    for (field, t) in theirs {
        let Some(known) = mine.get_mut(field) else {
            mine.insert(field.clone(), *t);
            grown = true;
            continue;
        };
        grown |= known.hot.is_none() && t.hot.is_some() || t.writes && !known.writes || t.reads && !known.reads;
        known.hot = known.hot.or(t.hot);
        known.writes |= t.writes;
        known.reads |= t.reads;
    }
    grown
}

/// From functions that hand out a guard by `&self` to what the guard does when it is dropped.
fn guard_drops(facts: &Facts<'_>) -> FxHashMap<BodyId, BodyId> {
    let mut drops = FxHashMap::default();
    for def in facts.program.def_ids() {
        let Some(f) = facts.program.function(def) else { continue };
        if !matches!(f.receiver, Some(Receiver::Ref | Receiver::Typed(_) | Receiver::RefMut)) {
            continue;
        }
        let ty = facts.program.lower_type(def, &f.ret);
        let inner = match &ty {
            Type::Known(Known::Option | Known::Result, args) => args.first(),
            ty => Some(ty),
        };
        let Some(Type::Adt(guard, _)) = inner else { continue };
        let drop = facts.program.methods_of(*guard, "drop").first().and_then(|d| facts.program.body_of(*d));
        if let (Some(body), Some(drop)) = (facts.program.body_of(def), drop) {
            drops.insert(body, drop);
        }
    }
    drops
}

impl Facts<'_> {
    /// The fields that hold the memory of a place inline, outermost first: the last pointer on the way begins anew.
    pub fn inline_fields(&self, place: &PlaceRef) -> Vec<FieldId> {
        let mut chain: Vec<FieldId> = Vec::new();
        let mut ty = self.root_type(&place.root);
        for step in &place.steps {
            match step {
                Step::Field(name) => {
                    let steps = self.program.autoderef(&ty);
                    let Some(found) = steps.iter().position(|t| self.program.field_type(t, name).is_some()) else {
                        return self.last_field(place);
                    };
                    if steps[..found].iter().any(leads_elsewhere) {
                        chain.clear();
                    }
                    if let Type::Adt(adt, _) = &steps[found] {
                        chain.push((*adt, name.clone()));
                    }
                    ty = self.program.field_type(&steps[found], name).unwrap_or(Type::Unknown);
                }
                Step::Index(_) => {
                    let steps = self.program.autoderef(&ty);
                    let inline = matches!(steps.last(), Some(Type::Array(..)));
                    if !inline || steps.iter().any(leads_elsewhere) {
                        chain.clear();
                    }
                    ty = self.program.project(&ty, &Proj::Index(ValueId(0)));
                }
            }
        }
        for t in self.program.autoderef(&ty) {
            if leads_elsewhere(&t) {
                return Vec::new();
            }
            if matches!(t, Type::Atomic(..)) {
                break;
            }
        }
        chain
    }

    /// What is known where the way to a place could not be followed: its last field.
    fn last_field(&self, place: &PlaceRef) -> Vec<FieldId> {
        let Some((adt, field)) = &place.field else { return Vec::new() };
        let first = field.split('.').next().unwrap_or(field).to_owned();
        let holds = self.program.field_type(&Type::open(*adt), &first);
        match holds {
            Some(ty) if !self.program.autoderef(&ty).iter().any(leads_elsewhere) => vec![(*adt, first)],
            _ => Vec::new(),
        }
    }

    pub(super) fn root_type(&self, root: &Root) -> Type {
        match root {
            Root::Param(b, i) => self.param_type(*b, *i),
            Root::Static(d) => match &self.program.def(*d).item.kind {
                ItemKind::Static { ty, .. } => self.program.lower_type(*d, ty),
                _ => Type::Unknown,
            },
            Root::Local(b, l) => {
                let init = self.program.body(*b).ir.locals.get(l.index()).and_then(|l| l.init);
                init.map_or(Type::Unknown, |v| self.program.local_type(*b, *l, v))
            }
            Root::Value(b, v) => self.program.type_of(*b, *v),
            Root::Unknown => Type::Unknown,
        }
    }

    /// Whether a place is reached through `&mut` or an owned value.
    fn is_exclusive_root(&self, place: &PlaceRef) -> bool {
        match place.root {
            Root::Param(b, i) => place.shared == 0 && !self.param_type(b, i).is_shared_pointer(),
            Root::Local(..) => place.shared == 0,
            _ => false,
        }
    }

    /// The types of a struct's fields.
    fn field_types(&self, adt: DefId) -> Vec<Type> {
        let fields = self.struct_of(adt).map_or(&[][..], |s| &s.fields);
        fields.iter().map(|f| self.program.lower_type(adt, &f.ty)).collect()
    }

    /// Whether a field carries an annotation.
    pub fn is_marked(&self, adt: DefId, field: &str, word: Word) -> bool {
        self.field(adt, field).is_some_and(|f| self.program.field_annotation(adt, f, word).is_some())
    }
}

/// Whether what such a value leads to lies somewhere else.
fn leads_elsewhere(ty: &Type) -> bool {
    ty.is_pointer()
        || matches!(
            ty,
            Type::Known(
                Known::Box | Known::Guard | Known::ReadGuard | Known::CellRef | Known::EpochOwned | Known::ThreadLocal,
                _
            ) | Type::Known(Known::Vec | Known::Map, _)
        ) && !matches!(ty, Type::Known(Known::Pin, _))
}

/// Types of which there is one value per element, node or task.
fn elements(facts: &Facts<'_>) -> FxHashSet<DefId> {
    let mut elements = FxHashSet::default();
    let mut inline: Vec<(DefId, DefId)> = Vec::new();
    for def in facts.program.def_ids() {
        let d = facts.program.def(def);
        match &d.item.kind {
            ItemKind::Struct(s) | ItemKind::Union(s) => {
                for f in &s.fields {
                    let ty = facts.program.lower_type(def, &f.ty);
                    mark_elements(&ty, &mut elements);
                    inline.extend(held_inline(&ty).map(|held| (def, held)));
                    let parts = held_inline(&ty).filter(|p| *p != def);
                    let inner = parts.flat_map(|p| facts.field_types(p)).collect::<Vec<_>>();
                    if std::iter::once(&ty).chain(&inner).any(|t| mentions_behind_pointer(t, def, false)) {
                        elements.insert(def);
                    }
                }
            }
            ItemKind::Static { ty, .. } => mark_elements(&facts.program.lower_type(def, ty), &mut elements),
            ItemKind::Fn(f) => {
                mark_elements(&facts.program.lower_type(def, &f.ret), &mut elements);
                for (_, ty) in &f.params {
                    mark_elements(&facts.program.lower_type(def, ty), &mut elements);
                }
            }
            _ => {}
        }
    }
    // What lies only inside of elements is one itself.
    loop {
        let next = inline.iter().map(|(_, held)| *held).find(|held| {
            !elements.contains(held)
                && inline.iter().filter(|(_, h)| h == held).all(|(holder, _)| elements.contains(holder))
        });
        match next {
            Some(adt) => elements.insert(adt),
            None => return elements,
        };
    }
}

fn mark_elements(ty: &Type, elements: &mut FxHashSet<DefId>) {
    match ty {
        Type::Known(Known::Vec | Known::Map, args) => args.iter().for_each(|t| elements.extend(element_of(t))),
        Type::Slice(inner) => elements.extend(element_of(inner)),
        Type::Array(inner, n) if n.is_none_or(|n| n > 4) => elements.extend(element_of(inner)),
        Type::External(path, args) if !path.contains("Iterator") => {
            let slots = ["Slab", "Map", "Deque", "List", "Array", "Pool", "Set"];
            let last = path.rsplit("::").next().unwrap_or("");
            if slots.iter().any(|s| last.contains(s)) {
                args.iter().for_each(|t| elements.extend(element_of(t)));
            }
        }
        _ => {}
    }
    match ty {
        Type::Ref { inner, .. } | Type::Ptr { inner, .. } | Type::Array(inner, _) => mark_elements(inner, elements),
        Type::Atomic(_, inner) => mark_elements(inner, elements),
        Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) | Type::Adt(_, args) => {
            args.iter().for_each(|t| mark_elements(t, elements));
        }
        _ => {}
    }
}

/// The type that each element is, through owning pointers, padding and locks.
fn element_of(ty: &Type) -> Option<DefId> {
    match ty {
        Type::Adt(adt, args) => match args.first() {
            // A padding wrapper of the crate around the element.
            Some(inner @ Type::Adt(..)) if args.len() == 1 => element_of(inner).or(Some(*adt)),
            _ => Some(*adt),
        },
        Type::Known(_, args) | Type::External(_, args) => args.first().and_then(element_of),
        Type::Tuple(items) => items.iter().find_map(element_of),
        Type::Array(inner, _) | Type::Slice(inner) => element_of(inner),
        Type::Ptr { inner, .. } | Type::Ref { inner, .. } | Type::Atomic(_, inner) => element_of(inner),
        _ => None,
    }
}

fn held_inline(ty: &Type) -> impl Iterator<Item = DefId> {
    let mut held = Vec::new();
    let mut queue = vec![ty];
    while let Some(ty) = queue.pop() {
        match ty {
            Type::Adt(adt, args) => {
                held.push(*adt);
                queue.extend(args);
            }
            Type::Known(
                Known::Padded
                | Known::ManuallyDrop
                | Known::MaybeUninit
                | Known::UnsafeCell
                | Known::Cell
                | Known::Transparent
                | Known::Option
                | Known::Mutex,
                args,
            ) => queue.extend(args),
            Type::Array(inner, _) => queue.push(inner),
            Type::Tuple(items) => queue.extend(items),
            _ => {}
        }
    }
    held.into_iter()
}

/// Whether a field leads to its own type through a pointer: a node of a list or tree.
fn mentions_behind_pointer(ty: &Type, adt: DefId, behind: bool) -> bool {
    match ty {
        Type::Adt(d, args) => *d == adt && behind || args.iter().any(|t| mentions_behind_pointer(t, adt, behind)),
        Type::Ref { inner, .. } | Type::Ptr { inner, .. } | Type::Atomic(_, inner) => {
            mentions_behind_pointer(inner, adt, true)
        }
        Type::Known(Known::Box | Known::Arc | Known::Rc | Known::Weak | Known::NonNull, args) => {
            args.iter().any(|t| mentions_behind_pointer(t, adt, true))
        }
        Type::Known(Known::PhantomData, _) => false,
        Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) => {
            args.iter().any(|t| mentions_behind_pointer(t, adt, behind))
        }
        Type::Array(inner, _) | Type::Slice(inner) => mentions_behind_pointer(inner, adt, behind),
        _ => false,
    }
}

/// Types that several threads can reach: public ones with methods by `&self`, those in statics and `Arc`s, those
/// that say `Sync`, and whatever lies in one of these.
fn shared(facts: &Facts<'_>) -> FxHashSet<DefId> {
    let mut shared = FxHashSet::default();
    let mut holds: Vec<(DefId, DefId)> = Vec::new();
    for def in facts.program.def_ids() {
        let d = facts.program.def(def);
        match &d.item.kind {
            ItemKind::Struct(s) => {
                if (d.item.vis != Vis::Private || facts.program.implements(def, "Sync")) && !facts.is_not_sync(def) {
                    shared.insert(def);
                }
                for f in &s.fields {
                    let ty = facts.program.lower_type(def, &f.ty);
                    mentioned(&ty, false, &mut |adt, in_arc| {
                        holds.push((def, adt));
                        if in_arc {
                            shared.insert(adt);
                        }
                    });
                }
            }
            ItemKind::Enum(e) => {
                if d.item.vis != Vis::Private || facts.program.implements(def, "Sync") {
                    shared.insert(def);
                }
                for f in e.variants.iter().flat_map(|v| &v.fields) {
                    let ty = facts.program.lower_type(def, &f.ty);
                    mentioned(&ty, false, &mut |adt, in_arc| {
                        holds.push((def, adt));
                        if in_arc {
                            shared.insert(adt);
                        }
                    });
                }
            }
            ItemKind::Static { ty, .. } => {
                mentioned(&facts.program.lower_type(def, ty), false, &mut |adt, _| {
                    shared.insert(adt);
                });
            }
            ItemKind::Fn(f) => {
                for ty in f.params.iter().map(|(_, t)| t).chain([&f.ret]) {
                    mentioned(&facts.program.lower_type(def, ty), false, &mut |adt, in_arc| {
                        if in_arc {
                            shared.insert(adt);
                        }
                    });
                }
            }
            _ => {}
        }
    }
    shared.extend(shared_in_bodies(facts));
    loop {
        let next = holds.iter().find(|(holder, held)| shared.contains(holder) && !shared.contains(held));
        match next {
            Some((_, held)) => shared.insert(*held),
            None => break,
        };
    }
    let promised = promised(facts, &holds);
    shared.retain(|adt| promised.contains(adt) || !facts.is_not_sync(*adt));
    shared.extend(promised);
    shared
}

/// Types that an `unsafe impl` promises to be fit for several threads, what lies in them, and what the handles lead to
/// of which each thread is promised one: a counted pointer of the crate's own making.
fn promised(facts: &Facts<'_>, holds: &[(DefId, DefId)]) -> FxHashSet<DefId> {
    let mut found = FxHashSet::default();
    for def in facts.program.def_ids() {
        if !matches!(facts.program.def(def).item.kind, ItemKind::Struct(_) | ItemKind::Enum(_)) {
            continue;
        }
        if facts.program.implements(def, "Sync") {
            found.insert(def);
        }
        if facts.program.implements(def, "Send") && facts.program.implements(def, "Drop") {
            let led_to = facts.field_types(def).into_iter().filter_map(|ty| match ty {
                Type::Known(Known::NonNull, args) => args.first().and_then(element_of),
                Type::Ptr { inner, .. } => element_of(&inner),
                _ => None,
            });
            found.extend(led_to);
        }
    }
    loop {
        let next = holds.iter().find(|(holder, held)| found.contains(holder) && !found.contains(held));
        match next {
            Some((_, held)) => found.insert(*held),
            None => return found,
        };
    }
}

/// Values that are put into an `Arc` or used by a closure that runs on another thread.
fn shared_in_bodies(facts: &Facts<'_>) -> Vec<DefId> {
    let mut found = Vec::new();
    for body in facts.program.body_ids() {
        let b = facts.program.body(body);
        for e in &b.ir.events {
            let EventKind::Call(call) = &e.kind else { continue };
            let Callee::Path(path) = &call.callee else { continue };
            let names: Vec<&str> = path.segments.iter().rev().take(2).map(|s| s.name.as_str()).collect();
            if matches!(names[..], ["new" | "from", "Arc"]) {
                let ty = call.args.first().map(|v| facts.program.type_of(body, *v));
                if let Some(Type::Adt(adt, _)) = ty.as_ref().map(Type::peeled) {
                    found.push(*adt);
                }
            }
        }
        let elsewhere = b.parent.is_some()
            && !facts.program.closure_use(body).is_some_and(|(p, e)| runs_in_place(facts.program, p, e));
        if elsewhere && !facts.seen(body).is_empty() {
            for (i, _) in b.ir.captures.iter().enumerate() {
                let value = b.ir.values.iter().position(|v| v.kind == ValueKind::Capture(i as u32));
                let ty = value.map(|v| facts.program.type_of(body, ValueId(v as u32)));
                if let Some(Type::Adt(adt, _)) = ty.as_ref().map(Type::peeled) {
                    found.push(*adt);
                }
            }
        }
    }
    found
}

fn mentioned(ty: &Type, in_arc: bool, each: &mut dyn FnMut(DefId, bool)) {
    match ty {
        Type::Adt(adt, args) => {
            each(*adt, in_arc);
            args.iter().for_each(|t| mentioned(t, in_arc, each));
        }
        Type::Known(k, args) => {
            let in_arc = in_arc || matches!(k, Known::Arc | Known::Weak);
            args.iter().for_each(|t| mentioned(t, in_arc, each));
        }
        Type::External(_, args) | Type::Tuple(args) => args.iter().for_each(|t| mentioned(t, in_arc, each)),
        Type::Ref { inner, .. }
        | Type::Ptr { inner, .. }
        | Type::Atomic(_, inner)
        | Type::Array(inner, _)
        | Type::Slice(inner) => mentioned(inner, in_arc, each),
        _ => {}
    }
}
