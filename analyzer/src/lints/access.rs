//! Memory touched the wrong way.

// modules: begin
pub mod check_then_act;
pub mod mixed_atomic_access;
pub mod split_read_modify_write;
pub mod store_clobbers_rmw;
// modules: end
