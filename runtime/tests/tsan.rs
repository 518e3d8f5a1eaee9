//! Runs the stress entries under ThreadSanitizer, each argued edge once as it is and once planted
//! as a mistake, which the sanitizer must report.
//!
//! It needs a nightly toolchain (not `build-std`), builds the crate once more, and is therefore
//! asked for by name:
//!
//! ```text
//! cargo test -p atomic-lint --test tsan -- --ignored --nocapture
//! ```
//!
//! The sanitizer follows one execution and models no fences, so it proves less than the models do;
//! it sees the real structures, with their dependencies and their reclamation.

#![cfg(not(any(atomic_lint_loom, atomic_lint_tsan)))]

use std::path::Path;
use std::process::{Command, Output};

/// Entry of `tests/tsan/stress.rs`, and a mistake in it that the sanitizer sees.
const PLANTED: [(&str, &str); 24] = [
    ("planted", ""),
    ("stack", "stack-push"),
    ("stack", "stack-pop"),
    ("queue", "queue-fill"),
    ("queue", "queue-empty"),
    ("hazard", "hazard-let-go"),
    ("hazard", "hazard-move-on"),
    ("hazard", "hazard-swap"),
    ("gate", "gate-apply"),
    ("gate", "gate-look"),
    ("latch", "latch-open"),
    ("countdown", "countdown"),
    ("debouncer", "debouncer-touch"),
    ("ring", "ring-publish"),
    ("ring", "ring-give-back"),
    ("spin", "spin-unlock"),
    ("ticket", "ticket-unlock"),
    ("refcount", "refcount-release"),
    ("refcount", "refcount-last"),
    ("single_writer", "single-writer-set"),
    ("bits", "bits-remove"),
    ("free_list", "tagged-replace"),
    ("packed", "packed-store"),
    ("mirror", "mirror"),
];

#[test]
#[ignore = "needs a nightly toolchain and builds the crate again"]
fn stress_is_clean_and_planted_races_are_found() {
    let Some(target) = target() else {
        return;
    };
    let run = |entry: &str, mistake: &str| stress(&target, entry, mistake);
    let clean = run("", "");
    assert!(clean.status.success(), "{}", text(&clean));
    for (entry, mistake) in PLANTED {
        // Whether a race shows depends on how the threads happen to run.
        let found = (0..5).any(|_| text(&run(entry, mistake)).contains(RACE));
        assert!(found, "no race is reported in {entry} with \"{mistake}\" planted");
        println!("{entry}: \"{mistake}\" is found");
    }
}

const RACE: &str = "WARNING: ThreadSanitizer: data race";

/// The target to build for, or a printed reason why there is nothing to do.
fn target() -> Option<String> {
    let skip = |reason: &str| {
        println!("skipped: {reason}");
        None
    };
    let version = Command::new("rustc").args(["+nightly", "--version", "--verbose"]).output();
    let Some(version) = version.ok().filter(|output| output.status.success()) else {
        return skip("no nightly toolchain is installed");
    };
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    match host {
        Some(host) if host.ends_with("-linux-gnu") => Some(host.to_owned()),
        _ => skip("ThreadSanitizer is set up for GNU/Linux only"),
    }
}

fn stress(target: &str, entry: &str, mistake: &str) -> Output {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    Command::new("cargo")
        .current_dir(package)
        .args(["+nightly", "test", "--quiet", "--test", "stress"])
        .args(["--target", target, "--target-dir"])
        .arg(package.join("../target/tsan"))
        .args(["--", entry])
        .env("RUSTFLAGS", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg atomic_lint_tsan")
        .env("TSAN_OPTIONS", suppressions(package))
        .env("ATOMIC_LINT_WEAKEN", mistake)
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo starts")
}

fn suppressions(package: &Path) -> String {
    let file = package.join("tests/tsan/suppressions.txt");
    format!("suppressions={} halt_on_error=1", file.display())
}

fn text(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    // A report's first screen says what raced; the rest are stacks of `std`.
    let report: Vec<_> = stderr.lines().take(60).collect();
    format!("{stdout}\n{}", report.join("\n"))
}
