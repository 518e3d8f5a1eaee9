use atomic_lint::frozen;
use std::cell::Cell;
use std::sync::atomic::AtomicU64;
use std::sync::Arc;

struct Hidden {
    hits: AtomicU64,
}

#[frozen]
struct Config<'a> {
    cell: Cell<u8>,
    hidden: Option<Hidden>,
    behind: Arc<Cell<u8>>,
    borrowed: &'a [Cell<u8>],
    fine: Vec<u8>,
}

fn main() {}
