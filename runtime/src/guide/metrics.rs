//! A block of metrics, step by step.
//!
//! See the [guide](super) for how to read the steps.
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
//! split update is the opposite of that in the [ring](super::ring): a read-modify-write, for the maximum
//! as well.
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
//! Every attribute has an inert form too, which needs no dependency, and which the compiler drops.
//! It states a fact for the linter. Of padding, stating it is not enough:
//!
//! ```rust,fires:padding_annotation_mismatch
//! use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
//!
//! #[derive(Default)]
//! pub struct Metrics {
//!     #[cfg_attr(any(), padded)]
//!     requests: AtomicUsize,
//!     #[cfg_attr(any(), padded)]
//!     errors: AtomicUsize,
//! }
//!
//! impl Metrics {
//!     pub fn on_request(&self) {
//!         self.requests.fetch_add(1, Relaxed);
//!     }
//!
//!     pub fn on_error(&self) {
//!         self.errors.fetch_add(1, Relaxed);
//!     }
//! }
//! # fn main() {
//! #     let metrics = Metrics::default();
//! #     metrics.on_request();
//! #     metrics.on_error();
//! #     assert_eq!(metrics.requests.load(Relaxed), metrics.errors.load(Relaxed));
//! # }
//! ```
//!
//! `padding_annotation_mismatch` stands on what claims to be padded and isn't.
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
