//! What callers, carriers and the time-keeper share: the machine behind a lock, and what is known of its
//! carrier.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use simacan_auth::{
    Event, JobId, LockRequest, LockedStore, Machine, RequestBody, ResponseBody, SessionStore,
    Status, Timestamp, TransportFailure,
};

use crate::cached_bearers::CachedBearers;
use crate::error::Error;
use crate::process::{Line, Process};
use crate::sync::{Mutex, MutexGuard, lock};
use crate::wakeup::Wakeup;
use crate::{CredentialsSource, carrier};

/// Makes an exchange with the auth endpoint: sends this, follows nothing, and gives the answer that it has
/// read to its end. It blocks, and has a time-out.
pub type Exchange = Box<
    dyn Fn(Request<RequestBody>) -> Result<Response<ResponseBody>, TransportFailure> + Send + Sync,
>;

pub(crate) struct Session {
    /// Nothing of the user's is called under it.
    pub(crate) shared: Mutex<Shared>,
    /// Something has happened that may be an answer for those who wait.
    pub(crate) woken: Wakeup,
    /// Nothing is under way.
    pub(crate) settled: Wakeup,
    pub(crate) cached: CachedBearers,
    pub(crate) exchange: Exchange,
    pub(crate) source: CredentialsSource,
    pub(crate) exchange_timeout: Duration,
    pub(crate) token_timeout: Duration,
    pub(crate) drop_timeout: Duration,
    /// `None`: the system's.
    pub(crate) clock: Option<Box<dyn Fn() -> Timestamp + Send + Sync>>,
    pub(crate) on_event: Box<dyn Fn(&Event) + Send + Sync>,
    pub(crate) process: Arc<Process>,
    pub(crate) line: Line,
    /// Whose clients these are: not a forked child's.
    pub(crate) process_id: u32,
}

/// What the lock guards.
pub(crate) struct Shared {
    pub(crate) machine: Machine,
    /// When the token ends. While it is refreshed, the machine does not say.
    token_end: Option<Timestamp>,
    pub(crate) store: Option<Arc<dyn SessionStore>>,
    /// The store's lock while an exchange is made: should that hang, others let go of it.
    pub(crate) locked: Option<Box<dyn LockedStore>>,
    /// Who carries. Nobody else polls the machine.
    pub(crate) carrier: Option<CarrierState>,
    carriers: u64,
    /// Those who hang, and in what: they have been given up and have not come back.
    pub(crate) dismissed: Vec<CarrierState>,
    /// The job of the last of them, until a carrier has reported that it is abandoned.
    pub(crate) given_up: Option<JobId>,
    /// Said by the machine, and not told yet.
    pub(crate) events: VecDeque<Event>,
    /// Events that were not told, since a callback hangs.
    pub(crate) untold: u64,
    /// When the machine is to be polled, if nothing happens before.
    poll_at: Option<Duration>,
    /// When the time-keeper looks here.
    scheduled: Option<Duration>,
    pub(crate) is_closed: bool,
}

/// What is known of a carrier. Each has a number of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CarrierState {
    pub(crate) number: u64,
    pub(crate) task: Task,
    pub(crate) job: Option<JobId>,
    since: Duration,
    /// When it was first seen to take longer than it can.
    overdue: Option<Duration>,
}

/// What a carrier does just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Waits for a thread.
    Start,
    /// Tells events.
    Tell,
    /// Is inside the store.
    Store,
    /// Is inside the exchange.
    Exchange,
    /// Is inside the source of the credentials.
    Credentials,
}

impl Task {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Start => "all the threads for this auth host are busy",
            Self::Tell => "a callback for events has not returned",
            Self::Store => "the store of the saved session has not answered",
            Self::Exchange => "the auth endpoint has not answered",
            Self::Credentials => "the source of the credentials has not answered",
        }
    }
}

/// What a carrier may need beyond the time-outs that it has given.
const GRACE: Duration = Duration::from_secs(5);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

impl Shared {
    pub(crate) fn new(machine: Machine, store: Option<Arc<dyn SessionStore>>) -> Mutex<Self> {
        Mutex::new(Self {
            machine,
            token_end: None,
            store,
            locked: None,
            carrier: None,
            carriers: 0,
            dismissed: Vec::new(),
            given_up: None,
            events: VecDeque::new(),
            untold: 0,
            poll_at: None,
            scheduled: None,
            is_closed: false,
        })
    }

    /// A new carrier; its thread is to be started once the lock is released.
    fn add_carrier(&mut self, now: Duration) -> u64 {
        self.carriers += 1;
        self.poll_at = None;
        self.carrier = Some(CarrierState {
            number: self.carriers,
            task: Task::Start,
            job: None,
            since: now,
            overdue: None,
        });
        self.carriers
    }

    /// Whether there is anything for a carrier to do.
    pub(crate) fn wants(&mut self, now: Timestamp) -> bool {
        self.given_up.is_some() || !self.events.is_empty() || self.machine.wants(now)
    }

    pub(crate) fn is_current(&self, number: u64) -> bool {
        self.carrier.is_some_and(|carrier| carrier.number == number)
    }

    /// To be called before the machine may begin to refresh.
    pub(crate) fn note_end(&mut self) {
        if let Status::Authenticated { expires_at } = self.machine.status() {
            self.token_end = expires_at;
        }
    }

    /// Whether the token has only seconds to live, and what follows it is due or under way.
    pub(crate) fn is_ending(&mut self, now: Timestamp) -> bool {
        const SECONDS: Duration = Duration::from_secs(5);
        self.token_end
            .is_some_and(|end| end.saturating_since(now) < SECONDS)
            && (self.machine.in_flight().is_some() || self.machine.wants(now))
    }

    pub(crate) fn is_inside(&self, task: Task) -> bool {
        self.dismissed.iter().any(|carrier| carrier.task == task)
    }
}

impl Session {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }

    pub(crate) fn now(&self) -> Timestamp {
        match &self.clock {
            Some(clock) => clock(),
            None => self.process.time().into(),
        }
    }

    /// Another process may hold the store's lock for as long as an exchange takes.
    pub(crate) fn lock_request(&self) -> LockRequest {
        LockRequest {
            patience: self.exchange_timeout.saturating_add(GRACE),
            hold: self.exchange_timeout.saturating_add(2 * GRACE),
        }
    }

    /// What a carrier can take for one thing.
    fn longest(&self, task: Task) -> Duration {
        match task {
            Task::Start => Duration::MAX,
            Task::Tell => GRACE,
            Task::Store => self.lock_request().patience.saturating_add(GRACE),
            Task::Exchange | Task::Credentials => self.exchange_timeout.saturating_add(GRACE),
        }
    }

    /// A forked child has a copy of the lock, which may be held for ever.
    pub(crate) fn check_process(&self) -> Result<(), Error> {
        if std::process::id() == self.process_id {
            Ok(())
        } else {
            Err(Error::Forked)
        }
    }

    /// Sees to it that there is a carrier, if there is anything to do. With `is_awaited` somebody waits, if
    /// only for a time that comes.
    pub(crate) fn ensure_carrier(
        self: &Arc<Self>,
        mut shared: MutexGuard<'_, Shared>,
        now: Timestamp,
        is_awaited: bool,
    ) -> Result<(), Error> {
        let is_unknown = is_awaited && shared.poll_at.is_none();
        let is_over = shared.is_closed && shared.store.is_some(); // it is dropped on a thread of ours
        let is_wanted = is_unknown || is_over || shared.wants(now);
        if shared.carrier.is_none() && is_wanted {
            let number = shared.add_carrier(self.process.monotonic());
            drop(shared);
            return self.start(number);
        }
        if let Some(at) = shared.poll_at {
            let _ = self.schedule(&mut shared, at); // there was no time-keeper to be had, perhaps
        }
        Ok(())
    }

    fn start(self: &Arc<Self>, number: u64) -> Result<(), Error> {
        let session = self.clone();
        let work = Box::new(move || carrier::carry(session, number));
        self.process.run(&self.line, work).map_err(|error| {
            let mut shared = self.lock();
            if shared
                .carrier
                .take_if(|carrier| carrier.number == number)
                .is_some()
            {
                // When the machine was to be polled is not known any more: soon.
                let at = self.process.monotonic().saturating_add(GRACE);
                shared.poll_at = Some(at);
                let _ = self.schedule(&mut shared, at);
            }
            Error::NoThread(Arc::new(error))
        })
    }

    /// The carrier goes over to this. If it hangs there, somebody is to notice, even if nobody waits.
    pub(crate) fn begin(self: &Arc<Self>, shared: &mut Shared, task: Task, job: Option<JobId>) {
        let since = self.process.monotonic();
        if let Some(carrier) = &mut shared.carrier {
            (carrier.task, carrier.job, carrier.since, carrier.overdue) = (task, job, since, None);
        }
        let _ = self.schedule(shared, since.saturating_add(self.longest(task)));
    }

    /// How long the carrier may still take; then one looks again. One that is seen to be overdue for a second
    /// time is given up: once would not do, since a process that was stopped must not throw away the answer
    /// that lies in its socket.
    pub(crate) fn watch(self: &Arc<Self>, shared: &mut Shared) -> Duration {
        /// More of them hang than a callback, a store and an exchange explain.
        const MOST_DISMISSED: usize = 4;
        let time = self.process.monotonic();
        let Some(carrier) = &mut shared.carrier else {
            return SECOND;
        };
        let (longest, so_far) = (
            self.longest(carrier.task),
            time.saturating_sub(carrier.since),
        );
        let left = longest.saturating_sub(so_far);
        if !left.is_zero() {
            return left;
        }
        let overdue = *carrier.overdue.get_or_insert(time);
        if time.saturating_sub(overdue) >= SECOND && shared.dismissed.len() < MOST_DISMISSED {
            self.dismiss(shared);
        }
        SECOND
    }

    /// Whoever sees to it that there is another carrier has that one report the job: it asks for the time.
    fn dismiss(self: &Arc<Self>, shared: &mut Shared) {
        let Some(carrier) = shared.carrier.take() else {
            return;
        };
        shared.dismissed.push(carrier);
        self.process.give_up(&self.line);
        shared.given_up = carrier.job;
        let Some(locked) = shared.locked.take() else {
            return;
        };
        // In a thread, since it may block. Without one it stays in the slot: the next carrier lets go of it.
        let handed_over = Arc::new(Mutex::new(Some(locked)));
        let (session, taken) = (self.clone(), handed_over.clone());
        let let_go = move || {
            let locked = lock(&taken).take();
            if let Some(locked) = locked {
                carrier::let_go(&session, locked);
                let now = session.now();
                let _ = session.ensure_carrier(session.lock(), now, false); // if it has failed, that is to be told
            }
        };
        if self.process.run_aside(Box::new(let_go)).is_err() {
            shared.locked = lock(&handed_over).take();
        }
    }

    /// The carrier has nothing to do until then. Under the lock of the poll that has said so:
    /// else somebody's wish would fall in between.
    pub(crate) fn leave(
        self: &Arc<Self>,
        shared: &mut Shared,
        now: Timestamp,
        until: Option<Timestamp>,
    ) {
        /// A clock of the user's may jump without anybody noticing.
        const OWN_CLOCK: Duration = Duration::from_secs(5);
        shared.carrier = None;
        let most = self.clock.as_ref().map_or(Duration::MAX, |_| OWN_CLOCK);
        shared.poll_at = until.map(|until| {
            let rest = until.saturating_since(now).min(most);
            self.process.monotonic().saturating_add(rest)
        });
        if let Some(at) = shared.poll_at {
            let _ = self.schedule(shared, at); // without it the next caller does
        }
    }

    /// Has the time-keeper look here no later than that.
    pub(crate) fn schedule(
        self: &Arc<Self>,
        shared: &mut Shared,
        at: Duration,
    ) -> Result<(), Error> {
        let at = shared.poll_at.map_or(at, |poll_at| poll_at.min(at));
        if shared.scheduled.is_some_and(|scheduled| scheduled <= at) {
            return Ok(());
        }
        let scheduled = self.process.schedule(self, shared.scheduled, at);
        shared.scheduled = scheduled.is_ok().then_some(at);
        scheduled.map_err(|error| Error::NoThread(Arc::new(error)))
    }

    /// Nobody asks any more: no time is kept for it, but for a carrier that may hang.
    pub(crate) fn close(&self) -> MutexGuard<'_, Shared> {
        let mut shared = self.lock();
        shared.is_closed = true;
        shared.machine.close();
        if shared.carrier.is_none()
            && let Some(at) = shared.scheduled.take()
        {
            self.process.forget(self, at);
        }
        shared
    }

    /// By the time-keeper: wakes those who wait for a time, has the machine polled if it is time, and gives up
    /// a carrier that hangs.
    pub(crate) fn tick(self: &Arc<Self>, time: Duration, is_jump: bool) {
        let mut shared = self.lock();
        shared.scheduled = None;
        let left = self.watch(&mut shared);
        let is_due = shared.poll_at.is_some_and(|at| is_jump || at <= time);
        let is_wanted = shared.carrier.is_none() && (is_due || shared.given_up.is_some());
        let again = match shared.carrier {
            Some(carrier) if carrier.task == Task::Start => None, // once it has begun
            Some(_) => Some(time.saturating_add(left)),
            None => shared.poll_at.filter(|_| !is_wanted),
        };
        if let Some(at) = again {
            let _ = self.schedule(&mut shared, at);
        }
        let number = is_wanted.then(|| shared.add_carrier(time));
        drop(shared);
        if let Some(number) = number {
            let _ = self.start(number); // it is tried again
        }
        self.woken.wake_all();
        self.settled.wake_all();
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
