//! `list`: every lint with what its findings were worth, the level it has here, and who set it.

use std::io::Write;

use super::args::List;
use super::explain::fix_name;
use super::{Failure, Surroundings, configuration};
use crate::config::{Config, Place};
use crate::level::{Level, Table};
use crate::lint::{Group, Lint};
use crate::lints;
use crate::measured::{Measured, measured};
use crate::render::Style;
use crate::workspace::{self, ErrorKind};

pub(super) fn run(
    args: &List,
    levels: Table,
    around: &Surroundings,
    style: Style,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let selection = args.selection.selection(around);
    let config = match workspace::plan(&selection) {
        Ok(plan) => configuration(&plan, levels)?,
        // Outside of any package there are still lints.
        Err(e) if e.kind == ErrorKind::NoManifest && selection.manifest_path.is_none() => {
            Config::new(lints::ALL, levels)
        }
        Err(e) => return Err(Failure::message(e.to_string())),
    };
    out.write_all(text(&config, measured, style).as_bytes())?;
    Ok(())
}

const MEASURED: &str = "measured: findings in released crates, each read in the source: right, wrong, or defensible\n          \
                        (as the lint has it, and the author may have reasons)\n";

fn text(config: &Config, measured: fn(&str) -> Option<Measured>, style: Style) -> String {
    let mut lints: Vec<&Lint> = config.catalogue.to_vec();
    lints.sort_by_key(|l| (l.group, l.name));
    let mut rows = vec![["lint", "group", "measured", "level", "fix", "since", "set by"].map(str::to_owned)];
    for lint in lints {
        let setting = config.setting(lint, Place::default());
        let first = |name: &str, level: Level, by: String| {
            let worth = measured(lint.name).map_or_else(|| "-".to_owned(), |m| m.to_string());
            [name, lint.group.name(), &worth, level.name(), fix_name(lint.fix), lint.since, &by].map(str::to_owned)
        };
        rows.push(first(lint.name, setting.level, setting.origin.to_string()));
        for (place, setting) in config.exceptions(lint) {
            let mut row = [const { String::new() }; 7];
            row[0] = format!("  {place}");
            row[3] = setting.level.name().to_owned();
            row[6] = setting.origin.to_string();
            rows.push(row);
        }
    }
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let mut out = String::new();
    for (n, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let line = cells.join("  ");
        out += &if n == 0 && style.color {
            format!("{}{}{}\n", anstyle::Effects::BOLD.render(), line.trim_end(), anstyle::Reset.render())
        } else {
            format!("{}\n", line.trim_end())
        };
    }
    let defaults: Vec<String> =
        Group::ALL.iter().map(|g| format!("{} {}", g.name(), g.default_level().name())).collect();
    out += &format!("\ndefaults: {}\n", defaults.join(", "));
    out + MEASURED
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Document, DocumentKind};
    use crate::testing::CATALOGUE;

    #[test]
    fn every_lint_with_its_level_and_who_set_it() {
        let mut config = Config::new(CATALOGUE, Table::default());
        let own = "suspicious = \"deny\"\nper-file = [{ files = [\"benches/**\"], allow = [\"perf\"] }]\n";
        let package = "[package.metadata.atomic-lint]\npedantic = \"warn\"\n";
        let document =
            |kind, shown: &str, text: &str| Document { kind, shown: shown.to_owned(), text: text.to_owned() };
        config
            .read(&[
                document(DocumentKind::Own, "atomic-lint.toml", own),
                document(DocumentKind::Package { name: "a".to_owned() }, "a/Cargo.toml", package),
            ])
            .unwrap();
        let worth =
            |lint: &str| (lint == "redundant_seq_cst").then_some(Measured { right: 7, defensible: 1, wrong: 0 });
        insta::assert_snapshot!(text(&config, worth, Style::default()), @"
        lint                     group        measured               level  fix        since  set by
        split_read_modify_write  correctness  -                      deny   sometimes  0.1.0  default of correctness
        unfulfilled_suppression  suspicious   -                      deny   sometimes  0.1.0  atomic-lint.toml:1:1
        unpadded_hot_atomics     perf         -                      warn   none       0.1.0  default of perf
          in benches/**                                              allow                    atomic-lint.toml:2:48 (per-file)
        redundant_seq_cst        pedantic     7 right, 1 defensible  allow  always     0.1.0  default of pedantic
          in package a                                               warn                     a/Cargo.toml:2:1

        defaults: correctness deny, suspicious warn, perf warn, pedantic allow, restriction allow
        measured: findings in released crates, each read in the source: right, wrong, or defensible
                  (as the lint has it, and the author may have reasons)
        ");
    }
}
