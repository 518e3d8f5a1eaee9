//! Initialise once, when the initialiser may fail, or once per key.
//!
//! | | [`RetryOnce::get`] | [`RetryOnce::get_or_try_init`] | [`KeyedOnce::get_or_try_init`] |
//! |---|---|---|---|
//! | progress | wait-free, one load | that, or blocks while another thread initialises | blocks for a map lookup, and while another thread initialises the same key |
//! | threads | any number | any number | any number |
//! | the initialiser | | runs in one thread at a time; again after a failure | same, per key |
//! | after a failure | `None` | each waiter tries its own initialiser in turn | same, per key |
//! | cost | one load | one load once there is a value, else a lock | a read lock, a hash and a clone of the value |
//! | after a panic | `None` | as after a failure; not poisoned | same, per key |
//!
//! **Guarantee.** A value is stored at most once and never changes; of all initialisers that ran,
//! exactly one succeeded, and no two ran at the same time (for one key). **Reclamation**: with the
//! owner; a [`KeyedOnce`] keeps values until [`remove`](KeyedOnce::remove), and no entry for a key
//! whose initialiser failed. **Deadlock**: an initialiser that asks for the value it is computing
//! waits for itself, as with [`std::sync::OnceLock`]. **Needs** `std`.
//!
//! # Example
//!
//! ```
//! use atomic_lint::RetryOnce;
//!
//! static ANSWER: RetryOnce<u32> = RetryOnce::new();
//!
//! assert!(ANSWER.get_or_try_init(|| "not yet".parse::<u32>()).is_err());
//! assert_eq!(ANSWER.get_or_try_init(|| "42".parse::<u32>()), Ok(&42));
//! assert_eq!(ANSWER.get(), Some(&42)); // one load from now on
//! ```
//!
//! # Protocol
//!
//! *Double-checked locking*: look, lock, look again, initialise. The second look is what keeps a
//! thread that waited for the lock from initialising again, and the look without the lock must
//! acquire what the initialiser wrote, which [`OnceLock`] does. The mistake that
//! this replaces is a flag and a value in two places, or two threads that both find a cache entry
//! missing and both fetch it.
//!
//! # When not to use it
//!
//! When the initialiser can't fail, [`OnceLock`] does it, as fast: either is read with one load
//! (0.3 to 0.5 ns, `cargo bench -p atomic-lint --bench peers -- init`). [`KeyedOnce`] is a map under a
//! reader-writer lock: for a cache with eviction, expiry or a hot read path, take one that is
//! built for it.

use crate::primitive::{const_fn, weaken, Mutex, RwLock};
use std::borrow::Borrow;
use std::collections::hash_map::{HashMap, RandomState};
use std::convert::Infallible;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, OnceLock, PoisonError};

/// A value that is initialised once, by an initialiser that may fail and be tried again.
///
/// See the [module](self) for guarantees and an example.
pub struct RetryOnce<T> {
    value: OnceLock<T>,
    /// Held while an initialiser runs.
    turn: Mutex<()>,
}

impl<T> RetryOnce<T> {
    const_fn! {
        /// Nothing yet.
        #[must_use]
        pub fn new() -> Self {
            Self {
                value: OnceLock::new(),
                turn: Mutex::new(()),
            }
        }
    }

    /// The value, if an initialiser has succeeded.
    #[inline]
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, or what `init` makes of it; waits while another thread's initialiser runs.
    ///
    /// # Errors
    ///
    /// What `init` returned; then nothing is stored and the next caller tries.
    ///
    /// # Panics
    ///
    /// If `init` does; then nothing is stored and the next caller tries.
    #[inline]
    pub fn get_or_try_init<E>(&self, init: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        match self.value.get() {
            Some(value) => Ok(value),
            None => self.try_init(init),
        }
    }

    /// The value, or what `init` makes of it.
    ///
    /// # Panics
    ///
    /// If `init` does; then nothing is stored and the next caller tries.
    pub fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
        let value: Result<_, Infallible> = self.get_or_try_init(|| Ok(init()));
        match value {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    #[cold]
    fn try_init<E>(&self, init: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        // The lock guards the right to initialise and no data, so a panic under it leaves nothing
        // half done.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = self.value.get().filter(|_| !weaken("retry-once-recheck")) {
            return Ok(value);
        }
        let value = init()?;
        Ok(self.value.get_or_init(|| value))
    }

    /// Takes the value out, so that the next caller initialises again.
    pub fn take(&mut self) -> Option<T> {
        self.value.take()
    }

    /// The value, if an initialiser has succeeded.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

impl<T> Default for RetryOnce<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for RetryOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RetryOnce").field(&self.get()).finish()
    }
}

/// A map whose values are computed once per key, however many threads ask at the same time.
///
/// ```
/// use atomic_lint::KeyedOnce;
///
/// let lengths: KeyedOnce<String, usize> = KeyedOnce::new();
/// let length = lengths.get_or_init("abc", |key| key.len());
/// assert_eq!(length, 3);
/// assert_eq!(lengths.get_or_init("abc", |_| unreachable!("it is there")), 3);
/// ```
///
/// Values are cloned out, so let them be cheap to clone: an `Arc` around anything large. Different
/// keys are initialised at the same time; nothing but a lookup happens under the map's lock.
pub struct KeyedOnce<K, V, S = RandomState> {
    entries: RwLock<HashMap<K, Arc<RetryOnce<V>>, S>>,
}

impl<K, V> KeyedOnce<K, V> {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::with_hasher(RandomState::new())
    }
}

impl<K, V, S> KeyedOnce<K, V, S> {
    /// An empty map with the given hasher.
    #[must_use]
    pub fn with_hasher(hasher: S) -> Self {
        Self { entries: RwLock::new(HashMap::with_hasher(hasher)) }
    }
}

impl<K, V, S> KeyedOnce<K, V, S>
where
    K: Eq + Hash,
    V: Clone,
    S: BuildHasher,
{
    /// The value of `key`, if it has been computed.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.find(key)?.get().cloned()
    }

    /// The value of `key`, or what `init` makes of it; waits while another thread computes it.
    ///
    /// # Errors
    ///
    /// What `init` returned; then nothing is stored, and callers that waited try theirs.
    ///
    /// # Panics
    ///
    /// If `init` does, with the same consequence.
    pub fn get_or_try_init<Q, E>(&self, key: &Q, init: impl FnOnce(&Q) -> Result<V, E>) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let once = match self.find(key) {
            Some(once) => once,
            None => Arc::clone(
                self.entries.write().unwrap_or_else(PoisonError::into_inner).entry(key.to_owned()).or_default(),
            ),
        };
        // Tidies up on every way out, a panic of the initialiser included.
        let flight = Flight { map: self, key, once };
        flight.once.get_or_try_init(|| init(key)).cloned()
    }

    /// The value of `key`, or what `init` makes of it; waits while another thread computes it.
    ///
    /// # Panics
    ///
    /// If `init` does; then nothing is stored, and callers that waited try theirs.
    pub fn get_or_init<Q>(&self, key: &Q, init: impl FnOnce(&Q) -> V) -> V
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let value: Result<_, Infallible> = self.get_or_try_init(key, |key| Ok(init(key)));
        match value {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// Forgets `key` and returns its value. A computation in flight goes on for those who wait for
    /// it; callers from now on start a new one.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let removed = self.entries.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        removed?.get().cloned()
    }

    /// How many keys have a value or are being computed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether no key has a value or is being computed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn find<Q>(&self, key: &Q) -> Option<Arc<RetryOnce<V>>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}

impl<K, V> Default for KeyedOnce<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V, S> fmt::Debug for KeyedOnce<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedOnce").finish_non_exhaustive()
    }
}

/// One caller's interest in a key; the last one to leave an entry without a value removes it.
struct Flight<'a, K, V, S, Q>
where
    K: Eq + Hash + Borrow<Q>,
    Q: Eq + Hash + ?Sized,
    S: BuildHasher,
{
    map: &'a KeyedOnce<K, V, S>,
    key: &'a Q,
    once: Arc<RetryOnce<V>>,
}

impl<K, V, S, Q> Drop for Flight<'_, K, V, S, Q>
where
    K: Eq + Hash + Borrow<Q>,
    Q: Eq + Hash + ?Sized,
    S: BuildHasher,
{
    fn drop(&mut self) {
        if self.once.get().is_some() {
            return;
        }
        let mut entries = self.map.entries.write().unwrap_or_else(PoisonError::into_inner);
        let is_ours = entries.get(self.key).is_some_and(|found| Arc::ptr_eq(found, &self.once));
        // Clones are made under the map's lock only, so the count can't grow while it is held: two
        // means the map and this caller.
        let is_last = Arc::strong_count(&self.once) == 2 || weaken("keyed-once-leave");
        // Somebody may have come, succeeded and gone since the look above.
        let is_empty = self.once.get().is_none() || weaken("keyed-once-recheck");
        if is_ours && is_last && is_empty {
            entries.remove(self.key);
        }
    }
}
