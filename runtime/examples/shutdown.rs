//! A stage gate shutdown: workers run while the server does, finish what they have begun when it
//! drains, and only one of several signals begins the drain. The main thread waits for the workers
//! with a countdown that also counts the one that fails.
//!
//! `cargo run --release -p atomic-lint --example shutdown`

use atomic_lint::{stages, Countdown, StageGate, Transition};
use std::thread;
use std::time::{Duration, Instant};

stages! {
    /// The life of a server.
    enum Life { Starting, Running, Draining, Stopped }
}

const START: Transition<Life> = Transition::new("start", Life::Starting, Life::Running);
const DRAIN: Transition<Life> = Transition::new("drain", Life::Running, Life::Draining);
const STOP: Transition<Life> = Transition::new("stop", Life::Draining, Life::Stopped);

fn main() {
    let life = StageGate::new(Life::Starting);
    let workers = Countdown::new(3);
    let begun = Instant::now();
    let say = |what: &str| println!("{:4} ms  {what}", begun.elapsed().as_millis());

    thread::scope(|scope| {
        let (life, workers, say) = (&life, &workers, &say);
        let handles: Vec<_> = (0..3_u64)
            .map(|id| {
                scope.spawn(move || {
                    let _counts_down_even_if_this_fails = workers.guard();
                    life.wait_for(Life::Running);
                    let mut jobs = 0;
                    while life.current() == Life::Running {
                        thread::sleep(Duration::from_millis(40 + 30 * id)); // a job
                        jobs += 1;
                        if id == 2 && jobs == 3 {
                            // Without the panic hook's message, which is not of interest here.
                            std::panic::resume_unwind(Box::new("a bad job"));
                        }
                    }
                    say(&format!("worker {id} has finished its last job, {jobs} in all"));
                })
            })
            .collect();

        say("starting");
        thread::sleep(Duration::from_millis(100));
        life.apply(START).expect("nobody else starts it");
        say("running");

        // Two signals at nearly the same time: one of them drains, the other learns that it was
        // late.
        for name in ["SIGTERM", "SIGINT"] {
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(500));
                match life.apply(DRAIN) {
                    Ok(()) => say(&format!("{name}: draining")),
                    Err(late) => say(&format!("{name}: ignored, {late}")),
                }
            });
        }

        life.wait_until(|stage| stage == Life::Draining);
        if !workers.wait_timeout(Duration::from_secs(5)) {
            say("some workers are stuck");
        }
        life.apply(STOP).expect("only this thread stops it");
        say(&format!("{:?}, {} workers left", life.current(), workers.remaining()));
        for (id, handle) in handles.into_iter().enumerate() {
            if handle.join().is_err() {
                say(&format!("worker {id} had failed, and was counted all the same"));
            }
        }
    });
}
