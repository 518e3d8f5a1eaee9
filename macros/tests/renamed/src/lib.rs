//! A crate in which `::atomic_lint` is nothing: every attribute has to find its way by `crate = renamed`.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, AtomicUsize};
use renamed::{concurrent, frozen, padded, single_writer};

/// Every mark that generates code.
#[concurrent(crate = renamed)]
pub struct Ring {
    /// Where the next element is read.
    #[renamed::padded]
    pub head: AtomicUsize,
    #[padded]
    tail: AtomicUsize,
    #[read_mostly(unchecked)]
    mask: usize,
    #[hot]
    hits: AtomicU64,
    #[atomic_only]
    slots: UnsafeCell<[u64; 4]>,
    #[guarded_by(mask)]
    #[renamed::allow(torn_snapshot, reason = "read by one thread")]
    last: u64,
}

impl Ring {
    /// An empty ring.
    pub const fn new() -> Self {
        Ring {
            head: renamed::Padded::new(AtomicUsize::new(0)),
            tail: renamed::Padded::new(AtomicUsize::new(0)),
            mask: 3,
            hits: AtomicU64::new(0),
            slots: UnsafeCell::new([0; 4]),
            last: 0,
        }
    }

    /// All fields, so that none is unused.
    pub fn sum(&mut self) -> u64 {
        let slots: u64 = self.slots.get_mut()[0];
        let ends = *self.head.get_mut() + *self.tail.get_mut() + self.mask;
        slots + *self.hits.get_mut() + self.last + ends as u64
    }
}

impl Default for Ring {
    fn default() -> Self {
        Ring::new()
    }
}

/// A line of its own.
#[padded(crate = renamed)]
pub struct Counter(pub AtomicU64);

/// A line of its own, as a static.
#[padded(crate = ::renamed)]
pub static TOTAL: AtomicU64 = AtomicU64::new(0);

/// Needs nothing but `core` and `alloc`.
#[single_writer]
#[concurrent(crate = renamed)]
pub struct Progress {
    #[padded]
    done: AtomicU64,
}

impl Progress {
    /// Nothing is done.
    pub const fn new() -> Self {
        Progress { done: renamed::Padded::new(AtomicU64::new(0)) }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Progress::new()
    }
}

/// Needs nothing but `core`.
#[frozen]
pub struct Config {
    /// How often to try.
    pub tries: u32,
}
