//! A lock-free stack: Treiber's, with epoch-based reclamation.
//!
//! | | |
//! |---|---|
//! | progress | lock-free: a push or pop repeats only when another one succeeded |
//! | producers × consumers | many × many |
//! | reclamation | epochs (`crossbeam-epoch`): a popped node is freed after a grace period; a thread that stays pinned keeps all later garbage |
//! | empty / full | `pop` returns `None` / it grows with the heap |
//! | panics | no user code runs inside an operation, except a value's destructor in `drop`, which frees the rest all the same |
//! | cost | push: an allocation and a CAS; pop: a pin (a full fence), a load, a CAS and a deferred free |
//! | needs | `alloc`; with `std` the process-wide collector, without it one of your own |
//!
//! # Example
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use atomic_lint::Stack;
//!
//! let stack = Stack::new();
//! std::thread::scope(|scope| {
//!     scope.spawn(|| stack.push(1));
//!     scope.spawn(|| stack.push(2));
//! });
//! let mut both = [stack.pop(), stack.pop()];
//! both.sort();
//! assert_eq!(both, [Some(1), Some(2)]);
//! assert_eq!(stack.pop(), None);
//! ```
//!
//! # Protocol
//!
//! `head` points to the newest node, each node to the next older one. A push links its node in
//! front by a CAS of `head`; a pop moves `head` to the next node by a CAS.
//!
//! Two things go wrong when nodes are freed or reused at once: a pop that has read `head` reads
//! `next` from freed memory, and, if the same address comes back as a new head, its CAS succeeds
//! with a stale `next` (ABA) and loses or doubles nodes. A pop runs pinned, so neither the memory
//! nor the address comes back before it ends. A push never follows the pointer it compares, so it
//! needs no pin, and ABA does it no harm: the head it links to is the head it compared.
//!
//! (Treiber, *Systems Programming: Coping with Parallelism*, 1986.)
//!
//! # When not to use it
//!
//! Almost always. One `head` serves all threads, every push allocates, every pop pins and defers a
//! free, and nothing waits for an empty stack to fill. Measured, a push and a pop take 10 times as
//! long as a `Mutex<Vec<T>>` on one thread, or as [`SegQueue`](crate::queue::SegQueue), in another
//! order; with two threads 5 to 8 and 20 times as long. The pin is a thirtieth of it: most goes into
//! keeping nodes until their grace period is over
//! (`cargo bench -p atomic-lint --bench peers -- stack`). Take it for what it shows, or where a
//! suspended thread must not hold up the others.

use crate::epoch::{self, Domain, Guard};
#[cfg(feature = "std")]
use crate::primitive::const_fn;
use crate::primitive::{argued, AtomicPtr, Ordering, UnsafeCell};
use alloc::boxed::Box;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr;

/// A lock-free last-in, first-out collection.
///
/// See the [module](self) for guarantees, protocol and alternatives.
pub struct Stack<T> {
    head: AtomicPtr<Node<T>>,
    domain: Domain,
    owns: PhantomData<T>,
}

struct Node<T> {
    /// Moved out by the pop that unlinks the node; never dropped in place.
    value: UnsafeCell<MaybeUninit<T>>,
    /// Written before the node is linked, never after.
    next: *mut Node<T>,
}

// SAFETY: values are moved in and out across threads and never shared.
unsafe impl<T: Send> Send for Stack<T> {}
// SAFETY: as for `Send`; each value is taken by the one pop whose CAS unlinked it.
unsafe impl<T: Send> Sync for Stack<T> {}

impl<T> Stack<T> {
    #[cfg(feature = "std")]
    const_fn! {
        /// An empty stack on the process-wide collector.
        #[must_use]
        pub fn new() -> Self {
            Self {
                head: AtomicPtr::new(ptr::null_mut()),
                domain: Domain::GLOBAL,
                owns: PhantomData,
            }
        }
    }

    /// An empty stack on a collector of your own, for use without `std`.
    #[cfg(not(atomic_lint_loom))]
    #[must_use]
    pub fn with_collector(collector: epoch::Collector) -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()), domain: Domain::new(collector), owns: PhantomData }
    }

    /// Puts `value` on top.
    pub fn push(&self, value: T) {
        let node =
            Box::into_raw(Box::new(Node { value: UnsafeCell::new(MaybeUninit::new(value)), next: ptr::null_mut() }));
        // Relaxed: only stored as a link and compared, never dereferenced here.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: the node is ours alone until the compare-and-swap links it.
            unsafe { (*node).next = head };
            // Release: publishes the value and the link. Relaxed on failure: the new head is again
            // only stored and compared. Partner: `pop_with`.
            match self.head.compare_exchange_weak(
                head,
                node,
                argued(Ordering::Release, "stack-push"),
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(current) => head = current,
            }
        }
    }

    /// Takes the newest value.
    ///
    /// # Panics
    ///
    /// If the stack was made with [`with_collector`](Self::with_collector).
    #[cfg(feature = "std")]
    #[inline]
    pub fn pop(&self) -> Option<T> {
        let guard = self.domain.pin();
        self.pop_pinned(&guard)
    }

    /// Takes the newest value under a guard that the caller holds, which saves a pin (3 ns) per call.
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

    fn pop_pinned(&self, guard: &Guard) -> Option<T> {
        // Acquire, here and on failure below: the node is dereferenced. Every write to `head` is a
        // read-modify-write, so the value read lies in the release sequence of the push that
        // linked this node, even if a pop wrote it. Partner: `push`.
        let mut head = self.head.load(argued(Ordering::Acquire, "stack-pop"));
        loop {
            // SAFETY: the guard was pinned before the load, so a node reached from `head` is not
            // freed before it ends.
            let node = unsafe { head.as_ref() }?;
            // Relaxed on success: the node was acquired above, and what other pops need is
            // published by its own push, whose release sequence this write continues.
            match self.head.compare_exchange_weak(
                head,
                node.next,
                Ordering::Relaxed,
                argued(Ordering::Acquire, "stack-pop-again"),
            ) {
                Ok(_) => {
                    // SAFETY: the compare-and-swap unlinked the node, so this thread alone takes
                    // its value; others may read `next`, which nobody writes.
                    let value = node.value.with(|value| unsafe { (*value).assume_init_read() });
                    // SAFETY: the node came from `push`, is unlinked once, can be reached only by
                    // threads pinned now, and dropping it drops no value.
                    unsafe { epoch::retire(guard, head) };
                    return Some(value);
                }
                Err(current) => head = current,
            }
        }
    }

    /// Whether the stack was empty at some moment during the call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // Relaxed: an observation of one word, nothing is dereferenced. Partners: `push`, `pop`.
        self.head.load(Ordering::Relaxed).is_null()
    }

    fn pop_exclusive(&mut self) -> Option<T> {
        // Relaxed, here and below: the exclusive borrow orders every earlier operation.
        let head = self.head.load(Ordering::Relaxed);
        if head.is_null() {
            return None;
        }
        // SAFETY: with exclusive access the linked nodes are boxes that nobody else can reach.
        let node = unsafe { Box::from_raw(head) };
        self.head.store(node.next, Ordering::Relaxed);
        // SAFETY: a linked node holds a value.
        Some(node.value.with(|value| unsafe { (*value).assume_init_read() }))
    }
}

#[cfg(feature = "std")]
impl<T> Default for Stack<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "std")]
impl<T> FromIterator<T> for Stack<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let stack = Self::new();
        stack.extend_shared(values);
        stack
    }
}

impl<T> Extend<T> for Stack<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        self.extend_shared(values);
    }
}

impl<T> Stack<T> {
    fn extend_shared(&self, values: impl IntoIterator<Item = T>) {
        values.into_iter().for_each(|value| self.push(value));
    }
}

impl<T> Drop for Stack<T> {
    fn drop(&mut self) {
        /// Carries on when a destructor panics.
        struct Rest<'a, T>(&'a mut Stack<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                while self.0.pop_exclusive().is_some() {}
            }
        }
        let rest = Rest(self);
        while rest.0.pop_exclusive().is_some() {}
    }
}

impl<T> fmt::Debug for Stack<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("is_empty", &self.is_empty()).finish_non_exhaustive()
    }
}
