//! Writes to what is promised never to change once readers can see it (`#[frozen]`).
//!
//! The promise takes the place of what [`super::publication`] has to infer: that somebody reads it, and that no protocol
//! keeps the readers away. What is still asked is whether readers may have it by then. A copy that was made here and not
//! given away yet is private; so is what is reached through `&mut`. A pointer of unknown origin may lead to either, and
//! is no evidence.

use super::access::Key;
use super::promises::Promise;
use super::publication::origin;
use super::touch::{Touch, TouchKind};
use super::{Facts, Seen};
use crate::contract::Word;
use crate::ir::{AtomicOpKind, Base, Callee, EventKind, Receiver, ValueId, ValueKind};
use crate::resolve::places::Root;
use crate::resolve::{Atomic, BodyId, Type};

/// Why readers may have the memory when it is written.
#[derive(Clone, Copy, Debug)]
pub enum Exposed {
    /// The pointer was loaded from where they load it: index into the body's seen operations.
    Loaded(usize),
    /// It was stored where they find it: index into the body's seen operations.
    Stored(usize),
    /// It was made from a shared reference or an `Arc`.
    Reference,
    /// It is kept in a field of something that is shared.
    Kept,
}

/// A write that breaks the promise.
#[derive(Clone, Debug)]
pub struct FrozenWrite<'f, 'a> {
    pub body: BodyId,
    pub write: &'f Touch,
    pub promise: Promise<'a>,
    pub by: Exposed,
}

impl<'a> Facts<'a> {
    /// Every write to frozen memory that a reader may have by then.
    pub fn frozen_writes(&self) -> Vec<FrozenWrite<'_, 'a>> {
        let mut found: Vec<FrozenWrite<'_, 'a>> = Vec::new();
        if !self.is_promised_somewhere(Word::Frozen) {
            return found;
        }
        for body in self.program.body_ids() {
            let owner = self.program.body(body).owner;
            let in_drop = self.program.implemented_trait(owner) == Some("Drop");
            if self.program.def(owner).is_test || in_drop || self.is_unsafe_fn(body) {
                continue;
            }
            for write in self.touches(body) {
                let changes = matches!(write.kind, TouchKind::Write | TouchKind::MutRef) && write.is_direct();
                // What a reference made of a pointer is used for was said where it was made.
                let again = write.by_reference || found.iter().any(|f| f.body == body && f.write.event == write.event);
                if !changes || again || self.is_exclusive(body, write.event, &write.place) {
                    continue;
                }
                if let Some((promise, by)) = self.breaks_promise(body, write) {
                    found.push(FrozenWrite { body, write, promise, by });
                }
            }
        }
        found
    }

    fn breaks_promise(&self, body: BodyId, write: &Touch) -> Option<(Promise<'a>, Exposed)> {
        let of_pointee = || match self.program.type_of(body, write.value?) {
            Type::Ptr { inner, .. } => self.promise_of_whole(&inner, Word::Frozen),
            _ => None,
        };
        let on_way = self.promise_on_way(&write.place, Word::Frozen).or_else(of_pointee);
        if let Some((i, s)) = self.loaded_from(body, write) {
            let of_location = || self.promise_of_location(s);
            return on_way.or_else(of_location).map(|p| (p, Exposed::Loaded(i)));
        }
        if let Some((i, s)) = self.stored_before(body, write) {
            let of_location = || self.promise_of_location(s);
            return on_way.or_else(of_location).map(|p| (p, Exposed::Stored(i)));
        }
        let promise = on_way?;
        if write.value.is_some_and(|v| self.is_made_of_reference(body, v, 0)) {
            return Some((promise, Exposed::Reference));
        }
        (promise.behind_pointer && self.is_kept_in_shared(write, &promise)).then_some((promise, Exposed::Kept))
    }

    /// The promise on the field or static that a pointer was read from or stored to.
    fn promise_of_location(&self, s: &Seen) -> Option<Promise<'a>> {
        self.promise_on_way(&s.place, Word::Frozen).filter(|p| p.behind_pointer)
    }

    /// The pointer comes from a load that others may do too, and nothing was taken back since.
    fn loaded_from<'s>(&'s self, body: BodyId, write: &'s Touch) -> Option<(usize, &'s Seen)> {
        let flow = self.flow(body);
        self.followed(body, write).find(|(_, s)| {
            let op = self.op(s.op);
            let taken = self.seen(body).iter().any(|x| {
                self.op(x.op).kind.is_rmw() && flow.reaches(s.event, x.event) && flow.reaches(x.event, write.event)
            });
            op.kind == AtomicOpKind::Load && !self.is_alone(body, s) && !self.context(s.op).in_drop && !taken
        })
    }

    /// The pointer was handed over before, and the object is not a new one since.
    fn stored_before<'s>(&'s self, body: BodyId, write: &Touch) -> Option<(usize, &'s Seen)> {
        let written = origin(self, body, write.value?);
        let flow = self.flow(body);
        let ir = self.program.body(body).ir;
        self.seen(body).iter().enumerate().filter(|(_, s)| s.is_direct()).find(|(_, s)| {
            let op = self.op(s.op);
            let Some(stored) = op.new_value() else { return false };
            let handed = matches!(op.kind, AtomicOpKind::Store | AtomicOpKind::Swap)
                && op.atomic.is_some_and(Atomic::is_pointer)
                && self.is_alias(body, stored, written, 0)
                && !self.is_alone(body, s);
            let made = self.fresh_object(body, stored).flatten();
            let ends = |e| {
                made == Some(e)
                    || e != s.event && self.seen(body).iter().any(|x| x.event == e && self.op(x.op).kind.is_rmw())
            };
            handed && flow.reaches_avoiding(ir, s.event, write.event, ends)
        })
    }

    /// A pointer that was cast from a shared reference, or that an `Arc` gave: others hold the same.
    fn is_made_of_reference(&self, body: BodyId, value: ValueId, depth: u32) -> bool {
        if depth > 8 {
            return false;
        }
        let again = |v: ValueId| self.is_made_of_reference(body, v, depth + 1);
        match self.value(body, value) {
            ValueKind::Cast(v, _) => match self.program.type_of(body, *v) {
                Type::Ref { mutable, .. } => !mutable && self.is_borrowed_from_others(body, *v),
                _ => again(*v),
            },
            ValueKind::Read(p) if p.proj.is_empty() => match p.base {
                Base::Local(_, v) | Base::Value(v) => again(v),
                Base::Path(_) => false,
            },
            ValueKind::Mutated { before, .. } => again(*before),
            ValueKind::Event(e) => {
                let EventKind::Call(call) = &self.event(body, *e).kind else { return false };
                match &call.callee {
                    Callee::Path(p) => {
                        let owner = p.segments.len().checked_sub(2).map_or("", |i| p.segments[i].name.as_str());
                        match (owner, p.last()) {
                            ("Arc", "as_ptr") => true,
                            ("ptr", "from_ref") | ("NonNull", "from") => call.args.first().is_some_and(|v| {
                                matches!(self.program.type_of(body, *v), Type::Ref { mutable: false, .. })
                                    && self.is_borrowed_from_others(body, *v)
                            }),
                            _ => false,
                        }
                    }
                    Callee::Method { receiver, name, .. }
                        if matches!(name.as_str(), "cast" | "cast_mut" | "as_ptr") =>
                    {
                        match receiver.base {
                            Base::Local(_, v) | Base::Value(v) if receiver.proj.is_empty() => again(v),
                            _ => false,
                        }
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// A shared reference that came from outside: others may hold it too. One to something of this function's own is
    /// not.
    fn is_borrowed_from_others(&self, body: BodyId, reference: ValueId) -> bool {
        match self.program.value_ref(body, reference).root {
            Root::Param(b, i) => super::helpers::is_shared_reference(self.program, b, i),
            Root::Static(_) => true,
            _ => false,
        }
    }

    /// The pointer lies in a field of something that a `&self` or `&T` leads to.
    fn is_kept_in_shared(&self, write: &Touch, promise: &Promise<'_>) -> bool {
        let kept = matches!(promise.on, Some(Key::Field(..)));
        let Root::Param(b, i) = write.place.root else { return false };
        let by_self = matches!(
            self.program.function(self.program.body(b).owner).and_then(|f| f.receiver.as_ref()),
            Some(Receiver::Ref)
        );
        kept && (i != 0 || by_self) && super::helpers::is_shared_reference(self.program, b, i)
    }
}
