use std::hash::Hasher;

use http::{Request, Response};

use super::{Context, Exchange, LoginOutcome, Session};
use crate::fork::Fork;
use crate::wire::{Answer, Grant};
use crate::{Credentials, Provider, RequestBody, Timestamp};

/// No tokens yet: the password is the only way in.
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

impl Session<Unauthenticated> {
    /// A session that has yet to log in.
    pub fn new(provider: Provider, credentials: Credentials) -> Self {
        let context = Context {
            provider,
            credentials,
        };
        Self {
            context: Box::new(context),
            state: Unauthenticated {},
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
    /// The answer is here. `now` is when it was received.
    pub fn receive<B: AsRef<[u8]>>(
        self,
        now: Timestamp,
        response: Response<B>,
    ) -> LoginOutcome<Unauthenticated> {
        let answer = self.read(now, &response);
        drop(response);
        self.settle(now, answer)
    }

    pub(crate) fn settle(self, now: Timestamp, answer: Answer) -> LoginOutcome<Unauthenticated> {
        LoginOutcome::of(self, now, answer, |_| None)
    }
}

impl Fork for Unauthenticated {
    fn fork(&self) -> Self {
        Self {}
    }

    fn fingerprint(&self, _: &mut dyn Hasher) {}
}
