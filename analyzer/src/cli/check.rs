//! `check`: lints the selected packages.

use std::io::Write;
use std::time::Instant;

use super::args::{Check, Format, With};
use super::fix::{self, Mode};
use super::known::{self, Known};
use super::output::Printer;
use super::progress::Progress;
use super::terminal::Terminal;
use super::{Failure, Status, Surroundings, configuration};
use crate::config::Config;
use crate::driver::{self, Analysis, Packages};
use crate::finding::Confidence;
use crate::level::Table;
use crate::lint::{FixKind, Group, Lint};
use crate::report::{self, Detail, Parts, Report};
use crate::source::Unsaved;
use crate::suppress::{self, Inputs};
use crate::workspace::git::Changes;
use crate::workspace::with::{self, PassThrough};
use crate::workspace::{self, Plan, Selection, git};

pub(super) fn run(
    args: &Check,
    levels: Table,
    around: &Surroundings,
    terminal: Terminal,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Status, Failure> {
    let start = Instant::now();
    let selection = args.selection.selection(around);
    let mut plan = workspace::plan(&selection).map_err(|e| Failure::message(e.to_string()))?;
    let config = configuration(&plan, levels)?;
    let changes = match &args.scope.changed_since {
        Some(revision) => Some(git::changes(&plan.root, revision).map_err(|e| Failure::message(e.to_string()))?),
        None => None,
    };
    let baseline = known::read(&args.scope, &plan, around)?;
    args.scope.partition.into_iter().for_each(|p| known::select_part(&mut plan, p));
    for warning in plan.warnings.iter().filter(|_| !terminal.quiet) {
        writeln!(err, "warning: {warning}")?;
    }
    let cargo_agrees = match args.with {
        Some(with) => pass_through(with, args, &selection, terminal, out)?,
        None => true,
    };
    let whole = args.scope.partition.is_none() && known::is_whole(&selection);
    let job = Job {
        known: baseline.as_ref(),
        whole,
        changes: changes.as_ref(),
        ..Job::new(args, &plan, &config, around, terminal)
    };
    let mending = Mode::of(&args.mending).map_err(Failure::message)?;
    if mending == Mode::Write {
        fix::may_write(&plan, &args.mending)?;
    }
    let looked = job.look(Unsaved::new(), selection.wants_tests())?;
    let (analysis, report) = match mending {
        Mode::Leave => looked,
        mode => {
            let mended = fix::mend(&job, looked, selection.wants_tests())?;
            let success = mended.first_success && cargo_agrees;
            if mode == Mode::Show {
                mended.show(out)?;
                mended.sum_up(err, terminal)?;
                return Ok(status(success, mended.analysis.is_broken));
            }
            mended.write(err, terminal)?;
            (mended.analysis, mended.report)
        }
    };
    let success = report.is_success() && cargo_agrees;
    let seconds = around.stdout_is_terminal.then(|| start.elapsed().as_secs_f64());
    let printer =
        Printer { output: &args.output, plan: &plan, analysis: &analysis, report: &report, terminal, success };
    printer.all(around, seconds, out, err)?;
    Ok(status(success, analysis.is_broken))
}

/// A run in which something panicked has failed, whatever it has found.
fn status(success: bool, is_broken: bool) -> Status {
    match (is_broken, success) {
        (true, _) => Status::Failed,
        (false, true) => Status::Clean,
        (false, false) => Status::Found,
    }
}

/// What looking at the source needs to know.
pub(super) struct Job<'a> {
    pub(super) args: &'a Check,
    pub(super) plan: &'a Plan,
    pub(super) config: &'a Config,
    pub(super) around: &'a Surroundings,
    pub(super) terminal: Terminal,
    /// Findings that are not to be shown.
    pub(super) known: Option<&'a Known>,
    /// The run looks at all that a baseline is about.
    pub(super) whole: bool,
    /// Show only what touches these.
    pub(super) changes: Option<&'a Changes>,
}

impl<'a> Job<'a> {
    /// Whatever is found is shown.
    pub(super) fn new(
        args: &'a Check,
        plan: &'a Plan,
        config: &'a Config,
        around: &'a Surroundings,
        terminal: Terminal,
    ) -> Job<'a> {
        Job { args, plan, config, around, terminal, known: None, whole: false, changes: None }
    }

    /// Analyses the source, with some files taken to hold other text.
    pub(super) fn look(&self, unsaved: Unsaved, tests: bool) -> Result<(Analysis, Report), Failure> {
        self.look_and(unsaved, tests, |_| ()).map(|(analysis, report, ())| (analysis, report))
    }

    /// The same with a look at the facts themselves.
    pub(super) fn look_and<T: Send + Default>(
        &self,
        unsaved: Unsaved,
        tests: bool,
        look: impl Fn(driver::Known<'_>) -> T + Sync,
    ) -> Result<(Analysis, Report, T), Failure> {
        let progress = Progress::of(self.around, self.terminal);
        let watch = progress.as_ref().map(|p| |stage| p.at(stage));
        let mut lints: Vec<&'static Lint> =
            self.config.catalogue.iter().copied().filter(|l| self.config.may_be_on(l)).collect();
        lints.extend(self.args.break_a_lint.then_some(&BROKEN));
        let request = driver::Request {
            jobs: self.args.jobs.map(Into::into),
            tests,
            lints,
            options: &self.config.options,
            unsaved,
            watch: watch.as_ref().map(|w| w as driver::Watch<'_>),
        };
        let analyzed = driver::analyze_and(self.plan, &request, look);
        progress.iter().for_each(Progress::clear);
        let (mut analysis, seen) = analyzed.map_err(|e| Failure::message(e.to_string()))?;
        let mut report = self.report(&mut analysis);
        if let Some(known) = self.known {
            known::apply(known, self.plan, self.config, &mut analysis, &mut report, self.whole.then_some(tests));
        }
        if let Some(changes) = self.changes {
            known::only_changed(changes, &analysis.sources, &mut report);
        }
        Ok((analysis, report, seen))
    }

    fn report(&self, analysis: &mut Analysis) -> Report {
        let findings = std::mem::take(&mut analysis.findings);
        let problems = std::mem::take(&mut analysis.problems);
        let coverage = std::mem::take(&mut analysis.coverage);
        let suppressions = suppress::collect(Inputs {
            sources: &analysis.sources,
            linted: &analysis.linted,
            modules: &analysis.modules,
            unjudged: &analysis.tests,
            broken_lints: &analysis.broken_lints,
            catalogue: self.config.catalogue,
            require_reasons: self.config.require_reasons,
            today: self.around.today,
        });
        let parts = Parts {
            sources: &analysis.sources,
            config: self.config,
            suppressions: &suppressions,
            packages: &Packages { plan: self.plan, owners: &analysis.owners },
            detail: Detail { explain: self.args.output.explain_findings, verbose: self.terminal.verbose },
        };
        report::build(&parts, findings, problems, coverage)
    }
}

/// What `--break-a-lint` runs.
static BROKEN: Lint = Lint {
    name: "broken",
    topic: "testing",
    group: Group::Restriction,
    confidence: Confidence::Certain,
    since: "0.1.0",
    fix: FixKind::None,
    docs: "Panics.",
    check: |_, _| panic!("asked to fail"),
};

/// Runs `cargo check` or `cargo clippy` first; tells whether it was content.
fn pass_through(
    with: With,
    args: &Check,
    selection: &Selection,
    terminal: Terminal,
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    let request = PassThrough {
        command: match with {
            With::Check => "check",
            With::Clippy => "clippy",
        },
        message_format: match args.output.message_format {
            Format::Short => Some("short"),
            Format::Json => Some("json"),
            Format::JsonDiagnosticRenderedAnsi => Some("json-diagnostic-rendered-ansi"),
            // Cargo writes text to standard error then, and standard output is left to the findings.
            _ => None,
        },
        color: terminal.err.color,
        quiet: terminal.quiet,
        jobs: args.jobs.map(Into::into),
        target_dir: args.ignored.target_dir.as_deref(),
    };
    with::pass_through(selection, &request, out).map_err(|e| Failure::message(e.to_string()))
}
