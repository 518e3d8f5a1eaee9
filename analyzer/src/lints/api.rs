//! Types that keep their promises.

pub mod unfulfilled_suppression;
