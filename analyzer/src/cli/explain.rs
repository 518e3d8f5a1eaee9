//! `explain`: the page of a lint in the terminal.

use std::io::Write;

use anstyle::Effects;
use serde::Serialize;

use super::Failure;
use super::args::{Explain, PageFormat};
use crate::level::{Target, nearest};
use crate::lint::{FixKind, Lint};
use crate::lints;
use crate::measured::{Measured, measured};
use crate::render::Style;

pub(super) fn run(args: &Explain, style: Style, out: &mut dyn Write) -> Result<(), Failure> {
    let text = match (&args.lint, args.format) {
        (Some(name), format) => page(find(name)?, format, style),
        (None, PageFormat::Text) => lints::ALL.iter().map(|l| format!("{:<32} {}\n", l.name, l.summary())).collect(),
        (None, PageFormat::Json) => json(&lints::ALL.iter().map(|l| Page::new(l)).collect::<Vec<_>>()),
        (None, PageFormat::Markdown) => lints::ALL.iter().map(|l| page(l, PageFormat::Markdown, style)).collect(),
    };
    out.write_all(text.as_bytes())?;
    Ok(())
}

fn find(name: &str) -> Result<&'static Lint, Failure> {
    match Target::parse(name, lints::ALL) {
        Ok(Target::Lint(lint)) => Ok(lint),
        Ok(_) => {
            Err(Failure::message(format!("`{name}` is a group of lints; `cargo atomic-lint list` shows its lints")))
        }
        Err(unknown) => {
            let near = nearest(&unknown.name, lints::ALL.iter().map(|l| l.name));
            let help =
                near.map_or("`cargo atomic-lint explain` lists all".to_owned(), |n| format!("did you mean `{n}`?"));
            Err(Failure::message(format!("unknown lint `{}`; {help}", unknown.name)))
        }
    }
}

/// What machines read.
#[derive(Serialize)]
struct Page {
    name: &'static str,
    topic: &'static str,
    group: &'static str,
    default_level: &'static str,
    confidence: &'static str,
    fix: &'static str,
    since: &'static str,
    /// What its findings in released crates were judged to be; nothing where none was read.
    measured: Option<Measured>,
    summary: String,
    /// Markdown.
    docs: String,
}

impl Page {
    fn new(lint: &Lint) -> Page {
        Page {
            name: lint.name,
            topic: lint.topic,
            group: lint.group.name(),
            default_level: lint.group.default_level().name(),
            confidence: lint.confidence.name(),
            fix: fix_name(lint.fix),
            since: lint.since,
            measured: measured(lint.name),
            summary: lint.summary(),
            docs: lint.page(),
        }
    }
}

pub(super) fn fix_name(fix: FixKind) -> &'static str {
    match fix {
        FixKind::None => "none",
        FixKind::Sometimes => "sometimes",
        FixKind::Always => "always",
    }
}

fn json(value: &impl Serialize) -> String {
    // Strings and lists of strings.
    serde_json::to_string_pretty(value).expect("plain data is JSON") + "\n"
}

fn page(lint: &Lint, format: PageFormat, style: Style) -> String {
    match format {
        PageFormat::Json => json(&Page::new(lint)),
        PageFormat::Markdown => format!("# `{}`\n\n{}\n\n{}\n", lint.name, facts(lint), lint.page()),
        PageFormat::Text => {
            format!("{}\n{}\n\n{}", bold(lint.name, style), facts(lint), terminal(&lint.page(), style))
        }
    }
}

fn facts(lint: &Lint) -> String {
    let level = lint.group.default_level().name();
    let (group, fix) = (lint.group.name(), fix_name(lint.fix));
    let line = format!("{group}, {level} by default; fix: {fix}; since {}", lint.since);
    measured(lint.name).map_or_else(|| line.clone(), |m| format!("{line}\n{}", worth(m)))
}

/// `13 findings in released crates were read: 12 right, 1 defensible`
fn worth(measured: Measured) -> String {
    let findings = match measured.read() {
        1 => "1 finding in a released crate was read".to_owned(),
        n => format!("{n} findings in released crates were read"),
    };
    format!("{findings}: {measured}")
}

fn bold(text: &str, style: Style) -> String {
    match style.color {
        true => format!("{}{text}{}", Effects::BOLD.render(), anstyle::Reset.render()),
        false => text.to_owned(),
    }
}

/// Headings without marks, code indented, lines that only rustdoc's tests need left out.
fn terminal(markdown: &str, style: Style) -> String {
    let mut out = String::new();
    let mut code: Option<bool> = None;
    for line in markdown.lines() {
        if let Some(tag) = line.trim_start().strip_prefix("```") {
            code = match code {
                Some(_) => None,
                None => Some(tag.is_empty() || tag.starts_with("rust")),
            };
            continue;
        }
        match (code, line) {
            (Some(true), "#") => continue,
            (Some(true), line) if line.trim_start().starts_with("# ") => continue,
            (Some(_), "") => {}
            (Some(_), line) => out.extend(["    ", line]),
            (None, line) if line.starts_with('#') => {
                out.push_str(&bold(line.trim_start_matches('#').trim_start(), style));
            }
            (None, line) => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_in_the_terminal() {
        let page = "Summary.\n\n# What it does\n\nIt `does`.\n\n```rust,no_run\n# use x;\n#\n#[inline]\nfn f() {\n\n    g();\n}\n```\n\nEnd.";
        insta::assert_snapshot!(terminal(page, Style::default()), @"
        Summary.

        What it does

        It `does`.

            #[inline]
            fn f() {

                g();
            }

        End.
        ");
        assert!(terminal(page, Style { color: true, ..Style::default() }).contains("\u{1b}[1mWhat it does\u{1b}[0m"));
    }

    #[test]
    fn what_was_measured_leaves_out_verdicts_that_never_fell() {
        let line = |right, defensible, wrong| worth(Measured { right, defensible, wrong });
        insta::assert_snapshot!(line(12, 1, 0), @"13 findings in released crates were read: 12 right, 1 defensible");
        insta::assert_snapshot!(line(0, 0, 1), @"1 finding in a released crate was read: 1 wrong");
    }

    #[test]
    fn names_are_found() {
        assert!(find("atomic_lint::unfulfilled-suppression").is_ok());
        let error = |name| find(name).unwrap_err().to_string();
        insta::assert_snapshot!(error("unfulfiled_suppression"), @"unknown lint `unfulfiled_suppression`; did you mean `unfulfilled_suppression`?");
        insta::assert_snapshot!(error("perf"), @"`perf` is a group of lints; `cargo atomic-lint list` shows its lints");
        insta::assert_snapshot!(error("q"), @"unknown lint `q`; `cargo atomic-lint explain` lists all");
    }

    #[test]
    fn every_page_has_a_summary_and_all_formats() {
        for lint in lints::ALL {
            assert!(!lint.summary().is_empty());
            for format in [PageFormat::Text, PageFormat::Markdown, PageFormat::Json] {
                assert!(page(lint, format, Style::default()).contains(lint.name));
            }
        }
    }
}
