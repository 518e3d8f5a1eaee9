//! What a lint says about one mistake: plain data, no levels, no rendering.

use serde::{Deserialize, Serialize};

use crate::ir::{Cfg, Span};
use crate::lint::Lint;
use crate::source::FileId;

/// A range in one of the files of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    pub file: FileId,
    pub span: Span,
}

/// A range with a few words on what happens there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub site: Site,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// A review would have to find a reason against it.
    Hint,
    Likely,
    Certain,
}

impl Confidence {
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Hint => "hint",
            Confidence::Likely => "likely",
            Confidence::Certain => "certain",
        }
    }
}

/// One mistake, with its evidence.
#[derive(Clone, Debug)]
pub struct Finding {
    pub lint: &'static Lint,
    pub confidence: Confidence,
    /// One sentence with the user's names and the consequence; lower case, no full stop.
    pub message: String,
    /// The operation that must change.
    pub primary: Label,
    /// Its partners: the load that fed this store, the reader that lacks the acquire.
    pub secondary: Vec<Label>,
    /// The schedule that goes wrong, for concurrency bugs.
    pub interleaving: Option<Interleaving>,
    /// What the reader should know besides: the location's role and why it was inferred, the aspect of a
    /// neighbouring lint.
    pub notes: Vec<String>,
    /// What to write instead.
    pub help: Option<String>,
    /// The condition the code stands under, if not always.
    pub cfg: Option<Cfg>,
    pub fixes: Vec<Fix>,
    /// What the location is for; filled in for every finding whose key names one.
    pub purpose: Option<Purpose>,
    /// What the finding is about, independent of line numbers.
    pub key: Key,
}

/// What a location is for, and what led to that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// `a counter`.
    pub is: String,
    /// `3 functions add to it, 1 reads it`.
    pub why: String,
}

/// Identifies a finding across edits elsewhere in the file (baseline, fingerprints).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The path of the item: `queue::Queue::push`.
    pub item: String,
    /// The location: `Queue::head`.
    pub location: String,
    /// The operation: `store`, `compare_exchange_weak`.
    pub operation: String,
}

/// A schedule of threads that ends in the wrong outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interleaving {
    /// The threads' names, one column each: `thread A`, `writer`.
    pub threads: Vec<String>,
    /// What the last column shows: `hits`, `value of head`.
    pub watched: String,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Index into [`Interleaving::threads`].
    pub thread: usize,
    /// What the thread does, in a few words: `load → 5`.
    pub action: String,
    /// The line it stands on.
    pub site: Option<Site>,
    /// The watched value after the step.
    pub value: String,
    /// The outcome, on the step where it becomes visible.
    pub remark: String,
}

impl Label {
    pub fn new(site: Site, text: impl Into<String>) -> Self {
        Label { site, text: text.into() }
    }
}

impl Interleaving {
    pub fn new(threads: &[&str], watched: impl Into<String>) -> Self {
        Interleaving {
            threads: threads.iter().map(|t| (*t).to_owned()).collect(),
            watched: watched.into(),
            steps: Vec::new(),
        }
    }

    /// Appends a step of thread number `thread`.
    pub fn step(
        mut self,
        thread: usize,
        site: Option<Site>,
        action: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        self.steps.push(Step { thread, action: action.into(), site, value: value.into(), remark: String::new() });
        self
    }

    /// Says on the last step what went wrong.
    pub fn ending(mut self, remark: impl Into<String>) -> Self {
        if let Some(last) = self.steps.last_mut() {
            last.remark = remark.into();
        }
        self
    }
}

/// How sure it is that a fix only removes the bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applicability {
    /// Preserves behaviour except for the bug, and weakens no ordering.
    MachineApplicable,
    MaybeIncorrect,
    HasPlaceholders,
}

/// Edits that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does: `replace the load and the store by one fetch_add`.
    pub title: String,
    pub applicability: Applicability,
    pub edits: Vec<Edit>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub site: Site,
    pub replacement: String,
}
