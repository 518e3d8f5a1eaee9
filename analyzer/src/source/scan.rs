//! A scanner over the bytes of Rust source: comments, literals, identifiers, single punctuation bytes.
//!
//! It relies on UTF-8 and knows just enough of the lexical grammar never to mistake the inside of a comment or a
//! literal for code: nested block comments, raw, byte and C strings, character literals against lifetimes, raw
//! identifiers, a shebang line. It does not validate: whatever is left open runs to the end of the file.

use memchr::{memchr, memchr2};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    LineComment,
    BlockComment,
    /// `r#name` too.
    Ident,
    Lifetime,
    /// Any string, prefix and hashes included.
    Str,
    /// A character or byte literal.
    Char,
    Number,
    Punct(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Token {
    pub(crate) fn is(self, byte: u8) -> bool {
        self.kind == Kind::Punct(byte)
    }
}

/// Cheap to clone: a clone is a look ahead.
#[derive(Clone)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pos: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Scanner { text, bytes: text.as_bytes(), pos: shebang_len(text) }
    }

    pub(crate) fn text(&self, token: Token) -> &'a str {
        &self.text[token.start..token.end]
    }

    pub(crate) fn slice(&self, start: usize, end: usize) -> &'a str {
        &self.text[start..end]
    }

    /// The next token that is not a comment.
    pub(crate) fn next_code(&mut self) -> Option<Token> {
        self.by_ref().find(|t| !matches!(t.kind, Kind::LineComment | Kind::BlockComment))
    }

    /// The next token of code, left in place.
    pub(crate) fn peek_code(&self) -> Option<Token> {
        self.clone().next_code()
    }

    /// Skips to behind the delimiter that closes the one just read; gives where it ends.
    pub(crate) fn skip_group(&mut self) -> usize {
        let mut depth = 1_usize;
        while let Some(token) = self.next_code() {
            match token.kind {
                Kind::Punct(b'(' | b'[' | b'{') => depth += 1,
                Kind::Punct(b')' | b']' | b'}') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return token.end;
            }
        }
        self.bytes.len()
    }

    fn at(&self, pos: usize) -> u8 {
        self.bytes.get(pos).copied().unwrap_or(0)
    }

    fn run_end(&self, mut pos: usize, keep: impl Fn(u8) -> bool) -> usize {
        while pos < self.bytes.len() && keep(self.bytes[pos]) {
            pos += 1;
        }
        pos
    }

    fn line_comment_end(&self, start: usize) -> usize {
        memchr(b'\n', &self.bytes[start..]).map_or(self.bytes.len(), |n| start + n)
    }

    /// The end of the block comment that opens at `start`.
    fn block_comment_end(&self, start: usize) -> usize {
        let mut depth = 1_usize;
        let mut pos = start + 2;
        while let Some(n) = self.bytes.get(pos..).and_then(|rest| memchr2(b'*', b'/', rest)) {
            pos += n;
            match (self.at(pos), self.at(pos + 1)) {
                (b'*', b'/') => {
                    depth -= 1;
                    pos += 2;
                    if depth == 0 {
                        return pos;
                    }
                }
                (b'/', b'*') => {
                    depth += 1;
                    pos += 2;
                }
                _ => pos += 1,
            }
        }
        self.bytes.len()
    }

    /// The end of the string whose opening quote stands at `quote`.
    fn string_end(&self, quote: usize) -> usize {
        let mut pos = quote + 1;
        while let Some(n) = self.bytes.get(pos..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
            pos += n;
            if self.bytes[pos] == b'"' {
                return pos + 1;
            }
            pos += 2;
        }
        self.bytes.len()
    }

    /// The end of a raw string whose hashes or quote start at `start`; `None` if no string starts there.
    fn raw_string_end(&self, start: usize) -> Option<usize> {
        let quote = self.run_end(start, |b| b == b'#');
        if self.at(quote) != b'"' {
            return None;
        }
        let hashes = quote - start;
        let mut pos = quote + 1;
        while let Some(n) = self.bytes.get(pos..).and_then(|rest| memchr(b'"', rest)) {
            pos += n + 1;
            let closed = self.bytes.get(pos..pos + hashes);
            if closed.is_some_and(|run| run.iter().all(|&b| b == b'#')) {
                return Some(pos + hashes);
            }
        }
        Some(self.bytes.len())
    }

    /// A character literal or a lifetime whose quote stands at `quote`.
    fn quote(&self, quote: usize) -> (Kind, usize) {
        if self.at(quote + 1) == b'\\' {
            let end = self.run_end(quote + 3, |b| b != b'\'' && b != b'\n');
            return (Kind::Char, (end + 1).min(self.bytes.len()));
        }
        let content = self.text[quote + 1..].chars().next().map_or(0, char::len_utf8);
        if content > 0 && self.at(quote + 1 + content) == b'\'' {
            return (Kind::Char, quote + 2 + content);
        }
        (Kind::Lifetime, self.run_end(quote + 1, is_ident))
    }

    /// An identifier, or the literal it is the prefix of.
    fn word(&self, start: usize) -> (Kind, usize) {
        let end = self.run_end(start, is_ident);
        let prefix = &self.bytes[start..end];
        match (self.at(end), prefix) {
            (b'"', b"r" | b"br" | b"cr") => (Kind::Str, self.raw_string_end(end).unwrap_or(end)),
            (b'"', b"b" | b"c") => (Kind::Str, self.string_end(end)),
            (b'\'', b"b") => match self.quote(end) {
                (Kind::Char, end) => (Kind::Char, end),
                _ => (Kind::Ident, end),
            },
            (b'#', b"r" | b"br" | b"cr") => match self.raw_string_end(end) {
                Some(end) => (Kind::Str, end),
                None if prefix == b"r" && is_ident_start(self.at(end + 1)) => {
                    (Kind::Ident, self.run_end(end + 1, is_ident))
                }
                None => (Kind::Ident, end),
            },
            _ => (Kind::Ident, end),
        }
    }
}

impl Iterator for Scanner<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let start = self.run_end(self.pos, |b| b.is_ascii_whitespace() || b == 0x0b);
        let first = *self.bytes.get(start)?;
        let (kind, end) = match (first, self.at(start + 1)) {
            (b'/', b'/') => (Kind::LineComment, self.line_comment_end(start)),
            (b'/', b'*') => (Kind::BlockComment, self.block_comment_end(start)),
            (b'"', _) => (Kind::Str, self.string_end(start)),
            (b'\'', _) => self.quote(start),
            (b, _) if is_ident_start(b) => self.word(start),
            (b'0'..=b'9', _) => (Kind::Number, self.run_end(start, is_ident)),
            (b, _) => (Kind::Punct(b), start + 1),
        };
        self.pos = end;
        Some(Token { kind, start, end })
    }
}

/// The value of a string literal as written; escapes that a path or a reason can hold are decoded.
pub(crate) fn string_value(literal: &str) -> Option<String> {
    let body = literal.trim_start_matches(['b', 'c', 'r']);
    let raw = literal[..literal.len() - body.len()].ends_with('r');
    if raw {
        let inner = body.trim_start_matches('#');
        let hashes = body.len() - inner.len();
        let inner = inner.get(1..inner.len().checked_sub(1 + hashes)?)?;
        return Some(inner.to_owned());
    }
    let inner = body.strip_prefix('"')?.strip_suffix('"')?;
    Some(if inner.contains('\\') { unescape(inner) } else { inner.to_owned() })
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('0') => out.push('\0'),
            Some('x') => {
                let digits: String = chars.by_ref().take(2).collect();
                out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
            }
            Some('u') => {
                let digits: String = chars.by_ref().skip(1).take_while(|&c| c != '}').filter(|&c| c != '_').collect();
                out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
            }
            Some('\n') => while chars.next_if(|c| c.is_whitespace()).is_some() {},
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

pub(crate) fn is_ident(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn is_ident_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

/// The length of a first line `#!/usr/bin/…`; an inner attribute `#![…]` is none.
fn shebang_len(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("#!") else { return 0 };
    if rest.trim_start().starts_with('[') {
        return 0;
    }
    memchr(b'\n', text.as_bytes()).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the kinds and texts of the tokens of `source`.
    #[track_caller]
    fn check(source: &str, expected: &[(Kind, &str)]) {
        let scanner = Scanner::new(source);
        let tokens: Vec<_> = scanner.clone().map(|t| (t.kind, scanner.text(t))).collect();
        assert_eq!(tokens, expected);
    }

    #[test]
    fn strings_hide_their_content() {
        check(r#""a // \" b" x"#, &[(Kind::Str, r#""a // \" b""#), (Kind::Ident, "x")]);
        check(r###"r#"a " b"# x"###, &[(Kind::Str, r###"r#"a " b"#"###), (Kind::Ident, "x")]);
        check(
            r###"br##"a "# b"## c"x\\" b"y""###,
            &[(Kind::Str, r###"br##"a "# b"##"###), (Kind::Str, r#"c"x\\""#), (Kind::Str, r#"b"y""#)],
        );
        check("r#type r\"\"", &[(Kind::Ident, "r#type"), (Kind::Str, "r\"\"")]);
    }

    #[test]
    fn characters_are_not_lifetimes() {
        check(
            r"'a' 'b '\'' '\\' '\u{1F600}'",
            &[
                (Kind::Char, "'a'"),
                (Kind::Lifetime, "'b"),
                (Kind::Char, r"'\''"),
                (Kind::Char, r"'\\'"),
                (Kind::Char, r"'\u{1F600}'"),
            ],
        );
        check(
            "b'\"' '\"' 'é' '//'",
            &[
                (Kind::Char, "b'\"'"),
                (Kind::Char, "'\"'"),
                (Kind::Char, "'é'"),
                (Kind::Lifetime, "'"),
                (Kind::LineComment, "//'"),
            ],
        );
    }

    #[test]
    fn block_comments_nest() {
        check(
            "/* a /* b */ c */ d /**/ e",
            &[
                (Kind::BlockComment, "/* a /* b */ c */"),
                (Kind::Ident, "d"),
                (Kind::BlockComment, "/**/"),
                (Kind::Ident, "e"),
            ],
        );
    }

    #[test]
    fn what_is_left_open_runs_to_the_end() {
        for source in ["\"a", "/* a", "r##\"a\"#", "'", "'\\", "b'", "\"\\", "// a", "r#", "/", "#!", "'\\u"] {
            let end = Scanner::new(source).map(|t| t.end).max().unwrap_or(source.len());
            assert_eq!(end, source.len(), "{source}");
        }
    }

    #[test]
    fn a_shebang_is_no_code() {
        check("#!/usr/bin/env run's\nmod", &[(Kind::Ident, "mod")]);
        assert!(Scanner::new("#![no_std]").next().is_some_and(|t| t.is(b'#')));
    }

    #[test]
    fn values_of_literals() {
        for (literal, value) in
            [("\"a.rs\"", "a.rs"), ("r#\"a\\b\"#", "a\\b"), (r#""a\\b\x41\u{42}""#, "a\\bAB"), ("\"a\\\n   b\"", "ab")]
        {
            assert_eq!(string_value(literal).as_deref(), Some(value));
        }
        assert_eq!(string_value("\"open"), None);
        assert_eq!(string_value("r#\""), None);
    }
}
