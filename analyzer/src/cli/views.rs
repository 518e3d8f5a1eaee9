//! `inventory`, `pairs`, `layout` and `diff`: what is known of the atomics of a workspace, judged by nobody.

use std::io::Write;

use super::args::{Check, Diff, Layout, View, ViewFormat};
use super::check::Job;
use super::terminal::Terminal;
use super::{Failure, Surroundings, configuration, known};
use crate::config::Config;
use crate::driver::{self, Known, Packages, Request};
use crate::level::Table;
use crate::lint::Options;
use crate::render::Style;
use crate::source::Unsaved;
use crate::views::diff::State;
use crate::views::survey::Survey;
use crate::views::{self, layout};
use crate::workspace::{self, Plan, Selection, git};

pub(super) fn inventory(view: &View, around: &Surroundings, out: &mut dyn Write) -> Result<(), Failure> {
    let survey = look(&view.selection.selection(around), Survey::of)?;
    let text = match view.format {
        ViewFormat::Text => views::inventory::text(&survey),
        ViewFormat::Json => views::json(&survey),
    };
    Ok(out.write_all(text.as_bytes())?)
}

pub(super) fn pairs(view: &View, around: &Surroundings, out: &mut dyn Write) -> Result<(), Failure> {
    let survey = look(&view.selection.selection(around), Survey::of)?;
    let text = match view.format {
        ViewFormat::Text => views::pairs::text(&survey),
        ViewFormat::Json => views::json(&views::pairs::pairs(&survey)),
    };
    Ok(out.write_all(text.as_bytes())?)
}

pub(super) fn layout(args: &Layout, around: &Surroundings, out: &mut dyn Write) -> Result<(), Failure> {
    let wanted = args.name.as_deref();
    let maps = look(&args.view.selection.selection(around), |known| layout::maps(known, wanted))?;
    if let Some(name) = wanted.filter(|_| maps.is_empty()) {
        return Err(Failure::message(format!("no struct `{name}` holds an atomic that anything is done to")));
    }
    let text = match args.view.format {
        ViewFormat::Text => layout::text(&maps),
        ViewFormat::Json => views::json(&maps),
    };
    Ok(out.write_all(text.as_bytes())?)
}

/// Analyses without lints.
fn look<T: Send + Default>(selection: &Selection, look: impl Fn(Known<'_>) -> T + Sync) -> Result<T, Failure> {
    let plan = plan(selection)?;
    let options = Options::default();
    let (tests, unsaved) = (selection.wants_tests(), Unsaved::new());
    let request = Request { jobs: None, tests, lints: Vec::new(), options: &options, unsaved, watch: None };
    let looked = driver::analyze_and(&plan, &request, look);
    looked.map(|(_, seen)| seen).map_err(|e| Failure::message(e.to_string()))
}

fn plan(selection: &Selection) -> Result<Plan, Failure> {
    workspace::plan(selection).map_err(|e| Failure::message(e.to_string()))
}

pub(super) fn diff(args: &Diff, levels: Table, around: &Surroundings, out: &mut dyn Write) -> Result<(), Failure> {
    let failure = |e: git::GitError| Failure::message(e.to_string());
    let selection = args.view.selection.selection(around);
    let now = plan(&selection)?;
    let config = configuration(&now, levels)?;
    let commit = git::base(&now.root, &args.base).map_err(failure)?;
    let export = git::export(&now.root, &commit).map_err(failure)?;
    // The same flags there as here, but for where to look.
    let then =
        Selection { manifest_path: Some(export.root.join("Cargo.toml")), current_dir: None, ..selection.clone() };
    let then = plan(&then).map_err(|e| Failure::message(format!("at {}: {e}", args.base)))?;
    // Levels are those of today on both sides, so that findings differ by what the code does.
    let before = state(&then, &config, around, &selection)?;
    let after = state(&now, &config, around, &selection)?;
    let difference = views::diff::diff(&before, &after);
    let text = match args.view.format {
        ViewFormat::Text => views::diff::text(&difference),
        ViewFormat::Json => views::json(&difference),
    };
    Ok(out.write_all(text.as_bytes())?)
}

fn state(plan: &Plan, config: &Config, around: &Surroundings, selection: &Selection) -> Result<State, Failure> {
    let args = Check::default();
    let style = Style::default();
    let terminal = Terminal { out: style, err: style, quiet: true, verbose: false };
    let job = Job::new(&args, plan, config, around, terminal);
    let (analysis, report, survey) = job.look_and(Unsaved::new(), selection.wants_tests(), Survey::of)?;
    let packages = Packages { plan, owners: &analysis.owners };
    let findings = report.diagnostics.iter().filter_map(|d| known::subject(d, &packages)).collect();
    Ok(State { survey, findings })
}
