//! Lock-free building blocks, each ordering argued and model-checked.
//!
//! The linter `cargo atomic-lint` points here: what it finds wrong in hand-written atomics, a type of
//! this crate does right. Each module's page opens with its guarantees, then shows an example,
//! explains the protocol, and says when not to use it.
//!
#![cfg_attr(feature = "snapshot", doc = "```")]
#![cfg_attr(not(feature = "snapshot"), doc = "```ignore")]
//! use atomic_lint::{spsc, Padded, SeqLock, ShardedCounter, Snapshot, TokenBucket};
//! ```
//!
//! The [`guide`] turns plain code into verified code with this crate's attributes, step by step.
//!
//! # By problem
//!
//! | problem | type | progress | producers × consumers | reclamation | cost |
//! |---|---|---|---|---|---|
//! | two threads write words that share a cache line | [`Padded`] | – | – | – | a cache line or two of memory |
//! | many threads count | [`ShardedCounter`] | wait-free | many × many | – | one RMW on a line that few share |
//! | a few threads count, reads are frequent | [`Counter`] | wait-free | many × many | – | one RMW |
//! | many threads add fractions | [`FloatCounter`] | wait-free for whole amounts, else lock-free | many × many | – | one RMW or a CAS |
//! | largest or smallest value so far | [`AtomicMax`], [`AtomicMin`] | wait-free | many × many | – | a load, an RMW for news |
//! | one thread updates, many read, a word | [`SingleWriter`] | wait-free | one × many | – | a load and a store |
//! | one writes, many read, a few plain words | [`SeqLock`] | readers repeat beside a write | many × many | – | a read: loads only |
//! | two small fields that belong together | [`Packed`] | lock-free | many × many | – | one 64-bit atomic |
//! | publish a configuration, read it everywhere | [`Snapshot`] | wait-free reads | many × many | reference counts | a read: no shared write |
//! | the same, and know whether it changed | [`Versioned`] | wait-free reads | many × many | reference counts | as `Snapshot` |
//! | hand over between two threads | [`spsc`] | wait-free, or blocking | one × one | with the ring | a write and a release store |
//! | share a queue, and a suspended thread holds up nobody | [`Queue`] | lock-free | many × many | blocks serve again, or epochs | a CAS and a swap; a CAS |
//! | share a stack, and a suspended thread holds up nobody | [`Stack`] | lock-free | many × many | epochs | two CAS; a pin and a CAS |
//! | follow shared pointers that others replace | [`hazard`] | lock-free | many × many | hazard pointers | a full fence per read |
//! | a few bits of state beside a pointer | [`TaggedPtr`] | wait-free | many × many | yours | as an `AtomicPtr` |
//! | reuse slots by index, without ABA | [`FreeList`], [`TaggedIndex`] | lock-free | many × many | – | a CAS, on a line that few share |
//! | reuse objects | [`Pool`] | lock-free | many × many | with the pool | a CAS |
//! | who frees it? | [`RefCount`] | wait-free | many × many | yours, told once | one RMW |
//! | a set of small numbers; who owns slot n? | [`AtomicBitSet`] | wait-free | many × many | – | a load, an RMW for news |
//! | have we seen this before, probably? | [`BloomFilter`] | wait-free | many × many | – | some loads |
//! | the length of something locked | [`Mirrored`] | wait-free reads | many × many | – | a read: one load |
//! | spread work over a few items | [`RoundRobin`] | wait-free | many | – | one RMW on a line that few share |
//! | limit a rate, log less, wait for quiet | [`TokenBucket`], [`Throttle`], [`Debouncer`] | lock-free | many | – | a CAS; a refusal: a load |
//! | initialise once, maybe failing | [`RetryOnce`], [`KeyedOnce`] | wait-free once done | many | with the owner | a read: one load |
//! | stages of a life, wait until, once per round | [`StageGate`], [`Latch`], [`Countdown`], [`ResettableLatch`], [`Generations`] | wait-free looks, blocking waits | many × many | – | a look: one load |
//! | time as a number | [`MonotonicClock`], [`CoarseClock`] | wait-free | many | – | a clock read, or one load |
//! | wait for another thread | [`Backoff`], [`spin_until`] | blocking | – | – | nothing for the other side |
//! | see how a lock works | [`SpinLock`], [`TicketLock`] | blocking | many | – | use `std::sync::Mutex` |
//!
//! # Proof
//!
//! Every structure with atomics of its own has loom models, and every ordering above `Relaxed` can be
//! weakened by name: a test plants each such mistake and expects a model to fail in the way that it
//! names (one mistake that loom can't show is left to ThreadSanitizer). Every ordering's comment names
//! its partner; a test asks for that too. `cargo test -p atomic-lint` runs the models, recorded
//! histories against sequential models, and property tests; `proof.sh` adds ThreadSanitizer, the
//! instructions of the hot operations and how many of them run.
//!
//! # Speed
//!
//! ```text
//! cargo bench -p atomic-lint --bench peers          # every row, two minutes
//! cargo bench -p atomic-lint --bench peers -- ring  # rows with "ring" in their name
//! ```
//!
//! Two threads pinned to two cores of an x86-64 virtual machine that had other work to do. Each number
//! is a ratio to the type of this crate: larger is slower than it. Two numbers are what five runs lay
//! between; a single one is their median, and none of them was more than a quarter away from it.
//!
//! | row | this crate | beside it |
//! |---|---|---|
//! | two counters | [`Padded`] | on one line 3.5 |
//! | count | [`ShardedCounter`] | fast-counter 1.04, one `fetch_add` 4.3, `Mutex` 13–24 |
//! | add ones | [`FloatCounter`] | prometheus 2.9–4.0 |
//! | count alone, others read | [`SingleWriter`] | `fetch_add` 4.2–6.8 |
//! | maximum | [`AtomicMax`] | `fetch_max` 14–24 |
//! | mostly set bits | [`AtomicBitSet`] | `fetch_or` 11–21 |
//! | choose in turn | [`RoundRobin`] | a shared index 3.7–5.7 |
//! | read 24 bytes | [`SeqLock`] | seqlock 1.0–1.2, `RwLock` 5–9 |
//! | read 24 or 64 bytes into memory | [`SeqLock`] | seqlock 1.0, `RwLock` 4.5–6 |
//! | write 24 bytes | [`SeqLock`] | seqlock 2.4–3.3, `RwLock` 2.4–3.3 |
//! | read a pair | [`Packed`] | two atomics, torn 1.0–1.3, [`SeqLock`] 1.1–1.9, `Mutex` 10–17 |
//! | change a pair | [`Packed`] | `Mutex` 1.4, by two threads 2–7 |
//! | take a slot, give it back | [`FreeList`] | `ArrayQueue` 1.1, by two threads 4–19, `Mutex<Vec>` 1.03 and 18 |
//! | share a stack | [`Stack`] | treiber_stack 24–30, by two threads 16–40, there `Mutex<Vec>` 0.2–8 |
//! | share a queue | [`Queue`] | `SegQueue` 1.2, by two threads 1.2–1.5, `Mutex<VecDeque>` 1.15 and 7–16 |
//! | take an object, give it back | [`Pool`] | `ArrayQueue` 1.2, by two threads 0.9–1.7, zeroing 16 KiB 2–30 |
//! | read what is published, two readers | [`Snapshot`] | arc-swap 1.0, `RwLock` 5–10; its cached reader 0.12 |
//! | admit | [`TokenBucket`] | governor, by the same clock 1.0 |
//! | a length | [`Mirrored`] | lock and `len` 10–18 |
//! | pass what is open or there | [`Latch`], [`RetryOnce`] | `Mutex` 55–125, `OnceLock` 1.7–2.2 |
//! | hand over | [`spsc`] | rtrb 0.9–1.3, ringbuf 0.8–1.5, `sync_channel` 2–20 |
//! | hand over in batches | [`spsc`] | rtrb 0.9–1.1 |
//!
//! What doesn't win:
//!
//! - [`Stack`] pays a pin for every pop. A mutex around a `Vec` takes 0.64 of the time on one thread; a
//!   [`SegQueue`](queue::SegQueue), whose order is another and whose pops wait for suspended pushes, 0.7,
//!   and 0.25–0.6 when two threads fight over it. With one guard for 64 pops the first difference is gone
//!   (0.9–1.1), the second isn't (0.35–0.8).
//! - A pop from an empty [`Queue`] looks twice, one from a `SegQueue` once: 0.6. Where one thread pushes
//!   and another pops what comes, either may be ahead on a busy machine: 0.35–1.5.
//! - One thread at a [`FreeList`] takes longer than at an [`AtomicBitSet`] (0.82), and one at a [`Pool`]
//!   longer than at a `Mutex<Vec>` (0.76).
//! - A look first where every value is news: [`AtomicMax`] 0.85, [`AtomicBitSet`] 0.97.
//! - [`TokenBucket`] says with each refusal how long to wait, governor when asked: 0.95.
//! - [`MonotonicClock`] turns an `Instant` into a number: 0.9.
//! - [`RefCount`] beside `Arc` 0.9–1.3, [`try_acquire`](RefCount::try_acquire) 0.77.
//! - [`Snapshot::update`](Snapshot::update) beside arc-swap's own 0.85–1.04.
//! - [`Backoff`] in a compare-and-swap loop: from 0.55 on one day to 5 on another. Nothing to count on.
//! - No difference: 128 bytes between words instead of 64, [`ShardedCounter`] for one thread,
//!   [`FloatCounter`] for fractions, [`SpinLock`] beside a loop of bare swaps while no holder is
//!   preempted.
//!
//! # Features
//!
//! All on by default but `serde`; each dependency belongs to one of them, so what you leave out isn't
//! built. Without any the crate is `no_std` with `alloc`.
//!
//! | feature | gives | needs |
//! |---|---|---|
//! | `std` | threads, clocks, locks: [`gate`], [`init`], [`mirror`], lanes by thread | `std` |
//! | `macros` | the attributes | `atomic-lint-macros` |
//! | `snapshot` | [`Snapshot`], [`Versioned`] | `std`, `arc-swap` |
//! | `epoch` | [`Stack`], [`Queue`] | `crossbeam-epoch`, `crossbeam-queue` |
//! | `pool` | [`Pool`] | `crossbeam-queue` |
//! | `serde` | serialisation of [`Padded`] and [`tagged::Tagged`] | `serde` |
//!
//! Types on 64-bit atomics exist where the target has them. The minimum Rust version is 1.74.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]

extern crate alloc;
// The tests run with threads and unwinding whatever the features.
#[cfg(all(test, not(feature = "std")))]
extern crate std;

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

#[cfg(feature = "epoch")]
mod blocks;
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
#[cfg(all(feature = "macros", feature = "snapshot"))]
pub mod guide;
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
