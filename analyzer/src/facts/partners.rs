//! Whether what the source claims about pairing is so.
//!
//! Two operations on one location pair if one writes with a release half, the other reads with an acquire half, each by
//! its ordering or by a fence (C++20 \[atomics.order\], \[atomics.fences\]); two functions that both have a
//! sequentially consistent operation or fence pair by the total order. A claim is broken only if everything that the
//! partner may do was seen.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Facts;
use super::access::{Key, LocId, OpId, Order, resolve_order};
use super::claims::{Act, Claim, Locations, PartnerName, acts_of, collect};
use super::partner_names::{Named, Names};
use crate::ir::{Callee, EventId, EventKind, Ordering};
use crate::resolve::calls::Target;
use crate::resolve::places::PlaceRef;
use crate::resolve::{BodyId, DefId, Type};

/// How many bodies of a partner are looked at.
const MAX_REACH: usize = 256;

/// What is wrong with a claim about one partner.
#[derive(Clone, Debug)]
pub struct Broken {
    pub claim: Claim,
    pub partner: PartnerName,
    pub why: Why,
}

#[derive(Clone, Debug)]
pub enum Why {
    /// There is no such function; a similar one.
    Missing(Option<String>),
    /// It exists, here, and does nothing to any location of the claim.
    Elsewhere(DefId),
    /// It touches the location, but one side does not release, or the other does not acquire.
    NoPair { own: OpId, other: OpId, location: LocId },
}

impl Facts<'_> {
    /// The claims about pairing that are not so.
    pub fn broken_claims(&self) -> Vec<Broken> {
        let locations: Locations<'_> =
            self.locations.iter().enumerate().map(|(i, l)| (&l.key, LocId(i as u32))).collect();
        let claims = collect(self, &locations);
        if claims.is_empty() {
            return Vec::new();
        }
        let mut bodies: FxHashMap<DefId, Vec<BodyId>> = FxHashMap::default();
        for body in self.program.body_ids() {
            bodies.entry(self.program.body(body).owner).or_default().push(body);
        }
        let judge = Judge { facts: self, locations: &locations, names: Names::of(self), bodies };
        let mut broken = Vec::new();
        for claim in claims {
            for partner in &claim.partners {
                if let Some(why) = judge.judge(&claim, &partner.name) {
                    broken.push(Broken { claim: claim.clone(), partner: partner.clone(), why });
                }
            }
        }
        broken
    }
}

struct Judge<'f, 'a> {
    facts: &'f Facts<'a>,
    locations: &'f Locations<'f>,
    names: Names<'f, 'a>,
    bodies: FxHashMap<DefId, Vec<BodyId>>,
}

/// Everything that a partner may do.
#[derive(Default)]
struct Reach {
    acts: Vec<Act>,
    bodies: FxHashSet<BodyId>,
    /// Something in it was not understood.
    open: bool,
}

impl Judge<'_, '_> {
    fn judge(&self, claim: &Claim, name: &str) -> Option<Why> {
        let functions = match self.names.resolve(claim, name) {
            Named::Functions(all) => all,
            Named::Missing(similar) => return Some(Why::Missing(similar)),
            Named::Unknown => return None,
        };
        // Where no operation was seen on this side, there is nothing to compare. Those of tests are not in the table.
        if claim.acts.is_empty() || functions.iter().any(|f| self.facts.program.def(*f).is_test) {
            return None;
        }
        let reach = self.reach(&functions);
        if reach.open || claim.acts.iter().any(|a| a.location.is_none()) {
            return None;
        }
        let touched: FxHashSet<LocId> = reach.acts.iter().filter_map(|a| a.location).collect();
        let shared: Vec<&Act> =
            claim.acts.iter().filter(|a| a.location.is_some_and(|l| touched.contains(&l))).collect();
        if claim.acts.iter().any(|a| a.location.is_some_and(|l| self.handles(&reach, l))) {
            return None;
        }
        if shared.is_empty() {
            return Some(Why::Elsewhere(functions[0]));
        }
        let mut best: Option<(u32, Why)> = None;
        for own in shared {
            for other in reach.acts.iter().filter(|o| o.location == own.location) {
                if self.pairs(own, other) {
                    return None;
                }
                let Some(location) = own.location else { continue };
                let score = self.nearness(own, other);
                if best.as_ref().is_none_or(|(s, _)| score > *s) {
                    best = Some((score, Why::NoPair { own: own.op, other: other.op, location }));
                }
            }
        }
        best.map(|(_, why)| why)
    }

    /// The bodies that running a function may run: its own, those it calls, those of the values that it drops, and, for
    /// methods of unknown receivers, all of that name.
    fn reach(&self, functions: &[DefId]) -> Reach {
        let program = self.facts.program;
        let mut reach = Reach::default();
        let of = |f: &DefId| self.bodies.get(f).cloned().unwrap_or_default();
        let mut todo: Vec<BodyId> = functions.iter().flat_map(of).collect();
        reach.open |= todo.is_empty();
        reach.acts = acts_of(self.facts, self.locations, &todo);
        reach.acts.retain(|a| a.location.is_some());
        while let Some(body) = todo.pop() {
            if !reach.bodies.insert(body) {
                continue;
            }
            if reach.bodies.len() > MAX_REACH {
                reach.open = true;
                break;
            }
            for (_, callee) in self.facts.calls(body) {
                todo.extend(of(&program.body(*callee).owner));
            }
            todo.extend(self.dropped_in(body).iter().flat_map(of));
            for event in &program.body(body).ir.events {
                match &event.kind {
                    EventKind::Opaque => reach.open = true,
                    EventKind::Macro(m) if m.opaque => reach.open = true,
                    EventKind::Call(call) => match program.target(body, call) {
                        Target::Fn(def) => {
                            let own = of(&def);
                            // A trait's declaration: any implementation may run.
                            let any = if own.is_empty() { &program.def(def).item.name[..] } else { "" };
                            todo.extend(self.names.functions_called(any).iter().flat_map(of));
                            todo.extend(own);
                        }
                        Target::Unknown => {
                            let name = match &call.callee {
                                Callee::Method { name, .. } => name.as_str(),
                                Callee::Path(p) => p.last(),
                                Callee::Value(_) => continue,
                            };
                            todo.extend(self.names.functions_called(name).iter().flat_map(of));
                        }
                        _ => {}
                    },
                    _ => {}
                }
            }
        }
        self.add_own_operations(&mut reach);
        reach
    }

    /// The `drop`s of the values that a body keeps in variables.
    fn dropped_in(&self, body: BodyId) -> Vec<DefId> {
        let program = self.facts.program;
        let mut drops = Vec::new();
        for value in program.body(body).ir.locals.iter().filter_map(|l| l.init) {
            if let Type::Adt(adt, _) = program.type_of(body, value) {
                self.names.drops_of(adt, 0, &mut drops);
            }
        }
        drops
    }

    /// What the bodies do themselves, for those that lie deeper than helpers are looked through.
    fn add_own_operations(&self, reach: &mut Reach) {
        let mut known: FxHashSet<OpId> = reach.acts.iter().map(|a| a.op).collect();
        let mut bodies: Vec<BodyId> = reach.bodies.iter().copied().collect();
        bodies.sort_unstable();
        for body in bodies {
            for seen in self.facts.seen(body).iter().filter(|s| s.is_direct()) {
                let op = self.facts.op(seen.op);
                let resolved = op.location.is_some() || known.contains(&seen.op);
                // An operation whose memory nobody on the way knows may be on any location.
                reach.open |= !resolved;
                if op.location.is_some() && known.insert(seen.op) {
                    reach.acts.push(Act {
                        op: seen.op,
                        at: (body, seen.event),
                        location: op.location,
                        orders: op.orders,
                    });
                }
            }
        }
    }

    /// Whether the partner hands the location itself around, takes it apart or holds a reference to it: what happens to
    /// it then was not seen.
    fn handles(&self, reach: &Reach, location: LocId) -> bool {
        let program = self.facts.program;
        let key = &self.facts.location(location).key;
        let is_it = |at: &PlaceRef| at.location().is_some_and(|k| Key::of(k) == *key);
        reach.bodies.iter().any(|&body| {
            program.body(body).ir.events.iter().any(|e| match &e.kind {
                EventKind::Borrow { place, .. } => is_it(&program.place_ref(body, place)),
                EventKind::Call(call) => {
                    let receiver = match &call.callee {
                        Callee::Method { receiver, .. } => Some(receiver),
                        _ => None,
                    };
                    // A helper of the analysed crates was looked into.
                    let followed = matches!(program.target(body, call), Target::Fn(_));
                    receiver.is_some_and(|r| is_it(&program.place_ref(body, r)))
                        || !followed && call.args.iter().any(|v| is_it(&program.value_ref(body, *v)))
                }
                _ => false,
            })
        })
    }

    /// Whether two operations on one location synchronise.
    fn pairs(&self, a: &Act, b: &Act) -> bool {
        let kind = |x: &Act| self.facts.op(x.op).kind;
        let forward = kind(a).writes() && kind(b).reads() && self.releases(a) && self.acquires(b);
        let backward = kind(b).writes() && kind(a).reads() && self.releases(b) && self.acquires(a);
        let locked = |x: &Act| !self.facts.context(x.op).locks.is_empty();
        let opposed = kind(a).writes() && kind(b).reads() || kind(b).writes() && kind(a).reads();
        forward || backward || locked(a) && locked(b) || opposed && self.is_total(a) && self.is_total(b)
    }

    fn acquires(&self, act: &Act) -> bool {
        let by_failure = self.facts.op(act.op).kind.is_cas() && strong(act.orders.failure, Ordering::acquires);
        strong(act.orders.success, Ordering::acquires)
            || by_failure
            || self.is_fenced(act, Side::After, Ordering::acquires)
    }

    fn releases(&self, act: &Act) -> bool {
        strong(act.orders.success, Ordering::releases) || self.is_fenced(act, Side::Before, Ordering::releases)
    }

    /// Part of the single total order: `SeqCst` itself, or with such a fence on either side.
    fn is_total(&self, act: &Act) -> bool {
        let seq_cst = |o: Ordering| o == Ordering::SeqCst;
        strong(act.orders.success, seq_cst)
            || self.is_fenced(act, Side::Before, seq_cst)
            || self.is_fenced(act, Side::After, seq_cst)
    }

    /// Whether a fence of that strength may run before or after an operation: in the bodies that perform it, in those
    /// that call them, and in what these call.
    fn is_fenced(&self, act: &Act, side: Side, strength: fn(Ordering) -> bool) -> bool {
        let here = std::iter::once(act.at);
        let ways = self.facts.ways_to(act.op);
        let on_ways = ways.iter().flat_map(|(b, s)| std::iter::once((*b, s.event)).chain(s.via.iter().copied()));
        here.chain(on_ways).any(|(body, event)| {
            let flow = self.facts.flow(body);
            let count = self.facts.program.body(body).ir.events.len() as u32;
            (0..count).map(EventId).any(|e| {
                let reaches = match side {
                    Side::After => flow.reaches(event, e),
                    Side::Before => flow.reaches(e, event),
                };
                e != event && self.has_fence(body, e, strength, 0) && reaches
            })
        })
    }

    fn has_fence(&self, body: BodyId, event: EventId, strength: fn(Ordering) -> bool, depth: u32) -> bool {
        match &self.facts.event(body, event).kind {
            EventKind::Fence { ordering, compiler: false } => {
                strong(resolve_order(self.facts.program, body, ordering.kind, 0), strength)
            }
            EventKind::Call(_) if depth < 3 => self.facts.calls(body).iter().any(|(e, callee)| {
                let events = self.facts.program.body(*callee).ir.events.len() as u32;
                *e == event && (0..events).any(|i| self.has_fence(*callee, EventId(i), strength, depth + 1))
            }),
            _ => false,
        }
    }

    /// How well two operations show what is missing: one writes, the other reads, and one side is strong already.
    fn nearness(&self, a: &Act, b: &Act) -> u32 {
        let kind = |x: &Act| self.facts.op(x.op).kind;
        let opposed = kind(a).writes() && kind(b).reads() || kind(b).writes() && kind(a).reads();
        let side = |x: &Act| kind(x).writes() && self.releases(x) || kind(x).reads() && self.acquires(x);
        2 * u32::from(opposed) + u32::from(side(a)) + u32::from(side(b))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// An ordering that is not known may be any.
fn strong(order: Order, is_strong: fn(Ordering) -> bool) -> bool {
    match order {
        Order::Known(o) => is_strong(o),
        Order::Implied | Order::Param(_) | Order::Unknown => true,
    }
}
