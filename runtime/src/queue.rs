//! A lock-free queue: Michael and Scott's, with epoch-based reclamation.
//!
//! | | |
//! |---|---|
//! | progress | lock-free: an operation repeats only when another one succeeded |
//! | producers × consumers | many × many, first in, first out |
//! | reclamation | epochs (`crossbeam-epoch`): a dequeued node is freed after a grace period; a thread that stays pinned keeps all later garbage |
//! | empty / full | `pop` returns `None` / it grows with the heap |
//! | panics | no user code runs inside an operation, except a value's destructor in `drop`, which frees the rest all the same |
//! | cost | push: an allocation, a pin (a full fence) and two CAS; pop: a pin, three loads, a CAS and a deferred free |
//! | needs | `alloc`; with `std` the process-wide collector, without it one of your own |
//!
//! # Example
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use atomic_lint::Queue;
//!
//! let queue = Queue::new();
//! queue.push("first");
//! queue.push("second");
//! assert_eq!(queue.pop(), Some("first"));
//! assert_eq!(queue.pop(), Some("second"));
//! assert_eq!(queue.pop(), None);
//! ```
//!
//! # Protocol
//!
//! A linked list whose first node is a dummy. `head` points to the dummy, `tail` to the last node
//! or lags behind it. A push links its node to the last one by a CAS of that node's `next` (the
//! linearization point), then swings `tail` with a second CAS; whoever finds `tail` lagging swings
//! it first. A pop moves `head` to the first real node by a CAS, takes its value, and that node is
//! the new dummy. A pop never lets `head` pass `tail`, so no push reaches a retired node.
//!
//! (Michael and Scott, *Simple, Fast, and Practical Non-Blocking and Blocking Concurrent Queue
//! Algorithms*, 1996.)
//!
//! # When not to use it
//!
//! In production take one of the two queues that this module re-exports: [`SegQueue`] allocates
//! once in 31 values rather than for each and advances its ends with `fetch_add`-like steps, and
//! [`ArrayQueue`] is bounded and never allocates. For one producer and one consumer take
//! [`spsc`](crate::spsc). Measured, a push and a pop take 10 times as long as in `SegQueue` on one
//! thread and 20 times on two; the two pins are a fifteenth of it, so that a guard held for both
//! saves nothing, and most goes into keeping nodes until their grace period is over
//! (`cargo bench -p atomic-lint --bench peers -- queue`). None of them waits: for blocking use a
//! channel. This queue is the reference that shows the algorithm with every ordering argued.

pub use crossbeam_queue::{ArrayQueue, SegQueue};

use crate::epoch::{self, Domain, Guard};
use crate::primitive::{argued, AtomicPtr, Ordering, UnsafeCell};
use crate::Padded;
use alloc::boxed::Box;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr;

/// A lock-free first-in, first-out collection.
///
/// See the [module](self) for guarantees, protocol and alternatives.
pub struct Queue<T> {
    head: Padded<AtomicPtr<Node<T>>>,
    tail: Padded<AtomicPtr<Node<T>>>,
    domain: Domain,
    owns: PhantomData<T>,
}

struct Node<T> {
    /// Holds a value unless the node is the dummy; moved out by the pop that makes it the dummy.
    value: UnsafeCell<MaybeUninit<T>>,
    /// Null until the one push that links a successor.
    next: AtomicPtr<Node<T>>,
}

impl<T> Node<T> {
    fn boxed(value: MaybeUninit<T>) -> *mut Self {
        Box::into_raw(Box::new(Self { value: UnsafeCell::new(value), next: AtomicPtr::new(ptr::null_mut()) }))
    }
}

// SAFETY: values are moved in and out across threads and never shared.
unsafe impl<T: Send> Send for Queue<T> {}
// SAFETY: as for `Send`; each value is taken by the one pop whose CAS reached it.
unsafe impl<T: Send> Sync for Queue<T> {}

impl<T> Queue<T> {
    /// An empty queue on the process-wide collector.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn new() -> Self {
        Self::in_domain(Domain::GLOBAL)
    }

    /// An empty queue on a collector of your own, for use without `std`.
    #[cfg(not(atomic_lint_loom))]
    #[must_use]
    pub fn with_collector(collector: epoch::Collector) -> Self {
        Self::in_domain(Domain::new(collector))
    }

    fn in_domain(domain: Domain) -> Self {
        let dummy = Node::boxed(MaybeUninit::uninit());
        Self {
            head: Padded::new(AtomicPtr::new(dummy)),
            tail: Padded::new(AtomicPtr::new(dummy)),
            domain,
            owns: PhantomData,
        }
    }

    /// Appends `value`.
    ///
    /// # Panics
    ///
    /// If the queue was made with [`with_collector`](Self::with_collector).
    #[cfg(feature = "std")]
    #[inline]
    pub fn push(&self, value: T) {
        let guard = self.domain.pin();
        self.push_pinned(value, &guard);
    }

    /// Appends `value` under a guard that the caller holds, which saves a pin (3 ns) per call.
    ///
    /// # Panics
    ///
    /// If the guard belongs to another collector.
    #[cfg(not(atomic_lint_loom))]
    #[inline]
    pub fn push_with(&self, value: T, guard: &Guard) {
        self.domain.check(guard);
        self.push_pinned(value, guard);
    }

    /// Takes the oldest value.
    ///
    /// # Panics
    ///
    /// If the queue was made with [`with_collector`](Self::with_collector).
    #[cfg(feature = "std")]
    #[inline]
    pub fn pop(&self) -> Option<T> {
        let guard = self.domain.pin();
        self.pop_pinned(&guard)
    }

    /// Takes the oldest value under a guard that the caller holds, which saves a pin (3 ns) per call.
    ///
    /// # Panics
    ///
    /// If the guard belongs to another collector.
    #[cfg(not(atomic_lint_loom))]
    #[inline]
    pub fn pop_with(&self, guard: &Guard) -> Option<T> {
        self.domain.check(guard);
        self.pop_pinned(guard)
    }

    fn push_pinned(&self, value: T, _guard: &Guard) {
        let node = Node::boxed(MaybeUninit::new(value));
        loop {
            // Acquire: the last node is dereferenced. Partner: `swing_tail`.
            let tail = self.tail.load(Ordering::Acquire);
            // SAFETY: the guard was pinned before the load, and `head` never passes `tail`, so the
            // node was not yet retired when the load saw it.
            let last = unsafe { &*tail };
            // Release: publishes the value. Acquire on failure: the successor found instead may
            // become the tail, which publishes it onwards. Partners: `pop_pinned`, `push_pinned`.
            match last.next.compare_exchange(
                ptr::null_mut(),
                node,
                argued(Ordering::Release, "queue-push"),
                Ordering::Acquire,
            ) {
                Ok(_) => {
                    self.swing_tail(tail, node);
                    return;
                }
                Err(successor) => self.swing_tail(tail, successor),
            }
        }
    }

    fn pop_pinned(&self, guard: &Guard) -> Option<T> {
        loop {
            // Acquire: the dummy is dereferenced, and the pop that made it the dummy had seen
            // `tail` there or beyond, which the comparison below relies on. Partner: the CAS of
            // `head` below.
            let head = self.head.load(Ordering::Acquire);
            // SAFETY: the guard was pinned before the load, and nodes are retired after `head` has
            // moved on.
            let dummy = unsafe { &*head };
            // Acquire: the first real node and its value. Partner: `push_pinned`.
            let next = dummy.next.load(argued(Ordering::Acquire, "queue-pop"));
            // SAFETY: as for the dummy; a successor outlives its predecessor.
            let first = unsafe { next.as_ref() }?;
            // Relaxed: only compared. By coherence it is no older than what the pop that set
            // `head` had seen, so if it isn't the dummy it lies beyond. Partner: `swing_tail`.
            if self.tail.load(Ordering::Relaxed) == head {
                self.swing_tail(head, next);
            }
            // Release: hands on that `tail` lies beyond the old dummy. Relaxed on failure: the loop
            // reads everything again. Partner: the load of `head` above.
            let moved = self.head.compare_exchange(head, next, Ordering::Release, Ordering::Relaxed);
            if moved.is_ok() {
                // SAFETY: the compare-and-swap made this node the dummy, so this thread alone
                // takes its value, which the push published before linking it.
                let value = first.value.with(|value| unsafe { (*value).assume_init_read() });
                // SAFETY: the old dummy came from a box, was unlinked by this thread once, can be
                // reached only by threads pinned now, and dropping it drops no value.
                unsafe { epoch::retire(guard, head) };
                return Some(value);
            }
        }
    }

    /// Moves `tail` from a node to its successor, unless somebody has done so.
    #[inline]
    fn swing_tail(&self, from: *mut Node<T>, to: *mut Node<T>) {
        // Release: whoever reaches the node through `tail` sees it complete; this thread made it
        // or acquired it. Relaxed on failure: somebody else swung it. Partner: `push_pinned`.
        let _ = self.tail.compare_exchange(from, to, argued(Ordering::Release, "queue-swing"), Ordering::Relaxed);
    }

    fn pop_exclusive(&mut self) -> Option<T> {
        // Relaxed, here and below: the exclusive borrow orders every earlier operation.
        let head = self.head.load(Ordering::Relaxed);
        // SAFETY: `head` always points to the dummy, a live box.
        // atomic-lint: allow(relaxed_publication) the exclusive borrow orders every earlier operation
        let next = unsafe { &*head }.next.load(Ordering::Relaxed);
        // SAFETY: with exclusive access a linked node is a live box.
        let first = unsafe { next.as_ref() }?;
        // SAFETY: the first real node holds a value, and it becomes the dummy below.
        let value = first.value.with(|value| unsafe { (*value).assume_init_read() });
        self.head.store(next, Ordering::Relaxed);
        // SAFETY: the old dummy is a box that nothing points to any more but perhaps `tail`, which
        // only `drop` runs after, and it doesn't read it.
        drop(unsafe { Box::from_raw(head) });
        Some(value)
    }
}

impl<T> Queue<T> {
    /// Whether the queue was empty at some moment during the call.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let _guard = self.domain.pin();
        // Acquire: the dummy is dereferenced. Partner: `pop_pinned`.
        let head = self.head.load(Ordering::Acquire);
        // SAFETY: the guard was pinned before the load, and nodes are retired after `head` has
        // moved on.
        let dummy = unsafe { &*head };
        // Relaxed: the link is only compared with null. Partner: `push_pinned`.
        dummy.next.load(Ordering::Relaxed).is_null()
    }
}

#[cfg(feature = "std")]
impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "std")]
impl<T> FromIterator<T> for Queue<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let queue = Self::new();
        values.into_iter().for_each(|value| queue.push(value));
        queue
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        /// Carries on when a destructor panics, and frees the dummy at the end.
        struct Rest<'a, T>(&'a mut Queue<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                while self.0.pop_exclusive().is_some() {}
                // Relaxed: the exclusive borrow orders every earlier operation.
                let dummy = self.0.head.load(Ordering::Relaxed);
                // SAFETY: the dummy is a live box and the queue is never used again.
                drop(unsafe { Box::from_raw(dummy) });
            }
        }
        let rest = Rest(self);
        while rest.0.pop_exclusive().is_some() {}
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}
