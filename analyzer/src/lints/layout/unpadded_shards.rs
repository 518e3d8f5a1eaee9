//! Shards of one counter on one cache line.

use crate::facts::shards::Shards;
use crate::finding::{Finding, Label};
use crate::lint::{Cx, declare_lint};
use crate::remedy::{padding, runtime};

declare_lint! {
    /// Finds arrays of atomics with one element per thread, processor or random pick whose elements share cache lines.
    ///
    /// ## Why it matters
    ///
    /// A counter is split into shards so that threads need not fight for one line. Sixteen 8-byte shards that lie
    /// side by side are on one pair of lines, and the threads fight as before:
    ///
    /// ```text
    /// offset  size  element
    ///      0     8  [0]  written by thread 0
    ///      8     8  [1]  written by thread 1
    ///     16     8  [2]  written by thread 2
    ///     …
    /// ---------------------------- end of the line
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
    ///
    /// static NEXT: AtomicUsize = AtomicUsize::new(0);
    /// thread_local! { static INDEX: usize = NEXT.fetch_add(1, Relaxed); }
    ///
    /// pub struct Hits { shards: [AtomicU64; 16] }
    ///
    /// impl Hits {
    ///     pub fn hit(&self) {
    ///         let i = INDEX.with(|i| *i);
    ///         self.shards[i % 16].fetch_add(1, Relaxed);
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
    ///
    /// static NEXT: AtomicUsize = AtomicUsize::new(0);
    /// thread_local! { static INDEX: usize = NEXT.fetch_add(1, Relaxed); }
    ///
    /// #[repr(align(128))]
    /// struct Shard(AtomicU64);
    ///
    /// pub struct Hits { shards: [Shard; 16] }
    ///
    /// impl Hits {
    ///     pub fn hit(&self) {
    ///         let i = INDEX.with(|i| *i);
    ///         self.shards[i % 16].0.fetch_add(1, Relaxed);
    ///     }
    /// }
    /// ```
    ///
    /// `atomic_lint::ShardedCounter` is this type; `atomic_lint::Padded` the element. To move over:
    ///
    /// ```text
    /// shards: [AtomicU64; 16]                             shards: atomic_lint::ShardedCounter
    /// let i = INDEX.with(|i| *i);
    /// self.shards[i % 16].fetch_add(n, Relaxed);          self.shards.add(n);
    /// self.shards.iter().map(|s| s.load(Relaxed)).sum()   self.shards.get()
    /// ```
    ///
    /// ## When to allow
    ///
    /// Where the shards are there for another reason than speed (statistics per worker that are seldom written).
    ///
    /// ## Known limits
    ///
    /// Only indices that are visibly the thread's, the processor's, a handle's own or random count. Histograms,
    /// bitmaps, ring slots and hash buckets are indexed by data and are left alone.
    ///
    /// ## References
    ///
    /// Intel 64 and IA-32 Architectures Optimization Reference Manual, "False sharing".
    pub static UNPADDED_SHARDS = {
        name: "unpadded_shards",
        topic: "layout",
        group: Perf,
        confidence: Likely,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for shards in cx.facts.shards() {
        // Padded, but not enough: `ineffective_padding` says so.
        if shards.narrow.is_none() {
            out.push(report(cx, &shards));
        }
    }
}

fn report(cx: &Cx<'_>, shards: &Shards) -> Finding {
    let message = format!(
        "neighbouring shards of `{}` share a cache line, so threads that use different ones slow each other down",
        shards.name
    );
    let primary = Label::new(shards.site, format!("elements of {} bytes, side by side", shards.size));
    let mut finding = cx.finding_at_def(&UNPADDED_SHARDS, shards.owner, primary, message);
    finding.secondary.push(Label::new(shards.indexed_at, shards.by.describe()));
    finding.notes.extend(maps(shards.size));
    finding.key.location.clone_from(&shards.name);
    finding.key.operation = "layout".to_owned();
    finding.fixes.extend(padding::wrap_elements(cx, shards));
    let is_counter = shards.element.is_none();
    if is_counter {
        let sharded = runtime::retype(cx, shards.owner, shards.site.span, "atomic_lint::ShardedCounter");
        finding.fixes.extend(sharded);
    }
    finding.help = Some(
        "pad the elements: `atomic_lint::Padded<…>` or `crossbeam_utils::CachePadded<…>`; for a counter, \
         `atomic_lint::ShardedCounter` is the whole type"
            .to_owned(),
    );
    finding
}

/// The first elements on their lines as they are, and padded.
fn maps(size: u64) -> [String; 2] {
    const LINE: u64 = 128;
    let map = |step: u64| {
        let row = |n: u64| format!("\n  {:>4}  {:>6}  {step:>4}  [{n}]", n * step / LINE, n * step);
        format!("\n  line  offset  size  element{}{}", row(0), row(1))
    };
    let shared = (LINE / size.max(1)).max(1);
    let now = format!("lines of {LINE} bytes on x86-64 and AArch64, {shared} elements on each:{}", map(size));
    let padded = format!("padded, one element on each:{}", map(size.max(1).next_multiple_of(LINE)));
    [now, padded]
}
