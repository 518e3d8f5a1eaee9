//! Methods that one thread at a time runs: what one of them finds, the others cannot change meanwhile.

use super::access::OpId;
use super::control::Decision;
use super::publication::Follow;
use super::required::{Constant, Required};
use super::{Facts, Seen};
use crate::ir::{AtomicOpKind, Receiver, Ty};
use crate::resolve::{BodyId, DefId, Known, Type};

impl Facts<'_> {
    /// A load that leads to data, by one of the two sides of a shared object: what it finds there tells that the other
    /// side is done with it. Whether the other may still change it then, only the whole protocol could tell.
    pub fn is_handed_to_one_side(&self, body: BodyId, load: &Seen) -> bool {
        let Some(location) = self.op(load.op).location else { return false };
        let leads = |f: &Follow| f.body == body && self.seen(body)[f.seen].event == load.event;
        self.follows(location).iter().any(leads)
            && self.one_handed(body).is_some_and(|handle| self.location(location).key.owner() != Some(handle))
    }

    /// The check has found a state that only the owner of one handle ever leaves: the others write only where they find
    /// another one, or write this one.
    pub fn is_left_by_one_owner(&self, body: BodyId, decision: &Decision, load: &Seen, act: &Seen) -> bool {
        let (Some(location), Some(result)) = (self.op(load.op).location, self.result_of(body, load.event)) else {
            return false;
        };
        let found = self.required(body, decision, act.event, result).and_then(|r| match r.constant {
            // What is not up is down.
            Constant::Bool(b) if !r.equal => Some(Required { constant: Constant::Bool(!b), equal: true }),
            _ => Some(r).filter(|r| r.equal),
        });
        let Some(found) = found else { return false };
        let keeps = |w: OpId| {
            let op = self.op(w);
            let expects = op.expected().and_then(|v| self.constant_of(op.body, v));
            let stores = op.new_value().filter(|_| op.kind == AtomicOpKind::Store);
            let leaves_it = || stores.and_then(|v| self.constant_of(op.body, v)).as_ref() == Some(&found.constant);
            expects.is_some_and(|c| found.excludes(&c))
                || leaves_it()
                || self.is_one_owner(op.body, body)
                || self.context(w).in_drop && self.is_dropped_with(op.body, body)
        };
        self.is_one_owner(body, body) && self.shared_writes(location).all(keeps)
    }

    /// A `drop` of something that lies in the object that the other method has to itself.
    fn is_dropped_with(&self, drop: BodyId, method: BodyId) -> bool {
        fn lies_in(ty: &Type, part: DefId) -> bool {
            match ty {
                Type::Adt(d, args) => *d == part || args.iter().any(|t| lies_in(t, part)),
                Type::Known(Known::Option | Known::Box, args) => args.iter().any(|t| lies_in(t, part)),
                _ => false,
            }
        }
        let owner = |b: BodyId| self.program.self_adt(self.program.body(self.program.outermost(b)).owner);
        let (Some(part), Some(whole)) = (owner(drop), owner(method)) else { return false };
        self.struct_of(whole)
            .is_some_and(|s| s.fields.iter().any(|f| lies_in(&self.program.lower_type(whole, &f.ty), part)))
    }

    /// Both sides are methods that need the same object to themselves: one thread at a time runs either.
    pub fn is_one_owner(&self, a: BodyId, b: BodyId) -> bool {
        let owner = |body: BodyId| {
            let def = self.program.body(self.program.outermost(body)).owner;
            let alone = match self.program.function(def)?.receiver.as_ref()? {
                Receiver::RefMut | Receiver::Value => true,
                Receiver::Typed(ty) => matches!(ty, Ty::Path(p) if p.last() == "Pin"),
                Receiver::Ref => false,
            };
            self.program.self_adt(def).filter(|_| alone)
        };
        owner(a).is_some_and(|o| owner(b) == Some(o))
            || self.one_handed(a).is_some_and(|handle| self.one_handed(b) == Some(handle))
    }
}
