//! Types that keep their promises.

// modules: begin
pub mod arc_count_race;
pub mod atomic_under_lock;
pub mod broken_pairing;
pub mod guarded_by_violation;
pub mod implicit_single_writer;
pub mod leaked_atomic;
pub mod missing_target_has_atomic;
pub mod needless_rmw;
pub mod single_writer_violation;
pub mod unbounded_send_sync;
pub mod unfulfilled_suppression;
pub mod unshared_atomic;
// modules: end
