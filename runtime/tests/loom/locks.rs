//! Locks, reference counts, single writers, mirrors: who may touch what, and what they see.

use crate::Plain;
use atomic_lint::{Mirrored, RefCount, SingleWriter, SpinLock, TicketLock};
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::sync::Arc;
use loom::thread;

model! {
    /// Two threads change a plain value under the lock.
    fn spin(Some(3)) catches [race "spin-lock", race "spin-unlock"] {
        let lock = Arc::new(SpinLock::new(0));
        let other = Arc::clone(&lock);
        let locking = thread::spawn(move || *other.lock() += 1);
        *lock.lock() += 1;
        locking.join().expect("locks");
        assert_eq!(*lock.lock(), 2);
    }
}

model! {
    /// The same with tickets.
    fn ticket(Some(3)) catches [race "ticket-lock", race "ticket-unlock"] {
        let lock = Arc::new(TicketLock::new(0));
        let other = Arc::clone(&lock);
        let locking = thread::spawn(move || *other.lock() += 1);
        *lock.lock() += 1;
        locking.join().expect("locks");
        assert_eq!(*lock.lock(), 2);
    }
}

model! {
    /// A lock that is only tried never waits and never lets two in.
    fn ticket_try(None) catches [race "ticket-try-lock", race "ticket-unlock"] {
        let lock = Arc::new(TicketLock::new(0));
        let other = Arc::clone(&lock);
        let locking = thread::spawn(move || other.try_lock().map(|mut value| *value += 1).is_some());
        let mine = lock.try_lock().map(|mut value| *value += 1).is_some();
        let theirs = locking.join().expect("tries");
        assert_eq!(*lock.lock(), i32::from(mine) + i32::from(theirs));
    }
}

/// An object that notices when it is used after it was freed, or freed twice.
struct Object {
    count: RefCount,
    /// Not zero once it was freed. The count decides who touches it.
    freed: Plain,
}

impl Object {
    fn use_it(&self) {
        assert_eq!(self.freed.get(), 0, "used after it was freed");
    }

    fn release(&self) {
        if self.count.release() {
            assert_eq!(self.freed.get(), 0, "freed twice");
            self.freed.set(1);
        }
    }
}

model! {
    /// Two owners leave: one frees, after both are done.
    fn last_owner_frees(None) catches [race "refcount-release", race "refcount-last"] {
        let object = Arc::new(Object { count: RefCount::new(), freed: Plain::new() });
        object.count.acquire();
        let other = Arc::clone(&object);
        let leaving = thread::spawn(move || {
            other.use_it();
            other.release();
        });
        object.use_it();
        object.release();
        leaving.join().expect("leaves");
    }
}

model! {
    /// Somebody finds the object while its last owner leaves: one of the two comes too late.
    fn no_revival(None) catches [race "refcount-try-acquire"] {
        let object = Arc::new(Object { count: RefCount::new(), freed: Plain::new() });
        let other = Arc::clone(&object);
        let finding = thread::spawn(move || {
            if other.count.try_acquire() {
                other.use_it();
                other.release();
            }
        });
        object.use_it();
        object.release();
        finding.join().expect("finds");
        assert!(!object.count.try_acquire());
    }
}

model! {
    /// The right to write changes hands without losing an update.
    fn claims(None) catches [wrong "single-writer-claim", wrong "single-writer-unclaim"] {
        let value = Arc::new(SingleWriter::new(AtomicUsize::new(0)));
        let add = |value: &SingleWriter<AtomicUsize>| match value.claim() {
            Some(mut writer) => {
                writer.add(1);
                1
            }
            None => 0,
        };
        let other = Arc::clone(&value);
        let writing = thread::spawn(move || add(&other));
        let mine = add(&value);
        let theirs = writing.join().expect("writes");
        assert_eq!(value.load(), mine + theirs);
    }
}

model! {
    /// A reader of the new value sees what the writer did before.
    fn writer_publishes(None) catches [race "single-writer-set", race "single-writer-load"] {
        let data = Arc::new(Plain::new());
        let flag = Arc::new(SingleWriter::new(AtomicBool::new(false)));
        let (other_data, other_flag) = (Arc::clone(&data), Arc::clone(&flag));
        let writing = thread::spawn(move || {
            let mut writer = other_flag.claim().expect("the only one");
            other_data.set(7);
            writer.set(true);
        });
        if flag.load() {
            assert_eq!(data.get(), 7);
        }
        writing.join().expect("writes");
    }
}

model! {
    /// What the mirror shows happened before it was shown.
    fn mirror(None) catches [wrong "mirror", wrong "mirror-get"] {
        let done = Arc::new(loom::sync::atomic::AtomicUsize::new(0));
        let list = Arc::new(Mirrored::new(0_usize, |length| *length));
        let (other_done, other_list) = (Arc::clone(&done), Arc::clone(&list));
        let reading = thread::spawn(move || {
            if other_list.get() == 1 {
                assert_eq!(other_done.load(Ordering::Relaxed), 1);
            }
            let agreed = other_list.lock();
            assert_eq!(*agreed, other_list.get());
        });
        done.store(1, Ordering::Relaxed);
        *list.lock() += 1;
        reading.join().expect("reads");
    }
}

model! {
    /// An owner that comes from nowhere sees what an owner did that has left, which it knows about by
    /// a flag that orders nothing.
    fn late_owner_sees(None) catches [race "refcount-acquire", race "refcount-release"] {
        let shared = Arc::new((RefCount::new(), Plain::new(), AtomicBool::new(false)));
        shared.0.acquire();
        let other = Arc::clone(&shared);
        let finding = thread::spawn(move || {
            if other.2.load(Ordering::Relaxed) && other.0.try_acquire() {
                assert_eq!(other.1.get(), 7);
            }
        });
        shared.1.set(7);
        let _ = shared.0.release();
        shared.2.store(true, Ordering::Relaxed);
        finding.join().expect("finds");
    }
}

model! {
    /// An owner that finds itself alone sees what the others did.
    fn alone_owner_sees(None) catches [race "refcount-get", race "refcount-release"] {
        let shared = Arc::new((RefCount::new(), Plain::new()));
        shared.0.acquire();
        let other = Arc::clone(&shared);
        let looking = thread::spawn(move || {
            if other.0.get() == 1 {
                assert_eq!(other.1.get(), 7);
            }
        });
        shared.1.set(7);
        let _ = shared.0.release();
        looking.join().expect("looks");
    }
}
