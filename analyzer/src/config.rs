//! Configuration: `[workspace.metadata.atomic-lint]` and `[package.metadata.atomic-lint]` in manifests,
//! `atomic-lint.toml` at the workspace root, all with the same keys.
//!
//! ```toml
//! [workspace.metadata.atomic-lint]
//! pedantic = "warn"                                              # a lint, a group, `all` or `warnings`
//! unpadded_hot_atomics = { level = "deny", line = 128 }          # with options of the lint
//! per-file = [{ files = ["benches/**"], allow = ["perf"] }]      # globs from the table's directory
//! require-reasons = true                                         # every suppression says why
//! ```
//!
//! Which of several settings wins is [`level`](crate::level)'s to say. A mistake is an error with its place: a
//! configuration that is half understood would check less than its author believes.

mod read;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use globset::GlobSet;

use crate::level::{Catalogue, Level, Setting, Table, resolve};
use crate::lint::{Lint, Options};

/// What was configured, by files and by flags.
#[derive(Debug)]
pub struct Config {
    pub catalogue: Catalogue,
    /// Whether a suppression without a reason is reported.
    pub require_reasons: bool,
    pub options: Options,
    /// Of `[workspace.metadata.atomic-lint]`, then of `atomic-lint.toml`.
    workspace: Vec<Table>,
    /// By package name.
    packages: BTreeMap<String, Table>,
    per_file: Vec<PerFile>,
    command_line: Table,
}

/// One entry of `per-file`.
#[derive(Debug)]
struct PerFile {
    /// The directory its globs start from, relative to the workspace root; empty or with a final `/`.
    base: String,
    files: GlobSet,
    /// The globs as written, for `list`.
    shown: String,
    table: Table,
}

/// Where a level is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    pub package: Option<&'a str>,
    /// As shown: relative to the workspace root, with `/`.
    pub file: Option<&'a str>,
}

impl Config {
    /// Defaults and flags only.
    pub fn new(catalogue: Catalogue, command_line: Table) -> Config {
        Config {
            catalogue,
            require_reasons: false,
            options: Options::default(),
            workspace: Vec::new(),
            packages: BTreeMap::new(),
            per_file: Vec::new(),
            command_line,
        }
    }

    /// Adds what the files say, in the order of their strength.
    pub fn read(&mut self, documents: &[Document]) -> Result<(), Vec<ConfigError>> {
        let mut errors = Vec::new();
        for document in documents {
            read::document(self, document, &mut errors);
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// The level of a lint at a place, and who set it.
    pub fn setting(&self, lint: &Lint, place: Place<'_>) -> Setting {
        let package = place.package.and_then(|name| self.packages.get(name));
        let per_file = self.per_file.iter().filter(|p| place.file.is_some_and(|f| p.matches(f))).map(|p| &p.table);
        resolve(lint, self.workspace.iter().chain(package).chain(per_file).chain([&self.command_line]))
    }

    /// The places where a lint has another setting than in general: packages, then globs of `per-file`.
    pub fn exceptions(&self, lint: &Lint) -> Vec<(String, Setting)> {
        let general = self.setting(lint, Place::default());
        let strongest = [&self.command_line];
        let packages = self.packages.keys().map(|name| {
            let setting = self.setting(lint, Place { package: Some(name), file: None });
            (format!("in package {name}"), setting)
        });
        let files = self.per_file.iter().filter(|p| p.table.rules().iter().any(|r| r.target.covers(lint))).map(|p| {
            let tables = self.workspace.iter().chain([&p.table]).chain(strongest);
            (format!("in {}", p.shown), resolve(lint, tables))
        });
        packages.chain(files).filter(|(_, setting)| *setting != general).collect()
    }

    /// Whether any place may have this lint on. Asking it to run is cheap, not asking is cheaper.
    pub fn may_be_on(&self, lint: &Lint) -> bool {
        let tables = self.workspace.iter().chain(self.packages.values()).chain(self.per_file.iter().map(|p| &p.table));
        let raised = |table: &Table| table.rules().iter().any(|r| r.level > Level::Allow && r.target.covers(lint));
        let global = self.setting(lint, Place::default()).level;
        global > Level::Allow || tables.chain([&self.command_line]).any(raised)
    }
}

impl PerFile {
    fn matches(&self, file: &str) -> bool {
        file.strip_prefix(self.base.as_str()).is_some_and(|f| self.files.is_match(f))
    }
}

/// A file that may hold configuration.
#[derive(Clone, Debug)]
pub struct Document {
    pub kind: DocumentKind,
    /// Relative to the workspace root, with `/`.
    pub shown: String,
    pub text: String,
}

#[derive(Clone, Debug)]
pub enum DocumentKind {
    /// The manifest at the workspace root, for `workspace.metadata.atomic-lint`.
    Workspace,
    /// `atomic-lint.toml`.
    Own,
    /// A package's manifest, for `package.metadata.atomic-lint`.
    Package { name: String },
}

/// The configuration files of a workspace, in the order of their strength. `packages` are names and manifests.
pub fn documents(root: &Path, packages: &[(String, PathBuf)]) -> Result<Vec<Document>, ReadError> {
    let mut found = Vec::new();
    let mut add = |kind, path: &Path, always| -> Result<(), ReadError> {
        let Some(text) = read(path)? else { return Ok(()) };
        // Most manifests have nothing to say, and parsing a thousand of them takes longer than reading them.
        if always || text.contains("atomic-lint") {
            let shown = path.strip_prefix(root).unwrap_or(path);
            let shown: Vec<_> = shown.components().map(|c| c.as_os_str().to_string_lossy()).collect();
            found.push(Document { kind, shown: shown.join("/"), text });
        }
        Ok(())
    };
    add(DocumentKind::Workspace, &root.join("Cargo.toml"), false)?;
    add(DocumentKind::Own, &root.join("atomic-lint.toml"), true)?;
    for (name, manifest) in packages {
        add(DocumentKind::Package { name: name.clone() }, manifest, false)?;
    }
    Ok(found)
}

/// The text of a file that need not be there.
pub fn read(path: &Path) -> Result<Option<String>, ReadError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ReadError { path: path.to_owned(), error }),
    }
}

/// A configuration file that is there but cannot be read.
#[derive(Debug)]
pub struct ReadError {
    pub path: PathBuf,
    pub error: std::io::Error,
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot read {}: {}", self.path.display(), self.error)
    }
}

impl std::error::Error for ReadError {}

/// A mistake in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub file: String,
    /// The file's text, so that the mistake can be shown.
    pub text: String,
    pub span: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (line, column) = line_column(&self.text, self.span.start);
        write!(f, "{}:{line}:{column}: {}", self.file, self.message)?;
        self.help.iter().try_for_each(|help| write!(f, "; {help}"))
    }
}

impl std::error::Error for ConfigError {}

/// Counted from one, in Unicode scalars.
fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests;
