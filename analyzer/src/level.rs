//! Levels, the names that set them, and which rule wins.
//!
//! Rules come in layers; a later layer overrides an earlier one:
//!
//! 1. the default of the lint's group,
//! 2. `[workspace.metadata.atomic-lint]` in the root `Cargo.toml`,
//! 3. `atomic-lint.toml` at the workspace root,
//! 4. `[package.metadata.atomic-lint]` of the package,
//! 5. `per-file` entries that match the file, in the order of 2, 3, 4 and as written within each,
//! 6. `-A/-W/-D/-F` on the command line, in their order.
//!
//! Within one table of 2–5 the more specific name wins: `all`, then groups, then lints. Two rules are rustc's:
//! `forbid` is final, wherever it stands, and `warnings` turns whatever ends as `warn` into its own level.

use crate::lint::{Group, Lint};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    Allow,
    Warn,
    Deny,
    /// Deny, and neither configuration nor suppression can lower it.
    Forbid,
}

impl Level {
    pub const ALL: [Level; 4] = [Level::Allow, Level::Warn, Level::Deny, Level::Forbid];

    pub fn name(self) -> &'static str {
        match self {
            Level::Allow => "allow",
            Level::Warn => "warn",
            Level::Deny => "deny",
            Level::Forbid => "forbid",
        }
    }

    pub fn parse(name: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|l| l.name() == name)
    }

    /// Whether a finding at this level fails the run.
    pub fn fails(self) -> bool {
        self >= Level::Deny
    }

    /// The command line's flag for it.
    pub fn flag(self) -> char {
        match self {
            Level::Allow => 'A',
            Level::Warn => 'W',
            Level::Deny => 'D',
            Level::Forbid => 'F',
        }
    }
}

impl Group {
    pub fn default_level(self) -> Level {
        match self {
            Group::Correctness => Level::Deny,
            Group::Suspicious | Group::Perf => Level::Warn,
            Group::Pedantic | Group::Restriction => Level::Allow,
        }
    }
}

/// The lints that exist, sorted by name: [`lints::ALL`](crate::lints::ALL) outside tests.
pub type Catalogue = &'static [&'static Lint];

/// What a name in a flag, a table or a suppression stands for.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    Lint(&'static Lint),
    Group(Group),
    All,
    /// Everything that ends at `warn`.
    Warnings,
}

impl Target {
    /// Reads `x`, `atomic_lint::x`, a group, `all` or `warnings`; hyphens count as underscores, as in rustc.
    pub fn parse(name: &str, catalogue: Catalogue) -> Result<Target, UnknownName> {
        let plain = name.trim().replace('-', "_");
        let plain = plain.strip_prefix("atomic_lint::").unwrap_or(&plain);
        match plain {
            "all" => return Ok(Target::All),
            "warnings" => return Ok(Target::Warnings),
            _ => {}
        }
        if let Some(group) = Group::ALL.into_iter().find(|g| g.name() == plain) {
            return Ok(Target::Group(group));
        }
        match catalogue.iter().find(|l| l.name == plain) {
            Some(lint) => Ok(Target::Lint(lint)),
            None => Err(UnknownName { name: plain.to_owned(), nearest: nearest(plain, names(catalogue)) }),
        }
    }

    pub fn covers(self, lint: &Lint) -> bool {
        match self {
            Target::Lint(l) => l.name == lint.name,
            Target::Group(g) => g == lint.group,
            Target::All => true,
            Target::Warnings => false,
        }
    }

    fn specificity(self) -> u8 {
        match self {
            Target::Warnings => 0,
            Target::All => 1,
            Target::Group(_) => 2,
            Target::Lint(_) => 3,
        }
    }
}

/// Everything that [`Target::parse`] accepts.
pub fn names(catalogue: Catalogue) -> impl Iterator<Item = &'static str> {
    let groups = Group::ALL.into_iter().map(Group::name);
    catalogue.iter().map(|l| l.name).chain(groups).chain(["all", "warnings"])
}

/// A name that is no lint, group, `all` or `warnings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    pub name: String,
    pub nearest: Option<String>,
}

impl std::fmt::Display for UnknownName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unknown lint `{}`", self.name)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => write!(f, "; `cargo atomic-lint list` shows all"),
        }
    }
}

impl std::error::Error for UnknownName {}

/// The candidate most like `name`, if any is near enough to be meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const NEAR_ENOUGH: f64 = 0.75;
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let score = strsim::jaro_winkler(name, candidate);
        if score >= NEAR_ENOUGH && best.is_none_or(|(s, _)| score > s) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, c)| c.to_owned())
}

/// Where a level was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default(Group),
    /// `Cargo.toml:12:1`.
    Config {
        place: String,
        per_file: bool,
    },
    /// The flag as written: `-D warnings`.
    CommandLine(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Default(group) => write!(f, "default of {}", group.name()),
            Origin::Config { place, per_file: false } => f.write_str(place),
            Origin::Config { place, per_file: true } => write!(f, "{place} (per-file)"),
            Origin::CommandLine(flag) => write!(f, "`{flag}`"),
        }
    }
}

/// One name set to one level.
#[derive(Clone, Debug)]
pub struct Rule {
    pub target: Target,
    pub level: Level,
    pub origin: Origin,
}

/// Rules of one table; see the module's documentation for their order.
#[derive(Clone, Debug, Default)]
pub struct Table(Vec<Rule>);

impl Table {
    /// A table in a file: its order is that of specificity.
    pub fn unordered(mut rules: Vec<Rule>) -> Table {
        rules.sort_by_key(|r| r.target.specificity());
        Table(rules)
    }

    /// Flags: their order is their own.
    pub fn ordered(rules: Vec<Rule>) -> Table {
        Table(rules)
    }

    pub fn rules(&self) -> &[Rule] {
        &self.0
    }
}

/// A level with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub level: Level,
    pub origin: Origin,
}

/// The level of `lint` under these tables, the strongest last.
pub fn resolve<'a>(lint: &Lint, tables: impl IntoIterator<Item = &'a Table>) -> Setting {
    let mut setting = Setting { level: lint.group.default_level(), origin: Origin::Default(lint.group) };
    let mut warnings: Option<&Rule> = None;
    for rule in tables.into_iter().flat_map(|t| &t.0) {
        if let Target::Warnings = rule.target {
            warnings = Some(rule);
        } else if rule.target.covers(lint) && setting.level != Level::Forbid {
            setting = Setting { level: rule.level, origin: rule.origin.clone() };
        }
    }
    match warnings {
        // "Forbid warnings" denies them: a warning is no lint that could be forbidden.
        Some(rule) if setting.level == Level::Warn => {
            Setting { level: rule.level.min(Level::Deny), origin: rule.origin.clone() }
        }
        _ => setting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CATALOGUE;

    fn flag(level: Level, name: &str) -> Rule {
        let origin = Origin::CommandLine(format!("-{} {name}", level.flag()));
        Rule { target: Target::parse(name, CATALOGUE).unwrap(), level, origin }
    }

    fn level_of(lint: &str, rules: Vec<Rule>) -> Level {
        let lint = CATALOGUE.iter().find(|l| l.name == lint).unwrap();
        resolve(lint, [&Table::ordered(rules)]).level
    }

    #[test]
    fn flags_apply_in_their_order() {
        use Level::*;
        assert_eq!(level_of("split_read_modify_write", vec![]), Deny);
        assert_eq!(level_of("unpadded_hot_atomics", vec![flag(Deny, "perf"), flag(Warn, "all")]), Warn);
        assert_eq!(level_of("unpadded_hot_atomics", vec![flag(Warn, "all"), flag(Deny, "perf")]), Deny);
        assert_eq!(level_of("redundant_seq_cst", vec![flag(Warn, "redundant-seq-cst")]), Warn);
    }

    #[test]
    fn warnings_are_what_ends_as_warn() {
        use Level::*;
        assert_eq!(level_of("unpadded_hot_atomics", vec![flag(Deny, "warnings"), flag(Warn, "perf")]), Deny);
        assert_eq!(level_of("redundant_seq_cst", vec![flag(Deny, "warnings")]), Allow);
        assert_eq!(level_of("unpadded_hot_atomics", vec![flag(Forbid, "warnings")]), Deny);
        assert_eq!(level_of("split_read_modify_write", vec![flag(Allow, "warnings")]), Deny);
    }

    #[test]
    fn forbid_is_final() {
        use Level::*;
        assert_eq!(level_of("unpadded_hot_atomics", vec![flag(Forbid, "perf"), flag(Allow, "all")]), Forbid);
        assert_eq!(level_of("unpadded_hot_atomics", vec![flag(Allow, "perf"), flag(Forbid, "all")]), Forbid);
    }

    #[test]
    fn a_table_in_a_file_has_no_order() {
        let table = Table::unordered(vec![flag(Level::Deny, "unpadded_hot_atomics"), flag(Level::Allow, "perf")]);
        let lint = CATALOGUE.iter().find(|l| l.name == "unpadded_hot_atomics").unwrap();
        assert_eq!(resolve(lint, [&table]).level, Level::Deny);
    }

    #[test]
    fn unknown_names_have_a_nearest_one() {
        let error = Target::parse("atomic_lint::split_read_modify_wirte", CATALOGUE).unwrap_err();
        insta::assert_snapshot!(error, @"unknown lint `split_read_modify_wirte`; did you mean `split_read_modify_write`?");
        let error = Target::parse("zzz", CATALOGUE).unwrap_err();
        insta::assert_snapshot!(error, @"unknown lint `zzz`; `cargo atomic-lint list` shows all");
    }
}
