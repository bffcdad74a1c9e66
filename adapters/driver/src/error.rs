use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use simacan_auth::{Denied, Failure, ForeignOrigin, Origin, Timestamp};

/// Why a request got no answer. `R` is the error of the HTTP client; a driver by itself has none.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error<R = Infallible> {
    /// There is no token for it: the password was refused, or the auth endpoint can't be reached.
    /// After a 401 this comes in its place, since it says more.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The token may not go there. Nothing was sent.
    #[error(transparent)]
    ForeignOrigin(#[from] ForeignOrigin),
    /// The target has refused this token as a [`Bearer`](crate::Bearer), and that another one would serve is
    /// not to be expected just now.
    #[error("{origin} has refused the bearer token, and no other is got for it before {until}")]
    Unauthorized {
        /// The target's.
        origin: String,
        /// No refresh is made for its sake before then.
        until: Timestamp,
    },
    /// There was no token within the time that a request waits for one. What was under way goes on.
    #[error(
        "no token within {} s: {waited_for}{}",
        .after.as_secs_f32(),
        .failure.as_ref().map(|failure| format!("; the last attempt failed: {failure}")).unwrap_or_default()
    )]
    TimedOut {
        /// How long the request has waited.
        after: Duration,
        /// What it has waited for at last.
        waited_for: &'static str,
        /// How the last attempt failed, if one has.
        failure: Option<Failure>,
    },
    /// The system gives no thread to get a token with. The next request tries again.
    #[error("there is no token, and the system gives no thread to get one with: {0}")]
    NoThread(#[source] Arc<io::Error>),
    /// A callback, the store or the exchange of a session has asked for a token that is not there: to wait
    /// for it would be to wait for itself.
    #[error(
        "there is no token, and a callback, a store or an exchange can't wait for one: do it in a thread of \
         its own"
    )]
    InCallback,
    /// This process was forked from the one that made the client: the two would spend each other's refresh
    /// tokens.
    #[error(
        "this process was forked from the one that made the client: make clients after forking"
    )]
    Forked,
    /// It is https, and the program was built without TLS. Nothing was sent.
    #[error(
        "{origin} is https, and this program was built without TLS: turn on the adapter's feature `rustls`, or \
         another that has TLS"
    )]
    NoTls {
        /// The auth endpoint's, or the target's.
        origin: String,
    },
    /// The HTTP client can't be made as it is configured. The source says why.
    #[error("the HTTP client can't be made")]
    Client(#[source] R),
    /// The request to the target API failed. The source says why.
    #[error("the request to the target API failed")]
    Request(#[source] R),
}

impl<R> Error<R> {
    /// When it is of use to try again. `None` after [`TimedOut`](Self::TimedOut) and
    /// [`NoThread`](Self::NoThread): soon, since the next call waits again; else there is something to be mended.
    pub fn retry_at(&self) -> Option<SystemTime> {
        match self {
            Self::Denied(Denied::Unavailable { until, .. }) | Self::Unauthorized { until, .. } => {
                Some((*until).into())
            }
            _ => None,
        }
    }

    /// In a program without TLS: [`NoTls`](Self::NoTls) if the origin is https.
    #[doc(hidden)]
    pub fn check_no_tls(origin: Origin<'_>) -> Result<(), Self> {
        if !origin.is_https() {
            return Ok(());
        }
        let origin = origin.to_string();
        Err(Self::NoTls { origin })
    }
}

impl Error {
    /// As the error of an adapter.
    pub fn cast<R>(self) -> Error<R> {
        match self {
            Self::Denied(denied) => Error::Denied(denied),
            Self::ForeignOrigin(foreign) => Error::ForeignOrigin(foreign),
            Self::Unauthorized { origin, until } => Error::Unauthorized { origin, until },
            Self::TimedOut {
                after,
                waited_for,
                failure,
            } => Error::TimedOut {
                after,
                waited_for,
                failure,
            },
            Self::NoThread(error) => Error::NoThread(error),
            Self::InCallback => Error::InCallback,
            Self::Forked => Error::Forked,
            Self::NoTls { origin } => Error::NoTls { origin },
            Self::Client(never) | Self::Request(never) => match never {},
        }
    }
}
