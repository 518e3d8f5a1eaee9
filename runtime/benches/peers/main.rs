//! The crate's types beside their peers and beside what people write by hand.
//!
//! ```text
//! cargo bench -p atomic-lint --bench peers            # everything, about a minute
//! cargo bench -p atomic-lint --bench peers -- ring    # rows whose name contains "ring"
//! ```
//!
//! Two threads, pinned to the first two cores where the system allows. The contestants of a row take
//! turns for [`frame::SAMPLES`] short samples each, so that a disturbance meets all of them; the table
//! shows medians and how many times slower than the first line each one is. Read ratios, not
//! nanoseconds; where something else runs on the machine, compare the fastest samples.

mod counting;
mod frame;
mod passing;
mod publishing;
mod reading;
mod structures;
mod waiting;

fn main() {
    let mut table = frame::Table::from_arguments();
    counting::rows(&mut table);
    reading::rows(&mut table);
    passing::rows(&mut table);
    waiting::rows(&mut table);
    publishing::rows(&mut table);
    structures::rows(&mut table);
}
