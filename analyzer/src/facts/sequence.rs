//! Sequence locks: readers that take a version, read data, and read the version again to see whether the data held still.
//!
//! The two version reads have to enclose the data reads, which an acquire of the *second* one does not do: it orders
//! what comes after it. A fence before it does (*Boehm, Can Seqlocks Get Along With Programming Language Memory
//! Models?*, MSPC 2012). The writer has to raise the version before it touches the data and again after it.

use rustc_hash::FxHashMap;

use super::access::{Key, LocId, OpId, Order};
use super::publication::How;
use super::touch::{Touch, TouchKind};
use super::{Facts, Seen};
use crate::ir::{AtomicOpKind, BinOp, EventId, EventKind, Ordering, ValueId, ValueKind};
use crate::resolve::places::Step;
use crate::resolve::{BodyId, Type};

/// Data read or written under the protection of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datum {
    pub event: EventId,
    pub key: Option<Key>,
    /// An element that is chosen at run time: another one than the writer's, perhaps.
    pub indexed: bool,
    pub access: Access,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Plain,
    Volatile,
    /// An atomic of its own; set if its operation acquires (a read) or releases (a write).
    Atomic(bool),
}

/// A function that takes a version and looks at data.
#[derive(Clone, Debug)]
pub struct Reader {
    pub body: BodyId,
    /// The first read of the version: index into what the body does.
    pub first: usize,
    /// The read that validates, which is compared with the first.
    pub second: Option<usize>,
    pub data: Vec<Datum>,
    /// The first version is tested by itself: for being odd, for being in progress.
    pub tests_first: bool,
}

/// A function that writes data and raises the version.
#[derive(Clone, Debug)]
pub struct Writer {
    pub body: BodyId,
    /// Writes of the version before the data is written, and after it.
    pub before: Vec<usize>,
    pub after: Vec<usize>,
    pub data: Vec<Datum>,
}

#[derive(Debug, Default)]
pub struct Sequence {
    pub readers: Vec<Reader>,
    pub writers: Vec<Writer>,
}

/// The locations that some reader uses as a version.
#[derive(Debug, Default)]
pub struct Sequences(FxHashMap<LocId, Sequence>);

pub(super) fn collect(facts: &Facts<'_>) -> Sequences {
    let mut found: FxHashMap<LocId, Sequence> = FxHashMap::default();
    for body in facts.bodies_with_ops() {
        for (location, reader) in validating_readers(facts, body) {
            found.entry(location).or_default().readers.push(reader);
        }
    }
    found.retain(|location, _| is_version(facts, *location));
    for (location, sequence) in &mut found {
        let keys: Vec<Key> = sequence.readers.iter().flat_map(|r| &r.data).filter_map(|d| d.key.clone()).collect();
        for body in facts.bodies_with_ops().filter(|b| facts.is_entry(*b)) {
            sequence.writers.extend(writer(facts, body, *location, &keys));
        }
        let written: Vec<Key> = sequence
            .writers
            .iter()
            .filter(|w| !w.before.is_empty() && !w.after.is_empty())
            .flat_map(|w| w.data.iter().filter_map(|d| d.key.clone()))
            .collect();
        for body in facts.bodies_with_ops().filter(|b| facts.is_entry(*b)) {
            sequence.readers.extend(careless_reader(facts, body, *location, &written));
        }
    }
    Sequences(found)
}

/// A number that only ever moves: raised by RMWs, or set to what was computed.
fn is_version(facts: &Facts<'_>, location: LocId) -> bool {
    let loc = facts.location(location);
    let number = loc.atomic.is_some_and(|a| !a.is_pointer()) && loc.value_type != Type::Prim("bool");
    let writes: Vec<_> = facts.shared_writes(location).collect();
    let advances = |w: &OpId| {
        let op = facts.op(*w);
        op.kind == AtomicOpKind::FetchAdd
            || facts.seen(op.body).iter().any(|s| {
                let own = |i: &usize| facts.op(facts.seen(op.body)[*i].op).location == Some(location);
                s.op == *w && s.stored.computed && s.stored.ops.iter().any(own)
            })
    };
    // A word that holds an address is read again to see whether the object is still the current one. One that is added
    // to an address is a number all the same.
    let is_whole_address = |body, t: usize| {
        let pointer = &facts.touches(body)[t].pointer;
        pointer.params.is_empty() && pointer.ops.len() == 1
    };
    let address =
        || facts.follows(location).iter().any(|f| matches!(f.how, How::Pointer(t) if is_whole_address(f.body, t)));
    number
        && !address()
        && writes.iter().any(advances)
        && writes.iter().all(|w| {
            let op = facts.op(*w);
            match op.kind {
                AtomicOpKind::FetchAdd | AtomicOpKind::FetchOr | AtomicOpKind::Swap | AtomicOpKind::Update => true,
                AtomicOpKind::Store | AtomicOpKind::Cas { .. } => {
                    op.new_value().is_some_and(|v| facts.constant_of(op.body, v).is_none())
                }
                _ => false,
            }
        })
}

fn validating_readers(facts: &Facts<'_>, body: BodyId) -> Vec<(LocId, Reader)> {
    let seen = facts.seen(body);
    let loads = |s: &Seen| facts.op(s.op).kind == AtomicOpKind::Load && !facts.is_alone(body, s);
    let mut found: Vec<(LocId, Reader)> = Vec::new();
    if seen.iter().filter(|s| loads(s)).count() < 2 {
        return found;
    }
    let flow = facts.flow(body);
    for d in facts.decisions(body) {
        for &second in &d.flows.compared {
            // A helper that compares is handed the first one.
            for &first in d.flows.compared.iter().chain(&d.flows.ops) {
                let (a, b) = (&seen[first], &seen[second]);
                let location = facts.op(a.op).location;
                let pair = first != second
                    && location.is_some()
                    && location == facts.op(b.op).location
                    && a.place.may_alias(&b.place)
                    && loads(a)
                    && loads(b)
                    && a.event != b.event
                    && flow.dominates(a.event, b.event);
                let Some(location) = location.filter(|_| pair) else { continue };
                let data = data_between(facts, body, location, a.event, b.event);
                if data.is_empty() || found.iter().any(|(l, r)| *l == location && r.second == Some(second)) {
                    continue;
                }
                let tests_first = tests(facts, body, first, second);
                found.push((location, Reader { body, first, second: Some(second), data, tests_first }));
            }
        }
    }
    found
}

/// Data that is read on the way from one event to another.
fn data_between(facts: &Facts<'_>, body: BodyId, version: LocId, from: EventId, to: EventId) -> Vec<Datum> {
    let flow = facts.flow(body);
    let between = |e: EventId| e != from && e != to && flow.dominates(from, e) && flow.reaches(e, to);
    let mut data: Vec<Datum> = facts
        .touches(body)
        .iter()
        .filter(|t| matches!(t.kind, TouchKind::Read | TouchKind::Ref) && is_data(t) && between(t.event))
        // An atomic that is reached by a pointer is no plain memory.
        .filter(|t| !matches!(t.place.ty, Type::Atomic(..)) && !is_atomic_event(facts, body, t))
        .filter(|t| facts.guards(body).at(facts, body, t.event).is_empty())
        .map(|t| datum_of_touch(facts, body, t))
        .collect();
    let owner = facts.location(version).key.owner();
    let named = ["seq", "version", "generation", "stamp", "epoch"];
    let is_sequence = named.iter().any(|n| facts.location(version).name.to_lowercase().contains(n));
    for s in facts.seen(body) {
        let op = facts.op(s.op);
        let Some(location) = op.location.filter(|l| *l != version) else { continue };
        let key = facts.location(location).key.clone();
        if is_sequence && op.kind == AtomicOpKind::Load && owner.is_some() && key.owner() == owner && between(s.event) {
            let access = Access::Atomic(!s.orders.lacks_acquire());
            data.push(Datum { event: s.event, key: Some(key), indexed: is_indexed(&s.place.steps), access });
        }
    }
    data
}

fn is_atomic_event(facts: &Facts<'_>, body: BodyId, t: &Touch) -> bool {
    let (at, event) = t.via.last().map_or((body, t.event), |(b, e)| (*b, *e));
    matches!(facts.event(at, event).kind, EventKind::Atomic(_))
}

fn is_data(t: &Touch) -> bool {
    t.in_cell || t.is_static || !t.by_reference
}

fn datum_of_touch(facts: &Facts<'_>, body: BodyId, t: &Touch) -> Datum {
    let (at, event) = t.via.last().map_or((body, t.event), |(b, e)| (*b, *e));
    let volatile = match &facts.event(at, event).kind {
        EventKind::Call(call) => facts.callee_name(call).contains("volatile"),
        _ => false,
    };
    let access = if volatile { Access::Volatile } else { Access::Plain };
    Datum { event: t.event, key: t.key.clone(), indexed: is_indexed(&t.place.steps), access }
}

fn is_indexed(steps: &[Step]) -> bool {
    steps.iter().any(|s| matches!(s, Step::Index(_)))
}

/// Whether the first version is looked at other than by comparing it with the second.
fn tests(facts: &Facts<'_>, body: BodyId, first: usize, second: usize) -> bool {
    let alone = facts.decisions(body).iter().any(|d| {
        let uses = |i: &usize| d.flows.ops.contains(i) || d.flows.compared.contains(i);
        uses(&first) && !uses(&second)
    });
    alone || facts.result_of(body, facts.seen(body)[first].event).is_some_and(|v| is_masked(facts, body, v))
}

/// `seq & 1`, `seq % 2`, `seq >> 1`.
fn is_masked(facts: &Facts<'_>, body: BodyId, version: ValueId) -> bool {
    facts.program.body(body).ir.values.iter().any(|v| match &v.kind {
        ValueKind::Binary(BinOp::BitAnd | BinOp::Rem | BinOp::Shr | BinOp::BitOr, l, _) => {
            facts.derives_from(body, *l, version)
        }
        _ => false,
    })
}

/// How a function writes what the readers read.
fn writer(facts: &Facts<'_>, body: BodyId, version: LocId, keys: &[Key]) -> Option<Writer> {
    let flow = facts.flow(body);
    let wanted = |k: &Option<Key>| k.as_ref().is_some_and(|k| keys.contains(k));
    let touched = facts.touches(body).iter().filter(|t| t.kind.writes() && is_data(t) && wanted(&t.key));
    let mut data: Vec<Datum> = touched
        .filter(|t| !facts.is_exclusive(body, t.event, &t.place))
        .map(|t| datum_of_touch(facts, body, t))
        .collect();
    for s in facts.seen(body) {
        let op = facts.op(s.op);
        let key = op.location.map(|l| facts.location(l).key.clone());
        if op.kind.writes() && op.location != Some(version) && wanted(&key) && !facts.is_alone(body, s) {
            let access = Access::Atomic(!s.orders.lacks_release());
            data.push(Datum { event: s.event, key, indexed: is_indexed(&s.place.steps), access });
        }
    }
    let bumps: Vec<usize> = (0..facts.seen(body).len())
        .filter(|i| {
            let s = &facts.seen(body)[*i];
            let op = facts.op(s.op);
            op.location == Some(version) && op.kind.writes() && !facts.is_alone(body, s)
        })
        .collect();
    if data.is_empty() || bumps.is_empty() {
        return None;
    }
    let event = |i: &usize| facts.seen(body)[*i].event;
    let before = bumps.iter().copied().filter(|b| data.iter().all(|d| flow.dominates(event(b), d.event))).collect();
    let after = bumps.iter().copied().filter(|b| data.iter().all(|d| flow.reaches(d.event, event(b)))).collect();
    Some(Writer { body, before, after, data })
}

/// A function that looks at the version, then at the data, and never at the version again.
fn careless_reader(facts: &Facts<'_>, body: BodyId, version: LocId, written: &[Key]) -> Option<Reader> {
    let seen = facts.seen(body);
    let flow = facts.flow(body);
    let reads: Vec<usize> = (0..seen.len()).filter(|i| facts.op(seen[*i].op).location == Some(version)).collect();
    let [first] = reads[..] else { return None };
    let s = &seen[first];
    if facts.op(s.op).kind != AtomicOpKind::Load || facts.is_alone(body, s) || !s.is_direct() {
        return None;
    }
    let masked = facts.result_of(body, s.event).is_some_and(|v| is_masked(facts, body, v));
    let data: Vec<Datum> = facts
        .touches(body)
        .iter()
        .filter(|t| t.key.as_ref().is_some_and(|k| written.contains(k)) && !t.kind.writes())
        .filter(|t| t.event != s.event && flow.dominates(s.event, t.event))
        .filter(|t| facts.guards(body).at(facts, body, t.event).is_empty())
        .map(|t| datum_of_touch(facts, body, t))
        .collect();
    // What it returns, its caller may validate.
    let returns_version = facts.flows_returned(body).ops.contains(&first);
    (masked && !data.is_empty() && !returns_version).then_some(Reader {
        body,
        first,
        second: None,
        data,
        tests_first: true,
    })
}

impl Facts<'_> {
    /// The readers and writers of a location that serves as a version.
    pub fn sequence(&self, location: LocId) -> Option<&Sequence> {
        self.sequences.get_or_init(|| collect(self)).0.get(&location)
    }

    /// The data read that the validating read may overtake: nothing keeps it in front.
    pub fn overtaken<'r>(&self, reader: &'r Reader) -> Option<&'r Datum> {
        let second = &self.seen(reader.body)[reader.second?];
        let fenced_in_helper = second.via.iter().any(|(b, e)| {
            let events = self.program.body(*b).ir.events.len() as u32;
            (0..events).map(EventId).any(|o| o != *e && self.flow(*b).reaches(o, *e) && self.sync_at(*b, o).acquires)
        });
        reader.data.iter().find(|d| {
            d.access != Access::Atomic(true)
                && !fenced_in_helper
                && !(matches!(self.event(reader.body, d.event).kind, EventKind::Call(_))
                    && self.sync_at(reader.body, d.event).acquires)
                && self.reaches_unacquired(reader.body, d.event, second.event)
        })
    }

    /// The data write that may become visible before the version was raised.
    pub fn written_early<'w>(&self, writer: &'w Writer) -> Option<&'w Datum> {
        let [opening] = writer.before[..] else { return None };
        let opening = &self.seen(writer.body)[opening];
        // An RMW that acquires keeps what follows behind its read half, which is enough for most.
        let weak = matches!(opening.orders.success, Order::Known(Ordering::Relaxed | Ordering::Release));
        writer.data.iter().find(|d| {
            weak && opening.is_direct()
                && d.access != Access::Atomic(true)
                && self.reaches_unreleased(writer.body, opening.event, d.event)
        })
    }

    /// The data write that may become visible after the version was raised again.
    pub fn written_late<'w>(&self, writer: &'w Writer) -> Option<&'w Datum> {
        let closing = &self.seen(writer.body)[*writer.after.last()?];
        let fenced = self.releases_in_helper(closing);
        writer.data.iter().find(|d| {
            closing.orders.lacks_release() && !fenced && self.reaches_unreleased(writer.body, d.event, closing.event)
        })
    }
}
