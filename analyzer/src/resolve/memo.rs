//! Answers that are remembered, for questions that several threads ask again and again.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};

use rustc_hash::{FxBuildHasher, FxHashMap};

const SHARDS: usize = 16;

/// A table of answers, in parts that are locked one by one, each for no longer than it takes to look up or to insert.
pub(crate) struct Memo<K, V> {
    shards: [Mutex<FxHashMap<K, V>>; SHARDS],
}

impl<K: Eq + Hash, V: Clone> Memo<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.shard(key).lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(crate) fn insert(&self, key: K, value: V) {
        self.shard(&key).lock().unwrap_or_else(PoisonError::into_inner).insert(key, value);
    }

    fn shard(&self, key: &K) -> &Mutex<FxHashMap<K, V>> {
        // The hash's upper bits are its best.
        &self.shards[(FxBuildHasher.hash_one(key) >> 60) as usize % SHARDS]
    }
}

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Memo { shards: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl<K, V> fmt::Debug for Memo<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").finish_non_exhaustive()
    }
}
