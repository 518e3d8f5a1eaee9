use super::lower;
use crate::ir::{self, verify};

/// Lowers and verifies.
fn file(source: &str) -> ir::File {
    let file = lower(source).expect("parses");
    assert_eq!(verify::verify(&file, source.len() as u32), [""; 0]);
    file
}

#[test]
fn an_empty_file_has_nothing() {
    assert_eq!(file(""), ir::File::default());
}
