//! The largest or smallest value that any thread has seen.
//!
//! | | |
//! |---|---|
//! | progress | wait-free |
//! | producers × consumers | many × many |
//! | reclamation | none |
//! | empty | holds the value it was made with |
//! | cost | `record`: one load, and an RMW only for a new extreme; `get`: one load |
//! | needs | 64-bit atomics |
//!
//! # Example
//!
//! ```
//! use atomic_lint::AtomicMax;
//!
//! static SLOWEST: AtomicMax = AtomicMax::new(0);
//!
//! assert!(SLOWEST.record(40));
//! assert!(!SLOWEST.record(7));
//! assert_eq!(SLOWEST.get(), 40);
//! ```
//!
//! # Protocol
//!
//! `fetch_max` takes the cache line even if it changes nothing. Extremes change ever more rarely,
//! so [`AtomicMax::record`] looks first and leaves the line shared if the value is no news. The
//! look may be out of date; the value only ever rises, so an outdated one is too small and costs a
//! needless `fetch_max`, never a lost maximum.
//!
//! # When not to use it
//!
//! If the value rises with nearly every call (a clock, a position), the look is wasted: use
//! `AtomicU64::fetch_max`, 1.15 times as fast then, where two threads whose values seldom rise are
//! 14 to 24 times faster with the look (`cargo bench -p atomic-lint --bench peers -- max`). The extreme
//! orders nothing else; to keep what belongs to it as well (who was slowest?), use
//! [`Packed`](crate::Packed) or a lock.

use crate::primitive::{const_fn, weaken, AtomicU64, Ordering};
use core::fmt;

macro_rules! extremum {
    ($(#[$meta:meta])* $name:ident, $beats:tt, $fetch:ident, $mistake:literal) => {
        $(#[$meta])*
        ///
        /// See the [module](self) for guarantees and alternatives.
        pub struct $name(AtomicU64);

        impl $name {
            const_fn! {
                /// Starts from `value`.
                #[must_use]
                pub fn new(value: u64) -> Self {
                    Self(AtomicU64::new(value))
                }
            }

            /// Takes `value` into account; whether it is the new extreme.
            #[inline]
            pub fn record(&self, value: u64) -> bool {
                if !(value $beats self.get()) {
                    return false;
                }
                if weaken($mistake) {
                    // Relaxed, on purpose: overwrites a better value that came in between.
                    // atomic-lint: allow(check_then_act) the mistake that a model must catch
                    self.0.store(value, Ordering::Relaxed);
                    return true;
                }
                // Relaxed: a value for its own sake; the RMW alone keeps it an extreme. Partners: `get`,
                // `replace`.
                value $beats self.0.$fetch(value, Ordering::Relaxed)
            }

            /// The extreme so far.
            #[inline]
            #[must_use]
            pub fn get(&self) -> u64 {
                // Relaxed: a value for its own sake; an outdated one is one that was true. Partners:
                // `record`, `replace`.
                self.0.load(Ordering::Relaxed)
            }

            /// Starts again from `value` and returns the extreme so far. Each recorded value counts
            /// before or after, none is lost.
            #[inline]
            pub fn replace(&self, value: u64) -> u64 {
                // Relaxed: as in `record`. Partner: `record`.
                self.0.swap(value, Ordering::Relaxed)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.get()).finish()
            }
        }
    };
}

extremum! {
    /// The largest value recorded.
    AtomicMax, >, fetch_max, "max-record"
}

extremum! {
    /// The smallest value recorded.
    AtomicMin, <, fetch_min, "min-record"
}

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_news_is_news() {
        let max = AtomicMax::new(5);
        assert!(!max.record(5));
        assert!(max.record(u64::MAX));
        assert_eq!(max.replace(0), u64::MAX);
        assert_eq!(max.get(), 0);

        let min = AtomicMin::new(5);
        assert!(!min.record(5));
        assert!(min.record(0));
        assert_eq!(min.replace(9), 0);
        assert_eq!(min.get(), 9);
    }
}
