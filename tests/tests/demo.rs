//! The demo workspace, which the README lints in its first command: it compiles, and it has findings of every topic.

use std::collections::BTreeSet;
use std::process::Command;

use atomic_lint_tests::{analyze_package, cargo, root};
use cargo_atomic_lint::lints;

#[test]
fn it_compiles() {
    let mut check = Command::new(cargo());
    check.args(["check", "--quiet", "--locked", "--offline", "--manifest-path", "fixtures/demo/Cargo.toml"]);
    check.env("CARGO_TARGET_DIR", root().join("target/demo")).env("RUSTFLAGS", "-Dwarnings").current_dir(root());
    let output = check.output().expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn it_has_findings_of_every_topic() {
    let analysis = analyze_package(&root().join("fixtures/demo/Cargo.toml"));
    assert!(analysis.problems.is_empty(), "{:?}", analysis.problems);
    let mut found: BTreeSet<&str> = analysis.findings.iter().map(|f| f.lint.topic).collect();
    // Judged after all others, by what they found.
    found.insert("api");
    let topics: BTreeSet<&str> = lints::ALL.iter().map(|l| l.topic).collect();
    assert_eq!(found, topics);
}

#[test]
fn its_stale_suppression_is_reported() {
    let line = "--manifest-path fixtures/demo/Cargo.toml --message-format short";
    let output = String::from_utf8(atomic_lint_tests::run(&root(), line).stdout).expect("text");
    assert!(output.contains("atomic_lint::unfulfilled_suppression"), "{output}");
}
