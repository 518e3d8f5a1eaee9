//! What `tests/corpus.toml` says of findings in released crates is well-formed, and true of the crates.
//!
//! `cargo test -p atomic-lint-tests --test corpus -- --ignored` fetches the crates and holds every line against them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use atomic_lint_tests::corpus::{Corpus, Judged, Verdict};
use atomic_lint_tests::{Found, run};
use cargo_atomic_lint::level::Level;
use cargo_atomic_lint::lint::{Group, Lint};
use cargo_atomic_lint::lints;
use cargo_metadata::{CargoOpt, Message, MetadataCommand};

fn lint(name: &str) -> Option<&'static Lint> {
    lints::ALL.iter().copied().find(|l| l.name == name)
}

fn is_on_by_default(lint: &Lint) -> bool {
    lint.group.default_level() != Level::Allow
}

#[test]
fn every_entry_names_a_lint_and_says_why_in_one_sentence() {
    let corpus = Corpus::stored();
    for finding in &corpus.finding {
        let place = format!("{} {}:{}", finding.package(), finding.file, finding.line);
        assert!(lint(&finding.lint).is_some(), "{place}: there is no lint `{}`", finding.lint);
        assert!(corpus.read.contains(&finding.package()), "{place}: the crate is not among those that were read");
        assert!(finding.file.ends_with(".rs") && finding.line > 0, "{place} is no place");
        let why = &finding.why;
        let is_sentence = why.len() > 15 && !why.ends_with('.') && !why.contains(". ") && !why.contains('\n');
        assert!(is_sentence, "{place}: one sentence without a full stop, not {why:?}");
    }
}

#[test]
fn entries_are_sorted_and_stand_once() {
    let corpus = Corpus::stored();
    assert!(corpus.read.is_sorted_by(|a, b| a < b), "the crates that were read are sorted");
    for pair in corpus.finding.windows(2) {
        let [a, b] = [&pair[0], &pair[1]].map(|f| (f.package(), f.place()));
        assert!(a < b, "{a:?} stands before {b:?}");
    }
}

/// Not mended yet, all and of lints that deny. The goal is none: a `correctness` finding in good code is our mistake.
const KNOWN_WRONG: (usize, usize) = (0, 0);

#[test]
fn wrong_findings_are_the_known_ones() {
    let corpus = Corpus::stored();
    let is_wrong = |f: &&Judged| f.verdict == Verdict::Wrong && lint(&f.lint).is_some_and(is_on_by_default);
    let wrong: Vec<_> = corpus.finding.iter().filter(is_wrong).collect();
    let denied = wrong.iter().filter(|f| lint(&f.lint).is_some_and(|l| l.group == Group::Correctness)).count();
    assert_eq!((wrong.len(), denied), KNOWN_WRONG, "{wrong:#?}");
}

#[test]
#[ignore = "fetches crates"]
fn findings_are_exactly_those_written_up() {
    let corpus = Corpus::stored();
    let home = tempfile::tempdir().expect("a folder can be made");
    let mut differences = Vec::new();
    for package in &corpus.read {
        let (name, version) = package.split_once(' ').expect("a name and a version");
        let source = fetched(home.path(), name, version);
        let written: BTreeSet<_> = corpus.finding.iter().filter(|f| f.package() == *package).collect();
        let is_default = |place: &(String, usize, String)| lint(&place.2).is_some_and(is_on_by_default);
        let expected: Found = written.iter().map(|f| f.place()).collect();
        let all = found(&source, "-W all");
        let gone = expected.difference(&all).map(|p| format!("{package}: {p:?} is not found"));
        let new = all.difference(&expected).filter(|p| is_default(p));
        differences.extend(gone.chain(new.map(|p| format!("{package}: {p:?} is not written up"))));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The source of a crate, which cargo fetches for a package that depends on it.
fn fetched(home: &Path, name: &str, version: &str) -> PathBuf {
    let dir = home.join(format!("{name}-{version}"));
    std::fs::create_dir_all(dir.join("src")).expect("a folder can be made");
    let manifest = format!(
        "[package]\nname = \"holder\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n[dependencies]\n\
         {name} = {{ version = \"={version}\", default-features = false }}\n"
    );
    std::fs::write(dir.join("Cargo.toml"), manifest).expect("a manifest can be written");
    std::fs::write(dir.join("src/lib.rs"), "").expect("a file can be written");
    let mut metadata = MetadataCommand::new();
    metadata.manifest_path(dir.join("Cargo.toml")).features(CargoOpt::NoDefaultFeatures);
    let metadata = metadata.exec().unwrap_or_else(|e| panic!("{name} {version}: {e}"));
    let is_it = |p: &&cargo_metadata::Package| *p.name == name && p.version.to_string() == version;
    let package = metadata.packages.iter().find(is_it).expect("the crate is a dependency");
    let source = package.manifest_path.parent().expect("a manifest stands in a folder");
    // Cargo looks for a workspace above a package, and the copy that it keeps is not to be written to.
    let copy = dir.join("source");
    let copied = Command::new("cp").args(["-r", source.as_str()]).arg(&copy).status();
    assert!(copied.is_ok_and(|s| s.success()), "{name} {version} can be copied");
    std::fs::remove_file(dir.join("Cargo.toml")).expect("the manifest can be removed");
    copy
}

fn found(source: &Path, levels: &str) -> Found {
    let stdout = run(source, &format!("--message-format json {levels}")).stdout;
    let mut found = Found::new();
    for message in Message::parse_stream(&stdout[..]) {
        let Message::CompilerMessage(message) = message.expect("every line is a message") else { continue };
        let Some(code) = &message.message.code else { continue };
        let primary = message.message.spans.iter().find(|s| s.is_primary).expect("a finding has a place");
        let name = code.code.trim_start_matches("atomic_lint::").to_owned();
        found.insert((primary.file_name.clone(), primary.line_start, name));
    }
    found
}
