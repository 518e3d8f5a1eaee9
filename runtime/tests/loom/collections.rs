//! Stack and queue (without reclamation, see `epoch`) and hazard pointers (with it).

use crate::Plain;
use atomic_lint::hazard::{Domain, HazardBox};
use atomic_lint::{Queue, Stack};
use loom::sync::Arc;
use loom::thread;

model! {
    /// Two pushes and two pops: every value comes out once, and each pop sees the value that the
    /// push wrote, which loom checks through the node's cell.
    fn stack(Some(3)) catches [race "stack-push", race "stack-pop", race "stack-pop-again", race "stack-used-up"] {
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
    fn stack_release_sequence(Some(2)) catches [race "stack-push"] {
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
    fn stack_blocks(Some(2)) catches [race "stack-claim", race "stack-fresh"] {
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
    fn queue(Some(3)) catches [race "queue-fill", race "queue-empty"] {
        let queue = Arc::new(Queue::new());
        let consumer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || (0..2).filter_map(|_| queue.pop()).map(|value: Box<i32>| *value).collect::<Vec<i32>>())
        };
        (1..=2).for_each(|value| queue.push(Box::new(value)));
        let mut seen = consumer.join().unwrap();
        seen.extend(std::iter::from_fn(|| queue.pop()).map(|value| *value));
        assert_eq!(seen, [1, 2]);
    }
}

model! {
    /// A consumer follows a producer into the next block.
    fn queue_next_block(Some(2)) catches [
        race "queue-take", race "queue-finish", race "queue-is-finished", race "queue-unfinished",
    ] {
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
    fn queue_producers(Some(2)) catches [
        race "queue-swing", race "queue-claim", race "queue-link", race "queue-link-lost",
    ] {
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
    /// One consumer enters the next block beside its producer, another one finds it there. Of all pops
    /// that come to the end of a block one leaves it.
    fn queue_consumers(Some(1)) catches [
        race "queue-enter", race "queue-leave-twice", race "queue-look", race "queue-looked",
        race "queue-last-looker", race "queue-unseen", race "queue-set-aside", race "queue-take-aside",
    ] {
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
    /// The last slot of a block is filled by one thread, emptied by another, and left behind by a third,
    /// which uses the block again after both are done with it.
    fn queue_hand_over(Some(2)) catches [race "queue-skip", race "queue-skip-late", race "queue-take-back"] {
        let queue = Arc::new(Queue::new());
        queue.push(0);
        assert_eq!(queue.pop(), Some(0));
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push(1))
        };
        let consumer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.pop())
        };
        queue.push(2);
        let here = queue.pop();
        producer.join().unwrap();
        let there = consumer.join().unwrap();
        let mut values: Vec<i32> = here.into_iter().chain(there).chain(std::iter::from_fn(|| queue.pop())).collect();
        values.sort_unstable();
        assert_eq!(values, [1, 2]);
    }
}

model! {
    /// A push that knows nothing of the last block but that it is full.
    fn queue_full_block(Some(2)) catches [race "queue-tail"] {
        let queue = Arc::new(Queue::new());
        (1..=2).for_each(|value| queue.push(value));
        let other = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push(5))
        };
        (3..=4).for_each(|value| queue.push(value));
        other.join().unwrap();
        let mut values: Vec<i32> = std::iter::from_fn(|| queue.pop()).collect();
        values.sort_unstable();
        assert_eq!(values, [1, 2, 3, 4, 5]);
    }
}

model! {
    /// Pops that skip the slots of a push which is held up, to the end of its block: the push goes on
    /// elsewhere, and the block stays until it knows.
    fn queue_skip(Some(3)) catches [] {
        let queue = Arc::new(Queue::new());
        let consumer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.pop())
        };
        let other = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push(2))
        };
        queue.push(1);
        let early = consumer.join().unwrap();
        other.join().unwrap();
        let mut values: Vec<i32> = std::iter::from_fn(|| queue.pop()).chain(early).collect();
        values.sort_unstable();
        assert_eq!(values, [1, 2]);
    }
}

model! {
    /// Each thread takes no more than it has put in, so no pop finds the queue empty.
    fn queue_of_two(None) catches [wrong "queue-advance", wrong "queue-look-head"] {
        let queue = Arc::new(Queue::new());
        let other = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                queue.push(1);
                queue.pop().expect("two were put in and one was taken")
            })
        };
        queue.push(2);
        let here = queue.pop().expect("two were put in and one was taken");
        assert_eq!(other.join().unwrap() + here, 3);
    }
}

model! {
    /// The block comes back while a pop looks: what it has seen of `head` and of `tail` belongs to two
    /// lives of one address. There is always a value.
    fn queue_comes_back(Some(2)) catches [
        wrong "queue-aba", wrong "queue-left", wrong "queue-leave", wrong "queue-look-tail", race "queue-keep",
        race "queue-take-spare",
    ] {
        let queue = Arc::new(Queue::new());
        (1..=3).for_each(|value| queue.push(value));
        assert_eq!(queue.pop(), Some(1));
        let looking = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.pop().expect("there is always a value"))
        };
        queue.push(4);
        let mut values = vec![queue.pop(), queue.pop()];
        queue.push(5);
        values.push(Some(looking.join().unwrap()));
        values.extend(std::iter::from_fn(|| queue.pop()).map(Some));
        values.sort_unstable();
        assert_eq!(values, [Some(2), Some(3), Some(4), Some(5)]);
    }
}

model! {
    /// While a pop comes to the end of a block, others leave that block and the next one, up to a block
    /// without a successor: the pop sees the last step of `head` and of `tail`, or no two that don't fit.
    fn queue_end(Some(2)) catches [race "queue-end", wrong "queue-beyond"] {
        let queue = Arc::new(Queue::new());
        (1..=3).for_each(|value| queue.push(value));
        (1..=2).for_each(|value| assert_eq!(queue.pop(), Some(value)));
        let other = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.pop())
        };
        let mut values = vec![queue.pop()];
        queue.push(4);
        values.push(queue.pop());
        (5..=6).for_each(|value| queue.push(value));
        values.extend([queue.pop(), queue.pop(), other.join().unwrap()]);
        values.extend(std::iter::from_fn(|| queue.pop()).map(Some));
        values.sort_unstable();
        assert_eq!(values.into_iter().flatten().collect::<Vec<i32>>(), [3, 4, 5, 6]);
    }
}

model! {
    /// A block serves again beside a thread that came to its end, or had claimed a slot of it, in its
    /// earlier life.
    fn queue_reuse(Some(2)) catches [] {
        let queue = Arc::new(Queue::new());
        queue.push(1);
        let other = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                queue.push(2);
                queue.pop().is_some()
            })
        };
        let mut taken = 0;
        for value in 3..=5 {
            queue.push(value);
            taken += usize::from(queue.pop().is_some());
        }
        taken += usize::from(other.join().unwrap());
        taken += std::iter::from_fn(|| queue.pop()).count();
        assert_eq!(taken, 5);
    }
}

model! {
    /// A look at a queue whose head has just moved to a new block.
    fn queue_is_empty(Some(3)) catches [race "queue-is-empty"] {
        let queue = Arc::new(Queue::new());
        (1..=2).for_each(|value| queue.push(value));
        (1..=2).for_each(|value| assert_eq!(queue.pop(), Some(value)));
        let looking = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.is_empty())
        };
        queue.push(3);
        assert_eq!(queue.pop(), Some(3));
        looking.join().unwrap();
        assert!(queue.is_empty());
    }
}

model! {
    /// A look at a queue that always has a value, each time another one.
    fn queue_is_never_empty(Some(3)) catches [wrong "queue-is-full"] {
        let queue = Arc::new(Queue::new());
        queue.push(1);
        let looking = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || assert!(!queue.is_empty()))
        };
        queue.push(2);
        assert_eq!(queue.pop(), Some(1));
        looking.join().unwrap();
    }
}

model! {
    /// A look at a slot that a pop has skipped, while its push takes the value back: what is said to be
    /// there can be popped, unless the other pop has got it.
    fn queue_is_empty_beside_a_skip(Some(3)) catches [wrong "queue-is-full-skipped"] {
        let queue = Arc::new(Queue::new());
        let looking = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || !queue.is_empty() && queue.pop().is_none())
        };
        let consumer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.pop())
        };
        queue.push(1);
        let missing = looking.join().unwrap();
        let taken = consumer.join().unwrap().is_some();
        assert!(taken || !missing, "there was said to be a value");
    }
}

/// An object whose destructor writes to it, so that a read after that, or beside it, is a race.
///
/// Of a size that nothing else has, so that the allocator gives the address out again.
struct Object(Plain, #[allow(dead_code)] [u64; 201]);

impl Object {
    fn new(value: u32) -> Self {
        // Written after it is made, because loom doesn't count the making as an access.
        let object = Self(Plain::new(), [0; 201]);
        object.0.set(value);
        object
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.0.set(0);
    }
}

fn leaked_domain() -> &'static Domain {
    Box::leak(Box::new(Domain::new()))
}

model! {
    /// A reader that looks while a writer replaces and reclaims. Without either fence, reader and
    /// writer can miss each other.
    fn hazard(Some(3)) catches [
        race "hazard-announce", race "hazard-scan", race "hazard-reset", race "hazard-let-go",
        race "hazard-protect", race "hazard-swap",
    ] {
        let domain = leaked_domain();
        let shared = Arc::new(HazardBox::new(domain, Object::new(1)));
        let mut hazard = domain.hazard();
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                assert_ne!(shared.load(&mut hazard).0.get(), 0, "the object was freed under its reader");
            })
        };
        shared.store(Object::new(2));
        domain.reclaim();
        // May get the address of the first object, which the reader may be about to confirm.
        shared.store(Object::new(3));
        reader.join().unwrap();
        drop(shared);
        domain.reclaim();
    }
}

model! {
    /// A reader that goes on from one object to the next with the same hazard: the first one is freed
    /// after it was read.
    fn hazard_moves_on(Some(2)) catches [] {
        let domain = leaked_domain();
        let shared = Arc::new(HazardBox::new(domain, Object::new(1)));
        let mut hazard = domain.hazard();
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                assert_ne!(shared.load(&mut hazard).0.get(), 0);
                assert_ne!(shared.load(&mut hazard).0.get(), 0);
                hazard
            })
        };
        shared.store(Object::new(2));
        domain.reclaim();
        reader.join().unwrap();
    }
}

model! {
    /// Objects made and retired by one thread are freed by another.
    fn hazard_reclaims_for_others(None) catches [race "hazard-retire", race "hazard-reclaim"] {
        let domain = leaked_domain();
        let shared = Arc::new(HazardBox::new(domain, Object::new(1)));
        let writer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.store(Object::new(2));
                shared.store(Object::new(3));
            })
        };
        domain.reclaim();
        writer.join().unwrap();
        drop(shared);
        domain.reclaim();
    }
}

model! {
    /// A hazard is made while another thread looks for one, and a third scans all of them.
    fn hazard_slots(Some(2)) catches [race "hazard-add-slot", race "hazard-slots", race "hazard-scan-slots"] {
        let domain = leaked_domain();
        let shared = Arc::new(HazardBox::new(domain, Object::new(1)));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let mut hazard = domain.hazard();
                    assert_ne!(shared.load(&mut hazard).0.get(), 0);
                })
            })
            .collect();
        shared.store(Object::new(2));
        domain.reclaim();
        for reader in readers {
            reader.join().unwrap();
        }
    }
}

model! {
    /// A slot that changes hands while a writer scans.
    fn hazard_slot_changes_hands(Some(3)) catches [race "hazard-take", race "hazard-give-back"] {
        let domain = leaked_domain();
        let shared = Arc::new(HazardBox::new(domain, Object::new(1)));
        let mut hazard = domain.hazard();
        let first = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || assert_ne!(shared.load(&mut hazard).0.get(), 0))
        };
        let second = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut hazard = domain.hazard();
                assert_ne!(shared.load(&mut hazard).0.get(), 0);
            })
        };
        shared.store(Object::new(2));
        domain.reclaim();
        first.join().unwrap();
        second.join().unwrap();
    }
}
