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
//! A target whose `core` isn't installed (`rustup target add`) says so and is skipped.

#![cfg(all(target_arch = "x86_64", target_os = "linux", not(atomic_lint_loom)))]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A target whose instructions are looked at.
struct Target {
    triple: &'static str,
    /// Not the one that this test runs on.
    is_other: bool,
    /// Beside this file.
    snapshot: &'static str,
    flags: &'static [&'static str],
    comment: &'static str,
    /// How mnemonics begin that read, change and write at once. On x86 a store with `xchg` counts.
    changes: &'static [&'static str],
    /// How mnemonics begin that order other accesses.
    fences: &'static [&'static str],
}

const TARGETS: [Target; 2] = [
    Target {
        triple: "x86_64-unknown-linux-gnu",
        is_other: false,
        snapshot: "tests/asm/x86_64.txt",
        flags: &[],
        comment: "#",
        changes: &["lock", "xchg"],
        fences: &["mfence", "lfence", "sfence"],
    },
    Target {
        triple: "aarch64-unknown-linux-gnu",
        is_other: true,
        snapshot: "tests/asm/aarch64.txt",
        // The atomics of Armv8.1: without them each is a call that looks for them at run time.
        flags: &["-Ctarget-feature=+lse"],
        comment: "//",
        changes: &["ldadd", "ldset", "ldclr", "ldumax", "swp", "cas", "ldxr", "ldaxr"],
        fences: &["dmb", "dsb"],
    },
];

/// How many changes each operation needs, and how many fences: those on x86-64, where acquire and
/// release cost nothing, and those on AArch64.
const NEEDS: [(&str, usize, [usize; 2]); 13] = [
    // Each side of the sequence lock keeps its plain words on its side of the number.
    ("seqlock_read", 0, [0, 1]),
    ("seqlock_write", 1, [0, 1]),
    ("counter_add", 1, [0, 0]),
    ("sharded_counter_add_in", 1, [0, 0]),
    ("single_writer_add", 0, [0, 0]),
    ("max_get", 0, [0, 0]),
    ("packed_load", 0, [0, 0]),
    ("bits_contains", 0, [0, 0]),
    ("ring_try_push", 0, [0, 0]),
    ("ring_try_pop", 0, [0, 0]),
    // The last owner sees what the others did.
    ("refcount_release", 1, [0, 1]),
    // Gives its own slot back or, if a writer has settled the debt, the count; the slot was taken
    // by a function of arc-swap, whose instructions are not looked at. The fence frees the value.
    ("snapshot_load", 2, [0, 1]),
    // All of them behind the comparison that finds a new value; see `tests/instructions.rs`.
    ("snapshot_reader_load", 4, [0, 2]),
];

#[test]
#[ignore = "builds optimised libraries"]
fn hot_operations_have_the_instructions_that_were_argued() {
    for (at, target) in TARGETS.iter().enumerate() {
        if !is_installed(target) {
            println!("skipped: {} is not installed (rustup target add {0})", target.triple);
            continue;
        }
        let functions = functions(target, &compile(target));
        for (name, changes, fences) in NEEDS {
            let body = functions.get(name).unwrap_or_else(|| panic!("no function {name} on {}", target.triple));
            assert_eq!(count(body, target.changes), changes, "{name} on {}: {body:#?}", target.triple);
            assert_eq!(count(body, target.fences), fences[at], "{name} on {}: {body:#?}", target.triple);
        }
        compare(target, &functions);
    }
}

fn count(body: &[String], mnemonics: &[&str]) -> usize {
    body.iter().filter(|line| mnemonics.iter().any(|m| line.starts_with(m))).count()
}

/// Whether the standard library of the target is there.
fn is_installed(target: &Target) -> bool {
    let asked = Command::new("rustc").args(["--print", "target-libdir", "--target", target.triple]).output();
    asked.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// Emits the assembly and returns it. A library of Rust's own needs no linker for the target.
fn compile(target: &Target) -> String {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut chosen, mut folder) = (Vec::new(), package.join("../target"));
    // Without a target the build shares the dependencies of `tests/instructions.rs`.
    if target.is_other {
        chosen.extend(["--target", target.triple]);
        folder.push(target.triple);
    }
    let output = Command::new(env!("CARGO"))
        .current_dir(package)
        .args(["rustc", "--quiet", "--release", "--example", "hot", "--target-dir"])
        .arg(package.join("../target"))
        .args(chosen)
        .args(["--", "--emit", "asm", "-Cdebuginfo=0", "-Ccodegen-units=1", "-Clto=off"])
        .args(target.flags)
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let emitted = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| name.starts_with("hot-") && name.ends_with(".s"))
    };
    let newest = std::fs::read_dir(folder.join("release/examples"))
        .expect("cargo wrote the library there")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(emitted)
        .max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok())
        .expect("cargo emitted assembly");
    std::fs::read_to_string(newest).expect("assembly is text")
}

/// The instructions of each function in [`NEEDS`], without directives and hashes.
fn functions(target: &Target, assembly: &str) -> BTreeMap<String, Vec<String>> {
    let mut functions = BTreeMap::new();
    let mut current: Option<(String, Vec<String>)> = None;
    for line in assembly.lines() {
        let line = line.split(target.comment).next().unwrap_or_default().trim();
        if let Some(name) = line.strip_suffix(':') {
            if NEEDS.iter().any(|(known, ..)| *known == name) {
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
    // A constant without a name is named by a hash of 32 digits.
    let line = without_digits_after(&line, ".Lanon.", 32);
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

fn compare(target: &Target, functions: &BTreeMap<String, Vec<String>>) {
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
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(target.snapshot);
    if std::env::var_os("ATOMIC_LINT_BLESS").is_some() {
        return std::fs::write(file, now).expect("the snapshot can be written");
    }
    let before = std::fs::read_to_string(file).expect("there is a snapshot");
    if before.lines().next() != Some(&version) {
        return println!("skipped: the snapshot is of another compiler than {version}");
    }
    assert!(before == now, "the instructions changed; look, then bless. Before:\n{before}\nNow:\n{now}");
}
