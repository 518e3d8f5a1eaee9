//! The command line as clap sees it.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgAction, ArgMatches, Args, Parser, Subcommand, ValueEnum};

use crate::level::{Level, Origin, Rule, Table, Target, nearest};
use crate::lints;

/// Reads Rust source and finds misuse of atomics
#[derive(Debug, Parser)]
#[command(
    name = "cargo-atomic-lint",
    bin_name = "cargo atomic-lint",
    version,
    max_term_width = 120,
    subcommand_help_heading = "Commands",
    after_help = "Exit status: 0 if nothing is found at level deny, 1 if something is, 2 if the run could not be made."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) check: Check,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lint the selected packages (the default)
    Check(Box<Check>),
    /// Lint the selected packages and apply the fixes that only remove the bug
    Fix(Box<Check>),
    /// Show the page of a lint, or list all lints
    Explain(Explain),
    /// List every lint with the level it has here
    List(Box<List>),
    /// List every atomic location: what it is for, who reads it, who writes it, with which orderings
    Inventory(Box<View>),
    /// Draw the cache lines of types that hold atomics
    Layout(Box<Layout>),
    /// List which releases pair with which acquires
    Pairs(Box<View>),
    /// Say what changed in the use of atomics since a git revision
    Diff(Box<Diff>),
    /// Write a loom test that fails as a finding says, and passes as it proposes
    Witness(Box<Witness>),
    /// Serve an editor over standard input and output (language server protocol)
    Server(Box<Check>),
    /// Write today's findings to a file, so that later runs fail on new ones only
    Baseline(Box<Check>),
    /// Put reports of `--message-format jsonl` together, as from one run
    Merge(Merge),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print the manual page, or write one per command
    Man(Man),
    /// Print the JSON schema of `atomic-lint.toml`, or of the lines of `jsonl`
    Schema(Schema),
    /// Print what the analyzer keeps of one file
    #[command(hide = true)]
    Ir(Ir),
}

/// Understood before and after any command.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Common {
    /// Print findings and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: how sure a finding is, who set its level, what was skipped
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN")]
    pub(crate) color: Option<When>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) selection: Select,
    #[command(flatten)]
    pub(crate) levels: Levels,
    #[command(flatten)]
    pub(crate) scope: Scope,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) mending: Mending,
    /// Run `cargo check` or `cargo clippy` first and pass its messages through
    #[arg(long, value_name = "COMMAND")]
    pub(crate) with: Option<With>,
    /// How many threads to use
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Runs a lint that panics as well, to see how that ends.
    #[arg(long, hide = true)]
    pub(crate) break_a_lint: bool,
    /// Cargo's own flags that change nothing here, so that editors can pass them.
    #[command(flatten)]
    pub(crate) ignored: Ignored,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct Select {
    /// Package to lint: a name, `name@version`, a glob or a package id
    #[arg(short, long, value_name = "SPEC")]
    pub(crate) package: Vec<String>,
    /// Lint all packages of the workspace
    #[arg(long, alias = "all")]
    pub(crate) workspace: bool,
    /// Leave a package out (with --workspace)
    #[arg(long, value_name = "SPEC")]
    pub(crate) exclude: Vec<String>,
    /// Lint the library only
    #[arg(long)]
    pub(crate) lib: bool,
    /// Lint all binaries
    #[arg(long)]
    pub(crate) bins: bool,
    /// Lint this binary
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Vec<String>,
    /// Lint all examples
    #[arg(long)]
    pub(crate) examples: bool,
    /// Lint this example
    #[arg(long, value_name = "NAME")]
    pub(crate) example: Vec<String>,
    /// Lint all targets with tests
    #[arg(long)]
    pub(crate) tests: bool,
    /// Lint this test
    #[arg(long, value_name = "NAME")]
    pub(crate) test: Vec<String>,
    /// Lint all benchmarks
    #[arg(long)]
    pub(crate) benches: bool,
    /// Lint this benchmark
    #[arg(long, value_name = "NAME")]
    pub(crate) bench: Vec<String>,
    /// Lint all targets
    #[arg(long)]
    pub(crate) all_targets: bool,
    /// Features that are on, by spaces or commas
    #[arg(long, value_name = "FEATURES")]
    pub(crate) features: Vec<String>,
    /// Every feature is on
    #[arg(long)]
    pub(crate) all_features: bool,
    /// The `default` feature is off
    #[arg(long)]
    pub(crate) no_default_features: bool,
    /// The target triple that code is read for
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Option<String>,
    /// Path to Cargo.toml
    #[arg(long, value_name = "PATH")]
    pub(crate) manifest_path: Option<PathBuf>,
    /// Assert that `Cargo.lock` will remain unchanged
    #[arg(long)]
    pub(crate) locked: bool,
    /// Run without accessing the network (this tool never does)
    #[arg(long)]
    pub(crate) offline: bool,
    /// Equivalent to --locked and --offline
    #[arg(long)]
    pub(crate) frozen: bool,
    /// Override a configuration value of cargo
    #[arg(long, value_name = "KEY=VALUE|PATH")]
    pub(crate) config: Vec<String>,
}

/// In the order of the command line; see [`Levels::table`].
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Levels (LINT is a lint, a group, `all` or `warnings`; the last one wins)")]
pub(crate) struct Levels {
    /// Do not report LINT
    #[arg(short = 'A', long, value_name = "LINT", value_parser = named)]
    pub(crate) allow: Vec<Named>,
    /// Report LINT as a warning
    #[arg(short = 'W', long, value_name = "LINT", value_parser = named)]
    pub(crate) warn: Vec<Named>,
    /// Report LINT as an error
    #[arg(short = 'D', long, value_name = "LINT", value_parser = named)]
    pub(crate) deny: Vec<Named>,
    /// Report LINT as an error that nothing can lower or suppress
    #[arg(short = 'F', long, value_name = "LINT", value_parser = named)]
    pub(crate) forbid: Vec<Named>,
}

/// A name that was found in the catalogue, and how it was written.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) target: Target,
    pub(crate) written: String,
}

fn named(written: &str) -> Result<Named, crate::level::UnknownName> {
    Ok(Named { target: Target::parse(written, lints::ALL)?, written: written.to_owned() })
}

impl Levels {
    /// The rules in the order in which the flags stand on the command line.
    pub(crate) fn table(matches: &ArgMatches) -> Table {
        let mut rules: Vec<(usize, Rule)> = Vec::new();
        for level in Level::ALL {
            let id = level.name();
            // `list` has these flags too, `explain` has not.
            let Ok(Some(names)) = matches.try_get_many::<Named>(id) else { continue };
            let indices = matches.indices_of(id).into_iter().flatten();
            rules.extend(indices.zip(names).map(|(index, named)| {
                let origin = Origin::CommandLine(format!("-{} {}", level.flag(), named.written));
                (index, Rule { target: named.target, level, origin })
            }));
        }
        rules.sort_by_key(|(index, _)| *index);
        Table::ordered(rules.into_iter().map(|(_, rule)| rule).collect())
    }
}

/// Which of the findings are wanted.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Scope")]
pub(crate) struct Scope {
    /// Report only what touches lines that differ from this revision
    #[arg(long, value_name = "REV")]
    pub(crate) changed_since: Option<String>,
    /// Report the K-th of N parts of the packages, for several CI jobs; `merge` puts the parts together
    #[arg(long, value_name = "K/N")]
    pub(crate) partition: Option<Partition>,
    /// The file of known findings [default: atomic-lint-baseline.toml at the workspace root, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Report known findings too
    #[arg(long, conflicts_with = "baseline")]
    pub(crate) no_baseline: bool,
}

/// The `part`th of `of`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) part: usize,
    pub(crate) of: usize,
}

impl std::str::FromStr for Partition {
    type Err = &'static str;

    fn from_str(written: &str) -> Result<Partition, &'static str> {
        let numbers = written.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((part, of)) if 1 <= part && part <= of => Ok(Partition { part, of }),
            _ => Err("write two numbers: `1/4` is the first of four parts"),
        }
    }
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Fixes")]
pub(crate) struct Mending {
    /// Apply the fixes that only remove the bug
    #[arg(long)]
    pub(crate) fix: bool,
    /// Apply those too that may be wrong, with --fix or --diff
    #[arg(long)]
    pub(crate) unsafe_fixes: bool,
    /// Print what would be changed and write nothing
    #[arg(long)]
    pub(crate) diff: bool,
    /// Fix although there are uncommitted changes
    #[arg(long)]
    pub(crate) allow_dirty: bool,
    /// Fix although there are staged changes
    #[arg(long)]
    pub(crate) allow_staged: bool,
    /// Fix although there is no version control
    #[arg(long)]
    pub(crate) allow_no_vcs: bool,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// What findings look like
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) message_format: Format,
    /// Write findings in a format to a file as well; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = to_file)]
    pub(crate) output: Vec<ToFile>,
    /// Print how many findings each lint has, instead of the findings
    #[arg(long)]
    pub(crate) statistics: bool,
    /// List what was and was not analysed
    #[arg(long)]
    pub(crate) coverage: bool,
    /// List the findings that are suppressed, and why
    #[arg(long)]
    pub(crate) report_suppressed: bool,
    /// Show the schedule behind every finding, not only behind errors
    #[arg(long)]
    pub(crate) explain_findings: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// With the source around each finding
    #[default]
    Human,
    /// One line per finding
    Short,
    /// Cargo's stream of JSON, for editors
    Json,
    /// The same with colours in the rendered text
    JsonDiagnosticRenderedAnsi,
    /// This tool's own lines of JSON, with everything
    Jsonl,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions
    Github,
    /// GitLab's code quality report
    Gitlab,
    /// JUnit's XML
    Junit,
    /// For a job summary or a comment
    Markdown,
}

/// `sarif=target/atomic-lint.sarif`.
#[derive(Clone, Debug)]
pub(crate) struct ToFile {
    pub(crate) format: Format,
    pub(crate) file: PathBuf,
}

fn to_file(written: &str) -> Result<ToFile, String> {
    let (format, file) = written.split_once('=').ok_or("write a format, `=` and a file")?;
    let format = Format::from_str(format, false).map_err(|_| {
        let known: Vec<String> = Format::value_variants()
            .iter()
            .filter_map(|f| Some(f.to_possible_value()?.get_name().to_owned()))
            .collect();
        let near = nearest(format, known.iter().map(String::as_str));
        let help = near.map_or(format!("one of {}", known.join(", ")), |n| format!("did you mean `{n}`?"));
        format!("unknown format `{format}`; {help}")
    })?;
    if file.is_empty() {
        return Err("the file has no name".to_owned());
    }
    Ok(ToFile { format, file: file.into() })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum With {
    Check,
    Clippy,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Ignored {
    #[arg(long, hide = true)]
    keep_going: bool,
    #[arg(short, long, hide = true)]
    release: bool,
    #[arg(long, hide = true)]
    profile: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) target_dir: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Explain {
    /// The lint; all are listed without one
    #[arg(value_name = "LINT")]
    pub(crate) lint: Option<String>,
    #[arg(long, default_value = "text")]
    pub(crate) format: PageFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PageFormat {
    Text,
    Markdown,
    Json,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) selection: Select,
    #[command(flatten)]
    pub(crate) levels: Levels,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct View {
    #[command(flatten)]
    pub(crate) selection: Select,
    #[arg(long, default_value = "text")]
    pub(crate) format: ViewFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ViewFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Layout {
    /// The type, by name or path; all that hold atomics without one
    #[arg(value_name = "TYPE")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) view: View,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Diff {
    /// The revision to compare with: a branch stands for where the work left it
    #[arg(value_name = "BASE")]
    pub(crate) base: String,
    #[command(flatten)]
    pub(crate) view: View,
    #[command(flatten)]
    pub(crate) levels: Levels,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Witness {
    /// `src/lib.rs:14`, with `:LINT` behind it if several are there, or the fingerprint from `jsonl`
    #[arg(value_name = "FINDING")]
    pub(crate) finding: String,
    /// Write a package to this directory; the test alone is printed without it
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) selection: Select,
    #[command(flatten)]
    pub(crate) levels: Levels,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Merge {
    /// Reports; several may stand in one file
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// What the whole looks like
    #[arg(long, value_name = "FORMAT", default_value = "short")]
    pub(crate) message_format: Format,
    /// Write it in a format to a file as well; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = to_file)]
    pub(crate) output: Vec<ToFile>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Completions {
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Schema {
    #[arg(default_value = "config")]
    pub(crate) of: SchemaOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// `atomic-lint.toml`
    Config,
    /// A line of `--message-format jsonl`
    Jsonl,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Man {
    /// The directory to write `cargo-atomic-lint.1` and the pages of the commands to
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Ir {
    /// A Rust source file
    pub(crate) file: PathBuf,
}
