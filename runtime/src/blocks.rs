//! What stack and queue share: nodes come in blocks, and a position is a block and an index in one
//! word.
//!
//! One allocation, and later one deferred free, serves [`SLOTS`] values. Blocks are aligned so that
//! an address leaves room for the index: whoever moves a position from one index to the next by a
//! compare-and-swap owns the slot, and needs not have looked into the block before. An alignment
//! twice as large leaves room for a mark, too.

#[cfg(atomic_lint_loom)]
use crate::primitive::UnsafeCell;
use core::mem::align_of;

/// Slots in a block: as many as six bits of an address count. Two in a model, so that a few operations
/// need more than one block.
pub(crate) const SLOTS: usize = if cfg!(atomic_lint_loom) { 2 } else { 63 };

/// The bits of a word that hold the index.
const INDEX: usize = 63;

/// The bit that holds the mark.
const MARK: usize = 64;

/// A block and an index from 0 to [`SLOTS`], which stands for the end, perhaps with a mark, whose
/// meaning is the user's; or nowhere at all.
pub(crate) struct Position<B>(*mut B);

impl<B> Clone for Position<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Position<B> {}

impl<B> PartialEq for Position<B> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<B> Position<B> {
    /// The bits that aren't the block's address.
    const BESIDE_ADDRESS: usize = {
        assert!(SLOTS <= INDEX && align_of::<B>() > INDEX, "a block's alignment leaves room for an index");
        align_of::<B>() - 1
    };

    const CAN_BE_MARKED: () = assert!(align_of::<B>() > INDEX | MARK, "a block's alignment leaves room for a mark");

    /// What an atomic word holds.
    #[inline(always)]
    pub(crate) fn from_word(word: *mut B) -> Self {
        Self(word)
    }

    /// `index` in `block`. The address keeps the block's provenance.
    #[inline(always)]
    pub(crate) fn new(block: *mut B, index: usize) -> Self {
        debug_assert!(block as usize & Self::BESIDE_ADDRESS == 0 && index <= SLOTS);
        Self(block.cast::<u8>().wrapping_add(index).cast())
    }

    #[inline(always)]
    pub(crate) fn word(self) -> *mut B {
        self.0
    }

    #[inline(always)]
    pub(crate) fn is_none(self) -> bool {
        self.0.is_null()
    }

    #[inline(always)]
    pub(crate) fn index(self) -> usize {
        self.0 as usize & INDEX
    }

    #[inline(always)]
    pub(crate) fn block(self) -> *mut B {
        self.0.cast::<u8>().wrapping_sub(self.0 as usize & Self::BESIDE_ADDRESS).cast()
    }

    #[inline(always)]
    pub(crate) fn is_in_block_of(self, other: Self) -> bool {
        (self.0 as usize ^ other.0 as usize) <= Self::BESIDE_ADDRESS
    }

    /// Whether this is a `tail` with no claimed slot from `head` on in its block.
    #[inline(always)]
    pub(crate) fn has_nothing_after(self, head: Self) -> bool {
        self.is_in_block_of(head) && self.index() <= head.index()
    }

    #[inline(always)]
    pub(crate) fn is_marked(self) -> bool {
        self.0 as usize & MARK != 0
    }

    /// The same position with the mark. It has none yet.
    #[inline(always)]
    pub(crate) fn marked(self) -> Self {
        #[allow(clippy::let_unit_value)]
        let () = Self::CAN_BE_MARKED;
        debug_assert!(!self.is_marked());
        Self(self.0.cast::<u8>().wrapping_add(MARK).cast())
    }

    /// The next index in the same block; a mark stays.
    #[inline(always)]
    pub(crate) fn next(self) -> Self {
        debug_assert!(self.index() < SLOTS);
        Self(self.0.cast::<u8>().wrapping_add(1).cast())
    }
}

/// In a model, whether a block was retired: reclamation isn't modelled, so a push, which is not
/// pinned, asks here whether its block may have been freed. Nothing in other builds.
pub(crate) struct Life(#[cfg(atomic_lint_loom)] UnsafeCell<bool>);

impl Life {
    #[cfg(not(atomic_lint_loom))]
    pub(crate) fn new() -> Self {
        Self()
    }

    #[cfg(not(atomic_lint_loom))]
    #[inline(always)]
    pub(crate) fn assert(&self) {}

    #[cfg(not(atomic_lint_loom))]
    #[inline(always)]
    pub(crate) fn end(&self) {}

    #[cfg(not(atomic_lint_loom))]
    #[inline(always)]
    pub(crate) fn renew(&self) {}

    #[cfg(atomic_lint_loom)]
    pub(crate) fn new() -> Self {
        Self(UnsafeCell::new(true))
    }

    /// The block has not been retired, and its retirement will be ordered after this.
    #[cfg(atomic_lint_loom)]
    pub(crate) fn assert(&self) {
        // SAFETY: that nobody ends the life beside this is what the model checks.
        assert!(self.0.with(|lives| unsafe { *lives }), "the block was retired under a push");
    }

    #[cfg(atomic_lint_loom)]
    pub(crate) fn end(&self) {
        // SAFETY: as for `assert`.
        assert!(self.0.with_mut(|lives| unsafe { core::mem::replace(&mut *lives, false) }), "retired twice");
    }

    /// The block starts a new life, ordered after everything in its old one.
    #[cfg(atomic_lint_loom)]
    pub(crate) fn renew(&self) {
        self.end();
        // SAFETY: as for `assert`.
        self.0.with_mut(|lives| unsafe { *lives = true });
    }
}
