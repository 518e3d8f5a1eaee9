//! How to wait for another thread: spin, then yield, then sleep.
//!
//! | | |
//! |---|---|
//! | progress | blocking, by its purpose: whoever waits depends on another thread |
//! | producers × consumers | one [`Backoff`] per wait, on the waiting thread's stack |
//! | reclamation | none |
//! | cost | the first waits take nanoseconds, the longest a millisecond; the thread waited for pays nothing |
//! | needs | `core`; without `std` it only spins |
//!
//! # Example
//!
//! ```
//! use atomic_lint::spin_until;
//! use std::sync::atomic::{AtomicBool, Ordering};
//!
//! let ready = AtomicBool::new(false);
//! std::thread::scope(|scope| {
//!     scope.spawn(|| ready.store(true, Ordering::Release));
//!     spin_until(|| ready.load(Ordering::Acquire));
//! });
//! ```
//!
//! # Protocol
//!
//! Each [`snooze`](Backoff::snooze) waits longer than the one before. First it repeats the
//! processor's spin hint, which frees the core's execution units for its sibling thread and saves
//! the flush of speculated loads at the end of the wait. Then it yields, so that a thread that was
//! preempted on this very core can run. Then it sleeps, for a time that doubles up to
//! [`Backoff::LONGEST_SLEEP`]. Nobody needs to wake it: the other side is free of the full fence
//! that a wake-up protocol costs, and the waiting side notices at most that much later.
//!
//! # When not to use it
//!
//! - In the retry loop of a compare-and-swap that changes one word. A failed CAS means that another
//!   thread *succeeded*, and whether waiting after it pays depends on the machine and its other work:
//!   two threads with this backoff were half as fast as without on one day and five times as fast on
//!   another (`cargo bench -p atomic-lint --bench peers -- backoff`). Measure where you run.
//! - Where the wait is usually long. A lock, a condition variable or `std::thread::park` sleeps at
//!   once and wakes at once.

use crate::primitive::spin_loop;
#[cfg(feature = "std")]
use crate::primitive::yield_now;
#[cfg(feature = "std")]
use core::time::Duration;

/// One wait, from its first spin to its last sleep.
///
/// See the [module](self) for what each step does.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    /// How often it waited: chooses the step.
    waits: u32,
}

/// Waits while spinning: 1, 2, 4, … 64 hints.
const SPINS: u32 = 7;
/// Waits after which a thread sleeps instead of yielding.
#[cfg(feature = "std")]
const YIELDS: u32 = SPINS + 16;
/// The first sleep; each further one is twice as long.
#[cfg(feature = "std")]
const FIRST_SLEEP: Duration = Duration::from_micros(50);

impl Backoff {
    /// The longest time a single [`snooze`](Self::snooze) asks the system to sleep.
    #[cfg(feature = "std")]
    pub const LONGEST_SLEEP: Duration = Duration::from_millis(1);

    /// A wait that has not begun.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { waits: 0 }
    }

    /// For an operation that writes several cache lines and has lost a race for one of them: the first
    /// wait is long enough for the winner to do a few operations while the lines are its own.
    #[cfg(feature = "epoch")]
    #[inline]
    pub(crate) fn lose(&mut self) {
        // A hint makes loom run the other thread first, and a model shall see the retry at once too.
        if !cfg!(atomic_lint_loom) {
            self.waits = self.waits.max(4);
            self.spin();
        }
    }

    /// Spins, each time twice as long up to a limit, and never gives up the processor.
    ///
    /// For waits that a running thread ends within nanoseconds.
    #[inline]
    pub fn spin(&mut self) {
        spin(self.waits.min(SPINS - 1));
        self.waits = (self.waits + 1).min(SPINS);
    }

    /// Waits once: spins at first, then yields, then sleeps.
    #[inline]
    pub fn snooze(&mut self) {
        if self.waits < SPINS {
            self.spin();
        } else {
            self.give_way();
        }
    }

    /// Whether the next [`snooze`](Self::snooze) gives up the processor: time to park on something
    /// that wakes, if there is such a thing.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.waits >= SPINS
    }

    /// Starts over, after progress.
    #[inline]
    pub fn reset(&mut self) {
        self.waits = 0;
    }

    #[cold]
    #[cfg(not(feature = "std"))]
    fn give_way(&mut self) {
        spin(SPINS - 1);
    }

    #[cold]
    #[cfg(feature = "std")]
    fn give_way(&mut self) {
        if cfg!(atomic_lint_loom) || self.waits < YIELDS {
            yield_now();
            self.waits += 1;
        } else {
            let doubled = FIRST_SLEEP * (1 << (self.waits - YIELDS));
            if doubled < Self::LONGEST_SLEEP {
                self.waits += 1;
            }
            std::thread::sleep(doubled.min(Self::LONGEST_SLEEP));
        }
    }
}

/// Waits until `condition` holds, as [`Backoff::snooze`] does.
///
/// The condition runs many times. If it panics, so does the wait.
#[inline]
pub fn spin_until(mut condition: impl FnMut() -> bool) {
    let mut backoff = Backoff::new();
    while !condition() {
        backoff.snooze();
    }
}

#[inline]
fn spin(step: u32) {
    // Under loom a hint switches to another thread; a second one would only repeat the states.
    let hints = if cfg!(atomic_lint_loom) { 1 } else { 1 << step };
    for _ in 0..hints {
        spin_loop();
    }
}

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;

    #[test]
    fn spinning_never_overflows() {
        let mut backoff = Backoff::new();
        for _ in 0..100 {
            backoff.spin();
        }
        assert!(backoff.is_over());
        backoff.reset();
        assert!(!backoff.is_over());
    }

    #[cfg(feature = "std")]
    #[test]
    fn sleeps_stay_short() {
        let mut backoff = Backoff::new();
        for _ in 0..40 {
            backoff.snooze();
        }
        assert!(FIRST_SLEEP * (1 << (backoff.waits - YIELDS)) < 2 * Backoff::LONGEST_SLEEP);
    }

    #[test]
    fn the_condition_is_asked_until_it_holds() {
        let mut asked = 0;
        spin_until(|| {
            asked += 1;
            asked == 30
        });
        assert_eq!(asked, 30);
    }

    #[test]
    #[should_panic(expected = "planted")]
    fn a_panicking_condition_ends_the_wait() {
        spin_until(|| panic!("planted"));
    }
}
