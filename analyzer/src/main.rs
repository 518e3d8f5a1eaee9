//! The process: the only file that touches the standard streams and ends the program.

use std::collections::BTreeMap;
use std::io::{BufWriter, IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use cargo_atomic_lint::cli::{self, Surroundings};
use cargo_atomic_lint::suppress::date::Date;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let vars: BTreeMap<String, String> =
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
    // A clock before 1970 ends no suppression.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let around = Surroundings {
        args: std::env::args_os().collect(),
        vars,
        current_dir: None,
        stdout_is_terminal: stdout().is_terminal(),
        columns: terminal_size::terminal_size().map(|(width, _)| width.0.into()),
        stderr_is_terminal: stderr().is_terminal(),
        say: stderr().is_terminal().then_some(say),
        today: Date::from_unix(now),
    };
    let status = cli::run(&around, &mut BufWriter::new(stdout()), &mut stderr());
    ExitCode::from(status as u8)
}

/// A terminal that cannot be written to is no reason to end a run.
fn say(text: &str) {
    let mut terminal = stderr().lock();
    _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
}
