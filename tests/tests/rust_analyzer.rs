//! A real rust-analyzer, with this tool as its check command, shows the findings and offers their fixes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use atomic_lint_tests::program;
use serde_json::{Value, json};

const CODE: &str = "use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

pub struct Hits(AtomicU32);

impl Hits {
    pub fn hit(&self) {
        self.0.store(self.0.load(Relaxed) + 1, Relaxed);
    }
}
";

#[test]
fn rust_analyzer_shows_findings_and_offers_fixes() {
    let version = Command::new("rust-analyzer").arg("--version").stderr(Stdio::null()).output();
    if !version.is_ok_and(|v| v.status.success()) {
        println!("skipped: there is no rust-analyzer here (`rustup component add rust-analyzer` installs it)");
        return;
    }
    let dir = tempfile::tempdir().expect("a folder can be made");
    // As rust-analyzer spells it.
    let root = dir.path().canonicalize().expect("the folder is there");
    std::fs::create_dir(root.join("src")).expect("a folder can be made");
    let manifest = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";
    std::fs::write(root.join("Cargo.toml"), manifest).expect("a file can be written");
    std::fs::write(root.join("src/lib.rs"), CODE).expect("a file can be written");
    let mut editor = Editor::start(&root);
    let uri = format!("file://{}", root.join("src/lib.rs").display());
    editor.initialize(&root);
    let document = json!({ "uri": uri, "languageId": "rust", "version": 1, "text": CODE });
    editor.notify("textDocument/didOpen", json!({ "textDocument": document }));
    let ours = |m: &Value| m["method"] == "textDocument/publishDiagnostics" && m["params"]["uri"] == uri.as_str();
    let found = editor.wait("the finding", |m| {
        let all = m["params"]["diagnostics"].as_array().filter(|_| ours(m))?;
        all.iter().find(|d| d["code"].to_string().contains("split_read_modify_write")).cloned()
    });
    // The store in line 7, counted from 0.
    assert_eq!(found["range"]["start"], json!({ "line": 6, "character": 8 }), "{found}");
    let context = json!({ "diagnostics": [found], "only": ["quickfix"] });
    let params = json!({ "textDocument": { "uri": uri }, "range": found["range"], "context": context });
    let actions = editor.ask("textDocument/codeAction", params);
    let list = actions.as_array().expect("a list of actions");
    let mended = list.iter().find(|a| a.to_string().contains("fetch_add(1, Relaxed)"));
    let action = mended.unwrap_or_else(|| panic!("no quick fix among {actions:#}"));
    assert!(action["kind"].as_str().is_some_and(|k| k.starts_with("quickfix")), "{action:#}");
}

/// The other end of rust-analyzer's standard streams.
struct Editor {
    process: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    asked: u64,
}

impl Editor {
    fn start(root: &Path) -> Editor {
        // `cargo atomic-lint` is found on the path, as after an installation.
        let mut path = vec![program(false).parent().expect("a program stands in a folder").to_owned()];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let path = std::env::join_paths(path).expect("folders make a path");
        let mut command = Command::new("rust-analyzer");
        command.current_dir(root).env("PATH", path).env_remove("RUSTUP_TOOLCHAIN").env_remove("RUST_LOG");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("rust-analyzer can be started");
        let to = process.stdin.take().expect("its input is a pipe");
        let mut output = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        let (sender, from) = mpsc::channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Editor { process, to, from, asked: 0 }
    }

    fn initialize(&mut self, root: &Path) {
        let uri = format!("file://{}", root.display());
        let literal = json!({ "codeActionKind": { "valueSet": ["quickfix"] } });
        let capabilities = json!({
            "textDocument": { "publishDiagnostics": {}, "codeAction": { "codeActionLiteralSupport": literal } },
        });
        let options = json!({
            "check": { "command": "atomic-lint" },
            "checkOnSave": true,
            "cachePriming": { "enable": false },
            "cargo": { "buildScripts": { "enable": false }, "sysroot": null },
            "procMacro": { "enable": false },
        });
        let folders = json!([{ "uri": uri, "name": "demo" }]);
        self.ask(
            "initialize",
            json!({ "processId": null, "rootUri": uri, "workspaceFolders": folders, "capabilities": capabilities,
                    "initializationOptions": options }),
        );
        self.notify("initialized", json!({}));
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let answer = self.wait(method, |m| (m["id"] == id && m.get("method").is_none()).then(|| m.clone()));
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.to, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("rust-analyzer reads");
        self.to.flush().expect("rust-analyzer reads");
    }

    /// The first message that is what is waited for. What the server asks meanwhile has no answer here.
    fn wait(&mut self, what: &str, is_it: impl Fn(&Value) -> Option<Value>) -> Value {
        let end = Instant::now() + Duration::from_secs(180);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let message = self.from.recv_timeout(left).unwrap_or_else(|e| panic!("{what}: {e}"));
            if let Some(found) = is_it(&message) {
                return found;
            }
            if message.get("method").is_some() && message.get("id").is_some() {
                let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": null });
                self.send(&answer);
            }
        }
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // It may be gone already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

fn read(from: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().strip_prefix("Content-Length:") {
            Some(n) => length = n.trim().parse().ok()?,
            None if line.trim().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
