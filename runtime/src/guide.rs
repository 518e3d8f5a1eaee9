//! From plain code to verified code: a ring buffer, a block of metrics and a configuration cell,
//! step by step.
//!
//! An annotation is worth something only if somebody checks it. Here three parties do: the attribute
//! itself, which expands to code or to a check at compile time; the compiler, which then knows what
//! it couldn't know before; and `cargo atomic-lint`, which reads the annotation from the source and
//! holds every access against it.
//!
//! Each step is compiled and run, and under it stands everything that
//! `cargo atomic-lint -W pedantic` reports for it. A test holds the findings to what is said here.
//!
//! | page | what it is | attributes |
//! |---|---|---|
//! | [`ring`] | one thread pushes, another pops | `#[concurrent]`, `#[padded]`, `#[single_writer]`, `#[pairs_with]` |
//! | [`metrics`] | every worker counts, somebody reports | `#[concurrent]`, `#[padded]`, `#[single_writer]`, `#[hot]`, `#[read_mostly]` |
//! | [`config_cell`] | everybody reads, one replaces | `#[concurrent]`, `#[frozen]`, `#[guarded_by]` |

pub mod config_cell;
pub mod metrics;
pub mod ring;
