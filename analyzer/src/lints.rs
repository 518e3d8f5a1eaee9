//! All lints.

use crate::lint::Lint;

pub mod api;

/// Every lint, sorted by name.
pub static ALL: &[&Lint] = &[&api::unfulfilled_suppression::UNFULFILLED_SUPPRESSION];
