use http::{Request, Response};

use super::{Exchange, LoginOutcome, Session, Unauthenticated};
#[cfg(any(model, fuzzing))]
use crate::fork::{Fork, Hasher};
use crate::token::AccessToken;
use crate::wire::{Answer, Grant, GrantType};
use crate::{RequestBody, Timestamp};

/// The state of a [`Session`] whose refresh token was refused, so that the password may be sent once more (rule 3 of
/// the platform). An access token that is still good stays usable.
///
/// No code but this library's gets a session here, or into a state of its own:
///
/// ```compile_fail,E0277
/// # use simacan_auth::*;
/// #[derive(Debug)]
/// struct Trusted;
/// impl State for Trusted {}
/// fn shortcut(session: Session<Trusted>) {}
/// ```
///
/// The refused refresh token is gone with the state that held it:
///
/// ```compile_fail,E0382
/// # use simacan_auth::*;
/// fn send_it_again(now: Timestamp, exchange: Exchange<Refreshing>, refusal: http::Response<Vec<u8>>) {
///     let outcome = exchange.receive(now, refusal);
///     let session = exchange.fail();
/// }
/// ```
#[derive(Debug)]
pub struct ReLogin {
    pub(super) token: AccessToken,
}

impl ReLogin {
    pub(crate) fn into_token(self) -> AccessToken {
        self.token
    }
}

impl Session<ReLogin> {
    /// Starts the login, as [`Session<Unauthenticated>::begin`](Session::begin) does.
    #[must_use = "the request is to be sent, and the exchange told how it went"]
    pub fn begin(self, now: Timestamp) -> (Request<RequestBody>, Exchange<ReLogin>) {
        self.start(now, |_, credentials| Grant::Password(credentials))
    }
}

impl Exchange<ReLogin> {
    /// Takes the answer, which was received at `now`, and returns the session in its next state.
    pub fn receive<B: AsRef<[u8]>>(
        self,
        now: Timestamp,
        response: Response<B>,
    ) -> LoginOutcome<ReLogin> {
        let answer = self.read(GrantType::Password, now, &response);
        drop(response);
        self.settle(now, answer)
    }

    pub(crate) fn settle(self, now: Timestamp, answer: Answer) -> LoginOutcome<ReLogin> {
        LoginOutcome::of(self, now, answer, |state| Some(state.into_token()))
    }
}

impl Session<Unauthenticated> {
    /// With new credentials after a rejection, and a token that is still good: the refusal
    /// that led to the rejected login still opens the way to the password.
    pub(crate) fn with_token(self, token: AccessToken) -> Session<ReLogin> {
        self.with_state(|_| ReLogin { token })
    }
}

#[cfg(any(model, fuzzing))]
impl Fork for ReLogin {
    fn fork(&self) -> Self {
        Self {
            token: self.token.fork(),
        }
    }

    fn fingerprint(&self, hasher: &mut dyn Hasher) {
        self.token.fingerprint(hasher);
    }
}
