//! Handing data to other threads.

// modules: begin
pub mod dangling_publication;
pub mod interior_mutability_in_published;
pub mod mutation_after_publication;
pub mod relaxed_cas_failure;
pub mod relaxed_publication;
pub mod unchecked_null_load;
pub mod unpaired_ordering;
// modules: end
