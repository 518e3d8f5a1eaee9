//! An effect in a CAS loop moves to where an attempt has succeeded.

use super::{Mend, is_plain_op};
use crate::facts::Seen;
use crate::finding::{Applicability, Fix};
use crate::ir::outline::{NodeId, NodeKind};
use crate::ir::{EventId, Span};
use crate::lint::Cx;
use crate::resolve::BodyId;

/// Moves the statement that is the effect into the branch that a successful attempt takes. It then happens later than
/// it did, and what it uses may be gone by then, so a human has to look.
pub fn after_success(cx: &Cx<'_>, body: BodyId, cas: &Seen, effect: EventId) -> Option<Fix> {
    if !is_plain_op(cx, cas) {
        return None;
    }
    let mut mend = Mend::new(cx, body);
    let attempt = mend.call(cx.facts.op(cas.op))?;
    let span = cx.facts.event(body, effect).span;
    let statement = whole_statement(&mend, span)?;
    let tested = mend.outline.parent(attempt.node)?;
    // Before the attempt, in the block in which that is a statement.
    let own = mend.outline.statement_around(attempt.node)?;
    let (block, at) = mend.outline.position(statement)?;
    let (same, then) = mend.outline.position(own)?;
    if block != same || at >= then || mend.outline.leaves(statement) && !is_macro(&mend, statement) {
        return None;
    }
    let text = mend.text(statement).to_owned();
    match mend.kind(tested) {
        NodeKind::Method { name, .. } if name == "is_ok" => {
            let decided = mend.outline.parent(tested)?;
            let NodeKind::If { cond, then, .. } = mend.kind(decided) else { return None };
            if *cond != tested {
                return None;
            }
            insert_before_end(&mut mend, *then, &text)?;
        }
        NodeKind::Match { on, arms } if *on == attempt.node => {
            let success = arms.iter().find_map(|a| match mend.kind(*a) {
                NodeKind::Arm { pattern, guarded: false, body } if mend.slice(*pattern).starts_with("Ok(") => {
                    Some((*a, *body))
                }
                _ => None,
            });
            let (arm, body) = success?;
            match mend.kind(body) {
                NodeKind::Block { .. } => insert_before_end(&mut mend, body, &text)?,
                _ => {
                    let indent = mend.indent(mend.outline.span(arm).start);
                    let value = mend.text(body);
                    let block = format!("{{\n{indent}    {text}\n{indent}    {value}\n{indent}}}");
                    let (start, end) = (mend.outline.span(body).start, mend.outline.span(arm).end);
                    mend.replace(Span::new(start, end), block);
                }
            }
        }
        _ => return None,
    }
    mend.remove(statement)?;
    mend.finish("do it once the attempt has succeeded", Applicability::MaybeIncorrect)
}

/// The statement that is nothing but the effect, and binds nothing that others use.
fn whole_statement(mend: &Mend<'_, '_>, span: Span) -> Option<NodeId> {
    let is_it = |n: &NodeId| match mend.kind(*n) {
        NodeKind::Statement { semicolon: true, .. } | NodeKind::MacroStatement => {
            mend.outline.span(*n).contains(span) && mend.outline.span(*n).start == span.start
        }
        _ => false,
    };
    let all = (0..mend.outline.nodes.len() as u32).map(NodeId);
    let found = all.rev().find(is_it)?;
    mend.text(found).ends_with(';').then_some(found)
}

fn is_macro(mend: &Mend<'_, '_>, statement: NodeId) -> bool {
    match mend.kind(statement) {
        NodeKind::MacroStatement => true,
        NodeKind::Statement { expr, .. } => *mend.kind(*expr) == NodeKind::Macro,
        _ => false,
    }
}

/// Before the `break` or `return` that a block ends with, or at its end.
fn insert_before_end(mend: &mut Mend<'_, '_>, block: NodeId, text: &str) -> Option<()> {
    let NodeKind::Block { statements } = mend.kind(block) else { return None };
    mend.insert_before(*statements.last()?, text)
}
