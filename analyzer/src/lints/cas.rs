//! Compare-and-swap loops.

pub mod side_effects_in_cas_loop;
