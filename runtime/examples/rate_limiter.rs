//! Rate limits: a token bucket that three impatient clients share, a throttled log that says how
//! much it left out, and a debounced save. All three read one coarse clock.
//!
//! `cargo run --release -p atomic-lint --example rate_limiter`

use atomic_lint::{Clock, CoarseClock, Debouncer, Refused, Throttle, TokenBucket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

static REQUESTS: TokenBucket = TokenBucket::per_second(100, 20);
static LOG: Throttle = Throttle::new(Duration::from_millis(250));
static SAVE: Debouncer = Debouncer::new(Duration::from_millis(80));

fn main() {
    let clock = Arc::new(CoarseClock::new());
    let ticker = CoarseClock::spawn(&clock, Duration::from_millis(1));
    let end = 1_000_000_000;
    let admitted = AtomicU32::new(0);

    thread::scope(|scope| {
        for client in 0..3 {
            let (clock, admitted) = (&clock, &admitted);
            scope.spawn(move || {
                let mut refused = 0;
                while clock.now() < end {
                    let now = clock.now();
                    match REQUESTS.try_take(now) {
                        Ok(()) => {
                            // Relaxed: a count, read after the threads have been joined.
                            admitted.fetch_add(1, Ordering::Relaxed);
                            SAVE.touch(now);
                        }
                        Err(Refused::RetryAfter(wait)) => {
                            refused += 1;
                            if let Some(skipped) = LOG.check(now) {
                                println!(
                                    "{:4} ms  client {client} is refused, retry after {wait:.1?} \
                                     ({skipped} such messages left out)",
                                    now / 1_000_000
                                );
                            }
                            // Some clients ask again at once, some wait as they are told.
                            thread::sleep(if client == 0 { Duration::from_millis(1) } else { wait });
                        }
                        Err(refused) => unreachable!("one token always fits: {refused}"),
                    }
                }
                println!("client {client}: {refused} refusals");
            });
        }
        scope.spawn(|| {
            // Saves come once the clients have been quiet for a while, not once per request.
            let mut saves = 0;
            while clock.now() < end + 200_000_000 {
                saves += u32::from(SAVE.poll(clock.now()));
                thread::sleep(Duration::from_millis(5));
            }
            println!("{saves} save(s) for all requests together");
        });
    });
    drop(ticker);

    let admitted = admitted.load(Ordering::Relaxed);
    println!("{admitted} admitted in a second; a burst of 20 and 100 a second allow 120");
}
