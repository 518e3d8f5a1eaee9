//! Runs one hot operation, uncontended, for `tests/instructions.rs` to count its instructions.

#[path = "hot.rs"]
mod hot;

use atomic_lint::{
    spsc, AtomicBitSet, AtomicMax, Counter, FreeList, Latch, Packed, Queue, RefCount, SeqLock, ShardedCounter,
    SingleWriter, Snapshot, Stack, TokenBucket,
};
use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::sync::Arc;

const TIMES: usize = 1000;

/// Operations with a path beside the hot one, whose instructions are counted and not looked at: one
/// push in 63 makes a block, a pin now and then collects garbage.
mod whole {
    use super::{FreeList, Latch, Queue, Stack, TokenBucket};

    macro_rules! operations {
        ($($name:ident($($argument:ident: $ty:ty),*) $(-> $result:ty)? $body:block)*) => {$(
            #[no_mangle]
            #[inline(never)]
            pub(super) fn $name($($argument: $ty),*) $(-> $result)? $body
        )*};
    }

    operations! {
        stack_push(stack: &Stack<u64>, value: u64) { stack.push(value); }
        stack_pop(stack: &Stack<u64>) -> Option<u64> { stack.pop() }
        queue_push(queue: &Queue<u64>, value: u64) { queue.push(value); }
        queue_pop(queue: &Queue<u64>) -> Option<u64> { queue.pop() }
        free_list_take(list: &FreeList) -> Option<u32> { list.take_in(0) }
        free_list_give_back(list: &FreeList, slot: u32) { list.give_back(slot); }
        bucket_try_take(bucket: &TokenBucket, now: u64) -> bool { bucket.try_take(now).is_ok() }
        latch_wait(latch: &Latch) { latch.wait(); }
    }
}

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
    let (stack, queue) = (Stack::from_iter([1]), Queue::from_iter([1]));
    let (list, latch) = (FreeList::with_lanes(8, 1), Latch::new());
    let bucket = TokenBucket::per_second(1_000_000_000, 1);
    latch.open();
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
            "stack_push" => whole::stack_push(&stack, 1),
            "stack_pop" => {
                stack.push(1);
                assert_eq!(whole::stack_pop(&stack), Some(1));
            }
            "queue_push" => whole::queue_push(&queue, 1),
            "queue_pop" => {
                queue.push(1);
                assert_eq!(whole::queue_pop(&queue), Some(1));
            }
            "free_list_take" => {
                let slot = whole::free_list_take(&list).expect("there is one");
                list.give_back(slot);
            }
            "free_list_give_back" => {
                let slot = list.take_in(0).expect("there is one");
                whole::free_list_give_back(&list, slot);
            }
            "bucket_try_take" => assert!(whole::bucket_try_take(&bucket, turn as u64)),
            "latch_wait" => whole::latch_wait(black_box(&latch)),
            other => panic!("no operation {other}"),
        }
    }
}
