//! What several integration tests share: running the analyzer on a project, and the repository's own places.

pub mod corpus;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_atomic_lint::cli::{self, Status, Surroundings};
use cargo_atomic_lint::driver::{self, Analysis, Request};
use cargo_atomic_lint::fix::{self, Trust};
use cargo_atomic_lint::lint::{Lint, Options};
use cargo_atomic_lint::lints;
use cargo_atomic_lint::source::Unsaved;
use cargo_atomic_lint::workspace::{self, Plan, Selection};
use cargo_metadata::Message;

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand below the root").to_owned()
}

/// A finding, by place: file as shown, line, lint.
pub type Found = BTreeSet<(String, usize, String)>;

/// Runs every lint over a package.
pub fn analyze_package(manifest: &Path) -> Analysis {
    let selection = Selection { manifest_path: Some(manifest.to_owned()), ..Selection::default() };
    analyze(&workspace::plan(&selection).expect("the package can be planned"))
}

/// Runs every lint over loose files, each the root of a crate.
pub fn analyze_files(root: &Path, files: &[PathBuf]) -> Analysis {
    analyze(&Plan::for_files(root, files))
}

fn analyze(plan: &Plan) -> Analysis {
    analyze_with(plan, lints::ALL.to_vec())
}

/// Runs some lints over what is planned.
pub fn analyze_with(plan: &Plan, lints: Vec<&'static Lint>) -> Analysis {
    let options = Options::default();
    let request = Request { jobs: None, tests: false, lints, options: &options, unsaved: Unsaved::new() };
    driver::analyze(plan, &request).expect("threads can be started")
}

/// Whether a finding of a lint counts in a fixture. A house rule that asks for comments would find one missing at nearly
/// every operation of the others' fixtures, whose business that is not.
pub fn is_wanted(lint: &str, file: &str) -> bool {
    lint != "undocumented_ordering" || file.contains("/undocumented_ordering/")
}

/// Where each finding of a run stands.
pub fn found(analysis: &Analysis) -> Found {
    let place = |site: cargo_atomic_lint::finding::Site| {
        let file = analysis.sources.file(site.file);
        let line = file.text[..site.span.start as usize].matches('\n').count() + 1;
        (file.shown.clone(), line)
    };
    analysis
        .findings
        .iter()
        .filter(|f| is_wanted(f.lint.name, &analysis.sources.file(f.primary.site.file).shown))
        .map(|f| {
            let (file, line) = place(f.primary.site);
            (file, line, f.lint.name.to_owned())
        })
        .collect()
}

/// The code fences of a page whose tags say what the analyzer makes of them: the tags behind `rust`, and the code with
/// the lines that a reader doesn't see.
pub fn fences(page: &str) -> Vec<(Vec<String>, String)> {
    let mut fences = Vec::new();
    let mut current: Option<(Vec<String>, String)> = None;
    for line in page.lines() {
        let line = line.strip_prefix(' ').unwrap_or(line);
        match (&mut current, line.trim()) {
            (None, tagged) if tagged.starts_with("```rust,") => {
                current = Some((tagged.split(',').skip(1).map(str::to_owned).collect(), String::new()));
            }
            (Some(_), "```") => fences.extend(current.take()),
            (Some((_, code)), _) => {
                let hidden = line.trim_start();
                let rest = hidden.strip_prefix("# ");
                code.push_str(if hidden == "#" { "" } else { rest.unwrap_or(line) });
                code.push('\n');
            }
            (None, _) => {}
        }
    }
    fences
}

/// Runs every lint over one piece of code.
pub fn analyze_code(code: &str) -> Analysis {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let file = dir.path().join("lib.rs");
    std::fs::write(&file, code).expect("a file can be written");
    analyze_files(dir.path(), &[file])
}

/// Every file below a directory, sorted; what builds leave behind and what git keeps is left out.
pub fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(dir).expect("the folder can be read");
    for path in entries.map(|e| e.expect("the entry can be read").path()) {
        let name = path.file_name().unwrap_or_default();
        match path.is_dir() {
            // In a second worktree, `.git` is a file.
            _ if name == ".git" => {}
            true if name == "target" => {}
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

pub fn rust_files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = files_below(dir);
    files.retain(|f| f.extension().is_some_and(|e| e == "rs"));
    files
}

/// The command that writes everything that is generated.
pub const BLESS: &str = "BLESS=1 cargo test -p atomic-lint-tests --test generated";

/// Whether this run writes what is generated instead of holding it against what is there.
pub fn blessing() -> bool {
    std::env::var_os("BLESS").is_some_and(|v| v != "0")
}

/// What a run of the command leaves behind.
#[derive(Debug)]
pub struct Ran {
    pub status: Status,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Runs the command inside this process, with the words of `line` as its arguments.
pub fn run(dir: &Path, line: &str) -> Ran {
    let words = line.split(' ').filter(|w| !w.is_empty());
    let around = Surroundings {
        args: ["cargo-atomic-lint"].into_iter().chain(words).map(OsString::from).collect(),
        current_dir: Some(dir.to_owned()),
        ..Surroundings::default()
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let status = cli::run(&around, &mut stdout, &mut stderr);
    Ran { status, stdout, stderr }
}

/// The cargo that runs this.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The built program. Cargo names the path of a binary only to tests of its own package.
pub fn program(release: bool) -> PathBuf {
    let mut build = Command::new(cargo());
    build.args(["build", "--quiet", "-p", "cargo-atomic-lint", "--message-format", "json"]).current_dir(root());
    let output = build.args(release.then_some("--release")).stderr(Stdio::inherit()).output();
    let output = output.expect("cargo can be started");
    assert!(output.status.success(), "the program cannot be built");
    let mut artifacts = Message::parse_stream(&output.stdout[..]).filter_map(|m| match m.ok()? {
        Message::CompilerArtifact(artifact) => artifact.executable,
        _ => None,
    });
    artifacts.next().expect("the package has a binary").into()
}

/// The fixtures of fixes: before, after, and what is trusted between them.
pub const FIXES: [(&str, &str, Trust); 2] =
    [("fix.rs", "fixed.rs", Trust::Safe), ("unsafe_fix.rs", "unsafe_fixed.rs", Trust::All)];

/// What the edit engine makes of a fixture: its marks taken off, every trusted fix of one lint made, and what is left
/// to find marked.
pub fn fixed(text: &str, lint: &str, trust: Trust) -> String {
    // A line with nothing but a mark goes, mark and all.
    let lines = text.lines().filter(|l| !l.trim_start().starts_with("//~"));
    let mut text: String = lines.map(|l| format!("{}\n", l.split("//~").next().unwrap_or(l).trim_end())).collect();
    let dir = tempfile::tempdir().expect("a folder can be made");
    let file = dir.path().join("lib.rs");
    loop {
        std::fs::write(&file, &text).expect("a file can be written");
        let analysis = analyze_files(dir.path(), std::slice::from_ref(&file));
        assert!(analysis.problems.is_empty(), "{lint}: {:?}\n{text}", analysis.problems);
        let own = analysis.findings.iter().filter(|f| f.lint.name == lint);
        let outcome = fix::apply(&analysis.sources, own.map(|f| f.fixes.as_slice()), trust, &|_| true);
        assert!(outcome.broken.is_empty(), "{lint}: a fix breaks its fixture");
        match outcome.changed.into_values().next() {
            Some((changed, _)) => text = changed,
            None => return marked(&text, &found(&analysis)),
        }
    }
}

/// The text with `//~ lint` behind (or `//~^ lint` below) every line on which something is found.
fn marked(text: &str, found: &Found) -> String {
    let mark = |(n, line): (usize, &str)| {
        let lints: Vec<&str> = found.iter().filter(|(_, l, _)| *l == n + 1).map(|(_, _, lint)| lint.as_str()).collect();
        let lints = lints.join(", ");
        if lints.is_empty() {
            format!("{line}\n")
        } else if line.ends_with(['{', '(', '[']) {
            // The formatter would move a comment behind an opening bracket to the next line.
            let indent = line.len() - line.trim_start().len() + 4;
            format!("{line}\n{:indent$}//~^ {lints}\n", "")
        } else {
            format!("{line} //~ {lints}\n")
        }
    };
    text.lines().enumerate().map(mark).collect()
}
