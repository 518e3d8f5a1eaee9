//! Spinning and blocking.

pub mod spin_without_hint;
