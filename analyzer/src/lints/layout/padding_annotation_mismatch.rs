//! `#[padded]` where it isn't true.

use crate::facts::padding_promises::{BrokenPadding, Mismatch};
use crate::finding::{Finding, Label};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds `#[padded]` where it isn't true: written in the form that changes nothing, on what nothing pads; on packed
    /// structs; on a struct whose own hot fields share a line; on a plain field that no thread shares.
    ///
    /// ## Why it matters
    ///
    /// `#[padded]` says to whoever reads the code, and to this tool, that the data lies on a line of its own. Inside
    /// `cfg_attr(any(), …)` it expands to nothing: it states a fact and doesn't bring it about.
    ///
    /// ```text
    ///   offset  size  field
    ///        0     8  head      "padded", written by the consumer
    ///        8     8  tail      "padded", written by the producer: on the same line
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicUsize, Ordering::*};
    ///
    /// pub struct Ring {
    ///     #[cfg_attr(any(), atomic_lint::padded)]
    ///     head: AtomicUsize,
    ///     tail: AtomicUsize,
    /// }
    ///
    /// impl Ring {
    ///     pub fn push(&self) -> usize { self.tail.fetch_add(1, Relaxed) }
    ///     pub fn pop(&self) -> usize { self.head.fetch_add(1, Relaxed) }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicUsize, Ordering::*};
    ///
    /// #[repr(align(128))]
    /// pub struct Line(AtomicUsize);
    ///
    /// pub struct Ring {
    ///     #[cfg_attr(any(), atomic_lint::padded)]
    ///     head: Line,
    ///     tail: AtomicUsize,
    /// }
    ///
    /// impl Ring {
    ///     pub fn push(&self) -> usize { self.tail.fetch_add(1, Relaxed) }
    ///     pub fn pop(&self) -> usize { self.head.0.fetch_add(1, Relaxed) }
    /// }
    /// ```
    ///
    /// `#[padded]` on a field of a `#[concurrent]` struct makes it an `atomic_lint::Padded`, and on a struct it asks for
    /// the alignment.
    ///
    /// ## When to allow
    ///
    /// Where a linker script or an allocator sees to the padding: say so.
    ///
    /// ## Known limits
    ///
    /// Sizes are those of 64-bit targets. A type that isn't known is believed to be padded.
    ///
    /// ## References
    ///
    /// Intel 64 and IA-32 Architectures Optimization Reference Manual, "False sharing".
    pub static PADDING_ANNOTATION_MISMATCH = {
        name: "padding_annotation_mismatch",
        topic: "layout",
        group: Correctness,
        confidence: Certain,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    out.extend(cx.facts.broken_padding().iter().map(|b| report(cx, b)));
}

fn report(cx: &Cx<'_>, broken: &BrokenPadding) -> Finding {
    let owner = &cx.facts.program.def(broken.def).item.name;
    let name = broken.field.as_ref().map_or_else(|| owner.clone(), |f| format!("{owner}::{f}"));
    let (message, label, help) = match &broken.why {
        Mismatch::NotPadded(align) => (
            format!("`{name}` is said to be padded, and nothing pads it: it shares its cache line with its neighbours"),
            format!("aligned to {align} {}", if *align == 1 { "byte" } else { "bytes" }),
            "pad it: `atomic_lint::Padded`, or `#[padded]` as an attribute rather than inside `cfg_attr(any(), …)`",
        ),
        Mismatch::Packed => (
            format!("`{name}` can't be padded: `repr(packed)` leaves no room between fields"),
            "in a packed struct".to_owned(),
            "leave `packed` out, or the annotation",
        ),
        Mismatch::HotFieldsShare(a, b) => (
            format!("`{name}` is padded as a whole, but its hot fields `{a}` and `{b}` still share a cache line"),
            "padded against its neighbours, not within".to_owned(),
            "pad the hot fields themselves: `#[padded]` on each, in a struct under `#[concurrent]`",
        ),
        Mismatch::NotShared => (
            format!("`{name}` is padded, but it is neither atomic nor shared between threads"),
            "a plain value that one thread uses".to_owned(),
            "leave the annotation out: it only takes room",
        ),
    };
    let primary = Label::new(broken.site, label);
    let mut finding = cx.finding_at_def(&PADDING_ANNOTATION_MISMATCH, broken.def, primary, message);
    finding.secondary.push(Label::new(broken.name_site, "what it is said of"));
    finding.key.location = name;
    finding.key.operation = "layout".to_owned();
    finding.help = Some(help.to_owned());
    finding
}
