//! Fixes, each a fixture: the mistake before, the code after, which compiles, lints clean and does the same.

use std::collections::BTreeSet;

use atomic_lint_tests::{FIXES, analyze_files, root};
use cargo_atomic_lint::finding::Applicability;
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

/// What is offered to be completed by hand, and what it comes to: the type that the fix names is what the migrated code
/// uses, and the mistake is gone. `behaviour` holds that both do the same.
#[test]
fn placeholders_name_the_type_that_the_migrated_code_uses() {
    let mut shown = 0;
    for lint in lints::ALL {
        let folder = root().join("fixtures").join(lint.name);
        let (before, after) = (folder.join("placeholder.rs"), folder.join("migrated.rs"));
        if !before.exists() {
            continue;
        }
        shown += 1;
        let migrated = std::fs::read_to_string(&after).expect("the migrated code stands beside the mistake");
        let analysis = analyze_files(&folder, &[before]);
        let own: Vec<_> = analysis.findings.iter().filter(|f| f.lint.name == lint.name).collect();
        assert!(!own.is_empty(), "{}/placeholder.rs holds no mistake", lint.name);
        let offered = own.iter().flat_map(|f| &f.fixes).filter(|f| f.applicability == Applicability::HasPlaceholders);
        let types: Vec<&str> = offered.flat_map(|f| &f.edits).filter_map(|e| runtime_type(&e.replacement)).collect();
        assert!(
            types.iter().any(|t| migrated.contains(t)),
            "{}: {types:?} is not what {} uses",
            lint.name,
            after.display()
        );
        let page = lint.page();
        assert!(
            page.contains("To move over") || page.contains("spsc::channel"),
            "{}: the page shows no migration",
            lint.name
        );
        let left = analyze_files(&folder, &[after]);
        assert!(left.findings.iter().all(|f| f.lint.name != lint.name), "{}/migrated.rs holds the mistake", lint.name);
    }
    assert_eq!(shown, 3, "a counter, a configuration, a ring");
}

/// `ShardedCounter` of `atomic_lint::ShardedCounter`.
fn runtime_type(text: &str) -> Option<&str> {
    let path = text.split_once("atomic_lint::")?.1;
    let path = path.split(|c: char| !c.is_alphanumeric() && c != ':' && c != '_').next()?;
    path.rsplit("::").next()
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
