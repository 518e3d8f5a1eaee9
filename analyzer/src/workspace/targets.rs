//! Which targets of which packages are analysed, in which configuration, and what they call each other.

use std::collections::BTreeSet;
use std::path::Path;

use cargo_metadata::{DependencyKind, Package, Target, TargetKind as Kind};
use globset::{Glob, GlobMatcher};
use rustc_hash::FxHashMap;

use super::{
    CfgSet, Crate, Error, ErrorKind, ExternCrate, Packages, Platform, Selection, SkippedTarget, TargetKind, cfg,
    features, spec,
};

pub(super) struct Targets {
    pub(super) crates: Vec<Crate>,
    pub(super) skipped: Vec<SkippedTarget>,
}

pub(super) fn choose(
    packages: &Packages<'_>,
    selected: &BTreeSet<usize>,
    selection: &Selection,
) -> Result<Targets, Error> {
    let flags = Flags::new(selection)?;
    let features = features::resolve(&packages.members, selected, selection)?;
    let template =
        CfgSet { platform: platform(selection), flags: cfg::rustflags(), test: Some(false), features: BTreeSet::new() };
    let mut targets = Targets { crates: Vec::new(), skipped: Vec::new() };
    for (n, package) in packages.members.iter().enumerate() {
        let cfg = CfgSet { features: features[n].clone(), ..template.clone() };
        targets.add_member(package, &cfg, selected.contains(&n), &flags);
    }
    if !targets.crates.iter().any(|krate| krate.selected) {
        return Err(nothing_selected(packages, selected, &flags));
    }
    flags.check_names(packages, selected)?;
    for package in &packages.others {
        let node = packages.metadata.resolve.iter().flat_map(|r| &r.nodes).find(|node| node.id == package.id);
        // Cargo lists every platform's and every feature's dependencies; those without a node are not part of the build.
        let Some(node) = node else { continue };
        let features = node.features.iter().map(ToString::to_string).collect();
        targets.add_dependency(package, CfgSet { features, ..template.clone() });
    }
    link_externs(packages, &mut targets.crates);
    Ok(targets)
}

fn platform(selection: &Selection) -> Platform {
    let from_environment = || std::env::var("CARGO_BUILD_TARGET").ok();
    selection
        .target
        .clone()
        .or_else(from_environment)
        .map_or_else(Platform::host, |triple| Platform::of_triple(&triple))
}

impl Targets {
    fn add_member(&mut self, package: &Package, cfg: &CfgSet, selected: bool, flags: &Flags) {
        let mut targets: Vec<(TargetKind, &Target)> =
            package.targets.iter().filter_map(|target| Some((kind(target)?, target))).collect();
        targets.sort_by_key(|(kind, _)| *kind);
        for (kind, target) in targets {
            let wanted = if selected { flags.wanted(kind, target) } else { None };
            let missing: Vec<String> =
                target.required_features.iter().filter(|f| !cfg.features.contains(*f)).cloned().collect();
            if !missing.is_empty() && !flags.is_named(kind, target) {
                if wanted.is_some() {
                    let (package, target) = (package.name.to_string(), target.name.clone());
                    self.skipped.push(SkippedTarget { package, target, missing });
                }
                continue;
            }
            // What is not selected is still read, since it shares memory with what is.
            let is_context = matches!(kind, TargetKind::Lib | TargetKind::Bin);
            if wanted.is_none() && !is_context {
                continue;
            }
            let cfg = CfgSet { test: wanted.unwrap_or(Some(false)), ..cfg.clone() };
            self.crates.push(new_crate(package, kind, target, cfg, true, wanted.is_some()));
        }
    }

    fn add_dependency(&mut self, package: &Package, cfg: CfgSet) {
        let lib = package.targets.iter().find(|target| kind(target) == Some(TargetKind::Lib));
        if let Some(target) = lib {
            self.crates.push(new_crate(package, TargetKind::Lib, target, cfg, false, false));
        }
    }
}

fn new_crate(
    package: &Package,
    kind: TargetKind,
    target: &Target,
    cfg: CfgSet,
    is_member: bool,
    selected: bool,
) -> Crate {
    Crate {
        name: target.name.replace('-', "_"),
        package: package.name.to_string(),
        package_id: package.id.repr.clone(),
        version: package.version.to_string(),
        manifest_path: package.manifest_path.clone().into(),
        edition: target.edition,
        rust_minor: package.rust_version.as_ref().map(|v| v.minor),
        kind,
        src_path: target.src_path.clone().into(),
        target: target.clone(),
        is_member,
        selected,
        cfg,
        externs: Vec::new(),
    }
}

/// A library of one file that belongs to no package.
pub(super) fn lone_crate(root: &Path, file: &Path) -> Crate {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().replace('-', "_");
    let target = serde_json::json!({
        "name": name, "kind": ["lib"], "crate_types": ["lib"], "src_path": file.to_string_lossy(), "edition": "2021",
    });
    let target: Target = serde_json::from_value(target).expect("a target as cargo prints it");
    Crate {
        package: name.clone(),
        package_id: name.clone(),
        name,
        version: "0.0.0".to_owned(),
        manifest_path: root.join("Cargo.toml"),
        edition: target.edition,
        rust_minor: None,
        kind: TargetKind::Lib,
        src_path: file.to_owned(),
        target,
        is_member: true,
        selected: true,
        cfg: CfgSet { platform: Platform::host(), test: Some(false), ..CfgSet::default() },
        externs: Vec::new(),
    }
}

/// `None` for build scripts, which run before the program and share no memory with it.
fn kind(target: &Target) -> Option<TargetKind> {
    match target.kind.first()? {
        Kind::Bin => Some(TargetKind::Bin),
        Kind::Example => Some(TargetKind::Example),
        Kind::Test => Some(TargetKind::Test),
        Kind::Bench => Some(TargetKind::Bench),
        Kind::CustomBuild => None,
        Kind::Unknown(_) => None,
        _ => Some(TargetKind::Lib),
    }
}

/// The flags that choose targets.
struct Flags {
    lib: bool,
    bins: bool,
    examples: bool,
    tests: bool,
    benches: bool,
    named: Vec<Named>,
    /// None was given.
    default: bool,
}

/// `--bin NAME` and the like.
struct Named {
    kind: TargetKind,
    flag: &'static str,
    name: String,
    glob: GlobMatcher,
}

impl Flags {
    fn new(selection: &Selection) -> Result<Flags, Error> {
        let all = selection.all_targets;
        let mut named = Vec::new();
        for (kind, flag, names) in [
            (TargetKind::Bin, "--bin", &selection.bin),
            (TargetKind::Example, "--example", &selection.example),
            (TargetKind::Test, "--test", &selection.test),
            (TargetKind::Bench, "--bench", &selection.bench),
        ] {
            for name in names {
                let glob = Glob::new(name).map_err(|error| {
                    let message = format!("`{flag} {name}` cannot be read: {}", error.kind());
                    Error::new(ErrorKind::UnknownTarget, message, None, "write a target's name or a pattern")
                })?;
                named.push(Named { kind, flag, name: name.clone(), glob: glob.compile_matcher() });
            }
        }
        let flags = Flags {
            lib: selection.lib || all,
            bins: selection.bins || all,
            examples: selection.examples || all,
            tests: selection.tests || all,
            benches: selection.benches || all,
            default: false,
            named,
        };
        let any = flags.lib || flags.bins || flags.examples || flags.tests || flags.benches || !flags.named.is_empty();
        Ok(Flags { default: !any, ..flags })
    }

    fn is_named(&self, kind: TargetKind, target: &Target) -> bool {
        self.named.iter().any(|named| named.kind == kind && named.glob.is_match(&target.name))
    }

    /// Whether a target is asked for, and then what `cfg(test)` is in it; `Some(None)` if it is built both ways.
    fn wanted(&self, kind: TargetKind, target: &Target) -> Option<Option<bool>> {
        let named = self.is_named(kind, target);
        let (plain, test) = match kind {
            TargetKind::Lib => (self.lib || self.default, (self.tests || self.benches) && target.test),
            TargetKind::Bin => (self.bins || self.default || named, (self.tests || self.benches) && target.test),
            TargetKind::Example => (self.examples || named, self.tests && target.test),
            TargetKind::Test => (false, self.tests || named),
            TargetKind::Bench => (false, self.benches || named),
        };
        match (plain, test) {
            (false, false) => None,
            (true, true) => Some(None),
            (_, test) => Some(Some(test)),
        }
    }

    /// Every name must mean a target of a selected package.
    fn check_names(&self, packages: &Packages<'_>, selected: &BTreeSet<usize>) -> Result<(), Error> {
        for named in &self.named {
            let targets = || {
                let all = selected.iter().flat_map(|&n| &packages.members[n].targets);
                all.filter(|target| kind(target) == Some(named.kind)).map(|target| target.name.as_str())
            };
            if !targets().any(|name| named.glob.is_match(name)) {
                let near = spec::nearest(&named.name, targets());
                let message = format!("no target of the selected packages matches `{} {}`", named.flag, named.name);
                return Err(Error::near(ErrorKind::UnknownTarget, message, None, &near));
            }
        }
        Ok(())
    }
}

fn nothing_selected(packages: &Packages<'_>, selected: &BTreeSet<usize>, flags: &Flags) -> Error {
    if let Err(error) = flags.check_names(packages, selected) {
        return error;
    }
    let names: Vec<_> = selected.iter().map(|&n| format!("`{}`", packages.members[n].name)).collect();
    let message = format!("the selected packages have no such targets: {}", names.join(", "));
    let place = selected.first().map(|&n| packages.members[n].manifest_path.clone().into());
    Error::new(ErrorKind::NothingSelected, message, place, "take a target flag away or turn the features they need on")
}

/// Fills in what each crate can name.
fn link_externs(packages: &Packages<'_>, crates: &mut [Crate]) {
    let is_lib = |krate: &&Crate| krate.kind == TargetKind::Lib;
    let libs: Vec<Option<usize>> = (0..crates.len()).map(|n| Some(&crates[n]).filter(is_lib).map(|_| n)).collect();
    let by_id: FxHashMap<String, usize> = libs.iter().flatten().map(|&n| (crates[n].package_id.clone(), n)).collect();
    let by_dir: FxHashMap<_, usize> =
        libs.iter().flatten().map(|&n| (crates[n].package_root().to_owned(), n)).collect();
    let names: Vec<String> = crates.iter().map(|krate| krate.name.clone()).collect();
    let all: FxHashMap<&str, &Package> =
        packages.members.iter().chain(&packages.others).map(|package| (package.id.repr.as_str(), *package)).collect();
    for krate in crates.iter_mut() {
        let Some(package) = all.get(krate.package_id.as_str()) else { continue };
        let mut externs = Vec::new();
        if let Some(&own) = by_id.get(&krate.package_id).filter(|_| krate.kind != TargetKind::Lib) {
            externs.push((names[own].clone(), ExternCrate { package: krate.package.clone(), krate: Some(own) }));
        }
        let dev = krate.cfg.test != Some(false) || !matches!(krate.kind, TargetKind::Lib | TargetKind::Bin);
        for dependency in &package.dependencies {
            let counts =
                dependency.kind == DependencyKind::Normal || dev && dependency.kind == DependencyKind::Development;
            if !counts {
                continue;
            }
            let planned = match &dependency.path {
                Some(path) => by_dir.get(Path::new(path)).copied(),
                None => resolved(packages, package, dependency).and_then(|id| by_id.get(id).copied()),
            };
            let name = match (&dependency.rename, planned) {
                (Some(rename), _) => rename.replace('-', "_"),
                (None, Some(n)) => names[n].clone(),
                (None, None) => dependency.name.replace('-', "_"),
            };
            externs.push((name, ExternCrate { package: dependency.name.clone(), krate: planned }));
        }
        externs.sort_by(|a, b| (&a.0, a.1.krate.is_none()).cmp(&(&b.0, b.1.krate.is_none())));
        externs.dedup_by(|b, a| a.0 == b.0);
        krate.externs = externs;
    }
}

/// The package that a dependency was resolved to, where cargo resolved any.
fn resolved<'a>(packages: &Packages<'a>, from: &Package, dependency: &cargo_metadata::Dependency) -> Option<&'a str> {
    let node = packages.metadata.resolve.as_ref()?.nodes.iter().find(|node| node.id == from.id)?;
    let fits = |id: &&cargo_metadata::PackageId| {
        let package = packages.others.iter().chain(&packages.members).find(|package| package.id == **id);
        package.is_some_and(|p| *p.name == dependency.name && dependency.req.matches(&p.version))
    };
    node.dependencies.iter().find(fits).map(|id| id.repr.as_str())
}
