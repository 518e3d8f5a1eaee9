use atomic_lint::{hot, read_mostly};
use std::sync::atomic::AtomicU64;

#[hot]
struct HotStruct {
    value: AtomicU64,
}

#[hot]
static HOT: AtomicU64 = AtomicU64::new(0);

#[hot]
fn hot_function() {}

#[read_mostly]
struct ReadStruct {
    value: AtomicU64,
}

#[read_mostly]
static READ: AtomicU64 = AtomicU64::new(0);

fn main() {}
