//! What was taken out of a shared pointer is freed while readers may still be at it.

use super::aba_prone_cas;
use crate::facts::reclamation::{Reader, Release};
use crate::facts::{Facts, LocId};
use crate::finding::{Finding, Interleaving, Label};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds an old value, replaced by `swap` or CAS, that is freed at once or handed out as the caller's own, while
    /// other functions load the same pointer and follow it with nothing that keeps the value alive.
    ///
    /// ## Why it matters
    ///
    /// A reader that has loaded the pointer before it was replaced may follow it long after:
    ///
    /// ```text
    ///   reader                writer              current
    /// 1 load → old                                old
    /// 2                       swap → old          new
    /// 3                       drop old            new
    /// 4 reads *old                                new     freed memory
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// pub struct Config { current: AtomicPtr<String> }
    ///
    /// impl Config {
    ///     pub fn len(&self) -> usize {
    ///         unsafe { (*self.current.load(Acquire)).len() }
    ///     }
    ///
    ///     pub fn replace(&self, text: String) {
    ///         let old = self.current.swap(Box::into_raw(Box::new(text)), AcqRel);
    ///         drop(unsafe { Box::from_raw(old) });
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::{Arc, RwLock};
    ///
    /// pub struct Config { current: RwLock<Arc<String>> }
    ///
    /// impl Config {
    ///     pub fn get(&self) -> Arc<String> {
    ///         self.current.read().unwrap().clone()
    ///     }
    ///
    ///     pub fn replace(&self, text: String) {
    ///         *self.current.write().unwrap() = Arc::new(text);
    ///     }
    /// }
    /// ```
    ///
    /// Without a lock: `atomic_lint::Snapshot`, or epochs (`crossbeam_epoch`, `defer_destroy`).
    ///
    /// ## When to allow
    ///
    /// When something that the source does not show keeps readers away.
    ///
    /// ## Known limits
    ///
    /// Quiet under epoch and hazard guards, where readers hold a lock, write another atomic before they follow the
    /// pointer (a count of readers, a hazard slot) or take the value out themselves, where another atomic is asked before
    /// the free, through `&mut self`, and in `Drop`. What `crossbeam_epoch` frees at once (`into_owned`) is freed under
    /// pinned readers too, and `unprotected()` guards nothing.
    ///
    /// ## References
    ///
    /// McKenney, *Is Parallel Programming Hard*, on deferred processing; CWE-416.
    pub static PREMATURE_RECLAMATION = {
        name: "premature_reclamation",
        topic: "cas",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for location in (0..facts.locations.len() as u32).map(LocId) {
        if let Some((release, readers)) = released_early(facts, location) {
            out.push(report(cx, location, &release, &readers));
        }
    }
}

/// Whether this lint speaks of a location; `refcount_resurrection` leaves counts found through it to this lint.
pub fn is_reported(facts: &Facts<'_>, location: LocId) -> bool {
    released_early(facts, location).is_some()
}

fn released_early(facts: &Facts<'_>, location: LocId) -> Option<(Release, Vec<Reader>)> {
    let release = facts.release_of(location)?;
    let readers = facts.unprotected_readers(location, &release);
    (!readers.is_empty() && !is_left_to_aba(facts, location, &release)).then_some((release, readers))
}

/// Where the function that frees also looks inside the node for its CAS, `aba_prone_cas` speaks of both.
fn is_left_to_aba(facts: &Facts<'_>, location: LocId, release: &Release) -> bool {
    let ops = &facts.location(location).ops;
    ops.iter().any(|o| facts.op(*o).body == release.body && aba_prone_cas::prone(facts, *o).is_some())
}

fn report(cx: &Cx<'_>, location: LocId, release: &Release, readers: &[Reader]) -> Finding {
    let facts = cx.facts;
    let name = cx.location_name(location);
    let reader = readers[0];
    let by = facts.function_name(reader.body);
    let (message, label, step) = if release.to_caller {
        let message =
            format!("`{by}` may still follow the old value of {name} when the caller drops what this returns");
        (message, "handed to the caller as its own, whoever has loaded it before", "gives old away; it is dropped")
    } else {
        let message = format!("`{by}` may still follow the old value of {name} when this frees it");
        (message, "freed here, whoever has loaded it before", "frees old")
    };
    let site = facts.event_site(release.body, release.event);
    let mut finding = cx.finding(&PREMATURE_RECLAMATION, release.body, Label::new(site, label), message);
    if cx.op_site(release.taken) != site {
        finding.secondary.push(Label::new(cx.op_site(release.taken), "taken out here"));
    }
    for r in readers {
        let text = "loaded and followed here, with nothing that keeps it";
        finding.secondary.push(Label::new(cx.op_site(r.load), text));
    }
    finding.notes.push(cx.role_note(location));
    finding.key.location = facts.location(location).name.clone();
    finding.key.operation = facts.op(release.taken).method.to_owned();
    let short = finding.key.location.rsplit("::").next().unwrap_or("value").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["reader", "writer"], short)
            .step(0, Some(cx.op_site(reader.load)), "load → old", "old")
            .step(1, Some(cx.op_site(release.taken)), "takes old out", "new")
            .step(1, Some(site), step, "new")
            .step(0, Some(facts.event_site(reader.body, reader.used)), "reads *old", "new")
            .ending("freed memory"),
    );
    finding.help = Some(
        "keep values alive for readers: `atomic_lint::Snapshot`, `Arc` behind a lock, or `crossbeam_epoch` with \
         `defer_destroy`"
            .to_owned(),
    );
    finding
}
