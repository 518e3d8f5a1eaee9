//! What stack and queue share: nodes come in blocks, and a position is a block and an index in one
//! word.
//!
//! One allocation, and later one deferred free, serves [`SLOTS`] values. Blocks are aligned so that
//! an address leaves room for the index: whoever moves a position from one index to the next by a
//! compare-and-swap owns the slot, and needs not have looked into the block before.

#[cfg(atomic_lint_loom)]
use crate::primitive::UnsafeCell;
use core::mem::align_of;

/// Slots in a block: as many as six bits of an address count. Two in a model, so that a few operations
/// need more than one block.
pub(crate) const SLOTS: usize = if cfg!(atomic_lint_loom) { 2 } else { 63 };

/// A block and an index from 0 to [`SLOTS`], which stands for the end; or nowhere at all.
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
    /// The bits of an address that its alignment leaves for the index.
    const INDEX: usize = {
        assert!(align_of::<B>() > SLOTS, "a block's alignment leaves room for an index");
        align_of::<B>() - 1
    };

    /// What an atomic word holds.
    #[inline(always)]
    pub(crate) fn from_word(word: *mut B) -> Self {
        Self(word)
    }

    /// `index` in `block`. The address keeps the block's provenance.
    #[inline(always)]
    pub(crate) fn new(block: *mut B, index: usize) -> Self {
        debug_assert!(block as usize & Self::INDEX == 0 && index <= SLOTS);
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
        self.0 as usize & Self::INDEX
    }

    #[inline(always)]
    pub(crate) fn block(self) -> *mut B {
        self.0.cast::<u8>().wrapping_sub(self.index()).cast()
    }

    /// The next index in the same block.
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
}
