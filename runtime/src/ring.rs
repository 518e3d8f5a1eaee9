//! A bounded queue between one producer and one consumer, in a ring.
//!
//! | | |
//! |---|---|
//! | progress | `try_push`, `try_pop` and their batch forms: wait-free; `push`, `pop`: blocking |
//! | producers × consumers | one × one, checked by the types: neither handle is `Clone`, each operation takes `&mut self` |
//! | reclamation | the slots live as long as either handle; the last one drops what is left |
//! | full / empty | `try_push` gives the value back, `try_pop` returns `None`; `push` and `pop` wait |
//! | peer gone | `push` gives the value back, `pop` hands out what is left, then says `Closed` |
//! | panics | user code runs inside [`Producer::push_from`] (your iterator) and in destructors: what was moved in before stays published |
//! | cost | a plain write, a load of an own word and a release store; the peer's index is read only when the remembered one says full or empty |
//! | needs | `alloc` |
//!
//! # Example
//!
//! ```
//! use atomic_lint::spsc;
//!
//! let (mut producer, mut consumer) = spsc::channel(64);
//! let sum = std::thread::scope(|scope| {
//!     scope.spawn(move || {
//!         for n in 1..=1000 {
//!             producer.push(n).expect("the consumer is there");
//!         }
//!     });
//!     let mut sum = 0;
//!     while let Ok(n) = consumer.pop() {
//!         sum += n;
//!     }
//!     sum
//! });
//! assert_eq!(sum, 500_500);
//! ```
//!
//! # Protocol
//!
//! `tail` counts what was ever pushed, `head` what was ever popped; both wrap. The producer alone
//! writes `tail`, the consumer alone `head`. A slot belongs to the consumer from the release store
//! of `tail` that publishes it to the release store of `head` that gives it back. Each side keeps a
//! copy of the other's index and looks again only when that copy says that it can't go on, so in a
//! steady stream most operations touch no line that the other side writes but the slot itself. The
//! two indices stand on lines of their own for the same reason.
//!
//! The number of slots is a power of two, so that the counts may wrap: `capacity` limits what is in
//! flight, whatever the number of slots.
//!
//! # When not to use it
//!
//! With more than one producer or consumer. One value at a time, it passes 2 to 20 times as many as
//! `sync_channel`, in batches another 3 to 4 times as many
//! (`cargo bench -p atomic-lint --bench peers -- ring:`). A waiting `push` or `pop` looks again
//! every millisecond at worst ([`Backoff`]), since a wake-up would put a full fence into every
//! operation of the other side: where a side sleeps for long and must wake at once, or where
//! thousands of idle channels must cost nothing, take `std::sync::mpsc::sync_channel`.

use crate::primitive::{argued, Arc, AtomicBool, AtomicUsize, Exclusive, Ordering, UnsafeCell};
use crate::{Backoff, Padded};
use alloc::boxed::Box;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

/// A queue for up to `capacity` values, as its two ends.
///
/// # Panics
///
/// If `capacity` is zero, since nothing could ever be handed over, or above `isize::MAX as usize`.
#[must_use]
pub fn channel<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    channel_from(capacity, 0)
}

/// A queue whose counts start at `start`, for tests of their wrap.
fn channel_from<T>(capacity: usize, start: usize) -> (Producer<T>, Consumer<T>) {
    assert!(capacity > 0, "a queue between two threads needs room for one value");
    assert!(capacity <= isize::MAX as usize, "the counts of a queue this large would be ambiguous");
    let slots = (0..capacity.next_power_of_two()).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect();
    let shared = Arc::new(Shared {
        tail: Padded::new(AtomicUsize::new(start)),
        head: Padded::new(AtomicUsize::new(start)),
        alive: Padded::new(AtomicBool::new(true)),
        capacity,
        slots,
    });
    let producer = Producer { ring: Arc::clone(&shared), tail: start, head: start, not_sync: PhantomData };
    let consumer = Consumer { ring: shared, head: start, tail: start, not_sync: PhantomData };
    (producer, consumer)
}

/// The end that pushes.
///
/// See the [module](self) for guarantees and protocol.
pub struct Producer<T> {
    ring: Arc<Shared<T>>,
    /// What `ring.tail` holds, which only this handle writes.
    tail: usize,
    /// The latest `ring.head` this handle saw: never ahead of it.
    head: usize,
    not_sync: PhantomData<core::cell::Cell<T>>,
}

/// The end that pops.
///
/// See the [module](self) for guarantees and protocol.
pub struct Consumer<T> {
    ring: Arc<Shared<T>>,
    /// What `ring.head` holds, which only this handle writes.
    head: usize,
    /// The latest `ring.tail` this handle saw: never ahead of it.
    tail: usize,
    not_sync: PhantomData<core::cell::Cell<T>>,
}

/// Why a value was not taken; it comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PushError<T> {
    /// The ring holds `capacity` values.
    Full(T),
    /// The consumer is gone: nobody would ever take the value.
    Closed(T),
}

/// The producer is gone and nothing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl<T> Producer<T> {
    /// Hands `value` over if there is room.
    ///
    /// # Errors
    ///
    /// Gives the value back if the ring is full, and says whether the consumer is gone. With room
    /// left a value is taken even so: whether the consumer goes before or after makes no difference.
    #[inline]
    pub fn try_push(&mut self, value: T) -> Result<(), PushError<T>> {
        if self.known_room() == 0 && self.room() == 0 {
            return Err(if self.is_closed() { PushError::Closed(value) } else { PushError::Full(value) });
        }
        // SAFETY: there is room, so the slot at `tail` is free, and only this handle fills slots.
        unsafe { self.ring.slots().write(self.tail, value) };
        self.tail = self.tail.wrapping_add(1);
        self.ring.publish(self.tail);
        Ok(())
    }

    /// Hands `value` over, waiting for room.
    ///
    /// # Errors
    ///
    /// Gives the value back once the consumer is gone and the ring is full.
    pub fn push(&mut self, mut value: T) -> Result<(), T> {
        let mut backoff = Backoff::new();
        loop {
            match self.try_push(value) {
                Ok(()) => return Ok(()),
                Err(PushError::Closed(back)) => return Err(back),
                Err(PushError::Full(back)) => value = back,
            }
            backoff.snooze();
        }
    }

    /// Moves values out of `values` until it ends or the ring is full, publishes them with one
    /// store, and returns how many.
    ///
    /// If `values` panics, what it yielded before is published all the same.
    pub fn push_from(&mut self, values: impl IntoIterator<Item = T>) -> usize {
        let room = self.room();
        let ring = &*self.ring;
        let free = ring.slots().stretch(self.tail, room);
        let mut batch = Batch { filled: 0, tail: &mut self.tail, ring };
        let mut values = values.into_iter();
        for part in free {
            for slot in part {
                let Some(value) = values.next() else {
                    return batch.filled;
                };
                slot.with_mut(|slot| {
                    // SAFETY: the slot lies within the room, so it is free, and only this handle
                    // fills slots.
                    unsafe { (*slot).write(value) };
                });
                batch.filled += 1;
            }
        }
        batch.filled
    }

    /// How many values fit now; the consumer may make more room at any time.
    #[inline]
    pub fn room(&mut self) -> usize {
        // Acquire: the consumer's reads of the slots it gave back happen before this handle
        // overwrites them; pairs with the Release store in `Shared::give_back`.
        self.head = self.ring.head.load(argued(Ordering::Acquire, "ring-room"));
        self.known_room()
    }

    /// The room that the remembered index leaves: never more than there is.
    #[inline]
    fn known_room(&self) -> usize {
        self.ring.capacity - self.tail.wrapping_sub(self.head)
    }

    /// How many values may be in flight.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.ring.capacity
    }

    /// Whether the consumer is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        // Relaxed: nothing is read on the strength of it; the consumer's last accesses are ordered
        // by the reference count. Partner: `Consumer::drop`.
        !self.ring.alive.load(Ordering::Relaxed)
    }
}

/// Publishes what was filled when it goes out of scope, by return or by panic.
struct Batch<'a, T> {
    ring: &'a Shared<T>,
    tail: &'a mut usize,
    filled: usize,
}

impl<T> Drop for Batch<'_, T> {
    #[inline]
    fn drop(&mut self) {
        *self.tail = self.tail.wrapping_add(self.filled);
        self.ring.publish(*self.tail);
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        // Release: the last store of `tail` is visible to a consumer that sees the end; pairs with
        // the Acquire load in `Consumer::is_closed`.
        self.ring.alive.store(false, argued(Ordering::Release, "ring-close"));
    }
}

impl<T> Consumer<T> {
    /// Takes the oldest value, if there is one.
    #[inline]
    pub fn try_pop(&mut self) -> Option<T> {
        if self.known() == 0 && self.available() == 0 {
            return None;
        }
        // SAFETY: the slot at `head` is published, and only this handle empties slots.
        let value = unsafe { self.ring.slots().read(self.head) };
        self.head = self.head.wrapping_add(1);
        self.ring.give_back(self.head);
        Some(value)
    }

    /// Takes the oldest value, waiting for one.
    ///
    /// # Errors
    ///
    /// [`Closed`] once the producer is gone and everything it pushed was taken.
    pub fn pop(&mut self) -> Result<T, Closed> {
        let mut backoff = Backoff::new();
        loop {
            // The order of the two questions matters: a producer that is gone pushes nothing more.
            let closed = self.is_closed();
            if let Some(value) = self.try_pop() {
                return Ok(value);
            }
            if closed {
                return Err(Closed);
            }
            backoff.snooze();
        }
    }

    /// Passes every value that is there to `each`, oldest first, and returns how many; the slots go
    /// back together.
    ///
    /// If `each` panics, the values it took are gone and the rest stays in the ring.
    pub fn pop_each(&mut self, mut each: impl FnMut(T)) -> usize {
        let count = self.available();
        let ring = &*self.ring;
        let full = ring.slots().stretch(self.head, count);
        let mut batch = Emptied { emptied: 0, head: &mut self.head, ring };
        for part in full {
            for slot in part {
                // Counted first: a panic in `each` must not hand the same value out again.
                batch.emptied += 1;
                // SAFETY: the slot is published and still full, and only this handle empties slots.
                each(slot.with(|slot| unsafe { (*slot).assume_init_read() }));
            }
        }
        count
    }

    /// The oldest value, left where it is.
    #[inline]
    pub fn peek(&mut self) -> Option<&T> {
        if self.known() == 0 && self.available() == 0 {
            return None;
        }
        // SAFETY: the slot at `head` is published, and stays so while `self` is borrowed.
        Some(unsafe { self.ring.slots().peek(self.head) })
    }

    /// How many values are there now; the producer may add more at any time.
    #[inline]
    pub fn available(&mut self) -> usize {
        // Acquire: the values in the slots up to `tail` are visible; pairs with the Release store
        // in `Producer::publish`.
        self.tail = self.ring.tail.load(argued(Ordering::Acquire, "ring-available"));
        self.known()
    }

    /// The values that the remembered index promises: never more than there are.
    #[inline]
    fn known(&self) -> usize {
        self.tail.wrapping_sub(self.head)
    }

    /// How many values may be in flight.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.ring.capacity
    }

    /// Whether the producer is gone; what it pushed before may still be here.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        // Acquire: a consumer that sees the end sees the last `tail` too; pairs with the Release
        // store in `Producer::drop`.
        !self.ring.alive.load(argued(Ordering::Acquire, "ring-closed"))
    }
}

/// Gives back what was emptied when it goes out of scope, by return or by panic.
struct Emptied<'a, T> {
    ring: &'a Shared<T>,
    head: &'a mut usize,
    emptied: usize,
}

impl<T> Drop for Emptied<'_, T> {
    #[inline]
    fn drop(&mut self) {
        *self.head = self.head.wrapping_add(self.emptied);
        self.ring.give_back(*self.head);
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        // Relaxed: tells the producer to stop and publishes nothing. Partner: `Producer::is_closed`.
        self.ring.alive.store(false, Ordering::Relaxed);
    }
}

struct Shared<T> {
    /// How many values were pushed. Written by the producer.
    tail: Padded<AtomicUsize>,
    /// How many values were popped. Written by the consumer.
    head: Padded<AtomicUsize>,
    /// Cleared by the first handle to go.
    alive: Padded<AtomicBool>,
    capacity: usize,
    /// A power of two of them; the ones from `head` to `tail` hold values.
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
}

// SAFETY: a slot is written and read by one side at a time, handed over by `tail` and `head`;
// values move across threads and are never shared.
unsafe impl<T: Send> Sync for Shared<T> {}
// SAFETY: as for `Sync`.
unsafe impl<T: Send> Send for Shared<T> {}

impl<T> Shared<T> {
    #[inline(always)]
    fn slots(&self) -> Slots<'_, T> {
        Slots(&self.slots)
    }

    /// The slots below `tail` belong to the consumer.
    #[inline(always)]
    fn publish(&self, tail: usize) {
        // Release: publishes the slots up to `tail`; pairs with the Acquire load in
        // `Consumer::available`.
        self.tail.store(tail, argued(Ordering::Release, "ring-publish"));
    }

    /// The slots below `head` belong to the producer again.
    #[inline(always)]
    fn give_back(&self, head: usize) {
        // Release: the consumer's reads of the slots below `head` are over; pairs with the Acquire
        // load in `Producer::room`.
        self.head.store(head, argued(Ordering::Release, "ring-give-back"));
    }
}

/// A power of two of slots, addressed by counts that wrap.
struct Slots<'a, T>(&'a [UnsafeCell<MaybeUninit<T>>]);

impl<'a, T> Slots<'a, T> {
    #[inline(always)]
    fn slot(&self, index: usize) -> &'a UnsafeCell<MaybeUninit<T>> {
        let slot = index & (self.0.len() - 1);
        // SAFETY: `channel_from` made a power of two of slots, at least one, so the mask is in range.
        unsafe { self.0.get_unchecked(slot) }
    }

    /// `count` slots from `index` on, at most all of them: those up to the end, and those from the
    /// start. Two plain loops over them are faster than one that masks each index.
    #[inline]
    fn stretch(&self, index: usize, count: usize) -> [&'a [UnsafeCell<MaybeUninit<T>>]; 2] {
        let start = index & (self.0.len() - 1);
        let first = count.min(self.0.len() - start);
        [&self.0[start..start + first], &self.0[..count - first]]
    }

    /// # Safety
    ///
    /// The slot is free and the caller is the producer.
    #[inline(always)]
    unsafe fn write(&self, index: usize, value: T) {
        self.slot(index).with_mut(|slot| {
            // SAFETY: the caller vouches that nobody else uses the slot.
            unsafe { (*slot).write(value) };
        });
    }

    /// # Safety
    ///
    /// The slot is full, the caller is the consumer, and doesn't read it again.
    #[inline(always)]
    unsafe fn read(&self, index: usize) -> T {
        // SAFETY: the caller vouches that the slot holds a value that it may move out.
        self.slot(index).with(|slot| unsafe { (*slot).assume_init_read() })
    }

    /// # Safety
    ///
    /// The slot is full and stays so for as long as the reference lives.
    #[inline(always)]
    unsafe fn peek(&self, index: usize) -> &'a T {
        // SAFETY: the caller vouches that the slot holds a value.
        self.slot(index).with(|slot| unsafe { (*slot).assume_init_ref() })
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let tail = self.tail.exclusive();
        let mut left = Left { head: self.head.exclusive(), tail, shared: self };
        left.drop_all();
    }
}

/// The values that are left, dropped one by one; if a destructor panics, the rest is dropped too.
struct Left<'a, T> {
    shared: &'a Shared<T>,
    head: usize,
    tail: usize,
}

impl<T> Left<'_, T> {
    fn drop_all(&mut self) {
        while self.head != self.tail {
            let slot = self.head;
            self.head = self.head.wrapping_add(1);
            // SAFETY: both handles are gone, so this is the only user, and each slot is read once.
            drop(unsafe { self.shared.slots().read(slot) });
        }
    }
}

impl<T> Drop for Left<'_, T> {
    fn drop(&mut self) {
        self.drop_all();
    }
}

impl<T> PushError<T> {
    /// The value that was not taken.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }
}

impl<T> fmt::Debug for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the ring is full",
            Self::Closed(_) => "the consumer is gone",
        })
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the producer is gone")
    }
}

#[cfg(feature = "std")]
impl<T> std::error::Error for PushError<T> {}
#[cfg(feature = "std")]
impl std::error::Error for Closed {}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;
    use alloc::rc::Rc;
    use alloc::vec::Vec;
    use std::panic::{catch_unwind, AssertUnwindSafe};

    #[test]
    #[should_panic(expected = "room for one value")]
    fn zero_capacity_is_refused() {
        let _ = channel::<u8>(0);
    }

    #[test]
    #[should_panic(expected = "would be ambiguous")]
    fn capacity_beyond_the_counts_is_refused() {
        let _ = channel::<u8>(usize::MAX);
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_peer_that_goes_ends_a_wait() {
        let (mut producer, consumer) = channel(1);
        let (mut idle, mut waiting) = channel::<u8>(1);
        producer.push(1).expect("there is room");
        std::thread::scope(|scope| {
            let pushing = scope.spawn(move || producer.push(2));
            let popping = scope.spawn(move || waiting.pop());
            assert_eq!(idle.room(), 1);
            std::thread::sleep(core::time::Duration::from_millis(5));
            drop((consumer, idle));
            assert_eq!(pushing.join().expect("gives up"), Err(2));
            assert_eq!(popping.join().expect("gives up"), Err(Closed));
        });
    }

    #[test]
    fn capacity_is_what_was_asked_for() {
        for capacity in [1, 2, 3, 5, 8] {
            let (mut producer, mut consumer) = channel(capacity);
            for round in 0..3 {
                assert_eq!(producer.push_from(0..100), capacity, "round {round}");
                assert_eq!(producer.try_push(7), Err(PushError::Full(7)));
                let mut taken = Vec::new();
                assert_eq!(consumer.pop_each(|n| taken.push(n)), capacity);
                assert_eq!(taken, (0..capacity).collect::<Vec<_>>());
                assert_eq!(consumer.try_pop(), None);
            }
        }
    }

    #[test]
    fn counts_wrap() {
        let (mut producer, mut consumer) = channel_from(3, usize::MAX - 1);
        for n in 0..10 {
            assert_eq!(producer.push_from([n, n]), 2);
            assert_eq!(consumer.peek(), Some(&n));
            assert_eq!((consumer.try_pop(), consumer.try_pop()), (Some(n), Some(n)));
        }
    }

    #[test]
    fn a_dropped_peer_closes_the_ring() {
        let (mut producer, consumer) = channel(1);
        producer.push(1).expect("there is room");
        drop(consumer);
        assert_eq!(producer.push(2), Err(2));
        assert_eq!(producer.try_push(3), Err(PushError::Closed(3)));

        let (mut producer, mut consumer) = channel(1);
        producer.push(1).expect("there is room");
        drop(producer);
        assert_eq!(consumer.pop(), Ok(1));
        assert_eq!(consumer.pop(), Err(Closed));
    }

    #[test]
    fn every_value_is_dropped_once() {
        let token = Rc::new(());
        let (mut producer, mut consumer) = channel(4);
        assert_eq!(producer.push_from((0..6).map(|_| Rc::clone(&token))), 4);
        drop(consumer.try_pop());
        assert_eq!(Rc::strong_count(&token), 4);
        drop(producer);
        drop(consumer);
        assert_eq!(Rc::strong_count(&token), 1);
    }

    #[test]
    fn a_panicking_batch_keeps_what_went_before() {
        let (mut producer, mut consumer) = channel(8);
        let result = catch_unwind(AssertUnwindSafe(|| {
            producer.push_from((0..5).map(|n| if n == 3 { panic!("planted") } else { n }))
        }));
        assert!(result.is_err());
        let mut taken = Vec::new();
        let result = catch_unwind(AssertUnwindSafe(|| {
            consumer.pop_each(|n| {
                taken.push(n);
                assert!(n != 1, "planted");
            })
        }));
        assert!(result.is_err());
        assert_eq!(taken, [0, 1]);
        assert_eq!(consumer.try_pop(), Some(2));
        assert_eq!(consumer.try_pop(), None);
    }

    #[test]
    fn a_panicking_destructor_leaks_nothing() {
        struct Fuse {
            _token: Rc<()>,
            blows: bool,
        }
        impl Drop for Fuse {
            fn drop(&mut self) {
                assert!(!self.blows, "planted");
            }
        }
        let token = Rc::new(());
        let (mut producer, consumer) = channel(4);
        producer.push_from((0..4).map(|n| Fuse { _token: Rc::clone(&token), blows: n == 1 }));
        drop(consumer);
        assert!(catch_unwind(AssertUnwindSafe(|| drop(producer))).is_err());
        assert_eq!(Rc::strong_count(&token), 1);
    }
}
