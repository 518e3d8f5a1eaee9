//! One name for another.

use super::Mend;
use crate::facts::OpId;
use crate::finding::{Applicability, Fix};
use crate::ir::outline::NodeKind;
use crate::ir::{EventId, EventKind, Span};
use crate::lint::Cx;
use crate::resolve::BodyId;

/// Calls another method of the same atomic.
pub fn other_method(cx: &Cx<'_>, op: OpId, method: &str, title: &str) -> Option<Fix> {
    let op = cx.facts.op(op);
    let mut mend = Mend::new(cx, op.body);
    mend.call(op)?;
    mend.replace(op.method_span, method);
    mend.finish(title, Applicability::MachineApplicable)
}

/// `Arc::try_unwrap(x).ok()` as `Arc::into_inner(x)`, given the call of `ok`.
pub fn into_inner(cx: &Cx<'_>, body: BodyId, unwrap: EventId) -> Option<Fix> {
    let facts = cx.facts;
    let mut mend = Mend::new(cx, body);
    // `Arc::into_inner` came with Rust 1.70.
    if !mend.has_rust(70) {
        return None;
    }
    let EventKind::Call(_) = &facts.event(body, unwrap).kind else { return None };
    let call = mend.outline.expression(facts.event(body, unwrap).span)?;
    let NodeKind::Call { callee, .. } = mend.kind(call) else { return None };
    let path = mend.text(*callee).strip_suffix("try_unwrap")?;
    let outer = mend.outline.parent(call)?;
    let NodeKind::Method { name, args, .. } = mend.kind(outer) else { return None };
    if name != "ok" || !args.is_empty() {
        return None;
    }
    mend.replace_node(*callee, format!("{path}into_inner"));
    let (call, outer) = (mend.outline.span(call), mend.outline.span(outer));
    mend.replace(Span::new(call.end, outer.end), "");
    mend.finish("let exactly one owner get the value", Applicability::MachineApplicable)
}

/// Another literal in a comparison with what an operation returns.
pub fn compared_with(cx: &Cx<'_>, op: OpId, from: &str, to: &str) -> Option<Fix> {
    let op = cx.facts.op(op);
    let mut mend = Mend::new(cx, op.body);
    let call = mend.call(op)?;
    let parent = mend.outline.parent(call.node)?;
    let NodeKind::Binary { left, right, .. } = mend.kind(parent) else { return None };
    let other = if *left == call.node { *right } else { *left };
    if mend.text(other) != from {
        return None;
    }
    mend.replace_node(other, to);
    mend.finish("test for the value before the change", Applicability::MaybeIncorrect)
}
