//! One line per finding: `file:line:col: level[atomic_lint::x]: message`.

use super::locus;
use crate::report::Diagnostic;
use crate::source::Sources;

pub fn diagnostic(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let code = diagnostic.code().map(|c| format!("[{c}]")).unwrap_or_default();
    let message = diagnostic.message.replace('\n', " ");
    format!("{}: {}{code}: {message}\n", locus(sources, diagnostic.primary.site), diagnostic.severity.name())
}
