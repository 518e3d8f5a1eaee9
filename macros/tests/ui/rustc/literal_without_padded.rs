use atomic_lint::concurrent;
use std::sync::atomic::AtomicU64;

#[concurrent]
struct Ring {
    #[padded]
    head: AtomicU64,
}

fn main() {
    let _ = Ring { head: AtomicU64::new(0) };
}
