//! What is shipped beside the program speaks of flags and files that exist.

use std::path::Path;

use atomic_lint_tests::{root, run};
use cargo_atomic_lint::cli::Status;

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The long flags in a text that are meant for the tool: those behind `cargo atomic-lint` on a line, and in `args`.
fn flags(text: &str) -> Vec<String> {
    let ours = text.lines().filter_map(|l| l.split_once("cargo atomic-lint").map(|(_, rest)| rest));
    let added = text.lines().filter(|l| l.contains("args+=(") || l.trim_start().starts_with("args:"));
    let words = ours.chain(added).flat_map(|l| l.split([' ', '`', '(', ')', '"', '=', ',', ']', '\'']));
    words.filter(|w| w.starts_with("--") && w.len() > 2).map(str::to_owned).collect()
}

#[test]
fn every_flag_in_the_shipped_files_exists() {
    let help = |command: &str| {
        let ran = run(Path::new("."), &format!("{command} --help"));
        assert_eq!(ran.status, Status::Clean);
        String::from_utf8(ran.stdout).expect("text")
    };
    let known: String = ["", "merge", "baseline", "diff", "layout", "man"].iter().map(|c| help(c)).collect();
    let mut count = 0;
    for name in ["action.yml", ".pre-commit-hooks.yaml", "docs/gitlab-ci.yml", "docs/adopt.md", "README.md"] {
        for flag in flags(&read(name)) {
            assert!(known.contains(&flag), "{name} speaks of `{flag}`");
            count += 1;
        }
    }
    assert!(count > 15, "the search finds flags: {count}");
}

#[test]
fn inputs_never_become_part_of_a_script() {
    let action = read("action.yml");
    let mut in_script = None;
    for line in action.lines() {
        let indent = line.len() - line.trim_start().len();
        if let Some(of) = in_script.filter(|of| indent > *of || line.trim().is_empty()) {
            assert!(!line.contains("${{"), "under column {of}: {line}");
            continue;
        }
        in_script = None;
        if line.trim_start().starts_with("run:") {
            let is_ours = line.contains("${{");
            assert!(!is_ours, "{line}");
            in_script = Some(indent);
        }
    }
}

#[test]
fn binstall_finds_the_program_by_the_names_of_the_manifest() {
    let manifest = read("analyzer/Cargo.toml");
    for piece in
        ["pkg-url = \"{ repo }/releases/download/v{ version }/", "/{ bin }{ binary-ext }\"", "pkg-fmt = \"tgz\""]
    {
        assert!(manifest.contains(piece), "{piece}");
    }
}

#[test]
fn the_page_on_adoption_links_to_what_is_there() {
    let page = read("docs/adopt.md");
    for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(link.starts_with("http") || root().join("docs").join(link).exists(), "{link}");
    }
}
