//! The textual form of the IR: [RON](https://docs.rs/ron), one line for each number, name or flag, so that two of
//! them can be compared with line-wise tools. What [`print`] writes, [`parse`] reads back to the same file.

use ron::ser::PrettyConfig;

use super::File;

/// Where and why a text is no IR.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// Counted from 1.
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for Error {}

pub fn print(file: &File) -> String {
    let config = PrettyConfig::new().indentor("  ").compact_structs(true).compact_arrays(true).depth_limit(6);
    options().to_string_pretty(file, config).expect("plain data is written to a string")
}

pub fn parse(text: &str) -> Result<File, Error> {
    options().from_str(text).map_err(|error| Error {
        line: error.span.start.line,
        column: error.span.start.col,
        message: error.code.to_string().to_lowercase(),
    })
}

/// Types nest as deep as the source, which the lowering bounds; the stack is that of
/// [`lower`](crate::lower::STACK).
fn options() -> ron::Options {
    ron::Options::default().without_recursion_limit()
}
