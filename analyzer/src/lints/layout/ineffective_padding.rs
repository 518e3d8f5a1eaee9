//! Padding that keeps nothing apart.

use super::{field_site, listed, maps, meeting, partners, who};
use crate::facts::shards::Shards;
use crate::facts::sharing::{Conflict, Padding};
use crate::finding::{Finding, Label};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds padding that does not keep hot fields on lines of their own, or is not guaranteed to.
    ///
    /// ## Why it matters
    ///
    /// Padding costs memory whether it works or not. It does nothing
    ///
    /// - as a `_pad` array in a type without `repr(C)`: the compiler sorts fields by alignment and moves the bytes
    ///   to the end;
    /// - of the wrong size: the neighbours still meet;
    /// - as `repr(align(64))` where lines are fetched in pairs (x86-64, AArch64): the next field is in the other half;
    /// - around a type that holds both hot fields inside.
    ///
    /// ```text
    /// struct Ring { head: AtomicUsize, _pad: [u8; 120], tail: AtomicUsize }
    /// offset  size  field
    ///      0     8  head   written by pop
    ///      8     8  tail   written by push
    ///     16   120  _pad
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// pub struct Traffic { sent: AtomicU64, _pad: [u8; 120], received: AtomicU64 }
    ///
    /// impl Traffic {
    ///     pub fn send(&self, n: u64) { self.sent.fetch_add(n, Relaxed); }
    ///     pub fn receive(&self, n: u64) { self.received.fetch_add(n, Relaxed); }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// #[repr(align(128))]
    /// struct Line(AtomicU64);
    ///
    /// pub struct Traffic { sent: Line, received: Line }
    ///
    /// impl Traffic {
    ///     pub fn send(&self, n: u64) { self.sent.0.fetch_add(n, Relaxed); }
    ///     pub fn receive(&self, n: u64) { self.received.0.fetch_add(n, Relaxed); }
    /// }
    /// ```
    ///
    /// `atomic_lint::Padded` and `crossbeam_utils::CachePadded` do this for every target.
    ///
    /// ## When to allow
    ///
    /// For 64-byte alignment on machines that are known to fetch single lines.
    ///
    /// ## Known limits
    ///
    /// Offsets behind fields of generic or foreign types are lower bounds.
    ///
    /// ## References
    ///
    /// The Rust Reference, "Type layout"; Intel 64 and IA-32 Architectures Optimization Reference Manual, "spatial
    /// prefetcher".
    pub static INEFFECTIVE_PADDING = {
        name: "ineffective_padding",
        topic: "layout",
        group: Perf,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for conflict in cx.facts.false_sharing() {
        // Where the type is said to be padded, that is `padding_annotation_mismatch`.
        if let Some(padding) = &conflict.padding
            && !cx.facts.is_falsely_padded(conflict.adt)
        {
            out.extend(report(cx, &conflict, padding));
        }
    }
    for shards in cx.facts.shards() {
        if let Some(align) = shards.narrow {
            out.push(report_shards(cx, &shards, align));
        }
    }
}

fn report(cx: &Cx<'_>, conflict: &Conflict, padding: &Padding) -> Option<Finding> {
    let name = &cx.facts.program.def(conflict.adt).item.name;
    let full: Vec<String> = conflict.hot.iter().chain(&conflict.read_mostly).map(|f| format!("{name}::{f}")).collect();
    let message = format!("{} {} in spite of the padding", listed(&full), meeting(conflict.sharing));
    let first = conflict.hot.first()?;
    let primary = Label::new(field_site(cx, conflict.adt, first)?, who(cx, conflict, first));
    let mut finding = cx.finding_at_def(&INEFFECTIVE_PADDING, conflict.adt, primary, message);
    finding.secondary = partners(cx, conflict);
    let line = conflict.machines.first().map_or(128, |m| m.line);
    let machines: Vec<&str> = conflict.machines.iter().map(|m| m.name).collect();
    let machines = machines.join(" and ");
    let why = match padding {
        Padding::Reordered(pad) => {
            label(cx, conflict, pad, &mut finding);
            format!("without `repr(C)` the compiler is free to move `{pad}` away from between them")
        }
        Padding::WrongSize(pad) => {
            label(cx, conflict, pad, &mut finding);
            format!(
                "`{pad}` does not keep them {line} bytes apart, which is one line (or a pair of them) on {machines}"
            )
        }
        Padding::Around(align) => {
            format!("`repr(align({align}))` on `{name}` separates it from others, not its fields")
        }
        Padding::Narrow(field, align) => {
            format!("`{field}` is aligned to {align} bytes, but {machines} fetch {line} bytes at a time")
        }
        Padding::Wrapped => format!("the padding around `{name}` separates it from others, not its fields"),
    };
    finding.notes.push(why);
    finding.notes.extend(maps(cx, conflict));
    finding.key.location = format!("{name}::{first}");
    finding.key.operation = "layout".to_owned();
    finding.help = Some(
        "wrap each hot field in `atomic_lint::Padded` (or `crossbeam_utils::CachePadded`), which fit every target"
            .to_owned(),
    );
    Some(finding)
}

fn label(cx: &Cx<'_>, conflict: &Conflict, pad: &str, finding: &mut Finding) {
    if let Some(site) = field_site(cx, conflict.adt, pad) {
        finding.secondary.push(Label::new(site, "the padding"));
    }
}

fn report_shards(cx: &Cx<'_>, shards: &Shards, align: u64) -> Finding {
    let message = format!(
        "neighbouring shards of `{}` lie {align} bytes apart, but x86-64 and AArch64 fetch 128 bytes at a time",
        shards.name
    );
    let primary = Label::new(shards.site, "the shards");
    let mut finding = cx.finding_at_def(&INEFFECTIVE_PADDING, shards.owner, primary, message);
    finding.secondary.push(Label::new(shards.indexed_at, shards.by.describe()));
    finding.key.location.clone_from(&shards.name);
    finding.key.operation = "layout".to_owned();
    finding.help = Some(
        "wrap the elements in `atomic_lint::Padded` or `crossbeam_utils::CachePadded`, which fit every target"
            .to_owned(),
    );
    finding
}
