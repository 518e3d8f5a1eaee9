//! Looks at the instructions of the hot operations: no hidden locked instruction, no fence that the
//! argument doesn't need, and no change that nobody saw.
//!
//! It builds an optimised library of a function each (`tests/asm/hot.rs`) and is asked for by name:
//!
//! ```text
//! cargo test -p atomic-lint --test asm -- --ignored
//! ATOMIC_LINT_BLESS=1 cargo test -p atomic-lint --test asm -- --ignored    # after a change
//! ```
//!
//! The text is compared only under the compiler that the snapshot names; the bans hold under all.

#![cfg(all(target_arch = "x86_64", target_os = "linux", not(atomic_lint_loom)))]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How many locked instructions each operation needs. A store with `xchg` counts; no operation
/// needs a fence.
const LOCKED: [(&str, usize); 11] = [
    ("seqlock_read", 0),
    ("seqlock_write", 1),
    ("counter_add", 1),
    ("sharded_counter_add_in", 1),
    ("single_writer_add", 0),
    ("max_get", 0),
    ("packed_load", 0),
    ("bits_contains", 0),
    ("ring_try_push", 0),
    ("ring_try_pop", 0),
    ("refcount_release", 1),
];

#[test]
#[ignore = "builds an optimised library"]
fn hot_operations_have_the_instructions_that_were_argued() {
    let functions = functions(&compile());
    for (name, locked) in LOCKED {
        let body = functions.get(name).unwrap_or_else(|| panic!("no function {name}"));
        let is_locked = |line: &&&str| line.starts_with("lock") || line.starts_with("xchg");
        let lines: Vec<&str> = body.iter().map(String::as_str).collect();
        assert_eq!(lines.iter().filter(is_locked).count(), locked, "{name}: {lines:#?}");
        assert!(!lines.iter().any(|line| line.contains("fence")), "{name}: {lines:#?}");
    }
    compare(&functions);
}

/// Emits the assembly and returns it.
fn compile() -> String {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO"))
        .current_dir(package)
        .args(["rustc", "--quiet", "--release", "--example", "hot", "--target-dir"])
        .arg(package.join("../target"))
        .args(["--", "--emit", "asm", "-Cdebuginfo=0", "-Ccodegen-units=1", "-Clto=off"])
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = package.join("../target/release/examples");
    let emitted = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| name.starts_with("hot-") && name.ends_with(".s"))
    };
    let newest = std::fs::read_dir(folder)
        .expect("cargo wrote the library there")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(emitted)
        .max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok())
        .expect("cargo emitted assembly");
    std::fs::read_to_string(newest).expect("assembly is text")
}

/// The instructions of each function in [`LOCKED`], without directives and hashes.
fn functions(assembly: &str) -> BTreeMap<String, Vec<String>> {
    let mut functions = BTreeMap::new();
    let mut current: Option<(String, Vec<String>)> = None;
    for line in assembly.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(name) = line.strip_suffix(':') {
            if LOCKED.iter().any(|(known, _)| *known == name) {
                current = Some((name.to_owned(), Vec::new()));
                continue;
            }
            if name.starts_with(".Lfunc_end") {
                functions.extend(current.take());
            }
        }
        let is_directive = line.starts_with('.') && !line.starts_with(".LBB");
        if let (Some((_, body)), false) = (&mut current, line.is_empty() || is_directive) {
            body.push(normalised(line));
        }
    }
    functions
}

/// Labels without the function's number, symbols without their hash.
fn normalised(line: &str) -> String {
    let line = without_digits_after(&line.replace('\t', " "), ".LBB", 0);
    // A mangled name ends in `17h`, 16 digits and `E`.
    without_digits_after(&line, "17h", 16)
}

/// Drops the hexadecimal digits that follow `mark`: `exactly` so many, or decimal ones if zero.
fn without_digits_after(line: &str, mark: &str, exactly: usize) -> String {
    let mut parts = line.split(mark);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = match exactly {
            0 => part.trim_start_matches(|c: char| c.is_ascii_digit()),
            count => part.get(count..).unwrap_or_default(),
        };
        text.push_str(mark);
        text.push_str(rest);
    }
    text
}

fn compare(functions: &BTreeMap<String, Vec<String>>) {
    let version = Command::new("rustc").arg("-V").output().expect("rustc starts");
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let mut now = format!("{version}\n");
    for (name, body) in functions {
        writeln!(now, "\n{name}:").expect("a string takes all");
        for line in body {
            let indent = if line.ends_with(':') { "" } else { "    " };
            writeln!(now, "{indent}{line}").expect("a string takes all");
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/asm/x86_64.txt");
    if std::env::var_os("ATOMIC_LINT_BLESS").is_some() {
        return std::fs::write(file, now).expect("the snapshot can be written");
    }
    let before = std::fs::read_to_string(file).expect("there is a snapshot");
    if before.lines().next() != Some(&version) {
        return println!("skipped: the snapshot is of another compiler than {version}");
    }
    assert!(before == now, "the instructions changed; look, then bless. Before:\n{before}\nNow:\n{now}");
}
