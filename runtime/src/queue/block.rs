//! The blocks of a queue, and what happens in a slot.

use crate::blocks::{Life, Position, SLOTS};
use crate::primitive::{argued, weaken, AtomicPtr, AtomicU8, Exclusive, Ordering, UnsafeCell};
use crate::Backoff;
use alloc::alloc::{alloc, handle_alloc_error, Layout};
use core::mem::MaybeUninit;
use core::ptr::{self, addr_of_mut};

/// The alignment leaves six bits of a block's address for an index, and one for a mark.
#[repr(align(128))]
pub(super) struct Block<T> {
    /// Null until the one push that links a successor.
    pub(super) next: AtomicPtr<Block<T>>,
    /// The next one of the blocks that were set aside. Belongs to whoever has the block's list.
    pub(super) aside: UnsafeCell<*mut Block<T>>,
    pub(super) life: Life,
    pub(super) slots: [Slot<T>; SLOTS],
}

/// Visited once by the push and once by the pop that claimed it. The one that comes second finishes
/// it, and neither touches it afterwards.
pub(super) struct Slot<T> {
    state: AtomicU8,
    /// Written by the push; moved out by the pop, or by the push whose slot was skipped.
    value: UnsafeCell<MaybeUninit<T>>,
}

/// Nobody has come.
const EMPTY: u8 = 0;
/// The push has published its value.
const FULL: u8 = 1;
/// The pop came first and went on without a value; the push takes another slot.
const SKIPPED: u8 = 2;
/// Both have come, and neither looks at the slot again.
const FINISHED: u8 = 3;

impl<T> Block<T> {
    /// A block of empty slots. Built in place, for it may be too large for a thread's stack.
    pub(super) fn boxed() -> *mut Self {
        let layout = Layout::new::<Self>();
        // SAFETY: the layout is that of a struct with a pointer, so its size is not zero.
        let block = unsafe { alloc(layout) }.cast::<Self>();
        if block.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: the memory is fresh and large enough; all fields are written, and a value without
        // content needs no writing outside models.
        unsafe {
            addr_of_mut!((*block).next).write(AtomicPtr::new(ptr::null_mut()));
            addr_of_mut!((*block).aside).write(UnsafeCell::new(ptr::null_mut()));
            addr_of_mut!((*block).life).write(Life::new());
            for index in 0..SLOTS {
                let slot = addr_of_mut!((*block).slots[index]);
                addr_of_mut!((*slot).state).write(AtomicU8::new(EMPTY));
                addr_of_mut!((*slot).value).write(UnsafeCell::new(MaybeUninit::uninit()));
            }
        }
        block
    }

    /// The visit of a push to the first slot, before the block is linked.
    pub(super) fn start_with(&mut self, value: T) {
        self.slots[0].put(value);
        self.slots[0].state.set_exclusive(FULL);
    }

    /// Undoes `start_with`.
    ///
    /// # Safety
    ///
    /// It came last.
    pub(super) unsafe fn take_back(&mut self) -> T {
        self.slots[0].state.set_exclusive(EMPTY);
        // SAFETY: the slot was filled and nobody has seen it.
        unsafe { self.slots[0].take() }
    }

    /// Makes a used block as good as a new one.
    pub(super) fn reset(&mut self) {
        self.life.renew();
        self.next.set_exclusive(ptr::null_mut());
        for slot in &mut self.slots {
            slot.state.set_exclusive(EMPTY);
        }
    }

    /// The slot at a position, for its visitor.
    ///
    /// # Safety
    ///
    /// The caller has claimed the slot and not visited it yet.
    #[inline(always)]
    pub(super) unsafe fn slot<'a>(place: Position<Self>) -> &'a Slot<T> {
        // SAFETY: a block is neither freed nor used again before all of its slots are finished.
        let block: &Self = unsafe { &*place.block() };
        block.life.assert();
        &block.slots[place.index()]
    }

    /// Whether both visitors of every slot are done with the block.
    pub(super) fn is_finished(&self) -> bool {
        // Acquire: whatever the visitors did here happens before the block is freed. Partner: `finish`.
        let is_finished = |slot: &Slot<T>| slot.state.load(argued(Ordering::Acquire, "queue-is-finished")) == FINISHED;
        self.slots.iter().all(is_finished) || weaken("queue-unfinished")
    }
}

impl<T> Slot<T> {
    #[inline(always)]
    fn put(&self, value: T) {
        // SAFETY: nobody reads a value that isn't published, and one push visits the slot.
        self.value.with_mut(|slot| unsafe { *slot = MaybeUninit::new(value) });
    }

    /// Moves the value out.
    ///
    /// # Safety
    ///
    /// There is one, and the caller alone takes it.
    #[inline(always)]
    unsafe fn take(&self) -> T {
        // SAFETY: what the caller vouches for.
        self.value.with(|value| unsafe { (*value).assume_init_read() })
    }

    /// The visit of the push that claimed the slot: publishes the value, or gives it back if a pop has
    /// skipped the slot.
    ///
    /// # Safety
    ///
    /// The caller has claimed the slot for a push.
    #[inline(always)]
    pub(super) unsafe fn fill(&self, value: T) -> Result<(), T> {
        self.put(value);
        // Release: publishes the value. Partners: `empty`, `skip`.
        if self.state.swap(FULL, argued(Ordering::Release, "queue-fill")) == EMPTY {
            return Ok(());
        }
        // SAFETY: a pop has skipped the slot, so this push has its value to itself.
        Err(unsafe { self.take_back() })
    }

    /// # Safety
    ///
    /// The caller has put a value here, and a pop has skipped the slot before it was published.
    #[cold]
    unsafe fn take_back(&self) -> T {
        // Acquire: the pop is done with the block, and this push will say so for both. What is read was
        // written by this thread, but continues the release sequence of the pop. Partner: `skip`.
        self.state.load(argued(Ordering::Acquire, "queue-take-back"));
        // SAFETY: what the caller vouches for.
        let value = unsafe { self.take() };
        self.finish();
        value
    }

    /// The visit of the pop that claimed the slot: takes the value, or skips the slot if its push is
    /// held up.
    ///
    /// # Safety
    ///
    /// The caller has claimed the slot for a pop.
    #[inline(always)]
    pub(super) unsafe fn empty(&self) -> Option<T> {
        // Acquire: the value. Partner: `fill`.
        if self.state.load(argued(Ordering::Acquire, "queue-empty")) != FULL && !self.wait_or_skip() {
            return None;
        }
        // SAFETY: the value was published, and one pop visits the slot.
        let value = unsafe { self.take() };
        self.finish();
        Some(value)
    }

    /// Whether the slot was filled after all.
    #[cold]
    fn wait_or_skip(&self) -> bool {
        let mut patience = Backoff::new();
        // A pop that has caught up with a running push lets it get ahead, or every line would go to and fro.
        while !patience.is_over() && !cfg!(atomic_lint_loom) {
            patience.lose();
            // Acquire: as in `empty`. Partner: `fill`.
            if self.state.load(argued(Ordering::Acquire, "queue-empty")) == FULL {
                return true;
            }
        }
        // Release: the push finishes the slot for both, after all that this pop has done in the block.
        // Acquire on failure: the value. Partners: `take_back`, `fill`.
        let skipped = self.state.compare_exchange(
            EMPTY,
            SKIPPED,
            argued(Ordering::Release, "queue-skip"),
            argued(Ordering::Acquire, "queue-skip-late"),
        );
        skipped.is_err()
    }

    /// Whether there is a published value.
    pub(super) fn is_full(&self) -> bool {
        // Acquire: if a pop has emptied or skipped the slot, `head` is seen to have moved. Partners:
        // `finish`, `wait_or_skip`.
        self.state.load(argued(Ordering::Acquire, "queue-is-full")) == FULL
    }

    /// The second visitor's last access, after which the block may be freed.
    #[inline(always)]
    fn finish(&self) {
        // Release: this visitor's accesses, and through what it acquired the first one's, happen before
        // the block is freed. Partner: `is_finished`.
        self.state.store(FINISHED, argued(Ordering::Release, "queue-finish"));
    }
}
