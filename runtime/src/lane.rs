//! Which lane of a striped structure the current thread uses.

/// A number that threads share as little as possible: 0, 1, 2, … in the order in which they ask
/// first.
#[cfg(all(feature = "std", not(atomic_lint_loom)))]
#[inline]
pub(crate) fn current() -> usize {
    use crate::primitive::{AtomicUsize, Ordering};
    use std::cell::Cell;

    static NEXT: AtomicUsize = AtomicUsize::new(0);
    const UNKNOWN: usize = usize::MAX;
    std::thread_local! {
        static LANE: Cell<usize> = const { Cell::new(UNKNOWN) };
    }

    #[cold]
    fn assign(lane: &Cell<usize>) -> usize {
        // Relaxed: an id allocator; the RMW alone keeps the numbers apart. Partner: itself.
        let next = NEXT.fetch_add(1, Ordering::Relaxed) & (usize::MAX >> 1);
        lane.set(next);
        next
    }

    LANE.with(|lane| match lane.get() {
        UNKNOWN => assign(lane),
        known => known,
    })
}

/// Loom's threads share one thread of the system: models name their lanes.
#[cfg(all(feature = "std", atomic_lint_loom))]
pub(crate) fn current() -> usize {
    0
}
