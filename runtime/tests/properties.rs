//! Sequential behaviour of packing, rings, sets, filters and counters, for values and schedules
//! that proptest makes up.

#![cfg(not(atomic_lint_loom))]

use atomic_lint::{
    spsc, AtomicBitSet, AtomicMax, FloatCounter, FreeList, Packed, RoundRobin, SeqLock, ShardedCounter, TaggedPtr,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeSet, VecDeque};

proptest! {
    #[test]
    fn packed_fields_come_back(a: i32, b: u16, c: char, d: i8, e: bool) {
        prop_assert_eq!(Packed::new(a, b).load(), (a, b));
        prop_assert_eq!(Packed::new(c, d).load(), (c, d));
        let pair = Packed::new(e, a);
        pair.update(|e, a| (!e, a.wrapping_neg()));
        prop_assert_eq!(pair.load(), (!e, a.wrapping_neg()));
    }

    #[test]
    fn tags_and_pointers_stay_apart(tags in vec(0_usize..8, 1..20)) {
        let mut target = 1_u64;
        let pointer: *mut u64 = &mut target;
        let tagged = TaggedPtr::new(pointer);
        let mut all = 0;
        for tag in tags {
            prop_assert_eq!(tagged.set_tag(tag), (pointer, all));
            all |= tag;
        }
        prop_assert_eq!(tagged.load(), (pointer, all));
    }

    #[test]
    fn seqlock_values_come_back(first: [u8; 13], second: [u8; 13], third: [u16; 5]) {
        let lock = SeqLock::new(first);
        prop_assert_eq!(lock.read(), first);
        lock.write(second);
        prop_assert_eq!(lock.try_read(), Some(second));
        let odd = SeqLock::new([0_u16; 5]);
        odd.update(|value| *value = third);
        prop_assert_eq!(odd.read(), third);
    }

    /// Positive steps push a batch, negative ones pop one, zero takes everything.
    #[test]
    fn the_ring_is_a_queue(capacity in 1_usize..9, steps in vec(-4_i32..5, 0..60)) {
        let (mut producer, mut consumer) = spsc::channel(capacity);
        let mut model = VecDeque::new();
        let mut next = 0;
        for step in steps {
            match step {
                0 => {
                    let mut taken = VecDeque::new();
                    consumer.pop_each(|value| taken.push_back(value));
                    prop_assert_eq!(&taken, &model);
                    model.clear();
                }
                1.. => {
                    let batch = next..next + step;
                    let pushed = producer.push_from(batch.clone());
                    prop_assert_eq!(pushed, (step as usize).min(capacity - model.len()));
                    model.extend(batch.take(pushed));
                    next += step;
                }
                _ => {
                    prop_assert_eq!(consumer.peek(), model.front());
                    prop_assert_eq!(consumer.try_pop(), model.pop_front());
                }
            }
            prop_assert_eq!(consumer.available(), model.len());
            prop_assert_eq!(producer.room(), capacity - model.len());
        }
    }

    #[test]
    fn the_bit_set_is_a_set(numbers in vec((0_usize..130, any::<bool>()), 0..80)) {
        let set = AtomicBitSet::new(130);
        let mut model = BTreeSet::new();
        for (number, add) in numbers {
            if add {
                prop_assert_eq!(set.insert(number), model.insert(number));
            } else {
                prop_assert_eq!(set.remove(number), model.remove(&number));
            }
        }
        prop_assert_eq!(set.count(), model.len());
        prop_assert!(set.iter().eq(model.iter().copied()));
        let lowest = (0..130).find(|number| !model.contains(number));
        prop_assert_eq!(set.insert_any(), lowest);
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_filter_never_forgets(values in vec(any::<u64>(), 0..200), one_in: u32) {
        let filter = atomic_lint::BloomFilter::new(values.len(), one_in);
        for value in &values {
            filter.insert(value);
        }
        prop_assert!(values.iter().all(|value| filter.contains(value)));
    }

    #[test]
    fn each_slot_has_one_owner(capacity in 0_u32..6, takes in vec(any::<bool>(), 0..50)) {
        let list = FreeList::new(capacity);
        let mut held = Vec::new();
        for take in takes {
            if take {
                match list.take() {
                    Some(slot) => {
                        prop_assert!(slot < capacity && !held.contains(&slot));
                        held.push(slot);
                    }
                    None => prop_assert_eq!(held.len(), capacity as usize),
                }
            } else if let Some(slot) = held.pop() {
                list.give_back(slot);
            }
        }
    }

    #[test]
    fn counters_add_up(amounts in vec((0_usize..9, 0_u64..1 << 40), 0..50)) {
        let (sharded, float) = (ShardedCounter::<4>::with_lanes(), FloatCounter::new());
        let mut sum = 0;
        for (lane, amount) in amounts {
            sharded.add_in(lane, amount);
            float.add(amount as f64 / 4.0);
            sum += amount;
        }
        prop_assert_eq!(sharded.get(), sum);
        prop_assert!((float.get() - sum as f64 / 4.0).abs() < 1.0);
    }

    #[test]
    fn the_maximum_is_the_largest(values in vec(any::<u64>(), 1..50)) {
        let max = AtomicMax::new(0);
        let mut seen = 0;
        for value in &values {
            prop_assert_eq!(max.record(*value), *value > seen);
            seen = seen.max(*value);
        }
        prop_assert_eq!(max.get(), seen);
    }

    #[test]
    fn turns_are_even(items in 1_usize..7, rounds in 1_usize..5) {
        let robin = RoundRobin::with_lanes((0..items).collect::<Vec<_>>(), 1);
        let mut turns = vec![0; items];
        for _ in 0..items * rounds {
            turns[*robin.next_in(0)] += 1;
        }
        prop_assert!(turns.into_iter().all(|count| count == rounds));
    }
}
