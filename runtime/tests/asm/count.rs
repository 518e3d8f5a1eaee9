//! Runs one hot operation, uncontended, for `tests/instructions.rs` to count its instructions.

#[path = "hot.rs"]
mod hot;

use atomic_lint::{
    spsc, AtomicBitSet, AtomicMax, Counter, Packed, RefCount, SeqLock, ShardedCounter, SingleWriter, Snapshot,
};
use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::sync::Arc;

const TIMES: usize = 1000;

fn main() {
    let wanted = std::env::args().nth(1).expect("the name of an operation");
    let (mut producer, mut consumer) = spsc::channel(TIMES);
    let lock = SeqLock::new([1, 2, 3]);
    let (counter, sharded) = (Counter::new(), ShardedCounter::new());
    let mut single = SingleWriter::new(AtomicU64::new(0));
    let (max, pair) = (AtomicMax::new(1), Packed::new(1, 2));
    let (set, count) = (AtomicBitSet::new(64), RefCount::new());
    let snapshot = Arc::new(Snapshot::new(7));
    let mut reader = snapshot.reader();
    for turn in 0..TIMES {
        match wanted.as_str() {
            "seqlock_read" => drop(black_box(Box::new(hot::seqlock_read(&lock)))),
            "seqlock_write" => hot::seqlock_write(&lock, [4, 5, 6]),
            "counter_add" => hot::counter_add(&counter),
            "sharded_counter_add_in" => hot::sharded_counter_add_in(&sharded, turn),
            "single_writer_add" => hot::single_writer_add(&mut single),
            "max_get" => assert_eq!(hot::max_get(black_box(&max)), 1),
            "packed_load" => assert_eq!(hot::packed_load(black_box(&pair)), (1, 2)),
            "bits_contains" => assert!(!hot::bits_contains(&set, black_box(3))),
            "ring_try_push" => assert!(hot::ring_try_push(&mut producer, 1)),
            "ring_try_pop" => {
                producer.push(1).expect("there is room");
                assert_eq!(hot::ring_try_pop(&mut consumer), Some(1));
            }
            "refcount_release" => {
                count.acquire();
                assert!(!hot::refcount_release(&count));
            }
            "snapshot_load" => assert_eq!(hot::snapshot_load(black_box(&snapshot)), 7),
            "snapshot_reader_load" => assert_eq!(hot::snapshot_reader_load(black_box(&mut reader)), 7),
            other => panic!("no operation {other}"),
        }
    }
}
