//! What the machine wants done.

use http::Request;

use super::job::{JobId, JobKind};
use super::round::Demand;
use super::state::{Phase, State};
use super::{Machine, StoreOp};
use crate::event::{Event, Purpose};
use crate::{RequestBody, Timestamp};

/// A thing that [`Machine::poll`] wants done. It is owned: nothing is borrowed from the machine.
#[derive(Debug)]
#[must_use]
pub enum Output {
    /// Send this request to the auth endpoint, with no lock held, and report its end.
    Transmit(Transmit),
    /// Something has happened: log it, and wake whoever waits.
    Event(Event),
    /// Do this with the session's store. Comes only from a machine [with a store](Machine::with_store).
    Store(StoreOp),
    /// Ask for the credentials, with no lock held, and report them as
    /// [`JobEnd::Credentials`](crate::JobEnd::Credentials) or
    /// [`JobEnd::NoCredentials`](crate::JobEnd::NoCredentials). Comes only from a machine [with a
    /// source](Machine::with_credentials_source).
    Credentials(JobId),
    /// Do nothing until this time, which is always later than the given `now` (I11), or until the next call of
    /// another method. `None`: until the next call.
    Wait(Option<Timestamp>),
}

/// A request to the auth endpoint.
///
/// Report its end exactly once, with [`Machine::handle_response`] or [`Machine::handle_failure`], or as any
/// [`JobEnd`](crate::JobEnd);
/// until then no other exchange starts (I4). Don't follow redirects, and give up after some
/// time: half a minute is ample.
///
/// An exchange whose body breaks off, or takes too long, is answered: report the status, the headers and what was
/// read. The status alone makes a refusal, and tokens in a whole JSON object must not be lost.
#[derive(Debug)]
#[must_use = "send the request and report how it ended, or nobody gets a token any more"]
#[expect(clippy::exhaustive_structs, reason = "a driver takes it apart")]
pub struct Transmit {
    /// The name of the exchange, to report its end with.
    pub exchange: JobId,
    /// The request to send.
    pub request: Request<RequestBody>,
}

impl Machine {
    /// Returns what is to be done now. Call it again until it says [`Output::Wait`].
    pub fn poll(&mut self, now: Timestamp) -> Output {
        if let Some(event) = self.events.pop_front() {
            return Output::Event(event);
        }
        if let Some(output) = self.poll_store(now) {
            return output;
        }
        let others = self.poll_source().or_else(|| self.poll_revocation());
        if let Some(output) = others {
            return output;
        }
        if self.refreshes_itself(now) && self.join_round(now, Demand::Early).is_ok() {
            self.leave_authenticated(now);
        }
        if self.round.is_open() && self.state.is_due() {
            return match self.until_attempt(now) {
                rest if self.is_out_of_patience(rest) => {
                    self.fail_round(now);
                    self.poll(now)
                }
                Some(rest) => Output::Wait(Some(rest.end)),
                None if self.store.is_some() => {
                    self.visit_store();
                    self.poll(now)
                }
                None if self.state.sends_password() && self.asks_credentials() => self.poll(now),
                None => {
                    if self.state.sends_password() {
                        self.logins.count();
                    }
                    self.begin(now)
                }
            };
        }
        let times = [self.keep_alive_at(now), self.save_at(now)];
        Output::Wait(times.into_iter().flatten().min())
    }

    /// Starts the exchange that is due, if one is. A password has been counted before.
    pub(super) fn begin(&mut self, now: Timestamp) -> Output {
        let exchange = JobId {
            machine: self.id,
            number: self.exchanges + 1,
            kind: JobKind::Exchange,
        };
        let begun = self.state.replace(|state| match state {
            State::Unauthenticated(Phase::Due(session)) => {
                let (request, in_flight) = session.begin(now);
                let state = State::Unauthenticated(Phase::InFlight(exchange, in_flight));
                (state, Some((Purpose::Login, request)))
            }
            State::Refreshing(Phase::Due(session)) => {
                let (request, in_flight) = session.begin(now);
                let state = State::Refreshing(Phase::InFlight(exchange, in_flight));
                (state, Some((Purpose::Refresh, request)))
            }
            State::ReLogin(Phase::Due(session)) => {
                let (request, in_flight) = session.begin(now);
                let state = State::ReLogin(Phase::InFlight(exchange, in_flight));
                (state, Some((Purpose::ReLogin, request)))
            }
            other => (other, None),
        });
        let Some((purpose, request)) = begun else {
            return Output::Wait(None);
        };
        self.exchanges += 1;
        if purpose != Purpose::Refresh {
            self.logins.note(now);
        }
        let attempt = self.round.attempt();
        self.tell(Event::ExchangeStarted { purpose, attempt });
        Output::Transmit(Transmit { exchange, request })
    }

    /// Returns whether [`poll`](Self::poll) would return anything but [`Output::Wait`], so that a driver can decide
    /// whether to start a thread. It changes nothing that a poll would not.
    ///
    /// When the time of an [`Output::Wait`] has come, call `poll`, which may name a later one.
    pub fn wants(&mut self, now: Timestamp) -> bool {
        if !self.events.is_empty() {
            return true;
        }
        let wants = self.store_wants(now).or_else(|| self.source_wants());
        let wants = wants.or_else(|| self.revocation_wants());
        if let Some(wants) = wants {
            return wants;
        }
        if self.round.is_open() {
            if !self.state.is_due() {
                return false;
            }
            let rest = self.until_attempt(now);
            return rest.is_none() || self.is_out_of_patience(rest);
        }
        let is_due = self.refreshes_itself(now) && !self.is_closed;
        // A round of keeping alive can open and then wait for its login.
        is_due
            && self.earliest_round(now, Demand::Early).is_none()
            && self.until_attempt(now).is_none()
    }

    /// Begins no exchange from now on, since nobody will ask any more. What is in flight still has to end and to be
    /// saved, so poll until there is nothing to do.
    pub fn close(&mut self) {
        self.is_closed = true;
        self.round.close();
        self.close_store();
        self.forget_asked();
    }

    /// Demand without a caller. In flight there is nothing due; if it were taken for due, the open round
    /// would be joined, which changes nothing.
    fn refreshes_itself(&self, now: Timestamp) -> bool {
        self.config.keep_alive
            && match &self.state {
                State::Authenticated(session, _) => {
                    session.has_refresh_token() && self.refresh_due.passed(now)
                }
                State::Refreshing(_) | State::ReLogin(_) => self.state.is_due(),
                _ => false,
            }
    }

    /// When keeping alive has something to do, if nobody asks before. What is due by now has been done,
    /// so the filter at the end is idle; it makes I11 plain. In flight there is nothing to wait for but its
    /// end; a time would only wake the driver for nothing.
    fn keep_alive_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        let at = match &self.state {
            _ if !self.config.keep_alive || self.is_closed => None,
            State::Authenticated(session, _) if session.has_refresh_token() => {
                self.refresh_due.moment()
            }
            State::Refreshing(_) | State::ReLogin(_) if self.state.is_due() => {
                self.earliest_round(now, Demand::Early)
            }
            _ => None,
        };
        at.filter(|&at| at > now)
    }
}
