//! Counters, extremes, bits, turns, references.

use crate::frame::{alone, beside, repeat, two, Table};
use atomic_lint::{
    AtomicBitSet, AtomicMax, Backoff, Counter, FloatCounter, Padded, RefCount, RoundRobin, ShardedCounter, SingleWriter,
};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

const OPERATIONS: usize = 50_000;

pub(crate) fn rows(table: &mut Table) {
    padding(table);
    counters(table);
    extremes_and_bits(table);
    references_and_turns(table);
    non_wins(table);
}

fn padding(table: &mut Table) {
    let padded = [Padded::new(AtomicU64::new(0)), Padded::new(AtomicU64::new(0))];
    let beside = Padded::new([AtomicU64::new(0), AtomicU64::new(0)]);
    table.row(
        "padded: two threads, a counter each",
        vec![
            two("Padded", OPERATIONS, |id, n| {
                repeat(n, |_| {
                    padded[id].fetch_add(1, Relaxed);
                });
            }),
            two("on one line", OPERATIONS, |id, n| {
                repeat(n, |_| {
                    beside[id].fetch_add(1, Relaxed);
                });
            }),
        ],
    );
}

fn counters(table: &mut Table) {
    let sharded: ShardedCounter = ShardedCounter::new();
    let shared = Counter::new();
    let peer = fast_counter::ConcurrentCounter::new(16);
    let locked = Mutex::new(0_u64);
    table.row(
        "counter: two threads count together",
        vec![
            two("ShardedCounter", OPERATIONS, |_, n| {
                repeat(n, |_| sharded.increment());
            }),
            two("fast-counter", OPERATIONS, |_, n| {
                repeat(n, |_| peer.add(1));
            }),
            two("Counter", OPERATIONS, |_, n| {
                repeat(n, |_| shared.increment());
            }),
            two("Mutex<u64>", OPERATIONS, |_, n| {
                repeat(n, |_| *locked.lock().expect("not poisoned") += 1);
            }),
        ],
    );

    let ours = FloatCounter::new();
    let peer = prometheus::Counter::new("peer", "peer").expect("a valid name");
    table.row(
        "float counter: two threads add ones",
        vec![
            two("FloatCounter", OPERATIONS, |_, n| {
                repeat(n, |_| ours.add(1.0));
            }),
            two("prometheus::Counter", OPERATIONS, |_, n| {
                repeat(n, |_| peer.inc_by(1.0));
            }),
        ],
    );
    table.row(
        "float counter: two threads add halves",
        vec![
            two("FloatCounter", OPERATIONS, |_, n| {
                repeat(n, |_| ours.add(0.5));
            }),
            two("prometheus::Counter", OPERATIONS, |_, n| {
                repeat(n, |_| peer.inc_by(0.5));
            }),
        ],
    );

    let single = SingleWriter::new(AtomicU64::new(0));
    let rmw = AtomicU64::new(0);
    table.row(
        "single writer: one counts, one reads now and then",
        vec![
            beside(
                "SingleWriter",
                OPERATIONS,
                |n| {
                    let mut writer = single.claim().expect("the only writer");
                    repeat(n, |_| writer.add(1));
                },
                || now_and_then(|| single.load()),
            ),
            beside(
                "fetch_add",
                OPERATIONS,
                |n| {
                    repeat(n, |_| {
                        rmw.fetch_add(1, Relaxed);
                    })
                },
                || now_and_then(|| rmw.load(Relaxed)),
            ),
        ],
    );
}

fn now_and_then(read: impl Fn() -> u64) {
    black_box(read());
    (0..100).for_each(|_| std::hint::spin_loop());
}

fn extremes_and_bits(table: &mut Table) {
    let (max, rmw) = (AtomicMax::new(0), AtomicU64::new(0));
    table.row(
        "max: two threads, values that seldom rise",
        vec![
            two("AtomicMax", OPERATIONS, |_, n| {
                repeat(n, |i| max.record(noise(i)));
            }),
            two("fetch_max", OPERATIONS, |_, n| {
                repeat(n, |i| {
                    rmw.fetch_max(noise(i), Relaxed);
                });
            }),
        ],
    );

    let set = AtomicBitSet::new(1024);
    let words: Vec<AtomicUsize> = (0..16).map(|_| AtomicUsize::new(0)).collect();
    table.row(
        "bits: two threads, bits that are mostly set",
        vec![
            two("AtomicBitSet", OPERATIONS, |_, n| {
                repeat(n, |i| set.insert(noise(i) as usize % 1024));
            }),
            two("fetch_or", OPERATIONS, |_, n| {
                repeat(n, |i| {
                    let bit = noise(i) as usize % 1024;
                    words[bit / 64].fetch_or(1 << (bit % 64), Relaxed);
                });
            }),
        ],
    );
}

fn references_and_turns(table: &mut Table) {
    let count = RefCount::new();
    let arc = Arc::new(());
    table.row(
        "refcount: two threads take and give up",
        vec![
            two("RefCount acquire", OPERATIONS, |_, n| {
                repeat(n, |_| {
                    count.acquire();
                    black_box(count.release());
                });
            }),
            two("RefCount try_acquire", OPERATIONS, |_, n| {
                repeat(n, |_| {
                    black_box(count.try_acquire());
                    black_box(count.release());
                });
            }),
            two("Arc::clone", OPERATIONS, |_, n| {
                repeat(n, |_| Arc::clone(&arc));
            }),
        ],
    );

    let ours = RoundRobin::new([1, 2, 3]);
    let exact = RoundRobin::with_lanes([1, 2, 3], 1);
    let (items, index) = ([1, 2, 3], AtomicUsize::new(0));
    table.row(
        "round robin: two threads choose",
        vec![
            two("RoundRobin", OPERATIONS, |_, n| {
                repeat(n, |_| ours.next());
            }),
            two("RoundRobin with one lane", OPERATIONS, |_, n| {
                repeat(n, |_| exact.next());
            }),
            two("a shared index", OPERATIONS, |_, n| {
                repeat(n, |_| {
                    black_box(&items[index.fetch_add(1, Relaxed) % items.len()]);
                });
            }),
        ],
    );
}

/// What people expect to help, and doesn't here.
fn non_wins(table: &mut Table) {
    let word = Padded::new(AtomicU64::new(0));
    let add = |wait: &dyn Fn(&mut Backoff)| {
        let mut backoff = Backoff::new();
        let mut old = word.load(Relaxed);
        while let Err(now) = word.compare_exchange_weak(old, old + 1, Relaxed, Relaxed) {
            old = now;
            wait(&mut backoff);
        }
    };
    table.row(
        "non-win, backoff: two threads in a CAS loop",
        vec![
            two("with Backoff", OPERATIONS, |_, n| {
                repeat(n, |_| add(&Backoff::spin));
            }),
            two("without", OPERATIONS, |_, n| {
                repeat(n, |_| add(&|_| ()));
            }),
        ],
    );

    #[repr(C, align(128))]
    struct Near([[AtomicU64; 8]; 2]);
    let near = Near(Default::default());
    let far = [Padded::new(AtomicU64::new(0)), Padded::new(AtomicU64::new(0))];
    table.row(
        "non-win, padding: 128 bytes apart or 64",
        vec![
            two("128 bytes apart", OPERATIONS, |id, n| {
                repeat(n, |_| {
                    far[id].fetch_add(1, Relaxed);
                });
            }),
            two("64 bytes apart", OPERATIONS, |id, n| {
                repeat(n, |_| {
                    near.0[id][0].fetch_add(1, Relaxed);
                });
            }),
        ],
    );

    let (max, rmw) = (AtomicMax::new(0), AtomicU64::new(0));
    table.row(
        "non-win, max: one thread, values that always rise",
        vec![
            alone("AtomicMax", OPERATIONS, |n| {
                let start = max.get() as usize;
                repeat(n, |i| max.record((start + i) as u64 + 1));
            }),
            alone("fetch_max", OPERATIONS, |n| {
                let start = rmw.load(Relaxed) as usize;
                repeat(n, |i| rmw.fetch_max((start + i) as u64 + 1, Relaxed));
            }),
        ],
    );

    table.row(
        "non-win, bits: one thread, bits that are always new",
        vec![
            alone("AtomicBitSet", OPERATIONS, |n| {
                let set = AtomicBitSet::new(n);
                repeat(n, |i| set.insert(i));
            }),
            alone("fetch_or", OPERATIONS, |n| {
                let words: Vec<_> = (0..=n / 64).map(|_| AtomicUsize::new(0)).collect();
                repeat(n, |i| words[i / 64].fetch_or(1 << (i % 64), Relaxed));
            }),
        ],
    );

    let (counter, sharded) = (Counter::new(), ShardedCounter::<16>::with_lanes());
    table.row(
        "non-win, sharding: one thread counts alone",
        vec![
            alone("ShardedCounter", OPERATIONS, |n| {
                repeat(n, |_| sharded.increment());
            }),
            alone("Counter", OPERATIONS, |n| {
                repeat(n, |_| counter.increment());
            }),
        ],
    );
}

/// Numbers without a pattern, below 2²⁰.
fn noise(i: usize) -> u64 {
    (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44
}
