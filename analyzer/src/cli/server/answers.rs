//! What the editor is told: findings, fixes, roles, partners.

use std::collections::{BTreeMap, BTreeSet};

use super::protocol::{
    AtPosition, CodeAction, CodeActionParams, Diagnostic, Hover, Location, Markup, Position, PublishDiagnostics, Range,
    Related, TextEdit, WorkspaceEdit,
};
use super::{Known, Server, uri};
use crate::finding::{Applicability, Fix, Site};
use crate::report::{self, Severity};
use crate::source::{FileId, Utf16Pos};
use crate::views::survey::{self, Access};

impl Known {
    fn uri(&self, file: FileId) -> String {
        uri::uri(&self.analysis.sources.file(file).path)
    }

    fn location(&self, site: Site) -> Location {
        Location { uri: self.uri(site.file), range: Range::of(site, &self.analysis.sources) }
    }

    /// A file that the editor speaks of.
    fn file(&self, uri: &str) -> Option<FileId> {
        let path = uri::path(uri)?;
        self.analysis.sources.iter().find(|(_, f)| f.path == path).map(|(id, _)| id)
    }

    /// Where a position of the editor stands in the text.
    fn offset(&self, file: FileId, at: Position) -> u32 {
        let file = self.analysis.sources.file(file);
        file.lines().offset_of_utf16(&file.text, Utf16Pos { line: at.line, character: at.character })
    }

    fn diagnostic(&self, d: &report::Diagnostic) -> Diagnostic {
        let mut message = d.message.clone();
        if !d.primary.text.is_empty() {
            message += &format!("\n{}", d.primary.text);
        }
        d.notes.iter().for_each(|note| message += &format!("\n{note}"));
        d.help.iter().for_each(|help| message += &format!("\nhelp: {help}"));
        let partners = d.secondary.iter().map(|label| {
            let message = if label.text.is_empty() { "see also".to_owned() } else { label.text.clone() };
            Related { location: self.location(label.site), message }
        });
        Diagnostic {
            range: Range::of(d.primary.site, &self.analysis.sources),
            severity: if d.severity == Severity::Error { 1 } else { 2 },
            code: d.code(),
            source: "atomic-lint",
            message,
            related_information: partners.collect(),
        }
    }

    fn edit(&self, fix: &Fix) -> WorkspaceEdit {
        let mut edit = WorkspaceEdit::default();
        for e in &fix.edits {
            let new_text = e.replacement.clone();
            let range = Range::of(e.site, &self.analysis.sources);
            edit.changes.entry(self.uri(e.site.file)).or_default().push(TextEdit { range, new_text });
        }
        edit
    }

    /// A comment above the line that silences one finding.
    fn allowance(&self, d: &report::Diagnostic) -> Option<WorkspaceEdit> {
        let file = self.analysis.sources.file(d.primary.site.file);
        let line = file.lines().line(d.primary.site.span.start);
        let text = file.line_text(line);
        let indent = &text[..text.len() - text.trim_start().len()];
        let start = Position { line: line - 1, character: 0 };
        let new_text = format!("{indent}// atomic-lint: allow({}) because …\n", d.lint?.name);
        let edit = TextEdit { range: Range { start, end: start }, new_text };
        Some(WorkspaceEdit { changes: BTreeMap::from([(self.uri(d.primary.site.file), vec![edit])]) })
    }

    /// The location whose operation or declaration stands at a place; the innermost if several do.
    fn at(&self, file: FileId, offset: u32) -> Option<(&survey::Location, Option<&Access>, Site)> {
        let holds = |s: &Site| s.file == file && s.span.start <= offset && offset <= s.span.end;
        let all = self.survey.locations.iter().flat_map(|location| {
            let accesses = location.accesses.iter().map(move |a| (location, Some(a), a.site));
            accesses.chain(location.site.map(|site| (location, None, site)))
        });
        all.filter(|(_, _, site)| holds(site)).min_by_key(|(_, _, site)| site.span.end - site.span.start)
    }
}

impl Server<'_> {
    /// Sends the findings of every file, and an empty list for files that have none any more.
    pub(super) fn publish(&mut self) {
        let mut by_file: BTreeMap<String, Vec<Diagnostic>> = BTreeMap::new();
        for known in &self.known {
            for d in &known.report.diagnostics {
                by_file.entry(known.uri(d.primary.site.file)).or_default().push(known.diagnostic(d));
            }
        }
        let now: BTreeSet<String> = by_file.keys().cloned().collect();
        for gone in self.shown.difference(&now) {
            by_file.insert(gone.clone(), Vec::new());
        }
        for (uri, diagnostics) in by_file {
            self.notify("textDocument/publishDiagnostics", &PublishDiagnostics { uri, diagnostics });
        }
        self.shown = now;
    }

    fn known_file(&self, uri: &str) -> Option<(&Known, FileId)> {
        self.known.iter().find_map(|k| Some((k, k.file(uri)?)))
    }

    pub(super) fn code_actions(&self, params: &CodeActionParams) -> Vec<CodeAction> {
        let Some((known, file)) = self.known_file(&params.text_document.uri) else { return Vec::new() };
        let mut actions = Vec::new();
        for d in known.report.diagnostics.iter().filter(|d| d.primary.site.file == file) {
            let shown = known.diagnostic(d);
            if !shown.range.meets(&params.range) {
                continue;
            }
            let action = |title: String, is_preferred, edit| CodeAction {
                title,
                kind: "quickfix",
                diagnostics: vec![shown.clone()],
                is_preferred,
                edit,
            };
            actions.extend(d.fixes.iter().map(|fix| {
                let sure = fix.applicability == Applicability::MachineApplicable;
                let doubt = match fix.applicability {
                    Applicability::MachineApplicable => "",
                    Applicability::MaybeIncorrect => " (may be wrong)",
                    Applicability::HasPlaceholders => " (to be completed)",
                };
                action(format!("{}{doubt}", fix.title), sure, known.edit(fix))
            }));
            let name = d.lint.map_or("", |l| l.name);
            actions.extend(known.allowance(d).map(|edit| action(format!("allow `{name}` here"), false, edit)));
        }
        actions
    }

    pub(super) fn hover(&self, params: &AtPosition) -> Option<Hover> {
        let (known, file) = self.known_file(&params.text_document.uri)?;
        let (location, _, site) = known.at(file, known.offset(file, params.position))?;
        let ty = if location.ty.is_empty() { String::new() } else { format!(": {}", location.ty) };
        let is = match location.role.is.as_str() {
            "unknown" => "what it is for is not known",
            role => role,
        };
        let mut value = format!("```rust\n{}{ty}\n```\n\n{is}: {}\n\n", location.name, location.role.why);
        value += "| function | operation | ordering | where |\n|---|---|---|---|\n";
        for a in &location.accesses {
            let remarks = if a.context.is_empty() { String::new() } else { format!(" ({})", a.context.join(", ")) };
            let Location { uri, range } = known.location(a.site);
            let (function, operation, line) = (&a.function, &a.operation, range.start.line + 1);
            let name = a.place.rsplit('/').next().unwrap_or(&a.place);
            value +=
                &format!("| `{function}` | `{operation}` | {}{remarks} | [{name}]({uri}#L{line}) |\n", a.orderings());
        }
        let contents = Markup { kind: "markdown", value };
        Some(Hover { contents, range: Range::of(site, &known.analysis.sources) })
    }

    /// From a release to the acquires, and back; from what is neither to the other direction; else to everything.
    pub(super) fn partners(&self, params: &AtPosition) -> Vec<Location> {
        let Some((known, file)) = self.known_file(&params.text_document.uri) else { return Vec::new() };
        let Some((location, access, _)) = known.at(file, known.offset(file, params.position)) else {
            return Vec::new();
        };
        let others = || location.accesses.iter().filter(|a| access.is_none_or(|here| a.site != here.site));
        let is_partner = |a: &&Access| {
            access.is_some_and(|here| here.is_release() && a.is_acquire() || here.is_acquire() && a.is_release())
        };
        let mut found: Vec<&Access> = others().filter(is_partner).collect();
        // Without orderings, whoever writes is asked for by whoever reads, and the other way round.
        let is_opposite = |a: &&Access| access.is_some_and(|here| here.writes && a.reads || here.reads && a.writes);
        if found.is_empty() {
            found = others().filter(is_opposite).collect();
        }
        if found.is_empty() {
            found = others().collect();
        }
        found.into_iter().map(|a| known.location(a.site)).collect()
    }
}
