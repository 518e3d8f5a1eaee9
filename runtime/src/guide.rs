//! From plain code to verified code: a ring buffer, a block of metrics and a configuration cell,
//! step by step.
//!
//! An annotation is worth something only if somebody checks it. Here three parties do: the attribute
//! itself, which expands to code or to a check at compile time; the compiler, which then knows what
//! it couldn't know before; and `cargo atomic-lint`, which reads the annotation from the source and
//! holds every access against it.
//!
//! Each step below is compiled and run, and under it stands everything that
//! `cargo atomic-lint -W pedantic` reports for it. A test holds the findings to what is said here.
//!
//! # A ring buffer
//!
//! One thread pushes, another pops. That is what the author has in mind; the code doesn't say it.
//!
//! ```rust,fires:relaxed_publication,fires:split_read_modify_write,fires:unpadded_hot_atomics
//! use std::cell::UnsafeCell;
//! use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
//!
//! const SIZE: usize = 8;
//!
//! #[derive(Default)]
//! pub struct Ring {
//!     slots: [UnsafeCell<u32>; SIZE],
//!     head: AtomicUsize,
//!     tail: AtomicUsize,
//! }
//!
//! // SAFETY: a slot is written before it is handed over and read afterwards.
//! unsafe impl Sync for Ring {}
//!
//! impl Ring {
//!     pub fn push(&self, value: u32) -> bool {
//!         let tail = self.tail.load(Relaxed);
//!         if tail - self.head.load(Relaxed) == SIZE {
//!             return false;
//!         }
//!         // SAFETY: the slot is free.
//!         unsafe { *self.slots[tail % SIZE].get() = value };
//!         self.tail.store(tail + 1, Relaxed);
//!         true
//!     }
//!
//!     pub fn pop(&self) -> Option<u32> {
//!         let head = self.head.load(Relaxed);
//!         if head == self.tail.load(Relaxed) {
//!             return None;
//!         }
//!         // SAFETY: the slot is filled.
//!         let value = unsafe { *self.slots[head % SIZE].get() };
//!         self.head.store(head + 1, Relaxed);
//!         Some(value)
//!     }
//! }
//!
//! fn main() {
//!     let ring = Ring::default();
//!     assert!(ring.push(1));
//!     assert_eq!(ring.pop(), Some(1));
//! }
//! ```
//!
//! - `relaxed_publication`: nothing orders the slot before the index that announces it.
//! - `split_read_modify_write`: `push` and `pop` take `&self` of a type that threads share, so two of
//!   them may push at once, load the same index, and one value is lost.
//! - `unpadded_hot_atomics`: each side writes its index on the cache line that the other side reads.
//!
//! **The first step is types.** There is one producer and one consumer: so there are two handles,
//! which can't be cloned and change the ring through `&mut self`. The indices are stored with release
//! and read, on the other side, with acquire.
//!
//! ```rust,fires:implicit_single_writer,fires:unpadded_hot_atomics
//! use std::cell::UnsafeCell;
//! use std::sync::atomic::{AtomicUsize, Ordering::{Acquire, Relaxed, Release}};
//! use std::sync::Arc;
//!
//! const SIZE: usize = 8;
//!
//! #[derive(Default)]
//! struct Ring {
//!     slots: [UnsafeCell<u32>; SIZE],
//!     head: AtomicUsize,
//!     tail: AtomicUsize,
//! }
//!
//! // SAFETY: a slot is written before it is handed over and read afterwards.
//! unsafe impl Sync for Ring {}
//!
//! pub struct Producer(Arc<Ring>);
//! pub struct Consumer(Arc<Ring>);
//!
//! pub fn channel() -> (Producer, Consumer) {
//!     let ring = Arc::new(Ring::default());
//!     (Producer(ring.clone()), Consumer(ring))
//! }
//!
//! impl Producer {
//!     pub fn push(&mut self, value: u32) -> bool {
//!         let ring = &*self.0;
//!         // Relaxed: this side alone writes it.
//!         let tail = ring.tail.load(Relaxed);
//!         // Acquire: the consumer is done with the slot. Partner: `Consumer::pop`.
//!         if tail - ring.head.load(Acquire) == SIZE {
//!             return false;
//!         }
//!         // SAFETY: the slot is free.
//!         unsafe { *ring.slots[tail % SIZE].get() = value };
//!         // Release: publishes the slot. Partner: `Consumer::pop`.
//!         ring.tail.store(tail + 1, Release);
//!         true
//!     }
//! }
//!
//! impl Consumer {
//!     pub fn pop(&mut self) -> Option<u32> {
//!         let ring = &*self.0;
//!         // Relaxed: this side alone writes it.
//!         let head = ring.head.load(Relaxed);
//!         // Acquire: the slot is filled. Partner: `Producer::push`.
//!         if head == ring.tail.load(Acquire) {
//!             return None;
//!         }
//!         // SAFETY: the slot is filled.
//!         let value = unsafe { *ring.slots[head % SIZE].get() };
//!         // Release: gives the slot back. Partner: `Producer::push`.
//!         ring.head.store(head + 1, Release);
//!         Some(value)
//!     }
//! }
//!
//! fn main() {
//!     let (mut producer, mut consumer) = channel();
//!     let pushing = std::thread::spawn(move || (0..5).all(|n| producer.push(n)));
//!     assert!(pushing.join().unwrap());
//!     assert_eq!(consumer.pop(), Some(0));
//! }
//! ```
//!
//! The code is right now, and fast once the padding is in. `implicit_single_writer` says what is
//! still missing: an index is updated by a load and a store, which is right because there is one
//! producer, and nothing in the source says that it must stay so.
//!
//! **The second step is annotations.** `#[padded]` changes the type of the field, so the padding is
//! there and not only claimed. `#[single_writer]` is the promise that the linter keeps, and
//! `#[pairs_with]` names the partner to those who read the code, and to the linter again.
//!
//! ```rust,quiet
//! use atomic_lint::{concurrent, pairs_with};
//! use std::cell::UnsafeCell;
//! use std::sync::atomic::{AtomicUsize, Ordering::{Acquire, Relaxed, Release}};
//! use std::sync::Arc;
//!
//! const SIZE: usize = 8;
//!
//! #[concurrent]
//! #[derive(Default)]
//! struct Ring {
//!     slots: [UnsafeCell<u32>; SIZE],
//!     #[padded]
//!     #[single_writer]
//!     head: AtomicUsize,
//!     #[padded]
//!     #[single_writer]
//!     tail: AtomicUsize,
//! }
//!
//! // SAFETY: a slot is written before it is handed over and read afterwards.
//! unsafe impl Sync for Ring {}
//!
//! pub struct Producer(Arc<Ring>);
//! pub struct Consumer(Arc<Ring>);
//!
//! pub fn channel() -> (Producer, Consumer) {
//!     let ring = Arc::new(Ring::default());
//!     (Producer(ring.clone()), Consumer(ring))
//! }
//!
//! impl Producer {
//!     #[pairs_with("Consumer::pop")]
//!     pub fn push(&mut self, value: u32) -> bool {
//!         // …as before
//! #         let ring = &*self.0;
//! #         let tail = ring.tail.load(Relaxed);
//! #         if tail - ring.head.load(Acquire) == SIZE {
//! #             return false;
//! #         }
//! #         unsafe { *ring.slots[tail % SIZE].get() = value };
//! #         ring.tail.store(tail + 1, Release);
//! #         true
//!     }
//! }
//!
//! impl Consumer {
//!     #[pairs_with("Producer::push")]
//!     pub fn pop(&mut self) -> Option<u32> {
//!         // …as before
//! #         let ring = &*self.0;
//! #         let head = ring.head.load(Relaxed);
//! #         if head == ring.tail.load(Acquire) {
//! #             return None;
//! #         }
//! #         let value = unsafe { *ring.slots[head % SIZE].get() };
//! #         ring.head.store(head + 1, Release);
//! #         Some(value)
//!     }
//! }
//! # fn main() {
//! #     let (mut producer, mut consumer) = channel();
//! #     let pushing = std::thread::spawn(move || (0..5).all(|n| producer.push(n)));
//! #     assert!(pushing.join().unwrap());
//! #     assert_eq!(consumer.pop(), Some(0));
//! # }
//! ```
//!
//! **What it is good for** shows a year later, when a second thread has something to push, and
//! somebody makes the handle `Clone`. It compiles, and passes its test:
//!
//! ```rust,fires:single_writer_violation
//! # use atomic_lint::{concurrent, pairs_with};
//! # use std::cell::UnsafeCell;
//! # use std::sync::atomic::{AtomicUsize, Ordering::{Acquire, Relaxed, Release}};
//! # use std::sync::Arc;
//! # const SIZE: usize = 8;
//! # #[concurrent]
//! # #[derive(Default)]
//! # struct Ring {
//! #     slots: [UnsafeCell<u32>; SIZE],
//! #     #[padded]
//! #     #[single_writer]
//! #     head: AtomicUsize,
//! #     #[padded]
//! #     #[single_writer]
//! #     tail: AtomicUsize,
//! # }
//! # // SAFETY: a slot is written before it is handed over and read afterwards.
//! # unsafe impl Sync for Ring {}
//! #[derive(Clone)]
//! pub struct Producer(Arc<Ring>);
//! # pub struct Consumer(Arc<Ring>);
//! # pub fn channel() -> (Producer, Consumer) {
//! #     let ring = Arc::new(Ring::default());
//! #     (Producer(ring.clone()), Consumer(ring))
//! # }
//! # impl Producer {
//! #     #[pairs_with("Consumer::pop")]
//! #     pub fn push(&mut self, value: u32) -> bool {
//! #         let ring = &*self.0;
//! #         let tail = ring.tail.load(Relaxed);
//! #         if tail - ring.head.load(Acquire) == SIZE {
//! #             return false;
//! #         }
//! #         unsafe { *ring.slots[tail % SIZE].get() = value };
//! #         ring.tail.store(tail + 1, Release);
//! #         true
//! #     }
//! # }
//! # impl Consumer {
//! #     #[pairs_with("Producer::push")]
//! #     pub fn pop(&mut self) -> Option<u32> {
//! #         let ring = &*self.0;
//! #         let head = ring.head.load(Relaxed);
//! #         if head == ring.tail.load(Acquire) {
//! #             return None;
//! #         }
//! #         let value = unsafe { *ring.slots[head % SIZE].get() };
//! #         ring.head.store(head + 1, Release);
//! #         Some(value)
//! #     }
//! # }
//!
//! fn main() {
//!     let (mut producer, mut consumer) = channel();
//!     let mut second = producer.clone();
//!     assert!(producer.push(1) && second.push(2));
//!     assert_eq!((consumer.pop(), consumer.pop()), (Some(1), Some(2)));
//! }
//! ```
//!
//! The promise stands on the field, far from the handle, and `single_writer_violation` stands on
//! the store that breaks it: two producers load the same `tail`, and one value is lost.
//!
//! This crate's ring, with batches, blocking operations and indices that each side remembers, is
//! [`spsc`](crate::spsc).
//!
//! # A block of metrics
//!
//! Every worker counts its requests and errors, and keeps the slowest request.
//!
//! ```rust,fires:split_read_modify_write,fires:cas_loop_reimplements_rmw,fires:unpadded_hot_atomics
//! use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
//!
//! #[derive(Default)]
//! pub struct Metrics {
//!     requests: AtomicUsize,
//!     errors: AtomicUsize,
//!     slowest: AtomicUsize,
//!     limit: AtomicUsize,
//! }
//!
//! impl Metrics {
//!     pub fn on_request(&self, nanos: usize) {
//!         self.requests.store(self.requests.load(Relaxed) + 1, Relaxed);
//!         let mut slowest = self.slowest.load(Relaxed);
//!         while nanos > slowest {
//!             match self.slowest.compare_exchange_weak(slowest, nanos, Relaxed, Relaxed) {
//!                 Ok(_) => break,
//!                 Err(now) => slowest = now,
//!             }
//!         }
//!     }
//!
//!     pub fn on_error(&self) -> bool {
//!         self.errors.fetch_add(1, Relaxed) < self.limit.load(Relaxed)
//!     }
//! }
//!
//! fn main() {
//!     let metrics = Metrics::default();
//!     metrics.on_request(5);
//!     assert!(!metrics.on_error());
//!     assert_eq!(metrics.slowest.load(Relaxed), 5);
//! }
//! ```
//!
//! - `split_read_modify_write`: of two requests that end at once, one isn't counted.
//! - `cas_loop_reimplements_rmw`: the loop is what `fetch_max` does in one operation.
//! - `unpadded_hot_atomics`: each count takes the line away from all other threads.
//!
//! **The first step is operations that do it at once.** Here many threads write, so the cure for the
//! split update is the opposite of the one above: a read-modify-write, for the maximum as well.
//!
//! ```rust,fires:unpadded_hot_atomics
//! use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
//!
//! #[derive(Default)]
//! pub struct Metrics {
//!     requests: AtomicUsize,
//!     errors: AtomicUsize,
//!     slowest: AtomicUsize,
//!     limit: AtomicUsize,
//! }
//!
//! // Relaxed, throughout: these are numbers, and nothing else is published by them.
//! impl Metrics {
//!     pub fn on_request(&self, nanos: usize) {
//!         self.requests.fetch_add(1, Relaxed);
//!         self.slowest.fetch_max(nanos, Relaxed);
//!     }
//!
//!     pub fn on_error(&self) -> bool {
//!         self.errors.fetch_add(1, Relaxed) < self.limit.load(Relaxed)
//!     }
//! }
//!
//! fn main() {
//!     let metrics = Metrics::default();
//!     std::thread::scope(|scope| {
//!         for nanos in [3, 5] {
//!             let metrics = &metrics;
//!             scope.spawn(move || metrics.on_request(nanos));
//!         }
//!     });
//!     assert_eq!(metrics.requests.load(Relaxed), 2);
//!     assert_eq!(metrics.slowest.load(Relaxed), 5);
//! }
//! ```
//!
//! **The second step is to say what is hot.** `limit` is read at every error and changed once a day;
//! on one line with the counters it is fetched anew after each request. Said with attributes, that
//! doesn't even compile:
//!
//! ```rust,compile_fail,E0080,fires:unpadded_hot_atomics
//! use atomic_lint::concurrent;
//! use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
//!
//! #[concurrent]
//! #[derive(Default)]
//! pub struct Metrics {
//!     #[hot]
//!     requests: AtomicUsize,
//!     #[hot]
//!     errors: AtomicUsize,
//!     #[hot]
//!     slowest: AtomicUsize,
//!     #[read_mostly] // error: `limit` is read mostly but can share a cache line with hot `requests`
//!     limit: AtomicUsize,
//! }
//! #
//! # impl Metrics {
//! #     pub fn on_request(&self, nanos: usize) {
//! #         self.requests.fetch_add(1, Relaxed);
//! #         self.slowest.fetch_max(nanos, Relaxed);
//! #     }
//! #
//! #     pub fn on_error(&self) -> bool {
//! #         self.errors.fetch_add(1, Relaxed) < self.limit.load(Relaxed)
//! #     }
//! # }
//! # fn main() {}
//! ```
//!
//! **The third step is padding**, which cures both.
//!
//! ```rust,quiet
//! use atomic_lint::concurrent;
//! use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
//!
//! #[concurrent]
//! #[derive(Default)]
//! pub struct Metrics {
//!     #[hot]
//!     #[padded]
//!     requests: AtomicUsize,
//!     #[hot]
//!     #[padded]
//!     errors: AtomicUsize,
//!     #[hot]
//!     #[padded]
//!     slowest: AtomicUsize,
//!     #[read_mostly]
//!     limit: AtomicUsize,
//! }
//!
//! impl Metrics {
//!     // …as before
//! #     pub fn on_request(&self, nanos: usize) {
//! #         self.requests.fetch_add(1, Relaxed);
//! #         self.slowest.fetch_max(nanos, Relaxed);
//! #     }
//! #
//! #     pub fn on_error(&self) -> bool {
//! #         self.errors.fetch_add(1, Relaxed) < self.limit.load(Relaxed)
//! #     }
//! }
//! # fn main() {
//! #     let metrics = Metrics::default();
//! #     metrics.on_request(5);
//! #     assert!(!metrics.on_error());
//! #     assert_eq!(metrics.slowest.load(Relaxed), 5);
//! # }
//! ```
//!
//! **The fourth step is the thread that is alone.** A sampler counts its rounds. It has a handle of
//! its own, and yet pays for keeping others out:
//!
//! ```rust,fires:needless_rmw
//! use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
//! use std::sync::Arc;
//!
//! #[derive(Default)]
//! struct Sampled {
//!     rounds: AtomicUsize,
//! }
//!
//! pub struct Sampler(Arc<Sampled>);
//! pub struct Scrape(Arc<Sampled>);
//!
//! pub fn sampled() -> (Sampler, Scrape) {
//!     let sampled = Arc::new(Sampled::default());
//!     (Sampler(sampled.clone()), Scrape(sampled))
//! }
//!
//! impl Sampler {
//!     pub fn sample(&mut self) {
//!         self.0.rounds.fetch_add(1, Relaxed);
//!     }
//! }
//!
//! impl Scrape {
//!     pub fn rounds(&self) -> usize {
//!         self.0.rounds.load(Relaxed)
//!     }
//! }
//!
//! fn main() {
//!     let (mut sampler, scrape) = sampled();
//!     sampler.sample();
//!     assert_eq!(scrape.rounds(), 1);
//! }
//! ```
//!
//! `needless_rmw` counts on the handle: where nobody can come between, a load and a store do. On a
//! struct, `#[single_writer]` generates the two handles, and then it is the
//! compiler that keeps the promise: the writer is `Send`, neither `Sync` nor `Clone`, and its methods take `&mut self`.
//!
//! ```rust,quiet
//! use atomic_lint::single_writer;
//! use std::sync::atomic::AtomicUsize;
//!
//! #[single_writer]
//! #[derive(Default)]
//! struct Sampled {
//!     rounds: AtomicUsize,
//! }
//!
//! fn main() {
//!     let (mut sampler, scrape) = Sampled::default().split();
//!     let sampling = std::thread::spawn(move || sampler.add_rounds(1)); // a load and a store
//!     sampling.join().unwrap();
//!     assert_eq!(scrape.rounds(), 1);
//! }
//! ```
//!
//! A second writer doesn't compile any more:
//!
//! ```rust,compile_fail,E0599,quiet
//! # use atomic_lint::single_writer;
//! # use std::sync::atomic::AtomicUsize;
//! #
//! # #[single_writer]
//! # #[derive(Default)]
//! # struct Sampled {
//! #     rounds: AtomicUsize,
//! # }
//! #
//! # fn main() {
//! let (sampler, scrape) = Sampled::default().split();
//! let second = sampler.clone(); // error: no method named `clone`
//! # }
//! ```
//!
//! This crate has the parts ready: [`ShardedCounter`](crate::ShardedCounter), on which threads don't
//! even contend, [`AtomicMax`](crate::AtomicMax), and [`SingleWriter`](crate::SingleWriter) for one
//! atomic.
//!
//! # A configuration cell
//!
//! Many threads read the configuration, one replaces it now and then.
//!
//! ```rust,fires:relaxed_publication,fires:premature_reclamation,fires:mutation_after_publication
//! use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};
//!
//! pub struct Config {
//!     timeout: u64,
//!     name: String,
//! }
//!
//! pub struct Settings {
//!     current: AtomicPtr<Config>,
//! }
//!
//! impl Settings {
//!     pub fn new(config: Config) -> Self {
//!         Self { current: AtomicPtr::new(Box::into_raw(Box::new(config))) }
//!     }
//!
//!     pub fn name(&self) -> String {
//!         // SAFETY: the cell always points to a configuration.
//!         unsafe { (*self.current.load(Relaxed)).name.clone() }
//!     }
//!
//!     pub fn replace(&self, config: Config) {
//!         let old = self.current.swap(Box::into_raw(Box::new(config)), Relaxed);
//!         // SAFETY: it has been taken out of the cell.
//!         drop(unsafe { Box::from_raw(old) });
//!     }
//!
//!     pub fn double_the_timeout(&self) {
//!         // SAFETY: the cell always points to a configuration.
//!         unsafe { (*self.current.load(Relaxed)).timeout *= 2 };
//!     }
//! }
//!
//! fn main() {
//!     let settings = Settings::new(Config { timeout: 1, name: "first".into() });
//!     settings.double_the_timeout();
//!     settings.replace(Config { timeout: 2, name: "second".into() });
//!     assert_eq!(settings.name(), "second");
//! }
//! ```
//!
//! - `relaxed_publication`: a reader may see the pointer before what it points to.
//! - `premature_reclamation`: a reader may still be cloning the name that is freed.
//! - `mutation_after_publication`: a reader may be reading the timeout that is written.
//!
//! **The first step is orderings, and to free nothing.** A configuration that is replaced a few times
//! in the life of a program may as well stay.
//!
//! ```rust,fires:mutation_after_publication
//! use std::sync::atomic::{AtomicPtr, Ordering::{Acquire, Release}};
//!
//! pub struct Config {
//!     timeout: u64,
//!     name: String,
//! }
//!
//! pub struct Settings {
//!     current: AtomicPtr<Config>,
//! }
//!
//! impl Settings {
//!     pub fn new(config: Config) -> Self {
//!         Self { current: AtomicPtr::new(Box::leak(Box::new(config))) }
//!     }
//!
//!     pub fn get(&self) -> &'static Config {
//!         // Acquire: the configuration is complete. Partner: `replace`.
//!         // SAFETY: the cell always points to a configuration, and none is freed.
//!         unsafe { &*self.current.load(Acquire) }
//!     }
//!
//!     pub fn replace(&self, config: Config) {
//!         // Release: publishes the configuration. Partner: `get`.
//!         self.current.store(Box::leak(Box::new(config)), Release);
//!     }
//!
//!     pub fn double_the_timeout(&self) {
//!         // SAFETY: the cell always points to a configuration.
//!         unsafe { (*self.current.load(Acquire)).timeout *= 2 };
//!     }
//! }
//!
//! fn main() {
//!     let settings = Settings::new(Config { timeout: 1, name: "first".into() });
//!     settings.double_the_timeout();
//!     assert_eq!(settings.get().timeout, 2);
//!     settings.replace(Config { timeout: 2, name: "second".into() });
//!     assert_eq!(settings.get().name, "second");
//! }
//! ```
//!
//! **The second step is to freeze what is published.** `#[frozen]` on the struct makes the compiler
//! look for interior mutability in it, and on the field it tells the linter that what the pointer
//! leads to never changes. A change is a copy that is published in turn.
//!
//! ```rust,fires:split_read_modify_write
//! use atomic_lint::{concurrent, frozen};
//! use std::sync::atomic::{AtomicPtr, Ordering::{Acquire, Release}};
//!
//! #[frozen]
//! #[derive(Clone)]
//! pub struct Config {
//!     timeout: u64,
//!     name: String,
//! }
//!
//! #[concurrent]
//! pub struct Settings {
//!     #[frozen]
//!     current: AtomicPtr<Config>,
//! }
//!
//! impl Settings {
//!     // …as before, and
//!     pub fn double_the_timeout(&self) {
//!         let old = self.get();
//!         self.replace(Config { timeout: old.timeout * 2, ..old.clone() });
//!     }
//! #     pub fn new(config: Config) -> Self {
//! #         Self { current: AtomicPtr::new(Box::leak(Box::new(config))) }
//! #     }
//! #     pub fn get(&self) -> &'static Config {
//! #         unsafe { &*self.current.load(Acquire) }
//! #     }
//! #     pub fn replace(&self, config: Config) {
//! #         self.current.store(Box::leak(Box::new(config)), Release);
//! #     }
//! }
//! # fn main() {
//! #     let settings = Settings::new(Config { timeout: 1, name: "first".into() });
//! #     settings.double_the_timeout();
//! #     assert_eq!((settings.get().timeout, &*settings.get().name), (2, "first"));
//! # }
//! ```
//!
//! A field that would change behind the readers' backs is an error now:
//!
//! ```rust,compile_fail,E0277,quiet
//! # fn main() {}
//! # use atomic_lint::frozen;
//! use std::cell::Cell;
//!
//! #[frozen]
//! pub struct Config {
//!     timeout: Cell<u64>, // error: `Cell<u64>` changes behind a shared reference
//!     name: String,
//! }
//! ```
//!
//! **The third step is a lock for those who write.** `split_read_modify_write` has found what the
//! copy brought along: two that double at once take the same old configuration, and one change is lost. Writers
//! take turns, then, and what only they touch is said to be theirs.
//!
//! ```rust,quiet
//! use atomic_lint::{concurrent, frozen};
//! use std::cell::UnsafeCell;
//! use std::sync::atomic::{AtomicPtr, Ordering::{Acquire, Release}};
//! use std::sync::Mutex;
//!
//! # #[frozen]
//! # #[derive(Clone)]
//! # pub struct Config {
//! #     timeout: u64,
//! #     name: String,
//! # }
//! #[concurrent]
//! pub struct Settings {
//!     #[frozen]
//!     current: AtomicPtr<Config>,
//!     writers: Mutex<()>,
//!     #[guarded_by(writers)]
//!     replaced: UnsafeCell<Vec<&'static Config>>,
//! }
//!
//! // SAFETY: the cell is touched under the lock.
//! unsafe impl Sync for Settings {}
//!
//! impl Settings {
//!     // …as before, and
//!     pub fn update(&self, change: impl FnOnce(&Config) -> Config) {
//!         let _turn = self.writers.lock().unwrap();
//!         let old = self.get();
//!         // SAFETY: this thread holds the lock.
//!         unsafe { (*self.replaced.get()).push(old) };
//!         // Release: publishes the configuration. Partner: `get`.
//!         self.current.store(Box::leak(Box::new(change(old))), Release);
//!     }
//! #     pub fn new(config: Config) -> Self {
//! #         let current = AtomicPtr::new(Box::leak(Box::new(config)));
//! #         Self { current, writers: Mutex::new(()), replaced: UnsafeCell::new(Vec::new()) }
//! #     }
//! #     pub fn get(&self) -> &'static Config {
//! #         unsafe { &*self.current.load(Acquire) }
//! #     }
//! }
//!
//! fn main() {
//!     let settings = Settings::new(Config { timeout: 1, name: "first".into() });
//!     settings.update(|old| Config { timeout: old.timeout * 2, ..old.clone() });
//!     assert_eq!((settings.get().timeout, &*settings.get().name), (2, "first"));
//! }
//! ```
//!
//! **The last step is to own less of it.** [`Snapshot`](crate::Snapshot) is this cell, with the old
//! values freed as soon as the last reader has gone, and with an update that loses no other's.
//!
//! ```rust,quiet
//! use atomic_lint::{frozen, Snapshot};
//!
//! #[frozen]
//! #[derive(Clone)]
//! pub struct Config {
//!     timeout: u64,
//!     name: String,
//! }
//!
//! fn main() {
//!     let settings = Snapshot::new(Config { timeout: 1, name: "first".into() });
//!     settings.update(|old| Config { timeout: old.timeout * 2, ..old.clone() });
//!     assert_eq!((settings.load().timeout, &*settings.load().name), (2, "first"));
//! }
//! ```
