//! A panic inside one lint is told, and takes nothing else with it.

use std::fs;

use atomic_lint_tests::{analyze_with, root};
use cargo_atomic_lint::finding::Confidence;
use cargo_atomic_lint::lint::{FixKind, Group, Lint};
use cargo_atomic_lint::lints;
use cargo_atomic_lint::workspace::Plan;

static PANICS: Lint = Lint {
    name: "panics",
    topic: "testing",
    group: Group::Correctness,
    confidence: Confidence::Certain,
    since: "0.1.0",
    fix: FixKind::None,
    docs: "Panics.",
    check: |cx, _| {
        // In the middle of a question, so that what the thread was about is left half done.
        let ops = cx.facts.ops.len();
        panic!("{ops} operations are too many");
    },
};

fn plan() -> (tempfile::TempDir, Plan) {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let file = dir.path().join("lib.rs");
    let text =
        fs::read_to_string(root().join("fixtures/split_read_modify_write/fires.rs")).expect("the fixture is there");
    fs::write(&file, text).expect("a file can be written");
    let plan = Plan::for_files(dir.path(), &[file]);
    (dir, plan)
}

#[test]
fn the_other_lints_go_on() {
    let (_dir, plan) = plan();
    let usual = analyze_with(&plan, lints::ALL.to_vec());
    let mut all = lints::ALL.to_vec();
    all.insert(3, &PANICS);
    let broken = analyze_with(&plan, all);
    let said = |a: &cargo_atomic_lint::driver::Analysis| -> Vec<String> {
        a.findings.iter().map(|f| format!("{} {:?} {}", f.lint.name, f.primary.site, f.message)).collect()
    };
    assert!(!usual.findings.is_empty() && !usual.is_broken);
    assert_eq!(said(&broken), said(&usual));
}

#[test]
fn it_is_a_diagnostic_that_names_the_lint() {
    let (_dir, plan) = plan();
    let analysis = analyze_with(&plan, vec![&PANICS]);
    let messages: Vec<&str> = analysis.problems.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].starts_with("internal error in the lint `panics`: "), "{messages:?}");
    assert!(messages[0].ends_with("operations are too many"), "{messages:?}");
    assert!(analysis.is_broken);
    assert_eq!(analysis.broken_lints.len(), 1);
}
