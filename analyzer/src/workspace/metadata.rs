//! Finds the manifest and asks cargo about it.

use std::fs;
use std::io::ErrorKind as IoKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use cargo_metadata::{Metadata, MetadataCommand};

use super::{Error, ErrorKind, Platform, Selection, manifest};

/// The manifest that the selection is about, as an absolute path.
pub(super) fn find_manifest(selection: &Selection) -> Result<PathBuf, Error> {
    let current = match &selection.current_dir {
        Some(dir) => dir.clone(),
        None => std::env::current_dir().map_err(|error| {
            let message = format!("cannot read the current directory: {error}");
            Error::new(ErrorKind::UnreadableDirectory, message, None, "change to a directory that exists")
        })?,
    };
    if let Some(given) = &selection.manifest_path {
        return given_manifest(&current.join(given));
    }
    if let Err(error) = fs::read_dir(&current) {
        let message = format!("cannot read the directory: {error}");
        let remedy = "name a directory that exists and that you may read";
        return Err(Error::new(ErrorKind::UnreadableDirectory, message, Some(current), remedy));
    }
    let manifest = current.ancestors().map(|dir| dir.join("Cargo.toml")).find(|path| path.exists());
    manifest.ok_or_else(|| {
        let message = format!("there is no Cargo.toml in `{}` or above", current.display());
        let remedy = "change to a package or name its manifest with `--manifest-path`";
        Error::new(ErrorKind::NoManifest, message, Some(current.clone()), remedy)
    })
}

fn given_manifest(path: &Path) -> Result<PathBuf, Error> {
    let path = if path.is_dir() { path.join("Cargo.toml") } else { path.to_owned() };
    if path.is_file() && path.file_name().is_some_and(|name| name == "Cargo.toml") {
        return Ok(path);
    }
    let what = if path.exists() { "is not a Cargo.toml" } else { "does not exist" };
    let message = format!("the manifest `{}` {what}", path.display());
    Err(Error::new(ErrorKind::NoManifest, message, Some(path), "give the path of a Cargo.toml to `--manifest-path`"))
}

/// Cargo's answer, and what to tell the user about how it came about.
pub(super) fn ask_cargo(selection: &Selection, manifest: &Path) -> Result<(Metadata, Vec<String>), Error> {
    let mut command = command(selection, manifest);
    let output = command.stdin(Stdio::null()).output().map_err(|error| not_runnable(&command, &error, manifest))?;
    if output.status.success() {
        return parse(&output, manifest).map(|metadata| (metadata, Vec::new()));
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let error = failed(&stderr, manifest, selection.dependencies);
    let member_missing = stderr.contains("failed to load manifest for workspace member")
        && (stderr.contains("failed to read") || stderr.contains("failed to find"));
    match manifest::metadata(manifest).filter(|_| member_missing) {
        Some(metadata) => {
            let warning =
                format!("cargo cannot read the workspace, so only this package is analysed: {}", error.message);
            Ok((metadata, vec![warning]))
        }
        None => Err(error),
    }
}

fn command(selection: &Selection, manifest: &Path) -> Command {
    let mut metadata = MetadataCommand::new();
    metadata.manifest_path(manifest);
    if let Some(dir) = &selection.current_dir {
        metadata.current_dir(dir);
    }
    let mut options = vec!["--offline".to_owned(), "--color=never".to_owned()];
    options.extend(selection.config.iter().flat_map(|config| ["--config".to_owned(), config.clone()]));
    if selection.dependencies {
        options.extend(selection.locked.then(|| "--locked".to_owned()));
        options.extend(selection.frozen.then(|| "--frozen".to_owned()));
        let triple = selection.target.clone().or_else(|| Platform::host().triple());
        options.extend(triple.into_iter().flat_map(|triple| ["--filter-platform".to_owned(), triple]));
        use cargo_metadata::CargoOpt;
        if selection.all_features {
            metadata.features(CargoOpt::AllFeatures);
        }
        if selection.no_default_features {
            metadata.features(CargoOpt::NoDefaultFeatures);
        }
    } else {
        metadata.no_deps();
    }
    metadata.other_options(options);
    let mut command = metadata.cargo_command();
    // The project's configuration could name its own programs here; the environment has precedence over it.
    for wrapper in ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        command.env(wrapper, "");
    }
    if std::env::var_os("RUSTC").is_none() {
        command.env("RUSTC", "rustc");
    }
    // A toolchain file must not make rustup download anything.
    command.env("RUSTUP_AUTO_INSTALL", "0");
    command
}

fn not_runnable(command: &Command, error: &std::io::Error, manifest: &Path) -> Error {
    let program = command.get_program().to_string_lossy();
    let why = match error.kind() {
        IoKind::NotFound => "it is not there".to_owned(),
        IoKind::PermissionDenied => "it may not be executed".to_owned(),
        _ => error.to_string(),
    };
    let message = format!("cannot run cargo as `{program}`: {why}");
    Error::new(
        ErrorKind::CargoNotRunnable,
        message,
        Some(manifest.to_owned()),
        "install cargo, put it on the PATH or name it in the environment variable CARGO",
    )
}

fn parse(output: &Output, manifest: &Path) -> Result<Metadata, Error> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let line = stdout.lines().find(|line| line.starts_with('{')).unwrap_or_default();
    MetadataCommand::parse(line).map_err(|error| {
        let message = format!("cargo's answer about the workspace cannot be read: {error}");
        let remedy = "check that CARGO names a cargo, 1.71 or later";
        Error::new(ErrorKind::CargoAnswer, message, Some(manifest.to_owned()), remedy)
    })
}

fn failed(stderr: &str, manifest: &Path, dependencies: bool) -> Error {
    let message = compact(stderr);
    let (kind, remedy) = if stderr.contains("believes it's in a workspace") {
        (
            ErrorKind::NotInWorkspace,
            "add the package to `workspace.members` or `workspace.exclude` there, or add an empty `[workspace]` table to \
             its own manifest",
        )
    } else if dependencies
        && (stderr.contains("--offline") || stderr.contains("Cargo.lock") || stderr.contains("registry"))
    {
        (ErrorKind::MissingDependencies, "run `cargo fetch` first, or analyse without the dependencies")
    } else if stderr.contains("toolchain") && stderr.contains("is not installed") {
        (ErrorKind::CargoNotRunnable, "install the toolchain or name a cargo in the environment variable CARGO")
    } else {
        (ErrorKind::BrokenManifest, "mend it until `cargo metadata --no-deps` accepts it")
    };
    Error::new(kind, message, Some(manifest.to_owned()), remedy)
}

/// Cargo's error in one line: without its warnings, the drawing of source lines and `Caused by`.
fn compact(stderr: &str) -> String {
    let start = if stderr.starts_with("error") { 0 } else { stderr.find("\nerror").map_or(0, |n| n + 1) };
    let mut parts: Vec<String> = Vec::new();
    for line in stderr[start..].lines().map(str::trim) {
        let is_drawing =
            line.starts_with('|') || line.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(" |");
        if line.is_empty() || is_drawing || line == "Caused by:" {
            continue;
        }
        // What follows repeats the remedy at length, or is of no use to a reader.
        if line.starts_with("this may be fixable") || line == "Stack backtrace:" {
            break;
        }
        match line.strip_prefix("--> ") {
            Some(place) => parts.push(format!("at {place}")),
            None => parts.push(line.strip_prefix("error: ").unwrap_or(line).trim_end_matches(':').to_owned()),
        }
    }
    if parts.is_empty() { "cargo gave no reason".to_owned() } else { parts.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_speaks_in_one_line() {
        for (stderr, expected) in [
            ("", "cargo gave no reason"),
            (
                "warning: x\n  |\nerror: unclosed table, expected `]`\n --> Cargo.toml:1:9\n  |\n1 | [package\n  |   ^\n",
                "unclosed table, expected `]`: at Cargo.toml:1:9",
            ),
            (
                "error: failed to parse manifest at `/a`\n\nCaused by:\n  no targets\n  x must be present\n",
                "failed to parse manifest at `/a`: no targets: x must be present",
            ),
            (
                "error: current package believes it's in a workspace when it's not:\ncurrent:   /b\nworkspace: /a\n\nthis may be fixable by x\ny",
                "current package believes it's in a workspace when it's not: current:   /b: workspace: /a",
            ),
        ] {
            assert_eq!(compact(stderr), expected);
        }
    }
}
