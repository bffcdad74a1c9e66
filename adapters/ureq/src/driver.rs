//! The machine behind a lock, and the threads that carry its exchanges. All decisions are the
//! machine's (DESIGN 9).

use std::fmt;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use http::{Request, StatusCode};
use simacan_auth::{
    Clearance, Credentials, Event, LockedStore, Machine, Permit, SessionStore, Status,
    StoreFailure, Ticket, Timestamp, Verdict,
};

use crate::Error;
use crate::aside::{aside, leave_alone};
use crate::carrier::{Carrier, Slot};
use crate::drained::Drained;
use crate::exchange::Exchange;
use crate::passes::Passes;
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::trace;
use crate::watch::{Pending, Watch};

/// What a carrier may need beyond the time-out of its exchange.
const GRACE: Duration = Duration::from_secs(5);

pub(crate) struct Driver {
    machine: Mutex<Machine>,
    store: Option<Arc<dyn SessionStore>>,
    /// Of the last visit to the store.
    locked: Mutex<Slot>,
    /// Whoever has drained an event wakes everyone.
    woken: Condvar,
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
            store: store.map(Arc::from),
            locked: Mutex::default(),
            woken: Condvar::new(),
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
        let mut machine = self.lock();
        machine.handle_credentials(now, credentials);
        match self.step(machine, now) {
            // A login that others wait for already.
            Step::Carry(carrier) => carrier.carry(),
            Step::Told | Step::Wait(..) => {}
        }
    }

    fn is_newest(&self, ticket: &Ticket) -> bool {
        ticket.generation() == self.lock().generation()
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
    pub(crate) fn authorize<B>(
        &self,
        permit: Option<Permit>,
        request: &mut Request<B>,
    ) -> Result<Ticket, Error> {
        if permit.is_none() {
            let now = (self.clock)();
            if let Some(ticket) = self.passes.ask(|pass| pass.authorize(now, request)) {
                return Ok(ticket);
            }
        }
        self.ask(permit, |machine, now, permit| {
            machine.authorize(now, permit, request)
        })
    }

    pub(crate) fn log_in(&self) -> Result<Status, Error> {
        let ticket = self.ask(None, Machine::log_in)?;
        drop(ticket);
        Ok(self.status())
    }

    fn ask(
        &self,
        mut permit: Option<Permit>,
        mut question: impl FnMut(&mut Machine, Timestamp, Permit) -> Clearance,
    ) -> Result<Ticket, Error> {
        let (mut watch, is_first) = (Watch::default(), permit.is_none());
        loop {
            let now = self.now();
            let mut machine = self.lock();
            let asks_with = permit.unwrap_or_else(|| machine.permit());
            let clearance = question(&mut machine, now, asks_with);
            self.passes.keep(machine.pass());
            // Whatever is said to this caller, what is due is done: an early refresh that no other
            // waits for, or something that others do wait for.
            let (idle, has_carried) = match self.step(machine, now) {
                Step::Carry(carrier) => {
                    carrier.carry();
                    (None, true)
                }
                Step::Told => (None, false),
                Step::Wait(machine, until) => (Some((machine, until)), false),
            };
            permit = match clearance {
                // With the newest token, once this thread has brought it: the last may have died meanwhile. A
                // permit of its own will do, since nothing has been sent with the first (I7).
                Clearance::Go(ticket) if is_first && has_carried && !self.is_newest(&ticket) => {
                    None
                }
                Clearance::Go(ticket) => return Ok(ticket),
                Clearance::Wait(permit) => Some(permit),
                Clearance::Denied(denied) => return Err(denied.into()),
                Clearance::Foreign(foreign) => return Err(foreign.into()),
            };
            if let Some((machine, until)) = idle {
                self.wait(machine, now, until, &mut watch);
            }
        }
    }

    pub(crate) fn keep_alive(driver: Weak<Self>) -> impl FnOnce() + Send + 'static {
        /// How long a thread that keeps a session alive may outlive it.
        const BREATH: Duration = Duration::from_secs(1);
        move || {
            while let Some(driver) = driver.upgrade() {
                let now = driver.now();
                match driver.step(driver.lock(), now) {
                    Step::Carry(carrier) => carrier.carry(),
                    Step::Told => {}
                    Step::Wait(machine, until) => {
                        let wait = until.map_or(BREATH, |until| until.saturating_since(now));
                        drop(driver.sleep(machine, wait.min(BREATH)));
                    }
                }
            }
        }
    }

    /// Lets the machine say what it has to say, and takes what is to be done.
    fn step<'a>(&'a self, mut machine: MutexGuard<'a, Machine>, now: Timestamp) -> Step<'a> {
        let Drained { events, job, until } = Drained::of(&mut machine, now);
        if job.is_none() && events.is_empty() {
            return Step::Wait(machine, until);
        }
        drop(machine);
        // Before anything that can panic, such as the user's callback: what is to be done is reported.
        let carrier = job.map(|job| Carrier::new(self, now, job));
        self.announce(&events);
        carrier.map_or(Step::Told, Step::Carry)
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
        self.woken.notify_all();
    }

    /// Another process may hold it for as long as an exchange takes.
    pub(crate) fn lock_store(&self) -> Result<Box<dyn LockedStore>, StoreFailure> {
        let store = self.store.clone().ok_or(StoreFailure::Abandoned)?;
        let patience = self.exchange_timeout;
        let locked = aside(self.longest(), move || store.lock(patience));
        locked.unwrap_or(Err(StoreFailure::Abandoned))
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
        self.exchange_timeout.saturating_add(GRACE)
    }

    /// Until something happens, or it is time to poll, or what is under way has taken longer
    /// than it can: then whoever carries it is gone or stuck, and it is reported for them.
    fn wait(
        &self,
        mut machine: MutexGuard<'_, Machine>,
        now: Timestamp,
        until: Option<Timestamp>,
        watch: &mut Watch,
    ) {
        let until = until.map(|until| until.saturating_since(now));
        let Some(pending) = Pending::of(&machine) else {
            drop(self.sleep(machine, until.unwrap_or(GRACE)));
            return;
        };
        let left = self.longest().saturating_sub(watch.watched(pending));
        if !left.is_zero() {
            drop(self.sleep(machine, until.map_or(left, |until| until.min(left))));
            return;
        }
        self.give_up(pending, &mut machine, now);
    }

    fn sleep<'a>(
        &self,
        machine: MutexGuard<'a, Machine>,
        duration: Duration,
    ) -> MutexGuard<'a, Machine> {
        let woken = self.woken.wait_timeout(machine, duration);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }

    /// A panic under the lock leaves the machine in a state that it knows itself.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is next, after the machine has said all that it has to say.
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
enum Step<'a> {
    /// Something is to be done, by this thread.
    Carry(Carrier<'a>),
    /// Events have been told: things have changed.
    Told,
    /// Nothing has happened. Still under the same lock, so that no event is missed.
    Wait(MutexGuard<'a, Machine>, Option<Timestamp>),
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
