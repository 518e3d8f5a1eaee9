//! What `--message-format json` promises to rust-analyzer and every other reader of cargo's stream, held against cargo's
//! own message parser and the files that the messages point into.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cargo_atomic_lint::cli::{self, Status, Surroundings};
use cargo_metadata::Message;
use cargo_metadata::diagnostic::{Diagnostic, DiagnosticLevel, DiagnosticSpan};

/// The messages of a run in `dir`, and how it ended.
fn messages(dir: &Path, line: &str) -> (Status, Vec<Message>) {
    let around = Surroundings {
        args: ["cargo-atomic-lint"].into_iter().chain(line.split(' ')).map(OsString::from).collect(),
        current_dir: Some(dir.to_owned()),
        ..Surroundings::default()
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = cli::run(&around, &mut out, &mut err);
    let messages: Vec<Message> =
        Message::parse_stream(&out[..]).map(|m| m.expect("cargo's parser understands every line")).collect();
    assert!(!messages.iter().any(|m| matches!(m, Message::TextLine(_))), "every line is JSON");
    (status, messages)
}

/// Holds one run of `line` in the workspace `dir` to the contract; gives the number of findings.
fn hold(dir: &Path, line: &str) -> usize {
    let (status, messages) = messages(dir, line);
    let Some((Message::BuildFinished(finished), before)) = messages.split_last() else {
        panic!("the stream ends with build-finished");
    };
    assert_eq!(finished.success, status == Status::Clean);
    let mut done = Vec::new();
    let mut findings = 0;
    for message in before {
        match message {
            Message::CompilerMessage(m) => {
                assert!(!done.contains(&m.package_id), "messages come before their package is done");
                assert!(!m.target.name.is_empty() && m.target.src_path.is_absolute());
                assert_eq!(m.message.code.is_none(), m.message.message.contains("cannot be parsed"));
                diagnostic(dir, &m.message);
                findings += 1;
            }
            Message::CompilerArtifact(a) => {
                assert!(!a.fresh, "a fresh artifact would keep old findings alive");
                assert!(a.manifest_path.is_file());
                done.push(a.package_id.clone());
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    assert!(!done.is_empty());
    findings
}

fn diagnostic(dir: &Path, d: &Diagnostic) {
    assert!(matches!(d.level, DiagnosticLevel::Error | DiagnosticLevel::Warning));
    assert_eq!(d.spans.iter().filter(|s| s.is_primary).count(), 1, "one primary span: {}", d.message);
    let rendered = d.rendered.as_ref().expect("every finding comes rendered");
    assert!(rendered.contains(&d.message));
    if let Some(code) = &d.code {
        assert_eq!(code.code.matches("::").count(), 1);
        assert!(code.code.starts_with("atomic_lint::"));
        let last = d.children.last().expect("the link to the page is the last child");
        assert!(last.spans.is_empty() && last.message.contains("explain"));
    }
    d.spans.iter().for_each(|s| span(dir, s));
    for child in &d.children {
        assert!(matches!(child.level, DiagnosticLevel::Note | DiagnosticLevel::Help));
        for s in &child.spans {
            assert!(s.suggested_replacement.is_some() && s.suggestion_applicability.is_some());
            span(dir, s);
        }
    }
}

/// Lines, columns, bytes and text of a span name the same piece of the file on disk.
fn span(dir: &Path, span: &DiagnosticSpan) {
    let path: PathBuf = dir.join(&span.file_name);
    assert!(Path::new(&span.file_name).is_relative(), "{}", span.file_name);
    let bytes = std::fs::read(&path).expect("the file is there");
    let by_bytes =
        std::str::from_utf8(&bytes[span.byte_start as usize..span.byte_end as usize]).expect("whole characters");
    let text = std::str::from_utf8(&bytes).expect("a Rust file");
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').split('\n').map(|l| l.trim_end_matches('\r')).collect();
    assert_eq!(span.text.len(), span.line_end - span.line_start + 1);
    let mut pieces = Vec::new();
    for (number, shown) in (span.line_start..).zip(&span.text) {
        assert_eq!(shown.text, lines[number - 1]);
        let from = if number == span.line_start { span.column_start } else { 1 };
        let to = if number == span.line_end { span.column_end } else { shown.text.chars().count() + 1 };
        assert_eq!((shown.highlight_start, shown.highlight_end), (from, to));
        pieces.push(shown.text.chars().skip(from - 1).take(to - from).collect::<String>());
    }
    assert_eq!(pieces.join("\n"), by_bytes.replace("\r\n", "\n"));
}

/// A package whose one file has these bytes.
fn package(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let manifest = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    std::fs::create_dir(dir.path().join("src")).expect("a directory");
    std::fs::write(dir.path().join("Cargo.toml"), manifest).expect("a file");
    std::fs::write(dir.path().join("src/lib.rs"), text).expect("a file");
    dir
}

#[test]
fn the_fixtures_keep_the_contract() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    hold(root, "--message-format json -W all -p atomic-lint-fixtures");
    hold(root, "check --message-format=json-diagnostic-rendered-ansi -p atomic-lint-fixtures");
}

#[test]
fn line_ends_marks_and_wide_characters_are_counted_as_rustc_does() {
    let code = "pub fn é() { let _ = \"😀\"; /* ü */ } // atomic-lint: allow(no_such_lint)\n\t// atomic-lint: allow(a, b)\nfn f() {}\n";
    let unix = package(code);
    assert_eq!(hold(unix.path(), "--message-format json"), 3);
    let windows = package(&format!("\u{feff}{}", code.replace('\n', "\r\n")));
    assert_eq!(hold(windows.path(), "--message-format json"), 3);
}

#[test]
fn a_file_that_does_not_parse_is_a_message_too() {
    let dir = package("use std::sync::atomic::AtomicU64;\nfn f( {\n");
    assert_eq!(hold(dir.path(), "--message-format json"), 1);
}

#[test]
fn rust_analyzers_call_works() {
    let dir = package("pub use std::sync::atomic::AtomicU64; // atomic-lint: allow(no_such_lint)\n");
    let manifest = dir.path().join("Cargo.toml");
    let line =
        format!("--workspace --message-format=json --manifest-path {} --all-targets --keep-going", manifest.display());
    assert_eq!(hold(dir.path(), &line), 1);
}

#[test]
fn cargo_check_comes_first_in_the_same_stream() {
    let dir = package("fn unused() {}\npub use std::sync::atomic::AtomicU64; // atomic-lint: allow(no_such_lint)\n");
    let (status, messages) = messages(dir.path(), "--with check --message-format json");
    let codes: Vec<String> = messages
        .iter()
        .filter_map(|m| match m {
            Message::CompilerMessage(m) => Some(m.message.code.as_ref()?.code.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(codes, ["dead_code", "atomic_lint::unfulfilled_suppression"]);
    assert_eq!(messages.iter().filter(|m| matches!(m, Message::BuildFinished(_))).count(), 1);
    assert_eq!(status, Status::Clean);
}
