use atomic_lint::frozen;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

#[frozen(deep)]
struct Argument {
    value: u8,
}

#[frozen]
enum Either {
    Left(u8),
}

#[frozen]
static VALUE: u8 = 0;

#[frozen]
fn function() {}

#[frozen]
struct Atomic {
    hits: AtomicU64,
}

#[frozen]
struct Behind {
    cache: Option<Arc<Mutex<u8>>>,
}

fn main() {}
