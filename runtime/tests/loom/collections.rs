//! Stack and queue (without reclamation, see `epoch`) and hazard pointers (with it).

use atomic_lint::hazard::{Domain, HazardBox};
use atomic_lint::{Queue, Stack};
use loom::sync::Arc;
use loom::thread;

model! {
    /// Two pushes and two pops: every value comes out once, and each pop sees the value that the
    /// push wrote, which loom checks through the node's cell.
    fn stack(Some(3)) catches ["stack-push", "stack-pop", "stack-pop-again"] {
        let stack = Arc::new(Stack::new());
        let other = {
            let stack = Arc::clone(&stack);
            thread::spawn(move || {
                stack.push(1);
                stack.pop()
            })
        };
        stack.push(2);
        let here = stack.pop();
        let there = other.join().unwrap();
        let mut values = [here, there, stack.pop()];
        values.sort_unstable();
        assert_eq!(values, [None, Some(1), Some(2)]);
    }
}

model! {
    /// A push acquired through another thread's pop: the release sequence argument in `pop`.
    fn stack_release_sequence(Some(2)) catches ["stack-push"] {
        let stack = Arc::new(Stack::new());
        let threads: Vec<_> = [true, false, false]
            .into_iter()
            .map(|pushes| {
                let stack = Arc::clone(&stack);
                thread::spawn(move || {
                    if pushes {
                        stack.push(1);
                        stack.push(2);
                    } else if let Some(value) = stack.pop() {
                        assert!(value == 1 || value == 2);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

model! {
    /// Pushes claim nodes of one block and make a second one: each node is claimed once, and each
    /// block is retired once, when its last value is taken.
    fn stack_blocks(Some(2)) catches ["stack-claim", "stack-fresh"] {
        let stack = Arc::new(Stack::new());
        let other = {
            let stack = Arc::clone(&stack);
            thread::spawn(move || {
                stack.push(1);
                stack.push(2);
            })
        };
        stack.push(3);
        let first = stack.pop();
        other.join().unwrap();
        let mut values: Vec<i32> = std::iter::from_fn(|| stack.pop()).chain(first).collect();
        values.sort_unstable();
        assert_eq!(values, [1, 2, 3]);
    }
}

model! {
    /// A producer and a consumer on an empty queue: values arrive whole and in order.
    fn queue(Some(3)) catches ["queue-push", "queue-pop"] {
        let queue = Arc::new(Queue::new());
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || (1..=2).for_each(|value| queue.push(Box::new(value))))
        };
        let mut seen: Vec<i32> = Vec::new();
        seen.extend(queue.pop().map(|value| *value));
        seen.extend(queue.pop().map(|value| *value));
        producer.join().unwrap();
        while let Some(value) = queue.pop() {
            seen.push(*value);
        }
        assert_eq!(seen, [1, 2]);
    }
}

model! {
    /// A consumer follows a producer into the next block, and may swing `tail` for it.
    fn queue_next_block(Some(2)) catches ["queue-link"] {
        let queue = Arc::new(Queue::new());
        (1..=2).for_each(|value| queue.push(Box::new(value)));
        let consumer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || (0..3).filter_map(|_| queue.pop()).map(|value| *value).collect::<Vec<i32>>())
        };
        queue.push(Box::new(3));
        let early = queue.pop();
        let mut seen = consumer.join().unwrap();
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
        seen.extend(early.map(|value| *value));
        seen.extend(std::iter::from_fn(|| queue.pop()).map(|value| *value));
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3]);
    }
}

model! {
    /// Two producers that claim slots of one block and grow the list: `tail` hands on whole blocks.
    fn queue_producers(Some(2)) catches ["queue-swing", "queue-claim"] {
        let queue = Arc::new(Queue::new());
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || (1..=2).for_each(|value| queue.push(value)))
        };
        (3..=4).for_each(|value| queue.push(value));
        producer.join().unwrap();
        let values: Vec<i32> = std::iter::from_fn(|| queue.pop()).collect();
        let of = |mine: [i32; 2]| values.iter().copied().filter(|value| mine.contains(value)).collect::<Vec<_>>();
        assert_eq!((of([1, 2]), of([3, 4]), values.len()), (vec![1, 2], vec![3, 4], 4));
    }
}

model! {
    /// One consumer enters the next block beside its producer, another one finds it there.
    fn queue_consumers(Some(1)) catches ["queue-head", "queue-next"] {
        let queue = Arc::new(Queue::new());
        (1..=2).for_each(|value| queue.push(value));
        let consumers: Vec<_> = [3, 1]
            .into_iter()
            .map(|pops| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || (0..pops).filter_map(|_| queue.pop()).collect::<Vec<i32>>())
            })
            .collect();
        queue.push(3);
        let mut seen = Vec::new();
        for consumer in consumers {
            let values = consumer.join().unwrap();
            assert!(values.windows(2).all(|pair| pair[0] < pair[1]));
            seen.extend(values);
        }
        seen.extend(std::iter::from_fn(|| queue.pop()));
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3]);
    }
}

model! {
    /// Pops that skip the slots of a push which is held up, to the end of its block: the push goes on
    /// elsewhere, and the block stays until it knows.
    fn queue_skip(Some(3)) catches ["queue-skip"] {
        let queue = Arc::new(Queue::new());
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push(1))
        };
        let other = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push(2))
        };
        let early = queue.pop();
        producer.join().unwrap();
        other.join().unwrap();
        let mut values: Vec<i32> = std::iter::from_fn(|| queue.pop()).chain(early).collect();
        values.sort_unstable();
        assert_eq!(values, [1, 2]);
    }
}

model! {
    /// A reader that looks while a writer replaces and reclaims. The object's cell is written when
    /// it is freed, so a read after that, or beside it, is a race that loom reports. Without
    /// either fence, reader and writer can miss each other.
    fn hazard(Some(3)) catches ["hazard-announce", "hazard-scan", "hazard-reset", "hazard-let-go", "hazard-protect", "hazard-swap"] {
        // Of a size that nothing else has, so that the allocator gives the address out again.
        struct Object(loom::cell::UnsafeCell<u32>, #[allow(dead_code)] [u64; 201]);
        // SAFETY: the cell is written by the destructor alone, which is what the model checks.
        unsafe impl Sync for Object {}
        impl Drop for Object {
            fn drop(&mut self) {
                self.0.with_mut(|value| {
                    // SAFETY: a destructor has the object to itself.
                    unsafe { *value = 0 }
                });
            }
        }
        let object = |new| {
            // Written after it is made, because loom doesn't count the making as an access.
            let object = Object(loom::cell::UnsafeCell::new(0), [0; 201]);
            object.0.with_mut(|value| {
                // SAFETY: the object is still this thread's own.
                unsafe { *value = new }
            });
            object
        };

        let domain: &'static Domain = Box::leak(Box::new(Domain::new()));
        let shared = Arc::new(HazardBox::new(domain, object(1)));
        let mut hazard = domain.hazard();
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let value = shared.load(&mut hazard).0.with(|value| {
                    // SAFETY: the hazard protects the object.
                    unsafe { *value }
                });
                assert_ne!(value, 0, "the object was freed under its reader");
            })
        };
        shared.store(object(2));
        domain.reclaim();
        // May get the address of the first object, which the reader may be about to confirm.
        shared.store(object(3));
        reader.join().unwrap();
        drop(shared);
        domain.reclaim();
    }
}
