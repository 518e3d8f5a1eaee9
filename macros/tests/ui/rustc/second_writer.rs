use atomic_lint::single_writer;
use std::sync::atomic::AtomicU64;

#[single_writer]
struct Progress {
    done: AtomicU64,
}

fn main() {
    let (writer, _reader) = Progress { done: AtomicU64::new(0) }.split();
    let mut second = writer.clone();
    second.add_done(1);
}
