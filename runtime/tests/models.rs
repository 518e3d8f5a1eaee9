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
    for_each_source(&package.join("tests/tsan"), &mut |text| {
        caught.extend(text.split('"').skip(1).step_by(2).map(String::from));
    });
    let escaped: Vec<_> = planted.difference(&caught).collect();
    assert!(escaped.is_empty(), "nothing catches {escaped:?}");
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
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            for_each_source(&path, each);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            each(&std::fs::read_to_string(&path).expect("sources are text"));
        }
    }
}
