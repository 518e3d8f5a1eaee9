//! Under each step of the runtime's guide stands what the analyzer says of it, and it says just that.
//!
//! That the steps compile and do what they promise is what their doc tests show.

use std::collections::BTreeSet;

use atomic_lint_tests::{analyze_code, fences, root};
use cargo_atomic_lint::lint::Group;

#[test]
fn each_step_of_the_guide_has_the_findings_that_it_names() {
    let guide = std::fs::read_to_string(root().join("runtime/src/guide.rs")).expect("there is a guide");
    let page: String =
        guide.lines().filter_map(|line| line.strip_prefix("//!")).map(|line| format!("{line}\n")).collect();
    let steps = fences(&page);
    assert!(steps.len() > 10, "only {} steps have tags", steps.len());
    for (n, (tags, code)) in steps.iter().enumerate() {
        let named: BTreeSet<&str> = tags.iter().filter_map(|tag| tag.strip_prefix("fires:")).collect();
        let is_quiet = tags.iter().any(|tag| tag == "quiet");
        assert!(named.is_empty() == is_quiet, "step {n} says neither what fires nor that all is quiet:\n{code}");
        let analysis = analyze_code(code);
        assert!(analysis.problems.is_empty(), "step {n}: {:?}\n{code}", analysis.problems);
        // The guide runs with `-W pedantic`: without the house rules.
        let findings = analysis.findings.iter().filter(|f| f.lint.group != Group::Restriction);
        let reported: BTreeSet<&str> = findings.map(|f| f.lint.name).collect();
        assert_eq!(reported, named, "step {n}:\n{code}");
        // What fires is explained.
        assert!(named.iter().all(|lint| page.contains(&format!("`{lint}`"))), "step {n}: {named:?}");
    }
}
