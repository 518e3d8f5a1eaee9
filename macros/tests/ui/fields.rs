use atomic_lint::{concurrent, Padded};
use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::AtomicU64;
use std::sync::Mutex;

#[concurrent]
struct Everything {
    #[padded]
    #[padded]
    twice: AtomicU64,
    #[padded(128)]
    argument: AtomicU64,
    #[padded = 128]
    value: AtomicU64,
    #[padded]
    already: Padded<AtomicU64>,
    #[padded(crate = renamed)]
    root: AtomicU64,
    #[single_writer(no_alloc)]
    handles: AtomicU64,
    #[frozen(true)]
    frozen: u64,
    #[hot(1)]
    hot: u64,
    #[atomic_only(u64)]
    only: UnsafeCell<u64>,
    #[atomic_only]
    cell: Cell<u64>,
    #[atomic_only]
    mutex: Mutex<u64>,
    #[read_mostly(checked)]
    read: u64,
    #[hot]
    #[read_mostly]
    both: u64,
    #[atomic_only]
    #[guarded_by(mutex)]
    guarded_and_atomic: UnsafeCell<u64>,
    #[concurrent]
    nested: u64,
    #[cas_pure]
    pure: u64,
    #[pairs_with("Queue::pop")]
    paired: u64,
    #[atomic_lint::allow(TornSnapshot)]
    allowed: u64,
    #[cfg_attr(unix, padded)]
    conditional: AtomicU64,
    #[cfg_attr(any(), padded)]
    inert: AtomicU64,
}

fn main() {}
