//! Types that keep their promises.

// modules: begin
pub mod arc_count_race;
pub mod broken_pairing;
pub mod leaked_atomic;
pub mod unbounded_send_sync;
pub mod unfulfilled_suppression;
// modules: end
