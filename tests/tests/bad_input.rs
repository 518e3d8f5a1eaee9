//! Input that is wrong: each kind has its message and its exit status, and never a panic, a hang or a lost rest of the
//! run. Every tree here also holds one real finding, which must be reported whatever stands beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use atomic_lint_tests::{program, root, run};
use cargo_atomic_lint::cli::Status;

/// A lost update, on line 3 of the file that holds it.
const FINDING: &str = "use std::sync::atomic::{AtomicU64, Ordering::Relaxed};\npub static HITS: AtomicU64 = AtomicU64::new(0);\npub fn hit() { HITS.store(HITS.load(Relaxed) + 1, Relaxed) }\n";

/// Longer than anything here takes, shorter than a test run is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

struct Tree {
    dir: tempfile::TempDir,
}

impl Tree {
    /// A package whose root declares `good`, with the finding, after what it is given.
    fn new(lib: &str) -> Tree {
        let tree = Tree::empty();
        tree.write("Cargo.toml", manifest("sample"));
        tree.write("src/lib.rs", format!("{lib}\npub mod good;\n"));
        tree.write("src/good.rs", FINDING);
        tree
    }

    fn empty() -> Tree {
        Tree { dir: tempfile::tempdir().expect("a folder can be made") }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("it is in the tree")).expect("a folder can be made");
        fs::write(path, content).expect("a file can be written");
    }

    fn with(self, path: &str, content: impl AsRef<[u8]>) -> Tree {
        self.write(path, content);
        self
    }

    /// What is printed in one line each, and how the run ended.
    fn run(&self, line: &str) -> (Status, String, String) {
        let (send, receive) = mpsc::channel();
        let (dir, line) = (self.dir.path().to_owned(), format!("{line} --message-format short"));
        let thread = std::thread::spawn(move || {
            let ran = run(&dir, &line);
            // The test may have given up.
            let _ = send.send(());
            ran
        });
        let hung = matches!(receive.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Timeout));
        assert!(!hung, "the run does not end");
        let ran = thread.join().expect("the run does not panic");
        let text = |bytes| String::from_utf8(bytes).expect("messages are text");
        (ran.status, text(ran.stdout), text(ran.stderr))
    }

    /// Holds a run to saying each of `said` and to reporting the finding in `good` as well.
    #[track_caller]
    fn says(&self, said: &[&str]) {
        let (status, out, err) = self.run("");
        assert_eq!(status, Status::Found, "{out}{err}");
        for words in said {
            assert!(out.contains(words), "`{words}` is not said in:\n{out}{err}");
        }
        let reported = out.contains("good.rs:3:") && out.contains("atomic_lint::split_read_modify_write");
        assert!(reported, "the finding is lost:\n{out}");
        // What is wrong, and the finding: nothing is said twice.
        assert_eq!(out.matches(": error").count(), said.len() + 1, "{out}");
    }

    /// Holds a run to not being made, for this reason.
    #[track_caller]
    fn fails(&self, line: &str, said: &[&str]) {
        let (status, out, err) = self.run(line);
        assert_eq!((status, out.as_str()), (Status::Failed, ""), "{err}");
        for words in said {
            assert!(err.contains(words), "`{words}` is not said in:\n{err}");
        }
    }
}

fn manifest(name: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n")
}

/// Atomics are named, so that the file is one that matters.
fn atomic(rest: &str) -> String {
    format!("pub use std::sync::atomic::AtomicU8;\n{rest}\n")
}

#[test]
fn a_file_that_does_not_parse() {
    Tree::new("mod bad;").with("src/bad.rs", atomic("fn f( {")).says(&["src/bad.rs:2:"]);
    Tree::new("mod bad;").with("src/bad.rs", atomic("fn f() { \"abc")).says(&["this file cannot be parsed"]);
    Tree::new("mod bad;").with("src/bad.rs", atomic("}")).says(&["this file cannot be parsed"]);
}

#[test]
fn a_module_file_that_is_missing() {
    Tree::new("mod gone;").says(&["src/lib.rs:1:1: error: "]);
    Tree::new("#[path = \"nowhere/gone.rs\"] mod gone;").says(&["`src/nowhere/gone.rs` does not exist"]);
    Tree::new("include!(\"gone.rs\");").says(&["`src/gone.rs` does not exist"]);
}

#[test]
fn a_module_file_that_is_its_own_module() {
    let tree = Tree::new("mod round;").with("src/round.rs", atomic("#[path = \"round.rs\"] mod round;"));
    tree.says(&["src/round.rs:2:"]);
    let tree = Tree::new("mod a;").with("src/a.rs", "#[path = \"lib.rs\"] mod b;");
    tree.says(&["src/a.rs:1:"]);
}

#[test]
fn a_path_that_leads_out_of_the_tree() {
    let outside = Tree::empty().with("secret.rs", atomic("pub fn secret() {}"));
    let path = outside.path("secret.rs");
    // It compiles, so it is analysed; what does not look like source is not even opened.
    let tree = Tree::new(&format!("#[path = {path:?}] mod secret;"));
    let (_, out, _) = tree.run("");
    assert!(
        out.contains("src/lib.rs:1:") && out.contains(": warning: ") && out.contains("is outside of the workspace"),
        "{out}"
    );
    assert!(!out.contains("skipped"), "{out}");
    tree.says(&[]);
    let path = outside.with("passwords", "one").path("passwords");
    Tree::new(&format!("#[path = {path:?}] mod secret;")).says(&["does not end in `.rs`"]);
}

#[cfg(unix)]
#[test]
fn symbolic_links_that_lead_to_each_other() {
    let tree = Tree::new("mod a;\nmod c;\nmod dir;");
    std::os::unix::fs::symlink("b.rs", tree.path("src/a.rs")).expect("a link can be made");
    std::os::unix::fs::symlink("a.rs", tree.path("src/b.rs")).expect("a link can be made");
    std::os::unix::fs::symlink("nothing.rs", tree.path("src/c.rs")).expect("a link can be made");
    std::os::unix::fs::symlink(".", tree.path("src/dir")).expect("a link can be made");
    tree.write("src/mod.rs", atomic("mod dir;"));
    let (status, out, err) = tree.run("");
    assert_eq!(status, Status::Found, "{out}{err}");
    assert!(out.contains("good.rs:3:"), "{out}");
    assert!(out.contains("loop of symbolic links"), "{out}");
    assert!(out.contains("`src/c.rs` is a symbolic link to a file that does not exist"), "{out}");
}

#[test]
fn text_that_is_no_utf8() {
    let mut bytes = atomic("// caf").into_bytes();
    bytes.extend(b"\xe9\n");
    Tree::new("mod bad;").with("src/bad.rs", bytes).says(&["`src/bad.rs` is not UTF-8"]);
    Tree::new("mod bad;").with("src/bad.rs", b"\xff\xfea\0b\0").says(&["`src/bad.rs` is not UTF-8"]);
    Tree::new("mod bad;").with("src/bad.rs", b"use a::Ordering;\0\0\0").says(&["this file cannot be parsed"]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_error() {
    let tree = Tree::new("\u{feff}").with("src/good.rs", format!("\u{feff}{}", FINDING.replace('\n', "\r\n")));
    // Not in the first place of the file.
    tree.write("src/lib.rs", "\u{feff}pub mod good;\r\n");
    tree.says(&[]);
}

#[test]
fn an_empty_file_is_no_error() {
    Tree::new("mod a; mod b; mod c;")
        .with("src/a.rs", "")
        .with("src/b.rs", "\n\n")
        .with("src/c.rs", "\u{feff}")
        .says(&[]);
    let (status, out, _) = Tree::new("").with("src/lib.rs", "").run("");
    assert_eq!((status, out.lines().count()), (Status::Clean, 1), "{out}");
}

#[test]
fn files_of_ten_megabytes() {
    let line = "pub fn f() -> u64 { 1 + 2 }\n";
    // One that names no atomic is not parsed; one of comments is read in any case.
    let tree = Tree::new("mod plain; mod comments; mod code;");
    tree.write("src/plain.rs", line.repeat((10 << 20) / line.len()));
    tree.write("src/comments.rs", atomic(&"// Ordering::Relaxed\n".repeat((10 << 20) / 21)));
    tree.write("src/code.rs", atomic(&"static A: AtomicU8 = AtomicU8::new(0);\n".repeat(20_000)));
    tree.says(&[]);
    let tree = Tree::new("mod vast;").with("src/vast.rs", " ".repeat(40 << 20));
    tree.says(&["more than is analysed"]);
}

#[test]
fn nesting_of_ten_thousand() {
    let n = 10_000;
    let nested = |open: &str, close: &str| format!("fn f() {{ {}{} }}", open.repeat(n), close.repeat(n));
    for (open, close) in [("(", ")"), ("{", "}"), ("[", "]"), ("if x {", "}"), ("f(|| ", ")"), ("loop {", "}")] {
        let tree = Tree::new("mod deep;").with("src/deep.rs", atomic(&nested(open, close)));
        tree.says(&["src/deep.rs:2:"]);
    }
    let chains = [
        format!("fn f() {{ let x = {}x; }}", "!".repeat(n)),
        format!("fn f() {{ x{}; }}", ".f()".repeat(n)),
        format!("fn f() {{ if x {{}} {} }}", "else if x {}".repeat(n)),
        format!("fn f(x: {}u8{}) {{}}", "A<".repeat(n), ">".repeat(n)),
        format!("fn f(x: {}u8) {{}}", "&".repeat(n)),
        format!("m! {{ {}{} }}", "(".repeat(n), ")".repeat(n)),
        format!("fn f() {{ {}{} }}", "(".repeat(n), ""),
        format!("fn f() {{ let x = {}1; }}", "1 + ".repeat(n)),
        format!("{}{}", "mod m {".repeat(n), "}".repeat(n)),
        format!("// {}\n/* {} */", "(".repeat(n), "{".repeat(n)),
    ];
    for chain in chains {
        let tree = Tree::new("mod deep;").with("src/deep.rs", atomic(&chain));
        let (status, out, err) = tree.run("");
        assert_eq!(status, Status::Found, "{out}{err}");
        assert!(out.contains("good.rs:3:"), "{}:\n{out}{err}", &chain[..40]);
    }
}

#[test]
fn manifests_that_are_broken_or_missing() {
    Tree::empty().fails("", &["there is no Cargo.toml"]);
    Tree::empty().fails("--manifest-path gone/Cargo.toml", &["does not exist"]);
    Tree::new("").with("Cargo.toml", "[package\nname = 1").fails("", &["Cargo.toml"]);
    Tree::new("").with("Cargo.toml", "").fails("", &["Cargo.toml"]);
    Tree::new("").with("Cargo.toml", "[package]\nname = \"a\"\nversion = 7\n").fails("", &["Cargo.toml"]);
    Tree::new("").with("Cargo.toml", b"\xff\xff").fails("", &["Cargo.toml"]);
    let tree = Tree::new("").with("Cargo.toml", "[workspace]\nmembers = [\"gone\"]\n");
    tree.fails("", &["gone"]);
}

#[test]
fn a_workspace_without_members() {
    Tree::empty().with("Cargo.toml", "[workspace]\n").fails("", &["has no members"]);
}

#[test]
fn a_package_without_a_target() {
    let tree = Tree::empty().with("Cargo.toml", manifest("hollow"));
    tree.fails("", &["Cargo.toml"]);
    // The root of a target is gone, and another target is there.
    let tree = Tree::new("").with("Cargo.toml", manifest("a") + "[[bin]]\nname = \"b\"\npath = \"src/gone.rs\"\n");
    tree.says(&["the root `src/gone.rs` of target `b` does not exist"]);
}

#[cfg(unix)]
#[test]
fn a_directory_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let tree = Tree::new("mod locked;").with("src/locked/mod.rs", atomic(""));
    fs::set_permissions(tree.path("src/locked"), fs::Permissions::from_mode(0o000)).expect("it is ours");
    let may_all_the_same = fs::read_dir(tree.path("src/locked")).is_ok();
    let (status, out, err) = tree.run("");
    fs::set_permissions(tree.path("src/locked"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    assert_eq!(status, Status::Found, "{out}{err}");
    assert!(out.contains("good.rs:3:"), "{out}");
    // The superuser may read everything.
    assert!(may_all_the_same || out.contains("cannot read `src/locked"), "{out}");
}

#[test]
fn a_directory_where_a_file_should_be() {
    let tree = Tree::new("mod odd;").with("src/odd.rs/inner.rs", "");
    tree.says(&["`src/odd.rs` is a directory"]);
}

#[test]
fn names_that_configuration_does_not_know() {
    let metadata = |line: &str| manifest("a") + "[package.metadata.atomic-lint]\n" + line;
    let tree = Tree::new("").with("Cargo.toml", metadata("split_read_modify_writes = \"deny\"\n"));
    tree.fails("", &["Cargo.toml", "split_read_modify_writes", "split_read_modify_write"]);
    let tree = Tree::new("").with("atomic-lint.toml", "pedantik = \"warn\"\n");
    tree.fails("", &["atomic-lint.toml", "pedantik", "pedantic"]);
    Tree::new("").with("atomic-lint.toml", "perf = \"loud\"\n").fails("", &["atomic-lint.toml", "loud"]);
    Tree::new("").with("atomic-lint.toml", "perf = ").fails("", &["atomic-lint.toml"]);
    Tree::new("").with("atomic-lint.toml", b"\xff").fails("", &["atomic-lint.toml"]);
    Tree::new("").fails("-W no_such_lint", &["no_such_lint"]);
}

/// The whole program: its output goes to a pipe that nobody reads, then to one that is closed after a line.
#[cfg(unix)]
#[test]
fn a_pipe_that_is_closed_ends_quietly() {
    let program = program(false);
    for format in ["human", "short", "json"] {
        let mut command = Command::new(&program);
        command.args(["--manifest-path", "fixtures/demo/Cargo.toml", "--message-format", format]).current_dir(root());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be started");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("error:"), "{stderr}");
    }
}

/// The statuses as a shell sees them, and where the words go.
#[test]
fn the_program_ends_with_the_status_of_the_run() {
    let program = program(false);
    let code = |dir: &Path| {
        let output = Command::new(&program).current_dir(dir).output().expect("it can be started");
        (output.status.code(), output.stdout.is_empty(), output.stderr.is_empty())
    };
    assert_eq!(code(Tree::new("").dir.path()), (Some(1), false, true));
    assert_eq!(code(Tree::new("").with("src/good.rs", "").dir.path()), (Some(0), false, true));
    assert_eq!(code(Tree::empty().dir.path()), (Some(2), true, false));
}
