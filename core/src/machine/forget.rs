//! The end of a session that somebody wants ended: see `manual::stores`.

use std::mem;

use http::StatusCode;

use super::job::{JobId, JobKind};
use super::state::State;
use super::{Machine, Output, Transmit};
use crate::Timestamp;
use crate::error::Failure;
use crate::event::Event;
#[cfg(any(model, fuzzing))]
use crate::fork::{Fork, Hash, Hasher};
use crate::token::{AccessToken, Bearer, RefreshToken};
use crate::wire::{self, Answer, Grant};

/// Tokens that are to be revoked (RFC 7009), one after the other.
#[derive(Debug, Default)]
pub(super) struct Revocations {
    due: Vec<Token>,
    begun: u64,
    in_flight: Option<JobId>,
    /// What the exchange in flight brings is to be revoked, too.
    is_answer_due: bool,
}

#[derive(Debug)]
struct Token {
    token: RefreshToken,
    hint: &'static str,
}

impl Machine {
    /// Logs out: forgets the tokens, here and in the store, and revokes them if the provider has a [revocation
    /// endpoint](crate::ProviderBuilder::revocation_endpoint).
    ///
    /// In the store an empty session takes their place, which other processes take for the newest: what they
    /// hold serves until it expires, and is not refreshed. (A file that is merely deleted is written again by
    /// whoever still holds tokens.) What paces is kept, and so is a refusal.
    ///
    /// Afterwards nothing is sent, but to revoke, before somebody asks for a token: then the password is.
    pub fn forget(&mut self, now: Timestamp) {
        let Some(credentials) = self.state.credentials() else {
            return;
        };
        let same = credentials.duplicate();
        let access = self.state.token().map(AccessToken::bearer);
        let token = Token::of(access, self.state.refresh_token());
        self.revoke(token);
        if self.state.in_flight().is_some() {
            self.revocations.get_or_insert_default().is_answer_due = true;
        }
        if matches!(self.state, State::Rejected(_)) {
            self.state.forget_rejected_token();
        } else {
            self.replace_user(same);
        }
        self.forget_in_store(now);
        self.tell(Event::Forgotten);
    }

    /// Found in the store by a process that forgets.
    pub(super) fn revoke_saved(&mut self, access: &Bearer, refresh: Option<&RefreshToken>) {
        let token = Token::of(Some(access), refresh);
        self.revoke(token);
    }

    /// Brought by an exchange that was in flight then.
    pub(super) fn revoke_answer(&mut self, answer: &Answer) {
        let due = (self.revocations.as_mut()).is_some_and(|due| mem::take(&mut due.is_answer_due));
        if due && let Answer::Tokens(tokens) = answer {
            let token = Token::of(Some(&tokens.access), tokens.refresh.as_ref());
            self.revoke(token);
        }
    }

    fn revoke(&mut self, token: Option<Token>) {
        let endpoint = self
            .provider()
            .and_then(|provider| provider.revocation_endpoint());
        if endpoint.is_some() {
            self.revocations.get_or_insert_default().due.extend(token);
        }
    }

    pub(super) fn revocation_job(&self) -> Option<JobId> {
        self.revocations.as_ref()?.in_flight
    }

    /// Whether [`poll_revocation`](Self::poll_revocation) would say anything but to wait; `None` if it would say
    /// nothing at all.
    pub(super) fn revocation_wants(&self) -> Option<bool> {
        let revocations = self.revocations.as_ref()?;
        if revocations.in_flight.is_some() {
            return Some(false);
        }
        let may_begin = self.state.in_flight().is_none() && !self.is_closed;
        (may_begin && !revocations.due.is_empty()).then_some(true)
    }

    pub(super) fn poll_revocation(&mut self) -> Option<Output> {
        if !self.revocation_wants()? {
            return Some(Output::Wait(None));
        }
        let revocations = self.revocations.as_mut()?;
        let Token { token, hint } = revocations.due.remove(0);
        let request = wire::request(self.state.provider()?, Grant::Revocation(&token, hint));
        revocations.begun += 1;
        let exchange = JobId {
            machine: self.id,
            number: revocations.begun,
            kind: JobKind::Revocation,
        };
        revocations.in_flight = Some(exchange);
        Some(Output::Transmit(Transmit { exchange, request }))
    }

    /// Whether this was one. It is tried once: a token that could not be revoked ends by itself.
    pub(super) fn end_revocation(
        &mut self,
        exchange: JobId,
        end: Result<StatusCode, Failure>,
    ) -> bool {
        let in_flight = (self.revocations.as_mut()).map(|revocations| &mut revocations.in_flight);
        let is_it = in_flight.and_then(|in_flight| in_flight.take_if(|job| *job == exchange));
        if is_it.is_none() {
            return false;
        }
        let failure = match end {
            Ok(status) if status.is_success() => return self.told(Event::Revoked),
            Ok(status) => Failure::Status {
                status,
                error: None,
                retry_after: None,
            },
            Err(failure) => failure,
        };
        self.told(Event::RevocationFailed { failure })
    }

    fn told(&mut self, event: Event) -> bool {
        self.tell(event);
        true
    }
}

impl Token {
    /// The refresh token ends the session; without one there is nothing but the access token.
    fn of(access: Option<&Bearer>, refresh: Option<&RefreshToken>) -> Option<Self> {
        if let Some(refresh) = refresh {
            return Some(Self {
                token: refresh.duplicate(),
                hint: "refresh_token",
            });
        }
        Some(Self {
            token: RefreshToken::new(access?.token()),
            hint: "access_token",
        })
    }
}

#[cfg(any(model, fuzzing))]
impl Fork for Revocations {
    fn fork(&self) -> Self {
        let due = self.due.iter().map(|Token { token, hint }| Token {
            token: token.duplicate(),
            hint,
        });
        Self {
            due: due.collect(),
            ..*self
        }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        (self.due.len(), self.in_flight.is_some(), self.is_answer_due).hash(&mut hasher);
    }
}
