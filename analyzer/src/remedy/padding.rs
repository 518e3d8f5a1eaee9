//! A cache line of its own for a field.
