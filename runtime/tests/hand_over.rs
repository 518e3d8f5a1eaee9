//! Recorded histories of the ring, the bit set, the free list and the packed pair, each checked
//! against a sequential model.

#![cfg(not(atomic_lint_loom))]

mod support;

use atomic_lint::{spsc, AtomicBitSet, FreeList, Packed};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;
use support::history::{check, Model};

const ROUNDS: usize = 300;

/// A queue for two values.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Bounded(VecDeque<usize>);

#[derive(Debug)]
enum Pass {
    Push(usize, bool),
    Pop(Option<usize>),
}

impl Model for Bounded {
    type Op = Pass;

    fn step(&self, op: &Pass) -> Option<Self> {
        let mut next = self.clone();
        let allowed = match *op {
            Pass::Push(value, true) => {
                next.0.push_back(value);
                next.0.len() <= 2
            }
            Pass::Push(_, false) => next.0.len() == 2,
            Pass::Pop(value) => next.0.pop_front() == value,
        };
        allowed.then_some(next)
    }
}

#[test]
fn the_ring_is_a_bounded_queue() {
    check(
        ROUNDS,
        Bounded::default(),
        || {
            let (producer, consumer) = spsc::channel(2);
            (Mutex::new(producer), Mutex::new(consumer))
        },
        |(producer, consumer), thread, turn| match thread {
            0 => {
                let mut producer = producer.lock().expect("one user");
                Pass::Push(turn, producer.try_push(turn).is_ok())
            }
            _ => Pass::Pop(consumer.lock().expect("one user").try_pop()),
        },
    );
}

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Set(BTreeSet<usize>);

#[derive(Debug)]
enum Change {
    Insert(usize, bool),
    Remove(usize, bool),
    Contains(usize, bool),
    Any(Option<usize>),
}

impl Model for Set {
    type Op = Change;

    fn step(&self, op: &Change) -> Option<Self> {
        let mut next = self.clone();
        let allowed = match *op {
            Change::Insert(number, new) => next.0.insert(number) == new,
            Change::Remove(number, there) => next.0.remove(&number) == there,
            Change::Contains(number, there) => next.0.contains(&number) == there,
            // Any number that was free is right; one word, so "full" is exact too.
            Change::Any(Some(number)) => next.0.insert(number),
            Change::Any(None) => next.0.len() == 3,
        };
        allowed.then_some(next)
    }
}

#[test]
fn the_bit_set_is_a_set() {
    check(
        ROUNDS,
        Set::default(),
        || AtomicBitSet::new(3),
        |set, thread, turn| {
            let number = (turn + thread) % 3;
            match turn % 4 {
                0 => Change::Insert(number, set.insert(number)),
                1 => Change::Any(set.insert_any()),
                2 => Change::Remove(number, set.remove(number)),
                _ => Change::Contains(number, set.contains(number)),
            }
        },
    );
}

/// The free slots, the next one last.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Free(Vec<u32>);

#[derive(Debug)]
enum Slot {
    Take(Option<u32>),
    Give(Option<u32>),
}

impl Model for Free {
    type Op = Slot;

    fn step(&self, op: &Slot) -> Option<Self> {
        let mut next = self.clone();
        let allowed = match *op {
            Slot::Take(slot) => next.0.pop() == slot,
            Slot::Give(slot) => {
                next.0.extend(slot);
                true
            }
        };
        allowed.then_some(next)
    }
}

#[test]
fn the_free_list_is_a_stack_of_slots() {
    check(
        ROUNDS,
        Free(vec![2, 1, 0]),
        || (FreeList::new(3), [Mutex::new(None), Mutex::new(None)]),
        |(list, held), thread, turn| {
            let mut held = held[thread].lock().expect("one user");
            if turn % 2 == 0 {
                *held = list.take();
                Slot::Take(*held)
            } else {
                let slot: Option<u32> = held.take();
                slot.into_iter().for_each(|slot| list.give_back(slot));
                Slot::Give(slot)
            }
        },
    );
}

/// The free slots of a list whose order nobody promises: none is given out only when there is none.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Anyhow(BTreeSet<u32>);

impl Model for Anyhow {
    type Op = Slot;

    fn step(&self, op: &Slot) -> Option<Self> {
        let mut next = self.clone();
        let allowed = match *op {
            Slot::Take(Some(slot)) => next.0.remove(&slot),
            Slot::Take(None) => next.0.is_empty(),
            Slot::Give(slot) => slot.map_or(true, |slot| next.0.insert(slot)),
        };
        allowed.then_some(next)
    }
}

#[test]
fn lanes_of_the_free_list_are_one_set_of_slots() {
    check(
        ROUNDS,
        Anyhow((0..2).collect()),
        || (FreeList::with_lanes(2, 2), [Mutex::new(Vec::new()), Mutex::new(Vec::new())]),
        |(list, held), thread, turn| {
            let mut held = held[thread].lock().expect("one user");
            if turn % 3 < 2 {
                let slot = list.take_in(thread + turn);
                held.extend(slot);
                Slot::Take(slot)
            } else {
                let slot: Option<u32> = held.pop();
                slot.into_iter().for_each(|slot| list.give_back(slot));
                Slot::Give(slot)
            }
        },
    );
}

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Pair(u32, u32);

#[derive(Debug)]
enum Look {
    Load((u32, u32)),
    Swap((u32, u32), (u32, u32)),
}

impl Model for Pair {
    type Op = Look;

    fn step(&self, op: &Look) -> Option<Self> {
        match *op {
            Look::Load(seen) => (seen == (self.0, self.1)).then(|| self.clone()),
            Look::Swap(before, after) => (before == (self.0, self.1)).then_some(Self(after.0, after.1)),
        }
    }
}

#[test]
fn the_packed_pair_changes_as_one() {
    check(
        ROUNDS,
        Pair::default(),
        || Packed::new(0_u32, 0_u32),
        |pair, thread, turn| {
            if turn % 2 == 0 {
                return Look::Load(pair.load());
            }
            let step = thread as u32 + 1;
            let before = pair.update(|a, b| (a + step, b + 10 * step));
            Look::Swap(before, (before.0 + step, before.1 + 10 * step))
        },
    );
}
