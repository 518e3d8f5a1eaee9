//! An atomic with one writer: its updates are a load and a store, no RMW.
//!
//! | | |
//! |---|---|
//! | progress | wait-free |
//! | producers × consumers | one × many, checked by the types |
//! | reclamation | none |
//! | writer gone | [`claim`](SingleWriter::claim) gives the right to write to the next one; a writer that is leaked keeps it |
//! | panics | no user code runs inside, except the closure of [`Writer::update`], which runs before the store |
//! | cost | an update is a load, an operation and a release store: on x86-64 three plain instructions |
//! | needs | `core` |
//!
//! # Example
//!
//! ```
//! use atomic_lint::SingleWriter;
//! use std::sync::atomic::AtomicU64;
//!
//! static FRAMES: SingleWriter<AtomicU64> = SingleWriter::new(AtomicU64::new(0));
//!
//! let mut frames = FRAMES.claim().expect("the only renderer");
//! assert!(FRAMES.claim().is_none());
//! std::thread::scope(|scope| {
//!     scope.spawn(move || (0..100).for_each(|_| frames.add(1)));
//! });
//! assert_eq!(FRAMES.load(), 100);
//! ```
//!
//! A second writer doesn't compile: it can't be cloned,
//!
//! ```compile_fail,E0599
//! # use atomic_lint::SingleWriter;
//! # use std::sync::atomic::AtomicU32;
//! let mut frames = SingleWriter::new(AtomicU32::new(0));
//! let (writer, reader) = frames.split();
//! let second = writer.clone(); // error: no method named `clone`
//! ```
//!
//! nor split off twice,
//!
//! ```compile_fail,E0499
//! # use atomic_lint::SingleWriter;
//! # use std::sync::atomic::AtomicU32;
//! let mut frames = SingleWriter::new(AtomicU32::new(0));
//! let (mut first, _) = frames.split();
//! let (mut second, _) = frames.split(); // error: cannot borrow as mutable more than once
//! first.add(1);
//! ```
//!
//! nor used by two threads:
//!
//! ```compile_fail,E0277
//! # use atomic_lint::SingleWriter;
//! # use std::sync::atomic::AtomicU32;
//! let mut frames = SingleWriter::new(AtomicU32::new(0));
//! let (writer, _) = frames.split();
//! let shared = &writer;
//! std::thread::scope(|scope| {
//!     scope.spawn(move || shared.get()); // error: cannot be shared between threads
//! });
//! ```
//!
//! # Protocol
//!
//! A load and a store lose an update only if another thread stores in between. [`Writer`] is neither
//! `Clone` nor shared (`!Sync`), and there is one at a time, so nobody can. Each store is a release,
//! each load of another thread an acquire: who sees the new value sees what the writer did before.
//!
//! # When not to use it
//!
//! With a second writer, however rare, or for a value that readers also change: then the RMW is
//! what makes it right, at 6.5 times the price
//! (`cargo bench -p atomic-lint --bench peers -- single`).

use crate::primitive::{argued, AtomicBool, Ordering};
use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;

/// An atomic type that [`SingleWriter`] can hold: those of `core`.
///
/// Sealed: the methods say what the orderings are for.
pub trait Atomic: sealed::Atomic {}

mod sealed {
    use crate::primitive::Ordering;

    pub trait Atomic {
        type Value: Copy;
        fn load(&self, order: Ordering) -> Self::Value;
        fn store(&self, value: Self::Value, order: Ordering);
    }
}

/// An atomic that holds an integer.
pub trait Integer: Atomic + sealed_integer::Integer {}

mod sealed_integer {
    pub trait Integer: super::sealed::Atomic {
        fn plus(value: Self::Value, amount: Self::Value) -> Self::Value;
    }
}

macro_rules! atomic {
    ($($atomic:ident => $value:ty),* $(,)?) => {$(
        impl Atomic for crate::primitive::$atomic {}

        impl sealed::Atomic for crate::primitive::$atomic {
            type Value = $value;

            // The caller argues the ordering.
            #[inline(always)]
            fn load(&self, order: Ordering) -> $value {
                self.load(order)
            }

            #[inline(always)]
            fn store(&self, value: $value, order: Ordering) {
                self.store(value, order);
            }
        }
    )*};
}

macro_rules! integer {
    ($($atomic:ident => $value:ty),* $(,)?) => {$(
        atomic! { $atomic => $value }

        impl Integer for crate::primitive::$atomic {}

        impl sealed_integer::Integer for crate::primitive::$atomic {
            #[inline(always)]
            fn plus(value: $value, amount: $value) -> $value {
                value.wrapping_add(amount)
            }
        }
    )*};
}

atomic! { AtomicBool => bool }
integer! {
    AtomicU8 => u8, AtomicU16 => u16, AtomicU32 => u32, AtomicUsize => usize,
    AtomicI8 => i8, AtomicI16 => i16, AtomicI32 => i32, AtomicIsize => isize,
}
#[cfg(target_has_atomic = "64")]
integer! { AtomicU64 => u64, AtomicI64 => i64 }

/// An atomic of type `A` with one writer and any number of readers.
///
/// See the [module](self) for guarantees, protocol and alternatives.
#[derive(Default)]
pub struct SingleWriter<A> {
    atomic: A,
    /// Whether a [`Writer`] from [`claim`](Self::claim) is about.
    claimed: AtomicBool,
}

impl<A: Atomic> SingleWriter<A> {
    /// Gives `atomic` a single writer.
    #[cfg(not(atomic_lint_loom))]
    #[must_use]
    pub const fn new(atomic: A) -> Self {
        Self { atomic, claimed: AtomicBool::new(false) }
    }

    /// Gives `atomic` a single writer.
    #[cfg(atomic_lint_loom)]
    #[must_use]
    pub fn new(atomic: A) -> Self {
        Self { atomic, claimed: AtomicBool::new(false) }
    }

    /// The two ends, for as long as the borrow lasts. Needs no flag: `&mut` proves that there is no
    /// other writer.
    pub fn split(&mut self) -> (Writer<'_, A>, Reader<'_, A>) {
        let atomic = &self.atomic;
        let writer = Writer { atomic, claim: None, not_sync: PhantomData };
        (writer, Reader { atomic })
    }

    /// The right to write, if nobody has it; dropping the writer gives it back.
    ///
    /// For statics and whatever else is shared before its writer is known.
    #[must_use]
    pub fn claim(&self) -> Option<Writer<'_, A>> {
        // Acquire: the previous writer's last store is visible, so none of its updates is lost;
        // pairs with the Release store in `Claim::drop`.
        // Relaxed on failure: nothing is read.
        self.claimed
            .compare_exchange(false, true, argued(Ordering::Acquire, "single-writer-claim"), Ordering::Relaxed)
            .ok()?;
        Some(Writer { atomic: &self.atomic, claim: Some(Claim(&self.claimed)), not_sync: PhantomData })
    }

    /// The value, as [`Reader::load`] sees it.
    #[inline]
    #[must_use]
    pub fn load(&self) -> A::Value {
        self.reader().load()
    }

    /// An end that reads.
    #[inline]
    #[must_use]
    pub fn reader(&self) -> Reader<'_, A> {
        Reader { atomic: &self.atomic }
    }
}

/// The end that writes.
///
/// It may move to another thread, but is used by one at a time.
#[must_use]
pub struct Writer<'a, A: Atomic> {
    atomic: &'a A,
    /// Held for its destructor.
    #[allow(dead_code)]
    claim: Option<Claim<'a>>,
    not_sync: PhantomData<Cell<()>>,
}

impl<A: Atomic> Writer<'_, A> {
    /// The value, which nobody else changes.
    #[inline]
    #[must_use]
    pub fn get(&self) -> A::Value {
        // Relaxed: reads what this writer stored, or what `claim` made visible. Partner: `set`.
        self.atomic.load(Ordering::Relaxed)
    }

    /// Replaces the value.
    #[inline]
    pub fn set(&mut self, value: A::Value) {
        // Release: publishes what this thread did before; pairs with the Acquire load in
        // `Reader::load`.
        self.atomic.store(value, argued(Ordering::Release, "single-writer-set"));
    }

    /// Replaces the value by what `change` makes of it.
    #[inline]
    pub fn update(&mut self, change: impl FnOnce(A::Value) -> A::Value) {
        self.set(change(self.get()));
    }
}

impl<A: Integer> Writer<'_, A> {
    /// Adds `amount`, wrapping.
    #[inline]
    pub fn add(&mut self, amount: A::Value) {
        self.set(A::plus(self.get(), amount));
    }
}

/// An end that reads. Any number of threads may have one.
pub struct Reader<'a, A> {
    atomic: &'a A,
}

impl<A: Atomic> Reader<'_, A> {
    /// The latest value.
    #[inline]
    #[must_use]
    pub fn load(&self) -> A::Value {
        // Acquire: what the writer did before it stored this value is visible; pairs with the
        // Release store in `Writer::set`.
        self.atomic.load(argued(Ordering::Acquire, "single-writer-load"))
    }
}

impl<A> Clone for Reader<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Reader<'_, A> {}

/// The right to write, given back when dropped.
struct Claim<'a>(&'a AtomicBool);

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Release: the next writer sees this one's last store; pairs with the Acquire CAS in
        // `SingleWriter::claim`.
        self.0.store(false, argued(Ordering::Release, "single-writer-unclaim"));
    }
}

impl<A: Atomic> fmt::Debug for SingleWriter<A>
where
    A::Value: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SingleWriter").field(&self.load()).finish()
    }
}

impl<A: Atomic> fmt::Debug for Writer<'_, A>
where
    A::Value: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Writer").field(&self.get()).finish()
    }
}

impl<A: Atomic> fmt::Debug for Reader<'_, A>
where
    A::Value: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reader").field(&self.load()).finish()
    }
}

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;
    use crate::primitive::AtomicU8;
    use std::panic::{catch_unwind, AssertUnwindSafe};

    #[test]
    fn one_writer_at_a_time() {
        let value = SingleWriter::new(AtomicU8::new(250));
        let mut writer = value.claim().expect("the first");
        assert!(value.claim().is_none());
        writer.add(10);
        drop(writer);
        let writer = value.claim().expect("it was given back");
        assert_eq!((writer.get(), value.load()), (4, 4));
    }

    #[test]
    fn a_panicking_writer_gives_the_right_back() {
        let value = SingleWriter::new(AtomicU8::new(1));
        let result = catch_unwind(AssertUnwindSafe(|| {
            value.claim().expect("the first").update(|_| panic!("planted"));
        }));
        assert!(result.is_err());
        assert_eq!(value.claim().expect("it was given back").get(), 1);
    }

    #[test]
    fn a_leaked_writer_keeps_the_right() {
        let mut value = SingleWriter::new(AtomicBool::new(false));
        core::mem::forget(value.claim());
        assert!(value.claim().is_none());
        let (mut writer, reader) = value.split();
        writer.set(true);
        assert!(reader.load());
    }
}
