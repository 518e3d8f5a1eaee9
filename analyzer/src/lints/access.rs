//! Memory touched the wrong way.

// modules: begin
pub mod atomic_in_const;
pub mod check_then_act;
pub mod cloned_atomic;
pub mod misaligned_atomic_cast;
pub mod mixed_atomic_access;
pub mod old_value_confusion;
pub mod split_read_modify_write;
pub mod store_clobbers_rmw;
pub mod torn_snapshot;
pub mod volatile_as_atomic;
// modules: end
