//! One value that is read often and replaced now and then.

use crate::frame::{alone, beside, two, Table};
use atomic_lint::hazard::{Domain, HazardBox};
use atomic_lint::{Latch, RetryOnce, Snapshot, Versioned};
use std::hint::black_box;
use std::sync::{Arc, Mutex, OnceLock, RwLock};

const OPERATIONS: usize = 500_000;
const UPDATES: usize = 50_000;

pub(crate) fn rows(table: &mut Table) {
    reads(table);
    reads_beside_a_writer(table);
    updates(table);
    gates(table);
    initialisation(table);
}

/// Repeats a read whose result must not be optimised away.
macro_rules! reads {
    ($read:expr) => {
        |_, n| (0..n).for_each(|_| _ = black_box($read))
    };
}

fn reads(table: &mut Table) {
    let ours = Arc::new(Snapshot::new(7_u64));
    let versioned = Versioned::new(7_u64);
    let domain = Domain::new();
    let hazard = HazardBox::new(&domain, 7_u64);
    let peer = arc_swap::ArcSwap::from_pointee(7_u64);
    let rw_lock = RwLock::new(7_u64);
    let shared = RwLock::new(Arc::new(7_u64));
    let mutex = Mutex::new(7_u64);
    table.row(
        "snapshot: two threads read",
        vec![
            two("Snapshot::load", OPERATIONS, reads!(*ours.load())),
            two("SnapshotReader::load", OPERATIONS, |_, n| {
                let mut reader = ours.reader();
                (0..n).for_each(|_| _ = black_box(*reader.load()));
            }),
            two("Versioned::load", OPERATIONS, reads!(*versioned.load())),
            two("HazardBox::load", OPERATIONS, |_, n| {
                let mut reader = domain.hazard();
                (0..n).for_each(|_| _ = black_box(*hazard.load(&mut reader)));
            }),
            two("arc-swap, load", OPERATIONS, reads!(**peer.load())),
            two("arc-swap, Cache", OPERATIONS, |_, n| {
                let mut reader = arc_swap::Cache::new(&peer);
                (0..n).for_each(|_| _ = black_box(**reader.load()));
            }),
            two("RwLock, guard", OPERATIONS, reads!(*rw_lock.read().unwrap())),
            two("RwLock<Arc>, cloned", OPERATIONS, reads!(*Arc::clone(&shared.read().unwrap()))),
            two("Mutex", OPERATIONS, reads!(*mutex.lock().unwrap())),
        ],
    );
    table.row(
        "snapshot: one thread reads",
        vec![
            alone("Snapshot::load", OPERATIONS, |n| {
                (0..n).for_each(|_| _ = black_box(*ours.load()));
            }),
            alone("arc-swap, load", OPERATIONS, |n| {
                (0..n).for_each(|_| _ = black_box(**peer.load()));
            }),
            alone("RwLock, guard", OPERATIONS, |n| {
                (0..n).for_each(|_| _ = black_box(*rw_lock.read().unwrap()));
            }),
            alone("Mutex", OPERATIONS, |n| {
                (0..n).for_each(|_| _ = black_box(*mutex.lock().unwrap()));
            }),
        ],
    );
}

fn reads_beside_a_writer(table: &mut Table) {
    let ours = Arc::new(Snapshot::new(7_u64));
    let peer = arc_swap::ArcSwap::from_pointee(7_u64);
    let rw_lock = RwLock::new(7_u64);
    table.row(
        "snapshot: read beside a writer",
        vec![
            beside(
                "Snapshot::load",
                OPERATIONS,
                |n| (0..n).for_each(|_| _ = black_box(*ours.load())),
                || ours.store(8),
            ),
            beside(
                "SnapshotReader::load",
                OPERATIONS,
                |n| {
                    let mut reader = ours.reader();
                    (0..n).for_each(|_| _ = black_box(*reader.load()));
                },
                || ours.store(8),
            ),
            beside(
                "arc-swap, load",
                OPERATIONS,
                |n| (0..n).for_each(|_| _ = black_box(**peer.load())),
                || peer.store(Arc::new(8)),
            ),
            beside(
                "RwLock, guard",
                OPERATIONS,
                |n| (0..n).for_each(|_| _ = black_box(*rw_lock.read().unwrap())),
                || *rw_lock.write().unwrap() = 8,
            ),
        ],
    );
}

fn updates(table: &mut Table) {
    let ours = Snapshot::new(0_u64);
    let peer = arc_swap::ArcSwap::from_pointee(0_u64);
    let shared = RwLock::new(Arc::new(0_u64));
    let replace = |value: &mut Arc<u64>| *value = Arc::new(**value + 1);
    table.row(
        "snapshot: two threads update",
        vec![
            two("Snapshot::update", UPDATES, reads!(ours.update(|n| n + 1))),
            two("arc-swap, rcu", UPDATES, reads!(peer.rcu(|n| **n + 1))),
            two("RwLock<Arc>", UPDATES, reads!(replace(&mut shared.write().unwrap()))),
        ],
    );
}

fn gates(table: &mut Table) {
    let latch = Latch::new();
    latch.open();
    let (mutex, rw_lock) = (Mutex::new(true), RwLock::new(true));
    table.row(
        "gate: two threads pass an open one",
        vec![
            two("Latch::wait", OPERATIONS, reads!(latch.wait())),
            two("Mutex<bool>", OPERATIONS, reads!(*mutex.lock().unwrap())),
            two("RwLock<bool>", OPERATIONS, reads!(*rw_lock.read().unwrap())),
        ],
    );
}

fn initialisation(table: &mut Table) {
    let ours = RetryOnce::new();
    let peer = OnceLock::new();
    let mutex = Mutex::new(None);
    table.row(
        "init: two threads read what is initialised",
        vec![
            two("RetryOnce::get_or_try_init", OPERATIONS, reads!(ours.get_or_try_init(|| Ok::<u64, ()>(7)))),
            two("OnceLock", OPERATIONS, reads!(peer.get_or_init(|| 7_u64))),
            two("Mutex<Option>", OPERATIONS, reads!(*mutex.lock().unwrap().get_or_insert(7_u64))),
        ],
    );
}
