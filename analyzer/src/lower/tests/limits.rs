//! Input that is made to hurt: it is refused or lowered, on the documented stack, in reasonable time.

use std::time::{Duration, Instant};

use super::ParseError;
use crate::ir::{File, verify};
use crate::lower::{STACK, lower};

/// Lowers on a thread with the stack that callers are told to have.
fn on_stack(source: String) -> Result<File, ParseError> {
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || {
            let file = lower(&source, true)?;
            assert!(verify::verify(&file, source.len() as u32).is_empty());
            Ok(file)
        })
        .expect("a thread starts")
        .join()
        .expect("no panic")
}

/// `f` repeated within a function.
fn nested(count: usize, open: &str, inner: &str, close: &str) -> String {
    format!("fn f() {{ let _ = {}{inner}{}; }}", open.repeat(count), close.repeat(count))
}

#[test]
fn ten_thousand_of_anything_is_refused() {
    let cases = [
        nested(10_000, "(", "1", ")"),
        nested(10_000, "{", "1", "}"),
        nested(10_000, "[", "1", "]"),
        nested(10_000, "f(", "1", ")"),
        nested(10_000, "vec![", "1", "]"),
        nested(10_000, "|| ", "1", ""),
        nested(10_000, "!", "1", ""),
        nested(10_000, "&&", "1", ""),
        nested(10_000, "return ", "1", ""),
        nested(10_000, "1 + ", "1", ""),
        nested(10_000, "a = ", "1", ""),
        nested(10_000, "", "1", ".b().c"),
        nested(10_000, "", "1", " as T"),
        nested(10_000, "", "1", "?.await"),
        nested(10_000, "if a { b } else ", "{ c }", ""),
        nested(10_000, "if ", "a", " {}"),
        nested(10_000, "match ", "a", " {}"),
        format!("type T = {}u8{};", "A<".repeat(10_000), ">".repeat(10_000)),
        format!("type T = {}u8;", "&".repeat(10_000)),
        format!("type T = {}u8;", "fn() -> ".repeat(10_000)),
        format!("use {}a;", "a::".repeat(10_000)),
        format!("fn f({}x: u8) {{}}", "&".repeat(10_000)),
        format!("fn f() {{ let {}c = 1; }}", "b @ ".repeat(10_000)),
        format!("fn f() {{ x!({}1); }}", "-".repeat(10_000)),
        format!("{}{}", "mod a {".repeat(10_000), "}".repeat(10_000)),
    ];
    for source in cases {
        let start: String = source.chars().take(40).collect();
        assert!(matches!(on_stack(source), Err(ParseError::TooDeep { .. })), "{start}");
    }
}

#[test]
fn what_is_just_below_the_limits_fits_the_stack() {
    let cases = [
        nested(250, "(", "1", ")"),
        nested(250, "{", "1", "}"),
        nested(250, "|| {", "1", "}"),
        nested(250, "vec![", "1", "]"),
        nested(250, "if a { ", "1", " }"),
        nested(250, "match a { _ => loop {", "1", "} }").replace("250", "120"),
        nested(3_900, "!", "1", ""),
        nested(3_900, "1 + ", "1", ""),
        nested(3_900, "", "1", ".b()"),
        nested(1_900, "|| ", "1", ""),
        nested(1_900, "if a { b } else ", "{ c }", ""),
        format!("type T = {}u8;", "&".repeat(3_900)),
        format!("use {}a;", "a::".repeat(3_900)),
        format!("fn f() {{ x!({}1); }}", "-".repeat(3_900)),
        nested(125, "(-(!(&", "1", ")))"),
    ];
    for source in cases {
        let start: String = source.chars().take(40).collect();
        let result = on_stack(source);
        assert!(matches!(result, Ok(_) | Err(ParseError::TooDeep { .. })), "{start}: {result:?}");
    }
}

#[test]
fn brackets_in_strings_and_comments_do_not_nest() {
    let source = format!(
        "fn f() {{ let a = \"{0}\"; let b = r#\"{0}\"#; let c = '('; let d = b'('; /* {0} /* */ */ // {0}\n let e: &'static str = \"\\\"{0}\"; let r#fn = 1; }}",
        "(".repeat(1_000)
    );
    assert!(on_stack(source).is_ok());
}

#[test]
fn long_files_are_no_deep_files() {
    let rows = "Row { a: -1, b: !0, c: &[1, 2], d: x::y::<Z>() + 3 }, ".repeat(5_000);
    let arms = "1 | 2 | 'a'..='z' => {} (a, b) => {} X::Y { .. } if a == b => { c() } ".repeat(200);
    assert!(on_stack(format!("static T: &[Row] = &[{rows}]; fn f() {{ match x {{ {arms} }} }}")).is_ok());
}

#[test]
fn ten_megabytes() {
    let comment = "// what a generator had to say about it, with ((( and \" and é\n".repeat(20);
    let function = |n: usize| {
        format!(
            "{comment}pub fn f{n}(x: &AtomicUsize) -> usize {{ let v = x.load(Acquire); if v < {n} {{ v }} else {{ 0 }} }}\n"
        )
    };
    let source: String = (0..8_000).map(function).collect();
    assert!(source.len() > 10_000_000);
    let start = Instant::now();
    let file = lower(&source, true).expect("parses");
    assert_eq!(file.items.len(), 8_000);
    let last = file.bodies.last().expect("functions have bodies").events[0].span;
    assert_eq!(&source[last.start as usize..last.end as usize], "x.load(Acquire)");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn much_in_one_function() {
    let cases = [
        "let mut v = a()?; if v { v = b(); } ".repeat(3_000),
        "match a { Some(x) if x > 1 => b(x), Some(y) if y < 2 => c(y), _ => {} } ".repeat(1_000),
        format!("match a {{ {} _ => {{}} }}", "Some(x) if x > 1 => b(x), ".repeat(3_000)),
        format!("let mut v = 1; {}", "loop { if v { break; } v += 1; } ".repeat(2_000)),
        format!("let mut v = 1; {} g(v);", "if c { v = 2; } ".repeat(5_000)),
        format!("{} {}", "let mut v = 1; ".repeat(500), "if c { v = 2; } ".repeat(500)),
        format!("let mut v = 1; {}", "while v { v += 1; ".repeat(200) + &"}".repeat(200)),
    ];
    for body in cases {
        let start = Instant::now();
        assert!(on_stack(format!("fn f() {{ {body} }}")).is_ok());
        assert!(start.elapsed() < Duration::from_secs(20), "{:?} for {:.40}", start.elapsed(), body);
    }
}
