//! The tool's own lines of JSON, with everything that is known of a run; see [`record`](super::record).

use super::record::{Coverage, Line, Place, Record, Records, SCHEMA, Suppressed};

pub fn render(records: Records) -> String {
    let Records { run, findings, suppressed, coverage } = records;
    let mut lines = vec![Line::Run(run)];
    lines.extend(findings.into_iter().map(|f| Line::Finding(Box::new(f))));
    lines.extend(suppressed.into_iter().map(|s| Line::Suppressed(Box::new(s))));
    lines.push(Line::Coverage(coverage));
    let line = |line: &Line| serde_json::to_string(line).expect("plain data is JSON") + "\n";
    lines.iter().map(line).collect()
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// From 1.
    pub line: usize,
    pub message: String,
}

/// Reads the reports of one or several runs over parts of one workspace, put behind one another. What several parts say
/// is kept once.
pub fn parse(text: &str) -> Result<Records, Mistake> {
    let mut all = Records::default();
    // How many reports were begun and not ended.
    let mut open = 0usize;
    let mut last = 0;
    for (n, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        last = n + 1;
        let mistake = |message: String| Mistake { line: n + 1, message };
        match serde_json::from_str(line).map_err(|e| mistake(format!("not a line of a report: {e}")))? {
            Line::Run(run) if run.schema != SCHEMA => {
                return Err(mistake(format!("this report has schema {}, and {SCHEMA} is understood", run.schema)));
            }
            Line::Run(run) => {
                open += 1;
                all.run = run;
            }
            Line::Finding(f) => all.findings.push(*f),
            Line::Suppressed(s) => all.suppressed.push(*s),
            Line::Coverage(part) => {
                open = open.saturating_sub(1);
                add(&mut all.coverage, part);
            }
        }
    }
    if open > 0 {
        return Err(Mistake {
            line: last,
            message: "the report is cut off: its `coverage` line is missing".to_owned(),
        });
    }
    tidy(&mut all);
    Ok(all)
}

fn add(all: &mut Coverage, part: Coverage) {
    all.crates += part.crates;
    all.files += part.files;
    all.files_parsed += part.files_parsed;
    all.functions += part.functions;
    all.atomic_ops += part.atomic_ops;
    all.resolved_ops += part.resolved_ops;
    all.locations += part.locations;
    all.skipped.extend(part.skipped);
    all.left_out.extend(part.left_out);
}

/// In the order of one run, each finding once.
fn tidy(all: &mut Records) {
    let key = |p: &Place| (p.file.clone(), p.byte_start, p.byte_end);
    let order = |f: &Record| (key(&f.primary), f.lint.clone(), f.message.clone(), f.fingerprint.clone());
    all.findings.sort_by_cached_key(order);
    all.findings.dedup();
    all.suppressed.sort_by_cached_key(|s: &Suppressed| (key(&s.primary), s.lint.clone(), s.message.clone()));
    all.suppressed.dedup();
    all.coverage.skipped.sort_by_cached_key(|s| (s.why.clone(), key(&s.place)));
    all.coverage.skipped.dedup();
    all.coverage.left_out.sort();
    all.coverage.left_out.dedup();
}
