//! Counts the instructions of the hot operations, uncontended, under callgrind: a regression check
//! that doesn't depend on how fast or how busy the machine is.
//!
//! It needs valgrind and an optimised build, and is asked for by name:
//!
//! ```text
//! cargo test -p atomic-lint --test instructions -- --ignored --nocapture
//! ```

#![cfg(all(target_arch = "x86_64", target_os = "linux", not(atomic_lint_loom)))]

use std::path::Path;
use std::process::Command;

/// How often `tests/asm/count.rs` runs an operation.
const TIMES: u64 = 1000;

/// Instructions that one operation may take, `ret` included; a tenth more is a compiler's whim.
const LIMITS: [(&str, u64); 21] = [
    ("seqlock_read", 14),
    ("seqlock_write", 22),
    ("counter_add", 2),
    ("sharded_counter_add_in", 4),
    ("single_writer_add", 2),
    ("max_get", 2),
    ("packed_load", 4),
    ("bits_contains", 15),
    ("ring_try_push", 16),
    ("ring_try_pop", 20),
    ("refcount_release", 8),
    ("snapshot_load", 60),
    ("snapshot_reader_load", 14),
    ("stack_push", 46),
    ("stack_pop", 84),
    ("queue_push", 55),
    ("queue_pop", 68),
    ("free_list_take", 33),
    ("free_list_give_back", 39),
    ("bucket_try_take", 40),
    ("latch_wait", 4),
];

#[test]
#[ignore = "needs valgrind and builds an optimised program"]
fn uncontended_paths_stay_short() {
    let has_valgrind = Command::new("valgrind").arg("--version").output();
    if !has_valgrind.is_ok_and(|output| output.status.success()) {
        return println!("skipped: valgrind is not installed");
    }
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = Command::new(env!("CARGO"))
        .current_dir(package)
        .args(["build", "--quiet", "--release", "--example", "count", "--target-dir"])
        .arg(package.join("../target"))
        .status()
        .expect("cargo starts");
    assert!(built.success());
    let program = package.join("../target/release/examples/count");
    let mut longer = Vec::new();
    for (name, limit) in LIMITS {
        let count = instructions(&program, name);
        println!("{name:24} {count:5.1} instructions, {limit} expected");
        if count > limit as f64 * 1.1 + 0.5 {
            longer.push(name);
        }
    }
    assert!(longer.is_empty(), "longer than expected: {longer:?}");
}

/// Instructions of one call of the function `name`, callees included.
fn instructions(program: &Path, name: &str) -> f64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={name}"))
        .arg(program)
        .arg(name)
        .output()
        .expect("valgrind starts");
    let report = String::from_utf8_lossy(&output.stderr);
    let collected = report
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .and_then(|(_, count)| count.trim().parse::<u64>().ok())
        .unwrap_or_else(|| panic!("callgrind said: {report}"));
    collected as f64 / TIMES as f64
}
