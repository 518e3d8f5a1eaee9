//! What a lint is: its record, the macro that declares it, and what its check is handed.

mod options;

use crate::facts::{Facts, LocId, Op, OpId, Seen};
use crate::finding::{Confidence, Finding, Key, Label, Site};
use crate::ir::outline::Outline;
use crate::ir::{Cfg, Span};
use crate::resolve::{BodyId, DefId};
use crate::source::{FileId, Sources};
pub use options::{LintOption, OPTIONS, Options};
use std::sync::OnceLock;

/// The promise that a lint makes, which decides its default level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Wrong on some hardware or schedule.
    Correctness,
    /// Very likely wrong, or right for a reason that belongs in the source.
    Suspicious,
    /// Right, but slower than a drop-in alternative.
    Perf,
    /// Worth a look in a review.
    Pedantic,
    /// A house rule that a team may want.
    Restriction,
}

impl Group {
    pub const ALL: [Group; 5] =
        [Group::Correctness, Group::Suspicious, Group::Perf, Group::Pedantic, Group::Restriction];

    pub fn name(self) -> &'static str {
        match self {
            Group::Correctness => "correctness",
            Group::Suspicious => "suspicious",
            Group::Perf => "perf",
            Group::Pedantic => "pedantic",
            Group::Restriction => "restriction",
        }
    }
}

/// Whether a lint's findings come with fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixKind {
    None,
    Sometimes,
    Always,
}

/// A lint: everything that is known about it before it runs.
pub struct Lint {
    /// The public name, as users write it in configuration and suppressions.
    pub name: &'static str,
    pub topic: &'static str,
    pub group: Group,
    /// What most of its findings are worth.
    pub confidence: Confidence,
    /// The version it came with.
    pub since: &'static str,
    pub fix: FixKind,
    /// The explain page, in Markdown; its first paragraph is a summary.
    pub docs: &'static str,
    pub check: fn(&Cx<'_>, &mut Vec<Finding>),
}

impl std::fmt::Debug for Lint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Lint {
    /// The explain page: the doc comment without the space that follows each `///`.
    pub fn page(&self) -> String {
        let lines: Vec<&str> = self.docs.lines().map(|l| l.strip_prefix(' ').unwrap_or(l)).collect();
        lines.join("\n").trim().to_owned()
    }

    /// The first paragraph of the page, on one line.
    pub fn summary(&self) -> String {
        let paragraph: Vec<&str> =
            self.docs.lines().map(str::trim).skip_while(|l| l.is_empty()).take_while(|l| !l.is_empty()).collect();
        paragraph.join(" ")
    }
}

/// Declares a lint; its doc comment is the explain page.
macro_rules! declare_lint {
    (
        $(#[doc = $doc:literal])*
        $vis:vis static $name:ident = {
            name: $public:literal,
            topic: $topic:literal,
            group: $group:ident,
            confidence: $confidence:ident,
            since: $since:literal,
            fix: $fix:ident,
            check: $check:path $(,)?
        }
    ) => {
        $vis static $name: crate::lint::Lint = crate::lint::Lint {
            name: $public,
            topic: $topic,
            group: crate::lint::Group::$group,
            confidence: crate::finding::Confidence::$confidence,
            since: $since,
            fix: crate::lint::FixKind::$fix,
            docs: concat!($($doc, "\n"),*),
            check: $check,
        };
    };
}
pub(crate) use declare_lint;

/// What a check reads, and how it says what it found.
pub struct Cx<'a> {
    pub facts: &'a Facts<'a>,
    pub sources: &'a Sources,
    /// What users have set for lints.
    pub options: &'a Options,
    pub outlines: &'a Outlines,
}

/// The syntax of files in which something can be mended, each made when it is first asked for.
#[derive(Debug)]
pub struct Outlines(Vec<OnceLock<Outline>>);

impl Outlines {
    pub fn new(sources: &Sources) -> Outlines {
        Outlines(std::iter::repeat_with(OnceLock::new).take(sources.files.len()).collect())
    }
}

impl<'a> Cx<'a> {
    /// How a file is written, for rewriting some of it.
    pub fn outline(&self, file: FileId) -> &'a Outline {
        self.outlines.0[file.0 as usize].get_or_init(|| crate::lower::outline(&self.sources.file(file).text))
    }

    /// The name of a location, in backquotes.
    pub fn location_name(&self, location: LocId) -> String {
        format!("`{}`", self.facts.location(location).name)
    }

    /// `` `Metrics::hits` is a counter: 3 places add to it, 1 place reads it ``
    pub fn role_note(&self, location: LocId) -> String {
        let role = self.facts.role(location);
        format!("{} is {}: {}", self.location_name(location), role.kind.describe(), role.why)
    }

    /// The source text of a site, on one line.
    pub fn snippet(&self, site: Site) -> String {
        let text = self.facts.text(site);
        if text.contains('\n') { text.split_whitespace().collect::<Vec<_>>().join(" ") } else { text.to_owned() }
    }

    /// The receiver of an operation as the user wrote it: `self.hits`.
    pub fn receiver_text(&self, op: &Op<'_>) -> String {
        let file = self.facts.program.body(op.body).file;
        let span = Span::new(op.span.start, op.method_span.start.max(op.span.start));
        self.snippet(Site { file, span }).trim_end_matches('.').trim_end().to_owned()
    }

    /// The ordering of an operation as written, or `Relaxed` where none can be shown.
    pub fn ordering_text(&self, op: &Op<'_>) -> String {
        let file = self.facts.program.body(op.body).file;
        op.ordering_arg.map_or_else(|| "Relaxed".to_owned(), |arg| self.snippet(Site { file, span: arg.span }))
    }

    /// Where an operation stands in the source, wherever it is seen from.
    pub fn op_site(&self, op: OpId) -> Site {
        let op = self.facts.op(op);
        self.facts.site(op.body, op.span)
    }

    /// Where a body performs an operation: the operation itself, or the call of the helper.
    pub fn seen_site(&self, body: BodyId, seen: &Seen) -> Site {
        self.facts.event_site(body, seen.event)
    }

    /// A finding at `primary` in `body`; notes, labels and help are added by the lint.
    pub fn finding(&self, lint: &'static Lint, body: BodyId, primary: Label, message: String) -> Finding {
        self.finding_at_def(lint, self.facts.program.body(body).owner, primary, message)
    }

    /// The same for a definition (a field, a type) rather than code.
    pub fn finding_at_def(&self, lint: &'static Lint, def: DefId, primary: Label, message: String) -> Finding {
        let d = self.facts.program.def(def);
        let cfg = (!d.cfg.is_always()).then(|| Cfg::clone(&d.cfg));
        Finding {
            lint,
            confidence: lint.confidence,
            message,
            primary,
            secondary: Vec::new(),
            interleaving: None,
            notes: Vec::new(),
            help: None,
            cfg,
            fixes: Vec::new(),
            purpose: None,
            key: Key { item: self.facts.program.path(def), ..Key::default() },
        }
    }
}
