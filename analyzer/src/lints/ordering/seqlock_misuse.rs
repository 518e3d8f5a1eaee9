//! A sequence lock whose version does not enclose the data.

use crate::facts::sequence::{Access, Reader, Sequence, Writer};
use crate::facts::{Facts, LocId};
use crate::finding::{Finding, Interleaving, Label, Site};
use crate::ir::EventId;
use crate::lint::{Cx, declare_lint};
use crate::resolve::BodyId;
use Place::{Data, Elsewhere, Here};

declare_lint! {
    /// Finds sequence locks that cannot work: version reads or bumps that do not enclose the data, data that is read as
    /// plain memory, versions that are not tested.
    ///
    /// ## Why it matters
    ///
    /// A reader takes the version, copies the data and takes the version again; if it is the same (and even), the copy
    /// is whole. That holds only if the copy really happens between the two. An `Acquire` on the second read orders
    /// what comes *after* it; the copy before it may still be under way:
    ///
    /// ```text
    ///   reader                            writer                       version   data
    /// 1 version.load(Acquire) → 2                                      2         (1, 1)
    /// 2 version.load(Acquire) → 2                                      2         (overtakes the copy)
    /// 3                                   version: 3, writes, 4        4         (2, 2)
    /// 4 copies the data → (1, 2)                                       4         half of each
    /// 5 2 == 2: takes the copy for whole                               4
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{fence, AtomicU64, AtomicUsize, Ordering};
    ///
    /// struct Pair { version: AtomicUsize, a: AtomicU64, b: AtomicU64 }
    ///
    /// impl Pair {
    ///     fn read(&self) -> (u64, u64) {
    ///         loop {
    ///             let before = self.version.load(Ordering::Acquire);
    ///             let copy = (self.a.load(Ordering::Relaxed), self.b.load(Ordering::Relaxed));
    ///             if before % 2 == 0 && self.version.load(Ordering::Acquire) == before {
    ///                 return copy;
    ///             }
    ///         }
    ///     }
    ///
    ///     /// Of one thread only.
    ///     fn write(&self, a: u64, b: u64) {
    ///         self.version.fetch_add(1, Ordering::Acquire);
    ///         fence(Ordering::Release);
    ///         self.a.store(a, Ordering::Relaxed);
    ///         self.b.store(b, Ordering::Relaxed);
    ///         self.version.fetch_add(1, Ordering::Release);
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{fence, AtomicU64, AtomicUsize, Ordering};
    ///
    /// struct Pair { version: AtomicUsize, a: AtomicU64, b: AtomicU64 }
    ///
    /// impl Pair {
    ///     fn read(&self) -> (u64, u64) {
    ///         loop {
    ///             let before = self.version.load(Ordering::Acquire);
    ///             let copy = (self.a.load(Ordering::Relaxed), self.b.load(Ordering::Relaxed));
    ///             fence(Ordering::Acquire);
    ///             if before % 2 == 0 && self.version.load(Ordering::Relaxed) == before {
    ///                 return copy;
    ///             }
    ///         }
    ///     }
    ///
    ///     /// Of one thread only.
    ///     fn write(&self, a: u64, b: u64) {
    ///         self.version.fetch_add(1, Ordering::Acquire);
    ///         fence(Ordering::Release);
    ///         self.a.store(a, Ordering::Relaxed);
    ///         self.b.store(b, Ordering::Relaxed);
    ///         self.version.fetch_add(1, Ordering::Release);
    ///     }
    /// }
    /// ```
    ///
    /// Better still `atomic_lint::SeqLock`, which has both sides.
    ///
    /// ## When to allow
    ///
    /// When something outside of the source keeps readers and writers apart.
    ///
    /// ## Known limits
    ///
    /// A location is taken for a version where some function reads it twice around other reads and compares the two.
    /// Copies by `read_volatile` are accepted, as the field does, although they race formally. Data that a lock guards is
    /// left alone. Writers that go through a guard's `DerefMut` are not looked at.
    ///
    /// ## References
    ///
    /// *Boehm: Can Seqlocks Get Along With Programming Language Memory Models?*, MSPC 2012; the Linux kernel's
    /// `seqlock.h`.
    pub static SEQLOCK_MISUSE = {
        name: "seqlock_misuse",
        topic: "ordering",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

/// What is wrong with one side, where, and what to do.
struct Fault {
    body: BodyId,
    event: EventId,
    label: &'static str,
    message: String,
    help: &'static str,
    /// The access to the data that is not enclosed.
    data: Option<EventId>,
    course: Course,
}

/// How it goes wrong: who does what, what the version is then, and where that stands.
type Course = &'static [(usize, &'static str, &'static str, Place)];

#[derive(Clone, Copy)]
enum Place {
    Here,
    Data,
    Elsewhere,
}

const READER: usize = 0;
const WRITER: usize = 1;

const READ_ONCE: Course = &[
    (READER, "reads the version → 2", "2", Here),
    (WRITER, "raises it, writes half of the data", "3", Elsewhere),
    (READER, "reads the data", "3", Data),
];
const OVERTAKEN: Course = &[
    (READER, "reads the version → 2", "2", Elsewhere),
    (READER, "reads it again → 2, ahead of the data", "2", Here),
    (WRITER, "raises it, writes half of the data", "3", Elsewhere),
    (READER, "reads the data", "3", Data),
];
const PLAIN: Course = &[
    (READER, "reads the version → 2", "2", Elsewhere),
    (WRITER, "raises it, writes the data", "3", Elsewhere),
    (READER, "reads the data at that moment", "3", Here),
];
const IN_PROGRESS: Course = &[
    (WRITER, "raises it, writes half of the data", "3", Elsewhere),
    (READER, "reads the version → 3", "3", Here),
    (READER, "reads the data", "3", Data),
    (READER, "reads the version again → 3", "3", Elsewhere),
];
const ONLY_AFTER: Course = &[
    (READER, "reads the version → 2", "2", Elsewhere),
    (WRITER, "writes half of the data", "2", Data),
    (READER, "reads the data", "2", Elsewhere),
    (READER, "reads the version again → 2", "2", Elsewhere),
];
const ONLY_BEFORE: Course = &[
    (WRITER, "raises it", "3", Here),
    (WRITER, "writes half of the data", "3", Data),
    (READER, "reads the version → 3", "3", Elsewhere),
    (READER, "reads the data", "3", Elsewhere),
    (READER, "reads the version again → 3", "3", Elsewhere),
];
const EARLY: Course = &[
    (WRITER, "writes half of the data, ahead of raising it", "2", Data),
    (READER, "reads the version → 2", "2", Elsewhere),
    (READER, "reads the data", "2", Elsewhere),
    (READER, "reads the version again → 2", "2", Elsewhere),
];
const LATE: Course = &[
    (WRITER, "raises it, writes half of the data", "3", Data),
    (WRITER, "raises it again, ahead of the other half", "4", Here),
    (READER, "reads the version → 4", "4", Elsewhere),
    (READER, "reads the data", "4", Elsewhere),
    (READER, "reads the version again → 4", "4", Elsewhere),
];

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for location in (0..facts.locations.len() as u32).map(LocId) {
        let Some(sequence) = facts.sequence(location) else { continue };
        let faults = sequence.readers.iter().filter_map(|r| reader_fault(cx, location, sequence, r));
        let faults = faults.chain(sequence.writers.iter().filter_map(|w| writer_fault(cx, location, sequence, w)));
        let mut sites: Vec<Site> = Vec::new();
        for fault in faults {
            let site = facts.event_site(fault.body, fault.event);
            if !sites.contains(&site) {
                sites.push(site);
                out.push(report(cx, location, &fault));
            }
        }
    }
}

fn reader_fault(cx: &Cx<'_>, location: LocId, sequence: &Sequence, r: &Reader) -> Option<Fault> {
    let facts = cx.facts;
    let name = cx.location_name(location);
    let at = |i: usize| facts.seen(r.body)[i].event;
    if facts.may_be_locked_by_callers(facts.seen(r.body)[r.first].op) {
        return None;
    }
    let Some(second) = r.second else {
        return Some(Fault {
            body: r.body,
            event: at(r.first),
            label: "the version is taken once",
            message: format!(
                "{name} is not read again after the data, so a copy that a writer has torn is taken for whole"
            ),
            help: "read the version again after `fence(Acquire)`, and retry if it has changed",
            data: r.data.first().map(|d| d.event),
            course: READ_ONCE,
        });
    };
    if let Some(datum) = facts.overtaken(r) {
        return Some(Fault {
            body: r.body,
            event: at(second),
            label: "may run before the data is read",
            message: format!("{name} may be read the second time before the data, so a torn copy passes for whole"),
            help: "put `fence(Acquire)` between the data and this read, which can then be `Relaxed`",
            data: Some(datum.event),
            course: OVERTAKEN,
        });
    }
    if let Some(datum) = r.data.iter().find(|d| d.access == Access::Plain && !d.indexed) {
        return Some(Fault {
            body: r.body,
            event: datum.event,
            label: "a plain read of memory that a writer may be changing",
            message: format!("this reads plain memory while a writer may change it, and only then asks {name}"),
            help: "keep the data in atomics that are read `Relaxed`, or copy it with `read_volatile` as `MaybeUninit`",
            data: None,
            course: PLAIN,
        });
    }
    let doubled = sequence.writers.iter().any(|w| !w.before.is_empty() && !w.after.is_empty());
    (doubled && !r.tests_first).then(|| Fault {
        body: r.body,
        event: at(r.first),
        label: "may be the version of a write in progress",
        message: format!("{name} is not tested for being odd, so data in the middle of a write passes for whole"),
        help: "start again while the version is odd",
        data: r.data.first().map(|d| d.event),
        course: IN_PROGRESS,
    })
}

fn writer_fault(cx: &Cx<'_>, location: LocId, sequence: &Sequence, w: &Writer) -> Option<Fault> {
    let facts = cx.facts;
    let name = cx.location_name(location);
    let at = |i: usize| facts.seen(w.body)[i].event;
    let fault = |event, label, message, help, data, course| {
        Some(Fault { body: w.body, event, label, message, help, data: Some(data), course })
    };
    // Another element than the one that readers look at, until the version says so.
    if w.data.iter().all(|d| d.indexed) || sequence.readers.iter().all(|r| r.second.is_none()) {
        return None;
    }
    match (&w.before[..], &w.after[..]) {
        ([], [after, ..]) => fault(
            at(*after),
            "the only time that it is raised",
            format!("{name} is raised only after the data was written, so a reader in between sees no change"),
            "raise it before the data is written too: odd while a write is in progress",
            w.data[0].event,
            ONLY_AFTER,
        ),
        ([before, ..], []) => fault(
            at(*before),
            "the only time that it is raised",
            format!("{name} is raised only before the data is written, so a reader that starts now takes half of it"),
            "raise it again, with `Release`, when the data is written",
            w.data[0].event,
            ONLY_BEFORE,
        ),
        ([before, ..], [.., after]) => {
            if let Some(d) = facts.written_early(w) {
                return fault(
                    at(*before),
                    "the data's writes may overtake this",
                    format!("the data may be written before {name} says that a write is in progress"),
                    "put `fence(Release)` behind it",
                    d.event,
                    EARLY,
                );
            }
            let d = facts.written_late(w)?;
            fault(
                at(*after),
                "may overtake the data's writes",
                format!("{name} may say that the write is over before the data is written"),
                "raise it with `Release`",
                d.event,
                LATE,
            )
        }
        ([], []) => None,
    }
}

fn report(cx: &Cx<'_>, location: LocId, fault: &Fault) -> Finding {
    let facts = cx.facts;
    let site = facts.event_site(fault.body, fault.event);
    let mut finding = cx.finding(&SEQLOCK_MISUSE, fault.body, Label::new(site, fault.label), fault.message.clone());
    let data = fault.data.map(|d| facts.event_site(fault.body, d));
    if let Some(data) = data {
        finding.secondary.push(Label::new(data, "the data"));
    }
    finding.notes.push(cx.role_note(location));
    finding.key.location.clone_from(&facts.location(location).name);
    finding.key.operation = operation(facts, fault);
    let watched = facts.location(location).name.rsplit("::").next().unwrap_or("version").to_owned();
    let schedule = fault.course.iter().fold(
        Interleaving::new(&["reader", "writer"], watched),
        |schedule, (thread, action, version, place)| {
            let place = match place {
                Here => Some(site),
                Data => data,
                Elsewhere => None,
            };
            schedule.step(*thread, place, *action, *version)
        },
    );
    let end = if data.is_some() { "a torn copy passes for whole" } else { "a data race, before the version can tell" };
    finding.interleaving = Some(schedule.ending(end));
    finding.help = Some(fault.help.to_owned());
    finding
}

fn operation(facts: &Facts<'_>, fault: &Fault) -> String {
    let seen = facts.seen(fault.body).iter().find(|s| s.event == fault.event);
    seen.map_or_else(|| "read".to_owned(), |s| facts.op(s.op).method.to_owned())
}
