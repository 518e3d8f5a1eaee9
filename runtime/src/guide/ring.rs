//! A ring buffer, step by step.
//!
//! See the [guide](super) for how to read the steps.
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
