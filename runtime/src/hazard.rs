//! Hazard pointers: readers announce the one pointer they are using, and nobody frees it.
//!
//! | | [`Hazard::protect`], [`HazardBox::load`] | [`Domain::retire`] |
//! |---|---|---|
//! | progress | lock-free: repeats only when the pointer changed meanwhile | lock-free |
//! | callers | any number of readers | any number of writers |
//! | cost | a store, a full fence and two loads | an allocation; a scan now and then |
//! | reclamation | what a hazard holds is kept, the rest is freed at a scan | bounded: see below |
//!
//! **Bound.** A stalled reader keeps back one object, not everything that is retired after it (which
//! is what a stalled reader does under [epochs](crate::stack)). With *h* hazards at most
//! 2·*h* + 64 retired objects wait per scan, plus what writers retire while one runs.
//! **Panics.** A destructor that panics during a scan loses nothing: the rest of the list is put
//! back and is freed later. **Needs** `alloc`, no `std`.
//!
//! # Example
//!
//! ```
//! use atomic_lint::hazard::{Domain, HazardBox};
//!
//! let domain = Domain::new();
//! let config = HazardBox::new(&domain, String::from("first"));
//! let mut hazard = domain.hazard(); // once per thread, then reused
//!
//! let seen = config.load(&mut hazard);
//! config.store(String::from("second")); // `seen` is retired, not freed
//! assert_eq!(seen, "first");
//! assert_eq!(config.load(&mut hazard), "second");
//! ```
//!
//! # Protocol
//!
//! A reader stores the pointer into its slot, issues a sequentially consistent fence and reads the
//! source again; if that still holds the pointer, it is protected. A writer unlinks an object,
//! retires it, issues the same fence and reads all slots. One of the two fences comes first in
//! their total order: either the reader's second load sees that the object is gone, or the
//! writer's scan sees the slot. This store-then-load on both sides is why the fence can't be
//! weaker than sequentially consistent. (Michael, *Hazard Pointers: Safe Memory Reclamation for
//! Lock-Free Objects*, 2004.)
//!
//! # When not to use it
//!
//! Every protected load costs a full fence. Where one object is published, take
//! [`Snapshot`](crate::Snapshot): its load is slower (4.5 against 2.0 ns with two readers), but its
//! guards may be many and turn into an `Arc`, and its cached reader (0.55 ns) needs no fence. Where
//! many nodes are traversed per operation, epochs (`crossbeam-epoch`) fence once per operation
//! rather than once per pointer. `cargo bench -p atomic-lint --bench peers -- snapshot` measures it.
//!
//! This module is deliberately small: one flat slot list, no thread-local cache of slots. Take the
//! `haphazard` crate for many threads that come and go, for domains with type-level families and
//! for the asymmetric fences that make the reader's side nearly free.

use crate::primitive::{argued, const_fn, fence, weaken, AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use crate::Padded;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::ptr;

/// The set of hazards that are looked at before an object is freed.
///
/// Objects retired in one domain are protected only by hazards of the same one.
pub struct Domain {
    /// All slots ever made, linked by `Slot::next`; they live as long as the domain.
    // atomic-lint: allow(unpadded_hot_atomics) slots are made once; who retires or reclaims uses the rest together
    slots: AtomicPtr<Padded<Slot>>,
    slot_count: AtomicUsize,
    /// Objects to be freed, linked by `Retired::next`.
    retired: AtomicPtr<Retired>,
    retired_count: AtomicUsize,
}

/// One announced pointer, owned by one [`Hazard`] at a time.
struct Slot {
    protected: AtomicPtr<()>,
    is_taken: AtomicBool,
    /// Written before the slot is linked, never after.
    next: *mut Padded<Slot>,
}

/// An unlinked object and the function that frees it.
struct Retired {
    object: *mut (),
    free: unsafe fn(*mut ()),
    next: *mut Retired,
}

// SAFETY: slots are shared through atomics only, and `retire` demands that what it takes may be
// dropped on any thread, which is all that moving or sharing the domain can cause.
unsafe impl Send for Domain {}
// SAFETY: as for `Send`.
unsafe impl Sync for Domain {}

impl Domain {
    const_fn! {
        /// A domain without hazards and without garbage.
        #[must_use]
        pub fn new() -> Self {
            Self {
                slots: AtomicPtr::new(ptr::null_mut()),
                slot_count: AtomicUsize::new(0),
                retired: AtomicPtr::new(ptr::null_mut()),
                retired_count: AtomicUsize::new(0),
            }
        }
    }

    /// A hazard that protects nothing yet: a slot that was given back, or a new one.
    #[must_use]
    pub fn hazard(&self) -> Hazard<'_> {
        // Acquire: the `next` fields and the slots were written before they were linked.
        // Partner: `add_slot`.
        let mut slot = self.slots.load(argued(Ordering::Acquire, "hazard-slots"));
        // SAFETY: slots are freed only by `Domain::drop`, which the borrow of `self` excludes.
        while let Some(candidate) = unsafe { slot.as_ref() } {
            // Acquire: the former owner's last store to `protected` comes before ours.
            // Relaxed on failure: somebody else owns the slot. Partner: `Hazard::drop`.
            let order = argued(Ordering::Acquire, "hazard-take");
            let taken = candidate.is_taken.compare_exchange(false, true, order, Ordering::Relaxed);
            if taken.is_ok() {
                return Hazard { domain: self, slot: candidate };
            }
            slot = candidate.next;
        }
        Hazard { domain: self, slot: self.add_slot() }
    }

    fn add_slot(&self) -> &Slot {
        let slot = Box::into_raw(Box::new(Padded::new(Slot {
            protected: AtomicPtr::new(ptr::null_mut()),
            is_taken: AtomicBool::new(true),
            next: ptr::null_mut(),
        })));
        // Relaxed: only compared and stored as a link, never dereferenced here. Partner: `add_slot` of
        // another thread.
        let mut head = self.slots.load(Ordering::Relaxed);
        loop {
            // SAFETY: the slot is ours alone until the compare-and-swap links it.
            unsafe { &mut *slot }.next = head;
            // Release: publishes the slot and its link. Relaxed on failure: the new head is again
            // only stored as a link. Partners: `hazard`, `scan`.
            let order = argued(Ordering::Release, "hazard-add-slot");
            match self.slots.compare_exchange_weak(head, slot, order, Ordering::Relaxed) {
                Ok(_) => break,
                Err(current) => head = current,
            }
        }
        // Relaxed: only tunes how often `retire` scans. Partner: `retire`.
        self.slot_count.fetch_add(1, Ordering::Relaxed);
        // SAFETY: slots are freed only by `Domain::drop`, which the borrow of `self` excludes.
        unsafe { &*slot }
    }

    /// Frees `object` once no hazard of this domain protects it, at the latest when the domain is
    /// dropped. Now and then the call scans the hazards and frees what it can, on this thread.
    ///
    /// # Safety
    ///
    /// `object` comes from `Box::into_raw`, is retired once, can no longer be reached from any
    /// pointer that a reader may protect, and that unlinking happened before this call.
    pub unsafe fn retire<T: Send + 'static>(&self, object: *mut T) {
        unsafe fn free<T>(object: *mut ()) {
            // SAFETY: `retire` stored this function with a pointer from `Box<T>` that its caller
            // gave up, and each entry of the list is taken once.
            drop(unsafe { Box::from_raw(object.cast::<T>()) });
        }
        let entry = Box::into_raw(Box::new(Retired { object: object.cast(), free: free::<T>, next: ptr::null_mut() }));
        // Relaxed: the counts only tune how often a scan runs; a scan that comes early or late is
        // correct all the same. Counted before it is listed, so that the count is never short. Partners:
        // `add_slot`, `Unfreed::drop`.
        let waiting = self.retired_count.fetch_add(1, Ordering::Relaxed) + 1;
        // SAFETY: the entry is a list of one that is ours alone.
        unsafe { self.put_back(entry, entry) };
        if waiting >= 2 * self.slot_count.load(Ordering::Relaxed) + 64 {
            self.reclaim();
        }
    }

    /// Frees every retired object that no hazard protects and returns their number.
    ///
    /// # Panics
    ///
    /// If a destructor panics; what it had not reached yet stays retired.
    pub fn reclaim(&self) -> usize {
        // Acquire: the entries, and the unlinking that each retiring thread did before, come before
        // the scan. The fence below would do as well, but a sanitizer sees no fences. Partner:
        // `put_back`.
        let list = self.retired.swap(ptr::null_mut(), argued(Ordering::Acquire, "hazard-reclaim"));
        if list.is_null() {
            return 0;
        }
        // SeqCst: the unlinking comes before this fence, the scan after it; see the protocol on
        // the module's page. Partner: the fence in `Hazard::announce`.
        if !weaken("hazard-scan") && !weaken("hazard-reclaim") {
            fence(Ordering::SeqCst);
        }
        let protected = self.scan();
        let mut rest = Unfreed { domain: self, list, kept: ptr::null_mut(), last_kept: ptr::null_mut(), freed: 0 };
        while let Some(entry) = rest.pop() {
            if protected.binary_search(&entry.object).is_ok() {
                rest.keep(entry);
            } else {
                let Retired { object, free, .. } = *entry;
                rest.freed += 1;
                // SAFETY: the object was unreachable before the fence and no hazard held it after,
                // so no reader has it or can get it; the entry was taken from the list once.
                unsafe { free(object) };
            }
        }
        rest.freed
    }

    /// The protected pointers, in order.
    fn scan(&self) -> Vec<*mut ()> {
        let mut protected = Vec::new();
        // Acquire: the slots' links were written before they were linked. Partner: `add_slot`.
        let mut slot = self.slots.load(argued(Ordering::Acquire, "hazard-scan-slots"));
        // SAFETY: slots are freed only by `Domain::drop`, which the borrow of `self` excludes.
        while let Some(current) = unsafe { slot.as_ref() } {
            // Acquire: a reader that let go of an object finished with it before we free it.
            // Partners: the stores in `Hazard::announce` and `Hazard::reset`.
            let object = current.protected.load(argued(Ordering::Acquire, "hazard-let-go"));
            if !object.is_null() {
                protected.push(object);
            }
            slot = current.next;
        }
        protected.sort_unstable();
        protected
    }

    /// Puts the entries from `first` to `last` on the list of retired objects.
    ///
    /// # Safety
    ///
    /// The entries are linked in that order and belong to the caller alone.
    unsafe fn put_back(&self, first: *mut Retired, last: *mut Retired) {
        // Relaxed: only stored as a link, never dereferenced here. Partner: `put_back` of another thread.
        let mut head = self.retired.load(Ordering::Relaxed);
        loop {
            // SAFETY: the entry is the caller's alone until the compare-and-swap links it.
            unsafe { (*last).next = head };
            // Release: publishes the entries and the unlinking before. Relaxed on failure: the new
            // head is again only stored as a link. Partner: `reclaim`.
            // atomic-lint: allow(cas_loop_without_backoff) measured: a wait makes two threads at one word anything from half to five times as fast
            match self.retired.compare_exchange_weak(
                head,
                first,
                argued(Ordering::Release, "hazard-retire"),
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(current) => head = current,
            }
        }
    }
}

impl Default for Domain {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Relaxed: two numbers for a human. Partners: `add_slot`, `retire`.
        f.debug_struct("Domain")
            .field("hazards", &self.slot_count.load(Ordering::Relaxed))
            .field("retired", &self.retired_count.load(Ordering::Relaxed))
            .finish()
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        // Hazards borrow the domain, so none is in use; one that was leaked protects nothing now.
        let mut guard = FreeAll(self);
        guard.forget_hazards();
        guard.free_retired();
    }
}

/// Frees what a domain holds, and carries on when a destructor panics on the way.
struct FreeAll<'d>(&'d mut Domain);

impl FreeAll<'_> {
    fn forget_hazards(&mut self) {
        // Relaxed, here and below: the domain is being dropped, so this thread is its only user.
        // Partner: none.
        let mut slot = self.0.slots.load(Ordering::Relaxed);
        // SAFETY: slots are freed only by `FreeAll::drop`, which comes later.
        while let Some(current) = unsafe { slot.as_ref() } {
            current.protected.store(ptr::null_mut(), Ordering::Relaxed);
            slot = current.next;
        }
    }

    fn free_retired(&mut self) {
        // Destructors may retire more.
        while self.0.reclaim() != 0 {}
    }
}

impl Drop for FreeAll<'_> {
    fn drop(&mut self) {
        // Finds nothing unless a destructor panicked before.
        self.free_retired();
        // Relaxed: as in `forget_hazards`. Partner: none.
        let mut slot = self.0.slots.swap(ptr::null_mut(), Ordering::Relaxed);
        while !slot.is_null() {
            // SAFETY: `add_slot` made the slot from a box, and the swap took the list once.
            slot = unsafe { Box::from_raw(slot) }.next;
        }
    }
}

/// A list taken off a domain; what a panic leaves unfreed goes back.
struct Unfreed<'d> {
    domain: &'d Domain,
    list: *mut Retired,
    kept: *mut Retired,
    last_kept: *mut Retired,
    freed: usize,
}

impl Unfreed<'_> {
    fn pop(&mut self) -> Option<Box<Retired>> {
        if self.list.is_null() {
            return None;
        }
        // SAFETY: `reclaim` swapped the list out, so its entries are ours alone, each a box made
        // by `retire`.
        let entry = unsafe { Box::from_raw(self.list) };
        self.list = entry.next;
        Some(entry)
    }

    fn keep(&mut self, mut entry: Box<Retired>) {
        entry.next = self.kept;
        let entry = Box::into_raw(entry);
        if self.last_kept.is_null() {
            self.last_kept = entry;
        }
        self.kept = entry;
    }
}

impl Drop for Unfreed<'_> {
    fn drop(&mut self) {
        // Empty unless a destructor panicked.
        while let Some(entry) = self.pop() {
            self.keep(entry);
        }
        if !self.kept.is_null() {
            // SAFETY: `keep` linked the entries from `kept` to `last_kept`, and they are ours.
            unsafe { self.domain.put_back(self.kept, self.last_kept) };
        }
        // Relaxed: tuning only. Partner: `Domain::retire`.
        self.domain.retired_count.fetch_sub(self.freed, Ordering::Relaxed);
    }
}

/// Protects one object at a time from being freed; made by [`Domain::hazard`].
///
/// Making one takes a walk over the slots, so keep it for the life of the thread.
pub struct Hazard<'d> {
    domain: &'d Domain,
    slot: &'d Slot,
}

// SAFETY: the slot is touched through atomics only and belongs to this hazard alone, so another
// thread may carry on with it.
unsafe impl Send for Hazard<'_> {}

impl<'d> Hazard<'d> {
    /// Reads `source` and protects what it points to, until the hazard is used again.
    ///
    /// # Safety
    ///
    /// Every non-null pointer in `source` points to a live `T` shared for reading, and is retired
    /// only in this hazard's domain and only after it was taken out of `source` (and out of every
    /// other place that is protected from).
    #[inline]
    pub unsafe fn protect<'h, T>(&'h mut self, source: &AtomicPtr<T>) -> Option<&'h T> {
        // Relaxed: a candidate; nothing is dereferenced until it has been confirmed. Partner: whoever
        // stores to `source`.
        let mut candidate = source.load(Ordering::Relaxed);
        loop {
            self.announce(candidate.cast());
            // Acquire: what the object holds was written before it was published. The fence in
            // `announce` does it for the candidate, but the address may have been freed and
            // published anew in between, and then this load alone reads the later publication.
            // Partner: whoever stores to `source`, for example `HazardBox::swap`.
            let current = source.load(argued(Ordering::Acquire, "hazard-protect"));
            if current == candidate {
                // SAFETY: the pointer was in `source` after the announcement's fence, so it had
                // not been retired before, and every scan from then on sees the slot.
                return unsafe { candidate.as_ref() };
            }
            candidate = current;
        }
    }

    /// Protects nothing any more.
    #[inline]
    pub fn reset(&mut self) {
        // Release: the reader's accesses come before the object is freed. Partner: `Domain::scan`.
        self.slot.protected.store(ptr::null_mut(), argued(Ordering::Release, "hazard-reset"));
    }

    /// The domain that this hazard belongs to.
    #[must_use]
    pub fn domain(&self) -> &'d Domain {
        self.domain
    }

    #[inline]
    fn announce(&mut self, object: *mut ()) {
        // Release: accesses to the object that was protected before come before its end.
        // Partner: `Domain::scan`.
        self.slot.protected.store(object, argued(Ordering::Release, "hazard-move-on"));
        // SeqCst: the slot is written before this fence, the source read after it; see the
        // protocol on the module's page. Partner: the fence in `Domain::reclaim`.
        if !weaken("hazard-announce") {
            fence(Ordering::SeqCst);
        }
    }
}

impl Drop for Hazard<'_> {
    fn drop(&mut self) {
        self.reset();
        // Release: the store above comes before the next owner's. Partner: `Domain::hazard`.
        self.slot.is_taken.store(false, argued(Ordering::Release, "hazard-give-back"));
    }
}

impl fmt::Debug for Hazard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hazard").finish_non_exhaustive()
    }
}

/// An owned object that many threads read through hazards and replace as a whole.
///
/// It is the safe form of the pattern; see the [module](self) for an example.
pub struct HazardBox<'d, T: Send + Sync + 'static> {
    domain: &'d Domain,
    object: AtomicPtr<T>,
    owns: PhantomData<T>,
}

impl<'d, T: Send + Sync + 'static> HazardBox<'d, T> {
    /// Publishes `value`, to be read through hazards of `domain`.
    #[must_use]
    pub fn new(domain: &'d Domain, value: T) -> Self {
        Self { domain, object: AtomicPtr::new(Box::into_raw(Box::new(value))), owns: PhantomData }
    }

    /// The current object, kept until the hazard is used again, however often it is replaced.
    ///
    /// # Panics
    ///
    /// If the hazard belongs to another domain.
    #[inline]
    pub fn load<'h>(&self, hazard: &'h mut Hazard<'_>) -> &'h T {
        assert!(ptr::eq(self.domain, hazard.domain), "the hazard belongs to another domain");
        // SAFETY: the pointer is always a live box, `store` and `drop` retire it in this domain
        // and after taking it out, and `T` is `Sync`.
        unsafe { hazard.protect(&self.object) }.expect("a `HazardBox` always holds an object")
    }

    /// Replaces the object; the old one is freed once no reader holds it.
    pub fn store(&self, value: T) {
        let new = Box::into_raw(Box::new(value));
        // AcqRel: Release publishes the value to `load`; Acquire because the old object, which
        // another `store` may have published, is handed on to be freed.
        // Partners: `load`, `store`.
        let old = self.object.swap(new, argued(Ordering::AcqRel, "hazard-swap"));
        // SAFETY: the swap took the old box out, once, and it came from `Box::into_raw`.
        unsafe { self.domain.retire(old) };
    }
}

impl<T: Send + Sync + 'static> Drop for HazardBox<'_, T> {
    fn drop(&mut self) {
        // Relaxed: the box is being dropped, so no other thread uses the pointer's place. Partner: none,
        // the owner of `&mut self` has seen every `store`.
        let object = self.object.load(Ordering::Relaxed);
        // SAFETY: nobody can load the object from here any more; readers that still hold it do so
        // through hazards of this domain.
        unsafe { self.domain.retire(object) };
    }
}

impl<T: Send + Sync + 'static> fmt::Debug for HazardBox<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HazardBox").finish_non_exhaustive()
    }
}
