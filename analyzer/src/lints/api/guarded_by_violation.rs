//! `#[guarded_by(lock)]`, and somebody comes without the lock.

use crate::facts::guarded::{GuardedField, Lack, Unguarded};
use crate::finding::{Finding, Interleaving, Label, Site};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds accesses of a field annotated `#[guarded_by(lock)]` that are made without that lock's guard, with a guard
    /// of another object's lock, or that write under a guard which is for reading.
    ///
    /// ## Why it matters
    ///
    /// The lock lies beside the data, not around it, so the compiler lets everybody in. One access that forgets it is a
    /// data race with all that don't:
    ///
    /// ```text
    ///   thread A (push)                thread B (len)                 items
    /// 1 lock.lock()                                                     4 items
    /// 2 push: grows, moves the items                                    (being moved)
    /// 3                                len: reads without the lock      freed memory
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::cell::UnsafeCell;
    /// use std::sync::Mutex;
    ///
    /// pub struct Queue {
    ///     lock: Mutex<()>,
    ///     #[cfg_attr(any(), atomic_lint::guarded_by(lock))]
    ///     items: UnsafeCell<Vec<u32>>,
    /// }
    ///
    /// unsafe impl Sync for Queue {}
    ///
    /// impl Queue {
    ///     pub fn push(&self, item: u32) {
    ///         let _guard = self.lock.lock().unwrap();
    ///         unsafe { (*self.items.get()).push(item) };
    ///     }
    ///
    ///     pub fn len(&self) -> usize {
    ///         unsafe { (*self.items.get()).len() }
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::cell::UnsafeCell;
    /// use std::sync::Mutex;
    ///
    /// pub struct Queue {
    ///     lock: Mutex<()>,
    ///     #[cfg_attr(any(), atomic_lint::guarded_by(lock))]
    ///     items: UnsafeCell<Vec<u32>>,
    /// }
    ///
    /// unsafe impl Sync for Queue {}
    ///
    /// impl Queue {
    ///     pub fn push(&self, item: u32) {
    ///         let _guard = self.lock.lock().unwrap();
    ///         unsafe { (*self.items.get()).push(item) };
    ///     }
    ///
    ///     pub fn len(&self) -> usize {
    ///         let _guard = self.lock.lock().unwrap();
    ///         unsafe { (*self.items.get()).len() }
    ///     }
    /// }
    /// ```
    ///
    /// Better still, put the data inside: `Mutex<Vec<u32>>`.
    ///
    /// ## When to allow
    ///
    /// Where another protocol keeps the others away for a while: say which.
    ///
    /// ## Known limits
    ///
    /// An atomic under a lock may be loaded without it: that is what it is an atomic for. Unsafe functions are believed,
    /// and so is code that has won a compare-exchange. Which object's lock a guard is of is compared within one function.
    ///
    /// ## References
    ///
    /// Clang, "Thread Safety Analysis": `GUARDED_BY`.
    pub static GUARDED_BY_VIOLATION = {
        name: "guarded_by_violation",
        topic: "api",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for guarded in cx.facts.guarded_fields() {
        if cx.facts.program.def(guarded.adt).is_test {
            continue;
        }
        if cx.facts.field(guarded.adt, guarded.lock).is_none() {
            out.push(nameless(cx, &guarded));
        } else {
            out.extend(cx.facts.unguarded(&guarded).iter().map(|u| report(cx, &guarded, u)));
        }
    }
}

fn name(cx: &Cx<'_>, guarded: &GuardedField<'_>) -> String {
    format!("{}::{}", cx.facts.program.def(guarded.adt).item.name, guarded.field.name)
}

fn promise(cx: &Cx<'_>, guarded: &GuardedField<'_>) -> Site {
    Site { file: cx.facts.program.def(guarded.adt).file, span: guarded.annotation.attr.span }
}

/// The lock that is named isn't there. The attribute itself refuses that; its inert form can't.
fn nameless(cx: &Cx<'_>, guarded: &GuardedField<'_>) -> Finding {
    let owner = &cx.facts.program.def(guarded.adt).item.name;
    let (message, label) = match guarded.lock {
        "" => (format!("`{}` is guarded by a lock that isn't named", name(cx, guarded)), "by which field?"),
        lock => (
            format!("`{}` is guarded by `{lock}`, but `{owner}` has no such field", name(cx, guarded)),
            "no field of that name",
        ),
    };
    let primary = Label::new(promise(cx, guarded), label);
    let mut finding = cx.finding_at_def(&GUARDED_BY_VIOLATION, guarded.adt, primary, message);
    finding.key.location = name(cx, guarded);
    finding.key.operation = "declaration".to_owned();
    finding.help = Some("name the field of the same struct that is the lock: `guarded_by(lock)`".to_owned());
    finding
}

fn report(cx: &Cx<'_>, guarded: &GuardedField<'_>, access: &Unguarded) -> Finding {
    let (field, lock) = (name(cx, guarded), guarded.lock);
    let verb = if access.write { "written" } else { "read" };
    let (message, label) = match access.why {
        Lack::Guard => (
            format!("`{field}` is {verb} without the guard of `{lock}`, which protects it"),
            "nothing holds the lock here",
        ),
        Lack::Exclusiveness => (
            format!("`{field}` is written under a guard of `{lock}` that lets others read at the same time"),
            "held for reading only",
        ),
        Lack::Object(_) => (
            format!("`{field}` is {verb} under the lock of another object, which doesn't protect this one"),
            "not the object whose lock is held",
        ),
    };
    let mut finding = cx.finding(&GUARDED_BY_VIOLATION, access.body, Label::new(access.site, label), message);
    if let Lack::Object(site) = access.why {
        finding.secondary.push(Label::new(site, "the guard is taken from here"));
    }
    finding.secondary.push(Label::new(promise(cx, guarded), "the promise"));
    finding.key.location.clone_from(&field);
    finding.key.operation = if access.write { "write" } else { "read" }.to_owned();
    finding.help = Some(match access.why {
        Lack::Exclusiveness => format!("take `{lock}` for writing"),
        _ => format!("take `{lock}` of the same object first, or move the data into it"),
    });
    finding.interleaving = Some(
        Interleaving::new(&["thread A", "thread B"], field)
            .step(0, None, format!("takes `{lock}`"), "protected")
            .step(0, None, "writes", "being written")
            .step(1, Some(access.site), if access.write { "writes, too" } else { "reads" }, "a data race")
            .ending("two threads are in the memory at once"),
    );
    finding
}
