//! Types that keep their promises.
// modules: begin
// modules: end

pub mod arc_count_race;
pub mod unbounded_send_sync;
pub mod unfulfilled_suppression;
