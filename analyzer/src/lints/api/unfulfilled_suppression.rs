//! The page and the record; the findings are made by [`suppress`](crate::suppress), which alone knows what every
//! suppression of the run has silenced.

use crate::finding::Finding;
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// A suppression that silences nothing, names no lint, or lacks the reason that is asked for.
    ///
    /// # What it does
    ///
    /// Judges every suppression of this tool, in whichever form it is written: attribute, `cfg_attr` attribute or
    /// comment. It reports
    ///
    /// - a suppression (or an `expect`) of a lint that finds nothing any more in the code it covers,
    /// - a name that is no lint,
    /// - a suppression without a reason, where the configuration says `require-reasons = true`,
    /// - an `until` that is not a date.
    ///
    /// One that names several lints is judged name by name. One whose lint is off in this run is not judged, and neither
    /// is one in a file that could not be parsed or in test code.
    ///
    /// # Why it matters
    ///
    /// A suppression says: "this looks wrong, and here is why it is right". When the code under it has changed, the
    /// statement is about code that is gone, and the next mistake of that kind in its reach will not be seen. A
    /// misspelt name silences nothing, although its author believes it does.
    ///
    /// # Example
    ///
    /// ```rust
    /// # use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    /// # struct Metrics { hits: AtomicU64 }
    /// # impl Metrics {
    /// fn hit(&self) {
    ///     // atomic-lint: allow(split_read_modify_write) only one thread counts
    ///     self.hits.fetch_add(1, Relaxed);
    /// }
    /// # }
    /// ```
    ///
    /// The load and the store that this comment excused have become one `fetch_add`.
    ///
    /// # Use instead
    ///
    /// Remove the suppression, or the name that is not needed.
    ///
    /// # When to allow
    ///
    /// In code that is generated together with its suppressions.
    ///
    /// # Known limits
    ///
    /// A suppression inside the arguments of a macro that the tool does not understand is not seen, so it is neither
    /// heeded nor judged; the coverage line counts such macros.
    pub static UNFULFILLED_SUPPRESSION = {
        name: "unfulfilled_suppression",
        topic: "api",
        group: Suspicious,
        confidence: Certain,
        since: "0.1.0",
        fix: Sometimes,
        check: check,
    }
}

/// Nothing to see in the program itself.
fn check(_: &Cx<'_>, _: &mut Vec<Finding>) {}
