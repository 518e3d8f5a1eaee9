//! All lints, one file each, by topic.

pub mod access {
    pub mod check_then_act;
    pub mod mixed_atomic_access;
    pub mod split_read_modify_write;
    pub mod store_clobbers_rmw;
}
pub mod api {
    pub mod unfulfilled_suppression;
}

use crate::lint::Lint;

/// Every lint, sorted by name.
pub static ALL: &[&Lint] = &[
    &access::check_then_act::CHECK_THEN_ACT,
    &access::mixed_atomic_access::MIXED_ATOMIC_ACCESS,
    &access::split_read_modify_write::SPLIT_READ_MODIFY_WRITE,
    &access::store_clobbers_rmw::STORE_CLOBBERS_RMW,
    &api::unfulfilled_suppression::UNFULFILLED_SUPPRESSION,
];

/// The lint of that name.
pub fn by_name(name: &str) -> Option<&'static Lint> {
    ALL.iter().copied().find(|l| l.name == name)
}
