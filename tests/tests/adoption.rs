//! What a big code base does on its first day with the tool: a baseline, checks of changed lines, parts for several CI
//! jobs, numbers instead of findings.

use std::path::Path;
use std::process::Command;

use atomic_lint_tests::run;
use cargo_atomic_lint::cli::Status;

const HIT: &str = "    pub fn hit(&self) {\n        let n = self.hits.load(Relaxed);\n        self.hits.store(n + 1, Relaxed);\n    }\n";
const MISS: &str = "    pub fn miss(&self) {\n        let n = self.misses.load(Relaxed);\n        self.misses.store(n + 1, Relaxed);\n    }\n";

fn write(dir: &Path, methods: &[&str]) {
    let head = "use std::sync::atomic::{AtomicU64, Ordering::Relaxed};\n\npub struct Metrics {\n    hits: AtomicU64,\n    misses: AtomicU64,\n}\n\nimpl Metrics {\n";
    let tail = "    pub fn both(&self) -> u64 {\n        self.hits.fetch_add(1, Relaxed) + self.misses.fetch_add(1, Relaxed)\n    }\n}\n";
    let text = format!("{head}{}{tail}", methods.concat());
    std::fs::write(dir.join("src/lib.rs"), text).expect("a file");
}

fn package(methods: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let manifest = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";
    std::fs::create_dir(dir.path().join("src")).expect("a directory");
    std::fs::write(dir.path().join("Cargo.toml"), manifest).expect("a file");
    write(dir.path(), methods);
    dir
}

/// The findings about single updates, one per line, and how the run ended.
fn findings(dir: &Path, flags: &str) -> (Status, Vec<String>) {
    let ran = run(
        dir,
        &format!("-q --message-format short -A all -D split_read_modify_write -W unfulfilled_suppression {flags}"),
    );
    assert!(ran.stderr.is_empty(), "{}", String::from_utf8_lossy(&ran.stderr));
    (ran.status, String::from_utf8(ran.stdout).expect("text").lines().map(str::to_owned).collect())
}

fn baseline(dir: &Path, flags: &str) -> String {
    let ran = run(dir, &format!("baseline -A all -D split_read_modify_write {flags}"));
    assert_eq!(ran.status, Status::Clean, "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text")
}

#[test]
fn a_baseline_silences_what_is_known_and_nothing_else() {
    let dir = package(&[HIT]);
    let (status, before) = findings(dir.path(), "");
    assert_eq!((status, before.len()), (Status::Found, 1));
    assert_eq!(baseline(dir.path(), ""), "atomic-lint-baseline.toml: 1 finding in 1 entry\n");
    assert_eq!(findings(dir.path(), ""), (Status::Clean, vec![]));
    assert_eq!(findings(dir.path(), "--no-baseline"), (Status::Found, before));
    // Above and below, lines move; the finding stays known, and a new one is new.
    write(dir.path(), &[MISS, HIT]);
    let (status, after) = findings(dir.path(), "");
    assert_eq!(status, Status::Found);
    assert_eq!(after.len(), 1);
    assert!(after[0].starts_with("src/lib.rs:11:"), "{after:?}");
    assert!(String::from_utf8(run(dir.path(), "").stdout).expect("text").contains("1 in the baseline"));
}

#[test]
fn one_more_of_a_known_kind_is_reported() {
    let twice = "    pub fn hit(&self) {\n        let n = self.hits.load(Relaxed);\n        self.hits.store(n + 1, Relaxed);\n        let n = self.hits.load(Relaxed);\n        self.hits.store(n + 2, Relaxed);\n    }\n";
    let dir = package(&[HIT]);
    baseline(dir.path(), "");
    write(dir.path(), &[twice]);
    let (status, found) = findings(dir.path(), "");
    assert_eq!((status, found.len()), (Status::Found, 2), "which of both is new cannot be told: {found:?}");
}

#[test]
fn stale_entries_are_reported_where_they_stand() {
    let dir = package(&[HIT, MISS]);
    baseline(dir.path(), "");
    write(dir.path(), &[MISS]);
    let (status, found) = findings(dir.path(), "");
    assert_eq!((status, found.len()), (Status::Clean, 1));
    assert!(found[0].starts_with("atomic-lint-baseline.toml:") && found[0].contains("`Metrics::hit`"), "{found:?}");
    // A run that did not look cannot know.
    assert_eq!(findings(dir.path(), "--bins --lib").1, Vec::<String>::new());
    assert_eq!(findings(dir.path(), "-A split_read_modify_write").1, Vec::<String>::new());
    baseline(dir.path(), "");
    assert_eq!(findings(dir.path(), "").1, Vec::<String>::new());
}

#[test]
fn a_baseline_that_cannot_be_read_stops_the_run() {
    let dir = package(&[HIT]);
    std::fs::write(dir.path().join("atomic-lint-baseline.toml"), "version = 1\n<<<<<<< ours\n").expect("a file");
    let ran = run(dir.path(), "");
    assert_eq!(ran.status, Status::Failed);
    assert!(String::from_utf8(ran.stderr).expect("text").contains("atomic-lint-baseline.toml:2:"));
    assert_eq!(run(dir.path(), "baseline").status, Status::Failed, "and is not overwritten");
    assert_eq!(run(dir.path(), "--baseline nowhere.toml").status, Status::Failed);
    baseline(dir.path(), "--baseline other.toml");
    assert_eq!(findings(dir.path(), "--baseline other.toml"), (Status::Clean, vec![]));
}

fn git(dir: &Path, line: &str) {
    let who = ["-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").args(who).args(line.split(' ')).current_dir(dir).output().expect("git is there");
    assert!(output.status.success(), "git {line}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn only_changed_lines_are_reported_on_request() {
    let dir = package(&[HIT]);
    git(dir.path(), "init -q -b main");
    git(dir.path(), "add -A");
    git(dir.path(), "commit -q -m one");
    assert_eq!(findings(dir.path(), "--changed-since HEAD"), (Status::Clean, vec![]));
    write(dir.path(), &[MISS, HIT]);
    let (status, found) = findings(dir.path(), "--changed-since HEAD");
    assert_eq!((status, found.len()), (Status::Found, 1), "{found:?}");
    assert!(found[0].starts_with("src/lib.rs:11:"));
    // What the other branch did meanwhile is not ours.
    git(dir.path(), "checkout -q -b work");
    git(dir.path(), "commit -q -a -m two");
    git(dir.path(), "checkout -q main");
    write(dir.path(), &[]);
    git(dir.path(), "commit -q -a -m three");
    git(dir.path(), "checkout -q work");
    assert_eq!(findings(dir.path(), "--changed-since main").1, found);
    // A file that git does not know is new.
    std::fs::rename(dir.path().join("src/lib.rs"), dir.path().join("src/new.rs")).expect("a file");
    std::fs::write(dir.path().join("src/lib.rs"), "pub mod new;\n").expect("a file");
    assert_eq!(findings(dir.path(), "--changed-since HEAD").1.len(), 2);
    let ran = run(dir.path(), "--changed-since no-such-branch");
    assert_eq!(ran.status, Status::Failed);
    assert!(String::from_utf8(ran.stderr).expect("text").contains("git knows no revision `no-such-branch`"));
}

#[test]
fn numbers_instead_of_findings() {
    let dir = package(&[HIT, MISS]);
    let ran = run(dir.path(), "--statistics -A all -D split_read_modify_write");
    assert_eq!(ran.status, Status::Found);
    let text = String::from_utf8(ran.stdout).expect("text");
    assert!(text.starts_with("     2  error    split_read_modify_write          correctness"), "{text}");
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn a_report_that_is_cut_off_does_not_merge() {
    let dir = package(&[HIT]);
    run(dir.path(), "--output jsonl=report.jsonl");
    let report = std::fs::read_to_string(dir.path().join("report.jsonl")).expect("the report");
    std::fs::write(dir.path().join("cut.jsonl"), report.lines().next().expect("a line")).expect("a file");
    std::fs::write(dir.path().join("new.jsonl"), report.replace("\"schema\":1", "\"schema\":2")).expect("a file");
    let complaint = |line: &str| {
        let ran = run(dir.path(), line);
        assert_eq!(ran.status, Status::Failed, "{line}");
        String::from_utf8(ran.stderr).expect("text")
    };
    assert!(complaint("merge report.jsonl cut.jsonl").contains("cut.jsonl:1: the report is cut off"));
    assert!(complaint("merge new.jsonl").contains("new.jsonl:1: this report has schema 2"));
    assert!(complaint("merge report.jsonl nowhere").contains("there is no file nowhere"));
    assert!(complaint("merge --message-format human report.jsonl").contains("need the source"));
    assert_eq!(run(dir.path(), "merge report.jsonl").status, Status::Found);
}

#[test]
fn what_packagers_ask_for() {
    let dir = tempfile::tempdir().expect("a directory");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = String::from_utf8(run(dir.path(), &format!("completions {shell}")).stdout).expect("text");
        assert!(script.contains("cargo-atomic-lint") && script.contains("message-format"), "{shell}");
    }
    assert!(run(dir.path(), "man").stdout.windows(3).any(|w| w == b".TH"));
    assert_eq!(run(dir.path(), "man --out pages").status, Status::Clean);
    for page in ["cargo-atomic-lint.1", "cargo-atomic-lint-baseline.1"] {
        assert!(dir.path().join("pages").join(page).is_file(), "{page}");
    }
    assert!(!dir.path().join("pages/cargo-atomic-lint-ir.1").exists(), "what is hidden has no page");
}
