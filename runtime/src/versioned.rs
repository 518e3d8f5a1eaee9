//! A value with a version number, so that what was derived from it can tell that it is outdated.
//!
//! | | [`Versioned::load`] | [`Versioned::store`], [`Versioned::update`] |
//! |---|---|---|
//! | progress | as [`Snapshot::load`](crate::Snapshot::load) | blocks other writers only |
//! | readers × writers | many | many, one at a time |
//! | allocates | no | once |
//! | cost | as `Snapshot::load` | as `LockedSnapshot::update`: a lock, and 0.5 to 1 µs |
//!
//! **Guarantee.** Value and version are published together: no reader sees the one without the
//! other. Versions start at zero and grow by one with each write, so equal versions mean the same
//! value. **Reclamation**: reference counts. **Panics**: a closure that panics publishes nothing
//! and uses up no version. **Overflow**: 2⁶⁴ writes don't happen. **Needs** `std`.
//!
//! # Example
//!
//! ```
//! use atomic_lint::Versioned;
//!
//! let rules = Versioned::new(vec![3, 1, 2]);
//! let mut sorted = (rules.load().version(), vec![1, 2, 3]); // a cache of something derived
//!
//! rules.update(|rules| rules.iter().map(|n| n * 10).collect());
//!
//! let now = rules.load();
//! if now.version() != sorted.0 {
//!     let mut fresh = now.to_vec();
//!     fresh.sort_unstable();
//!     sorted = (now.version(), fresh);
//! }
//! assert_eq!(sorted, (1, vec![10, 20, 30]));
//! ```
//!
//! # Protocol
//!
//! A [`LockedSnapshot`] of the pair. The mistake that it replaces is a
//! version counter in an atomic beside the value: a reader between the two writes caches the old
//! value under the new version and never looks again.
//!
//! # When not to use it
//!
//! When readers only want the latest value, [`Snapshot`](crate::Snapshot) and its cached reader do
//! it with less: the reader's own check compares pointers, 8 times as fast as a load here (0.55 and
//! 4.5 ns, `cargo bench -p atomic-lint --bench peers -- snapshot`).

use crate::snapshot::{Loaded, LockedSnapshot};
use std::fmt;
use std::ops::Deref;

/// A value that is published together with the number of its version.
///
/// See the [module](self) for guarantees, protocol and alternatives.
pub struct Versioned<T> {
    pair: LockedSnapshot<Pair<T>>,
}

struct Pair<T> {
    version: u64,
    value: T,
}

impl<T> Versioned<T> {
    /// Publishes version 0.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self { pair: LockedSnapshot::new(Pair { version: 0, value }) }
    }

    /// The current value with its version, held for as long as the guard lives.
    #[inline]
    #[must_use]
    pub fn load(&self) -> LoadedVersion<T> {
        LoadedVersion(self.pair.load())
    }

    /// The current version.
    #[inline]
    #[must_use]
    pub fn version(&self) -> u64 {
        self.pair.load().version
    }

    /// Publishes `value` as the next version and returns its number.
    pub fn store(&self, value: T) -> u64 {
        self.update(|_| value)
    }

    /// Publishes a function of the value, which runs exactly once, and returns the new version.
    ///
    /// # Panics
    ///
    /// If the closure does; then nothing is published.
    pub fn update(&self, f: impl FnOnce(&T) -> T) -> u64 {
        let new = self.pair.update(|old| Pair { version: old.version + 1, value: f(&old.value) });
        new.version
    }
}

impl<T: Default> Default for Versioned<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Versioned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.load();
        f.debug_struct("Versioned").field("version", &now.version()).field("value", &*now).finish()
    }
}

/// A value and its version as they were when loaded; made by [`Versioned::load`].
pub struct LoadedVersion<T>(Loaded<Pair<T>>);

impl<T> LoadedVersion<T> {
    /// How many writes came before this value.
    #[inline]
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version
    }
}

impl<T> Deref for LoadedVersion<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: fmt::Debug> fmt::Debug for LoadedVersion<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedVersion").field("version", &self.version()).field("value", &**self).finish()
    }
}
