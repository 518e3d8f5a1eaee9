//! Hot-reload configuration: workers read it on every request, a reloader replaces it while they
//! run, and an update that fails its check changes nothing.
//!
//! `cargo run --release -p atomic-lint --example hot_reload`

use atomic_lint::{LockedSnapshot, Snapshot};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
struct Config {
    revision: u32,
    greeting: String,
    workers_may_rest: bool,
}

impl Config {
    fn checked(self) -> Result<Self, String> {
        if self.greeting.is_empty() {
            return Err(format!("revision {} has no greeting", self.revision));
        }
        Ok(self)
    }
}

fn main() {
    let config = Arc::new(Snapshot::new(Config { revision: 1, greeting: "hello".into(), workers_may_rest: false }));
    let history = LockedSnapshot::new(vec![1]);
    let stop = AtomicBool::new(false);

    thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let mut config = config.reader();
                let stop = &stop;
                scope.spawn(move || {
                    let mut per_revision = [0_u64; 6];
                    let start = Instant::now();
                    // Relaxed: the flag says only that it is time to go; the results go through
                    // `join`.
                    while !stop.load(Ordering::Relaxed) {
                        let config = config.load(); // one load while nothing has changed
                        per_revision[config.revision as usize] += 1;
                        std::hint::black_box(config.greeting.len());
                        if config.workers_may_rest {
                            thread::sleep(Duration::from_millis(1));
                        }
                    }
                    let requests: u64 = per_revision.iter().sum();
                    (per_revision, start.elapsed() / u32::try_from(requests).unwrap_or(u32::MAX))
                })
            })
            .collect();

        for revision in 2..=5 {
            thread::sleep(Duration::from_millis(200));
            let greeting = ["hallo", "", "hei", "salut"][revision as usize - 2];
            let reloaded = config.try_update(|old| {
                Config { revision, greeting: greeting.into(), workers_may_rest: revision == 5 || old.workers_may_rest }
                    .checked()
            });
            match reloaded {
                Ok(new) => {
                    history.modify(|revisions| revisions.push(new.revision));
                    println!("reloaded: {new:?}");
                }
                Err(reason) => println!("refused:  {reason}; the old one stays"),
            }
        }
        thread::sleep(Duration::from_millis(200));
        stop.store(true, Ordering::Relaxed);

        for (id, worker) in workers.into_iter().enumerate() {
            let (per_revision, each) = worker.join().expect("workers don't panic");
            println!("worker {id}: requests per revision {:?}, {each:?} each", &per_revision[1..]);
        }
    });
    println!("revisions in force, in order: {:?}", *history.load());
}
