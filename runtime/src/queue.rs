//! A lock-free queue: Michael and Scott's list, of blocks instead of nodes, which serve again and again;
//! epoch-based reclamation frees what is left over.
//!
//! | | |
//! |---|---|
//! | progress | lock-free: an operation repeats only when another one got on, and none waits for a thread that is suspended |
//! | producers × consumers | many × many, first in, first out |
//! | reclamation | a block of 63 slots serves the queue again once `head` has left it and nobody uses it; where threads keep coming to the end of blocks all the time, epochs (`crossbeam-epoch`) free what is left over; a thread that is suspended at the end of a block, or stays pinned, keeps all later garbage |
//! | empty / full | `pop` returns `None` / it grows with the heap, by 63 slots at a time |
//! | panics | no user code runs inside an operation, except a value's destructor in `drop`, which frees the rest all the same |
//! | cost | push: a CAS and a swap; pop: a CAS; for 63 values two pins and a few RMWs, and a block |
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
//! A linked list of blocks. `head` and `tail` are each the address of a block and an index in the
//! bits that the block's alignment leaves: the slot that the next pop claims, and the one that the next
//! push claims.
//!
//! - To **claim** a slot is to move `head` or `tail` to the next index by a CAS, without a look into the
//!   block. Whatever happened since the word was loaded, if it is the same again then it says which slot
//!   is the next one now. So each slot gets one push and one pop, which visit it next.
//! - A **push** writes its value and swaps the slot's state from empty to full. A **pop** that finds the
//!   slot full takes the value. If it finds it empty, the push may be suspended: after a short wait the
//!   pop marks the slot skipped and claims another one, and so does the push when its swap tells. The
//!   second visitor finishes the slot by a store, and neither touches it afterwards.
//! - The queue **is empty** if `tail` is in the block of `head` and not beyond it. A pop that knows
//!   nothing of `tail` looks at it before it claims. One that has found it in another block when `head`
//!   came to its own leaves a mark in `head`, and pops in this block need no look.
//! - At the **end of a block**, a push links a new block that already holds its value, which no pop can
//!   skip: so a push that keeps being skipped gets through after 63 times. Whoever finds a successor
//!   there swings `tail` to it first. Pops follow when `tail` has gone on.
//! - A block that `head` has **left** is still used by the visitors of slots that aren't finished, and by
//!   threads that look into it because they found `head` or `tail` at its end. These are pinned and
//!   counted. When all slots are finished, and nobody was looking at some moment after `head` had left,
//!   the block is as good as new. If there is always somebody, it is retired.
//!
//! In terms of one order: a push takes place when it claims the slot that it fills, or when `tail` swings
//! to its block; a pop when it claims the slot whose value it gets, or, if it came before the push, just
//! after it. Since addresses come back, a pop may claim a slot before any push has: it skips it. And it
//! may see `head` and `tail` in two lives of one block and take the queue for empty: so blocks left are
//! counted, and the count must be the same before and after.
//!
//! A thread that loses a race for `head` or `tail`, or comes to a slot too early, spins a little before
//! it tries again: the other thread has just got hold of the lines that both write, and does a few
//! operations on them.
//!
//! (Michael and Scott, *Simple, Fast, and Practical Non-Blocking and Blocking Concurrent Queue
//! Algorithms*, 1996; Morrison and Afek, *Fast Concurrent Queues for x86 Processors*, 2013, for slots
//! that are claimed before they are filled or emptied, and skipped.)
//!
//! # When not to use it
//!
//! Where there is a bound: an [`ArrayQueue`], re-exported here, never allocates. For one producer and one
//! consumer take [`spsc`](crate::spsc). For one thread take a `VecDeque`. None of them waits for a value:
//! for blocking use a channel.
//!
//! The other queue that this module re-exports, [`SegQueue`], has less to it: its pops wait for the push
//! that has claimed their slot, and for whoever moves on to the next block, so that a suspended thread
//! holds up the others. Measured, a push and a pop in it take 1.2 to 1.3 times as long as here on one
//! thread, and 1.2 to 1.5 times with two, where a `Mutex<VecDeque>` takes 1.15 and 7 to 16 times as long;
//! 64 pushes and then 64 pops take 1.15 to 1.2 times as long in it, with two threads 1.0 to 1.5 times.
//! Where one thread pushes and another pops what comes, both take the same within the noise, which is
//! large: 1.05 to 1.55 times as long as here, and from 0.35 times on while other programs want the same
//! cores. Only a pop that finds nothing is faster in it, 0.6 times
//! (`cargo bench -p atomic-lint --bench peers -- queue`).
//!
//! A queue has at least one block, of 63 slots, keeps another one to use again, and a few more that
//! somebody was looking into. That is a lot of memory for many queues which are nearly always empty.

pub use crossbeam_queue::{ArrayQueue, SegQueue};

mod block;
mod supply;

use crate::blocks::{Position, SLOTS};
#[cfg(not(atomic_lint_loom))]
use crate::epoch;
use crate::epoch::{Domain, Guard};
use crate::primitive::{argued, weaken, AtomicPtr, Ordering};
use crate::{Backoff, Padded};
use alloc::boxed::Box;
use block::Block;
use core::borrow::Borrow;
use core::fmt;
use core::marker::PhantomData;
use core::ptr;
use supply::Supply;

/// A lock-free first-in, first-out collection.
///
/// See the [module](self) for guarantees, protocol and alternatives.
pub struct Queue<T> {
    /// The slot that the next pop claims; marked if `tail` lay beyond its block when `head` came there.
    head: Padded<AtomicPtr<Block<T>>>,
    /// The slot that the next push claims.
    tail: Padded<AtomicPtr<Block<T>>>,
    supply: Padded<Supply<T>>,
    domain: Domain,
    owns: PhantomData<T>,
}

// SAFETY: values are moved in and out across threads and never shared.
unsafe impl<T: Send> Send for Queue<T> {}
// SAFETY: as for `Send`; each value is taken by the one pop that has claimed its slot.
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
        let first = Position::new(Block::boxed(), 0).word();
        Self {
            head: Padded::new(AtomicPtr::new(first)),
            tail: Padded::new(AtomicPtr::new(first)),
            supply: Padded::new(Supply::new()),
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
        self.domain.check_is_global();
        self.push_by(value, || self.domain.pin());
    }

    /// Appends `value`, with a guard that the caller holds for when a block is used up.
    ///
    /// # Panics
    ///
    /// If the guard belongs to another collector.
    #[cfg(not(atomic_lint_loom))]
    #[inline]
    pub fn push_with(&self, value: T, guard: &Guard) {
        self.domain.check(guard);
        self.push_by(value, || guard);
    }

    /// Takes the oldest value.
    ///
    /// # Panics
    ///
    /// If the queue was made with [`with_collector`](Self::with_collector).
    #[cfg(feature = "std")]
    #[inline]
    pub fn pop(&self) -> Option<T> {
        self.domain.check_is_global();
        self.pop_by(|| self.domain.pin())
    }

    /// Takes the oldest value, with a guard that the caller holds for when a block is used up.
    ///
    /// For queues with a collector of their own; elsewhere [`pop`](Self::pop) is as fast. No garbage is
    /// freed while the guard lives, so don't keep it.
    ///
    #[cfg_attr(feature = "std", doc = "```")]
    #[cfg_attr(not(feature = "std"), doc = "```ignore")]
    /// use atomic_lint::{epoch, Queue};
    ///
    /// let queue = Queue::from_iter(0..3);
    /// let guard = epoch::pin();
    /// let all: Vec<_> = std::iter::from_fn(|| queue.pop_with(&guard)).collect();
    /// assert_eq!(all, [0, 1, 2]);
    /// ```
    ///
    /// # Panics
    ///
    /// If the guard belongs to another collector.
    #[cfg(not(atomic_lint_loom))]
    #[inline]
    pub fn pop_with(&self, guard: &Guard) -> Option<T> {
        self.domain.check(guard);
        self.pop_by(|| guard)
    }
}

/// Push.
impl<T> Queue<T> {
    #[inline]
    fn push_by<G: Borrow<Guard>>(&self, mut value: T, pin: impl Fn() -> G) {
        // Relaxed, here and below: only compared. Partners: `push_by`, `swing_tail`.
        let mut tail = Position::from_word(self.tail.load(Ordering::Relaxed));
        let mut backoff = Backoff::new();
        loop {
            if tail.index() == SLOTS {
                match self.push_to_new_block(value, pin().borrow()) {
                    Ok(()) => return,
                    Err((refused, now)) => (value, tail) = (refused, now),
                }
                continue;
            }
            // Acquire: the block as its maker left it; claims by others in between go on with the
            // release sequence of whoever moved `tail` to the block. Partner: `swing_tail`.
            let claim = self.tail.compare_exchange_weak(
                tail.word(),
                tail.next().word(),
                argued(Ordering::Acquire, "queue-claim"),
                Ordering::Relaxed,
            );
            match claim {
                Ok(_) => {
                    // SAFETY: the slot was claimed just now, for a push.
                    match unsafe { Block::slot(tail).fill(value) } {
                        Ok(()) => return,
                        Err(refused) => value = refused,
                    }
                    tail = Position::from_word(self.tail.load(Ordering::Relaxed));
                }
                Err(now) => {
                    backoff.lose();
                    tail = Position::from_word(now);
                }
            }
        }
    }

    /// Links a block that starts with the value, or helps whoever was first and gives the value back
    /// with the new tail.
    #[cold]
    fn push_to_new_block(&self, value: T, guard: &Guard) -> Result<(), (T, Position<Block<T>>)> {
        let pushed = self.supply.look(guard, || self.link_new_block(value));
        // Relaxed: only compared. Partners: `push_by`, `swing_tail`.
        pushed.map_err(|value| (value, Position::from_word(self.tail.load(Ordering::Relaxed))))
    }

    fn link_new_block(&self, value: T) -> Result<(), T> {
        // Acquire: the last block is dereferenced. Partner: `swing_tail`.
        let tail = Position::from_word(self.tail.load(argued(Ordering::Acquire, "queue-tail")));
        if tail.index() < SLOTS {
            return Err(value);
        }
        // SAFETY: this thread looks since before the load, and `head` doesn't leave a block before
        // `tail` has.
        let last: &Block<T> = unsafe { &*tail.block() };
        let new = self.supply.starting_with(value);
        // Release: publishes the block and its first value. Acquire on failure: the successor found
        // instead becomes the tail, which publishes it onwards. Partner: `link_new_block`.
        match last.next.compare_exchange(
            ptr::null_mut(),
            new,
            argued(Ordering::Release, "queue-link"),
            argued(Ordering::Acquire, "queue-link-lost"),
        ) {
            Ok(_) => {
                self.swing_tail(tail, new);
                Ok(())
            }
            Err(successor) => {
                self.swing_tail(tail, successor);
                // SAFETY: the block starts with a value, and nobody else has seen it.
                Err(unsafe { self.supply.take_back(new) })
            }
        }
    }

    /// Moves `tail` from the end of a block to the next one, behind the value that it starts with,
    /// unless somebody has done so. This is the moment at which that value was pushed.
    fn swing_tail(&self, from: Position<Block<T>>, next: *mut Block<T>) {
        let to = Position::new(next, 1);
        // Release: whoever reaches the block through `tail` sees it complete; this thread made it
        // or acquired it. Relaxed on failure: somebody else swung it. Partners: `push_by`,
        // `link_new_block`, `enter_next_block`.
        let _ = self.tail.compare_exchange(
            from.word(),
            to.word(),
            argued(Ordering::Release, "queue-swing"),
            Ordering::Relaxed,
        );
    }
}

/// Pop.
impl<T> Queue<T> {
    #[inline]
    fn pop_by<G: Borrow<Guard>>(&self, pin: impl Fn() -> G) -> Option<T> {
        // Relaxed, here and below: only compared; a claim acquires. Partners: `pop_by`, `enter_next_block`.
        let mut head = Position::from_word(self.head.load(Ordering::Relaxed));
        let mut backoff = Backoff::new();
        loop {
            if !self.may_be_claimed(head) {
                head = self.look_closer(&pin)?;
            }
            // Acquire: the block, as for a push; what this thread knew of it when it loaded the word may
            // have been of an earlier life. Release: whoever finds the queue empty here sees what this
            // thread has seen of `tail`. Partners: `enter_next_block`, `look_closer`.
            let success = match weaken("queue-advance") {
                true => Ordering::Acquire,
                false => argued(Ordering::AcqRel, "queue-take"),
            };
            match self.head.compare_exchange_weak(head.word(), head.next().word(), success, Ordering::Relaxed) {
                Ok(_) => {
                    // SAFETY: the slot was claimed just now, for a pop.
                    if let Some(value) = unsafe { Block::slot(head).empty() } {
                        return Some(value);
                    }
                    head = Position::from_word(self.head.load(Ordering::Relaxed));
                }
                Err(now) => {
                    backoff.lose();
                    head = Position::from_word(now);
                }
            }
        }
    }

    /// Whether a push seems to have claimed the slot at `head`. If it hasn't, the slot will be skipped,
    /// and its push takes another one.
    #[inline(always)]
    fn may_be_claimed(&self, head: Position<Block<T>>) -> bool {
        // Relaxed: only compared. Partners: `push_by`, `swing_tail`.
        let tail = || Position::from_word(self.tail.load(Ordering::Relaxed));
        head.index() < SLOTS && (head.is_marked() || !tail().has_nothing_after(head))
    }

    /// Where `head` is with a slot to claim, unless the queue is empty.
    #[cold]
    fn look_closer<G: Borrow<Guard>>(&self, pin: &impl Fn() -> G) -> Option<Position<Block<T>>> {
        loop {
            let head = self.head_unless_empty()?;
            if head.index() < SLOTS {
                return Some(head);
            }
            self.supply.look(pin().borrow(), || self.enter_next_block());
        }
    }

    fn head_unless_empty(&self) -> Option<Position<Block<T>>> {
        loop {
            let left = self.supply.left();
            // Acquire: what the pops that moved `head` here had seen of `tail`, this one sees too.
            // Partners: `pop_by`, `enter_next_block`.
            let head = Position::from_word(self.head.load(argued(Ordering::Acquire, "queue-look-head")));
            // Acquire: if this is a later life of the block, then its earlier one is seen to have been
            // left. Partner: `swing_tail`.
            let tail = Position::from_word(self.tail.load(argued(Ordering::Acquire, "queue-look-tail")));
            if !tail.has_nothing_after(head) {
                return Some(head);
            }
            if self.supply.left() == left || weaken("queue-aba") {
                return None;
            }
        }
    }

    /// Moves `head` from the end of a block to the next block, if `tail` lies beyond.
    fn enter_next_block(&self) {
        // Acquire: `tail` is no older than this; both come from pops that have seen `tail` in this
        // block or beyond. Partner: `enter_next_block`.
        let head = Position::from_word(self.head.load(argued(Ordering::Acquire, "queue-end")));
        // Acquire: if `tail` lies beyond the block, then the block has a successor. Partner: `swing_tail`.
        let tail = Position::from_word(self.tail.load(argued(Ordering::Acquire, "queue-beyond")));
        if head.index() < SLOTS || tail.is_in_block_of(head) {
            return;
        }
        // SAFETY: this thread looks since before it loaded `head`.
        let block: &Block<T> = unsafe { &*head.block() };
        // Relaxed: acquired with `tail`. Partner: `link_new_block`.
        let next = block.next.load(Ordering::Relaxed);
        #[cfg(atomic_lint_loom)]
        assert!(!next.is_null(), "`tail` lies beyond a block without a successor");
        let next = Position::new(next, 0);
        let next = if tail.is_in_block_of(next) { next } else { next.marked() };
        // Release: hands on the block, and that `tail` is in it or beyond. Relaxed on failure:
        // somebody else moved `head`. Partners: `pop_by`, `enter_next_block`.
        let moved = self.head.compare_exchange(
            head.word(),
            next.word(),
            argued(Ordering::Release, "queue-enter"),
            Ordering::Relaxed,
        );
        if moved.is_ok() || weaken("queue-leave-twice") {
            // SAFETY: this thread has moved `head` and `tail` lies beyond.
            unsafe { self.supply.leave(head.block()) };
        }
    }
}

impl<T> Queue<T> {
    /// Whether the queue was empty at some moment during the call.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.supply.look(&self.domain.pin(), || loop {
            if let Some(is_empty) = self.look_for_value() {
                return is_empty;
            }
        })
    }

    /// Whether there was no value between `head` and `tail`; `None` if `head` has moved meanwhile.
    #[cfg(feature = "std")]
    fn look_for_value(&self) -> Option<bool> {
        // Acquire: the block is dereferenced. Partners: `pop_by`, `enter_next_block`.
        let head = Position::from_word(self.head.load(argued(Ordering::Acquire, "queue-is-empty")));
        // SAFETY: this thread looks since before it loaded `head`.
        let block: &Block<T> = unsafe { &*head.block() };
        // Relaxed: by coherence no older than what an acquire below has seen. Partner: `pop_by`.
        let unless_moved = |is_empty: bool| (self.head.load(Ordering::Relaxed) == head.word()).then_some(is_empty);
        for index in head.index()..SLOTS {
            // Relaxed: no older than what the pops that moved `head` here had seen. Partners: `push_by`,
            // `swing_tail`.
            let tail = Position::from_word(self.tail.load(Ordering::Relaxed));
            if tail.has_nothing_after(Position::new(head.block(), index)) {
                // While `head` stays no slot is emptied, so those that aren't full now weren't at the
                // first look either, and that is the moment.
                return unless_moved(true);
            }
            // A slot that a pop has skipped looks full until its push has taken the value back.
            if block.slots[index].is_full() {
                return if weaken("queue-is-full-skipped") { Some(false) } else { unless_moved(false) };
            }
        }
        // Relaxed: as above. The next block starts with a value.
        let tail = Position::from_word(self.tail.load(Ordering::Relaxed));
        match tail.has_nothing_after(Position::new(head.block(), SLOTS)) {
            true => unless_moved(true),
            false => Some(false),
        }
    }

    fn pop_exclusive(&mut self) -> Option<T> {
        loop {
            // Relaxed, here and below: the exclusive borrow orders every earlier operation. Partner:
            // none.
            let head = Position::from_word(self.head.load(Ordering::Relaxed));
            // SAFETY: the block at `head` is a live box.
            let block: &Block<T> = unsafe { &*head.block() };
            if head.index() < SLOTS {
                let slot = &block.slots[head.index()];
                if !slot.is_full() {
                    return None;
                }
                self.head.store(head.next().word(), Ordering::Relaxed);
                // SAFETY: moving `head` has claimed the slot for a pop.
                return unsafe { slot.empty() };
            }
            let next = block.next.load(Ordering::Relaxed);
            if next.is_null() {
                return None;
            }
            self.head.store(Position::new(next, 0).word(), Ordering::Relaxed);
            // SAFETY: nothing points to the old block any more but perhaps `tail`, which only
            // `drop` runs after, and it doesn't read it.
            drop(unsafe { Box::from_raw(head.block()) });
        }
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
        /// Carries on when a destructor panics, and frees the last block at the end.
        struct Rest<'a, T>(&'a mut Queue<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                while self.0.pop_exclusive().is_some() {}
                // Relaxed: the exclusive borrow orders every earlier operation. Partner: none.
                let last = Position::from_word(self.0.head.load(Ordering::Relaxed)).block();
                // SAFETY: the block at `head` is a live box and the queue is never used again.
                drop(unsafe { Box::from_raw(last) });
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
