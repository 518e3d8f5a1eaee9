//! From a report to bytes; knows nothing of atomics, of levels or of what is fixed how.

pub mod human;
pub mod json;
pub mod short;
pub mod table;

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
    let mut found = Vec::new();
    if errors > 0 {
        found.push(counted(errors, "error"));
    }
    if warnings > 0 {
        found.push(counted(warnings, "warning"));
    }
    if found.is_empty() {
        found.push("no findings".to_owned());
    }
    let mut parts = vec![
        format!("{} in {}", found.join(", "), counted(crates, "crate")),
        format!(
            "{}, {resolved_ops} resolved to {}",
            counted(atomic_ops, "atomic operation"),
            counted(locations, "location")
        ),
    ];
    if !report.suppressed.is_empty() {
        parts.push(format!("{} suppressed", report.suppressed.len()));
    }
    parts.extend(skipped(&report.coverage));
    parts.extend(seconds.map(|s| format!("{s:.2} s")));
    parts.join(if style.unicode { " · " } else { "; " })
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

#[cfg(test)]
mod tests;
