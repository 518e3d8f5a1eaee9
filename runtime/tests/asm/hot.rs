//! The hot operations as functions of their own: `tests/asm.rs` looks at their instructions,
//! `tests/instructions.rs` counts those that run.

// Public so that the library has them; a module of `count.rs` otherwise.
#![allow(unreachable_pub)]

use atomic_lint::{
    spsc, AtomicBitSet, AtomicMax, Counter, Packed, RefCount, SeqLock, ShardedCounter, SingleWriter, Snapshot,
    SnapshotReader,
};
use std::sync::atomic::AtomicU64;

#[no_mangle]
#[inline(never)]
pub fn seqlock_read(lock: &SeqLock<[u64; 3]>) -> [u64; 3] {
    lock.read()
}

#[no_mangle]
#[inline(never)]
pub fn seqlock_write(lock: &SeqLock<[u64; 3]>, value: [u64; 3]) {
    lock.write(value);
}

#[no_mangle]
#[inline(never)]
pub fn counter_add(counter: &Counter) {
    counter.add(1);
}

#[no_mangle]
#[inline(never)]
pub fn sharded_counter_add_in(counter: &ShardedCounter, lane: usize) {
    counter.add_in(lane, 1);
}

#[no_mangle]
#[inline(never)]
pub fn single_writer_add(value: &mut SingleWriter<AtomicU64>) {
    value.split().0.add(1);
}

#[no_mangle]
#[inline(never)]
pub fn max_get(max: &AtomicMax) -> u64 {
    max.get()
}

#[no_mangle]
#[inline(never)]
pub fn packed_load(pair: &Packed<u32, u32>) -> (u32, u32) {
    pair.load()
}

#[no_mangle]
#[inline(never)]
pub fn bits_contains(set: &AtomicBitSet, number: usize) -> bool {
    set.contains(number)
}

#[no_mangle]
#[inline(never)]
pub fn ring_try_push(producer: &mut spsc::Producer<u64>, value: u64) -> bool {
    producer.try_push(value).is_ok()
}

#[no_mangle]
#[inline(never)]
pub fn ring_try_pop(consumer: &mut spsc::Consumer<u64>) -> Option<u64> {
    consumer.try_pop()
}

#[no_mangle]
#[inline(never)]
pub fn refcount_release(count: &RefCount) -> bool {
    count.release()
}

#[no_mangle]
#[inline(never)]
pub fn snapshot_load(snapshot: &Snapshot<u64>) -> u64 {
    *snapshot.load()
}

#[no_mangle]
#[inline(never)]
pub fn snapshot_reader_load(reader: &mut SnapshotReader<u64>) -> u64 {
    *reader.load()
}
