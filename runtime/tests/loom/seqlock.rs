//! The sequence lock: no reader takes a mixture for a value.

use atomic_lint::SeqLock;
use loom::sync::Arc;
use loom::thread;

model! {
    /// One writer, one reader, two bytes that must agree.
    fn no_mixture(Some(3)) catches ["seqlock-read", "seqlock-read-fence", "seqlock-write-fence", "seqlock-write"] {
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
    fn updates(Some(2)) catches ["seqlock-write"] {
        let lock = Arc::new(SeqLock::new(0_u8));
        let other = Arc::clone(&lock);
        let writing = thread::spawn(move || other.update(|value| *value += 1));
        lock.update(|value| *value += 1);
        writing.join().expect("writes");
        assert_eq!(lock.try_read(), Some(2));
    }
}
