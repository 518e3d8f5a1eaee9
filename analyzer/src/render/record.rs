//! A run as plain data with every place spelled out: what `jsonl` writes and `merge` reads, and what the formats for
//! other machines are made from.
//!
//! This is the tool's own schema. Its rules: [`SCHEMA`] grows when a field changes its meaning or goes; a new field may
//! come at any time, so readers ignore what they do not know. Optional fields are left out when there is nothing to say.
//! Lines and columns count from 1, columns in Unicode scalars; bytes are offsets in the file on disk.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::line_hash::line_hashes;
use super::range;
use crate::finding::{Applicability, Confidence, Finding, Fix, Interleaving, Key, Label, Purpose, Site};
use crate::report::{Diagnostic, Report, Severity};
use crate::source::{FileId, Sources};

/// The version of this schema.
pub const SCHEMA: u32 = 1;

/// One line of `jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// First.
    Run(Run),
    Finding(Box<Record>),
    Suppressed(Box<Suppressed>),
    /// Last: a report without it is cut off.
    Coverage(Coverage),
}

/// A run, or several that were merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    pub run: Run,
    pub findings: Vec<Record>,
    pub suppressed: Vec<Suppressed>,
    pub coverage: Coverage,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub schema: u32,
    pub tool: String,
    pub version: String,
    /// The directory of the workspace inside its repository, with a final `/`; empty if they are the same.
    pub prefix: String,
}

/// One finding, or an error of the source itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// `split_read_modify_write`; none for an error of the source itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<String>,
    /// `error` or `warning`.
    pub severity: Grade,
    /// `warn`, `deny` or `forbid`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub level: Option<String>,
    /// Who set the level.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub level_set_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confidence: Option<Confidence>,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub package: Option<String>,
    pub primary: Place,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub secondary: Vec<Place>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub interleaving: Option<Schedule>,
    /// What the location is for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role: Option<Purpose>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub help: Option<String>,
    /// The condition it stands under: `all(unix, feature = "x")`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cfg: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub fixes: Vec<Remedy>,
    /// What the finding is about, whatever line it stands on.
    pub key: Key,
    /// Unique in a run, and the same as long as the finding is about the same thing.
    pub fingerprint: String,
    /// The hash that GitHub's uploader gives the primary line.
    pub line_hash: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    Error,
    Warning,
}

impl Grade {
    pub fn name(self) -> &'static str {
        match self {
            Grade::Error => "error",
            Grade::Warning => "warning",
        }
    }
}

/// A range in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Relative to the workspace root, with `/`.
    pub file: String,
    pub line_start: u32,
    pub column_start: u32,
    pub line_end: u32,
    pub column_end: u32,
    pub byte_start: u32,
    pub byte_end: u32,
    /// What stands there, a hundred characters at most.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub text: String,
    /// What happens there.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub label: String,
}

/// An interleaving with its places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub threads: Vec<String>,
    /// What `value` is the value of.
    pub watched: String,
    pub steps: Vec<Move>,
}

/// One step of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Index into the threads.
    pub thread: usize,
    pub action: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<Place>,
    pub value: String,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub remark: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    pub title: String,
    pub applicability: Applicability,
    /// They belong together.
    pub edits: Vec<Replacement>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    pub place: Place,
    pub replacement: String,
}

/// A finding that is not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    pub lint: String,
    pub message: String,
    pub primary: Place,
    pub by: Place,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<String>,
}

/// What was and was not analysed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    pub crates: usize,
    pub files: usize,
    pub files_parsed: usize,
    pub functions: usize,
    pub atomic_ops: usize,
    pub resolved_ops: usize,
    pub locations: usize,
    pub skipped: Vec<Skipped>,
    pub left_out: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Skipped {
    pub why: String,
    pub place: Place,
}

/// A report in terms of places; `package` tells the package of a file, `prefix` is that of [`Run`].
pub fn records<'p>(
    report: &Report,
    sources: &Sources,
    package: impl Fn(FileId) -> Option<&'p str>,
    prefix: &str,
) -> Records {
    let mut writer = Writer { sources, hashes: FxHashMap::default(), seen: FxHashMap::default() };
    let findings = report.diagnostics.iter().map(|d| writer.record(d, package(d.primary.site.file))).collect();
    let suppressed = report.suppressed.iter().map(|s| writer.suppressed(&s.finding, s)).collect();
    Records { run: run(prefix), findings, suppressed, coverage: writer.coverage(report) }
}

/// The head of a report that this version of the tool writes.
pub fn run(prefix: &str) -> Run {
    Run {
        schema: SCHEMA,
        tool: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        prefix: prefix.to_owned(),
    }
}

struct Writer<'a> {
    sources: &'a Sources,
    hashes: FxHashMap<FileId, Vec<String>>,
    /// How many findings had the same fingerprint so far.
    seen: FxHashMap<String, u32>,
}

impl Writer<'_> {
    fn record(&mut self, d: &Diagnostic, package: Option<&str>) -> Record {
        let details = d.details.as_ref();
        let primary = place(&d.primary, self.sources);
        Record {
            lint: d.lint.map(|l| l.name.to_owned()),
            group: d.lint.map(|l| l.group.name().to_owned()),
            severity: match d.severity {
                Severity::Error => Grade::Error,
                Severity::Warning => Grade::Warning,
            },
            level: details.map(|d| d.setting.level.name().to_owned()),
            level_set_by: details.map(|d| d.setting.origin.to_string()),
            confidence: details.map(|d| d.confidence),
            message: d.message.clone(),
            package: package.map(str::to_owned),
            secondary: d.secondary.iter().map(|l| place(l, self.sources)).collect(),
            interleaving: d.interleaving.as_ref().map(|i| self.schedule(i)),
            role: details.and_then(|d| d.purpose.clone()),
            notes: d.notes.clone(),
            help: d.help.clone(),
            cfg: details.and_then(|d| d.cfg.clone()),
            fixes: d.fixes.iter().map(|f| self.remedy(f)).collect(),
            key: details.map(|d| d.key.clone()).unwrap_or_default(),
            fingerprint: self.fingerprint(d, package, &primary),
            line_hash: self.line_hash(d.primary.site.file, primary.line_start),
            primary,
        }
    }

    fn schedule(&self, interleaving: &Interleaving) -> Schedule {
        let steps = interleaving.steps.iter().map(|step| Move {
            thread: step.thread.min(interleaving.threads.len().saturating_sub(1)),
            action: step.action.clone(),
            place: step.site.map(|site| place(&Label::new(site, ""), self.sources)),
            value: step.value.clone(),
            remark: step.remark.clone(),
        });
        Schedule {
            threads: interleaving.threads.clone(),
            watched: interleaving.watched.clone(),
            steps: steps.collect(),
        }
    }

    fn remedy(&self, fix: &Fix) -> Remedy {
        let edits = fix.edits.iter().map(|edit| Replacement {
            place: place(&Label::new(edit.site, ""), self.sources),
            replacement: edit.replacement.clone(),
        });
        Remedy { title: fix.title.clone(), applicability: fix.applicability, edits: edits.collect() }
    }

    fn suppressed(&self, finding: &Finding, s: &crate::suppress::Suppressed) -> Suppressed {
        Suppressed {
            lint: finding.lint.name.to_owned(),
            message: finding.message.clone(),
            primary: place(&finding.primary, self.sources),
            by: place(&Label::new(s.by, ""), self.sources),
            reason: s.reason.clone(),
            until: s.until.map(|date| date.to_string()),
        }
    }

    fn coverage(&self, report: &Report) -> Coverage {
        let c = &report.coverage;
        let skipped = c.skipped.iter().map(|s| Skipped {
            why: s.why.describe(1).trim_end_matches(':').to_owned(),
            place: Place { text: String::new(), ..place(&Label::new(s.site, ""), self.sources) },
        });
        Coverage {
            crates: c.crates,
            files: c.files,
            files_parsed: c.files_parsed,
            functions: c.functions,
            atomic_ops: c.atomic_ops,
            resolved_ops: c.resolved_ops,
            locations: c.locations,
            skipped: skipped.collect(),
            left_out: c.left_out.clone(),
        }
    }

    /// From what the finding is about, or from its line where it is about no item.
    fn fingerprint(&mut self, d: &Diagnostic, package: Option<&str>, primary: &Place) -> String {
        let key = d.details.as_ref().map(|d| d.key.clone()).unwrap_or_default();
        let line = self.sources.file(d.primary.site.file).line_text(primary.line_start).trim();
        let line = if key.item.is_empty() { line } else { "" };
        let file = if key.item.is_empty() { primary.file.as_str() } else { "" };
        let lint = d.lint.map_or("", |l| l.name);
        let parts = [lint, package.unwrap_or(""), &key.item, &key.location, &key.operation, file, line].join("\0");
        let same = self.seen.entry(parts.clone()).or_insert(0);
        *same += 1;
        let hash = blake3::hash(format!("{parts}\0{same}").as_bytes());
        hash.to_hex()[..32].to_owned()
    }

    fn line_hash(&mut self, file: FileId, line: u32) -> String {
        let hashes = self.hashes.entry(file).or_insert_with(|| {
            let file = self.sources.file(file);
            line_hashes(&file.text, file.bom)
        });
        hashes.get(line as usize - 1).cloned().unwrap_or_default()
    }
}

fn place(label: &Label, sources: &Sources) -> Place {
    let Site { file, .. } = label.site;
    let file = sources.file(file);
    let range = range(&file.text, label.site);
    let (start, end) = (file.line_col(range.start as u32), file.line_col(range.end as u32));
    Place {
        file: file.shown.clone(),
        line_start: start.line,
        column_start: start.column,
        line_end: end.line,
        column_end: end.column,
        byte_start: file.offset_on_disk(range.start as u32),
        byte_end: file.offset_on_disk(range.end as u32),
        text: file.text[range].split_whitespace().collect::<Vec<_>>().join(" ").chars().take(100).collect(),
        label: label.text.clone(),
    }
}

impl Record {
    /// `atomic_lint::split_read_modify_write`.
    pub fn code(&self) -> Option<String> {
        self.lint.as_ref().map(|l| format!("atomic_lint::{l}"))
    }

    /// The message with what the reader needs to act on it, in plain text.
    pub fn explanation(&self, records: &Records) -> String {
        let mut text = self.message.clone();
        if !self.primary.label.is_empty() {
            text += &format!("\n{}", self.primary.label);
        }
        for partner in self.secondary.iter().filter(|p| !p.label.is_empty()) {
            let file = records.in_repository(&partner.file);
            text += &format!("\n{file}:{}: {}", partner.line_start, partner.label);
        }
        self.notes.iter().for_each(|note| text += &format!("\n{note}"));
        self.help.iter().for_each(|help| text += &format!("\nhelp: {help}"));
        text
    }
}

impl Records {
    pub fn count(&self, grade: Grade) -> usize {
        self.findings.iter().filter(|f| f.severity == grade).count()
    }

    /// Findings by lint, the most frequent first.
    pub fn by_lint(&self) -> Vec<(&str, usize)> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for finding in &self.findings {
            *counts.entry(finding.lint.as_deref().unwrap_or("source error")).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        counts
    }

    /// Errors before warnings, what is certain before what is likely; otherwise as they stand.
    pub fn worst_first(&self) -> Vec<&Record> {
        let mut all: Vec<&Record> = self.findings.iter().collect();
        all.sort_by_key(|f| (f.severity != Grade::Error, std::cmp::Reverse(f.confidence)));
        all
    }

    /// The path of a file from the root of the repository.
    pub fn in_repository(&self, file: &str) -> String {
        if std::path::Path::new(file).is_absolute() { file.to_owned() } else { format!("{}{file}", self.run.prefix) }
    }
}
