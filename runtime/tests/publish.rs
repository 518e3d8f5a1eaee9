//! Snapshot and Versioned: what readers see, lost updates, panicking closures, leaks.
#![cfg(feature = "snapshot")]
#![cfg(not(atomic_lint_loom))]

mod support;

use atomic_lint::{LockedSnapshot, Snapshot, Versioned};
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use support::{panics, Census};

#[test]
fn guard_keeps_its_value() {
    let snapshot = Snapshot::new(1);
    let before = snapshot.load();
    snapshot.store(2);
    assert_eq!((*before, *snapshot.load()), (1, 2));
    assert_eq!(*before.into_arc(), 1);
}

#[test]
fn no_update_is_lost() {
    const EACH: usize = 2_000;
    let snapshot = Snapshot::new(0_usize);
    let locked = LockedSnapshot::new(0_usize);
    let versioned = Versioned::new(0_usize);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    snapshot.update(|n| n + 1);
                    locked.modify(|n| *n += 1);
                    versioned.update(|n| n + 1);
                }
            });
        }
        scope.spawn(|| loop {
            let now = versioned.load();
            assert_eq!(now.version(), *now as u64, "value and version go together");
            if *now == 3 * EACH {
                break;
            }
            std::thread::yield_now();
        });
    });
    assert_eq!(*snapshot.load(), 3 * EACH);
    assert_eq!(*locked.load(), 3 * EACH);
    assert_eq!(versioned.version(), 3 * EACH as u64);
}

#[test]
fn readers_never_see_a_mixture() {
    let snapshot = Arc::new(Snapshot::new((0_u64, !0_u64)));
    std::thread::scope(|scope| {
        scope.spawn(|| (0..20_000_u64).for_each(|n| snapshot.store((n, !n))));
        for _ in 0..2 {
            scope.spawn(|| {
                let mut reader = snapshot.reader();
                let mut last = 0;
                for _ in 0..20_000 {
                    let (n, inverse) = *reader.load();
                    assert_eq!(inverse, !n);
                    assert!(n >= last, "a reader never goes back");
                    last = n;
                }
            });
        }
    });
}

#[test]
fn panicking_closure_publishes_nothing() {
    let snapshot = Snapshot::new(1);
    let locked = LockedSnapshot::new(1);
    let versioned = Versioned::new(1);
    assert!(panics(|| snapshot.update(|_| panic!("the update fails"))));
    assert!(panics(|| locked.update(|_| panic!("the update fails"))));
    assert!(panics(|| locked.modify(|n| {
        *n = 7;
        panic!("the update fails half way");
    })));
    assert!(panics(|| versioned.update(|_| panic!("the update fails"))));
    assert_eq!((*snapshot.load(), *locked.load(), *versioned.load()), (1, 1, 1));
    assert_eq!(versioned.version(), 0);
    snapshot.update(|n| n + 1);
    locked.update(|n| n + 1);
    assert_eq!(versioned.update(|n| n + 1), 1);
    assert_eq!((*snapshot.load(), *locked.load(), *versioned.load()), (2, 2, 2));
}

#[test]
fn declined_update_publishes_nothing() {
    let snapshot = Snapshot::new(1);
    assert_eq!(snapshot.try_update(|_| Err::<i32, _>("no")), Err("no"));
    assert_eq!(snapshot.try_update(|n| Ok::<_, ()>(n + 1)), Ok(Arc::new(2)));
    assert_eq!(*snapshot.load(), 2);
}

/// The closure of `update` runs again when another writer came first, that of the locked variant
/// exactly once.
#[test]
fn update_retries_and_locked_update_does_not() {
    let snapshot = Snapshot::new(0);
    let runs = AtomicUsize::new(0);
    snapshot.update(|n| {
        if runs.fetch_add(1, Ordering::Relaxed) == 0 {
            snapshot.store(10); // another writer, in the middle of the update
        }
        n + 1
    });
    assert_eq!((*snapshot.load(), runs.load(Ordering::Relaxed)), (11, 2));

    let locked = LockedSnapshot::new(0);
    let runs = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..500 {
                    locked.update(|n| {
                        runs.fetch_add(1, Ordering::Relaxed);
                        n + 1
                    });
                }
            });
        }
    });
    assert_eq!((*locked.load(), runs.load(Ordering::Relaxed)), (1_000, 1_000));
}

#[test]
fn nothing_leaks_and_nothing_is_freed_twice() {
    let census = Census::default();
    let snapshot = Arc::new(Snapshot::new(census.value(0)));
    std::thread::scope(|scope| {
        scope.spawn(|| (0..2_000).for_each(|id| snapshot.store(census.value(id))));
        scope.spawn(|| (0..2_000).for_each(|_| drop(snapshot.update(Clone::clone))));
        scope.spawn(|| (0..2_000).for_each(|_| drop(snapshot.load())));
    });
    // More guards than a thread has slots for.
    let guards: Vec<_> = (0..20).map(|_| snapshot.load()).collect();
    let mut reader = snapshot.reader();
    snapshot.store(census.value(1));
    assert_eq!(census.alive(), 2);
    drop(guards);
    assert_eq!(census.alive(), 2, "the reader keeps what it saw");
    reader.refresh();
    assert_eq!(census.alive(), 1);
    drop((reader, snapshot));
    assert_eq!(census.alive(), 0);
}

#[test]
fn reader_outlives_the_other_handles() {
    let snapshot = Arc::new(Snapshot::new(5));
    let mut reader = snapshot.reader();
    let mut copy = reader.clone();
    drop(snapshot);
    assert_eq!((*reader.load(), *copy.load_full()), (5, 5));
}

proptest! {
    #[test]
    fn versions_count_writes(writes in prop::collection::vec(any::<u8>(), 0..40)) {
        let versioned = Versioned::new(0_u8);
        for (index, value) in writes.iter().enumerate() {
            let version = versioned.store(*value);
            prop_assert_eq!(version, index as u64 + 1);
            let now = versioned.load();
            prop_assert_eq!((now.version(), *now), (version, *value));
        }
    }
}
