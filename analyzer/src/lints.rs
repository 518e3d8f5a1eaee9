//! All lints.

use crate::lint::Lint;

/// Every lint, sorted by name.
pub static ALL: &[&Lint] = &[];
