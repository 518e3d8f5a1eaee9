//! Stress entries for ThreadSanitizer: each hands plain memory between threads through one
//! structure, so that a missing edge is a data race on that memory.
//!
//! Without arguments it runs every entry, under any build: an ordinary stress test. With a name it
//! runs that entry; `tests/tsan.rs` builds this file with the sanitizer and does so.
//!
//! `std` isn't instrumented, so an edge that it provides out of line is invisible. The entries use
//! spawn and join, which the sanitizer knows, and leaked statics; they leave out what rests on
//! `OnceLock` and on data inside a `Mutex` (`RetryOnce`, `KeyedOnce`), which loom models.

#![cfg_attr(atomic_lint_loom, allow(dead_code, unused_imports))]

mod cells;

use atomic_lint::hazard::{Domain, HazardBox};
use atomic_lint::{
    stages, Countdown, Debouncer, Generations, Latch, LockedSnapshot, Pool, Queue, ResettableLatch, Snapshot, Stack,
    StageGate, Transition, Versioned,
};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const ROUNDS: usize = if cfg!(atomic_lint_tsan) { 2_000 } else { 10_000 };

/// Plain memory that a structure is supposed to order.
struct Plain(UnsafeCell<u64>);

// SAFETY: that accesses are ordered is what the sanitizer checks.
unsafe impl Sync for Plain {}
// SAFETY: as for `Sync`.
unsafe impl Send for Plain {}

impl Plain {
    const fn new(value: u64) -> Self {
        Self(UnsafeCell::new(value))
    }

    fn set(&self, value: u64) {
        // SAFETY: the structure under test orders this before every `get`.
        unsafe { *self.0.get() = value };
    }

    fn get(&self) -> u64 {
        // SAFETY: the structure under test orders this after the last `set`.
        unsafe { *self.0.get() }
    }
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Runs the closures on a thread each, and joins them.
fn together(threads: Vec<Box<dyn FnOnce() + Send>>) {
    let threads: Vec<_> = threads.into_iter().map(thread::spawn).collect();
    for thread in threads {
        thread.join().expect("an entry doesn't panic");
    }
}

/// One thread adds, the other takes: every value crosses, soon after it was added.
fn cross(add: impl Fn(Box<u64>) + Send + 'static, take: impl Fn() -> Option<Box<u64>> + Send + 'static) {
    // Relaxed throughout: it keeps the threads in step and must order nothing.
    let taken = leak(AtomicUsize::new(0));
    together(vec![
        Box::new(move || {
            for n in 0..ROUNDS {
                while n > taken.load(Ordering::Relaxed) + 4 {
                    thread::yield_now();
                }
                add(Box::new(n as u64));
            }
        }),
        Box::new(move || {
            while taken.load(Ordering::Relaxed) < ROUNDS {
                match take() {
                    Some(mut value) => {
                        *value += 1;
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                    None => thread::yield_now(),
                }
            }
        }),
    ]);
}

fn stack() {
    let stack = leak(Stack::new());
    cross(|value| stack.push(value), || stack.pop());
}

fn queue() {
    let queue = leak(Queue::new());
    cross(|value| queue.push(value), || queue.pop());
}

fn hazard() {
    struct Object(Plain);
    impl Drop for Object {
        fn drop(&mut self) {
            self.0.set(0);
        }
    }
    let domain = leak(Domain::new());
    let shared = leak(HazardBox::new(domain, Object(Plain::new(1))));
    // Relaxed: they keep the threads in step and must order nothing.
    let (reads, writes) = (leak(AtomicUsize::new(0)), leak(AtomicUsize::new(0)));
    let reader = || {
        let mut hazard = domain.hazard();
        while writes.load(Ordering::Relaxed) < ROUNDS {
            assert_ne!(shared.load(&mut hazard).0.get(), 0, "freed under its reader");
            // Every other object is let go by looking at the next one.
            if reads.fetch_add(1, Ordering::Relaxed) % 2 == 0 {
                hazard.reset();
            }
        }
    };
    let writer = || {
        for n in 1..=ROUNDS {
            let before = reads.load(Ordering::Relaxed);
            shared.store(Object(Plain::new(n as u64)));
            domain.reclaim();
            while reads.load(Ordering::Relaxed) == before {
                thread::yield_now();
            }
            writes.store(n, Ordering::Relaxed);
        }
    };
    together(vec![Box::new(reader), Box::new(writer)]);
}

fn snapshot() {
    let snapshot = Arc::new(Snapshot::new(vec![0_u64; 4]));
    let locked = leak(LockedSnapshot::new(vec![0_u64; 4]));
    let versioned = leak(Versioned::new(0_u64));
    let writer = Arc::clone(&snapshot);
    let mut reader = snapshot.reader();
    together(vec![
        Box::new(move || {
            for n in 0..ROUNDS as u64 {
                writer.store(vec![n; 4]);
                writer.update(|old| old.iter().map(|n| n + 1).collect());
                locked.modify(|values| values.iter_mut().for_each(|n| *n += 1));
                versioned.update(|n| n + 1);
            }
        }),
        Box::new(move || {
            for _ in 0..ROUNDS {
                let values = reader.load();
                assert!(values.iter().all(|n| *n == values[0]));
                let values = snapshot.load();
                assert!(values.iter().all(|n| *n == values[0]));
                let values = locked.load();
                assert!(values.iter().all(|n| *n == values[0]));
                let now = versioned.load();
                assert_eq!(now.version(), *now);
            }
        }),
    ]);
}

stages! {
    enum Life { Filled, Empty }
}

/// Two threads that pass plain memory to and fro; each reads the stage without a lock.
fn gate() {
    const EMPTY: Transition<Life> = Transition::new("empty", Life::Filled, Life::Empty);
    const FILL: Transition<Life> = Transition::new("fill", Life::Empty, Life::Filled);
    let (gate, plain) = (leak(StageGate::new(Life::Empty)), leak(Plain::new(0)));
    let side = move |mine: Life, step: Transition<Life>| -> Box<dyn FnOnce() + Send> {
        Box::new(move || {
            for _ in 0..ROUNDS / 4 {
                while gate.current() != mine {
                    thread::yield_now();
                }
                plain.set(plain.get() + 1);
                gate.apply(step).expect("the other side waits");
            }
        })
    };
    together(vec![side(Life::Filled, EMPTY), side(Life::Empty, FILL)]);
}

fn latch() {
    for _ in 0..ROUNDS / 10 {
        let (latch, plain) = (leak(Latch::new()), leak(Plain::new(0)));
        together(vec![
            Box::new(|| {
                while !latch.is_open() {
                    thread::yield_now();
                }
                assert_eq!(plain.get(), 1);
            }),
            Box::new(|| {
                plain.set(1);
                latch.open();
            }),
        ]);
    }
}

fn resettable_latch() {
    for _ in 0..ROUNDS / 10 {
        let (latch, plain) = (leak(ResettableLatch::new()), leak(Plain::new(0)));
        let arrival = latch.arrive();
        together(vec![
            Box::new(move || {
                latch.wait_since(arrival);
                assert_eq!(plain.get(), 1);
            }),
            Box::new(|| {
                plain.set(1);
                latch.open();
                latch.close();
            }),
        ]);
    }
}

fn countdown() {
    for _ in 0..ROUNDS / 10 {
        let done = leak(Countdown::new(2));
        let plain = leak([Plain::new(0), Plain::new(0)]);
        let worker = move |id: usize| -> Box<dyn FnOnce() + Send> {
            Box::new(move || {
                plain[id].set(1);
                done.count_down();
            })
        };
        together(vec![
            worker(0),
            worker(1),
            Box::new(|| {
                while done.remaining() != 0 {
                    thread::yield_now();
                }
                assert_eq!(plain[0].get() + plain[1].get(), 2);
            }),
        ]);
    }
}

fn generations() {
    let (generations, plain) = (leak(Generations::new()), leak(Plain::new(0)));
    let start = generations.current();
    together(vec![
        Box::new(move || {
            while generations.current() == start {
                thread::yield_now();
            }
            assert_eq!(plain.get(), 1);
        }),
        Box::new(move || {
            thread::sleep(Duration::from_millis(5));
            plain.set(1);
            assert!(generations.claim(start));
        }),
    ]);
}

fn debouncer() {
    let debouncer = leak(Debouncer::new(Duration::from_nanos(1)));
    let plain = leak([(); 64].map(|()| Plain::new(0)));
    together(vec![
        Box::new(move || {
            for cell in plain {
                while debouncer.is_pending() {
                    thread::yield_now();
                }
                cell.set(1);
                debouncer.touch(1);
            }
        }),
        Box::new(move || {
            for cell in plain {
                while !debouncer.poll(2) {
                    thread::yield_now();
                }
                assert_eq!(cell.get(), 1);
            }
        }),
    ]);
}

fn pool() {
    let pool = leak(Pool::new(1, || Box::new(0_u64)));
    let user = || {
        for _ in 0..ROUNDS {
            **pool.take() += 1;
        }
    };
    together(vec![Box::new(user), Box::new(user)]);
}

/// A race on purpose: proof that the sanitizer is at work.
fn planted() {
    let plain = leak(Plain::new(0));
    let racer = || (0..ROUNDS).for_each(|_| plain.set(plain.get() + 1));
    together(vec![Box::new(racer), Box::new(racer)]);
}

const ENTRIES: [(&str, fn()); 11] = [
    ("stack", stack),
    ("queue", queue),
    ("hazard", hazard),
    ("snapshot", snapshot),
    ("gate", gate),
    ("latch", latch),
    ("resettable_latch", resettable_latch),
    ("countdown", countdown),
    ("generations", generations),
    ("debouncer", debouncer),
    ("pool", pool),
];

#[cfg(atomic_lint_loom)]
fn main() {}

#[cfg(not(atomic_lint_loom))]
fn main() {
    // Initialises what is initialised once, out of the sanitizer's sight, before any thread starts.
    Latch::new().open();
    Stack::from_iter([1]).pop();
    // The flags that a test runner passes are of no concern here.
    let wanted = std::env::args().nth(1).filter(|name| !name.is_empty() && !name.starts_with('-'));
    if wanted.as_deref() == Some("planted") {
        return planted();
    }
    for (name, entry) in ENTRIES.into_iter().chain(cells::ENTRIES) {
        if wanted.as_deref().map_or(true, |wanted| wanted == name) {
            entry();
            println!("{name}: ok");
        }
    }
}
