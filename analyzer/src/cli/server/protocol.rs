//! The part of the language server protocol (3.17) that the server speaks. Fields it does not use are left out: readers
//! of the protocol ignore what they do not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finding::Site;
use crate::source::{Sources, Utf16Pos};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Position {
    /// From 0.
    pub(super) line: u32,
    /// From 0, in UTF-16 code units.
    pub(super) character: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Range {
    pub(super) start: Position,
    pub(super) end: Position,
}

impl Range {
    pub(super) fn of(site: Site, sources: &Sources) -> Range {
        let file = sources.file(site.file);
        let at = |offset| {
            let Utf16Pos { line, character } = file.lines().utf16_pos(&file.text, offset);
            Position { line, character }
        };
        Range { start: at(site.span.start), end: at(site.span.end) }
    }

    /// Whether they have a position in common; the end of one may be the start of the other.
    pub(super) fn meets(&self, other: &Range) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InitializeParams {
    #[serde(default)]
    pub(super) root_uri: Option<String>,
    #[serde(default)]
    pub(super) workspace_folders: Option<Vec<Folder>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Folder {
    pub(super) uri: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct TextDocument {
    pub(super) uri: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DidOpen {
    pub(super) text_document: OpenedDocument,
}

#[derive(Debug, Deserialize)]
pub(super) struct OpenedDocument {
    pub(super) uri: String,
    pub(super) text: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DidChange {
    pub(super) text_document: TextDocument,
    /// The server asks for whole texts, so the last one counts.
    pub(super) content_changes: Vec<Content>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Content {
    pub(super) text: String,
}

/// Of `didSave` and `didClose`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfDocument {
    pub(super) text_document: TextDocument,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AtPosition {
    pub(super) text_document: TextDocument,
    pub(super) position: Position,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CodeActionParams {
    pub(super) text_document: TextDocument,
    pub(super) range: Range,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Diagnostic {
    pub(super) range: Range,
    /// 1 error, 2 warning.
    pub(super) severity: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    pub(super) source: &'static str,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) related_information: Vec<Related>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Related {
    pub(super) location: Location,
    pub(super) message: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Location {
    pub(super) uri: String,
    pub(super) range: Range,
}

#[derive(Debug, Serialize)]
pub(super) struct PublishDiagnostics {
    pub(super) uri: String,
    pub(super) diagnostics: Vec<Diagnostic>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CodeAction {
    pub(super) title: String,
    pub(super) kind: &'static str,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) is_preferred: bool,
    pub(super) edit: WorkspaceEdit,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct WorkspaceEdit {
    pub(super) changes: BTreeMap<String, Vec<TextEdit>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TextEdit {
    pub(super) range: Range,
    pub(super) new_text: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Hover {
    pub(super) contents: Markup,
    pub(super) range: Range,
}

#[derive(Debug, Serialize)]
pub(super) struct Markup {
    pub(super) kind: &'static str,
    pub(super) value: String,
}

#[derive(Debug, Serialize)]
pub(super) struct ShowMessage {
    /// 1 error, 2 warning.
    #[serde(rename = "type")]
    pub(super) kind: u8,
    pub(super) message: String,
}
