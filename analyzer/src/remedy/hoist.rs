//! An allocation in a CAS loop moves before the loop, where nothing in the loop can tell the difference.

use super::Mend;
use crate::finding::{Applicability, Fix};
use crate::ir::outline::{NodeId, NodeKind};
use crate::ir::{EventId, Span};
use crate::lint::Cx;
use crate::resolve::BodyId;

/// Functions that allocate or convert and do nothing else.
const MAKERS: [&str; 14] = [
    "Box::new",
    "Arc::new",
    "Rc::new",
    "Box::into_raw",
    "Arc::into_raw",
    "Vec::with_capacity",
    "Vec::from",
    "String::with_capacity",
    "String::from",
    "Some",
    "Ok",
    "Cell::new",
    "AtomicUsize::new",
    "AtomicPtr::new",
];
const COPIES: [&str; 6] = ["clone", "to_vec", "to_string", "to_owned", "into_boxed_slice", "into_boxed_str"];

/// Moves `let name = <allocation>;` out of the loop around the attempt, if what it is made of stays the same and every
/// attempt only looks at it. A round that would have left the loop first allocates now too, so a human has to look.
pub fn out_of_loop(cx: &Cx<'_>, body: BodyId, allocation: EventId, attempt: Span) -> Option<Fix> {
    let mut mend = Mend::new(cx, body);
    let made = mend.outline.expression(cx.facts.event(body, allocation).span)?;
    let binding = mend.outline.statement_around(made)?;
    let NodeKind::Let { name: Some(name), mutable: false, init: Some(init), diverges: false, .. } = mend.kind(binding)
    else {
        return None;
    };
    let around = innermost_loop(&mend, mend.outline.expression(attempt)?)?;
    if innermost_loop(&mend, binding) != Some(around) {
        return None;
    }
    let looped = mend.outline.span(around);
    let (NodeKind::Loop { body: block } | NodeKind::While { body: block, .. }) = mend.kind(around) else { return None };
    // Deeper inside, not every round comes by.
    let (own, _) = mend.outline.position(binding)?;
    if own != *block || !is_fixed(&mend, *init, looped) || !is_only_looked_at(&mend, name, binding, looped) {
        return None;
    }
    let before = mend.outline.statement_around(around)?;
    let indent = |node| mend.indent(mend.outline.span(node).start);
    let text = outdented(mend.text(binding), indent(binding), indent(before))?;
    mend.insert_before(before, &text)?;
    mend.remove(binding)?;
    mend.finish("allocate once, before the loop", Applicability::MaybeIncorrect)
}

/// The lines of a statement, as far to the left as those in front of the loop. `None` where that could change a string.
fn outdented(text: &str, from: &str, to: &str) -> Option<String> {
    let is_within_a_string = |line: &str| !line.matches('"').count().is_multiple_of(2);
    if text.contains('\n') && (text.contains("r#") || text.lines().any(is_within_a_string)) {
        return None;
    }
    let mut out = String::new();
    for (n, line) in text.lines().enumerate() {
        match line.strip_prefix(from) {
            _ if n == 0 => out += line,
            _ if line.is_empty() => out.push('\n'),
            Some(rest) => out += &format!("\n{to}{rest}"),
            None => return None,
        }
    }
    Some(out)
}

fn innermost_loop(mend: &Mend<'_, '_>, node: NodeId) -> Option<NodeId> {
    mend.outline
        .around(node)
        .take_while(|n| *mend.kind(*n) != NodeKind::Closure)
        .find(|n| matches!(mend.kind(*n), NodeKind::Loop { .. } | NodeKind::While { .. } | NodeKind::For { .. }))
}

/// The value is made from what the loop neither binds nor changes, by functions that have no other effect.
fn is_fixed(mend: &Mend<'_, '_>, init: NodeId, looped: Span) -> bool {
    let known = mend.outline.within(init).all(|n| match mend.kind(n) {
        NodeKind::Path | NodeKind::Field | NodeKind::Literal | NodeKind::Paren(_) | NodeKind::Struct { .. } => true,
        NodeKind::Call { callee, .. } => MAKERS.iter().any(|m| mend.text(*callee).ends_with(m)),
        NodeKind::Method { name, args, .. } => args.is_empty() && COPIES.contains(&name.as_str()),
        NodeKind::Macro => {
            let text = mend.text(n);
            (text.starts_with("vec!") || text.starts_with("format!")) && !text.contains(".load(")
        }
        // References and the like.
        NodeKind::Other => mend.text(n).starts_with('&'),
        _ => false,
    });
    let (inside, init) = (mend.slice(looped), mend.text(init));
    known && words(init).into_iter().all(|word| !is_bound_or_changed(inside, word))
}

/// The words that may be variables: no functions, fields or parts of paths.
fn words(text: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = Vec::new();
    let mut at = 0;
    for piece in text.split(|c: char| !is_word(c)) {
        let (before, after) = (&text[..at], &text[at + piece.len()..]);
        at += piece.len() + after.chars().next().map_or(0, char::len_utf8);
        let is_named = before.ends_with(['.', ':']) && !before.ends_with("..") && !before.ends_with("{:");
        let is_name = piece.starts_with(|c: char| c.is_lowercase() || c == '_');
        if is_name && !is_named && !after.starts_with(['(', '!']) && !after.starts_with("::") {
            words.push(piece);
        }
    }
    words
}

/// Whether a loop binds a name or writes to it, by its words: rather too often than not.
fn is_bound_or_changed(text: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        if before.ends_with(is_word) || after.starts_with(is_word) {
            return false;
        }
        let line = &before[before.rfind(['\n', ';', '{']).map_or(0, |n| n + 1)..];
        let after = after.trim_start();
        let is_assigned = after.starts_with('=') && !after.starts_with("==") && !after.starts_with("=>")
            || after.get(1..2) == Some("=") && after.starts_with(['+', '-', '*', '/', '|', '&', '^', '%']);
        // In a pattern: `let (a, name) =`, `Err(name) =>`, `|name|`.
        let is_pattern = line.contains("let ") && !line.contains('=')
            || after.find("=>").is_some_and(|arrow| !after[..arrow].contains([';', '\n', '{', ',']))
            || line.trim_end().ends_with('|');
        is_assigned || is_pattern || before.trim_end().ends_with("&mut")
    })
}

/// Every use in the loop borrows the value or copies a raw pointer; one that consumes it would leave nothing for the
/// next round, and one that frees it worse.
fn is_only_looked_at(mend: &Mend<'_, '_>, name: &str, binding: NodeId, looped: Span) -> bool {
    let rest = Span::new(mend.outline.span(binding).end, looped.end);
    let (text, made) = (mend.slice(rest), mend.text(binding));
    let is_pointer = made.contains("::into_raw(");
    if is_pointer {
        return !text.contains("from_raw") && !text.contains("drop") && !text.contains(".read()");
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).all(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        if before.ends_with(is_word) || after.starts_with(is_word) {
            return true;
        }
        let by_reference = before.ends_with('&') || before.ends_with("&*");
        let method: String = after.strip_prefix('.').unwrap_or("").chars().take_while(|c| is_word(*c)).collect();
        let looks = ["len", "as_ref", "as_str", "as_slice", "is_empty", "clone", "iter", "get", "as_ptr"];
        by_reference || looks.contains(&method.as_str())
    })
}
