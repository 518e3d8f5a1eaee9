//! A configuration cell, step by step.
//!
//! See the [guide](super) for how to read the steps.
//!
//! Many threads read the configuration, one replaces it now and then.
//!
//! ```rust,fires:relaxed_publication,fires:premature_reclamation,fires:mutation_after_publication
//! use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};
//!
//! pub struct Config {
//!     timeout: u64,
//!     name: String,
//! }
//!
//! pub struct Settings {
//!     current: AtomicPtr<Config>,
//! }
//!
//! impl Settings {
//!     pub fn new(config: Config) -> Self {
//!         Self { current: AtomicPtr::new(Box::into_raw(Box::new(config))) }
//!     }
//!
//!     pub fn name(&self) -> String {
//!         // SAFETY: the cell always points to a configuration.
//!         unsafe { (*self.current.load(Relaxed)).name.clone() }
//!     }
//!
//!     pub fn replace(&self, config: Config) {
//!         let old = self.current.swap(Box::into_raw(Box::new(config)), Relaxed);
//!         // SAFETY: it has been taken out of the cell.
//!         drop(unsafe { Box::from_raw(old) });
//!     }
//!
//!     pub fn double_the_timeout(&self) {
//!         // SAFETY: the cell always points to a configuration.
//!         unsafe { (*self.current.load(Relaxed)).timeout *= 2 };
//!     }
//! }
//!
//! fn main() {
//!     let settings = Settings::new(Config { timeout: 1, name: "first".into() });
//!     settings.double_the_timeout();
//!     settings.replace(Config { timeout: 2, name: "second".into() });
//!     assert_eq!(settings.name(), "second");
//! }
//! ```
//!
//! - `relaxed_publication`: a reader may see the pointer before what it points to.
//! - `premature_reclamation`: a reader may still be cloning the name that is freed.
//! - `mutation_after_publication`: a reader may be reading the timeout that is written.
//!
//! **The first step is orderings, and to free nothing.** A configuration that is replaced a few times
//! in the life of a program may as well stay.
//!
//! ```rust,fires:mutation_after_publication
//! use std::sync::atomic::{AtomicPtr, Ordering::{Acquire, Release}};
//!
//! pub struct Config {
//!     timeout: u64,
//!     name: String,
//! }
//!
//! pub struct Settings {
//!     current: AtomicPtr<Config>,
//! }
//!
//! impl Settings {
//!     pub fn new(config: Config) -> Self {
//!         Self { current: AtomicPtr::new(Box::leak(Box::new(config))) }
//!     }
//!
//!     pub fn get(&self) -> &'static Config {
//!         // Acquire: the configuration is complete. Partner: `replace`.
//!         // SAFETY: the cell always points to a configuration, and none is freed.
//!         unsafe { &*self.current.load(Acquire) }
//!     }
//!
//!     pub fn replace(&self, config: Config) {
//!         // Release: publishes the configuration. Partner: `get`.
//!         self.current.store(Box::leak(Box::new(config)), Release);
//!     }
//!
//!     pub fn double_the_timeout(&self) {
//!         // SAFETY: the cell always points to a configuration.
//!         unsafe { (*self.current.load(Acquire)).timeout *= 2 };
//!     }
//! }
//!
//! fn main() {
//!     let settings = Settings::new(Config { timeout: 1, name: "first".into() });
//!     settings.double_the_timeout();
//!     assert_eq!(settings.get().timeout, 2);
//!     settings.replace(Config { timeout: 2, name: "second".into() });
//!     assert_eq!(settings.get().name, "second");
//! }
//! ```
//!
//! **The second step is to freeze what is published.** `#[frozen]` on the struct makes the compiler
//! look for interior mutability in it, and on the field it tells the linter that what the pointer
//! leads to never changes. A change is a copy that is published in turn.
//!
//! ```rust,fires:split_read_modify_write
//! use atomic_lint::{concurrent, frozen};
//! use std::sync::atomic::{AtomicPtr, Ordering::{Acquire, Release}};
//!
//! #[frozen]
//! #[derive(Clone)]
//! pub struct Config {
//!     timeout: u64,
//!     name: String,
//! }
//!
//! #[concurrent]
//! pub struct Settings {
//!     #[frozen]
//!     current: AtomicPtr<Config>,
//! }
//!
//! impl Settings {
//!     // …as before, and
//!     pub fn double_the_timeout(&self) {
//!         let old = self.get();
//!         self.replace(Config { timeout: old.timeout * 2, ..old.clone() });
//!     }
//! #     pub fn new(config: Config) -> Self {
//! #         Self { current: AtomicPtr::new(Box::leak(Box::new(config))) }
//! #     }
//! #     pub fn get(&self) -> &'static Config {
//! #         unsafe { &*self.current.load(Acquire) }
//! #     }
//! #     pub fn replace(&self, config: Config) {
//! #         self.current.store(Box::leak(Box::new(config)), Release);
//! #     }
//! }
//! # fn main() {
//! #     let settings = Settings::new(Config { timeout: 1, name: "first".into() });
//! #     settings.double_the_timeout();
//! #     assert_eq!((settings.get().timeout, &*settings.get().name), (2, "first"));
//! # }
//! ```
//!
//! A field that would change behind the readers' backs is an error now. The linter says the same, as
//! `interior_mutability_in_published`, and says it without the dependency too:
//!
//! ```rust,compile_fail,E0277,fires:interior_mutability_in_published
//! # fn main() {}
//! # use atomic_lint::frozen;
//! use std::cell::Cell;
//!
//! #[frozen]
//! pub struct Config {
//!     timeout: Cell<u64>, // error: `Cell<u64>` changes behind a shared reference
//!     name: String,
//! }
//! ```
//!
//! **The third step is a lock for those who write.** `split_read_modify_write` has found what the
//! copy brought along: two that double at once take the same old configuration, and one change is lost. Writers
//! take turns, then, and what only they touch is said to be theirs.
//!
//! ```rust,quiet
//! use atomic_lint::{concurrent, frozen};
//! use std::cell::UnsafeCell;
//! use std::sync::atomic::{AtomicPtr, Ordering::{Acquire, Release}};
//! use std::sync::Mutex;
//!
//! # #[frozen]
//! # #[derive(Clone)]
//! # pub struct Config {
//! #     timeout: u64,
//! #     name: String,
//! # }
//! #[concurrent]
//! pub struct Settings {
//!     #[frozen]
//!     current: AtomicPtr<Config>,
//!     writers: Mutex<()>,
//!     #[guarded_by(writers)]
//!     replaced: UnsafeCell<Vec<&'static Config>>,
//! }
//!
//! // SAFETY: the cell is touched under the lock.
//! unsafe impl Sync for Settings {}
//!
//! impl Settings {
//!     // …as before, and
//!     pub fn update(&self, change: impl FnOnce(&Config) -> Config) {
//!         let _turn = self.writers.lock().unwrap();
//!         let old = self.get();
//!         // SAFETY: this thread holds the lock.
//!         unsafe { (*self.replaced.get()).push(old) };
//!         // Release: publishes the configuration. Partner: `get`.
//!         self.current.store(Box::leak(Box::new(change(old))), Release);
//!     }
//! #     pub fn new(config: Config) -> Self {
//! #         let current = AtomicPtr::new(Box::leak(Box::new(config)));
//! #         Self { current, writers: Mutex::new(()), replaced: UnsafeCell::new(Vec::new()) }
//! #     }
//! #     pub fn get(&self) -> &'static Config {
//! #         unsafe { &*self.current.load(Acquire) }
//! #     }
//! }
//!
//! fn main() {
//!     let settings = Settings::new(Config { timeout: 1, name: "first".into() });
//!     settings.update(|old| Config { timeout: old.timeout * 2, ..old.clone() });
//!     assert_eq!((settings.get().timeout, &*settings.get().name), (2, "first"));
//! }
//! ```
//!
//! `#[guarded_by]` has the compiler see that there is such a lock, and the linter that it is held.
//! Somebody who only wants to know how many there are forgets it easily, for the code compiles:
//!
//! ```rust,fires:guarded_by_violation
//! # use atomic_lint::{concurrent, frozen};
//! # use std::cell::UnsafeCell;
//! # use std::sync::atomic::{AtomicPtr, Ordering::{Acquire, Release}};
//! # use std::sync::Mutex;
//! #
//! # #[frozen]
//! # #[derive(Clone)]
//! # pub struct Config {
//! #     timeout: u64,
//! #     name: String,
//! # }
//! # #[concurrent]
//! # pub struct Settings {
//! #     #[frozen]
//! #     current: AtomicPtr<Config>,
//! #     writers: Mutex<()>,
//! #     #[guarded_by(writers)]
//! #     replaced: UnsafeCell<Vec<&'static Config>>,
//! # }
//! #
//! # // SAFETY: the cell is touched under the lock.
//! # unsafe impl Sync for Settings {}
//! #
//! impl Settings {
//!     // …as before, and
//!     pub fn count_replaced(&self) -> usize {
//!         // SAFETY: none that holds.
//!         unsafe { (*self.replaced.get()).len() }
//!     }
//! #     pub fn update(&self, change: impl FnOnce(&Config) -> Config) {
//! #         let _turn = self.writers.lock().unwrap();
//! #         let old = self.get();
//! #         unsafe { (*self.replaced.get()).push(old) };
//! #         self.current.store(Box::leak(Box::new(change(old))), Release);
//! #     }
//! #     pub fn new(config: Config) -> Self {
//! #         let current = AtomicPtr::new(Box::leak(Box::new(config)));
//! #         Self { current, writers: Mutex::new(()), replaced: UnsafeCell::new(Vec::new()) }
//! #     }
//! #     pub fn get(&self) -> &'static Config {
//! #         unsafe { &*self.current.load(Acquire) }
//! #     }
//! }
//! # fn main() {
//! #     let settings = Settings::new(Config { timeout: 1, name: "first".into() });
//! #     settings.update(|old| Config { timeout: old.timeout * 2, ..old.clone() });
//! #     assert_eq!(settings.count_replaced(), 1);
//! #     assert_eq!((settings.get().timeout, &*settings.get().name), (2, "first"));
//! # }
//! ```
//!
//! `guarded_by_violation` stands on the access, and shows the lock that others hold there.
//!
//! **The last step is to own less of it.** [`Snapshot`](crate::Snapshot) is this cell, with the old
//! values freed as soon as the last reader has gone, and with an update that loses no other's.
//!
//! ```rust,quiet
//! use atomic_lint::{frozen, Snapshot};
//!
//! #[frozen]
//! #[derive(Clone)]
//! pub struct Config {
//!     timeout: u64,
//!     name: String,
//! }
//!
//! fn main() {
//!     let settings = Snapshot::new(Config { timeout: 1, name: "first".into() });
//!     settings.update(|old| Config { timeout: old.timeout * 2, ..old.clone() });
//!     assert_eq!((settings.load().timeout, &*settings.load().name), (2, "first"));
//! }
//! ```
