//! Reads that need no acquire of their own: what they lead to is the reader's, or the caller answers for the order.

use super::publication::{How, is_alone};
use super::touch::TouchKind;
use super::{Facts, Seen};
use crate::ir::{Callee, EventKind, Receiver, Value, ValueId, ValueKind};
use crate::resolve::BodyId;
use crate::resolve::places::Root;

/// The branch leads to memory that this very function has written before it looked at the location, or to an atomic that
/// it has written before it looks at that: no other thread has handed it over.
pub(super) fn is_own_data(facts: &Facts<'_>, body: BodyId, s: &Seen, how: How) -> bool {
    let used = match how {
        How::Guards(touch) => touch,
        How::GuardsAtomic(seen) => return is_always_written_before(facts, body, seen),
        How::Pointer(_) => return false,
    };
    let touches = facts.touches(body);
    let data = &touches[used];
    touches.iter().any(|t| {
        t.kind.writes()
            && t.kind != TouchKind::Take
            && t.key == data.key
            && t.place.root == data.place.root
            && t.event != s.event
            && facts.flow(body).dominates(t.event, s.event)
    })
}

fn is_always_written_before(facts: &Facts<'_>, body: BodyId, load: usize) -> bool {
    let load = &facts.seen(body)[load];
    let location = facts.op(load.op).location;
    facts.seen(body).iter().any(|w| {
        let op = facts.op(w.op);
        op.kind.writes()
            && op.location == location
            && w.event != load.event
            && facts.flow(body).dominates(w.event, load.event)
    })
}

/// Somebody else answers for the order, or nobody else is there.
pub(super) fn is_excused(facts: &Facts<'_>, body: BodyId, s: &Seen) -> bool {
    is_teardown(facts, body) || asks_for_acquire(facts, body) || is_behind_get_mut(facts, body, s)
}

/// `unsafe fn …(&mut self)`: the caller answers for nobody else being there.
fn is_teardown(facts: &Facts<'_>, body: BodyId) -> bool {
    let owner = facts.program.body(body).owner;
    facts.is_unsafe_fn(body)
        && facts.program.function(owner).is_some_and(|f| matches!(f.receiver, Some(Receiver::RefMut | Receiver::Value)))
}

/// An unsafe function that asks its caller to have acquired the data before, or to see to the order.
fn asks_for_acquire(facts: &Facts<'_>, body: BodyId) -> bool {
    let docs = &facts.program.def(facts.program.body(body).owner).item.attrs;
    let lines = docs.iter().filter(|a| a.path == "doc").map(|a| a.tokens.to_lowercase());
    let text: String = lines.collect::<Vec<_>>().join("\n");
    let words = ["acquire", "synchroniz", "must have been called", "happens-before", "happens before", "order between"];
    facts.is_unsafe_fn(body) && text.contains("safety") && words.iter().any(|w| text.contains(w))
}

/// The location is reached by a pointer that `get_mut` gave, or that an operation did which had its memory to itself
/// (`&mut self`): nobody else has the structure now.
fn is_behind_get_mut(facts: &Facts<'_>, body: BodyId, s: &Seen) -> bool {
    let Root::Value(b, root) = s.place.root else { return false };
    let alone = |l: &Seen| {
        let loaded = facts.result_of(body, l.event).filter(|_| l.is_direct() && l.event != s.event);
        loaded.is_some_and(|v| is_alone(facts, body, l) && facts.derives_from(body, root, v))
    };
    let taken = |(i, v): (usize, &Value)| {
        let ValueKind::Event(e) = v.kind else { return false };
        let EventKind::Call(call) = &facts.event(body, e).kind else { return false };
        let Callee::Method { receiver, name, .. } = &call.callee else { return false };
        matches!(name.as_str(), "get_mut" | "into_inner")
            && facts.program.as_atomic(&facts.program.place_type(body, receiver)).is_some()
            && facts.derives_from(body, root, ValueId(i as u32))
    };
    let values = &facts.program.body(body).ir.values;
    b == body && (values.iter().enumerate().any(taken) || facts.seen(body).iter().any(alone))
}
