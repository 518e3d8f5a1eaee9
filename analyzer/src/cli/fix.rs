//! `fix`, `--fix` and `--diff`: makes fixes, looks again, and so on until nothing is left to make.
//!
//! Everything happens in memory first, so that `--diff` shows exactly what `--fix` would write, and files are written
//! once, when it is known that the result can be understood.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use super::Failure;
use super::args::Mending;
use super::check::Job;
use super::terminal::Terminal;
use crate::driver::Analysis;
use crate::fix::{self, Trust};
use crate::report::{Diagnostic, Report};
use crate::source::{self, FileId, SourceFile, Unsaved};
use crate::workspace::{Plan, vcs};

/// A fix may uncover what another lint has to say; a longer chain means that fixes undo each other.
const ROUNDS: usize = 10;

/// What becomes of fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Leave,
    /// Print a diff.
    Show,
    Write,
}

impl Mode {
    pub(super) fn of(args: &Mending) -> Result<Mode, &'static str> {
        let allows = args.allow_dirty || args.allow_staged || args.allow_no_vcs;
        match args {
            Mending { diff: true, .. } => Ok(Mode::Show),
            Mending { fix: true, .. } => Ok(Mode::Write),
            Mending { unsafe_fixes: true, .. } => Err("`--unsafe-fixes` needs `--fix` or `--diff`"),
            _ if allows => Err("`--allow-dirty`, `--allow-staged` and `--allow-no-vcs` need `--fix`"),
            _ => Ok(Mode::Leave),
        }
    }
}

/// Whether what is written could be got back.
pub(super) fn may_write(plan: &Plan, args: &Mending) -> Result<(), Failure> {
    let allowed = vcs::Allowed { dirty: args.allow_dirty, staged: args.allow_staged, no_vcs: args.allow_no_vcs };
    vcs::check(&plan.root, allowed).map_err(|refusal| Failure::message(refusal.to_string()))
}

/// What fixing has come to; nothing is written yet.
pub(super) struct Mended {
    /// Of the source as it is with the fixes.
    pub(super) analysis: Analysis,
    pub(super) report: Report,
    /// Nothing failed the run before anything was fixed.
    pub(super) first_success: bool,
    files: BTreeMap<PathBuf, File>,
    /// Files that would have been broken, as shown.
    broken: Vec<String>,
    /// How many fixes are left because they may be wrong.
    distrusted: usize,
}

/// A file that is to change; both texts as on disk.
struct File {
    shown: String,
    before: String,
    after: String,
    fixes: usize,
}

/// Makes the fixes of a report and of what is found after them.
pub(super) fn mend(job: &Job<'_>, first: (Analysis, Report), tests: bool) -> Result<Mended, Failure> {
    let trust = if job.args.mending.unsafe_fixes { Trust::All } else { Trust::Safe };
    let first_success = first.1.is_success();
    let (mut analysis, mut report) = first;
    let mut files: BTreeMap<PathBuf, File> = BTreeMap::new();
    let mut broken: Vec<String> = Vec::new();
    let mut states: Vec<Unsaved> = vec![Unsaved::new()];
    for _ in 0..ROUNDS {
        let outcome = fix::apply(&analysis.sources, report.diagnostics.iter().map(fixes), trust, &|file| {
            analysis.owners.get(file.0 as usize).copied().flatten().is_some()
        });
        broken.extend(outcome.broken.iter().map(|f| analysis.sources.file(*f).shown.clone()));
        let unsaved = with(&analysis, &outcome.changed, states.last());
        // Fixes that undo each other would lead round for ever.
        if outcome.changed.is_empty() || states.contains(&unsaved) {
            break;
        }
        for (id, (text, count)) in &outcome.changed {
            let source = analysis.sources.file(*id);
            let file = files.entry(source.path.clone()).or_insert_with(|| File {
                shown: source.shown.clone(),
                before: on_disk(source, &source.text),
                after: String::new(),
                fixes: 0,
            });
            file.after = on_disk(source, text);
            file.fixes += count;
        }
        states.push(unsaved.clone());
        (analysis, report) = job.look(unsaved, tests)?;
    }
    broken.sort();
    broken.dedup();
    files.retain(|_, f| f.before != f.after);
    let is_distrusted = |d: &&Diagnostic| {
        !d.fixes.iter().any(|f| Trust::Safe.allows(f.applicability))
            && d.fixes.iter().any(|f| Trust::All.allows(f.applicability))
    };
    let distrusted = report.diagnostics.iter().filter(is_distrusted).count();
    Ok(Mended { analysis, report, first_success, files, broken, distrusted })
}

fn fixes(diagnostic: &Diagnostic) -> &[fix::Fix] {
    &diagnostic.fixes
}

/// The texts of the next round.
fn with(analysis: &Analysis, changed: &BTreeMap<FileId, (String, usize)>, so_far: Option<&Unsaved>) -> Unsaved {
    let mut unsaved = so_far.cloned().unwrap_or_default();
    for (id, (text, _)) in changed {
        let file = analysis.sources.file(*id);
        unsaved.insert(file.path.clone(), on_disk(file, text));
    }
    unsaved
}

/// A text of a file with the byte order mark that was taken off when it was read.
fn on_disk(file: &SourceFile, text: &str) -> String {
    if file.bom { format!("\u{feff}{text}") } else { text.to_owned() }
}

impl Mended {
    /// A unified diff that `git apply` and `patch -p1` take at the root of the workspace.
    pub(super) fn show(&self, out: &mut dyn Write) -> std::io::Result<()> {
        self.files.values().try_for_each(|file| {
            let diff = similar::TextDiff::from_lines(&file.before, &file.after);
            let (from, to) = (format!("a/{}", file.shown), format!("b/{}", file.shown));
            diff.unified_diff().header(&from, &to).to_writer(&mut *out)
        })
    }

    /// Writes the files and says which. One that cannot be written does not keep the others from it.
    pub(super) fn write(&self, err: &mut dyn Write, terminal: Terminal) -> Result<(), Failure> {
        let mut failed = Vec::new();
        for (path, file) in &self.files {
            match source::write(path, &file.before, &file.after) {
                Ok(()) if terminal.quiet => {}
                Ok(()) => writeln!(err, "fixed {} ({})", file.shown, counted(file.fixes))?,
                Err(error) => failed.push(error.to_string()),
            }
        }
        self.remarks(err, terminal)?;
        match failed.is_empty() {
            true => Ok(()),
            false => Err(Failure::message(failed.join("\n"))),
        }
    }

    /// What a diff does not say itself.
    pub(super) fn sum_up(&self, err: &mut dyn Write, terminal: Terminal) -> std::io::Result<()> {
        if !terminal.quiet {
            let fixes = self.files.values().map(|f| f.fixes).sum();
            let files = self.files.len();
            let noun = if files == 1 { "file" } else { "files" };
            writeln!(err, "{} in {files} {noun}; nothing is written", counted(fixes))?;
        }
        self.remarks(err, terminal)
    }

    fn remarks(&self, err: &mut dyn Write, terminal: Terminal) -> std::io::Result<()> {
        for shown in &self.broken {
            writeln!(err, "warning: {shown} is left as it is: with its fixes it would no longer parse")?;
        }
        if self.distrusted > 0 && !terminal.quiet {
            writeln!(err, "{} left that may be wrong (--unsafe-fixes)", counted(self.distrusted))?;
        }
        Ok(())
    }
}

fn counted(fixes: usize) -> String {
    if fixes == 1 { "1 fix".to_owned() } else { format!("{fixes} fixes") }
}
