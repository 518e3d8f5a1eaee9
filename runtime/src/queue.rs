//! A lock-free queue: Michael and Scott's list, of blocks instead of nodes, with epoch-based
//! reclamation.
//!
//! | | |
//! |---|---|
//! | progress | lock-free: an operation repeats only when another one succeeded, and none waits for a thread that is suspended |
//! | producers × consumers | many × many, first in, first out |
//! | reclamation | epochs (`crossbeam-epoch`): a block of 63 slots is freed a grace period after `head` has left it; a thread that stays pinned keeps all later garbage |
//! | empty / full | `pop` returns `None` / it grows with the heap, by 63 slots at a time |
//! | panics | no user code runs inside an operation, except a value's destructor in `drop`, which frees the rest all the same |
//! | cost | push: two CAS; pop: a pin (a full fence) and a CAS; an allocation, a pin and a deferred free for 63 values |
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
//! bits that the block's alignment leaves: the slot that is taken next, and the one that is claimed
//! next.
//!
//! - A **push** claims a slot by a CAS of `tail` to the next index, without a look into the block,
//!   writes its value there, and publishes it by a CAS of the slot's state from empty to full: the
//!   linearization point.
//! - A **pop** looks at the slot at `head`. If it is full, a CAS of `head` to the next index makes the
//!   value this pop's own. If it is empty and `tail` is there too, the queue is empty. If it is empty
//!   and claimed, the push behind it may be suspended: after a short wait the pop marks the slot
//!   skipped and goes on, and the push, whose CAS fails, claims another one.
//! - At the end of a block, a push links a new block that already holds its value, which no pop can
//!   skip: so a push that keeps being skipped gets through after 63 times. Whoever finds `tail` at
//!   the end of a block that has a successor swings it first, and `head` never passes `tail`.
//!
//! A pop is pinned: it looks at a slot before it owns it. A push isn't, and needs no pin: before its
//! CAS it looks into no block, and from then on `head` can't leave the block without a value in the
//! claimed slot, or skips it. Then the skip has counted the push as a user of the block, and the
//! block is retired by the last user.
//!
//! A thread that loses a race for `head` or `tail` spins a little before it tries again: the winner
//! has just got hold of the lines that both write, and does a few operations on them.
//!
//! (Michael and Scott, *Simple, Fast, and Practical Non-Blocking and Blocking Concurrent Queue
//! Algorithms*, 1996; Morrison and Afek, *Fast Concurrent Queues for x86 Processors*, 2013, for slots
//! that are claimed before they are filled, and skipped.)
//!
//! # When not to use it
//!
//! Where a suspended thread may hold up the others, which is nearly everywhere, take one of the two
//! queues that this module re-exports: in a [`SegQueue`] a pop waits for the push that has claimed
//! its slot, so that neither pins, and an [`ArrayQueue`] is bounded and never allocates. For one
//! producer and one consumer take [`spsc`](crate::spsc). Measured, a push and a pop on one thread
//! take 1.25 times as long as in `SegQueue`, and 1.4 times as long as with a `Mutex<VecDeque>`; the
//! pin is a quarter of it. Two threads at once take a ninth to two thirds of the time with the mutex,
//! and 1.4 to 4 times that of `SegQueue`, the more the busier the machine is. Where many are popped at
//! once, [`pop_with`](Queue::pop_with) shares a pin: 64 pops under one guard take no longer than from a
//! `SegQueue` on one thread, by two 1.3 to 2.9 times as long
//! (`cargo bench -p atomic-lint --bench peers -- queue`).
//! None of them waits for a value: for blocking use a channel.

pub use crossbeam_queue::{ArrayQueue, SegQueue};

use crate::blocks::{Life, Position, SLOTS};
use crate::epoch::{self, Domain, Guard};
use crate::primitive::{argued, spin_loop, weaken, AtomicPtr, AtomicU8, Ordering, UnsafeCell};
use crate::{Backoff, Padded, RefCount};
use alloc::alloc::{alloc, handle_alloc_error, Layout};
use alloc::boxed::Box;
use core::borrow::Borrow;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::{self, addr_of_mut};

/// A lock-free first-in, first-out collection.
///
/// See the [module](self) for guarantees, protocol and alternatives.
pub struct Queue<T> {
    /// The slot that is taken next.
    head: Padded<AtomicPtr<Block<T>>>,
    /// The slot that is claimed next.
    tail: Padded<AtomicPtr<Block<T>>>,
    domain: Domain,
    owns: PhantomData<T>,
}

/// The alignment leaves six bits of a block's address for an index.
#[repr(align(64))]
struct Block<T> {
    /// Null until the one push that links a successor.
    next: AtomicPtr<Block<T>>,
    /// The list itself, and each push that still has to learn that its slot was skipped. Whoever
    /// leaves last retires the block.
    users: RefCount,
    life: Life,
    slots: [Slot<T>; SLOTS],
}

struct Slot<T> {
    state: AtomicU8,
    /// Written by the push that claimed the slot; moved out by the pop that moves `head` past it.
    value: UnsafeCell<MaybeUninit<T>>,
}

/// No value was published here: nobody claimed the slot, or a push is about to publish.
const EMPTY: u8 = 0;
/// The value is published. The slot stays full after it was taken: `head` has passed it then.
const FULL: u8 = 1;
/// A pop met the slot claimed and empty, and went on without it; its push takes another one.
const SKIPPED: u8 = 2;

impl<T> Block<T> {
    /// A block of empty slots. Built in place, for it may be too large for a thread's stack.
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
            addr_of_mut!((*block).next).write(AtomicPtr::new(ptr::null_mut()));
            addr_of_mut!((*block).users).write(RefCount::new());
            addr_of_mut!((*block).life).write(Life::new());
            for index in 0..SLOTS {
                let slot = addr_of_mut!((*block).slots[index]);
                addr_of_mut!((*slot).state).write(AtomicU8::new(EMPTY));
                addr_of_mut!((*slot).value).write(UnsafeCell::new(MaybeUninit::uninit()));
            }
        }
        block
    }

    /// A block whose first slot is full.
    fn starting_with(value: T) -> *mut Self {
        let block = Self::boxed();
        // SAFETY: the block is a box that nobody else has seen.
        let first = unsafe { &(*block).slots[0] };
        first.put(value);
        // Relaxed: the block is published as a whole. Partner: `push_to_new_block`.
        first.state.store(FULL, Ordering::Relaxed);
        block
    }
}

impl<T> Slot<T> {
    /// Writes the value of a slot that the caller has claimed and not published.
    #[inline(always)]
    fn put(&self, value: T) {
        // SAFETY: nobody reads a value that isn't published, and nobody else claims the slot.
        self.value.with_mut(|slot| unsafe { *slot = MaybeUninit::new(value) });
    }

    /// Moves the value out.
    ///
    /// # Safety
    ///
    /// There is one, and the caller alone takes it: by having moved `head` past a full slot, or by
    /// having claimed the slot and never published it.
    #[inline(always)]
    unsafe fn take(&self) -> T {
        // SAFETY: what the caller vouches for.
        self.value.with(|value| unsafe { (*value).assume_init_read() })
    }
}

// SAFETY: values are moved in and out across threads and never shared.
unsafe impl<T: Send> Send for Queue<T> {}
// SAFETY: as for `Send`; each value is taken by the one pop that moved `head` past it.
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
        let guard = self.domain.pin();
        self.pop_pinned(&guard)
    }

    /// Takes the oldest value under a guard that the caller holds.
    ///
    /// For several pops in a row: it saves a pin per call and costs a look at the guard's collector. No
    /// garbage is freed while the guard lives, so don't keep it.
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
        self.pop_pinned(guard)
    }

    #[inline]
    fn push_by<G: Borrow<Guard>>(&self, mut value: T, pin: impl Fn() -> G) {
        // Relaxed, here and on failure below: only compared. Partners: `push_by`, `swing_tail`.
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
            // Whatever happened since the word was loaded, if it is the same again then it says
            // which slot is the next unclaimed one now: no ABA, no look into the block, no pin.
            // Acquire: the block as its maker left it; claims by others in between go on with the
            // release sequence of whoever moved `tail` to the block. Partner: `swing_tail`.
            let claim = self.tail.compare_exchange_weak(
                tail.word(),
                tail.next().word(),
                argued(Ordering::Acquire, "queue-claim"),
                Ordering::Relaxed,
            );
            match claim {
                Ok(_) => match self.publish(tail, value, &pin) {
                    Ok(()) => return,
                    Err(refused) => {
                        value = refused;
                        // Relaxed: only compared. Partners: `push_by`, `swing_tail`.
                        tail = Position::from_word(self.tail.load(Ordering::Relaxed));
                    }
                },
                Err(now) => {
                    backoff.lose();
                    tail = Position::from_word(now);
                }
            }
        }
    }

    /// Puts the value into the claimed slot; gives it back if a pop has skipped the slot.
    #[inline]
    fn publish<G: Borrow<Guard>>(&self, place: Position<Block<T>>, value: T, pin: &impl Fn() -> G) -> Result<(), T> {
        // SAFETY: the block isn't retired before `head` has passed the claimed slot, which it does
        // when the value is published, or skips it, and then this push is one of the block's users.
        let block: &Block<T> = unsafe { &*place.block() };
        block.life.assert();
        let slot = &block.slots[place.index()];
        slot.put(value);
        // Release: publishes the value. Relaxed on failure: this push reads nothing but its own value,
        // and that it is counted as a user of the block follows from the count alone, see `skip`.
        // Partners: `pop_pinned`, `skip`.
        match slot.state.compare_exchange(EMPTY, FULL, argued(Ordering::Release, "queue-push"), Ordering::Relaxed) {
            Ok(_) => Ok(()),
            Err(_) => {
                block.life.assert();
                // SAFETY: the slot was claimed and never published.
                let value = unsafe { slot.take() };
                self.leave(place.block(), pin().borrow());
                Err(value)
            }
        }
    }

    /// Links a block that starts with the value, or helps whoever was first and gives it back with
    /// the new tail.
    #[cold]
    fn push_to_new_block(&self, value: T, _guard: &Guard) -> Result<(), (T, Position<Block<T>>)> {
        // Acquire: the last block is dereferenced. Partner: `swing_tail`.
        let tail = Position::from_word(self.tail.load(argued(Ordering::Acquire, "queue-tail")));
        if tail.index() < SLOTS {
            return Err((value, tail));
        }
        // SAFETY: the guard was pinned before the load, and `head` never passes `tail`, so the
        // block was not yet retired when the load saw it.
        let last: &Block<T> = unsafe { &*tail.block() };
        let new = Block::starting_with(value);
        // Release: publishes the block and its first value. Acquire on failure: the successor found
        // instead becomes the tail, which publishes it onwards. Partner: `enter_next_block`.
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
                // SAFETY: the block is a box that nobody else has seen, and it starts with a value.
                let value = unsafe {
                    let new = Box::from_raw(new);
                    new.slots[0].take()
                };
                // Relaxed: only compared. Partners: `push_by`, `swing_tail`.
                Err((value, Position::from_word(self.tail.load(Ordering::Relaxed))))
            }
        }
    }

    #[inline]
    fn pop_pinned(&self, guard: &Guard) -> Option<T> {
        let mut patience = Backoff::new();
        let mut backoff = Backoff::new();
        loop {
            // Acquire: the block is dereferenced, and what the pops that moved `head` here had seen
            // of `tail` and of the block's users, this one sees too. Partners: `advance`,
            // `enter_next_block`.
            let head = Position::from_word(self.head.load(argued(Ordering::Acquire, "queue-head")));
            // SAFETY: the guard was pinned before the load, and blocks are retired after `head` has
            // moved on.
            let block: &Block<T> = unsafe { &*head.block() };
            let Some(slot) = block.slots.get(head.index()) else {
                if self.enter_next_block(head, guard) {
                    continue;
                }
                return None;
            };
            // Acquire: the value. Partner: `publish`.
            match slot.state.load(argued(Ordering::Acquire, "queue-pop")) {
                FULL => {
                    if self.advance(head) {
                        // SAFETY: this thread moved `head` past a full slot.
                        return Some(unsafe { slot.take() });
                    }
                    backoff.lose();
                }
                SKIPPED => {
                    self.advance(head);
                }
                // Relaxed: only compared. If nobody has claimed the slot at `head`, nobody has
                // claimed a later one. Partner: `push_by`.
                _ if self.tail.load(Ordering::Relaxed) == head.word() => return None,
                // A push has claimed the slot and is about to publish. It gets some time for it.
                _ if !patience.is_over() && !cfg!(atomic_lint_loom) => patience.spin(),
                _ => {
                    self.skip(head, guard);
                    // The slot was skipped or published; if this thread doesn't see it yet, it will.
                    spin_loop();
                }
            }
        }
    }

    /// Moves `head` past a slot; whether it was this thread that did.
    #[inline(always)]
    fn advance(&self, head: Position<Block<T>>) -> bool {
        // Release: the next pop sees what this one has seen, above all that the push into the slot is
        // done with the block. That push isn't pinned, and whoever leaves the block retires it.
        // Relaxed on failure: the caller reads everything again. Partner: the load of `head` in
        // `pop_pinned`.
        let (from, to) = (head.word(), head.next().word());
        self.head.compare_exchange(from, to, argued(Ordering::Release, "queue-advance"), Ordering::Relaxed).is_ok()
    }

    /// Takes the slot away from the push that has claimed it and is held up, so that nobody waits
    /// for it.
    #[cold]
    fn skip(&self, head: Position<Block<T>>, guard: &Guard) {
        // SAFETY: the caller is pinned since before it loaded `head`.
        let block: &Block<T> = unsafe { &*head.block() };
        // For the push, which isn't pinned. Without users the block is retired and the slot passed.
        if !weaken("queue-skip") && !block.users.try_acquire() {
            return;
        }
        // Relaxed: the push that finds its slot skipped has been counted, whatever it sees of the
        // count: had the count reached zero before, the line above would have refused. Relaxed on
        // failure: the slot is looked at again. Partner: `publish`.
        let slot = &block.slots[head.index()];
        let skipped = slot.state.compare_exchange(EMPTY, SKIPPED, Ordering::Relaxed, Ordering::Relaxed);
        if skipped.is_err() && !weaken("queue-skip") {
            self.leave(head.block(), guard);
        }
    }

    /// Moves `head` from the end of a block to the next block, if there is one.
    #[cold]
    fn enter_next_block(&self, head: Position<Block<T>>, guard: &Guard) -> bool {
        // SAFETY: the caller is pinned since before it loaded `head`.
        let block: &Block<T> = unsafe { &*head.block() };
        // Acquire: the next block and its first value. Partner: `push_to_new_block`.
        let next = block.next.load(argued(Ordering::Acquire, "queue-next"));
        if next.is_null() {
            return false;
        }
        // Relaxed: only compared. By coherence it is no older than what the pop that moved `head`
        // into this block had seen, so if it isn't the end of this block it lies beyond. Partner:
        // `swing_tail`.
        if self.tail.load(Ordering::Relaxed) == head.word() && !weaken("queue-overtake") {
            self.swing_tail(head, next);
        }
        // Release: hands on that `tail` lies beyond the old block. Relaxed on failure: the caller
        // reads everything again. Partner: the load of `head` in `pop_pinned`.
        let moved = self.head.compare_exchange(
            head.word(),
            Position::new(next, 0).word(),
            argued(Ordering::Release, "queue-enter"),
            Ordering::Relaxed,
        );
        if moved.is_ok() || weaken("queue-leave-twice") {
            self.leave(head.block(), guard);
        }
        true
    }

    /// Moves `tail` from the end of a block to the next one, behind the value it starts with, unless
    /// somebody has done so.
    fn swing_tail(&self, from: Position<Block<T>>, next: *mut Block<T>) {
        let to = Position::new(next, 1);
        // Release: whoever reaches the block through `tail` sees it complete; this thread made it
        // or acquired it. Relaxed on failure: somebody else swung it. Partners: `push_by`,
        // `push_to_new_block`.
        let _ = self.tail.compare_exchange(
            from.word(),
            to.word(),
            argued(Ordering::Release, "queue-swing"),
            Ordering::Relaxed,
        );
    }

    /// One user less; the last one retires the block.
    fn leave(&self, block: *mut Block<T>, guard: &Guard) {
        // SAFETY: the caller is one of the block's users.
        let users = unsafe { &(*block).users };
        if users.release() {
            // SAFETY: as above; nobody else ends the block's life.
            unsafe { (*block).life.end() };
            // In a model: the page says that `head` never passes `tail`. Relaxed: by coherence it is no
            // older than what the pop that left the block had seen. Partner: `swing_tail`.
            #[cfg(atomic_lint_loom)]
            assert_ne!(Position::from_word(self.tail.load(Ordering::Relaxed)).block(), block, "`tail` is left behind");
            // SAFETY: the block is a box, `head` and `tail` lie beyond it, the last user leaves
            // once, the threads that can still reach it are pinned, and dropping it drops no value.
            unsafe { epoch::retire(guard, block) };
        }
    }

    fn pop_exclusive(&mut self) -> Option<T> {
        loop {
            // Relaxed, here and below: the exclusive borrow orders every earlier operation. Partner:
            // none.
            let head = Position::from_word(self.head.load(Ordering::Relaxed));
            // SAFETY: the block at `head` is a live box.
            let block: &Block<T> = unsafe { &*head.block() };
            let Some(slot) = block.slots.get(head.index()) else {
                let next = block.next.load(Ordering::Relaxed);
                if next.is_null() {
                    return None;
                }
                self.head.store(Position::new(next, 0).word(), Ordering::Relaxed);
                // SAFETY: nothing points to the old block any more but perhaps `tail`, which only
                // `drop` runs after, and it doesn't read it.
                drop(unsafe { Box::from_raw(head.block()) });
                continue;
            };
            match slot.state.load(Ordering::Relaxed) {
                EMPTY => return None,
                state => {
                    self.head.store(head.next().word(), Ordering::Relaxed);
                    if state == FULL {
                        // SAFETY: this thread moved `head` past a full slot.
                        return Some(unsafe { slot.take() });
                    }
                }
            }
        }
    }
}

impl<T> Queue<T> {
    /// Whether the queue was empty at some moment during the call.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let _guard = self.domain.pin();
        // Acquire: the block is dereferenced. Partners: `advance`, `enter_next_block`.
        let head = Position::from_word(self.head.load(argued(Ordering::Acquire, "queue-is-empty")));
        // SAFETY: the guard was pinned before the load, and blocks are retired after `head` has
        // moved on.
        let block: &Block<T> = unsafe { &*head.block() };
        for index in head.index()..SLOTS {
            // Relaxed, here and below: observations; a slot that isn't full now wasn't full at the
            // first look either, so that is the moment. Partners: `publish`, `push_by`.
            let state = block.slots[index].state.load(Ordering::Relaxed);
            if state == FULL {
                return false;
            }
            if self.tail.load(Ordering::Relaxed) == Position::new(head.block(), index).word() {
                return true;
            }
        }
        // A next block starts with a value. Partner: `push_to_new_block`.
        block.next.load(Ordering::Relaxed).is_null()
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
