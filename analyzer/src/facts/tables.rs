//! Counts of entries that a table under a lock lends out: found and raised under the lock, lowered without it.
//!
//! The last owner lowers the count to zero, and only then goes for the lock to take the entry out. Whoever has the
//! lock meanwhile still finds the entry.

use super::Facts;
use super::access::{Key, LocId, Seen};
use super::refcount::Doubt;
use crate::ir::{AtomicOpKind, Callee, EventId, EventKind};
use crate::resolve::places::Root;
use crate::resolve::{BodyId, DefId, Known, Type};

/// How deep calls are followed for a second look at the count.
const MAX_CALLS: usize = 40;

/// A lock, by its place or by the type of what it guards.
struct Table {
    place: Option<Key>,
    data: Option<DefId>,
}

impl Table {
    fn is(&self, other: &Table) -> bool {
        self.place.is_some() && self.place == other.place || self.data.is_some() && self.data == other.data
    }
}

impl Facts<'_> {
    /// The raise finds its entry in a table, under a lock that the last owner takes after the count has come to zero,
    /// and without another look at the count.
    pub(super) fn raised_in_table(&self, body: BodyId, location: LocId, raise: &Seen) -> Option<Doubt> {
        // What came in as a parameter may be an owner's own.
        let found = match raise.place.root {
            Root::Value(b, _) => b == body,
            Root::Static(_) => true,
            _ => false,
        };
        if !found {
            return None;
        }
        let held = self.guards(body).held_at(self, body, raise.event);
        let mut tables: Vec<Table> = held.filter_map(|held| self.table_locked(body, held.acquired)).collect();
        tables.extend(self.table_handed_in(body));
        if tables.is_empty() {
            return None;
        }
        self.performed(location, AtomicOpKind::FetchSub).into_iter().find_map(|(last, seen)| {
            let taken = self.locked_after_last(last, seen, &tables)?;
            let again = self.is_read_after(last, location, taken, seen);
            (!again).then_some(Doubt::Table { last, seen, taken })
        })
    }

    /// Where one of the tables is locked on the word of a decrement that was made without its lock.
    fn locked_after_last(&self, body: BodyId, seen: usize, tables: &[Table]) -> Option<EventId> {
        let s = &self.seen(body)[seen];
        if !self.guards(body).at(self, body, s.event).is_empty() || self.is_alone(body, s) {
            return None;
        }
        let on_result = |f: &super::value_flow::Flows| {
            f.ops.contains(&seen) || f.compared.contains(&seen) || f.decided.contains(&seen)
        };
        let decisions: Vec<_> = self.decisions(body).iter().filter(|d| on_result(&d.flows)).collect();
        let events = (0..self.program.body(body).ir.events.len() as u32).map(EventId);
        events.into_iter().filter(|_| !decisions.is_empty()).find(|&e| {
            self.flow(body).reaches(s.event, e)
                && self.table_locked(body, e).is_some_and(|t| tables.iter().any(|other| other.is(&t)))
                && decisions.iter().any(|d| self.is_controlled(body, d, e))
        })
    }

    /// Whether the count is looked at once more behind `taken`, here or in what is called there.
    fn is_read_after(&self, body: BodyId, location: LocId, taken: EventId, last: usize) -> bool {
        let reads = |b: BodyId, after: Option<EventId>| {
            self.location(location).ops.iter().map(|o| self.op(*o)).any(|op| {
                let own = b == body && op.event == self.seen(body)[last].event;
                let behind = after.is_none_or(|e| op.event == e || self.flow(b).reaches(e, op.event));
                let looks = op.kind == AtomicOpKind::Load || op.kind.is_cas() || op.kind == AtomicOpKind::Update;
                op.body == b && looks && !own && behind
            })
        };
        if reads(body, Some(taken)) {
            return true;
        }
        let behind = self.calls(body).iter().filter(|(e, _)| self.flow(body).reaches(taken, *e));
        let mut queue: Vec<BodyId> = behind.map(|(_, callee)| *callee).collect();
        let mut next = 0;
        while let Some(&at) = queue.get(next) {
            next += 1;
            if next > MAX_CALLS || reads(at, None) {
                return true;
            }
            for &(_, callee) in self.calls(at) {
                if !queue.contains(&callee) {
                    queue.push(callee);
                }
            }
        }
        false
    }

    /// A method of what lies in the lock: `fn find(&mut self)`, called on the guard.
    fn table_handed_in(&self, body: BodyId) -> Option<Table> {
        let ty = self.param_type(body, 0);
        let Type::Ref { mutable: true, inner } = &ty else { return None };
        let Type::Adt(data, _) = &**inner else { return None };
        self.is_locked_data(&ty).then_some(Table { place: None, data: Some(*data) })
    }

    /// The lock of a `Mutex` or `RwLock` that a call takes.
    fn table_locked(&self, body: BodyId, event: EventId) -> Option<Table> {
        let EventKind::Call(call) = &self.event(body, event).kind else { return None };
        let Callee::Method { receiver, name, .. } = &call.callee else { return None };
        if !matches!(name.as_str(), "lock" | "write" | "read") {
            return None;
        }
        let Type::Known(Known::Mutex | Known::RwLock, args) = self.program.place_type(body, receiver).peeled().clone()
        else {
            return None;
        };
        let data = match args.first() {
            Some(Type::Adt(data, _)) => Some(*data),
            _ => None,
        };
        let place = self.program.place_ref(body, receiver).location().map(Key::of);
        (place.is_some() || data.is_some()).then_some(Table { place, data })
    }
}
