//! What git knows of the workspace: where its repository is, which lines have changed, what stood there before.
//!
//! Git is asked for facts only: external diff programs, text conversions and file system monitors, which a repository's
//! configuration may name, are switched off.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Command, Stdio};

/// The directory of the workspace inside its repository, with `/` and a final one; empty if they are the same or there
/// is no repository. Forges name files from the repository's root.
pub fn prefix(root: &Path) -> String {
    let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    let Some(repository) = root.ancestors().find(|dir| dir.join(".git").exists()) else { return String::new() };
    let inside = root.strip_prefix(repository).unwrap_or(Path::new(""));
    inside.components().map(|c| format!("{}/", c.as_os_str().to_string_lossy())).collect()
}

/// What differs between a revision and the files as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// By file, relative to the workspace root with `/`: the lines that are new. What was deleted is taken to have
    /// touched the lines on either side.
    lines: BTreeMap<String, Vec<RangeInclusive<u32>>>,
}

impl Changes {
    /// Whether any of these lines is new.
    pub fn touch(&self, file: &str, lines: RangeInclusive<u32>) -> bool {
        let overlap = |new: &RangeInclusive<u32>| new.start() <= lines.end() && lines.start() <= new.end();
        self.lines.get(file).is_some_and(|new| new.iter().any(overlap))
    }

    fn add(&mut self, file: &str, lines: RangeInclusive<u32>) {
        self.lines.entry(file.to_owned()).or_default().push(lines);
    }
}

/// Git could not answer; one sentence in lower case, without full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitError(String);

impl std::fmt::Display for GitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for GitError {}

/// What has changed below `root` since the revision, or since the work left the line of history that it names. Files
/// that git does not know yet are new from top to bottom.
pub fn changes(root: &Path, revision: &str) -> Result<Changes, GitError> {
    let base = base(root, revision)?;
    let diff = git(
        root,
        &[
            "diff",
            "--unified=0",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--no-renames",
            "--relative",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            &base,
            "--",
            "*.rs",
        ],
    )?;
    let mut changes = parse(&diff);
    let untracked = git(root, &["ls-files", "--others", "--exclude-standard", "-z", "--", "*.rs"])?;
    untracked.split('\0').filter(|f| !f.is_empty()).for_each(|file| changes.add(file, 1..=u32::MAX));
    Ok(changes)
}

/// The commit where the history of `revision` and that of the work part; the revision's own if they never met, as in a
/// shallow clone.
pub fn base(root: &Path, revision: &str) -> Result<String, GitError> {
    let name = format!("{revision}^{{commit}}");
    let commit = git(root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &name]).map_err(|e| {
        if e.0.is_empty() || e.0.starts_with("git fails") {
            GitError(format!("git knows no revision `{revision}`; in CI, fetch it first (a shallow clone lacks it)"))
        } else {
            e
        }
    })?;
    let commit = commit.trim().to_owned();
    Ok(git(root, &["merge-base", &commit, "HEAD"]).map_or(commit, |base| base.trim().to_owned()))
}

/// The files of a commit below `root`, written to `to`: the directory inside the repository stays the same.
pub fn export(root: &Path, commit: &str, to: &Path) -> Result<(), GitError> {
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    let to = to.to_string_lossy().replace('\\', "/");
    // Through an index of its own: neither the work tree nor the user's index is touched.
    let index = format!("{to}/index");
    let tree = format!("--prefix={to}/tree/");
    let top = Path::new(top.trim());
    run(command(top, &["read-tree", commit]).env("GIT_INDEX_FILE", &index))?;
    run(command(top, &["checkout-index", "--all", "--force", &tree]).env("GIT_INDEX_FILE", &index)).map(drop)
}

fn git(dir: &Path, args: &[&str]) -> Result<String, GitError> {
    run(&mut command(dir, args))
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(["-c", "core.quotePath=false", "-c", "core.fsmonitor=false"]).args(args);
    command.current_dir(dir).stdin(Stdio::null()).env("GIT_OPTIONAL_LOCKS", "0");
    command
}

fn run(command: &mut Command) -> Result<String, GitError> {
    let output = command.output().map_err(|e| GitError(format!("cannot run git: {e}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or("").trim_start_matches("fatal: ").to_owned();
    Err(GitError(if said.is_empty() { "git fails and does not say why".to_owned() } else { format!("git: {said}") }))
}

/// Reads a unified diff without context.
fn parse(diff: &str) -> Changes {
    let mut changes = Changes::default();
    let (mut file, mut body) = (None, 0u32);
    for line in diff.lines() {
        // Inside a hunk every line is text, whatever it looks like.
        if body > 0 && line.starts_with(['+', '-']) {
            body -= 1;
        } else if let Some(name) = line.strip_prefix("+++ ") {
            // A tab ends a name with blanks in it.
            let name = name.trim_end_matches('\t').trim_matches('"');
            file = name.strip_prefix("b/").map(str::to_owned);
        } else if let Some((old, new)) = line.strip_prefix("@@ -").and_then(hunk) {
            body = old.1 + new.1;
            let (start, count) = new;
            let lines = if count == 0 { start..=start + 1 } else { start..=start + count - 1 };
            file.iter().for_each(|f| changes.add(f, lines.clone()));
        }
    }
    changes
}

/// `12,3 +14,0 @@ …`: start and number of lines, before and after.
fn hunk(text: &str) -> Option<((u32, u32), (u32, u32))> {
    let mut words = text.split(' ');
    let range = |word: &str| -> Option<(u32, u32)> {
        match word.split_once(',') {
            Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
            None => Some((word.parse().ok()?, 1)),
        }
    };
    let old = range(words.next()?)?;
    Some((old, range(words.next()?.strip_prefix('+')?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_read() {
        let diff = "diff --git a/src/a.rs b/src/a.rs\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,2 +1 @@ fn f() {\n-a\n--- b\n+++ b/no.rs\n@@ -9,1 +8,0 @@\n-x\ndiff --git a/g.rs b/g.rs\n--- a/g.rs\n+++ /dev/null\n@@ -1 +0,0 @@\n-y\ndiff --git a/a b.rs b/a b.rs\n--- /dev/null\n+++ b/a b.rs\t\n@@ -0,0 +1,2 @@\n+1\n+2\n\\ No newline at end of file\n";
        let changes = parse(diff);
        assert!(changes.touch("src/a.rs", 1..=1) && !changes.touch("src/a.rs", 2..=7));
        assert!(
            changes.touch("src/a.rs", 8..=8)
                && changes.touch("src/a.rs", 9..=12)
                && !changes.touch("src/a.rs", 10..=12)
        );
        assert!(changes.touch("a b.rs", 2..=2) && !changes.touch("a b.rs", 3..=3));
        assert!(!changes.touch("no.rs", 1..=9) && !changes.touch("g.rs", 1..=9));
    }
}
