//! Time that goes by only when nothing else can happen: tasks and threads in it live through a year in
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
mod stopped;
#[cfg(feature = "driver")]
mod system;
#[cfg(test)]
mod tests;
mod threads;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use join::JoinHandle;
pub use locks::{Condvar, Mutex, MutexGuard, WaitTimeoutResult};
pub use stopped::{Stopped, Waiting};
use threads::Runs;

use crate::MemoryStore;
use crate::numbers::Numbers;

/// A clock, its timers, and the tasks and threads that live by it. Clones are the same.
#[derive(Clone)]
pub struct Time(Arc<Shared>);

struct Shared {
    state: std::sync::Mutex<State>,
    /// A thread has given back its turn.
    given_back: std::sync::Condvar,
}

struct State {
    elapsed: Duration,
    /// What the time of day was at the beginning, with all that it was set by since.
    epoch: SystemTime,
    limit: Duration,
    are_tasks_threads: bool,
    numbers: Numbers,
    timers: BTreeMap<(Duration, u64), Waker>,
    actors: BTreeMap<u64, Actor>,
    next_id: u64,
    /// Those who have been woken.
    ready: Vec<u64>,
    current: u64,
    /// The thread whose turn it is.
    turn: Option<u64>,
    /// How often the clock was looked at since it moved.
    looks: u32,
    panic: Option<Box<dyn Any + Send>>,
    keepers: Vec<Keeper>,
    /// Threads that are tasks, with what has them polled once they were; and those that are to be dropped.
    task_threads: BTreeMap<u64, Option<Waker>>,
    cancelled: BTreeSet<u64>,
}

/// Looks after what has timers of its own: does what is due, and says when there is more.
type Keeper = Arc<dyn Fn() -> Option<Duration> + Send + Sync>;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Who lives in the time.
struct Actor {
    name: String,
    rank: u64,
    /// When it had its last turn, and how many it has had then.
    since: Duration,
    turns: u32,
    body: Body,
}

enum Body {
    /// A future of the thread that runs it all.
    Here,
    /// `None` while it is polled.
    Task(Option<Task>),
    Thread(Option<std::thread::Thread>),
}

enum Turn {
    Here,
    Task(u64, Task),
}

impl Time {
    /// A time of which nothing has gone by: 15 January 2027. What can go on at the same moment does so in an
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

    /// How much of it has gone by. This clock does not jump.
    ///
    /// # Panics
    ///
    /// If it is asked a million times while no time goes by: whoever does that [spins](Stopped::Spins).
    pub fn elapsed(&self) -> Duration {
        self.look().elapsed
    }

    /// The time of day; `now().into()` is a [`Timestamp`](simacan_auth::Timestamp). It can be
    /// [set](Self::set_clock). It panics as [`elapsed`](Self::elapsed) does.
    pub fn now(&self) -> SystemTime {
        let state = self.look();
        state.epoch + state.elapsed
    }

    /// Sets the time of day, as somebody sets a clock: it jumps, and no time goes by.
    pub fn set_clock(&self, now: SystemTime) {
        let mut state = self.lock();
        state.epoch = now - state.elapsed;
    }

    /// Whoever is not done by then, from the beginning, [hangs](Stopped::Hangs): two years, unless told
    /// otherwise. It ends runs in which something goes on for ever, such as a timer that is set again and again.
    pub fn set_limit(&self, limit: Duration) {
        self.lock().limit = limit;
    }

    /// Goes on when so much time has gone by, and not before others had a turn. Dropped before, it leaves no
    /// timer.
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + use<> {
        self.sleep_until(self.elapsed().saturating_add(duration))
    }

    /// Goes on when so much time has gone by since the beginning.
    pub fn sleep_until(&self, at: Duration) -> impl Future<Output = ()> + Send + use<> {
        let id = self.lock().new_id();
        let time = self.clone();
        Sleep {
            time,
            key: (at, id),
            has_waited: false,
        }
    }

    /// What the future gives, or `None` if it takes longer than this; it is dropped then.
    pub async fn timeout<T>(
        &self,
        longest: Duration,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        let (mut future, mut sleep) = (pin!(future), pin!(self.sleep(longest)));
        std::future::poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => sleep.as_mut().poll(context).map(|()| None),
        })
        .await
    }

    /// Gives each task that is [spawned](Self::spawn) from now on a thread of its own, as a runtime may that has
    /// many: where it takes a [`Mutex`] others may go on first.
    pub fn set_tasks_are_threads(&self, are_threads: bool) {
        self.lock().are_tasks_threads = are_threads;
    }

    /// A store in memory, whose lock is waited for in this time.
    pub fn store(&self) -> MemoryStore {
        let (day, clock, sleeper) = (self.clone(), self.clone(), self.clone());
        let sleep = move |duration| sleeper.block_on(sleeper.sleep(duration));
        MemoryStore::new()
            .in_time(move || day.now(), sleep)
            .by_clock(move || clock.elapsed())
    }

    /// A task. It goes on while something [runs](Self::run), whether its handle is kept or not.
    ///
    /// # Panics
    ///
    /// If it needs a thread and the system has none to give.
    pub fn spawn<T: Send + 'static>(
        &self,
        name: impl Into<String>,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let (sender, handle) = join::channel();
        let task = Box::pin(async move { sender.send(future.await) });
        let mut state = self.lock();
        if state.are_tasks_threads {
            drop(state);
            let id = self.start_task_thread(name.into(), task);
            return handle.of_task(self, id.expect("the system has a thread to give"));
        }
        let id = state.add(name.into(), Body::Task(Some(task)));
        handle.of_task(self, id)
    }

    /// Runs all tasks and threads until this future is ready, or [`Stopped`] says why it can't become so. What
    /// is not done by then goes on with the next call.
    ///
    /// # Panics
    ///
    /// With the panic of a task or a thread.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> Result<T, Stopped> {
        let _runs = Runs::new(self);
        let mut future = pin!(future);
        let me = self.lock().add("main".into(), Body::Here);
        let waker = self.waker(me);
        let result = loop {
            match self.next(me) {
                Ok(Turn::Here) => {
                    if let Poll::Ready(output) =
                        future.as_mut().poll(&mut Context::from_waker(&waker))
                    {
                        break Ok(output);
                    }
                }
                Ok(Turn::Task(id, mut task)) => {
                    let waker = self.waker(id);
                    let is_over = task
                        .as_mut()
                        .poll(&mut Context::from_waker(&waker))
                        .is_ready();
                    let mut state = self.lock();
                    match state.actors.get_mut(&id) {
                        Some(actor) if !is_over => actor.body = Body::Task(Some(task)),
                        _ => {
                            // It is cancelled, perhaps by itself.
                            state.remove(id);
                            drop(state);
                            drop(task);
                        }
                    }
                }
                Err(stopped) => break Err(stopped),
            }
        };
        self.lock().remove(me);
        result
    }

    /// Who goes on next, after the threads whose turn comes before: they have had it when this returns.
    fn next(&self, me: u64) -> Result<Turn, Stopped> {
        let mut state = self.lock();
        loop {
            if let Some(panic) = state.panic.take() {
                drop(state);
                resume_unwind(panic);
            }
            if let Some(id) = state.choose(me) {
                state.count(id)?;
                let actor = state.actors.get_mut(&id).expect("who is chosen is there");
                match &mut actor.body {
                    Body::Here => return Ok(Turn::Here),
                    Body::Task(task) => {
                        return Ok(Turn::Task(id, task.take().expect("who is chosen is whole")));
                    }
                    Body::Thread(thread) => {
                        let thread = thread.clone();
                        state = self.give_turn(state, id, thread.as_ref())?;
                    }
                }
                continue;
            }
            // Nothing can happen before some time has gone by.
            let keepers = state.keepers.clone();
            drop(state);
            let kept = keepers.iter().filter_map(|keeper| keeper()).min();
            state = self.lock();
            if state.choosable(me).next().is_some() {
                continue;
            }
            let timer = state.timers.first_key_value().map(|((at, _), _)| *at);
            let next = timer.into_iter().chain(kept).min();
            let Some(next) = next.filter(|next| *next <= state.limit) else {
                return Err(state.hang(me));
            };
            // A keeper that is due has been called: it wants no time to go by, which would be for ever.
            let least = state.elapsed + Duration::from_millis(u64::from(timer != Some(next)));
            state.elapsed = next.max(least);
            state.looks = 0;
            let later = (state.elapsed, u64::MAX);
            let later = state.timers.split_off(&later);
            let due = std::mem::replace(&mut state.timers, later);
            drop(state); // a waker may be anybody's
            due.into_values().for_each(Waker::wake);
            state = self.lock();
        }
    }

    fn waker(&self, id: u64) -> Waker {
        struct ActorWaker(Time, u64);
        impl Wake for ActorWaker {
            fn wake(self: Arc<Self>) {
                self.0.lock().wake(self.1);
            }
        }
        Arc::new(ActorWaker(self.clone(), id)).into()
    }

    #[cfg(feature = "driver")]
    fn keep(&self, keeper: impl Fn() -> Option<Duration> + Send + Sync + 'static) {
        self.lock().keepers.push(Arc::new(keeper));
    }

    /// Drops a task: at once, or when its own thread has its turn.
    fn cancel(&self, id: u64) {
        let mut state = self.lock();
        let (task, waker) = match state.actors.get_mut(&id).map(|actor| &mut actor.body) {
            Some(Body::Task(_)) => (state.remove(id), None),
            Some(Body::Thread(_)) => {
                state.cancelled.insert(id);
                (None, state.task_threads.get(&id).cloned().flatten())
            }
            Some(Body::Here) | None => (None, None),
        };
        drop(state);
        drop(task);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Drops all tasks, whatever they wait for, as a runtime that is shut down. Threads stay as they are.
    pub fn drop_tasks(&self) {
        let state = self.lock();
        let is_task = |(id, actor): &(&u64, &Actor)| match actor.body {
            Body::Here => false,
            Body::Task(_) => true,
            Body::Thread(_) => state.task_threads.contains_key(*id),
        };
        let tasks: Vec<_> = (state.actors.iter())
            .filter(is_task)
            .map(|(id, _)| *id)
            .collect();
        drop(state);
        for id in tasks {
            self.cancel(id);
        }
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

impl State {
    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn add(&mut self, name: String, body: Body) -> u64 {
        let id = self.new_id();
        let actor = Actor {
            name,
            rank: self.numbers.below(u64::MAX),
            since: self.elapsed,
            turns: 0,
            body,
        };
        self.actors.insert(id, actor);
        self.ready.push(id);
        id
    }

    fn remove(&mut self, id: u64) -> Option<Actor> {
        self.ready.retain(|ready| *ready != id);
        self.task_threads.remove(&id);
        self.cancelled.remove(&id);
        self.actors.remove(&id)
    }

    fn wake(&mut self, id: u64) {
        if self.actors.contains_key(&id) && !self.ready.contains(&id) {
            self.ready.push(id);
        }
    }

    /// Of those who are ready. Where something runs within something that runs, the outer one has to wait.
    fn choosable(&self, me: u64) -> impl Iterator<Item = u64> {
        let ready = self.ready.iter().copied();
        ready.filter(move |id| {
            (self.actors.get(id)).is_some_and(|actor| match &actor.body {
                Body::Here => *id == me,
                Body::Task(task) => task.is_some(),
                Body::Thread(_) => true,
            })
        })
    }

    /// Who ranks first, until ranks change, which they do now and then: what goes wrong only if somebody is held
    /// up for long is met with sooner than if all are alike.
    fn choose(&mut self, me: u64) -> Option<u64> {
        let id = (self.choosable(me)).max_by_key(|id| self.actors[id].rank)?;
        self.ready.retain(|ready| *ready != id);
        if self.numbers.below(2) == 0 {
            let rank = self.numbers.below(u64::MAX);
            self.actors.get_mut(&id)?.rank = rank;
        }
        Some(id)
    }

    /// A turn of this one.
    fn count(&mut self, id: u64) -> Result<(), Stopped> {
        const MOST: u32 = 100_000;
        self.current = id;
        let elapsed = self.elapsed;
        let actor = self.actors.get_mut(&id).expect("who is chosen is there");
        actor.turns = if actor.since == elapsed {
            actor.turns + 1
        } else {
            1
        };
        actor.since = elapsed;
        if actor.turns > MOST {
            return Err(self.spin(id));
        }
        Ok(())
    }

    fn spin(&self, id: u64) -> Stopped {
        let name = self.actors.get(&id).map(|actor| actor.name.clone());
        Stopped::Spins {
            name: name.unwrap_or_else(|| "somebody outside".into()),
            at: self.elapsed,
        }
    }

    fn hang(&self, me: u64) -> Stopped {
        let waiting = self.actors.iter().filter(|(id, _)| **id != me);
        let waiting = waiting.map(|(_, actor)| Waiting {
            name: actor.name.clone(),
            since: actor.since,
        });
        Stopped::Hangs {
            waiting: waiting.collect(),
            at: self.elapsed,
        }
    }
}

struct Sleep {
    time: Time,
    key: (Duration, u64),
    has_waited: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let has_waited = std::mem::replace(&mut self.has_waited, true);
        let waker = context.waker().clone();
        let mut state = self.time.lock();
        let is_over = self.key.0 <= state.elapsed;
        if is_over && has_waited {
            return Poll::Ready(());
        }
        let former = if is_over {
            Some(waker)
        } else {
            state.timers.insert(self.key, waker)
        };
        drop(state);
        former.into_iter().filter(|_| is_over).for_each(Waker::wake);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let waker = self.time.lock().timers.remove(&self.key);
        drop(waker);
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Time")
            .field("elapsed", &self.lock().elapsed)
            .finish_non_exhaustive()
    }
}
