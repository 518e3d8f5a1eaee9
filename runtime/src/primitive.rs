//! What every structure is built from: atomics, fences, cells, locks and the ways to wait.
//!
//! The only module that knows loom. A build with `--cfg atomic_lint_loom` swaps everything here for
//! loom's instrumented twins; no other module and no other crate changes. The cfg is private on
//! purpose: a global `--cfg loom` would switch dependencies too, and break some of them.
//!
//! Loom's types can't be built in constants, see [`const_fn`], and have no `get_mut`, see
//! [`Exclusive`]. Loom treats a `SeqCst` access as `AcqRel`, so an argument that needs one total
//! order uses `fence(SeqCst)`, which it does model.

// Each structure takes what it needs, and which of them exist depends on features.
#![allow(unused_imports, dead_code, unused_macros)]

pub(crate) use core::sync::atomic::Ordering;
pub(crate) use switched::*;

#[cfg(not(atomic_lint_loom))]
mod switched {
    pub(crate) use core::sync::atomic::{
        fence, AtomicBool, AtomicI16, AtomicI32, AtomicI8, AtomicIsize, AtomicPtr, AtomicU16, AtomicU32, AtomicU8,
        AtomicUsize,
    };
    #[cfg(target_has_atomic = "64")]
    pub(crate) use core::sync::atomic::{AtomicI64, AtomicU64};

    pub(crate) use alloc::sync::Arc;
    pub(crate) use core::hint::spin_loop;

    #[cfg(feature = "std")]
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, RwLock};
    #[cfg(feature = "std")]
    pub(crate) use std::thread::yield_now;

    /// `core`'s cell behind loom's closures, so that a model sees when an access begins and ends.
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T: ?Sized>(core::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        #[inline]
        pub(crate) const fn new(value: T) -> Self {
            Self(core::cell::UnsafeCell::new(value))
        }

        #[inline]
        pub(crate) fn into_inner(self) -> T {
            self.0.into_inner()
        }

        /// A shared access: the closure may read through the pointer.
        #[inline(always)]
        pub(crate) fn with<R>(&self, access: impl FnOnce(*const T) -> R) -> R {
            access(self.0.get())
        }

        /// An exclusive access: the closure may write through the pointer.
        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
            access(self.0.get())
        }
    }
}

#[cfg(atomic_lint_loom)]
mod switched {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::atomic::{
        fence, AtomicBool, AtomicI16, AtomicI32, AtomicI64, AtomicI8, AtomicIsize, AtomicPtr, AtomicU16, AtomicU32,
        AtomicU64, AtomicU8, AtomicUsize,
    };
    pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock};
    pub(crate) use loom::thread::yield_now;
}

/// Whether a model asked for the deliberate mistake `name`: never outside models and the runs under
/// ThreadSanitizer, so each branch on it folds away.
#[cfg(not(any(atomic_lint_loom, atomic_lint_tsan)))]
#[inline(always)]
pub(crate) const fn weaken(_name: &str) -> bool {
    false
}

/// Whether this process runs with the deliberate mistake `name`: `ATOMIC_LINT_WEAKEN` says which.
///
/// A proof that passes with its mistake planted proves nothing, so each mistake has a test that
/// expects its proof to fail. A switch at run time needs one build for all of them.
#[cfg(any(atomic_lint_loom, atomic_lint_tsan))]
pub(crate) fn weaken(name: &str) -> bool {
    static PLANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let planted = PLANTED.get_or_init(|| std::env::var("ATOMIC_LINT_WEAKEN").ok());
    planted.as_deref() == Some(name)
}

/// Makes a constructor `const`, except under loom, whose types exist only inside a model.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        #[cfg(not(atomic_lint_loom))]
        $(#[$meta])*
        $vis const fn $($rest)*

        #[cfg(atomic_lint_loom)]
        $(#[$meta])*
        $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

/// The ordering that the comment beside it argues for, or `Relaxed` in a model that plants the
/// deliberate mistake `name`.
#[inline(always)]
pub(crate) fn argued(order: Ordering, name: &str) -> Ordering {
    if weaken(name) {
        Ordering::Relaxed
    } else {
        order
    }
}

/// Reads or writes an atomic that nobody else can reach, without an ordering.
pub(crate) trait Exclusive {
    type Value;
    fn exclusive(&mut self) -> Self::Value;
    fn set_exclusive(&mut self, new: Self::Value);
}

macro_rules! exclusive {
    ($($atomic:ident => $value:ty),* $(,)?) => {$(
        impl Exclusive for $atomic {
            type Value = $value;

            #[inline]
            fn exclusive(&mut self) -> $value {
                #[cfg(not(atomic_lint_loom))]
                return *self.get_mut();
                #[cfg(atomic_lint_loom)]
                return self.with_mut(|value| *value);
            }

            #[inline]
            fn set_exclusive(&mut self, new: $value) {
                #[cfg(not(atomic_lint_loom))]
                {
                    *self.get_mut() = new;
                }
                #[cfg(atomic_lint_loom)]
                self.with_mut(|value| *value = new);
            }
        }
    )*};
}

exclusive! {
    AtomicU8 => u8, AtomicU16 => u16, AtomicU32 => u32, AtomicUsize => usize,
    AtomicI8 => i8, AtomicI16 => i16, AtomicI32 => i32, AtomicIsize => isize,
}
#[cfg(target_has_atomic = "64")]
exclusive! { AtomicU64 => u64, AtomicI64 => i64 }

impl<T> Exclusive for AtomicPtr<T> {
    type Value = *mut T;

    #[inline]
    fn exclusive(&mut self) -> *mut T {
        #[cfg(not(atomic_lint_loom))]
        return *self.get_mut();
        #[cfg(atomic_lint_loom)]
        return self.with_mut(|pointer| *pointer);
    }

    #[inline]
    fn set_exclusive(&mut self, new: *mut T) {
        #[cfg(not(atomic_lint_loom))]
        {
            *self.get_mut() = new;
        }
        #[cfg(atomic_lint_loom)]
        self.with_mut(|pointer| *pointer = new);
    }
}

impl Exclusive for AtomicBool {
    type Value = bool;

    #[inline]
    fn exclusive(&mut self) -> bool {
        #[cfg(not(atomic_lint_loom))]
        return *self.get_mut();
        // Relaxed: nobody else can reach it, so the last store is the only one left to see. Partner:
        // none.
        #[cfg(atomic_lint_loom)]
        return self.load(Ordering::Relaxed);
    }

    #[inline]
    fn set_exclusive(&mut self, new: bool) {
        #[cfg(not(atomic_lint_loom))]
        {
            *self.get_mut() = new;
        }
        // Relaxed: as above. Partner: none.
        #[cfg(atomic_lint_loom)]
        self.store(new, Ordering::Relaxed);
    }
}
