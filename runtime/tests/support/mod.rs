//! What the tests share: values that count their lives, and a checker for concurrent histories.
#![allow(dead_code)] // each test file uses its part

pub(crate) mod history;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::Arc;

/// Counts the values that are alive, so that a test sees leaks (above) and double frees (below).
#[derive(Clone, Default)]
pub(crate) struct Census(Arc<AtomicIsize>);

impl Census {
    pub(crate) fn value(&self, id: usize) -> Counted {
        self.0.fetch_add(1, Ordering::SeqCst);
        Counted { id, panics: false, census: self.clone() }
    }

    /// A value whose destructor panics, after it has been counted.
    pub(crate) fn bomb(&self, id: usize) -> Counted {
        let mut value = self.value(id);
        value.panics = true;
        value
    }

    pub(crate) fn alive(&self) -> isize {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) struct Counted {
    pub(crate) id: usize,
    panics: bool,
    census: Census,
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.census.value(self.id)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.census.0.fetch_sub(1, Ordering::SeqCst);
        if self.panics && !std::thread::panicking() {
            panic!("a destructor that panics on purpose");
        }
    }
}

/// Whether the closure panicked.
pub(crate) fn panics<R>(f: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}
