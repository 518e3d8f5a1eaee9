//! A linear look at a text before anything recursive touches it: how deep it nests, and what of it need not be parsed.
//!
//! The parser, the lowering and the destructors of the tree recurse with every bracket and with operators that
//! stand in a row without one (`!!!!x`, `a.b().c()`, `else if`). Both are counted here from the text: strings and
//! comments are skipped, everything else is read roughly, but never so that nesting is missed.

use super::ParseError;
use crate::ir::Span;

/// Brackets inside each other.
const BRACKETS: usize = 256;

/// Operators and keywords on the way from the outermost bracket inwards that no `,` or `;` separates.
const CHAIN: usize = 4000;

/// Keywords that an expression, type or pattern may follow without a bracket between.
const CHAINING: &[&str] = &[
    "as", "async", "box", "break", "do", "dyn", "else", "fn", "for", "if", "impl", "let", "loop", "match", "move",
    "mut", "ref", "return", "static", "while", "yield",
];

/// A part of a text that the parser is spared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spared {
    /// A line of documentation after the first of its block, by the offset of its third character.
    Doc(usize),
    /// What stands between the braces of a module under `#[cfg(test)]`.
    Tests { start: usize, end: usize },
}

/// Refuses what nests too deep. Gives the parts that can be left out, in order; of test modules none if `tests` are wanted.
pub(super) fn check(text: &str, tests: bool) -> Result<Vec<Spared>, ParseError> {
    let mut scan = Scan {
        bytes: text.as_bytes(),
        at: 0,
        open: Vec::new(),
        run: 0,
        total: 0,
        doc: None,
        tests: (!tests).then_some(None),
        spared: Vec::new(),
    };
    scan.run()?;
    Ok(scan.spared)
}

/// Whether a line comment is documentation.
fn is_doc(comment: &[u8]) -> bool {
    match comment.get(2) {
        Some(b'/') => comment.get(3) != Some(&b'/'),
        Some(b'!') => true,
        _ => false,
    }
}

/// The length of `#[cfg(test)] mod name {` at the start of a text, other attributes between.
fn test_module_head(text: &[u8]) -> Option<usize> {
    let mut at = b"#[cfg(test)]".len();
    if !text.starts_with(b"#[cfg(test)]") {
        return None;
    }
    let space = |at: usize| text[at..].iter().take_while(|b| b.is_ascii_whitespace()).count();
    loop {
        at += space(at);
        if !text[at..].starts_with(b"#[") {
            break;
        }
        at += memchr::memchr(b'\n', &text[at..])?;
    }
    at += text[at..].strip_prefix(b"mod ").map(|_| 4)?;
    at += space(at);
    at += text[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    at += space(at);
    (text.get(at) == Some(&b'{')).then_some(at + 1)
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The runs of the brackets around the current one.
    open: Vec<usize>,
    /// Operators since the last separator on this level.
    run: usize,
    /// The sum of `run` and `open`.
    total: usize,
    /// The third character of the last line of documentation, and where the line ends.
    doc: Option<(u8, usize)>,
    /// Unless tests are wanted: where the code of the test module around begins, and how many brackets stand around it.
    tests: Option<Option<(usize, usize)>>,
    spared: Vec<Spared>,
}

impl Scan<'_> {
    fn run(&mut self) -> Result<(), ParseError> {
        while let Some(byte) = self.peek(0) {
            let start = self.at;
            match byte {
                b'/' if matches!(self.peek(1), Some(b'/' | b'*')) => self.comment(),
                b'"' => self.string(),
                b'\'' => self.quote(),
                b'#' if self.tests == Some(None) && self.enters_tests() => {}
                b'(' | b'[' | b'{' => {
                    self.at += 1;
                    self.open.push(self.run);
                    self.run = 0;
                }
                b')' | b']' | b'}' => self.close(byte),
                b',' | b';' => {
                    self.at += 1;
                    self.total -= self.run;
                    self.run = 0;
                }
                b'0'..=b'9' => self.number(),
                b'_' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => self.word(),
                _ if byte.is_ascii_punctuation() => self.operator(byte),
                _ => self.at += 1,
            }
            if self.open.len() > BRACKETS || self.total > CHAIN {
                let start = u32::try_from(start).unwrap_or(u32::MAX);
                return Err(ParseError::TooDeep { span: Span::new(start, start + 1) });
            }
        }
        Ok(())
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn count(&mut self) {
        self.run += 1;
        self.total += 1;
    }

    /// Goes past the head of a test module, its opening brace included, if one starts here.
    fn enters_tests(&mut self) -> bool {
        let text = &self.bytes[self.at..];
        let Some(length) = test_module_head(text) else { return false };
        self.at += length;
        self.open.push(self.run);
        self.run = 0;
        self.tests = Some(Some((self.at, self.open.len())));
        true
    }

    fn close(&mut self, bracket: u8) {
        if let Some(Some((start, depth))) = self.tests
            && depth == self.open.len()
        {
            self.tests = Some(None);
            self.spared.retain(|s| !matches!(s, Spared::Doc(at) if *at >= start));
            self.spared.push(Spared::Tests { start, end: self.at });
        }
        self.at += 1;
        self.total -= self.run;
        self.run = self.open.pop().unwrap_or(0);
        if bracket == b'}' && !self.continues() {
            self.total -= self.run;
            self.run = 0;
        }
    }

    /// Whether what follows a `}` may belong to the expression or item that the brace closed.
    fn continues(&mut self) -> bool {
        loop {
            match self.peek(0) {
                Some(b'/') if matches!(self.peek(1), Some(b'/' | b'*')) => self.comment(),
                Some(byte) if byte.is_ascii_whitespace() => self.at += 1,
                Some(b'e') => return self.bytes[self.at..].starts_with(b"else"),
                Some(b'a') => return self.bytes[self.at..].starts_with(b"as"),
                Some(b'#' | b'\'' | b'"' | b'}' | b')' | b']') => return false,
                Some(byte) => return byte.is_ascii_punctuation() && byte != b'_',
                None => return false,
            }
        }
    }

    fn operator(&mut self, byte: u8) {
        self.at += 1;
        // `..=`, `::`, `=>` are one operator; `!!`, `&&`, `**`, `--`, `<<`, `||` may be one each.
        let glued = matches!(byte, b'.' | b':' | b'=' | b'>')
            && self.at >= 2
            && matches!(self.bytes.get(self.at - 2), Some(b'.' | b':' | b'=' | b'-'));
        if !glued && byte != b'#' && byte != b'$' {
            self.count();
        }
    }

    fn comment(&mut self) {
        if self.peek(1) == Some(b'/') {
            let (start, rest) = (self.at, &self.bytes[self.at..]);
            self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            if is_doc(rest) {
                self.doc_line(start);
            }
            return;
        }
        let mut depth = 0usize;
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.at += 1,
            }
        }
    }

    fn doc_line(&mut self, start: usize) {
        let marker = self.bytes[start + 2];
        let follows = self.doc.is_some_and(|(before, end)| {
            before == marker && self.bytes[end..start].iter().all(u8::is_ascii_whitespace)
        });
        if follows {
            self.spared.push(Spared::Doc(start + 2));
        }
        self.doc = Some((marker, self.at));
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' => 2,
                _ => 1,
            };
        }
    }

    /// A character literal or a lifetime.
    fn quote(&mut self) {
        self.at += 1;
        match self.peek(0) {
            Some(b'\\') => {
                self.at += 2;
                while let Some(byte) = self.peek(0) {
                    self.at += 1;
                    if byte == b'\'' || byte == b'\n' {
                        return;
                    }
                }
            }
            Some(first) => {
                let width = match first {
                    0..0x80 => 1,
                    0x80..0xe0 => 2,
                    0xe0..0xf0 => 3,
                    0xf0.. => 4,
                };
                if self.peek(width) == Some(b'\'') {
                    self.at += width + 1;
                }
            }
            None => {}
        }
    }

    fn number(&mut self) {
        while let Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_') = self.peek(0) {
            self.at += 1;
        }
    }

    fn word(&mut self) {
        let start = self.at;
        while let Some(b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | 0x80..) = self.peek(0) {
            self.at += 1;
        }
        let bytes = self.bytes;
        let word = &bytes[start..self.at];
        match (word, self.peek(0)) {
            (b"r" | b"br" | b"cr", Some(b'"' | b'#')) => self.raw_string(),
            (word, _) if CHAINING.iter().any(|w| w.as_bytes() == word) => self.count(),
            _ => {}
        }
    }

    /// At the hashes or the quote of a raw string; at the hash of a raw identifier it stays.
    fn raw_string(&mut self) {
        let mut hashes = 0;
        while self.peek(hashes) == Some(b'#') {
            hashes += 1;
        }
        if self.peek(hashes) != Some(b'"') {
            return;
        }
        self.at += hashes + 1;
        while let Some(found) = memchr::memchr(b'"', &self.bytes[self.at.min(self.bytes.len())..]) {
            self.at += found + 1;
            if (0..hashes).all(|i| self.peek(i) == Some(b'#')) {
                self.at += hashes;
                return;
            }
        }
        self.at = self.bytes.len();
    }
}

/// The same limits for what a macro expanded to.
pub(super) fn allows(mut at: syn::buffer::Cursor<'_>) -> bool {
    let mut open = Vec::new();
    let mut run = 0;
    let mut total = 0;
    loop {
        if let Some((inside, delimiter, _, after)) = at.any_group() {
            open.push((after, run, delimiter));
            run = 0;
            at = inside;
        } else if let Some((punct, after)) = at.punct() {
            if matches!(punct.as_char(), ',' | ';') {
                total -= run;
                run = 0;
            } else {
                run += 1;
                total += 1;
            }
            at = after;
        } else if let Some((ident, after)) = at.ident() {
            if CHAINING.iter().any(|word| ident == word) {
                run += 1;
                total += 1;
            }
            at = after;
        } else if let Some((_, after)) = at.token_tree() {
            at = after;
        } else {
            let Some((after, outer, delimiter)) = open.pop() else {
                return true;
            };
            total -= run;
            run = outer;
            at = after;
            let continues = after.punct().is_some_and(|(p, _)| p.as_char() != '#')
                || after.ident().is_some_and(|(i, _)| i == "else" || i == "as");
            if delimiter == proc_macro2::Delimiter::Brace && !continues {
                total -= run;
                run = 0;
            }
        }
        if open.len() > BRACKETS || total > CHAIN {
            return false;
        }
    }
}
