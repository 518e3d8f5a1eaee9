//! Every value that a value, place, event or terminator uses, in one place: for walks, renumbering and the
//! verifier.

use super::{Base, Callee, EventKind, OrderingArg, OrderingKind, Place, Proj, Terminator, ValueId, ValueKind};

macro_rules! operands {
    ($value:ident, $place:ident, $event:ident, $ordering:ident, $term:ident, $iter:ident $(, $m:tt)?) => {
        /// Calls `f` with each operand of a value, phi operands included.
        pub fn $value(kind: &$($m)? ValueKind, f: &mut impl FnMut(&$($m)? ValueId)) {
            match kind {
                ValueKind::Read(place)
                | ValueKind::Ref { place, .. }
                | ValueKind::RawRef { place, .. } => $place(place, f),
                ValueKind::Binary(_, a, b) => {
                    f(a);
                    f(b);
                }
                ValueKind::Not(v)
                | ValueKind::Neg(v)
                | ValueKind::Cast(v, _)
                | ValueKind::Repeat(v, _)
                | ValueKind::Item(v)
                | ValueKind::Part { of: v, .. }
                | ValueKind::Matches { value: v, .. }
                | ValueKind::Mutated { before: v, .. } => f(v),
                ValueKind::Tuple(vs) | ValueKind::Array(vs) => vs.$iter().for_each(f),
                ValueKind::Struct { fields, rest, .. } => {
                    fields.$iter().for_each(|(_, v)| f(v));
                    rest.$iter().for_each(f);
                }
                ValueKind::Range { start, end, .. } => {
                    start.$iter().for_each(&mut *f);
                    end.$iter().for_each(f);
                }
                ValueKind::Phi(operands) => operands.$iter().for_each(|(_, v)| f(v)),
                ValueKind::Param(_)
                | ValueKind::Capture(_)
                | ValueKind::Int(_)
                | ValueKind::Bool(_)
                | ValueKind::Lit(_)
                | ValueKind::Path(_)
                | ValueKind::Event(_)
                | ValueKind::Closure(_)
                | ValueKind::AsyncBlock(_)
                | ValueKind::Unit
                | ValueKind::Unknown => {}
            }
        }

        /// Calls `f` with the base and the indices of a place.
        pub fn $place(place: &$($m)? Place, f: &mut impl FnMut(&$($m)? ValueId)) {
            if let Base::Local(_, v) | Base::Value(v) = &$($m)? place.base {
                f(v);
            }
            for proj in &$($m)? place.proj {
                if let Proj::Index(v) = proj {
                    f(v);
                }
            }
        }

        /// Calls `f` with each value that an event uses.
        pub fn $event(kind: &$($m)? EventKind, f: &mut impl FnMut(&$($m)? ValueId)) {
            match kind {
                EventKind::Atomic(op) => {
                    $place(&$($m)? op.receiver, f);
                    op.args.$iter().for_each(&mut *f);
                    op.ordering.$iter().for_each(|o| $ordering(o, f));
                    op.failure.$iter().for_each(|o| $ordering(o, f));
                }
                EventKind::Fence { ordering, .. } => $ordering(ordering, f),
                EventKind::Call(call) => {
                    match &$($m)? call.callee {
                        Callee::Path(_) => {}
                        Callee::Method { receiver, .. } => $place(receiver, f),
                        Callee::Value(v) => f(v),
                    }
                    call.args.$iter().for_each(f);
                }
                EventKind::Macro(call) => call.args.$iter().for_each(f),
                EventKind::Read(place) | EventKind::Borrow { place, .. } => $place(place, f),
                EventKind::Write { place, value } => {
                    $place(place, f);
                    f(value);
                }
                EventKind::Assign { value, .. } | EventKind::Await(value) => f(value),
                EventKind::ScopeEnd(_) | EventKind::Opaque => {}
            }
        }

        fn $ordering(arg: &$($m)? OrderingArg, f: &mut impl FnMut(&$($m)? ValueId)) {
            if let OrderingKind::Value(v) = &$($m)? arg.kind {
                f(v);
            }
        }

        /// Calls `f` with each value that a terminator uses.
        pub fn $term(term: &$($m)? Terminator, f: &mut impl FnMut(&$($m)? ValueId)) {
            match term {
                Terminator::Branch { cond: v, .. }
                | Terminator::Switch { on: v, .. }
                | Terminator::Try { on: v, .. }
                | Terminator::Return(Some(v)) => f(v),
                Terminator::Goto(_) | Terminator::Return(None) | Terminator::Unreachable => {}
            }
        }
    };
}

operands!(of_value, of_place, of_event, of_ordering, of_terminator, iter);
operands!(of_value_mut, of_place_mut, of_event_mut, of_ordering_mut, of_terminator_mut, iter_mut, mut);

impl Terminator {
    /// The blocks that control may go to, in the order in which the terminator names them.
    pub fn successors(&self) -> Vec<super::BlockId> {
        match self {
            Terminator::Goto(to) => vec![*to],
            Terminator::Branch { then, otherwise, .. } => vec![*then, *otherwise],
            Terminator::Switch { arms, .. } => arms.iter().map(|(_, to)| *to).collect(),
            Terminator::Try { ok, error, .. } => vec![*ok, *error],
            Terminator::Return(_) | Terminator::Unreachable => Vec::new(),
        }
    }

    pub fn successors_mut(&mut self) -> Vec<&mut super::BlockId> {
        match self {
            Terminator::Goto(to) => vec![to],
            Terminator::Branch { then, otherwise, .. } => vec![then, otherwise],
            Terminator::Switch { arms, .. } => arms.iter_mut().map(|(_, to)| to).collect(),
            Terminator::Try { ok, error, .. } => vec![ok, error],
            Terminator::Return(_) | Terminator::Unreachable => Vec::new(),
        }
    }
}
