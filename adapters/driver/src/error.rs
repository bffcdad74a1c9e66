use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use simacan_auth::{Denied, ErrorCause, Failure, ForeignOrigin, Origin, Timestamp};

/// The reason why a request got no answer. `R` is the error of the HTTP client; a driver by itself has none.
///
/// It prints all that it knows, with the causes that lie below it, each once, so its
/// [`source`](StdError::source) is empty. The HTTP client's own error is within [`Client`](Self::Client) and
/// [`Request`](Self::Request).
///
/// ```
/// use simacan_auth_driver::Error;
/// use std::time::{Duration, SystemTime};
///
/// /// How long to wait before the next try; `None`: a person has to do something first.
/// fn pause(error: &Error) -> Option<Duration> {
///     let at = error.is_transient().then(|| error.retry_at().unwrap_or_else(SystemTime::now))?;
///     Some(at.duration_since(SystemTime::now()).unwrap_or_default())
/// }
/// # assert_eq!(pause(&Error::Forked), None);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Error<R = Infallible> {
    /// There is no token for the request: the password was refused, or the auth endpoint or the store can't be
    /// reached. After a 401 this comes in its place, since it says more.
    Denied(Denied),
    /// The token may not go to the request's origin. Nothing was sent.
    ForeignOrigin(ForeignOrigin),
    /// The target has refused the current token as a [`Bearer`](crate::Bearer), and no newer one is fetched for it
    /// yet.
    Unauthorized {
        /// The origin of the target.
        origin: String,
        /// The time before which no refresh is made for the target's sake.
        until: Timestamp,
    },
    /// There was no token within the time that a request waits for one. The login or refresh goes on.
    TimedOut {
        /// The auth endpoint's, where the token was to come from.
        origin: String,
        /// How long the request has waited.
        after: Duration,
        /// What the request was waiting for when it gave up.
        waited_for: &'static str,
        /// How the last attempt failed, if one has.
        failure: Option<Failure>,
    },
    /// The system can't start a thread to get a token. The next request tries again.
    NoThread(Arc<io::Error>),
    /// A callback, a store or an exchange has asked for a token that is not there yet, and the driver's threads don't
    /// wait for one: it might wait for itself.
    InCallback,
    /// This process was forked from the one that made the client: the two would spend each other's refresh
    /// tokens.
    Forked,
    /// An origin is https, and the program was built without TLS. Nothing was sent.
    NoTls {
        /// The origin of the auth endpoint, or of the target.
        origin: String,
    },
    /// The HTTP client can't be built as it is configured, for this reason.
    Client(R),
    /// The request to the target API failed.
    Request {
        /// The origin of the target. `None` if the request could not be built.
        origin: Option<String>,
        /// The error of the HTTP client.
        error: R,
    },
}

impl<R> Error<R> {
    /// Returns whether the auth endpoint refused the password, so that a person has to give another.
    pub fn is_rejected(&self) -> bool {
        matches!(self, Self::Denied(denied) if denied.is_rejected())
    }

    /// Returns whether there may be a token at the next try, at [`retry_at`](Self::retry_at) or soon. If not, a
    /// person has to do something first. It is `false` for [`Request`](Self::Request), too: there was a token, so ask
    /// the HTTP client's error.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Denied(denied) => denied.is_transient(),
            Self::Unauthorized { .. } | Self::TimedOut { .. } | Self::NoThread(_) => true,
            _ => false,
        }
    }

    /// Returns when to try again. `None` means soon after [`TimedOut`](Self::TimedOut) and
    /// [`NoThread`](Self::NoThread), since the next call waits again; otherwise a person has to do something first.
    pub fn retry_at(&self) -> Option<SystemTime> {
        let at = match self {
            Self::Denied(denied) => denied.retry_at()?,
            Self::Unauthorized { until, .. } => *until,
            _ => return None,
        };
        Some(at.into())
    }

    /// A [`Request`](Self::Request) that was to go there has failed.
    #[doc(hidden)]
    pub fn of_request(origin: Option<Origin<'_>>, error: R) -> Self {
        let origin = origin.map(|origin| origin.to_string());
        Self::Request { origin, error }
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
    /// Converts this into the error of an adapter, whose HTTP client's error is `R`.
    pub fn cast<R>(self) -> Error<R> {
        match self {
            Self::Denied(denied) => Error::Denied(denied),
            Self::ForeignOrigin(foreign) => Error::ForeignOrigin(foreign),
            Self::Unauthorized { origin, until } => Error::Unauthorized { origin, until },
            Self::TimedOut {
                origin,
                after,
                waited_for,
                failure,
            } => Error::TimedOut {
                origin,
                after,
                waited_for,
                failure,
            },
            Self::NoThread(error) => Error::NoThread(error),
            Self::InCallback => Error::InCallback,
            Self::Forked => Error::Forked,
            Self::NoTls { origin } => Error::NoTls { origin },
            Self::Client(never) | Self::Request { error: never, .. } => match never {},
        }
    }
}

impl<R: StdError> fmt::Display for Error<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(denied) => denied.fmt(f),
            Self::ForeignOrigin(foreign) => foreign.fmt(f),
            Self::Unauthorized { origin, until } => write!(
                f,
                "{origin} has refused the bearer token, and no new one is fetched for it before {until}: check \
                 that this user may use that API"
            ),
            Self::TimedOut {
                origin,
                after,
                waited_for,
                failure,
            } => {
                let seconds = after.as_secs_f32();
                write!(f, "no token from {origin} within {seconds} s: {waited_for}")?;
                match failure {
                    Some(failure) => write!(f, "; the last attempt failed: {failure}"),
                    None => Ok(()),
                }
            }
            Self::NoThread(error) => write!(
                f,
                "no token, since the system can't start a thread to get one: {error}"
            ),
            Self::InCallback => f.write_str(
                "no token, and a callback, a store or an exchange can't wait for one: make this call in a thread of \
                 its own",
            ),
            Self::Forked => f.write_str(
                "the client was made before this process was forked: make clients after forking",
            ),
            Self::NoTls { origin } => write!(
                f,
                "{origin} is https, and this program was built without TLS: turn on the adapter's \
                 feature `rustls`, or another that has TLS"
            ),
            Self::Client(error) => write!(
                f,
                "the HTTP client can't be built: {}",
                ErrorCause::text_of(error)
            ),
            Self::Request { origin, error } => {
                let origin = origin.as_deref().unwrap_or("the target API");
                let said = ErrorCause::text_of(error);
                write!(f, "the request to {origin} failed: {said}")
            }
        }
    }
}

/// The text of `Display`: what a `main` prints that returns this error.
impl<R: StdError> fmt::Debug for Error<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<R: StdError> StdError for Error<R> {}

impl<R> From<Denied> for Error<R> {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl<R> From<ForeignOrigin> for Error<R> {
    fn from(foreign: ForeignOrigin) -> Self {
        Self::ForeignOrigin(foreign)
    }
}
