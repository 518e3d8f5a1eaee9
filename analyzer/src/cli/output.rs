//! A report in every format that was asked for, on standard output and in files.

use std::io::{self, Write};
use std::path::Path;

use super::args::{Format, Output};
use super::terminal::Terminal;
use super::{Failure, Surroundings};
use crate::driver::{Analysis, Packages};
use crate::lints;
use crate::render::record::{Records, records};
use crate::render::{self, Style, github, gitlab, human, json, jsonl, junit, markdown, sarif, short};
use crate::report::{self, PackageOf, Report};
use crate::source::FileId;
use crate::workspace::git;
use crate::workspace::{Crate, Plan};

/// Writes a report.
pub(super) struct Printer<'a> {
    pub(super) output: &'a Output,
    pub(super) plan: &'a Plan,
    pub(super) analysis: &'a Analysis,
    pub(super) report: &'a Report,
    pub(super) terminal: Terminal,
    pub(super) success: bool,
}

impl Printer<'_> {
    /// Files first: whoever waits for the end of standard output finds them.
    pub(super) fn all(
        &self,
        around: &Surroundings,
        seconds: Option<f64>,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<(), Failure> {
        for to in &self.output.output {
            let mut text = Vec::new();
            self.findings(to.format, Style::default(), &mut text)?;
            let path = around.current_dir.as_deref().unwrap_or(Path::new("")).join(&to.file);
            write_file(&path, &text)?;
        }
        if self.output.message_format == Format::Github {
            self.job_summary(around)?;
        }
        match self.output.message_format {
            Format::Human | Format::Short if self.output.statistics => {
                out.write_all(render::statistics(self.report).as_bytes())?;
            }
            format => self.findings(format, self.terminal.out, out)?,
        }
        match self.output.message_format {
            Format::Human | Format::Short => self.closing(out, seconds, self.terminal.out)?,
            // Standard output is for a machine.
            _ => self.closing(err, seconds, self.terminal.err)?,
        }
        Ok(())
    }

    fn findings(&self, format: Format, style: Style, out: &mut dyn Write) -> io::Result<()> {
        let (sources, diagnostics) = (&self.analysis.sources, &self.report.diagnostics);
        let text = match format {
            Format::Human => {
                return diagnostics
                    .iter()
                    .try_for_each(|d| out.write_all(human::diagnostic(d, sources, style).as_bytes()));
            }
            Format::Short => diagnostics.iter().map(|d| short::diagnostic(d, sources)).collect(),
            Format::Json => return self.json(out, Style::default()),
            Format::JsonDiagnosticRenderedAnsi => return self.json(out, Style { color: true, ..Style::default() }),
            other => for_machines(other, self.records()),
        };
        out.write_all(text.as_bytes())
    }

    fn records(&self) -> Records {
        let packages = Packages { plan: self.plan, owners: &self.analysis.owners };
        let package = |file: FileId| packages.package_of(file);
        records(self.report, &self.analysis.sources, package, &git::prefix(&self.plan.root))
    }

    /// Annotations are few and short; the rest goes where GitHub shows it whole.
    fn job_summary(&self, around: &Surroundings) -> Result<(), Failure> {
        let Some(path) = around.var("GITHUB_STEP_SUMMARY").filter(|p| !p.is_empty()) else { return Ok(()) };
        let text = markdown::render(&self.records());
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let written = file.and_then(|mut f| f.write_all(text.as_bytes()));
        written.map_err(|e| Failure::message(format!("cannot write {path}: {e}")))
    }

    /// Package by package: its messages, then that it is done.
    fn json(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
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
        out.write_all(json::finished(self.success).as_bytes())
    }

    /// What a run ends with: suppressed findings, coverage, the line that sums it up.
    fn closing(&self, out: &mut dyn Write, seconds: Option<f64>, style: Style) -> io::Result<()> {
        if self.output.report_suppressed {
            out.write_all(render::suppressed(self.report, &self.analysis.sources).as_bytes())?;
        }
        if self.output.coverage || self.terminal.verbose {
            out.write_all(render::coverage(self.report, &self.analysis.sources).as_bytes())?;
        }
        if self.terminal.quiet {
            return Ok(());
        }
        writeln!(out, "{}", render::summary(self.report, seconds, style))
    }
}

/// The formats that are made from records alone; the others need the source.
pub(super) fn for_machines(format: Format, records: Records) -> String {
    match format {
        Format::Sarif => sarif::render(&records, lints::ALL),
        Format::Github => github::render(&records),
        Format::Gitlab => gitlab::render(&records),
        Format::Junit => junit::render(&records),
        Format::Markdown => markdown::render(&records),
        Format::Short => short::records(&records),
        Format::Jsonl | Format::Human | Format::Json | Format::JsonDiagnosticRenderedAnsi => jsonl::render(records),
    }
}

/// Makes the directories above as well: `target` may not be there yet.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let made = path.parent().filter(|p| !p.as_os_str().is_empty()).map_or(Ok(()), std::fs::create_dir_all);
    let written = made.and_then(|()| std::fs::write(path, bytes));
    written.map_err(|e| Failure::message(format!("cannot write {}: {e}", path.display())))
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
