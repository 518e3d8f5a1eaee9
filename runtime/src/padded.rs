//! A value on cache lines of its own: the cure for false sharing.
//!
//! | | |
//! |---|---|
//! | progress | as the value inside: a wrapper adds no operation |
//! | producers × consumers | as the value inside |
//! | reclamation | none: the value lives in place |
//! | empty / full | doesn't apply |
//! | cost | memory: a padded word takes [`LINE`] bytes; no instruction |
//! | needs | `core` |
//!
//! # Example
//!
//! ```
//! use atomic_lint::Padded;
//! use std::sync::atomic::{AtomicUsize, Ordering};
//!
//! struct Indices {
//!     head: Padded<AtomicUsize>, // written by the consumer
//!     tail: Padded<AtomicUsize>, // written by the producer
//! }
//!
//! let indices = Indices { head: Padded::new(AtomicUsize::new(0)), tail: Padded::default() };
//! indices.tail.store(1, Ordering::Release);
//! assert_eq!(indices.head.load(Ordering::Acquire), 0);
//! assert!(std::mem::size_of::<Indices>() >= 2 * atomic_lint::padded::LINE);
//! ```
//!
//! # Protocol
//!
//! A cache moves whole lines between cores. Two words on one line that two cores write take turns
//! owning it, although no thread ever reads the other's word. An alignment of [`LINE`] rounds the
//! size up as well, so nothing else shares the lines of a `Padded`.
//!
//! [`LINE`] is the unit of *interference*, which on some targets is more than one line of the
//! innermost cache: x86-64 prefetches lines in pairs, some AArch64 and all powerpc64 cores have
//! lines of 128 bytes, s390x of 256; small Arm, MIPS and RISC-V cores have 32; the rest 64.
//!
//! # When not to use it
//!
//! Around data that one thread uses at a time, that is written rarely, or of which there are
//! millions: padding then costs cache space and buys nothing. Two threads that count in words on
//! one line take 3.5 times as long as in padded ones; with 64 bytes between the words instead of
//! 128 there was no difference on the machine measured
//! (`cargo bench -p atomic-lint --bench peers -- padd`).

use core::fmt;
use core::ops::{Deref, DerefMut};

macro_rules! ladder {
    ($($line:literal: $condition:meta;)*) => {$(
        /// The distance in bytes at which two words no longer disturb each other on this target.
        #[cfg($condition)]
        pub const LINE: usize = $line;
    )*

        /// A value that shares its cache lines with nothing else.
        ///
        /// See the [module](self) for what it does and what it costs.
        $(#[cfg_attr($condition, repr(align($line)))])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct Padded<T>(T);
    };
}

ladder! {
    128: any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "powerpc64");
    256: target_arch = "s390x";
    32: any(
        target_arch = "arm",
        target_arch = "mips",
        target_arch = "mips32r6",
        target_arch = "sparc",
        target_arch = "hexagon",
        target_arch = "riscv32"
    );
    64: not(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "powerpc64",
        target_arch = "s390x",
        target_arch = "arm",
        target_arch = "mips",
        target_arch = "mips32r6",
        target_arch = "sparc",
        target_arch = "hexagon",
        target_arch = "riscv32"
    ));
}

impl<T> Padded<T> {
    /// Puts `value` on cache lines of its own.
    #[inline]
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Takes the value out.
    #[inline]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Padded<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Padded<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> From<T> for Padded<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Padded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Padded").field(&self.0).finish()
    }
}

impl<T: fmt::Display> fmt::Display for Padded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(feature = "serde")]
impl<T: serde::Serialize> serde::Serialize for Padded<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Padded<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{align_of, size_of};

    #[test]
    fn neighbours_never_share_a_line() {
        assert_eq!(align_of::<Padded<u8>>(), LINE);
        assert_eq!(size_of::<Padded<u8>>(), LINE);
        assert_eq!(size_of::<Padded<[u8; LINE]>>(), LINE);
        assert_eq!(size_of::<[Padded<u8>; 3]>(), 3 * LINE);
        assert_eq!(size_of::<Padded<[u8; LINE + 1]>>(), 2 * LINE);
    }

    #[test]
    fn behaves_as_the_value_inside() {
        let mut padded = Padded::new(3);
        *padded += 1;
        assert_eq!(padded, Padded::from(4));
        assert_eq!(alloc::format!("{padded} {padded:?}"), "4 Padded(4)");
        assert_eq!(padded.into_inner(), 4);
        assert!(Padded::<u32>::default() < Padded::new(1));
    }
}
