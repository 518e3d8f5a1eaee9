//! Whether a location leads to data that somebody here has made: pointers to what was there before the program, and
//! numbers that only count memory off, lead to nothing that a thread could see too early.

use super::access::{LocId, Op};
use super::{Facts, Seen};
use crate::ir::{AtomicOpKind, Base, Callee, EventKind, Place, Proj, ValueId, ValueKind};
use crate::resolve::BodyId;

impl Facts<'_> {
    /// Whether some write of a pointer location stores what may be data made at run time: neither null, nor the
    /// address of a static or a function, nor a pointer that came from outside, with nothing written behind it.
    pub fn stores_live_pointer(&self, location: LocId) -> bool {
        self.shared_writes(location).any(|w| {
            let op = self.op(w);
            match op.new_value() {
                Some(v) if op.kind != AtomicOpKind::Update => {
                    !self.is_static_address(op.body, v, 0)
                        && !self.is_moved_along(location, op)
                        && (!self.is_from_outside(op.body, v)
                            || self.publishes(location).iter().any(|p| p.key.is_none()))
                }
                _ => true,
            }
        })
    }

    /// A number that goes on from what it was (`position + size`): memory that is given away piece by piece, of which
    /// nobody has written the piece that comes next.
    fn is_moved_along(&self, location: LocId, op: &Op<'_>) -> bool {
        let goes_on = |s: &Seen| {
            let mut from = s.stored.ops.iter().map(|i| self.op(self.seen(op.body)[*i].op));
            s.stored.computed && from.any(|o| o.location == Some(location) && o.kind.reads())
        };
        // A pointer with bits of the old word beside it is one all the same.
        let has_pointer = || {
            let values = (0..self.program.body(op.body).ir.values.len() as u32).map(ValueId);
            let mut pointers = values.filter(|v| self.program.type_of(op.body, *v).is_raw_pointer());
            op.new_value().is_some_and(|new| pointers.any(|p| self.derives_from(op.body, new, p)))
        };
        !self.location(location).atomic.is_some_and(|a| a.is_pointer())
            && !has_pointer()
            && (matches!(op.kind, AtomicOpKind::FetchAdd | AtomicOpKind::FetchSub)
                || self.seen(op.body).iter().any(|s| s.event == op.event && s.is_direct() && goes_on(s)))
    }

    /// Whether a pointer was handed to the program from outside: a number or an untyped pointer that was taken out of
    /// data, or what foreign code wrote into a variable, under the type of what it is said to lead to. Nobody here
    /// has made what it leads to.
    fn is_from_outside(&self, body: BodyId, value: ValueId) -> bool {
        self.comes_from_outside(body, value, &mut Vec::new()) == Some(true)
    }

    /// `None` says nothing either way: null, or round a loop.
    fn comes_from_outside(&self, body: BodyId, value: ValueId, visited: &mut Vec<ValueId>) -> Option<bool> {
        if visited.contains(&value) || self.is_static_address(body, value, 0) {
            return None;
        }
        visited.push(value);
        let of_place = |p: &Place, visited: &mut Vec<ValueId>| match p.base {
            Base::Local(_, v) | Base::Value(v) if p.proj.is_empty() => self.comes_from_outside(body, v, visited),
            _ => Some(false),
        };
        match self.value(body, value) {
            ValueKind::Phi(operands) => {
                let told: Vec<bool> =
                    operands.iter().filter_map(|(_, v)| self.comes_from_outside(body, *v, visited)).collect();
                told.iter().copied().reduce(|a, b| a && b)
            }
            ValueKind::Read(p) => of_place(p, visited),
            ValueKind::Mutated { before: v, .. } | ValueKind::Part { of: v, .. } => {
                self.comes_from_outside(body, *v, visited)
            }
            ValueKind::Cast(v, _) => Some(self.is_part_of_data(body, *v)),
            ValueKind::Event(e) => match &self.event(body, *e).kind {
                EventKind::Call(call) => match (&call.callee, &call.args[..]) {
                    (Callee::Method { receiver, name, .. }, _) => match name.as_str() {
                        "assume_init" => Some(true),
                        "cast" => Some(match receiver.base {
                            Base::Local(_, v) | Base::Value(v) => {
                                receiver.proj.is_empty() && self.is_part_of_data(body, v)
                            }
                            Base::Path(_) => false,
                        }),
                        "as_ptr" | "ok_or" | "ok_or_else" | "unwrap" | "expect" | "ok" => of_place(receiver, visited),
                        _ => Some(false),
                    },
                    // `NonNull::new(pointer)`, or a check of the crate's own.
                    (Callee::Path(_), [pointer]) if self.program.type_of(body, *pointer).is_raw_pointer() => {
                        self.comes_from_outside(body, *pointer, visited)
                    }
                    _ => Some(false),
                },
                _ => Some(false),
            },
            _ => Some(false),
        }
    }

    /// A number or pointer without a type that a pattern takes out of something.
    fn is_part_of_data(&self, body: BodyId, value: ValueId) -> bool {
        match self.value(body, value) {
            ValueKind::Read(Place { base: Base::Local(_, v) | Base::Value(v), proj, .. }) if proj.is_empty() => {
                self.is_part_of_data(body, *v)
            }
            ValueKind::Part { of, variant: None, .. } => match self.value(body, *of) {
                ValueKind::Item(_) => true,
                ValueKind::Event(e) => matches!(&self.event(body, *e).kind, EventKind::Call(_)),
                // A whole record copied out of memory.
                ValueKind::Read(p) => p.proj.contains(&Proj::Deref),
                _ => false,
            },
            _ => false,
        }
    }
}
