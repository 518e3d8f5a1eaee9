//! What findings offer to do about a mistake: fixes, put together from facts and from how the code is written.
//!
//! A lint says what is wrong and asks for the remedy of its kind. Each remedy is sure of the shape that it rewrites, or
//! gives nothing: a finding without a fix is fine, a fix that changes what code means is not. Code that a macro brought
//! forth has no outline at its place and so no remedy.

pub mod annotation;
pub mod bounds;
pub mod hoist;
pub mod loops;
pub mod one_step;
pub mod ordering;
pub mod padding;
pub mod runtime;
pub mod small;
pub mod success;

use crate::facts::{Op, Seen};
use crate::finding::{Applicability, Edit, Fix, Site};
use crate::fix;
use crate::ir::outline::{NodeId, NodeKind, Outline};
use crate::ir::{Path, Span};
use crate::lint::Cx;
use crate::resolve::{Atomic, BodyId, Res};
use crate::source::FileId;

/// Puts a fix of one file together.
pub struct Mend<'c, 'a> {
    pub cx: &'c Cx<'a>,
    pub body: BodyId,
    pub file: FileId,
    pub outline: &'a Outline,
    edits: Vec<Edit>,
}

impl<'c, 'a> Mend<'c, 'a> {
    pub fn new(cx: &'c Cx<'a>, body: BodyId) -> Mend<'c, 'a> {
        let file = cx.facts.program.body(body).file;
        Mend { cx, body, file, outline: cx.outline(file), edits: Vec::new() }
    }

    /// The fix, if it can be made.
    pub fn finish(self, title: impl Into<String>, applicability: Applicability) -> Option<Fix> {
        let fix = Fix { title: title.into(), applicability, edits: self.edits };
        fix::is_sound(self.cx.sources, &fix).then_some(fix)
    }

    pub fn slice(&self, span: Span) -> &'a str {
        self.cx.facts.text(Site { file: self.file, span })
    }

    pub fn text(&self, node: NodeId) -> &'a str {
        self.slice(self.outline.span(node))
    }

    pub fn kind(&self, node: NodeId) -> &'a NodeKind {
        self.outline.kind(node)
    }

    /// The method call that an operation is, with its receiver and arguments.
    pub fn call(&self, op: &Op<'_>) -> Option<Call> {
        let node = self.outline.expression(op.span)?;
        let NodeKind::Method { receiver, args, name_span, .. } = self.kind(node) else { return None };
        let name = *name_span;
        (name == op.method_span).then(|| Call { node, receiver: *receiver, name, args: args.clone() })
    }

    /// The receiver of a call and the dot, on as many lines as they stand.
    pub fn up_to_method(&self, call: &Call) -> &'a str {
        self.slice(Span::new(self.outline.span(call.node).start, call.name.start))
    }

    pub fn replace(&mut self, span: Span, text: impl Into<String>) {
        self.edits.push(Edit { site: Site { file: self.file, span }, replacement: text.into() });
    }

    pub fn replace_node(&mut self, node: NodeId, text: impl Into<String>) {
        self.replace(self.outline.span(node), text);
    }

    pub fn insert(&mut self, at: u32, text: impl Into<String>) {
        self.replace(Span::new(at, at), text);
    }

    /// Takes a statement out, with its line if there is nothing else on it. One with an attribute stays: what the
    /// attribute would then stand before is something else.
    pub fn remove(&mut self, statement: NodeId) -> Option<()> {
        let text = self.whole_text();
        let Span { start, end } = self.outline.span(statement);
        let before = text[..start as usize].trim_end_matches([' ', '\t']);
        let after = text[end as usize..].trim_start_matches([' ', '\t']);
        if text[..start as usize].trim_end().ends_with(']') {
            return None;
        }
        let is_alone = before.ends_with('\n') && (after.starts_with('\n') || after.starts_with("\r\n"));
        let span = match is_alone {
            true => {
                let rest = text.len() - after.len();
                let line_end = rest + after.find('\n').map_or(0, |at| at + 1);
                Span::new(before.len() as u32, line_end as u32)
            }
            false => Span::new(start, (text.len() - after.len()) as u32),
        };
        self.replace(span, "");
        Some(())
    }

    /// A statement of its own before another one, indented alike.
    pub fn insert_before(&mut self, statement: NodeId, text: &str) -> Option<()> {
        let at = self.outline.span(statement).start;
        // In front of an attribute it would part the attribute from what it belongs to.
        if self.whole_text()[..at as usize].trim_end().ends_with(']') {
            return None;
        }
        let indent = self.indent(at);
        self.insert(at, format!("{text}\n{indent}"));
        Some(())
    }

    /// A statement of its own behind another one.
    pub fn insert_after(&mut self, statement: NodeId, text: &str) {
        let Span { start, end } = self.outline.span(statement);
        self.insert(end, format!("\n{}{text}", self.indent(start)));
    }

    /// A statement at the start of a block.
    pub fn insert_first(&mut self, block: NodeId, text: &str) {
        let span = self.outline.span(block);
        let NodeKind::Block { statements } = self.kind(block) else { return };
        let indent = self.indent(span.start);
        match statements.first() {
            Some(first) => {
                let one_line = !self.slice(Span::new(span.start, self.outline.span(*first).start)).contains('\n');
                let inner = if one_line { " ".to_owned() } else { format!("\n{}", self.indent_inside(block)) };
                self.insert(span.start + 1, format!("{inner}{text}"));
            }
            None => match self.slice(Span::new(span.start + 1, span.end - 1)).trim().is_empty() {
                true => self.replace(span, format!("{{\n{indent}    {text}\n{indent}}}")),
                // Only a comment stands there.
                false => self.insert(span.start + 1, format!("\n{indent}    {text}")),
            },
        }
    }

    /// The white space in front of the line on which something starts.
    pub fn indent(&self, at: u32) -> &'a str {
        let before = &self.whole_text()[..at as usize];
        let line = &before[before.rfind('\n').map_or(0, |n| n + 1)..];
        let code = line.trim_start_matches([' ', '\t']).len();
        &line[..line.len() - code]
    }

    /// The white space in front of the statements of a block.
    pub fn indent_inside(&self, block: NodeId) -> String {
        let span = self.outline.span(block);
        let first = match self.kind(block) {
            NodeKind::Block { statements } => statements.first().map(|s| self.outline.span(*s).start),
            _ => None,
        };
        match first.filter(|at| self.slice(Span::new(span.start, *at)).contains('\n')) {
            Some(at) => self.indent(at).to_owned(),
            None => format!("{}    ", self.indent(span.start)),
        }
    }

    fn whole_text(&self) -> &'a str {
        &self.cx.sources.file(self.file).text
    }

    /// Whether a variable's name stands in a range as a word of its own, in comments and strings too: rather too often
    /// than not.
    pub fn mentions(&self, span: Span, name: &str) -> bool {
        let text = self.slice(span);
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        text.match_indices(name).any(|(at, _)| {
            let before = &text[..at];
            // A field or method of something else.
            let is_member = before.ends_with('.') && !before.ends_with("..");
            !is_member && !before.ends_with(is_word) && !text[at + name.len()..].starts_with(is_word)
        })
    }

    /// The rest of a block behind one of its statements.
    pub fn rest_of_block(&self, statement: NodeId) -> Option<Span> {
        let block = self.outline.parent(statement)?;
        let end = self.outline.span(block).end.checked_sub(1)?;
        Some(Span::new(self.outline.span(statement).end, end))
    }

    /// Whether two receivers are the same place by their words, and asking for it has no effect.
    pub fn same_words(&self, a: NodeId, b: NodeId) -> bool {
        let words = |node: NodeId| self.text(node).split_whitespace().collect::<String>();
        words(a) == words(b) && self.is_plain(a)
    }

    /// A variable, a path, a field of one, an element at a plain index: the same wherever it is written.
    pub fn is_plain(&self, node: NodeId) -> bool {
        self.outline.within(node).all(|n| match self.kind(n) {
            NodeKind::Path | NodeKind::Field | NodeKind::Literal | NodeKind::Paren(_) => true,
            // Dereferences, references and indices.
            NodeKind::Other => !self.text(n).contains('{'),
            _ => false,
        })
    }

    /// Whether a path means, where the body stands, what ends in `suffix` outside of the analysed crates.
    pub fn is_in_scope(&self, path: &str, suffix: &str) -> bool {
        let path = Path::of_names(path.split("::"), Span::new(0, 0));
        let program = self.cx.facts.program;
        let scope = program.body(self.body).scope;
        [program.resolve_value(self.body, &path), program.resolve_type_path(scope, &path)]
            .into_iter()
            .any(|res| matches!(res, Res::External(p) if p.ends_with(suffix)))
    }

    /// Whether all variants of `Ordering` are imported where the body stands.
    fn has_orderings(&self) -> bool {
        let program = self.cx.facts.program;
        let mut scope = Some(program.body(self.body).scope);
        while let Some(id) = scope {
            let module = program.module(id);
            if module.globs.iter().any(|g| g.path.path.last().is_some_and(|l| l == "Ordering")) {
                return true;
            }
            scope = module.parent.filter(|_| module.transparent);
        }
        false
    }

    /// Whether the package promises nothing to compilers older than Rust 1.`minor`.
    fn has_rust(&self, minor: u64) -> bool {
        let program = self.cx.facts.program;
        let krate = program.def(program.body(self.body).owner).krate;
        program.crates.get(krate).and_then(|c| c.rust_minor).is_none_or(|oldest| oldest >= minor)
    }

    /// `std`, or `core` where that is all there is.
    pub fn std(&self) -> &'static str {
        let program = self.cx.facts.program;
        let krate = program.def(program.body(self.body).owner).krate;
        if program.crates.get(krate).is_none_or(|c| c.links_std) { "std" } else { "core" }
    }
}

/// A method call as written.
#[derive(Clone, Debug)]
pub struct Call {
    pub node: NodeId,
    pub receiver: NodeId,
    pub name: Span,
    pub args: Vec<NodeId>,
}

/// Whether the operation stands in the body itself, on an atomic that has the methods of `core`'s: those of collectors
/// take a guard, and hand back other things.
fn is_plain_op(cx: &Cx<'_>, seen: &Seen) -> bool {
    let op = cx.facts.op(seen.op);
    seen.is_direct() && matches!(op.atomic, Some(Atomic::Int | Atomic::Bool | Atomic::Ptr | Atomic::Generic))
}
