//! Runs the loom models from an ordinary `cargo test`.
//!
//! They need another build of this crate (`--cfg atomic_lint_loom`), so a child cargo builds it in
//! a target directory of its own, `target/loom`: neither build throws away the other's work.

#![cfg(not(atomic_lint_loom))]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

#[test]
fn every_loom_model_holds_and_catches_its_planted_mistakes() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = package.join("../target/loom");
    let output = Command::new(env!("CARGO"))
        .current_dir(package)
        .args(["test", "--quiet", "--test", "loom", "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", "--cfg atomic_lint_loom")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A mistake that no model catches would be a claim without a proof.
#[test]
fn every_planted_mistake_belongs_to_a_model() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut planted = BTreeSet::new();
    for_each_source(&package.join("src"), &mut |text| {
        planted.extend(names_after(text, "weaken("));
        planted.extend(names_after(text, "argued("));
        // What the macro passes on to `weaken`.
        planted.extend(names_after(text, "fetch_max, "));
        planted.extend(names_after(text, "fetch_min, "));
    });
    let mut caught = BTreeSet::new();
    for_each_source(&package.join("tests/loom"), &mut |text| {
        for list in text.split("catches [").skip(1) {
            let list = list.split(']').next().unwrap_or_default();
            caught.extend(list.split('"').skip(1).step_by(2).map(String::from));
        }
    });
    caught.remove("mistake"); // the example in the harness's own documentation
    assert!(planted.len() > 30, "the search found too little: {planted:?}");
    let unknown: Vec<_> = caught.difference(&planted).collect();
    assert!(unknown.is_empty(), "models catch what nobody plants: {unknown:?}");
    // What ThreadSanitizer catches is a proof too.
    let sanitized = std::fs::read_to_string(package.join("tests/tsan.rs")).expect("the list is there");
    let list = sanitized.split("const PLANTED").nth(1).and_then(|rest| rest.split("];").next()).unwrap_or_default();
    caught.extend(list.split('"').skip(1).step_by(2).map(String::from));
    let escaped: Vec<_> = planted.difference(&caught).collect();
    assert!(escaped.is_empty(), "nothing catches {escaped:?}");
}

/// An ordering does nothing alone: the comment beside it names the operation that it works with.
#[test]
fn every_ordering_names_its_partner() {
    for_each_ordering(&mut |file, lines, line| {
        let function = (0..=line).rev().find(|above| lines[*above].contains("fn ")).unwrap_or(0);
        let comments = || lines[function..line].iter().filter(|line| line.trim_start().starts_with("//"));
        let names = comments().any(|line| line.contains("artner") || line.contains("pairs with"));
        assert!(names, "{file}:{}: {} has no partner", line + 1, lines[line].trim());
    });
}

/// Every ordering above Relaxed can be weakened by name, so that the test above asks for the proof
/// that notices.
#[test]
fn every_ordering_above_relaxed_is_planted() {
    let above = |line: &str| ["Acquire", "Release", "AcqRel", "SeqCst"].iter().any(|order| line.contains(order));
    for_each_ordering(&mut |file, lines, line| {
        // A fence is left out as a whole, by a branch a few lines above.
        let near = lines[line.saturating_sub(16)..=line].join("\n");
        let is_planted = lines[line].contains("argued(") || near.contains("weaken(");
        assert!(!above(lines[line]) || is_planted, "{file}:{}: {} can't be weakened", line + 1, lines[line].trim());
    });
}

/// Calls `each` for every line of code with an ordering that isn't a mistake on purpose.
fn for_each_ordering(each: &mut dyn FnMut(&str, &[&str], usize)) {
    let mut orderings = 0;
    for_each_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut |path, text| {
        let code = text.split("#[cfg(all(test").next().unwrap_or_default();
        let lines: Vec<&str> = code.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let is_code = !line.trim_start().starts_with("//") && !line.contains("use ");
            let on_purpose = lines[number.saturating_sub(4)..number].iter().any(|line| line.contains("on purpose"));
            // `argued` itself chooses between an ordering and Relaxed.
            let is_tool = path.ends_with("primitive.rs");
            if is_code && line.contains("Ordering::") && !on_purpose && !is_tool {
                orderings += 1;
                each(&path.display().to_string(), &lines, number);
            }
        }
    });
    assert!(orderings > 150, "the search found too little: {orderings}");
}

/// The literal in the rest of the argument list, for each place where `start` stands.
fn names_after(text: &str, start: &str) -> Vec<String> {
    let name = |arguments: &str| {
        let arguments = &arguments[..arguments.find(')')?];
        arguments.split('"').nth(1).map(String::from)
    };
    text.split(start).skip(1).filter_map(name).collect()
}

fn for_each_source(folder: &Path, each: &mut dyn FnMut(&str)) {
    for_each_file(folder, &mut |_, text| each(text));
}

fn for_each_file(folder: &Path, each: &mut dyn FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            for_each_file(&path, each);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            each(&path, &std::fs::read_to_string(&path).expect("sources are text"));
        }
    }
}
