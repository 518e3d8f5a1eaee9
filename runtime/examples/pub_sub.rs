//! A publish-subscribe list: publishers walk a snapshot of the subscribers while others come and
//! go, without a lock on the way. A subscriber that leaves while a message is on its way gets that
//! message or doesn't, but never half a list.
//!
//! `cargo run --release -p atomic-lint --example pub_sub`

use atomic_lint::{LockedSnapshot, Queue};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone)]
struct Message {
    number: u64,
    sent: Instant,
}

#[derive(Default)]
struct Hub {
    subscribers: LockedSnapshot<Vec<(u64, Arc<Queue<Message>>)>>,
    next_id: AtomicU64,
}

impl Hub {
    fn subscribe(&self) -> (u64, Arc<Queue<Message>>) {
        // Relaxed: only uniqueness matters.
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let inbox = Arc::new(Queue::new());
        self.subscribers.modify(|list| list.push((id, Arc::clone(&inbox))));
        (id, inbox)
    }

    fn unsubscribe(&self, id: u64) {
        self.subscribers.modify(|list| list.retain(|(other, _)| *other != id));
    }

    fn publish(&self, message: &Message) -> usize {
        let subscribers = self.subscribers.load();
        for (_, inbox) in subscribers.iter() {
            inbox.push(message.clone());
        }
        subscribers.len()
    }
}

fn main() {
    let hub = Hub::default();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for (name, stays) in [("early", 300), ("patient", 900), ("late", 600)] {
            let (hub, done) = (&hub, &done);
            scope.spawn(move || {
                if name == "late" {
                    thread::sleep(Duration::from_millis(300));
                }
                let (id, inbox) = hub.subscribe();
                let leaves = Instant::now() + Duration::from_millis(stays);
                let (mut first, mut count, mut slowest) = (None, 0_u64, Duration::ZERO);
                // Relaxed: the flag says only that it is time to go.
                while Instant::now() < leaves && !done.load(Ordering::Relaxed) {
                    while let Some(message) = inbox.pop() {
                        let expected = first.get_or_insert(message.number);
                        assert_eq!(message.number, *expected + count, "in order, without gaps");
                        count += 1;
                        slowest = slowest.max(message.sent.elapsed());
                    }
                    thread::sleep(Duration::from_micros(200));
                }
                hub.unsubscribe(id);
                println!(
                    "{name:8} got {count} messages from number {} on, the slowest after {slowest:.1?}",
                    first.unwrap_or(0)
                );
            });
        }
        let (mut published, mut delivered) = (0, 0);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(1) {
            let message = Message { number: published, sent: Instant::now() };
            delivered += hub.publish(&message);
            published += 1;
            thread::sleep(Duration::from_micros(100));
        }
        done.store(true, Ordering::Relaxed);
        println!("published {published} messages, delivered {delivered}");
    });
    println!("{} subscribers are left", hub.subscribers.load().len());
}
