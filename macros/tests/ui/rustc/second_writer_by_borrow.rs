use atomic_lint::single_writer;
use std::sync::atomic::AtomicU64;

#[single_writer]
struct Progress {
    done: AtomicU64,
}

fn main() {
    let mut progress = Progress { done: AtomicU64::new(0) };
    let (mut first, _) = progress.split_mut();
    let (mut second, _) = progress.split_mut();
    first.add_done(1);
    second.add_done(1);
}
