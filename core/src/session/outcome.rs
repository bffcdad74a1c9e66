//! How an exchange can end.

use crate::error::Failure;
#[cfg(any(model, fuzzing))]
use crate::fork::{Fork, Hasher};
use crate::token::AccessToken;
use crate::wire::{Answer, TokenResponse};
use crate::{Credentials, Provider, Timestamp};

use super::{Authenticated, Context, Exchange, ReLogin, Refreshing, Session, State};

/// The end of a login.
#[derive(Debug)]
#[must_use]
pub enum LoginOutcome<S: State> {
    /// The server gave tokens.
    Authenticated(Session<Authenticated>),
    /// The server refused the password. The session is over: the password can't be sent again (I2).
    Rejected(Rejected),
    /// The answer decided nothing. The session may begin again, not too soon.
    Failed(Session<S>, Failure),
}

impl<S: State> LoginOutcome<S> {
    pub(super) fn of(
        exchange: Exchange<S>,
        now: Timestamp,
        answer: Answer,
        token: impl FnOnce(S) -> Option<AccessToken>,
    ) -> Self {
        match answer {
            Answer::Tokens(tokens) => Self::Authenticated(exchange.enter(now, tokens)),
            Answer::Undecided(failure) => Self::Failed(exchange.session, failure),
            Answer::Refused { .. } => Self::Rejected(exchange.session.reject(token)),
        }
    }
}

/// The end of a refresh.
#[derive(Debug)]
#[must_use]
pub enum RefreshOutcome {
    /// The server gave new tokens. The spent refresh token is gone, wiped (I3).
    Authenticated(Session<Authenticated>),
    /// The server refused the refresh token: the only door to the password (I1).
    ReLogin(Session<ReLogin>),
    /// The answer decided nothing. The same refresh token may be sent again, not too soon: if the server has rotated
    /// it and the answer was lost, it refuses.
    Failed(Session<Refreshing>, Failure),
}

/// The end of a session whose password was refused.
///
/// It holds the provider, to start again with other credentials:
///
/// ```
/// # use simacan_auth::*;
/// fn start_again(rejected: Rejected, credentials: Credentials) -> Session<Unauthenticated> {
///     Session::new(rejected.into_provider(), credentials)
/// }
/// ```
///
/// It can't go on:
///
/// ```compile_fail,E0599
/// # use simacan_auth::*;
/// fn go_on(rejected: Rejected) {
///     rejected.begin(Timestamp::from_millis(0));
/// }
/// ```
#[must_use]
pub struct Rejected {
    context: Context,
    /// Still good, perhaps: the refusal of a password ends no token (I14).
    token: Option<AccessToken>,
}

impl Rejected {
    /// Returns the user whose password was refused.
    pub fn username(&self) -> &str {
        self.context.credentials.username()
    }

    /// Returns the host that refused the password.
    pub fn auth_host(&self) -> &str {
        self.context.provider.auth_host()
    }

    /// Gives the provider back, for a session with other credentials.
    pub fn into_provider(self) -> Provider {
        self.context.provider
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    pub(crate) fn context_mut(&mut self) -> &mut Context {
        &mut self.context
    }

    pub(crate) fn token(&self) -> Option<&AccessToken> {
        self.token.as_ref()
    }

    pub(crate) fn token_mut(&mut self) -> Option<&mut AccessToken> {
        self.token.as_mut()
    }

    pub(crate) fn into_parts(self) -> (Provider, Credentials, Option<AccessToken>) {
        (self.context.provider, *self.context.credentials, self.token)
    }
}

impl std::fmt::Debug for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rejected")
            .field("auth_host", &self.auth_host())
            .field("username", &self.username())
            .finish_non_exhaustive()
    }
}

impl<S: State> Session<S> {
    pub(crate) fn reject(self, token: impl FnOnce(S) -> Option<AccessToken>) -> Rejected {
        Rejected {
            context: self.context,
            token: token(self.state),
        }
    }
}

impl<S: State> Exchange<S> {
    /// To [`Authenticated`], with a refresh token only if the answer has one.
    fn enter(self, now: Timestamp, tokens: TokenResponse) -> Session<Authenticated> {
        let emitted_at = self.emitted_at;
        let token = AccessToken::received(tokens.access, tokens.expires_in, emitted_at, now);
        self.session
            .with_state(|_| Authenticated::new(token, tokens.refresh))
    }
}

#[cfg(any(model, fuzzing))]
impl Fork for Rejected {
    fn fork(&self) -> Self {
        Self {
            context: self.context.fork(),
            token: self.token.fork(),
        }
    }

    fn fingerprint(&self, hasher: &mut dyn Hasher) {
        self.context.fingerprint(hasher);
        self.token.fingerprint(hasher);
    }
}
