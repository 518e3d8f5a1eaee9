//! Where a queue's blocks come from and go to.
//!
//! A block that `head` has left is reachable from nowhere any more, but two kinds of threads may still
//! use it: those with a claimed slot there, who finish the slot, and those who found `head` or `tail`
//! at the end of the block and look into it, who are counted. When the slots are finished and a
//! moment without lookers has passed since `head` left, the block can serve again, without the
//! allocator and while it is in the cache. Where lookers are never gone, because there are so many
//! threads or because one of them is suspended, blocks are retired instead: lookers are pinned, too.

use super::block::Block;
use crate::epoch::{self, Guard};
use crate::primitive::{argued, weaken, AtomicPtr, AtomicUsize, Exclusive, Ordering};
use alloc::boxed::Box;
use core::ptr;

pub(super) struct Supply<T> {
    /// How many threads look into blocks without having a slot there.
    lookers: AtomicUsize,
    /// How many blocks `head` has left.
    left: AtomicUsize,
    /// A list of blocks that `head` has left. Whoever takes it owns it whole.
    aside: AtomicPtr<Block<T>>,
    /// A block that is as good as new, or null.
    spare: AtomicPtr<Block<T>>,
}

/// Blocks beyond this many aren't set aside for lookers.
const MANY: usize = if cfg!(atomic_lint_loom) { 1 } else { 4 };

impl<T> Supply<T> {
    pub(super) fn new() -> Self {
        Self {
            lookers: AtomicUsize::new(0),
            left: AtomicUsize::new(0),
            aside: AtomicPtr::new(ptr::null_mut()),
            spare: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// A block of empty slots but the first, which is full.
    pub(super) fn starting_with(&self, value: T) -> *mut Block<T> {
        let block = self.take_spare().unwrap_or_else(Block::boxed);
        // SAFETY: the block is a box that nobody else can reach.
        unsafe { &mut *block }.start_with(value);
        block
    }

    /// Undoes `starting_with`.
    ///
    /// # Safety
    ///
    /// The block comes from there, and nobody else has seen it.
    pub(super) unsafe fn take_back(&self, block: *mut Block<T>) -> T {
        // SAFETY: what the caller vouches for.
        let value = unsafe { (*block).take_back() };
        self.keep(block);
        value
    }

    #[inline]
    fn take_spare(&self) -> Option<*mut Block<T>> {
        // Relaxed: only compared. Partner: `keep`.
        if self.spare.load(Ordering::Relaxed).is_null() {
            return None;
        }
        // Acquire: the block as it was made new. Partner: `keep`.
        let spare = self.spare.swap(ptr::null_mut(), argued(Ordering::Acquire, "queue-take-spare"));
        (!spare.is_null()).then_some(spare)
    }

    /// Keeps or frees a block that is as good as new and that nobody else can reach.
    fn keep(&self, block: *mut Block<T>) {
        // Release: the block as it is now. Relaxed on failure: not dereferenced. Partner: `take_spare`.
        let kept = self.spare.compare_exchange(
            ptr::null_mut(),
            block,
            argued(Ordering::Release, "queue-keep"),
            Ordering::Relaxed,
        );
        if kept.is_err() {
            // SAFETY: the block is a box that nobody else can reach.
            drop(unsafe { Box::from_raw(block) });
        }
    }

    /// How many blocks `head` has left. While this stays the same no block starts a new life.
    pub(super) fn left(&self) -> usize {
        // Acquire: `head` is seen to have left these blocks. Partner: `leave`.
        self.left.load(argued(Ordering::Acquire, "queue-left"))
    }

    /// Takes over a block that `head` has left.
    ///
    /// # Safety
    ///
    /// The caller, a looker, has moved `head` from the end of the block, and `tail` lies beyond.
    pub(super) unsafe fn leave(&self, block: *mut Block<T>) {
        // Release: `head` has left the block. Partner: `left`.
        self.left.fetch_add(1, argued(Ordering::Release, "queue-leave"));
        self.set_aside(block);
    }

    /// Calls `look`, which may follow `head` and `tail` into a block.
    pub(super) fn look<R>(&self, guard: &Guard, look: impl FnOnce() -> R) -> R {
        // Acquire: if the last looker came before, `head` and `tail` are seen to lie beyond the blocks
        // that it makes new. Partner: `look`.
        self.lookers.fetch_add(1, argued(Ordering::Acquire, "queue-look"));
        let result = look();
        let aside = self.take_aside();
        // Release: for those who come later, as above, and for the last looker: this one is done with
        // all blocks. Acquire: the other side of that. Partner: `look`.
        let order = match weaken("queue-last-looker") {
            true => Ordering::Release,
            false => argued(Ordering::AcqRel, "queue-looked"),
        };
        let is_unseen = self.lookers.fetch_sub(1, order) == 1 || weaken("queue-unseen");
        self.sort(aside, is_unseen, guard);
        result
    }

    /// The blocks that were set aside; none is reachable.
    fn take_aside(&self) -> *mut Block<T> {
        // Relaxed: only compared. Partner: `set_aside`.
        if self.aside.load(Ordering::Relaxed).is_null() {
            return ptr::null_mut();
        }
        // Acquire: the list's links, and that `head` has left the blocks. Partner: `set_aside`.
        self.aside.swap(ptr::null_mut(), argued(Ordering::Acquire, "queue-take-aside"))
    }

    /// Decides what becomes of each block of a list that this thread has taken. `is_unseen` says that a
    /// moment without lookers has passed since.
    fn sort(&self, mut aside: *mut Block<T>, is_unseen: bool, guard: &Guard) {
        let mut many = 0;
        while !aside.is_null() {
            let block = aside;
            // SAFETY: blocks aside are boxes, and this thread has taken the list.
            unsafe {
                aside = (*block).aside.with(|next| *next);
                many += 1;
                if !(*block).is_finished() {
                    self.set_aside(block);
                } else if is_unseen {
                    (*block).reset();
                    self.keep(block);
                } else if many > MANY {
                    (*block).life.end();
                    epoch::retire(guard, block);
                } else {
                    self.set_aside(block);
                }
            }
        }
    }

    fn set_aside(&self, block: *mut Block<T>) {
        // Relaxed, here and on failure: only stored as a link and compared. Partner: `take_aside`.
        let mut first = self.aside.load(Ordering::Relaxed);
        loop {
            // SAFETY: the block is a box, and whoever sets it aside has its link to itself.
            unsafe { (*block).aside.with_mut(|next| *next = first) };
            // Release: the link, and all that this thread knows of the block. Partner: `take_aside`.
            match self.aside.compare_exchange_weak(
                first,
                block,
                argued(Ordering::Release, "queue-set-aside"),
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }
}

impl<T> Drop for Supply<T> {
    fn drop(&mut self) {
        let spare = self.spare.exclusive();
        if !spare.is_null() {
            // SAFETY: the block is a box that nothing else points to.
            drop(unsafe { Box::from_raw(spare) });
        }
        let mut aside = self.aside.exclusive();
        while !aside.is_null() {
            // SAFETY: as above.
            let block = unsafe { Box::from_raw(aside) };
            // SAFETY: the block is this thread's own.
            aside = block.aside.with(|next| unsafe { *next });
        }
    }
}
