//! The machine behind a lock, and the threads that carry its exchanges. All decisions are the
//! machine's (DESIGN 9).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};
use std::{fmt, mem};

use http::{HeaderMap, Request, Response, StatusCode};
use simacan_auth::{
    Clearance, Credentials, Event, ExchangeId, Machine, Origin, Output, Permit, RequestBody,
    ResponseBody, Status, Ticket, Timestamp, Transmit, TransportFailure, Verdict,
};

use crate::Error;
use crate::exchange::Exchange;
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::trace;

pub(crate) struct Driver {
    machine: Mutex<Machine>,
    /// Whoever has drained an event wakes everyone.
    woken: Condvar,
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
            woken: Condvar::new(),
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
        let mut machine = self.lock();
        machine.handle_credentials(now, credentials);
        match self.step(machine, now) {
            // A login that others wait for already.
            Step::Carry(carrier) => carrier.carry(),
            Step::Told | Step::Wait(..) => {}
        }
    }

    pub(crate) fn review(&self, ticket: Ticket, status: StatusCode) -> Verdict {
        let now = (self.clock)();
        self.lock().review(now, ticket, status)
    }

    /// Waits until the bearer token is among the headers, or until it is certain that there is none.
    pub(crate) fn authorize(
        &self,
        permit: Permit,
        origin: Option<Origin<'_>>,
        headers: &mut HeaderMap,
    ) -> Result<Ticket, Error> {
        self.ask(permit, |machine, now, permit| {
            machine.authorize_headers(now, permit, origin, headers)
        })
    }

    pub(crate) fn log_in(&self) -> Result<Status, Error> {
        let permit = self.permit();
        let ticket = self.ask(permit, Machine::log_in)?;
        drop(ticket);
        Ok(self.status())
    }

    fn ask(
        &self,
        mut permit: Permit,
        mut question: impl FnMut(&mut Machine, Timestamp, Permit) -> Clearance,
    ) -> Result<Ticket, Error> {
        let mut watch = Watch::default();
        loop {
            let now = (self.clock)();
            let mut machine = self.lock();
            let clearance = question(&mut machine, now, permit);
            // Whatever is said to this caller, what is due is done: an early refresh that no other
            // waits for, or something that others do wait for.
            let idle = match self.step(machine, now) {
                Step::Carry(carrier) => {
                    carrier.carry();
                    None
                }
                Step::Told => None,
                Step::Wait(machine, until) => Some((machine, until)),
            };
            permit = match clearance {
                Clearance::Go(ticket) => return Ok(ticket),
                Clearance::Wait(permit) => permit,
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
                let now = (driver.clock)();
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

    /// Drains the machine's outputs.
    fn step<'a>(&'a self, mut machine: MutexGuard<'a, Machine>, now: Timestamp) -> Step<'a> {
        let mut events = Vec::new();
        let mut transmit = None;
        let until = loop {
            match machine.poll(now) {
                Output::Event(event) => events.push(event),
                Output::Transmit(one) => transmit = Some(one), // one is in flight at most (I4)
                Output::Wait(until) => break until,
            }
        };
        if transmit.is_none() && events.is_empty() {
            return Step::Wait(machine, until);
        }
        drop(machine);
        // Before anything that can panic, such as the user's callback: an exchange is reported.
        let carrier = transmit.map(|transmit| Carrier::new(self, now, transmit));
        self.announce(&events);
        carrier.map_or(Step::Told, Step::Carry)
    }

    fn announce(&self, events: &[Event]) {
        self.woken.notify_all();
        for event in events {
            trace::event(event);
            (self.on_event)(event);
        }
    }

    /// Until something happens, or it is time to poll, or the exchange in flight has taken longer
    /// than any can: then whoever carries it is gone or stuck, and it is reported for them.
    fn wait(
        &self,
        mut machine: MutexGuard<'_, Machine>,
        now: Timestamp,
        until: Option<Timestamp>,
        watch: &mut Watch,
    ) {
        /// What a carrier may need beyond the time-out of its exchange.
        const GRACE: Duration = Duration::from_secs(5);
        let until = until.map(|until| until.saturating_since(now));
        let Some(exchange) = machine.in_flight() else {
            drop(self.sleep(machine, until.unwrap_or(GRACE)));
            return;
        };
        let limit = self.exchange_timeout.saturating_add(GRACE);
        let left = limit.saturating_sub(watch.watched(exchange));
        if !left.is_zero() {
            drop(self.sleep(machine, until.map_or(left, |until| until.min(left))));
            return;
        }
        machine.handle_failure(now, exchange, TransportFailure::timed_out());
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
    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is next, after the machine has said all that it has to say.
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
enum Step<'a> {
    /// An exchange is to be made, by this thread.
    Carry(Carrier<'a>),
    /// Events have been told: things have changed.
    Told,
    /// Nothing has happened. Still under the same lock, so that no event is missed.
    Wait(MutexGuard<'a, Machine>, Option<Timestamp>),
}

/// An exchange to be made. Its end is reported when this is dropped, which happens in a panic, too.
struct Carrier<'a> {
    driver: &'a Driver,
    began: Timestamp,
    exchange: ExchangeId,
    request: Option<Request<RequestBody>>,
    result: Result<Response<ResponseBody>, TransportFailure>,
}

impl<'a> Carrier<'a> {
    fn new(driver: &'a Driver, began: Timestamp, transmit: Transmit) -> Self {
        Self {
            driver,
            began,
            exchange: transmit.exchange,
            request: Some(transmit.request),
            result: Err(TransportFailure::abandoned()),
        }
    }

    /// In this thread and with no lock held.
    fn carry(mut self) {
        if let Some(request) = self.request.take() {
            self.result = (self.driver.exchange)(request);
        }
    }
}

impl Drop for Carrier<'_> {
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
        self.driver.woken.notify_all();
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
