//! The ring between one producer and one consumer.

use atomic_lint::spsc;
use loom::thread;

model! {
    /// Three values through one slot: hand-over, reuse of the slot, order, the end.
    fn one_slot(None) catches [race "ring-publish", race "ring-available", race "ring-give-back", race "ring-room"] {
        let (mut producer, mut consumer) = spsc::channel(1);
        let pushing = thread::spawn(move || {
            for n in 0..3 {
                while producer.try_push(Box::new(n)).is_err() {
                    thread::yield_now();
                }
            }
        });
        for n in 0..3 {
            loop {
                if let Some(value) = consumer.try_pop() {
                    assert_eq!(*value, n);
                    break;
                }
                thread::yield_now();
            }
        }
        pushing.join().expect("pushes all");
    }
}

model! {
    /// A producer that pushes and goes: the consumer sees the end only after the last value.
    fn end(None) catches [wrong "ring-close", wrong "ring-closed"] {
        let (mut producer, mut consumer) = spsc::channel(2);
        let pushing = thread::spawn(move || {
            producer.push(1).expect("the consumer is there");
            producer.push(2).expect("the consumer is there");
        });
        assert_eq!(consumer.pop(), Ok(1));
        assert_eq!(consumer.pop(), Ok(2));
        assert_eq!(consumer.pop(), Err(spsc::Closed));
        pushing.join().expect("pushes all");
    }
}

model! {
    /// Batches, and values left behind by a consumer that goes first.
    fn batches(Some(3)) catches [race "ring-publish"] {
        let (mut producer, mut consumer) = spsc::channel(2);
        let pushing = thread::spawn(move || {
            producer.push_from([Box::new(0), Box::new(1)])
                + producer.push_from([Box::new(2), Box::new(3)])
        });
        let mut next = 0;
        consumer.pop_each(|value| {
            assert_eq!(*value, next);
            next += 1;
        });
        drop(consumer);
        let pushed = pushing.join().expect("pushes what fits");
        assert!(next <= pushed && pushed <= 4);
    }
}
