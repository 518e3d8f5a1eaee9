//! GitHub's workflow commands: an annotation per finding, on the lines it is about.
//!
//! A step shows ten annotations of each kind, so the worst come first.

use super::record::{Record, Records};

pub fn render(records: &Records) -> String {
    records.worst_first().into_iter().map(|f| annotation(f, records)).collect()
}

fn annotation(f: &Record, records: &Records) -> String {
    let p = &f.primary;
    let mut properties = vec![
        ("file", records.in_repository(&p.file)),
        ("line", p.line_start.to_string()),
        ("endLine", p.line_end.to_string()),
    ];
    // Columns of a range over several lines are refused.
    if p.line_start == p.line_end {
        properties.push(("col", p.column_start.to_string()));
        properties.push(("endColumn", p.column_end.to_string()));
    }
    properties.push(("title", f.code().unwrap_or_else(|| "atomic-lint".to_owned())));
    let properties: Vec<String> = properties.into_iter().map(|(k, v)| format!("{k}={}", property(&v))).collect();
    format!("::{} {}::{}\n", f.severity.name(), properties.join(","), data(&f.explanation(records)))
}

/// Text behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
