//! What went wrong in reading source: data with a place and a remedy.

use std::path::PathBuf;

use crate::finding::Site;

/// A file that could not be read, or was read against appearances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub kind: ProblemKind,
    pub severity: Severity,
    /// The file it is about.
    pub path: PathBuf,
    /// The `mod x;` or `include!` that names the file; `None` for the root of a target.
    pub site: Option<Site>,
    /// What is wrong, with the file's name as shown; lower case, no full stop.
    pub message: String,
    pub remedy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProblemKind {
    /// A module file, an included file or the root of a target does not exist.
    MissingFile,
    /// `x.rs` and `x/mod.rs` both exist.
    AmbiguousFile,
    /// A file is, through others, a module of itself.
    CyclicModule,
    /// A `#[path]` or `include!` leads out of the workspace and the package.
    OutsideTree,
    /// Symbolic links that lead to each other.
    SymlinkLoop,
    /// A directory, a pipe, a device.
    NotAFile,
    NotUtf8,
    TooLarge,
    TooManyModules,
    /// Denied, a name that is too long, and whatever else the system says.
    Unreadable,
    /// An inclusion of what a build script writes, or of what is no `.rs` file: not analysed.
    SkippedInclude,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Code is missing from the analysis that may be meant to be missing; counted as coverage.
    Note,
    /// It was read, but the reader should know where it came from.
    Warning,
    /// The target cannot compile, or code was not analysed that should have been.
    Error,
}
