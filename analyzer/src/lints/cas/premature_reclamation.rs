//! What was taken out of a shared pointer is freed while readers may still be at it.

use crate::facts::{Facts, LocId, OpId};
use crate::finding::{Finding, Interleaving, Label};
use crate::ir::{AtomicOpKind, EventId};
use crate::lint::{Cx, declare_lint};
use crate::lints::cas::aba_prone_cas;
use crate::resolve::{Atomic, BodyId};

declare_lint! {
    /// Finds an old value, replaced by `swap` or CAS, that is freed at once, while other functions load the same pointer
    /// and follow it with nothing that keeps the value alive.
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
    /// Quiet under epoch and hazard guards, under a common lock, through `&mut self`, in `Drop`, and where readers take the
    /// value out themselves.
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
    for i in 0..facts.locations.len() as u32 {
        let location = LocId(i);
        let loc = facts.location(location);
        if loc.atomic != Some(Atomic::Ptr) {
            continue;
        }
        let Some((free, taken)) = facts.release_of(location) else { continue };
        let prone = loc.ops.iter().any(|o| facts.op(*o).body == free.0 && aba_prone_cas::prone(facts, *o).is_some());
        if prone {
            continue;
        }
        let reader = loc.ops.iter().copied().find(|&o| o != taken && follows(facts, o));
        if let Some(reader) = reader {
            out.push(report(cx, location, free, taken, reader));
        }
    }
}

/// A load whose value is followed, with nothing that keeps it from being freed.
fn follows(facts: &Facts<'_>, id: OpId) -> bool {
    let op = facts.op(id);
    if op.kind != AtomicOpKind::Load {
        return false;
    }
    let Some(seen) = facts.seen(op.body).iter().find(|s| s.op == id && s.is_direct()) else { return false };
    let Some(loaded) = op.result else { return false };
    let alone = facts.is_alone(op.body, seen) || facts.context(id).in_drop || !facts.context(id).locks.is_empty();
    !alone && !facts.is_protected(op.body) && facts.is_followed(op.body, loaded)
}

fn report(cx: &Cx<'_>, location: LocId, free: (BodyId, EventId), taken: OpId, reader: OpId) -> Finding {
    let facts = cx.facts;
    let name = cx.location_name(location);
    let by = facts.function_name(facts.op(reader).body);
    let message = format!("`{by}` may still follow the old value of {name} when this frees it");
    let site = facts.event_site(free.0, free.1);
    let label = Label::new(site, "freed here, whoever has loaded it before");
    let mut finding = cx.finding(&PREMATURE_RECLAMATION, free.0, label, message);
    finding.secondary.push(Label::new(cx.op_site(taken), "taken out here"));
    finding.secondary.push(Label::new(cx.op_site(reader), "loaded and followed here, with nothing that keeps it"));
    finding.notes.push(cx.role_note(location));
    finding.key.location = facts.location(location).name.clone();
    finding.key.operation = facts.op(taken).method.to_owned();
    let short = finding.key.location.rsplit("::").next().unwrap_or("value").to_owned();
    finding.interleaving = Some(
        Interleaving::new(&["reader", "writer"], short)
            .step(0, Some(cx.op_site(reader)), "load → old", "old")
            .step(1, Some(cx.op_site(taken)), "takes old out", "new")
            .step(1, Some(site), "frees old", "new")
            .step(0, None, "reads *old", "new")
            .ending("freed memory"),
    );
    finding.help = Some(
        "keep values alive for readers: `atomic_lint::Snapshot`, `Arc` behind a lock, or `crossbeam_epoch` with \
         `defer_destroy`"
            .to_owned(),
    );
    finding
}
