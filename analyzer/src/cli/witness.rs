//! `witness`: a loom test that fails as a finding says and passes as it proposes.

use std::io::Write;
use std::path::Path;

use super::args::{Check, Witness};
use super::check::Job;
use super::output::write_file;
use super::terminal::Terminal;
use super::{Failure, Surroundings, configuration};
use crate::driver::Packages;
use crate::level::Table;
use crate::render::record::{self, Record, Records};
use crate::report::PackageOf;
use crate::source::Unsaved;
use crate::witness::operations::Operations;
use crate::witness::{self, MANIFEST, Subject};
use crate::workspace;

pub(super) fn run(
    args: &Witness,
    levels: Table,
    around: &Surroundings,
    terminal: Terminal,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let check = Check { selection: args.selection.clone(), levels: args.levels.clone(), ..Check::default() };
    let selection = args.selection.selection(around);
    let plan = workspace::plan(&selection).map_err(|e| Failure::message(e.to_string()))?;
    let config = configuration(&plan, levels)?;
    let job = Job::new(&check, &plan, &config, around, terminal);
    let (analysis, report, operations) = job.look_and(Unsaved::new(), selection.wants_tests(), Operations::of)?;
    let packages = Packages { plan: &plan, owners: &analysis.owners };
    let package = |file| packages.package_of(file);
    let records = record::records(&report, &analysis.sources, package, "");
    let found = find(&args.finding, &records)?;
    let subject = Subject::of_diagnostic(&report.diagnostics[found]).ok_or_else(|| {
        Failure::message("this is an error of the source itself, nothing that threads could run into")
    })?;
    let test = witness::of(subject, &operations, &analysis.sources).map_err(Failure::message)?;
    match &args.out {
        None => out.write_all(test.as_bytes())?,
        Some(dir) => {
            let dir = around.current_dir.as_deref().unwrap_or(Path::new("")).join(dir);
            write(&dir, &test)?;
            let manifest = dir.join("Cargo.toml");
            writeln!(out, "run it with `cargo test --manifest-path {}`", manifest.display())?;
        }
    }
    Ok(())
}

/// Writes the package; over another witness, but over nothing else.
fn write(dir: &Path, test: &str) -> Result<(), Failure> {
    let manifest = dir.join("Cargo.toml");
    let there = crate::config::read(&manifest).map_err(|e| Failure::message(e.to_string()))?;
    if there.is_some_and(|text| text.lines().next() != MANIFEST.lines().next()) {
        let dir = dir.display();
        return Err(Failure::message(format!("{dir} holds another package; name an empty folder with `--out`")));
    }
    write_file(&manifest, MANIFEST.as_bytes())?;
    write_file(&dir.join("witness.rs"), test.as_bytes())
}

/// The one finding that `wanted` names, by its number in the report.
fn find(wanted: &str, records: &Records) -> Result<usize, Failure> {
    let is_named = Named::parse(wanted);
    let all: Vec<(usize, &Record)> =
        records.findings.iter().enumerate().filter(|(_, r)| is_named.as_ref().is_some_and(|n| n.is(r))).collect();
    let show = |r: &Record| {
        let lint = r.lint.as_deref().unwrap_or("error");
        format!("{}:{}:{lint} ({})", r.primary.file, r.primary.line_start, r.fingerprint)
    };
    match all[..] {
        [(n, _)] => Ok(n),
        [] => {
            let how = "`cargo atomic-lint --message-format short` lists them with file and line, and `-W LINT` adds one \
                       that is off";
            Err(Failure::message(format!("no finding is at `{wanted}`: {how}")))
        }
        _ => {
            let list: Vec<String> = all.iter().map(|(_, r)| format!("\n  {}", show(r))).collect();
            Err(Failure::message(format!("`{wanted}` names several findings; write one of{}", list.concat())))
        }
    }
}

/// How a finding is named on the command line.
enum Named<'a> {
    /// The beginning of the fingerprint that `jsonl` and GitLab's report give.
    Fingerprint(&'a str),
    /// `src/lib.rs:14`, with a column and a lint behind it, or one of them.
    Place { file: String, line: u32, column: Option<u32>, lint: Option<&'a str> },
}

impl<'a> Named<'a> {
    fn parse(wanted: &'a str) -> Option<Named<'a>> {
        if wanted.len() >= 8 && wanted.chars().all(|c| c.is_ascii_hexdigit()) {
            return Some(Named::Fingerprint(wanted));
        }
        // From the end: a path may hold colons.
        let mut rest = wanted;
        let mut lint = None;
        if let Some((before, last)) = rest.rsplit_once(':').filter(|(_, last)| last.parse::<u32>().is_err()) {
            let name = last.trim();
            // `atomic_lint::check_then_act`
            rest = before.strip_suffix(":atomic_lint:").or(before.strip_suffix("atomic_lint:")).unwrap_or(before);
            rest = rest.trim_end_matches(':');
            lint = Some(name);
        }
        let (before, last) = rest.rsplit_once(':')?;
        let last: u32 = last.parse().ok()?;
        let (file, line, column) = match before.rsplit_once(':').map(|(file, line)| (file, line.parse::<u32>())) {
            Some((file, Ok(line))) => (file, line, Some(last)),
            _ => (before, last, None),
        };
        let file = file.replace('\\', "/");
        Some(Named::Place { file: file.trim_start_matches("./").to_owned(), line, column, lint })
    }

    fn is(&self, record: &Record) -> bool {
        match self {
            Named::Fingerprint(start) => record.fingerprint.starts_with(&start.to_lowercase()),
            Named::Place { file, line, column, lint } => {
                let place = &record.primary;
                let ends = |whole: &str, end: &str| {
                    whole == end || whole.strip_suffix(end).is_some_and(|before| before.ends_with('/'))
                };
                (ends(&place.file, file) || ends(file, &place.file))
                    && (place.line_start..=place.line_end).contains(line)
                    && column.is_none_or(|c| c == place.column_start)
                    && lint.is_none_or(|l| record.lint.as_deref() == Some(&l.replace('-', "_")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::record::Place;

    fn record() -> Record {
        let records = r#"{"severity":"error","lint":"check_then_act","message":"","key":{"item":"","location":"",
            "operation":""},"fingerprint":"0123456789abcdef","line_hash":"",
            "primary":{"file":"core/src/lib.rs","line_start":14,"column_start":9,"line_end":15,"column_end":2,
            "byte_start":0,"byte_end":0}}"#;
        let record: Record = serde_json::from_str(records).expect("a record can be read");
        assert_eq!(record.primary, Place { text: String::new(), ..record.primary.clone() });
        record
    }

    #[test]
    fn a_finding_is_named_by_place_or_fingerprint() {
        let is = |wanted: &str| Named::parse(wanted).is_some_and(|n| n.is(&record()));
        for yes in [
            "core/src/lib.rs:14",
            "./core/src/lib.rs:15",
            "src/lib.rs:14:9",
            "some/where/core/src/lib.rs:14",
            "core/src/lib.rs:14:check_then_act",
            "core/src/lib.rs:14:9:check-then-act",
            "core/src/lib.rs:14:atomic_lint::check_then_act",
            "01234567",
            "0123456789ABCDEF",
        ] {
            assert!(is(yes), "{yes}");
        }
        for no in
            ["core/src/lib.rs", "lib.rs:13", "b.rs:14", "core/src/lib.rs:14:3", "lib.rs:14:aba_prone_cas", "123", ""]
        {
            assert!(!is(no), "{no}");
        }
    }
}
