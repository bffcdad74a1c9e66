//! Virtual time, for tests: it goes by only when nothing else can happen, so tasks and threads live through a year in
//! seconds, in an order that follows from a seed.
//!
//! ```
//! use simacan_auth_testkit::time::Time;
//! use std::time::Duration;
//!
//! const HOUR: Duration = Duration::from_secs(3600);
//!
//! let time = Time::new(1); // the seed
//! let task = time.spawn("a task", {
//!     let time = time.clone();
//!     async move { time.sleep(HOUR).await }
//! });
//! let thread = time.spawn_thread("a thread", {
//!     let time = time.clone();
//!     move || time.block_on(time.sleep(2 * HOUR))
//! });
//! time.run(async { (task.await, thread.await) }).unwrap();
//! assert_eq!(time.elapsed(), 2 * HOUR);
//! ```
//!
//! # Who lives in it
//!
//! - *Tasks* ([`Time::spawn`]): futures that are woken by their wakers. Whatever works under any executor works
//!   here: channels, locks and `select` of `futures` or `async-channel`, but neither the timers nor the sockets
//!   of a runtime.
//! - *Threads* ([`Time::spawn_thread`]) that block: in [`Time::block_on`] (with [`Time::sleep`], a
//!   [`JoinHandle`], any future that a waker wakes), in a [`Mutex`] and in a [`Condvar`]. It is one thread's turn
//!   at a time, and it has the turn until it blocks or ends, or takes a [`Mutex`] or gives it free: there the
//!   seed says whether another goes on first. So a wake-up that comes at the wrong moment is met with.
//!
//! Code that is written for `std::thread` takes its threads, its sleep and its locks from here in tests, as it
//! would for `loom` or `shuttle`. A [`std::sync::Mutex`] that is held for a moment, and not where the thread
//! blocks, will do as well: it is never found taken.
//!
//! # What it finds
//!
//! [`Time::run`] ends with [`Stopped`] where a program would hang or burn a processor: who waits for what never
//! comes, and since when; who is polled, or looks at the clock, again and again while no time goes by; which
//! thread blocks in something that is not of this module.

mod join;
mod locks;
mod run;
mod sleep;
mod state;
mod stopped;
#[cfg(feature = "driver")]
mod system;
mod tasks;
#[cfg(test)]
mod tests;
mod threads;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use join::JoinHandle;
pub use locks::{Condvar, Mutex, MutexGuard, WaitTimeoutResult};
use state::State;
pub use stopped::{Stopped, Waiting};

use crate::MemoryStore;
use crate::numbers::Numbers;

/// A virtual clock, with the timers, tasks and threads that run by it. Clones share it.
#[derive(Clone)]
pub struct Time(Arc<Shared>);

struct Shared {
    state: std::sync::Mutex<State>,
    /// A thread has given back its turn.
    given_back: std::sync::Condvar,
}

impl Time {
    /// Makes a time of which nothing has gone by: 15 January 2027. What can go on at the same moment does so in an
    /// order that follows from the seed.
    pub fn new(seed: u64) -> Self {
        let state = State {
            elapsed: Duration::ZERO,
            epoch: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            limit: Duration::from_secs(2 * 366 * 86_400),
            are_tasks_threads: false,
            numbers: Numbers(seed),
            timers: BTreeMap::new(),
            actors: BTreeMap::new(),
            next_id: 0,
            ready: Vec::new(),
            current: 0,
            turn: None,
            looks: 0,
            panic: None,
            keepers: Vec::new(),
            task_threads: BTreeMap::new(),
            cancelled: BTreeSet::new(),
        };
        Self(Arc::new(Shared {
            state: std::sync::Mutex::new(state),
            given_back: std::sync::Condvar::new(),
        }))
    }

    /// Returns how much of this time has gone by. This clock does not jump.
    ///
    /// # Panics
    ///
    /// If it is asked a million times while no time goes by: whoever does that [spins](Stopped::Spins).
    pub fn elapsed(&self) -> Duration {
        self.look().elapsed
    }

    /// Returns the time of day; `now().into()` is a [`Timestamp`](simacan_auth::Timestamp). It can be
    /// [set](Self::set_clock). Panics as [`elapsed`](Self::elapsed) does.
    pub fn now(&self) -> SystemTime {
        let state = self.look();
        state.epoch + state.elapsed
    }

    /// Sets the time of day, as somebody sets a clock: it jumps, and no time goes by.
    pub fn set_clock(&self, now: SystemTime) {
        let mut state = self.lock();
        state.epoch = now - state.elapsed;
    }

    /// Sets the time from the beginning by which whoever is not done [hangs](Stopped::Hangs). Default: 732 days. It
    /// ends runs in which something goes on for ever, such as a timer that is set again and again.
    pub fn set_limit(&self, limit: Duration) {
        self.lock().limit = limit;
    }

    /// Gives each task that is [spawned](Self::spawn) from now on a thread of its own, as a runtime may that has
    /// many: where it takes a [`Mutex`] others may go on first.
    pub fn set_tasks_are_threads(&self, are_threads: bool) {
        self.lock().are_tasks_threads = are_threads;
    }

    /// Makes a store in memory, whose lock is waited for in this time.
    pub fn store(&self) -> MemoryStore {
        let (day, clock, sleeper) = (self.clone(), self.clone(), self.clone());
        let sleep = move |duration| sleeper.block_on(sleeper.sleep(duration));
        MemoryStore::new()
            .in_time(move || day.now(), sleep)
            .by_clock(move || clock.elapsed())
    }

    fn look(&self) -> std::sync::MutexGuard<'_, State> {
        const MOST: u32 = 1_000_000;
        let mut state = self.lock();
        state.looks += 1;
        if state.looks > MOST {
            state.looks = 0;
            let stopped = state.spin(state.current);
            drop(state);
            panic!("{stopped}");
        }
        state
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        let locked = self.0.state.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Time")
            .field("elapsed", &self.lock().elapsed)
            .finish_non_exhaustive()
    }
}
