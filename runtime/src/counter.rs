//! Counters that many threads raise and somebody reads now and then.
//!
//! | | [`Counter`] | [`FloatCounter`] | [`ShardedCounter`] |
//! |---|---|---|---|
//! | progress | wait-free | whole amounts wait-free, others lock-free | wait-free |
//! | producers × consumers | many × many | many × many | many × many |
//! | `get` | one load | two loads | a load per lane |
//! | a read under way with additions | exact at one instant | no addition missed that ended before | no addition missed that ended before |
//! | reclamation | none | none | none |
//! | overflow | wraps at 2⁶⁴ | whole part wraps at 2⁶⁴, the rest rounds as an `f64` and ends at infinity | wraps at 2⁶⁴ |
//! | cost of an addition | one RMW on a shared line | one RMW on a shared line | one RMW on a line that few share |
//! | size | 8 bytes | 16 bytes | a line per lane, 16 lanes unless told |
//! | needs | 64-bit atomics | 64-bit atomics | 64-bit atomics; `std` for [`add`](ShardedCounter::add) |
//!
//! All of them count and order nothing: a thread that sees a count of three has not thereby seen
//! what the three threads did before. To hand over data, use something that says so.
//!
//! # Example
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use atomic_lint::ShardedCounter;
//!
//! static REQUESTS: ShardedCounter = ShardedCounter::new();
//!
//! std::thread::scope(|scope| {
//!     for _ in 0..4 {
//!         scope.spawn(|| (0..1000).for_each(|_| REQUESTS.increment()));
//!     }
//! });
//! assert_eq!(REQUESTS.get(), 4000);
//! ```
//!
//! # Protocol
//!
//! One `fetch_add` can't lose an addition, where a load, an addition and a store can. It still
//! moves the cache line to the core that counts, so threads that count at once take turns.
//! [`ShardedCounter`] gives each thread one of several padded lanes and adds them up on reading.
//!
//! [`FloatCounter`] keeps whole amounts in an integer, where one `fetch_add` does, and the rest in
//! the bits of an `f64`, replaced by compare-and-swap. Metrics libraries made this split popular:
//! most counters of fractions mostly count ones.
//!
//! # When not to use it
//!
//! Take [`Counter`] before [`ShardedCounter`] if threads seldom count at the same time, or if reads
//! are as frequent as additions: a read touches every lane. Two threads that do nothing but count
//! are 4.3 times faster with it, one thread alone gains nothing (1.0 to 1.2) and pays 2 KiB.
//! [`FloatCounter`] is 3 times as fast as one compare-and-swap loop for ones, and no faster for
//! halves (1.0) (`cargo bench -p atomic-lint --bench peers -- counter sharding`).
//!
//! With a single thread that counts, [`SingleWriter`](crate::SingleWriter) needs no RMW at all and
//! is 6.5 times as fast as `fetch_add`.

use crate::primitive::{const_fn, weaken, AtomicU64, Ordering};
use crate::Padded;
use core::fmt;

/// A count in one atomic word.
///
/// See the [module](self) for guarantees and alternatives.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    const_fn! {
        /// A counter at zero.
        #[must_use]
        pub fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `amount`, wrapping at 2⁶⁴.
    #[inline]
    pub fn add(&self, amount: u64) {
        if weaken("counter-add") {
            // Relaxed twice, on purpose: the split that a model must catch.
            let old = self.0.load(Ordering::Relaxed);
            // atomic-lint: allow(split_read_modify_write) the mistake that a model must catch
            return self.0.store(old.wrapping_add(amount), Ordering::Relaxed);
        }
        // Relaxed: counts and publishes nothing; the RMW alone keeps every addition. Partners: `get`,
        // `take`.
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// The count.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        // Relaxed: a count is read for its own sake. Partners: `add`, `take`.
        self.0.load(Ordering::Relaxed)
    }

    /// The count since the last `take`, which starts again at zero. Each addition is in exactly one
    /// result.
    #[inline]
    pub fn take(&self) -> u64 {
        // Relaxed: as in `add`; the RMW alone keeps additions from falling between two takes. Partner:
        // `add`.
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// A count of fractions, fast for whole amounts.
///
/// See the [module](self) for guarantees and alternatives.
pub struct FloatCounter {
    /// The sum of the whole amounts.
    whole: AtomicU64,
    /// The sum of the others, as the bits of an `f64`.
    rest: AtomicU64,
}

impl FloatCounter {
    const_fn! {
        /// A counter at zero.
        #[must_use]
        pub fn new() -> Self {
            Self {
                whole: AtomicU64::new(0),
                // The bits of 0.0.
                rest: AtomicU64::new(0),
            }
        }
    }

    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        // Relaxed: as in `Counter::add`. Partner: `get`.
        self.whole.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds `amount`.
    ///
    /// # Panics
    ///
    /// If `amount` is negative or not finite: a counter only goes up.
    #[inline]
    pub fn add(&self, amount: f64) {
        assert!(amount >= 0.0 && amount.is_finite(), "a counter only goes up, by {amount} it doesn't");
        let whole = amount as u64;
        // Above 2⁵³ an `f64` is always whole but may not fit; the float part takes it.
        if whole as f64 == amount && whole <= 1 << 53 {
            // Relaxed: as in `Counter::add`. Partner: `get`.
            self.whole.fetch_add(whole, Ordering::Relaxed);
        } else {
            self.add_rest(amount);
        }
    }

    fn add_rest(&self, amount: f64) {
        // Relaxed: the CAS checks the value it was computed from, and publishes nothing. Partners: the
        // CAS of another call, `get`.
        let mut old = self.rest.load(Ordering::Relaxed);
        loop {
            let new = (f64::from_bits(old) + amount).to_bits();
            if weaken("float-counter-add") {
                // Relaxed, on purpose: the lost update that a model must catch.
                // atomic-lint: allow(split_read_modify_write) the mistake that a model must catch
                return self.rest.store(new, Ordering::Relaxed);
            }
            // Relaxed, Relaxed: as above, whether it succeeds or fails. Partners: the same.
            // atomic-lint: allow(cas_loop_without_backoff) measured: a wait makes two threads at one word anything from half to five times as fast
            match self.rest.compare_exchange_weak(old, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => old = now,
            }
        }
    }

    /// The sum.
    #[inline]
    #[must_use]
    pub fn get(&self) -> f64 {
        // Relaxed: both parts only grow, so their sum misses no addition that ended before. Partners:
        // `add`, `add_rest`.
        let whole = self.whole.load(Ordering::Relaxed);
        let rest = f64::from_bits(self.rest.load(Ordering::Relaxed));
        whole as f64 + rest
    }
}

impl Default for FloatCounter {
    fn default() -> Self {
        Self::new()
    }
}

/// A count spread over `LANES` cache lines.
///
/// See the [module](self) for guarantees and alternatives.
pub struct ShardedCounter<const LANES: usize = 16> {
    lanes: [Padded<AtomicU64>; LANES],
}

impl ShardedCounter {
    const_fn! {
        /// A counter at zero with 16 lanes.
        #[must_use]
        pub fn new() -> Self {
            Self::with_lanes()
        }
    }
}

impl<const LANES: usize> ShardedCounter<LANES> {
    /// A counter at zero with `LANES` lanes; about as many as threads that count at once is right.
    ///
    /// # Panics
    ///
    /// If `LANES` is zero. In a constant that is an error of compilation.
    #[cfg(not(atomic_lint_loom))]
    #[must_use]
    pub const fn with_lanes() -> Self {
        // A fresh atomic for each lane of the array, never shared itself.
        #[allow(clippy::declare_interior_mutable_const)]
        const ZERO: Padded<AtomicU64> = Padded::new(AtomicU64::new(0));
        assert!(LANES > 0, "a sharded counter needs a lane to count in");
        Self { lanes: [ZERO; LANES] }
    }

    /// A counter at zero.
    #[cfg(atomic_lint_loom)]
    #[must_use]
    pub fn with_lanes() -> Self {
        Self { lanes: core::array::from_fn(|_| Padded::new(AtomicU64::new(0))) }
    }

    /// Adds one.
    #[cfg(feature = "std")]
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `amount` in the lane of the current thread, wrapping at 2⁶⁴.
    #[cfg(feature = "std")]
    #[inline]
    pub fn add(&self, amount: u64) {
        self.add_in(crate::lane::current(), amount);
    }

    /// Adds `amount` in lane `lane % LANES`: for a thread that knows its number, say that of its
    /// core.
    #[inline]
    pub fn add_in(&self, lane: usize, amount: u64) {
        let lane = &self.lanes[lane % LANES];
        if weaken("sharded-counter-add") {
            // Relaxed twice, on purpose: threads that share a lane lose additions.
            let old = lane.load(Ordering::Relaxed);
            // atomic-lint: allow(split_read_modify_write) the mistake that a model must catch
            return lane.store(old.wrapping_add(amount), Ordering::Relaxed);
        }
        // Relaxed: as in `Counter::add`; an RMW since threads may share the lane. Partners: `get`,
        // `take`.
        lane.fetch_add(amount, Ordering::Relaxed);
    }

    /// The sum of all lanes.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.lanes
            .iter()
            // Relaxed: lanes only grow, so the sum misses no addition that ended before. Partner:
            // `add_in`.
            .map(|lane| lane.load(Ordering::Relaxed))
            .fold(0, u64::wrapping_add)
    }

    /// The count since the last `take`. Each addition is in exactly one result.
    pub fn take(&self) -> u64 {
        self.lanes
            .iter()
            // Relaxed: as in `Counter::take`, lane by lane. Partner: `add_in`.
            .map(|lane| lane.swap(0, Ordering::Relaxed))
            .fold(0, u64::wrapping_add)
    }
}

impl<const LANES: usize> Default for ShardedCounter<LANES> {
    fn default() -> Self {
        Self::with_lanes()
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counter").field(&self.get()).finish()
    }
}

impl fmt::Debug for FloatCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FloatCounter").field(&self.get()).finish()
    }
}

impl<const LANES: usize> fmt::Debug for ShardedCounter<LANES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ShardedCounter").field(&self.get()).finish()
    }
}

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;

    #[test]
    fn counts_wrap() {
        let counter = Counter::new();
        counter.add(u64::MAX);
        counter.add(3);
        assert_eq!(counter.take(), 2);
        assert_eq!(counter.get(), 0);

        let counter = ShardedCounter::<2>::with_lanes();
        counter.add_in(0, u64::MAX);
        counter.add_in(1, 3);
        assert_eq!(counter.get(), 2);
        assert_eq!(counter.take(), 2);
        assert_eq!(counter.get(), 0);
    }

    #[test]
    fn whole_parts_wrap() {
        let counter = FloatCounter::new();
        (0..1 << 11).for_each(|_| counter.add((1_u64 << 53) as f64));
        counter.increment();
        assert_eq!(counter.get(), 1.0);
    }

    #[test]
    fn fractions_and_whole_amounts_add_up() {
        let counter = FloatCounter::new();
        counter.increment();
        counter.add(2.0);
        counter.add(0.25);
        counter.add(0.0);
        assert_eq!(counter.get(), 3.25);
        counter.add(1e300);
        assert_eq!(counter.get(), 1e300);
        (0..2).for_each(|_| counter.add(f64::MAX));
        assert_eq!(counter.get(), f64::INFINITY);
    }

    #[test]
    #[should_panic(expected = "only goes up")]
    fn negative_amounts_are_refused() {
        FloatCounter::new().add(-1.0);
    }

    #[test]
    #[should_panic(expected = "only goes up")]
    fn nan_is_refused() {
        FloatCounter::new().add(f64::NAN);
    }

    #[test]
    #[should_panic(expected = "needs a lane")]
    fn zero_lanes_are_refused() {
        let _ = ShardedCounter::<0>::with_lanes();
    }

    #[cfg(feature = "std")]
    #[test]
    fn every_thread_counts() {
        let counter = ShardedCounter::<3>::with_lanes();
        std::thread::scope(|scope| {
            for _ in 0..7 {
                scope.spawn(|| (0..100).for_each(|_| counter.increment()));
            }
        });
        assert_eq!(counter.get(), 700);
    }
}
