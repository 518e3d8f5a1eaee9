use super::*;

/// One line per declaration: the files it can mean from `dir` with `relative`, `?` if conditional.
fn describe(text: &str, relative: Option<&str>) -> Vec<String> {
    let dir = Directory { path: "src".into(), relative: relative.map(str::to_owned) };
    let describe = |decl: &Decl| {
        assert!(text[decl.at as usize..].starts_with(|c: char| c.is_alphanumeric() || c == '_'), "{decl:?}");
        let files = match &decl.what {
            What::Mod { name, paths } => {
                let mut files: Vec<_> = paths.iter().map(|p| dir.at_path(&p.value, &decl.inline).path).collect();
                if paths.iter().all(|p| p.predicate.is_some()) {
                    files.push(dir.candidates(name, &decl.inline).swap_remove(0).path);
                }
                files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(" | ")
            }
            What::Include { argument, items } => {
                format!("include {argument:?}{}", if *items { "" } else { " as code" })
            }
        };
        let mark = match decl.condition {
            Condition::Always => "",
            Condition::Sometimes => " ?",
            Condition::InTests => " ? in tests",
        };
        format!("{files}{mark}")
    };
    scan(text).iter().map(describe).collect()
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(describe(text, None), expected, "{text}");
}

#[test]
fn modules_in_files() {
    check("mod a;", &["src/a.rs"]);
    check(
        "#![no_std]\n/// doc\npub mod a; pub(crate) mod b; pub(in crate::x) mod c;",
        &["src/a.rs", "src/b.rs", "src/c.rs"],
    );
    check("mod r#async; mod /* c */ x // d\n ;", &["src/async.rs", "src/x.rs"]);
    check("mod\r\na;\r\nmod b\r\n;", &["src/a.rs", "src/b.rs"]);
    check("mod é;", &["src/é.rs"]);
}

#[test]
fn what_is_no_module() {
    check("// mod a;\n/* mod b; */ /* /* */ mod c; */ fn x() {}", &[]);
    check("const S: &str = \"mod a;\"; const R: &str = r#\"\" mod b;\"#; const C: char = '\"'; // mod c;", &[]);
    check("mod a {} fn r#mod() {} let modulus = model; r#mod; mod 3;", &[]);
    check("macro_rules! m { ($x:ident) => { mod $x; } }", &[]);
}

#[test]
fn the_rules_for_directories() {
    check("mod a { mod b; mod c { mod d; } } mod e;", &["src/a/b.rs", "src/a/c/d.rs", "src/e.rs"]);
    assert_eq!(describe("mod a; mod b { mod c; }", Some("name")), ["src/name/a.rs", "src/name/b/c.rs"]);
    // The Reference's table for path attributes inside inline modules.
    let text = "mod inline { #[path = \"other.rs\"] mod inner; }";
    assert_eq!(describe(text, None), ["src/inline/other.rs"]);
    assert_eq!(describe(text, Some("b")), ["src/b/inline/other.rs"]);
    assert_eq!(describe("#[path = \"foo.rs\"] mod c;", Some("b")), ["src/foo.rs"]);
    let text = "#[path = \"thread_files\"] mod thread { #[path = \"tls.rs\"] mod local_data; mod x; }";
    assert_eq!(describe(text, Some("b")), ["src/thread_files/tls.rs", "src/thread_files/x.rs"]);
}

#[test]
fn path_attributes() {
    check("#[doc = \"x\"] #[path = r\"a b.rs\"] /* c */ pub mod x;", &["src/a b.rs"]);
    check("#[path = \"a.rs\"] fn f() {} mod x;", &["src/x.rs"]);
    check("#[path = \"/abs.rs\"] mod x; #[path=\"../y.rs\"]mod y;", &["/abs.rs", "src/../y.rs"]);
    check(
        "#[cfg_attr(unix, path = \"u.rs\")] #[cfg_attr(not(unix), path = \"w.rs\")] mod x;",
        &["src/u.rs | src/w.rs | src/x.rs ?"],
    );
    check("#[cfg_attr(all(a, feature = \"path\"), allow(x), path = \"u.rs\")] mod x;", &["src/u.rs | src/x.rs ?"]);
    check("#[cfg_attr(a, cfg_attr(b, path = \"u.rs\"))] mod x;", &["src/u.rs | src/x.rs ?"]);
    check("#[cfg_attr(feature = \"x\", allow(dead_code))] mod x;", &["src/x.rs"]);
    let decls = scan("#[cfg_attr(all(a, b), path = \"u.rs\")] mod x;");
    let What::Mod { paths, .. } = &decls[0].what else { panic!("a module") };
    assert_eq!(paths[0].predicate.as_deref(), Some("all(a, b)"));
}

#[test]
fn conditions() {
    check("#[cfg(test)] mod a; mod b;", &["src/a.rs ? in tests", "src/b.rs"]);
    check("#[cfg(all(test, loom))] mod a { mod b; }", &["src/a/b.rs ? in tests"]);
    check("#[cfg(any(test, fuzzing))] mod a; #[cfg(not(test))] mod b;", &["src/a.rs ?", "src/b.rs ?"]);
    check("#[cfg(unix)] mod a { mod b; } mod c;", &["src/a/b.rs ?", "src/c.rs"]);
    check("#![cfg(unix)] mod a;", &["src/a.rs ?"]);
    check("mod a { #![cfg(unix)] mod b; } mod c;", &["src/a/b.rs ?", "src/c.rs"]);
    check(
        "cfg_rt! { mod a; #[path = \"x.rs\"] pub mod b; mod c { mod d; } } mod e;",
        &["src/a.rs ?", "src/x.rs ?", "src/c/d.rs ?", "src/e.rs"],
    );
    check("cfg_if! { if #[cfg(unix)] { #[path = \"u.rs\"] mod i; } else { mod i; } }", &["src/u.rs ?", "src/i.rs ?"]);
    check("fn f() { mod a; }", &["src/a.rs ?"]);
    check("#[cfg(a)] use x; mod b;", &["src/b.rs"]);
}

#[test]
fn inclusions() {
    check("include!(\"a.rs\");", &["include Relative(\"a.rs\")"]);
    check("mod a { #[cfg(x)] include! { r\"a.rs\" } }", &["include Relative(\"a.rs\") ?"]);
    check(
        "include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/src/\", \"x.rs\"));",
        &["include InPackage(\"/src/x.rs\")"],
    );
    check("include!(concat!(env!(\"OUT_DIR\"), \"/x.rs\"));", &["include Generated"]);
    check(
        "include!(env!(\"OUT_DIR\")); include!($x); include!(",
        &["include Generated", "include Unknown", "include Unknown"],
    );
    check(
        "static T: [u8; 2] = include!(\"t.rs\"); include!(\"u.rs\");",
        &["include Relative(\"t.rs\") as code", "include Relative(\"u.rs\")"],
    );
    check("fn f() { include!(\"t.rs\"); }", &["include Relative(\"t.rs\") as code ?"]);
    check("include_str!(\"a.rs\"); // include!(\"b.rs\")", &[]);
    check("cfg_rt! { include!(\"a.rs\"); }", &["include Relative(\"a.rs\") ?"]);
}

#[test]
fn broken_text_is_read_as_far_as_it_goes() {
    for text in [
        "mod",
        "mod a",
        "mod a {",
        "#[",
        "#[path",
        "#[path = ",
        "#[cfg_attr(",
        "#!",
        "pub(",
        "}}}} mod a;",
        "mod a { mod b",
        "include",
        "include!",
        "include!(concat",
        "include!(concat!(",
        "include!(concat!(env",
        "include!(concat!(env!(\"X",
        "#[path = \"a",
    ] {
        for text in [text.to_owned(), format!("mod b; {text}"), format!("include!(\"x\"); {text}")] {
            scan(&text);
        }
    }
    check("}}}} mod a;", &["src/a.rs"]);
    let deep = format!("{} mod a; {}", "{(".repeat(100_000), ")}".repeat(100_000));
    check(&deep, &["src/a.rs ?"]);
}

/// Text with every kind of token, in which each place can be the last.
const EVERYTHING: &str = r####"#!/run
#![cfg(a)] #[path = "é.rs"] pub(in x) mod r#é; #[cfg_attr(all(a, b), path = r#"p"#)] unsafe mod b { mod c; }
// é
/* é /* */ */ include!(concat!(env!("CARGO_MANIFEST_DIR"), "/é\u{e9}.rs")); m! { mod 'é; 'é' b'\'' br##"é"# "## c"\"" }
"####;

#[test]
fn text_may_end_or_lack_a_character_anywhere() {
    for (at, c) in EVERYTHING.char_indices() {
        let (head, tail) = (&EVERYTHING[..at], &EVERYTHING[at + c.len_utf8()..]);
        for text in [head.to_owned(), format!("{head}{tail}"), tail.to_owned(), format!("{head}é{tail}")] {
            for decl in scan(&text) {
                assert!(text.get(decl.span.start as usize..decl.span.end as usize).is_some(), "{text}");
            }
            Scanner::new(&text).for_each(|token| assert!(text.get(token.start..token.end).is_some(), "{text}"));
        }
    }
}

#[test]
fn huge_nests_take_linear_time() {
    let many = 50_000;
    for unit in ["mod a { ", "mod a; ", "{ mod a; ", "#[", "include!(", "/* ", "pub(", "#[path = \"a\"] "] {
        let decls = scan(&unit.repeat(many));
        assert!(decls.len() <= MAX_DECLS);
    }
}
