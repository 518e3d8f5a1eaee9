//! Types that keep their promises.

pub mod unbounded_send_sync;
pub mod unfulfilled_suppression;
