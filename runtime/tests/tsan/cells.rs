//! Entries for rings, locks, counts, sets and words.

use crate::{leak, together, Plain, ROUNDS};
use atomic_lint::{
    spsc, AtomicBitSet, FreeList, Mirrored, Packed, RefCount, SeqLock, SingleWriter, SpinLock, TaggedPtr, TicketLock,
};
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) const ENTRIES: [(&str, fn()); 10] = [
    ("ring", ring),
    ("seqlock", seqlock),
    ("spin", spin),
    ("ticket", ticket),
    ("refcount", refcount),
    ("single_writer", single_writer),
    ("bits", bits),
    ("free_list", free_list),
    ("packed", packed),
    ("mirror", mirror),
];

/// Plain memory per slot: each push writes it, each pop reads it.
fn ring() {
    let (mut producer, mut consumer) = spsc::channel(3);
    let turns = ROUNDS / 2;
    together(vec![
        Box::new(move || {
            for n in 0..turns as u64 {
                producer.push(n).expect("the consumer is there");
                let mut batch = vec![n, n].into_iter();
                while batch.len() > 0 {
                    producer.push_from(batch.by_ref());
                    std::thread::yield_now();
                }
            }
        }),
        Box::new(move || {
            let mut taken = 0;
            while let Ok(n) = consumer.pop() {
                assert_eq!(n, taken / 3);
                taken += 1;
                consumer.pop_each(|n| {
                    assert_eq!(n, taken / 3);
                    taken += 1;
                });
            }
            assert_eq!(taken, 3 * turns as u64);
        }),
    ]);
}

/// Threads that each run through in one time slice would never meet.
fn alternately(mut turn: impl FnMut()) {
    for _ in 0..ROUNDS {
        turn();
        std::thread::yield_now();
    }
}

/// The bytes are atomics, so nothing may be reported, and nothing may be torn.
fn seqlock() {
    let lock = leak(SeqLock::new([0_u64; 3]));
    let read = || {
        (0..ROUNDS).for_each(|_| {
            let [a, b, c] = lock.read();
            assert!(a == b && b == c);
        })
    };
    let write = || (0..ROUNDS as u64).for_each(|n| lock.write([n; 3]));
    together(vec![Box::new(read), Box::new(write)]);
}

fn spin() {
    let lock = leak(SpinLock::new(0));
    let add = || alternately(|| *lock.lock() += 1);
    together(vec![Box::new(add), Box::new(add)]);
    assert_eq!(*lock.lock(), 2 * ROUNDS);
}

fn ticket() {
    let lock = leak(TicketLock::new(0));
    let add = || {
        alternately(|| match lock.try_lock() {
            Some(mut value) => *value += 1,
            None => *lock.lock() += 1,
        })
    };
    together(vec![Box::new(add), Box::new(add)]);
    assert_eq!(*lock.lock(), 2 * ROUNDS);
}

/// Each round two owners use an object, and the last one writes to it as a destructor would.
fn refcount() {
    struct Object {
        count: RefCount,
        plain: [Plain; 3],
    }
    for round in 0..ROUNDS as u64 / 10 {
        let object = leak(Object { count: RefCount::new(), plain: [Plain::new(0), Plain::new(0), Plain::new(0)] });
        object.count.acquire();
        let owner = |id: usize| -> Box<dyn FnOnce() + Send> {
            Box::new(move || {
                object.plain[id].set(round);
                if object.count.release() {
                    object.plain[2].set(object.plain[0].get() + object.plain[1].get());
                }
            })
        };
        together(vec![owner(0), owner(1)]);
        assert_eq!(object.plain[2].get(), 2 * round);
    }
}

fn single_writer() {
    let data = leak([(); 8].map(|()| Plain::new(0)));
    let written = leak(SingleWriter::new(AtomicUsize::new(0)));
    together(vec![
        Box::new(move || {
            let mut writer = written.claim().expect("the only writer");
            for plain in data {
                plain.set(7);
                writer.add(1);
                std::thread::yield_now();
            }
        }),
        Box::new(move || loop {
            let seen = written.load();
            assert!(data[..seen].iter().all(|plain| plain.get() == 7));
            if seen == data.len() {
                break;
            }
        }),
    ]);
}

fn bits() {
    let slots = leak([(); 2].map(|()| Plain::new(0)));
    let set = leak(AtomicBitSet::new(2));
    let user = || {
        alternately(|| {
            if let Some(slot) = set.insert_any() {
                slots[slot].set(slots[slot].get() + 1);
                assert!(set.remove(slot));
            }
        })
    };
    together(vec![Box::new(user), Box::new(user)]);
}

fn free_list() {
    let slots = leak([(); 2].map(|()| Plain::new(0)));
    let list = leak(FreeList::new(2));
    let user = || {
        alternately(|| {
            if let Some(slot) = list.take() {
                let plain = &slots[slot as usize];
                plain.set(plain.get() + 1);
                list.give_back(slot);
            }
        })
    };
    together(vec![Box::new(user), Box::new(user)]);
}

fn packed() {
    let plain = leak(Plain::new(0));
    let turn = leak(Packed::new(0_u32, false));
    let mark = leak(TaggedPtr::<u64>::new(std::ptr::null_mut()));
    let player = |second: bool| -> Box<dyn FnOnce() + Send> {
        Box::new(move || {
            for round in 0..ROUNDS as u32 {
                while turn.load() != (round, second) {
                    std::thread::yield_now();
                }
                plain.set(plain.get() + 1);
                turn.store(round + u32::from(second), !second);
            }
            mark.set_tag(1 + usize::from(second));
        })
    };
    together(vec![player(false), player(true)]);
    assert_eq!((plain.get(), mark.load().1), (2 * ROUNDS as u64, 3));
}

/// The value's own lock is out of the sanitizer's sight; the mirror's edge is what is tested.
fn mirror() {
    let data = leak([(); 8].map(|()| Plain::new(0)));
    let length = leak(Mirrored::new(AtomicUsize::new(0), |length| {
        // Relaxed: under the lock.
        length.load(Ordering::Relaxed)
    }));
    together(vec![
        Box::new(move || {
            for plain in data {
                plain.set(7);
                *length.lock().get_mut() += 1;
                std::thread::yield_now();
            }
        }),
        Box::new(move || loop {
            let seen = length.get();
            assert!(data[..seen].iter().all(|plain| plain.get() == 7));
            if seen == data.len() {
                break;
            }
        }),
    ]);
}
