use atomic_lint::{padded, Padded};
use std::sync::atomic::AtomicU64;

#[padded(64)]
struct Sized(AtomicU64);

#[padded(crate = "renamed")]
struct Quoted(AtomicU64);

#[padded(crate)]
struct NoPath(AtomicU64);

#[padded(crate = atomic_lint, 64)]
struct TooMuch(AtomicU64);

#[padded]
#[repr(C, packed)]
struct Packed(u64);

#[padded]
#[repr(transparent)]
struct Transparent(AtomicU64);

#[padded]
struct Unit;

#[padded]
enum Either {
    Left(AtomicU64),
}

#[padded]
union Overlap {
    left: u64,
}

#[padded]
const COPIED: AtomicU64 = AtomicU64::new(0);

#[padded]
fn function() {}

#[padded]
impl Sized {}

#[padded]
static mut MUTABLE: u64 = 0;

#[padded]
static TWICE: Padded<AtomicU64> = Padded::new(AtomicU64::new(0));

extern "C" {
    #[padded]
    static FOREIGN: u64;
}

fn main() {}
