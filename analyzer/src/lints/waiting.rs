//! Spinning and blocking.

// modules: begin
pub mod hand_rolled_spinlock;
pub mod io_under_lock;
pub mod lost_wakeup;
pub mod spin_in_async;
pub mod spin_without_hint;
// modules: end

use crate::finding::Site;
use crate::ir::Span;
use crate::lint::Cx;
use crate::resolve::BodyId;

/// The head of a loop: its first line.
fn head(cx: &Cx<'_>, body: BodyId, span: Span) -> Site {
    let site = cx.facts.site(body, span);
    let text = cx.facts.text(site);
    let len = text.find('\n').unwrap_or(text.len());
    let line = text[..len].trim_end().trim_end_matches('{').trim_end();
    cx.facts.site(body, Span::new(span.start, span.start + line.len() as u32))
}
