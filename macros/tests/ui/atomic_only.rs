use atomic_lint::atomic_only;
use std::cell::UnsafeCell;

#[atomic_only(u64)]
static mut ARGUMENT: u64 = 0;

#[atomic_only]
struct OnStruct {
    value: UnsafeCell<u64>,
}

#[atomic_only]
const COPIED: u64 = 0;

#[atomic_only]
fn function() {}

fn main() {}
