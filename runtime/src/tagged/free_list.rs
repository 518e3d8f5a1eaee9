//! Slots by index, in lanes.

use super::{Tagged, TaggedIndex};
#[cfg(feature = "std")]
use crate::lane;
use crate::primitive::{weaken, AtomicU32, Ordering};
use crate::Padded;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// Which of a fixed number of slots are free, as stacks of indices.
///
/// What the slots hold is the caller's; whoever takes an index sees what the one who gave it back
/// did before. See the [module](super) for guarantees and protocol.
pub struct FreeList {
    /// As many as a power of two. Slot *n* belongs to lane *n* modulo their number, for ever.
    lanes: Box<[Padded<TaggedIndex>]>,
    /// For each free slot the one of its lane given back before it; [`TAKEN`] for the others, and for
    /// what lies between two lanes, so that they share no cache line.
    links: Box<[AtomicU32]>,
    /// Links from the start of one lane to the start of the next.
    stride: usize,
    capacity: u32,
}

/// After the last free slot.
const END: u32 = u32::MAX;
/// This slot is not free.
const TAKEN: u32 = u32::MAX - 1;
/// Slots in a lane for which another lane is worth its line: threads seldom hold more at once.
const LEAST: u32 = 8;
/// Links between two lanes: the longest cache line.
const GAP: usize = crate::padded::LINE / 4;

impl FreeList {
    /// `capacity` slots, all free, in a lane for each core, as long as that leaves a lane some 8 slots.
    /// With capacity zero there is never one.
    ///
    /// # Panics
    ///
    /// If `capacity` is above 2³² − 2.
    #[must_use]
    pub fn new(capacity: u32) -> Self {
        #[cfg(feature = "std")]
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(16));
        #[cfg(not(feature = "std"))]
        let cores = 1;
        let lanes = cores.min((capacity / LEAST) as usize).max(1);
        Self::with_lanes(capacity, lanes)
    }

    /// `capacity` slots, all free, in `lanes` lanes, rounded up to a power of two. With one lane it
    /// is a stack: the lowest first, and then the last one given back.
    ///
    /// # Panics
    ///
    /// If `capacity` is above 2³² − 2, or there are no lanes.
    #[must_use]
    pub fn with_lanes(capacity: u32, lanes: usize) -> Self {
        assert!(capacity <= TAKEN, "two indices are reserved");
        assert!(lanes > 0, "slots need a lane to lie in");
        let lanes = lanes.next_power_of_two();
        let all = capacity as usize;
        let stride = all / lanes + 1 + GAP;
        let mut links = Vec::with_capacity(lanes * stride);
        let mut heads = Vec::with_capacity(lanes);
        for lane in 0..lanes {
            // Slots `lane`, `lane + lanes`, …
            let slots = (all + lanes - 1 - lane) / lanes;
            let next = |place: usize| if place < slots { place as u32 } else { END };
            heads.push(Padded::new(TaggedIndex::new(next(0))));
            links.extend((0..slots).map(|place| AtomicU32::new(next(place + 1))));
            links.resize_with((lane + 1) * stride, || AtomicU32::new(TAKEN));
        }
        Self { lanes: heads.into(), links: links.into(), stride, capacity }
    }

    /// A slot that is the caller's until it gives it back: from the lane of the current thread if
    /// there is one, else from another lane.
    #[cfg(feature = "std")]
    #[inline]
    pub fn take(&self) -> Option<u32> {
        self.take_in(lane::current())
    }

    /// A slot that is the caller's until it gives it back.
    #[cfg(not(feature = "std"))]
    #[inline]
    pub fn take(&self) -> Option<u32> {
        self.take_in(0)
    }

    /// The same for callers who know better which of them meet, say by the number of a core; `lane`
    /// counts modulo the number of lanes.
    #[inline]
    pub fn take_in(&self, lane: usize) -> Option<u32> {
        let lane = lane & (self.lanes.len() - 1);
        match self.take_from(lane) {
            Ok(slot) => Some(slot),
            Err(_) if self.lanes.len() == 1 => None,
            Err(_) => self.take_elsewhere(lane),
        }
    }

    /// A slot of this lane, or the head of the lane when it was empty.
    #[inline]
    fn take_from(&self, lane: usize) -> Result<u32, Tagged> {
        let head = &self.lanes[lane];
        let mut first = head.load();
        loop {
            if first.index == END {
                return Err(first);
            }
            let link = &self.links[lane * self.stride + first.index as usize];
            // Relaxed: the Acquire of `first` made the link visible; if the slot was taken in between
            // the link may be anything, and the CAS below fails, since the tag changed. Partner:
            // `give_back`.
            let next = link.load(Ordering::Relaxed);
            match head.replace(first, next) {
                Ok(_) => {
                    // Relaxed: the slot is this thread's. Partner: `give_back`, in this thread or in one
                    // that the index was handed to.
                    link.store(TAKEN, Ordering::Relaxed);
                    return Ok(first.index * self.lanes.len() as u32 + lane as u32);
                }
                Err(now) => first = now,
            }
        }
    }

    /// A slot of any lane, or none if all were empty at one moment.
    ///
    /// Lanes looked at one after another may each be empty when looked at, though a slot is given
    /// back to the first while the last one's is taken. So a second look follows: heads that haven't
    /// changed were all empty between the two.
    #[cold]
    fn take_elsewhere(&self, first: usize) -> Option<u32> {
        let lanes = self.lanes.len();
        loop {
            // The heads' tags, added up: each change raises one of them.
            let mut before = 0_u64;
            for lane in (first..lanes).chain(0..first) {
                match self.take_from(lane) {
                    Ok(slot) => return Some(slot),
                    Err(head) => before += u64::from(head.tag),
                }
            }
            // The loads of the first look are Acquire, so that those of the second come after them.
            let after: u64 = self.lanes.iter().map(|head| u64::from(head.load().tag)).sum();
            if before == after || weaken("free-list-look-again") {
                return None;
            }
        }
    }

    /// Makes `slot` free again.
    ///
    /// # Panics
    ///
    /// If `slot` is free already, or was never part of the list: two owners of one slot would be
    /// next.
    #[inline]
    pub fn give_back(&self, slot: u32) {
        assert!(slot < self.capacity, "slot {slot} was never part of the list");
        let lane = slot as usize & (self.lanes.len() - 1);
        let place = slot >> self.lanes.len().trailing_zeros();
        let link = &self.links[lane * self.stride + place as usize];
        let head = &self.lanes[lane];
        let mut first = head.load();
        // Relaxed, Relaxed: claims the slot against a second `give_back`; only that race matters
        // here, and the CAS of the head publishes the link. Partners: itself, `take_from`.
        let claimed = link.compare_exchange(TAKEN, first.index, Ordering::Relaxed, Ordering::Relaxed);
        assert!(claimed.is_ok(), "slot {slot} was given back twice");
        while let Err(now) = head.replace(first, place) {
            first = now;
            // Relaxed: nobody else looks at the slot before the CAS publishes it. Partner: `take_from`.
            link.store(first.index, Ordering::Relaxed);
        }
    }

    /// How many slots there are, free or not.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.capacity
    }
}

impl fmt::Debug for FreeList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreeList")
            .field("capacity", &self.capacity)
            .field("lanes", &self.lanes.len())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_given_out_once() {
        let list = FreeList::with_lanes(3, 1);
        let taken: Vec<u32> = core::iter::from_fn(|| list.take()).collect();
        assert_eq!(taken, [0, 1, 2]);
        list.give_back(1);
        list.give_back(2);
        assert_eq!((list.take(), list.take(), list.take()), (Some(2), Some(1), None));
    }

    #[test]
    fn lanes_lend_to_each_other() {
        for capacity in [0, 1, 3, 4, 5, 100] {
            let list = FreeList::with_lanes(capacity, 4);
            for lane in 0..4 {
                let mut taken: Vec<u32> = core::iter::from_fn(|| list.take_in(lane)).collect();
                assert!(taken.first().map_or(true, |first| *first as usize % 4 == lane || lane >= capacity as usize));
                taken.sort_unstable();
                assert!(taken.iter().copied().eq(0..capacity), "{capacity} in lane {lane}: {taken:?}");
                taken.into_iter().for_each(|slot| list.give_back(slot));
            }
        }
    }

    #[test]
    fn zero_capacity_is_always_empty() {
        assert_eq!(FreeList::new(0).take(), None);
    }

    #[test]
    #[should_panic(expected = "slot 0 was given back twice")]
    fn a_slot_given_back_twice_is_refused() {
        let list = FreeList::new(2);
        let slot = list.take().expect("both are free");
        list.give_back(slot);
        list.give_back(slot);
    }

    #[test]
    #[should_panic(expected = "slot 5 was never part of the list")]
    fn a_slot_between_lanes_is_refused() {
        FreeList::with_lanes(5, 4).give_back(5);
    }

    #[test]
    #[should_panic(expected = "need a lane")]
    fn no_lanes_are_refused() {
        let _ = FreeList::with_lanes(5, 0);
    }

    #[test]
    #[should_panic(expected = "two indices are reserved")]
    fn too_many_slots_are_refused() {
        let _ = FreeList::with_lanes(u32::MAX, 1);
    }
}
