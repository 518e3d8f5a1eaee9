//! Stronger orderings, never weaker ones.

use super::Mend;
use crate::facts::{OpId, Seen};
use crate::finding::{Applicability, Fix};
use crate::ir::outline::NodeKind;
use crate::ir::{EventId, EventKind, Ordering, OrderingArg, OrderingKind, Span};
use crate::lint::Cx;
use crate::resolve::BodyId;

/// The half that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    Acquire,
    Release,
}

/// The weakest ordering that does what both do.
pub fn join(a: Ordering, b: Ordering) -> Ordering {
    use Ordering::*;
    match (a, b) {
        (SeqCst, _) | (_, SeqCst) => SeqCst,
        (Relaxed, other) | (other, Relaxed) => other,
        (a, b) if a == b => a,
        _ => AcqRel,
    }
}

/// Gives an operation the half that it lacks.
pub fn strengthen(cx: &Cx<'_>, op: OpId, half: Half) -> Option<Fix> {
    strengthen_all(cx, &[(op, half)])
}

/// The same for both sides of a pair at once, wherever they stand: one side alone would mend nothing.
pub fn strengthen_all(cx: &Cx<'_>, ops: &[(OpId, Half)]) -> Option<Fix> {
    let mut edits = Vec::new();
    let mut names = Vec::new();
    for (op, half) in ops {
        let mut mend = Mend::new(cx, cx.facts.op(*op).body);
        names.push(mend.strengthen(*op, *half)?);
        edits.append(&mut mend.edits);
    }
    let title = match names[..] {
        [only] => format!("make it `{only}`"),
        _ => "give both sides the ordering that pairs them".to_owned(),
    };
    let fix = Fix { title, applicability: Applicability::MachineApplicable, edits };
    crate::fix::is_sound(cx.sources, &fix).then_some(fix)
}

/// Gives the failure ordering of a CAS an acquire half.
pub fn strengthen_failure(cx: &Cx<'_>, op: OpId) -> Option<Fix> {
    let o = cx.facts.op(op);
    let mut mend = Mend::new(cx, o.body);
    let name = mend.raise(o.failure_arg?, Ordering::Acquire)?;
    mend.finish(format!("let a failure be `{name}`"), Applicability::MachineApplicable)
}

/// Names an ordering that the operation accepts in the place of a constant or variable that it does not. (The compiler
/// rejects one that is written out.)
pub fn valid(cx: &Cx<'_>, body: BodyId, arg: OrderingArg, valid: Ordering) -> Option<Fix> {
    let mut mend = Mend::new(cx, body);
    let node = mend.outline.expression(arg.span)?;
    if *mend.kind(node) != NodeKind::Path {
        return None;
    }
    let name = mend.ordering_name(valid);
    mend.replace_node(node, name);
    mend.finish(format!("pass `{}`", valid.name()), Applicability::MaybeIncorrect)
}

/// Frees a counted object only after everything that its other owners did: `Release` where the count goes down, and an
/// acquire fence where it has come to nothing.
pub fn last_owner(cx: &Cx<'_>, body: BodyId, seen: &Seen) -> Option<Fix> {
    if !super::is_plain_op(cx, seen) {
        return None;
    }
    let op = cx.facts.op(seen.op);
    let mut mend = Mend::new(cx, body);
    let fence = mend.fence_before_free(body, seen);
    match fence {
        Some(()) => {
            if seen.orders.lacks_release() {
                mend.strengthen(seen.op, Half::Release)?;
            }
            mend.finish("release the count, and acquire before freeing", Applicability::MachineApplicable)
        }
        // The place where the last owner goes on is not plain to see: the operation itself acquires.
        None => {
            let mut mend = Mend::new(cx, body);
            let name = mend.raise(op.ordering_arg?, Ordering::AcqRel)?;
            mend.finish(format!("make it `{name}`"), Applicability::MachineApplicable)
        }
    }
}

/// A sequentially consistent fence between a write and the read after it, on each of these sides.
pub fn full_fence(cx: &Cx<'_>, sides: &[(BodyId, EventId, EventId)]) -> Option<Fix> {
    let mut edits = Vec::new();
    for (body, write, read) in sides {
        let mut mend = Mend::new(cx, *body);
        let (write, read) = (cx.facts.event(*body, *write).span, cx.facts.event(*body, *read).span);
        let statement = mend.outline.statement_around(mend.outline.expression(read)?)?;
        // Both in one statement: there is no place between them.
        if mend.outline.span(statement).start < write.end {
            return None;
        }
        let text = format!("{}({});", mend.fence_name(), mend.ordering_name(Ordering::SeqCst));
        mend.insert_before(statement, &text)?;
        edits.append(&mut mend.edits);
    }
    let title = "put a sequentially consistent fence between the write and the read".to_owned();
    let fix = Fix { title, applicability: Applicability::MachineApplicable, edits };
    crate::fix::is_sound(cx.sources, &fix).then_some(fix)
}

impl Mend<'_, '_> {
    fn fence_name(&self) -> String {
        match self.is_in_scope("fence", "atomic::fence") {
            true => "fence".to_owned(),
            false => format!("{}::sync::atomic::fence", self.std()),
        }
    }

    /// Gives an operation the half that it lacks; says what its ordering is then.
    fn strengthen(&mut self, op: OpId, half: Half) -> Option<&'static str> {
        let op = self.cx.facts.op(op);
        let fits = match half {
            Half::Acquire => op.kind.reads(),
            Half::Release => op.kind.writes(),
        };
        let wanted = if half == Half::Acquire { Ordering::Acquire } else { Ordering::Release };
        self.raise(op.ordering_arg.filter(|_| fits && op.atomic.is_some())?, wanted)
    }

    pub(super) fn raise(&mut self, arg: OrderingArg, wanted: Ordering) -> Option<&'static str> {
        let OrderingKind::Fixed(now) = arg.kind else { return None };
        let joined = join(now, wanted);
        if joined == now { None } else { self.rename(arg, joined) }
    }

    /// Writes another ordering, by a name that is known at this place.
    fn rename(&mut self, arg: OrderingArg, ordering: Ordering) -> Option<&'static str> {
        let OrderingKind::Fixed(now) = arg.kind else { return None };
        let written = self.slice(arg.span);
        // What a macro has brought forth has no place of its own.
        if self.outline.expression(arg.span).is_none_or(|n| *self.kind(n) != NodeKind::Path) {
            return None;
        }
        let name = match written.strip_suffix(now.name()) {
            Some("") => self.ordering_name(ordering),
            Some(path) if path.trim_end().ends_with("::") => format!("{path}{}", ordering.name()),
            _ => return None,
        };
        self.replace(arg.span, name);
        Some(ordering.name())
    }

    /// A path to an ordering, as short as what is imported allows.
    pub fn ordering_name(&self, ordering: Ordering) -> String {
        let name = ordering.name();
        if self.has_orderings() || self.is_in_scope(name, &format!("Ordering::{name}")) {
            return name.to_owned();
        }
        if self.is_in_scope("Ordering", "atomic::Ordering") {
            return format!("Ordering::{name}");
        }
        format!("{}::sync::atomic::Ordering::{name}", self.std())
    }

    /// An ordering in the way that another one at the same place is written.
    pub fn ordering_like(&self, arg: OrderingArg, ordering: Ordering) -> Option<String> {
        let OrderingKind::Fixed(now) = arg.kind else { return None };
        let written = self.slice(arg.span);
        match written.strip_suffix(now.name())? {
            "" => Some(if now == ordering { written.to_owned() } else { self.ordering_name(ordering) }),
            path if path.trim_end().ends_with("::") => Some(format!("{path}{}", ordering.name())),
            _ => None,
        }
    }

    /// An acquire fence on the way from the decrement to freeing: at the start of the branch that the last owner takes,
    /// or behind the one that all others leave by.
    fn fence_before_free(&mut self, body: BodyId, seen: &Seen) -> Option<()> {
        let op = self.cx.facts.op(seen.op);
        let call = self.call(op)?;
        let compared = self.outline.parent(call.node)?;
        let NodeKind::Binary { op: compares, left, .. } = self.kind(compared) else { return None };
        let decided = self.outline.parent(compared)?;
        let NodeKind::If { cond, then, otherwise } = self.kind(decided) else { return None };
        if *cond != compared || *left != call.node {
            return None;
        }
        let text = format!("{}({});", self.fence_name(), self.ordering_name(Ordering::Acquire));
        match *compares {
            "==" if !self.has_fence_at(body, *then) => {
                self.insert_first(*then, &text);
                Some(())
            }
            "!=" if otherwise.is_none() && self.only_leaves(*then) => {
                let statement = self.outline.statement_of(decided)?;
                self.insert_after(statement, &text);
                Some(())
            }
            _ => None,
        }
    }

    fn only_leaves(&self, block: crate::ir::outline::NodeId) -> bool {
        let NodeKind::Block { statements } = self.kind(block) else { return false };
        let [only] = statements[..] else { return false };
        match self.kind(only) {
            NodeKind::Statement { expr, .. } => matches!(self.kind(*expr), NodeKind::Return(_)),
            _ => false,
        }
    }

    /// Whether a fence stands in a block already, wherever it helps.
    fn has_fence_at(&self, body: BodyId, block: crate::ir::outline::NodeId) -> bool {
        let span: Span = self.outline.span(block);
        let events = &self.cx.facts.program.body(body).ir.events;
        (0..events.len() as u32).map(EventId).any(|e| {
            let event = &events[e.index()];
            matches!(event.kind, EventKind::Fence { compiler: false, .. }) && span.contains(event.span)
        })
    }
}
