//! What lowering makes of source: each case is a piece of Rust and a dump of what matters in it.

mod bodies;
mod dump;
mod items;
mod limits;
mod macros;

use super::{ParseError, lower};
use crate::ir::{self, text, verify};

/// Lowers, verifies, and goes through the textual form.
fn file(source: &str) -> ir::File {
    let file = lower(source, true).expect("the source parses");
    let problems = verify::verify(&file, source.len() as u32);
    assert!(problems.is_empty(), "{problems:#?}\n{}", dump::file(source, &file));
    assert_eq!(text::parse(&text::print(&file)).as_ref(), Ok(&file));
    file
}

/// The dump of every body.
fn check(source: &str) -> String {
    dump::file(source, &file(source))
}

/// The dump of a function with this body.
fn check_fn(body: &str) -> String {
    check(&format!("fn f() {{\n{body}\n}}\n"))
}

#[test]
fn spans_are_those_of_the_text_as_given() {
    for (prefix, newline) in
        [("", "\n"), ("\u{feff}", "\n"), ("#!/usr/bin/env run\n", "\r\n"), ("\u{feff}#!/x é\n", "\r\n")]
    {
        let source =
            format!("{prefix}// é\nfn f(é: &A) {{ é . load (Relaxed); }} /* ✓ */ fn g(x: &A) {{ x.load(Relaxed); }}\n")
                .replace('\n', newline);
        let file = file(&source);
        let shown: Vec<&str> = file
            .bodies
            .iter()
            .flat_map(|body| &body.events)
            .map(|event| &source[event.span.start as usize..event.span.end as usize])
            .collect();
        assert_eq!(shown, ["é . load (Relaxed)", "x.load(Relaxed)"], "{prefix:?}");
    }
}

#[test]
fn what_does_not_parse_says_where() {
    let error = |source: &str| match lower(source, true) {
        Err(ParseError::Syntax { span, message }) => format!("{}..{}: {message}", span.start, span.end),
        other => format!("{other:?}"),
    };
    insta::assert_snapshot!(error("fn f() { let x 1; }"), @"15..16: expected `;`");
    insta::assert_snapshot!(error("fn f() {"), @"7..7: unbalanced delimiter or malformed token");
    insta::assert_snapshot!(error("fn f() }"), @"7..7: unbalanced delimiter or malformed token");
    insta::assert_snapshot!(error("struct S"), @"8..8: unexpected end of input, expected one of: `where`, parentheses, curly braces, `;`");
    insta::assert_snapshot!(error("\u{feff}é"), @"3..3: expected `!`");
}

#[test]
fn edition_2015_is_read() {
    insta::assert_snapshot!(check("
        trait T { fn a(u8, &Option<Self>, Box<Fn(u8) -> u8>); fn b<F: Fn() -> u8>(&self, F) -> u8; }
        struct S { f: Arc<Fn(&u8) + Send + Sync>, g: &'static mut FnMut() }
        type A = Fn(&u8) + Send;
        fn f(x: &S) { match self.try() { _ => x.async(y.load(Relaxed)) } }"), @"
    body 0 Fn
      b0:
        #0 call self.try()
        match #0: _ b1
      b1:
        #1 Load y(Relaxed)
        #2 call x.async(#1)
        goto b2
      b2:
        return #2
    ");
}

#[test]
fn test_modules_come_out_empty_unless_asked_for() {
    let source = "fn a() {}\n#[cfg(test)]\n#[allow(dead_code)]\nmod tests {\n    // }\n    fn é() {} }\nfn b() {}\n";
    let names = |tests: bool| {
        let file = lower(source, tests).expect("the source parses");
        let inner = match &file.items[1].kind {
            ir::ItemKind::Mod(m) => m.items.as_ref().map_or(0, Vec::len),
            _ => usize::MAX,
        };
        let spans: Vec<&str> = file.items.iter().map(|i| &source[i.span.start as usize..i.span.end as usize]).collect();
        (inner, spans.join("|"))
    };
    let (with, without) = (names(true), names(false));
    assert_eq!((with.0, without.0), (1, 0));
    assert_eq!(with.1, without.1);
}

#[test]
fn documentation_is_one_text_a_block() {
    let source = "//! Of the file,\n//! in two lines.\n\n/// First.\n///\n  /// Third é.\n// plain\n/// Fourth.\n#[inline]\n/// Fifth.\n//// None.\nfn f() { \"\n/// text\n/// text\"; }\n";
    let file = lower(source, true).expect("the source parses");
    let docs =
        |attrs: &[ir::Attr]| attrs.iter().filter(|a| a.path == "doc").map(|a| a.tokens.clone()).collect::<Vec<_>>();
    assert_eq!(docs(&file.attrs), [" Of the file,\n in two lines."]);
    assert_eq!(docs(&file.items[0].attrs), [" First.\n\n Third é.", " Fourth.", " Fifth."]);
    let lit = file.bodies[0].values.iter().find_map(|v| match &v.kind {
        ir::ValueKind::Lit(text) => Some(text.as_str()),
        _ => None,
    });
    assert_eq!(lit, Some("\"\n/// text\n/// text\""));
}
