//! An atomic that a lock protects already.

use crate::facts::access::Key;
use crate::facts::guards::Lock;
use crate::facts::{Facts, LocId, OpId};
use crate::finding::{Finding, Label, Site};
use crate::lint::{Cx, declare_lint};
use crate::resolve::{DefId, Type};

declare_lint! {
    /// Finds atomics of which every access holds one and the same lock: they could be plain data inside it.
    ///
    /// ## Why it matters
    ///
    /// The lock makes every access exclusive and orders it. The atomic adds a locked instruction, and says to the
    /// reader that somebody comes without the lock. The next change may take it at its word:
    ///
    /// ```text
    ///   thread A: under the lock         thread B: a later "fast path"    jobs, queue
    /// 1 queue.push(job)                                                   0, 1 entry
    /// 2                                  jobs.load() → 0                  0, 1 entry   misses the job
    /// 3 jobs.fetch_add(1)                                                 1, 1 entry
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::Mutex;
    /// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    ///
    /// pub struct Pool { queue: Mutex<Vec<u32>>, taken: AtomicUsize }
    ///
    /// impl Pool {
    ///     pub fn take(&self) -> Option<u32> {
    ///         let mut queue = self.queue.lock().unwrap();
    ///         self.taken.fetch_add(1, Relaxed);
    ///         queue.pop()
    ///     }
    ///
    ///     pub fn report(&self) -> (usize, usize) {
    ///         let queue = self.queue.lock().unwrap();
    ///         (queue.len(), self.taken.load(Relaxed))
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::Mutex;
    ///
    /// struct Inner { queue: Vec<u32>, taken: usize }
    ///
    /// pub struct Pool { inner: Mutex<Inner> }
    ///
    /// impl Pool {
    ///     pub fn take(&self) -> Option<u32> {
    ///         let mut inner = self.inner.lock().unwrap();
    ///         inner.taken += 1;
    ///         inner.queue.pop()
    ///     }
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// Where a reader without the lock is planned, or a debugger reads it.
    ///
    /// ## Known limits
    ///
    /// Only private fields and statics whose every operation was found, and locks of the same owner (or around it).
    ///
    /// ## References
    ///
    /// `std::sync::Mutex`.
    pub static ATOMIC_UNDER_LOCK = {
        name: "atomic_under_lock",
        topic: "api",
        group: Pedantic,
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
        let shared = shared_ops(facts, location);
        if !is_known(facts, location) || !is_used(facts, &shared) {
            continue;
        }
        if let Some(lock) = common_lock(facts, location, &shared) {
            out.extend(report(cx, location, &lock, &shared));
        }
    }
}

fn shared_ops(facts: &Facts<'_>, location: LocId) -> Vec<OpId> {
    let by_drop = |o: &OpId| facts.context(*o).in_drop;
    let ops = facts.location(location).ops.iter().copied();
    ops.filter(|o| !facts.op(*o).is_test && !(facts.context(*o).exclusive && (by_drop(o) || !is_locked(facts, *o))))
        .collect()
}

fn is_locked(facts: &Facts<'_>, op: OpId) -> bool {
    !facts.context(op).locks.is_empty()
}

/// Every operation is in the table: the atomic lies in its owner, nobody else can name it, and no reference is made.
fn is_known(facts: &Facts<'_>, location: LocId) -> bool {
    let inline = match &facts.location(location).key {
        Key::Field(adt, field) => {
            let first = field.split('.').next().unwrap_or(field);
            let ty = facts.program.field_type(&Type::open(*adt), first);
            ty.is_some_and(|ty| matches!(ty, Type::Atomic(kind, _) if kind.takes_orderings()))
                && facts.is_private_field(location)
        }
        Key::Static(d) => facts.program.def(*d).item.vis == crate::ir::Vis::Private,
        Key::Local(..) => false,
    };
    inline && !facts.is_handed_out(location)
}

/// It is written and read, so that it is no leftover.
fn is_used(facts: &Facts<'_>, ops: &[OpId]) -> bool {
    ops.len() > 1 && ops.iter().any(|o| facts.op(*o).kind.writes()) && ops.iter().any(|o| facts.op(*o).kind.reads())
}

/// The lock that every operation holds: exclusively, or shared by those that only read.
fn common_lock(facts: &Facts<'_>, location: LocId, ops: &[OpId]) -> Option<Lock> {
    let first = facts.context(*ops.first()?);
    let holds = |o: &OpId, lock: &Lock| {
        let reads_only = !facts.op(*o).kind.writes();
        facts.context(*o).locks.iter().any(|(l, shared)| l == lock && (!shared || reads_only))
    };
    let mut candidates = first.locks.iter().map(|(l, _)| l);
    candidates.find(|lock| belongs(facts, location, lock) && ops.iter().all(|o| holds(o, lock))).cloned()
}

/// The lock lies beside the atomic in its owner, or the owner lies inside the lock.
fn belongs(facts: &Facts<'_>, location: LocId, lock: &Lock) -> bool {
    let Lock::Location(lock) = lock else { return false };
    match (&facts.location(location).key, lock) {
        (Key::Field(owner, _), Key::Field(adt, field)) => {
            let first = field.split('.').next().unwrap_or(field);
            let ty = facts.program.field_type(&Type::open(*adt), first);
            owner == adt || ty.is_some_and(|ty| mentions(&ty, *owner))
        }
        (Key::Static(_), Key::Static(_)) => true,
        _ => false,
    }
}

fn mentions(ty: &Type, adt: DefId) -> bool {
    match ty {
        Type::Adt(d, args) => *d == adt || args.iter().any(|t| mentions(t, adt)),
        Type::Known(_, args) | Type::External(_, args) | Type::Tuple(args) => args.iter().any(|t| mentions(t, adt)),
        Type::Array(inner, _) | Type::Slice(inner) => mentions(inner, adt),
        _ => false,
    }
}

fn report(cx: &Cx<'_>, location: LocId, lock: &Lock, ops: &[OpId]) -> Option<Finding> {
    let facts = cx.facts;
    let Lock::Location(lock) = lock else { return None };
    let lock = crate::facts::access::location_name(facts.program, lock);
    let loc = facts.location(location);
    let (def, span) = match &loc.key {
        Key::Field(adt, field) => (*adt, facts.field(*adt, field.split('.').next().unwrap_or(field))?.name_span),
        Key::Static(d) => (*d, facts.program.def(*d).item.name_span),
        Key::Local(..) => return None,
    };
    let site = Site { file: facts.program.def(def).file, span };
    let message =
        format!("every access to {} holds `{lock}`, so it could be plain data inside it", cx.location_name(location));
    let label = Label::new(site, format!("atomic, and guarded at all {} accesses", ops.len()));
    let mut finding = cx.finding_at_def(&ATOMIC_UNDER_LOCK, def, label, message);
    finding.secondary.extend(ops.iter().take(3).map(|o| Label::new(cx.op_site(*o), "the lock is held here")));
    finding.key.location.clone_from(&loc.name);
    finding.key.operation = "definition".to_owned();
    finding.help = Some(format!("move it into the data of `{lock}` as a plain value"));
    Some(finding)
}
