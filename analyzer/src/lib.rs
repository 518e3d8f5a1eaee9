//! Reads Rust source and finds misuse of atomics.
//!
//! Data flows one way: [`workspace`] → [`source`] → [`lower`] → [`ir`] → `resolve` → [`facts`] → [`lints`] → `report` →
//! `render`. Each stage reads only what the stages before it made.

pub mod facts;
pub mod finding;
pub mod ir;
pub mod lint;
pub mod lints;
pub mod lower;
pub mod resolve;
pub mod source;
pub mod workspace;
