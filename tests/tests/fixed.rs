//! Fixes, each a fixture: the mistake before, the code after, which compiles, lints clean and does the same.

use std::collections::BTreeSet;

use atomic_lint_tests::{FIXES, analyze_files, root};
use cargo_atomic_lint::fix::Trust;
use cargo_atomic_lint::lint::FixKind;
use cargo_atomic_lint::lints;

#[test]
fn a_lint_says_that_it_has_fixes_if_and_only_if_a_fixture_shows_one() {
    let shown = |lint: &str| FIXES.iter().any(|(before, ..)| root().join("fixtures").join(lint).join(before).exists());
    // What takes suppressions out has its tests where they are read.
    for lint in lints::ALL.iter().filter(|l| l.name != "unfulfilled_suppression") {
        assert_eq!(lint.fix != FixKind::None, shown(lint.name), "{}: `fix:` and its fixtures disagree", lint.name);
    }
}

/// Otherwise a fixture of a fix would hold with no fix at all.
#[test]
fn every_function_of_a_fixture_of_a_fix_is_mended() {
    for lint in lints::ALL {
        for (before, after, trust) in FIXES {
            let folder = root().join("fixtures").join(lint.name);
            let file = folder.join(before);
            if !file.exists() {
                continue;
            }
            let count = |file| {
                let analysis = analyze_files(&folder, &[file]);
                let own = analysis.findings.iter().filter(|f| f.lint.name == lint.name);
                own.map(|f| f.fixes.iter().any(|fix| Trust::Safe.allows(fix.applicability))).collect::<Vec<_>>()
            };
            let found = count(file);
            assert!(!found.is_empty(), "{}/{before} holds no mistake", lint.name);
            if trust == Trust::All {
                assert!(found.iter().all(|safe| !safe), "{}/{before} holds what is safe to fix", lint.name);
            }
            assert_eq!(count(folder.join(after)).len(), 0, "{}/{after} still holds the mistake", lint.name);
        }
    }
}

/// The folders that hold fixtures of fixes declare them.
#[test]
fn fixtures_of_fixes_are_compiled() {
    let mut lost = BTreeSet::new();
    for lint in lints::ALL {
        for (before, after, _) in FIXES {
            let folder = root().join("fixtures").join(lint.name);
            let modules = std::fs::read_to_string(folder.join("mod.rs")).unwrap_or_default();
            for name in [before, after].map(|n| n.trim_end_matches(".rs")) {
                if folder.join(format!("{name}.rs")).exists() && !modules.contains(&format!("mod {name};")) {
                    lost.insert(format!("{}/{name}", lint.name));
                }
            }
        }
    }
    let lib = std::fs::read_to_string(root().join("fixtures/lib.rs")).unwrap_or_default();
    if !lib.contains("#[cfg(test)]\nmod behaviour;") {
        lost.insert("behaviour".to_owned());
    }
    assert!(lost.is_empty(), "not compiled: {lost:?}");
}
