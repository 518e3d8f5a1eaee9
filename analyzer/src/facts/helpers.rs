//! What a body does through the helpers that it calls: their operations in its own terms, where they happen, what is
//! stored and which orderings its arguments give them.

use super::Facts;
use super::access::{OpId, Order, Orders, Seen, resolve_order};
use super::call_graph::{call_edges, components};
use super::value_flow::{ByEvent, Flows};
use crate::ir::{Callee, EventId, EventKind, OrderingKind, Place, Proj, ValueId, ValueKind};
use crate::resolve::places::{PlaceRef, Root};
use crate::resolve::{BodyId, Program, Type};

/// How many operations of a helper are still looked through.
const MAX_HELPER_OPS: usize = 32;
/// How many calls deep helpers are looked through.
const MAX_CALL_DEPTH: usize = 5;

/// Fills in what each body does, callees before callers; calls inside a cycle are not looked through.
pub(super) fn see_through_helpers(facts: &mut Facts<'_>) {
    let program = facts.program;
    facts.seen = vec![Vec::new(); program.bodies.len()];
    facts.by_event.resize_with(program.bodies.len(), ByEvent::default);
    facts.returns = vec![None; program.bodies.len()];
    let mut own: Vec<Vec<OpId>> = vec![Vec::new(); program.bodies.len()];
    for (i, op) in facts.ops.iter().enumerate() {
        own[op.body.index()].push(OpId(i as u32));
    }
    let calls = call_edges(program, facts);
    let order = components(program.bodies.len(), &calls);
    for component in &order {
        for &body in component {
            let seen = see(facts, body, &own[body.index()], &calls[body.index()], component);
            facts.by_event[body.index()] = ByEvent::of(&seen);
            facts.seen[body.index()] = seen;
        }
        for &body in component {
            let flows = facts.flows_returned(body);
            facts.returns[body.index()] = Some(flows);
        }
    }
    facts.calls = calls;
    facts.component_of = vec![0; program.bodies.len()];
    for (n, component) in order.iter().enumerate() {
        component.iter().for_each(|b| facts.component_of[b.index()] = n as u32);
    }
    facts.call_order = order;
}

fn see(facts: &Facts<'_>, body: BodyId, own: &[OpId], calls: &[(EventId, BodyId)], cycle: &[BodyId]) -> Vec<Seen> {
    let program = facts.program;
    if own.is_empty() && calls.iter().all(|(_, c)| facts.seen[c.index()].is_empty()) {
        return Vec::new();
    }
    let mut seen: Vec<Seen> = Vec::new();
    let order = evaluation_order(program, body);
    for &op in own {
        let o = facts.op(op);
        seen.push(Seen {
            op,
            event: o.event,
            via: Vec::new(),
            place: o.place.clone(),
            orders: o.orders,
            stored: Flows::default(),
            expected: Flows::default(),
            always: true,
        });
    }
    for &(event, callee) in calls {
        let inner = &facts.seen[callee.index()];
        if inner.len() > MAX_HELPER_OPS || cycle.contains(&callee) {
            continue;
        }
        for s in inner {
            if s.via.len() >= MAX_CALL_DEPTH {
                continue;
            }
            let mut via = vec![(callee, s.event)];
            via.extend(s.via.iter().copied());
            seen.push(Seen {
                op: s.op,
                event,
                via,
                place: transport_place(program, body, event, callee, &s.place),
                orders: transport_orders(facts, body, event, s),
                stored: Flows::default(),
                expected: Flows::default(),
                always: s.always && s.via.is_empty() && runs_always(facts, callee, s.event),
            });
        }
    }
    // Evaluation order; within one call the callee's own order is kept (the sort is stable).
    seen.sort_by_key(|s| (order[s.event.index()], s.event));
    let by_event = ByEvent::of(&seen);
    let flows: Vec<(Flows, Flows)> = seen
        .iter()
        .map(|s| {
            let o = facts.op(s.op);
            if s.is_direct() {
                let of =
                    |v: Option<ValueId>| v.map_or_else(Flows::default, |v| facts.flows_with(body, v, &seen, &by_event));
                (of(o.new_value()), of(o.expected()))
            } else {
                let (callee, _) = s.via[0];
                let k = nth_in_callee(facts, callee, s);
                let inner = &facts.seen[callee.index()][k];
                (
                    facts.transport_flows(body, s.event, callee, &inner.stored, &seen, &by_event),
                    facts.transport_flows(body, s.event, callee, &inner.expected, &seen, &by_event),
                )
            }
        })
        .collect();
    for (s, (stored, expected)) in seen.iter_mut().zip(flows) {
        s.stored = stored;
        s.expected = expected;
    }
    seen
}

/// The position of an inlined operation among those of the callee.
pub(super) fn nth_in_callee(facts: &Facts<'_>, callee: BodyId, s: &Seen) -> usize {
    let inner = &facts.seen[callee.index()];
    inner.iter().position(|x| x.op == s.op && x.event == s.via[0].1 && x.via[..] == s.via[1..]).unwrap_or(0)
}

fn runs_always(facts: &Facts<'_>, body: BodyId, event: EventId) -> bool {
    let flow = facts.flow(body);
    flow.block_post_dominates(flow.block_of(event), crate::ir::BlockId(0))
}

/// Events numbered block by block.
fn evaluation_order(program: &Program<'_>, body: BodyId) -> Vec<u32> {
    let b = program.body(body);
    let mut order = vec![u32::MAX; b.ir.events.len()];
    let mut n = 0;
    for block in &b.ir.blocks {
        for e in &block.events {
            if let Some(slot) = order.get_mut(e.index()) {
                *slot = n;
                n += 1;
            }
        }
    }
    order
}

/// A callee's place in the caller's terms.
pub(super) fn transport_place(
    program: &Program<'_>,
    body: BodyId,
    event: EventId,
    callee: BodyId,
    place: &PlaceRef,
) -> PlaceRef {
    let mut moved = place.clone();
    match place.root {
        Root::Param(b, index) if b == callee => {
            let EventKind::Call(call) = &program.body(body).ir.events[event.index()].kind else { return moved };
            if let Some(arg) = program.argument_ref(body, call, index, 0) {
                // `&self` of the callee is no evidence of sharing if the caller owns what it lends.
                moved.shared =
                    arg.shared + shared_beyond_param(program, callee, index, place) + u32::from(is_kept_pointer(&arg));
                moved.root = arg.root;
                moved.steps = arg.steps.into_iter().chain(place.steps.iter().cloned()).collect();
                if moved.field.is_none() {
                    moved.field = arg.field;
                }
                moved.indexed |= arg.indexed;
            }
        }
        // Closures see their parents' variables already in the parents' terms.
        _ => {}
    }
    moved
}

/// What is passed on is a shared pointer out of a field (`self.inner.close()`, where `inner` is an `Arc`): the callee
/// works on what it leads to, which the holder does not own alone.
fn is_kept_pointer(arg: &PlaceRef) -> bool {
    !arg.steps.is_empty() && !matches!(arg.root, Root::Static(_)) && arg.ty.is_shared_pointer()
}

/// How many shared pointers lie on the way besides the parameter itself, if that is a plain reference.
fn shared_beyond_param(program: &Program<'_>, callee: BodyId, index: u32, place: &PlaceRef) -> u32 {
    place.shared.saturating_sub(u32::from(is_shared_reference(program, callee, index)))
}

impl Facts<'_> {
    /// Whether some way to an operation in a helper comes from a handle that holds the memory by reference (or by an
    /// `Arc`): others may hold it too, even where the handle is reached by `&mut`.
    pub fn is_lent(&self, op: OpId) -> bool {
        self.ways_to(op).into_iter().any(|(body, s)| {
            let Some((callee, _)) = s.via.first() else { return false };
            let inner = &self.seen(*callee)[nth_in_callee(self, *callee, s)];
            matches!(inner.place.root, Root::Param(b, index)
                if b == *callee && passes_on_pointer(self.program, body, s.event, index))
        })
    }
}

/// What is passed is itself a reference (or an `Arc`) that a field holds.
fn passes_on_pointer(program: &Program<'_>, body: BodyId, event: EventId, index: u32) -> bool {
    let EventKind::Call(call) = &program.body(body).ir.events[event.index()].kind else { return false };
    let held =
        |p: &Place| matches!(p.proj.last(), Some(Proj::Field(_))) && program.place_type(body, p).is_shared_pointer();
    let value = match (&call.callee, index) {
        (Callee::Method { receiver, .. }, 0) => return held(receiver),
        (Callee::Method { .. }, i) => call.args.get(i as usize - 1),
        (_, i) => call.args.get(i as usize),
    };
    let kind = value.and_then(|v| program.body(body).ir.values.get(v.index())).map(|v| &v.kind);
    matches!(kind, Some(ValueKind::Read(p)) if held(p))
}

/// Whether a parameter is a `&T`.
pub fn is_shared_reference(program: &Program<'_>, body: BodyId, index: u32) -> bool {
    let values = &program.body(body).ir.values;
    values
        .iter()
        .position(|v| v.kind == ValueKind::Param(index))
        .is_some_and(|v| matches!(program.type_of(body, ValueId(v as u32)), Type::Ref { mutable: false, .. }))
}

fn transport_orders(facts: &Facts<'_>, body: BodyId, event: EventId, seen: &Seen) -> Orders {
    let (program, orders) = (facts.program, seen.orders);
    let EventKind::Call(call) = &program.body(body).ir.events[event.index()].kind else { return orders };
    let carry = |o: Order| match o {
        Order::Param(i) => {
            let arg = match (&call.callee, i) {
                (Callee::Method { .. }, 0) => None,
                (Callee::Method { .. }, i) => call.args.get(i as usize - 1),
                (_, i) => call.args.get(i as usize),
            };
            arg.map_or(Order::Unknown, |v| resolve_order(program, body, OrderingKind::Value(*v), 0))
        }
        o => o,
    };
    let success = carry(orders.success);
    let single = facts.op(seen.op).kind.is_cas() && facts.op(seen.op).failure_arg.is_none();
    Orders { success, failure: if single { success.read_half() } else { carry(orders.failure) } }
}
