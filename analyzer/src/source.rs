//! Bytes, line index, comments: the only module that reads source from disk.

use serde::{Deserialize, Serialize};

/// Identifies a source file of the run; files are numbered in a fixed order, whatever the thread count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileId(pub u32);

/// The source files of a run.
#[derive(Debug, Default)]
pub struct Sources {
    pub files: Vec<SourceFile>,
}

#[derive(Debug)]
pub struct SourceFile {
    /// As opened.
    pub path: std::path::PathBuf,
    /// As shown: relative to the workspace root, with `/`.
    pub shown: String,
    pub text: String,
}

impl Sources {
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }
}
