use http::{Request, Response};

use super::{Authenticated, Context, Exchange, LoginOutcome, Session};
#[cfg(any(model, fuzzing))]
use crate::fork::{Fork, Hasher};
use crate::wire::{Answer, Grant, GrantType};
use crate::{Credentials, Provider, RequestBody, SavedSession, Timestamp};

/// The state of a [`Session`] that has no tokens yet: the password is the only way in.
///
/// Nothing can be authorized from here:
///
/// ```compile_fail,E0599
/// # use simacan_auth::*;
/// let session = Session::new(Provider::simacan(), Credentials::new("u", "p"));
/// let mut request = http::Request::new(());
/// session.authorize(Timestamp::from_millis(0), &mut request);
/// ```
#[derive(Debug)]
pub struct Unauthenticated {}

/// The session that [`Session::resume`] leads to.
#[derive(Debug)]
#[must_use]
pub enum Resumed {
    /// The tokens are taken over; see when they [expire](Session::expires_at).
    Authenticated(Session<Authenticated>),
    /// There were no tokens, or they [belong](SavedSession::belongs_to) to another user, auth endpoint or scope.
    Unauthenticated(Session<Unauthenticated>),
}

impl Session<Unauthenticated> {
    /// Makes a session that has yet to log in.
    pub fn new(provider: Provider, credentials: Credentials) -> Self {
        let context = Context {
            provider,
            credentials: Box::new(credentials),
        };
        Self {
            context,
            state: Unauthenticated {},
        }
    }

    /// Takes over the session that another process has saved. The tokens of another user, auth endpoint or scope are
    /// not used.
    ///
    /// ```
    /// # use simacan_auth::*;
    /// # let now = Timestamp::from_millis(0);
    /// # let credentials = || Credentials::new("u", "p");
    /// # let (_, exchange) = Session::new(Provider::simacan(), credentials()).begin(now);
    /// # let tokens = http::Response::new(r#"{"access_token":"a","token_type":"bearer"}"#);
    /// # let LoginOutcome::Authenticated(session) = exchange.receive(now, tokens) else { panic!() };
    /// let saved = session.save(1).to_json();
    ///
    /// // In the next process:
    /// let session = Session::new(Provider::simacan(), credentials());
    /// let Resumed::Authenticated(session) = session.resume(SavedSession::from_json(&saved)?) else {
    ///     unreachable!("it is the same user's");
    /// };
    /// # drop(session);
    /// # Ok::<(), InvalidSavedSession>(())
    /// ```
    pub fn resume(self, saved: SavedSession) -> Resumed {
        let is_ours = saved.belongs_to(self.provider(), self.username());
        match saved.tokens.filter(|_| is_ours) {
            Some(tokens) => {
                let (token, refresh_token) = tokens.into_parts();
                Resumed::Authenticated(self.with_tokens(token, refresh_token))
            }
            None => Resumed::Unauthenticated(self),
        }
    }

    /// Starts the login: `POST /auth/password`, or `grant_type=password` (RFC 6749, section 4.3.2).
    ///
    /// A session begins once; the exchange gives it back.
    ///
    /// ```compile_fail,E0382
    /// # use simacan_auth::*;
    /// let now = Timestamp::from_millis(0);
    /// let session = Session::new(Provider::simacan(), Credentials::new("u", "p"));
    /// let first = session.begin(now);
    /// let second = session.begin(now);
    /// ```
    #[must_use = "the request is to be sent, and the exchange told how it went"]
    pub fn begin(self, now: Timestamp) -> (Request<RequestBody>, Exchange<Unauthenticated>) {
        self.start(now, |_, credentials| Grant::Password(credentials))
    }
}

impl Exchange<Unauthenticated> {
    /// Takes the answer, which was received at `now`, and returns the session in its next state.
    pub fn receive<B: AsRef<[u8]>>(
        self,
        now: Timestamp,
        response: Response<B>,
    ) -> LoginOutcome<Unauthenticated> {
        let answer = self.read(GrantType::Password, now, &response);
        drop(response);
        self.settle(now, answer)
    }

    pub(crate) fn settle(self, now: Timestamp, answer: Answer) -> LoginOutcome<Unauthenticated> {
        LoginOutcome::of(self, now, answer, |_| None)
    }
}

#[cfg(any(model, fuzzing))]
impl Fork for Unauthenticated {
    fn fork(&self) -> Self {
        Self {}
    }

    fn fingerprint(&self, _: &mut dyn Hasher) {}
}
