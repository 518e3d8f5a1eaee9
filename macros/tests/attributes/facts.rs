//! The attributes that leave the item as it is.

use atomic_lint::{atomic_only, pairs_with};
use std::sync::atomic::{AtomicU64, Ordering::*};

#[atomic_lint::allow(unpadded_hot_atomics, torn_snapshot, reason = "one thread", until = "2027-02-28")]
#[derive(Default)]
struct Queue {
    tail: AtomicU64,
}

#[atomic_lint::expect(perf, reason = "measured")]
impl Queue {
    #[pairs_with("Queue::pop")]
    #[inline]
    fn push(&self) {
        self.tail.store(1, Release);
    }

    #[pairs_with("Queue::push", "drain")]
    #[atomic_lint::allow(relaxed_lock)]
    fn pop(&self) -> u64 {
        self.tail.load(Acquire)
    }
}

#[atomic_lint::allow(all)]
mod inner {
    #[atomic_lint::expect(x2)]
    pub(crate) const ONE: u64 = 1;

    #[atomic_lint::allow(seqlock_misuse)]
    pub(crate) type Word = u64;
}

trait Source {
    #[pairs_with("Source::take")]
    #[atomic_lint::allow(broken_pairing)]
    fn give(&self);
}

impl Source for Queue {
    fn give(&self) {
        self.push();
    }
}

#[atomic_only]
static mut WORDS: [u32; 2] = [1, 2];

#[atomic_only]
static HITS: AtomicU64 = AtomicU64::new(0);

#[pairs_with("free")]
async fn free() {}

#[test]
fn items_stay_what_they_are() {
    let queue = Queue::default();
    queue.give();
    assert_eq!(queue.pop() + inner::ONE as inner::Word, 2);
    drop(free());
    // SAFETY: this thread alone reads the words.
    let first = unsafe { std::ptr::addr_of!(WORDS).cast::<u32>().read() };
    assert_eq!(first, 1);
    assert_eq!(HITS.load(Relaxed), 0);
}

/// The inert form needs no dependency and stands where attribute macros can't.
#[cfg_attr(any(), concurrent)]
struct Inert {
    #[cfg_attr(any(), padded, single_writer)]
    head: AtomicU64,
}

#[cfg_attr(any(), cas_pure(const), pairs_with("nobody"))]
fn inert(value: &Inert) -> u64 {
    #[cfg_attr(any(), atomic_lint::allow(torn_snapshot, reason = "one thread"))]
    let head = value.head.load(Relaxed);
    #[cfg_attr(any(), atomic_lint::allow(relaxed_lock))]
    {
        value.head.store(head + 1, Relaxed);
    }
    #[cfg_attr(any(), atomic_lint::expect(needless_rmw))]
    value.head.fetch_add(1, Relaxed)
}

#[test]
fn the_inert_form_stands_anywhere() {
    assert_eq!(inert(&Inert { head: AtomicU64::new(0) }), 1);
}
