//! Counters, extremes, packed pairs, turns: nothing that was recorded is lost.

use crate::Plain;
use atomic_lint::{AtomicMax, AtomicMin, Counter, FloatCounter, Packed, RoundRobin, ShardedCounter};
use loom::sync::Arc;
use loom::thread;

model! {
    /// Two threads count and one of them takes: every addition is in exactly one result.
    fn counter(None) catches [wrong "counter-add"] {
        let counter = Arc::new(Counter::new());
        let other = Arc::clone(&counter);
        let counting = thread::spawn(move || other.add(2));
        counter.increment();
        let taken = counter.take();
        counting.join().expect("counts");
        assert_eq!(taken + counter.get(), 3);
    }
}

model! {
    /// Two threads add fractions, a third reads: no more and no less than both.
    fn float_counter(None) catches [wrong "float-counter-add"] {
        let counter = Arc::new(FloatCounter::new());
        let counting: Vec<_> = (0..2)
            .map(|_| {
                let counter = Arc::clone(&counter);
                thread::spawn(move || counter.add(0.5))
            })
            .collect();
        counter.increment();
        assert!([1.0, 1.5, 2.0].contains(&counter.get()));
        counting.into_iter().for_each(|thread| thread.join().expect("counts"));
        assert_eq!(counter.get(), 2.0);
    }
}

model! {
    /// Three threads on two lanes.
    fn sharded_counter(None) catches [wrong "sharded-counter-add"] {
        let counter = Arc::new(ShardedCounter::<2>::with_lanes());
        let counting: Vec<_> = (0..2)
            .map(|lane| {
                let counter = Arc::clone(&counter);
                thread::spawn(move || counter.add_in(lane, 1))
            })
            .collect();
        counter.add_in(3, 1);
        counting.into_iter().for_each(|thread| thread.join().expect("counts"));
        assert_eq!(counter.take(), 3);
        assert_eq!(counter.get(), 0);
    }
}

model! {
    /// Two threads record: the extreme stays, and each new one was told so.
    fn maximum(None) catches [wrong "max-record"] {
        let max = Arc::new(AtomicMax::new(0));
        let other = Arc::clone(&max);
        let recording = thread::spawn(move || other.record(1));
        assert!(max.record(2));
        recording.join().expect("records");
        assert_eq!(max.get(), 2);
    }
}

model! {
    /// The same from below.
    fn minimum(None) catches [wrong "min-record"] {
        let min = Arc::new(AtomicMin::new(9));
        let other = Arc::clone(&min);
        let recording = thread::spawn(move || other.record(2));
        assert!(min.record(1));
        recording.join().expect("records");
        assert_eq!(min.get(), 1);
    }
}

model! {
    /// Two threads update a pair: both updates count, and no reader sees the fields apart.
    fn packed_update(None) catches [wrong "packed-update"] {
        let pair = Arc::new(Packed::new(0_u32, 10_u32));
        let other = Arc::clone(&pair);
        let updating = thread::spawn(move || {
            other.update(|start, end| (start + 1, end + 1));
        });
        pair.update(|start, end| (start + 1, end + 1));
        let (start, end) = pair.load();
        assert_eq!(end - start, 10);
        updating.join().expect("updates");
        assert_eq!(pair.load(), (2, 12));
    }
}

model! {
    /// A stored pair publishes what came before it.
    fn packed_store(None) catches [race "packed-store", race "packed-load"] {
        let data = Arc::new(Plain::new());
        let pair = Arc::new(Packed::new(0_u8, false));
        let (other_data, other_pair) = (Arc::clone(&data), Arc::clone(&pair));
        let writing = thread::spawn(move || {
            other_data.set(7);
            other_pair.store(1, true);
        });
        if pair.load() == (1, true) {
            assert_eq!(data.get(), 7);
        }
        writing.join().expect("writes");
    }
}

model! {
    /// Two callers on one lane get different turns.
    fn turns(None) catches [wrong "round-robin-next"] {
        let items = Arc::new(RoundRobin::with_lanes([0, 1], 1));
        let other = Arc::clone(&items);
        let choosing = thread::spawn(move || *other.next_in(0));
        let mine = *items.next_in(0);
        assert_ne!(mine, choosing.join().expect("chooses"));
    }
}

model! {
    /// An update that builds on another one sees what came before that, whether it finds it at once
    /// or after a lost race.
    fn packed_hand_on(None) catches [
        race "packed-update-look", race "packed-update-publish", race "packed-update-again",
    ] {
        let shared = Arc::new((Packed::new(0_u8, 0_u8), Plain::new()));
        let other = Arc::clone(&shared);
        let building = thread::spawn(move || {
            other.0.update(|first, second| {
                if first == 1 {
                    assert_eq!(other.1.get(), 7);
                }
                (first, second + 1)
            });
        });
        shared.1.set(7);
        shared.0.update(|first, second| (first + 1, second));
        building.join().expect("builds");
        assert_eq!(shared.0.load(), (1, 1));
    }
}
