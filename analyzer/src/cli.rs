//! The command: from arguments and surroundings to bytes and an exit status.
//!
//! Nothing here prints or exits: [`run`] is handed the streams and says which status to end with, so that the whole
//! command can be run inside a test.

mod args;
mod argv;
mod baseline;
mod check;
mod explain;
mod fix;
mod ir;
mod known;
mod list;
mod merge;
mod output;
mod packaging;
mod progress;
pub mod schema;
mod server;
mod terminal;
mod views;
mod witness;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::config::{self, Config, ConfigError};
use crate::level::Table;
use crate::lints;
use crate::render::{Style, human};
use crate::suppress::date::Date;
use crate::workspace::{Plan, Selection};
use args::{Cli, Command, Levels, Select};
use terminal::Terminal;

/// What a process knows besides its files.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The program's name first.
    pub args: Vec<OsString>,
    pub vars: BTreeMap<String, String>,
    /// The process's own directory if `None`.
    pub current_dir: Option<PathBuf>,
    pub stdout_is_terminal: bool,
    /// How wide the terminal is, if there is one.
    pub columns: Option<usize>,
    pub stderr_is_terminal: bool,
    /// Writes straight to the terminal behind standard error, if there is one; for what is wiped away again.
    pub say: Option<fn(&str)>,
    pub today: Date,
}

impl Surroundings {
    fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str)
    }
}

/// The statuses that the command ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing at level deny.
    Clean = 0,
    /// Something at level deny.
    Found = 1,
    /// The run could not be made: usage, configuration, files.
    Failed = 2,
}

/// Why a run could not be made.
#[derive(Debug)]
enum Failure {
    /// What is wrong, in one sentence; lower case, no full stop.
    Message(String),
    Config(Vec<ConfigError>),
    Usage(Box<clap::Error>),
    Io(io::Error),
}

impl Failure {
    fn message(message: impl Into<String>) -> Failure {
        Failure::Message(message.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Message(message) => f.write_str(message),
            Failure::Config(errors) => errors.iter().try_for_each(|e| writeln!(f, "{e}")),
            Failure::Usage(error) => error.fmt(f),
            Failure::Io(error) => write!(f, "cannot write: {error}"),
        }
    }
}

/// Runs the command. A reader that has gone away is no error: what it does not want to read is not written.
pub fn run(around: &Surroundings, out: &mut dyn Write, err: &mut dyn Write) -> Status {
    let (mut out, mut err) = (Patient { stream: out, gone: false }, Patient { stream: err, gone: false });
    let status = match parse(around) {
        Ok((cli, matches)) => {
            let terminal = Terminal::new(&cli.common, around);
            let result = dispatch(&cli, &matches, around, terminal, &mut out, &mut err);
            result.unwrap_or_else(|failure| fail(&failure, &mut out, &mut err, terminal.err))
        }
        Err(error) => {
            let plain = Terminal::new(&args::Common::default(), around);
            fail(&Failure::Usage(Box::new(error)), &mut out, &mut err, plain.err)
        }
    };
    match out.flush().and_then(|()| err.flush()) {
        Ok(()) => status,
        Err(_) => Status::Failed,
    }
}

fn parse(around: &Surroundings) -> Result<(Cli, ArgMatches), clap::Error> {
    let mut command = Cli::command();
    command.build();
    let args = argv::normalise(around.args.clone(), &command);
    let matches = command.try_get_matches_from_mut(args)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|e| e.format(&mut command))?;
    Ok((cli, matches))
}

fn dispatch(
    cli: &Cli,
    matches: &ArgMatches,
    around: &Surroundings,
    terminal: Terminal,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Status, Failure> {
    let inner = matches.subcommand().map_or(matches, |(_, inner)| inner);
    let levels = || Levels::table(inner);
    match &cli.command {
        None => check::run(&cli.check, levels(), around, terminal, out, err),
        Some(Command::Check(check)) => check::run(check, levels(), around, terminal, out, err),
        Some(Command::Fix(check)) => {
            let mut check = check.clone();
            check.mending.fix = true;
            check::run(&check, levels(), around, terminal, out, err)
        }
        Some(Command::Explain(explain)) => explain::run(explain, terminal.out, out).map(|()| Status::Clean),
        Some(Command::List(list)) => list::run(list, levels(), around, terminal.out, out).map(|()| Status::Clean),
        Some(Command::Baseline(args)) => baseline::run(args, levels(), around, terminal, out, err),
        Some(Command::Inventory(view)) => views::inventory(view, around, out).map(|()| Status::Clean),
        Some(Command::Pairs(view)) => views::pairs(view, around, out).map(|()| Status::Clean),
        Some(Command::Layout(layout)) => views::layout(layout, around, out).map(|()| Status::Clean),
        Some(Command::Diff(args)) => views::diff(args, levels(), around, out).map(|()| Status::Clean),
        Some(Command::Witness(args)) => witness::run(args, levels(), around, terminal, out).map(|()| Status::Clean),
        Some(Command::Server(args)) => server::run(args, levels(), around),
        Some(Command::Merge(args)) => merge::run(args, around, out),
        Some(Command::Completions(args)) => packaging::completions(args, out).map(|()| Status::Clean),
        Some(Command::Man(args)) => packaging::man(args, around, out).map(|()| Status::Clean),
        Some(Command::Schema(args)) => schema::run(args, out).map(|()| Status::Clean),
        Some(Command::Ir(ir)) => ir::run(ir, around, out),
    }
}

/// Says why the run could not be made.
fn fail(failure: &Failure, out: &mut dyn Write, err: &mut dyn Write, style: Style) -> Status {
    let written = match failure {
        Failure::Usage(error) => {
            let text = error.render();
            let text = if style.color { text.ansi().to_string() } else { text.to_string() };
            // Help and versions are what was asked for.
            if error.exit_code() == 0 {
                return out.write_all(text.as_bytes()).map_or(Status::Failed, |()| Status::Clean);
            }
            err.write_all(text.as_bytes())
        }
        Failure::Config(errors) => errors.iter().try_for_each(|e| {
            let text = human::snippet(&e.file, &e.text, e.span.clone(), &e.message, e.help.as_deref(), style);
            err.write_all(text.as_bytes())
        }),
        failure => writeln!(err, "{}: {failure}", human::error_word(style)),
    };
    // There is nobody left to tell.
    drop(written);
    Status::Failed
}

impl Select {
    fn selection(&self, around: &Surroundings) -> Selection {
        let s = self.clone();
        Selection {
            manifest_path: s.manifest_path,
            current_dir: around.current_dir.clone(),
            packages: s.package,
            workspace: s.workspace,
            exclude: s.exclude,
            lib: s.lib,
            bins: s.bins,
            bin: s.bin,
            examples: s.examples,
            example: s.example,
            tests: s.tests,
            test: s.test,
            benches: s.benches,
            bench: s.bench,
            all_targets: s.all_targets,
            features: s.features,
            all_features: s.all_features,
            no_default_features: s.no_default_features,
            target: s.target,
            locked: s.locked,
            frozen: s.frozen,
            offline: s.offline,
            config: s.config,
            dependencies: false,
        }
    }
}

/// Everything that was configured for the packages of a plan.
fn configuration(plan: &Plan, levels: Table) -> Result<Config, Failure> {
    let mut packages: Vec<(String, PathBuf)> = Vec::new();
    for krate in plan.crates.iter().filter(|c| c.selected) {
        if packages.iter().all(|(name, _)| *name != krate.package) {
            packages.push((krate.package.clone(), krate.manifest_path.clone()));
        }
    }
    let documents = config::documents(&plan.root, &packages).map_err(|e| Failure::message(e.to_string()))?;
    let mut config = Config::new(lints::ALL, levels);
    config.read(&documents).map_err(Failure::Config)?;
    Ok(config)
}

/// A stream whose reader may go away; what is written then is dropped.
struct Patient<'a> {
    stream: &'a mut dyn Write,
    gone: bool,
}

impl Patient<'_> {
    fn forgive<T>(&mut self, result: io::Result<T>, instead: T) -> io::Result<T> {
        match result {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(instead)
            }
            result => result,
        }
    }
}

impl Write for Patient<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone {
            return Ok(bytes.len());
        }
        let result = self.stream.write(bytes);
        self.forgive(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gone {
            return Ok(());
        }
        let result = self.stream.flush();
        self.forgive(result, ())
    }
}

#[cfg(test)]
mod tests;
