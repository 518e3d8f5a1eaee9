//! An SPSC pipeline: three stages, each a thread, joined by rings. A slow stage pushes back, and the
//! end travels through the pipeline as the producers go.
//!
//! `cargo run --release -p atomic-lint --example pipeline`

use atomic_lint::spsc;
use std::thread;
use std::time::Instant;

const NUMBERS: u64 = 2_000_000;

fn main() {
    let (mut numbers, mut to_square) = spsc::channel::<u64>(1024);
    let (mut squares, mut to_sum) = spsc::channel::<u64>(1024);
    let begun = Instant::now();

    let sum = thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..NUMBERS {
                if numbers.push(number).is_err() {
                    return; // the next stage has gone
                }
            }
        });
        scope.spawn(move || {
            let mut largest_batch = 0;
            while let Ok(number) = to_square.pop() {
                largest_batch = largest_batch.max(to_square.available() + 1);
                if squares.push(number.wrapping_mul(number)).is_err() {
                    return;
                }
            }
            println!("the middle stage found up to {largest_batch} numbers waiting");
        });
        let summing = scope.spawn(move || {
            let mut sum = 0_u64;
            while let Ok(square) = to_sum.pop() {
                sum = sum.wrapping_add(square);
            }
            sum
        });
        summing.join().expect("the last stage doesn't panic")
    });

    let elapsed = begun.elapsed();
    let expected = (0..NUMBERS).fold(0_u64, |sum, n| sum.wrapping_add(n.wrapping_mul(n)));
    assert_eq!(sum, expected);
    println!(
        "{NUMBERS} numbers through three threads in {elapsed:.0?}: {:.1} ns each, sum {sum}",
        elapsed.as_nanos() as f64 / NUMBERS as f64
    );
}
