//! Gates, initialisation, the debouncer: wake-ups and what they make visible.

use crate::Plain;
use atomic_lint::{
    stages, Clock, CoarseClock, Countdown, Debouncer, Generations, KeyedOnce, Latch, ResettableLatch, RetryOnce,
    StageGate, Throttle, TokenBucket, Transition,
};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::Arc;
use loom::thread;
use std::time::Duration;

stages! {
    enum Life { Starting, Running }
}
const START: Transition<Life> = Transition::new("start", Life::Starting, Life::Running);

model! {
    /// A waiter and two threads that race for the transition: one wins, the waiter wakes up and
    /// sees what came before. A notification outside the lock can fall between the waiter's look
    /// and its sleep, and it sleeps for ever.
    fn gate(Some(3)) catches [stuck "gate-announce"] {
        let gate = Arc::new((StageGate::new(Life::Starting), Plain::new()));
        let waiter = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                gate.0.wait_for(Life::Running);
                assert_eq!(gate.1.get(), 1);
            })
        };
        gate.1.set(1);
        gate.0.apply(START).unwrap();
        assert!(gate.0.apply(START).is_err());
        waiter.join().unwrap();
    }
}

model! {
    /// Who reads the new stage, without waiting, sees what came before it.
    fn gate_current(None) catches [race "gate-apply", race "gate-look"] {
        let gate = Arc::new((StageGate::new(Life::Starting), Plain::new()));
        let observer = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                if gate.0.current() == Life::Running {
                    assert_eq!(gate.1.get(), 1);
                }
            })
        };
        gate.1.set(1);
        gate.0.apply(START).unwrap();
        observer.join().unwrap();
    }
}

model! {
    fn gate_race(None) catches [] {
        let gate = Arc::new(StageGate::new(Life::Starting));
        let other = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || gate.apply(START).is_ok())
        };
        let here = gate.apply(START).is_ok();
        let there = other.join().unwrap();
        assert!(here != there, "exactly one makes the transition");
    }
}

model! {
    /// The fast path of a wait takes no lock, so the latch itself must order memory.
    fn latch(None) catches [race "latch-open", race "latch-look", stuck "gate-announce"] {
        let latch = Arc::new((Latch::new(), Plain::new()));
        let waiter = {
            let latch = Arc::clone(&latch);
            thread::spawn(move || {
                latch.0.wait();
                assert_eq!(latch.1.get(), 1);
            })
        };
        latch.1.set(1);
        latch.0.open();
        waiter.join().unwrap();
    }
}

model! {
    /// Whoever sees zero sees what both threads did before they counted.
    fn countdown(None) catches [race "countdown", race "countdown-look"] {
        let done = Arc::new((Countdown::new(2), [Plain::new(), Plain::new()]));
        let worker = {
            let done = Arc::clone(&done);
            thread::spawn(move || {
                done.1[0].set(1);
                done.0.count_down();
            })
        };
        // The observer comes last: loom starts with the schedule that runs each thread to its end,
        // and need not find the others, since it forgets a load when the same word is loaded again.
        let observer = {
            let done = Arc::clone(&done);
            thread::spawn(move || {
                if done.0.remaining() == 0 {
                    assert_eq!((done.1[0].get(), done.1[1].get()), (1, 1));
                }
            })
        };
        done.1[1].set(1);
        done.0.count_down();
        worker.join().unwrap();
        observer.join().unwrap();
        assert_eq!(done.0.remaining(), 0);
    }
}

model! {
    /// A pulse that begins and ends while the waiter is on its way to sleep lets it through.
    fn resettable_latch_pulse(None) catches [stuck "gate-announce", stuck "latch-pulse"] {
        let latch = Arc::new(ResettableLatch::new());
        let arrival = latch.arrive();
        let waiter = {
            let latch = Arc::clone(&latch);
            thread::spawn(move || latch.wait_since(arrival))
        };
        latch.open();
        latch.close();
        waiter.join().unwrap();
    }
}

model! {
    /// Who reads the new generation, without waiting, sees what came before the claim.
    fn generation_current(None) catches [race "generation-claim", race "generation-look"] {
        let generations = Arc::new((Generations::new(), Plain::new()));
        let seen = generations.0.current();
        let observer = {
            let generations = Arc::clone(&generations);
            thread::spawn(move || {
                if generations.0.current() != seen {
                    assert_eq!(generations.1.get(), 1);
                }
            })
        };
        generations.1.set(1);
        assert!(generations.0.claim(seen));
        observer.join().unwrap();
    }
}

model! {
    fn generations(Some(3)) catches [stuck "gate-announce"] {
        let generations = Arc::new(Generations::new());
        let seen = generations.current();
        let other = {
            let generations = Arc::clone(&generations);
            thread::spawn(move || {
                let claimed = generations.claim(seen);
                generations.wait_past(seen);
                claimed
            })
        };
        let waiter = {
            let generations = Arc::clone(&generations);
            thread::spawn(move || generations.wait_past(seen))
        };
        let here = generations.claim(seen);
        let there = other.join().unwrap();
        waiter.join().unwrap();
        assert!(here != there, "exactly one claims");
    }
}

model! {
    /// The first initialiser fails, the others succeed: one value, one success.
    fn retry_once(Some(3)) catches [wrong "retry-once-recheck"] {
        let once = Arc::new((RetryOnce::new(), AtomicUsize::new(0), AtomicUsize::new(0)));
        let attempt = |once: &(RetryOnce<usize>, AtomicUsize, AtomicUsize)| {
            once.0
                .get_or_try_init(|| match once.1.fetch_add(1, Ordering::Relaxed) {
                    0 => Err(()),
                    turn => {
                        once.2.fetch_add(1, Ordering::Relaxed);
                        Ok(turn)
                    }
                })
                .copied()
        };
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let once = Arc::clone(&once);
                thread::spawn(move || attempt(&once))
            })
            .collect();
        let mut failures = usize::from(attempt(&once).is_err());
        for thread in threads {
            failures += usize::from(thread.join().unwrap().is_err());
        }
        assert_eq!(failures, 1);
        assert_eq!(once.2.load(Ordering::Relaxed), 1, "one initialiser succeeds");
    }
}

model! {
    /// Of two polls at most one fires for a touch, and it sees what was written before the touch.
    fn debouncer(None) catches [race "debouncer-touch", race "debouncer-poll"] {
        let shared = Arc::new((Debouncer::new(Duration::from_nanos(1)), Plain::new()));
        let toucher = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.1.set(1);
                shared.0.touch(4);
                shared.0.touch(3);
            })
        };
        let poller = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.0.poll(5))
        };
        if shared.0.poll(5) {
            assert_eq!(shared.1.get(), 1);
        }
        toucher.join().unwrap();
        poller.join().unwrap();
    }
}

model! {
    /// One token, two takers: one gets it. A bucket of two words would admit both.
    fn token_bucket(None) catches [wrong "token-bucket"] {
        let bucket = Arc::new(TokenBucket::new(Duration::from_nanos(10), 1));
        let other = {
            let bucket = Arc::clone(&bucket);
            thread::spawn(move || bucket.try_take(100).is_ok())
        };
        let here = bucket.try_take(101).is_ok();
        let there = other.join().unwrap();
        assert!(here != there, "exactly one is admitted");
    }
}

model! {
    /// Whoever is refused because the stage was entered already sees what came before it.
    fn gate_refused(None) catches [race "gate-refused"] {
        let gate = Arc::new((StageGate::new(Life::Starting), Plain::new()));
        let late = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                if gate.0.apply(START).is_err() {
                    assert_eq!(gate.1.get(), 1);
                }
            })
        };
        gate.1.set(1);
        let _ = gate.0.apply(START);
        late.join().unwrap();
    }
}

model! {
    /// The same with a claim of a generation.
    fn generation_late(None) catches [race "generation-late"] {
        let generations = Arc::new((Generations::new(), Plain::new()));
        let seen = generations.0.current();
        let late = {
            let generations = Arc::clone(&generations);
            thread::spawn(move || {
                if !generations.0.claim(seen) {
                    assert_eq!(generations.1.get(), 1);
                }
            })
        };
        generations.1.set(1);
        generations.0.claim(seen);
        late.join().unwrap();
    }
}

model! {
    /// Who sees the latch open, without waiting, sees what came before the opening.
    fn resettable_latch_look(None) catches [race "resettable-open", race "resettable-look"] {
        let latch = Arc::new((ResettableLatch::new(), Plain::new()));
        let observer = {
            let latch = Arc::clone(&latch);
            thread::spawn(move || {
                if latch.0.is_open() {
                    assert_eq!(latch.1.get(), 1);
                }
            })
        };
        latch.1.set(1);
        latch.0.open();
        observer.join().unwrap();
    }
}

model! {
    /// Who opens the latch again sees what came before it was closed.
    fn resettable_latch_reopened(None) catches [race "resettable-open", race "resettable-close"] {
        let latch = Arc::new((ResettableLatch::new(), Plain::new()));
        latch.0.open();
        let opener = {
            let latch = Arc::clone(&latch);
            thread::spawn(move || {
                if latch.0.open() {
                    assert_eq!(latch.1.get(), 1);
                }
            })
        };
        latch.1.set(1);
        latch.0.close();
        opener.join().unwrap();
    }
}

model! {
    /// Two callers of one key, the first initialiser fails: the second one's value is found, whoever
    /// tidies up, and of the initialisers no two run at once.
    fn keyed_once(Some(3)) catches [
        wrong "keyed-once-leave", wrong "keyed-once-recheck", wrong "retry-once-recheck",
    ] {
        let shared = Arc::new((KeyedOnce::<u8, usize>::new(), AtomicUsize::new(0), AtomicUsize::new(0)));
        let attempt = |shared: &(KeyedOnce<u8, usize>, AtomicUsize, AtomicUsize)| {
            shared.0.get_or_try_init(&7, |_| {
                assert_eq!(shared.2.fetch_add(1, Ordering::Relaxed), 0, "two initialisers at once");
                let turn = shared.1.fetch_add(1, Ordering::Relaxed);
                shared.2.fetch_sub(1, Ordering::Relaxed);
                if turn == 0 { Err(()) } else { Ok(turn) }
            })
        };
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || attempt(&shared))
            })
            .collect();
        let mut results = vec![attempt(&shared)];
        results.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
        results.sort_unstable();
        assert_eq!(results, [Ok(1), Ok(1), Err(())]);
        assert_eq!((shared.0.get(&7), shared.0.len()), (Some(1), 1));
        assert_eq!(shared.1.load(Ordering::Relaxed), 2, "one initialiser fails, one succeeds");
    }
}

model! {
    /// Calls held back and reports at the same time: each call is reported once.
    fn throttle(None) catches [wrong "throttle-report"] {
        let throttle = Arc::new(Throttle::new(Duration::from_nanos(10)));
        assert_eq!(throttle.check(1), Some(0));
        let other = {
            let throttle = Arc::clone(&throttle);
            thread::spawn(move || (throttle.check(2), throttle.check(3)))
        };
        let here = throttle.check(11);
        let there = other.join().unwrap();
        let reported = [here, there.0, there.1].into_iter().flatten().sum::<u64>() + throttle.take_skipped();
        assert_eq!((here.is_some(), there, reported), (true, (None, None), 2));
    }
}

model! {
    /// Two threads tick, a third one reads: time never runs backwards.
    fn coarse_clock(Some(3)) catches [wrong "coarse-clock-tick"] {
        let clock = Arc::new(CoarseClock::new());
        let ticking: Vec<_> = (0..2)
            .map(|_| {
                let clock = Arc::clone(&clock);
                thread::spawn(move || clock.tick())
            })
            .collect();
        let (first, second) = (clock.now(), clock.now());
        assert!(first <= second);
        let latest = ticking.into_iter().map(|thread| thread.join().unwrap()).max();
        assert_eq!(Some(clock.now()), latest);
    }
}
