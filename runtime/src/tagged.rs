//! Indices and pointers with a tag in the same word: ABA without allocation.
//!
//! | | [`TaggedIndex`] | [`FreeList`] | [`TaggedPtr`] |
//! |---|---|---|---|
//! | progress | wait-free | lock-free | wait-free; `set_tag` lock-free |
//! | producers × consumers | many × many | many × many | many × many |
//! | reclamation | none: indices, not memory | none: slots are reused, never freed | the caller's |
//! | empty / full | doesn't apply | `take` returns `None`, if all slots were taken at one moment | doesn't apply |
//! | tag | 32 bits, wraps | 32 bits, wraps | as many bits as the alignment leaves |
//! | cost | as an `AtomicU64` | take: a CAS; give back: two; 2 cache lines a lane | as an `AtomicPtr` and a mask |
//! | needs | 64-bit atomics | 64-bit atomics, `alloc` | `core` |
//!
//! # Example
//!
//! ```
//! use atomic_lint::FreeList;
//!
//! let slots = FreeList::new(2);
//! let (first, second) = (slots.take().unwrap(), slots.take().unwrap());
//! assert_ne!(first, second);
//! assert_eq!(slots.take(), None);
//! slots.give_back(first);
//! assert_eq!(slots.take(), Some(first));
//! ```
//!
//! # Protocol
//!
//! A compare-and-swap compares values, not histories. A thread that reads head A and its successor
//! B, and is then held up while others take A and B and give A back, finds head A again: its CAS
//! succeeds and makes B, which somebody uses, the head. With a tag that every change raises, the
//! head is A with another tag, and the CAS fails.
//!
//! The tag has 32 bits. It protects unless a thread is held up inside one operation while the others
//! do exactly a multiple of 2³² of them: at 100 million a second that is 43 seconds, to the operation.
//!
//! A [`FreeList`] keeps its slots in lanes, one for a few threads: each lane is a stack with a tagged
//! head, and slot *n* always returns to lane *n* modulo their number, so that two threads that take
//! and give back seldom write to the same line. A thread whose lane is empty takes from the others;
//! when all seem empty, it looks at all tags again, for a slot may have moved behind its back.
//! [`with_lanes(capacity, 1)`](FreeList::with_lanes) is one stack: the slot given back last is taken
//! next, which is the one that caches know best.
//!
//! [`TaggedPtr`] is for *marks* (deleted, locked, colour), since the few bits that an alignment
//! leaves wrap far too soon to protect from ABA. Nor does any tag make it safe to follow a pointer
//! to freed memory: that takes reclamation, see [`hazard`](crate::hazard).
//!
//! # When not to use it
//!
//! Where nodes are allocated one by one: [`Stack`](crate::Stack). Where the slots number a few
//! dozen: [`AtomicBitSet::insert_any`](crate::AtomicBitSet::insert_any) is simpler, and on one thread
//! 1.2 times as fast; by two it is 3 to 7 times as slow.
//!
//! With one lane, or with less than 16 slots, all threads change one word: two that do nothing but
//! take and give back are then no faster than with a `Mutex<Vec>`, beside which two lanes are more
//! than 10 times as fast, as they are beside an `ArrayQueue` of indices when the machine is busy and
//! 4 times when it isn't (`cargo bench -p atomic-lint --bench peers -- slots`).

#[cfg(target_has_atomic = "64")]
use crate::primitive::AtomicU64;
use crate::primitive::{argued, weaken, AtomicPtr, Ordering};
use core::fmt;
use core::mem::align_of;

#[cfg(target_has_atomic = "64")]
mod free_list;

#[cfg(target_has_atomic = "64")]
pub use free_list::FreeList;

/// An index and the tag that tells apart its uses.
#[cfg(target_has_atomic = "64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Tagged {
    /// The index.
    pub index: u32,
    /// How often the word was changed, wrapping.
    pub tag: u32,
}

#[cfg(target_has_atomic = "64")]
impl Tagged {
    /// What follows this value when the index becomes `index`: a tag higher by one.
    #[inline]
    #[must_use]
    pub fn next(self, index: u32) -> Self {
        let step = u32::from(!weaken("tagged-next"));
        Self { index, tag: self.tag.wrapping_add(step) }
    }

    #[inline(always)]
    fn to_bits(self) -> u64 {
        u64::from(self.tag) << 32 | u64::from(self.index)
    }

    #[inline(always)]
    fn from_bits(bits: u64) -> Self {
        Self { index: bits as u32, tag: (bits >> 32) as u32 }
    }
}

/// An index in an atomic word that also counts its changes.
///
/// See the [module](self) for guarantees and limits.
#[cfg(target_has_atomic = "64")]
pub struct TaggedIndex(AtomicU64);

#[cfg(target_has_atomic = "64")]
impl TaggedIndex {
    crate::primitive::const_fn! {
        /// Starts at `index`, with tag 0.
        #[must_use]
        pub fn new(index: u32) -> Self {
            Self(AtomicU64::new(index as u64))
        }
    }

    /// Index and tag at one instant.
    #[inline]
    #[must_use]
    pub fn load(&self) -> Tagged {
        // Acquire: what belongs to the index is visible; pairs with the Release half of the CAS in
        // `replace`.
        Tagged::from_bits(self.0.load(argued(Ordering::Acquire, "tagged-load")))
    }

    /// Replaces `current` by `index` and the next tag, if nothing has changed since `current` was
    /// loaded.
    ///
    /// # Errors
    ///
    /// What is there; it may be `current` itself, since the attempt may fail for no reason.
    #[inline]
    pub fn replace(&self, current: Tagged, index: u32) -> Result<Tagged, Tagged> {
        let new = current.next(index);
        // AcqRel: publishes what belongs to the new index, and sees what belonged to the old one;
        // pairs with the Acquire load in `load` and with itself.
        // Acquire on failure: the caller goes on with what it finds.
        self.0
            .compare_exchange_weak(
                current.to_bits(),
                new.to_bits(),
                argued(Ordering::AcqRel, "tagged-replace"),
                argued(Ordering::Acquire, "tagged-refused"),
            )
            .map(|_| new)
            .map_err(Tagged::from_bits)
    }
}

#[cfg(target_has_atomic = "64")]
impl fmt::Debug for TaggedIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaggedIndex").field(&self.load()).finish()
    }
}

/// A pointer with a small tag in the bits that alignment leaves unused.
///
/// It owns nothing and follows nothing. See the [module](self) for what the tag is good for.
pub struct TaggedPtr<T>(AtomicPtr<T>);

impl<T> TaggedPtr<T> {
    /// The largest tag: `align_of::<T>() - 1`.
    pub const MAX_TAG: usize = align_of::<T>() - 1;

    crate::primitive::const_fn! {
        /// Points to `pointer`, with tag 0.
        #[must_use]
        pub fn new(pointer: *mut T) -> Self {
            Self(AtomicPtr::new(pointer))
        }
    }

    /// Pointer and tag at one instant.
    #[inline]
    #[must_use]
    pub fn load(&self) -> (*mut T, usize) {
        // Acquire: what the pointer leads to is visible; pairs with the Release half of the CAS in
        // `replace`.
        split(self.0.load(argued(Ordering::Acquire, "tagged-ptr-load")))
    }

    /// Replaces pointer and tag, if they are still `current`.
    ///
    /// # Errors
    ///
    /// What is there instead.
    ///
    /// # Panics
    ///
    /// If a pointer is not aligned for `T` or a tag above [`MAX_TAG`](Self::MAX_TAG).
    #[inline]
    pub fn replace(&self, current: (*mut T, usize), new: (*mut T, usize)) -> Result<(), (*mut T, usize)> {
        // AcqRel: publishes what the new pointer leads to, and sees what the old one does; pairs
        // with the Acquire load in `load` and with itself.
        // Acquire on failure: the caller goes on with what it finds. Partner: `replace`.
        self.0
            .compare_exchange(
                join(current),
                join(new),
                argued(Ordering::AcqRel, "tagged-ptr-replace"),
                argued(Ordering::Acquire, "tagged-ptr-refused"),
            )
            .map(|_| ())
            .map_err(split)
    }

    /// Sets the bits `mask` in the tag, whatever the pointer; the pair before.
    ///
    /// # Panics
    ///
    /// If `mask` is above [`MAX_TAG`](Self::MAX_TAG).
    pub fn set_tag(&self, mask: usize) -> (*mut T, usize) {
        let mut current = self.load();
        loop {
            let (pointer, tag) = current;
            match self.replace(current, (pointer, tag | mask)) {
                Ok(()) => return current,
                Err(now) => current = now,
            }
        }
    }
}

/// Adds the tag to the address, keeping the pointer's provenance.
#[inline]
fn join<T>((pointer, tag): (*mut T, usize)) -> *mut T {
    assert!(tag <= TaggedPtr::<T>::MAX_TAG, "the tag {tag} doesn't fit the alignment");
    assert!(pointer as usize & TaggedPtr::<T>::MAX_TAG == 0, "a pointer that isn't aligned has no room for a tag");
    pointer.cast::<u8>().wrapping_add(tag).cast()
}

#[inline]
fn split<T>(joined: *mut T) -> (*mut T, usize) {
    let tag = joined as usize & TaggedPtr::<T>::MAX_TAG;
    (joined.cast::<u8>().wrapping_sub(tag).cast(), tag)
}

impl<T> fmt::Debug for TaggedPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pointer, tag) = self.load();
        f.debug_tuple("TaggedPtr").field(&pointer).field(&tag).finish()
    }
}

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;

    #[cfg(target_has_atomic = "64")]
    #[test]
    fn a_stale_replace_fails_even_if_the_index_is_back() {
        let head = TaggedIndex::new(1);
        let stale = head.load();
        let later = replace(&head, stale, 2);
        replace(&head, later, 1);
        assert_eq!(head.load().index, stale.index);
        assert!(head.replace(stale, 7).is_err());
    }

    #[cfg(target_has_atomic = "64")]
    #[test]
    fn tags_wrap() {
        let last = Tagged { index: 4, tag: u32::MAX };
        let head = TaggedIndex(AtomicU64::new(last.to_bits()));
        assert_eq!(head.load(), last);
        assert_eq!(replace(&head, last, 5), Tagged { index: 5, tag: 0 });
    }

    #[cfg(target_has_atomic = "64")]
    fn replace(head: &TaggedIndex, current: Tagged, index: u32) -> Tagged {
        loop {
            match head.replace(current, index) {
                Ok(new) => return new,
                Err(now) => assert_eq!(now, current, "nobody else changes it"),
            }
        }
    }

    #[test]
    fn tags_never_touch_the_pointer() {
        let mut value = 7_u64;
        let pointer: *mut u64 = &mut value;
        let tagged = TaggedPtr::new(pointer);
        assert_eq!(tagged.set_tag(5), (pointer, 0));
        assert_eq!(tagged.set_tag(2), (pointer, 5));
        assert_eq!(tagged.load(), (pointer, 7));
        assert_eq!(tagged.replace((pointer, 0), (pointer, 1)), Err((pointer, 7)));
        assert_eq!(tagged.replace((pointer, 7), (core::ptr::null_mut(), 1)), Ok(()));
        assert_eq!(tagged.load(), (core::ptr::null_mut(), 1));
    }

    #[test]
    #[should_panic(expected = "doesn't fit the alignment")]
    fn a_tag_too_large_is_refused() {
        TaggedPtr::<u16>::new(core::ptr::null_mut()).set_tag(2);
    }
}
