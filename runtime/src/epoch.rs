//! The grace periods behind [`Stack`](crate::stack::Stack) and [`Queue`](crate::queue::Queue).
//!
//! One place says what they need from `crossbeam-epoch`: pin, retire, and which collector a guard
//! belongs to. Under loom a stand-in keeps every retired node to the end of the model, because the
//! collector's internals can't be modelled from outside: the models prove the structures' own
//! orderings, hazard pointers are modelled with their reclamation in [`hazard`](crate::hazard).

#[cfg(all(feature = "std", not(atomic_lint_loom)))]
pub use crossbeam_epoch::{default_collector, pin};
#[cfg(not(atomic_lint_loom))]
pub use crossbeam_epoch::{Collector, Guard, LocalHandle};

#[cfg(not(atomic_lint_loom))]
pub(crate) use real::*;
#[cfg(atomic_lint_loom)]
pub(crate) use stand_in::*;

#[cfg(not(atomic_lint_loom))]
mod real {
    use super::{Collector, Guard};
    use alloc::boxed::Box;

    /// The collector whose guards a structure accepts.
    pub(crate) struct Domain(Option<Collector>);

    impl Domain {
        /// The process-wide collector.
        #[cfg(feature = "std")]
        pub(crate) const GLOBAL: Self = Self(None);

        pub(crate) fn new(collector: Collector) -> Self {
            Self(Some(collector))
        }

        /// Panics unless `guard` keeps this collector's garbage alive.
        #[inline]
        pub(crate) fn check(&self, guard: &Guard) {
            assert!(guard.collector().is_some_and(|theirs| self.is(theirs)), "the guard belongs to another collector");
        }

        #[inline]
        fn is(&self, theirs: &Collector) -> bool {
            match &self.0 {
                Some(ours) => ours == theirs,
                #[cfg(feature = "std")]
                None => crossbeam_epoch::default_collector() == theirs,
                #[cfg(not(feature = "std"))]
                None => false,
            }
        }

        /// Pins the current thread, if this is the process-wide collector.
        #[cfg(feature = "std")]
        #[inline]
        pub(crate) fn pin(&self) -> Guard {
            self.check_is_global();
            crossbeam_epoch::pin()
        }

        /// Panics unless threads are pinned without being asked.
        #[cfg(feature = "std")]
        #[inline]
        pub(crate) fn check_is_global(&self) {
            assert!(self.0.is_none(), "a structure with its own collector needs a guard of that collector");
        }
    }

    /// Frees a box after the grace period.
    ///
    /// # Safety
    ///
    /// `node` comes from `Box::into_raw`, is retired once, can be reached only by threads that are
    /// pinned now, and has no drop glue that borrows anything.
    #[inline]
    pub(crate) unsafe fn retire<N>(guard: &Guard, node: *mut N) {
        // SAFETY: the closure runs once no thread that was pinned when the node was unlinked is
        // pinned any more; the caller vouches for the rest.
        unsafe { guard.defer_unchecked(move || drop(Box::from_raw(node))) };
    }
}

#[cfg(atomic_lint_loom)]
mod stand_in {
    /// Witness of a pinned thread.
    pub(crate) struct Guard;

    pub(crate) struct Domain;

    impl Domain {
        pub(crate) const GLOBAL: Self = Self;

        pub(crate) fn pin(&self) -> Guard {
            Guard
        }

        pub(crate) fn check_is_global(&self) {}
    }

    /// Keeps the node for ever: no grace period ends within a model.
    ///
    /// # Safety
    ///
    /// None is needed, but the callers' blocks are those of the real one.
    pub(crate) unsafe fn retire<N>(_guard: &Guard, _node: *mut N) {}
}
