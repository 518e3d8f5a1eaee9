//! Runs contestants in turns and prints medians and ratios.

use std::sync::Barrier;
use std::time::Instant;

/// How often each contestant of a row is measured.
pub(crate) const SAMPLES: usize = 51;

/// Prints the rows that the arguments ask for.
pub(crate) struct Table {
    wanted: Vec<String>,
}

/// One way to do the job of a row: returns nanoseconds per operation of one sample.
pub(crate) struct Contestant<'a> {
    name: &'static str,
    sample: Box<dyn FnMut() -> f64 + 'a>,
}

impl Table {
    pub(crate) fn from_arguments() -> Self {
        let wanted = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
        Self { wanted }
    }

    /// Measures a row, ours first, and prints it.
    pub(crate) fn row(&mut self, name: &str, mut contestants: Vec<Contestant<'_>>) {
        if !self.wanted.is_empty() && !self.wanted.iter().any(|wanted| name.contains(wanted)) {
            return;
        }
        let mut samples = vec![Vec::new(); contestants.len()];
        for round in 0..=SAMPLES {
            for (contestant, samples) in contestants.iter_mut().zip(&mut samples) {
                let sample = (contestant.sample)();
                // The first round warms up.
                if round > 0 {
                    samples.push(sample);
                }
            }
        }
        for samples in &mut samples {
            samples.sort_by(f64::total_cmp);
        }
        let median = |samples: &[f64]| samples[samples.len() / 2];
        let ours = median(&samples[0]);
        println!("{name}");
        for (contestant, samples) in contestants.iter().zip(&samples) {
            println!(
                "  {:44} {:9.2} ns {:7.2}×   (fastest {:.2} ns)",
                contestant.name,
                median(samples),
                median(samples) / ours,
                samples[0],
            );
        }
    }
}

/// A contestant whose threads each do `operations`, two threads at once.
///
/// `work` gets the number of the thread and how many operations to do.
pub(crate) fn two<'a>(
    name: &'static str,
    operations: usize,
    work: impl Fn(usize, usize) + Sync + 'a,
) -> Contestant<'a> {
    Contestant {
        name,
        sample: Box::new(move || {
            let slowest = together([&|| work(0, operations), &|| work(1, operations)]);
            slowest / operations as f64
        }),
    }
}

/// A contestant that prepares two different jobs for each sample, say the two ends of a queue.
pub(crate) fn pair<'a, A, B>(
    name: &'static str,
    operations: usize,
    mut jobs: impl FnMut(usize) -> (A, B) + 'a,
) -> Contestant<'a>
where
    A: FnOnce() + Send,
    B: FnOnce() + Send,
{
    Contestant {
        name,
        sample: Box::new(move || {
            let (first, second) = jobs(operations);
            let barrier = Barrier::new(2);
            let run = |core: usize, job: Box<dyn FnOnce() + Send + '_>| {
                pin(core);
                barrier.wait();
                let start = Instant::now();
                job();
                start.elapsed()
            };
            let slowest = std::thread::scope(|scope| {
                let first = scope.spawn(|| run(0, Box::new(first)));
                let second = scope.spawn(|| run(1, Box::new(second)));
                first.join().expect("a job doesn't panic").max(second.join().expect("a job doesn't panic"))
            });
            slowest.as_nanos() as f64 / operations as f64
        }),
    }
}

/// A contestant that is measured on one thread while `disturb` runs on another, over and over.
pub(crate) fn beside<'a>(
    name: &'static str,
    operations: usize,
    work: impl Fn(usize) + Sync + 'a,
    disturb: impl Fn() + Sync + 'a,
) -> Contestant<'a> {
    use std::sync::atomic::{AtomicBool, Ordering};

    Contestant {
        name,
        sample: Box::new(move || {
            let over = AtomicBool::new(false);
            let time = std::thread::scope(|scope| {
                let disturbing = scope.spawn(|| {
                    pin(1);
                    // Relaxed: only says when to stop.
                    while !over.load(Ordering::Relaxed) {
                        disturb();
                    }
                });
                let measured = scope.spawn(|| {
                    pin(0);
                    let start = Instant::now();
                    work(operations);
                    start.elapsed()
                });
                let time = measured.join().expect("the work doesn't panic");
                over.store(true, Ordering::Relaxed);
                disturbing.join().expect("the disturbance doesn't panic");
                time
            });
            time.as_nanos() as f64 / operations as f64
        }),
    }
}

/// A contestant on one thread, with nobody else about.
pub(crate) fn alone<'a>(name: &'static str, operations: usize, mut work: impl FnMut(usize) + 'a) -> Contestant<'a> {
    Contestant {
        name,
        sample: Box::new(move || {
            let start = Instant::now();
            work(operations);
            start.elapsed().as_nanos() as f64 / operations as f64
        }),
    }
}

/// Does `operation` `times` times, so that no result is optimised away.
#[inline(always)]
pub(crate) fn repeat<R>(times: usize, mut operation: impl FnMut(usize) -> R) {
    for turn in 0..times {
        std::hint::black_box(operation(turn));
    }
}

/// Runs both jobs at once on a core each; the time of the slower one in nanoseconds.
fn together(jobs: [&(dyn Fn() + Sync); 2]) -> f64 {
    let barrier = Barrier::new(2);
    let run = |core: usize| {
        pin(core);
        barrier.wait();
        let start = Instant::now();
        jobs[core]();
        start.elapsed()
    };
    let slowest = std::thread::scope(|scope| {
        let first = scope.spawn(|| run(0));
        let second = scope.spawn(|| run(1));
        first.join().expect("a job doesn't panic").max(second.join().expect("a job doesn't panic"))
    });
    slowest.as_nanos() as f64
}

/// Keeps the current thread on one core, where the system allows.
fn pin(core: usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: the set is initialised, and belongs to this call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, std::mem::size_of_val(&set), &set);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = core;
}
