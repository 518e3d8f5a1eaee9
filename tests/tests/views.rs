//! `inventory`, `pairs`, `layout` and `diff` on small packages.

use std::path::Path;
use std::process::Command;

use atomic_lint_tests::run;
use cargo_atomic_lint::cli::Status;
use serde_json::Value;

const TEXT: &str = "use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*, fence};

#[repr(C)]
pub struct Cell {
    ready: AtomicBool,
    value: u64,
    hits: AtomicU64,
    late: AtomicU64,
}

pub static STARTED: AtomicBool = AtomicBool::new(false);

impl Cell {
    pub fn set(&self) {
        self.ready.store(true, Release);
        self.hits.fetch_add(1, Relaxed);
    }
    pub fn get(&self) -> bool {
        self.ready.load(Acquire)
    }
    pub fn late(&self) -> u64 {
        let late = self.late.load(Relaxed);
        fence(Acquire);
        late
    }
    pub fn set_late(&self, late: u64) {
        self.late.store(late, Release);
    }
    pub fn start() {
        STARTED.store(true, Release);
    }
    pub fn started() -> bool {
        STARTED.load(Relaxed)
    }
}
";

fn package(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let manifest = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    std::fs::create_dir(dir.path().join("src")).expect("a directory");
    std::fs::write(dir.path().join("Cargo.toml"), manifest).expect("a file");
    std::fs::write(dir.path().join("src/lib.rs"), text).expect("a file");
    dir
}

fn shown(dir: &Path, line: &str) -> String {
    let ran = run(dir, line);
    assert_eq!(ran.status, Status::Clean, "{line}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text")
}

fn json(dir: &Path, line: &str) -> Value {
    serde_json::from_str(&shown(dir, &format!("{line} --format json"))).expect("JSON")
}

/// Holds the lines of a text, blanks at their ends aside.
#[track_caller]
fn holds(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|l| l.trim() == *line), "no line `{line}` in\n{text}");
    }
}

#[test]
fn the_inventory_lists_every_location_with_everyone() {
    let dir = package(TEXT);
    let text = shown(dir.path(), "inventory");
    holds(
        &text,
        &[
            "crate demo",
            "Cell::ready: AtomicBool",
            "declared at src/lib.rs:5:5",
            "writes  Cell::set  store  Release  src/lib.rs:15:9",
            "reads   Cell::get  load   Acquire  src/lib.rs:19:9",
            "STARTED: AtomicBool",
            "declared at src/lib.rs:11:12",
            "updates  Cell::set  fetch_add  Relaxed  src/lib.rs:16:9",
            "4 locations, 7 operations; 0 operations on unknown locations",
        ],
    );
    let survey = json(dir.path(), "inventory");
    assert_eq!(survey["locations"].as_array().map(Vec::len), Some(4));
    assert_eq!(survey["locations"][0]["crate"], "demo");
}

#[test]
fn pairs_have_two_sides_or_say_which_is_missing() {
    let dir = package(TEXT);
    let text = shown(dir.path(), "pairs");
    holds(
        &text,
        &[
            "release  Cell::set  store  Release  src/lib.rs:15:9",
            "acquire  Cell::get  load   Acquire  src/lib.rs:19:9",
            "acquire  Cell::late      load   Relaxed with a fence  src/lib.rs:22:20",
            "neither  Cell::started  load   Relaxed  src/lib.rs:33:9",
            "nothing acquires what is released here",
            "2 locations with both sides, 1 with one",
        ],
    );
    assert!(!text.contains("Cell::hits"), "what orders nothing is no pair");
    assert_eq!(json(dir.path(), "pairs").as_array().map(Vec::len), Some(3));
}

#[test]
fn the_layout_follows_the_source_where_it_decides() {
    let dir = package(TEXT);
    let text = shown(dir.path(), "layout Cell");
    assert!(text.contains("32 bytes, aligned to 8; lines of 128 bytes on x86-64; fields in the order of the source"));
    let map = &json(dir.path(), "layout Cell")[0];
    let fields: Vec<(&str, u64, bool)> = map["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|f| (f["name"].as_str().expect("a name"), f["offset"].as_u64().expect("a number"), f["atomic"] == true))
        .collect();
    assert_eq!(fields, [("ready", 0, true), ("value", 8, false), ("hits", 16, true), ("late", 24, true)]);
    let ran = run(dir.path(), "layout Nothing");
    assert_eq!(ran.status, Status::Failed);
    assert!(String::from_utf8(ran.stderr).expect("text").contains("no struct `Nothing`"));
}

fn git(dir: &Path, line: &str) {
    let who = ["-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").args(who).args(line.split(' ')).current_dir(dir).output().expect("git is there");
    assert!(output.status.success(), "git {line}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_diff_says_what_changed_and_leaves_no_trace() {
    let dir = package(TEXT);
    git(dir.path(), "init -q");
    git(dir.path(), "add -A");
    git(dir.path(), "commit -q -m one");
    assert_eq!(shown(dir.path(), "diff HEAD"), "nothing has changed in how atomics are used\n");
    let after = TEXT
        .replace("self.ready.store(true, Release)", "self.ready.store(true, Relaxed)")
        .replace("STARTED.load(Relaxed)", "STARTED.load(Acquire)")
        .replace(
            "self.hits.fetch_add(1, Relaxed);",
            "let n = self.hits.load(Relaxed);\n        self.hits.store(n + 1, Relaxed);",
        )
        .replace(
            "pub fn start() {",
            "pub fn more(&self) {\n        self.hits.fetch_add(1, Relaxed);\n    }\n    pub fn start() {",
        );
    std::fs::write(dir.path().join("src/lib.rs"), after).expect("a file");
    let text = shown(dir.path(), "diff HEAD");
    holds(
        &text,
        &[
            "weakened orderings",
            "Cell::ready  store in Cell::set  Release -> Relaxed  src/lib.rs:15:9",
            "strengthened orderings",
            "STARTED  load in Cell::started  Relaxed -> Acquire  src/lib.rs:37:9",
            "pairs lost: no release, or no acquire, is left",
            "demo: Cell::ready",
            "pairs gained",
            "demo: STARTED",
            "operations lost",
            "Cell::hits: fetch_add in Cell::set",
            "operations gained",
            "Cell::hits: fetch_add in Cell::more",
            "new findings",
        ],
    );
    assert!(text.contains("split_read_modify_write  demo: Cell::set  Cell::hits"), "{text}");
    let difference = json(dir.path(), "diff HEAD");
    assert_eq!(difference["orderings"][0]["direction"], "weakened");
    let status = Command::new("git").args(["status", "--short"]).current_dir(dir.path()).output().expect("git");
    assert_eq!(String::from_utf8_lossy(&status.stdout), " M src/lib.rs\n", "neither index nor work tree is touched");
    assert_eq!(run(dir.path(), "diff no-such").status, Status::Failed);
}
