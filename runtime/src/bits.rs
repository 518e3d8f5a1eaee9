//! Sets of small numbers, and sets that may be wrong in one direction, as atomic bits.
//!
//! | | [`AtomicBitSet`] | [`BloomFilter`] |
//! |---|---|---|
//! | progress | wait-free; `insert_any` lock-free | wait-free |
//! | producers × consumers | many × many | many × many |
//! | reclamation | none, fixed size | none, fixed size |
//! | empty / full | any capacity, zero as well; out of range panics | grows less exact |
//! | orders memory | yes: who sees a bit sees what its setter did before | no |
//! | cost | a load; an RMW only if the bit changes | the same, a few times |
//! | needs | `alloc` | `alloc`; `std` for the default hasher |
//!
//! # Example
//!
//! ```
//! use atomic_lint::AtomicBitSet;
//!
//! let slots = AtomicBitSet::new(128);
//! let slot = slots.insert_any().expect("127 more are free");
//! assert!(slots.contains(slot));
//! assert!(!slots.insert(slot), "somebody has it");
//! assert!(slots.remove(slot));
//! ```
//!
//! # Protocol
//!
//! One `fetch_or` sets a bit and tells whether it was set before, where a compare-and-swap loop
//! repeats because of its 63 neighbours. It takes the cache line even if the bit is set already, so
//! `insert` looks first: a set that is mostly full of what comes in stays shared.
//!
//! # When not to use it
//!
//! The look costs a load where nearly every bit is new: 1.04 times as slow for one thread, against
//! 11 to 21 times as fast for two threads whose bits are mostly set
//! (`cargo bench -p atomic-lint --bench peers -- bits`). Bits of one word share its cache line:
//! flags that different threads change all the time are better [`Padded`](crate::Padded) booleans.

use crate::primitive::{argued, weaken, AtomicUsize, Ordering};
use alloc::boxed::Box;
use core::fmt;
use core::hash::{BuildHasher, Hash};

/// A set of numbers below its capacity.
///
/// See the [module](self) for guarantees and alternatives.
pub struct AtomicBitSet {
    words: Box<[AtomicUsize]>,
    capacity: usize,
}

impl AtomicBitSet {
    /// An empty set for the numbers below `capacity`.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let words = capacity.div_ceil(BITS);
        Self { words: (0..words).map(|_| AtomicUsize::new(0)).collect(), capacity }
    }

    /// Adds `number`; whether it wasn't in the set.
    ///
    /// # Panics
    ///
    /// If `number` is not below the capacity.
    #[inline]
    pub fn insert(&self, number: usize) -> bool {
        let (word, bit) = self.place(number);
        // Acquire: when it is there, what its inserter did is visible; pairs with the Release half
        // of the `fetch_or` in `insert` and `insert_any`.
        if word.load(argued(Ordering::Acquire, "bits-insert-look")) & bit != 0 {
            return false;
        }
        if weaken("bits-insert-split") {
            // Release, on purpose: a load and a store lose a neighbour's bit.
            let old = word.load(Ordering::Acquire);
            word.store(old | bit, Ordering::Release);
            return old & bit == 0;
        }
        // AcqRel: publishes what this thread did, and sees what the last remover did; pairs with
        // the Acquire load in `contains` and the `fetch_and` in `remove`.
        word.fetch_or(bit, argued(Ordering::AcqRel, "bits-insert")) & bit == 0
    }

    /// Takes `number` out; whether it was in the set.
    ///
    /// # Panics
    ///
    /// If `number` is not below the capacity.
    #[inline]
    pub fn remove(&self, number: usize) -> bool {
        let (word, bit) = self.place(number);
        // Acquire: when it is absent, what its remover did is visible; pairs with the `fetch_and`
        // below.
        if word.load(argued(Ordering::Acquire, "bits-remove-look")) & bit == 0 {
            return false;
        }
        // AcqRel: sees what the inserter did, and publishes this thread's accesses to the next one;
        // pairs with the `fetch_or` in `insert` and `insert_any`.
        word.fetch_and(!bit, argued(Ordering::AcqRel, "bits-remove")) & bit != 0
    }

    /// Adds some number that isn't in the set, the lowest that it finds; none if it found the set
    /// full. Each number goes to one caller.
    pub fn insert_any(&self) -> Option<usize> {
        self.words.iter().enumerate().find_map(|(index, word)| {
            let base = index * BITS;
            // Relaxed: a hint where to try. Partner: the RMW below, which synchronizes.
            let mut seen = word.load(Ordering::Relaxed);
            loop {
                let offset = (!seen).trailing_zeros() as usize;
                if offset == BITS || base + offset >= self.capacity {
                    return None;
                }
                // AcqRel: publishes what this thread did, and sees what the last remover did. Partners:
                // `contains`, `remove`.
                let old = word.fetch_or(1 << offset, argued(Ordering::AcqRel, "bits-insert-any"));
                if old & (1 << offset) == 0 {
                    return Some(base + offset);
                }
                seen = old;
            }
        })
    }

    /// Whether `number` is in the set.
    ///
    /// # Panics
    ///
    /// If `number` is not below the capacity.
    #[inline]
    #[must_use]
    pub fn contains(&self, number: usize) -> bool {
        let (word, bit) = self.place(number);
        // Acquire: what the inserter did is visible; pairs with the `fetch_or` in `insert`.
        word.load(argued(Ordering::Acquire, "bits-contains")) & bit != 0
    }

    /// How many numbers are in the set: each word at its own instant.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words
            .iter()
            // Relaxed: a count for its own sake. Partners: `insert`, `remove`.
            .map(|word| word.load(Ordering::Relaxed).count_ones() as usize)
            .sum()
    }

    /// The numbers in the set, in order: each word at the instant the iterator reaches it.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            // Acquire: what the inserters did is visible. Partners: `insert`, `insert_any`.
            let mut left = word.load(argued(Ordering::Acquire, "bits-iter"));
            core::iter::from_fn(move || {
                let offset = left.trailing_zeros() as usize;
                left &= left.checked_sub(1)?;
                Some(index * BITS + offset)
            })
        })
    }

    /// One more than the largest number that fits.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    #[inline]
    fn place(&self, number: usize) -> (&AtomicUsize, usize) {
        assert!(number < self.capacity, "{number} doesn't fit a set for numbers below {}", self.capacity);
        (&self.words[number / BITS], 1 << (number % BITS))
    }
}

const BITS: usize = usize::BITS as usize;

impl fmt::Debug for AtomicBitSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A set that answers "certainly not" or "probably".
///
/// See the [module](self) for guarantees and alternatives.
pub struct BloomFilter<S = DefaultHashers> {
    words: Box<[AtomicUsize]>,
    /// How many bits stand for one value.
    probes: u32,
    hashers: S,
}

/// Randomly seeded, so that nobody can choose values that collide.
#[cfg(feature = "std")]
pub type DefaultHashers = std::collections::hash_map::RandomState;
/// There is no default without `std`: use [`BloomFilter::with_hasher`].
#[cfg(not(feature = "std"))]
pub type DefaultHashers = ();

#[cfg(feature = "std")]
impl BloomFilter {
    /// A filter that, once `values` are in it, is wrong about one absent value in `one_in`.
    ///
    /// # Panics
    ///
    /// If the filter would not fit in memory.
    #[must_use]
    pub fn new(values: usize, one_in: u32) -> Self {
        Self::with_hasher(values, one_in, DefaultHashers::default())
    }
}

impl<S: BuildHasher> BloomFilter<S> {
    /// As `new`, with hashers of your own; they must spread over all 64 bits.
    ///
    /// # Panics
    ///
    /// If the filter would not fit in memory.
    #[must_use]
    pub fn with_hasher(values: usize, one_in: u32, hashers: S) -> Self {
        // A filter half full is right for its size: with k probes it errs once in 2ᵏ, and needs
        // k / ln 2 bits a value; 3/2 is a little above 1 / ln 2.
        let probes = u32::BITS - one_in.saturating_sub(1).leading_zeros();
        let probes = probes.max(1);
        let bits = values.checked_mul(probes as usize * 3).expect("a filter fits in memory") / 2;
        let words = bits.div_ceil(BITS).max(1);
        Self { words: (0..words).map(|_| AtomicUsize::new(0)).collect(), probes, hashers }
    }

    /// Adds `value`; whether it certainly wasn't there before.
    #[inline]
    pub fn insert<Q: Hash + ?Sized>(&self, value: &Q) -> bool {
        let mut new = false;
        for (word, bit) in self.places(value) {
            // Relaxed: bits are only ever added, and stand for nothing but themselves. Partner: the
            // `fetch_or` below.
            if word.load(Ordering::Relaxed) & bit != 0 {
                continue;
            }
            if weaken("bloom-insert") {
                // Relaxed, on purpose: a load and a store lose a neighbour's bit.
                let old = word.load(Ordering::Relaxed);
                word.store(old | bit, Ordering::Relaxed);
            } else {
                // Relaxed: as above; the RMW alone keeps neighbours' bits. Partner: `contains`.
                new |= word.fetch_or(bit, Ordering::Relaxed) & bit == 0;
            }
        }
        new
    }

    /// Whether `value` is probably there. `false` is certain, if its `insert` happened before.
    #[inline]
    #[must_use]
    pub fn contains<Q: Hash + ?Sized>(&self, value: &Q) -> bool {
        self.places(value)
            // Relaxed: as in `insert`. Partner: `insert`.
            .all(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
    }

    /// The bits that stand for `value`: an arithmetic series from one hash (Kirsch and
    /// Mitzenmacher, *Less hashing, same performance*, 2006).
    #[inline]
    fn places<Q: Hash + ?Sized>(&self, value: &Q) -> impl Iterator<Item = (&AtomicUsize, usize)> + '_ {
        let hash = self.hashers.hash_one(value);
        let bits = self.words.len() as u64 * BITS as u64;
        // Odd, so that the series doesn't stand still.
        let step = hash.rotate_left(32) | 1;
        (0..u64::from(self.probes)).map(move |probe| {
            let hash = hash.wrapping_add(probe.wrapping_mul(step));
            // Scales the hash to the range, by its high bits.
            let place = ((u128::from(hash) * u128::from(bits)) >> 64) as usize;
            (&self.words[place / BITS], 1 << (place % BITS))
        })
    }
}

impl<S> fmt::Debug for BloomFilter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BloomFilter")
            .field("bits", &(self.words.len() * BITS))
            .field("probes", &self.probes)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn an_empty_capacity_holds_nothing() {
        let set = AtomicBitSet::new(0);
        assert_eq!(set.insert_any(), None);
        assert_eq!((set.count(), set.iter().next()), (0, None));
    }

    #[test]
    #[should_panic(expected = "70 doesn't fit a set for numbers below 70")]
    fn out_of_range_panics() {
        AtomicBitSet::new(70).insert(70);
    }

    #[test]
    fn any_fills_up_to_the_capacity() {
        let set = AtomicBitSet::new(70);
        assert!(set.insert(3));
        let rest: Vec<usize> = core::iter::from_fn(|| set.insert_any()).collect();
        assert_eq!(rest.len(), 69);
        assert!(!rest.contains(&3));
        assert_eq!(set.iter().collect::<Vec<_>>(), (0..70).collect::<Vec<_>>());
        assert!(set.remove(65) && !set.remove(65));
        assert_eq!(set.insert_any(), Some(65));
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_filter_never_forgets_and_seldom_errs() {
        let filter = BloomFilter::new(10_000, 100);
        for n in 0..10_000 {
            filter.insert(&n);
        }
        assert!((0..10_000).all(|n| filter.contains(&n)));
        let wrong = (10_000..110_000).filter(|n| filter.contains(n)).count();
        assert!(wrong < 2_000, "{wrong} of 100000");
        assert!(!filter.insert(&5));
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_filter_for_nothing_still_works() {
        let filter = BloomFilter::new(0, 0);
        assert!(!filter.contains("x"));
        assert!(filter.insert("x"));
        assert!(filter.contains("x"));
    }

    #[cfg(feature = "std")]
    #[test]
    #[should_panic(expected = "fits in memory")]
    fn a_filter_for_everything_is_refused() {
        let _ = BloomFilter::new(usize::MAX, 1_000);
    }
}
