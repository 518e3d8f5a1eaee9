//! A module in which every name that an expansion could lean on means something else.
#![no_implicit_prelude]
#![allow(dead_code, non_camel_case_types, unused_macros)]

mod core {}
mod std {}
mod alloc {}
mod atomic_lint {}
struct Option;
struct Some;
struct None;
struct Clone;
struct Send;
struct Sync;
struct Deref;
struct Arc;
struct PhantomData;
struct Ordering;
struct Field;
struct Layout;
struct Padded;
struct u8;
struct u64;
struct usize;
struct bool;
macro_rules! assert {
    () => {};
}
use ::atomic_lint as tool;
use ::std::cell::UnsafeCell;
use ::std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

#[tool::concurrent]
#[tool::single_writer]
struct Ring {
    #[padded]
    head: AtomicUsize,
    #[hot]
    hits: AtomicU64,
    gap: [AtomicU64; 32],
    #[read_mostly(unchecked)]
    ready: AtomicBool,
    #[atomic_only]
    words: UnsafeCell<::core::primitive::u64>,
    #[guarded_by(gap)]
    other: (),
}

#[tool::concurrent]
#[repr(C)]
struct Apart {
    #[hot]
    hits: AtomicU64,
    gap: [AtomicU64; 32],
    #[read_mostly]
    limit: Layout,
    #[hot]
    field: Field,
}

#[tool::padded]
struct Line(AtomicU64);

#[tool::padded]
static LINE: AtomicU64 = AtomicU64::new(0);

#[tool::frozen]
struct Config {
    tries: ::core::primitive::u64,
    field: Field,
    layout: Layout,
}
