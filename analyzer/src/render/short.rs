//! One line per finding: `file:line:col: level[atomic_lint::x]: message`.

use super::locus;
use super::record::Records;
use crate::report::Diagnostic;
use crate::source::Sources;

pub fn diagnostic(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let code = diagnostic.code().map(|c| format!("[{c}]")).unwrap_or_default();
    let message = diagnostic.message.replace('\n', " ");
    format!("{}: {}{code}: {message}\n", locus(sources, diagnostic.primary.site), diagnostic.severity.name())
}

/// The same of a report that was read back.
pub fn records(records: &Records) -> String {
    let line = |f: &super::record::Record| {
        let code = f.code().map(|c| format!("[{c}]")).unwrap_or_default();
        let (p, message) = (&f.primary, f.message.replace('\n', " "));
        format!("{}:{}:{}: {}{code}: {message}\n", p.file, p.line_start, p.column_start, f.severity.name())
    };
    records.findings.iter().map(line).collect()
}
