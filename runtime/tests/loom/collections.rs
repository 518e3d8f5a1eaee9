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
    /// A producer and a consumer on an empty queue: values arrive whole and in order, and `tail`
    /// keeps up with `head`.
    fn queue(Some(3)) catches ["queue-push", "queue-pop"] {
        let queue = Arc::new(Queue::new());
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                queue.push(Box::new(1));
                queue.push(Box::new(2));
            })
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
    /// Two producers that may find each other's `tail` lagging.
    fn queue_producers(Some(2)) catches ["queue-swing"] {
        let queue = Arc::new(Queue::new());
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push(1))
        };
        queue.push(2);
        producer.join().unwrap();
        let mut values = [queue.pop(), queue.pop()];
        values.sort_unstable();
        assert_eq!(values, [Some(1), Some(2)]);
        assert_eq!(queue.pop(), None);
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
