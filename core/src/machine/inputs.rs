//! What the driver reports. Every input is total: one for another exchange than the one in flight changes
//! nothing.

use std::mem;

use http::Response;

use super::logins::Attempt;
use super::round::Demand;
use super::state::{Phase, State, Superseded};
use super::{JobId, Machine};
use crate::answers::Answers;
use crate::error::{Failure, TransportFailure};
use crate::event::{Event, Purpose};
use crate::login_answers::Refused;
use crate::session::{LoginOutcome, RefreshOutcome, Rejected, Session, State as SessionState};
use crate::token::Generation;
use crate::wire::{self, Answer};
use crate::{Config, Credentials, Timestamp, pacing};

/// What the end of an exchange means, apart from the state that it leads to.
enum End {
    LoggedIn,
    Refreshed,
    RefreshRefused,
    Rejected,
    Failed(Failure),
    /// It was about credentials that have been replaced.
    Discarded,
}

impl Machine {
    /// Takes the answer to an exchange, read to its end or until it broke off, and when it came.
    ///
    /// Keep the body somewhere that is bounded and wiped, such as a
    /// [`ResponseBody`](crate::ResponseBody): it holds tokens.
    pub fn handle_response<B: AsRef<[u8]>>(
        &mut self,
        now: Timestamp,
        exchange: JobId,
        response: Response<B>,
    ) {
        if self.end_revocation(exchange, Ok(response.status()))
            || self.state.in_flight() != Some(exchange)
        {
            return;
        }
        // Parsed before the session moves: nothing fallible happens during a move.
        let Some(provider) = self.provider() else {
            return;
        };
        let sent = self.state.in_flight_sends();
        let answer = wire::read(provider, sent, now, &response);
        drop(response);
        self.end_exchange(now, answer);
    }

    /// Takes the failure of an exchange that got no answer, not even a status: refused, reset, timed out, abandoned.
    pub fn handle_failure(&mut self, now: Timestamp, exchange: JobId, failure: TransportFailure) {
        let failure = Failure::Transport(failure);
        if self.state.in_flight() == Some(exchange) {
            self.end_exchange(now, Answer::Undecided(failure));
        } else {
            self.end_revocation(exchange, Err(failure));
        }
    }

    pub(super) fn end_exchange(&mut self, now: Timestamp, answer: Answer) {
        let is_awaited = !self.state.has_usable_token(now);
        let answers = self.state.refresh_token().map(|token| token.answers);
        // That a target has started it is saved with the first attempt, whatever comes of it.
        let is_start = self.round.attempt() == 1 && self.targets.have_ended(self.generation);
        let attempt = self.weigh(&answer);
        let is_lock_lost = matches!(answer, Answer::Undecided(Failure::Store(_)));
        let replaced = self.replaced.take();
        self.forget_asked();
        self.revoke_answer(&answer);
        let is_odd = matches!(&answer, Answer::Tokens(tokens) if tokens.is_lifetime_odd);
        // What else is said of a password that was replaced meanwhile says nothing of the new one.
        let is_moot = replaced.is_some() && !matches!(answer, Answer::Tokens(_));
        let config = &self.config;
        let end = (self.state).replace(|state| settle(state, now, answer, config, is_moot));
        let changed = matches!(
            end,
            End::LoggedIn | End::Refreshed | End::RefreshRefused | End::Rejected
        );
        self.end_store_exchange(changed);
        let is_counted = attempt.is_some_and(|attempt| self.count_attempt(now, attempt));
        let noted = self.state.refresh_token().map(|token| token.answers);
        let noted = noted.filter(|_| !changed && noted != answers);
        if is_counted || noted.is_some() || (is_start && !changed) {
            if is_lock_lost {
                self.note_unsaved();
            } else {
                self.end_store_exchange_noted();
            }
        }
        if matches!(end, End::LoggedIn | End::Refreshed) {
            self.note_tokens(now, matches!(end, End::LoggedIn));
        }
        let unclear = |answers: Option<Answers>| answers.map_or(0, |answers| answers.unclear());
        if unclear(noted) > unclear(answers) {
            let (purpose, count) = (Purpose::Refresh, unclear(noted));
            self.tell(Event::AnswerUnclear { purpose, count });
        }
        if changed && is_odd {
            self.tell(Event::OddLifetime);
        }
        match end {
            End::LoggedIn => {
                self.is_retry = false;
                self.enter_authenticated(is_awaited, |generation, expires_at| Event::LoggedIn {
                    generation,
                    expires_at,
                });
            }
            End::Refreshed => {
                self.enter_authenticated(is_awaited, |generation, expires_at| Event::Refreshed {
                    generation,
                    expires_at,
                });
            }
            End::RefreshRefused => {
                self.tell(Event::RefreshRefused);
                self.round.restart();
            }
            End::Rejected => {
                self.is_retry = false;
                if let Some(event) = self.enter_rejected() {
                    self.tell_when_saved(event, is_awaited);
                }
            }
            End::Failed(Failure::Store(failure)) => {
                // The lock was looked at before it, and is lost.
                self.lock_lost(now, failure);
            }
            End::Failed(failure) => {
                self.attempt_failed(now, failure);
                if !attempt.is_some_and(Attempt::is_not_sent) {
                    self.end_retry(now);
                }
            }
            End::Discarded => self.round.restart(),
        }
    }

    fn enter_authenticated(
        &mut self,
        is_awaited: bool,
        event: impl FnOnce(Generation, Option<Timestamp>) -> Event,
    ) {
        let State::Authenticated(session, _) = &self.state else {
            return;
        };
        let token = session.token();
        let expires_at = token.expires_at();
        self.refresh_due = pacing::refresh_due(&self.config, &mut self.jitter, token);
        self.generation = self.generation.next();
        self.round.succeed();
        self.tell_when_saved(event(self.generation, expires_at), is_awaited);
    }

    pub(super) fn enter_rejected(&mut self) -> Option<Event> {
        let State::Rejected(rejected) = &self.state else {
            return None;
        };
        let username = rejected.username().to_owned();
        self.round.close();
        Some(Event::Rejected { username })
    }

    /// Lets the password be sent once more that was refused, or whose answers were neither tokens nor a refusal: an
    /// account was unlocked, a gateway mended. It is paced as any password; if that decides nothing, it waits as
    /// before.
    pub fn retry_refused(&mut self, now: Timestamp) {
        let is_rejected = matches!(self.state, State::Rejected(_));
        let is_held = self.state.is_due()
            && (self.until_clear(now).is_some()
                || (self.state.sends_password() && self.is_marked(now)));
        if !is_rejected && !is_held {
            return;
        }
        self.is_retry = true;
        if !self.round.is_open() {
            self.round.close(); // its cool-down was for who did not know better
        }
        self.revive(now);
        if !self.holds_answer() {
            // Else the next demand does it.
            let _round = self.join_round(now, Demand::Urgent);
        }
    }

    /// A refusal is not believed for ever (I10). Gives that of a session that is still over.
    pub(super) fn revive_in_time(&mut self, now: Timestamp) -> Option<Refused> {
        if !matches!(self.state, State::Rejected(_)) {
            return None;
        }
        let refused = self.refusal(now, None);
        if refused.is_none() {
            self.revive(now);
        }
        refused
    }

    fn revive(&mut self, now: Timestamp) {
        self.forget_remembered();
        self.state.replace(|state| match state {
            State::Rejected(rejected) => (revived(now, rejected, None), ()),
            other => (other, ()),
        });
    }

    /// One attempt was allowed, and it has decided nothing.
    fn end_retry(&mut self, now: Timestamp) {
        if mem::take(&mut self.is_retry)
            && self.refusal(now, None).is_some()
            && self.state.reject_unsent()
            && let Some(event) = self.enter_rejected()
        {
            self.tell(event);
        }
    }
}

/// Goes on with what is left, and with these credentials or the same as before.
pub(super) fn revived(now: Timestamp, rejected: Rejected, new: Option<Credentials>) -> State {
    let (provider, refused, token) = rejected.into_parts();
    let session = Session::new(provider, new.unwrap_or(refused));
    // One that a 401 has condemned may be usable again.
    match token.filter(|token| !token.has_expired(now)) {
        Some(token) => State::ReLogin(session.with_token(token).into()),
        None => State::new(session),
    }
}

/// Where the answer leads. To a password that has been replaced it is moot if it brings no tokens.
fn settle(
    state: State,
    now: Timestamp,
    answer: Answer,
    config: &Config,
    is_moot: bool,
) -> (State, End) {
    match state {
        State::Unauthenticated(Phase::InFlight(_, exchange)) if is_moot => {
            let session = exchange.fail();
            (State::Unauthenticated(session.into()), End::Discarded)
        }
        State::ReLogin(Phase::InFlight(_, exchange)) if is_moot => {
            let session = exchange.fail();
            (State::ReLogin(session.into()), End::Discarded)
        }
        State::Unauthenticated(Phase::InFlight(_, exchange)) => {
            end_login(exchange.settle(now, answer), State::Unauthenticated)
        }
        State::ReLogin(Phase::InFlight(_, exchange)) => {
            end_login(exchange.settle(now, answer), State::ReLogin)
        }
        State::Refreshing(Phase::InFlight(_, exchange)) => {
            match exchange.settle(now, answer, config) {
                RefreshOutcome::Authenticated(session) => {
                    (State::authenticated(session), End::Refreshed)
                }
                RefreshOutcome::ReLogin(session) => {
                    (State::ReLogin(session.into()), End::RefreshRefused)
                }
                RefreshOutcome::Failed(session, failure) => {
                    (State::Refreshing(session.into()), End::Failed(failure))
                }
            }
        }
        State::Superseded(_, superseded) => superseded.end(answer),
        other => (other, End::Discarded),
    }
}

fn end_login<S: SessionState>(
    outcome: LoginOutcome<S>,
    due: impl FnOnce(Phase<S>) -> State,
) -> (State, End) {
    match outcome {
        LoginOutcome::Authenticated(session) => (State::authenticated(session), End::LoggedIn),
        LoginOutcome::Rejected(rejected) => (State::Rejected(rejected), End::Rejected),
        LoginOutcome::Failed(session, failure) => (due(session.into()), End::Failed(failure)),
    }
}

impl Superseded {
    /// The answer was about the old credentials. If it refused them, they are not sent
    /// again, not even if they have been set again meanwhile (I2).
    fn end(self, answer: Answer) -> (State, End) {
        match (answer, self.sent) {
            (Answer::Refused { .. }, Some(sent))
                if sent.same_as(&self.next.context().credentials) =>
            {
                (State::Rejected(self.next.reject()), End::Rejected)
            }
            _ => (self.next.into(), End::Discarded),
        }
    }
}
