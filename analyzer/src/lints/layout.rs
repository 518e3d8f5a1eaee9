//! Cache lines.

pub mod ineffective_padding;
pub mod unpadded_hot_atomics;
pub mod unpadded_shards;
