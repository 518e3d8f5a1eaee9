//! All lints, one file each, by topic.

// modules: begin
pub mod access;
pub mod api;
pub mod cas;
pub mod layout;
pub mod ordering;
pub mod publication;
pub mod waiting;
// modules: end

use crate::lint::Lint;

/// Every lint, sorted by name.
pub static ALL: &[&Lint] = &[
    // lints: begin
    &cas::aba_prone_cas::ABA_PRONE_CAS,
    &cas::allocation_in_cas_loop::ALLOCATION_IN_CAS_LOOP,
    &api::arc_count_race::ARC_COUNT_RACE,
    &access::atomic_in_const::ATOMIC_IN_CONST,
    &api::atomic_under_lock::ATOMIC_UNDER_LOCK,
    &api::broken_pairing::BROKEN_PAIRING,
    &cas::cas_loop_reimplements_rmw::CAS_LOOP_REIMPLEMENTS_RMW,
    &cas::cas_loop_without_backoff::CAS_LOOP_WITHOUT_BACKOFF,
    &access::check_then_act::CHECK_THEN_ACT,
    &access::cloned_atomic::CLONED_ATOMIC,
    &publication::dangling_publication::DANGLING_PUBLICATION,
    &layout::excessive_padding::EXCESSIVE_PADDING,
    &api::guarded_by_violation::GUARDED_BY_VIOLATION,
    &waiting::hand_rolled_spinlock::HAND_ROLLED_SPINLOCK,
    &cas::ignored_cas_result::IGNORED_CAS_RESULT,
    &api::implicit_single_writer::IMPLICIT_SINGLE_WRITER,
    &layout::ineffective_padding::INEFFECTIVE_PADDING,
    &ordering::invalid_ordering::INVALID_ORDERING,
    &waiting::io_under_lock::IO_UNDER_LOCK,
    &api::leaked_atomic::LEAKED_ATOMIC,
    &waiting::lost_wakeup::LOST_WAKEUP,
    &access::misaligned_atomic_cast::MISALIGNED_ATOMIC_CAST,
    &api::missing_target_has_atomic::MISSING_TARGET_HAS_ATOMIC,
    &access::mixed_atomic_access::MIXED_ATOMIC_ACCESS,
    &publication::mutation_after_publication::MUTATION_AFTER_PUBLICATION,
    &api::needless_rmw::NEEDLESS_RMW,
    &access::old_value_confusion::OLD_VALUE_CONFUSION,
    &layout::padding_annotation_mismatch::PADDING_ANNOTATION_MISMATCH,
    &ordering::pointless_fence::POINTLESS_FENCE,
    &cas::premature_reclamation::PREMATURE_RECLAMATION,
    &ordering::redundant_seq_cst::REDUNDANT_SEQ_CST,
    &ordering::refcount_overflow::REFCOUNT_OVERFLOW,
    &ordering::refcount_resurrection::REFCOUNT_RESURRECTION,
    &publication::relaxed_cas_failure::RELAXED_CAS_FAILURE,
    &ordering::relaxed_lock::RELAXED_LOCK,
    &publication::relaxed_publication::RELAXED_PUBLICATION,
    &ordering::relaxed_refcount_release::RELAXED_REFCOUNT_RELEASE,
    &ordering::relaxed_uniqueness_check::RELAXED_UNIQUENESS_CHECK,
    &ordering::seqlock_misuse::SEQLOCK_MISUSE,
    &cas::side_effects_in_cas_loop::SIDE_EFFECTS_IN_CAS_LOOP,
    &api::single_writer_violation::SINGLE_WRITER_VIOLATION,
    &waiting::spin_in_async::SPIN_IN_ASYNC,
    &waiting::spin_without_hint::SPIN_WITHOUT_HINT,
    &ordering::split_flag::SPLIT_FLAG,
    &access::split_read_modify_write::SPLIT_READ_MODIFY_WRITE,
    &cas::stale_cas_expected::STALE_CAS_EXPECTED,
    &access::store_clobbers_rmw::STORE_CLOBBERS_RMW,
    &ordering::store_load_reordering::STORE_LOAD_REORDERING,
    &cas::strong_cas_in_loop::STRONG_CAS_IN_LOOP,
    &access::torn_snapshot::TORN_SNAPSHOT,
    &cas::unbounded_cas_retry::UNBOUNDED_CAS_RETRY,
    &api::unbounded_send_sync::UNBOUNDED_SEND_SYNC,
    &publication::unchecked_null_load::UNCHECKED_NULL_LOAD,
    &ordering::undocumented_ordering::UNDOCUMENTED_ORDERING,
    &api::unfulfilled_suppression::UNFULFILLED_SUPPRESSION,
    &layout::unpadded_hot_atomics::UNPADDED_HOT_ATOMICS,
    &layout::unpadded_shards::UNPADDED_SHARDS,
    &publication::unpaired_ordering::UNPAIRED_ORDERING,
    &api::unshared_atomic::UNSHARED_ATOMIC,
    &ordering::use_after_release::USE_AFTER_RELEASE,
    &access::volatile_as_atomic::VOLATILE_AS_ATOMIC,
    &cas::weak_cas_outside_loop::WEAK_CAS_OUTSIDE_LOOP,
    // lints: end
];
