//! Round robin: each call gets the next of several items.
//!
//! | | |
//! |---|---|
//! | progress | wait-free |
//! | producers × consumers | many callers |
//! | reclamation | the items live as long as the [`RoundRobin`] |
//! | empty | refused when made |
//! | fairness | each lane visits the items in turn; with one lane the turns are exact across all threads, with more they differ by at most the number of lanes |
//! | overflow | after 2⁶⁴ turns (2³² on 32-bit targets) a lane may repeat or skip some items once |
//! | cost | one RMW on a line that few threads share |
//! | needs | `alloc`; `std` for [`next`](RoundRobin::next) |
//!
//! # Example
//!
#![cfg_attr(feature = "std", doc = "```")]
#![cfg_attr(not(feature = "std"), doc = "```ignore")]
//! use atomic_lint::RoundRobin;
//!
//! let backends = RoundRobin::new(vec!["a", "b", "c"]);
//! let mut seen = [*backends.next(), *backends.next(), *backends.next()];
//! seen.sort();
//! assert_eq!(seen, ["a", "b", "c"]);
//! ```
//!
//! # Protocol
//!
//! A single shared index makes every caller take turns on its cache line, although callers hardly
//! ever need exact turns across threads. Each thread uses one of several padded indices; they start
//! at different items, so that threads which begin together don't all choose the first item.
//!
//! # When not to use it
//!
//! Where items differ in speed: send to the least loaded. Where exact turns across threads matter,
//! [`with_lanes(items, 1)`](RoundRobin::with_lanes) gives them at the price of the shared line,
//! which made two threads 4 times as slow (`cargo bench -p atomic-lint --bench peers -- round`).

use crate::primitive::{weaken, AtomicUsize, Ordering};
use crate::Padded;
use alloc::boxed::Box;
use core::fmt;

/// Items that take turns.
///
/// See the [module](self) for guarantees and alternatives.
pub struct RoundRobin<T> {
    items: Box<[T]>,
    lanes: Box<[Padded<AtomicUsize>]>,
}

impl<T> RoundRobin<T> {
    /// Takes turns among `items`, with a lane per core, 16 at most.
    ///
    /// # Panics
    ///
    /// If there are no items: nothing could be chosen.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn new(items: impl Into<Box<[T]>>) -> Self {
        let cores = std::thread::available_parallelism().map_or(16, usize::from);
        Self::with_lanes(items, cores.min(16))
    }

    /// Takes turns among `items` in each of `lanes` lanes, rounded up to a power of two.
    ///
    /// # Panics
    ///
    /// If there are no items or no lanes.
    #[must_use]
    pub fn with_lanes(items: impl Into<Box<[T]>>, lanes: usize) -> Self {
        let items = items.into();
        assert!(!items.is_empty(), "nothing to choose from");
        assert!(lanes > 0, "turns need a lane to be counted in");
        let lanes = lanes.next_power_of_two();
        // Spread over the items: lane 1 of 2 starts halfway.
        let start = |lane: usize| lane * (items.len() / lanes).max(1);
        let lanes = (0..lanes).map(|lane| Padded::new(AtomicUsize::new(start(lane)))).collect();
        Self { items, lanes }
    }

    /// The next item in the lane of the current thread.
    #[cfg(feature = "std")]
    #[inline]
    // An iterator would need `&mut self`.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&self) -> &T {
        self.next_in(crate::lane::current())
    }

    /// The next item in lane `lane`, modulo the number of lanes.
    #[inline]
    pub fn next_in(&self, lane: usize) -> &T {
        let lane = &self.lanes[lane & (self.lanes.len() - 1)];
        let turn = if weaken("round-robin-next") {
            // Relaxed twice, on purpose: two callers get the same turn.
            let turn = lane.load(Ordering::Relaxed);
            // atomic-lint: allow(split_read_modify_write) the mistake that a model must catch
            lane.store(turn.wrapping_add(1), Ordering::Relaxed);
            turn
        } else {
            // Relaxed: the items are shared from the start; the RMW alone keeps turns apart. Partner:
            // itself.
            lane.fetch_add(1, Ordering::Relaxed)
        };
        &self.items[turn % self.items.len()]
    }

    /// The items.
    #[must_use]
    pub fn items(&self) -> &[T] {
        &self.items
    }
}

impl<T: fmt::Debug> fmt::Debug for RoundRobin<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RoundRobin").field(&self.items).finish()
    }
}

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn one_lane_takes_exact_turns() {
        let items = RoundRobin::with_lanes(vec!['a', 'b', 'c'], 1);
        let turns: Vec<char> = (0..7).map(|_| *items.next_in(0)).collect();
        assert_eq!(turns, ['a', 'b', 'c', 'a', 'b', 'c', 'a']);
    }

    #[test]
    fn lanes_start_apart() {
        let items = RoundRobin::with_lanes(vec![0, 1, 2, 3], 2);
        assert_eq!((*items.next_in(0), *items.next_in(1)), (0, 2));
        assert_eq!((*items.next_in(2), *items.next_in(3)), (1, 3));
        let few = RoundRobin::with_lanes(vec![0, 1], 4);
        assert_eq!((*few.next_in(0), *few.next_in(1)), (0, 1));
    }

    #[test]
    fn a_wrapping_lane_stays_in_range() {
        let items = RoundRobin::with_lanes(vec![0, 1, 2], 1);
        items.lanes[0].store(usize::MAX, Ordering::Relaxed);
        assert_eq!(*items.next_in(0), usize::MAX % 3);
        assert_eq!(*items.next_in(0), 0);
    }

    #[test]
    #[should_panic(expected = "nothing to choose from")]
    fn no_items_are_refused() {
        let _ = RoundRobin::with_lanes(Vec::<u8>::new(), 1);
    }

    #[test]
    #[should_panic(expected = "need a lane")]
    fn no_lanes_are_refused() {
        let _ = RoundRobin::with_lanes(vec![1], 0);
    }
}
