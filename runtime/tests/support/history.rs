//! Linearizability: is there an order of the recorded operations that a sequential model allows?
//!
//! Each operation is recorded with a time before and a time after it. An operation that ended
//! before another began must come first; those that overlap may come in any order. The search
//! tries every operation that no other must precede, and remembers what it has refuted (Wing and
//! Gong, 1993; Lowe, 2017).

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};

/// A sequential specification.
pub(crate) trait Model: Clone + Eq + Hash {
    /// An operation together with the result that was observed.
    type Op: Debug;

    /// The state after the operation, or none if it can't have this result here.
    fn step(&self, op: &Self::Op) -> Option<Self>;
}

#[derive(Debug)]
pub(crate) struct Event<O> {
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) op: O,
}

/// Whether some order of the events, compatible with their times, is allowed by the model.
pub(crate) fn is_linearizable<M: Model>(initial: M, events: &[Event<M::Op>]) -> bool {
    assert!(events.len() <= 64, "a history is a 64-bit set");
    let all = u64::MAX.checked_shr(64 - events.len() as u32).unwrap_or(0);
    let mut refuted = HashSet::new();
    search(&initial, events, 0, all, &mut refuted)
}

fn search<M: Model>(state: &M, events: &[Event<M::Op>], done: u64, all: u64, refuted: &mut HashSet<(u64, M)>) -> bool {
    if done == all {
        return true;
    }
    if refuted.contains(&(done, state.clone())) {
        return false;
    }
    let open = || (0..events.len()).filter(|index| done & (1 << index) == 0);
    let first_end = open().map(|index| events[index].ended).min();
    let found = open().filter(|index| Some(events[*index].began) <= first_end).any(|index| {
        match state.step(&events[index].op) {
            Some(next) => search(&next, events, done | (1 << index), all, refuted),
            None => false,
        }
    });
    if !found {
        refuted.insert((done, state.clone()));
    }
    found
}

/// Records many short histories of two threads and checks each.
///
/// `operation` gets the structure, the number of the thread and of its turn.
pub(crate) fn check<M: Model, S>(
    rounds: usize,
    initial: M,
    new: impl Fn() -> S,
    operation: impl Fn(&S, usize, usize) -> M::Op + Sync,
) where
    M::Op: Send,
    S: Sync,
{
    let structures: Vec<S> = (0..rounds).map(|_| new()).collect();
    let mut histories = record(&structures, operation);
    let overlapping = histories.iter().filter(|events| have_overlap(events)).count();
    for (round, events) in histories.drain(..).enumerate() {
        assert!(is_linearizable(initial.clone(), &events), "round {round} has no sequential explanation: {events:#?}");
    }
    println!("{overlapping} of {rounds} histories have operations that overlap");
    assert!(overlapping > 0, "no two operations overlapped, so the histories prove nothing");
}

const THREADS: u64 = 2;
const TURNS: usize = 8;

/// What two threads did to each structure, with times.
fn record<S: Sync, O: Send>(structures: &[S], operation: impl Fn(&S, usize, usize) -> O + Sync) -> Vec<Vec<Event<O>>> {
    let time = AtomicU64::new(0);
    let arrived = AtomicU64::new(0);
    let thread = |id: usize| -> Vec<Vec<Event<O>>> {
        let round = |(round, structure): (usize, &S)| {
            // The threads meet before each round, spinning: a barrier that sleeps wakes them one
            // after another, and their operations would hardly overlap.
            arrived.fetch_add(1, Ordering::SeqCst);
            let mut spins = 0;
            while arrived.load(Ordering::SeqCst) < THREADS * (round as u64 + 1) {
                spins += 1;
                if spins % 1_000 == 0 {
                    std::thread::yield_now();
                }
                std::hint::spin_loop();
            }
            let turn = |turn: usize| {
                // On a busy machine the threads may share a core: then they overlap because one
                // gives way in the middle.
                let gives_way = |phase| (round + turn) % 4 == 2 * id + phase;
                let began = time.fetch_add(1, Ordering::SeqCst);
                if gives_way(0) {
                    std::thread::yield_now();
                }
                let op = operation(structure, id, turn);
                if gives_way(1) {
                    std::thread::yield_now();
                }
                let ended = time.fetch_add(1, Ordering::SeqCst);
                Event { began, ended, op }
            };
            (0..TURNS).map(turn).collect()
        };
        structures.iter().enumerate().map(round).collect()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| thread(1));
        let mut histories = thread(0);
        let other = other.join().expect("operations don't panic");
        for (history, events) in histories.iter_mut().zip(other) {
            history.extend(events);
        }
        histories
    })
}

fn have_overlap<O>(events: &[Event<O>]) -> bool {
    events.iter().any(|one| events.iter().any(|other| one.began < other.began && other.began < one.ended))
}
