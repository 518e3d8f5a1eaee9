//! All lints, one file each, by topic.

pub mod access;
pub mod api;
pub mod layout;
pub mod waiting;

use crate::lint::Lint;

/// Every lint, sorted by name.
pub static ALL: &[&Lint] = &[
    &access::check_then_act::CHECK_THEN_ACT,
    &layout::ineffective_padding::INEFFECTIVE_PADDING,
    &access::mixed_atomic_access::MIXED_ATOMIC_ACCESS,
    &waiting::spin_without_hint::SPIN_WITHOUT_HINT,
    &access::split_read_modify_write::SPLIT_READ_MODIFY_WRITE,
    &access::store_clobbers_rmw::STORE_CLOBBERS_RMW,
    &api::unbounded_send_sync::UNBOUNDED_SEND_SYNC,
    &api::unfulfilled_suppression::UNFULFILLED_SUPPRESSION,
    &layout::unpadded_hot_atomics::UNPADDED_HOT_ATOMICS,
    &layout::unpadded_shards::UNPADDED_SHARDS,
];
