//! Collections, pools, limits, clocks.

use crate::frame::{alone, two, Table};
use atomic_lint::epoch::pin;
use atomic_lint::queue::{ArrayQueue, SegQueue};
use atomic_lint::{AtomicBitSet, Clock, CoarseClock, FreeList, MonotonicClock, Pool, Queue, Stack, TokenBucket};
use governor::clock::{Clock as _, Reference};
use std::collections::VecDeque;
use std::hint::{black_box, spin_loop};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Mutex;
use std::time::Instant;
use treiber_stack::TreiberStack;

const OPERATIONS: usize = 50_000;

/// Values in a collection before the first operation, so that none waits for its own store.
const FILLED: u64 = 100;

pub(crate) fn rows(table: &mut Table) {
    stacks(table);
    queues(table);
    slots(table);
    pools(table);
    buckets(table);
    clocks(table);
}

/// Both rows of a job: one thread, and two at once.
macro_rules! both_rows {
    ($table:expr, $name:literal, $($contestant:literal => $job:expr),+ $(,)?) => {
        $table.row(
            concat!($name, ", one thread"),
            vec![$(alone($contestant, OPERATIONS, |n| (0..n).for_each(|_| _ = black_box($job)))),+],
        );
        $table.row(
            concat!($name, ", two threads"),
            vec![$(two($contestant, OPERATIONS, |_, n| (0..n).for_each(|_| _ = black_box($job)))),+],
        );
    };
}

const IN_A_BATCH: std::ops::Range<u64> = 0..64;

/// The same where one operation is a batch.
macro_rules! batch_rows {
    ($table:expr, $name:literal, $($contestant:literal => $job:expr),+ $(,)?) => {
        $table.row(
            concat!($name, ", one thread"),
            vec![$(alone($contestant, OPERATIONS / 64, |n| (0..n).for_each(|_| $job))),+],
        );
        $table.row(
            concat!($name, ", two threads"),
            vec![$(two($contestant, OPERATIONS / 64, |_, n| (0..n).for_each(|_| $job))),+],
        );
    };
}

fn stacks(table: &mut Table) {
    let (ours, seg) = (Stack::from_iter(0..FILLED), SegQueue::new());
    (0..FILLED).for_each(|value| seg.push(value));
    let vec = Mutex::new(Vec::from_iter(0..FILLED));
    let treiber = TreiberStack::<u64>::from(Vec::from_iter(0..FILLED));
    both_rows!(table, "stack: push and pop",
        "Stack" => { ours.push(1_u64); ours.pop() },
        "a pin alone" => pin(),
        "treiber_stack" => { treiber.push(1_u64); treiber.pop() },
        "Mutex<Vec>" => { vec.lock().unwrap().push(1_u64); vec.lock().unwrap().pop() },
        "SegQueue, in another order" => { seg.push(1_u64); seg.pop() },
    );
    batch_rows!(table, "stack: 64 in, 64 out under one guard",
        "Stack" => { let guard = pin(); IN_A_BATCH.for_each(|n| ours.push(n)); IN_A_BATCH.for_each(|_| _ = black_box(ours.pop_with(&guard))) },
        "SegQueue, in another order" => { IN_A_BATCH.for_each(|n| seg.push(n)); IN_A_BATCH.for_each(|_| _ = black_box(seg.pop())) },
    );
}

fn queues(table: &mut Table) {
    let (ours, seg) = (Queue::from_iter(0..FILLED), SegQueue::new());
    (0..FILLED).for_each(|value| seg.push(value));
    let deque = Mutex::new(VecDeque::from_iter(0..FILLED));
    both_rows!(table, "queue: push and pop",
        "Queue" => { ours.push(1_u64); ours.pop() },
        "a box alone" => drop(black_box(Box::new([1_u64; 2]))),
        "SegQueue" => { seg.push(1_u64); seg.pop() },
        "Mutex<VecDeque>" => {
            deque.lock().unwrap().push_back(1_u64);
            deque.lock().unwrap().pop_front()
        },
    );
    batch_rows!(table, "queue: 64 in, 64 out",
        "Queue" => { IN_A_BATCH.for_each(|n| ours.push(n)); IN_A_BATCH.for_each(|_| _ = black_box(ours.pop())) },
        "SegQueue" => { IN_A_BATCH.for_each(|n| seg.push(n)); IN_A_BATCH.for_each(|_| _ = black_box(seg.pop())) },
    );
    let (ours, seg) = (Queue::new(), SegQueue::new());
    table.row(
        "queue: one pushes, one pops",
        vec![
            two("Queue", OPERATIONS, |thread, n| match thread {
                0 => (0..n).for_each(|_| ours.push(1_u64)),
                _ => (0..n).for_each(|_| {
                    while ours.pop().is_none() {
                        spin_loop()
                    }
                }),
            }),
            two("SegQueue", OPERATIONS, |thread, n| match thread {
                0 => (0..n).for_each(|_| seg.push(1_u64)),
                _ => (0..n).for_each(|_| {
                    while seg.pop().is_none() {
                        spin_loop()
                    }
                }),
            }),
        ],
    );
    both_rows!(table, "queue: pop from an empty one",
        "Queue" => ours.pop(),
        "SegQueue" => seg.pop(),
    );
}

fn slots(table: &mut Table) {
    const SLOTS: u32 = 64;
    let ours = FreeList::new(SLOTS);
    let set = AtomicBitSet::new(SLOTS as usize);
    let queue = ArrayQueue::new(SLOTS as usize);
    (0..SLOTS).for_each(|slot| queue.push(slot).expect("there is room"));
    let locked = Mutex::new((0..SLOTS).collect::<Vec<_>>());
    both_rows!(table, "slots: take and give back",
        "FreeList" => ours.give_back(ours.take().expect("one each")),
        "AtomicBitSet::insert_any" => set.remove(set.insert_any().expect("one each")),
        "ArrayQueue, in another order" => queue.push(queue.pop().expect("one each")),
        "Mutex<Vec>" => {
            let slot = locked.lock().unwrap().pop().expect("one each");
            locked.lock().unwrap().push(slot);
        },
    );
}

fn pools(table: &mut Table) {
    const SIZE: usize = 16 * 1024;
    let ours = Pool::new(8, || vec![0_u8; SIZE]);
    // Two objects in each: one a thread.
    drop((ours.take(), ours.take()));
    let bare = ArrayQueue::new(8);
    (0..2).for_each(|_| bare.push(vec![0_u8; SIZE]).expect("there is room"));
    let locked = Mutex::new(vec![vec![0_u8; SIZE], vec![0_u8; SIZE]]);
    both_rows!(table, "pool: take and give back",
        "Pool" => ours.take()[0],
        "ArrayQueue" => {
            let object = bare.pop().expect("one each");
            let first = object[0];
            bare.push(object).map(|()| first)
        },
        "Mutex<Vec>" => {
            let object = locked.lock().unwrap().pop().expect("one each");
            let first = object[0];
            locked.lock().unwrap().push(object);
            first
        },
        "no pool, 16 KiB zeroed" => black_box(vec![0_u8; SIZE]).len(),
        "no pool, 64 bytes" => black_box(Vec::<u8>::with_capacity(64)).capacity(),
    );
}

/// The textbook bucket: a level and a time, under a lock.
struct Textbook {
    state: Mutex<(f64, u64)>,
    burst: f64,
    per_nano: f64,
}

impl Textbook {
    fn try_take(&self, now: u64) -> bool {
        let mut state = self.state.lock().unwrap();
        let (level, last) = *state;
        let level = (level + now.saturating_sub(last) as f64 * self.per_nano).min(self.burst);
        let is_admitted = level >= 1.0;
        *state = (if is_admitted { level - 1.0 } else { level }, now);
        is_admitted
    }
}

fn buckets(table: &mut Table) {
    let clock = MonotonicClock::new();
    let coarse = CoarseClock::new();
    // The clock is most of the cost, so the fair comparison is with the same one.
    let quanta = governor::clock::QuantaClock::default();
    let origin = quanta.now();
    let quanta = || quanta.now().duration_since(origin).as_u64();
    let make = |rate: u32, burst: u32| {
        let quota = governor::Quota::per_second(NonZeroU32::new(rate).expect("not zero"))
            .allow_burst(NonZeroU32::new(burst).expect("not zero"));
        let textbook = Textbook {
            state: Mutex::new((f64::from(burst), 0)),
            burst: f64::from(burst),
            per_nano: f64::from(rate) / 1e9,
        };
        (TokenBucket::per_second(rate, burst), governor::RateLimiter::direct(quota), textbook)
    };

    let (ours, peer, textbook) = make(1_000_000_000, 1_000_000);
    both_rows!(table, "bucket: admitted",
        "TokenBucket, governor's clock" => ours.try_take(quanta()),
        "TokenBucket, MonotonicClock" => ours.try_take(clock.now()),
        "governor" => peer.check(),
        "textbook in a Mutex" => textbook.try_take(clock.now()),
    );
    let (ours, peer, textbook) = make(1, 1);
    both_rows!(table, "bucket: refused",
        "TokenBucket, governor's clock" => ours.try_take(quanta()),
        "TokenBucket, MonotonicClock" => ours.try_take(clock.now()),
        "TokenBucket, CoarseClock" => ours.try_take(coarse.now()),
        "governor" => peer.check(),
        "textbook in a Mutex" => textbook.try_take(clock.now()),
    );
}

fn clocks(table: &mut Table) {
    let (monotonic, coarse) = (MonotonicClock::new(), CoarseClock::new());
    let latest = AtomicU64::new(0);
    // What code does that distrusts its clock.
    let ratchet = || {
        let now = monotonic.now();
        latest.fetch_update(Relaxed, Relaxed, |seen| (seen < now).then_some(now)).map_or_else(|seen| seen, |_| now)
    };
    both_rows!(table, "clock: read",
        "MonotonicClock" => monotonic.now(),
        "CoarseClock" => coarse.now(),
        "Instant::now" => Instant::now(),
        "a CAS loop over the clock" => ratchet(),
    );
}
