//! The token itself, for what is no HTTP request of ours.

use std::fmt;
use std::time::SystemTime;

use http::{HeaderValue, StatusCode, Uri};
use simacan_auth::{Origin, Pending, Review, Sent, TargetRequest, Timestamp};

use crate::driver::{Driver, Wait};
use crate::error::Error;

/// The bearer token for one target: for a WebSocket, an MQTT client, a gRPC call, a vendor's SDK.
///
/// [`Driver::bearer`] returns it. Tell [`Driver::report`] whether the target accepted it, above all if it did not:
/// nobody else can see that.
pub struct Bearer {
    uri: Uri,
    value: HeaderValue,
    expires_at: Option<Timestamp>,
    sent: Sent,
}

/// Whether a target accepted a [`Bearer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerOutcome {
    /// The target accepted the bearer: a connection was opened, a message was taken.
    Accepted,
    /// The target refused the bearer, in whatever form: a 401, a close code, gRPC's `UNAUTHENTICATED`, MQTT's reason
    /// 135, a 403 that means 401.
    Unauthorized,
}

impl Bearer {
    /// Returns the token alone, which is a secret.
    pub fn as_str(&self) -> &str {
        let text = self.value.to_str().unwrap_or_default();
        text.split_once(' ').map_or(text, |(_, token)| token)
    }

    /// Returns `Bearer` and the token, for an `Authorization` header (RFC 6750, section 2.1). The value is marked
    /// sensitive.
    pub fn header_value(&self) -> HeaderValue {
        self.value.clone()
    }

    /// Returns when the token expires, if the server said so. It may end sooner.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at.map(SystemTime::from)
    }
}

impl Driver {
    /// Returns the bearer token for `uri`. As for a request, the origin is checked (`wss` counts as `https`), and
    /// without a token this waits for one. A token that has only seconds to live is not returned while its refresh is
    /// due or under way.
    ///
    /// [`Error::Unauthorized`]: the target has refused the current token, and no newer one is fetched for it yet.
    pub async fn bearer(&self, uri: &Uri) -> Result<Bearer, Error> {
        self.bearer_after(None, uri).await
    }

    /// Reports whether the target accepted a bearer token, and returns the token to use next.
    ///
    /// - [`Accepted`](BearerOutcome::Accepted): returns the same one. If it is refused later, report that, too.
    /// - [`Unauthorized`](BearerOutcome::Unauthorized): waits for a newer one and returns that, never the same. If
    ///   there is none, the error says why, and [`Error::retry_at`] when to call [`bearer`](Self::bearer) again.
    pub async fn report(&self, bearer: Bearer, outcome: BearerOutcome) -> Result<Bearer, Error> {
        let Bearer { uri, sent, .. } = bearer;
        if outcome == BearerOutcome::Accepted {
            self.session().check_process()?;
            let sent = self.session().lock().machine.accepted(sent);
            return Ok(Bearer {
                uri,
                sent,
                ..bearer
            });
        }
        match self.review(sent.anew(), StatusCode::UNAUTHORIZED) {
            Review::Retry(pending) => self.bearer_after(Some(pending), &uri).await,
            Review::Deliver => self.bearer(&uri).await,
        }
    }

    async fn bearer_after(&self, pending: Option<Pending>, uri: &Uri) -> Result<Bearer, Error> {
        let wait = Wait::new(true, None);
        let mut target = Target {
            uri,
            value: None,
            expires_at: None,
            refused_until: None,
        };
        let asked = self.session().ask(pending, wait, |machine, now, pending| {
            target.refused_until = machine.refused_until(now, &target);
            let authorization = machine.authorize(now, pending, &mut target);
            target.expires_at = machine.expires_at();
            authorization
        });
        let sent = Box::pin(asked).await?;
        match target {
            Target {
                value: Some(value),
                expires_at,
                refused_until: None,
                ..
            } => Ok(Bearer {
                uri: uri.clone(),
                value,
                expires_at,
                sent,
            }),
            Target { refused_until, .. } => Err(Error::Unauthorized {
                origin: Origin::of(uri)
                    .map(|origin| origin.to_string())
                    .unwrap_or_default(),
                until: refused_until.unwrap_or_default(),
            }),
        }
    }
}

struct Target<'a> {
    uri: &'a Uri,
    value: Option<HeaderValue>,
    expires_at: Option<Timestamp>,
    /// The target has refused the token that it would get.
    refused_until: Option<Timestamp>,
}

impl TargetRequest for Target<'_> {
    fn location(&self) -> Option<(&str, &str)> {
        // What is no origin is refused, and shown.
        let given = (self.uri.authority()).map_or(self.uri.path(), |authority| authority.as_str());
        Some((self.uri.scheme_str().unwrap_or_default(), given))
    }

    fn set_authorization(&mut self, value: HeaderValue) {
        self.value = Some(value);
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer")
            .field("uri", &self.uri)
            .field("value", &self.value)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
