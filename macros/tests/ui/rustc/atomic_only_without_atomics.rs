use atomic_lint::{atomic_only, concurrent};
use std::cell::UnsafeCell;

#[concurrent]
struct Raw {
    #[atomic_only]
    text: UnsafeCell<String>,
    #[atomic_only]
    pairs: *mut [(u8, u8)],
}

#[atomic_only]
static mut NAME: &str = "";

fn main() {}
