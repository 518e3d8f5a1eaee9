//! Gates, latches and initialisation: wake-ups, races for one step, failing and panicking code.
#![cfg(feature = "std")]
#![cfg(not(atomic_lint_loom))]

mod support;

use atomic_lint::{
    stages, Countdown, Generations, KeyedOnce, Latch, ResettableLatch, RetryOnce, StageGate, Transition,
};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use support::history::{self, Model};
use support::{panics, Census};

stages! {
    enum Life { Starting, Running, Draining, Stopped }
}
use Life::{Draining, Running, Starting, Stopped};

const START: Transition<Life> = Transition::new("start", Starting, Running);
const DRAIN: Transition<Life> = Transition::new("drain", Running, Draining);
const STOP: Transition<Life> = Transition::new("stop", Draining, Stopped);
const RESTART: Transition<Life> = Transition::new("restart", Stopped, Starting);

const TICK: Duration = Duration::from_millis(10);
/// Long enough that a test which waits for it fails by its assertion on time.
const FOREVER: Duration = Duration::from_secs(60);

#[test]
fn wrong_transition_is_refused_and_named() {
    let gate = StageGate::new(Starting);
    let error = gate.apply(DRAIN).unwrap_err();
    assert_eq!(error.found(), Starting);
    assert_eq!(error.to_string(), "`drain` needs stage Running, found Starting");
    assert_eq!(gate.current(), Starting);
    for step in [START, DRAIN, STOP, RESTART] {
        gate.apply(step).unwrap();
    }
    assert_eq!(gate.current(), Starting);
}

#[test]
fn one_of_many_makes_the_transition() {
    let gate = StageGate::new(Starting);
    let winners = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                if gate.apply(START).is_ok() {
                    winners.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(winners.load(Ordering::Relaxed), 1);
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Cycle(Life);

#[derive(Debug)]
enum GateOp {
    Apply(Life, Life, Result<(), Life>),
    Read(Life),
}

impl Model for Cycle {
    type Op = GateOp;

    fn step(&self, op: &GateOp) -> Option<Self> {
        match *op {
            GateOp::Apply(from, to, Ok(())) => (self.0 == from).then_some(Self(to)),
            GateOp::Apply(from, _, Err(found)) => (self.0 == found && found != from).then_some(Self(found)),
            GateOp::Read(seen) => (self.0 == seen).then_some(Self(seen)),
        }
    }
}

#[test]
fn gate_histories_are_linearizable() {
    let steps = [
        (START, Starting, Running),
        (DRAIN, Running, Draining),
        (STOP, Draining, Stopped),
        (RESTART, Stopped, Starting),
    ];
    history::check(
        500,
        Cycle(Starting),
        || StageGate::new(Starting),
        |gate, thread, turn| {
            if turn % 3 == 2 {
                return GateOp::Read(gate.current());
            }
            let (step, from, to) = steps[(turn + thread) % 4];
            GateOp::Apply(from, to, gate.apply(step).map_err(|refused| refused.found()))
        },
    );
}

/// Every wait below comes back because of a change that may slip in at any moment of its entry.
#[test]
fn no_wake_up_is_lost() {
    for _ in 0..300 {
        let gate = StageGate::new(Starting);
        let latch = Latch::new();
        let pulse = ResettableLatch::new();
        let countdown = Countdown::new(2);
        let generations = Generations::new();
        let seen = generations.current();
        std::thread::scope(|scope| {
            scope.spawn(|| gate.wait_for(Running));
            scope.spawn(|| latch.wait());
            scope.spawn(|| countdown.wait());
            scope.spawn(|| generations.wait_past(seen));
            scope.spawn(|| {
                gate.apply(START).unwrap();
                assert!(latch.open());
                countdown.count_down();
                assert!(generations.claim(seen));
                countdown.count_down();
                assert!(pulse.open());
            });
            pulse.wait();
        });
    }
}

#[test]
fn waits_give_up_in_time() {
    let start = Instant::now();
    let gate = StageGate::new(Starting);
    let generations = Generations::new();
    let seen = generations.current();
    assert_eq!(gate.wait_until_timeout(TICK, |stage| stage == Running), None);
    assert!(!Latch::new().wait_timeout(TICK));
    assert!(!ResettableLatch::new().wait_timeout(TICK));
    assert!(!Countdown::new(1).wait_timeout(TICK));
    assert_eq!(generations.wait_past_timeout(seen, TICK), None);
    assert!(start.elapsed() >= 5 * TICK);
    assert!(start.elapsed() < FOREVER);
}

#[test]
fn satisfied_waits_do_not_wait() {
    let start = Instant::now();
    let latch = Latch::new();
    assert!(latch.open());
    assert!(!latch.open());
    assert!(latch.wait_timeout(FOREVER));
    assert!(Countdown::new(0).wait_timeout(FOREVER));
    let gate = StageGate::new(Running);
    assert_eq!(gate.wait_until_timeout(Duration::MAX, |_| true), Some(Running));
    assert!(start.elapsed() < FOREVER);
}

#[test]
fn panicking_predicate_leaves_the_gate_usable() {
    let gate = StageGate::new(Starting);
    assert!(panics(|| gate.wait_until(|_| panic!("the predicate fails"))));
    std::thread::scope(|scope| {
        scope.spawn(|| gate.wait_for(Running));
        gate.apply(START).unwrap();
    });
    assert_eq!(gate.current(), Running);
}

#[test]
fn countdown_stops_at_zero() {
    let countdown = Countdown::new(2);
    assert_eq!(countdown.count_down(), Some(1));
    assert_eq!(countdown.count_down(), Some(0));
    assert_eq!(countdown.count_down(), None);
    assert_eq!(countdown.remaining(), 0);
}

#[test]
fn countdown_counts_threads_that_panic() {
    let countdown = Countdown::new(1);
    std::thread::scope(|scope| {
        let failing = scope.spawn(|| {
            let _guard = countdown.guard();
            panic!("the worker fails");
        });
        countdown.wait();
        assert!(failing.join().is_err());
    });
}

/// A pulse that is over before the waiter runs lets it through all the same.
#[test]
fn pulse_is_not_lost() {
    let latch = ResettableLatch::new();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| latch.wait_timeout(FOREVER));
        while !waiter.is_finished() {
            assert!(latch.open());
            assert!(!latch.open());
            assert!(latch.close());
            assert!(!latch.close());
            std::thread::yield_now();
        }
        assert!(waiter.join().unwrap());
    });
    assert!(!latch.wait_timeout(TICK), "a pulse before the wait doesn't count");
}

#[test]
fn generation_is_claimed_once() {
    const ROUNDS: usize = 500;
    let generations = Generations::new();
    let claimed = Mutex::new(HashSet::new());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let seen = generations.current();
                    if generations.claim(seen) {
                        assert!(claimed.lock().unwrap().insert(seen), "{seen:?} again");
                    }
                    generations.wait_past(seen);
                }
            });
        }
    });
    assert!(claimed.lock().unwrap().len() >= ROUNDS);
}

#[test]
fn failed_and_panicked_initialisers_are_retried() {
    let once = RetryOnce::new();
    assert_eq!(once.get_or_try_init(|| Err("not yet")), Err("not yet"));
    assert!(panics(|| once.get_or_init(|| panic!("the initialiser fails"))));
    assert_eq!(once.get(), None);
    assert_eq!(once.get_or_init(|| 1), &1);
    assert_eq!(once.get_or_try_init(|| Err("too late")), Ok(&1));
    assert_eq!(once.into_inner(), Some(1));
}

#[test]
fn one_initialiser_succeeds_and_no_two_run_at_once() {
    for _ in 0..100 {
        let once = RetryOnce::new();
        let (running, ran) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for id in 0..4 {
                let (once, running, ran) = (&once, &running, &ran);
                scope.spawn(move || {
                    let _ = once.get_or_try_init(|| {
                        assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0);
                        let turn = ran.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                        if turn < 2 {
                            Err(())
                        } else {
                            Ok(id)
                        }
                    });
                });
            }
        });
        assert_eq!(ran.load(Ordering::SeqCst), 3, "two failures and the success");
        assert!(once.get().is_some());
    }
}

#[test]
fn reinitialised_value_is_not_leaked() {
    let census = Census::default();
    let mut once = RetryOnce::new();
    once.get_or_init(|| census.value(0));
    drop(once.take());
    once.get_or_init(|| census.value(1));
    assert_eq!(census.alive(), 1);
    drop(once);
    assert_eq!(census.alive(), 0);
}

#[test]
fn one_flight_per_key() {
    let fetched = AtomicUsize::new(0);
    let cache: KeyedOnce<u32, u32> = KeyedOnce::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for key in 0..50 {
                    let value = cache.get_or_init(&key, |key| {
                        fetched.fetch_add(1, Ordering::Relaxed);
                        std::thread::yield_now();
                        key * 2
                    });
                    assert_eq!(value, key * 2);
                }
            });
        }
    });
    assert_eq!((fetched.load(Ordering::Relaxed), cache.len()), (50, 50));
}

#[test]
fn failed_key_leaves_no_entry_and_is_retried() {
    let cache: KeyedOnce<String, u32> = KeyedOnce::new();
    assert_eq!(cache.get_or_try_init("a", |_| Err("down")), Err("down"));
    assert!(panics(|| cache.get_or_init("a", |_| panic!("the fetch fails"))));
    assert!(cache.is_empty());
    assert_eq!(cache.get_or_try_init("a", |_| Ok::<_, ()>(1)), Ok(1));
    assert_eq!((cache.get("a"), cache.get("b")), (Some(1), None));
    assert_eq!(cache.remove("a"), Some(1));
    assert!(cache.is_empty());
}

/// Failures of many threads for one key: each tries its own, nobody finds half an entry.
#[test]
fn failures_at_the_same_time_leave_no_entry() {
    let cache: KeyedOnce<u8, u8> = KeyedOnce::new();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..500 {
                    assert_eq!(cache.get_or_try_init(&1, |_| Err(())), Err(()));
                }
            });
        }
    });
    assert!(cache.is_empty());
}

#[test]
fn different_keys_do_not_wait_for_each_other() {
    let cache: KeyedOnce<u8, u8> = KeyedOnce::new();
    let inner_done = Latch::new();
    std::thread::scope(|scope| {
        scope.spawn(|| cache.get_or_init(&1, |_| u8::from(inner_done.wait_timeout(FOREVER))));
        cache.get_or_init(&2, |_| 2);
        inner_done.open();
    });
    assert_eq!(cache.get(&1), Some(1));
}

/// A removal during a flight: the flight ends for its waiters, later callers start anew.
#[test]
fn removal_during_a_flight_starts_a_new_one() {
    let cache: KeyedOnce<u8, u8> = KeyedOnce::new();
    let value = cache.get_or_init(&1, |_| {
        assert_eq!(cache.remove(&1), None);
        assert_eq!(cache.get_or_init(&1, |_| 7), 7);
        3
    });
    assert_eq!((value, cache.get(&1)), (3, Some(7)));
}
