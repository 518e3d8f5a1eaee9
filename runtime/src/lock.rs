//! Spin locks, as references: how an acquire and a release make a critical section.
//!
//! **In a program, use `std::sync::Mutex`.** It spins a little, then sleeps; it costs the same when
//! nobody waits, and a thread that is preempted while it holds the lock doesn't make the others burn
//! their time slices.
//!
//! | | [`SpinLock`] | [`TicketLock`] |
//! |---|---|---|
//! | progress | blocking | blocking |
//! | callers | any number, unfair | any number, first come, first served |
//! | reclamation | none | none |
//! | panics | unlocks, not poisoned: the value stays as the panic left it | the same |
//! | waiting | spins on a load, then yields, then sleeps ([`Backoff`]) | the same |
//! | cost | an RMW and a release store | an RMW and a release store |
//! | needs | `core` | `core` |
//!
//! # Example
//!
//! ```
//! use atomic_lint::SpinLock;
//!
//! let total = SpinLock::new(0);
//! std::thread::scope(|scope| {
//!     for _ in 0..2 {
//!         scope.spawn(|| (0..1000).for_each(|_| *total.lock() += 1));
//!     }
//! });
//! assert_eq!(total.into_inner(), 2000);
//! ```
//!
//! # Protocol
//!
//! Whoever changes the flag from free to held with an acquire may touch the value; a release store
//! frees it. Everything one holder did happens before everything the next one does. A waiter looks
//! at the flag with plain loads, which leave the line shared, and tries the RMW only when the flag
//! is down: waiting by RMW takes the line from the holder, who needs it to unlock.
//!
//! The ticket lock hands out numbers and serves them in turn. It is fair, so one preempted waiter
//! stops all behind it: with more threads than cores that is worse than unfairness.
//!
//! # When not to use it
//!
//! See the first sentence. What remains is code without an operating system below it, where
//! critical sections last nanoseconds and holders can't be preempted. There two threads that do
//! nothing but add under the lock are 1.6 to 6 times faster than with `Mutex`; without backoff they
//! are no slower (1.0), until a holder is preempted
//! (`cargo bench -p atomic-lint --bench peers -- lock:`).

use crate::primitive::{argued, const_fn, AtomicBool, AtomicU32, Ordering, UnsafeCell};
use crate::Backoff;
use core::fmt;
use core::ops::{Deref, DerefMut};

/// A lock that waits by spinning.
///
/// See the [module](self) for guarantees, and for what to use instead.
#[derive(Default)]
pub struct SpinLock<T> {
    held: AtomicBool,
    value: Value<T>,
}

impl<T> SpinLock<T> {
    const_fn! {
        /// A free lock around `value`.
        pub fn new(value: T) -> Self {
            Self {
                held: AtomicBool::new(false),
                value: Value::new(value),
            }
        }
    }

    /// Waits until the lock is free and takes it.
    #[inline]
    pub fn lock(&self) -> SpinGuard<'_, T> {
        if let Some(guard) = self.try_lock() {
            return guard;
        }
        self.lock_later()
    }

    #[cold]
    fn lock_later(&self) -> SpinGuard<'_, T> {
        let mut backoff = Backoff::new();
        loop {
            backoff.snooze();
            // Relaxed: a hint when to try; `try_lock` synchronizes. Partner: `SpinGuard::drop`.
            if !self.held.load(Ordering::Relaxed) {
                if let Some(guard) = self.try_lock() {
                    return guard;
                }
            }
        }
    }

    /// Takes the lock if it is free.
    #[inline]
    #[must_use]
    pub fn try_lock(&self) -> Option<SpinGuard<'_, T>> {
        // Acquire: the previous holder's accesses are visible; pairs with the Release store in
        // `SpinGuard::drop`.
        // Relaxed on failure: the value is not touched.
        self.held.compare_exchange(false, true, argued(Ordering::Acquire, "spin-lock"), Ordering::Relaxed).ok()?;
        Some(SpinGuard { lock: self })
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.value.0.into_inner()
    }
}

/// The right to use the value in a [`SpinLock`]; unlocks when dropped.
#[must_use = "unlocks at once if not kept"]
pub struct SpinGuard<'a, T> {
    lock: &'a SpinLock<T>,
}

impl<T> Drop for SpinGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Release: publishes this holder's accesses; pairs with the Acquire CAS in
        // `SpinLock::try_lock`.
        self.lock.held.store(false, argued(Ordering::Release, "spin-unlock"));
    }
}

/// A lock that serves waiters in the order in which they came.
///
/// See the [module](self) for guarantees, and for what to use instead.
#[derive(Default)]
pub struct TicketLock<T> {
    /// The next ticket to hand out. Wraps; fewer than 2³² threads can wait.
    next: AtomicU32,
    /// The ticket whose holder may use the value.
    serving: AtomicU32,
    value: Value<T>,
}

impl<T> TicketLock<T> {
    const_fn! {
        /// A free lock around `value`.
        pub fn new(value: T) -> Self {
            Self {
                next: AtomicU32::new(0),
                serving: AtomicU32::new(0),
                value: Value::new(value),
            }
        }
    }

    /// Waits for its turn and takes the lock.
    #[inline]
    pub fn lock(&self) -> TicketGuard<'_, T> {
        // Relaxed: the RMW alone keeps tickets apart; the loads of `serving` synchronize. Partner:
        // itself, `try_lock`.
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        let mut backoff = Backoff::new();
        // Acquire: the previous holder's accesses are visible; pairs with the Release store in
        // `TicketGuard::drop`.
        while self.serving.load(argued(Ordering::Acquire, "ticket-lock")) != ticket {
            backoff.snooze();
        }
        TicketGuard { lock: self, ticket }
    }

    /// Takes the lock if nobody holds it or waits for it.
    #[must_use]
    pub fn try_lock(&self) -> Option<TicketGuard<'_, T>> {
        // Acquire: the previous holder's accesses are visible. Partner: `TicketGuard::drop`.
        let ticket = self.serving.load(argued(Ordering::Acquire, "ticket-try-lock"));
        // Relaxed: succeeds only if no ticket above the served one is out, so `serving` is ours and
        // the load above synchronized; on failure nothing is touched. Partner: `lock`.
        self.next.compare_exchange(ticket, ticket.wrapping_add(1), Ordering::Relaxed, Ordering::Relaxed).ok()?;
        Some(TicketGuard { lock: self, ticket })
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.value.0.into_inner()
    }
}

/// The right to use the value in a [`TicketLock`]; serves the next waiter when dropped.
#[must_use = "unlocks at once if not kept"]
pub struct TicketGuard<'a, T> {
    lock: &'a TicketLock<T>,
    ticket: u32,
}

impl<T> Drop for TicketGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Release: publishes this holder's accesses; pairs with the Acquire load in
        // `TicketLock::lock` and `try_lock`.
        self.lock.serving.store(self.ticket.wrapping_add(1), argued(Ordering::Release, "ticket-unlock"));
    }
}

/// The value behind a lock.
struct Value<T>(UnsafeCell<T>);

impl<T> Value<T> {
    const_fn! {
        fn new(value: T) -> Self {
            Self(UnsafeCell::new(value))
        }
    }
}

impl<T: Default> Default for Value<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

// SAFETY: both locks give out one guard at a time, so the value moves between threads as if sent.
unsafe impl<T: Send> Sync for Value<T> {}

macro_rules! guard {
    ($guard:ident, $lock:ident) => {
        impl<T> Deref for $guard<'_, T> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                // SAFETY: this guard is the only one, and is borrowed for as long as the reference.
                self.lock.value.0.with(|value| unsafe { &*value })
            }
        }

        impl<T> DerefMut for $guard<'_, T> {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                // SAFETY: as in `deref`, and the borrow is exclusive.
                self.lock.value.0.with_mut(|value| unsafe { &mut *value })
            }
        }

        // SAFETY: a shared guard gives out shared references only.
        unsafe impl<T: Sync> Sync for $guard<'_, T> {}

        impl<T: fmt::Debug> fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<T: fmt::Debug> fmt::Debug for $lock<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut tuple = f.debug_tuple(stringify!($lock));
                match self.try_lock() {
                    Some(guard) => tuple.field(&*guard).finish(),
                    None => tuple.field(&format_args!("<locked>")).finish(),
                }
            }
        }
    };
}

guard!(SpinGuard, SpinLock);
guard!(TicketGuard, TicketLock);

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;
    use std::panic::{catch_unwind, AssertUnwindSafe};

    #[test]
    fn one_holder_at_a_time() {
        let lock = SpinLock::new(1);
        let guard = lock.lock();
        assert!(lock.try_lock().is_none());
        assert_eq!(alloc::format!("{lock:?} {guard:?}"), "SpinLock(<locked>) 1");
        drop(guard);
        assert_eq!(*lock.try_lock().expect("it is free"), 1);

        let lock = TicketLock::new(1);
        let guard = lock.lock();
        assert!(lock.try_lock().is_none());
        drop(guard);
        assert_eq!(*lock.try_lock().expect("it is free"), 1);
    }

    #[test]
    fn a_panicking_holder_unlocks() {
        let spin = SpinLock::new(1);
        let ticket = TicketLock::new(1);
        let result = catch_unwind(AssertUnwindSafe(|| {
            *spin.lock() = 2;
            let _spin = spin.lock();
            let mut ticket = ticket.lock();
            *ticket = 2;
            panic!("planted");
        }));
        assert!(result.is_err());
        assert_eq!((*spin.lock(), *ticket.lock()), (2, 2));
    }

    #[test]
    fn tickets_wrap() {
        let lock = TicketLock::new(0);
        lock.next.store(u32::MAX, Ordering::Relaxed);
        lock.serving.store(u32::MAX, Ordering::Relaxed);
        for _ in 0..3 {
            *lock.lock() += 1;
            *lock.try_lock().expect("it is free") += 1;
        }
        assert_eq!(lock.into_inner(), 6);
    }

    #[test]
    fn no_increment_is_lost() {
        let spin = SpinLock::new(0);
        let ticket = TicketLock::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        *spin.lock() += 1;
                        *ticket.lock() += 1;
                    }
                });
            }
        });
        assert_eq!((spin.into_inner(), ticket.into_inner()), (1500, 1500));
    }
}
