//! `check`: lints the selected packages.

use std::io::Write;
use std::time::Instant;

use super::args::{Check, Format, With};
use super::known;
use super::output::Printer;
use super::terminal::Terminal;
use super::{Failure, Status, Surroundings, configuration};
use crate::config::Config;
use crate::driver::{self, Analysis, Packages};
use crate::level::Table;
use crate::report::{self, Detail, Parts, Report};
use crate::suppress::{self, Inputs};
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
    let (mut analysis, mut report) = lint(args, &selection, &plan, &config, around, terminal)?;
    if let Some(baseline) = baseline {
        let whole = args.scope.partition.is_none() && known::is_whole(&selection);
        known::apply(baseline, &plan, &config, &mut analysis, &mut report, whole.then(|| selection.wants_tests()));
    }
    if let Some(changes) = changes {
        known::only_changed(&changes, &analysis.sources, &mut report);
    }
    let success = report.is_success() && cargo_agrees;
    let seconds = around.stdout_is_terminal.then(|| start.elapsed().as_secs_f64());
    let printer = Printer { output: &args.output, plan: &plan, analysis: &analysis, report: &report, terminal, success };
    printer.all(around, seconds, out, err)?;
    Ok(if success { Status::Clean } else { Status::Found })
}

/// Runs the lints and puts levels and suppressions on what they found.
pub(super) fn lint(
    args: &Check,
    selection: &Selection,
    plan: &Plan,
    config: &Config,
    around: &Surroundings,
    terminal: Terminal,
) -> Result<(Analysis, Report), Failure> {
    let lints = config.catalogue.iter().copied().filter(|l| config.may_be_on(l)).collect();
    let request = driver::Request {
        jobs: args.jobs.map(Into::into),
        tests: selection.wants_tests(),
        lints,
        options: &config.options,
    };
    let mut analysis = driver::analyze(plan, &request).map_err(|e| Failure::message(e.to_string()))?;
    let report = report(args, plan, config, &mut analysis, around, terminal);
    Ok((analysis, report))
}

fn report(
    args: &Check,
    plan: &Plan,
    config: &Config,
    analysis: &mut Analysis,
    around: &Surroundings,
    terminal: Terminal,
) -> Report {
    let findings = std::mem::take(&mut analysis.findings);
    let problems = std::mem::take(&mut analysis.problems);
    let coverage = std::mem::take(&mut analysis.coverage);
    let suppressions = suppress::collect(Inputs {
        sources: &analysis.sources,
        linted: &analysis.linted,
        modules: &analysis.modules,
        unjudged: &analysis.tests,
        catalogue: config.catalogue,
        require_reasons: config.require_reasons,
        today: around.today,
    });
    let parts = Parts {
        sources: &analysis.sources,
        config,
        suppressions: &suppressions,
        packages: &Packages { plan, owners: &analysis.owners },
        detail: Detail { explain: args.output.explain_findings, verbose: terminal.verbose },
    };
    report::build(&parts, findings, problems, coverage)
}

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
