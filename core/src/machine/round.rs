//! A round: the attempts that one demand causes, and the cool-down if they fail. See `manual::time`.

use std::mem;
use std::time::Duration;

use super::Machine;
use super::state::State;
use crate::Timestamp;
use crate::error::{Denied, Failure};
use crate::event::Event;
#[cfg(any(model, fuzzing))]
use crate::fork::{Hash, Hasher};
use crate::outage::Outage;
use crate::pacing;
use crate::session::{Cause, Refresh};
use crate::time::{Delay, Rest};
use crate::wire::GrantType;

#[derive(Clone, Debug, Default)]
pub(super) struct Round {
    /// Counts the rounds from 1, so that a caller can wait for one of them.
    number: u64,
    open: bool,
    /// Its refresh was merely due: no caller needs it.
    early: bool,
    /// The failed attempts of this round, and how the last one failed.
    failures: u32,
    failure: Option<Failure>,
    /// The last round that has failed; 0: none.
    failed: u64,
    /// How many have failed in a row.
    failed_in_a_row: u32,
    /// The backoff in an open round, the cool-down after a failed one.
    delay: Option<Delay>,
    /// The store's lock was lost in it.
    has_lost_lock: bool,
}

impl Round {
    /// The number of a round that has failed whenever it is asked about.
    pub(super) const FAILED: u64 = 0;

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The number of the attempt that comes next, from 1.
    pub(super) fn attempt(&self) -> u32 {
        self.failures + 1
    }

    /// Whether `round`, or a later one, has failed.
    pub(super) fn has_failed(&self, round: u64) -> bool {
        self.failed >= round
    }

    /// How the last attempt failed, if none has brought tokens since.
    pub(super) fn failure_since_tokens(&self) -> Option<&Failure> {
        let is_bad = self.open || self.failed_in_a_row > 0;
        self.failure.as_ref().filter(|_| is_bad)
    }

    /// What is left of the cool-down. That of an early refresh does not hold up those who
    /// need a token.
    fn cooling(&mut self, now: Timestamp, demand: Demand) -> Option<Rest> {
        let is_ended = self.early && demand == Demand::Urgent;
        let delay = self.delay.as_mut().filter(|_| !self.open)?;
        let rest = delay.rest(now)?;
        if !is_ended {
            return Some(rest);
        }
        // What the server has asked for is kept all the same.
        let asked = self.failure.as_ref()?.retry_after()?;
        Delay::new(delay.started(), asked).rest(now)
    }

    /// There are tokens.
    pub(super) fn succeed(&mut self) {
        self.close();
        self.failed_in_a_row = 0;
    }

    /// There is nothing to wait for any more.
    pub(super) fn close(&mut self) {
        self.open = false;
        self.delay = None;
    }

    /// Those who waited have a token by now.
    pub(super) fn become_early(&mut self) {
        self.early = true;
    }

    /// Nobody waits for it.
    pub(super) fn close_if_early(&mut self) {
        if self.early {
            self.close();
        }
    }

    /// What has been in flight has ended without a failure, and something else is to be sent.
    pub(super) fn restart(&mut self) {
        self.failures = 0;
        self.failure = None;
        if self.open {
            self.delay = None;
        }
    }

    /// Once is bad luck, and a second time it is a failed attempt. Whether it is that.
    pub(super) fn loses_lock_again(&mut self) -> bool {
        mem::replace(&mut self.has_lost_lock, true)
    }

    fn open(&mut self) {
        *self = Self {
            number: self.number + 1,
            open: true,
            early: true,
            failures: 0,
            failure: None,
            delay: None,
            has_lost_lock: false,
            ..*self
        };
    }
}

#[cfg(any(model, fuzzing))]
impl Round {
    /// The failure only by what it makes of the cool-down.
    pub(super) fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        let retry_after = self.failure.as_ref().map(Failure::retry_after);
        (
            self.number,
            self.open,
            self.early,
            self.failures,
            self.failed,
        )
            .hash(&mut hasher);
        (self.failed_in_a_row, &self.delay, retry_after).hash(&mut hasher);
        self.has_lost_lock.hash(&mut hasher);
    }
}

/// Why a round is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// The token is good, but not for much longer. Nobody waits.
    Early,
    /// There is no token that can be used.
    Urgent,
}

impl Machine {
    /// Joins the open round or opens one; or says until when nobody is to wait.
    pub(super) fn join_round(&mut self, now: Timestamp, demand: Demand) -> Result<u64, Timestamp> {
        if !self.round.open {
            if self.is_closed {
                return Err(now);
            }
            if let Some(until) = self.earliest_round(now, demand) {
                return Err(until);
            }
            self.round.open();
        }
        self.round.early &= demand == Demand::Early;
        Ok(self.round.number)
    }

    /// When a round can be opened, if not now: after the cool-down, and not if all that there is to
    /// send is a password that may not leave for long.
    pub(super) fn earliest_round(&mut self, now: Timestamp, demand: Demand) -> Option<Timestamp> {
        let login = self.until_login(now);
        let login = login.filter(|rest| rest.length > self.config.patience);
        let rest = self.round.cooling(now, demand).max(login);
        rest.map(|rest| rest.end)
    }

    /// How long until the open round's next attempt can start; `None` if it can now.
    pub(super) fn until_attempt(&mut self, now: Timestamp) -> Option<Rest> {
        let backoff = self.round.delay.as_mut().and_then(|delay| delay.rest(now));
        backoff.max(self.until_login(now))
    }

    /// An attempt has decided nothing: another one follows, or the round has failed.
    pub(super) fn attempt_failed(&mut self, now: Timestamp, failure: Failure) {
        let attempt = self.round.attempt();
        let backoff = pacing::backoff(&self.config, &mut self.jitter, self.round.failures);
        let wait = backoff.max(failure.retry_after().unwrap_or_default());
        self.round.failures = attempt;
        self.round.failure = Some(failure.clone());
        self.round.delay = Some(Delay::new(now, wait));
        let is_last = attempt >= self.config.attempts || !failure.is_transient();
        let rest = self.until_attempt(now);
        if is_last || self.is_out_of_patience(rest) {
            return self.fail_round(now);
        }
        self.tell_when_noted(Event::AttemptFailed {
            failure,
            attempt,
            retry_at: rest.map_or(now, |rest| rest.end),
        });
    }

    pub(super) fn is_out_of_patience(&self, rest: Option<Rest>) -> bool {
        rest.is_some_and(|rest| rest.length > self.config.patience)
    }

    /// Those who wait are told, and for a while nothing is attempted.
    pub(super) fn fail_round(&mut self, now: Timestamp) {
        let asked = self.round.failure.as_ref().and_then(Failure::retry_after);
        let cool_down = self.config.cool_down.nth(self.round.failed_in_a_row);
        let cool_down = cool_down.max(asked.unwrap_or_default());
        self.round.failed_in_a_row = self.round.failed_in_a_row.saturating_add(1);
        self.round.delay = Some(Delay::new(now, cool_down));
        self.note_outage(now, cool_down, asked);
        self.end_round(now);
    }

    /// The server has failed, so other processes need not find out by themselves. Of an early refresh's cool-down
    /// only what the server has asked for holds up who needs a token.
    fn note_outage(&mut self, now: Timestamp, cool_down: Duration, asked: Option<Duration>) {
        let length = if self.round.early {
            asked.unwrap_or_default()
        } else {
            cool_down
        };
        let failure = self
            .round
            .failure
            .as_ref()
            .filter(|_| self.round.failures > 0);
        let outage = failure
            .and_then(|failure| Outage::new(now, failure, length, self.round.failed_in_a_row));
        if let (Some(outage), Some(store)) = (outage, &mut self.store) {
            store.outage = Some(outage);
            self.end_store_exchange_noted();
        }
    }

    /// Another process has found out that the server is failing: no attempt is made.
    pub(super) fn learn(&mut self, now: Timestamp, outage: Outage, rest: Rest) {
        self.round.restart();
        self.round.failure = Some(outage.failure());
        self.round.failed_in_a_row = self.round.failed_in_a_row.max(outage.failed_in_a_row);
        self.round.delay = Some(Delay::new(now, rest.length));
        self.end_round(now);
    }

    fn end_round(&mut self, now: Timestamp) {
        self.forget_asked();
        self.round.failed = self.round.number;
        self.round.open = false;
        // One target's 401 during an outage must not cost the others a token that they could use.
        if let Some(token) = self.state.token_mut() {
            token.reinstate();
        }
        let until = self.earliest_round(now, Demand::Early).unwrap_or(now);
        let (failure, attempts) = self.why_unavailable(now);
        self.tell_when_noted(Event::RoundFailed {
            failure,
            attempts,
            until,
        });
    }

    pub(super) fn unavailable(&mut self, now: Timestamp, until: Timestamp) -> Denied {
        let (failure, attempts) = self.why_unavailable(now);
        match failure {
            Failure::Store(failure) => Denied::Store {
                place: self.store_place().unwrap_or_default(),
                failure,
                attempts,
                until,
            },
            failure => Denied::Unavailable {
                endpoint: self.next_endpoint(),
                failure,
                attempts,
                until,
            },
        }
    }

    /// The last failure and how many attempts there were; without a failure it is what paces
    /// passwords that holds things up.
    fn why_unavailable(&mut self, now: Timestamp) -> (Failure, u32) {
        let failure = match self.round.failure.clone() {
            Some(failure) => failure,
            None if self.until_clear(now).is_some() => Failure::LoginsUnclear,
            None if self.until_unmarked(now).is_some() => Failure::LoginsMarked {
                place: self.store_place().unwrap_or_default(),
            },
            None => Failure::LoginsPaced,
        };
        (failure, self.round.failures)
    }

    fn next_endpoint(&self) -> String {
        let grant = if self.state.sends_password() {
            GrantType::Password
        } else {
            GrantType::RefreshToken
        };
        let provider = self.provider();
        provider.map_or_else(String::new, |provider| provider.endpoint(grant))
    }

    /// From [`State::Authenticated`] to what can be sent, if there is something; other states stay.
    pub(super) fn leave_authenticated(&mut self, now: Timestamp) {
        self.expect_login(now);
        self.state.replace(|state| match state {
            State::Authenticated(session, _) => match session.refresh(now, Cause::Due) {
                Refresh::Refreshing(session) => (State::Refreshing(session.into()), ()),
                Refresh::ReLogin(session) => (State::ReLogin(session.into()), ()),
                Refresh::NotYet(session) => (State::authenticated(session), ()),
            },
            other => (other, ()),
        });
    }
}
