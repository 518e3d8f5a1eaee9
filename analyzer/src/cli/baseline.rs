//! `baseline`: writes today's findings to a file, so that later runs fail on new ones only.

use std::io::Write;

use super::args::Check;
use super::check::Job;
use super::output::write_file;
use super::terminal::Terminal;
use super::{Failure, Status, Surroundings, configuration, known};
use crate::baseline::Baseline;
use crate::driver::Packages;
use crate::level::Table;
use crate::source::Unsaved;
use crate::workspace;

pub(super) fn run(
    args: &Check,
    levels: Table,
    around: &Surroundings,
    terminal: Terminal,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Status, Failure> {
    let selection = args.selection.selection(around);
    if args.scope.partition.is_some() || args.scope.changed_since.is_some() || !known::is_whole(&selection) {
        let message = "a baseline is about whole packages: leave `--partition`, `--changed-since` and flags for single \
                       targets away (`--all-targets` is fine)";
        return Err(Failure::message(message));
    }
    let plan = workspace::plan(&selection).map_err(|e| Failure::message(e.to_string()))?;
    let config = configuration(&plan, levels)?;
    let job = Job::new(args, &plan, &config, around, terminal);
    let (analysis, report) = job.look(Unsaved::new(), selection.wants_tests())?;
    let packages = Packages { plan: &plan, owners: &analysis.owners };
    let subjects = report.diagnostics.iter().filter_map(|d| known::subject(d, &packages));
    let mut baseline = Baseline::of(subjects, selection.wants_tests());
    let path = known::path(&args.scope, &plan, around);
    // A file that cannot be understood is not overwritten: it may be of a newer version, or hold a merge conflict.
    if let Some(old) = known::read(&args.scope, &plan, around).or_else(|e| match args.scope.baseline {
        // One that was named need not be there yet.
        Some(_) if !path.exists() => Ok(None),
        _ => Err(e),
    })? {
        let is_mine = |package: &str| {
            let same = plan.crates.iter().filter(|c| c.package == package).collect::<Vec<_>>();
            // What is no member any more has no findings.
            same.is_empty() || same.iter().any(|c| c.selected)
        };
        baseline.keep_others(&old.baseline, is_mine);
    }
    write_file(&path, baseline.render().as_bytes())?;
    let (entries, findings) = baseline.counts();
    if !terminal.quiet {
        let plural = |n: usize, one: &str, more: &str| format!("{n} {}", if n == 1 { one } else { more });
        let (findings, entries) = (plural(findings, "finding", "findings"), plural(entries, "entry", "entries"));
        // From the root of the workspace, as all places are.
        let shown = path.strip_prefix(&plan.root).unwrap_or(&path);
        writeln!(out, "{}: {findings} in {entries}", shown.display())?;
    }
    let left = report.diagnostics.iter().filter(|d| known::subject(d, &packages).is_none()).count();
    if left > 0 && !terminal.quiet {
        writeln!(
            err,
            "warning: {left} findings have no place in a baseline: what is wrong with a file or a suppression"
        )?;
    }
    Ok(Status::Clean)
}
