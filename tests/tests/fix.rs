//! Fixes from the command line, on files on disk: what is written, what is refused, what stays as it was.

use std::path::{Path, PathBuf};
use std::process::Command;

use atomic_lint_tests::{Ran, run};
use cargo_atomic_lint::cli::Status;

/// Two mistakes of which each has a fix that only removes the bug.
const SOURCE: &str = "\
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};

pub struct Job {
    taken: AtomicBool,
    hits: AtomicU64,
}

impl Job {
    pub fn take(&self) -> u32 {
        // Taken once.
        if self.taken.compare_exchange_weak(false, true, AcqRel, Acquire).is_ok() { 1 } else { 0 }
    }

    pub fn hit(&self) {
        self.hits.store(self.hits.load(Relaxed) + 1, Relaxed); // counted
    }
}
";

fn fixed() -> String {
    SOURCE
        .replace("compare_exchange_weak", "compare_exchange")
        .replace("store(self.hits.load(Relaxed) + 1, Relaxed)", "fetch_add(1, Relaxed)")
}

/// A package in a folder of its own.
struct Project(tempfile::TempDir);

impl Project {
    fn new(text: &str) -> Project {
        let project = Project(tempfile::tempdir().expect("a folder can be made"));
        project.write("Cargo.toml", "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
        project.write("src/lib.rs", text);
        project
    }

    /// The same under version control, everything committed.
    fn committed(text: &str) -> Project {
        let project = Project::new(text);
        project.git("init --quiet");
        project.git("add .");
        project.git("-c user.name=a -c user.email=a@b.c -c commit.gpgsign=false commit --quiet -m x");
        project
    }

    fn git(&self, line: &str) {
        let status = Command::new("git").args(line.split(' ')).current_dir(self.0.path()).status();
        assert!(status.expect("git can be run").success(), "git {line}");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path("src/lib.rs")).expect("the file is there")
    }

    fn run(&self, line: &str) -> Ran {
        run(self.0.path(), line)
    }

    /// Status 2, a message that holds `words`, and nothing written.
    #[track_caller]
    fn is_refused(&self, line: &str, words: &str) {
        let before = self.text();
        let ran = self.run(line);
        let err = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status, Status::Failed, "{err}");
        assert!(err.contains(words), "{err}");
        assert_eq!(self.text(), before);
    }
}

#[track_caller]
fn clean(ran: &Ran) {
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert_eq!(ran.status, Status::Clean, "{out}{err}");
}

#[test]
fn a_clean_work_tree_is_fixed_and_lints_clean_after_it() {
    for line in ["fix", "--fix", "check --fix"] {
        let project = Project::committed(SOURCE);
        let ran = project.run(line);
        assert_eq!(project.text(), fixed());
        clean(&ran);
        assert!(String::from_utf8_lossy(&ran.stderr).contains("fixed src/lib.rs (2 fixes)"));
        clean(&project.run("check"));
        // A second run has nothing to do.
        clean(&project.run("fix --allow-dirty"));
        assert_eq!(project.text(), fixed());
    }
}

#[test]
fn a_missing_version_control_is_refused() {
    let project = Project::new(SOURCE);
    project.is_refused("fix", "--allow-no-vcs");
    project.is_refused("fix --allow-dirty", "--allow-no-vcs");
    clean(&project.run("fix --allow-no-vcs"));
    assert_eq!(project.text(), fixed());
}

#[test]
fn uncommitted_changes_are_refused() {
    let project = Project::committed("");
    project.write("src/lib.rs", SOURCE);
    project.is_refused("fix", "src/lib.rs (dirty)");
    project.is_refused("fix --allow-staged", "--allow-dirty");
    project.is_refused("fix --allow-no-vcs", "--allow-dirty");
    project.git("add .");
    project.is_refused("fix", "--allow-staged");
    clean(&project.run("fix --allow-staged"));
    assert_eq!(project.text(), fixed());

    let project = Project::committed(SOURCE);
    project.write("notes.txt", "new");
    project.is_refused("fix", "notes.txt (dirty)");
    clean(&project.run("fix --allow-dirty"));
    assert_eq!(project.text(), fixed());
}

#[test]
fn flags_that_only_mean_something_with_fixes_are_refused_without() {
    let project = Project::committed(SOURCE);
    project.is_refused("check --unsafe-fixes", "--fix");
    project.is_refused("check --allow-dirty", "--fix");
}

#[test]
fn a_diff_is_printed_and_nothing_is_written() {
    let project = Project::new(SOURCE);
    let ran = project.run("fix --diff");
    assert_eq!(project.text(), SOURCE);
    // The mistakes are still there.
    assert_eq!(ran.status, Status::Found);
    let diff = String::from_utf8(ran.stdout).expect("a diff of text is text");
    assert!(diff.starts_with("--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -8,10 +8,10 @@"), "{diff}");
    assert!(diff.contains("-        self.hits.store(self.hits.load(Relaxed) + 1, Relaxed); // counted\n"), "{diff}");
    assert!(diff.contains("+        self.hits.fetch_add(1, Relaxed); // counted\n"), "{diff}");
    assert_eq!(String::from_utf8_lossy(&project.run("--diff").stdout), diff);

    // The diff is what `git apply` takes, and comes to what `--fix` writes.
    project.git("init --quiet");
    project.write("fix.patch", &diff);
    project.git("apply fix.patch");
    assert_eq!(project.text(), fixed());
}

#[test]
fn byte_order_marks_and_line_ends_stay() {
    let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let project = Project::committed(&windows(SOURCE));
    clean(&project.run("fix"));
    assert_eq!(project.text(), windows(&fixed()));
}

#[test]
fn suppressed_and_allowed_findings_are_not_fixed() {
    let text = SOURCE.replace("// counted", "// atomic-lint: allow(split_read_modify_write) sampled");
    let project = Project::committed(&text);
    clean(&project.run("fix -A weak_cas_outside_loop"));
    assert_eq!(project.text(), text);
}

#[test]
fn nothing_is_left_beside_the_files() {
    let project = Project::committed(SOURCE);
    clean(&project.run("fix"));
    let names = |dir: &Path| {
        let entries = std::fs::read_dir(dir).expect("the folder can be read");
        entries.map(|e| e.expect("the entry can be read").file_name()).collect::<Vec<_>>()
    };
    assert_eq!(names(&project.path("src")), ["lib.rs"]);
}

#[test]
fn the_stream_of_json_carries_the_replacement() {
    let project = Project::new(SOURCE);
    let out = String::from_utf8(project.run("--message-format json").stdout).expect("JSON is text");
    let line = out.lines().find(|l| l.contains("weak_cas_outside_loop")).expect("it is reported");
    assert!(line.contains("\"suggested_replacement\":\"compare_exchange\""), "{line}");
    assert!(line.contains("\"suggestion_applicability\":\"MachineApplicable\""), "{line}");
}

#[test]
fn what_the_oldest_supported_compiler_lacks_is_not_offered() {
    let before =
        "use std::sync::Arc;\n\npub fn end(x: Arc<Vec<u8>>) -> Option<Vec<u8>> {\n    Arc::try_unwrap(x).ok()\n}\n";
    let after = before.replace("try_unwrap(x).ok()", "into_inner(x)");
    for (rust, expected) in [("1.69", before), ("1.70.0", &after), ("1.85", &after)] {
        let project = Project::new(before);
        let manifest =
            format!("[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\nrust-version = \"{rust}\"\n");
        project.write("Cargo.toml", &manifest);
        project.run("fix --allow-no-vcs -W arc_count_race");
        assert_eq!(project.text(), *expected, "rust-version {rust}");
    }
}
