//! Whether what is about to be rewritten could be got back: the state of the project's version control.

use std::path::Path;
use std::process::{Command, Stdio};

/// What the user takes upon himself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed {
    /// Changes that are neither committed nor staged; staged ones too.
    pub dirty: bool,
    pub staged: bool,
    pub no_vcs: bool,
}

/// Why nothing may be rewritten, with what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    NoVcs,
    /// `git` could not be asked.
    Unknown(String),
    /// The files, each with `dirty` or `staged`.
    Dirty(Vec<(String, &'static str)>),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::NoVcs => f.write_str(
                "no version control was found for this project, so a wrong fix could not be undone; \
                 `--diff` shows what would be done, `--allow-no-vcs` does it",
            ),
            Refusal::Unknown(why) => {
                write!(f, "the state of version control is unknown ({why}); `--allow-no-vcs` goes on without it")
            }
            Refusal::Dirty(files) => {
                let all_staged = files.iter().all(|(_, state)| *state == "staged");
                let flag = if all_staged { "--allow-staged" } else { "--allow-dirty" };
                write!(
                    f,
                    "there are uncommitted changes, with which fixes would be mixed up; \
                     commit them, or pass `{flag}`:"
                )?;
                const SHOWN: usize = 10;
                files.iter().take(SHOWN).try_for_each(|(file, state)| write!(f, "\n  {file} ({state})"))?;
                match files.len().checked_sub(SHOWN) {
                    None | Some(0) => Ok(()),
                    Some(more) => write!(f, "\n  and {more} more"),
                }
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// Looks at the version control of a folder and what is below it.
pub fn check(root: &Path, allowed: Allowed) -> Result<(), Refusal> {
    if allowed.dirty && allowed.no_vcs {
        return Ok(());
    }
    // Absolute, since a relative path has no parents to look into.
    let here = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    if !here.ancestors().any(|dir| dir.join(".git").exists()) {
        return if allowed.no_vcs { Ok(()) } else { Err(Refusal::NoVcs) };
    }
    if allowed.dirty {
        return Ok(());
    }
    let output = match status(&here) {
        Ok(output) => output,
        Err(_) if allowed.no_vcs => return Ok(()),
        Err(why) => return Err(Refusal::Unknown(why)),
    };
    let changed: Vec<_> = states(&output).into_iter().filter(|(_, s)| !allowed.staged || *s != "staged").collect();
    if changed.is_empty() { Ok(()) } else { Err(Refusal::Dirty(changed)) }
}

/// `git status`, of this folder only. Nothing that the repository's configuration names is run.
fn status(root: &Path) -> Result<Vec<u8>, String> {
    let mut git = Command::new("git");
    git.args(["-c", "core.fsmonitor=false", "--no-optional-locks", "status", "--porcelain=v1", "-z", "--", "."]);
    let output = git.current_dir(root).stdin(Stdio::null()).output().map_err(|e| format!("cannot run `git`: {e}"))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("`git` has failed").to_owned()),
    }
}

/// `XY path`, each ended by a zero byte; renames have the old path behind it.
fn states(output: &[u8]) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    let mut entries = output.split(|b| *b == 0).filter(|e| !e.is_empty());
    while let Some(entry) = entries.next() {
        let [x, y, b' ', path @ ..] = entry else { continue };
        if matches!(x, b'R' | b'C') {
            entries.next();
        }
        let state = if *y == b' ' { "staged" } else { "dirty" };
        found.push((String::from_utf8_lossy(path).into_owned(), state));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_files() {
        let output = b" M a.rs\0M  b.rs\0R  new.rs\0old.rs\0?? c.rs\0MM d.rs\0";
        let expected =
            [("a.rs", "dirty"), ("b.rs", "staged"), ("new.rs", "staged"), ("c.rs", "dirty"), ("d.rs", "dirty")];
        assert_eq!(states(output), expected.map(|(path, state)| (path.to_owned(), state)));
    }

    #[test]
    fn refusals_say_what_to_do() {
        let dirty = |state| Refusal::Dirty(vec![("a.rs".to_owned(), state)]).to_string();
        assert!(dirty("staged").contains("--allow-staged") && dirty("dirty").contains("--allow-dirty"));
        assert!(Refusal::NoVcs.to_string().contains("--allow-no-vcs"));
        let many = Refusal::Dirty(vec![("a.rs".to_owned(), "dirty"); 12]).to_string();
        assert!(many.ends_with("and 2 more"), "{many}");
    }
}
