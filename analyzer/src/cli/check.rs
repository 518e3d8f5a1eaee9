//! `check`: lints the selected packages.

use std::io::Write;
use std::time::Instant;

use super::args::{Check, Format, With};
use super::fix::{self, Mode};
use super::terminal::Terminal;
use super::{Failure, Status, Surroundings, configuration};
use crate::config::Config;
use crate::driver::{self, Analysis, Packages};
use crate::level::Table;
use crate::render::{self, Style, human, json, short};
use crate::report::{self, Detail, Parts, Report};
use crate::source::Unsaved;
use crate::suppress::{self, Inputs};
use crate::workspace::with::{self, PassThrough};
use crate::workspace::{self, Crate, Plan, Selection};

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
    let plan = workspace::plan(&selection).map_err(|e| Failure::message(e.to_string()))?;
    let config = configuration(&plan, levels)?;
    for warning in plan.warnings.iter().filter(|_| !terminal.quiet) {
        writeln!(err, "warning: {warning}")?;
    }
    let cargo_agrees = match args.with {
        Some(with) => pass_through(with, args, &selection, terminal, out)?,
        None => true,
    };
    let job = Job { args, plan: &plan, config: &config, around, terminal };
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
                return Ok(if success { Status::Clean } else { Status::Found });
            }
            mended.write(err, terminal)?;
            (mended.analysis, mended.report)
        }
    };
    let success = report.is_success() && cargo_agrees;
    let printer = Printer { args, plan: &plan, analysis: &analysis, report: &report, terminal };
    printer.findings(out, success)?;
    let seconds = around.stdout_is_terminal.then(|| start.elapsed().as_secs_f64());
    match args.output.message_format {
        Format::Human | Format::Short => printer.closing(out, seconds, terminal.out)?,
        Format::Json | Format::JsonDiagnosticRenderedAnsi => printer.closing(err, seconds, terminal.err)?,
    }
    Ok(if success { Status::Clean } else { Status::Found })
}

/// What looking at the source needs to know.
pub(super) struct Job<'a> {
    pub(super) args: &'a Check,
    pub(super) plan: &'a Plan,
    pub(super) config: &'a Config,
    pub(super) around: &'a Surroundings,
    pub(super) terminal: Terminal,
}

impl Job<'_> {
    /// Analyses the source, with some files taken to hold other text.
    pub(super) fn look(&self, unsaved: Unsaved, tests: bool) -> Result<(Analysis, Report), Failure> {
        let request = driver::Request {
            jobs: self.args.jobs.map(Into::into),
            tests,
            lints: self.config.catalogue.iter().copied().filter(|l| self.config.may_be_on(l)).collect(),
            options: &self.config.options,
            unsaved,
        };
        let mut analysis = driver::analyze(self.plan, &request).map_err(|e| Failure::message(e.to_string()))?;
        let report = self.report(&mut analysis);
        Ok((analysis, report))
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
            Format::Human => None,
            Format::Short => Some("short"),
            Format::Json => Some("json"),
            Format::JsonDiagnosticRenderedAnsi => Some("json-diagnostic-rendered-ansi"),
        },
        color: terminal.err.color,
        quiet: terminal.quiet,
        jobs: args.jobs.map(Into::into),
        target_dir: args.ignored.target_dir.as_deref(),
    };
    with::pass_through(selection, &request, out).map_err(|e| Failure::message(e.to_string()))
}

/// Writes a report.
struct Printer<'a> {
    args: &'a Check,
    plan: &'a Plan,
    analysis: &'a Analysis,
    report: &'a Report,
    terminal: Terminal,
}

impl Printer<'_> {
    fn findings(&self, out: &mut dyn Write, success: bool) -> std::io::Result<()> {
        let sources = &self.analysis.sources;
        match self.args.output.message_format {
            Format::Human => self
                .report
                .diagnostics
                .iter()
                .try_for_each(|d| out.write_all(human::diagnostic(d, sources, self.terminal.out).as_bytes())),
            Format::Short => {
                self.report.diagnostics.iter().try_for_each(|d| out.write_all(short::diagnostic(d, sources).as_bytes()))
            }
            Format::Json => self.json(out, Style::default(), success),
            Format::JsonDiagnosticRenderedAnsi => self.json(out, Style { color: true, unicode: false }, success),
        }
    }

    /// Package by package: its messages, then that it is done.
    fn json(&self, out: &mut dyn Write, style: Style, success: bool) -> std::io::Result<()> {
        let owner = |d: &report::Diagnostic| {
            let owner = self.analysis.owners.get(d.primary.site.file.0 as usize).copied().flatten();
            owner.map(|n| &self.plan.crates[n])
        };
        let selected = self.plan.crates.iter().filter(|c| c.selected);
        let mut done: Vec<&str> = Vec::new();
        for first in selected {
            if done.contains(&first.package_id.as_str()) {
                continue;
            }
            done.push(&first.package_id);
            for diagnostic in &self.report.diagnostics {
                if let Some(krate) = owner(diagnostic).filter(|k| k.package_id == first.package_id) {
                    let line = json::diagnostic(diagnostic, &package(krate), &self.analysis.sources, style);
                    out.write_all(line.as_bytes())?;
                }
            }
            out.write_all(json::artifact(&package(first)).as_bytes())?;
        }
        out.write_all(json::finished(success).as_bytes())
    }

    /// What a run ends with: suppressed findings, coverage, the line that sums it up.
    fn closing(&self, out: &mut dyn Write, seconds: Option<f64>, style: Style) -> std::io::Result<()> {
        if self.args.output.report_suppressed {
            out.write_all(render::suppressed(self.report, &self.analysis.sources).as_bytes())?;
        }
        if self.args.output.coverage || self.terminal.verbose {
            out.write_all(render::coverage(self.report, &self.analysis.sources).as_bytes())?;
        }
        if self.terminal.quiet {
            return Ok(());
        }
        writeln!(out, "{}", render::summary(self.report, seconds, style))
    }
}

/// A target as cargo's messages describe it.
fn package(krate: &Crate) -> json::Package {
    let target = &krate.target;
    let texts = |list: &[_]| list.iter().map(ToString::to_string).collect();
    json::Package {
        id: krate.package_id.clone(),
        manifest_path: krate.manifest_path.to_string_lossy().into_owned(),
        features: krate.cfg.features.iter().cloned().collect(),
        target: json::Target {
            kind: target.kind.iter().map(ToString::to_string).collect(),
            crate_types: texts(&target.crate_types),
            name: target.name.clone(),
            src_path: krate.src_path.to_string_lossy().into_owned(),
            edition: krate.edition.to_string(),
            doc: target.doc,
            doctest: target.doctest,
            test: target.test,
        },
    }
}
