//! Compare-and-swap loops.

// modules: begin
pub mod aba_prone_cas;
pub mod allocation_in_cas_loop;
pub mod cas_loop_reimplements_rmw;
pub mod cas_loop_without_backoff;
pub mod ignored_cas_result;
pub mod premature_reclamation;
pub mod side_effects_in_cas_loop;
pub mod stale_cas_expected;
pub mod strong_cas_in_loop;
pub mod unbounded_cas_retry;
pub mod weak_cas_outside_loop;
// modules: end
