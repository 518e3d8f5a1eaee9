use atomic_lint::{padded, Padded};
use std::mem::{align_of, size_of};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

const LINE: usize = align_of::<Padded<u8>>();

#[derive(Debug, Default)]
#[padded]
struct DerivesBefore {
    value: AtomicU64,
}

#[padded]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct DerivesAfter(u64, u8);

#[padded]
#[repr(C)]
struct Generic<'a, T: Copy + 'a, const N: usize>
where
    T: Default,
{
    values: [T; N],
    borrowed: &'a T,
}

#[padded]
struct Borrowing<'a>(&'a AtomicU64);

#[padded]
#[repr(align(512))]
struct Wider(#[allow(dead_code)] AtomicU64);

#[cfg(any())]
#[padded]
struct Absent(NoSuchType);

#[test]
fn a_padded_struct_fills_whole_lines() {
    assert_eq!((align_of::<DerivesBefore>(), size_of::<DerivesBefore>()), (LINE, LINE));
    assert_eq!((align_of::<DerivesAfter>(), size_of::<DerivesAfter>()), (LINE, LINE));
    assert_eq!(align_of::<Generic<'static, u8, 3>>(), LINE);
    assert_eq!(size_of::<Generic<'static, u64, 64>>() % LINE, 0);
    assert_eq!(align_of::<Borrowing<'static>>(), LINE);
    assert_eq!(align_of::<Wider>(), 512);
    assert_eq!(DerivesBefore::default().value.into_inner(), 0);
    assert_eq!(DerivesAfter::default(), DerivesAfter(0, 0));
    let (one, shared) = (1u64, AtomicU64::new(2));
    let generic = Generic { values: [one; 2], borrowed: &one };
    assert_eq!(generic.values[0] + generic.borrowed + Borrowing(&shared).0.load(Relaxed), 4);
}

#[padded]
static HITS: AtomicU64 = AtomicU64::new(7);

/// Documented and visible.
#[padded]
pub(crate) static READY: AtomicBool = {
    const START: bool = true;
    AtomicBool::new(START)
};

#[padded]
#[cfg(any())]
static ABSENT: NoSuchType = NoSuchType;

#[test]
fn a_padded_static_keeps_its_methods() {
    let hits: &Padded<AtomicU64> = &HITS;
    assert_eq!(hits.fetch_add(1, Relaxed), 7);
    assert_eq!(HITS.load(Relaxed), 8);
    assert!(READY.load(Relaxed));
    assert_eq!(std::ptr::addr_of!(READY) as usize % LINE, 0);
}

#[test]
fn items_in_a_function_can_be_padded() {
    #[padded]
    static LOCAL: AtomicU64 = AtomicU64::new(1);
    #[padded]
    struct Inner(u8);
    assert_eq!(LOCAL.load(Relaxed) + u64::from(Inner(1).0), 2);
}
