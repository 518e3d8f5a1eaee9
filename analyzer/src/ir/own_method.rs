//! Operations that turn out to be calls: `status.load(Acquire)` where the type of `status` is the crate's own and has a
//! method `load`.
//!
//! Lowering goes by the name of a method and the orderings among its arguments; what the receiver is, only the linked
//! program knows.

use super::{
    AtomicOpKind, Body, Call, Callee, EventId, EventKind, OrderingKind, Path, Span, Value, ValueId, ValueKind,
};

impl Body {
    /// Makes an atomic operation the method call as which it is written, its orderings arguments like any other.
    pub fn make_call(&mut self, event: EventId) {
        let Some(EventKind::Atomic(op)) = self.events.get(event.index()).map(|e| e.kind.clone()) else { return };
        // Operands, orderings, and behind them a guard, or the closure of an update.
        let operands = match op.kind {
            AtomicOpKind::Load | AtomicOpKind::Update => 0,
            AtomicOpKind::Cas { .. } => 2,
            _ => 1,
        };
        let (before, behind) = op.args.split_at(operands.min(op.args.len()));
        let mut args = before.to_vec();
        for ordering in op.ordering.iter().chain(&op.failure) {
            args.push(match ordering.kind {
                OrderingKind::Value(v) => v,
                OrderingKind::Fixed(o) => self.add_path(&["Ordering", o.name()], ordering.span),
            });
        }
        args.extend(behind);
        self.events[event.index()].kind = EventKind::Call(Call {
            callee: Callee::Method {
                receiver: op.receiver,
                name: op.method,
                name_span: op.method_span,
                turbofish: Vec::new(),
            },
            args,
        });
    }

    fn add_path(&mut self, names: &[&str], span: Span) -> ValueId {
        let path = Path::of_names(names.iter().copied(), span);
        self.values.push(Value { kind: ValueKind::Path(Box::new(path)), span });
        ValueId(self.values.len() as u32 - 1)
    }
}
