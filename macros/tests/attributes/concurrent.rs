use atomic_lint::{concurrent, Padded};
use std::cell::UnsafeCell;
use std::mem::{align_of, offset_of};
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::Mutex;

/// The example of the documentation.
#[concurrent]
#[derive(Debug, Default)]
struct Ring {
    #[padded]
    head: AtomicUsize,
    #[padded]
    #[single_writer]
    tail: AtomicUsize,
    #[read_mostly]
    mask: usize,
    #[guarded_by(lock)]
    waiters: UnsafeCell<Vec<u8>>,
    lock: Mutex<()>,
    #[frozen]
    config: AtomicPtr<u8>,
}

#[test]
fn marked_fields_get_lines_of_their_own() {
    let mut ring = Ring::default();
    let head: &Padded<AtomicUsize> = &ring.head;
    head.store(ring.mask, Relaxed);
    assert_eq!(ring.tail.load(Relaxed), 0);
    assert!(offset_of!(Ring, head).abs_diff(offset_of!(Ring, tail)) >= align_of::<Padded<u8>>());
    ring.waiters.get_mut().push(0);
    drop(ring.lock.lock());
    assert!(ring.config.load(Relaxed).is_null());
    assert!(format!("{ring:?}").contains("head"));
}

#[derive(Debug, Default)]
#[concurrent]
pub(crate) struct DerivesBefore<'a, T: 'a, const N: usize = 1>
where
    T: Default,
{
    #[padded]
    pub(crate) head: AtomicUsize,
    #[atomic_lint::single_writer]
    pub(crate) value: Mutex<Option<&'a T>>,
    #[cfg(any())]
    #[padded]
    pub(crate) absent: NoSuchType<N>,
    #[cfg(not(any()))]
    #[atomic_lint::padded]
    pub(crate) present: AtomicU64,
    #[allow(dead_code)]
    pub(crate) array: [u8; 2],
    #[cfg_attr(any(), padded, guarded_by(nothing))]
    pub(crate) inert: AtomicU64,
}

#[test]
fn generics_conditions_and_derives_before_are_kept() {
    let value = DerivesBefore::<'_, String>::default();
    let (_, _): (&Padded<AtomicUsize>, &Padded<AtomicU64>) = (&value.head, &value.present);
    assert_eq!(value.inert.load(Relaxed), 0);
    assert!(value.value.lock().unwrap().is_none());
    let array = value.array;
    assert_eq!(array, [0, 0]);
}

#[concurrent]
struct Tuple(#[padded] AtomicUsize, #[guarded_by(2)] UnsafeCell<u8>, Mutex<()>);

static TUPLE: Shared = Shared(Tuple(Padded::new(AtomicUsize::new(1)), UnsafeCell::new(0), Mutex::new(())));

struct Shared(Tuple);

// SAFETY: the cell is touched under the lock only.
unsafe impl Sync for Shared {}

#[test]
fn tuple_structs_are_built_in_constants() {
    let _guard = TUPLE.0 .2.lock();
    // SAFETY: the lock is held.
    let cell = unsafe { *TUPLE.0 .1.get() };
    assert_eq!(TUPLE.0 .0.load(Relaxed) + usize::from(cell), 1);
}

#[concurrent]
struct Conditional {
    #[cfg(any())]
    lock: Mutex<()>,
    #[cfg(not(any()))]
    lock: Mutex<u8>,
    #[guarded_by(lock)]
    #[cfg(not(any()))]
    value: UnsafeCell<u8>,
    #[guarded_by(gone)]
    #[cfg(any())]
    other: UnsafeCell<u8>,
    #[cfg(any())]
    gone: Mutex<()>,
}

#[test]
fn a_lock_may_stand_under_a_condition() {
    let mut value = Conditional { lock: Mutex::new(1), value: UnsafeCell::new(2) };
    assert_eq!(*value.lock.get_mut().unwrap() + *value.value.get_mut(), 3);
}

/// The hot field ends where a line ends, wherever the struct starts.
#[concurrent]
#[repr(C)]
struct Apart {
    #[hot]
    hits: AtomicU64,
    gap: [u64; 32],
    #[read_mostly]
    limit: u64,
    #[cfg(any())]
    #[read_mostly]
    absent: NoSuchType,
    #[hot]
    nothing: (),
}

#[concurrent]
#[repr(C)]
struct GenericApart<'a, T: Copy> {
    #[hot]
    hits: AtomicU64,
    gap: [Padded<u8>; 2],
    #[read_mostly]
    limit: &'a T,
}

impl<'a, T: Copy> GenericApart<'a, T> {
    const fn new(limit: &'a T) -> Self {
        let () = Self::LAYOUT_CHECK;
        GenericApart { hits: AtomicU64::new(0), gap: [Padded::new(0), Padded::new(0)], limit }
    }
}

#[concurrent]
struct Together {
    #[hot]
    hits: AtomicU64,
    #[read_mostly(unchecked)]
    limit: u64,
    #[hot]
    #[padded]
    misses: AtomicU64,
}

#[test]
fn read_mostly_fields_are_asserted_apart_unless_told() {
    let apart = Apart { hits: AtomicU64::new(0), gap: [0; 32], limit: 1, nothing: () };
    let generic = GenericApart::new(&1u8);
    let together = Together { hits: AtomicU64::new(0), limit: 1, misses: AtomicU64::new(0).into() };
    let hits = apart.hits.load(Relaxed) + generic.hits.load(Relaxed) + together.hits.load(Relaxed);
    assert_eq!(hits + together.misses.load(Relaxed) + apart.gap[0] + u64::from(*generic.gap[0]), 0);
    assert_eq!(apart.limit + together.limit + u64::from(*generic.limit), 3);
    let () = apart.nothing;
}

struct Foreign;

#[concurrent]
struct Raw<'a, T> {
    #[atomic_only]
    words: UnsafeCell<[u64; 4]>,
    #[atomic_only]
    node: UnsafeCell<*mut Foreign>,
    #[atomic_only]
    like: UnsafeCell<*mut Self>,
    #[atomic_only]
    mapped: *mut u32,
    #[atomic_only]
    boxed: Box<[UnsafeCell<u8>]>,
    #[atomic_only]
    shared: &'a [AtomicU64],
    #[atomic_only]
    generic: UnsafeCell<T>,
    #[atomic_only]
    #[padded]
    padded: UnsafeCell<usize>,
}

#[test]
fn raw_memory_made_of_words_is_accepted() {
    let mut raw = Raw {
        words: UnsafeCell::new([1; 4]),
        node: UnsafeCell::new(std::ptr::null_mut()),
        like: UnsafeCell::new(std::ptr::null_mut()),
        mapped: std::ptr::null_mut(),
        boxed: Box::new([UnsafeCell::new(1)]),
        shared: &[],
        generic: UnsafeCell::new(String::new()),
        padded: UnsafeCell::new(1).into(),
    };
    assert_eq!(raw.words.get_mut()[0], 1);
    assert!(
        raw.node.get_mut().is_null()
            && raw.like.get_mut().is_null()
            && raw.mapped.is_null()
            && raw.generic.get_mut().is_empty()
    );
    assert_eq!(raw.boxed.len() + raw.shared.len() + *raw.padded.get_mut(), 2);
}

macro_rules! declared_by_macro {
    ($name:ident, $field:ident, $ty:ty) => {
        #[concurrent]
        #[derive(Default)]
        struct $name {
            #[padded]
            $field: $ty,
            #[guarded_by($field)]
            other: u8,
        }
    };
}

declared_by_macro!(FromMacro, inside, AtomicU64);

#[test]
fn structs_written_by_macros_work() {
    let value = FromMacro::default();
    assert_eq!(value.inside.load(Relaxed) + u64::from(value.other), 0);
}

macro_rules! shared {
    ($item:item) => {
        #[atomic_lint::single_writer]
        #[concurrent]
        $item
    };
}

shared! {
    pub(crate) struct Passed {
        #[padded]
        value: AtomicU64,
    }
}

macro_rules! on_its_line {
    ($item:item) => {
        #[atomic_lint::padded]
        $item
    };
}

on_its_line! {
    static PASSED: AtomicU64 = AtomicU64::new(1);
}

on_its_line! {
    pub(crate) struct PassedLine(u64);
}

#[test]
fn whole_items_may_come_from_macros() {
    let (mut writer, reader) = Passed { value: AtomicU64::new(0).into() }.split();
    writer.add_value(PASSED.load(Relaxed));
    assert_eq!(reader.value() + PassedLine(0).0, 1);
}
