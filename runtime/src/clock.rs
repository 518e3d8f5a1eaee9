//! Time as one number: nanoseconds since an origin, from a clock that the caller passes in.
//!
//! | | [`MonotonicClock`] | [`CoarseClock`] | [`ManualClock`] |
//! |---|---|---|---|
//! | progress | wait-free | wait-free | wait-free |
//! | cost of `now` | one system clock read | one load | one load |
//! | readers × writers | many × none | many × many (`tick`) | many × many |
//! | goes backwards | never | never | when a test says so |
//! | needs | `std` | `std` and 64-bit atomics | 64-bit atomics |
//! | reclamation | none | none | none |
//!
//! # Example
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use atomic_lint::{Clock, MonotonicClock};
//!
//! let clock = MonotonicClock::new();
//! let before = clock.now();
//! assert!(clock.now() >= before);
//! ```
//!
//! # Protocol
//!
//! Code that distrusts its clock often keeps the latest time in an atomic word and raises it in a
//! compare-and-swap loop, so that no caller sees time run backwards. Every read of the clock then
//! writes to one shared cache line. [`std::time::Instant`] is monotonic by contract, so an origin
//! stored once and a subtraction give the same promise without any shared write.
//!
//! # When not to use it
//!
//! [`CoarseClock`] is as old as its last tick. Take it where a read of the system clock shows in a
//! profile and an error of a tick is harmless (rate limits, cache expiry), and [`MonotonicClock`]
//! everywhere else. Measured in a virtual machine with two threads: 0.3 ns for the coarse clock,
//! 25 ns for the monotonic one, of which `Instant` takes 23, and 1.2 times that for the loop that it
//! replaces, 4 times by two threads (`cargo bench -p atomic-lint --bench peers -- clock`). Where the
//! system must ask the hypervisor for the time, a read takes six times as long.

#[cfg(all(feature = "std", target_has_atomic = "64"))]
use crate::primitive::weaken;
#[cfg(target_has_atomic = "64")]
use crate::primitive::{AtomicU64, Ordering};
#[cfg(feature = "std")]
use std::time::Instant;

/// A source of nanoseconds since an origin of its own.
///
/// The rate limiters of [`limit`](crate::limit) take plain numbers, so that any clock will do;
/// this trait is for code that is generic over where the numbers come from.
pub trait Clock {
    /// Nanoseconds since the clock's origin.
    fn now(&self) -> u64;
}

impl<C: Clock + ?Sized> Clock for &C {
    #[inline]
    fn now(&self) -> u64 {
        (**self).now()
    }
}

/// A monotonic clock without shared writes: an origin and a subtraction.
///
/// It holds 584 years of nanoseconds; after that `now` stays at `u64::MAX`.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct MonotonicClock {
    origin: Instant,
}

#[cfg(feature = "std")]
impl MonotonicClock {
    /// A clock whose origin is now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }

    /// A clock with the given origin; it reads zero until the origin has passed.
    #[must_use]
    pub fn with_origin(origin: Instant) -> Self {
        Self { origin }
    }
}

#[cfg(feature = "std")]
impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "std")]
impl Clock for MonotonicClock {
    #[inline]
    fn now(&self) -> u64 {
        // `elapsed` saturates at zero when the origin lies ahead.
        let elapsed = self.origin.elapsed();
        let whole = elapsed.as_secs().saturating_mul(1_000_000_000);
        whole.saturating_add(u64::from(elapsed.subsec_nanos()))
    }
}

/// A clock that is read with one load and moves on when somebody calls [`tick`](Self::tick).
///
/// ```
/// use atomic_lint::{Clock, CoarseClock};
/// use std::{sync::Arc, thread, time::Duration};
///
/// let clock = Arc::new(CoarseClock::new());
/// let ticker = CoarseClock::spawn(&clock, Duration::from_millis(1));
/// thread::sleep(Duration::from_millis(20));
/// assert!(clock.now() > 0);
/// drop(ticker); // stops and joins the thread
/// ```
#[cfg(all(feature = "std", target_has_atomic = "64"))]
#[derive(Debug)]
pub struct CoarseClock {
    source: MonotonicClock,
    latest: AtomicU64,
}

#[cfg(all(feature = "std", target_has_atomic = "64"))]
impl CoarseClock {
    /// A clock at zero, which stays there until the first tick.
    #[must_use]
    pub fn new() -> Self {
        Self { source: MonotonicClock::new(), latest: AtomicU64::new(0) }
    }

    /// Reads the system clock, makes the result the current time and returns it.
    ///
    /// Several threads may tick; the latest time wins, whatever order they come in.
    pub fn tick(&self) -> u64 {
        let now = self.source.now();
        // Relaxed: the number is all that is communicated, no other memory hangs on it, and
        // `fetch_max` keeps the modification order ascending, so `now` never runs backwards.
        // Partner: `now`.
        if weaken("coarse-clock-tick") {
            // Relaxed, on purpose: a late tick sets the clock back.
            self.latest.store(now, Ordering::Relaxed);
            return now;
        }
        self.latest.fetch_max(now, Ordering::Relaxed).max(now)
    }

    /// Starts a thread that ticks every `period` until the returned [`Ticker`] is dropped.
    ///
    /// # Panics
    ///
    /// If the period is zero, which would keep a core busy, or the system refuses a thread.
    #[must_use = "the thread ends when the ticker is dropped"]
    #[cfg(not(atomic_lint_loom))]
    pub fn spawn(this: &std::sync::Arc<Self>, period: std::time::Duration) -> Ticker {
        assert!(!period.is_zero(), "a clock that ticks all the time keeps a core busy");
        let clock = std::sync::Arc::clone(this);
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || loop {
            clock.tick();
            // A message never comes: the wait ends with its time or with the sender's drop.
            if stopped.recv_timeout(period) != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                break;
            }
        });
        Ticker { stop: Some(stop), thread: Some(thread) }
    }
}

#[cfg(all(feature = "std", target_has_atomic = "64"))]
impl Default for CoarseClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(feature = "std", target_has_atomic = "64"))]
impl Clock for CoarseClock {
    #[inline]
    fn now(&self) -> u64 {
        // Relaxed: only the number is read; coherence keeps it from running backwards within a
        // thread. Partner: `tick`.
        self.latest.load(Ordering::Relaxed)
    }
}

/// Keeps a [`CoarseClock`] ticking; dropping it stops the thread and waits for its end.
#[cfg(all(feature = "std", target_has_atomic = "64", not(atomic_lint_loom)))]
#[derive(Debug)]
pub struct Ticker {
    stop: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[cfg(all(feature = "std", target_has_atomic = "64", not(atomic_lint_loom)))]
impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread runs no code that panics, so there is no payload to pass on.
            let _ = thread.join();
        }
    }
}

/// A clock that stands still until it is told otherwise, for tests of time-dependent code.
///
/// ```
/// use atomic_lint::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// clock.advance(Duration::from_secs(3));
/// assert_eq!(clock.now(), 3_000_000_000);
/// clock.set(1); // it may jump backwards, as wall clocks do
/// assert_eq!(clock.now(), 1);
/// ```
#[cfg(target_has_atomic = "64")]
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicU64,
}

#[cfg(target_has_atomic = "64")]
impl ManualClock {
    /// A clock at zero.
    #[must_use]
    pub fn new() -> Self {
        Self { now: AtomicU64::new(0) }
    }

    /// Moves the clock forward; it wraps after 584 years.
    pub fn advance(&self, by: core::time::Duration) {
        // The cast keeps the low 64 bits, which is the wrap that the page announces.
        let by = by.as_nanos() as u64;
        // Relaxed: the number is all that is communicated. Partner: `now`.
        self.now.fetch_add(by, Ordering::Relaxed);
    }

    /// Sets the clock, backwards if asked.
    pub fn set(&self, now: u64) {
        // Relaxed: as in `advance`. Partner: `now`.
        self.now.store(now, Ordering::Relaxed);
    }
}

#[cfg(target_has_atomic = "64")]
impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(target_has_atomic = "64")]
impl Clock for ManualClock {
    #[inline]
    fn now(&self) -> u64 {
        // Relaxed: only the number is read. Partners: `advance`, `set`.
        self.now.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, feature = "std", target_has_atomic = "64", not(atomic_lint_loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn monotonic_never_runs_backwards() {
        let clock = MonotonicClock::new();
        let mut last = 0;
        for _ in 0..1_000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn origin_ahead_reads_zero() {
        let clock = MonotonicClock::with_origin(Instant::now() + Duration::from_secs(3_600));
        assert_eq!(clock.now(), 0);
    }

    #[test]
    fn coarse_moves_only_on_tick() {
        let clock = CoarseClock::new();
        assert_eq!(clock.now(), 0);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(clock.now(), 0);
        let ticked = clock.tick();
        assert!(ticked >= 2_000_000);
        assert_eq!(clock.now(), ticked);
    }

    #[test]
    fn coarse_never_runs_backwards_under_many_tickers() {
        let clock = Arc::new(CoarseClock::new());
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..2_000).for_each(|_| _ = clock.tick()));
            }
            let mut last = 0;
            for _ in 0..2_000 {
                let now = clock.now();
                assert!(now >= last);
                last = now;
            }
        });
    }

    #[test]
    fn dropped_ticker_ends_its_thread() {
        let clock = Arc::new(CoarseClock::new());
        let ticker = CoarseClock::spawn(&clock, Duration::from_secs(3_600));
        drop(ticker);
        assert_eq!(Arc::strong_count(&clock), 1);
    }

    #[test]
    #[should_panic(expected = "keeps a core busy")]
    fn period_of_zero_is_refused() {
        let _ = CoarseClock::spawn(&Arc::new(CoarseClock::new()), Duration::ZERO);
    }

    #[test]
    fn manual_advances_and_jumps() {
        let clock = ManualClock::new();
        clock.advance(Duration::from_nanos(7));
        assert_eq!(clock.now(), 7);
        clock.set(u64::MAX);
        clock.advance(Duration::from_nanos(2));
        assert_eq!(clock.now(), 1);
    }
}
