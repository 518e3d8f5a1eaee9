//! Markdown for the summary of a CI job or a comment: a table by lint, then the findings, folded.

use super::record::{Grade, Record, Records, Schedule};
use super::table::aligned;
use super::{counted, found};

/// A job summary larger than a mebibyte is refused as a whole.
const LONGEST: usize = 900_000;

pub fn render(records: &Records) -> String {
    let (errors, warnings) = (records.count(Grade::Error), records.count(Grade::Warning));
    let c = &records.coverage;
    let mut out = format!(
        "## cargo atomic-lint: {}\n\n{}, {} resolved to {}, in {}.\n",
        found(errors, warnings),
        counted(c.atomic_ops, "atomic operation"),
        c.resolved_ops,
        counted(c.locations, "location"),
        counted(c.crates, "crate"),
    );
    if !records.findings.is_empty() {
        out += "\n| findings | lint |\n|---:|---|\n";
        for (lint, n) in records.by_lint() {
            out += &format!("| {n} | `{lint}` |\n");
        }
        out.push('\n');
    }
    for (n, finding) in records.worst_first().into_iter().enumerate() {
        let text = section(finding, records);
        if out.len() + text.len() > LONGEST {
            out += &format!("\n{} more.\n", records.findings.len() - n);
            break;
        }
        out += &text;
    }
    out
}

fn section(f: &Record, records: &Records) -> String {
    let p = &f.primary;
    let lint = f.lint.as_deref().unwrap_or("source error");
    let place = format!("{}:{}:{}", records.in_repository(&p.file), p.line_start, p.column_start);
    let (message, severity) = (html(&f.message), f.severity.name());
    let mut out =
        format!("<details><summary><b>{severity}</b> {lint}: {message}<br><code>{}</code></summary>\n\n", html(&place));
    let fence = fence(&p.text);
    out += &format!("{fence}rust\n{}\n{fence}\n\n", p.text);
    if !p.label.is_empty() {
        out += &format!("{}\n\n", text(&p.label));
    }
    for partner in &f.secondary {
        let at = format!("{}:{}", records.in_repository(&partner.file), partner.line_start);
        out += &format!("- `{at}` {}\n", text(&partner.label));
    }
    for note in &f.notes {
        // A map of a cache line is aligned with blanks.
        match note.split_once('\n') {
            Some((head, drawing)) => out += &format!("- {}\n\n```text\n{drawing}\n```\n", text(head)),
            None => out += &format!("- {}\n", text(note)),
        }
    }
    if let Some(schedule) = &f.interleaving {
        out += &format!("\n```text\n{}\n```\n", schedule_table(schedule, &f.primary.file));
    }
    f.help.iter().for_each(|help| out += &format!("\nHelp: {}\n", text(help)));
    if f.lint.is_some() {
        out += &format!("\nMore: `cargo atomic-lint explain {lint}`\n");
    }
    out + "\n</details>\n"
}

/// What stands in another file than `home` is named with its file.
fn schedule_table(schedule: &Schedule, home: &str) -> String {
    let threads = schedule.threads.len();
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(schedule.threads.iter().cloned());
    rows[0].push(schedule.watched.clone());
    for (n, step) in schedule.steps.iter().enumerate() {
        let mut cells = vec![String::new(); threads + 3];
        cells[0] = (n + 1).to_string();
        let place = step.place.as_ref().map(|p| match p.file == home {
            true => format!(" (line {})", p.line_start),
            false => format!(" ({}:{})", p.file, p.line_start),
        });
        cells[1 + step.thread] = format!("{}{}", step.action, place.unwrap_or_default());
        cells[threads + 1].clone_from(&step.value);
        cells[threads + 2].clone_from(&step.remark);
        rows.push(cells);
    }
    aligned(&rows)
}

/// The messages' own backquotes are Markdown already; what would start a tag or a new paragraph is not.
fn text(text: &str) -> String {
    text.replace('<', "&lt;").replace('\n', "<br>")
}

/// Inside tags Markdown is not read: backquotes become `code`.
fn html(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', " ");
    let pieces: Vec<&str> = text.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return text;
    }
    let piece = |(n, piece): (usize, &&str)| match n % 2 {
        0 => (*piece).to_owned(),
        _ => format!("<code>{piece}</code>"),
    };
    pieces.iter().enumerate().map(piece).collect()
}

/// A fence longer than any run of backquotes in the text.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}
