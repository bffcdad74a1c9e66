//! The callers' side: authorize and review.

use http::StatusCode;

use super::round::{Demand, Round};
use super::state::State;
use super::{Authorization, Machine, Pending, Review, Sent};
use crate::error::Denied;
use crate::event::Event;
use crate::login_answers::Refused;
use crate::origin::{ForeignOrigin, Origin, OriginId, ResourceId};
use crate::targets::Unauthorized;
use crate::token::{AccessToken, Generation};
use crate::wire::GrantType;
use crate::{TargetRequest, Timestamp};

impl Machine {
    /// Puts the current bearer token on a request to a target API, in place of any `Authorization` that it has, or
    /// says why not.
    ///
    /// The first call ever is what causes the login. One that comes when a refresh is due causes
    /// the refresh and is answered with the token that is still good.
    ///
    /// A [`Pending`] of another machine keeps its count of sends and nothing else.
    pub fn authorize(
        &mut self,
        now: Timestamp,
        pending: Pending,
        request: &mut impl TargetRequest,
    ) -> Authorization {
        match self.allow(request) {
            Ok(origin) => {
                let resource = self.resource(now, origin, request);
                self.clear(now, pending, (origin, resource), |token| {
                    request.set_authorization(token.header());
                })
            }
            Err(authorization) => authorization,
        }
    }

    /// The origin, if the token may go there (I8).
    fn allow(&mut self, request: &impl TargetRequest) -> Result<OriginId, Authorization> {
        if let Some((scheme, authority)) = request.location()
            && let Some(known) = self.allowed.find(scheme, authority)
        {
            return Ok(known);
        }
        let Some(provider) = self.state.provider() else {
            return Err(Authorization::Denied(Denied::Interrupted));
        };
        let origin = Origin::of_request(request);
        match origin.filter(|origin| provider.allows_origin(origin)) {
            Some(origin) => Ok(self.allowed.add(&origin)),
            None => Err(Authorization::Foreign(ForeignOrigin::new(
                provider, request,
            ))),
        }
    }

    /// Logs in, without a request: for a program that wants to know at its start whether its password is good. Answers
    /// as [`authorize`](Self::authorize) does; drop what [`Ready`](Authorization::Ready) gives.
    pub fn log_in(&mut self, now: Timestamp, pending: Pending) -> Authorization {
        let nowhere = (OriginId::NONE, ResourceId::NONE);
        self.clear(now, pending, nowhere, |_| {})
    }

    /// What it is a request for, if that is to be known: see [`TargetGuards`](crate::targets::TargetGuards).
    fn resource(
        &mut self,
        now: Timestamp,
        origin: OriginId,
        request: &impl TargetRequest,
    ) -> ResourceId {
        if self.targets.stop_gathering(now, &self.config) {
            self.recall_cached();
        }
        if self.targets.gathers(&self.config, origin) {
            origin.resource(request)
        } else {
            ResourceId::NONE
        }
    }

    fn clear(
        &mut self,
        now: Timestamp,
        pending: Pending,
        (origin, resource): (OriginId, ResourceId),
        hand_out: impl FnOnce(&AccessToken),
    ) -> Authorization {
        let pending = self.adopt(pending);
        let is_new_enough = pending.after.is_none_or(|after| after < self.generation);
        match self.state.token() {
            Some(token) if is_new_enough && token.is_usable(now) && !self.holds_token() => {
                hand_out(token);
                let sent = Sent {
                    machine: self.id,
                    generation: self.generation,
                    origin,
                    resource,
                    is_retry: pending.after.is_some(),
                };
                self.refresh_if_due(now);
                Authorization::Ready(sent)
            }
            _ => self.wait(now, pending),
        }
    }

    /// Says what the status of an answer means for the request that was [`Sent`].
    ///
    /// Only 401 means anything (RFC 6750, section 3.1; a 403 is about permissions, and a refresh does not help). A
    /// 401 for a token that has been replaced is worth another try with the current one and starts nothing (I5). A
    /// 401 for the current token ends that token and starts one refresh, unless refreshes have not cured this
    /// target's 401s lately (I15).
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what was sent is reviewed once"
    )]
    pub fn review(&mut self, now: Timestamp, sent: Sent, status: StatusCode) -> Review {
        if !self.is_of_session(&sent) {
            return Review::Deliver;
        }
        if status != StatusCode::UNAUTHORIZED {
            self.accept(&sent);
            return Review::Deliver;
        }
        let round = if sent.generation == self.generation {
            match self.condemn(now, &sent) {
                Some(round) => Some(round),
                None => return Review::Deliver,
            }
        } else {
            None // any newer token will do, and there is one
        };
        if sent.is_retry {
            return Review::Deliver;
        }
        Review::Retry(Pending {
            machine: self.id,
            after: Some(sent.generation),
            round,
        })
    }

    /// Notes that a target has accepted the token of something that goes on, such as a connection. It is the
    /// [`review`](Self::review) of an answer other than 401; a 401 that comes later counts as the first.
    pub fn accepted(&mut self, sent: Sent) -> Sent {
        if self.is_of_session(&sent) {
            self.accept(&sent);
        }
        sent.anew()
    }

    /// No token has the first generation itself: see where it is set.
    fn is_of_session(&self, sent: &Sent) -> bool {
        sent.machine == self.id && sent.generation >= self.first_generation
    }

    fn accept(&mut self, sent: &Sent) {
        let had_strikes = self.targets.reset(sent.origin);
        if sent.generation == self.generation {
            let (origin, resource) = (sent.origin, sent.resource);
            (self.targets).note_evidence(&self.config, origin, resource, sent.generation);
        }
        if had_strikes {
            self.note_unsaved();
        }
        self.recall_cached();
    }

    /// Returns until when the origin of this request gets no newer token than the current one, if it has refused that.
    pub fn refused_until(
        &mut self,
        now: Timestamp,
        request: &impl TargetRequest,
    ) -> Option<Timestamp> {
        let origin = Origin::of_request(request)?.id();
        (self.targets).refused_until(now, &self.config, origin, self.generation)
    }

    /// The current token got a 401. Gives the round whose end tells whether there is a cure; `None`
    /// if there is none.
    fn condemn(&mut self, now: Timestamp, sent: &Sent) -> Option<u64> {
        let (generation, token) = (self.generation, self.state.token());
        let unauthorized = Unauthorized {
            origin: sent.origin,
            resource: sent.resource,
            generation,
            received_at: token.map(AccessToken::received_at).unwrap_or_default(),
            is_usable: token.is_some_and(|token| token.is_usable(now)),
        };
        if (self.targets).is_guarded(now, &self.config, &unauthorized) {
            self.recall_cached();
            return None;
        }
        let is_over = matches!(self.state, State::Rejected(_));
        if unauthorized.is_usable {
            let is_blocked = !is_over
                && !self.round.is_open()
                && self.earliest_round(now, Demand::Urgent).is_some();
            if is_blocked {
                // Nothing can be started, so the token is left to those who can use it.
                return Some(Round::FAILED);
            }
            // One that joins a refresh under way starts none, nor does one of a session that is over: they prove
            // nothing about the next token.
            if !(self.round.is_open() || is_over)
                && let Err(until) = self.targets.admit(now, &self.config, &unauthorized)
            {
                self.note_unsaved();
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
            State::Authenticated(session, _) => {
                self.refresh_due.passed(now) && session.has_refresh_token()
            }
            state => state.is_due() && !self.round.is_open(),
        };
        if is_due && self.join_round(now, Demand::Early).is_ok() {
            self.leave_authenticated(now);
        }
    }

    /// There is no usable token for this caller. May it wait for one?
    fn wait(&mut self, now: Timestamp, mut pending: Pending) -> Authorization {
        if self.holds_answer() {
            return Authorization::Wait(pending);
        }
        let refused = self.revive_in_time(now);
        let is_over = matches!(self.state, State::Rejected(_));
        if is_over && (self.looks(now) || self.asks_other_credentials(now)) {
            pending.round = None;
            return Authorization::Wait(pending);
        }
        let denied = match (&self.state, refused) {
            (State::Rejected(rejected), Some(Refused { until, .. })) => Some(Denied::Rejected {
                username: rejected.username().to_owned(),
                endpoint: rejected.context().provider.endpoint(GrantType::Password),
                remembered: self.store.as_ref().and_then(|store| store.remembered),
                saved_in: self.store_place(),
                until,
            }),
            (State::Interrupted, _) => Some(Denied::Interrupted),
            _ => None,
        };
        if let Some(denied) = denied {
            return Authorization::Denied(denied);
        }
        if pending
            .round
            .is_some_and(|round| self.round.has_failed(round))
        {
            let until = self.earliest_round(now, Demand::Urgent).unwrap_or(now);
            return Authorization::Denied(self.unavailable(now, until));
        }
        self.leave_authenticated(now);
        match self.join_round(now, Demand::Urgent) {
            Ok(round) => {
                pending.round = Some(round);
                Authorization::Wait(pending)
            }
            Err(until) => Authorization::Denied(self.unavailable(now, until)),
        }
    }

    /// Another machine's [`Pending`] says nothing about this one's generations and rounds. A retry stays
    /// a retry (I7): any token will do for it.
    fn adopt(&self, pending: Pending) -> Pending {
        if pending.machine == self.id {
            return pending;
        }
        Pending {
            machine: self.id,
            after: pending.after.map(|_| Generation::default()),
            round: None,
        }
    }
}
