//! Types that keep their promises.

// modules: begin
pub mod unbounded_send_sync;
pub mod unfulfilled_suppression;
// modules: end
