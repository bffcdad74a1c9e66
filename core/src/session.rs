//! The typestate: one session, in one of four states, and the exchange that leads from one to the next.

mod authenticated;
mod outcome;
mod refreshing;
mod relogin;
mod unauthenticated;

use std::fmt;

use http::{Request, Response};

use crate::error::AuthorizeError;
#[cfg(any(model, fuzzing))]
use crate::fork::{Fork, Hash, Hasher};
use crate::token::{AccessToken, RefreshToken};
use crate::wire::{self, Answer, Grant, GrantType};
use crate::{Credentials, ForeignOrigin, Origin, Provider, RequestBody, TargetRequest, Timestamp};

pub use authenticated::{Authenticated, Cause, Refresh};
pub use outcome::{LoginOutcome, RefreshOutcome, Rejected};
pub use refreshing::Refreshing;
pub use relogin::ReLogin;
pub use unauthenticated::{Resumed, Unauthenticated};

/// A session in the state `S`: [`Unauthenticated`], [`Authenticated`], [`Refreshing`] or [`ReLogin`].
///
/// What a session can do depends on its state, so misuse does not compile. It is not `Clone`, since its refresh token
/// can be sent only once.
///
/// Most programs want a [`Machine`](crate::Machine), which moves a session through its states on
/// behalf of many callers and paces it, or an adapter, which drives a machine. Use a session
/// itself where one caller does one thing after the other; when to send is then
/// up to you.
#[must_use]
pub struct Session<S: State> {
    context: Context,
    state: S,
}

/// A request to the auth endpoint that is on its way. Only its end gives the session back, so at most one exchange is
/// in flight and its request exists once.
///
/// End it with `receive` when an answer came, with [`fail`](Self::fail) when none did.
#[must_use]
pub struct Exchange<S: State> {
    session: Session<S>,
    emitted_at: Timestamp,
}

/// A state of a [`Session`]. Sealed: there are four.
pub trait State: sealed::Sealed + fmt::Debug {}

mod sealed {
    #[expect(unnameable_types, reason = "that is the point")]
    pub trait Sealed {}

    #[expect(unnameable_types, private_interfaces, reason = "that is the point")]
    pub trait Token {
        fn token(&self) -> &super::AccessToken;

        fn token_mut(&mut self) -> &mut super::AccessToken;
    }

    impl Sealed for super::Unauthenticated {}
    impl Sealed for super::Authenticated {}
    impl Sealed for super::Refreshing {}
    impl Sealed for super::ReLogin {}
}

impl State for Unauthenticated {}
impl State for Authenticated {}
impl State for Refreshing {}
impl State for ReLogin {}

/// A [`State`] with an access token: [`Authenticated`], [`Refreshing`] or [`ReLogin`].
pub trait HasToken: State + sealed::Token {}

impl<S: State + sealed::Token> HasToken for S {}

macro_rules! have_token {
    ($($state:ty),*) => {$(
        #[expect(private_interfaces, reason = "the trait can't be named")]
        impl sealed::Token for $state {
            fn token(&self) -> &AccessToken {
                &self.token
            }

            fn token_mut(&mut self) -> &mut AccessToken {
                &mut self.token
            }
        }
    )*};
}

have_token!(Authenticated, Refreshing, ReLogin);

/// What every state has: where to log in, and who.
pub(crate) struct Context {
    pub(crate) provider: Provider,
    /// Elsewhere: a refresh does not touch them.
    pub(crate) credentials: Box<Credentials>,
}

impl<S: State> Session<S> {
    /// Returns where this session logs in, and which origins may see its token.
    pub fn provider(&self) -> &Provider {
        &self.context.provider
    }

    /// Returns the user whose session it is.
    pub fn username(&self) -> &str {
        self.context.credentials.username()
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    pub(crate) fn context_mut(&mut self) -> &mut Context {
        &mut self.context
    }

    /// The same person at the same place, with nothing in hand.
    pub(crate) fn forget_tokens(self) -> Session<Unauthenticated> {
        self.with_state(|_| Unauthenticated {})
    }

    /// Goes on with these, in place of what it has.
    pub(crate) fn with_tokens(
        self,
        token: AccessToken,
        refresh_token: Option<RefreshToken>,
    ) -> Session<Authenticated> {
        self.with_state(|_| Authenticated::new(token, refresh_token))
    }

    fn with_state<T: State>(self, next: impl FnOnce(S) -> T) -> Session<T> {
        Session {
            context: self.context,
            state: next(self.state),
        }
    }

    fn start(
        self,
        now: Timestamp,
        grant: for<'a> fn(&'a S, &'a Credentials) -> Grant<'a>,
    ) -> (Request<RequestBody>, Exchange<S>) {
        let grant = grant(&self.state, &self.context.credentials);
        let request = wire::request(&self.context.provider, grant);
        let exchange = Exchange {
            session: self,
            emitted_at: now,
        };
        (request, exchange)
    }
}

impl<S: HasToken> Session<S> {
    /// Puts the bearer token on a request to a target API, in place of any `Authorization` that it has.
    ///
    /// Refuses without touching the request when the provider does not allow the target's origin, or when the
    /// token has expired or a target API has answered it with 401.
    pub fn authorize(
        &self,
        now: Timestamp,
        request: &mut impl TargetRequest,
    ) -> Result<(), AuthorizeError> {
        let origin = Origin::of_request(request);
        if !origin.is_some_and(|origin| self.provider().allows_origin(&origin)) {
            return Err(ForeignOrigin::new(self.provider(), request).into());
        }
        if !self.token().is_usable(now) {
            return Err(AuthorizeError::Unusable);
        }
        request.set_authorization(self.token().header());
        Ok(())
    }

    pub(crate) fn token(&self) -> &AccessToken {
        self.state.token()
    }

    pub(crate) fn token_mut(&mut self) -> &mut AccessToken {
        self.state.token_mut()
    }
}

impl<S: HasToken> Exchange<S> {
    /// Puts the bearer token on a request while the exchange is on its way, as [`Session::authorize`] does.
    pub fn authorize(
        &self,
        now: Timestamp,
        request: &mut impl TargetRequest,
    ) -> Result<(), AuthorizeError> {
        self.session.authorize(now, request)
    }
}

impl<S: State> Exchange<S> {
    /// Gives the session back when no answer came, not even a status. What the server did with the request is unknown;
    /// the session may begin again.
    pub fn fail(self) -> Session<S> {
        self.session
    }

    /// Returns when the request was emitted.
    pub fn emitted_at(&self) -> Timestamp {
        self.emitted_at
    }

    pub(crate) fn session(&self) -> &Session<S> {
        &self.session
    }

    pub(crate) fn session_mut(&mut self) -> &mut Session<S> {
        &mut self.session
    }

    fn read(
        &self,
        sent: GrantType,
        now: Timestamp,
        response: &Response<impl AsRef<[u8]>>,
    ) -> Answer {
        wire::read(&self.session.context.provider, sent, now, response)
    }
}

impl<S: State> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("auth_host", &self.provider().auth_host())
            .field("username", &self.username())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl<S: State> fmt::Debug for Exchange<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("session", &self.session)
            .field("emitted_at", &self.emitted_at)
            .finish()
    }
}

#[cfg(any(model, fuzzing))]
impl<S: State + Fork> Fork for Session<S> {
    fn fork(&self) -> Self {
        Self {
            context: self.context.fork(),
            state: self.state.fork(),
        }
    }

    fn fingerprint(&self, hasher: &mut dyn Hasher) {
        self.context.fingerprint(hasher);
        self.state.fingerprint(hasher);
    }
}

#[cfg(any(model, fuzzing))]
impl<S: State + Fork> Fork for Exchange<S> {
    fn fork(&self) -> Self {
        Self {
            session: self.session.fork(),
            emitted_at: self.emitted_at,
        }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        self.session.fingerprint(hasher);
        self.emitted_at.hash(&mut hasher);
    }
}

/// The provider never changes.
#[cfg(any(model, fuzzing))]
impl Fork for Context {
    fn fork(&self) -> Self {
        Self {
            provider: self.provider.clone(),
            credentials: Box::new(self.credentials.fork()),
        }
    }

    fn fingerprint(&self, hasher: &mut dyn Hasher) {
        self.credentials.fingerprint(hasher);
    }
}
