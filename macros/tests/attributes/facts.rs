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
