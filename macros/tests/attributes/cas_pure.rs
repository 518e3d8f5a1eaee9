use atomic_lint::cas_pure;
use std::fmt::Display;

/// Documented, so that the copy needn't be.
#[cas_pure(const)]
fn next(state: u64) -> u64 {
    let mut next = state.wrapping_mul(3);
    while next % 2 == 0 {
        next += 1;
    }
    next
}

#[cas_pure(const)]
const fn already(state: u64) -> u64 {
    state + 1
}

#[cas_pure]
fn longest(name: impl Display) -> usize {
    name.to_string().len()
}

#[cas_pure(const)]
#[inline]
unsafe fn raw(value: *const u8) -> *const u8 {
    value
}

struct Word<T>(T);

impl<T: Copy> Word<T> {
    #[cas_pure(const)]
    fn get(&self) -> T {
        self.0
    }

    #[cas_pure(const)]
    pub(crate) fn with<const N: usize>(self) -> [Self; N]
    where
        Self: Copy,
    {
        [self; N]
    }

    #[cas_pure]
    fn plain(self) -> Self {
        self
    }
}

impl<T: Copy> Clone for Word<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Copy> Copy for Word<T> {}

trait Step {
    #[cas_pure]
    fn step(&self) -> u64;

    #[cas_pure]
    fn twice(&self) -> u64 {
        self.step() * 2
    }
}

impl Step for u64 {
    #[cas_pure]
    fn step(&self) -> u64 {
        self + 1
    }
}

#[test]
fn functions_stay_what_they_are() {
    assert_eq!(next(2) + already(1), 9);
    assert_eq!(longest("abc"), 3);
    assert_eq!(Word(1u8).plain().with::<2>()[0].get(), 1);
    assert_eq!(1u64.step() + 1u64.twice(), 6);
    // SAFETY: the function does nothing with the pointer.
    assert!(unsafe { raw(std::ptr::null()) }.is_null());
}
