//! The types and functions of std and popular crates that the analyzer understands, by path.
//!
//! A path is known by its last segment and the crate it starts with (or, when an import could not be followed, by
//! a last segment that is distinctive on its own, such as `AtomicUsize`).

use super::types::{Atomic, Known};

/// What a foreign type's name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// An integer atomic of so many bits; `0` for pointer-sized.
    AtomicInt {
        bits: u8,
        signed: bool,
    },
    AtomicBool,
    AtomicPtr,
    /// Generic cells that are atomic as a whole, the parameter being the value.
    AtomicOf(Atomic),
    Known(Known),
    /// A type alias or trait with nothing to say.
    Ordering,
}

/// The crates whose modules `sync::atomic` shadow `core`'s.
const ATOMIC_CRATES: [&str; 10] = [
    "std",
    "core",
    "loom",
    "shuttle",
    "portable_atomic",
    "atomic_polyfill",
    "alloc",
    "crossbeam_utils",
    "crossbeam",
    "no_std_compat",
];

/// What the last segment says, whatever the path.
pub fn by_name(name: &str) -> Option<Meaning> {
    use Meaning::*;
    let int = |bits, signed| Some(AtomicInt { bits, signed });
    match name {
        "AtomicBool" => Some(AtomicBool),
        "AtomicPtr" => Some(AtomicPtr),
        "AtomicUsize" => int(0, false),
        "AtomicIsize" => int(0, true),
        "AtomicU8" => int(8, false),
        "AtomicU16" => int(16, false),
        "AtomicU32" => int(32, false),
        "AtomicU64" => int(64, false),
        "AtomicU128" => int(128, false),
        "AtomicI8" => int(8, true),
        "AtomicI16" => int(16, true),
        "AtomicI32" => int(32, true),
        "AtomicI64" => int(64, true),
        "AtomicI128" => int(128, true),
        "AtomicF32" => int(32, true),
        "AtomicF64" => int(64, true),
        "AtomicCell" => Some(AtomicOf(Atomic::Cell)),
        "ArcSwap" | "ArcSwapAny" => Some(AtomicOf(Atomic::ArcSwap)),
        "ArcSwapOption" => Some(AtomicOf(Atomic::ArcSwapOption)),
        "Arc" => Some(Known(super::types::Known::Arc)),
        "UnsafeCell" => Some(Known(super::types::Known::UnsafeCell)),
        "CachePadded" | "CacheAligned" | "CachePaddedEx" => Some(Known(super::types::Known::Padded)),
        "MutexGuard"
        | "RwLockWriteGuard"
        | "SpinMutexGuard"
        | "FairMutexGuard"
        | "ReentrantMutexGuard"
        | "OwnedMutexGuard"
        | "MappedMutexGuard"
        | "OwnedRwLockWriteGuard"
        | "ArcMutexGuard"
        | "RwLockUpgradableReadGuard" => Some(Known(super::types::Known::Guard)),
        "RwLockReadGuard" | "OwnedRwLockReadGuard" => Some(Known(super::types::Known::ReadGuard)),
        "ManuallyDrop" => Some(Known(super::types::Known::ManuallyDrop)),
        "MaybeUninit" => Some(Known(super::types::Known::MaybeUninit)),
        "NonNull" => Some(Known(super::types::Known::NonNull)),
        "PhantomData" => Some(Known(super::types::Known::PhantomData)),
        "OnceLock" | "OnceCell" | "LazyLock" | "OnceBox" | "OnceRef" | "OnceNonZeroUsize" => {
            Some(Known(super::types::Known::Lazy))
        }
        _ => None,
    }
}

/// What the type at a foreign path means.
pub fn by_path(path: &str) -> Option<Meaning> {
    use super::types::Known as K;
    let root = path.split("::").next().unwrap_or("");
    let last = path.rsplit("::").next().unwrap_or("");
    let known = |k| Some(Meaning::Known(k));
    let std = matches!(root, "std" | "core" | "alloc" | "loom" | "shuttle");
    match (root, last) {
        ("crossbeam_epoch" | "crossbeam", "Atomic") => return Some(Meaning::AtomicOf(Atomic::Epoch)),
        ("crossbeam_epoch" | "crossbeam", "Owned") => return known(K::EpochOwned),
        ("crossbeam_epoch" | "crossbeam", "Shared") => return known(K::EpochShared),
        ("crossbeam_epoch" | "crossbeam" | "seize" | "haphazard", "Guard" | "HazardPointer") => {
            return known(K::ReclaimGuard);
        }
        ("haphazard", "AtomicPtr") | ("seize", "AtomicPtr") => return Some(Meaning::AtomicPtr),
        ("arc_swap", "ArcSwapWeak") => return Some(Meaning::AtomicOf(Atomic::ArcSwapOption)),
        ("arc_swap", "Guard" | "Cache") => return known(K::Arc),
        ("portable_atomic_util" | "triomphe" | "servo_arc", "Arc") => return known(K::Arc),
        ("atomic_lint", "Padded") => return known(K::Padded),
        ("atomic" | "atomig" | "atomic_traits", "Atomic") => return Some(Meaning::AtomicOf(Atomic::Cell)),
        ("std" | "core", "Atomic") if path.contains("atomic") => return Some(Meaning::AtomicOf(Atomic::Generic)),
        _ => {}
    }
    match last {
        "Ordering" if path.contains("atomic") || ATOMIC_CRATES.contains(&root) && !path.contains("cmp") => {
            return Some(Meaning::Ordering);
        }
        "Box" if std => return known(K::Box),
        "Rc" if std => return known(K::Rc),
        "Weak" if std => return known(K::Weak),
        "Vec" | "VecDeque" | "SmallVec" | "ArrayVec" => return known(K::Vec),
        "String" => return known(K::String),
        "HashMap" | "BTreeMap" | "FxHashMap" | "IndexMap" | "HashSet" | "BTreeSet" => return known(K::Map),
        "Option" if std => return known(K::Option),
        "Result" if std => return known(K::Result),
        "Cell" if std => return known(K::Cell),
        "RefCell" if std => return known(K::RefCell),
        "Pin" if std => return known(K::Pin),
        "Ref" | "RefMut" if path.contains("cell") => return known(K::CellRef),
        "Mutex" | "ReentrantMutex" | "FairMutex" | "SpinMutex" | "ReentrantLock" => return known(K::Mutex),
        "RwLock" => return known(K::RwLock),
        "Condvar" => return known(K::Condvar),
        "LocalKey" => return known(K::ThreadLocal),
        "Thread" if path.contains("thread") => return known(K::Thread),
        "JoinHandle" | "ScopedJoinHandle" => return known(K::JoinHandle),
        "Wrapping" | "Saturating" | "Reverse" | "AssertUnwindSafe" => return known(K::Transparent),
        "Lazy" | "LazyCell" => return known(K::Lazy),
        "Once" if root != "spin" || path.ends_with("sync::Once") => return known(K::Once),
        "Once" => return known(K::Lazy),
        "Waker" if path.contains("task") => return known(K::Waker),
        "Backoff" => return known(K::Backoff),
        "AtomicWaker" => return known(K::AtomicWaker),
        _ => {}
    }
    by_name(last)
}

/// Names that the std prelude (or the language) puts in scope.
pub fn prelude(name: &str) -> Option<&'static str> {
    Some(match name {
        "Box" => "std::boxed::Box",
        "Vec" => "std::vec::Vec",
        "String" => "std::string::String",
        "Option" => "std::option::Option",
        "Result" => "std::result::Result",
        "Some" => "std::option::Option::Some",
        "None" => "std::option::Option::None",
        "Ok" => "std::result::Result::Ok",
        "Err" => "std::result::Result::Err",
        "drop" => "std::mem::drop",
        "Drop" => "std::ops::Drop",
        "Clone" => "std::clone::Clone",
        "Copy" => "std::marker::Copy",
        "Send" => "std::marker::Send",
        "Sync" => "std::marker::Sync",
        "Sized" => "std::marker::Sized",
        "Unpin" => "std::marker::Unpin",
        "Default" => "std::default::Default",
        "Iterator" => "std::iter::Iterator",
        "IntoIterator" => "std::iter::IntoIterator",
        "From" => "std::convert::From",
        "Into" => "std::convert::Into",
        "AsRef" => "std::convert::AsRef",
        "AsMut" => "std::convert::AsMut",
        "Fn" => "std::ops::Fn",
        "FnMut" => "std::ops::FnMut",
        "FnOnce" => "std::ops::FnOnce",
        "ToString" => "std::string::ToString",
        "ToOwned" => "std::borrow::ToOwned",
        "PartialEq" => "std::cmp::PartialEq",
        "Eq" => "std::cmp::Eq",
        "Ord" => "std::cmp::Ord",
        "PartialOrd" => "std::cmp::PartialOrd",
        _ => return None,
    })
}
