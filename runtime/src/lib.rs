//! Lock-free building blocks, each ordering argued and model-checked.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]

extern crate alloc;

mod primitive;

pub mod padded;
pub use padded::Padded;

#[cfg(feature = "macros")]
#[allow(unused_imports, unreachable_pub)]
pub use atomic_lint_macros::*;
