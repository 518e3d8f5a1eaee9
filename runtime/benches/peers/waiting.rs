//! Locks.

use crate::frame::{repeat, two, Table};
use atomic_lint::{SpinLock, TicketLock};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;

const OPERATIONS: usize = 20_000;

pub(crate) fn rows(table: &mut Table) {
    let spin = SpinLock::new(0_u64);
    let ticket = TicketLock::new(0_u64);
    let naive = Naive::default();
    let mutex = Mutex::new(0_u64);
    table.row(
        "lock: two threads add under it",
        vec![
            two("SpinLock", OPERATIONS, |_, n| {
                repeat(n, |_| *spin.lock() += 1);
            }),
            two("std Mutex", OPERATIONS, |_, n| {
                repeat(n, |_| *mutex.lock().expect("not poisoned") += 1);
            }),
            two("TicketLock", OPERATIONS, |_, n| {
                repeat(n, |_| *ticket.lock() += 1);
            }),
            two("a swap loop without backoff", OPERATIONS, |_, n| {
                repeat(n, |_| naive.add());
            }),
        ],
    );
}

/// The spin lock of first attempts.
#[derive(Default)]
struct Naive {
    held: AtomicBool,
    value: UnsafeCell<u64>,
}

// SAFETY: `held` guards `value`.
unsafe impl Sync for Naive {}

impl Naive {
    fn add(&self) {
        // Acquire: pairs with the Release store below.
        while self.held.swap(true, Ordering::Acquire) {}
        // SAFETY: the swap made this thread the only one here.
        unsafe { *self.value.get() += 1 };
        // Release: pairs with the Acquire swap above.
        self.held.store(false, Ordering::Release);
    }
}
