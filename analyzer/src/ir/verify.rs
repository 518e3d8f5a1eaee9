//! The rules that every lowered file keeps.
