//! A lock-free stack: Treiber's, with its nodes in blocks and epoch-based reclamation.
//!
//! | | |
//! |---|---|
//! | progress | lock-free: a push or pop repeats only when another one succeeded |
//! | producers × consumers | many × many |
//! | reclamation | epochs (`crossbeam-epoch`): a block of 63 nodes is freed a grace period after the last of its values was taken; a thread that stays pinned keeps all later garbage |
//! | empty / full | `pop` returns `None` / it grows with the heap, by 63 nodes at a time: one value keeps its block alive, so box large ones |
//! | panics | no user code runs inside an operation, except a value's destructor in `drop`, which frees the rest all the same |
//! | cost | push: two CAS; pop: a pin (a full fence), a CAS and a decrement; an allocation and a deferred free for 63 values |
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
//! Nodes come in blocks, and a pointer to a node is the address of its block and an index in the
//! bits that the block's alignment leaves. `fresh` names the next node that nobody has claimed; a
//! push claims it by a CAS to the index after it, without a look into the block, and makes a new
//! block when the index is at the end. A node serves one value. Each block counts the values that
//! are left to take, and the pop that takes the last one retires the block.
//!
//! A thread that loses a race for `head` or `fresh` spins a little before it tries again: the winner
//! has just got hold of the lines that both write, and does a few operations on them.
//!
//! (Treiber, *Systems Programming: Coping with Parallelism*, 1986.)
//!
//! # When not to use it
//!
//! Where a lock will do. All threads share one `head`, every pop pins, and nothing waits for an
//! empty stack to fill. Measured, a push and a pop on one thread take 1.5 times as long as with a
//! `Mutex<Vec<T>>`; the pin is a quarter of it. Two threads at once take an eighth of the time with the
//! mutex, or several times as long on a machine so busy that they seldom meet. Of stacks that promise
//! the same, `treiber_stack`, which allocates for every value, takes 24 to 30 times as long on one thread
//! and 16 to 40 times with two. Where the order doesn't matter take a [`Queue`](crate::Queue), or a
//! [`SegQueue`](crate::queue::SegQueue): this takes 1.4 times as long as the latter on one thread, and 1.6
//! to 4 times with two, since in a queue pushes and pops don't meet at one word. Where many are popped at
//! once, [`pop_with`](Stack::pop_with) shares a pin: 64 pops under one guard take 0.9 to 1.1 times as long
//! as from a `SegQueue` on one thread (`cargo bench -p atomic-lint --bench peers -- stack`). Take it where
//! a suspended thread must not hold up the others and the newest value must come first.

use crate::blocks::{Life, Position, SLOTS};
use crate::epoch::{self, Domain, Guard};
#[cfg(feature = "std")]
use crate::primitive::const_fn;
use crate::primitive::{argued, AtomicPtr, AtomicUsize, Ordering, UnsafeCell};
use crate::{Backoff, Padded};
use alloc::alloc::{alloc, handle_alloc_error, Layout};
use alloc::boxed::Box;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::{self, addr_of_mut};

/// A lock-free last-in, first-out collection.
///
/// See the [module](self) for guarantees, protocol and alternatives.
pub struct Stack<T> {
    ends: Padded<Ends<T>>,
    domain: Domain,
    owns: PhantomData<T>,
}

/// On one line: a push writes both, so that one transfer of the line serves it.
struct Ends<T> {
    /// The newest node, or nowhere.
    head: AtomicPtr<Block<T>>,
    /// The next node that no push has claimed; nowhere before the first push.
    fresh: AtomicPtr<Block<T>>,
}

/// The alignment leaves six bits of a block's address for an index.
#[repr(align(64))]
struct Block<T> {
    /// Nodes whose value was not yet taken; the pop that takes the last one retires the block.
    left: AtomicUsize,
    life: Life,
    nodes: [Node<T>; SLOTS],
}

struct Node<T> {
    /// Written by the push that claimed the node, moved out by the pop that unlinks it; never
    /// dropped in place.
    value: UnsafeCell<MaybeUninit<T>>,
    /// The next older node. Written before the node is linked, never after.
    next: UnsafeCell<*mut Block<T>>,
}

impl<T> Block<T> {
    /// A block of nodes without values. Built in place, for it may be too large for a stack.
    fn boxed() -> *mut Self {
        let layout = Layout::new::<Self>();
        // SAFETY: the layout is that of a struct with a counter, so its size is not zero.
        let block = unsafe { alloc(layout) }.cast::<Self>();
        if block.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: the memory is fresh and large enough; all fields are written, and a value without
        // content needs no writing outside models.
        unsafe {
            addr_of_mut!((*block).left).write(AtomicUsize::new(SLOTS));
            addr_of_mut!((*block).life).write(Life::new());
            for index in 0..SLOTS {
                let node = addr_of_mut!((*block).nodes[index]);
                addr_of_mut!((*node).value).write(UnsafeCell::new(MaybeUninit::uninit()));
                addr_of_mut!((*node).next).write(UnsafeCell::new(ptr::null_mut()));
            }
        }
        block
    }

    /// Counts a value that was taken; whether it was the last.
    #[inline]
    fn is_used_up(&self) -> bool {
        // Release and Acquire: whoever takes the last value retires the block after the others are
        // done with theirs. Partner: itself.
        self.left.fetch_sub(1, argued(Ordering::AcqRel, "stack-used-up")) == 1
    }
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
                ends: Padded::new(Ends {
                    head: AtomicPtr::new(ptr::null_mut()),
                    fresh: AtomicPtr::new(ptr::null_mut()),
                }),
                domain: Domain::GLOBAL,
                owns: PhantomData,
            }
        }
    }

    /// An empty stack on a collector of your own, for use without `std`.
    #[cfg(not(atomic_lint_loom))]
    #[must_use]
    pub fn with_collector(collector: epoch::Collector) -> Self {
        let ends = Ends { head: AtomicPtr::new(ptr::null_mut()), fresh: AtomicPtr::new(ptr::null_mut()) };
        Self { ends: Padded::new(ends), domain: Domain::new(collector), owns: PhantomData }
    }

    /// Puts `value` on top.
    #[inline]
    pub fn push(&self, value: T) {
        let place = self.claim();
        // SAFETY: a block isn't retired before the value of each of its nodes was taken, and this
        // thread's own node has none yet.
        let block: &Block<T> = unsafe { &*place.block() };
        block.life.assert();
        let node = &block.nodes[place.index()];
        // SAFETY: only the push that claimed a node writes it, before it links it.
        node.value.with_mut(|slot| unsafe { *slot = MaybeUninit::new(value) });
        // Relaxed: only stored as a link and compared, never dereferenced here. Partners: `push`, `pop`.
        let mut head = self.ends.head.load(Ordering::Relaxed);
        let mut backoff = Backoff::new();
        loop {
            // SAFETY: as for the value.
            node.next.with_mut(|next| unsafe { *next = head });
            // Release: publishes the value and the link. Relaxed on failure: the new head is again
            // only stored and compared. Partner: `pop_pinned`.
            match self.ends.head.compare_exchange_weak(
                head,
                place.word(),
                argued(Ordering::Release, "stack-push"),
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => {
                    backoff.lose();
                    head = now;
                }
            }
        }
    }

    /// Makes a node this thread's own.
    ///
    /// Whatever happened since the word was loaded, if it is the same again then it says which node
    /// is the next unclaimed one now: no ABA, no look into the block, no pin.
    #[inline]
    fn claim(&self) -> Position<Block<T>> {
        // Relaxed: only compared. Partners: `claim`, `claim_from_new_block`.
        let mut fresh = Position::from_word(self.ends.fresh.load(Ordering::Relaxed));
        let mut backoff = Backoff::new();
        while !fresh.is_none() && fresh.index() < SLOTS {
            // Acquire: the block as its maker left it. A claim by somebody else in between goes on
            // with the maker's release sequence. Relaxed on failure: only compared. Partner:
            // `claim_from_new_block`.
            match self.ends.fresh.compare_exchange_weak(
                fresh.word(),
                fresh.next().word(),
                argued(Ordering::Acquire, "stack-claim"),
                Ordering::Relaxed,
            ) {
                Ok(_) => return fresh,
                Err(current) => {
                    backoff.lose();
                    fresh = Position::from_word(current);
                }
            }
        }
        self.claim_from_new_block(fresh)
    }

    #[cold]
    fn claim_from_new_block(&self, used_up: Position<Block<T>>) -> Position<Block<T>> {
        let block = Block::boxed();
        // Release: publishes the block. Relaxed on failure: nothing was published, and `claim` looks
        // again. Partner: `claim`.
        match self.ends.fresh.compare_exchange(
            used_up.word(),
            Position::new(block, 1).word(),
            argued(Ordering::Release, "stack-fresh"),
            Ordering::Relaxed,
        ) {
            Ok(_) => Position::new(block, 0),
            Err(_) => {
                // SAFETY: the block is a box that nobody else has seen.
                drop(unsafe { Box::from_raw(block) });
                self.claim()
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

    /// Takes the newest value under a guard that the caller holds.
    ///
    /// For several pops in a row: it saves a pin per call and costs a look at the guard's collector. No
    /// garbage is freed while the guard lives, so don't keep it.
    ///
    #[cfg_attr(feature = "std", doc = "```")]
    #[cfg_attr(not(feature = "std"), doc = "```ignore")]
    /// use atomic_lint::{epoch, Stack};
    ///
    /// let stack = Stack::from_iter(0..3);
    /// let guard = epoch::pin();
    /// let all: Vec<_> = std::iter::from_fn(|| stack.pop_with(&guard)).collect();
    /// assert_eq!(all, [2, 1, 0]);
    /// ```
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

    #[inline]
    fn pop_pinned(&self, guard: &Guard) -> Option<T> {
        // Acquire, here and on failure below: the node is dereferenced. Every write to `head` is a
        // read-modify-write, so the value read lies in the release sequence of the push that
        // linked this node, even if a pop wrote it. Partner: `push`.
        let mut head = Position::from_word(self.ends.head.load(argued(Ordering::Acquire, "stack-pop")));
        let mut backoff = Backoff::new();
        while !head.is_none() {
            // SAFETY: the guard was pinned before the load, so the block of a node reached from
            // `head` is not freed before it ends.
            let block: &Block<T> = unsafe { &*head.block() };
            let node = &block.nodes[head.index()];
            // SAFETY: the link was written before the node was linked, and never again.
            let next = node.next.with(|next| unsafe { *next });
            // Relaxed on success: the node was acquired above, and what other pops need is
            // published by its own push, whose release sequence this write continues. Partner: `push`.
            match self.ends.head.compare_exchange_weak(
                head.word(),
                next,
                Ordering::Relaxed,
                argued(Ordering::Acquire, "stack-pop-again"),
            ) {
                Ok(_) => {
                    // SAFETY: the compare-and-swap unlinked the node, so this thread alone takes
                    // its value; others may read `next`, which nobody writes.
                    let value = node.value.with(|value| unsafe { (*value).assume_init_read() });
                    block.life.assert();
                    if block.is_used_up() {
                        block.life.end();
                        // SAFETY: the block is a box, was used up once, can be reached only by
                        // threads pinned now, and dropping it drops no value.
                        unsafe { epoch::retire(guard, head.block()) };
                    }
                    return Some(value);
                }
                Err(now) => {
                    backoff.lose();
                    head = Position::from_word(now);
                }
            }
        }
        None
    }

    /// Whether the stack was empty at some moment during the call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // Relaxed: an observation of one word, nothing is dereferenced. Partners: `push`, `pop`.
        self.ends.head.load(Ordering::Relaxed).is_null()
    }

    fn pop_exclusive(&mut self) -> Option<T> {
        // Relaxed, here and below: the exclusive borrow orders every earlier operation. Partner: none.
        let head = Position::from_word(self.ends.head.load(Ordering::Relaxed));
        if head.is_none() {
            return None;
        }
        // SAFETY: with exclusive access a linked node's block is a box that nobody else can reach.
        let block: &Block<T> = unsafe { &*head.block() };
        let node = &block.nodes[head.index()];
        // SAFETY: a linked node holds a value and a link.
        let (value, next) =
            unsafe { (node.value.with(|value| (*value).assume_init_read()), node.next.with(|next| *next)) };
        self.ends.head.store(next, Ordering::Relaxed);
        if block.is_used_up() {
            // SAFETY: no node of the block is linked any more, nor will one be.
            drop(unsafe { Box::from_raw(head.block()) });
        }
        Some(value)
    }

    /// Frees the block that still has unclaimed nodes, once the stack is empty.
    fn free_fresh(&mut self) {
        // Relaxed: the exclusive borrow orders every earlier operation. Partner: none.
        let fresh = Position::from_word(self.ends.fresh.load(Ordering::Relaxed));
        if !fresh.is_none() && fresh.index() < SLOTS {
            // SAFETY: a block with unclaimed nodes was never retired, and the stack is not used again.
            drop(unsafe { Box::from_raw(fresh.block()) });
        }
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
                self.0.free_fresh();
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
