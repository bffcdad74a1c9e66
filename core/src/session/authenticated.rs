use super::{ReLogin, Refreshing, Session};
#[cfg(any(model, fuzzing))]
use crate::fork::{Fork, Hasher};
use crate::saved::SavedTokens;
use crate::token::{AccessToken, RefreshToken};
use crate::{SavedSession, Timestamp};

/// The state of a [`Session`] that is logged in: any number of requests can be authorized.
///
/// No password leaves from here, and none while a refresh token is alive:
///
/// ```compile_fail,E0599
/// # use simacan_auth::*;
/// fn log_in_again(session: Session<Authenticated>, now: Timestamp) {
///     session.begin(now);
/// }
/// ```
///
/// A session can't be copied, and its refresh token is spent with it:
///
/// ```compile_fail,E0599
/// # use simacan_auth::*;
/// fn copy(session: Session<Authenticated>) {
///     let second = session.clone();
/// }
/// ```
///
/// ```compile_fail,E0382
/// # use simacan_auth::*;
/// fn refresh_twice(session: Session<Authenticated>, now: Timestamp) {
///     let first = session.refresh(now, Cause::Due);
///     let second = session.refresh(now, Cause::Due);
/// }
/// ```
#[derive(Debug)]
pub struct Authenticated {
    pub(super) token: AccessToken,
    refresh_token: Option<RefreshToken>,
}

/// The reason why a refresh starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The token expires soon, or has. While it is good, it can still be used.
    Due,
    /// A target API answered the current token with 401, so it is not used any more
    /// (rule 1 of the platform; RFC 6750, section 3.1, `invalid_token`).
    Unauthorized,
}

/// The session that [`Session<Authenticated>::refresh`] leads to.
#[derive(Debug)]
#[must_use]
pub enum Refresh {
    /// There is a refresh token to send.
    Refreshing(Session<Refreshing>),
    /// The server gave no refresh token and the access token has ended, by expiry
    /// or by a 401: the password is the only way.
    ReLogin(Session<ReLogin>),
    /// The server gave no refresh token and the access token is still good: nothing to do yet.
    NotYet(Session<Authenticated>),
}

impl Session<Authenticated> {
    /// Returns when the access token expires; `None` if the server did not say.
    ///
    /// Refresh some time before, a minute say, and after any 401.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.state.token.expires_at()
    }

    /// Returns what lets another process [resume](Session::resume) this session, under the `revision` that you count.
    /// Save it after each exchange, before you use its tokens; and let one process at a time use it, since a refresh
    /// token is good once.
    pub fn save(&self, revision: u64) -> SavedSession {
        let (provider, state) = (&self.context.provider, &self.state);
        let mut saved = SavedSession::new(provider, self.username());
        saved.revision = revision;
        let tokens = SavedTokens::of(&state.token, state.refresh_token.as_ref());
        saved.tokens = Some(tokens);
        saved
    }

    /// Moves on to a refresh. Without a refresh token it moves on to a login, or stays while the access token is
    /// still good.
    pub fn refresh(mut self, now: Timestamp, cause: Cause) -> Refresh {
        if cause == Cause::Unauthorized {
            self.state.token.condemn();
        }
        if self.state.refresh_token.is_none() && self.state.token.is_usable(now) {
            return Refresh::NotYet(self);
        }
        let Self { context, state } = self;
        let token = state.token;
        match state.refresh_token {
            Some(refresh_token) => Refresh::Refreshing(Session {
                context,
                state: Refreshing {
                    token,
                    refresh_token,
                },
            }),
            None => Refresh::ReLogin(Session {
                context,
                state: ReLogin { token },
            }),
        }
    }

    pub(crate) fn refresh_token(&self) -> Option<&RefreshToken> {
        self.state.refresh_token.as_ref()
    }

    pub(crate) fn has_refresh_token(&self) -> bool {
        self.state.refresh_token.is_some()
    }
}

impl Authenticated {
    pub(super) fn new(token: AccessToken, refresh_token: Option<RefreshToken>) -> Self {
        Self {
            token,
            refresh_token,
        }
    }
}

#[cfg(any(model, fuzzing))]
impl Fork for Authenticated {
    fn fork(&self) -> Self {
        Self::new(self.token.fork(), self.refresh_token.fork())
    }

    fn fingerprint(&self, hasher: &mut dyn Hasher) {
        self.token.fingerprint(hasher);
        self.refresh_token.fingerprint(hasher);
    }
}
