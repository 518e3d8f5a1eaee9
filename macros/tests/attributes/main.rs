//! What the attributes accept, and what they make of it.
#![deny(warnings, missing_docs, unreachable_pub)]

mod cas_pure;
mod concurrent;
mod facts;
mod frozen;
mod hostile;
mod padded;
mod renamed;
mod single_writer;
