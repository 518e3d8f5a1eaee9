use atomic_lint::cas_pure;
use std::sync::atomic::{AtomicU64, Ordering};

static CALLS: AtomicU64 = AtomicU64::new(0);

#[cas_pure(const)]
fn counts(value: u64) -> u64 {
    CALLS.fetch_add(1, Ordering::Relaxed);
    value + 1
}

fn main() {}
