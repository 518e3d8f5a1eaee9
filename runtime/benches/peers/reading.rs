//! One writes, many read.

use crate::frame::{alone, beside, repeat, two, Table};
use atomic_lint::{Mirrored, Packed, SeqLock};
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, RwLock};

const OPERATIONS: usize = 50_000;

type Quote = [u64; 3];

pub(crate) fn rows(table: &mut Table) {
    seqlock(table);
    pairs(table);
    mirror(table);
}

/// Uses every field, in registers.
#[inline(always)]
fn sum(quote: Quote) -> u64 {
    quote.into_iter().fold(0, u64::wrapping_add)
}

fn seqlock(table: &mut Table) {
    let ours = SeqLock::<Quote>::new([1, 2, 3]);
    let peer = seqlock::SeqLock::<Quote>::new([1, 2, 3]);
    let lock = RwLock::<Quote>::new([1, 2, 3]);
    let read_lock = || *lock.read().expect("not poisoned");
    table.row(
        "seqlock: read 24 bytes, nobody writes",
        vec![
            alone("SeqLock", OPERATIONS, |n| {
                repeat(n, |_| sum(ours.read()));
            }),
            alone("seqlock crate (its volatile copy is a race)", OPERATIONS, |n| {
                repeat(n, |_| sum(peer.read()));
            }),
            alone("RwLock", OPERATIONS, |n| {
                repeat(n, |_| sum(read_lock()));
            }),
        ],
    );

    table.row(
        "seqlock: read 24 bytes into memory, nobody writes",
        vec![
            alone("SeqLock", OPERATIONS, |n| {
                repeat(n, |_| _ = black_box(&mut ours.read()));
            }),
            alone("seqlock crate (its volatile copy is a race)", OPERATIONS, |n| {
                repeat(n, |_| _ = black_box(&mut peer.read()));
            }),
            alone("RwLock", OPERATIONS, |n| {
                repeat(n, |_| _ = black_box(&mut read_lock()));
            }),
        ],
    );

    let large = SeqLock::new([1_u64; 8]);
    let large_peer = seqlock::SeqLock::new([1_u64; 8]);
    table.row(
        "seqlock: read 64 bytes into memory, nobody writes",
        vec![
            alone("SeqLock", OPERATIONS, |n| {
                repeat(n, |_| _ = black_box(&mut large.read()));
            }),
            alone("seqlock crate (its volatile copy is a race)", OPERATIONS, |n| {
                repeat(n, |_| _ = black_box(&mut large_peer.read()));
            }),
        ],
    );

    let pause = || (0..200).for_each(|_| std::hint::spin_loop());
    table.row(
        "seqlock: read 24 bytes beside a writer",
        vec![
            beside(
                "SeqLock",
                OPERATIONS,
                |n| repeat(n, |_| sum(ours.read())),
                || {
                    ours.write([4, 5, 6]);
                    pause();
                },
            ),
            beside(
                "seqlock crate (its volatile copy is a race)",
                OPERATIONS,
                |n| repeat(n, |_| sum(peer.read())),
                || {
                    *peer.lock_write() = [4, 5, 6];
                    pause();
                },
            ),
            beside(
                "RwLock",
                OPERATIONS,
                |n| repeat(n, |_| sum(read_lock())),
                || {
                    *lock.write().expect("not poisoned") = [4, 5, 6];
                    pause();
                },
            ),
        ],
    );
    table.row(
        "seqlock: write 24 bytes, nobody reads",
        vec![
            alone("SeqLock", OPERATIONS, |n| {
                repeat(n, |_| ours.write(black_box([4, 5, 6])));
            }),
            alone("seqlock crate", OPERATIONS, |n| {
                repeat(n, |_| *peer.lock_write() = black_box([4, 5, 6]));
            }),
            alone("RwLock", OPERATIONS, |n| {
                repeat(n, |_| *lock.write().expect("not poisoned") = black_box([4, 5, 6]));
            }),
        ],
    );
}

fn pairs(table: &mut Table) {
    let ours = Packed::new(1_u32, 2_u32);
    let torn = (AtomicU32::new(1), AtomicU32::new(2));
    let sequence = SeqLock::new([1_u32, 2]);
    let mutex = Mutex::new((1_u32, 2_u32));
    let next = |a: u32, b: u32| (a.wrapping_add(1), b.wrapping_add(1));
    let pause = || (0..200).for_each(|_| std::hint::spin_loop());
    table.row(
        "pair: read both beside a writer",
        vec![
            beside(
                "Packed",
                OPERATIONS,
                |n| repeat(n, |_| ours.load()),
                || {
                    ours.update(next);
                    pause();
                },
            ),
            beside(
                "two atomics, torn",
                OPERATIONS,
                |n| repeat(n, |_| (torn.0.load(Relaxed), torn.1.load(Relaxed))),
                || {
                    torn.0.fetch_add(1, Relaxed);
                    torn.1.fetch_add(1, Relaxed);
                    pause();
                },
            ),
            beside(
                "SeqLock",
                OPERATIONS,
                |n| repeat(n, |_| sequence.read()),
                || {
                    sequence.update(|pair| *pair = [pair[0].wrapping_add(1), pair[1].wrapping_add(1)]);
                    pause();
                },
            ),
            beside(
                "Mutex",
                OPERATIONS,
                |n| repeat(n, |_| *mutex.lock().expect("not poisoned")),
                || {
                    let mut pair = mutex.lock().expect("not poisoned");
                    *pair = next(pair.0, pair.1);
                    drop(pair);
                    pause();
                },
            ),
        ],
    );
    let lock = || mutex.lock().expect("not poisoned");
    let both = || {
        let mut pair = lock();
        *pair = next(pair.0, pair.1);
    };
    let rmws = || (torn.0.fetch_add(1, Relaxed), torn.1.fetch_add(1, Relaxed));
    table.row(
        "pair: change both, one thread",
        vec![
            alone("Packed::update", OPERATIONS, |n| repeat(n, |_| ours.update(next))),
            alone("two atomics, torn", OPERATIONS, |n| repeat(n, |_| rmws())),
            alone("Mutex", OPERATIONS, |n| repeat(n, |_| both())),
        ],
    );
    table.row(
        "pair: change both, two threads",
        vec![
            two("Packed::update", OPERATIONS, |_, n| repeat(n, |_| ours.update(next))),
            two("two atomics, torn", OPERATIONS, |_, n| repeat(n, |_| rmws())),
            two("Mutex", OPERATIONS, |_, n| repeat(n, |_| both())),
        ],
    );
}

fn mirror(table: &mut Table) {
    let ours = Mirrored::new(Vec::<u64>::new(), Vec::len);
    let locked = Mutex::new(Vec::<u64>::new());
    let pause = || (0..200).for_each(|_| std::hint::spin_loop());
    let rewrite = |list: &mut Vec<u64>| {
        list.clear();
        list.extend_from_slice(&[1, 2, 3]);
    };
    table.row(
        "mirror: read a length beside a writer",
        vec![
            beside(
                "Mirrored::get",
                OPERATIONS,
                |n| repeat(n, |_| ours.get()),
                || {
                    rewrite(&mut ours.lock());
                    pause();
                },
            ),
            beside(
                "lock and len",
                OPERATIONS,
                |n| {
                    repeat(n, |_| {
                        black_box(locked.lock().expect("not poisoned").len());
                    });
                },
                || {
                    rewrite(&mut locked.lock().expect("not poisoned"));
                    pause();
                },
            ),
        ],
    );
}
