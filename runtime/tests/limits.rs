//! Rate limits under clocks of every kind, and from several threads.
#![cfg(target_has_atomic = "64")]
#![cfg(not(atomic_lint_loom))]

mod support;

use atomic_lint::{Debouncer, Refused, Throttle, TokenBucket};
use proptest::prelude::*;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use support::panics;

const SECOND: u64 = 1_000_000_000;

fn after(nanos: u64) -> Result<(), Refused> {
    Err(Refused::RetryAfter(Duration::from_nanos(nanos)))
}

#[test]
fn bad_parameters_are_refused_at_once() {
    let nano = Duration::from_nanos(1);
    assert!(panics(|| TokenBucket::new(Duration::ZERO, 1)));
    assert!(panics(|| TokenBucket::new(nano, 0)));
    assert!(panics(|| TokenBucket::new(Duration::MAX, 1)));
    assert!(panics(|| TokenBucket::new(Duration::from_secs(u64::from(u32::MAX)), u32::MAX)));
    assert!(panics(|| TokenBucket::per_second(0, 1)));
    assert!(panics(|| TokenBucket::per_second(1_000_000_001, 1)));
    assert!(panics(|| Throttle::new(Duration::ZERO)));
    assert!(panics(|| Debouncer::new(Duration::ZERO)));
}

#[test]
fn tokens_come_back_one_by_one() {
    let bucket = TokenBucket::per_second(1_000, 3);
    assert_eq!(bucket.available(0), 3);
    assert_eq!(bucket.try_take_many(2, 0), Ok(()));
    assert_eq!(bucket.try_take_many(2, 0), after(1_000_000));
    assert_eq!(bucket.available(0), 1, "a refusal takes nothing");
    assert_eq!(bucket.available(1_000_000), 2);
    assert_eq!(bucket.available(SECOND), 3, "never beyond the burst");
    assert_eq!(bucket.try_take_many(4, SECOND), Err(Refused::ExceedsBurst));
    assert_eq!(bucket.try_take_many(u32::MAX, SECOND), Err(Refused::ExceedsBurst));
    assert_eq!(bucket.try_take_many(0, SECOND), Ok(()));
    assert_eq!(bucket.try_take_many(0, 0), Ok(()), "whatever the clock does");
}

#[test]
fn odd_rates_are_kept_not_exceeded() {
    let bucket = TokenBucket::per_second(3, 1);
    let admitted = (0..SECOND).step_by(1_000).filter(|now| bucket.try_take(*now).is_ok());
    assert_eq!(admitted.count(), 3);
    assert!(bucket.try_take(SECOND).is_err(), "three a second, not four");
}

#[test]
fn clock_that_lags_admits_nobody_twice() {
    let bucket = TokenBucket::new(Duration::from_nanos(10), 1);
    assert_eq!(bucket.try_take(1_000), Ok(()));
    assert_eq!(bucket.try_take(990), after(20));
    assert_eq!(bucket.try_take(1_009), after(1));
    assert_eq!(bucket.try_take(1_010), Ok(()));
}

#[test]
fn clock_set_back_empties_the_bucket_and_no_more() {
    let bucket = TokenBucket::new(Duration::from_nanos(10), 2);
    assert_eq!(bucket.try_take(3_600 * SECOND), Ok(()));
    assert_eq!(bucket.try_take(5), after(10));
    assert_eq!(bucket.try_take(14), after(1));
    assert_eq!(bucket.try_take(15), Ok(()));
    assert_eq!(bucket.try_take(15), after(10));
}

#[test]
fn clock_that_leaps_fills_the_bucket_once() {
    let bucket = TokenBucket::new(Duration::from_nanos(10), 2);
    assert_eq!(bucket.try_take_many(2, 0), Ok(()));
    let leap = 100 * 365 * 86_400 * SECOND;
    assert_eq!(bucket.try_take_many(2, leap), Ok(()));
    assert_eq!(bucket.try_take(leap), after(10));
}

#[test]
fn end_of_time_admits_nothing_more() {
    let bucket = TokenBucket::new(Duration::from_nanos(10), 2);
    let end = u64::MAX;
    assert!(bucket.try_take(end).is_err());
    assert!(bucket.try_take(end - 25).is_ok());
    assert!(bucket.try_take(end - 25).is_ok());
    assert!(bucket.try_take(end - 25).is_err());
    let throttle = Throttle::new(Duration::from_nanos(10));
    assert_eq!([throttle.check(end - 5), throttle.check(end - 1), throttle.check(end)], [Some(0), None, Some(1)]);
    assert_eq!(throttle.check(end), Some(0));
    let debouncer = Debouncer::new(Duration::from_nanos(10));
    debouncer.touch(end - 5);
    assert!(!debouncer.poll(end - 1) && debouncer.poll(end) && !debouncer.poll(end));
}

#[test]
fn threads_together_keep_the_limit() {
    const BURST: u32 = 50;
    const STEPS: u64 = 2_000;
    let bucket = TokenBucket::new(Duration::from_nanos(7), BURST);
    let time = AtomicU64::new(0);
    let admitted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..STEPS {
                    let now = time.fetch_add(1, Ordering::Relaxed);
                    if bucket.try_take(now).is_ok() {
                        admitted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let limit = BURST as usize + (3 * STEPS as usize).div_ceil(7);
    let admitted = admitted.load(Ordering::Relaxed);
    assert!(admitted <= limit, "{admitted} admitted, {limit} allowed");
    assert!(admitted >= BURST as usize);
}

proptest! {
    /// Against the textbook bucket: a level and the time of the last look, in exact arithmetic.
    #[test]
    fn bucket_behaves_as_the_textbook_says(
        interval in 1_u64..50,
        burst in 1_u32..10,
        calls in prop::collection::vec((0_u64..60, 0_u32..4), 0..80),
    ) {
        let bucket = TokenBucket::new(Duration::from_nanos(interval), burst);
        let capacity = u128::from(interval) * u128::from(burst);
        let (mut level, mut now) = (capacity, 0);
        for (step, tokens) in calls {
            now += step;
            level = capacity.min(level + u128::from(step));
            let cost = u128::from(interval) * u128::from(tokens);
            prop_assert_eq!(u128::from(bucket.available(now)), level / u128::from(interval));
            let answer = bucket.try_take_many(tokens, now);
            if cost > capacity {
                prop_assert_eq!(answer, Err(Refused::ExceedsBurst));
            } else if cost > level {
                prop_assert_eq!(answer, after((cost - level) as u64));
            } else {
                prop_assert_eq!(answer, Ok(()));
                level -= cost;
            }
        }
    }

    /// Whatever the clock does, no window admits more than the burst and its rate.
    #[test]
    fn wild_clock_never_admits_more_than_monotone_time_would(
        jumps in prop::collection::vec(0_u64..10 * SECOND, 1..60),
    ) {
        let bucket = TokenBucket::new(Duration::from_nanos(SECOND), 2);
        let mut admitted = 0_u64;
        let mut forward = 0;
        let mut last = 0;
        for now in jumps {
            forward += now.saturating_sub(last);
            last = now;
            admitted += u64::from(bucket.try_take(now).is_ok());
        }
        prop_assert!(admitted <= 2 + forward / SECOND);
    }

    #[test]
    fn throttle_reports_every_call_once(gaps in prop::collection::vec(0_u64..30, 0..80)) {
        let throttle = Throttle::new(Duration::from_nanos(20));
        let (mut now, mut passed, mut reported) = (0, 0, 0);
        for gap in &gaps {
            now += gap;
            if let Some(skipped) = throttle.check(now) {
                passed += 1;
                reported += skipped;
            }
        }
        prop_assert_eq!(passed + reported + throttle.take_skipped(), gaps.len() as u64);
    }
}

#[test]
fn throttle_from_many_threads_reports_every_call_once() {
    const EACH: u64 = 5_000;
    let throttle = Throttle::new(Duration::from_nanos(100));
    let time = AtomicU64::new(0);
    let accounted = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let now = time.fetch_add(1, Ordering::Relaxed);
                    if let Some(skipped) = throttle.check(now) {
                        accounted.fetch_add(1 + skipped, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let accounted = accounted.load(Ordering::Relaxed) + throttle.take_skipped();
    assert_eq!(accounted, 3 * EACH);
}

#[test]
fn throttle_recovers_from_a_clock_set_back() {
    let throttle = Throttle::new(Duration::from_nanos(10));
    assert_eq!(throttle.check(3_600 * SECOND), Some(0));
    assert_eq!(throttle.check(3_600 * SECOND - 5), None, "a late reading is held back");
    assert_eq!(throttle.check(5), Some(1));
    assert_eq!(throttle.check(6), None);
    assert_eq!(throttle.check(15), Some(1));
    assert_eq!(throttle.check(u64::MAX), Some(0));
}

#[test]
fn debouncer_fires_once_per_series() {
    let debouncer = Debouncer::new(Duration::from_nanos(10));
    assert!(!debouncer.poll(u64::MAX), "nothing was touched");
    debouncer.touch(0);
    debouncer.touch(7);
    debouncer.touch(3); // a late reading doesn't shorten the series
    assert!(!debouncer.poll(16));
    assert!(debouncer.is_pending());
    assert!(debouncer.poll(17));
    assert!(!debouncer.is_pending());
    assert!(!debouncer.poll(100));
}

#[test]
fn debouncer_fires_for_one_of_many_pollers() {
    let debouncer = Debouncer::new(Duration::from_nanos(1));
    for round in 0..200 {
        debouncer.touch(round * 10);
        let fired = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    if debouncer.poll(round * 10 + 5) {
                        fired.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(fired.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn debouncer_recovers_from_a_clock_set_back() {
    let debouncer = Debouncer::new(Duration::from_nanos(10));
    debouncer.touch(3_600 * SECOND);
    assert!(!debouncer.poll(5), "the series now ends at 15");
    assert!(!debouncer.poll(14));
    assert!(debouncer.poll(15));
}
