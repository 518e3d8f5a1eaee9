//! Spinning and blocking.

// modules: begin
pub mod spin_without_hint;
// modules: end
