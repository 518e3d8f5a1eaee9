//! From one thread to another.

use crate::frame::{pair, repeat, Table};
use atomic_lint::spsc;
use ringbuf::traits::{Consumer, Producer, Split};
use std::hint::{black_box, spin_loop};

const OPERATIONS: usize = 100_000;
const CAPACITY: usize = 1024;

pub(crate) fn rows(table: &mut Table) {
    table.row(
        "ring: 100 000 numbers, one at a time",
        vec![
            pair("spsc", OPERATIONS, |n| {
                let (mut producer, mut consumer) = spsc::channel(CAPACITY);
                (
                    move || repeat(n, |i| until(|| producer.try_push(i).is_ok())),
                    move || repeat(n, |_| until(|| black_box(consumer.try_pop()).is_some())),
                )
            }),
            pair("rtrb", OPERATIONS, |n| {
                let (mut producer, mut consumer) = rtrb::RingBuffer::new(CAPACITY);
                (
                    move || repeat(n, |i| until(|| producer.push(i).is_ok())),
                    move || repeat(n, |_| until(|| black_box(consumer.pop()).is_ok())),
                )
            }),
            pair("ringbuf (caching)", OPERATIONS, |n| {
                let (mut producer, mut consumer) = ringbuf::HeapRb::new(CAPACITY).split();
                (
                    move || repeat(n, |i| until(|| producer.try_push(i).is_ok())),
                    move || repeat(n, |_| until(|| black_box(consumer.try_pop()).is_some())),
                )
            }),
            pair("std sync_channel", OPERATIONS, |n| {
                let (sender, receiver) = std::sync::mpsc::sync_channel(CAPACITY);
                (
                    move || repeat(n, |i| sender.send(i).expect("the receiver is there")),
                    move || repeat(n, |_| receiver.recv()),
                )
            }),
        ],
    );
    table.row(
        "ring: 100 000 numbers, in batches of 64",
        vec![
            pair("spsc", OPERATIONS, |n| {
                let (mut producer, mut consumer) = spsc::channel(CAPACITY);
                (
                    move || {
                        let mut sent = 0;
                        while sent < n {
                            match producer.push_from(sent..n.min(sent + 64)) {
                                0 => spin_loop(),
                                pushed => sent += pushed,
                            }
                        }
                    },
                    move || {
                        let mut taken = 0;
                        while taken < n {
                            match consumer.pop_each(|value| {
                                black_box(value);
                            }) {
                                0 => spin_loop(),
                                popped => taken += popped,
                            }
                        }
                    },
                )
            }),
            pair("rtrb", OPERATIONS, |n| {
                let (mut producer, mut consumer) = rtrb::RingBuffer::new(CAPACITY);
                (
                    move || {
                        let mut sent = 0;
                        while sent < n {
                            let room = producer.slots().min(64).min(n - sent);
                            match producer.write_chunk_uninit(room) {
                                Ok(chunk) if room > 0 => {
                                    sent += chunk.fill_from_iter(sent..n);
                                }
                                _ => spin_loop(),
                            }
                        }
                    },
                    move || {
                        let mut taken = 0;
                        while taken < n {
                            let there = consumer.slots();
                            match consumer.read_chunk(there) {
                                Ok(chunk) if there > 0 => {
                                    chunk.into_iter().for_each(|value| {
                                        black_box(value);
                                    });
                                    taken += there;
                                }
                                _ => spin_loop(),
                            }
                        }
                    },
                )
            }),
        ],
    );
}

fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        spin_loop();
    }
}
