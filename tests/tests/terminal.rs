//! The program at a terminal, and how it ends.
#![cfg(unix)]

use std::fs::File;
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use atomic_lint_tests::{program, root};

fn tool() -> Command {
    static PROGRAM: OnceLock<std::path::PathBuf> = OnceLock::new();
    let mut command = Command::new(PROGRAM.get_or_init(|| program(false)));
    let clear = ["CI", "CARGO_TERM_QUIET", "CARGO_TERM_VERBOSE", "CARGO_TERM_COLOR", "NO_COLOR", "CLICOLOR_FORCE"];
    clear.into_iter().for_each(|name| _ = command.env_remove(name));
    command.current_dir(root()).env("TERM", "xterm");
    command
}

/// What a run writes to a terminal on standard error.
fn at_terminal(command: &mut Command) -> String {
    let (mut leader, mut follower) = (-1, -1);
    let none = std::ptr::null_mut();
    // SAFETY: both places can be written to, and nothing else is asked for.
    let made = unsafe { libc::openpty(&mut leader, &mut follower, none, none.cast(), none.cast()) };
    assert_eq!(made, 0, "a pseudo terminal can be opened");
    // SAFETY: `openpty` has just given these descriptors to nobody else.
    let (leader, follower) = unsafe { (OwnedFd::from_raw_fd(leader), OwnedFd::from_raw_fd(follower)) };
    let mut child = command.stdout(Stdio::null()).stdin(Stdio::null()).stderr(follower).spawn().expect("it starts");
    // The command keeps its end open otherwise, and reading never ends.
    command.stderr(Stdio::null());
    let mut text = Vec::new();
    let mut leader = File::from(leader);
    let mut piece = [0; 4096];
    // A terminal whose other end is closed gives an error on Linux.
    while let Ok(n @ 1..) = leader.read(&mut piece) {
        text.extend_from_slice(&piece[..n]);
    }
    child.wait().expect("it ends");
    String::from_utf8_lossy(&text).into_owned()
}

/// Long enough in a debug build that progress is shown.
const LONG: [&str; 6] = ["--manifest-path", "fixtures/Cargo.toml", "-A", "all", "-W", "check_then_act"];

#[test]
fn progress_is_shown_at_a_terminal_and_wiped_away() {
    let text = at_terminal(tool().args(LONG));
    let stages = ["Parsing", "Linking", "Checking"];
    assert!(stages.iter().any(|s| text.contains(s)), "{text:?}");
    assert!(text.ends_with("\r\u{1b}[K"), "{text:?}");
    assert!(!text.contains('\n'), "one line only: {text:?}");
}

#[test]
fn progress_is_shown_nowhere_else() {
    assert_eq!(at_terminal(tool().args(LONG).arg("-q")), "");
    assert_eq!(at_terminal(tool().args(LONG).env("CI", "true")), "");
    let piped = tool().args(LONG).output().expect("it starts");
    assert_eq!(String::from_utf8_lossy(&piped.stderr), "");
}

fn run(args: &str) -> Output {
    tool().args(args.split(' ')).output().expect("it starts")
}

#[test]
fn the_status_says_how_it_went() {
    let demo = "--manifest-path fixtures/demo/Cargo.toml";
    assert_eq!(run(&format!("{demo} -A all")).status.code(), Some(0));
    assert_eq!(run(demo).status.code(), Some(1));
    assert_eq!(run("--no-such-flag").status.code(), Some(2));
    assert_eq!(run("--manifest-path nowhere/Cargo.toml").status.code(), Some(2));
}

/// A lint that panics: said, counted as failure, and the findings of the others still there.
#[test]
fn an_internal_error_ends_with_status_2() {
    let usual = run("--manifest-path fixtures/demo/Cargo.toml --message-format short");
    let broken = run("--manifest-path fixtures/demo/Cargo.toml --message-format short --break-a-lint");
    assert_eq!(broken.status.code(), Some(2));
    let lines = |output: &Output| -> Vec<String> {
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    };
    let (usual, broken) = (lines(&usual), lines(&broken));
    let said: Vec<&String> = broken.iter().filter(|l| l.contains("internal error")).collect();
    assert_eq!(said.len(), 1, "{broken:?}");
    assert!(said[0].contains("asked to fail"), "{said:?}");
    assert!(usual.iter().filter(|l| l.contains("atomic_lint::")).all(|l| broken.contains(l)));
    // Whatever format reads it, and even if nothing else is wrong.
    for format in ["human", "json", "jsonl", "sarif", "github", "gitlab", "junit", "markdown"] {
        let line = format!("--manifest-path fixtures/demo/Cargo.toml -A all --message-format {format} --break-a-lint");
        assert_eq!(run(&line).status.code(), Some(2), "{format}");
    }
}
