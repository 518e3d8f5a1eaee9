//! `#[single_writer]`, and yet somebody else writes.

use crate::facts::writers::{Write, Writer};
use crate::facts::{Facts, LocId};
use crate::finding::{Finding, Interleaving, Label, Site};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds writes of a location annotated `#[single_writer]` that do not come from its one writer.
    ///
    /// ## Why it matters
    ///
    /// With one writer an update is a load and a store: nobody can come between. The annotation says that this is so,
    /// and the code around it relies on it. A second writer loses updates:
    ///
    /// ```text
    ///   thread A (push)                thread B (push)                tail
    /// 1 load: 4                                                         4
    /// 2                                load: 4                          4
    /// 3 store(5)                                                        5
    /// 4                                store(5)                         5    one update is lost
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicUsize, Ordering::*};
    ///
    /// pub struct Log {
    ///     #[cfg_attr(any(), atomic_lint::single_writer)]
    ///     tail: AtomicUsize,
    /// }
    ///
    /// impl Log {
    ///     pub fn push(&self) {
    ///         self.tail.store(self.tail.load(Relaxed) + 1, Release);
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// A handle that writes and of which there is one: its methods take `&mut self`, and it is not `Clone`.
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicUsize, Ordering::*};
    /// use std::sync::Arc;
    ///
    /// pub struct Log {
    ///     #[cfg_attr(any(), atomic_lint::single_writer)]
    ///     tail: AtomicUsize,
    /// }
    ///
    /// pub struct Writer { log: Arc<Log> }
    ///
    /// impl Writer {
    ///     pub fn push(&mut self) {
    ///         self.log.tail.store(self.log.tail.load(Relaxed) + 1, Release);
    ///     }
    /// }
    /// ```
    ///
    /// `#[single_writer]` of `atomic_lint` on the struct writes such handles, and `atomic_lint::SingleWriter` is one
    /// for a single atomic. Where several threads do write, an RMW (`fetch_add`) and no annotation is right.
    ///
    /// ## When to allow
    ///
    /// Where the one writer is a matter of convention that no type shows: say which in the reason.
    ///
    /// ## Known limits
    ///
    /// A writer that cannot be made out (behind a raw pointer, in a function whose caller vouches for it, in a closure
    /// that unknown code runs) is believed, unless it writes by an RMW, which a single writer has no use for.
    ///
    /// ## References
    ///
    /// Thompson and others, "Disruptor: High performance alternative to bounded queues", 2011: the single writer
    /// principle.
    pub static SINGLE_WRITER_VIOLATION = {
        name: "single_writer_violation",
        topic: "api",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for index in 0..cx.facts.locations.len() as u32 {
        let location = LocId(index);
        if cx.facts.promises_single_writer(location) {
            let writes = unprotected(cx.facts, location);
            if let Some(breach) = breach(cx.facts, &writes) {
                out.push(report(cx, location, &writes, &breach));
            }
        }
    }
}

/// Whether `single_writer_violation` speaks of a location.
pub fn is_broken(facts: &Facts<'_>, location: LocId) -> bool {
    facts.promises_single_writer(location) && breach(facts, &unprotected(facts, location)).is_some()
}

/// The writes that only their writer's being alone keeps apart.
fn unprotected<'f>(facts: &'f Facts<'_>, location: LocId) -> Vec<Write<'f>> {
    facts.writes(location).into_iter().filter(|w| !w.excused).collect()
}

/// What breaks the promise: an index among the writes, and why.
struct Breach {
    write: usize,
    why: Why,
}

enum Why {
    /// By a shared reference, or from threads that are started in a loop.
    Anybody,
    /// The write of this index has another handle or thread.
    SecondWriter(usize),
    /// The handle may be there twice.
    Copied,
    /// A read-modify-write by somebody who is not known.
    Rmw,
}

fn breach(facts: &Facts<'_>, writes: &[Write<'_>]) -> Option<Breach> {
    let find = |wanted: &dyn Fn(&Write<'_>) -> bool| writes.iter().position(wanted);
    if let Some(write) = find(&|w| w.by == Writer::Anybody) {
        return Some(Breach { write, why: Why::Anybody });
    }
    if let Some(first) = find(&|w| w.by != Writer::Unknown) {
        let other = |w: &Write<'_>| w.by != Writer::Unknown && w.by != writes[first].by;
        if let Some(write) = find(&other) {
            return Some(Breach { write, why: Why::SecondWriter(first) });
        }
    }
    if let Some(write) = find(&|w| matches!(w.by, Writer::Handle(h) if facts.is_copied(h))) {
        return Some(Breach { write, why: Why::Copied });
    }
    let rmw = |w: &Write<'_>| w.by == Writer::Unknown && facts.op(w.op).kind.is_rmw();
    find(&rmw).map(|write| Breach { write, why: Why::Rmw })
}

fn report(cx: &Cx<'_>, location: LocId, writes: &[Write<'_>], breach: &Breach) -> Finding {
    let facts = cx.facts;
    let name = cx.location_name(location);
    let write = &writes[breach.write];
    let op = facts.op(write.op);
    let function = facts.function_name(write.body);
    let (message, label) = match &breach.why {
        Why::Anybody => (
            format!(
                "{name} has a single writer by its annotation, but any thread with a reference may call `{function}`, which writes it"
            ),
            "several threads can write here at once".to_owned(),
        ),
        Why::SecondWriter(first) => (
            format!(
                "{name} has a single writer by its annotation, but {} writes it as well as {}",
                who(facts, write),
                who(facts, &writes[*first])
            ),
            "a second writer".to_owned(),
        ),
        Why::Copied => (
            format!(
                "{name} has a single writer by its annotation, but there may be several of {}, which writes it",
                who(facts, write)
            ),
            "each of them writes here".to_owned(),
        ),
        Why::Rmw => (
            format!("{name} has a single writer by its annotation, but `{}` is written for several", op.method),
            "a single writer needs no read-modify-write".to_owned(),
        ),
    };
    let mut finding = cx.finding(&SINGLE_WRITER_VIOLATION, op.body, Label::new(cx.op_site(write.op), label), message);
    if let Why::SecondWriter(first) = breach.why {
        let first = &writes[first];
        finding.secondary.push(Label::new(cx.op_site(first.op), format!("{} writes here", who(facts, first))));
    }
    if let Some((site, text)) = promise(cx, location) {
        finding.secondary.push(Label::new(site, text));
    }
    finding.key.location.clone_from(&facts.location(location).name);
    finding.key.operation = op.method.to_owned();
    finding.help = Some(
        "write through one handle that is not `Clone` and takes `&mut self`, or take the annotation away and update by \
         an RMW such as `fetch_add`"
            .to_owned(),
    );
    if !op.kind.is_rmw() {
        finding.interleaving = Some(lost(cx, location, write));
    }
    finding
}

fn lost(cx: &Cx<'_>, location: LocId, write: &Write<'_>) -> Interleaving {
    let site = cx.op_site(write.op);
    let method = cx.facts.op(write.op).method;
    Interleaving::new(&["thread A", "thread B"], cx.facts.location(location).name.clone())
        .step(0, None, "reads it, to update it", "old")
        .step(1, None, "reads it, to update it", "old")
        .step(1, Some(site), method, "updated by B")
        .step(0, Some(site), method, "updated by A")
        .ending("the update of thread B is lost")
}

fn who(facts: &Facts<'_>, write: &Write<'_>) -> String {
    match write.by {
        Writer::Handle(handle) => format!("`{}`", facts.program.def(handle).item.name),
        Writer::Thread(body) => format!("the thread that `{}` starts", facts.function_name(body)),
        Writer::Anybody | Writer::Unknown => format!("`{}`", facts.function_name(write.body)),
    }
}

fn promise(cx: &Cx<'_>, location: LocId) -> Option<(Site, &'static str)> {
    let annotation = cx.facts.single_writer(location)?;
    let file = cx.facts.program.def(cx.facts.location(location).key.owner()?).file;
    Some((Site { file, span: annotation.attr.span }, "the promise"))
}
