use atomic_lint::single_writer;
use std::sync::atomic::AtomicU64;

#[single_writer]
struct Progress {
    done: AtomicU64,
}

fn main() {
    let (_, reader) = Progress { done: AtomicU64::new(0) }.split();
    reader.add_done(1);
}
