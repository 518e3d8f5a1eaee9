//! The comments of a file, read from its text because the parser drops them.
//!
//! Nothing inside a string literal is taken for a comment. What a comment means (a suppression, the name of a
//! pairing) is for others to say; here is where it stands.

use super::line_index::LineIndex;
use super::scan::{Kind, Scanner};
use crate::ir::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Markers included, the line end of a line comment not.
    pub span: Span,
    pub kind: CommentKind,
    pub doc: Option<Doc>,
    /// The line it starts on, from 1.
    pub line: u32,
    /// The line it ends on, from 1.
    pub last_line: u32,
    /// Only white space stands before it on its first line.
    pub own_line: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommentKind {
    /// `// …`
    Line,
    /// `/* … */`
    Block,
}

/// What a documentation comment documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doc {
    /// `///`, `/**`: the item below.
    Outer,
    /// `//!`, `/*!`: the item around.
    Inner,
}

impl Comment {
    /// What it says, without markers and outer white space.
    pub fn text<'t>(&self, file: &'t str) -> &'t str {
        let whole = &file[self.span.start as usize..self.span.end as usize];
        let marker = if self.doc.is_some() { 3 } else { 2 };
        let body = whole.get(marker..).unwrap_or("");
        match self.kind {
            CommentKind::Line => body.trim(),
            CommentKind::Block => body.strip_suffix("*/").unwrap_or(body).trim(),
        }
    }
}

/// The comments of one file, in source order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comments {
    all: Vec<Comment>,
}

impl Comments {
    pub(super) fn new(text: &str, lines: &LineIndex) -> Self {
        let mut all = Vec::new();
        let scanner = Scanner::new(text);
        let mut code_line = 0;
        for token in scanner.clone() {
            let kind = match token.kind {
                Kind::LineComment => CommentKind::Line,
                Kind::BlockComment => CommentKind::Block,
                _ => {
                    code_line = token.end;
                    continue;
                }
            };
            let span = Span::new(token.start as u32, token.end as u32);
            let line = lines.line(span.start);
            all.push(Comment {
                span,
                kind,
                doc: doc(scanner.text(token)),
                line,
                last_line: lines.line(span.end.saturating_sub(1).max(span.start)),
                own_line: code_line <= lines.line_start(line) as usize,
            });
        }
        Comments { all }
    }

    pub fn all(&self) -> &[Comment] {
        &self.all
    }

    /// The comments of which some part stands inside a range.
    pub fn within(&self, span: Span) -> &[Comment] {
        let from = self.all.partition_point(|c| c.span.end <= span.start);
        let to = self.all.partition_point(|c| c.span.start < span.end);
        self.all.get(from..to).unwrap_or(&[])
    }

    /// The comments that start on a line (from 1).
    pub fn on_line(&self, line: u32) -> &[Comment] {
        let start = self.all.partition_point(|c| c.line < line);
        let end = self.all.partition_point(|c| c.line <= line);
        &self.all[start..end]
    }

    /// The run of comments on lines of their own that ends directly above a line (from 1), top to bottom: no code and
    /// no empty line between them, or between the last and the line.
    pub fn above(&self, line: u32) -> &[Comment] {
        let end = self.all.partition_point(|c| c.line < line);
        let mut start = end;
        let mut below = line;
        while let Some(comment) = start.checked_sub(1).map(|n| &self.all[n]) {
            if !comment.own_line || comment.last_line + 1 < below {
                break;
            }
            below = comment.line;
            start -= 1;
        }
        &self.all[start..end]
    }
}

fn doc(comment: &str) -> Option<Doc> {
    let bytes = comment.as_bytes();
    match (bytes.get(1), bytes.get(2), bytes.get(3)) {
        (_, Some(b'!'), _) => Some(Doc::Inner),
        (Some(b'/'), Some(b'/'), next) if next != Some(&b'/') => Some(Doc::Outer),
        (Some(b'*'), Some(b'*'), Some(next)) if *next != b'*' && *next != b'/' => Some(Doc::Outer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comments(text: &str) -> Comments {
        Comments::new(text, &LineIndex::new(text))
    }

    /// Checks the texts of all comments.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<_> = comments(text).all().iter().map(|c| c.text(text)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn comments_in_literals_are_none() {
        check("let a = \"// no\"; // yes", &["yes"]);
        check("r#\"/* no */\"# /* yes */", &["yes"]);
        check("'\"' // one\n'\\'' // two\r\n", &["one", "two"]);
        check("/*é*/ b\"//\" c\"/*\" //", &["é", ""]);
    }

    #[test]
    fn documentation_is_flagged() {
        for (text, expected) in [
            ("// a", None),
            ("/// a", Some(Doc::Outer)),
            ("//// a", None),
            ("//! a", Some(Doc::Inner)),
            ("/* a */", None),
            ("/** a */", Some(Doc::Outer)),
            ("/*** a */", None),
            ("/**/", None),
            ("/*! a */", Some(Doc::Inner)),
        ] {
            let comments = comments(text);
            assert_eq!(comments.all()[0].doc, expected, "{text}");
        }
        check("/// a", &["a"]);
        check("/** a */", &["a"]);
    }

    /// Checks which comments stand directly above the line of `code`.
    #[track_caller]
    fn check_above(text: &str, expected: &[&str]) {
        let line = LineIndex::new(text).line(text.find("code").expect("the text has code") as u32);
        let comments = comments(text);
        let found: Vec<_> = comments.above(line).iter().map(|c| c.text(text)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn comments_above() {
        check_above("// a\n  // b\n  code", &["a", "b"]);
        check_above("// a\n\n// b\ncode // c", &["b"]);
        check_above("// a\n\ncode", &[]);
        check_above("x; // a\ncode", &[]);
        check_above("x; // a\n// b\ncode", &["b"]);
        check_above("/* a\n b */ /* c */\ncode", &["a\n b", "c"]);
        check_above("/* a */ code", &[]);
    }

    #[test]
    fn comments_on_a_line() {
        let text = "a // one\n/* two */ b /* three */\n";
        let comments = comments(text);
        let texts = |line| comments.on_line(line).iter().map(|c| c.text(text)).collect::<Vec<_>>();
        assert_eq!(texts(1), ["one"]);
        assert_eq!(texts(2), ["two", "three"]);
        assert!(texts(3).is_empty());
        assert!(!comments.on_line(1)[0].own_line);
        assert!(comments.on_line(2)[0].own_line);
    }
}
