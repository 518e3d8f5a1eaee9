//! Trees of files on disk, good and bad.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::workspace::Plan;

struct Tree {
    dir: tempfile::TempDir,
}

struct Loaded {
    sources: Sources,
    crates: Vec<CrateSources>,
    problems: Vec<Problem>,
}

impl Tree {
    /// Writes files: pairs of path and content.
    fn new(files: &[(&str, &str)]) -> Tree {
        let tree = Tree { dir: tempfile::tempdir().expect("a temporary directory") };
        for (path, content) in files {
            tree.write(path, content.as_bytes());
        }
        tree
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("w").join(path)
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("it is inside of the tree")).expect("directories can be made");
        fs::write(path, content).expect("files can be written");
    }

    fn load(&self, roots: &[&str]) -> Loaded {
        self.load_with(roots, &Options::default())
    }

    fn load_with(&self, roots: &[&str], options: &Options) -> Loaded {
        let roots: Vec<PathBuf> = roots.iter().map(|root| self.path(root)).collect();
        let plan = Plan::for_files(&self.path(""), &roots);
        let (sources, crates, problems) = load(&plan, options);
        Loaded { sources, crates, problems }
    }
}

impl Loaded {
    /// One line per module: crate, path, file.
    fn modules(&self) -> Vec<String> {
        let line = |krate: &CrateSources, m: &ModuleFile| {
            let kind = match m.kind {
                ModuleKind::Root | ModuleKind::Mod => "",
                ModuleKind::IncludedItems => " items",
                ModuleKind::IncludedCode => " code",
            };
            format!("{} {} {}{kind}", krate.krate, m.path.join("::"), self.sources.file(m.file).shown)
        };
        self.crates.iter().flat_map(|k| k.modules.iter().map(move |m| line(k, m))).collect()
    }

    /// One line per problem: severity, place, message.
    fn said(&self) -> Vec<String> {
        let line = |problem: &Problem| {
            let place = problem.site.map_or(String::new(), |site| {
                let file = self.sources.file(site.file);
                let at = file.line_col(site.span.start);
                format!(" {}:{}:{}", file.shown, at.line, at.column)
            });
            assert!(!problem.remedy.is_empty());
            format!("{:?} {:?}{place}: {}", problem.severity, problem.kind, problem.message)
        };
        self.problems.iter().map(line).collect()
    }
}

/// Checks the modules of the crate `lib.rs` in a tree without problems.
#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let loaded = Tree::new(files).load(&["lib.rs"]);
    let found: Vec<_> = loaded.modules().into_iter().map(|line| line["0 ".len()..].to_owned()).collect();
    assert_eq!(found, expected);
    assert_eq!(loaded.said(), [""; 0]);
}

/// Checks what is said of a tree with the root `lib.rs`, and that every other module of the root is there.
#[track_caller]
fn check_said(tree: &Tree, expected: &[&str]) {
    tree.write("fine.rs", b"");
    let loaded = tree.load(&["lib.rs"]);
    let said: Vec<_> =
        loaded.said().iter().map(|line| line.replace(&tree.dir.path().display().to_string(), "TMP")).collect();
    assert_eq!(said, expected);
    assert!(loaded.modules().contains(&"0 fine fine.rs".to_owned()), "the rest is read: {:?}", loaded.modules());
}

#[test]
fn modules_and_their_files() {
    check(
        &[
            ("lib.rs", "mod a; mod b; mod c { mod d; }"),
            ("a.rs", "mod x; #[path = \"y.rs\"] mod z;"),
            ("a/x.rs", ""),
            ("y.rs", "mod w;"),
            ("w.rs", ""),
            ("b/mod.rs", "mod x;"),
            ("b/x/mod.rs", ""),
            ("c/d.rs", ""),
        ],
        &[
            " lib.rs",
            "a a.rs",
            "b b/mod.rs",
            "c::d c/d.rs",
            "a::x a/x.rs",
            "a::z y.rs",
            "b::x b/x/mod.rs",
            "a::z::w w.rs",
        ],
    );
}

#[test]
fn inclusions() {
    check(
        &[
            (
                "lib.rs",
                "mod a { include!(\"inc/i.rs\"); }\nstatic T: u8 = include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/t.rs\"));",
            ),
            ("inc/i.rs", "mod below;"),
            ("inc/below.rs", ""),
            ("t.rs", "1"),
        ],
        &[" lib.rs", "a inc/i.rs items", " t.rs code", "a::below inc/below.rs"],
    );
}

#[test]
fn alternatives_are_all_read() {
    check(
        &[
            ("lib.rs", "#[cfg_attr(unix, path = \"u.rs\")] #[cfg_attr(windows, path = \"w.rs\")] mod os;"),
            ("u.rs", ""),
            ("w.rs", ""),
        ],
        &[" lib.rs", "os u.rs", "os w.rs"],
    );
    let tree = Tree::new(&[("lib.rs", "#[cfg_attr(unix, path = \"u.rs\")] mod os;"), ("u.rs", ""), ("os.rs", "")]);
    let loaded = tree.load(&["lib.rs"]);
    assert_eq!(loaded.modules(), ["0  lib.rs", "0 os u.rs", "0 os os.rs"]);
    let predicates: Vec<_> = loaded.crates[0].modules.iter().map(|m| m.predicate.as_deref()).collect();
    assert_eq!(predicates, [None, Some("unix"), None]);
}

#[test]
fn a_module_declared_twice_is_one() {
    let text = "cfg_a! { pub mod x; } cfg_b! { mod x; }";
    let loaded = Tree::new(&[("lib.rs", text), ("x.rs", "mod y;"), ("x/y.rs", "")]).load(&["lib.rs"]);
    assert_eq!(loaded.modules(), ["0  lib.rs", "0 x x.rs", "0 x::y x/y.rs"]);
    let (first, second) = (text.find("x;").expect("first"), text.rfind("x;").expect("second"));
    for at in [first, second] {
        let children: Vec<_> = loaded.crates[0].children_at(ModuleIdx(0), at as u32).collect();
        assert_eq!(children, [ModuleIdx(1)]);
    }
}

#[test]
fn modules_in_the_rules_of_a_macro() {
    // They belong where the macro is called, which is taken to be the root.
    let loaded = Tree::new(&[
        ("lib.rs", "#[macro_use] mod macros; prelude!();"),
        ("macros.rs", "macro_rules! prelude { () => { mod types; mod gone; } }"),
        ("types.rs", ""),
    ])
    .load(&["lib.rs"]);
    assert_eq!(loaded.modules(), ["0  lib.rs", "0 macros macros.rs", "0 types types.rs"]);
    assert_eq!(loaded.said(), [""; 0]);
}

#[test]
fn declarations_lead_to_files() {
    let text = "mod a; mod b; include!(\"c.rs\");";
    let loaded = Tree::new(&[("lib.rs", text), ("a.rs", ""), ("b.rs", ""), ("c.rs", "")]).load(&["lib.rs"]);
    let krate = &loaded.crates[0];
    let file_at = |at: &str| {
        let at = text.find(at).expect("it is there") as u32;
        let files: Vec<_> = krate
            .children_at(ModuleIdx(0), at)
            .map(|m| loaded.sources.file(krate.module(m).file).shown.as_str())
            .collect();
        files.join(" ")
    };
    assert_eq!([file_at("a;"), file_at("b;"), file_at("include"), file_at("mod b")], ["a.rs", "b.rs", "c.rs", ""]);
    assert_eq!(krate.children_in(ModuleIdx(0), Span::new(0, 6)).count(), 1);
    let site = krate.module(ModuleIdx(2)).declared_at.expect("it is declared");
    assert_eq!(loaded.sources.file(site.file).slice(site.span), "mod b;");
    assert_eq!(krate.module(ModuleIdx(2)).parent, Some(ModuleIdx(0)));
}

#[test]
fn shared_files_are_read_once() {
    let loaded = Tree::new(&[
        ("lib.rs", "mod a;"),
        ("main.rs", "mod a; #[path = \"x/../a.rs\"] mod again;"),
        ("a.rs", ""),
        ("x/y.rs", ""),
    ])
    .load(&["lib.rs", "main.rs"]);
    assert_eq!(loaded.modules(), ["0  lib.rs", "0 a a.rs", "1  main.rs", "1 a a.rs", "1 again a.rs"]);
    assert_eq!(loaded.sources.files.len(), 3);
    assert!(loaded.problems.is_empty());
}

#[test]
fn numbering_does_not_depend_on_threads() {
    let names: Vec<String> = (0..200).map(|n| format!("m{n}")).collect();
    let root: String = names.iter().map(|name| format!("mod {name};\n")).collect();
    let tree = Tree::new(&[("lib.rs", &root)]);
    for name in &names {
        tree.write(&format!("{name}.rs"), b"mod inner;");
        tree.write(&format!("{name}/inner.rs"), b"");
    }
    let shown = |loaded: &Loaded| loaded.sources.files.iter().map(|f| f.shown.clone()).collect::<Vec<_>>();
    let expected = shown(&tree.load(&["lib.rs"]));
    assert_eq!(expected.len(), 401);
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        assert_eq!(pool.install(|| shown(&tree.load(&["lib.rs"]))), expected);
    }
}

#[test]
fn missing_files() {
    let tree = Tree::new(&[("lib.rs", "mod fine;\n  pub mod gone;\n#[path = \"no.rs\"] mod x;\ninclude!(\"i.rs\");")]);
    check_said(
        &tree,
        &[
            "Error MissingFile lib.rs:2:7: no file for module `gone`: neither `gone.rs` nor `gone/mod.rs` exists",
            "Error MissingFile lib.rs:3:19: no file for module `x`: `no.rs` does not exist",
            "Error MissingFile lib.rs:4:1: `i.rs` does not exist",
        ],
    );
    let tree = Tree::new(&[
        ("lib.rs", "mod fine; #[cfg(test)] mod tests; cfg_rt! { mod rt; }\nmod a;"),
        ("a.rs", "#![cfg(x)] mod b;"),
    ]);
    check_said(
        &tree,
        &[
            "Note MissingFile lib.rs:1:24: no file for module `tests`: neither `tests.rs` nor `tests/mod.rs` exists",
            "Note MissingFile lib.rs:1:45: no file for module `rt`: neither `rt.rs` nor `rt/mod.rs` exists",
            "Note MissingFile a.rs:1:12: no file for module `b`: neither `a/b.rs` nor `a/b/mod.rs` exists",
        ],
    );
}

#[test]
fn a_missing_root() {
    let loaded = Tree::new(&[("main.rs", "")]).load(&["lib.rs", "main.rs"]);
    assert_eq!(loaded.said(), ["Error MissingFile: the root `lib.rs` of target `lib` does not exist"]);
    assert_eq!(loaded.modules(), ["1  main.rs"]);
    assert!(loaded.crates[0].root().is_none());
}

#[test]
fn ambiguous_files() {
    let tree = Tree::new(&[("lib.rs", "mod fine; mod a;"), ("a.rs", ""), ("a/mod.rs", "")]);
    check_said(
        &tree,
        &["Error AmbiguousFile lib.rs:1:11: module `a` has two files: `a.rs` is read, `a/mod.rs` is not"],
    );
}

#[test]
fn cyclic_files() {
    let tree = Tree::new(&[("lib.rs", "mod a; mod fine;"), ("a.rs", "#[path = \"lib.rs\"] mod b;")]);
    check_said(&tree, &["Error CyclicModule a.rs:1:20: a module file contains itself: `lib.rs` → `a.rs` → `lib.rs`"]);
    let tree = Tree::new(&[("lib.rs", "mod fine; include!(\"lib.rs\");")]);
    check_said(&tree, &["Error CyclicModule lib.rs:1:11: a module file contains itself: `lib.rs` → `lib.rs`"]);
}

#[test]
fn files_outside_of_the_tree() {
    let tree = Tree::new(&[
        (
            "lib.rs",
            "mod fine; #[path = \"../out.rs\"] mod a; #[path = \"../secret\"] mod b; #[path = \"x/../in.rs\"] mod c;",
        ),
        ("../out.rs", ""),
        ("../secret", "password"),
        ("in.rs", ""),
        ("x/y.rs", ""),
    ]);
    check_said(
        &tree,
        &[
            "Error OutsideTree lib.rs:1:62: `TMP/secret` is outside of the workspace and does not end in `.rs`",
            "Warning OutsideTree lib.rs:1:33: `TMP/out.rs` is outside of the workspace and of its package",
        ],
    );
    let loaded = tree.load(&["lib.rs"]);
    assert!(loaded.sources.files.iter().all(|f| f.text != "password"));
    assert_eq!(loaded.modules().last().map(String::as_str), Some("0 c in.rs"));
}

#[cfg(unix)]
#[test]
fn symbolic_links() {
    use std::os::unix::fs::symlink;
    let tree = Tree::new(&[("lib.rs", "mod fine; mod a; mod d; mod dir;")]);
    symlink("a.rs", tree.path("a.rs")).expect("links can be made");
    symlink("nothing.rs", tree.path("d.rs")).expect("links can be made");
    // Each level of this directory is the directory itself.
    symlink(".", tree.path("dir")).expect("links can be made");
    tree.write("dir.rs", b"mod dir;");
    check_said(
        &tree,
        &[
            "Error SymlinkLoop lib.rs:1:11: `a.rs` leads round in a loop of symbolic links",
            "Error MissingFile lib.rs:1:18: `d.rs` is a symbolic link to a file that does not exist",
            "Error CyclicModule dir.rs:1:1: a module file contains itself: `dir.rs` → `dir.rs`",
        ],
    );
}

#[cfg(unix)]
#[test]
fn what_is_no_file() {
    use std::process::Command;
    let tree = Tree::new(&[("lib.rs", "mod fine; mod a; mod pipe;"), ("a.rs/x", "")]);
    let made = Command::new("mkfifo").arg(tree.path("pipe.rs")).status();
    let made = made.is_ok_and(|status| status.success());
    let pipe = match made {
        true => "Error NotAFile lib.rs:1:18: `pipe.rs` is a pipe, a socket or a device, not a file",
        false => "Error MissingFile lib.rs:1:18: no file for module `pipe`: neither `pipe.rs` nor `pipe/mod.rs` exists",
    };
    check_said(&tree, &["Error NotAFile lib.rs:1:11: `a.rs` is a directory, not a file", pipe]);
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let tree = Tree::new(&[("lib.rs", "mod fine; mod a;"), ("a.rs", "")]);
    fs::set_permissions(tree.path("a.rs"), fs::Permissions::from_mode(0o000)).expect("permissions can be set");
    // Root reads everything.
    match fs::read(tree.path("a.rs")) {
        Ok(_) => check_said(&tree, &[]),
        Err(_) => check_said(&tree, &["Error Unreadable lib.rs:1:11: cannot read `a.rs`: permission denied"]),
    }
}

#[test]
fn names_that_no_file_can_have() {
    let long = "a".repeat(5000);
    let tree = Tree::new(&[("lib.rs", &format!("mod {long}; #[path = \"a\\0.rs\"] mod z; mod fine;"))]);
    tree.write("fine.rs", b"");
    let loaded = tree.load(&["lib.rs"]);
    assert_eq!(loaded.problems.iter().map(|p| p.kind).collect::<Vec<_>>(), [ProblemKind::Unreadable; 2]);
    assert!(loaded.problems[0].message.contains("too long") && loaded.problems[0].message.len() < 1000);
    assert_eq!(loaded.modules().len(), 2);
}

#[test]
fn text_that_is_no_utf8() {
    let tree = Tree::new(&[("lib.rs", "mod a; mod fine;")]);
    tree.write("a.rs", b"// abc\xff");
    check_said(&tree, &["Error NotUtf8 lib.rs:1:1: `a.rs` is not UTF-8: byte 6 is the first that is wrong"]);
}

#[test]
fn marks_and_line_ends() {
    let loaded =
        Tree::new(&[("lib.rs", "\u{feff}mod a;\r\nmod b;\r\n"), ("a.rs", "\u{feff}"), ("b.rs", "")]).load(&["lib.rs"]);
    assert_eq!(loaded.modules(), ["0  lib.rs", "0 a a.rs", "0 b b.rs"]);
    let root = loaded.sources.file(FileId(0));
    assert!(root.bom && root.text.starts_with("mod a"));
    assert_eq!(root.line_text(2), "mod b;");
    assert_eq!(root.offset_on_disk(0), 3);
    let at = loaded.crates[0].module(ModuleIdx(2)).declared_at.expect("it is declared").span.start;
    assert_eq!(root.line_col(at), LineCol { line: 2, column: 1 });
    assert!(loaded.sources.file(FileId(1)).text.is_empty());
}

#[test]
fn large_files() {
    let line = "// mod x; and so on, for ten megabytes of comments that name no file at all\n";
    let big = format!("mod fine;{}", line.repeat((10 << 20) / line.len()));
    let tree = Tree::new(&[("lib.rs", &big)]);
    check_said(&tree, &[]);
    let options = Options { max_bytes: 100, ..Options::default() };
    let tree = Tree::new(&[("lib.rs", "mod a; mod fine;"), ("a.rs", &big), ("fine.rs", "")]);
    let loaded = tree.load_with(&["lib.rs"], &options);
    let said = format!("Error TooLarge lib.rs:1:1: `a.rs` has {} bytes, more than is analysed", big.len());
    assert_eq!(loaded.said(), [said]);
    assert_eq!(loaded.modules(), ["0  lib.rs", "0 fine fine.rs"]);
}

#[test]
fn modules_that_multiply() {
    // Twenty files, each twice a module of the one before: a million modules.
    let tree = Tree::new(&[("lib.rs", "mod fine; #[path = \"f0.rs\"] mod a;"), ("fine.rs", "")]);
    for n in 0..20 {
        let next = format!("#[path = \"f{}.rs\"] mod a; #[path = \"f{}.rs\"] mod b;", n + 1, n + 1);
        tree.write(&format!("f{n}.rs"), next.as_bytes());
    }
    tree.write("f20.rs", b"");
    let loaded = tree.load_with(&["lib.rs"], &Options { max_modules: 1000, ..Options::default() });
    assert_eq!(loaded.problems.iter().map(|p| p.kind).collect::<Vec<_>>(), [ProblemKind::TooManyModules]);
    assert_eq!(loaded.said()[0].split(": ").nth(1), Some("target `lib` has more than 1000 module files"));
    assert!(loaded.modules().len() <= 1002);
}

#[test]
fn what_mentions_atomics() {
    for text in [
        "AtomicU8",
        "portable_atomic",
        "x.load(Ordering::X)",
        "Relaxed",
        "fence(",
        "UnsafeCell",
        "read_volatile",
        "strong_count",
    ] {
        assert!(mentions_atomics(text), "{text}");
        assert!(mentions_atomics(&format!("{}{text}{}", "x ".repeat(1000), "y ".repeat(1000))), "{text}");
    }
    for text in ["", "fn main() {}", "Atomi", "orderin", "fenc"] {
        assert!(!mentions_atomics(text), "{text}");
    }
    let file = SourceFile::new("a.rs", "a.rs", "use std::sync::atomic::AtomicU8;".to_owned());
    assert!(file.relevant);
}

#[test]
fn one_file_by_hand() {
    let tree = Tree::new(&[("lib.rs", "fn f() {}")]);
    assert_eq!(read(&tree.path("lib.rs")).expect("it is there").text, "fn f() {}");
    let error = read(Path::new("no/such.rs")).expect_err("it is not there");
    assert_eq!(error, "`no/such.rs` does not exist");
}

#[test]
fn a_slice_that_is_none_is_empty() {
    let file = SourceFile::new("a.rs", "a.rs", "é".to_owned());
    assert_eq!(file.slice(Span::new(1, 2)), "");
    assert_eq!(file.slice(Span::new(0, 9)), "");
    assert_eq!(file.slice(Span::new(0, 2)), "é");
}
