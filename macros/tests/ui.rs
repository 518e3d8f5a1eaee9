//! Every misuse is an error at the user's token that says what to write instead.
//!
//! `ui/` holds the errors that this crate words, `ui/rustc/` those that a generated check leaves to the compiler, whose
//! wording may change with its version. `TRYBUILD=overwrite` writes them anew.

#[test]
fn misuse_is_an_error_that_says_what_to_write() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    cases.compile_fail("tests/ui/rustc/*.rs");
}
