//! The part of `atomic-lint` that the attributes expand to.
#![no_std]

use core::ops::{Deref, DerefMut};

pub use atomic_lint_macros::*;

/// A value on cache lines of its own.
#[padded(crate = crate)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Padded<T> {
    value: T,
}

impl<T> Padded<T> {
    pub const fn new(value: T) -> Self {
        Padded { value }
    }
}

impl<T> From<T> for Padded<T> {
    fn from(value: T) -> Self {
        Padded::new(value)
    }
}

impl<T> Deref for Padded<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Padded<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
