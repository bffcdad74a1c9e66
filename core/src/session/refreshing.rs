use http::{Request, Response};

use super::{Authenticated, Exchange, ReLogin, RefreshOutcome, Session};
use crate::error::{Failure, FailureKind};
#[cfg(any(model, fuzzing))]
use crate::fork::{Fork, Hasher};
use crate::token::{AccessToken, RefreshToken};
use crate::wire::{Answer, Grant, GrantType};
use crate::{Config, RequestBody, Timestamp};

/// The state of a [`Session`] that is to be refreshed. The access token stays usable until it expires, unless a 401
/// was the cause.
///
/// The password can't leave from here; only a refused refresh opens the way to it:
///
/// ```compile_fail,E0308
/// # use simacan_auth::*;
/// fn skip_the_refresh(session: Session<Refreshing>) -> Session<ReLogin> {
///     session
/// }
/// ```
#[derive(Debug)]
pub struct Refreshing {
    pub(super) token: AccessToken,
    pub(super) refresh_token: RefreshToken,
}

impl Session<Refreshing> {
    /// Starts the refresh: `POST /auth/refresh`, or `grant_type=refresh_token` (RFC 6749,
    /// section 6).
    #[must_use = "the request is to be sent, and the exchange told how it went"]
    pub fn begin(self, now: Timestamp) -> (Request<RequestBody>, Exchange<Refreshing>) {
        self.start(now, |state, _| Grant::Refresh(&state.refresh_token))
    }

    pub(crate) fn without_refresh_token(self) -> Session<ReLogin> {
        self.with_state(|state| ReLogin { token: state.token })
    }

    pub(crate) fn refresh_token(&self) -> &RefreshToken {
        &self.state.refresh_token
    }
}

impl Exchange<Refreshing> {
    /// Takes the answer, which was received at `now`, and returns the session in its next state.
    pub fn receive<B: AsRef<[u8]>>(self, now: Timestamp, response: Response<B>) -> RefreshOutcome {
        let answer = self.read(GrantType::RefreshToken, now, &response);
        drop(response);
        self.settle(now, answer, &Config::default())
    }

    /// The configuration says which answers together are a refusal.
    pub(crate) fn settle(
        mut self,
        now: Timestamp,
        answer: Answer,
        config: &Config,
    ) -> RefreshOutcome {
        match answer {
            Answer::Undecided(failure) if !self.is_as_good_as_refused(now, &failure, config) => {
                RefreshOutcome::Failed(self.session, failure)
            }
            Answer::Undecided(_) | Answer::Refused { .. } => RefreshOutcome::ReLogin(
                self.session
                    .with_state(|state| ReLogin { token: state.token }),
            ),
            Answer::Tokens(tokens) => {
                let emitted_at = self.emitted_at;
                RefreshOutcome::Authenticated(self.session.with_state(|spent| {
                    Authenticated::new(
                        AccessToken::received(tokens.access, tokens.expires_in, emitted_at, now),
                        // Without a new one the old one holds (RFC 6749, section 6).
                        Some(tokens.refresh.unwrap_or(spent.refresh_token.accepted())),
                    )
                }))
            }
        }
    }

    fn is_as_good_as_refused(
        &mut self,
        now: Timestamp,
        failure: &Failure,
        config: &Config,
    ) -> bool {
        let is_unclear = failure.kind() == FailureKind::Unclear;
        let answers = &mut self.session.state.refresh_token.answers;
        failure.is_answer() && answers.note(now, is_unclear, config)
    }
}

#[cfg(any(model, fuzzing))]
impl Fork for Refreshing {
    fn fork(&self) -> Self {
        Self {
            token: self.token.fork(),
            refresh_token: self.refresh_token.fork(),
        }
    }

    fn fingerprint(&self, hasher: &mut dyn Hasher) {
        self.token.fingerprint(hasher);
        self.refresh_token.fingerprint(hasher);
    }
}
