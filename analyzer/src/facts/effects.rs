//! What running a body does besides computing: I/O, logging, locking, allocation, writes to outer memory, frees.
//!
//! Summaries are made bottom-up over the call graph: a body has its own effects and those of the functions of the
//! analysed crates that it calls, each with the calls that lead to it. Functions that are not analysed are known by
//! table ([`known`]) or have no known effect. Atomic operations are not listed here: [`Facts::seen`] is their list.
//! A function annotated `#[cas_pure]` hides its effects from its callers, whatever they are.

mod known;

use rustc_hash::FxHashSet;

use crate::contract::Word;
use crate::facts::Facts;
use crate::ir::{Base, Call, Callee, EventId, EventKind, LocalId, Place, Proj, Receiver, ValueId, ValueKind, operands};
use crate::resolve::places::{PlaceRef, Root};
use crate::resolve::{BodyId, Known, Type};

/// How many effects of a helper its callers see.
const MAX_SUMMARY: usize = 24;
/// How many calls deep effects are followed.
const MAX_DEPTH: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EffectKind {
    Log,
    Io,
    /// A lock is taken.
    Lock,
    /// A message is sent.
    Send,
    Spawn,
    Sleep,
    /// Something that cannot be read twice is read: an iterator, a channel, a generator of random numbers.
    Consume,
    Allocate,
    /// Memory is given back, now or when the readers are gone.
    Free,
    /// `Box::from_raw` and the like, whose result may or may not be dropped.
    Reclaim,
    /// A plain write through a place.
    Write,
    /// A variable is assigned.
    Assign,
    /// A collection or cell is changed by a method.
    Mutate,
}

/// Something that a body does.
#[derive(Clone, Debug)]
pub struct Effect {
    pub kind: EffectKind,
    /// The event itself, or the call through which it happens.
    pub event: EventId,
    /// Calls from the one at `event` inwards; empty for an effect of the body itself.
    pub via: Vec<(BodyId, EventId)>,
    /// The memory that is changed (`Write`, `Mutate`), in terms of this body.
    pub place: Option<PlaceRef>,
    /// The variable that is changed: of the body at the end of `via`.
    pub local: Option<LocalId>,
    /// What is written, given back or read: of the body at the end of `via`.
    pub value: Option<ValueId>,
}

impl Effect {
    pub fn is_direct(&self) -> bool {
        self.via.is_empty()
    }

    /// Where it stands: the body and event at the end of the calls.
    pub fn origin(&self, body: BodyId) -> (BodyId, EventId) {
        self.via.last().copied().unwrap_or((body, self.event))
    }
}

impl Facts<'_> {
    /// What running a body does, besides atomic operations.
    pub fn effects(&self, body: BodyId) -> &[Effect] {
        self.summary::<Vec<_>>(&self.effects, body, of_body)
    }

    /// The function that a body is, is annotated `#[cas_pure]`.
    pub fn is_cas_pure(&self, body: BodyId) -> bool {
        let b = self.program.body(body);
        b.parent.is_none() && self.program.annotation(b.owner, Word::CasPure).is_some()
    }
}

fn of_body(facts: &Facts<'_>, body: BodyId) -> Vec<Effect> {
    let mut effects = own(facts, body);
    for &(event, callee) in facts.calls(body) {
        if !facts.call_each_other(body, callee)
            && !facts.is_cas_pure(callee)
            && let Some(inner) = facts.effects.of_callee(callee)
        {
            inherit(facts, body, event, callee, inner, &mut effects);
        }
    }
    effects
}

fn own(facts: &Facts<'_>, body: BodyId) -> Vec<Effect> {
    let ir = facts.program.body(body).ir;
    let mut found = Vec::new();
    for (i, e) in ir.events.iter().enumerate() {
        let event = EventId(i as u32);
        let mut add = |kind, place: Option<&Place>, local, value| {
            let place = place.map(|p| facts.program.place_ref(body, p));
            found.push(Effect { kind, event, via: Vec::new(), place, local, value });
        };
        match &e.kind {
            EventKind::Call(call) => {
                let Some(kind) = known::of_call(facts, body, call) else { continue };
                let receiver = match &call.callee {
                    Callee::Method { receiver, .. } => Some(receiver),
                    _ => None,
                };
                let value = match receiver {
                    Some(Place { base: Base::Local(_, v) | Base::Value(v), .. }) if kind != EffectKind::Free => {
                        Some(*v)
                    }
                    _ => call.args.first().copied(),
                };
                let local = match receiver {
                    Some(Place { base: Base::Local(l, _), proj, .. }) if proj.is_empty() => Some(*l),
                    _ => None,
                };
                add(kind, receiver, local, value);
            }
            EventKind::Macro(m) => {
                if let Some(kind) = known::of_macro(facts, body, m) {
                    add(kind, None, None, None);
                }
            }
            EventKind::Write { place, value } => {
                add(EffectKind::Write, Some(place), None, Some(*value));
                // A field of a variable that holds its memory itself, be it a copy of something.
                if let (Base::Local(l, v), Some(effect)) = (&place.base, found.last_mut()) {
                    let ty = facts.program.type_of(body, *v);
                    if !place.proj.contains(&Proj::Deref) && !ty.is_pointer() && !ty.is_unknown() {
                        effect.local = Some(*l);
                        if let Some(p) = &mut effect.place {
                            p.root = Root::Local(body, *l);
                        }
                    }
                }
            }
            EventKind::Assign { local, value } => add(EffectKind::Assign, None, Some(*local), Some(*value)),
            _ => {}
        }
    }
    found
}

/// Adds what a callee does to the effects of its caller. Its own variables are its own business.
fn inherit(
    facts: &Facts<'_>,
    body: BodyId,
    event: EventId,
    callee: BodyId,
    inner: &[Effect],
    effects: &mut Vec<Effect>,
) {
    let is_closure = facts.program.body(callee).parent == Some(body);
    let passed = inner.iter().filter(|e| e.via.len() < MAX_DEPTH && leaves(facts, callee, e, is_closure));
    for e in passed.take(MAX_SUMMARY) {
        let mut via = vec![(callee, e.event)];
        via.extend(e.via.iter().copied());
        let place = e.place.as_ref().map(|p| super::helpers::transport_place(facts.program, body, event, callee, p));
        effects.push(Effect { event, via, place, ..e.clone() });
    }
}

/// Whether an effect of a function can be noticed outside of it.
fn leaves(facts: &Facts<'_>, callee: BodyId, effect: &Effect, is_closure: bool) -> bool {
    match effect.kind {
        EffectKind::Assign => is_closure && facts.is_captured_local(callee, effect.local),
        EffectKind::Write | EffectKind::Mutate => match effect.place.as_ref().map(|p| &p.root) {
            Some(Root::Param(..) | Root::Static(_)) => true,
            Some(Root::Local(b, _)) => *b != callee,
            _ => false,
        },
        // What the function made itself it may give back.
        EffectKind::Free => effect.value.is_none_or(|v| effect.via.is_empty() && !facts.is_made_here(callee, v, 0)),
        EffectKind::Consume => match effect.place.as_ref().map(|p| &p.root) {
            Some(Root::Local(b, _) | Root::Value(b, _)) if effect.is_direct() => *b != callee,
            _ => true,
        },
        EffectKind::Reclaim => false,
        _ => true,
    }
}

impl Facts<'_> {
    /// Whether a local of a closure stands for a variable of its parent.
    pub fn is_captured_local(&self, body: BodyId, local: Option<LocalId>) -> bool {
        local.is_some_and(|l| self.program.body(body).ir.captures.iter().any(|c| c.local == l))
    }

    /// Whether a value is a new object that a call or literal of this body made: `Box::new(…)`, a copy, `vec![…]`.
    pub fn is_made_here(&self, body: BodyId, value: ValueId, depth: u32) -> bool {
        self.maker_of(body, value, depth).is_some()
    }

    /// The event that made the object that a value is (or points to), if it was made in this body.
    pub fn maker_of(&self, body: BodyId, value: ValueId, depth: u32) -> Option<EventId> {
        if depth > 10 {
            return None;
        }
        let again = |v: ValueId| self.maker_of(body, v, depth + 1);
        match self.value(body, value) {
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(call) => match &call.callee {
                    Callee::Path(path) => match path.last() {
                        "into_raw" | "leak" | "from_raw" | "from" | "into_inner" | "new_unchecked" | "pin"
                        | "into_boxed" | "as_ptr" | "into_pin"
                            if !call.args.is_empty() =>
                        {
                            again(call.args[0])
                        }
                        "new" | "default" | "with_capacity" | "alloc" | "alloc_zeroed" | "new_uninit" | "clone" => {
                            match call.args.first().and_then(|v| again(*v)) {
                                Some(inner) => Some(inner),
                                None => Some(*e),
                            }
                        }
                        name if name.starts_with("new_") => Some(*e),
                        _ => None,
                    },
                    Callee::Method { receiver, name, .. } => match (name.as_str(), &receiver.base) {
                        ("clone" | "to_vec" | "to_owned" | "collect" | "to_string", _) => Some(*e),
                        (
                            "into_shared" | "into_box" | "unwrap" | "expect" | "into_raw" | "as_ptr" | "as_mut_ptr"
                            | "into_owned" | "cast" | "with_tag" | "as_mut" | "as_ref",
                            Base::Local(_, v) | Base::Value(v),
                        ) => again(*v),
                        _ => None,
                    },
                    Callee::Value(_) => None,
                },
                EventKind::Macro(m) if matches!(m.path.last(), "vec" | "format") => Some(*e),
                _ => None,
            },
            ValueKind::Cast(v, _) => again(*v),
            ValueKind::Struct { path, fields, .. } if matches!(path.last(), "Some" | "Ok") => {
                fields.iter().find_map(|(_, v)| again(*v))
            }
            ValueKind::Part { of, variant: Some(variant), .. } if matches!(variant.as_str(), "Some" | "Ok") => {
                again(*of)
            }
            ValueKind::Read(p) | ValueKind::Ref { place: p, .. } | ValueKind::RawRef { place: p, .. } => match p.base {
                Base::Local(_, v) | Base::Value(v) if p.proj.iter().all(|x| *x == Proj::Deref) => again(v),
                _ => None,
            },
            ValueKind::Mutated { before, .. } => again(*before),
            _ => None,
        }
    }

    /// Whether dropping a value frees memory that a raw pointer led to, or that it owns.
    pub fn is_reclaimed(&self, body: BodyId, value: ValueId) -> bool {
        let from_raw = match self.value(body, value) {
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(c) => matches!(self.callee_name(c), "from_raw" | "into_owned" | "from_raw_in"),
                _ => false,
            },
            _ => false,
        };
        from_raw || matches!(self.program.type_of(body, value), Type::Known(Known::Box | Known::EpochOwned, _))
    }

    /// The last name of what is called.
    pub fn callee_name<'c>(&self, call: &'c Call) -> &'c str {
        match &call.callee {
            Callee::Path(path) => path.last(),
            Callee::Method { name, .. } => name,
            Callee::Value(_) => "",
        }
    }

    /// Whether a write computes its value from what the same place held: `self.n += 1`.
    pub fn is_update_of_itself(&self, body: BodyId, event: EventId) -> bool {
        let EventKind::Write { place, value } = &self.event(body, event).kind else { return false };
        let target = self.program.place_ref(body, place);
        let mut visited = FxHashSet::default();
        let mut queue = vec![*value];
        while let Some(v) = queue.pop() {
            if !visited.insert(v) {
                continue;
            }
            let kind = self.value(body, v);
            if let ValueKind::Read(p) = kind
                && !p.proj.is_empty()
                && self.program.place_ref(body, p).same_memory(&target)
            {
                return true;
            }
            operands::of_value(kind, &mut |v| queue.push(*v));
            if let ValueKind::Event(e) = kind
                && let EventKind::Call(c) = &self.event(body, *e).kind
            {
                queue.extend(&c.args);
                if let Callee::Method { receiver, .. } = &c.callee {
                    if !receiver.proj.is_empty() && self.program.place_ref(body, receiver).same_memory(&target) {
                        return true;
                    }
                    operands::of_place(receiver, &mut |v| queue.push(*v));
                }
            }
        }
        false
    }

    /// Whether the function around takes `&self` (not `&mut self` or `self`), so that others have it too.
    pub fn takes_shared_self(&self, body: BodyId) -> bool {
        let owner = self.program.body(self.program.outermost(body)).owner;
        self.program.function(owner).is_some_and(|f| matches!(f.receiver, Some(Receiver::Ref | Receiver::Typed(_))))
    }
}
