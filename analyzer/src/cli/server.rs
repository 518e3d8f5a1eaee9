//! `server`: a language server over standard input and output.
//!
//! Findings are published when a file is opened, saved or changed, from the texts in the editor; fixes are code actions;
//! a hover over an atomic operation shows what its location is for and who else touches it; "go to implementation" leads
//! from one side of a pair to the other (the methods of atomics have no implementation that anybody would look for).
//!
//! There is one thread: messages are taken as they come, and when none has come for a moment the workspace is analysed
//! anew. A question about a text that changed since waits for that.

mod answers;
mod protocol;
mod uri;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::args::Check;
use super::check::Job;
use super::terminal::Terminal;
use super::{Failure, Status, Surroundings, configuration};
use crate::driver::Analysis;
use crate::level::Table;
use crate::render::Style;
use crate::report::Report;
use crate::source::Unsaved;
use crate::views::survey::Survey;
use crate::workspace;
use protocol::*;

/// How long the editor must be silent before a change is looked at.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) fn run(args: &Check, levels: Table, around: &Surroundings) -> Result<Status, Failure> {
    let (connection, threads) = Connection::stdio();
    serve(&connection, args, levels, around)?;
    drop(connection);
    threads.join()?;
    Ok(Status::Clean)
}

/// Serves one editor until it says goodbye or goes away.
pub(super) fn serve(
    connection: &Connection,
    args: &Check,
    levels: Table,
    around: &Surroundings,
) -> Result<(), Failure> {
    let broken = |e: lsp_server::ProtocolError| Failure::message(e.to_string());
    let (id, params) = connection.initialize_start().map_err(broken)?;
    let params: InitializeParams = serde_json::from_value(params).unwrap_or_default();
    connection.initialize_finish(id, capabilities()).map_err(broken)?;
    let roots = roots(params, around);
    let mut server = Server {
        connection,
        args,
        levels,
        around,
        roots,
        unsaved: Unsaved::new(),
        known: Vec::new(),
        shown: BTreeSet::new(),
        complaints: BTreeSet::new(),
        stale: true,
    };
    server.serve()
}

fn capabilities() -> serde_json::Value {
    json!({
        "capabilities": {
            "positionEncoding": "utf-16",
            // Whole texts: what is analysed is whole files anyway.
            "textDocumentSync": { "openClose": true, "change": 1, "save": { "includeText": false } },
            "codeActionProvider": { "codeActionKinds": ["quickfix"] },
            "hoverProvider": true,
            "implementationProvider": true
        },
        "serverInfo": { "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") }
    })
}

/// The directories that the editor has open, or the current one.
fn roots(params: InitializeParams, around: &Surroundings) -> Vec<PathBuf> {
    let folders: Vec<String> = match params.workspace_folders {
        Some(folders) if !folders.is_empty() => folders.into_iter().map(|f| f.uri).collect(),
        _ => params.root_uri.into_iter().collect(),
    };
    let roots: Vec<PathBuf> = folders.iter().filter_map(|uri| uri::path(uri)).collect();
    if roots.is_empty() { vec![around.current_dir.clone().unwrap_or_else(|| PathBuf::from("."))] } else { roots }
}

struct Server<'a> {
    connection: &'a Connection,
    args: &'a Check,
    levels: Table,
    around: &'a Surroundings,
    roots: Vec<PathBuf>,
    /// The texts of open files, by path.
    unsaved: Unsaved,
    /// What is known of each root; none where the run could not be made.
    known: Vec<Known>,
    /// The files that the editor shows findings for.
    shown: BTreeSet<String>,
    /// What the user was told already.
    complaints: BTreeSet<String>,
    /// A text has changed since `known` was made.
    stale: bool,
}

/// The outcome of one analysis.
struct Known {
    analysis: Analysis,
    report: Report,
    survey: Survey,
}

impl Server<'_> {
    fn serve(&mut self) -> Result<(), Failure> {
        loop {
            let next = if self.stale {
                match self.connection.receiver.recv_timeout(PAUSE) {
                    Ok(message) => Some(message),
                    Err(e) if e.is_timeout() => {
                        self.look();
                        continue;
                    }
                    Err(_) => None,
                }
            } else {
                self.connection.receiver.recv().ok()
            };
            match next {
                // The editor is gone.
                None => return Ok(()),
                Some(Message::Request(request)) => {
                    let goodbye = self.connection.handle_shutdown(&request);
                    if goodbye.map_err(|e| Failure::message(e.to_string()))? {
                        return Ok(());
                    }
                    self.answer(request);
                }
                Some(Message::Notification(notification)) => self.note(notification),
                Some(Message::Response(_)) => {}
            }
        }
    }

    fn note(&mut self, notification: Notification) {
        let Notification { method, params } = notification;
        match method.as_str() {
            "textDocument/didOpen" => {
                if let Some(DidOpen { text_document: opened }) = read(params) {
                    self.set(&opened.uri, Some(opened.text));
                }
            }
            "textDocument/didChange" => {
                if let Some(DidChange { text_document, mut content_changes }) = read(params)
                    && let Some(content) = content_changes.pop()
                {
                    self.set(&text_document.uri, Some(content.text));
                }
            }
            "textDocument/didClose" => {
                if let Some(OfDocument { text_document }) = read(params) {
                    self.set(&text_document.uri, None);
                }
            }
            // Also files that the editor changed without opening them.
            "textDocument/didSave" | "workspace/didChangeWatchedFiles" => self.stale = true,
            _ => {}
        }
    }

    fn set(&mut self, uri: &str, text: Option<String>) {
        let Some(path) = uri::path(uri) else { return };
        match text {
            Some(text) => self.unsaved.insert(path, text),
            None => self.unsaved.remove(&path),
        };
        self.stale = true;
    }

    fn answer(&mut self, request: Request) {
        let Request { id, method, params } = request;
        if self.stale {
            self.look();
        }
        let answer = match method.as_str() {
            "textDocument/codeAction" => read(params).map(|p: CodeActionParams| value(&self.code_actions(&p))),
            "textDocument/hover" => read(params).map(|p: AtPosition| value(&self.hover(&p))),
            "textDocument/implementation" => read(params).map(|p: AtPosition| value(&self.partners(&p))),
            _ => {
                let message = format!("`{method}` is not understood");
                return self.send(Response::new_err(id, ErrorCode::MethodNotFound as i32, message));
            }
        };
        self.send(match answer {
            Some(answer) => Response::new_ok(id, answer),
            None => Response::new_err(id, ErrorCode::InvalidParams as i32, format!("wrong parameters of `{method}`")),
        });
    }

    /// Analyses every root and publishes what is found.
    fn look(&mut self) {
        self.stale = false;
        let roots = self.roots.clone();
        self.known.clear();
        for root in &roots {
            match self.known_of(root) {
                Ok(known) => self.known.push(known),
                Err(failure) => self.complain(failure.to_string()),
            }
        }
        self.publish();
    }

    fn known_of(&self, root: &Path) -> Result<Known, Failure> {
        let mut selection = self.args.selection.selection(self.around);
        if selection.manifest_path.is_none() {
            selection.current_dir = Some(root.to_owned());
        }
        // An editor has the whole workspace open.
        selection.workspace |= selection.packages.is_empty();
        let plan = workspace::plan(&selection).map_err(|e| Failure::message(e.to_string()))?;
        let config = configuration(&plan, self.levels.clone())?;
        let style = Style::default();
        let terminal = Terminal { out: style, err: style, quiet: true, verbose: false };
        let job = Job::new(self.args, &plan, &config, self.around, terminal);
        let looked = job.look_and(self.unsaved.clone(), selection.wants_tests(), Survey::of)?;
        let (analysis, report, survey) = looked;
        Ok(Known { analysis, report, survey })
    }

    fn complain(&mut self, message: String) {
        // Once: a manifest is broken for many keystrokes in a row.
        if self.complaints.insert(message.clone()) {
            self.notify("window/showMessage", &ShowMessage { kind: 1, message: format!("atomic-lint: {message}") });
        }
    }

    fn send(&self, response: Response) {
        // An editor that is gone is noticed by the next `recv`.
        drop(self.connection.sender.send(Message::Response(response)));
    }

    fn notify(&self, method: &str, params: &impl Serialize) {
        let notification = Notification { method: method.to_owned(), params: value(params) };
        drop(self.connection.sender.send(Message::Notification(notification)));
    }
}

fn read<T: DeserializeOwned>(params: serde_json::Value) -> Option<T> {
    serde_json::from_value(params).ok()
}

fn value(answer: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(answer).expect("plain data is JSON")
}

#[cfg(test)]
mod tests;
