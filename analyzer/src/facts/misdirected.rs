//! Data that is released by one location and looked for behind another: the reader waits on the wrong word.

use super::access::{Key, LocId};
use super::publication::{Evidence, Follow, How, Publish};
use super::sides::Half;
use super::touch::TouchKind;
use super::{Facts, Seen};
use crate::ir::{BlockId, EventId, EventKind, Terminator, ValueId, ValueKind, operands};
use crate::resolve::BodyId;

/// A release of data that its readers never acquire, because they decide by something else.
#[derive(Clone, Debug)]
pub struct Misdirected {
    /// The location that is released, with the releasing write: index into what the body does.
    pub location: LocId,
    pub writer: BodyId,
    pub release: usize,
    /// Where the data is written.
    pub written: EventId,
    pub data: Key,
    pub reader: BodyId,
    /// What the reader decides by, where it is read.
    pub tested: Tested,
    /// Where the reader uses the data.
    pub used: EventId,
}

#[derive(Clone, Debug)]
pub enum Tested {
    /// Another atomic: index into what the reader does.
    Atomic(usize, LocId),
    /// Plain memory, written beside the data.
    Plain(EventId, Key),
}

impl Facts<'_> {
    /// The hand-overs of a location that go past their readers.
    pub fn misdirected(&self, location: LocId) -> Option<Misdirected> {
        let released: Vec<&Publish> = self.publishes(location).iter().filter(|p| self.hands_over(p)).collect();
        if released.is_empty() || self.is_observed(location) {
            return None;
        }
        released.into_iter().find_map(|p| self.reader_elsewhere(location, p))
    }

    fn hands_over(&self, p: &Publish) -> bool {
        let s = &self.seen(p.body)[p.seen];
        p.writes
            && p.key.is_some()
            && s.orders.success.known().is_some_and(crate::ir::Ordering::releases)
            && !matches!(p.evidence, Evidence::Object(_))
            && self.guards(p.body).at(self, p.body, s.event).is_empty()
    }

    /// Whether some other function reads the location with an acquire, or in a way that may be one.
    fn is_observed(&self, location: LocId) -> bool {
        let sides = self.sides(location);
        sides.reads.iter().any(|(op, half)| {
            *half != Half::Weak && !sides.writes.iter().all(|(w, _)| self.op(*w).body == self.op(*op).body)
        })
    }

    fn reader_elsewhere(&self, location: LocId, p: &Publish) -> Option<Misdirected> {
        let data = p.key.clone()?;
        // Parts of one object, or statics: what lies further apart has ways of its own to be ordered.
        let together = |key: &Key| key.owner() == self.location(location).key.owner() && !matches!(key, Key::Local(..));
        if !together(&data) {
            return None;
        }
        // What another location hands over as well, its readers may get by that one.
        let elsewhere = |l: &LocId| {
            *l != location && self.publishes(*l).iter().any(|q| q.key.as_ref() == Some(&data) && self.hands_over(q))
        };
        if (0..self.locations.len() as u32).map(LocId).any(|l| elsewhere(&l)) {
            return None;
        }
        let written = match p.evidence {
            Evidence::Touch(t) => self.touches(p.body)[t].event,
            Evidence::Atomic(i) => self.seen(p.body)[i].event,
            Evidence::Object(_) => return None,
        };
        let found = |reader, tested, used| {
            let data = data.clone();
            Some(Misdirected { location, writer: p.body, release: p.seen, written, data, reader, tested, used })
        };
        let others = (0..self.locations.len() as u32).map(LocId);
        for other in others.filter(|l| *l != location && together(&self.location(*l).key)) {
            let follows = self.follows(other).iter().filter(|f| f.key.as_ref() == Some(&data) && f.body != p.body);
            let follows: Vec<&Follow> = follows.collect();
            if follows.is_empty() || self.orders_data(other, &data) {
                continue;
            }
            if let Some(f) = follows.into_iter().find(|f| self.goes_unordered(f.body, self.used_by(f))) {
                return found(f.body, Tested::Atomic(f.seen, other), self.used_by(f));
            }
        }
        let Evidence::Touch(_) = p.evidence else { return None };
        self.bodies_near(location).find_map(|reader| {
            let (event, key, used) = self.plain_test(reader, &data)?;
            let beside =
                reader != p.body && together(&key) && self.writes_before(p, &key) && self.goes_unordered(reader, used);
            beside.then(|| found(reader, Tested::Plain(event, key), used)).flatten()
        })
    }

    fn used_by(&self, f: &Follow) -> EventId {
        match f.how {
            How::Pointer(t) | How::Guards(t) => self.touches(f.body)[t].event,
            How::GuardsAtomic(i) => self.seen(f.body)[i].event,
        }
    }

    /// Whether the other location hands the same data over itself, or is written in the wrong order with it, which is
    /// another mistake.
    fn orders_data(&self, other: LocId, data: &Key) -> bool {
        let writes_beside = |body: BodyId| {
            self.touches(body).iter().any(|t| t.key.as_ref() == Some(data) && t.kind.writes())
                || self.seen(body).iter().any(|s| self.writes_to(s, data))
        };
        self.publishes(other).iter().any(|p| p.key.as_ref() == Some(data))
            || self.location(other).ops.iter().any(|o| self.op(*o).kind.writes() && writes_beside(self.op(*o).body))
            || self.shared_writes(other).next().is_none()
    }

    fn writes_to(&self, s: &Seen, data: &Key) -> bool {
        let op = self.op(s.op);
        op.kind.writes() && op.location.is_some_and(|l| self.location(l).key == *data)
    }

    /// No lock, fence or join orders the reader's use.
    fn goes_unordered(&self, body: BodyId, used: EventId) -> bool {
        self.guards(body).at(self, body, used).is_empty()
            && !self.is_joined_before(body, used)
            && !self.is_vouched(body)
    }

    fn bodies_near(&self, location: LocId) -> impl Iterator<Item = BodyId> + '_ {
        let owner = self.location(location).key.owner();
        self.program.body_ids().filter(move |b| {
            let def = self.program.body(*b).owner;
            !self.program.def(def).is_test
                && !self.touches(*b).is_empty()
                && (owner.is_none() || self.program.self_adt(def) == owner)
        })
    }

    /// A branch on plain memory that decides whether the data is read: the read, its memory, and the use.
    fn plain_test(&self, body: BodyId, data: &Key) -> Option<(EventId, Key, EventId)> {
        let ir = self.program.body(body).ir;
        let uses: Vec<EventId> = self
            .touches(body)
            .iter()
            .filter(|t| t.key.as_ref() == Some(data) && matches!(t.kind, TouchKind::Read | TouchKind::Ref))
            .map(|t| t.event)
            .collect();
        if uses.is_empty() {
            return None;
        }
        let flow = self.flow(body);
        ir.blocks.iter().enumerate().find_map(|(i, b)| {
            let Terminator::Branch { cond, .. } = &b.term else { return None };
            let block = BlockId(i as u32);
            let (event, key) = self.plain_read_in(body, *cond, data)?;
            let behind = |e: &EventId| {
                flow.successors(block).iter().any(|s| flow.edge_controls(block, *s, flow.block_of(*e)))
                    || flow.block_of(*e) != block && flow.block_dominates(block, flow.block_of(*e))
            };
            uses.iter().copied().find(behind).map(|used| (event, key, used))
        })
    }

    /// The plain memory (not the data itself) that a truth value was read from.
    fn plain_read_in(&self, body: BodyId, cond: ValueId, data: &Key) -> Option<(EventId, Key)> {
        let ir = self.program.body(body).ir;
        let mut queue = vec![cond];
        let mut visited = Vec::new();
        while let Some(v) = queue.pop() {
            if visited.contains(&v) || visited.len() > 40 {
                continue;
            }
            visited.push(v);
            let span = ir.values[v.index()].span;
            let touch = self.touches(body).iter().find(|t| {
                t.is_direct()
                    && t.kind == TouchKind::Read
                    && (t.in_cell || t.is_static)
                    && t.key.as_ref().is_some_and(|k| k != data)
                    && span.contains(self.event(body, t.event).span)
                    && matches!(self.event(body, t.event).kind, EventKind::Read(_))
            });
            if let Some(t) = touch {
                return t.key.clone().map(|k| (t.event, k));
            }
            if !matches!(ir.values[v.index()].kind, ValueKind::Event(_)) {
                operands::of_value(&ir.values[v.index()].kind, &mut |o| queue.push(*o));
            }
        }
        None
    }

    /// The publisher writes this memory too, before it releases.
    fn writes_before(&self, p: &Publish, key: &Key) -> bool {
        let release = self.seen(p.body)[p.seen].event;
        self.touches(p.body)
            .iter()
            .any(|t| t.key.as_ref() == Some(key) && t.kind.writes() && self.flow(p.body).reaches(t.event, release))
    }
}
