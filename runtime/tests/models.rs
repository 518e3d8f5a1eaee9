//! Runs the loom models from an ordinary `cargo test`.
//!
//! They need another build of this crate (`--cfg atomic_lint_loom`), so a child cargo builds it in
//! a target directory of its own, `target/loom`: neither build throws away the other's work.

#![cfg(not(atomic_lint_loom))]

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
