//! Who changes a location: one handle, one thread, or anybody.

use super::{Facts, LocId, OpId, Seen};
use crate::ir::{AtomicOpKind, ItemKind, Receiver};
use crate::resolve::places::{PlaceRef, Root, Step};
use crate::resolve::{BodyId, DefId, Type};

/// Whoever performs a write, as far as one can tell writers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// A handle that is not in two hands at once, by its type.
    Handle(DefId),
    /// The thread that runs this closure, started in one place.
    Thread(BodyId),
    /// Everybody who has a reference, or several threads that run the same closure.
    Anybody,
    Unknown,
}

/// A write that other threads can see, as `body` performs it.
#[derive(Clone, Copy, Debug)]
pub struct Write<'f> {
    pub op: OpId,
    pub body: BodyId,
    pub seen: &'f Seen,
    pub by: Writer,
    /// Something else keeps other writers away: a lock that every writer takes, a won election, the end of the owner.
    pub excused: bool,
}

impl Facts<'_> {
    /// The writes of a location that others may see happen.
    pub fn writes(&self, location: LocId) -> Vec<Write<'_>> {
        let ways = self
            .shared_writes(location)
            .flat_map(|op| self.ways_to(op).into_iter().map(move |(b, seen)| (op, b, seen)));
        let ways = ways.filter(|(op, body, seen)| {
            !self.op(*op).is_test && !self.is_alone(*body, seen) && !self.is_passed_by(*body)
        });
        let is_excused = |op: OpId, body: BodyId| {
            let context = self.context(op);
            context.in_drop || context.claimed || self.is_in_drop(body) || self.is_guarded(location, op)
        };
        ways.map(|(op, body, seen)| Write {
            op,
            body,
            seen,
            by: self.writer(op, body, seen),
            excused: is_excused(op, body),
        })
        .collect()
    }

    /// The one handle type that all these writes of a location go through, if there is never a second handle, and the
    /// location lies in something that others share: the owner of a location is not its handle.
    pub fn sole_handle(&self, location: LocId, writes: &[Write<'_>]) -> Option<DefId> {
        let Writer::Handle(handle) = writes.first()?.by else { return None };
        let (adt, field) = self.field_of(location)?;
        let inside = handle != adt && !self.program.lower_type(adt, &field.ty).is_pointer();
        let alone = writes.iter().all(|w| w.by == Writer::Handle(handle));
        (inside && alone && self.is_made_in_source(handle) && !self.is_copied(handle)).then_some(handle)
    }

    /// Nothing about the location suggests a writer besides these: they are all of its shared writes, nobody is handed a
    /// reference, and users of the crate don't reach the field.
    pub fn are_all_writes(&self, location: LocId, writes: &[Write<'_>]) -> bool {
        let all = self.shared_writes(location).all(|op| writes.iter().any(|w| w.op == op));
        all && !self.is_handed_out(location) && !self.is_open_to_users(location)
    }

    /// Public by its own word, but nobody outside can name it and the callers inside are known: they count instead.
    fn is_passed_by(&self, body: BodyId) -> bool {
        let owner = self.program.body(body).owner;
        self.program.body(body).parent.is_none()
            && !self.program.is_reachable(owner)
            && !self.callers(owner).is_empty()
            && self.program.implemented_trait(owner).is_none()
    }

    fn is_in_drop(&self, body: BodyId) -> bool {
        self.program.implemented_trait(self.program.body(body).owner) == Some("Drop")
    }

    fn writer(&self, op: OpId, body: BodyId, seen: &Seen) -> Writer {
        if let Some(handle) = self.handle_of(body, seen) {
            return Writer::Handle(self.lender(handle, 0));
        }
        if self.context(op).vouched || self.is_vouched(body) {
            return Writer::Unknown;
        }
        if self.is_thread_entry(body) {
            return self.thread(body, seen);
        }
        let owner = self.program.body(body).owner;
        let Some(function) = self.program.function(owner) else { return Writer::Unknown };
        let shared = match seen.place.root {
            Root::Param(b, i) => b == body && self.is_shared_parameter(body, i),
            Root::Static(_) => true,
            _ => false,
        };
        let taken_whole = matches!(function.receiver, Some(Receiver::RefMut | Receiver::Value));
        let entered = self.program.body(body).parent.is_none() && self.is_external(owner);
        if shared && entered && !taken_whole { Writer::Anybody } else { Writer::Unknown }
    }

    /// The handle that another one has borrowed: `Chunk<'a>` with a `&'a mut Producer` writes in its name, and so does
    /// what owns a `Chunk<'a>`.
    fn lender(&self, handle: DefId, depth: u32) -> DefId {
        let ItemKind::Struct(s) = &self.program.def(handle).item.kind else { return handle };
        let mut lenders = s.fields.iter().filter_map(|f| match self.program.lower_type(handle, &f.ty) {
            Type::Ref { mutable, inner } => match *inner {
                Type::Adt(adt, _) if mutable || self.is_not_sync(adt) => Some(adt),
                _ => None,
            },
            Type::Adt(adt, _) if depth < 3 && adt != handle => {
                let lender = self.lender(adt, depth + 1);
                (lender != adt).then_some(lender)
            }
            _ => None,
        });
        match (lenders.next(), lenders.next()) {
            (Some(one), None) if depth < 3 && one != handle => self.lender(one, depth + 1),
            _ => handle,
        }
    }

    /// A reference to something of a known type that threads may share.
    fn is_shared_parameter(&self, body: BodyId, index: u32) -> bool {
        let ty = self.param_type(body, index);
        let Type::Adt(adt, _) = ty.peeled() else { return false };
        ty.is_shared_pointer() && !ty.is_raw_pointer() && !self.is_not_sync(*adt)
    }

    /// Several threads run a closure that is started in a loop; what they write is then anybody's, unless each has its
    /// own element.
    fn thread(&self, body: BodyId, seen: &Seen) -> Writer {
        let Some((parent, event)) = self.program.closure_use(body) else { return Writer::Unknown };
        let ir = self.program.body(parent).ir;
        let repeated = ir.blocks[self.event(parent, event).block.index()].in_loop.is_some();
        let nested = self.program.body(parent).parent.is_some();
        match repeated {
            false if nested => Writer::Unknown,
            false => Writer::Thread(body),
            true if has_index(&seen.place) || has_index(&self.op(seen.op).place) => Writer::Unknown,
            true if matches!(seen.place.root, Root::Local(b, _) if b == body) => Writer::Unknown,
            true => Writer::Anybody,
        }
    }

    /// The location only goes up from `false` or between constants: there is nothing to lose in a race.
    pub fn is_only_set(&self, location: LocId) -> bool {
        let value = |op: OpId| {
            let op = self.op(op);
            op.kind == AtomicOpKind::Store && op.new_value().is_some_and(|v| self.flows_into(op.body, v).is_constant())
        };
        self.location(location).value_type == Type::Prim("bool") || self.shared_writes(location).all(value)
    }

    /// Users of the crate can reach the field itself, and so be further writers.
    fn is_open_to_users(&self, location: LocId) -> bool {
        self.field_of(location).is_none_or(|(adt, field)| {
            field.vis == crate::ir::Vis::Pub
                && self.program.is_reachable(adt)
                && matches!(self.program.def(adt).item.kind, ItemKind::Struct(_))
        })
    }
}

fn has_index(place: &PlaceRef) -> bool {
    place.indexed || place.steps.iter().any(|s| matches!(s, Step::Index(_)))
}
