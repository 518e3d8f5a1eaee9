//! Bytes, line index, comments, module files: the only module that reads source from disk, and writes it.
//!
//! [`load`] reads every file reachable from the roots of a [`Plan`], in waves, each in parallel: a byte scan of a file
//! names the files of the next wave. Files are told apart by what they are on disk, so one that several targets
//! share is read once; they are numbered in an order that only the plan and the files decide. What cannot be read is a
//! [`Problem`] and the rest goes on. Nothing is parsed here and no `cfg` is evaluated.

mod comments;
mod line_index;
mod load;
mod modules;
mod problem;
mod read;
pub(crate) mod scan;
mod write;

use std::path::PathBuf;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, MatchKind};
use serde::{Deserialize, Serialize};

pub use comments::{Comment, CommentKind, Comments, Doc};
pub use line_index::{LineCol, LineIndex, Utf16Pos};
pub use load::{Options, Unsaved, load};
pub use problem::{Problem, ProblemKind, Severity};
pub use read::read;
pub use write::{NotWritten, write};

use crate::finding::Site;
use crate::ir::Span;
#[cfg(doc)]
use crate::workspace::Plan;

/// Identifies a source file of the run; files are numbered in a fixed order, whatever the thread count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileId(pub u32);

/// The source files of a run.
#[derive(Debug, Default)]
pub struct Sources {
    pub files: Vec<SourceFile>,
}

impl Sources {
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    pub fn add(&mut self, file: SourceFile) -> FileId {
        let id = FileId(self.files.len() as u32);
        self.files.push(file);
        id
    }

    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(n, file)| (FileId(n as u32), file))
    }
}

#[derive(Debug)]
pub struct SourceFile {
    /// As opened.
    pub path: PathBuf,
    /// As shown: relative to the workspace root, with `/`; absolute outside of it.
    pub shown: String,
    /// Without the byte order mark, line ends as they are.
    pub text: String,
    /// A byte order mark stands before `text` on disk.
    pub bom: bool,
    /// [`mentions_atomics`]
    pub relevant: bool,
    lines: OnceLock<LineIndex>,
    comments: OnceLock<Comments>,
}

impl SourceFile {
    /// A file of this text, wherever it came from; a byte order mark is taken off.
    pub fn new(path: impl Into<PathBuf>, shown: impl Into<String>, mut text: String) -> Self {
        let bom = text.starts_with('\u{feff}');
        if bom {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let relevant = mentions_atomics(&text);
        let (lines, comments) = (OnceLock::new(), OnceLock::new());
        SourceFile { path: path.into(), shown: shown.into(), text, bom, relevant, lines, comments }
    }

    pub fn lines(&self) -> &LineIndex {
        self.lines.get_or_init(|| LineIndex::new(&self.text))
    }

    pub fn line_col(&self, offset: u32) -> LineCol {
        self.lines().line_col(&self.text, offset)
    }

    /// The text of a line (from 1), without its line end.
    pub fn line_text(&self, line: u32) -> &str {
        self.lines().line_text(&self.text, line)
    }

    pub fn comments(&self) -> &Comments {
        self.comments.get_or_init(|| Comments::new(&self.text, self.lines()))
    }

    /// The comments on lines of their own directly above the line of `offset`.
    pub fn comments_above(&self, offset: u32) -> &[Comment] {
        self.comments().above(self.lines().line(offset))
    }

    /// The text of a range; empty if the range is none of this file.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Where an offset into `text` stands in the file on disk.
    pub fn offset_on_disk(&self, offset: u32) -> u32 {
        offset + if self.bom { '\u{feff}'.len_utf8() as u32 } else { 0 }
    }
}

/// Whether a text can hold code that matters to any lint: it names an atomic type, an ordering, a fence, a cell, a
/// volatile access or a count of owners, in code or in a comment, or it promises that a generic type is `Send` or
/// `Sync`. A file without any of these words is not parsed unless a fact asks for it.
pub fn mentions_atomics(text: &str) -> bool {
    static WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
        // `tomic` is `Atomic` and `atomic`.
        let words = [
            "tomic",
            "Ordering",
            "Relaxed",
            "Acquire",
            "Release",
            "AcqRel",
            "SeqCst",
            "fence",
            "UnsafeCell",
            "volatile",
            // What an `Arc`'s count decides.
            "strong_count",
            "weak_count",
            "try_unwrap",
        ];
        // Only leftmost search has the vectorised prefilter.
        AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(words).expect("a few short words fit")
    });
    WORDS.is_match(text) || promises_for_generics(text)
}

/// Whether a text has an `unsafe impl<…> Send` or `Sync`.
fn promises_for_generics(text: &str) -> bool {
    memchr::memmem::find_iter(text.as_bytes(), "unsafe impl<").any(|at| {
        let head = &text[at..];
        let head = &head[..head.find(['{', ';']).unwrap_or(head.len())];
        let mut words = head.split_whitespace();
        let mut last = "";
        let promised = loop {
            match words.next() {
                None => break "",
                Some("for") => break last,
                Some(word) => last = word,
            }
        };
        promised.ends_with("Send") || promised.ends_with("Sync")
    })
}

/// Identifies a module in [`CrateSources::modules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModuleIdx(pub u32);

/// The files of one target, as a tree of modules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrateSources {
    /// The index of the target in [`Plan::crates`](crate::workspace::Plan::crates).
    pub krate: usize,
    /// Parents before children, the root first; empty if the root could not be read.
    pub modules: Vec<ModuleFile>,
}

/// A module whose items stand in a file of its own. One file can be several modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleFile {
    pub file: FileId,
    pub kind: ModuleKind,
    /// From the crate root, inline modules included; empty for the root. An included file has its parent's.
    pub path: Vec<String>,
    pub parent: Option<ModuleIdx>,
    /// The whole `mod name;` or `include!(…)` in the parent's file, the first if there are several. `None` for
    /// the root, and for modules that a macro defined elsewhere is taken to declare in the root.
    pub declared_at: Option<Site>,
    /// The predicate of the `#[cfg_attr(predicate, path = "…")]` that named this file, as written.
    pub predicate: Option<String>,
    /// Of its declaration and those above; of the weakest, if several declare it.
    pub condition: Condition,
    /// The modules that this file declares, by [`Link::at`].
    pub children: Vec<Link>,
}

/// Under what a module is declared, as far as that shows without evaluating any `cfg`; the stronger is the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    #[default]
    Always,
    /// Under a `cfg`, in a macro's arguments or in a body.
    Sometimes,
    /// Under `#[cfg(test)]`.
    InTests,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModuleKind {
    Root,
    Mod,
    /// `include!` where items stand.
    IncludedItems,
    /// `include!` inside a body or an initialiser.
    IncludedCode,
}

/// Leads from a declaration to the module it declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where the name in `mod name;` starts, or the word `include`.
    pub at: u32,
    pub module: ModuleIdx,
}

impl CrateSources {
    pub fn module(&self, index: ModuleIdx) -> &ModuleFile {
        &self.modules[index.0 as usize]
    }

    pub fn root(&self) -> Option<&ModuleFile> {
        self.modules.first()
    }

    /// The modules that `mod name;` in `parent` declares, given where its name starts. More than one if conditional path
    /// attributes name several files; none if there is no such file.
    pub fn children_at(&self, parent: ModuleIdx, at: u32) -> impl Iterator<Item = ModuleIdx> {
        self.children_in(parent, Span::new(at, at + 1))
    }

    /// The modules declared inside a range of `parent`'s file.
    pub fn children_in(&self, parent: ModuleIdx, span: Span) -> impl Iterator<Item = ModuleIdx> {
        let children = &self.module(parent).children;
        let start = children.partition_point(|link| link.at < span.start);
        children[start..].iter().take_while(move |link| link.at < span.end).map(|link| link.module)
    }
}

#[cfg(test)]
mod tests;
