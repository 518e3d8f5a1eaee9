//! Stack, queue, hazard pointers, pool: sequential behaviour, histories, bad input, leaks.
#![cfg(all(feature = "std", feature = "epoch", feature = "pool"))]
#![cfg(not(atomic_lint_loom))]

mod support;

use atomic_lint::hazard::{Domain, HazardBox};
use atomic_lint::{epoch, Pool, Queue, Stack};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::history::{self, Event, Model};
use support::{panics, Census};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Op {
    Add(usize),
    Take(Option<usize>),
    IsEmpty(bool),
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Lifo(Vec<usize>);

impl Model for Lifo {
    type Op = Op;

    fn step(&self, op: &Op) -> Option<Self> {
        let mut values = self.0.clone();
        match op {
            Op::Add(value) => values.push(*value),
            Op::Take(seen) => (values.pop() == *seen).then_some(())?,
            Op::IsEmpty(seen) => (values.is_empty() == *seen).then_some(())?,
        }
        Some(Self(values))
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Fifo(VecDeque<usize>);

impl Model for Fifo {
    type Op = Op;

    fn step(&self, op: &Op) -> Option<Self> {
        let mut values = self.0.clone();
        match op {
            Op::Add(value) => values.push_back(*value),
            Op::Take(seen) => (values.pop_front() == *seen).then_some(())?,
            Op::IsEmpty(seen) => (values.is_empty() == *seen).then_some(())?,
        }
        Some(Self(values))
    }
}

#[test]
fn stack_histories_are_linearizable() {
    history::check(2_000, Lifo(Vec::new()), Stack::new, |stack, thread, turn| {
        if (thread + turn) % 2 == 0 {
            let value = thread * 100 + turn;
            stack.push(value);
            Op::Add(value)
        } else {
            Op::Take(stack.pop())
        }
    });
}

/// Puts in, takes out, and now and then only looks.
fn use_queue(queue: &Queue<usize>, thread: usize, turn: usize) -> Op {
    if (thread + turn) % 2 == 0 {
        let value = thread * 100 + turn;
        queue.push(value);
        Op::Add(value)
    } else if turn % 4 < 2 {
        Op::Take(queue.pop())
    } else {
        Op::IsEmpty(queue.is_empty())
    }
}

#[test]
fn queue_histories_are_linearizable() {
    history::check(2_000, Fifo(VecDeque::new()), Queue::new, use_queue);
}

/// The same at the end of a block, where threads link the next one and follow into it.
#[test]
fn histories_across_blocks_are_linearizable() {
    let used = |fill: usize| {
        let queue = Queue::from_iter(0..fill);
        (0..fill).for_each(|value| assert_eq!(queue.pop(), Some(value)));
        queue
    };
    let fills = AtomicUsize::new(58);
    let at_the_end =
        || used(fills.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some(58 + (n - 57) % 6)).unwrap());
    history::check(2_000, Fifo(VecDeque::new()), at_the_end, use_queue);
}

/// Blocks are built in place: a block of these is larger than a thread's stack.
#[test]
fn large_odd_and_empty_values_fit() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    #[repr(align(256))]
    struct Odd(u8);
    let stack = Stack::from_iter((0..100).map(Odd));
    let queue = Queue::from_iter((0..100).map(Odd));
    assert_eq!((stack.pop(), queue.pop()), (Some(Odd(99)), Some(Odd(0))));
    let stack = Stack::from_iter((0..100).map(drop::<u8>));
    let queue = Queue::from_iter((0..100).map(drop::<u8>));
    assert_eq!((std::iter::from_fn(|| stack.pop()).count(), std::iter::from_fn(|| queue.pop()).count()), (100, 100));
    let on_a_small_stack = || {
        let (stack, queue) = (Stack::new(), Queue::new());
        stack.push([1_u8; 8192]);
        queue.push([2_u8; 8192]);
        (stack.pop().map(|value| value[8191]), queue.pop().map(|value| value[8191]))
    };
    let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(on_a_small_stack).unwrap();
    assert_eq!(thread.join().unwrap(), (Some(1), Some(2)));
}

/// The checker itself: a history that no order explains, and one that only an overlap explains.
#[test]
fn checker_refuses_what_no_order_explains() {
    let event = |began, ended, op| Event { began, ended, op };
    let in_turn = [event(0, 1, Op::Add(1)), event(2, 3, Op::Add(2)), event(4, 5, Op::Take(Some(2)))];
    assert!(!history::is_linearizable(Fifo(VecDeque::new()), &in_turn));
    assert!(history::is_linearizable(Lifo(Vec::new()), &in_turn));
    let overlapping = [event(0, 2, Op::Add(1)), event(1, 3, Op::Add(2)), event(4, 5, Op::Take(Some(2)))];
    assert!(history::is_linearizable(Fifo(VecDeque::new()), &overlapping));
    let doubled = [event(0, 1, Op::Add(1)), event(2, 4, Op::Take(Some(1))), event(3, 5, Op::Take(Some(1)))];
    assert!(!history::is_linearizable(Fifo(VecDeque::new()), &doubled));
}

proptest! {
    #[test]
    fn stack_behaves_as_a_vector(ops in prop::collection::vec(prop::option::weighted(0.6, 0_usize..9), 0..600)) {
        let (stack, mut model) = (Stack::new(), Vec::new());
        for op in ops {
            match op {
                Some(value) => { stack.push(value); model.push(value); }
                None => prop_assert_eq!(stack.pop(), model.pop()),
            }
            prop_assert_eq!(stack.is_empty(), model.is_empty());
        }
    }

    #[test]
    fn queue_behaves_as_a_deque(ops in prop::collection::vec(prop::option::weighted(0.6, 0_usize..9), 0..600)) {
        let (queue, mut model) = (Queue::new(), VecDeque::new());
        for op in ops {
            match op {
                Some(value) => { queue.push(value); model.push_back(value); }
                None => prop_assert_eq!(queue.pop(), model.pop_front()),
            }
            prop_assert_eq!(queue.is_empty(), model.is_empty());
        }
    }
}

/// Adds and takes from several threads: every value comes out once, and none is left alive.
fn hand_over<S: Sync>(
    new: impl Fn() -> S,
    add: impl Fn(&S, support::Counted) + Sync,
    take: impl Fn(&S) -> Option<support::Counted> + Sync,
) {
    const EACH: usize = 4_000;
    let census = Census::default();
    let seen: Vec<AtomicUsize> = (0..2 * EACH).map(|_| AtomicUsize::new(0)).collect();
    let shared = new();
    std::thread::scope(|scope| {
        let (shared, seen, add, take, census) = (&shared, &seen, &add, &take, &census);
        for thread in 0..2 {
            scope.spawn(move || {
                for id in thread * EACH..(thread + 1) * EACH {
                    add(shared, census.value(id));
                    if id % 4 != 0 {
                        let value = take(shared).expect("fewer were taken than added");
                        seen[value.id].fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(census.alive(), EACH as isize / 2);
    drop(shared);
    assert_eq!(census.alive(), 0);
    let taken: usize = seen.iter().map(|count| count.load(Ordering::Relaxed)).sum();
    assert_eq!(taken, 2 * EACH - EACH / 2);
    assert!(seen.iter().all(|count| count.load(Ordering::Relaxed) <= 1));
}

#[test]
fn stack_loses_and_doubles_nothing() {
    hand_over(Stack::new, Stack::push, Stack::pop);
}

#[test]
fn queue_loses_and_doubles_nothing() {
    hand_over(Queue::new, Queue::push, Queue::pop);
}

/// More threads than cores, so that some are suspended with a slot claimed or at the end of a block,
/// and blocks serve again meanwhile.
#[test]
fn queue_keeps_each_producers_order() {
    const THREADS: usize = 6;
    const EACH: usize = 5_000;
    let census = Census::default();
    let queue = Queue::new();
    let left = AtomicUsize::new(THREADS * EACH);
    std::thread::scope(|scope| {
        for producer in 0..THREADS {
            let (queue, census) = (&queue, &census);
            scope.spawn(move || (0..EACH).for_each(|turn| queue.push((producer, census.value(turn)))));
        }
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut next = [0; THREADS];
                while left.load(Ordering::Relaxed) > 0 {
                    if let Some((producer, value)) = queue.pop() {
                        assert!(value.id >= next[producer], "a later value came out earlier");
                        next[producer] = value.id + 1;
                        left.fetch_sub(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(queue.is_empty());
    assert_eq!((queue.pop().is_none(), census.alive()), (true, 0));
}

/// A pop never says that there is nothing while values are there: each thread takes what it has put in.
#[test]
fn queue_is_never_empty_by_mistake() {
    for filled in [0, 1, 62, 63, 64, 200] {
        let queue = Queue::from_iter(0..filled);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for turn in 0..3_000 {
                        queue.push(turn);
                        assert!(!queue.is_empty());
                        queue.pop().expect("as many were put in as are taken");
                    }
                });
            }
        });
        assert_eq!(std::iter::from_fn(|| queue.pop()).count(), filled);
    }
}

#[test]
fn panicking_destructor_leaves_nothing_behind() {
    let census = Census::default();
    let stack = Stack::new();
    let queue = Queue::new();
    for id in 0..3 {
        stack.push(census.value(id));
        queue.push(census.value(id));
    }
    stack.push(census.bomb(3));
    queue.push(census.bomb(3));
    queue.push(census.value(4));
    stack.push(census.value(4));
    assert!(panics(|| drop(stack)));
    assert!(panics(|| drop(queue)));
    assert_eq!(census.alive(), 0);
}

#[test]
fn own_collector_needs_its_own_guard() {
    let collector = epoch::Collector::new();
    let handle = collector.register();
    let stack = Stack::with_collector(collector.clone());
    let queue = Queue::with_collector(collector);
    stack.push(1);
    queue.push_with(1, &handle.pin());
    assert!(panics(|| stack.pop()));
    assert!(panics(|| queue.pop()));
    let foreign = epoch::Collector::new().register();
    assert!(panics(|| stack.pop_with(&foreign.pin())));
    assert!(panics(|| queue.push_with(2, &foreign.pin())));
    assert_eq!(stack.pop_with(&handle.pin()), Some(1));
    assert_eq!(queue.pop_with(&handle.pin()), Some(1));
    assert_eq!(queue.pop_with(&handle.pin()), None);
}

#[test]
fn default_collector_accepts_its_own_guards() {
    let stack = Stack::from_iter([1, 2]);
    assert_eq!(stack.pop_with(&epoch::pin()), Some(2));
}

/// Values may borrow: a node that outlives them in the collector no longer holds one.
#[test]
fn values_may_borrow() {
    let text = String::from("borrowed");
    let stack = Stack::new();
    let queue = Queue::new();
    stack.push(text.as_str());
    queue.push(text.as_str());
    assert_eq!(stack.pop(), queue.pop());
}

#[test]
fn hazard_keeps_what_it_protects() {
    let census = Census::default();
    let domain = Domain::new();
    let shared = HazardBox::new(&domain, census.value(0));
    let mut hazard = domain.hazard();
    let seen = shared.load(&mut hazard);
    shared.store(census.value(1));
    assert_eq!(domain.reclaim(), 0);
    assert_eq!((seen.id, census.alive()), (0, 2));
    assert_eq!(shared.load(&mut hazard).id, 1);
    assert_eq!(domain.reclaim(), 1);
    drop(shared);
    assert_eq!(domain.reclaim(), 0); // the hazard still holds the last one
    hazard.reset();
    assert_eq!(domain.reclaim(), 1);
    assert_eq!(census.alive(), 0);
}

#[test]
fn hazard_garbage_is_bounded() {
    let census = Census::default();
    let domain = Domain::new();
    let shared = HazardBox::new(&domain, census.value(0));
    let mut stalled = domain.hazard();
    let _held = shared.load(&mut stalled);
    for id in 1..10_000 {
        shared.store(census.value(id));
        assert!(census.alive() <= 2 * 2 + 64 + 1);
    }
    drop(stalled);
    drop(shared);
    drop(domain);
    assert_eq!(census.alive(), 0);
}

#[test]
fn hazard_slots_are_reused() {
    let domain = Domain::new();
    for _ in 0..100 {
        let _hazard = domain.hazard();
    }
    assert!(format!("{domain:?}").contains("hazards: 1"));
}

#[test]
fn hazard_of_another_domain_is_refused() {
    let (one, other) = (Domain::new(), Domain::new());
    let shared = HazardBox::new(&one, 1);
    assert!(panics(|| *shared.load(&mut other.hazard())));
}

#[test]
fn leaked_hazard_does_not_leak_the_object() {
    let census = Census::default();
    let domain = Domain::new();
    let shared = HazardBox::new(&domain, census.value(0));
    let mut hazard = domain.hazard();
    assert_eq!(shared.load(&mut hazard).id, 0);
    std::mem::forget(hazard);
    drop(shared);
    assert_eq!(domain.reclaim(), 0);
    drop(domain);
    assert_eq!(census.alive(), 0);
}

#[test]
fn hazard_scan_survives_a_panicking_destructor() {
    for drop_the_domain in [false, true] {
        let census = Census::default();
        let domain = Domain::new();
        let shared = HazardBox::new(&domain, census.value(0));
        for id in 1..20 {
            let is_bomb = id == 7;
            shared.store(if is_bomb { census.bomb(id) } else { census.value(id) });
        }
        if !drop_the_domain {
            assert!(panics(|| domain.reclaim()));
            domain.reclaim();
            assert_eq!(census.alive(), 1);
        }
        drop(shared);
        assert_eq!(panics(|| drop(domain)), drop_the_domain);
        assert_eq!(census.alive(), 0);
    }
}

/// A destructor that retires into the same domain, from within its scan.
#[test]
fn destructor_may_retire_more() {
    struct Chain {
        domain: &'static Domain,
        next: Option<Box<Chain>>,
        _counted: support::Counted,
    }
    impl Drop for Chain {
        fn drop(&mut self) {
            if let Some(next) = self.next.take() {
                // SAFETY: the box was never shared, so no reader can reach it.
                unsafe { self.domain.retire(Box::into_raw(next)) };
            }
        }
    }
    static DOMAIN: Domain = Domain::new();
    let census = Census::default();
    let chain =
        (0..300).fold(None, |next, id| Some(Box::new(Chain { domain: &DOMAIN, next, _counted: census.value(id) })));
    drop(chain);
    while DOMAIN.reclaim() != 0 {}
    assert_eq!(census.alive(), 0);
}

#[test]
fn hazard_readers_never_see_freed_objects() {
    const MAGIC: usize = 0x5EED;
    struct Object(usize);
    impl Drop for Object {
        fn drop(&mut self) {
            self.0 = 0;
        }
    }
    let domain = Domain::new();
    let shared = HazardBox::new(&domain, Object(MAGIC));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut hazard = domain.hazard();
                for _ in 0..20_000 {
                    assert_eq!(shared.load(&mut hazard).0, MAGIC);
                }
            });
        }
        scope.spawn(|| (0..20_000).for_each(|_| shared.store(Object(MAGIC))));
    });
}

#[test]
fn pool_reuses_resets_and_bounds() {
    let census = Census::default();
    let made = AtomicUsize::new(0);
    let pool = Pool::new(2, || census.value(made.fetch_add(1, Ordering::Relaxed)));
    let three = [pool.take(), pool.take(), pool.take()];
    assert_eq!(census.alive(), 3);
    drop(three);
    assert_eq!((pool.idle(), census.alive()), (2, 2));
    drop(pool.take());
    assert_eq!(made.load(Ordering::Relaxed), 3);
    let kept = atomic_lint::pool::Pooled::into_inner(pool.take());
    drop(pool);
    assert_eq!(census.alive(), 1);
    drop(kept);
    assert_eq!(census.alive(), 0);
}

#[test]
fn pool_of_zero_keeps_nothing() {
    let census = Census::default();
    let pool = Pool::new(0, || census.value(0));
    drop(pool.take());
    assert!(pool.try_take().is_none());
    assert_eq!((pool.idle(), pool.capacity(), census.alive()), (0, 0, 0));
}

#[test]
fn pool_drops_what_a_panicking_user_held() {
    let census = Census::default();
    let pool = Pool::new(2, || census.value(0));
    assert!(panics(|| {
        let _half_done = pool.take();
        panic!("the user fails");
    }));
    assert_eq!((pool.idle(), census.alive()), (0, 0));
}

#[test]
fn pool_survives_a_panicking_resetter_and_maker() {
    let census = Census::default();
    let pool = Pool::new(2, || census.value(0)).reset_with(|_| panic!("the resetter fails"));
    assert!(panics(|| drop(pool.take())));
    assert_eq!((pool.idle(), census.alive()), (0, 0));
    let pool: Pool<u8, _> = Pool::new(2, || panic!("the maker fails"));
    assert!(panics(|| drop(pool.take())));
    assert!(pool.try_take().is_none());
}
