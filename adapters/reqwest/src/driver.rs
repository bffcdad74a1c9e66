//! The machine behind a lock, and the tasks that carry its exchanges. All decisions are the
//! machine's (DESIGN 9).

use std::fmt;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use simacan_auth::{
    Clearance, Credentials, Event, LockedStore, Machine, Origin, Pass, Permit, SessionStore,
    Status, StoreFailure, Ticket, Timestamp, Verdict,
};

use crate::Error;
use crate::carrier::{Carrier, Slot};
use crate::drained::Drained;
use crate::exchange::Exchange;
use crate::passes::Passes;
use crate::runtime::{JoinHandle, Mutex, MutexGuard, Notify, leave_alone, spawn, wait};
use crate::trace;
use crate::watch::{Pending, Watch};

pub(crate) struct Driver {
    /// Held for nanoseconds, never across an await.
    machine: Mutex<Machine>,
    store: Option<Box<dyn SessionStore>>,
    /// Of the last visit to the store.
    locked: Mutex<Slot>,
    /// Whoever has drained an event wakes everyone. Apart, so that it can be awaited without
    /// keeping the rest alive.
    woken: Arc<Notify>,
    pub(crate) exchange: Exchange,
    exchange_timeout: Duration,
    passes: Passes,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
    on_event: Box<dyn Fn(&Event) + Send + Sync>,
}

impl Driver {
    pub(crate) fn new(
        machine: Machine,
        store: Option<Box<dyn SessionStore>>,
        exchange: Exchange,
        exchange_timeout: Duration,
        clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
        on_event: Box<dyn Fn(&Event) + Send + Sync>,
    ) -> Arc<Self> {
        let machine = match &store {
            Some(_) => machine.with_store(),
            None => machine,
        };
        Arc::new(Self {
            machine: Mutex::new(machine),
            store,
            locked: Mutex::default(),
            woken: Arc::default(),
            exchange,
            exchange_timeout,
            passes: Passes::default(),
            clock,
            on_event,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)().into()
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().status()
    }

    pub(crate) fn set_credentials(&self, credentials: Credentials) {
        let now = self.now();
        self.lock().handle_credentials(now, credentials);
        // Those who wait see to the rest; this may not be a task.
        self.woken.notify_waiters();
    }

    #[inline]
    pub(crate) fn review(&self, ticket: Ticket, status: StatusCode) -> Verdict {
        if let Some(verdict) = self.passes.ask(|pass| pass.review(&ticket, status)) {
            return verdict;
        }
        // Of no consequence but to a 401.
        let now = match status {
            StatusCode::UNAUTHORIZED => self.now(),
            _ => Timestamp::default(),
        };
        self.lock().review(now, ticket, status)
    }

    /// Waits until the bearer token is on the request, or until it is certain that there is none. A request
    /// that has not been sent yet has no permit.
    #[cfg(any(feature = "tower", shuttle))]
    pub(crate) async fn authorize<B>(
        self: &Arc<Self>,
        permit: Option<Permit>,
        request: &mut http::Request<B>,
    ) -> Result<Ticket, Error> {
        if permit.is_none()
            && let Some(ticket) = self.authorize_now(|pass, now| pass.authorize(now, request))
        {
            return Ok(ticket);
        }
        self.ask(permit, |machine, now, permit| {
            machine.authorize(now, permit, request)
        })
        .await
    }

    /// What this thread's pass says to a request that has not been sent yet.
    pub(crate) fn authorize_now(
        &self,
        request: impl FnOnce(&Pass, SystemTime) -> Option<Ticket>,
    ) -> Option<Ticket> {
        let now = (self.clock)();
        self.passes.ask(|pass| request(pass, now))
    }

    /// Asks the machine.
    pub(crate) async fn authorize_headers(
        self: &Arc<Self>,
        permit: Option<Permit>,
        origin: Option<Origin<'_>>,
        headers: &mut HeaderMap,
    ) -> Result<Ticket, Error> {
        self.ask(permit, |machine, now, permit| {
            machine.authorize_headers(now, permit, origin, headers)
        })
        .await
    }

    pub(crate) async fn log_in(self: &Arc<Self>) -> Result<Status, Error> {
        let ticket = self.ask(None, Machine::log_in).await?;
        drop(ticket);
        Ok(self.status())
    }

    async fn ask(
        self: &Arc<Self>,
        mut permit: Option<Permit>,
        mut question: impl FnMut(&mut Machine, Timestamp, Permit) -> Clearance,
    ) -> Result<Ticket, Error> {
        let (mut watch, mut carried) = (Watch::default(), None);
        let answer = loop {
            // Before the machine is asked, so that nothing is missed in between.
            let woken = self.woken.notified();
            match self.ask_now(permit, &mut question, &mut watch, &mut carried) {
                Ok(Attempt::Go(ticket)) => break Ok(ticket),
                Ok(Attempt::Wait(given_back, duration)) => {
                    permit = Some(given_back);
                    wait(duration, woken).await;
                }
                Err(error) => break Err(error),
            }
        };
        // A program that ends when it has its answer must not cut off what it has begun: a refresh that is
        // never saved costs the next one a password.
        if let (Some(carried), Some(_)) = (carried, &self.store) {
            wait(self.longest(), carried).await;
        }
        answer
    }

    fn ask_now(
        self: &Arc<Self>,
        permit: Option<Permit>,
        question: impl FnOnce(&mut Machine, Timestamp, Permit) -> Clearance,
        watch: &mut Watch,
        carried: &mut Option<JoinHandle<()>>,
    ) -> Result<Attempt, Error> {
        let now = self.now();
        let mut machine = self.lock();
        let permit = permit.unwrap_or_else(|| machine.permit());
        let clearance = question(&mut machine, now, permit);
        self.passes.keep(machine.pass());
        let limit = match &clearance {
            Clearance::Wait(_) => self.watch(&mut machine, now, watch),
            _ => Duration::ZERO,
        };
        // Whatever is said to this caller, what is due is done.
        let (until, task) = self.step(machine, now);
        *carried = task.or(carried.take());
        match clearance {
            Clearance::Go(ticket) => Ok(Attempt::Go(ticket)),
            Clearance::Wait(permit) => {
                let until = until.map_or(limit, |until| until.min(limit));
                Ok(Attempt::Wait(permit, until))
            }
            Clearance::Denied(denied) => Err(denied.into()),
            Clearance::Foreign(foreign) => Err(foreign.into()),
        }
    }

    pub(crate) fn keep_alive(driver: Weak<Self>) -> impl Future<Output = ()> + Send + 'static {
        /// The clock may jump, and the machine sleep, where tokio's time goes on as it did.
        const LONGEST: Duration = Duration::from_secs(5);
        async move {
            let Some(notify) = driver.upgrade().map(|driver| driver.woken.clone()) else {
                return;
            };
            loop {
                let woken = notify.notified();
                let Some(driver) = driver.upgrade() else {
                    return;
                };
                let now = driver.now();
                let (until, _) = driver.step(driver.lock(), now);
                drop(driver);
                wait(until.map_or(LONGEST, |until| until.min(LONGEST)), woken).await;
            }
        }
    }

    /// Lets the machine say what it has to say: events are told, what is to be done gets a task of its own.
    /// Gives the time to wait before the machine is to be polled again, and that task.
    fn step(
        self: &Arc<Self>,
        mut machine: MutexGuard<'_, Machine>,
        now: Timestamp,
    ) -> (Option<Duration>, Option<JoinHandle<()>>) {
        let Drained { events, job, until } = Drained::of(&mut machine, now);
        drop(machine);
        // With no lock held: a runtime that shuts down drops the task at once, and that reports it.
        let task = job.map(|job| spawn(Carrier::new(self.clone(), now, job).carry()));
        self.announce(&events);
        (until.map(|until| until.saturating_since(now)), task)
    }

    pub(crate) fn announce(&self, events: &[Event]) {
        if !events.is_empty() {
            self.wake();
        }
        for event in events {
            trace::event(event);
            (self.on_event)(event);
        }
    }

    pub(crate) fn wake(&self) {
        self.woken.notify_waiters();
    }

    /// Another process may hold it for as long as an exchange takes. Blocks.
    pub(crate) fn lock_store(&self) -> Result<Box<dyn LockedStore>, StoreFailure> {
        let store = self.store.as_ref().ok_or(StoreFailure::Abandoned)?;
        store.lock(self.exchange_timeout)
    }

    /// Holds the store's lock for a visit that begins.
    pub(crate) fn share(&self, slot: &Slot, locked: Box<dyn LockedStore>) {
        slot.put(locked);
        let mut last = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        *last = slot.clone();
    }

    /// Whoever carries what is under way is gone or stuck: reports it for them, and lets go of the store's
    /// lock if it is only held.
    fn give_up(&self, pending: Pending, machine: &mut Machine, now: Timestamp) {
        pending.abandon(machine, now);
        let last = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(locked) = last.take() {
            leave_alone(move || drop(locked));
        }
    }

    /// What any one thing can take.
    pub(crate) fn longest(&self) -> Duration {
        /// What a carrier may need beyond the time-out of its exchange.
        const GRACE: Duration = Duration::from_secs(5);
        self.exchange_timeout.saturating_add(GRACE)
    }

    /// How much longer what is under way can take. Over that, whoever carries it is gone or is not
    /// polled any more, and it is reported for them.
    fn watch(&self, machine: &mut Machine, now: Timestamp, watch: &mut Watch) -> Duration {
        let limit = self.longest();
        let Some(pending) = Pending::of(machine) else {
            return limit;
        };
        let left = limit.saturating_sub(watch.watched(pending));
        if left.is_zero() {
            self.give_up(pending, machine, now);
        }
        left
    }

    /// A panic under the lock leaves the machine in a state that it knows itself.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What [`Driver::ask`] got from the machine.
enum Attempt {
    Go(Ticket),
    /// For so long, or until woken.
    Wait(Permit, Duration),
}

/// Lets [`Driver::keep_alive`] see that nobody is left.
impl Drop for Driver {
    fn drop(&mut self) {
        self.woken.notify_waiters();
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
