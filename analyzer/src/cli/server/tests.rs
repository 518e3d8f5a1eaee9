//! A scripted client against a real workspace on disk.

use std::path::Path;
use std::thread;

use lsp_server::{Connection, Message, Notification, Request, RequestId, Response};
use serde_json::{Value, json};

use super::super::args::Check;
use super::*;

const MANIFEST: &str = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";
/// The `ü` makes UTF-16 and bytes disagree.
const TEXT: &str = "use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub struct Cell { ready: AtomicBool, hits: AtomicU64 }

impl Cell {
    pub fn set(&self) { /* ü */ self.ready.store(true, Ordering::Release); }
    pub fn get(&self) -> bool { /* ü */ self.ready.load(Ordering::Acquire) }
    pub fn hit(&self) {
        let n = self.hits.load(Ordering::Relaxed);
        self.hits.store(n + 1, Ordering::Relaxed);
    }
    pub fn more(&self) { self.hits.fetch_add(1, Ordering::Relaxed); }
}
";

struct Client {
    connection: Connection,
    next: i32,
    /// Published since the last look, by file.
    published: Vec<(String, Vec<Value>)>,
}

impl Client {
    fn request(&mut self, method: &str, params: Value) -> Response {
        self.next += 1;
        let id = RequestId::from(self.next);
        let request = Request { id: id.clone(), method: method.to_owned(), params };
        self.connection.sender.send(Message::Request(request)).unwrap();
        loop {
            match self.connection.receiver.recv_timeout(Duration::from_secs(60)).unwrap() {
                Message::Response(response) if response.id == id => return response,
                message => self.keep(message),
            }
        }
    }

    fn answer(&mut self, method: &str, params: Value) -> Value {
        let response = serde_json::to_value(self.request(method, params)).unwrap();
        response.get("result").cloned().unwrap_or_else(|| panic!("{method}: {response}"))
    }

    fn notify(&self, method: &str, params: Value) {
        let notification = Notification { method: method.to_owned(), params };
        self.connection.sender.send(Message::Notification(notification)).unwrap();
    }

    fn keep(&mut self, message: Message) {
        if let Message::Notification(n) = message {
            assert_eq!(n.method, "textDocument/publishDiagnostics", "{n:?}");
            let uri = n.params["uri"].as_str().unwrap().to_owned();
            self.published.push((uri, n.params["diagnostics"].as_array().unwrap().clone()));
        }
    }

    /// The next findings that are published for a file.
    fn diagnostics(&mut self, uri: &str) -> Vec<Value> {
        loop {
            if let Some(at) = self.published.iter().position(|(u, _)| u == uri) {
                return self.published.remove(at).1;
            }
            let message = self.connection.receiver.recv_timeout(Duration::from_secs(60)).unwrap();
            self.keep(message);
        }
    }
}

/// Runs a script against a server on a package with this text.
fn script(text: &str, script: impl FnOnce(&mut Client, &Path, &str)) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    std::fs::create_dir(root.join("src")).unwrap();
    std::fs::write(root.join("Cargo.toml"), MANIFEST).unwrap();
    std::fs::write(root.join("src/lib.rs"), text).unwrap();
    let (ours, theirs) = Connection::memory();
    let server = thread::spawn(move || {
        let around = Surroundings::default();
        serve(&theirs, &Check::default(), Table::default(), &around).map_err(|e| e.to_string())
    });
    let mut client = Client { connection: ours, next: 0, published: Vec::new() };
    let folder = json!({ "uri": uri::uri(&root), "name": "demo" });
    let answer = client.answer("initialize", json!({ "capabilities": {}, "workspaceFolders": [folder] }));
    assert_eq!(answer["capabilities"]["hoverProvider"], true);
    client.notify("initialized", json!({}));
    script(&mut client, &root, &uri::uri(&root.join("src/lib.rs")));
    client.request("shutdown", Value::Null);
    client.notify("exit", Value::Null);
    server.join().unwrap().unwrap();
}

/// The position of the `n`th occurrence of a word.
fn position(text: &str, word: &str, n: usize) -> Value {
    let (offset, _) = text.match_indices(word).nth(n).unwrap();
    let line = text[..offset].matches('\n').count();
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    json!({ "line": line, "character": text[start..offset].encode_utf16().count() })
}

fn at(uri: &str, position: Value) -> Value {
    json!({ "textDocument": { "uri": uri }, "position": position })
}

fn codes(diagnostics: &[Value]) -> Vec<&str> {
    diagnostics.iter().map(|d| d["code"].as_str().unwrap()).collect()
}

#[test]
fn findings_follow_the_text_in_the_editor() {
    script(TEXT, |client, root, uri| {
        let found = client.diagnostics(uri);
        assert_eq!(codes(&found), ["atomic_lint::split_read_modify_write"]);
        assert_eq!(found[0]["severity"], 1);
        assert_eq!(found[0]["range"]["start"], position(TEXT, "self.hits.store", 0));
        let related = &found[0]["relatedInformation"][0]["location"];
        assert_eq!((&related["uri"], &related["range"]["start"]), (&json!(uri), &position(TEXT, "self.hits.load", 0)));
        // Mended in the editor, not on disk.
        let mended = TEXT.replace("self.hits.store(n + 1, Ordering::Relaxed);", "let _ = n;");
        client.notify("textDocument/didOpen", json!({ "textDocument": { "uri": uri, "text": mended } }));
        assert_eq!(client.diagnostics(uri), Vec::<Value>::new());
        let change = json!({ "textDocument": { "uri": uri }, "contentChanges": [{ "text": TEXT }] });
        client.notify("textDocument/didChange", change);
        assert_eq!(client.diagnostics(uri), found);
        // Closed without saving, the file on disk counts.
        std::fs::write(root.join("src/lib.rs"), &mended).unwrap();
        client.notify("textDocument/didClose", json!({ "textDocument": { "uri": uri } }));
        assert_eq!(client.diagnostics(uri), Vec::<Value>::new());
        // A text that does not parse is said to be one.
        let change = json!({ "textDocument": { "uri": uri, "text": "use std::sync::atomic::*; fn f( {" } });
        client.notify("textDocument/didOpen", change);
        let broken = client.diagnostics(uri);
        assert!(broken[0]["message"].as_str().unwrap().contains("cannot be parsed"), "{broken:?}");
    });
}

#[test]
fn a_hover_tells_the_role_and_who_else_is_there() {
    script(TEXT, |client, _, uri| {
        let hover = client.answer("textDocument/hover", at(uri, position(TEXT, "store(true", 0)));
        let text = hover["contents"]["value"].as_str().unwrap();
        assert!(text.starts_with("```rust\nCell::ready: AtomicBool\n```\n\na flag: "), "{text}");
        assert!(text.contains("| `Cell::get` | `load` | Acquire | [lib.rs:7:"), "{text}");
        assert_eq!(hover["range"]["start"], position(TEXT, "self.ready.store", 0));
        // At the declaration as well, and nowhere else.
        let declared = client.answer("textDocument/hover", at(uri, position(TEXT, "ready: ", 0)));
        assert_eq!(declared["contents"], hover["contents"]);
        assert_eq!(client.answer("textDocument/hover", at(uri, position(TEXT, "impl", 0))), Value::Null);
    });
}

#[test]
fn a_release_leads_to_its_acquire_and_back() {
    script(TEXT, |client, _, uri| {
        let places = |client: &mut Client, word: &str| {
            let found = client.answer("textDocument/implementation", at(uri, position(TEXT, word, 0)));
            found.as_array().unwrap().iter().map(|l| l["range"]["start"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(places(client, "ready.store"), [position(TEXT, "self.ready.load", 0)]);
        assert_eq!(places(client, "ready.load"), [position(TEXT, "self.ready.store", 0)]);
        // What orders nothing leads to all the others.
        assert_eq!(places(client, "hits.fetch_add").len(), 2);
        assert_eq!(places(client, "pub struct"), Vec::<Value>::new());
    });
}

/// Applies the edits of one file.
fn apply(text: &str, edits: &[Value]) -> String {
    let lines = crate::source::LineIndex::new(text);
    let offset = |p: &Value| {
        let number = |key: &str| p[key].as_u64().unwrap() as u32;
        let at = crate::source::Utf16Pos { line: number("line"), character: number("character") };
        lines.offset_of_utf16(text, at) as usize
    };
    let mut edits: Vec<(usize, usize, &str)> = edits
        .iter()
        .map(|e| (offset(&e["range"]["start"]), offset(&e["range"]["end"]), e["newText"].as_str().unwrap()))
        .collect();
    edits.sort_unstable();
    let mut text = text.to_owned();
    edits.into_iter().rev().for_each(|(start, end, new)| text.replace_range(start..end, new));
    text
}

#[test]
fn fixes_and_suppressions_are_code_actions() {
    script(TEXT, |client, _, uri| {
        let start = position(TEXT, "hits.store", 0);
        let params = json!({ "textDocument": { "uri": uri }, "range": { "start": start, "end": start }, "context": {} });
        let actions = client.answer("textDocument/codeAction", params);
        let actions = actions.as_array().unwrap();
        assert!(actions.len() >= 2, "{actions:?}");
        for action in actions {
            assert_eq!(action["kind"], "quickfix");
            let edits = action["edit"]["changes"][uri].as_array().unwrap();
            let text = apply(TEXT, edits);
            client.notify("textDocument/didOpen", json!({ "textDocument": { "uri": uri, "text": text } }));
            client.published.clear();
            // An answer comes after the new text was looked at.
            client.answer("textDocument/hover", at(uri, json!({ "line": 0, "character": 0 })));
            let left = client.diagnostics(uri);
            assert!(!codes(&left).contains(&"atomic_lint::split_read_modify_write"), "{}\n{text}", action["title"]);
        }
        let elsewhere = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 0 } });
        let params = json!({ "textDocument": { "uri": uri }, "range": elsewhere, "context": {} });
        assert_eq!(client.answer("textDocument/codeAction", params), json!([]));
    });
}

#[test]
fn what_is_not_understood_is_refused() {
    script(TEXT, |client, _, _| {
        let response = client.request("textDocument/rename", json!({}));
        assert!(serde_json::to_string(&response).unwrap().contains("-32601"));
        let response = client.request("textDocument/hover", json!({ "nonsense": 1 }));
        assert!(serde_json::to_string(&response).unwrap().contains("-32602"));
        client.notify("textDocument/didOpen", json!({ "nonsense": 1 }));
    });
}
