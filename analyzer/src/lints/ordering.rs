//! Barriers that are missing, wrong or wasted.

pub mod invalid_ordering;
pub mod relaxed_lock;
pub mod relaxed_refcount_release;
pub mod relaxed_uniqueness_check;
