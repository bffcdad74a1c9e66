//! What the sessions of a process share: its threads, and the one that keeps the time.

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant, SystemTime};

use crate::carrier;
use crate::session::Session;
use crate::sync::{self, Mutex, caught, lock};
use crate::wakeup::Wakeup;

/// The threads and clocks that a [`Process`] uses: the system's, or a test's.
pub trait System: Send + Sync + 'static {
    /// Starts a thread of this name. `simacan-auth` does what there is to do (exchanges, the store, callbacks), and
    /// ends; `simacan-time` calls [`Process::tick`] when it is time, and does nothing else.
    fn spawn(&self, name: &str, run: Box<dyn FnOnce() + Send>) -> io::Result<()>;

    /// Returns the time since some moment, by a clock that does not jump.
    fn monotonic(&self) -> Duration;

    /// Returns the time of day, which may jump.
    fn time(&self) -> SystemTime;

    /// Waits in this thread until the future is ready, or until this time of [`monotonic`](Self::monotonic). All that
    /// blocks waits here, the thread `simacan-time` too. By default the thread is parked.
    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>, until: Option<Duration>) {
        sync::block_on_for(future, || {
            until.map(|until| until.saturating_sub(self.monotonic()))
        });
    }
}

/// The threads that all sessions of a process share, and the one that keeps their time. Programs use the
/// [global](Process::global) one; tests make their own.
pub struct Process {
    system: Box<dyn System>,
    lines: Mutex<HashMap<Line, Queue>>,
    times: Mutex<Times>,
    /// There is an earlier time to look at.
    changed: Wakeup,
}

/// What is done for one auth host, over one kind of store, if any. It queues behind its own kind only.
pub(crate) type Line = (String, Option<TypeId>);

type Work = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    threads: usize,
    waiting: VecDeque<Work>,
}

/// When which session is to be looked at.
#[derive(Default)]
struct Times {
    due: BTreeMap<(Duration, usize), Weak<Session>>,
    is_kept: bool,
    /// What the clocks said when it was looked at last.
    last: Option<(Duration, SystemTime)>,
}

/// A process, and that of a child which was forked from it. To look at them takes no lock.
struct Global {
    process_id: u32,
    process: Arc<Process>,
    next: Box<OnceLock<Self>>,
}

impl Global {
    fn new() -> Self {
        Self {
            process_id: std::process::id(),
            process: Process::new(Os(Instant::now())),
            next: Box::default(),
        }
    }
}

impl Process {
    /// Threads of one line at a time.
    const MOST: usize = 64;

    /// Makes a process of its own, for tests.
    pub fn new(system: impl System) -> Arc<Self> {
        Arc::new(Self {
            system: Box::new(system),
            lines: Mutex::default(),
            times: Mutex::default(),
            changed: Wakeup::default(),
        })
    }

    /// Returns the process that a driver uses if it is given no other. A forked child gets a new one, since it has
    /// none of its parent's threads.
    pub fn global() -> Arc<Self> {
        static FIRST: OnceLock<Global> = OnceLock::new();
        let mut place = &FIRST;
        loop {
            let global = place.get_or_init(Global::new);
            if global.process_id == std::process::id() {
                return global.process.clone();
            }
            place = &global.next;
        }
    }

    pub(crate) fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }

    pub(crate) fn time(&self) -> SystemTime {
        self.system.time()
    }

    /// Waits for a future in this thread.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut output = None;
        (self.system).block_on(pin!(async { output = Some(future.await) }), None);
        output.expect("`System::block_on` returns when the future is ready")
    }

    /// In a thread, at once or when one of this line is free.
    pub(crate) fn run(self: &Arc<Self>, line: &Line, work: Work) -> io::Result<()> {
        let mut lines = lock(&self.lines);
        let queue = lines.entry(line.clone()).or_default();
        queue.waiting.push_back(work);
        let added = self.add_thread(line, queue);
        if added.is_err() {
            queue.waiting.pop_back();
            lines.retain(|_, queue| queue.threads > 0 || !queue.waiting.is_empty());
        }
        added
    }

    /// Under the lock: nothing queues behind a thread that turns out not to be had.
    fn add_thread(self: &Arc<Self>, line: &Line, queue: &mut Queue) -> io::Result<()> {
        if queue.threads >= Self::MOST {
            return Ok(());
        }
        let (process, own) = (self.clone(), line.clone());
        let work = move || {
            while let Some(work) = process.next(&own) {
                caught(work);
            }
        };
        match self.system.spawn("simacan-auth", Box::new(work)) {
            Ok(()) => queue.threads += 1,
            Err(error) if queue.threads == 0 => return Err(error),
            Err(_) => {} // those that there are come to it
        }
        Ok(())
    }

    /// A thread of the line hangs: its place is another's until it [comes back](Self::come_back).
    pub(crate) fn give_up(self: &Arc<Self>, line: &Line) {
        let mut lines = lock(&self.lines);
        let queue = lines.entry(line.clone()).or_default();
        queue.threads = queue.threads.saturating_sub(1);
        if !queue.waiting.is_empty() {
            let _ = self.add_thread(line, queue); // else it is done by who comes back or comes anew
        } else if queue.threads == 0 {
            lines.remove(line);
        }
    }

    /// There may be one too many of the line then: the first to be done ends.
    pub(crate) fn come_back(&self, line: &Line) {
        lock(&self.lines).entry(line.clone()).or_default().threads += 1;
    }

    /// In a thread beside all lines, for what must not wait in one.
    pub(crate) fn run_aside(&self, work: Work) -> io::Result<()> {
        self.system.spawn("simacan-auth", work)
    }

    /// What a thread of the line does next; with `None` it ends.
    fn next(&self, line: &Line) -> Option<Work> {
        let mut lines = lock(&self.lines);
        let queue = lines.get_mut(line)?;
        let has_place = queue.threads <= Self::MOST;
        let next = has_place.then(|| queue.waiting.pop_front()).flatten();
        if next.is_none() {
            queue.threads -= 1;
            if queue.threads == 0 {
                lines.remove(line);
            }
        }
        next
    }

    /// Looks at the session at this time, in place of the one that it was known for.
    pub(crate) fn schedule(
        self: &Arc<Self>,
        session: &Arc<Session>,
        known: Option<Duration>,
        at: Duration,
    ) -> io::Result<()> {
        let id = Arc::as_ptr(session).addr();
        let mut times = lock(&self.times);
        if !times.is_kept {
            let process = self.clone();
            // Under the lock: nobody relies on one that turns out not to be had.
            (self.system).spawn("simacan-time", Box::new(move || process.keep_time()))?;
            times.is_kept = true;
        }
        if let Some(known) = known {
            times.due.remove(&(known, id));
        }
        times.due.insert((at, id), Arc::downgrade(session));
        drop(times);
        self.changed.wake_all();
        Ok(())
    }

    /// The session that was to be looked at then is no more.
    pub(crate) fn forget(&self, session: &Session, known: Duration) {
        let id = std::ptr::from_ref(session).addr();
        lock(&self.times).due.remove(&(known, id));
    }

    /// The time-keeper. It runs nothing of a user's: carriers do.
    fn keep_time(self: Arc<Self>) {
        /// A suspended machine, or a clock that is set, is noticed this soon.
        const LOOK: Duration = Duration::from_secs(5);
        loop {
            self.tick();
            // Before looking, so that nothing is missed in between.
            let changed = self.changed.listen();
            let mut times = lock(&self.times);
            let Some(((next, _), _)) = times.due.first_key_value() else {
                times.is_kept = false;
                return;
            };
            let until = self.monotonic().saturating_add(LOOK).min(*next);
            drop(times);
            self.system.block_on(pin!(changed), Some(until));
        }
    }

    /// Wakes the sessions whose time has come, or all of them if the time of day has jumped.
    ///
    /// The thread `simacan-time` calls it; a [`System`] without that thread calls it as its time goes by. Returns
    /// when to call it again, by [`System::monotonic`]; an earlier time may be added at any moment.
    pub fn tick(&self) -> Option<Duration> {
        let now = (self.system.monotonic(), self.system.time());
        let mut times = lock(&self.times);
        let last = times.last.replace(now);
        let is_jump = last.is_some_and(|last| is_jump(last, now));
        let later = if is_jump {
            BTreeMap::new()
        } else {
            times.due.split_off(&(now.0 + Duration::from_nanos(1), 0))
        };
        let due = std::mem::replace(&mut times.due, later);
        drop(times);
        for session in due.into_values().filter_map(|session| session.upgrade()) {
            // A waker may drop the last client.
            carrier::here(|| session.tick(now.0, is_jump));
            if let Some(last) = Arc::into_inner(session) {
                let _ = self.run_aside(Box::new(move || drop(last))); // with what is the user's
            }
        }
        let times = lock(&self.times);
        times.due.first_key_value().map(|((next, _), _)| *next)
    }
}

/// Whether the time of day went another way than time does.
fn is_jump(last: (Duration, SystemTime), now: (Duration, SystemTime)) -> bool {
    const TOLERANCE: Duration = Duration::from_secs(1);
    let should_be = last.1 + now.0.saturating_sub(last.0);
    let off = (now.1.duration_since(should_be)).unwrap_or_else(|behind| behind.duration());
    off > TOLERANCE
}

/// The system's, since the first session.
struct Os(Instant);

impl System for Os {
    fn spawn(&self, name: &str, run: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(run).map(drop)
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn time(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").finish_non_exhaustive()
    }
}
