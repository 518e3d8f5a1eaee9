use atomic_lint::concurrent;
use std::sync::atomic::AtomicU64;

#[concurrent]
struct Limits {
    #[hot]
    hits: AtomicU64,
    #[read_mostly]
    limit: u64,
}

fn main() {}
