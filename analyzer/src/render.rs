//! From a report to bytes; knows nothing of atomics, of levels or of what is fixed how.

pub mod github;
pub mod gitlab;
pub mod human;
pub mod json;
pub mod jsonl;
pub mod junit;
mod line_hash;
pub mod markdown;
pub mod record;
pub mod sarif;
pub mod short;
pub mod table;
mod wrap;

use std::collections::BTreeMap;

use crate::coverage::Coverage;
use crate::finding::Site;
use crate::report::{Report, Severity};
use crate::source::Sources;

/// How text may look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    pub color: bool,
    /// Box-drawing characters.
    pub unicode: bool,
    /// How many columns there are; prose and tables are broken to fit, source never is.
    pub width: Option<usize>,
}

/// `src/lib.rs:12:5`, as every editor reads it.
pub fn locus(sources: &Sources, site: Site) -> String {
    let file = sources.file(site.file);
    let at = file.lines().line_col(&file.text, site.span.start);
    format!("{}:{}:{}", file.shown, at.line, at.column)
}

/// The range of a site in its text, moved to places that exist.
fn range(text: &str, site: Site) -> std::ops::Range<usize> {
    let end = text.floor_char_boundary(text.len().min(site.span.end as usize));
    let start = text.floor_char_boundary(end.min(site.span.start as usize));
    start..end
}

/// The last line of a run: what was found, what was and was not analysed.
pub fn summary(report: &Report, seconds: Option<f64>, style: Style) -> String {
    let Coverage { crates, atomic_ops, resolved_ops, locations, .. } = report.coverage;
    let (errors, warnings) = (report.count(Severity::Error), report.count(Severity::Warning));
    let mut parts = vec![
        format!("{} in {}", found(errors, warnings), counted(crates, "crate")),
        format!(
            "{}, {resolved_ops} resolved to {}",
            counted(atomic_ops, "atomic operation"),
            counted(locations, "location")
        ),
    ];
    if !report.suppressed.is_empty() {
        parts.push(format!("{} suppressed", report.suppressed.len()));
    }
    if report.known > 0 {
        parts.push(format!("{} in the baseline", report.known));
    }
    if report.elsewhere > 0 {
        parts.push(format!("{} on unchanged lines", report.elsewhere));
    }
    parts.extend(skipped(&report.coverage));
    parts.extend(seconds.map(|s| format!("{s:.2} s")));
    parts.join(if style.unicode { " · " } else { "; " })
}

/// `1 error, 2 warnings`, `no findings`.
fn found(errors: usize, warnings: usize) -> String {
    let mut found = Vec::new();
    if errors > 0 {
        found.push(counted(errors, "error"));
    }
    if warnings > 0 {
        found.push(counted(warnings, "warning"));
    }
    if found.is_empty() { "no findings".to_owned() } else { found.join(", ") }
}

fn skipped(coverage: &Coverage) -> Option<String> {
    let mut skipped = Vec::new();
    if coverage.skipped_files() > 0 {
        skipped.push(counted(coverage.skipped_files(), "file"));
    }
    if coverage.skipped_code() > 0 {
        skipped.push(counted(coverage.skipped_code(), "macro body"));
    }
    (!skipped.is_empty()).then(|| format!("{} skipped (--coverage)", skipped.join(", ")))
}

/// `1 file`, `2 files`, `2 bodies`.
fn counted(n: usize, noun: &str) -> String {
    match (n, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{n} {stem}ies"),
        (_, None) => format!("{n} {noun}s"),
    }
}

/// What `--coverage` lists.
pub fn coverage(report: &Report, sources: &Sources) -> String {
    let Coverage { files, files_parsed, functions, atomic_ops, resolved_ops, locations, skipped, left_out, .. } =
        &report.coverage;
    let mut out = format!(
        "coverage\n  {}, {files_parsed} parsed (the others name no atomic or are tests)\n  {}\n  {}, {resolved_ops} resolved to {}\n",
        counted(*files, "file"),
        counted(*functions, "function"),
        counted(*atomic_ops, "atomic operation"),
        counted(*locations, "location"),
    );
    for target in left_out {
        out += &format!("  {target}\n");
    }
    for same in skipped.chunk_by(|a, b| a.why == b.why) {
        out += &format!("  {} {}\n", same.len(), same[0].why.describe(same.len()));
        for skip in same {
            out += &format!("    {}\n", locus(sources, skip.site));
        }
    }
    out
}

/// What `--report-suppressed` lists.
pub fn suppressed(report: &Report, sources: &Sources) -> String {
    let mut out = String::new();
    for s in &report.suppressed {
        let (at, by) = (locus(sources, s.finding.primary.site), locus(sources, s.by));
        let reason = s.reason.as_deref().unwrap_or("no reason given");
        out += &format!("suppressed: {at}: {}: {}\n  by {by}: {reason}\n", s.finding.lint.name, s.finding.message);
        if let Some(until) = s.until {
            out += &format!("  until {until}\n");
        }
    }
    out
}

/// What `--statistics` prints instead of findings.
pub fn statistics(report: &Report) -> String {
    let mut counts: BTreeMap<&str, (usize, usize, &str, &str)> = BTreeMap::new();
    for d in &report.diagnostics {
        let (name, group) = d.lint.map_or(("source error", ""), |l| (l.name, l.group.name()));
        let entry = counts.entry(name).or_insert((0, 0, d.severity.name(), group));
        entry.0 += 1;
        entry.1 += usize::from(!d.fixes.is_empty());
        // Where levels differ by place, the worst is shown.
        if d.severity == Severity::Error {
            entry.2 = d.severity.name();
        }
    }
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|(_, (n, ..))| std::cmp::Reverse(*n));
    let row = |(name, (n, fixes, severity, group)): &(&str, (usize, usize, &str, &str))| {
        let fixes = if *fixes > 0 { format!("  {fixes} with a fix") } else { String::new() };
        format!("{n:>6}  {severity:<7}  {name:<32} {group}{fixes}").trim_end().to_owned() + "\n"
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests;
