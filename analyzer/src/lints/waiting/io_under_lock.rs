//! The operating system is asked for something while others spin for the lock.

use crate::facts::effects::{Effect, EffectKind};
use crate::facts::spin_held::{Burden, HeldLock};
use crate::finding::{Finding, Interleaving, Label};
use crate::lint::{Cx, declare_lint};
use crate::resolve::BodyId;

declare_lint! {
    /// Finds input and output, sleep and waiting for messages while a lock is held that others wait for by spinning, or
    /// whose data an atomic mirrors.
    ///
    /// ## Why it matters
    ///
    /// A lock that is spun for is meant to be held for nanoseconds. A write to a file takes microseconds if all goes
    /// well, and seconds if the disk is busy. Every waiter burns a core meanwhile:
    ///
    /// ```text
    ///   thread A               thread B               locked
    /// 1 lock()                                        true
    /// 2 file.write_all(…)      lock(): spins          true
    /// 3 … the disk is busy     spins                  true    a core is lost
    /// 4 unlock()                                      false
    /// ```
    ///
    /// With a mutex from whose data an atomic is stored, readers who go by the atomic see the old state for as long.
    ///
    /// ## Example
    ///
    /// ```rust,fires
    /// use std::sync::atomic::{AtomicBool, Ordering::{Acquire, Release}};
    ///
    /// pub struct Journal { locked: AtomicBool }
    ///
    /// impl Journal {
    ///     pub fn note(&self, line: &str) {
    ///         while self.locked.swap(true, Acquire) { std::hint::spin_loop(); }
    ///         println!("{line}");
    ///         self.locked.store(false, Release);
    ///     }
    /// }
    /// ```
    ///
    /// ## Use instead
    ///
    /// Prepare under the lock, write after it; or take a lock that sleeps:
    ///
    /// ```rust,quiet
    /// use std::sync::Mutex;
    ///
    /// pub struct Journal { lines: Mutex<u64> }
    ///
    /// impl Journal {
    ///     pub fn note(&self, line: &str) {
    ///         let mut lines = self.lines.lock().unwrap();
    ///         *lines += 1;
    ///         println!("{} {line}", *lines);
    ///     }
    /// }
    /// ```
    ///
    /// ## When to allow
    ///
    /// In debug output, and where nobody else can want the lock meanwhile.
    ///
    /// ## Known limits
    ///
    /// What foreign functions and generic writers do is not known. Locks of other crates count as sleeping.
    ///
    /// ## References
    ///
    /// `std::sync::Mutex`.
    pub static IO_UNDER_LOCK = {
        name: "io_under_lock",
        topic: "waiting",
        group: Restriction,
        confidence: Likely,
        since: "0.1.0",
        fix: None,
        check: check,
    }
}

fn check(cx: &Cx<'_>, out: &mut Vec<Finding>) {
    let facts = cx.facts;
    for body in facts.bodies_with_ops() {
        if facts.program.def(facts.program.body(body).owner).is_test {
            continue;
        }
        for effect in facts.slow_effects(body) {
            if let Some(held) = facts.burdened_lock(body, effect.event) {
                out.push(report(cx, body, effect, held));
            }
        }
    }
}

fn describe(kind: EffectKind) -> &'static str {
    match kind {
        EffectKind::Sleep => "this thread sleeps",
        EffectKind::Consume => "this thread waits for a message",
        _ => "this does input or output",
    }
}

fn report(cx: &Cx<'_>, body: BodyId, effect: &Effect, held: HeldLock) -> Finding {
    let facts = cx.facts;
    let what = describe(effect.kind);
    let (location, message) = match held.burden {
        Burden::Spinning(l) => (l, format!("{what} while others spin for {}", cx.location_name(l))),
        Burden::Mirror(l) => (l, format!("{what} under the lock whose data {} mirrors", cx.location_name(l))),
    };
    let site = facts.event_site(body, effect.event);
    let mut finding = cx.finding(&IO_UNDER_LOCK, body, Label::new(site, "takes as long as it takes"), message);
    let acquired = facts.event_site(body, held.acquired);
    finding.secondary.push(Label::new(acquired, "the lock is taken here"));
    if !effect.is_direct() {
        let (at, event) = effect.origin(body);
        finding.secondary.push(Label::new(facts.event_site(at, event), "done here"));
    }
    let name = facts.location(location).name.clone();
    let short = name.rsplit("::").next().unwrap_or(&name).to_owned();
    finding.interleaving = matches!(held.burden, Burden::Spinning(_)).then(|| {
        Interleaving::new(&["thread A", "thread B"], short)
            .step(0, Some(acquired), "takes the lock", "taken")
            .step(0, Some(site), "waits for the system", "taken")
            .step(1, None, "spins", "taken")
            .ending("a core is lost for as long")
    });
    finding.notes.push(cx.role_note(location));
    finding.key.location = name;
    finding.key.operation = "wait".to_owned();
    finding.help =
        Some("do it before the lock is taken or after it is given back, or use `std::sync::Mutex`".to_owned());
    finding
}
