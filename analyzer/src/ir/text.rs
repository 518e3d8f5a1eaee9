//! The textual form of the IR.
