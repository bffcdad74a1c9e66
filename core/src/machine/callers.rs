//! The callers' side: permit, authorize, review.

use http::{HeaderMap, Request, StatusCode, Uri};

use super::round::{Demand, Round};
use super::state::State;
use super::{Clearance, Machine, Permit, Ticket, Verdict};
use crate::Timestamp;
use crate::error::Denied;
use crate::event::Event;
use crate::origin::{ForeignOrigin, Origin, OriginId};
use crate::session::insert_bearer;
use crate::token::{AccessToken, Generation};

impl Machine {
    /// Takes a permit: one for each target request.
    pub fn permit(&self) -> Permit {
        Permit {
            machine: self.id,
            after: None,
            round: None,
        }
    }

    /// Puts the current bearer token on a request to a target API, in place of any
    /// `Authorization` that it has, or says why not.
    ///
    /// The first call ever is what causes the login. One that comes when a refresh is due causes
    /// the refresh and is answered with the token that is still good.
    ///
    /// A permit of another machine keeps its count of sends and nothing else.
    pub fn authorize<B>(
        &mut self,
        now: Timestamp,
        permit: Permit,
        request: &mut Request<B>,
    ) -> Clearance {
        match self.allow(request.uri()) {
            Some(origin) => self.clear(now, permit, origin, |token| {
                insert_bearer(token, request.headers_mut());
            }),
            None => self.refuse(Origin::of(request.uri())),
        }
    }

    /// As [`authorize`](Self::authorize), for requests that are no `http::Request`: `origin` is
    /// where this one goes, `None` if that can't be told.
    pub fn authorize_headers(
        &mut self,
        now: Timestamp,
        permit: Permit,
        origin: Option<Origin<'_>>,
        headers: &mut HeaderMap,
    ) -> Clearance {
        match origin.and_then(|origin| self.allow_origin(&origin)) {
            Some(origin) => self.clear(now, permit, origin, |token| {
                insert_bearer(token, headers);
            }),
            None => self.refuse(origin),
        }
    }

    /// The origin of `uri`, if the token may go there (I8).
    fn allow(&mut self, uri: &Uri) -> Option<OriginId> {
        let known = self.allowed.of_uri(uri);
        known.or_else(|| self.allow_origin(&Origin::of(uri)?))
    }

    fn allow_origin(&mut self, origin: &Origin<'_>) -> Option<OriginId> {
        let is_allowed = self.state.provider()?.allows_origin(origin);
        is_allowed.then(|| self.allowed.add(origin))
    }

    fn refuse(&self, origin: Option<Origin<'_>>) -> Clearance {
        match self.state.provider() {
            Some(_) => Clearance::Foreign(ForeignOrigin::new(origin)),
            None => Clearance::Denied(Denied::Interrupted),
        }
    }

    /// As [`authorize`](Self::authorize), without a request: for a program that wants to know at its
    /// start whether its password is good. Drop the ticket.
    pub fn log_in(&mut self, now: Timestamp, permit: Permit) -> Clearance {
        self.clear(now, permit, OriginId::NONE, |_| {})
    }

    fn clear(
        &mut self,
        now: Timestamp,
        permit: Permit,
        origin: OriginId,
        hand_out: impl FnOnce(&AccessToken),
    ) -> Clearance {
        let permit = self.adopt(permit);
        let is_new_enough = permit.after.is_none_or(|after| after < self.generation);
        match self.state.token() {
            Some(token) if is_new_enough && token.is_usable(now) && !self.holds_token() => {
                hand_out(token);
                let ticket = Ticket {
                    machine: self.id,
                    generation: self.generation,
                    origin,
                    is_retry: permit.after.is_some(),
                };
                self.refresh_if_due(now);
                Clearance::Go(ticket)
            }
            _ => self.wait(now, permit),
        }
    }

    /// What the status of the answer means for the request that the ticket was for.
    ///
    /// Only 401 means anything (RFC 6750, section 3.1; a 403 is about permissions, and a refresh does not
    /// help). A 401 for a token that has been replaced is worth another try with the current one
    /// and starts nothing (I5). A 401 for the current token ends that token and
    /// starts one refresh, unless this target's 401s have proved to be no use (I15).
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a ticket is good for one review"
    )]
    pub fn review(&mut self, now: Timestamp, ticket: Ticket, status: StatusCode) -> Verdict {
        // No token has the first generation itself: see where it is set.
        if ticket.machine != self.id || ticket.generation < self.first_generation {
            return Verdict::Deliver;
        }
        if status != StatusCode::UNAUTHORIZED {
            self.targets.reset(ticket.origin);
            return Verdict::Deliver;
        }
        let round = if ticket.generation == self.generation {
            match self.condemn(now, &ticket) {
                Some(round) => Some(round),
                None => return Verdict::Deliver,
            }
        } else {
            None // any newer token will do, and there is one
        };
        if ticket.is_retry {
            return Verdict::Deliver;
        }
        Verdict::Retry(Permit {
            machine: self.id,
            after: Some(ticket.generation),
            round,
        })
    }

    /// The current token got a 401. Gives the round whose end tells whether there is a cure; `None`
    /// if there is none.
    fn condemn(&mut self, now: Timestamp, ticket: &Ticket) -> Option<u64> {
        let (origin, generation) = (ticket.origin, self.generation);
        if self
            .targets
            .is_guarded(now, &self.config, origin, generation)
        {
            return None;
        }
        let is_over = matches!(self.state, State::Rejected(_));
        if self.state.has_usable_token(now) {
            let is_blocked = !is_over
                && !self.round.is_open()
                && self.earliest_round(now, Demand::Urgent).is_some();
            if is_blocked {
                // Nothing can be started, so the token is left to those who can use it.
                return Some(Round::FAILED);
            }
            // One that joins a refresh under way starts none, so it proves nothing about the next token.
            if !self.round.is_open()
                && let Err(until) = self.targets.admit(now, &self.config, origin, generation)
            {
                self.tell(Event::TargetGuarded { until });
                return None;
            }
            if !is_over {
                self.tell_held(); // that there is this token
            }
            self.tell(Event::Unauthorized { generation });
        }
        // One that has expired, too: the next thread's clock may be a little behind.
        if let Some(token) = self.state.token_mut() {
            token.condemn();
        }
        if is_over {
            return Some(self.round.number());
        }
        self.leave_authenticated(now);
        let round = self.join_round(now, Demand::Urgent);
        Some(round.unwrap_or(Round::FAILED))
    }

    /// Demand, while the token is still good: nobody waits, and nobody is told if it can't be.
    fn refresh_if_due(&mut self, now: Timestamp) {
        let is_due = match &self.state {
            State::Authenticated(session) => {
                self.refresh_due.passed(now) && session.has_refresh_token()
            }
            state => state.is_due() && !self.round.is_open(),
        };
        if is_due && self.join_round(now, Demand::Early).is_ok() {
            self.leave_authenticated(now);
        }
    }

    /// There is no usable token for this caller. May it wait for one?
    fn wait(&mut self, now: Timestamp, mut permit: Permit) -> Clearance {
        if self.holds_answer() {
            return Clearance::Wait(permit);
        }
        self.revive_in_time(now);
        let denied = match &self.state {
            State::Rejected(rejected) => Some(Denied::Rejected {
                username: rejected.username().to_owned(),
                auth_host: rejected.auth_host().to_owned(),
                remembered: self.store.as_ref().and_then(|store| store.remembered),
            }),
            State::Interrupted => Some(Denied::Interrupted),
            _ => None,
        };
        if let Some(denied) = denied {
            return Clearance::Denied(denied);
        }
        if permit
            .round
            .is_some_and(|round| self.round.has_failed(round))
        {
            let until = self.earliest_round(now, Demand::Urgent).unwrap_or(now);
            return Clearance::Denied(self.unavailable(until));
        }
        self.leave_authenticated(now);
        match self.join_round(now, Demand::Urgent) {
            Ok(round) => {
                permit.round = Some(round);
                Clearance::Wait(permit)
            }
            Err(until) => Clearance::Denied(self.unavailable(until)),
        }
    }

    /// Another machine's permit says nothing about this one's generations and rounds. A retry stays
    /// a retry (I7): any token will do for it.
    fn adopt(&self, permit: Permit) -> Permit {
        if permit.machine == self.id {
            return permit;
        }
        Permit {
            machine: self.id,
            after: permit.after.map(|_| Generation::default()),
            round: None,
        }
    }
}
