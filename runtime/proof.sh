#!/usr/bin/env bash
# The proofs that an ordinary test run leaves out, beside the one it includes: loom models,
# ThreadSanitizer, the instructions of hot operations and how many of them run.
# A part that needs a tool that isn't there says so and is skipped.
set -euo pipefail
cd "$(dirname "$0")"
cargo test --test models
cargo test --test tsan -- --ignored --nocapture
cargo test --test asm -- --ignored --nocapture
cargo test --test instructions -- --ignored --nocapture
if cargo +nightly miri --version >/dev/null 2>&1; then
    # Single-threaded tests of the modules with unsafe code; processes and clocks are left out.
    MIRIFLAGS="-Zmiri-disable-isolation" cargo +nightly miri test --lib --target-dir ../target/miri -- \
        spsc:: seqlock:: tagged:: lock:: single_writer::
else
    echo "skipped: Miri is not installed"
fi
