//! Which of the findings of a run are wanted: those that the baseline lacks, those on changed lines, those of one part.

use std::path::{Path, PathBuf};

use super::args::{Partition, Scope};
use super::{Failure, Surroundings};
use crate::baseline::{Baseline, FILE, Stale, Subject};
use crate::config::{self, Config, Place};
use crate::driver::{Analysis, Packages};
use crate::finding::{Label, Site};
use crate::ir::Span;
use crate::level::Level;
use crate::lints::api::unfulfilled_suppression::UNFULFILLED_SUPPRESSION;
use crate::report::{Diagnostic, PackageOf, Report, Severity};
use crate::source::{SourceFile, Sources};
use crate::workspace::git::Changes;
use crate::workspace::{Plan, Selection};

/// A baseline and the file it stands in.
pub(super) struct Known {
    pub(super) baseline: Baseline,
    pub(super) path: PathBuf,
    pub(super) shown: String,
    text: String,
}

/// Where the baseline of a workspace is.
pub(super) fn path(scope: &Scope, plan: &Plan, around: &Surroundings) -> PathBuf {
    match &scope.baseline {
        Some(path) => around.current_dir.as_deref().unwrap_or(Path::new("")).join(path),
        None => plan.root.join(FILE),
    }
}

/// The baseline that a run heeds. One that was named must be there.
pub(super) fn read(scope: &Scope, plan: &Plan, around: &Surroundings) -> Result<Option<Known>, Failure> {
    if scope.no_baseline {
        return Ok(None);
    }
    let path = path(scope, plan, around);
    let text = config::read(&path).map_err(|e| Failure::message(e.to_string()))?;
    let Some(text) = text else {
        return match scope.baseline {
            Some(_) => Err(Failure::message(format!(
                "there is no baseline at {}; `cargo atomic-lint baseline` writes one",
                path.display()
            ))),
            None => Ok(None),
        };
    };
    let shown = path.strip_prefix(&plan.root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
    let baseline = Baseline::parse(&text, &shown).map_err(|e| Failure::Config(vec![e]))?;
    Ok(Some(Known { baseline, path, shown, text }))
}

/// Whether a selection leaves no target of its packages out that is linted without any flag.
pub(super) fn is_whole(s: &Selection) -> bool {
    let named = [&s.bin, &s.example, &s.test, &s.bench];
    s.all_targets || !(s.lib || s.bins || s.examples || s.tests || s.benches || named.iter().any(|n| !n.is_empty()))
}

/// What a finding is about, in the terms of the baseline.
pub(super) fn subject(diagnostic: &Diagnostic, packages: &Packages<'_>) -> Option<Subject> {
    Subject::of(diagnostic, packages.package_of(diagnostic.primary.site.file)?)
}

/// Takes known findings out of a report and puts stale entries in; the latter only if the run was `whole`: then it says
/// whether test code was looked at.
pub(super) fn apply(
    known: &Known,
    plan: &Plan,
    config: &Config,
    analysis: &mut Analysis,
    report: &mut Report,
    whole: Option<bool>,
) {
    let packages = Packages { plan, owners: &analysis.owners };
    let (count, stale) = known.baseline.apply(&mut report.diagnostics, |d| subject(d, &packages));
    report.known = count;
    if whole.is_some_and(|tests| tests || !known.baseline.tests) {
        say_stale(known, stale, plan, config, analysis, report);
    }
}

fn say_stale(
    known: &Known,
    stale: Vec<Stale>,
    plan: &Plan,
    config: &Config,
    analysis: &mut Analysis,
    report: &mut Report,
) {
    let is_selected = |package: &str| plan.crates.iter().position(|c| c.selected && c.package == package);
    let was_on = |s: &Stale| {
        let lint = config.catalogue.iter().find(|l| l.name == s.lint);
        let place = Place { package: Some(&s.package), file: None };
        lint.is_none_or(|l| config.setting(l, place).level > Level::Allow)
    };
    let judged: Vec<(Stale, usize)> =
        stale.into_iter().filter(was_on).filter_map(|s| is_selected(&s.package).map(|owner| (s, owner))).collect();
    let Some((_, owner)) = judged.first() else { return };
    let file = analysis.sources.add(SourceFile::new(&known.path, known.shown.as_str(), known.text.clone()));
    analysis.owners.push(Some(*owner));
    for (stale, _) in judged {
        let place = Place { package: Some(&stale.package), file: None };
        let setting = config.setting(&UNFULFILLED_SUPPRESSION, place);
        if setting.level == Level::Allow {
            continue;
        }
        let span = Span::new(stale.span.start as u32, stale.span.end as u32);
        let label = Label::new(Site { file, span }, String::new());
        let mut diagnostic = Diagnostic::problem(stale.message, label);
        diagnostic.severity = if setting.level.fails() { Severity::Error } else { Severity::Warning };
        diagnostic.lint = Some(&UNFULFILLED_SUPPRESSION);
        diagnostic.help = Some("run `cargo atomic-lint baseline` to drop what is gone".to_owned());
        report.diagnostics.push(diagnostic);
    }
}

/// Leaves what has a label on a changed line. What is wrong with a file, a suppression or a manifest stays where it
/// is; a file outside of the workspace is not git's to judge.
pub(super) fn only_changed(changes: &Changes, sources: &Sources, report: &mut Report) {
    let touched = |label: &Label| {
        let file = sources.file(label.site.file);
        let (start, end) = (file.lines().line(label.site.span.start), file.lines().line(label.site.span.end));
        Path::new(&file.shown).is_absolute() || changes.touch(&file.shown, start..=end)
    };
    let before = report.diagnostics.len();
    report.diagnostics.retain(|d| d.lint.is_none() || touched(&d.primary) || d.secondary.iter().any(touched));
    report.elsewhere = before - report.diagnostics.len();
}

/// Every `of`th package, by name; the others are still read, for what they say about these.
pub(super) fn select_part(plan: &mut Plan, Partition { part, of }: Partition) {
    let mut packages: Vec<String> = plan.crates.iter().filter(|c| c.selected).map(|c| c.package.clone()).collect();
    packages.sort_unstable();
    packages.dedup();
    let mine: Vec<String> = packages.into_iter().skip(part - 1).step_by(of).collect();
    plan.crates.iter_mut().for_each(|c| c.selected &= mine.contains(&c.package));
    plan.skipped.retain(|s| mine.contains(&s.package));
}
