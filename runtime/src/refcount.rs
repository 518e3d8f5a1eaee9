//! A reference count: who is last frees.
//!
//! | | |
//! |---|---|
//! | progress | `acquire`, `release`: wait-free; `try_acquire`: lock-free |
//! | producers × consumers | many × many |
//! | reclamation | the caller's, when [`release`](RefCount::release) says `true`: exactly once |
//! | at zero | stays at zero: `try_acquire` refuses to revive |
//! | overflow, a release too many | aborts the process: whatever came next would be a use after free |
//! | cost | one RMW each; a fence on the last release |
//! | needs | `core` |
//!
//! # Example
//!
//! ```
//! use atomic_lint::RefCount;
//!
//! let count = RefCount::new();      // the creator's reference
//! count.acquire();                  // a second one, made from the first
//! assert!(!count.release());
//! assert!(count.release());         // the last: free what was counted
//! assert!(!count.try_acquire());    // too late, as for a weak reference
//! ```
//!
//! # Protocol
//!
//! Taking a reference orders nothing: the thread has one already, and whatever handed it over
//! ordered that. Giving one up is a release, so that this thread's accesses come before the
//! destruction, and the last one adds an acquire fence, so that the destruction comes after
//! everybody's accesses. The count never leaves zero: an `acquire` from zero would revive an object
//! that another thread is freeing.
//!
//! # When not to use it
//!
//! Almost always: `Arc` is this, with the pointer and the destructor managed for you. Take it for
//! intrusive counts, in arenas or across a foreign interface.
//! [`try_acquire`](RefCount::try_acquire) takes 1.2 to 1.5 times as long as cloning an `Arc`, since it must
//! look before it adds: keep it for weak references
//! (`cargo bench -p atomic-lint --bench peers -- refcount`).

#[cfg(not(atomic_lint_tsan))]
use crate::primitive::fence;
use crate::primitive::{argued, const_fn, weaken, AtomicUsize, Ordering};
use core::fmt;

/// The number of references to something.
///
/// See the [module](self) for guarantees and alternatives.
pub struct RefCount(AtomicUsize);

/// More references than could ever be meant: half the range is left for threads that are between
/// their increment and their check.
const LIMIT: usize = isize::MAX as usize;

impl RefCount {
    const_fn! {
        /// One reference: the creator's.
        #[must_use]
        pub fn new() -> Self {
            Self(AtomicUsize::new(1))
        }
    }

    /// Adds a reference. The caller has one already, so the count is above zero.
    ///
    /// Aborts if there are more than `isize::MAX`, which only leaked references can do, or none.
    #[inline]
    pub fn acquire(&self) {
        // Relaxed: the caller's own reference keeps the object alive and was ordered when it was
        // handed over. Partner: none, `release` is what orders.
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        // Zero wraps around and lands above the limit as well.
        if before.wrapping_sub(1) >= LIMIT {
            abort(if before == 0 {
                "a reference was taken from an object without any"
            } else {
                "a reference count overflowed"
            });
        }
    }

    /// Adds a reference unless there is none: then the object is being freed, or was.
    ///
    /// For whoever finds the object in a shared place instead of having a reference.
    #[inline]
    #[must_use]
    pub fn try_acquire(&self) -> bool {
        // Relaxed: only compared. Partner: the CAS below, which synchronizes.
        let mut count = self.0.load(Ordering::Relaxed);
        loop {
            if count == 0 {
                return false;
            }
            if count > LIMIT {
                abort("a reference count overflowed");
            }
            if weaken("refcount-try-acquire") {
                // Relaxed, on purpose: revives an object whose last reference went in between.
                // atomic-lint: allow(check_then_act) the mistake that a model must catch
                self.0.fetch_add(1, Ordering::Relaxed);
                return true;
            }
            // Acquire: what the object's publisher and earlier owners did is visible to an owner
            // that comes from nowhere; pairs with the Release in `release`.
            // Relaxed on failure: tries again or gives up.
            // atomic-lint: allow(cas_loop_without_backoff) measured: a wait makes two threads at one word anything from half to five times as fast
            match self.0.compare_exchange_weak(
                count,
                count + 1,
                argued(Ordering::Acquire, "refcount-acquire"),
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
    }

    /// Gives up a reference; whether it was the last.
    ///
    /// On `true` every access of every former owner happens before the return, and the caller alone
    /// frees the object. Aborts if there was no reference to give up.
    #[inline]
    #[must_use = "the last reference must free what was counted"]
    pub fn release(&self) -> bool {
        // Release: this owner's accesses come before the destruction; pairs with the Acquire in
        // `release` of the last owner, below.
        let before = self.0.fetch_sub(1, argued(Ordering::Release, "refcount-release"));
        if before != 1 {
            if before == 0 {
                abort("a reference was given up twice");
            }
            return false;
        }
        if !weaken("refcount-last") {
            self.acquire_releases();
        }
        true
    }

    /// Orders everything that former owners did before what follows.
    #[inline]
    fn acquire_releases(&self) {
        // Acquire: pairs with the Release in every other owner's `release`, all of which come
        // earlier in one release sequence.
        #[cfg(not(atomic_lint_tsan))]
        fence(Ordering::Acquire);
        // Acquire: the same. ThreadSanitizer doesn't model fences.
        #[cfg(atomic_lint_tsan)]
        self.0.load(Ordering::Acquire);
    }

    /// How many references there are now; out of date as soon as it is known, unless it is one and
    /// the caller's.
    #[must_use]
    pub fn get(&self) -> usize {
        // Acquire: an owner that sees one sees what the others did before they left; pairs with the
        // Release in `release`.
        self.0.load(argued(Ordering::Acquire, "refcount-get"))
    }
}

impl Default for RefCount {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RefCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RefCount").field(&self.get()).finish()
    }
}

/// Ends the process: a panic could be caught, and the next owner would use freed memory.
#[cold]
fn abort(reason: &str) -> ! {
    struct Twice;
    impl Drop for Twice {
        fn drop(&mut self) {
            panic!("aborting");
        }
    }
    // A panic during a panic aborts, with and without `std`.
    let _twice = Twice;
    panic!("{reason}");
}

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_release_says_so_once() {
        let count = RefCount::new();
        count.acquire();
        assert!(count.try_acquire());
        assert_eq!(count.get(), 3);
        assert_eq!([count.release(), count.release(), count.release()], [false, false, true]);
        assert!(!count.try_acquire());
    }

    #[cfg(feature = "std")]
    mod aborts {
        use super::*;

        /// Runs the test `name` again in a child process that misuses a count, and returns what it
        /// said before it died.
        fn last_words(name: &str, misuse: impl FnOnce()) -> std::string::String {
            const CHILD: &str = "ATOMIC_LINT_MISUSE";
            if std::env::var_os(CHILD).is_some() {
                misuse();
                std::process::exit(0);
            }
            let name = std::format!("refcount::tests::aborts::{name}");
            let output = std::process::Command::new(std::env::current_exe().expect("has a file"))
                .args(["--exact", &name, "--nocapture"])
                .env(CHILD, "1")
                .output()
                .expect("starts again");
            assert!(!output.status.success());
            std::string::String::from_utf8_lossy(&output.stderr).into_owned()
        }

        #[test]
        fn on_overflow() {
            let words = last_words("on_overflow", || {
                let count = RefCount(AtomicUsize::new(LIMIT));
                count.acquire();
                let _ = std::panic::catch_unwind(|| count.acquire());
            });
            assert!(words.contains("a reference count overflowed"), "{words}");
        }

        #[test]
        fn on_revival() {
            let words = last_words("on_revival", || {
                let count = RefCount::new();
                assert!(count.release());
                let _ = std::panic::catch_unwind(|| count.acquire());
            });
            assert!(words.contains("an object without any"), "{words}");
        }

        #[test]
        fn on_a_release_too_many() {
            let words = last_words("on_a_release_too_many", || {
                let count = RefCount::new();
                assert!(count.release());
                let _ = std::panic::catch_unwind(|| count.release());
            });
            assert!(words.contains("given up twice"), "{words}");
        }
    }
}
