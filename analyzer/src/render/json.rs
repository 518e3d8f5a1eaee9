//! Cargo's JSON stream, as `cargo check --message-format=json` writes it and rust-analyzer, `cargo_metadata` and
//! rustfix read it: a `compiler-message` per finding, a `compiler-artifact` per package, `build-finished` at the end.

use serde::Serialize;

use super::{Style, human, range, table};
use crate::finding::{Applicability, Edit, Fix, Label};
use crate::report::Diagnostic;
use crate::source::Sources;

/// The target that a message is about, as `cargo metadata` describes it.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    pub kind: Vec<String>,
    pub crate_types: Vec<String>,
    pub name: String,
    pub src_path: String,
    pub edition: String,
    pub doc: bool,
    pub doctest: bool,
    pub test: bool,
}

/// A package with the target that its messages name.
#[derive(Clone, Debug)]
pub struct Package {
    pub id: String,
    pub manifest_path: String,
    pub target: Target,
    pub features: Vec<String>,
}

#[derive(Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Line<'a> {
    CompilerMessage {
        package_id: &'a str,
        manifest_path: &'a str,
        target: &'a Target,
        message: Message,
    },
    CompilerArtifact {
        package_id: &'a str,
        manifest_path: &'a str,
        target: &'a Target,
        profile: Profile,
        features: &'a [String],
        filenames: [&'a str; 0],
        executable: Option<&'a str>,
        fresh: bool,
    },
    BuildFinished {
        success: bool,
    },
}

/// Cargo's own of the `dev` profile; nothing was compiled.
#[derive(Serialize)]
struct Profile {
    opt_level: &'static str,
    debuginfo: u8,
    debug_assertions: bool,
    overflow_checks: bool,
    test: bool,
}

#[derive(Debug, Serialize)]
struct Message {
    #[serde(rename = "$message_type")]
    message_type: &'static str,
    message: String,
    code: Option<Code>,
    level: &'static str,
    spans: Vec<Span>,
    children: Vec<Message>,
    rendered: Option<String>,
}

#[derive(Debug, Serialize)]
struct Code {
    code: String,
    explanation: Option<String>,
}

#[derive(Debug, Serialize)]
struct Span {
    file_name: String,
    byte_start: u32,
    byte_end: u32,
    line_start: u32,
    line_end: u32,
    column_start: u32,
    column_end: u32,
    is_primary: bool,
    text: Vec<SpanLine>,
    label: Option<String>,
    suggested_replacement: Option<String>,
    suggestion_applicability: Option<&'static str>,
    expansion: Option<()>,
}

#[derive(Debug, Serialize)]
struct SpanLine {
    text: String,
    highlight_start: u32,
    highlight_end: u32,
}

/// The line of one finding.
pub fn diagnostic(diagnostic: &Diagnostic, package: &Package, sources: &Sources, style: Style) -> String {
    line(&Line::CompilerMessage {
        package_id: &package.id,
        manifest_path: &package.manifest_path,
        target: &package.target,
        message: message(diagnostic, sources, style),
    })
}

/// The line that says a package is done: rust-analyzer forgets its older findings then.
pub fn artifact(package: &Package) -> String {
    line(&Line::CompilerArtifact {
        package_id: &package.id,
        manifest_path: &package.manifest_path,
        target: &package.target,
        profile: Profile { opt_level: "0", debuginfo: 2, debug_assertions: true, overflow_checks: true, test: false },
        features: &package.features,
        filenames: [],
        executable: None,
        fresh: false,
    })
}

/// The last line.
pub fn finished(success: bool) -> String {
    line(&Line::BuildFinished { success })
}

fn line(line: &Line<'_>) -> String {
    // Strings, numbers and lists only: there is nothing that JSON could not hold.
    let json = serde_json::to_string(line).expect("plain data is JSON");
    json + "\n"
}

fn message(diagnostic: &Diagnostic, sources: &Sources, style: Style) -> Message {
    let mut spans = vec![span(&diagnostic.primary, true, sources)];
    spans.extend(diagnostic.secondary.iter().map(|label| span(label, false, sources)));
    let mut children: Vec<Message> = diagnostic.notes.iter().map(|note| child("note", note.clone())).collect();
    let home = diagnostic.primary.site.file;
    children.extend(diagnostic.shown_interleaving().map(|i| child("note", table::table(i, home, sources, None))));
    children.extend(diagnostic.help.as_ref().map(|help| child("help", help.clone())));
    children.extend(diagnostic.fixes.iter().map(|f| fix(f, sources)));
    children.extend(
        diagnostic.lint.map(|l| child("help", format!("for more, run `cargo atomic-lint explain {}`", l.name))),
    );
    Message {
        message_type: "diagnostic",
        message: diagnostic.message.clone(),
        code: diagnostic.code().map(|code| Code { code, explanation: None }),
        level: diagnostic.severity.name(),
        spans,
        children,
        rendered: Some(human::diagnostic(diagnostic, sources, style)),
    }
}

fn child(level: &'static str, message: String) -> Message {
    Message {
        message_type: "diagnostic",
        message,
        code: None,
        level,
        spans: Vec::new(),
        children: Vec::new(),
        rendered: None,
    }
}

/// A remedy that an editor can apply: a `help` child whose spans carry the replacements.
fn fix(fix: &Fix, sources: &Sources) -> Message {
    let applicability = match fix.applicability {
        Applicability::MachineApplicable => "MachineApplicable",
        Applicability::MaybeIncorrect => "MaybeIncorrect",
        Applicability::HasPlaceholders => "HasPlaceholders",
    };
    let edit = |edit: &Edit| Span {
        suggested_replacement: Some(edit.replacement.clone()),
        suggestion_applicability: Some(applicability),
        ..span(&Label { site: edit.site, text: String::new() }, true, sources)
    };
    Message { spans: fix.edits.iter().map(edit).collect(), ..child("help", fix.title.clone()) }
}

fn span(label: &Label, is_primary: bool, sources: &Sources) -> Span {
    let file = sources.file(label.site.file);
    let range = range(&file.text, label.site);
    let lines = file.lines();
    let (start, end) = (lines.line_col(&file.text, range.start as u32), lines.line_col(&file.text, range.end as u32));
    let text = (start.line..=end.line).map(|line| {
        let text = lines.line_text(&file.text, line);
        SpanLine {
            highlight_start: if line == start.line { start.column } else { 1 },
            highlight_end: if line == end.line { end.column } else { text.chars().count() as u32 + 1 },
            text: text.to_owned(),
        }
    });
    Span {
        file_name: file.shown.clone(),
        byte_start: file.offset_on_disk(range.start as u32),
        byte_end: file.offset_on_disk(range.end as u32),
        line_start: start.line,
        line_end: end.line,
        column_start: start.column,
        column_end: end.column,
        is_primary,
        text: text.collect(),
        label: (!label.text.is_empty()).then(|| label.text.clone()),
        suggested_replacement: None,
        suggestion_applicability: None,
        expansion: None,
    }
}
