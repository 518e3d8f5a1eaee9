use super::*;

/// A package on disk.
struct Project(tempfile::TempDir);

impl Project {
    fn new(files: &[(&str, &str)]) -> Project {
        let dir = tempfile::tempdir().unwrap();
        let manifest = ("Cargo.toml", "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
        for (name, text) in [manifest].iter().chain(files) {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Project(dir)
    }

    /// Status, standard output, standard error.
    fn run(&self, line: &str) -> (Status, String, String) {
        let around = Surroundings {
            args: ["cargo-atomic-lint", "atomic-lint"]
                .into_iter()
                .chain(line.split_whitespace())
                .map(OsString::from)
                .collect(),
            current_dir: Some(self.0.path().to_owned()),
            ..Surroundings::default()
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = run(&around, &mut out, &mut err);
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(&*self.0.path().to_string_lossy(), "[DIR]");
        (status, text(out), text(err))
    }

    fn shown(&self, line: &str) -> String {
        let (status, out, err) = self.run(line);
        format!("{status:?}\n{out}--\n{err}")
    }
}

const SUPPRESSED: &str = "\
use std::sync::atomic::AtomicU64;
// atomic-lint: allow(unfulfilled_suppression, all)
fn f() {}
";

#[test]
fn a_clean_package() {
    let project = Project::new(&[("src/lib.rs", "fn f() {}")]);
    insta::assert_snapshot!(project.shown(""), @"
    Clean
    no findings in 1 crate; 0 atomic operations, 0 resolved to 0 locations
    --
    ");
    insta::assert_snapshot!(project.shown("check -q"), @"
    Clean
    --
    ");
    insta::assert_snapshot!(project.shown("--coverage"), @"
    Clean
    coverage
      1 file, 0 parsed (the others name no atomic or are tests)
      0 functions
      0 atomic operations, 0 resolved to 0 locations
    no findings in 1 crate; 0 atomic operations, 0 resolved to 0 locations
    --
    ");
}

#[test]
fn findings_and_levels() {
    let project =
        Project::new(&[("src/lib.rs", "// atomic-lint: allow(foo)\npub use std::sync::atomic::AtomicU64;\n")]);
    insta::assert_snapshot!(project.shown(""), @"
    Clean
    warning[atomic_lint::unfulfilled_suppression]: unknown lint `foo`; `cargo atomic-lint list` shows all
      --> src/lib.rs:1:23
      |
    1 | // atomic-lint: allow(foo)
      |                       ^^^
      |
      = more: cargo atomic-lint explain unfulfilled_suppression

    1 warning in 1 crate; 0 atomic operations, 0 resolved to 0 locations
    --
    ");
    insta::assert_snapshot!(project.shown("--message-format short -D warnings"), @"
    Found
    src/lib.rs:1:23: error[atomic_lint::unfulfilled_suppression]: unknown lint `foo`; `cargo atomic-lint list` shows all
    1 error in 1 crate; 0 atomic operations, 0 resolved to 0 locations
    --
    ");
    insta::assert_snapshot!(project.shown("-D warnings -A all"), @"
    Clean
    no findings in 1 crate; 0 atomic operations, 0 resolved to 0 locations
    --
    ");
    insta::assert_snapshot!(project.shown("-v"), @"
    Clean
    warning[atomic_lint::unfulfilled_suppression]: unknown lint `foo`; `cargo atomic-lint list` shows all
      --> src/lib.rs:1:23
      |
    1 | // atomic-lint: allow(foo)
      |                       ^^^
      |
      = certain; `unfulfilled_suppression` is at warn: default of suspicious
      = more: cargo atomic-lint explain unfulfilled_suppression

    coverage
      1 file, 1 parsed (the others name no atomic or are tests)
      0 functions
      0 atomic operations, 0 resolved to 0 locations
    1 warning in 1 crate; 0 atomic operations, 0 resolved to 0 locations
    --
    ");
}

#[test]
fn suppressed_findings_are_listed_on_request() {
    let project = Project::new(&[("src/lib.rs", SUPPRESSED)]);
    insta::assert_snapshot!(project.shown("--report-suppressed"), @"
    Clean
    warning[atomic_lint::unfulfilled_suppression]: there is no finding of `unfulfilled_suppression` in the statement or item below
      --> src/lib.rs:2:23
      |
    2 | // atomic-lint: allow(unfulfilled_suppression, all)
      |                       ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = more: cargo atomic-lint explain unfulfilled_suppression

    warning[atomic_lint::unfulfilled_suppression]: there is no finding of any lint in the statement or item below
      --> src/lib.rs:2:48
      |
    2 | // atomic-lint: allow(unfulfilled_suppression, all)
      |                                                ^^^
      |
      = more: cargo atomic-lint explain unfulfilled_suppression

    2 warnings in 1 crate; 0 atomic operations, 0 resolved to 0 locations
    --
    ");
}

#[test]
fn usage_errors() {
    let project = Project::new(&[("src/lib.rs", "")]);
    insta::assert_snapshot!(project.shown("-D unfulfiled_suppression"), @"
    Failed
    --
    error: invalid value 'unfulfiled_suppression' for '--deny <LINT>': unknown lint `unfulfiled_suppression`; did you mean `unfulfilled_suppression`?

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(project.shown("-p demmo"), @"
    Failed
    --
    error: no package of the workspace matches `demmo` ([DIR]/Cargo.toml); did you mean `demo`?
    ");
    insta::assert_snapshot!(project.shown("explain nothing"), @"
    Failed
    --
    error: unknown lint `nothing`; `cargo atomic-lint explain` lists all
    ");
    insta::assert_snapshot!(project.shown("--manifest-path nowhere/Cargo.toml"), @"
    Failed
    --
    error: the manifest `[DIR]/nowhere/Cargo.toml` does not exist; give the path of a Cargo.toml to `--manifest-path`
    ");
    assert_eq!(project.run("--help").0, Status::Clean);
    assert_eq!(project.run("--version").1, format!("cargo-atomic-lint {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn configuration_errors() {
    let project = Project::new(&[("src/lib.rs", ""), ("atomic-lint.toml", "perf = \"warn\"\nperv = \"deny\"\n")]);
    insta::assert_snapshot!(project.shown(""), @r#"
    Failed
    --
    error: unknown lint or key `perv`
      --> atomic-lint.toml:2:1
      |
    2 | perv = "deny"
      | ^^^^
      |
      = help: did you mean `perf`?
    "#);
}

#[test]
fn a_file_that_does_not_parse() {
    let project = Project::new(&[
        ("src/lib.rs", "mod a;\nmod b;\nmod missing;\n"),
        ("src/a.rs", "use std::sync::atomic::AtomicU64;\nfn f( {\n"),
        ("src/b.rs", "use std::sync::atomic::AtomicU64;\n// atomic-lint: allow(foo)\nfn g() {}\n"),
    ]);
    insta::assert_snapshot!(project.shown(""), @"
    Found
    error: no file for module `missing`: neither `src/missing.rs` nor `src/missing/mod.rs` exists
      --> src/lib.rs:3:1
      |
    3 | mod missing;
      | ^^^^^^^^^^^^
      |
      = help: create the file or take the declaration out

    error: this file cannot be parsed: unbalanced delimiter or malformed token
      --> src/a.rs:2:7
      |
    2 | fn f( {
      |       ^

    warning[atomic_lint::unfulfilled_suppression]: unknown lint `foo`; `cargo atomic-lint list` shows all
      --> src/b.rs:2:23
      |
    2 | // atomic-lint: allow(foo)
      |                       ^^^
      |
      = more: cargo atomic-lint explain unfulfilled_suppression

    2 errors, 1 warning in 1 crate; 0 atomic operations, 0 resolved to 0 locations; 2 files skipped (--coverage)
    --
    ");
}

#[test]
fn levels_are_listed_for_the_workspace_at_hand() {
    let project = Project::new(&[("src/lib.rs", ""), ("atomic-lint.toml", "suspicious = \"deny\"\n")]);
    let row = |line: &str| {
        let (_, out, _) = project.run(line);
        out.lines().find(|l| l.starts_with("unfulfilled_suppression")).unwrap().to_owned()
    };
    assert!(row("list").ends_with("atomic-lint.toml:1:1"));
    assert!(row("-A all list").ends_with("`-A all`"));
}

#[test]
fn json_is_one_stream() {
    let project =
        Project::new(&[("src/lib.rs", "// atomic-lint: allow(foo)\npub use std::sync::atomic::AtomicU64;\n")]);
    let (status, out, err) = project.run("--message-format=json --manifest-path Cargo.toml --all-targets --keep-going");
    assert_eq!((status, err.lines().count()), (Status::Clean, 1));
    let kinds: Vec<_> = cargo_metadata::Message::parse_stream(out.as_bytes())
        .map(|message| match message.unwrap() {
            cargo_metadata::Message::CompilerMessage(m) => m.message.code.unwrap().code,
            cargo_metadata::Message::CompilerArtifact(a) => format!("{} done", a.target.name),
            cargo_metadata::Message::BuildFinished(b) => format!("finished {}", b.success),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["atomic_lint::unfulfilled_suppression", "demo done", "finished true"]);
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let text = "pub use std::sync::atomic::AtomicU64;\n// atomic-lint: allow(foo)\n".repeat(20);
    let names: Vec<String> = (0..12).map(|n| format!("src/m{n}.rs")).collect();
    let root: String = (0..12).map(|n| format!("mod m{n};\n")).collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), text.as_str())).collect();
    files.push(("src/lib.rs", &root));
    let project = Project::new(&files);
    let one = project.shown("--jobs 1 --coverage");
    assert!(one.contains("240 warnings"), "{one}");
    for jobs in [2, 3, 8] {
        assert_eq!(project.shown(&format!("--jobs {jobs} --coverage")), one);
    }
}

/// Takes `left` bytes, then is gone.
struct Pipe {
    left: usize,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = self.left.min(bytes.len());
        self.left -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let project =
        Project::new(&[("src/lib.rs", "// atomic-lint: allow(foo)\npub use std::sync::atomic::AtomicU64;\n")]);
    for left in [0, 1, 40] {
        let around = Surroundings {
            args: ["x", "-D", "warnings"].map(OsString::from).to_vec(),
            current_dir: Some(project.0.path().to_owned()),
            ..Surroundings::default()
        };
        let mut err = Vec::new();
        let status = run(&around, &mut Pipe { left }, &mut err);
        assert_eq!((status, err.len()), (Status::Found, 0));
    }
}

#[test]
fn the_ir_of_a_file_is_printed_as_text_that_reads_back() {
    let source = "pub static N: AtomicU64 = AtomicU64::new(0);\nfn f() { N.store(N.load(Relaxed) + 1, Relaxed) }\n";
    let project = Project::new(&[("src/lib.rs", source)]);
    let (status, out, err) = project.run("ir src/lib.rs");
    assert_eq!((status, err.as_str()), (Status::Clean, ""));
    let lowered = crate::lower::lower(source, true).expect("it is Rust");
    assert_eq!(crate::ir::text::parse(&out), Ok(lowered));
}
