use atomic_lint::{concurrent, guarded_by};
use std::sync::Mutex;

#[concurrent]
struct Locks {
    lock: Mutex<()>,
    other: Mutex<()>,
    #[guarded_by(lok)]
    misspelt: u8,
    #[guarded_by]
    nameless: u8,
    #[guarded_by()]
    empty: u8,
    #[guarded_by("lock")]
    quoted: u8,
    #[guarded_by(self.lock)]
    through_self: u8,
    #[guarded_by(other.lock)]
    path: u8,
    #[guarded_by(lock, other)]
    two: u8,
    #[guarded_by(itself)]
    itself: u8,
    #[guarded_by(0)]
    number: u8,
    #[guarded_by(lock)]
    #[guarded_by(other)]
    twice: u8,
}

#[concurrent]
struct Alone {
    #[guarded_by(lock)]
    value: u8,
}

#[concurrent]
struct Tuple(#[guarded_by(2)] u8, Mutex<()>);

#[guarded_by(lock)]
struct OnStruct {
    lock: Mutex<()>,
}

#[guarded_by(LOCK)]
static VALUE: u8 = 0;

#[guarded_by(lock)]
fn function() {}

#[guarded_by(lock)]
const VALUES: [u8; 2] = [0, 1];

fn main() {}
