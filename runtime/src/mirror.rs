//! A value behind a lock, and a number derived from it that anyone reads without the lock.
//!
//! | | |
//! |---|---|
//! | progress | `get`: wait-free; `lock`: blocking |
//! | producers × consumers | many × many |
//! | reclamation | none |
//! | panics | a holder that panics leaves value and mirror in agreement; not poisoned. A derivation that panics leaves the mirror behind until the next change, and aborts if a panic was its reason to run |
//! | cost | `get`: one load; a lock that changed the value: one derivation, and a store if the result is new |
//! | needs | `std` |
//!
//! # Example
//!
//! ```
//! use atomic_lint::Mirrored;
//!
//! let queue = Mirrored::new(Vec::new(), Vec::len); // `len` without the lock
//! queue.lock().push("job");
//! assert_eq!(queue.get(), 1);
//! ```
//!
//! # Protocol
//!
//! The guard derives the number when it goes, while it still holds the lock, and stores it. So the
//! mirror is never ahead of the value, and whoever takes the lock finds them in agreement. A number
//! that is read without the lock is one that was true a moment ago: enough to skip an empty queue,
//! not to rely on what it says.
//!
//! # When not to use it
//!
//! If whoever reads the number then locks anyway, or if the derivation is expensive: it runs after
//! every change. A read beside a writer is 17 times as fast as taking the lock
//! (`cargo bench -p atomic-lint --bench peers -- mirror`).

use crate::primitive::{argued, AtomicBool, AtomicUsize, Mutex, MutexGuard, Ordering};
#[cfg(target_has_atomic = "64")]
use crate::primitive::{AtomicI64, AtomicU64};
use crate::Padded;
use core::fmt;
use core::ops::{Deref, DerefMut};
use std::sync::PoisonError;

/// A number or flag that fits in an atomic: what can be derived.
///
/// Sealed: `usize`, `u64`, `i64`, `bool`.
pub trait Derived: Copy + PartialEq + sealed::Derived {}

mod sealed {
    pub trait Derived: Sized {
        type Atomic;
        fn atomic(self) -> Self::Atomic;
        fn load(atomic: &Self::Atomic, order: super::Ordering) -> Self;
        fn store(self, atomic: &Self::Atomic, order: super::Ordering);
    }
}

macro_rules! derived {
    ($($value:ty => $atomic:ident),*) => {$(
        impl Derived for $value {}

        impl sealed::Derived for $value {
            type Atomic = $atomic;

            fn atomic(self) -> $atomic {
                $atomic::new(self)
            }

            // The caller argues the ordering.
            #[inline(always)]
            fn load(atomic: &$atomic, order: Ordering) -> Self {
                atomic.load(order)
            }

            #[inline(always)]
            fn store(self, atomic: &$atomic, order: Ordering) {
                atomic.store(self, order);
            }
        }
    )*};
}

derived!(usize => AtomicUsize, bool => AtomicBool);
#[cfg(target_has_atomic = "64")]
derived!(u64 => AtomicU64, i64 => AtomicI64);

/// A locked value of type `T` with a `D` derived from it.
///
/// See the [module](self) for guarantees and alternatives.
pub struct Mirrored<T, D: Derived = usize> {
    /// On a line of its own: readers come without the lock, which others fight for.
    mirror: Padded<D::Atomic>,
    derive: fn(&T) -> D,
    value: Mutex<T>,
}

impl<T, D: Derived> Mirrored<T, D> {
    /// Mirrors what `derive` makes of `value`.
    pub fn new(value: T, derive: fn(&T) -> D) -> Self {
        Self { mirror: Padded::new(derive(&value).atomic()), derive, value: Mutex::new(value) }
    }

    /// What the value derived to after its last change.
    #[inline]
    #[must_use]
    pub fn get(&self) -> D {
        // Acquire: what the holder did before it left is visible; pairs with the Release store in
        // `Guard::drop`.
        D::load(&self.mirror, argued(Ordering::Acquire, "mirror-get"))
    }

    /// Waits for the lock. The value may be as a panic left it; the mirror agrees with it.
    pub fn lock(&self) -> Guard<'_, T, D> {
        Guard { owner: self, value: self.value.lock().unwrap_or_else(PoisonError::into_inner), changed: false }
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.value.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to use the value of a [`Mirrored`]; updates the mirror and unlocks when dropped.
#[must_use = "unlocks at once if not kept"]
pub struct Guard<'a, T, D: Derived> {
    owner: &'a Mirrored<T, D>,
    value: MutexGuard<'a, T>,
    /// Whether the value was borrowed mutably.
    changed: bool,
}

impl<T, D: Derived> Deref for Guard<'_, T, D> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T, D: Derived> DerefMut for Guard<'_, T, D> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.changed = true;
        &mut self.value
    }
}

impl<T, D: Derived> Drop for Guard<'_, T, D> {
    #[inline]
    fn drop(&mut self) {
        if !self.changed {
            return;
        }
        let derived = (self.owner.derive)(&self.value);
        // Relaxed: only holders of the lock store, so this is the latest. Partner: the store below, by
        // an earlier holder; the lock orders them. A store that changes
        // nothing would take the line from every reader.
        if D::load(&self.owner.mirror, Ordering::Relaxed) != derived {
            // Release: publishes what this holder did; pairs with the Acquire load in
            // `Mirrored::get`. Before the unlock, so that the next holder finds it done.
            derived.store(&self.owner.mirror, argued(Ordering::Release, "mirror"));
        }
    }
}

impl<T: fmt::Debug, D: Derived> fmt::Debug for Guard<'_, T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T, D: Derived + fmt::Debug> fmt::Debug for Mirrored<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirrored").field("mirror", &self.get()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;
    use std::panic::{catch_unwind, AssertUnwindSafe};
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn a_change_is_mirrored_when_the_guard_goes() {
        let list = Mirrored::new(vec![1], Vec::len);
        let mut guard = list.lock();
        guard.push(2);
        assert_eq!(list.get(), 1);
        drop(guard);
        assert_eq!(list.get(), 2);
        assert_eq!(list.lock().len(), 2);
        assert_eq!(list.into_inner(), [1, 2]);
    }

    #[test]
    fn a_panicking_holder_leaves_value_and_mirror_in_agreement() {
        let list = Mirrored::new(vec![1], |list| list.is_empty());
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut guard = list.lock();
            guard.clear();
            panic!("planted");
        }));
        assert!(result.is_err());
        assert!(list.get());
        assert!(list.lock().is_empty());
    }

    #[test]
    fn a_panicking_derivation_leaves_the_mirror_behind_until_the_next_change() {
        let list = Mirrored::new(vec![1], |list: &Vec<i32>| {
            assert!(list.len() != 2, "planted");
            list.len()
        });
        assert!(catch_unwind(AssertUnwindSafe(|| list.lock().push(2))).is_err());
        assert_eq!((list.get(), list.lock().len()), (1, 2));
        list.lock().push(3);
        assert_eq!(list.get(), 3);
    }
}
