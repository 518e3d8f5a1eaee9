//! Lock-free building blocks, each ordering argued and model-checked.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]

extern crate alloc;

mod primitive;

pub mod backoff;
pub mod bits;
#[cfg(target_has_atomic = "64")]
pub mod counter;
#[cfg(target_has_atomic = "64")]
pub mod extremum;
pub mod lock;
#[cfg(feature = "std")]
pub mod mirror;
pub mod padded;
pub mod refcount;
pub mod select;
pub mod seqlock;
pub mod single_writer;
#[cfg(target_has_atomic = "64")]
pub mod snapshot_pair;
#[path = "ring.rs"]
pub mod spsc;
pub mod tagged;

mod lane;

pub use backoff::{spin_until, Backoff};
pub use bits::{AtomicBitSet, BloomFilter};
#[cfg(target_has_atomic = "64")]
pub use counter::{Counter, FloatCounter, ShardedCounter};
#[cfg(target_has_atomic = "64")]
pub use extremum::{AtomicMax, AtomicMin};
pub use lock::{SpinLock, TicketLock};
#[cfg(feature = "std")]
pub use mirror::Mirrored;
pub use padded::Padded;
pub use refcount::RefCount;
pub use select::RoundRobin;
pub use seqlock::SeqLock;
pub use single_writer::SingleWriter;
#[cfg(target_has_atomic = "64")]
pub use snapshot_pair::Packed;
pub use tagged::TaggedPtr;
#[cfg(target_has_atomic = "64")]
pub use tagged::{FreeList, TaggedIndex};

pub mod clock;
#[cfg(feature = "epoch")]
pub mod epoch;
#[cfg(feature = "std")]
pub mod gate;
pub mod hazard;
#[cfg(feature = "std")]
pub mod init;
#[cfg(target_has_atomic = "64")]
pub mod limit;
#[cfg(feature = "pool")]
pub mod pool;
#[cfg(feature = "epoch")]
pub mod queue;
#[cfg(feature = "snapshot")]
pub mod snapshot;
#[cfg(feature = "epoch")]
pub mod stack;
#[cfg(feature = "snapshot")]
pub mod versioned;

pub use clock::Clock;
#[cfg(all(feature = "std", target_has_atomic = "64"))]
pub use clock::CoarseClock;
#[cfg(target_has_atomic = "64")]
pub use clock::ManualClock;
#[cfg(feature = "std")]
pub use clock::MonotonicClock;
#[cfg(feature = "std")]
pub use gate::{Countdown, Generations, Latch, ResettableLatch, StageGate, Transition};
#[cfg(feature = "std")]
pub use init::{KeyedOnce, RetryOnce};
#[cfg(target_has_atomic = "64")]
pub use limit::{Debouncer, Refused, Throttle, TokenBucket};
#[cfg(feature = "pool")]
pub use pool::Pool;
#[cfg(feature = "epoch")]
pub use queue::Queue;
#[cfg(feature = "snapshot")]
pub use snapshot::{LockedSnapshot, Snapshot, SnapshotReader};
#[cfg(feature = "epoch")]
pub use stack::Stack;
#[cfg(feature = "snapshot")]
pub use versioned::Versioned;

#[cfg(feature = "macros")]
pub use atomic_lint_macros::*;
