//! How far the statement, field, match arm or item reaches that starts at a place: brackets are counted, nothing is
//! parsed.

use crate::source::scan::{Kind, Scanner, Token};

/// What ends the piece of syntax that was started.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// `let`, `use`, `static`: the semicolon.
    Semicolon,
    /// `fn`, `impl`, `struct`: the closing brace, or the semicolon.
    Item,
    /// `name: Type`: the comma outside angle brackets.
    Field,
    /// An expression or match arm: the semicolon, the comma, or the brace that closes a block.
    Expression {
        /// It starts with `if`, `loop`, `{` and the like, so no pattern with a guard.
        block: bool,
    },
}

/// The end of what starts at `start` in `text`; `start` itself if only a closing bracket stands there.
pub(super) fn extent(text: &str, start: usize) -> usize {
    let rest = &text[start..];
    let mut walk = Walk { scanner: Scanner::new(rest), depth: 0, angles: 0, end: 0 };
    walk.skip_attributes();
    let mode = mode(&walk.scanner);
    start + walk.run(mode)
}

struct Walk<'t> {
    scanner: Scanner<'t>,
    depth: usize,
    /// Open `<` where they are known to be brackets.
    angles: usize,
    /// Where the last token that belongs to the piece ends.
    end: usize,
}

impl Walk<'_> {
    fn skip_attributes(&mut self) {
        while let Some(hash) = self.scanner.peek_code().filter(|t| t.is(b'#')) {
            self.scanner.next_code();
            self.end = hash.end;
            match self.scanner.peek_code() {
                Some(open) if open.is(b'[') => {
                    self.scanner.next_code();
                    self.end = self.scanner.skip_group();
                }
                _ => return,
            }
        }
    }

    fn run(mut self, mode: Mode) -> usize {
        let mut colons = 0;
        let mut previous = 0;
        while let Some(token) = self.scanner.next_code() {
            let Kind::Punct(byte) = token.kind else {
                (self.end, colons, previous) = (token.end, 0, 0);
                continue;
            };
            match byte {
                b')' | b']' | b'}' if self.depth == 0 => return self.end,
                b'(' | b'[' | b'{' => self.depth += 1,
                b')' | b']' => self.depth -= 1,
                b'}' => {
                    self.depth -= 1;
                    if self.depth == 0 && self.block_ends(mode) {
                        return token.end;
                    }
                }
                b';' if self.depth == 0 => return token.end,
                b',' if self.depth == 0 && self.angles == 0 && ends_at_comma(mode) => return token.end,
                b'<' if self.depth == 0 && (mode == Mode::Field || colons == 2 || self.angles > 0) => self.angles += 1,
                b'>' if self.depth == 0 && previous != b'-' && previous != b'=' => {
                    self.angles = self.angles.saturating_sub(1);
                }
                _ => {}
            }
            colons = if byte == b':' { colons + 1 } else { 0 };
            (self.end, previous) = (token.end, byte);
        }
        self.end
    }

    /// Whether the brace just read closes the whole piece.
    fn block_ends(&self, mode: Mode) -> bool {
        let next = self.scanner.peek_code();
        let punct = |bytes: &[u8]| next.is_some_and(|t| bytes.iter().any(|b| t.is(*b)));
        let word =
            |words: &[&str]| next.is_some_and(|t| t.kind == Kind::Ident && words.contains(&self.scanner.text(t)));
        match mode {
            Mode::Semicolon | Mode::Field => false,
            // A constant argument: `impl Trait for Type<{ N }> {}`.
            Mode::Item => !punct(b">,"),
            // A method on the block, a pattern, or what closes it properly.
            Mode::Expression { block } => !(punct(b".?=|;,") || word(&["else"]) || !block && word(&["if"])),
        }
    }
}

fn ends_at_comma(mode: Mode) -> bool {
    matches!(mode, Mode::Field | Mode::Expression { .. })
}

/// Looks at the first words, in place.
fn mode(scanner: &Scanner<'_>) -> Mode {
    let mut ahead = scanner.clone();
    let mut first = true;
    while let Some(token) = ahead.next_code() {
        if token.kind != Kind::Ident {
            return Mode::Expression { block: first && (token.is(b'{') || token.kind == Kind::Lifetime) };
        }
        match ahead.text(token) {
            "pub" => skip_parentheses(&mut ahead),
            "default" | "async" | "extern" if has_item_behind(&ahead) => skip_abi(&mut ahead),
            "unsafe" if !followed_by(&ahead, b'{') => {}
            "const" if has_item_behind(&ahead) => {}
            "let" | "const" | "static" | "use" | "type" | "return" | "break" | "extern" => return Mode::Semicolon,
            "fn" | "impl" | "trait" | "mod" | "struct" | "enum" | "union" | "macro_rules" => return Mode::Item,
            "if" | "match" | "loop" | "while" | "for" | "unsafe" | "async" => return Mode::Expression { block: true },
            _ if followed_by(&ahead, b':') && !is_path(&ahead) => return Mode::Field,
            _ => return Mode::Expression { block: false },
        }
        first = false;
    }
    Mode::Semicolon
}

fn followed_by(scanner: &Scanner<'_>, byte: u8) -> bool {
    scanner.peek_code().is_some_and(|t| t.is(byte))
}

/// Two colons stand ahead.
fn is_path(scanner: &Scanner<'_>) -> bool {
    let mut ahead = scanner.clone();
    let next = |ahead: &mut Scanner<'_>| ahead.next_code().is_some_and(|t: Token| t.is(b':'));
    next(&mut ahead) && next(&mut ahead)
}

fn has_item_behind(scanner: &Scanner<'_>) -> bool {
    let mut ahead = scanner.clone();
    skip_abi(&mut ahead);
    let next = ahead.next_code().filter(|t| t.kind == Kind::Ident);
    next.is_some_and(|t| matches!(ahead.text(t), "fn" | "unsafe" | "async" | "extern" | "impl" | "trait" | "const"))
}

/// The string of `extern "C"`.
fn skip_abi(scanner: &mut Scanner<'_>) {
    if scanner.peek_code().is_some_and(|t| t.kind == Kind::Str) {
        scanner.next_code();
    }
}

/// The parentheses of `pub(crate)`.
fn skip_parentheses(scanner: &mut Scanner<'_>) {
    if followed_by(scanner, b'(') {
        scanner.next_code();
        scanner.skip_group();
    }
}

#[cfg(test)]
mod tests {
    use super::extent;

    /// Checks that the piece of `text` that starts at its begin ends before `§`.
    #[track_caller]
    fn check(text: &str) {
        let expected = text.find('§').expect("the end is marked");
        let text = text.replace('§', "");
        assert_eq!(&text[..extent(&text, 0)], &text[..expected]);
    }

    #[test]
    fn statements() {
        check("self.hits.store(n, Relaxed);§ next();");
        check("let x = if a { 1 } else { 2 };§ next();");
        check("let Some(x) = y else { return };§ next();");
        check("self\n    .hits // why; not\n    .store(\";\", Relaxed);§\n next();");
        check("match x { A => 1, B => 2 }§ next();");
        check("if a { b } else if c { d } else { e }§ next();");
        check("'outer: loop { x(); }§ next();");
        check("unsafe { x() }§ next();");
        check("unsafe { x() }.y();§ next();");
        check("{ a(); }§ b();");
        check("loop { }§ if x { }");
        check("x.load(Relaxed)§ }");
        check("return x.load(Relaxed);§ }");
        check("spawn(|| { a; b });§ c;");
        check("foo! { a; b }§ c;");
        check("a::b::<C, D>();§ c");
    }

    #[test]
    fn fields_arms_and_arguments() {
        check("pub hits: AtomicU64,§ misses: AtomicU64 }");
        check("map: HashMap<u8, Vec<Arc<u8>>>,§ next: u8,");
        check("last: fn(u8) -> Vec<u8>§ }");
        check("Some(x) if x > 1 => { a() }§ None => {}");
        check("Foo { a, .. } if a => b(),§ _ => {}");
        check("Foo { a } | Bar { a } => b(),§ _ => {}");
        check("a.load(Relaxed),§ b)");
    }

    #[test]
    fn items() {
        check("fn f<T, U>(x: [u8; 3]) -> [u8; 3] where T: A, U: B { x; y }§ fn g() {}");
        check("pub(crate) unsafe extern \"C\" fn f() {}§ fn g() {}");
        check("pub const fn f() {}§ const X: u8 = 1;");
        check("const X: S = S { a: 1 };§ fn g() {}");
        check("impl<T> A<{ 1 }> for B<T> { fn f() {} }§ fn g() {}");
        check("#[derive(A)]\n#[repr(C)] struct S<A, B> { a: A, b: B }§ struct T;");
        check("struct S(A, B);§ struct T;");
        check("mod a;§ mod b;");
        check("unsafe impl Send for X {}§ x");
        check("static A: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];§ x");
    }

    #[test]
    fn nothing_there() {
        check("§}");
        check("§");
        check("#[x]§ }");
        check("a {§");
    }
}
