//! All lints, one file each, by topic.

pub mod access {
    pub mod check_then_act;
    pub mod split_read_modify_write;
}

use crate::lint::Lint;

/// Every lint, sorted by name.
pub static ALL: &[&Lint] =
    &[&access::check_then_act::CHECK_THEN_ACT, &access::split_read_modify_write::SPLIT_READ_MODIFY_WRITE];

/// The lint of that name.
pub fn by_name(name: &str) -> Option<&'static Lint> {
    ALL.iter().copied().find(|l| l.name == name)
}
