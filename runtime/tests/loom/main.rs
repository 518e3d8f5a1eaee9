//! Models of every structure, explored by loom: all interleavings, and all values that the memory
//! model lets a load see.
//!
//! Empty in an ordinary build. `cargo test` runs them through `tests/models.rs`; by hand it is
//!
//! ```text
//! RUSTFLAGS="--cfg atomic_lint_loom" cargo test -p atomic-lint --test loom --target-dir target/loom
//! ```
//!
//! Each model names the deliberate mistakes (`primitive::weaken`) that it must catch, an ordering
//! too weak or a step left out, and how: `race`, an access to plain memory or to a fresh atomic that
//! nothing orders; `wrong`, a value or a state that an assertion refuses; `stuck`, threads that all
//! sleep. One test explores the model as written; one runs it again for each mistake, in a child
//! process with that mistake planted, and expects it to fail, first of all in that way: a model that
//! fails for another reason proves nothing. A child, since a model that fails may abort.
//!
//! Loom remembers only the last access to each atomic when it decides where to switch threads, so
//! it misses a reader that came before a writer's own look. Models that check what a reader sees run
//! the reader in a spawned thread: the first schedule lets it come last. The planted mistakes show
//! that this suffices.

#![cfg(atomic_lint_loom)]

/// Declares a model: `fn name(bound) catches [race "mistake", …] { body }`.
///
/// `bound` limits the forced switches of threads in one execution, `None` explores all.
#[macro_export]
macro_rules! model {
    ($(#[$meta:meta])* fn $name:ident($bound:expr) catches [$($how:ident $mistake:literal),* $(,)?] $body:block) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $(#[$meta])*
            #[test]
            fn holds() {
                $crate::explore($bound, || $body);
            }

            #[test]
            fn catches() {
                $($crate::expect_caught(concat!(module_path!(), "::holds"), stringify!($how), $mistake);)*
            }
        }
    };
}

mod collections;
mod counters;
mod locks;
mod publish;
mod ring;
mod seqlock;
mod sets;
mod waiting;

/// Runs `body` under every schedule with at most `bound` forced switches.
pub(crate) fn explore(bound: Option<usize>, body: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = bound;
    builder.max_branches = 20_000;
    builder.check(body);
}

/// Runs the model `path` in a child process with `mistake` planted and expects it to fail as `how`
/// says.
pub(crate) fn expect_caught(path: &str, how: &str, mistake: &str) {
    let (_this_crate, test) = path.split_once("::").expect("a test has a path");
    let this_program = std::env::current_exe().expect("a running test has a file");
    let output = std::process::Command::new(this_program)
        .args(["--exact", test, "--nocapture"])
        .env("ATOMIC_LINT_WEAKEN", mistake)
        .output()
        .expect("this program starts again");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("running 1 test"), "no model {test}: {stdout}");
    assert!(!output.status.success(), "{test} passes although \"{mistake}\" is planted");
    // What follows the first panic, even of a model that aborts later, is its consequence.
    let stderr = String::from_utf8_lossy(&output.stderr);
    let first = stderr.split("panicked at").skip(1).find(|panic| !panic.contains("planted panic"));
    let first = first.unwrap_or("no panic");
    let found = if first.contains("Causality violation") {
        "race"
    } else if first.contains("deadlock; threads") {
        "stuck"
    } else if first.contains("exceeded maximum number of branches") || first == "no panic" {
        "nothing"
    } else {
        "wrong"
    };
    assert_eq!(found, how, "{test} with \"{mistake}\" planted fails in another way: {stderr}");
}

/// Plain memory that a structure is supposed to order; loom reports unordered accesses.
pub(crate) struct Plain(loom::cell::UnsafeCell<u32>);

// SAFETY: that accesses are ordered is what the models check.
unsafe impl Sync for Plain {}
// SAFETY: as for `Sync`.
unsafe impl Send for Plain {}

impl Plain {
    pub(crate) fn new() -> Self {
        Self(loom::cell::UnsafeCell::new(0))
    }

    pub(crate) fn set(&self, new: u32) {
        self.0.with_mut(|value| {
            // SAFETY: loom checks that no other access overlaps.
            unsafe { *value = new }
        });
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.with(|value| {
            // SAFETY: loom checks that no write overlaps.
            unsafe { *value }
        })
    }
}
