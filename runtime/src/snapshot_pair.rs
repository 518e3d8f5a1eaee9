//! Two small fields in one atomic word, read and changed together.
//!
//! | | |
//! |---|---|
//! | progress | `load`, `store`: wait-free; `update`: lock-free, repeats the closure |
//! | producers × consumers | many × many |
//! | reclamation | none |
//! | panics | a closure that panics changes nothing |
//! | cost | that of one 64-bit atomic operation and two shifts |
//! | needs | 64-bit atomics; two fields of at most 32 bits each |
//!
//! # Example
//!
//! ```
//! use atomic_lint::Packed;
//!
//! let window = Packed::new(10_u32, 20_u32); // start, end
//! window.update(|start, end| (start + 1, end + 1));
//! let (start, end) = window.load();
//! assert_eq!(end - start, 10); // at every instant, on every thread
//! ```
//!
//! # Protocol
//!
//! Two atomics can't be read at one instant: between the two loads another thread may change both,
//! and the pair that was read never existed. Packed into one word they can. An update computes the
//! new pair from the one it saw and replaces it by compare-and-swap.
//!
//! # When not to use it
//!
//! If the fields don't fit: [`SeqLock`](crate::SeqLock) reads larger plain values,
//! [`Snapshot`](crate::Snapshot) anything that is rarely replaced. If the fields are independent:
//! two atomics, each with its own line if different threads write them.
//!
//! Measured, a read beside a writer is 17 times as fast as under a `Mutex` and no slower than of two
//! atomics that may be torn. Two threads that do nothing but change the pair are 2 to 7 times as fast
//! as with the lock, one thread alone gains little (1.4): where the change is more than a few
//! instructions, which a lost race repeats, the lock is as good
//! (`cargo bench -p atomic-lint --bench peers -- pair:`).

use crate::primitive::{argued, weaken, AtomicU64, Ordering};
use core::fmt;
use core::marker::PhantomData;

/// A type of at most 32 bits that [`Packed`] can hold: the small integers, `bool` and `char`.
///
/// Sealed, so that packing stays lossless.
pub trait Field: Copy + sealed::Bits {}

mod sealed {
    pub trait Bits: Copy {
        fn to_bits(self) -> u32;
        fn from_bits(bits: u32) -> Self;
    }
}
use sealed::Bits;

macro_rules! field {
    ($($int:ty),*) => {$(
        impl Field for $int {}

        impl Bits for $int {
            // Widening and narrowing again gives the same value, signed or not.
            #[inline(always)]
            fn to_bits(self) -> u32 {
                self as u32
            }

            #[inline(always)]
            fn from_bits(bits: u32) -> Self {
                bits as $int
            }
        }
    )*};
}

field!(u8, u16, u32, i8, i16, i32);

impl Field for bool {}

impl Bits for bool {
    #[inline(always)]
    fn to_bits(self) -> u32 {
        self.into()
    }

    #[inline(always)]
    fn from_bits(bits: u32) -> Self {
        bits != 0
    }
}

impl Field for char {}

impl Bits for char {
    #[inline(always)]
    fn to_bits(self) -> u32 {
        self.into()
    }

    #[inline]
    fn from_bits(bits: u32) -> Self {
        char::from_u32(bits).expect("only characters are packed as characters")
    }
}

/// A pair of small fields in one atomic word.
///
/// See the [module](self) for guarantees and alternatives.
pub struct Packed<A, B> {
    word: AtomicU64,
    fields: PhantomData<(A, B)>,
}

impl<A: Field, B: Field> Packed<A, B> {
    /// The pair `(a, b)`.
    #[must_use]
    pub fn new(a: A, b: B) -> Self {
        Self { word: AtomicU64::new(pack(a, b)), fields: PhantomData }
    }

    /// The pair whose fields are zero, `false` or `'\0'`, for statics.
    #[cfg(not(atomic_lint_loom))]
    #[must_use]
    pub const fn zero() -> Self {
        Self { word: AtomicU64::new(0), fields: PhantomData }
    }

    /// Both fields at one instant.
    #[inline]
    #[must_use]
    pub fn load(&self) -> (A, B) {
        // Acquire: what its writer did before is visible; pairs with the Release store in `store`
        // and the AcqRel CAS in `try_update`.
        unpack(self.word.load(argued(Ordering::Acquire, "packed-load")))
    }

    /// Replaces both fields.
    #[inline]
    pub fn store(&self, a: A, b: B) {
        // Release: publishes what this thread did before; pairs with the Acquire load in `load`.
        self.word.store(pack(a, b), argued(Ordering::Release, "packed-store"));
    }

    /// Replaces both fields by what `change` makes of them; the pair before.
    ///
    /// `change` may run several times, on different pairs; it should do nothing but compute.
    #[inline]
    pub fn update(&self, mut change: impl FnMut(A, B) -> (A, B)) -> (A, B) {
        match self.try_update(|a, b| Some(change(a, b))) {
            Ok(before) | Err(before) => before,
        }
    }

    /// As [`update`](Self::update), but leaves the pair alone if `change` returns `None`.
    ///
    /// # Errors
    ///
    /// The pair that `change` refused.
    #[inline]
    pub fn try_update(&self, mut change: impl FnMut(A, B) -> Option<(A, B)>) -> Result<(A, B), (A, B)> {
        // Acquire: `change` may act on what the pair's writer published; pairs with `store`.
        let mut old = self.word.load(argued(Ordering::Acquire, "packed-update-look"));
        loop {
            let (a, b) = unpack(old);
            let Some((new_a, new_b)) = change(a, b) else {
                return Err((a, b));
            };
            let new = pack(new_a, new_b);
            if weaken("packed-update") {
                // Release, on purpose: overwrites what came in between.
                // atomic-lint: allow(split_read_modify_write) the mistake that a model must catch
                self.word.store(new, Ordering::Release);
                return Ok((a, b));
            }
            // AcqRel: success publishes as `store` does and keeps what the old pair published.
            // Acquire: after a failure `change` runs again on the newer pair. Partners: `load`,
            // `store`, itself.
            match self.word.compare_exchange_weak(
                old,
                new,
                argued(Ordering::AcqRel, "packed-update-publish"),
                argued(Ordering::Acquire, "packed-update-again"),
            ) {
                Ok(_) => return Ok((a, b)),
                Err(now) => old = now,
            }
        }
    }
}

#[inline(always)]
fn pack<A: Field, B: Field>(a: A, b: B) -> u64 {
    u64::from(a.to_bits()) << 32 | u64::from(b.to_bits())
}

#[inline(always)]
fn unpack<A: Field, B: Field>(word: u64) -> (A, B) {
    (A::from_bits((word >> 32) as u32), B::from_bits(word as u32))
}

impl<A: Field + fmt::Debug, B: Field + fmt::Debug> fmt::Debug for Packed<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b) = self.load();
        f.debug_tuple("Packed").field(&a).field(&b).finish()
    }
}

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;
    use std::panic::{catch_unwind, AssertUnwindSafe};

    #[test]
    fn fields_come_back_as_they_went_in() {
        assert_eq!(Packed::new(-1_i8, u32::MAX).load(), (-1, u32::MAX));
        assert_eq!(Packed::new(i32::MIN, true).load(), (i32::MIN, true));
        assert_eq!(Packed::new('é', -2_i16).load(), ('é', -2));
        static ZERO: Packed<u16, bool> = Packed::zero();
        assert_eq!(ZERO.load(), (0, false));
    }

    #[test]
    fn a_refused_or_panicking_update_changes_nothing() {
        let pair = Packed::new(1_u8, 2_u8);
        assert_eq!(pair.try_update(|_, _| None), Err((1, 2)));
        let result = catch_unwind(AssertUnwindSafe(|| pair.update(|_, _| panic!("planted"))));
        assert!(result.is_err());
        assert_eq!(pair.load(), (1, 2));
        assert_eq!(pair.update(|a, b| (b, a)), (1, 2));
        assert_eq!(pair.load(), (2, 1));
    }
}
