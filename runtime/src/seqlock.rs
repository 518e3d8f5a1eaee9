//! A plain value that one side rewrites often and many read without disturbing it.
//!
//! | | |
//! |---|---|
//! | progress | `read`: obstruction-free, repeats while a write is under way; `try_read`: wait-free; `write`: blocks other writers only |
//! | producers × consumers | many × many; writers take turns |
//! | reclamation | none: the value is copied in and out |
//! | empty | holds the value it was made with |
//! | panics | `update` runs its closure on a copy: a panic leaves the old value, and readers go on |
//! | cost | `read`: two loads of the sequence and one per word, no write to shared memory; `write`: a CAS, a store per word, a store |
//! | needs | `core`; a type without padding, see [`Plain`] |
//!
//! # Example
//!
//! ```
//! use atomic_lint::{impl_plain, SeqLock};
//!
//! #[derive(Clone, Copy, Debug, PartialEq)]
//! struct Quote { bid: f64, ask: f64, volume: u64 }
//! impl_plain!(Quote { bid: f64, ask: f64, volume: u64 });
//!
//! static LATEST: SeqLock<Quote> = SeqLock::new(Quote { bid: 0.0, ask: 0.0, volume: 0 });
//!
//! LATEST.write(Quote { bid: 99.5, ask: 100.0, volume: 7 });
//! let quote = LATEST.read();
//! assert!(quote.bid < quote.ask);
//! ```
//!
//! # Protocol
//!
//! A word counts the writes and has two flags: a writer claimed the value, and its bytes are changing
//! right now. A reader takes the word, copies the value and takes the word again: if nothing was
//! changing and the count is the same, no write overlapped the copy.
//!
//! The copy itself races with a writer, so every access to the value is an atomic one, a word at a
//! time and Relaxed: a plain or volatile copy would be a data race, whatever is thrown away later.
//! Two fences keep the reader's words before its second look at the count, and the writer's words
//! behind the flag.
//!
//! (Boehm, *Can seqlocks get along with programming language memory models?*, 2012.)
//!
//! # When not to use it
//!
//! - With values of many cache lines, or written most of the time: readers repeat and may starve.
//! - With values that own anything, or that must not be copied: [`Snapshot`](crate::Snapshot).
//! - With at most eight bytes: an atomic, or [`Packed`](crate::Packed).
//! - In a hurry to write: a write of 24 bytes takes 2 ns, four times as long as a read, and readers
//!   that meet it repeat.
//! - On 32-bit targets a reader that is held up during one read for exactly a multiple of 2³⁰
//!   writes takes a mixture for a value; on 64-bit targets that takes centuries.
//!
//! Elsewhere a read of 24 bytes takes 0.6 ns, a ninth of what it takes under `RwLock`, and as long as a
//! volatile copy, which is a race: atomic words can't be copied by vector instructions, but up to 64
//! bytes that makes no difference (`cargo bench -p atomic-lint --bench peers -- seqlock`).

use crate::primitive::{argued, const_fn, fence, weaken, AtomicUsize, Ordering};
use crate::Backoff;
use core::fmt;
use core::mem::MaybeUninit;

/// A type whose every byte is always initialised, so that it can be copied a word at a time.
///
/// Implemented for the primitive numbers, `bool`, `char` and arrays; [`impl_plain!`](crate::impl_plain)
/// implements it for a struct and checks at compile time that it has no padding.
///
/// # Safety
///
/// The type has no padding, no interior mutability and no uninitialised parts.
pub unsafe trait Plain: Copy + Send + 'static {}

macro_rules! plain {
    ($($ty:ty),*) => {$(
        // SAFETY: the language defines every byte of a primitive.
        unsafe impl Plain for $ty {}
    )*};
}
plain!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, bool, char, ());

// SAFETY: an array has no padding between its elements, nor after them.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// Implements [`Plain`] for a struct whose fields are plain, given as `Name { field: Type, … }`.
///
/// It doesn't compile if a field is missing from the list, isn't plain, or if the struct has
/// padding: then order the fields by size, or make the padding a field.
///
/// ```compile_fail,E0080
/// #[derive(Clone, Copy)]
/// struct Padded { small: u8, large: u32 }
/// atomic_lint::impl_plain!(Padded { small: u8, large: u32 });
/// ```
#[macro_export]
macro_rules! impl_plain {
    ($name:ident { $($field:ident: $ty:ty),* $(,)? }) => {
        const _: () = {
            fn every_field_is_listed($name { $($field),* }: $name) {
                fn is_plain<T: $crate::seqlock::Plain>(_: T) {}
                $(is_plain::<$ty>($field);)*
            }
            let _ = every_field_is_listed;
            assert!(
                0 $(+ ::core::mem::size_of::<$ty>())* == ::core::mem::size_of::<$name>(),
                "this struct has padding: order its fields by size, or make the padding a field"
            );
        };
        // SAFETY: the checks above hold: every field is plain, and nothing lies between them.
        unsafe impl $crate::seqlock::Plain for $name {}
    };
}

/// A plain value behind a sequence number.
///
/// See the [module](self) for guarantees, protocol and alternatives.
pub struct SeqLock<T> {
    /// The number of writes times [`STEP`], with the flags [`CLAIMED`] and [`CHANGING`].
    sequence: AtomicUsize,
    value: words::Words<T>,
}

/// A writer has the exclusive right to write. Readers don't care.
const CLAIMED: usize = 1;
/// The bytes of the value are changing.
const CHANGING: usize = 2;
/// What one write adds.
const STEP: usize = 4;

impl<T: Plain> SeqLock<T> {
    const_fn! {
        /// Starts with `value`.
        #[must_use]
        pub fn new(value: T) -> Self {
            Self {
                sequence: AtomicUsize::new(0),
                value: words::Words::new(value),
            }
        }
    }

    /// The latest value; waits while a write is under way.
    #[inline]
    #[must_use]
    pub fn read(&self) -> T {
        match self.copy() {
            // SAFETY: `whole` says that the bytes are those of one value.
            Attempt { bytes, whole: true } => unsafe { bytes.assume_init() },
            Attempt { whole: false, .. } => self.read_again(),
        }
    }

    #[cold]
    fn read_again(&self) -> T {
        let mut backoff = Backoff::new();
        loop {
            backoff.snooze();
            if let Some(value) = self.try_read() {
                return value;
            }
        }
    }

    /// The latest value, unless a write overlaps this read.
    #[inline]
    #[must_use]
    pub fn try_read(&self) -> Option<T> {
        let Attempt { bytes, whole } = self.copy();
        // SAFETY: `whole` says that the bytes are those of one value.
        whole.then(|| unsafe { bytes.assume_init() })
    }

    #[inline(always)]
    fn copy(&self) -> Attempt<T> {
        // Acquire: the words of the write that made this count are visible; pairs with the Release
        // store in `Write::finish`.
        let before = self.sequence.load(argued(Ordering::Acquire, "seqlock-read"));
        let bytes = self.value.load();
        if !weaken("seqlock-read-fence") {
            // Acquire: if any word came from a later write, its flag is visible below; pairs with
            // the Release fence in `Write::finish`.
            fence(Ordering::Acquire);
        }
        // Relaxed: the fence above orders it behind the words. Partner: the flag in `Write::finish`.
        let after = self.sequence.load(Ordering::Relaxed);
        // A claim in between changed no byte, but telling it apart would cost every read.
        let whole = before & CHANGING == 0 && before == after;
        Attempt { bytes, whole }
    }

    /// Replaces the value, after other writers.
    #[inline]
    pub fn write(&self, value: T) {
        self.begin().finish(value);
    }

    /// Replaces the value unless another writer is at it; whether it did.
    #[inline]
    pub fn try_write(&self, value: T) -> bool {
        match self.try_begin() {
            Some(write) => {
                write.finish(value);
                true
            }
            None => false,
        }
    }

    /// Replaces the value by what `change` makes of a copy. No other write comes in between.
    ///
    /// Readers see the old value until `change` returns and wait only while the new one is stored;
    /// other writers wait all the time. If `change` panics, the value stays as it was.
    pub fn update(&self, change: impl FnOnce(&mut T)) {
        let mut write = self.begin();
        let mut value = write.current();
        change(&mut value);
        write.finish(value);
    }

    #[inline]
    fn begin(&self) -> Write<'_, T> {
        match self.try_begin() {
            Some(write) => write,
            None => self.begin_later(),
        }
    }

    #[cold]
    fn begin_later(&self) -> Write<'_, T> {
        let mut backoff = Backoff::new();
        loop {
            backoff.snooze();
            if let Some(write) = self.try_begin() {
                return write;
            }
        }
    }

    #[inline]
    fn try_begin(&self) -> Option<Write<'_, T>> {
        // Relaxed: only compared. Partner: the CAS below, which synchronizes.
        let count = self.sequence.load(Ordering::Relaxed);
        if count & CLAIMED != 0 {
            return None;
        }
        // Acquire: the previous write is over and its words are visible to `current`; pairs with
        // the Release store in `Write::finish`.
        // Relaxed on failure: another writer was faster, nothing is read.
        let order = argued(Ordering::Acquire, "seqlock-claim");
        self.sequence.compare_exchange(count, count | CLAIMED, order, Ordering::Relaxed).ok()?;
        Some(Write { lock: self, count })
    }
}

/// What a read found.
struct Attempt<T> {
    bytes: MaybeUninit<T>,
    /// No write overlapped the read: the words are those of one value that was stored whole.
    whole: bool,
}

/// The exclusive right to write, until it ends.
struct Write<'a, T: Plain> {
    lock: &'a SeqLock<T>,
    /// The count before this write, without flags.
    count: usize,
}

impl<T: Plain> Write<'_, T> {
    fn current(&mut self) -> T {
        // SAFETY: only the holder of the `Write` stores words, so they are those of one value.
        unsafe { self.lock.value.load().assume_init() }
    }

    #[inline]
    fn finish(self, value: T) {
        // Relaxed: the fence below puts it before the words. Partner: the second load in `copy`.
        self.lock.sequence.store(self.count | CLAIMED | CHANGING, Ordering::Relaxed);
        if !weaken("seqlock-write-fence") {
            // Release: a reader that sees one of the words below sees the flag too; pairs with the
            // Acquire fence in `copy`.
            fence(Ordering::Release);
        }
        self.lock.value.store(value);
        // Release: publishes the words; pairs with the Acquire load in `copy` and the Acquire CAS in
        // `try_begin`.
        let count = self.count.wrapping_add(STEP);
        self.lock.sequence.store(count, argued(Ordering::Release, "seqlock-write"));
        core::mem::forget(self);
    }
}

impl<T: Plain> Drop for Write<'_, T> {
    /// Gives up before any word was stored: the closure of `update` panicked.
    fn drop(&mut self) {
        // Release: keeps what the last write published visible to whoever acquires the count next.
        // No word changed, so the old count is still the right one. Partners: `copy`, `try_begin`.
        self.lock.sequence.store(self.count, argued(Ordering::Release, "seqlock-give-up"));
    }
}

impl<T: Plain + fmt::Debug> fmt::Debug for SeqLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("SeqLock");
        match self.try_read() {
            Some(value) => tuple.field(&value).finish(),
            None => tuple.field(&format_args!("<being written>")).finish(),
        }
    }
}

impl<T: Plain + Default> Default for SeqLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// A value that is only ever accessed a word at a time, atomically.
#[cfg(not(atomic_lint_loom))]
mod words {
    use super::Plain;
    use crate::primitive::{AtomicU16, AtomicU32, AtomicU8, AtomicUsize, Ordering};
    use core::cell::UnsafeCell;
    use core::mem::{size_of, MaybeUninit};
    use core::ptr::{read_unaligned, write_unaligned};

    #[repr(C)]
    pub(super) struct Words<T> {
        /// Aligns the value for the widest words.
        aligned: [AtomicUsize; 0],
        value: UnsafeCell<MaybeUninit<T>>,
    }

    // SAFETY: after construction every access is atomic, and `Plain` values may move anywhere.
    unsafe impl<T: Plain> Sync for Words<T> {}

    /// Walks the bytes of `T` in the widest words that fit: whole words, then at most one of each
    /// smaller width. Never touches a byte that isn't part of the value.
    macro_rules! each_word {
        ($ty:ty, |$atomic:ident, $offset:ident| $access:expr) => {
            let size = size_of::<$ty>();
            let mut $offset = 0;
            {
                type $atomic = AtomicUsize;
                while $offset + size_of::<$atomic>() <= size {
                    $access;
                    $offset += size_of::<$atomic>();
                }
            }
            each_word!(@tail AtomicU32, size, |$atomic, $offset| $access);
            each_word!(@tail AtomicU16, size, |$atomic, $offset| $access);
            each_word!(@tail AtomicU8, size, |$atomic, $offset| $access);
            debug_assert_eq!($offset, size);
        };
        (@tail $width:ident, $size:ident, |$atomic:ident, $offset:ident| $access:expr) => {
            {
                type $atomic = $width;
                if $offset + size_of::<$atomic>() <= $size {
                    $access;
                    $offset += size_of::<$atomic>();
                }
            }
        };
    }

    impl<T: Plain> Words<T> {
        pub(super) const fn new(value: T) -> Self {
            Self { aligned: [], value: UnsafeCell::new(MaybeUninit::new(value)) }
        }

        /// A copy that may be a mixture of several values.
        #[inline(always)]
        pub(super) fn load(&self) -> MaybeUninit<T> {
            let mut copy = MaybeUninit::<T>::uninit();
            let from = self.value.get().cast::<u8>().cast_const();
            let to = copy.as_mut_ptr().cast::<u8>();
            each_word!(T, |Atomic, offset| {
                // SAFETY: the word lies within the value and is aligned, since `aligned` aligns the
                // first one and wider words come first; every byte of it is initialised (`Plain`),
                // and all accesses to it are atomic. Relaxed: the fence in `SeqLock::copy` orders the
                // words. Partner: `store`.
                unsafe {
                    let word = (*from.add(offset).cast::<Atomic>()).load(Ordering::Relaxed);
                    write_unaligned(to.add(offset).cast(), word);
                }
            });
            copy
        }

        #[inline(always)]
        pub(super) fn store(&self, value: T) {
            let from = (&value as *const T).cast::<u8>();
            let to = self.value.get().cast::<u8>();
            each_word!(T, |Atomic, offset| {
                // SAFETY: as in `load`. Relaxed: the fence in `Write::finish` orders the words. Partner:
                // `load`.
                unsafe {
                    let word = read_unaligned(from.add(offset).cast());
                    (*to.add(offset).cast::<Atomic>()).store(word, Ordering::Relaxed);
                }
            });
        }
    }
}

/// The same on loom's atomics, which can't be laid over memory.
#[cfg(atomic_lint_loom)]
mod words {
    use super::Plain;
    use crate::primitive::{AtomicU8, Ordering};
    use core::marker::PhantomData;
    use core::mem::{size_of, MaybeUninit};

    pub(super) struct Words<T> {
        bytes: Box<[AtomicU8]>,
        value: PhantomData<T>,
    }

    impl<T: Plain> Words<T> {
        pub(super) fn new(value: T) -> Self {
            let bytes = (0..size_of::<T>()).map(|_| AtomicU8::new(0)).collect();
            let words = Self { bytes, value: PhantomData };
            words.store(value);
            words
        }

        pub(super) fn load(&self) -> MaybeUninit<T> {
            let mut copy = MaybeUninit::<T>::uninit();
            for (offset, byte) in self.bytes.iter().enumerate() {
                // SAFETY: there are as many bytes as `T` has. Relaxed: as above. Partner: `store`.
                unsafe {
                    let to = copy.as_mut_ptr().cast::<u8>().add(offset);
                    to.write(byte.load(Ordering::Relaxed));
                }
            }
            copy
        }

        pub(super) fn store(&self, value: T) {
            let from = (&value as *const T).cast::<u8>();
            for (offset, byte) in self.bytes.iter().enumerate() {
                // SAFETY: there are as many bytes as `T` has, all initialised (`Plain`). Relaxed: as
                // above. Partner: `load`.
                byte.store(unsafe { *from.add(offset) }, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;
    use std::panic::{catch_unwind, AssertUnwindSafe};

    #[test]
    fn every_size_comes_back_whole() {
        fn check<const N: usize>() {
            let first: [u8; N] = core::array::from_fn(|n| n as u8);
            let second: [u8; N] = core::array::from_fn(|n| 255 - n as u8);
            let lock = SeqLock::new(first);
            assert_eq!(lock.read(), first);
            lock.write(second);
            assert_eq!(lock.read(), second);
        }
        check::<0>();
        check::<1>();
        check::<2>();
        check::<3>();
        check::<7>();
        check::<8>();
        check::<15>();
        check::<33>();
    }

    #[test]
    fn a_panicking_update_leaves_the_old_value() {
        let lock = SeqLock::new([1_u64, 2]);
        let result = catch_unwind(AssertUnwindSafe(|| {
            lock.update(|value| {
                value[0] = 9;
                panic!("planted");
            })
        }));
        assert!(result.is_err());
        assert_eq!(lock.try_read(), Some([1, 2]));
        lock.update(|value| value[1] = 3);
        assert_eq!(lock.read(), [1, 3]);
    }

    #[test]
    fn readers_see_the_old_value_during_an_update_closure() {
        let lock = SeqLock::new(1_u8);
        lock.update(|value| {
            assert!(!lock.try_write(7));
            assert_eq!(lock.try_read(), Some(1));
            *value = 2;
        });
        assert_eq!(lock.read(), 2);
    }

    #[test]
    fn the_sequence_wraps() {
        let lock = SeqLock::new(0_u32);
        lock.sequence.store(0_usize.wrapping_sub(STEP), Ordering::Relaxed);
        lock.write(1);
        assert_eq!(lock.sequence.load(Ordering::Relaxed), 0);
        assert_eq!(lock.read(), 1);
    }
}
