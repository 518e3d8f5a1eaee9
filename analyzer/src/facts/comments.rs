//! The comments that belong to an operation: on its line, directly above its statement, inside it, and in the
//! documentation of a function that has no other operation.

use super::Facts;
use super::access::OpId;
use crate::ir::Span;
use crate::source::{Comment, SourceFile};

/// How many lines a statement may begin above an operation in it.
const MAX_STATEMENT: u32 = 12;

impl Facts<'_> {
    /// What the comments of an operation say, markers taken off, top to bottom.
    pub fn comments_of(&self, op: OpId) -> Vec<String> {
        let o = self.op(op);
        let body = self.program.body(o.body);
        let file = self.sources.file(body.file);
        let last = file.lines().line(o.span.end);
        let first = statement_start(file, file.lines().line(o.span.start));
        let mut found: Vec<Comment> = file.comments().above(first).to_vec();
        found.extend((first..=last).flat_map(|line| file.comments().on_line(line).iter().copied()));
        let function = self.program.def(body.owner).item;
        // Operations of one function stand side by side in the table.
        let beside = [op.index().checked_sub(1), Some(op.index() + 1)].into_iter().flatten();
        let mut owners = beside.filter_map(|i| self.ops.get(i)).map(|other| self.program.body(other.body).owner);
        if !owners.any(|owner| owner == body.owner) {
            // Documentation, and what stands between it and the first statement.
            found.extend(file.comments_above(function.span.start).iter().copied());
            let head = Span::new(function.span.start, function.name_span.end.max(function.span.start));
            found.extend(file.comments().within(head).iter().copied());
        }
        found.iter().map(|c| c.text(&file.text).to_owned()).collect()
    }
}

/// The line on which the statement around a line begins: no line above it leaves it open.
fn statement_start(file: &SourceFile, line: u32) -> u32 {
    let mut first = line;
    while first > 1 && line - first < MAX_STATEMENT {
        let above = file.line_text(first - 1);
        let code = above.split("//").next().unwrap_or(above).trim();
        let closed = code.is_empty() || code.ends_with([';', '{', '}', ',']) || code.starts_with("#[");
        if closed {
            break;
        }
        first -= 1;
    }
    first
}
