//! Store-then-load handshakes: one side writes X and then looks at Y, the other writes Y and then looks at X.
//!
//! Each side relies on seeing the other's write if the other does not see its own (Dekker, Peterson, going to sleep
//! and waking, announcing a hazard pointer). Release and acquire do not give that: a store may still be on its way
//! when the load after it runs. Only a sequentially consistent fence between the two, or sequentially consistent
//! operations, on *both* sides do (C++20 \[atomics.order\] p4; *Mara Bos: Rust Atomics and Locks*, chapter 3).

use rustc_hash::{FxHashMap, FxHashSet};

use super::access::{LocId, Order, resolve_order};
use super::control::Decision;
use super::required::{Constant, Required};
use super::touch::TouchKind;
use super::{Facts, Seen};
use crate::ir::{AtomicOpKind, BlockId, EventId, EventKind, Ordering, Terminator, ValueKind};
use crate::resolve::BodyId;

/// Bodies with more operations than this are not searched for pairs.
const MAX_OPS: usize = 120;

/// How many calls deep a barrier is looked for.
const MAX_DEPTH: u32 = 2;

/// A write of one location followed, in the same call, by a read of another: indices into what the body does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLoad {
    pub body: BodyId,
    pub write: usize,
    pub read: usize,
    /// The write surely reaches the others before the read runs.
    pub ordered: bool,
}

/// The two sides of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    pub locations: (LocId, LocId),
    pub sides: (StoreLoad, StoreLoad),
}

#[derive(Debug, Default)]
pub struct Handshakes {
    pub all: Vec<Handshake>,
    taking_part: FxHashSet<LocId>,
    /// Locations that some body reads in one order and another body in the other.
    compared: FxHashSet<LocId>,
}

/// What a side does on the strength of its read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stake {
    /// It goes to sleep unless it sees the other's write.
    Sleeps,
    /// It wakes the other if it sees the other's write.
    Wakes,
    /// It enters, frees or uses something unless it sees the other's write.
    Enters,
    /// It confirms that what it announced is still current.
    Validates,
}

pub(super) fn collect(facts: &Facts<'_>) -> Handshakes {
    let mut pairs: FxHashMap<(LocId, LocId), Vec<StoreLoad>> = FxHashMap::default();
    for body in facts.bodies_with_ops() {
        if facts.seen(body).len() <= MAX_OPS && !facts.program.def(facts.program.body(body).owner).is_test {
            pairs_of(facts, body, &mut pairs);
        }
    }
    let mut found = Handshakes::default();
    let mut barriers = Barriers { facts, events: FxHashMap::default(), within: FxHashMap::default() };
    let mut keys: Vec<(LocId, LocId)> = pairs.keys().copied().filter(|(x, y)| x <= y).collect();
    keys.sort_unstable();
    for (x, y) in keys {
        let (Some(ours), Some(theirs)) = (pairs.get(&(x, y)), pairs.get(&(y, x))) else { continue };
        for a in ours {
            for b in theirs {
                if !settled_by_rmw(facts, a, b) {
                    found.taking_part.extend([x, y]);
                    let [a, b] = [a, b].map(|side| StoreLoad { ordered: barriers.separate(side), ..*side });
                    found.all.push(Handshake { locations: (x, y), sides: (a, b) });
                }
            }
        }
    }
    found.compared = read_in_both_orders(facts);
    found.compared.extend(in_total_order(facts));
    found
}

/// Locations that different readers read in different orders (independent reads of independent writes).
fn read_in_both_orders(facts: &Facts<'_>) -> FxHashSet<LocId> {
    let mut orders: FxHashSet<(LocId, LocId)> = FxHashSet::default();
    for body in facts.bodies_with_ops().filter(|b| facts.seen(*b).len() <= MAX_OPS) {
        let loads: Vec<&Seen> = facts.seen(body).iter().filter(|s| facts.op(s.op).kind == AtomicOpKind::Load).collect();
        for a in &loads {
            for b in loads.iter().filter(|b| b.event != a.event) {
                let (Some(x), Some(y)) = (facts.op(a.op).location, facts.op(b.op).location) else { continue };
                if x != y && facts.flow(body).reaches(a.event, b.event) {
                    orders.insert((x, y));
                }
            }
        }
    }
    orders.iter().filter(|(x, y)| orders.contains(&(*y, *x))).map(|(x, _)| *x).collect()
}

/// Locations that are accessed `SeqCst` in one call with other ones, or with a fence: the total order may be used in a
/// way that no pair of functions shows.
fn in_total_order(facts: &Facts<'_>) -> FxHashSet<LocId> {
    let mut found = FxHashSet::default();
    for body in facts.bodies_with_ops() {
        let total = facts.seen(body).iter().filter(|s| s.orders.success == Order::Known(Ordering::SeqCst));
        let mut locations: Vec<LocId> = total.filter_map(|s| facts.op(s.op).location).collect();
        locations.sort_unstable();
        locations.dedup();
        let events = facts.program.body(body).ir.events.len() as u32;
        let fenced = || {
            (0..events).map(EventId).any(|e| {
                !matches!(facts.event(body, e).kind, EventKind::Await(_) | EventKind::Opaque)
                    && !facts.seen(body).iter().any(|s| s.event == e && s.is_direct())
                    && has_full_fence(facts, body, e, 0)
            })
        };
        if locations.len() > 1 || !locations.is_empty() && fenced() {
            found.extend(locations);
        }
    }
    found
}

fn has_full_fence(facts: &Facts<'_>, body: BodyId, event: EventId, depth: u32) -> bool {
    match &facts.event(body, event).kind {
        EventKind::Fence { .. } => facts.is_total_fence(body, event),
        EventKind::Call(_) => facts.calls(body).iter().filter(|(e, _)| *e == event).any(|(_, c)| {
            let events = facts.program.body(*c).ir.events.len() as u32;
            depth < MAX_DEPTH && (0..events).any(|e| has_full_fence(facts, *c, EventId(e), depth + 1))
        }),
        _ => false,
    }
}

fn pairs_of(facts: &Facts<'_>, body: BodyId, pairs: &mut FxHashMap<(LocId, LocId), Vec<StoreLoad>>) {
    let seen = facts.seen(body);
    let shared = |s: &Seen| !facts.is_alone(body, s) && !facts.op(s.op).is_test;
    for (w, write) in seen.iter().enumerate().filter(|(_, s)| facts.op(s.op).kind.writes() && shared(s)) {
        for (r, read) in seen.iter().enumerate().filter(|(_, s)| facts.op(s.op).kind.reads() && shared(s)) {
            let (Some(x), Some(y)) = (facts.op(write.op).location, facts.op(read.op).location) else { continue };
            // Elements of one array may be the flags of different threads.
            let distinct = x != y || facts.location(x).indexed && !write.place.same_memory(&read.place);
            if write.event == read.event || !distinct || !comes_after(facts, body, write, read) {
                continue;
            }
            let list = pairs.entry((x, y)).or_default();
            // The first read after the write is the one that comes too early.
            if !list.iter().any(|p| p.body == body && p.write == w) {
                list.push(StoreLoad { body, write: w, read: r, ordered: false });
            }
        }
    }
}

/// The read runs after the write in one pass: not only in the next round of a loop.
fn comes_after(facts: &Facts<'_>, body: BodyId, write: &Seen, read: &Seen) -> bool {
    let start = |s: &Seen| facts.event(body, s.event).span.end;
    start(write) < start(read) && facts.flow(body).reaches(write.event, read.event)
}

/// Where full barriers stand, remembered per body.
struct Barriers<'f, 'a> {
    facts: &'f Facts<'a>,
    /// In the order of their numbers.
    events: FxHashMap<BodyId, Vec<EventId>>,
    /// Whether a body reached by so many calls has one.
    within: FxHashMap<(BodyId, u32), bool>,
}

impl Barriers<'_, '_> {
    /// The write surely reaches the others before the read runs.
    fn separate(&mut self, side: &StoreLoad) -> bool {
        let (facts, body) = (self.facts, side.body);
        let (write, read) = (&facts.seen(body)[side.write], &facts.seen(body)[side.read]);
        let total = |s: &Seen| !matches!(s.orders.success, Order::Known(o) if o != Ordering::SeqCst);
        if total(write) && total(read) || self.within_helper(write, true) || self.within_helper(read, false) {
            return true;
        }
        let barriers = self.of(body);
        let stop = |e: EventId| e != write.event && e != read.event && barriers.binary_search(&e).is_ok();
        !facts.flow(body).reaches_avoiding(facts.program.body(body).ir, write.event, read.event, stop)
    }

    /// The helper that performs the operation has a barrier after (or before) it.
    fn within_helper(&mut self, s: &Seen, after: bool) -> bool {
        let facts = self.facts;
        s.via.iter().any(|(b, e)| {
            let flow = facts.flow(*b);
            let beside = |o: EventId| o != *e && (if after { flow.reaches(*e, o) } else { flow.reaches(o, *e) });
            self.of(*b).iter().any(|o| beside(*o))
        })
    }

    fn of(&mut self, body: BodyId) -> &[EventId] {
        if !self.events.contains_key(&body) {
            let events = self.facts.program.body(body).ir.events.len() as u32;
            let found = (0..events).map(EventId).filter(|e| self.is_barrier(body, *e, 0)).collect();
            self.events.insert(body, found);
        }
        &self.events[&body]
    }

    /// A sequentially consistent fence, a call that has one, or the taking of a lock.
    fn is_barrier(&mut self, body: BodyId, event: EventId, depth: u32) -> bool {
        let facts = self.facts;
        match &facts.event(body, event).kind {
            EventKind::Fence { .. } => facts.is_total_fence(body, event),
            EventKind::Call(_) => {
                let mut callees = facts.calls(body).iter().filter(|(e, _)| *e == event).map(|(_, c)| *c).peekable();
                if callees.peek().is_none() {
                    return facts.sync_at(body, event).acquires;
                }
                depth < MAX_DEPTH && callees.any(|c| self.has_barrier(c, depth + 1))
            }
            EventKind::Await(_) | EventKind::Opaque => true,
            _ => false,
        }
    }

    fn has_barrier(&mut self, body: BodyId, depth: u32) -> bool {
        if let Some(known) = self.within.get(&(body, depth)) {
            return *known;
        }
        let events = self.facts.program.body(body).ir.events.len() as u32;
        let found = (0..events).any(|e| self.is_barrier(body, EventId(e), depth));
        self.within.insert((body, depth), found);
        found
    }
}

/// Both touch one of the locations by RMWs that chain: whichever comes second sees the first.
fn settled_by_rmw(facts: &Facts<'_>, a: &StoreLoad, b: &StoreLoad) -> bool {
    let chained = |reader: &StoreLoad, writer: &StoreLoad| {
        let read = &facts.seen(reader.body)[reader.read];
        let write = &facts.seen(writer.body)[writer.write];
        facts.op(read.op).kind.is_rmw()
            && facts.op(write.op).kind.is_rmw()
            && !read.orders.lacks_release()
            && !write.orders.lacks_acquire()
    };
    chained(a, b) || chained(b, a)
}

impl Facts<'_> {
    pub fn handshakes(&self) -> &Handshakes {
        self.handshakes.get_or_init(|| collect(self))
    }

    /// Whether the location is one of the two words of something shaped like a handshake.
    pub fn is_in_handshake(&self, location: LocId) -> bool {
        self.handshakes().taking_part.contains(&location)
    }

    /// Whether the order in which several readers see this location and another change may matter.
    pub fn is_compared_with_others(&self, location: LocId) -> bool {
        self.handshakes().compared.contains(&location)
    }

    /// A sequentially consistent fence.
    pub fn is_total_fence(&self, body: BodyId, event: EventId) -> bool {
        let EventKind::Fence { ordering, compiler: false } = &self.event(body, event).kind else { return false };
        !matches!(
            resolve_order(self.program, body, ordering.kind, 0),
            Order::Known(Ordering::Acquire | Ordering::Release | Ordering::AcqRel | Ordering::Relaxed)
        )
    }

    /// What the side does depending on what it reads, the other having written like `other`.
    pub fn stake(&self, side: &StoreLoad, other: &StoreLoad) -> Option<Stake> {
        let body = side.body;
        let decisions = self.decisions(body);
        let mine: Vec<&Decision> = decisions
            .iter()
            .filter(|d| d.flows.ops.contains(&side.read) || d.flows.compared.contains(&side.read))
            .collect();
        if mine.is_empty() {
            return None;
        }
        let controlled = |test: &dyn Fn(EventId) -> bool| {
            let events = self.program.body(body).ir.events.len() as u32;
            (0..events).map(EventId).any(|e| test(e) && mine.iter().any(|d| self.is_controlled(body, d, e)))
        };
        if controlled(&|e| self.is_wake(body, e)) {
            return Some(Stake::Wakes);
        }
        if controlled(&|e| self.is_blocking(body, e)) || mine.iter().any(|d| self.returns_pending(body, d)) {
            return Some(Stake::Sleeps);
        }
        if self.validates(side) {
            return Some(Stake::Validates);
        }
        mine.iter().any(|d| self.enters_unseen(side, other, d)).then_some(Stake::Enters)
    }

    /// Whether something is lost if neither side sees the other's write.
    pub fn is_at_stake(&self, handshake: &Handshake) -> bool {
        let (a, b) = handshake.sides;
        match (self.stake(&a, &b), self.stake(&b, &a)) {
            (Some(Stake::Sleeps), Some(Stake::Wakes)) | (Some(Stake::Wakes), Some(Stake::Sleeps)) => true,
            (Some(Stake::Enters), Some(Stake::Enters)) => true,
            // Elements of one table that are probed one after the other confirm nothing.
            (Some(Stake::Validates), _) => handshake.locations.0 != handshake.locations.1 && self.steers(&b),
            (_, Some(Stake::Validates)) => handshake.locations.0 != handshake.locations.1 && self.steers(&a),
            _ => false,
        }
    }

    fn steers(&self, side: &StoreLoad) -> bool {
        self.decisions(side.body)
            .iter()
            .any(|d| d.flows.ops.contains(&side.read) || d.flows.compared.contains(&side.read))
    }

    /// A call that makes another thread or task run again.
    pub fn is_wake(&self, body: BodyId, event: EventId) -> bool {
        let EventKind::Call(call) = &self.event(body, event).kind else { return false };
        self.callee_name(call).split('_').any(|w| matches!(w, "unpark" | "notify" | "wake" | "signal" | "awaken"))
    }

    /// A call by which the thread goes to sleep until it is woken.
    pub fn is_blocking(&self, body: BodyId, event: EventId) -> bool {
        match &self.event(body, event).kind {
            EventKind::Call(call) => {
                let name = self.callee_name(call);
                let word = name.split('_').any(|w| matches!(w, "park" | "wait" | "block"));
                word && !name.starts_with("un") && !name.contains("spin")
            }
            _ => false,
        }
    }

    /// One way out of the branch returns `Poll::Pending`.
    fn returns_pending(&self, body: BodyId, d: &Decision) -> bool {
        let ir = self.program.body(body).ir;
        let flow = self.flow(body);
        let pending = |v: crate::ir::ValueId| match self.value(body, v) {
            ValueKind::Path(p) => p.last() == "Pending",
            _ => false,
        };
        ir.blocks.iter().enumerate().any(|(i, b)| {
            let at = BlockId(i as u32);
            let says = match &b.term {
                Terminator::Return(Some(v)) => pending(*v),
                _ => false,
            };
            says && flow.successors(d.block).iter().any(|s| flow.edge_controls(d.block, *s, at) || *s == at)
        })
    }

    /// Plain memory is used or freed, or a lock counts as taken, on the side that the other's write would have kept
    /// from running.
    fn enters_unseen(&self, side: &StoreLoad, other: &StoreLoad, d: &Decision) -> bool {
        let body = side.body;
        let seen = &self.seen(body)[side.read];
        let (true, Some(result)) = (seen.is_direct(), self.result_of(body, seen.event)) else { return false };
        let ir = self.program.body(body).ir;
        let op = self.op(seen.op);
        let lock = self.op_named(op, &["lock", "enter", "acquire"]) && !self.op_named(op, &["unlock"]);
        self.flow(body).successors(d.block).iter().any(|edge| {
            let unseen = self.required_on(body, d, *edge, result).is_some_and(|r| self.keeps_out(&r, other));
            let leaves = match ir.blocks[d.block.index()].in_loop {
                Some(l) => !super::flow::loop_within(ir, ir.blocks[edge.index()].in_loop, l),
                None => true,
            };
            unseen && leaves && (lock || self.uses_memory_behind(body, *edge))
        })
    }

    fn uses_memory_behind(&self, body: BodyId, edge: BlockId) -> bool {
        let flow = self.flow(body);
        self.touches(body).iter().any(|t| {
            let at = flow.block_of(t.event);
            (t.in_cell || t.is_static || t.kind == TouchKind::Take) && (at == edge || flow.block_dominates(edge, at))
        })
    }

    /// What the other side has written makes the requirement false.
    fn keeps_out(&self, required: &Required, other: &StoreLoad) -> bool {
        let op = self.op(self.seen(other.body)[other.write].op);
        let written = op.new_value().and_then(|v| self.constant_of(op.body, v));
        match (op.kind, written) {
            (AtomicOpKind::FetchAdd | AtomicOpKind::FetchOr, _) => {
                *required == Required { constant: Constant::Int(0), equal: true }
            }
            (_, Some(c)) => required.excludes(&c),
            _ => false,
        }
    }

    /// The value read is compared with what an earlier read of the same location gave, to confirm it.
    fn validates(&self, side: &StoreLoad) -> bool {
        let body = side.body;
        let all = self.seen(body);
        let read = &all[side.read];
        let announced = &all[side.write].stored;
        all.iter().enumerate().any(|(i, first)| {
            first.event != read.event
                && self.op(first.op).location == self.op(read.op).location
                && self.op(first.op).kind.reads()
                && announced.ops.contains(&i)
                && self
                    .decisions(body)
                    .iter()
                    .any(|d| d.flows.compared.contains(&i) && d.flows.compared.contains(&side.read))
        })
    }
}
