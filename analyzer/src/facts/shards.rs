//! Arrays of atomics in which every thread, processor or handle has an element of its own.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Facts;
use super::access::Key;
use super::call_graph::runs_in_place;
use super::layout::{MACHINES, SMALLEST_LINE};
use crate::finding::Site;
use crate::ir::{AtomicOpKind, Base, Callee, EventKind, Place, Proj, Span, Terminator, ValueId, ValueKind};
use crate::resolve::calls::Target;
use crate::resolve::places::PlaceRef;
use crate::resolve::{BodyId, DefId, Known, Type};

/// How far an index is followed to where it comes from.
const MAX_DEPTH: u32 = 12;

/// A sharded structure whose elements do not have lines of their own.
#[derive(Clone, Debug)]
pub struct Shards {
    /// The type or static that holds the array.
    pub owner: DefId,
    /// `Hits::shards`, `HITS`.
    pub name: String,
    /// The field or static.
    pub site: Site,
    /// Where it is indexed by what tells threads apart.
    pub indexed_at: Site,
    pub by: By,
    /// The type of the elements, if they are structs; else they are bare atomics.
    pub element: Option<DefId>,
    /// Bytes from one element to the next.
    pub size: u64,
    /// The elements are aligned, but to less than what the processor fetches.
    pub narrow: Option<u64>,
}

/// What tells the shards apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Thread,
    Processor,
    Handle,
    Random,
}

impl By {
    pub fn describe(self) -> &'static str {
        match self {
            By::Thread => "indexed by the thread",
            By::Processor => "indexed by the processor",
            By::Handle => "indexed by a number that belongs to one handle",
            By::Random => "indexed at random",
        }
    }
}

impl Facts<'_> {
    /// Every sharded structure whose shards share lines.
    pub fn shards(&self) -> Vec<Shards> {
        let mut found: FxHashMap<Key, Shards> = FxHashMap::default();
        for body in self.program.body_ids() {
            if self.program.def(self.program.body(body).owner).is_test {
                continue;
            }
            for (array, index, span) in indexed_places(self, body) {
                let Some((key, shards)) = self.as_shards(body, &array, index, span) else { continue };
                found.entry(key).or_insert(shards);
            }
        }
        let mut found: Vec<Shards> = found.into_values().collect();
        found.sort_by_key(|s| s.site);
        found
    }

    fn as_shards(&self, body: BodyId, array: &PlaceRef, index: ValueId, span: Span) -> Option<(Key, Shards)> {
        let element = self.element_type(&array.ty)?;
        let machine = &MACHINES[0];
        let (atomic, extent) = (self.atomic_element(&element)?, self.extent(&element, machine));
        if extent.align >= machine.line || !extent.exact || extent.size >= machine.line {
            return None;
        }
        let key = Key::of(array.location()?);
        if !self.counts(&key, atomic) {
            return None;
        }
        let (owner, name, site) = match &key {
            Key::Field(adt, field) => {
                let first = field.split('.').next().unwrap_or(field);
                let site = Site { file: self.program.def(*adt).file, span: self.field(*adt, first)?.name_span };
                (*adt, format!("{}::{first}", self.program.def(*adt).item.name), site)
            }
            Key::Static(d) => {
                let item = self.program.def(*d);
                (*d, item.item.name.clone(), Site { file: item.file, span: item.item.name_span })
            }
            Key::Local(b, l) => {
                let local = self.program.body(*b).ir.locals.get(l.index())?;
                (self.program.body(*b).owner, local.name.clone(), self.site(*b, local.span))
            }
        };
        let by = self.tells_threads_apart(body, index, owner, 0)?;
        let narrow = (extent.align >= SMALLEST_LINE).then_some(extent.align);
        let (indexed_at, size) = (self.site(body, span), extent.size);
        let shards = Shards { owner, name, site, indexed_at, by, element: atomic, size, narrow };
        Some((key, shards))
    }

    fn element_type(&self, ty: &Type) -> Option<Type> {
        self.program.autoderef(ty).into_iter().find_map(|t| match t {
            Type::Array(inner, n) if n.is_none_or(|n| n > 1) => Some(Arc::unwrap_or_clone(inner)),
            Type::Slice(inner) => Some(Arc::unwrap_or_clone(inner)),
            Type::Known(Known::Vec, args) if !args.is_empty() => Some(args[0].clone()),
            _ => None,
        })
    }

    /// The type that holds the atomics of an element: itself for a bare integer atomic.
    fn atomic_element(&self, element: &Type) -> Option<Option<DefId>> {
        match element {
            Type::Atomic(kind, value) => {
                let integer = kind.takes_orderings() && !kind.is_pointer() && **value != Type::Prim("bool");
                integer.then_some(None)
            }
            Type::Adt(adt, _) => {
                let s = self.struct_of(*adt)?;
                let has = s.fields.iter().any(|f| {
                    matches!(self.program.lower_type(*adt, &f.ty), Type::Atomic(k, v) if !k.is_pointer() && *v != Type::Prim("bool"))
                });
                has.then_some(Some(*adt))
            }
            _ => None,
        }
    }

    /// Whether the shards are added to (or advanced by one writer each), rather than claimed, published or marked.
    fn counts(&self, array: &Key, element: Option<DefId>) -> bool {
        let mut counted = false;
        for location in &self.locations {
            let ours = match element {
                None => location.key == *array,
                Some(adt) => matches!(&location.key, Key::Field(owner, _) if *owner == adt),
            };
            if !ours {
                continue;
            }
            for &id in &location.ops {
                let op = self.op(id);
                match op.kind {
                    AtomicOpKind::FetchAdd
                    | AtomicOpKind::FetchSub
                    | AtomicOpKind::FetchMax
                    | AtomicOpKind::FetchMin => counted = true,
                    AtomicOpKind::FetchOr | AtomicOpKind::FetchAnd | AtomicOpKind::FetchXor => return false,
                    AtomicOpKind::Store => {
                        let flows = op.new_value().map(|v| self.flows_into(op.body, v));
                        let seen = self.seen(op.body);
                        let own = |i: &usize| self.op(seen[*i].op).location == op.location;
                        counted |= flows.is_some_and(|f| f.ops.iter().any(own));
                    }
                    _ => {}
                }
            }
        }
        counted
    }

    /// What an index has to do with the thread that uses it.
    fn tells_threads_apart(&self, body: BodyId, value: ValueId, array_owner: DefId, depth: u32) -> Option<By> {
        if depth > MAX_DEPTH {
            return None;
        }
        let next = |v: ValueId| self.tells_threads_apart(body, v, array_owner, depth + 1);
        match self.value(body, value) {
            ValueKind::Cast(v, _) | ValueKind::Not(v) => next(*v),
            ValueKind::Binary(_, l, r) => next(*l).or_else(|| next(*r)),
            ValueKind::Part { of, .. } => next(*of),
            ValueKind::Mutated { before, .. } => next(*before),
            ValueKind::Read(p) | ValueKind::Ref { place: p, .. } => self.place_tells(body, p, array_owner, depth),
            ValueKind::Param(i) => self.parameter_tells(body, *i),
            ValueKind::Capture(i) => {
                // A closure that runs on a thread of its own keeps the number that it was made with.
                let capture = self.program.body(body).ir.captures.get(*i as usize)?;
                let parent = self.program.body(body).parent?;
                let own = is_entry_closure(self, body) && varies(self, parent, capture.value);
                own.then_some(By::Handle)
                    .or_else(|| self.tells_threads_apart(parent, capture.value, array_owner, depth + 1))
            }
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(call) => self.call_tells(body, call, array_owner, depth),
                _ => None,
            },
            _ => None,
        }
    }

    fn place_tells(&self, body: BodyId, place: &Place, array_owner: DefId, depth: u32) -> Option<By> {
        let from_base = match &place.base {
            Base::Local(_, v) | Base::Value(v) => self.tells_threads_apart(body, *v, array_owner, depth + 1),
            Base::Path(_) => None,
        };
        if place.proj.is_empty() || place.proj.iter().all(|p| *p == Proj::Deref) {
            return from_base;
        }
        let at = self.program.place_ref(body, place);
        let (adt, field) = at.field.as_ref()?;
        let plain = matches!(at.ty, Type::Prim("usize" | "u64" | "u32" | "u16" | "u8"));
        let fixed = plain && *adt != array_owner && !self.is_reassigned(*adt, field) && named_as_index(field);
        fixed.then_some(By::Handle)
    }

    /// Whether a field is written after its object was made.
    fn is_reassigned(&self, adt: DefId, field: &str) -> bool {
        self.program.body_ids().any(|b| {
            self.program.body(b).ir.events.iter().any(|e| match &e.kind {
                EventKind::Write { place, .. } => {
                    place.proj.iter().any(|p| matches!(p, Proj::Field(f) if f == field))
                        && self.program.place_ref(b, place).field.is_some_and(|(a, f)| a == adt && f == field)
                }
                _ => false,
            })
        })
    }

    /// A parameter that is named for the thread or processor it stands for.
    fn parameter_tells(&self, body: BodyId, index: u32) -> Option<By> {
        if self.program.body(body).parent.is_some() {
            return None;
        }
        let name = self.program.param_name(body, index).to_lowercase();
        let mut words = name.split('_');
        if words.clone().any(|w| matches!(w, "cpu" | "core")) {
            Some(By::Processor)
        } else if words.any(|w| matches!(w, "thread" | "tid" | "worker")) {
            Some(By::Thread)
        } else {
            None
        }
    }

    fn call_tells(&self, body: BodyId, call: &crate::ir::Call, array_owner: DefId, depth: u32) -> Option<By> {
        let name = match &call.callee {
            Callee::Path(p) => p.last(),
            Callee::Method { name, .. } => name.as_str(),
            Callee::Value(_) => "",
        };
        let path = match self.program.target(body, call) {
            Target::Fn(def) => {
                let callee = self.program.body_of(def)?;
                let by_name = named_source(name);
                return by_name.or_else(|| self.returned_tells(callee, array_owner, depth));
            }
            Target::Foreign(path) => path,
            _ => String::new(),
        };
        if let Some(by) = named_source(name).or_else(|| foreign_source(&path)) {
            return Some(by);
        }
        if let Callee::Method { receiver, .. } = &call.callee {
            let ty = self.program.place_type(body, receiver);
            if matches!(ty.peeled_refs(), Type::Known(Known::ThreadLocal, _)) {
                return Some(By::Thread);
            }
            let from = match &receiver.base {
                Base::Local(_, v) | Base::Value(v) => self.tells_threads_apart(body, *v, array_owner, depth + 1),
                Base::Path(_) => None,
            };
            // A hasher is told apart by what it was fed with.
            return from
                .or_else(|| self.fed_by_thread(body, receiver, depth))
                .or_else(|| call.args.iter().find_map(|v| self.tells_threads_apart(body, *v, array_owner, depth + 1)));
        }
        call.args.iter().find_map(|v| self.tells_threads_apart(body, *v, array_owner, depth + 1))
    }

    /// `thread::current().id().hash(&mut hasher); hasher.finish()`
    fn fed_by_thread(&self, body: BodyId, hasher: &Place, depth: u32) -> Option<By> {
        let Base::Local(local, _) = hasher.base else { return None };
        let b = self.program.body(body).ir;
        let feeds = b.events.iter().any(|e| match &e.kind {
            EventKind::Call(call) => {
                let Callee::Method { receiver, name, .. } = &call.callee else { return false };
                let into = call.args.iter().any(|v| match self.value(body, *v) {
                    ValueKind::Ref { place, .. } => matches!(place.base, Base::Local(l, _) if l == local),
                    _ => false,
                });
                let from = || match &receiver.base {
                    Base::Local(_, v) | Base::Value(v) => {
                        self.tells_threads_apart(body, *v, self.program.body(body).owner, depth + 4)
                    }
                    Base::Path(_) => None,
                };
                name == "hash" && into && from() == Some(By::Thread)
            }
            _ => false,
        });
        feeds.then_some(By::Thread)
    }

    fn returned_tells(&self, callee: BodyId, array_owner: DefId, depth: u32) -> Option<By> {
        self.program.body(callee).ir.blocks.iter().find_map(|block| match block.term {
            Terminator::Return(Some(v)) => self.tells_threads_apart(callee, v, array_owner, depth + 2),
            _ => None,
        })
    }
}

/// Whether a value differs from one closure made here to the next: it comes from a loop or a counter.
fn varies(facts: &Facts<'_>, body: BodyId, value: ValueId) -> bool {
    match facts.value(body, value) {
        ValueKind::Item(_) | ValueKind::Phi(_) | ValueKind::Param(_) => true,
        ValueKind::Part { of, .. } | ValueKind::Cast(of, _) => varies(facts, body, *of),
        ValueKind::Read(p) if p.proj.is_empty() => match p.base {
            Base::Local(_, v) | Base::Value(v) => varies(facts, body, v),
            Base::Path(_) => false,
        },
        _ => false,
    }
}

/// Whether a closure is handed to something that does not run it in place.
fn is_entry_closure(facts: &Facts<'_>, body: BodyId) -> bool {
    match facts.program.closure_use(body) {
        Some((parent, event)) => !runs_in_place(facts.program, parent, event),
        None => false,
    }
}

/// Functions that say what they give.
fn named_source(name: &str) -> Option<By> {
    match name {
        "sched_getcpu" | "current_cpu" | "cpu_id" | "get_cpu" | "current_cpu_id" | "processor_id" | "cpu_index" => {
            Some(By::Processor)
        }
        "thread_index" | "current_thread_index" | "thread_id" | "current_thread_id" | "worker_index" | "thread_num" => {
            Some(By::Thread)
        }
        _ => None,
    }
}

fn foreign_source(path: &str) -> Option<By> {
    let root = path.split("::").next().unwrap_or("");
    if path.ends_with("thread::current") {
        return Some(By::Thread);
    }
    match root {
        "fastrand" | "rand" | "oorandom" | "getrandom" => Some(By::Random),
        "rayon" | "rayon_core" if path.contains("thread_index") => Some(By::Thread),
        _ => None,
    }
}

/// A field that is named for the place it has among its kind.
fn named_as_index(field: &str) -> bool {
    let words =
        ["index", "idx", "id", "shard", "slot", "worker", "thread", "tid", "lane", "stripe", "cpu", "core", "me"];
    field.split('_').any(|w| words.contains(&w))
}

/// Every place in a body where an element is chosen: the array, the index, and where it stands.
fn indexed_places(facts: &Facts<'_>, body: BodyId) -> Vec<(PlaceRef, ValueId, Span)> {
    let b = facts.program.body(body).ir;
    let mut found = Vec::new();
    let mut split = |place: &Place| {
        for (i, proj) in place.proj.iter().enumerate() {
            if let Proj::Index(v) = proj {
                let array = Place { base: place.base.clone(), proj: place.proj[..i].to_vec(), span: place.span };
                found.push((array, *v, place.span));
            }
        }
    };
    for v in &b.values {
        if let ValueKind::Ref { place, .. } | ValueKind::RawRef { place, .. } = &v.kind {
            split(place);
        }
    }
    let mut got = Vec::new();
    for e in &b.events {
        match &e.kind {
            EventKind::Atomic(op) => split(&op.receiver),
            EventKind::Call(call) => {
                let Callee::Method { receiver, name, .. } = &call.callee else { continue };
                split(receiver);
                if matches!(name.as_str(), "get" | "get_unchecked") {
                    got.extend(call.args.first().map(|v| (receiver.clone(), *v, e.span)));
                }
            }
            _ => {}
        }
    }
    found.extend(got);
    found
        .into_iter()
        .map(|(array, v, span)| {
            let mut at = facts.program.place_ref(body, &array);
            if at.ty.is_unknown() {
                at.ty = facts.program.place_type(body, &array);
            }
            (at, v, span)
        })
        .collect()
}
