//! The sequence lock: no reader takes a mixture for a value.

use atomic_lint::SeqLock;
use loom::sync::Arc;
use loom::thread;

model! {
    /// One writer, one reader, two bytes that must agree.
    fn no_mixture(Some(3)) catches [wrong "seqlock-read", wrong "seqlock-read-fence", wrong "seqlock-write-fence", wrong "seqlock-write"] {
        let lock = Arc::new(SeqLock::new([0_u8, 0]));
        let other = Arc::clone(&lock);
        let writing = thread::spawn(move || {
            other.write([1, 1]);
            other.write([2, 2]);
        });
        for _ in 0..2 {
            if let Some([a, b]) = lock.try_read() {
                assert_eq!(a, b, "a mixture of two values");
            }
        }
        writing.join().expect("writes");
        assert_eq!(lock.try_read(), Some([2, 2]));
    }
}

model! {
    /// Two writers: each update builds on the other.
    fn updates(Some(2)) catches [wrong "seqlock-write", wrong "seqlock-claim"] {
        let lock = Arc::new(SeqLock::new(0_u8));
        let other = Arc::clone(&lock);
        let writing = thread::spawn(move || other.update(|value| *value += 1));
        lock.update(|value| *value += 1);
        writing.join().expect("writes");
        assert_eq!(lock.try_read(), Some(2));
    }
}

model! {
    /// A writer that gives up after another one has written: what that one published stays visible.
    fn giving_up(Some(3)) catches [wrong "seqlock-give-up"] {
        let lock = Arc::new(SeqLock::new([0_u8, 0]));
        let other = Arc::clone(&lock);
        let writing = thread::spawn(move || {
            other.write([1, 1]);
            let update = || other.update(|_| panic!("planted panic"));
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(update)).is_err());
        });
        for _ in 0..2 {
            if let Some([a, b]) = lock.try_read() {
                assert_eq!(a, b, "a mixture of two values");
            }
        }
        writing.join().expect("writes");
    }
}
