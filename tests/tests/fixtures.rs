//! Every lint runs on every fixture: what is marked must be reported, and nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use atomic_lint_tests::{Found, analyze_code, analyze_package, fences, found, root};
use cargo_atomic_lint::lints;

#[test]
fn findings_are_those_that_are_marked() {
    let analysis = analyze_package(&root().join("fixtures/Cargo.toml"));
    assert!(analysis.problems.is_empty(), "fixtures have problems: {:?}", analysis.problems);
    let found = found(&analysis);
    let mut marked = Found::new();
    for file in rust_files(&root().join("fixtures")) {
        let text = std::fs::read_to_string(&file).expect("a fixture can be read");
        let shown =
            file.strip_prefix(root()).expect("fixtures are in the repository").to_string_lossy().replace('\\', "/");
        marked.extend(marks(&text).into_iter().map(|(line, lint)| (shown.clone(), line, lint)));
    }
    let missing: Vec<_> = marked.difference(&found).collect();
    let surplus: Vec<_> = found.difference(&marked).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "marked, but not reported:\n{}\nreported, but not marked:\n{}",
        list(&missing),
        list(&surplus)
    );
}

#[test]
fn every_lint_has_firing_and_quiet_fixtures() {
    for lint in lints::ALL.iter().filter(|l| l.name != "unfulfilled_suppression") {
        let folder = root().join("fixtures").join(lint.name);
        let fires = std::fs::read_to_string(folder.join("fires.rs")).unwrap_or_default();
        assert!(marks(&fires).iter().any(|(_, l)| l == lint.name), "{} has no fixture in which it fires", lint.name);
        assert!(folder.join("quiet.rs").exists(), "{} has no quiet fixture", lint.name);
    }
}

/// The examples of the explain pages do what the page says.
#[test]
fn examples_of_the_pages_fire_or_stay_quiet() {
    for lint in lints::ALL.iter().filter(|l| l.name != "unfulfilled_suppression") {
        let fences = fences(lint.docs);
        let is_tagged = |tags: &[String], tag: &str| tags.iter().any(|t| t == tag);
        assert!(fences.iter().any(|(tags, _)| is_tagged(tags, "fires")), "{} shows no example", lint.name);
        assert!(fences.iter().any(|(tags, _)| is_tagged(tags, "quiet")), "{} shows nothing to use instead", lint.name);
        for (n, (tags, code)) in fences.iter().enumerate() {
            let analysis = analyze_code(code);
            assert!(analysis.problems.is_empty(), "{} example {n} does not parse", lint.name);
            let reported = analysis.findings.iter().any(|f| f.lint.name == lint.name);
            let wanted = is_tagged(tags, "fires");
            assert_eq!(reported, wanted, "{} example {n}:\n{code}\n{:?}", lint.name, found(&analysis));
        }
    }
}

/// `//~ a, b` at the end of a line, `//~^ a` below it.
fn marks(text: &str) -> BTreeSet<(usize, String)> {
    let mut marks = BTreeSet::new();
    for (i, line) in text.lines().enumerate() {
        // The first `//~` of the line, so that documentation can mention the form in backquotes.
        let Some((before, mark)) = line.split_once("//~") else { continue };
        if before.trim_start().starts_with("//!") {
            continue;
        }
        let above = mark.chars().take_while(|c| *c == '^').count();
        for lint in mark[above..].split(',').map(str::trim).filter(|l| !l.is_empty()) {
            marks.insert((i + 1 - above, lint.to_owned()));
        }
    }
    marks
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        match path.is_dir() {
            true if path.ends_with("demo") || path.ends_with("target") => {}
            true => files.extend(rust_files(&path)),
            false if path.extension().is_some_and(|e| e == "rs") => files.push(path),
            false => {}
        }
    }
    files
}

fn list(found: &[&(String, usize, String)]) -> String {
    found.iter().map(|(file, line, lint)| format!("  {file}:{line}: {lint}\n")).collect()
}
