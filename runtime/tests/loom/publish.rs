//! Snapshot and Versioned, on a stand-in with arc-swap's contract: the protocols on top of it.

use atomic_lint::{LockedSnapshot, Snapshot, Versioned};
use loom::sync::Arc;
use loom::thread;

model! {
    /// Two updates at the same time: neither is lost.
    fn snapshot_update(None) catches [wrong "snapshot-update"] {
        let snapshot = Arc::new(Snapshot::new(0));
        let other = {
            let snapshot = Arc::clone(&snapshot);
            thread::spawn(move || snapshot.update(|n| n + 1))
        };
        snapshot.update(|n| n + 1);
        other.join().unwrap();
        assert_eq!(*snapshot.load(), 2);
    }
}

model! {
    /// Two writers that take turns: neither is lost, though each publishes without comparing.
    fn locked_update(None) catches [wrong "locked-snapshot-lock"] {
        let snapshot = Arc::new(LockedSnapshot::new(0));
        let other = {
            let snapshot = Arc::clone(&snapshot);
            thread::spawn(move || snapshot.update(|n| n + 1))
        };
        snapshot.update(|n| n + 1);
        other.join().unwrap();
        assert_eq!(*snapshot.load(), 2);
    }
}

model! {
    /// A reader never sees a value under another value's version.
    fn versioned(Some(3)) catches [wrong "locked-snapshot-lock"] {
        let versioned = Arc::new(Versioned::new(0));
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let versioned = Arc::clone(&versioned);
                thread::spawn(move || versioned.update(|n| n + 1))
            })
            .collect();
        let now = versioned.load();
        assert_eq!(now.version(), *now);
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!(versioned.version(), 2);
    }
}
