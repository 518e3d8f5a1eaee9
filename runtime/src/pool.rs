//! A bounded pool of reusable objects.
//!
//! | | |
//! |---|---|
//! | progress | lock-free, on `crossbeam-queue`'s `ArrayQueue`; the maker and the resetter are yours |
//! | takers × givers | many × many |
//! | reclamation | objects that find the pool full are dropped; the rest with the pool |
//! | empty | [`Pool::take`] makes a new object, [`Pool::try_take`] returns `None` |
//! | full, or of capacity zero | the object that comes back is dropped |
//! | panics | an object whose user panicked is dropped, not reused (without `std` it can't be told and goes back); a resetter that panics loses that object only |
//! | cost | a CAS to take and a CAS to give back |
//! | needs | `alloc` |
//!
//! # Example
//!
//! ```
//! use atomic_lint::Pool;
//!
//! let buffers = Pool::new(4, || Vec::<u8>::with_capacity(1024)).reset_with(|buffer| buffer.clear());
//! let mut buffer = buffers.take();
//! buffer.extend_from_slice(b"hello");
//! drop(buffer); // back into the pool, cleared, with its capacity
//! assert_eq!(buffers.idle(), 1);
//! assert!(buffers.take().is_empty());
//! ```
//!
//! # Protocol
//!
//! The objects themselves move through a bounded queue, so none is in two places. The mistake that
//! this replaces is a lock-free free list of nodes linked by pointers, whose pop suffers from ABA
//! as soon as nodes are reused, which is what a pool does.
//!
//! # When not to use it
//!
//! For small objects the allocator is a pool already, with a cache per thread: a fresh vector of 64
//! bytes takes 0.9 of the time of an object from the pool, by two threads a tenth; the pool costs
//! what the `ArrayQueue` below it does. One of 16 KiB that must be zeroed takes 15 to 30 times as
//! long, by two threads 2 to 14 times. A `Mutex<Vec<T>>` does the same in 0.76 of the time while
//! nobody contends for it, takes up to three times as long when somebody does, and more if a thread
//! that holds the lock is suspended (`cargo bench -p atomic-lint --bench peers -- pool`).

use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use crossbeam_queue::ArrayQueue;

/// A pool that keeps up to a fixed number of idle objects.
///
/// See the [module](self) for guarantees and an example.
pub struct Pool<T, M = fn() -> T> {
    /// None for a pool that keeps nothing.
    idle: Option<ArrayQueue<T>>,
    make: M,
    reset: fn(&mut T),
}

impl<T, M: Fn() -> T> Pool<T, M> {
    /// An empty pool that keeps up to `capacity` idle objects and makes new ones with `make`.
    ///
    /// A pool of capacity zero keeps nothing: every object is new and dropped after use.
    #[must_use]
    pub fn new(capacity: usize, make: M) -> Self {
        Self { idle: (capacity != 0).then(|| ArrayQueue::new(capacity)), make, reset: |_| {} }
    }

    /// Prepares objects for reuse with `reset` when they come back.
    #[must_use]
    pub fn reset_with(self, reset: fn(&mut T)) -> Self {
        Self { reset, ..self }
    }

    /// An idle object, or a new one.
    ///
    /// # Panics
    ///
    /// If the maker does.
    #[inline]
    pub fn take(&self) -> Pooled<'_, T, M> {
        self.try_take().unwrap_or_else(|| self.wrap((self.make)()))
    }
}

impl<T, M> Pool<T, M> {
    /// An idle object, if there is one.
    #[inline]
    pub fn try_take(&self) -> Option<Pooled<'_, T, M>> {
        self.idle.as_ref()?.pop().map(|object| self.wrap(object))
    }

    /// How many objects are idle; others may take them before you do.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.idle.as_ref().map_or(0, ArrayQueue::len)
    }

    /// How many idle objects the pool keeps at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.idle.as_ref().map_or(0, ArrayQueue::capacity)
    }

    #[inline]
    fn wrap(&self, object: T) -> Pooled<'_, T, M> {
        Pooled { object: ManuallyDrop::new(object), pool: self }
    }

    #[inline]
    fn give_back(&self, mut object: T) {
        if is_panicking() {
            return;
        }
        if let Some(idle) = &self.idle {
            (self.reset)(&mut object);
            // What doesn't fit is dropped.
            drop(idle.push(object));
        }
    }
}

/// Whether the object comes back because its user panicked; unknown without `std`.
fn is_panicking() -> bool {
    #[cfg(feature = "std")]
    return std::thread::panicking();
    #[cfg(not(feature = "std"))]
    return false;
}

impl<T, M> fmt::Debug for Pool<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("idle", &self.idle()).field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

/// An object that goes back to its [`Pool`] when dropped.
pub struct Pooled<'p, T, M = fn() -> T> {
    object: ManuallyDrop<T>,
    pool: &'p Pool<T, M>,
}

impl<T, M> Pooled<'_, T, M> {
    /// Keeps the object; it never goes back.
    #[must_use]
    pub fn into_inner(this: Self) -> T {
        let mut this = ManuallyDrop::new(this);
        // SAFETY: `this` is never dropped, so the object is taken once.
        unsafe { ManuallyDrop::take(&mut this.object) }
    }
}

impl<T, M> Deref for Pooled<'_, T, M> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T, M> DerefMut for Pooled<'_, T, M> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.object
    }
}

impl<T, M> Drop for Pooled<'_, T, M> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard is being dropped, so the object is taken once and not used again.
        self.pool.give_back(unsafe { ManuallyDrop::take(&mut self.object) });
    }
}

impl<T: fmt::Debug, M> fmt::Debug for Pooled<'_, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
