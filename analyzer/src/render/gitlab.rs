//! GitLab's code quality report: a list of findings with fingerprints.

use serde::Serialize;

use super::record::{Grade, Record, Records};
use crate::finding::Confidence;

#[derive(Serialize)]
struct Issue {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
    end: u32,
}

pub fn render(records: &Records) -> String {
    let issues: Vec<Issue> = records.findings.iter().map(|f| issue(f, records)).collect();
    serde_json::to_string_pretty(&issues).expect("plain data is JSON") + "\n"
}

fn issue(f: &Record, records: &Records) -> Issue {
    Issue {
        description: f.message.clone(),
        check_name: f.code().unwrap_or_else(|| "atomic_lint".to_owned()),
        fingerprint: f.fingerprint.clone(),
        severity: match (f.severity, f.confidence) {
            (Grade::Error, Some(Confidence::Certain) | None) => "critical",
            (Grade::Error, _) => "major",
            (Grade::Warning, Some(Confidence::Hint)) => "info",
            (Grade::Warning, _) => "minor",
        },
        location: Location {
            path: records.in_repository(&f.primary.file),
            lines: Lines { begin: f.primary.line_start, end: f.primary.line_end },
        },
    }
}
