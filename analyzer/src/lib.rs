//! Reads Rust source and finds misuse of atomics.
//!
//! Data flows one way: [`workspace`] → [`source`] → [`lower`] → [`ir`] → [`resolve`] → [`contract`] → [`facts`] →
//! [`lints`] → [`report`] → [`render`]. Each stage reads only what the stages before it made; [`driver`] runs them and [`cli`] says
//! what for.

pub mod baseline;
pub mod cli;
pub mod config;
pub mod contract;
pub mod coverage;
pub mod driver;
pub mod facts;
pub mod finding;
pub mod fix;
pub mod internal_error;
pub mod ir;
pub mod level;
pub mod lint;
pub mod lints;
pub mod lower;
pub mod measured;
pub mod remedy;
pub mod render;
pub mod report;
pub mod resolve;
pub mod source;
pub mod suppress;
pub mod views;
pub mod workspace;

#[cfg(test)]
mod testing;
