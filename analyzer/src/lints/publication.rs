//! Handing data to other threads.

pub mod mutation_after_publication;
pub mod relaxed_cas_failure;
pub mod relaxed_publication;
