//! How much time and memory the tool takes, beside a bare parse of the same files.
//!
//! ```text
//! cargo bench -p atomic-lint-tests --bench speed                    # the crates of tests/bench.csv, fetched by cargo
//! cargo bench -p atomic-lint-tests --bench speed -- DIR… --runs 9   # packages or workspaces
//! ```
//!
//! Three processes are compared: the tool as it is shipped (the release profile, every thread it likes, what it starts
//! itself included), `syn::parse_file` over all `.rs` files below `src`, and the same over those of them that mention
//! atomics. The last two are this program with another argument: one thread, the tool's allocator, each tree dropped
//! before the next. CPU is user and system time of a process and of all that it waited for; each number is the median
//! of its runs. A machine with other work to do stretches all three alike: ratios can be compared, seconds cannot.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use atomic_lint_tests::{cargo, program, root, rust_files_below};
use cargo_atomic_lint::source::mentions_atomics;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let mut args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [mode, dir] = &args[..]
        && let Some(parse) = Parse::of(mode)
    {
        return parse.run(Path::new(dir));
    }
    if args == ["fetch"] {
        fetched().iter().for_each(|dir| println!("{}", dir.display()));
        return ExitCode::SUCCESS;
    }
    let runs = match args.iter().position(|a| a == "--runs") {
        Some(at) => args.drain(at..args.len().min(at + 2)).nth(1).and_then(|n| n.parse().ok()).unwrap_or(5),
        None => 5,
    };
    let dirs = if args.is_empty() { fetch() } else { Ok(args.into_iter().map(PathBuf::from).collect()) };
    match dirs.and_then(|dirs| compare(&dirs, runs)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What a bare parse reads.
#[derive(Clone, Copy)]
enum Parse {
    All,
    Atomics,
}

impl Parse {
    fn of(mode: &str) -> Option<Parse> {
        match mode {
            "parse-all" => Some(Parse::All),
            "parse-atomics" => Some(Parse::Atomics),
            _ => None,
        }
    }

    fn mode(self) -> &'static str {
        match self {
            Parse::All => "parse-all",
            Parse::Atomics => "parse-atomics",
        }
    }

    fn wants(self, text: &str) -> bool {
        match self {
            Parse::All => true,
            Parse::Atomics => mentions_atomics(text),
        }
    }

    fn run(self, dir: &Path) -> ExitCode {
        let mut items = 0;
        for text in sources(dir).filter(|t| self.wants(t)) {
            // Not everything below `src` is a Rust file of today: templates, test data.
            items += syn::parse_file(&text).map_or(0, |file| file.items.len());
            proc_macro2::extra::invalidate_current_thread_spans();
        }
        println!("{items}");
        ExitCode::SUCCESS
    }
}

fn sources(dir: &Path) -> impl Iterator<Item = String> {
    let src = dir.join("src");
    let files = if src.is_dir() { rust_files_below(&src) } else { rust_files_below(dir) };
    files.into_iter().filter_map(|file| std::fs::read_to_string(file).ok())
}

/// Fetches in a process of its own: the peak of a process that is started counts from the size of its parent.
fn fetch() -> io::Result<Vec<PathBuf>> {
    let output = Command::new(std::env::current_exe()?).arg("fetch").stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other("the crates cannot be fetched"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect())
}

/// The crates of `bench.csv`, where cargo has unpacked them.
fn fetched() -> Vec<PathBuf> {
    let list = std::fs::read_to_string(root().join("tests/bench.csv")).expect("the list of crates can be read");
    let crates: Vec<(&str, &str)> = list.lines().skip(1).filter_map(|line| line.split_once(',')).collect();
    let dir = root().join("target/bench-src");
    std::fs::create_dir_all(dir.join("src")).expect("the target directory can be written");
    let head =
        "[workspace]\n[package]\nname = \"bench-src\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[dependencies]\n";
    let wanted: String = crates.iter().map(|(name, version)| format!("{name} = \"={version}\"\n")).collect();
    std::fs::write(dir.join("Cargo.toml"), format!("{head}{wanted}")).expect("the target directory can be written");
    std::fs::write(dir.join("src/lib.rs"), "").expect("the target directory can be written");
    let metadata = cargo_metadata::MetadataCommand::new().current_dir(dir).exec().expect("cargo can fetch the crates");
    let folder = |(name, version): &(&str, &str)| {
        let mut packages = metadata.packages.iter();
        let package = packages.find(|p| p.name.as_str() == *name && p.version.to_string() == *version);
        let manifest = &package.expect("cargo has resolved every crate").manifest_path;
        manifest.parent().expect("a manifest stands in a folder").as_std_path().to_owned()
    };
    crates.iter().map(folder).collect()
}

/// What a process has used.
#[derive(Clone, Copy, Default)]
struct Usage {
    /// User and system time, in milliseconds.
    cpu: f64,
    wall: f64,
    /// The largest resident set of any one process, in megabytes.
    peak: f64,
}

impl Usage {
    fn of(command: &mut Command, runs: usize) -> io::Result<Usage> {
        // The first run warms the file cache for all.
        measure(command)?;
        let runs: Vec<Usage> = (0..runs.max(1)).map(|_| measure(command)).collect::<io::Result<_>>()?;
        let median = |of: fn(&Usage) -> f64| {
            let mut values: Vec<f64> = runs.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        Ok(Usage { cpu: median(|u| u.cpu), wall: median(|u| u.wall), peak: median(|u| u.peak) })
    }
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:7.1} {:7.1} {:6.1}", self.cpu, self.wall, self.peak)
    }
}

fn compare(dirs: &[PathBuf], runs: usize) -> io::Result<()> {
    let tool = program(true);
    let this = std::env::current_exe()?;
    println!("CPU ms, wall ms, peak MB of each; medians of {runs} runs; the tool with the cargo it starts\n");
    println!(
        "{:26} {:^22} | {:^22} | {:^22} | CPU of the tool to that of",
        "", "tool", "parse of all files", "parse of atomic files"
    );
    println!(
        "{:26} {1:>7} {2:>7} {3:>6} | {1:>7} {2:>7} {3:>6} | {1:>7} {2:>7} {3:>6} | all    atomic",
        "", "CPU", "wall", "peak"
    );
    let mut sums = [Usage::default(); 3];
    for dir in dirs {
        let dir = dir.canonicalize()?;
        let mut lint = Command::new(&tool);
        lint.arg("--manifest-path").arg(dir.join("Cargo.toml")).args(["--message-format", "json", "--quiet"]);
        let parse = |parse: Parse| Usage::of(Command::new(&this).arg(parse.mode()).arg(&dir), runs);
        let row = [Usage::of(&mut lint, runs)?, parse(Parse::All)?, parse(Parse::Atomics)?];
        print(&dir.file_name().unwrap_or_default().to_string_lossy(), &row);
        for (sum, one) in sums.iter_mut().zip(&row) {
            *sum = Usage { cpu: sum.cpu + one.cpu, wall: sum.wall + one.wall, peak: sum.peak.max(one.peak) };
        }
    }
    print("sum (largest peak)", &sums);
    if let Some(dir) = dirs.first() {
        let mut metadata = Command::new(cargo());
        metadata.args(["metadata", "--no-deps", "--offline", "--format-version=1", "--manifest-path"]);
        println!("\n{:26} {}", "cargo metadata --no-deps", Usage::of(metadata.arg(dir.join("Cargo.toml")), runs)?);
    }
    Ok(())
}

fn print(name: &str, [tool, all, atomics]: &[Usage; 3]) {
    println!("{name:26} {tool} | {all} | {atomics} | {:4.2}×  {:4.2}×", tool.cpu / all.cpu, tool.cpu / atomics.cpu);
}

/// Runs a command to its end, whatever its status.
#[cfg(unix)]
fn measure(command: &mut Command) -> io::Result<Usage> {
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: both pointers are valid for writing; the child is ours, and nobody else waits for it.
    let waited = unsafe { libc::wait4(child.id() as libc::pid_t, &mut status, 0, usage.as_mut_ptr()) };
    let wall = start.elapsed().as_secs_f64() * 1e3;
    if waited < 0 {
        return Err(io::Error::last_os_error());
    }
    if !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) > 1 {
        return Err(io::Error::other(format!("{command:?} has ended with status {status}")));
    }
    // SAFETY: the call has succeeded, so it has written all of it, which was zero before.
    let usage = unsafe { usage.assume_init() };
    let millis = |t: libc::timeval| t.tv_sec as f64 * 1e3 + t.tv_usec as f64 / 1e3;
    // Kilobytes, but bytes on macOS.
    let unit = if cfg!(target_os = "macos") { 1e6 } else { 1e3 };
    Ok(Usage { cpu: millis(usage.ru_utime) + millis(usage.ru_stime), wall, peak: usage.ru_maxrss as f64 / unit })
}

#[cfg(not(unix))]
fn measure(_: &mut Command) -> io::Result<Usage> {
    Err(io::Error::other("the memory and time of a process are measured on Unix only"))
}
