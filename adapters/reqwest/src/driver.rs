//! The machine behind a lock, and the tasks that carry its exchanges. All decisions are the
//! machine's (DESIGN 9).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;
use std::{fmt, mem};

use http::{HeaderMap, Response, StatusCode};
use simacan_auth::{
    Clearance, Credentials, Event, ExchangeId, Machine, Origin, Output, Permit, RequestBody,
    ResponseBody, Status, Ticket, Timestamp, Transmit, TransportFailure, Verdict,
};
use tokio::time::Instant;

use crate::Error;
use crate::exchange::Exchange;
use crate::runtime::{Mutex, MutexGuard, Notify, spawn, wait};
use crate::trace;

pub(crate) struct Driver {
    /// Held for nanoseconds, never across an await.
    machine: Mutex<Machine>,
    /// Whoever has drained an event wakes everyone. Apart, so that it can be awaited without
    /// keeping the rest alive.
    woken: Arc<Notify>,
    exchange: Exchange,
    exchange_timeout: Duration,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    on_event: Box<dyn Fn(&Event) + Send + Sync>,
}

impl Driver {
    pub(crate) fn new(
        machine: Machine,
        exchange: Exchange,
        exchange_timeout: Duration,
        clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
        on_event: Box<dyn Fn(&Event) + Send + Sync>,
    ) -> Arc<Self> {
        Arc::new(Self {
            machine: Mutex::new(machine),
            woken: Arc::default(),
            exchange,
            exchange_timeout,
            clock,
            on_event,
        })
    }

    pub(crate) fn permit(&self) -> Permit {
        self.lock().permit()
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().status()
    }

    pub(crate) fn set_credentials(&self, credentials: Credentials) {
        let now = (self.clock)();
        self.lock().handle_credentials(now, credentials);
        // Those who wait see to the rest; this may not be a task.
        self.woken.notify_waiters();
    }

    pub(crate) fn review(&self, ticket: Ticket, status: StatusCode) -> Verdict {
        let now = (self.clock)();
        self.lock().review(now, ticket, status)
    }

    /// Waits until the bearer token is among the headers, or until it is certain that there is none.
    pub(crate) async fn authorize(
        self: &Arc<Self>,
        permit: Permit,
        origin: Option<Origin<'_>>,
        headers: &mut HeaderMap,
    ) -> Result<Ticket, Error> {
        self.ask(permit, |machine, now, permit| {
            machine.authorize_headers(now, permit, origin, headers)
        })
        .await
    }

    pub(crate) async fn log_in(self: &Arc<Self>) -> Result<Status, Error> {
        let permit = self.permit();
        let ticket = self.ask(permit, Machine::log_in).await?;
        drop(ticket);
        Ok(self.status())
    }

    async fn ask(
        self: &Arc<Self>,
        mut permit: Permit,
        mut question: impl FnMut(&mut Machine, Timestamp, Permit) -> Clearance,
    ) -> Result<Ticket, Error> {
        let mut watch = Watch::default();
        loop {
            // Before the machine is asked, so that nothing is missed in between.
            let woken = self.woken.notified();
            match self.ask_now(permit, &mut question, &mut watch)? {
                Attempt::Go(ticket) => return Ok(ticket),
                Attempt::Wait(given_back, duration) => {
                    permit = given_back;
                    wait(duration, woken).await;
                }
            }
        }
    }

    fn ask_now(
        self: &Arc<Self>,
        permit: Permit,
        question: impl FnOnce(&mut Machine, Timestamp, Permit) -> Clearance,
        watch: &mut Watch,
    ) -> Result<Attempt, Error> {
        let now = (self.clock)();
        let mut machine = self.lock();
        let clearance = question(&mut machine, now, permit);
        let limit = match &clearance {
            Clearance::Wait(_) => self.watch(&mut machine, now, watch),
            _ => Duration::ZERO,
        };
        // Whatever is said to this caller, what is due is done.
        let until = self.step(machine, now);
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
                let now = (driver.clock)();
                let until = driver.step(driver.lock(), now);
                drop(driver);
                wait(until.map_or(LONGEST, |until| until.min(LONGEST)), woken).await;
            }
        }
    }

    /// Drains the machine's outputs: events are told, an exchange gets a task of its own. Gives the
    /// time to wait before the machine is to be polled again.
    fn step(
        self: &Arc<Self>,
        mut machine: MutexGuard<'_, Machine>,
        now: Timestamp,
    ) -> Option<Duration> {
        let mut events = Vec::new();
        let mut transmit = None;
        let until = loop {
            match machine.poll(now) {
                Output::Event(event) => events.push(event),
                Output::Transmit(one) => transmit = Some(one), // one is in flight at most (I4)
                Output::Wait(until) => break until,
            }
        };
        drop(machine);
        // With no lock held: a runtime that shuts down drops the task at once, and that reports it.
        if let Some(transmit) = transmit {
            spawn(Carrier::new(self.clone(), now, transmit).carry());
        }
        if !events.is_empty() {
            self.woken.notify_waiters();
        }
        for event in &events {
            trace::event(event);
            (self.on_event)(event);
        }
        until.map(|until| until.saturating_since(now))
    }

    /// How much longer the exchange in flight can take. Over that, whoever carries it is gone or is not
    /// polled any more, and it is reported for them.
    fn watch(&self, machine: &mut Machine, now: Timestamp, watch: &mut Watch) -> Duration {
        /// What a carrier may need beyond the time-out of its exchange.
        const GRACE: Duration = Duration::from_secs(5);
        let limit = self.exchange_timeout.saturating_add(GRACE);
        let Some(exchange) = machine.in_flight() else {
            return limit;
        };
        let left = limit.saturating_sub(watch.watched(exchange));
        if left.is_zero() {
            machine.handle_failure(now, exchange, TransportFailure::timed_out());
        }
        left
    }

    /// A panic under the lock leaves the machine in a state that it knows itself.
    fn lock(&self) -> MutexGuard<'_, Machine> {
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

/// An exchange to be made. Its end is reported when this is dropped, which happens in a panic and when a
/// runtime is shut down, too.
struct Carrier {
    driver: Arc<Driver>,
    began: Timestamp,
    exchange: ExchangeId,
    request: Option<http::Request<RequestBody>>,
    result: Result<Response<ResponseBody>, TransportFailure>,
}

impl Carrier {
    fn new(driver: Arc<Driver>, began: Timestamp, transmit: Transmit) -> Self {
        Self {
            driver,
            began,
            exchange: transmit.exchange,
            request: Some(transmit.request),
            result: Err(TransportFailure::abandoned()),
        }
    }

    /// A task of its own: no caller's end is its end.
    async fn carry(mut self) {
        let driver = self.driver.clone();
        if let Some(request) = self.request.take() {
            self.result = (driver.exchange)(request).await;
        }
        drop(self);
        // What comes next (the password after a refused refresh) is not left to a caller who may
        // be gone.
        let now = (driver.clock)();
        driver.step(driver.lock(), now);
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let result = mem::replace(&mut self.result, Err(TransportFailure::abandoned()));
        // Whatever the user's clock does, and it may be the panic that this is about.
        let clock = AssertUnwindSafe(|| (self.driver.clock)());
        let now = catch_unwind(clock).unwrap_or(self.began);
        let mut machine = self.driver.lock();
        match result {
            Ok(response) => machine.handle_response(now, self.exchange, response),
            Err(failure) => machine.handle_failure(now, self.exchange, failure),
        }
        drop(machine);
        self.driver.woken.notify_waiters();
    }
}

/// How long a waiter has seen the same exchange in flight, by a clock that does not jump.
#[derive(Default)]
struct Watch(Option<(ExchangeId, Instant)>);

impl Watch {
    fn watched(&mut self, exchange: ExchangeId) -> Duration {
        match self.0 {
            Some((watched, since)) if watched == exchange => since.elapsed(),
            _ => {
                self.0 = Some((exchange, Instant::now()));
                Duration::ZERO
            }
        }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
