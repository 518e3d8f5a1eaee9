use atomic_lint::padded;
use std::sync::atomic::AtomicU64;

struct Ring {
    #[padded]
    head: AtomicU64,
}

fn main() {}
