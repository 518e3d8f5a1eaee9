//! `cargo check` or `cargo clippy` before the lints, for editors that run one command only.
//!
//! This is the one place where code of the project may run (build scripts, procedural macros): only because the user
//! asked for that command by name.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::Selection;

/// Which command, and how it is to speak.
#[derive(Clone, Copy, Debug)]
pub struct PassThrough<'a> {
    /// `check`, `clippy`.
    pub command: &'a str,
    /// Cargo's own word for the format; `None` for text on the terminal.
    pub message_format: Option<&'a str>,
    pub color: bool,
    pub quiet: bool,
    pub jobs: Option<usize>,
    pub target_dir: Option<&'a Path>,
}

/// The command could not be run.
#[derive(Debug)]
pub struct NotRun {
    program: String,
    error: io::Error,
}

impl std::fmt::Display for NotRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot run `{}`: {}", self.program, self.error)
    }
}

impl std::error::Error for NotRun {}

/// Runs the command on the same selection and passes its messages on; tells whether it was content. In JSON, its
/// `build-finished` is left out: there is one for the whole run.
pub fn pass_through(selection: &Selection, request: &PassThrough<'_>, out: &mut dyn Write) -> Result<bool, NotRun> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let failed = |error| NotRun { program: format!("{} {}", cargo.to_string_lossy(), request.command), error };
    let mut command = Command::new(&cargo);
    command.args(arguments(selection, request)).stdin(Stdio::null());
    if let Some(dir) = &selection.current_dir {
        command.current_dir(dir);
    }
    let json = request.message_format.is_some_and(|f| f.starts_with("json"));
    if !json {
        return command.status().map(|status| status.success()).map_err(failed);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let copied = match child.stdout.take() {
        Some(stdout) => copy(BufReader::new(stdout), out),
        None => Ok(()),
    };
    let status = child.wait().map_err(failed)?;
    copied.map_err(failed)?;
    Ok(status.success())
}

fn copy(mut lines: impl BufRead, out: &mut dyn Write) -> io::Result<()> {
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        if !line.starts_with(br#"{"reason":"build-finished""#) {
            out.write_all(&line)?;
            // An editor shows messages as they come.
            out.flush()?;
        }
        line.clear();
    }
    Ok(())
}

fn arguments(selection: &Selection, request: &PassThrough<'_>) -> Vec<OsString> {
    let s = selection;
    let mut args: Vec<OsString> = vec![request.command.into()];
    let mut add = |flag: &str, value: Option<OsString>| {
        args.push(flag.into());
        args.extend(value);
    };
    let lists = [
        ("--package", &s.packages),
        ("--exclude", &s.exclude),
        ("--bin", &s.bin),
        ("--example", &s.example),
        ("--test", &s.test),
        ("--bench", &s.bench),
        ("--features", &s.features),
        ("--config", &s.config),
    ];
    for (flag, values) in lists {
        values.iter().for_each(|value| add(flag, Some(value.into())));
    }
    let switches = [
        ("--workspace", s.workspace),
        ("--lib", s.lib),
        ("--bins", s.bins),
        ("--examples", s.examples),
        ("--tests", s.tests),
        ("--benches", s.benches),
        ("--all-targets", s.all_targets),
        ("--all-features", s.all_features),
        ("--no-default-features", s.no_default_features),
        ("--locked", s.locked),
        ("--offline", s.offline),
        ("--frozen", s.frozen),
        ("--quiet", request.quiet),
    ];
    switches.into_iter().filter(|(_, on)| *on).for_each(|(flag, _)| add(flag, None));
    let values = [
        ("--target", s.target.as_ref().map(OsString::from)),
        ("--manifest-path", s.manifest_path.as_ref().map(OsString::from)),
        ("--target-dir", request.target_dir.map(OsString::from)),
        ("--jobs", request.jobs.map(|n| OsString::from(n.to_string()))),
        ("--message-format", request.message_format.map(OsString::from)),
        ("--color", Some(OsString::from(if request.color { "always" } else { "never" }))),
    ];
    values.into_iter().filter(|(_, v)| v.is_some()).for_each(|(flag, value)| add(flag, value));
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selection_is_passed_on() {
        let selection = Selection {
            packages: vec!["a".to_owned(), "b".to_owned()],
            all_targets: true,
            features: vec!["x,y".to_owned()],
            ..Selection::default()
        };
        let request = PassThrough {
            command: "clippy",
            message_format: Some("json"),
            color: false,
            quiet: true,
            jobs: Some(2),
            target_dir: None,
        };
        let args: Vec<String> = arguments(&selection, &request).into_iter().map(|a| a.into_string().unwrap()).collect();
        insta::assert_snapshot!(args.join(" "), @"clippy --package a --package b --features x,y --all-targets --quiet --jobs 2 --message-format json --color never");
    }

    #[test]
    fn one_build_finished_is_enough() {
        let mut out = Vec::new();
        let stream = "{\"reason\":\"compiler-artifact\"}\nnoise\n{\"reason\":\"build-finished\",\"success\":true}\n";
        copy(stream.as_bytes(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"reason\":\"compiler-artifact\"}\nnoise\n");
    }
}
