use atomic_lint::{concurrent, single_writer, Padded};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64, AtomicUsize};
use std::thread;

#[single_writer]
#[derive(Debug, Default)]
pub(crate) struct Progress {
    done: AtomicU64,
    failed: AtomicBool,
    r#type: AtomicI32,
    name: String,
}

impl ProgressReader {
    /// Handles can be extended where the struct is declared.
    fn name(&self) -> &str {
        &self.shared.name
    }
}

#[test]
fn readers_see_what_the_writer_wrote() {
    let (mut writer, reader) = Progress { name: "copy".into(), ..Progress::default() }.split();
    let other = reader.clone();
    let thread = thread::spawn(move || {
        for _ in 0..1000 {
            assert_eq!(writer.add_done(1) + 1, writer.done());
        }
        writer.set_failed(true);
        assert_eq!(writer.update_type(|old| old - 1), 0);
        writer
    });
    while !other.failed() {
        thread::yield_now();
    }
    assert_eq!(reader.done(), 1000);
    let writer = thread.join().unwrap();
    assert_eq!((writer.r#type(), writer.reader().r#type(), reader.name()), (-1, -1, "copy"));
    assert_eq!(format!("{writer:?} {reader:?}"), "ProgressWriter { .. } ProgressReader { .. }");
}

#[test]
fn sums_wrap_as_those_of_atomics_do() {
    let (mut writer, reader) = Progress { done: AtomicU64::new(u64::MAX), ..Progress::default() }.split();
    assert_eq!(writer.add_done(2), u64::MAX);
    assert_eq!(reader.done(), 1);
}

#[test]
fn a_borrow_needs_no_allocation() {
    let mut progress = Progress::default();
    let (mut writer, reader) = progress.split_mut();
    thread::scope(|scope| {
        scope.spawn(move || writer.set_done(3));
    });
    assert_eq!(reader.done(), 3);
    assert_eq!(progress.reader().done(), 3);
}

#[single_writer(no_alloc)]
struct Clock(AtomicU64);

static CLOCK: Clock = Clock(AtomicU64::new(0));
static SECOND_CLOCK: Clock = Clock(AtomicU64::new(0));

#[test]
fn a_static_is_claimed_once() {
    let mut writer: ClockWriter<&'static Clock> = CLOCK.claim().expect("nobody has claimed it");
    writer.set(5);
    writer.add(1);
    assert!(CLOCK.claim().is_none());
    assert!(SECOND_CLOCK.claim().is_none(), "the claim is the type's");
    assert_eq!(CLOCK.reader().get(), 6);
    thread::spawn(move || writer.set(7)).join().unwrap();
    assert_eq!(CLOCK.reader().get(), 7);
}

#[single_writer(claim = claimed)]
struct Lane {
    claimed: AtomicBool,
    tail: AtomicUsize,
}

impl Lane {
    const fn new() -> Self {
        Lane { claimed: AtomicBool::new(false), tail: AtomicUsize::new(0) }
    }
}

static LANES: [Lane; 2] = [Lane::new(), Lane::new()];

#[test]
fn a_named_claim_is_the_values_own() {
    let (mut a, mut b) = (LANES[0].claim().unwrap(), LANES[1].claim().unwrap());
    assert!(LANES[0].claim().is_none());
    a.set_tail(1);
    b.set_tail(2);
    assert_eq!((LANES[0].reader().tail(), LANES[1].reader().tail()), (1, 2));
}

#[single_writer]
#[concurrent]
struct Queue<'handles, T: Copy + 'handles, const N: usize = 2, P = u8>
where
    T: Default,
{
    #[padded]
    #[single_writer]
    tail: AtomicUsize,
    slots: [T; N],
    borrowed: &'handles P,
    #[cfg(any())]
    absent: AtomicU64,
    last: AtomicPtr<T>,
}

#[concurrent]
#[single_writer]
struct Reversed {
    #[padded]
    tail: AtomicUsize,
    other: Padded<AtomicBool>,
}

#[test]
fn generic_and_padded_structs_have_handles() {
    let (mut writer, reader) =
        Queue { tail: Padded::new(AtomicUsize::new(0)), slots: [1u8; 2], borrowed: &'x', last: AtomicPtr::default() }
            .split();
    writer.add_tail(2);
    let slot = &reader.shared.slots[0];
    writer.set_last(std::ptr::from_ref(slot).cast_mut());
    assert!(!reader.last().is_null());
    assert_eq!((reader.tail(), *reader.shared.borrowed), (2, 'x'));
    let (mut writer, reader) =
        Reversed { tail: AtomicUsize::new(1).into(), other: AtomicBool::new(false).into() }.split();
    writer.set_other(true);
    assert_eq!((reader.tail(), reader.other()), (1, true));
}

#[single_writer]
#[derive(Default)]
struct Node<'a, T> {
    next: AtomicPtr<Self>,
    borrowed: Option<&'a T>,
}

#[test]
fn a_struct_may_point_to_its_like() {
    let mut end = Node { borrowed: Some(&1), ..Node::default() };
    let (mut writer, reader) = Node::<u8>::default().split();
    writer.set_next(&mut end);
    let next: *mut Node<'_, u8> = reader.next();
    // SAFETY: `end` lives on, and nobody writes it.
    assert_eq!(unsafe { (*next).borrowed }, Some(&1));
}

mod one_letter {
    use super::*;

    #[single_writer]
    #[derive(Default)]
    pub(super) struct P {
        pub(super) n: AtomicU64,
    }

    #[single_writer]
    #[derive(Default)]
    pub(super) struct List {
        pub(super) first: AtomicPtr<P>,
    }
}

#[test]
fn types_may_be_called_what_the_handles_call_their_pointer() {
    let (mut writer, reader) = one_letter::P::default().split();
    writer.add_n(1);
    assert_eq!(reader.n(), 1);
    let mut first = one_letter::P::default();
    let (mut writer, reader) = one_letter::List::default().split();
    writer.set_first(&mut first);
    let first: *mut one_letter::P = reader.first();
    assert!(!first.is_null());
}

#[single_writer]
struct Pair(AtomicU64, AtomicU64);

#[test]
fn fields_without_names_are_numbered() {
    let (mut writer, reader) = Pair(AtomicU64::new(1), AtomicU64::new(2)).split();
    writer.set_1(writer.get_0() + 10);
    assert_eq!((reader.get_0(), reader.get_1()), (1, 11));
}

#[test]
fn a_struct_in_a_function_has_handles() {
    #[single_writer]
    struct Local {
        value: AtomicU64,
    }
    let (mut writer, reader) = Local { value: AtomicU64::new(0) }.split();
    writer.set_value(1);
    assert_eq!(reader.value(), 1);
}

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}

#[test]
fn handles_travel_and_only_readers_are_shared() {
    is_send::<ProgressWriter>();
    is_send::<ProgressReader>();
    is_sync::<ProgressReader>();
    is_send::<ClockWriter<&'static Clock>>();
}
