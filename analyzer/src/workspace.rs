//! Which crates, targets and configurations a run is about: the only module that starts cargo.
//!
//! [`plan`] asks `cargo metadata --no-deps --offline` for the workspace and applies cargo's selection flags to the answer.
//! Nothing is compiled and nothing of the project is run: without dependencies cargo starts no other program, and with
//! them the project's own choice of compiler and wrapper is overridden. The network is not used.
//!
//! What the command line selects is linted; the other members' libraries and binaries are in the plan too, unselected,
//! because what one atomic operation means is decided by the others on the same memory.

mod cfg;
mod error;
mod features;
pub mod git;
mod manifest;
mod metadata;
mod spec;
mod targets;
pub mod vcs;
pub mod with;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::{Edition, Metadata, Package, Target};

pub use cfg::{CfgSet, Platform};
pub use error::{Error, ErrorKind};

/// The key of the tool's table in `[package.metadata]` and `[workspace.metadata]`.
const METADATA_KEY: &str = "atomic-lint";

/// Cargo's flags that say what a run is about, as given. Default: the package or workspace of the current directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// A `Cargo.toml`, or a directory that holds one.
    pub manifest_path: Option<PathBuf>,
    /// Where to look for a manifest without a `manifest_path`; the process's directory if `None`.
    pub current_dir: Option<PathBuf>,
    pub packages: Vec<String>,
    pub workspace: bool,
    pub exclude: Vec<String>,
    pub lib: bool,
    pub bins: bool,
    pub bin: Vec<String>,
    pub examples: bool,
    pub example: Vec<String>,
    pub tests: bool,
    pub test: Vec<String>,
    pub benches: bool,
    pub bench: Vec<String>,
    pub all_targets: bool,
    /// Lists separated by commas or spaces are taken apart.
    pub features: Vec<String>,
    pub all_features: bool,
    pub no_default_features: bool,
    /// A target triple; the host if `None`.
    pub target: Option<String>,
    pub locked: bool,
    pub frozen: bool,
    /// Implied: the network is never used.
    pub offline: bool,
    /// `--config KEY=VALUE|PATH` for cargo.
    pub config: Vec<String>,
    /// Analyse the libraries of all dependencies as well.
    pub dependencies: bool,
}

impl Selection {
    /// Whether code under `cfg(test)` is asked for.
    pub fn wants_tests(&self) -> bool {
        self.all_targets
            || self.tests
            || self.benches
            || self.examples
            || !(self.test.is_empty() && self.bench.is_empty() && self.example.is_empty())
    }
}

/// What a run is about.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The workspace root.
    pub root: PathBuf,
    pub target_dir: PathBuf,
    /// Members in cargo's order, the library of each first.
    pub crates: Vec<Crate>,
    /// The tool's tables in manifests; the workspace's first.
    pub metadata_tables: Vec<MetadataTable>,
    /// Targets left out because they need features that are off.
    pub skipped: Vec<SkippedTarget>,
    /// What the user should know about the selection; sentences in lower case without full stop.
    pub warnings: Vec<String>,
}

impl Plan {
    /// A plan without cargo: each file is the root of a library named after it, in the edition 2021, with no features.
    pub fn for_files(root: &Path, files: &[PathBuf]) -> Plan {
        Plan {
            root: root.to_owned(),
            target_dir: root.join("target"),
            crates: files.iter().map(|file| targets::lone_crate(root, file)).collect(),
            metadata_tables: Vec::new(),
            skipped: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// A target of a package.
#[derive(Clone, Debug)]
pub struct Crate {
    /// As code names it, with underscores.
    pub name: String,
    pub package: String,
    /// Cargo's own words; `--message-format json` repeats them.
    pub package_id: String,
    pub version: String,
    pub manifest_path: PathBuf,
    pub edition: Edition,
    /// The minor version of the oldest Rust 1 that the package promises to build with.
    pub rust_minor: Option<u64>,
    pub kind: TargetKind,
    pub src_path: PathBuf,
    /// As `cargo metadata` gave it.
    pub target: Target,
    pub is_member: bool,
    /// Findings in it are wanted; an unselected crate only informs about the others.
    pub selected: bool,
    pub cfg: CfgSet,
    /// The names in the extern prelude besides those of the standard library.
    pub externs: Vec<(String, ExternCrate)>,
}

impl Crate {
    pub fn package_root(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new(""))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetKind {
    /// Every crate type, procedural macros too.
    Lib,
    Bin,
    Example,
    Test,
    Bench,
}

/// What a name of the extern prelude stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternCrate {
    /// The package's own name, whatever it is renamed to.
    pub package: String,
    /// Index of its library in [`Plan::crates`], if it is analysed.
    pub krate: Option<usize>,
}

/// `[package.metadata.atomic-lint]` or `[workspace.metadata.atomic-lint]`.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataTable {
    pub manifest_path: PathBuf,
    /// `None` for the workspace's.
    pub package: Option<String>,
    pub table: serde_json::Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedTarget {
    pub package: String,
    pub target: String,
    /// The required features that are off.
    pub missing: Vec<String>,
}

/// Finds the workspace and applies the selection to it.
pub fn plan(selection: &Selection) -> Result<Plan, Error> {
    if !selection.exclude.is_empty() && !selection.workspace {
        let message = "`--exclude` has a meaning only together with `--workspace`";
        return Err(Error::new(ErrorKind::Usage, message, None, "add `--workspace` or name the packages with `-p`"));
    }
    let manifest = metadata::find_manifest(selection)?;
    let (answer, mut warnings) = metadata::ask_cargo(selection, &manifest)?;
    let packages = Packages::of(&answer);
    if packages.members.is_empty() {
        let place = Some(answer.workspace_root.join("Cargo.toml").into());
        let remedy = "list packages under `members` in `[workspace]`";
        return Err(Error::new(ErrorKind::EmptyWorkspace, "the workspace has no members", place, remedy));
    }
    let selected = packages.select(selection, &answer, &mut warnings)?;
    let targets = targets::choose(&packages, &selected, selection)?;
    Ok(Plan {
        root: answer.workspace_root.clone().into(),
        target_dir: answer.target_directory.clone().into(),
        metadata_tables: metadata_tables(&answer, &packages),
        crates: targets.crates,
        skipped: targets.skipped,
        warnings,
    })
}

/// The packages of cargo's answer.
struct Packages<'a> {
    metadata: &'a Metadata,
    members: Vec<&'a Package>,
    /// Empty unless dependencies were asked for.
    others: Vec<&'a Package>,
}

impl<'a> Packages<'a> {
    fn of(metadata: &'a Metadata) -> Self {
        let is_member = |package: &&Package| metadata.workspace_members.contains(&package.id);
        let (members, others) = metadata.packages.iter().partition(is_member);
        Packages { metadata, members, others }
    }

    /// Indices into `members` of the packages that the command line is about.
    fn select(
        &self,
        selection: &Selection,
        answer: &Metadata,
        warnings: &mut Vec<String>,
    ) -> Result<BTreeSet<usize>, Error> {
        let all = 0..self.members.len();
        if !selection.packages.is_empty() && !selection.workspace {
            let mut selected = BTreeSet::new();
            for text in &selection.packages {
                selected.extend(self.matching(text)?);
            }
            return Ok(selected);
        }
        if selection.workspace {
            let mut selected: BTreeSet<usize> = all.collect();
            for text in &selection.exclude {
                match self.matching(text) {
                    Ok(excluded) => selected.retain(|index| !excluded.contains(index)),
                    Err(error) => warnings.push(format!("`--exclude {text}` excludes nothing: {}", error.message)),
                }
            }
            if selected.is_empty() {
                let message = "every package of the workspace is excluded";
                return Err(Error::new(ErrorKind::NothingSelected, message, None, "take an `--exclude` away"));
            }
            return Ok(selected);
        }
        let default = &answer.workspace_default_members;
        let is_default = |n: &usize| default.is_missing() || default.contains(&self.members[*n].id);
        Ok(all.filter(is_default).collect())
    }

    /// The members that a package specification means; an error if there is none.
    fn matching(&self, text: &str) -> Result<Vec<usize>, Error> {
        let place = || Some(self.metadata.workspace_root.join("Cargo.toml").into_std_path_buf());
        let spec = spec::Spec::parse(text).map_err(|why| {
            let message = format!("package specification `{text}` cannot be read: {why}");
            Error::new(ErrorKind::UnknownPackage, message, None, "write a name, `name@version` or a package id")
        })?;
        let matching: Vec<usize> = (0..self.members.len()).filter(|&n| spec.matches(self.members[n])).collect();
        if !matching.is_empty() {
            return Ok(matching);
        }
        let near = spec::nearest(spec.name(), self.members.iter().map(|p| p.name.as_str()));
        Err(Error::near(
            ErrorKind::UnknownPackage,
            format!("no package of the workspace matches `{text}`"),
            place(),
            &near,
        ))
    }
}

fn metadata_tables(answer: &Metadata, packages: &Packages<'_>) -> Vec<MetadataTable> {
    let workspace = answer.workspace_metadata.get(METADATA_KEY).map(|table| MetadataTable {
        manifest_path: answer.workspace_root.join("Cargo.toml").into(),
        package: None,
        table: table.clone(),
    });
    let own = packages.members.iter().filter_map(|package| {
        Some(MetadataTable {
            manifest_path: package.manifest_path.clone().into(),
            package: Some(package.name.to_string()),
            table: package.metadata.get(METADATA_KEY)?.clone(),
        })
    });
    workspace.into_iter().chain(own).collect()
}

#[cfg(test)]
mod tests;
