//! One writes, many read.

use crate::frame::{alone, beside, repeat, Table};
use atomic_lint::{Mirrored, SeqLock};
use std::hint::black_box;
use std::sync::{Mutex, RwLock};

const OPERATIONS: usize = 50_000;

type Quote = [u64; 3];

pub(crate) fn rows(table: &mut Table) {
    seqlock(table);
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
