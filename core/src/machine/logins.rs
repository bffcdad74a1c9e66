//! What holds a password back, besides its round, and what its answer counts for: see `manual::time`.

use super::Machine;
use super::state::State;
use crate::error::Failure;
use crate::event::{Event, Purpose};
use crate::login_answers::Refused;
use crate::time::{Delay, Rest};
use crate::wire::{Answer, GrantType};
use crate::{Credentials, Timestamp, saved};

/// What the end of an exchange says of a password that it sent.
#[derive(Clone, Copy)]
pub(super) struct Attempt {
    check: u16,
    /// The server got it, or may have.
    is_sent: bool,
    word: Word,
}

#[derive(Clone, Copy, PartialEq)]
enum Word {
    Tokens,
    /// Neither tokens nor a refusal nor an outage.
    Unclear,
    Refused {
        by_gateway: bool,
    },
    Other,
}

impl Machine {
    /// How much longer the password may not leave that is to be sent; `None` if it may, or if there is none.
    pub(super) fn until_login(&mut self, now: Timestamp) -> Option<Rest> {
        if !self.state.sends_password() {
            return None;
        }
        let guard = self.logins.rest(now, &self.config); // an hour without a password may be over
        let rest = match &mut self.expected {
            Some(delay) => delay.rest(now),
            None => guard,
        };
        rest.max(self.until_clear(now))
            .max(self.until_unmarked(now))
    }

    /// The same for what another start of the program could not save.
    pub(super) fn until_unmarked(&mut self, now: Timestamp) -> Option<Rest> {
        let store = self.store.as_mut().filter(|_| !self.is_retry)?;
        store.marks.rest(now)
    }

    /// Whether another start of the program has marked the store, looked at lately or not.
    pub(super) fn is_marked(&mut self, now: Timestamp) -> bool {
        let store = self.store.as_mut();
        store.is_some_and(|store| store.marks.are_theirs(now))
    }

    /// The same for what was answered to this very password.
    pub(super) fn until_clear(&mut self, now: Timestamp) -> Option<Rest> {
        let says_nothing = self.login_answers.is_empty() || self.are_credentials_stale();
        if self.is_retry || says_nothing || !self.state.sends_password() {
            return None;
        }
        let check = self.check(None)?;
        self.login_answers.rest(check, now, &self.config)
    }

    /// The refusal of the session's password, or of this one, if that is believed (I2).
    pub(super) fn refusal(
        &mut self,
        now: Timestamp,
        credentials: Option<&Credentials>,
    ) -> Option<Refused> {
        if self.login_answers.is_empty() {
            return None;
        }
        let check = self.check(credentials)?;
        self.login_answers.refusal(check, now, &self.config)
    }

    fn check(&self, credentials: Option<&Credentials>) -> Option<u16> {
        let credentials = credentials.or(self.state.credentials())?;
        Some(saved::check(self.state.provider()?, credentials))
    }

    /// The life of tokens that came without a refresh token is over: a login is what their server expects
    /// then, each time. Not if a 401 has asked for it.
    pub(super) fn expect_login(&mut self, now: Timestamp) {
        if let State::Authenticated(session, _) = &self.state {
            let token = session.token();
            let has_ended = token.has_expired(now) && !token.is_condemned();
            let is_expected = has_ended && !session.has_refresh_token();
            let delay = Delay::new(token.received_at(), self.config.login_spacing.first);
            self.expected = is_expected.then_some(delay);
        }
    }

    /// The credentials that the exchange in flight sends.
    fn sent_credentials(&self) -> Option<&Credentials> {
        match &self.state {
            State::Superseded(_, superseded) => superseded.sent.as_ref(),
            state => self.replaced.as_ref().or(state.credentials()),
        }
    }

    /// What this answer says of the password in flight, if it is one.
    pub(super) fn weigh(&self, answer: &Answer) -> Option<Attempt> {
        if self.state.in_flight_sends() != GrantType::Password {
            return None;
        }
        let (is_sent, word) = match answer {
            Answer::Tokens(_) => (true, Word::Tokens),
            Answer::Undecided(Failure::Transport(failure)) => (!failure.is_not_sent(), Word::Other),
            Answer::Undecided(Failure::Store(_)) => (false, Word::Other),
            Answer::Undecided(failure) if failure.is_doubtful() => (true, Word::Unclear),
            Answer::Refused { by_gateway } => {
                let by_gateway = *by_gateway;
                (true, Word::Refused { by_gateway })
            }
            Answer::Undecided(_) => (true, Word::Other),
        };
        let check = self.check(self.sent_credentials())?;
        Some(Attempt {
            check,
            is_sent,
            word,
        })
    }

    /// Whether anything of it is to be saved.
    pub(super) fn count_attempt(&mut self, now: Timestamp, attempt: Attempt) -> bool {
        let Attempt {
            check,
            is_sent,
            word,
        } = attempt;
        let is_exempt = word == Word::Tokens && self.expected.is_some();
        let is_taken_back = self.logins.settle(is_sent && !is_exempt);
        if is_sent {
            self.expected = None;
        }
        match word {
            Word::Tokens => self.login_answers.accept(check, now),
            Word::Unclear => {
                let count = self.login_answers.note(check, now);
                let purpose = match self.state {
                    State::ReLogin(_) => Purpose::ReLogin,
                    _ => Purpose::Login,
                };
                self.tell(Event::AnswerUnclear { purpose, count });
            }
            Word::Refused { by_gateway } => self.login_answers.refuse(check, now, by_gateway),
            Word::Other => {}
        }
        is_taken_back || matches!(word, Word::Unclear | Word::Refused { .. })
    }
}

impl Attempt {
    pub(super) fn is_not_sent(self) -> bool {
        !self.is_sent
    }
}
