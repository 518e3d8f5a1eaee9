//! Limits on how often something happens: [`TokenBucket`], [`Throttle`], [`Debouncer`].
//!
//! | | [`TokenBucket`] | [`Throttle`] | [`Debouncer`] |
//! |---|---|---|---|
//! | question | may this request pass? | may this line be logged, and how many were not? | has it been quiet long enough? |
//! | progress | lock-free; a refusal is one load | lock-free; a refusal is a load and a `fetch_add` | lock-free |
//! | callers | any number | any number | any number touch, one of the pollers fires |
//! | state | one 64-bit word | a word and a count | one 64-bit word |
//! | orders memory | no | no | yes: what precedes a touch is visible to the poll that fires |
//! | cost | a load and a CAS; a refusal: a load | the same; a call held back: a load and an RMW | a touch: an RMW; a poll: a load, and a CAS to fire |
//! | reclamation | none | none | none |
//! | needs | 64-bit atomics | 64-bit atomics | 64-bit atomics |
//!
//! Time is a parameter, in nanoseconds from any origin, so the types work without `std`, with
//! [`MonotonicClock`](crate::MonotonicClock), with [`CoarseClock`](crate::CoarseClock), and under
//! test with [`ManualClock`](crate::ManualClock).
//!
//! # Example
//!
//! ```
//! use atomic_lint::{Refused, TokenBucket};
//! use std::time::Duration;
//!
//! let bucket = TokenBucket::new(Duration::from_millis(100), 2); // ten a second, bursts of two
//! assert_eq!(bucket.try_take(0), Ok(()));
//! assert_eq!(bucket.try_take(0), Ok(()));
//! assert_eq!(bucket.try_take(0), Err(Refused::RetryAfter(Duration::from_millis(100))));
//! assert_eq!(bucket.try_take(100_000_000), Ok(()));
//! ```
//!
//! # Protocol
//!
//! The textbook bucket has two fields, a token count and the time of the last refill. In two
//! atomics they are torn: two threads that see the same refill time both add its tokens. The
//! *generic cell rate algorithm* keeps one number instead, the theoretical arrival time, at which
//! the bucket will be full again. Everything else follows from it and the current time, so a take
//! is a compare-and-swap of one word.
//!
//! # Clocks that jump
//!
//! Calls may pass times that lag behind what other threads passed: the word never moves back for
//! them, so no call is admitted twice. A clock that falls back by more than a second (plus the
//! whole burst) has been set back rather than read late; then the bucket counts as empty at the
//! new time and refills from there, instead of refusing until the old time comes round again. A
//! clock that leaps ahead fills the bucket, never beyond the burst.
//!
//! The numbers end 584 years after their origin, at 2⁶⁴ nanoseconds. There a bucket admits nothing
//! more, a throttle lets every call pass, and a debouncer still fires once per series.
//!
//! # When not to use them
//!
//! An admission is a compare-and-swap on one word, so threads that are all admitted contend for
//! one cache line. Give each thread its own bucket with a share of the rate where the limit is
//! far above a few million a second. For limits per key, with a table of buckets and middleware
//! around it, take `governor`; a single bucket takes as long there as here (10 ns with the same
//! clock; a refusal 0.95 of it, since there its wait is computed when asked for). The clock is most
//! of the cost: with [`MonotonicClock`](crate::MonotonicClock) an admission took 32 ns, and with
//! [`CoarseClock`](crate::CoarseClock) a refusal 1.8 ns
//! (`cargo bench -p atomic-lint --bench peers -- bucket`).

use crate::primitive::{argued, const_fn, weaken, AtomicU64, Ordering};
use core::fmt;
use core::time::Duration;

/// How far behind a reading may lag before it means that the clock was set back.
const JUMP: u64 = 1_000_000_000;

/// Admits calls at a steady rate with bursts, in one word.
///
/// See the [module](self) for the guarantees and an example.
#[derive(Debug)]
pub struct TokenBucket {
    /// Theoretical arrival time: the bucket is full from then on.
    full_at: AtomicU64,
    /// Nanoseconds that one token takes to come back.
    interval: u64,
    /// Nanoseconds that the empty bucket takes to fill.
    capacity: u64,
}

/// Why [`TokenBucket`] said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Enough tokens will be there after this time, if nobody else takes them.
    RetryAfter(Duration),
    /// More tokens were asked for than the bucket can hold.
    ExceedsBurst,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RetryAfter(wait) => write!(f, "rate limit reached, retry after {wait:?}"),
            Self::ExceedsBurst => f.write_str("more tokens asked for than the bucket can hold"),
        }
    }
}

#[cfg(feature = "std")]
impl std::error::Error for Refused {}

impl TokenBucket {
    const_fn! {
        /// A full bucket of `burst` tokens, of which one comes back every `interval`.
        ///
        /// # Panics
        ///
        /// If the interval or the burst is zero, or if filling the bucket takes more than 292 years.
        #[must_use]
        pub fn new(interval: Duration, burst: u32) -> Self {
            let nanos = interval.as_nanos();
            assert!(nanos != 0, "the interval between two tokens must not be zero");
            assert!(burst != 0, "a bucket for zero tokens admits nothing");
            assert!(
                nanos <= i64::MAX as u128 && nanos * burst as u128 <= i64::MAX as u128,
                "filling the bucket must take less than 292 years"
            );
            Self {
                full_at: AtomicU64::new(0),
                interval: nanos as u64,
                capacity: nanos as u64 * burst as u64,
            }
        }
    }

    const_fn! {
        /// A full bucket of `burst` tokens that admits `rate` calls a second.
        ///
        /// The interval is rounded up to whole nanoseconds, so the limit is kept, not exceeded.
        ///
        /// # Panics
        ///
        /// If the rate is zero or above 10⁹, or the burst is zero.
        #[must_use]
        pub fn per_second(rate: u32, burst: u32) -> Self {
            assert!(rate != 0, "a rate of zero admits nothing");
            assert!(rate <= 1_000_000_000, "the rate must be at most one a nanosecond");
            let nanos = 1_000_000_000_u32.div_ceil(rate);
            Self::new(Duration::from_nanos(nanos as u64), burst)
        }
    }

    /// Takes one token at time `now` (nanoseconds).
    ///
    /// # Errors
    ///
    /// [`Refused::RetryAfter`] if there is none.
    #[inline]
    pub fn try_take(&self, now: u64) -> Result<(), Refused> {
        self.take_nanos(self.interval, now)
    }

    /// Takes `tokens` at once, or none. Zero tokens are always there.
    ///
    /// # Errors
    ///
    /// [`Refused::RetryAfter`] if there are too few now, [`Refused::ExceedsBurst`] if there will
    /// never be enough.
    pub fn try_take_many(&self, tokens: u32, now: u64) -> Result<(), Refused> {
        match self.interval.checked_mul(u64::from(tokens)) {
            Some(0) => Ok(()),
            Some(cost) if cost <= self.capacity => self.take_nanos(cost, now),
            _ => Err(Refused::ExceedsBurst),
        }
    }

    /// How many tokens are there at time `now`; others may take them before you do.
    #[must_use]
    pub fn available(&self, now: u64) -> u32 {
        // Relaxed: an estimate of one word. Partner: `take_nanos`.
        let missing = self.full_at.load(Ordering::Relaxed).saturating_sub(now);
        // The quotient is at most the burst, which is a `u32`.
        (self.capacity.saturating_sub(missing) / self.interval) as u32
    }

    #[inline]
    fn take_nanos(&self, cost: u64, now: u64) -> Result<(), Refused> {
        // Relaxed, here and in the compare-and-swap, on success and failure: the word is the whole
        // state, its modification order alone decides who is admitted, and an admission publishes
        // no other memory. Partners: the other calls of `take_nanos`.
        let mut seen = self.full_at.load(Ordering::Relaxed);
        let limit = now.saturating_add(self.capacity);
        // The latest arrival that is admitted; the cost is never above the capacity.
        let last = limit - cost;
        loop {
            let full_at = seen.max(now);
            let (word, answer) = if full_at <= last {
                (full_at + cost, Ok(()))
            } else if seen <= limit.saturating_add(JUMP) {
                return Err(retry_after(full_at - last));
            } else {
                // A clock that was set back leaves the bucket empty at the new time; that is written
                // down, so that it refills from there.
                (limit, Err(retry_after(cost)))
            };
            if weaken("token-bucket") {
                // atomic-lint: allow(split_read_modify_write) the mistake that a model must catch
                self.full_at.store(word, Ordering::Relaxed);
                return answer;
            }
            // atomic-lint: allow(cas_loop_without_backoff) measured: a wait makes two threads at one word anything from half to five times as fast
            match self.full_at.compare_exchange_weak(seen, word, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return answer,
                Err(current) => seen = current,
            }
        }
    }
}

#[inline]
fn retry_after(nanos: u64) -> Refused {
    Refused::RetryAfter(Duration::from_nanos(nanos))
}

/// Lets one call pass per interval and counts those it holds back.
///
/// ```
/// use atomic_lint::Throttle;
/// use std::time::Duration;
///
/// let throttle = Throttle::new(Duration::from_secs(1));
/// assert_eq!(throttle.check(0), Some(0));
/// assert_eq!(throttle.check(1), None);
/// assert_eq!(throttle.check(2), None);
/// assert_eq!(throttle.check(1_000_000_000), Some(2)); // "2 similar messages skipped"
/// ```
///
/// Two words are right here: the deadline alone decides who passes, and of the count only the sum
/// matters. Every call held back is reported by exactly one later call, though a call that is held
/// back while another passes may fall into either report.
#[derive(Debug)]
pub struct Throttle {
    /// The next call passes from then on.
    open_at: AtomicU64,
    skipped: AtomicU64,
    interval: u64,
}

impl Throttle {
    const_fn! {
        /// A throttle that lets the first call pass.
        ///
        /// # Panics
        ///
        /// If the interval is zero or more than 292 years.
        #[must_use]
        pub fn new(interval: Duration) -> Self {
            let nanos = interval.as_nanos();
            assert!(nanos != 0, "a throttle needs an interval");
            assert!(nanos <= i64::MAX as u128, "the interval must be less than 292 years");
            Self {
                open_at: AtomicU64::new(0),
                skipped: AtomicU64::new(0),
                interval: nanos as u64,
            }
        }
    }

    /// Passes with the number of calls held back since the last one that passed, or holds back.
    #[inline]
    pub fn check(&self, now: u64) -> Option<u64> {
        // Relaxed, here and in the compare-and-swap: the modification order of `open_at` decides
        // who passes and no other memory hangs on it. Partners: the other calls of `check`.
        let mut seen = self.open_at.load(Ordering::Relaxed);
        loop {
            let reach = now.saturating_add(self.interval);
            let was_set_back = seen > reach.saturating_add(JUMP);
            if now < seen && !was_set_back {
                // Relaxed: a commutative count. Partner: the `swap` in `take_skipped`, which collects
                // every unit.
                self.skipped.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            match self.open_at.compare_exchange_weak(seen, reach, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(self.take_skipped()),
                Err(current) => seen = current,
            }
        }
    }

    /// Takes the number of calls held back and not yet reported, for a last line at shutdown.
    #[inline]
    pub fn take_skipped(&self) -> u64 {
        if weaken("throttle-report") {
            // Relaxed twice, on purpose: a call held back in between is never reported.
            let skipped = self.skipped.load(Ordering::Relaxed);
            // atomic-lint: allow(store_clobbers_rmw) the mistake that a model must catch
            self.skipped.store(0, Ordering::Relaxed);
            return skipped;
        }
        // Relaxed: the swap takes each unit once. Partner: the `fetch_add` in `check`.
        self.skipped.swap(0, Ordering::Relaxed)
    }
}

/// Fires once when a series of touches has been followed by a quiet period.
///
/// ```
/// use atomic_lint::Debouncer;
/// use std::time::Duration;
///
/// let saves = Debouncer::new(Duration::from_nanos(10));
/// saves.touch(0);
/// saves.touch(5);
/// assert!(!saves.poll(14)); // still within 10 ns of the last touch
/// assert!(saves.poll(15)); // one poll fires …
/// assert!(!saves.poll(16)); // … and only one
/// ```
///
/// Of several pollers exactly one fires for a series. A touch that comes while a poll fires starts
/// a new series: it is never lost. The poll that fires sees everything that was written before the
/// touches of its series.
#[derive(Debug)]
pub struct Debouncer {
    /// When the series ends, or [`IDLE`].
    fires_at: AtomicU64,
    quiet: u64,
}

/// No touch is waiting.
const IDLE: u64 = 0;

impl Debouncer {
    const_fn! {
        /// An idle debouncer that fires after `quiet` without a touch.
        ///
        /// # Panics
        ///
        /// If the quiet period is zero or more than 292 years.
        #[must_use]
        pub fn new(quiet: Duration) -> Self {
            let nanos = quiet.as_nanos();
            assert!(nanos != 0, "a debouncer needs a quiet period");
            assert!(nanos <= i64::MAX as u128, "the quiet period must be less than 292 years");
            Self {
                fires_at: AtomicU64::new(IDLE),
                quiet: nanos as u64,
            }
        }
    }

    /// Starts a series or prolongs the current one.
    pub fn touch(&self, now: u64) {
        // The period is not zero, so the sum never equals `IDLE`.
        let end = now.saturating_add(self.quiet);
        // Release: what the caller wrote before is visible to the poll that fires. It stays a
        // read-modify-write even when the word is already higher, because that keeps this touch in
        // the release sequence which that poll acquires. Partner: `poll`.
        let order = argued(Ordering::Release, "debouncer-touch");
        if cfg!(atomic_lint_tsan) {
            // The sanitizer doesn't see a `fetch_max`.
            let raise = |word: u64| Some(word.max(end));
            // atomic-lint: allow(cas_loop_reimplements_rmw) the sanitizer does not see a `fetch_max`
            let _ = self.fires_at.fetch_update(order, Ordering::Relaxed, raise);
        } else {
            self.fires_at.fetch_max(end, order);
        }
    }

    /// Whether a series has ended by `now`; true for exactly one caller per series.
    pub fn poll(&self, now: u64) -> bool {
        // Relaxed: a first look. Partner: `touch`, with which the compare-and-swap below synchronizes.
        let end = self.fires_at.load(Ordering::Relaxed);
        if end == IDLE {
            return false;
        }
        if end > now {
            let reach = now.saturating_add(self.quiet);
            if end > reach.saturating_add(JUMP) {
                // The clock was set back: end the series one period from the new time.
                // Relaxed on failure, since another caller moved on; Relaxed on success, since a
                // read-modify-write continues the touches' release sequence. Partner: `poll`.
                let _ = self.fires_at.compare_exchange(end, reach, Ordering::Relaxed, Ordering::Relaxed);
            }
            return false;
        }
        // Acquire: takes over what the touches of the series published; Relaxed on failure, where
        // nothing is read. A touch in between changes the word unless it lags, and one that lags
        // belongs to the series that fires. Partner: `touch`.
        self.fires_at
            .compare_exchange(end, IDLE, argued(Ordering::Acquire, "debouncer-poll"), Ordering::Relaxed)
            .is_ok()
    }

    /// Whether a series is open: touched and not yet fired.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        // Relaxed: an estimate of one word. Partners: `touch`, `poll`.
        self.fires_at.load(Ordering::Relaxed) != IDLE
    }
}
