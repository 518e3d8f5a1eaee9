use atomic_lint::concurrent;
use std::sync::atomic::AtomicU64;

#[concurrent(padded)]
struct Argument {
    #[padded]
    value: AtomicU64,
}

#[concurrent]
enum Either {
    Left(AtomicU64),
}

#[concurrent]
static COUNT: AtomicU64 = AtomicU64::new(0);

#[concurrent]
fn function() {}

#[concurrent]
#[repr(packed)]
struct Packed {
    #[padded]
    value: u64,
}

fn main() {}
