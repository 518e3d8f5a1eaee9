//! Under each step of the runtime's guide stands what the analyzer says of it, and it says just that.
//!
//! That the steps compile and do what they promise is what their doc tests show.

use std::collections::BTreeSet;

use atomic_lint_tests::{analyze_code, fences, root};
use cargo_atomic_lint::lint::Group;

#[test]
fn each_step_of_the_guide_has_the_findings_that_it_names() {
    let folder = root().join("runtime/src/guide");
    let pages: Vec<_> =
        std::fs::read_dir(folder).expect("there is a guide").map(|page| page.expect("a page").path()).collect();
    assert!(pages.len() >= 3, "only {} pages", pages.len());
    for path in pages {
        let text = std::fs::read_to_string(&path).expect("a page is text");
        check(&path.display().to_string(), &text);
    }
}

fn check(name: &str, text: &str) {
    let page: String =
        text.lines().filter_map(|line| line.strip_prefix("//!")).map(|line| format!("{line}\n")).collect();
    let steps = fences(&page);
    assert!(steps.len() >= 4, "only {} steps of {name} have tags", steps.len());
    for (n, (tags, code)) in steps.iter().enumerate() {
        let named: BTreeSet<&str> = tags.iter().filter_map(|tag| tag.strip_prefix("fires:")).collect();
        let is_quiet = tags.iter().any(|tag| tag == "quiet");
        assert!(
            named.is_empty() == is_quiet,
            "step {n} of {name} says neither what fires nor that all is quiet:\n{code}"
        );
        let analysis = analyze_code(code);
        assert!(analysis.problems.is_empty(), "step {n} of {name}: {:?}\n{code}", analysis.problems);
        // The guide runs with `-W pedantic`: without the house rules.
        let findings = analysis.findings.iter().filter(|f| f.lint.group != Group::Restriction);
        let reported: BTreeSet<&str> = findings.map(|f| f.lint.name).collect();
        assert_eq!(reported, named, "step {n} of {name}:\n{code}");
        // What fires is explained.
        assert!(named.iter().all(|lint| page.contains(&format!("`{lint}`"))), "step {n} of {name}: {named:?}");
    }
}
