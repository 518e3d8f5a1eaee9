//! Bit sets, filters, free lists, tagged words.

use crate::Plain;
use atomic_lint::{AtomicBitSet, BloomFilter, FreeList, TaggedIndex, TaggedPtr};
use loom::sync::Arc;
use loom::thread;

model! {
    /// Neighbouring bits, set at once: both stay, and a double is told.
    fn neighbours(None) catches [wrong "bits-insert-split"] {
        let set = Arc::new(AtomicBitSet::new(3));
        let other = Arc::clone(&set);
        let inserting = thread::spawn(move || (other.insert(1), other.insert(2)));
        let mine = set.insert(2);
        let (_, theirs) = inserting.join().expect("inserts");
        assert!(mine != theirs, "two inserted the same number");
        assert_eq!(set.count(), 2);
    }
}

model! {
    /// Who sees a bit sees what its setter did before.
    fn bit_publishes(None) catches [race "bits-insert", race "bits-contains"] {
        let data = Arc::new(Plain::new());
        let set = Arc::new(AtomicBitSet::new(1));
        let (other_data, other_set) = (Arc::clone(&data), Arc::clone(&set));
        let reading = thread::spawn(move || {
            if other_set.contains(0) {
                assert_eq!(other_data.get(), 7);
            }
        });
        data.set(7);
        set.insert(0);
        reading.join().expect("reads");
    }
}

model! {
    /// One slot, two threads: whoever gets the bit owns the slot until it removes the bit.
    fn bit_as_slot(None) catches [race "bits-remove", race "bits-insert-any"] {
        let slot = Arc::new(Plain::new());
        let set = Arc::new(AtomicBitSet::new(1));
        let use_slot = |set: &AtomicBitSet, slot: &Plain| {
            if let Some(number) = set.insert_any() {
                slot.set(slot.get() + 1);
                assert!(set.remove(number));
            }
        };
        let (other_slot, other_set) = (Arc::clone(&slot), Arc::clone(&set));
        let using = thread::spawn(move || use_slot(&other_set, &other_slot));
        use_slot(&set, &slot);
        using.join().expect("uses");
        assert_eq!(set.count(), 0);
    }
}

/// Sends a number to itself, so that a model has the same hashes each time.
#[derive(Clone, Default)]
struct Same(u64);

impl std::hash::Hasher for Same {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

model! {
    /// Two inserts into one word: neither is forgotten.
    fn filter(None) catches [wrong "bloom-insert"] {
        let hashers = std::hash::BuildHasherDefault::<Same>::default();
        let filter = Arc::new(BloomFilter::with_hasher(1, 2, hashers));
        let other = Arc::clone(&filter);
        let (a, b) = (0x1000_0000_0000_0000_u64, 0x9000_0000_0000_0000_u64);
        let inserting = thread::spawn(move || other.insert(&a.swap_bytes()));
        filter.insert(&b.swap_bytes());
        inserting.join().expect("inserts");
        assert!(filter.contains(&a.swap_bytes()) && filter.contains(&b.swap_bytes()));
    }
}

model! {
    /// Slots are taken, used and given back by two threads: never two owners, never one lost. The
    /// second thread takes both and gives the first back, which is ABA for a stalled first thread.
    fn free_list(Some(3)) catches [wrong "tagged-next", race "tagged-replace"] {
        let list = Arc::new(FreeList::new(2));
        let slots = Arc::new([Plain::new(), Plain::new()]);
        let touch = |slots: &[Plain; 2], slot: u32| {
            let slot = &slots[slot as usize];
            slot.set(slot.get() + 1);
        };
        let (other_list, other_slots) = (Arc::clone(&list), Arc::clone(&slots));
        let churning = thread::spawn(move || {
            let first = other_list.take();
            let second = other_list.take();
            for slot in first.iter().chain(&second) {
                touch(&other_slots, *slot);
            }
            if let Some(first) = first {
                other_list.give_back(first);
            }
            second
        });
        let mut mine = Vec::new();
        for _ in 0..2 {
            if let Some(slot) = list.take() {
                touch(&slots, slot);
                mine.push(slot);
            }
        }
        let theirs = churning.join().expect("churns");
        mine.extend(theirs);
        mine.extend(std::iter::from_fn(|| list.take()));
        mine.sort_unstable();
        assert_eq!(mine, [0, 1], "each slot has one owner");
    }
}

model! {
    /// A slot is given back to one lane while the only one of the other is taken: there is always a
    /// free one, so a look through both must not come out empty.
    fn free_list_lanes(Some(3)) catches [wrong "free-list-look-again"] {
        let list = Arc::new(FreeList::with_lanes(2, 2));
        assert_eq!(list.take_in(0), Some(0));
        let other = Arc::clone(&list);
        let moving = thread::spawn(move || {
            other.give_back(0);
            other.take_in(1)
        });
        let mine = list.take_in(0);
        let theirs = moving.join().expect("moves");
        assert!(mine.is_some() && theirs.is_some() && mine != theirs, "{mine:?}, {theirs:?}");
        assert_eq!(list.take_in(0), None);
    }
}

model! {
    /// An index handed over with what it stands for.
    fn tagged_index_publishes(None) catches [race "tagged-load", race "tagged-replace"] {
        let data = Arc::new(Plain::new());
        let index = Arc::new(TaggedIndex::new(0));
        let (other_data, other_index) = (Arc::clone(&data), Arc::clone(&index));
        let reading = thread::spawn(move || {
            if other_index.load().index == 1 {
                assert_eq!(other_data.get(), 7);
            }
        });
        data.set(7);
        let mut current = index.load();
        while let Err(now) = index.replace(current, 1) {
            current = now;
        }
        reading.join().expect("reads");
    }
}

model! {
    /// A pointer handed over with what it leads to, while somebody marks it.
    fn tagged_pointer_publishes(None) catches [race "tagged-ptr-load", race "tagged-ptr-replace"] {
        let data = Arc::new(Plain::new());
        let pointer = Arc::new(TaggedPtr::<u64>::new(std::ptr::null_mut()));
        let (other_data, other_pointer) = (Arc::clone(&data), Arc::clone(&pointer));
        let reading = thread::spawn(move || {
            if other_pointer.load().1 == 1 {
                assert_eq!(other_data.get(), 7);
            }
        });
        data.set(7);
        pointer.set_tag(1);
        reading.join().expect("reads");
    }
}

model! {
    /// Whoever is told that a number is there already sees what its inserter did.
    fn bit_there_publishes(None) catches [race "bits-insert-look", race "bits-insert"] {
        let shared = Arc::new((AtomicBitSet::new(1), Plain::new()));
        let other = Arc::clone(&shared);
        let trying = thread::spawn(move || {
            if !other.0.insert(0) {
                assert_eq!(other.1.get(), 7);
            }
        });
        shared.1.set(7);
        shared.0.insert(0);
        trying.join().expect("tries");
    }
}

model! {
    /// Whoever is told that a number is gone already sees what its remover did.
    fn bit_gone_publishes(None) catches [race "bits-remove-look", race "bits-remove"] {
        let shared = Arc::new((AtomicBitSet::new(1), Plain::new()));
        shared.0.insert(0);
        let other = Arc::clone(&shared);
        let trying = thread::spawn(move || {
            if !other.0.remove(0) {
                assert_eq!(other.1.get(), 7);
            }
        });
        shared.1.set(7);
        shared.0.remove(0);
        trying.join().expect("tries");
    }
}

model! {
    /// Whoever meets a number on the way through the set sees what its inserter did.
    fn bit_met_publishes(None) catches [race "bits-iter"] {
        let shared = Arc::new((AtomicBitSet::new(1), Plain::new()));
        let other = Arc::clone(&shared);
        let walking = thread::spawn(move || {
            if other.0.iter().next() == Some(0) {
                assert_eq!(other.1.get(), 7);
            }
        });
        shared.1.set(7);
        shared.0.insert(0);
        walking.join().expect("walks");
    }
}

model! {
    /// Whoever comes too late with a replacement sees what belongs to the index that it finds.
    fn tagged_index_refused(None) catches [race "tagged-refused"] {
        let shared = Arc::new((TaggedIndex::new(0), Plain::new()));
        let start = shared.0.load();
        let other = Arc::clone(&shared);
        let replacing = thread::spawn(move || match other.0.replace(start, 2) {
            Err(now) if now.index == 1 => assert_eq!(other.1.get(), 7),
            _ => (),
        });
        shared.1.set(7);
        let _ = shared.0.replace(start, 1);
        replacing.join().expect("replaces");
    }
}

model! {
    /// The same with a pointer.
    fn tagged_pointer_refused(None) catches [race "tagged-ptr-refused"] {
        let shared = Arc::new((TaggedPtr::<u64>::new(std::ptr::null_mut()), Plain::new()));
        let other = Arc::clone(&shared);
        let replacing = thread::spawn(move || {
            let null = std::ptr::null_mut();
            if let Err((_, 1)) = other.0.replace((null, 0), (null, 2)) {
                assert_eq!(other.1.get(), 7);
            }
        });
        shared.1.set(7);
        let null = std::ptr::null_mut();
        let _ = shared.0.replace((null, 0), (null, 1));
        replacing.join().expect("replaces");
    }
}
