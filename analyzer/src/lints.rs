//! All lints, one file each, by topic.

pub mod access;
pub mod api;
pub mod ordering;
pub mod publication;

use crate::lint::Lint;

/// Every lint, sorted by name.
pub static ALL: &[&Lint] = &[
    &access::check_then_act::CHECK_THEN_ACT,
    &ordering::invalid_ordering::INVALID_ORDERING,
    &access::mixed_atomic_access::MIXED_ATOMIC_ACCESS,
    &publication::mutation_after_publication::MUTATION_AFTER_PUBLICATION,
    &publication::relaxed_cas_failure::RELAXED_CAS_FAILURE,
    &ordering::relaxed_lock::RELAXED_LOCK,
    &publication::relaxed_publication::RELAXED_PUBLICATION,
    &ordering::relaxed_refcount_release::RELAXED_REFCOUNT_RELEASE,
    &ordering::relaxed_uniqueness_check::RELAXED_UNIQUENESS_CHECK,
    &access::split_read_modify_write::SPLIT_READ_MODIFY_WRITE,
    &access::store_clobbers_rmw::STORE_CLOBBERS_RMW,
    &api::unfulfilled_suppression::UNFULFILLED_SUPPRESSION,
];
