//! Reads Rust source and finds misuse of atomics.
