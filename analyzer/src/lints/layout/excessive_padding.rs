//! Padding around what nobody fights for.

use super::field_site;
use crate::facts::overpadded::{Excess, Overpadded};
use crate::finding::{Finding, Label};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds padding that separates nothing: around atomics that are seldom written and have no busy neighbour, around
    /// the elements of large or growing collections, and around every field of a type.
    ///
    /// ## Why it matters
    ///
    /// Padding moves the neighbours of a busy atomic off its cache line. Where nobody is busy it only takes room: a
    /// line each, on x86-64 and AArch64 a pair of lines, which the fields around could have shared:
    ///
    /// ```text
    ///   offset  size  field
    ///        0     1  closed    written once
    ///        1   127  (padding)
    ///      128     4  limit     written when the configuration changes
    ///      132   124  (padding)
    /// ```
    ///
    /// In a collection each element pays: 10,000 sessions with a padded counter each take 1.3 MB instead of 80 kB,
    /// and a walk over them misses the cache at each step.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicBool, Ordering::*};
    ///
    /// #[repr(align(128))]
    /// pub struct Line<T>(T);
    ///
    /// pub struct Queue { closed: Line<AtomicBool>, capacity: usize }
    ///
    /// impl Queue {
    ///     pub fn close(&self) { self.closed.0.store(true, Release); }
    ///     pub fn is_closed(&self) -> bool { self.closed.0.load(Acquire) }
    ///     pub fn capacity(&self) -> usize { self.capacity }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicBool, Ordering::*};
    ///
    /// pub struct Queue { closed: AtomicBool, capacity: usize }
    ///
    /// impl Queue {
    ///     pub fn close(&self) { self.closed.store(true, Release); }
    ///     pub fn is_closed(&self) -> bool { self.closed.load(Acquire) }
    ///     pub fn capacity(&self) -> usize { self.capacity }
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// Where measurements say so, or other crates write the field in ways that are not seen here.
    ///
    /// ## Known limits
    ///
    /// A field counts as cold only if no RMW, CAS or repeated store on it is known, and its owner is judged by itself,
    /// not by what lies around it.
    ///
    /// ## References
    ///
    /// `crossbeam_utils::CachePadded`.
    pub static EXCESSIVE_PADDING = {
        name: "excessive_padding",
        topic: "layout",
        group: Pedantic,
        confidence: Hint,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    out.extend(cx.facts.overpadded().iter().filter_map(|o| report(cx, o)));
}

fn report(cx: &Cx<'_>, padded: &Overpadded) -> Option<Finding> {
    let facts = cx.facts;
    let name = format!("{}::{}", facts.program.def(padded.adt).item.name, padded.field);
    let (message, label, help) = match &padded.why {
        Excess::Cold => (
            format!(
                "the padding around `{name}` separates it from nothing: neither it nor a neighbour is written often"
            ),
            "padded, and seldom written".to_owned(),
            "leave the padding out",
        ),
        Excess::Elements { number: Some(n), .. } => (
            format!("each of the {n} elements of `{name}` is padded to a cache line or more"),
            "large, and padded element by element".to_owned(),
            "pad per thread, not per element: keep the elements bare",
        ),
        Excess::Elements { .. } => (
            format!("each element of `{name}`, which grows, is padded to a cache line or more"),
            "padded element by element".to_owned(),
            "pad per thread, not per element: keep the elements bare",
        ),
        Excess::Every { fields, hot } => (
            format!(
                "all {fields} fields of `{}` are padded, but only {hot} are written often",
                facts.program.def(padded.adt).item.name
            ),
            "padded, and seldom written".to_owned(),
            "pad the fields that are written often, and let the others share lines",
        ),
    };
    let primary = Label::new(field_site(cx, padded.adt, &padded.field)?, label);
    let mut finding = cx.finding_at_def(&EXCESSIVE_PADDING, padded.adt, primary, message);
    if let Excess::Elements { grows_in: Some(body), .. } = &padded.why {
        finding.notes.push(format!("`{}` adds elements", facts.function_name(*body)));
    }
    finding.key.location = name;
    finding.key.operation = "layout".to_owned();
    finding.help = Some(help.to_owned());
    Some(finding)
}
