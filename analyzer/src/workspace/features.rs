//! Which features of the workspace's members are on.
//!
//! As cargo's second resolver does it: what the command line and the default ask for, what these features enable in turn,
//! and what members ask of members. Features of packages outside of the workspace are cargo's business and are left out.

use std::collections::BTreeSet;

use cargo_metadata::{Dependency, DependencyKind, Package};

use super::spec::nearest;
use super::{Error, ErrorKind, Selection};

/// The features of each of `members` that are on. `selected` are indices of those the command line is about.
pub(super) fn resolve(
    members: &[&Package],
    selected: &BTreeSet<usize>,
    selection: &Selection,
) -> Result<Vec<BTreeSet<String>>, Error> {
    let mut resolver = Resolver {
        members,
        dev: selection.wants_tests(),
        on: vec![BTreeSet::new(); members.len()],
        dependencies: vec![BTreeSet::new(); members.len()],
        reached: vec![false; members.len()],
        settled: vec![false; members.len()],
        queue: Vec::new(),
    };
    for &member in selected {
        resolver.reach(member);
        if selection.all_features {
            resolver.queue.extend(members[member].features.keys().map(|name| (member, name.clone())));
        } else if !selection.no_default_features {
            resolver.queue.push((member, "default".to_owned()));
        }
    }
    for name in selection.features.iter().flat_map(|list| list.split([',', ' '])).filter(|name| !name.is_empty()) {
        resolver.request(name, selected)?;
    }
    resolver.run();
    // Members that nothing led to are seen as they are by themselves, and have no say in the others.
    resolver.settled = resolver.reached.clone();
    for member in 0..members.len() {
        if !resolver.reached[member] {
            resolver.reach(member);
            resolver.queue.push((member, "default".to_owned()));
            resolver.run();
        }
    }
    Ok(resolver.on)
}

struct Resolver<'a> {
    members: &'a [&'a Package],
    /// Development dependencies count.
    dev: bool,
    on: Vec<BTreeSet<String>>,
    /// The optional dependencies that are on, by the name they have in the manifest.
    dependencies: Vec<BTreeSet<String>>,
    reached: Vec<bool>,
    /// Nothing more is turned on in these.
    settled: Vec<bool>,
    queue: Vec<(usize, String)>,
}

impl Resolver<'_> {
    /// Turns on a feature that the command line names.
    fn request(&mut self, name: &str, selected: &BTreeSet<usize>) -> Result<(), Error> {
        if let Some((package, feature)) = name.split_once('/') {
            let named = selected.iter().copied().find(|&m| self.members[m].name.as_str() == package);
            if let Some(member) = named {
                return self.request(feature, &BTreeSet::from([member]));
            }
            let depends = |m: &&usize| self.members[**m].dependencies.iter().any(|d| key(d) == package);
            let dependents: Vec<usize> = selected.iter().filter(depends).copied().collect();
            self.queue.extend(dependents.iter().map(|&member| (member, name.to_owned())));
            return if dependents.is_empty() { Err(self.unknown(name, package, selected)) } else { Ok(()) };
        }
        let has = |m: &&usize| name == "default" || self.members[**m].features.contains_key(name);
        let owners: Vec<usize> = selected.iter().filter(has).copied().collect();
        self.queue.extend(owners.iter().map(|&member| (member, name.to_owned())));
        if owners.is_empty() { Err(self.unknown(name, name, selected)) } else { Ok(()) }
    }

    fn unknown(&self, name: &str, look_for: &str, selected: &BTreeSet<usize>) -> Error {
        let names = selected.iter().flat_map(|&m| self.members[m].features.keys().map(String::as_str));
        let near = nearest(look_for, names);
        let place = selected.first().map(|&m| self.members[m].manifest_path.clone().into_std_path_buf());
        let what = match selected.len() {
            1 => selected.first().map_or(String::new(), |&m| format!("package `{}` has no", self.members[m].name)),
            _ => "none of the selected packages has a".to_owned(),
        };
        Error::near(ErrorKind::UnknownFeature, format!("{what} feature `{name}`"), place, &near)
    }

    fn run(&mut self) {
        while let Some((member, value)) = self.queue.pop() {
            if let Some(dependency) = value.strip_prefix("dep:") {
                self.depend(member, dependency);
            } else if let Some((dependency, feature)) = value.split_once('/') {
                let (dependency, weak) = dependency.strip_suffix('?').map_or((dependency, false), |name| (name, true));
                if !weak {
                    self.depend(member, dependency);
                    if self.members[member].features.contains_key(dependency) {
                        self.queue.push((member, dependency.to_owned()));
                    }
                }
                self.ask(member, dependency, feature);
            } else if let Some(values) = self.members[member].features.get(&value)
                && self.on[member].insert(value)
            {
                self.queue.extend(values.iter().map(|value| (member, value.clone())));
            }
        }
    }

    /// A member is part of the build: so are the members it cannot do without.
    fn reach(&mut self, member: usize) {
        if std::mem::replace(&mut self.reached[member], true) {
            return;
        }
        let package = self.members[member];
        for dependency in package.dependencies.iter().filter(|d| !d.optional) {
            self.follow(dependency);
        }
    }

    /// An optional dependency is on.
    fn depend(&mut self, member: usize, name: &str) {
        if self.dependencies[member].insert(name.to_owned()) {
            let package = self.members[member];
            for dependency in package.dependencies.iter().filter(|d| d.optional && key(d) == name) {
                self.follow(dependency);
            }
        }
    }

    /// What a dependency asks of the member it leads to, if it leads to one.
    fn follow(&mut self, dependency: &Dependency) {
        let Some(target) = self.member_of(dependency) else { return };
        if dependency.uses_default_features {
            self.queue.push((target, "default".to_owned()));
        }
        self.queue.extend(dependency.features.iter().map(|feature| (target, feature.clone())));
        self.reach(target);
    }

    fn ask(&mut self, member: usize, name: &str, feature: &str) {
        let package = self.members[member];
        for dependency in package.dependencies.iter().filter(|d| key(d) == name) {
            if let Some(target) = self.member_of(dependency) {
                self.queue.push((target, feature.to_owned()));
            }
        }
    }

    fn member_of(&self, dependency: &Dependency) -> Option<usize> {
        let counts = match dependency.kind {
            DependencyKind::Normal => true,
            DependencyKind::Development => self.dev,
            _ => false,
        };
        let path = dependency.path.as_ref().filter(|_| counts)?;
        (0..self.members.len())
            .filter(|&n| !self.settled[n])
            .find(|&n| self.members[n].manifest_path.parent() == Some(path))
    }
}

/// The name a dependency has in the manifest.
pub(super) fn key(dependency: &Dependency) -> &str {
    dependency.rename.as_deref().unwrap_or(&dependency.name)
}
