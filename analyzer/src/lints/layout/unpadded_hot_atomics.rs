//! Hot fields with different writers on one cache line.

use super::{field_site, listed, maps, meeting, partners, who};
use crate::facts::sharing::Conflict;
use crate::finding::{Finding, Label};
use crate::lint::{Cx, declare_lint};
use crate::remedy::{annotation, padding, runtime};

declare_lint! {
    /// Finds atomics of one type that different threads write often and that can lie on one cache line.
    ///
    /// A field that is read all the time and lies on the line of one that is written all the time counts too.
    ///
    /// ## Why it matters
    ///
    /// Processors keep memory coherent by the line, not by the variable. A write takes the whole line away from
    /// every other core, so two threads that never touch the same field still wait for each other:
    ///
    /// ```text
    /// offset  size  field
    ///      0     8  head   written by pop
    ///      8     8  tail   written by push
    /// ----------------------------------- end of the line
    /// 1 the consumer writes head: the producer's copy of the line is invalid
    /// 2 the producer writes tail: it fetches the line first, and the consumer's copy is invalid
    /// 3 the consumer writes head: it fetches the line first, …
    /// ```
    ///
    /// Each of these fetches costs as much as a hundred operations on the core's own line. x86-64 and AArch64
    /// cores fetch lines in pairs, so 128 bytes count as one line there.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicUsize, Ordering::{Acquire, Relaxed, Release}};
    ///
    /// pub struct Ring { head: AtomicUsize, tail: AtomicUsize, slots: [AtomicUsize; 64] }
    ///
    /// impl Ring {
    ///     pub fn push(&self, value: usize) -> bool {
    ///         let tail = self.tail.fetch_add(1, Relaxed);
    ///         self.slots[tail % 64].store(value, Release);
    ///         true
    ///     }
    ///
    ///     pub fn pop(&self) -> usize {
    ///         let head = self.head.fetch_add(1, Relaxed);
    ///         self.slots[head % 64].load(Acquire)
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicUsize, Ordering::{Acquire, Relaxed, Release}};
    ///
    /// #[repr(align(128))]
    /// struct Line(AtomicUsize);
    ///
    /// pub struct Ring { head: Line, tail: Line, slots: [AtomicUsize; 64] }
    ///
    /// impl Ring {
    ///     pub fn push(&self, value: usize) -> bool {
    ///         let tail = self.tail.0.fetch_add(1, Relaxed);
    ///         self.slots[tail % 64].store(value, Release);
    ///         true
    ///     }
    ///
    ///     pub fn pop(&self) -> usize {
    ///         let head = self.head.0.fetch_add(1, Relaxed);
    ///         self.slots[head % 64].load(Acquire)
    ///     }
    /// }
    /// ```
    ///
    /// `atomic_lint::Padded` and `crossbeam_utils::CachePadded` choose the size by target; `#[padded]` on a field of
    /// a `#[concurrent]` struct does the same.
    ///
    /// A ring of one producer and one consumer is a type of its own. Each end is moved to its thread, where the indices
    /// are padded, and the other side's is looked at only when the last one seen is used up:
    ///
    /// ```text
    /// let ring = Arc::new(Ring::new(64));                 let (mut producer, mut consumer) = spsc::channel(64);
    /// if !ring.push(value) { … }                          if producer.try_push(value).is_err() { … }
    /// let value = ring.pop();                             let value = consumer.try_pop();
    /// ```
    ///
    /// ## When to allow
    ///
    /// When the type is instantiated so often that the room matters more, or when a benchmark shows no difference:
    /// `#[cold]` on the field says that it is seldom written.
    ///
    /// ## Known limits
    ///
    /// How often a function runs is judged by what it does and by its name (`new`, `close`, `set_…` are rare). Types
    /// that live in collections, list nodes and statics of their own are left alone.
    ///
    /// ## References
    ///
    /// Intel 64 and IA-32 Architectures Optimization Reference Manual, "False sharing" and "spatial prefetcher".
    pub static UNPADDED_HOT_ATOMICS = {
        name: "unpadded_hot_atomics",
        topic: "layout",
        group: Perf,
        confidence: Likely,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for conflict in cx.facts.false_sharing() {
        // Padding that fails, and padding that is only claimed, are other lints' mistakes.
        if conflict.padding.is_none() && !cx.facts.is_falsely_padded(conflict.adt) {
            out.extend(report(cx, &conflict));
        }
    }
}

fn report(cx: &Cx<'_>, conflict: &Conflict) -> Option<Finding> {
    let name = &cx.facts.program.def(conflict.adt).item.name;
    let full: Vec<String> = conflict.hot.iter().chain(&conflict.read_mostly).map(|f| format!("{name}::{f}")).collect();
    let harm = match conflict.hot.len() {
        1 => "so each write to the first takes the line from the readers of the other",
        _ => "so threads that write one slow down those that use another",
    };
    let message = format!("{} {}, {harm}", listed(&full), meeting(conflict.sharing));
    let first = conflict.hot.first()?;
    let primary = Label::new(field_site(cx, conflict.adt, first)?, who(cx, conflict, first));
    let mut finding = cx.finding_at_def(&UNPADDED_HOT_ATOMICS, conflict.adt, primary, message);
    finding.secondary = partners(cx, conflict);
    finding.notes.extend(maps(cx, conflict));
    finding.key.location = format!("{name}::{first}");
    finding.key.operation = "layout".to_owned();
    let ty = cx.facts.field(conflict.adt, first).map(|f| f.ty_span);
    let file = cx.facts.program.def(conflict.adt).file;
    let ty = ty.map_or_else(|| "T".to_owned(), |span| cx.snippet(crate::finding::Site { file, span }));
    finding.fixes.extend(padding::wrap(cx, conflict.adt, &conflict.hot));
    finding.fixes.extend(runtime::ring(cx, conflict.adt, &conflict.hot));
    finding.help = Some(match annotation::is_concurrent(cx, conflict.adt) {
        true => "give each hot field a line of its own: `#[padded]` on it".to_owned(),
        false => format!(
            "give each hot field a line of its own: `atomic_lint::Padded<{ty}>` or `crossbeam_utils::CachePadded<{ty}>`"
        ),
    });
    Some(finding)
}
