//! A thread goes to sleep although what it waits for has happened: the notification fell into the gap.

use crate::facts::wakeup::{Bed, Missed, Wait};
use crate::finding::{Finding, Interleaving, Label};
use crate::lint::{Cx, declare_lint};

declare_lint! {
    /// Finds waits whose notification can come between the test and the wait, after which the thread sleeps on.
    ///
    /// ## Why it matters
    ///
    /// `Condvar::wait` wakes only for notifications that come while it waits. The mutex closes the gap between the test
    /// and the wait, but only for changes that are made *under it*; an atomic changed without it falls right through:
    ///
    /// ```text
    ///   waiter                         notifier                      ready
    /// 1 locks the mutex                                              false
    /// 2 ready.load() → false                                         false
    /// 3                                ready.store(true)             true
    /// 4                                notify_one(): nobody waits    true
    /// 5 condvar.wait(): sleeps on                                    true
    /// ```
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use std::sync::{Condvar, Mutex};
    ///
    /// struct Gate { open: AtomicBool, lock: Mutex<()>, opened: Condvar }
    ///
    /// impl Gate {
    ///     fn wait(&self) {
    ///         let mut guard = self.lock.lock().unwrap();
    ///         while !self.open.load(Ordering::Acquire) {
    ///             guard = self.opened.wait(guard).unwrap();
    ///         }
    ///     }
    ///
    ///     fn open(&self) {
    ///         self.open.store(true, Ordering::Release);
    ///         self.opened.notify_all();
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// ```rust,quiet
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use std::sync::{Condvar, Mutex};
    ///
    /// struct Gate { open: AtomicBool, lock: Mutex<()>, opened: Condvar }
    ///
    /// impl Gate {
    ///     fn wait(&self) {
    ///         let mut guard = self.lock.lock().unwrap();
    ///         while !self.open.load(Ordering::Acquire) {
    ///             guard = self.opened.wait(guard).unwrap();
    ///         }
    ///     }
    ///
    ///     fn open(&self) {
    ///         self.open.store(true, Ordering::Release);
    ///         drop(self.lock.lock().unwrap());
    ///         self.opened.notify_all();
    ///     }
    /// }
    /// ```
    ///
    /// Changing it under the mutex does the same; then it need not be an atomic, unless others look without the mutex.
    ///
    /// ## When to allow
    ///
    /// When something else wakes the waiter soon, a tick for instance, and the source says so.
    ///
    /// ## Known limits
    ///
    /// Follows condition variables that are fields or statics, their mutex where the guard's `lock` call is in sight, and
    /// `thread::park`. Waits with a timeout are left alone. A notification is looked for in the function that changes
    /// the atomic and in what it calls or is called by, two calls deep.
    ///
    /// ## References
    ///
    /// POSIX, `pthread_cond_wait`, rationale; `std::sync::Condvar`, `std::thread::park`.
    pub static LOST_WAKEUP = {
        name: "lost_wakeup",
        topic: "waiting",
        group: Correctness,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    for wait in &cx.facts.wakeups().waits {
        if let Some(missed) = cx.facts.missed(wait) {
            out.push(report(cx, wait, &missed));
        }
    }
}

fn report(cx: &Cx<'_>, wait: &Wait, missed: &Missed) -> Finding {
    let facts = cx.facts;
    let change = &facts.seen(missed.body)[missed.change];
    let location = facts.op(change.op).location;
    let name = location.map_or_else(|| "it".to_owned(), |l| cx.location_name(l));
    let message = if missed.too_soon {
        format!("this sleeps on if the notification comes before the change of {name} that it announces")
    } else {
        format!("this sleeps on if {name} is changed and notified between the test and the wait")
    };
    let site = facts.event_site(wait.body, wait.event);
    let mut finding = cx.finding(&LOST_WAKEUP, wait.body, Label::new(site, "no further notification comes"), message);
    let (test_body, test) = wait.tests[0];
    let test = facts.event_site(test_body, facts.seen(test_body)[test].event);
    let changed = facts.event_site(missed.body, change.event);
    let notified = facts.event_site(missed.body, missed.notify);
    finding.secondary.push(Label::new(test, "tested here"));
    let how = if wait.bed == Bed::Park || wait.tested_outside || missed.too_soon { "" } else { ", without the mutex" };
    finding.secondary.push(Label::new(changed, format!("changed here{how}")));
    finding.secondary.push(Label::new(notified, "notified here"));
    finding.key.location = location.map_or_else(String::new, |l| facts.location(l).name.clone());
    finding.key.operation = if wait.bed == Bed::Park { "park".to_owned() } else { "wait".to_owned() };
    let watched = name.trim_matches('`').rsplit("::").next().unwrap_or("word").to_owned();
    let threads = Interleaving::new(&["waiter", "notifier"], watched);
    finding.interleaving = Some(if missed.too_soon {
        threads
            .step(1, Some(notified), "notifies", "old")
            .step(0, Some(test), "wakes and tests it → old", "old")
            .step(1, Some(changed), "changes it", "new")
            .step(0, Some(site), "waits again", "new")
            .ending("sleeps on")
    } else {
        threads
            .step(0, Some(test), "tests it → old", "old")
            .step(1, Some(changed), "changes it", "new")
            .step(1, Some(notified), "notifies: nobody waits yet", "new")
            .step(0, Some(site), "waits", "new")
            .ending("sleeps on")
    });
    finding.help = Some(match (missed.too_soon, wait.tested_outside) {
        (true, _) => "change it first, then notify".to_owned(),
        (_, true) => "test it again after taking the mutex, in a loop around the wait".to_owned(),
        _ => "change it while the waiter's mutex is held, or lock and unlock that mutex before notifying".to_owned(),
    });
    finding
}
