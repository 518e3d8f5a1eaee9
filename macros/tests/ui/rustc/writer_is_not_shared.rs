use atomic_lint::single_writer;
use std::sync::atomic::AtomicU64;

#[single_writer]
struct Progress {
    done: AtomicU64,
}

fn main() {
    let (writer, _) = Progress { done: AtomicU64::new(0) }.split();
    std::thread::scope(|scope| {
        scope.spawn(|| writer.done());
        scope.spawn(|| writer.done());
    });
}
