//! Barriers that are missing, wrong or wasted.

// modules: begin
pub mod invalid_ordering;
pub mod pointless_fence;
pub mod redundant_seq_cst;
pub mod refcount_overflow;
pub mod refcount_resurrection;
pub mod relaxed_lock;
pub mod relaxed_refcount_release;
pub mod relaxed_uniqueness_check;
pub mod seqlock_misuse;
pub mod split_flag;
pub mod store_load_reordering;
pub mod undocumented_ordering;
pub mod use_after_release;
// modules: end
