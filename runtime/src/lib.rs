//! Lock-free building blocks, each ordering argued and model-checked.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]

extern crate alloc;

mod primitive;

pub mod backoff;
pub mod padded;
#[path = "ring.rs"]
pub mod spsc;
pub use backoff::{spin_until, Backoff};
pub use padded::Padded;

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
#[allow(unused_imports, unreachable_pub)]
pub use atomic_lint_macros::*;
