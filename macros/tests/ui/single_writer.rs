use atomic_lint::single_writer;
use std::sync::atomic::{AtomicBool, AtomicU64};

#[single_writer]
struct NothingToWrite {
    name: String,
}

#[single_writer]
enum Either {
    Left(AtomicU64),
}

#[single_writer]
static COUNT: AtomicU64 = AtomicU64::new(0);

#[single_writer]
fn function() {}

#[single_writer(alloc)]
struct UnknownOption {
    value: AtomicU64,
}

#[single_writer(claim)]
struct ClaimWithoutField {
    value: AtomicU64,
}

#[single_writer(claim = claimed)]
struct ClaimIsMissing {
    value: AtomicU64,
}

#[single_writer(claim = claimed)]
struct ClaimIsNoFlag {
    claimed: AtomicU64,
    value: AtomicU64,
}

#[single_writer(claim = claimed)]
struct OnlyTheClaim {
    claimed: AtomicBool,
}

#[single_writer]
struct Clash {
    head: AtomicU64,
    set_head: AtomicU64,
}

#[single_writer]
struct Reserved {
    reader: AtomicU64,
}

fn main() {}
