//! Waiting for something to have happened: stages, latches, countdowns, generations.
//!
//! | | [`StageGate`] | [`Latch`] | [`Countdown`] | [`ResettableLatch`] | [`Generations`] |
//! |---|---|---|---|---|---|
//! | answers | which stage are we in, may we go to the next? | has it happened? | have all *n* happened? | is it open, or was it since I came? | who does it this time? |
//! | progress of reading | wait-free, one load | wait-free, one load | wait-free, one load | wait-free, one load | wait-free, one load |
//! | of changing | one CAS, then a lock to wake | one swap, the first one locks | lock-free, the last one locks | lock-free to open, then a lock; wait-free to close | one CAS, the winner locks |
//! | of waiting | blocks, no lost wake-ups | same | same | same | same |
//! | changers × waiters | many × many | many × many | many × many | many × many | many × many |
//! | overflow | none | none | refuses below zero | openings wrap, see there | generations wrap, see there |
//!
//! **Visibility**: what a thread wrote before it changed one of these is visible to every thread
//! that saw the change, by reading or by waiting. **Reclamation**: none. **Panics**: no type is
//! poisoned; a predicate that panics leaves the gate as it was. **Cost**: a change locks a mutex
//! and notifies, because changes are rare and a reader pays one load. **Needs** `std`.
//!
//! # Example
//!
//! ```
//! use atomic_lint::{stages, StageGate, Transition};
//!
//! stages! {
//!     /// The life of a server.
//!     enum Life { Starting, Running, Draining, Stopped }
//! }
//! const START: Transition<Life> = Transition::new("start", Life::Starting, Life::Running);
//! const DRAIN: Transition<Life> = Transition::new("drain", Life::Running, Life::Draining);
//!
//! let life = StageGate::new(Life::Starting);
//! std::thread::scope(|scope| {
//!     scope.spawn(|| life.wait_for(Life::Running));
//!     life.apply(START).unwrap();
//! });
//! assert!(life.apply(START).is_err()); // only one caller starts it
//! life.apply(DRAIN).unwrap();
//! assert_eq!(life.current(), Life::Draining);
//! ```
//!
//! # Protocol
//!
//! The mistakes that these replace are *check, then act* (two threads read `Running` and both
//! start to drain) and the *lost wake-up* (a thread sees that it must wait, and the change and its
//! notification slip in before it sleeps). Here a change is decided by one atomic step, and it is
//! followed by the mutex under which waiters look again before they sleep.
//!
//! # When not to use it
//!
//! For a change that happens often, or a wake-up that must cost less than a few microseconds, a
//! condition variable is too slow: spin with [`Backoff`](crate::Backoff) first. To pass an open
//! latch costs 0.3 ns, a hundredth of a `Mutex<bool>` that two threads look at
//! (`cargo bench -p atomic-lint --bench peers -- gate`). Async tasks must not block in `wait`; take
//! the event types of the runtime.

use crate::primitive::{argued, const_fn, weaken, AtomicBool, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering};
use std::fmt;
use std::marker::PhantomData;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// The place where waiters sleep: a mutex without data and a condition variable.
struct WaitRoom {
    lock: Mutex<()>,
    changed: Condvar,
}

impl WaitRoom {
    const_fn! {
        fn new() -> Self {
            Self {
                lock: Mutex::new(()),
                changed: Condvar::new(),
            }
        }
    }

    /// The lock guards no data, so a panic under it (of a predicate) leaves nothing half done.
    fn enter(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everybody to look again. The caller has made its change visible before.
    ///
    /// A waiter looks under the lock before it sleeps. If it looked before the change, it sleeps
    /// by the time this call has the lock, so the notification reaches it.
    fn announce(&self) {
        if !weaken("gate-announce") {
            drop(self.enter());
        }
        self.changed.notify_all();
    }

    /// Sleeps until `look` gives an answer.
    fn wait<R>(&self, mut look: impl FnMut() -> Option<R>) -> R {
        let mut turn = self.enter();
        loop {
            if let Some(answer) = look() {
                return answer;
            }
            turn = self.changed.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sleeps until `look` gives an answer or the time is over, and then looks a last time.
    fn wait_timeout<R>(&self, timeout: Duration, mut look: impl FnMut() -> Option<R>) -> Option<R> {
        // A deadline beyond the clock's range is none.
        let deadline = Instant::now().checked_add(timeout);
        let mut turn = self.enter();
        loop {
            if let Some(answer) = look() {
                return Some(answer);
            }
            let left = match deadline {
                Some(deadline) => deadline.saturating_duration_since(Instant::now()),
                None => timeout,
            };
            if left.is_zero() {
                return None;
            }
            turn = self.changed.wait_timeout(turn, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// An enumeration without data whose variants are stages; made by [`stages!`](crate::stages).
pub trait Stage: Copy + Eq + fmt::Debug + 'static {
    /// All stages, in declaration order.
    const ALL: &'static [Self];

    /// The stage's place in [`ALL`](Self::ALL).
    fn index(self) -> usize;
}

/// Declares an enumeration that implements [`Stage`].
///
/// ```
/// atomic_lint::stages! {
///     /// A connection's life.
///     pub enum Connection { Open, HalfClosed, Closed }
/// }
/// ```
#[macro_export]
macro_rules! stages {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name { $($(#[$variant_meta])* $variant),+ }

        impl $crate::gate::Stage for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

/// A named step from one stage to another, for [`StageGate::apply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition<S> {
    name: &'static str,
    from: S,
    to: S,
}

impl<S> Transition<S> {
    /// The step called `name` from `from` to `to`.
    pub const fn new(name: &'static str, from: S, to: S) -> Self {
        Self { name, from, to }
    }
}

/// Why a [`Transition`] was refused: the gate was in another stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongStage<S> {
    transition: Transition<S>,
    found: S,
}

impl<S: Copy> WrongStage<S> {
    /// The stage that the gate was in.
    #[must_use]
    pub fn found(&self) -> S {
        self.found
    }
}

impl<S: fmt::Debug> fmt::Display for WrongStage<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Transition { name, from, .. } = &self.transition;
        let found = &self.found;
        write!(f, "`{name}` needs stage {from:?}, found {found:?}")
    }
}

impl<S: fmt::Debug> std::error::Error for WrongStage<S> {}

/// A stage that many threads read and wait for, and that changes by named transitions.
///
/// See the [module](self) for guarantees and an example.
pub struct StageGate<S> {
    stage: AtomicUsize,
    room: WaitRoom,
    kind: PhantomData<S>,
}

impl<S: Stage> StageGate<S> {
    /// A gate in stage `first`.
    #[must_use]
    pub fn new(first: S) -> Self {
        Self { stage: AtomicUsize::new(first.index()), room: WaitRoom::new(), kind: PhantomData }
    }

    /// The current stage; another thread may change it before you act on it, so act by
    /// [`apply`](Self::apply).
    #[inline]
    #[must_use]
    pub fn current(&self) -> S {
        // Acquire: what happened before the stage was entered is visible. Partner: `apply`.
        S::ALL[self.stage.load(argued(Ordering::Acquire, "gate-look"))]
    }

    /// Makes the transition if the gate is in its first stage, and wakes the waiters.
    ///
    /// Of several callers that race for the same stage exactly one succeeds.
    ///
    /// # Errors
    ///
    /// [`WrongStage`] with the stage that the gate was in.
    pub fn apply(&self, transition: Transition<S>) -> Result<(), WrongStage<S>> {
        // AcqRel: Release publishes what came before the new stage; Acquire takes over what came
        // before the old one. Acquire on failure: the caller learns the stage that is reported.
        // Partners: `current`, `apply`.
        self.stage
            .compare_exchange(
                transition.from.index(),
                transition.to.index(),
                argued(Ordering::AcqRel, "gate-apply"),
                argued(Ordering::Acquire, "gate-refused"),
            )
            .map_err(|found| WrongStage { transition, found: S::ALL[found] })?;
        self.room.announce();
        Ok(())
    }

    /// Blocks until the gate is in `stage`.
    ///
    /// A stage that is entered and left again at once may be missed: to wait for "at least" a
    /// stage, use [`wait_until`](Self::wait_until).
    pub fn wait_for(&self, stage: S) {
        self.wait_until(|current| current == stage);
    }

    /// Blocks until the predicate holds for the stage, and returns that stage.
    ///
    /// The predicate runs under the gate's lock: it must not wait for or change this gate.
    ///
    /// # Panics
    ///
    /// If the predicate does; the gate stays usable.
    pub fn wait_until(&self, mut holds: impl FnMut(S) -> bool) -> S {
        self.room.wait(|| Some(self.current()).filter(|stage| holds(*stage)))
    }

    /// Like [`wait_until`](Self::wait_until), but gives up after `timeout` and then returns `None`.
    ///
    /// # Panics
    ///
    /// If the predicate does; the gate stays usable.
    pub fn wait_until_timeout(&self, timeout: Duration, mut holds: impl FnMut(S) -> bool) -> Option<S> {
        self.room.wait_timeout(timeout, || Some(self.current()).filter(|stage| holds(*stage)))
    }
}

impl<S: Stage> fmt::Debug for StageGate<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StageGate").field(&self.current()).finish()
    }
}

/// Something that happens once; from then on nobody waits.
///
/// ```
/// use atomic_lint::Latch;
///
/// static READY: Latch = Latch::new();
/// let thread = std::thread::spawn(|| READY.wait());
/// READY.open();
/// thread.join().unwrap();
/// assert!(READY.is_open());
/// ```
pub struct Latch {
    open: AtomicBool,
    room: WaitRoom,
}

impl Latch {
    const_fn! {
        /// A closed latch.
        #[must_use]
        pub fn new() -> Self {
            Self {
                open: AtomicBool::new(false),
                room: WaitRoom::new(),
            }
        }
    }

    /// Opens the latch and wakes the waiters; returns whether this call opened it.
    pub fn open(&self) -> bool {
        // AcqRel: Release publishes what came before the opening; Acquire so that the caller who
        // came too late sees what the opener published. Partners: `is_open`, `open`.
        let opened = !self.open.swap(true, argued(Ordering::AcqRel, "latch-open"));
        if opened {
            self.room.announce();
        }
        opened
    }

    /// Whether the latch is open.
    #[inline]
    #[must_use]
    pub fn is_open(&self) -> bool {
        // Acquire: what came before the opening is visible. Partner: `open`.
        self.open.load(argued(Ordering::Acquire, "latch-look"))
    }

    /// Blocks until the latch is open.
    #[inline]
    pub fn wait(&self) {
        if !self.is_open() {
            self.room.wait(|| self.is_open().then_some(()));
        }
    }

    /// Blocks until the latch is open or the time is over; returns whether it is open.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.is_open() || self.room.wait_timeout(timeout, || self.is_open().then_some(())).is_some()
    }
}

impl Default for Latch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latch").field("is_open", &self.is_open()).finish()
    }
}

/// Waits until a number of things have happened.
///
/// ```
/// use atomic_lint::Countdown;
///
/// let done = Countdown::new(2);
/// std::thread::scope(|scope| {
///     for _ in 0..2 {
///         scope.spawn(|| {
///             let _counts_even_on_panic = done.guard();
///         });
///     }
///     done.wait();
/// });
/// assert_eq!(done.remaining(), 0);
/// ```
///
/// A countdown from zero is over from the start. Counting below zero does nothing and says so.
pub struct Countdown {
    remaining: AtomicUsize,
    room: WaitRoom,
}

impl Countdown {
    const_fn! {
        /// A countdown from `count`.
        #[must_use]
        pub fn new(count: usize) -> Self {
            Self {
                remaining: AtomicUsize::new(count),
                room: WaitRoom::new(),
            }
        }
    }

    /// Counts one down and returns what remains, or `None` if nothing remained before.
    pub fn count_down(&self) -> Option<usize> {
        // Release on success: what each thread did before it counted is visible to whoever sees
        // zero, since the later steps continue its release sequence. Acquire on success: the one
        // that reaches zero sees it too. Relaxed for the look and on failure: the number alone.
        // Partners: `remaining`, `count_down`.
        let order = argued(Ordering::AcqRel, "countdown");
        let before = self.remaining.fetch_update(order, Ordering::Relaxed, |count| count.checked_sub(1)).ok()?;
        if before == 1 {
            self.room.announce();
        }
        Some(before - 1)
    }

    /// Counts one down when it is dropped, so that a thread that panics counts as well.
    #[must_use = "it counts when it is dropped"]
    pub fn guard(&self) -> CountdownGuard<'_> {
        CountdownGuard(self)
    }

    /// What remains.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> usize {
        // Acquire: zero means that everything before each step is visible. Partner: `count_down`.
        self.remaining.load(argued(Ordering::Acquire, "countdown-look"))
    }

    /// Blocks until nothing remains.
    pub fn wait(&self) {
        if self.remaining() != 0 {
            self.room.wait(|| (self.remaining() == 0).then_some(()));
        }
    }

    /// Blocks until nothing remains or the time is over; returns whether nothing remains.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.remaining() == 0 || self.room.wait_timeout(timeout, || (self.remaining() == 0).then_some(())).is_some()
    }
}

impl fmt::Debug for Countdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Countdown").field("remaining", &self.remaining()).finish()
    }
}

/// Counts a [`Countdown`] down when it is dropped.
#[derive(Debug)]
pub struct CountdownGuard<'a>(&'a Countdown);

impl Drop for CountdownGuard<'_> {
    fn drop(&mut self) {
        self.0.count_down();
    }
}

/// A latch that can be closed again.
///
/// A thread that waits while the latch is opened gets through, even if it is closed again before
/// the thread runs: no pulse is lost.
///
/// ```
/// use atomic_lint::ResettableLatch;
///
/// let gate = ResettableLatch::new();
/// gate.open();
/// gate.wait(); // passes
/// gate.close();
/// assert!(!gate.is_open());
/// ```
pub struct ResettableLatch {
    /// [`OPEN`], and above it the number of openings, which may wrap: a waiter would have to sleep
    /// through exactly 2³¹ (2⁶³) of them to miss one.
    word: AtomicUsize,
    room: WaitRoom,
}

const OPEN: usize = 1;
const OPENING: usize = 2;

impl ResettableLatch {
    const_fn! {
        /// A closed latch.
        #[must_use]
        pub fn new() -> Self {
            Self {
                word: AtomicUsize::new(0),
                room: WaitRoom::new(),
            }
        }
    }

    /// Opens the latch and wakes the waiters; returns whether it was closed.
    pub fn open(&self) -> bool {
        // Release on success: publishes what came before the opening. Acquire on success: takes
        // over what came before the last closing. Relaxed otherwise: nothing is read.
        // Partners: `look`, `close`.
        let opened = self
            .word
            .fetch_update(argued(Ordering::AcqRel, "resettable-open"), Ordering::Relaxed, |word| {
                (word & OPEN == 0).then(|| word.wrapping_add(OPENING) | OPEN)
            })
            .is_ok();
        if opened {
            self.room.announce();
        }
        opened
    }

    /// Closes the latch for those who come from now on; returns whether it was open.
    pub fn close(&self) -> bool {
        // AcqRel: what came before the closing is visible to the next opener, and what came before
        // the opening to the caller. Partners: `open`, `look`.
        self.word.fetch_and(!OPEN, argued(Ordering::AcqRel, "resettable-close")) & OPEN != 0
    }

    /// Whether the latch is open at the moment.
    #[inline]
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.look() & OPEN != 0
    }

    /// Remembers this moment for [`wait_since`](Self::wait_since).
    #[inline]
    #[must_use]
    pub fn arrive(&self) -> Arrival {
        Arrival(self.look())
    }

    /// Blocks until the latch is open, or has been since the call.
    pub fn wait(&self) {
        self.wait_since(self.arrive());
    }

    /// Blocks until the latch is open, or has been since `arrival`.
    pub fn wait_since(&self, arrival: Arrival) {
        if !self.lets_through(arrival) {
            self.room.wait(|| self.lets_through(arrival).then_some(()));
        }
    }

    /// Like [`wait`](Self::wait), but gives up after `timeout`; returns whether it got through.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let arrival = self.arrive();
        self.lets_through(arrival)
            || self.room.wait_timeout(timeout, || self.lets_through(arrival).then_some(())).is_some()
    }

    #[inline]
    fn lets_through(&self, arrival: Arrival) -> bool {
        if weaken("latch-pulse") {
            return self.is_open();
        }
        // A closing changes nothing of a closed word, so of a word that was closed any difference
        // is an opening.
        arrival.0 & OPEN != 0 || self.look() != arrival.0
    }

    #[inline]
    fn look(&self) -> usize {
        // Acquire: what came before the opening is visible. Partner: `open`.
        self.word.load(argued(Ordering::Acquire, "resettable-look"))
    }
}

/// A moment in the life of a [`ResettableLatch`].
///
/// Taking it before asking for the thing that opens the latch keeps a pulse from slipping through
/// between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival(usize);

impl Default for ResettableLatch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ResettableLatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResettableLatch").field("is_open", &self.is_open()).finish()
    }
}

/// Something that is done once per generation, by whoever claims it first.
///
/// Many threads notice at the same time that something is due (a rotation, a refresh, a flush).
/// Each reads the generation, checks what is due, and claims the generation that it read; one claim
/// succeeds, and the others know that it has been taken care of.
///
/// ```
/// use atomic_lint::Generations;
///
/// let rotations = Generations::new();
/// let seen = rotations.current();
/// assert!(rotations.claim(seen)); // this caller rotates
/// assert!(!rotations.claim(seen)); // whoever saw the same state doesn't
/// ```
///
/// The number wraps: a claim would have to be delayed by exactly 2³² (2⁶⁴) generations to succeed
/// wrongly.
pub struct Generations {
    current: AtomicUsize,
    room: WaitRoom,
}

/// One generation of [`Generations`], as a caller saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Generation(usize);

impl Generations {
    const_fn! {
        /// The first generation.
        #[must_use]
        pub fn new() -> Self {
            Self {
                current: AtomicUsize::new(0),
                room: WaitRoom::new(),
            }
        }
    }

    /// The current generation; read it before checking what is due.
    #[inline]
    #[must_use]
    pub fn current(&self) -> Generation {
        // Acquire: what came before the last claim is visible. Partner: `claim`.
        Generation(self.current.load(argued(Ordering::Acquire, "generation-look")))
    }

    /// Ends generation `seen`; true for exactly one caller per generation.
    pub fn claim(&self, seen: Generation) -> bool {
        // AcqRel: Release publishes what came before the claim; Acquire takes over what came before
        // the one that began the generation. Acquire on failure: the loser sees what the winner
        // had published before it claimed. Partners: `current`, `claim`.
        let claimed = self
            .current
            .compare_exchange(
                seen.0,
                seen.0.wrapping_add(1),
                argued(Ordering::AcqRel, "generation-claim"),
                argued(Ordering::Acquire, "generation-late"),
            )
            .is_ok();
        if claimed {
            self.room.announce();
        }
        claimed
    }

    /// Blocks until generation `seen` has ended, and returns the current one.
    pub fn wait_past(&self, seen: Generation) -> Generation {
        self.room.wait(|| Some(self.current()).filter(|current| *current != seen))
    }

    /// Like [`wait_past`](Self::wait_past), but gives up after `timeout` and then returns `None`.
    pub fn wait_past_timeout(&self, seen: Generation, timeout: Duration) -> Option<Generation> {
        self.room.wait_timeout(timeout, || Some(self.current()).filter(|current| *current != seen))
    }
}

impl Default for Generations {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generations").field("current", &self.current().0).finish()
    }
}

#[cfg(all(test, not(atomic_lint_loom)))]
mod tests {
    use super::*;

    #[test]
    fn generations_wrap() {
        let generations = Generations::new();
        generations.current.store(usize::MAX, Ordering::Relaxed);
        let last = generations.current();
        assert!(generations.claim(last));
        assert_eq!(generations.wait_past(last), Generation(0));
        assert!(!generations.claim(last));
    }

    #[test]
    fn openings_wrap() {
        let latch = ResettableLatch::new();
        latch.word.store(0_usize.wrapping_sub(OPENING), Ordering::Relaxed);
        let arrival = latch.arrive();
        assert!(latch.open() && latch.close());
        assert_eq!(latch.arrive(), Arrival(0));
        latch.wait_since(arrival);
    }
}
