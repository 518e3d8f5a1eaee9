use atomic_lint::single_writer;
use std::sync::atomic::AtomicU64;

#[single_writer]
struct Progress {
    done: AtomicU64,
}

fn main() {
    let progress = Progress { done: AtomicU64::new(0) };
    let (mut first, _) = progress.split();
    let (mut second, _) = progress.split();
    first.add_done(1);
    second.add_done(1);
}
