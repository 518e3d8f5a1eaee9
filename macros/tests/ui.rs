//! Every misuse is an error at the user's token that says what to write instead.
//!
//! `ui/` holds the errors that this crate words. `ui/rustc/` holds those that a generated check leaves to the compiler,
//! whose wording changes with its version: these run under the version that wrote them. That such code does not
//! compile under any other version either is held by the examples of the documentation.
//! `TRYBUILD=overwrite` writes the expected output anew.

use std::process::Command;

/// The compiler whose words are in `ui/rustc/`.
const WORDED_BY: &str = "rustc 1.95.";

#[test]
fn misuse_is_an_error_that_says_what_to_write() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("cargo runs tests where a compiler is");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if version.starts_with(WORDED_BY) {
        cases.compile_fail("tests/ui/rustc/*.rs");
    } else {
        println!("skipped tests/ui/rustc: worded by {WORDED_BY}x, and this is {}", version.trim());
    }
}
