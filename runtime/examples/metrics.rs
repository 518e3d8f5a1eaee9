//! A metrics block: counters, a sum of seconds and a slowest request that every worker records,
//! scraped while they run. Hot and rarely written fields don't share a cache line.
//!
//! `cargo run --release -p atomic-lint --example metrics`

use atomic_lint::{AtomicMax, Counter, FloatCounter, Padded, ShardedCounter};
use std::thread;
use std::time::{Duration, Instant};

struct Metrics {
    requests: ShardedCounter,
    seconds: Padded<FloatCounter>,
    slowest_nanos: Padded<AtomicMax>,
    scrapes: Counter,
}

static METRICS: Metrics = Metrics {
    requests: ShardedCounter::new(),
    seconds: Padded::new(FloatCounter::new()),
    slowest_nanos: Padded::new(AtomicMax::new(0)),
    scrapes: Counter::new(),
};

impl Metrics {
    fn record(&self, took: Duration) {
        self.requests.increment();
        self.seconds.add(took.as_secs_f64());
        // A load in the common case: most requests aren't the slowest.
        self.slowest_nanos.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    fn print(&self, heading: &str) {
        self.scrapes.increment();
        let requests = self.requests.get();
        let seconds = self.seconds.get();
        println!("# {heading}");
        println!("requests_total            {requests}");
        println!("request_seconds_sum       {seconds:.6}");
        println!("request_seconds_mean      {:.9}", seconds / requests.max(1) as f64);
        println!("request_nanos_max         {}", self.slowest_nanos.get());
        println!("scrapes_total             {}", self.scrapes.get());
    }
}

fn main() {
    let end = Instant::now() + Duration::from_secs(1);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(move || {
                let mut work = 1_u64;
                loop {
                    let begun = Instant::now();
                    if begun >= end {
                        break;
                    }
                    for _ in 0..work % 50 {
                        work = work.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    }
                    work = std::hint::black_box(work.wrapping_add(7));
                    METRICS.record(begun.elapsed());
                }
            });
        }
        for tenth in [3, 6] {
            thread::sleep(Duration::from_millis(300));
            METRICS.print(&format!("after {}00 ms", tenth));
        }
    });
    METRICS.print("at the end");
}
