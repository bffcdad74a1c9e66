//! The errors, one enum for each question that a caller can ask.
//!
//! Each prints all that it knows, with the causes that lie below it, each once. So none has a `source`: whoever
//! prints it alone, and whoever prints a chain, reads the same sentence.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

use crate::cause::ErrorCause;
use crate::{ForeignOrigin, StoreFailure, Timestamp};

/// The reason why a session can't authorize a request. Nothing has been sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthorizeError {
    /// The access token has expired, or a target API has answered it with 401.
    #[error("the access token has expired or was refused by a target API: refresh first")]
    Unusable,
    /// The provider does not allow the token to go to the request's origin.
    #[error(transparent)]
    ForeignOrigin(#[from] ForeignOrigin),
}

/// The reason why there is no token for a request.
///
/// Clones are cheap: each caller that waited gets one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Denied {
    /// The auth endpoint refused the password. It is not sent again for
    /// [`Config::refusal_memory`](crate::Config::refusal_memory), or less if it was a gateway that refused. Other
    /// credentials end this at once, and [`Machine::retry_refused`](crate::Machine::retry_refused) allows one attempt
    /// (I2).
    #[error(
        "{endpoint} refused the password of {username}{}: it is not sent again before {until}{}; set new \
         credentials to go on, or call `retry_refused` if it is valid now",
        .remembered.map(|at| format!(" on {at}, when another process sent it")).unwrap_or_default(),
        .saved_in.as_ref().map(|place| format!(" (remembered in {place})")).unwrap_or_default(),
    )]
    Rejected {
        /// The user whose password was refused.
        username: String,
        /// The URL that refused the password, without its query.
        endpoint: String,
        /// When the password was refused, if another process sent it and has saved that.
        remembered: Option<Timestamp>,
        /// Where the session is saved, if it is, and the refusal with it.
        saved_in: Option<String>,
        /// The time until which the password is not sent again.
        until: Timestamp,
    },
    /// The auth endpoint could not be reached or gave no useful answer, or nothing could be sent to it.
    #[error(
        "no usable token ({endpoint}, {attempts} attempt{}): {failure}; a request after {until} tries again",
        if *.attempts == 1 { "" } else { "s" }
    )]
    Unavailable {
        /// The URL of the auth endpoint that is asked next, without its query.
        endpoint: String,
        /// What went wrong at the last attempt.
        failure: Failure,
        /// How many attempts were made before giving up; 0 if none was due.
        attempts: u32,
        /// The time before which no attempt is made; after it, the next caller causes one.
        until: Timestamp,
    },
    /// The store of the saved session failed, so nothing was sent: without the saved session it is unknown what may
    /// be sent.
    #[error(
        "no usable token ({place}, {attempts} attempt{}): {failure}; a request after {until} tries again",
        if *.attempts == 1 { "" } else { "s" }
    )]
    Store {
        /// The store's [place](crate::SessionStore::place).
        place: String,
        /// What went wrong at the last attempt.
        failure: StoreFailure,
        /// How many attempts were made before giving up.
        attempts: u32,
        /// The time before which no attempt is made; after it, the next caller causes one.
        until: Timestamp,
    },
    /// A panic has interrupted the session. It can't be trusted any more, and no password leaves; make a new machine.
    #[error("a panic has interrupted the session: make a new one")]
    Interrupted,
}

impl Denied {
    /// Returns whether the password was refused, so that a person has to give another.
    pub fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected { .. })
    }

    /// Returns whether this may be over by itself, at [`retry_at`](Self::retry_at). If not, a person has to change
    /// something: the password, the settings, the store's permissions.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { failure, .. } => failure.is_transient(),
            Self::Store { failure, .. } => failure.is_transient(),
            Self::Rejected { .. } | Self::Interrupted => false,
        }
    }

    /// Returns when the next attempt can be made. `None` where new credentials, or a new machine, must come first.
    pub fn retry_at(&self) -> Option<Timestamp> {
        match self {
            Self::Unavailable { until, .. } | Self::Store { until, .. } => Some(*until),
            Self::Rejected { .. } | Self::Interrupted => None,
        }
    }
}

/// The reason why an exchange with the auth endpoint brought no tokens. It decided nothing: the session is as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Failure {
    /// No answer came. Whether the request arrived is unknown, unless it
    /// [was not sent](TransportFailure::is_not_sent).
    #[error("no answer came: {0}")]
    Transport(TransportFailure),
    /// The answer is neither tokens nor the documented refusal.
    #[error("the auth endpoint answered {status}{}", .error.map(|e| format!(" ({e})")).unwrap_or_default())]
    Status {
        /// The status of the answer.
        status: StatusCode,
        /// The error code in the body, if it is one of RFC 6749, section 5.2.
        error: Option<OAuthError>,
        /// How long the server asks to wait (RFC 9110, section 10.2.3), an hour at most.
        retry_after: Option<Duration>,
    },
    /// The answer is a redirect. Credentials are never sent to a second place.
    #[error(
        "the auth endpoint answered {0}, a redirect, which is not followed: give the provider the URL that it leads to"
    )]
    Redirect(StatusCode),
    /// The answer is a 2xx whose body is no token response.
    #[error("the auth endpoint answered with success, but {0}")]
    Body(BodyDefect),
    /// Nothing was sent, since the store failed: without the saved session it is unknown what may be sent.
    #[error(transparent)]
    Store(#[from] StoreFailure),
    /// Nothing was sent: the source of the credentials gave none.
    #[error("the source of the credentials failed: {0}")]
    Credentials(ErrorCause),
    /// Nothing was sent: it is too soon after the last passwords (I13).
    #[error("passwords were sent too often, so the next one waits")]
    LoginsPaced,
    /// Nothing was sent: the last answers to this password, as another process has saved them, were neither
    /// tokens nor a refusal. [`Machine::retry_refused`](crate::Machine::retry_refused) allows one attempt.
    #[error(
        "the last answers to this password were neither tokens nor a refusal, so the next one waits \
         (`retry_refused` allows one attempt)"
    )]
    LoginsUnclear,
    /// Nothing was sent: a program that could save nothing has sent a password a short while ago, or had it refused,
    /// and the store's [mark](crate::LockedStore::mark) says so.
    /// [`Machine::retry_refused`](crate::Machine::retry_refused) allows one attempt.
    #[error(
        "a password was sent or refused a while ago, which could not be saved, so the next one waits: mend {place}, \
         where the session belongs (`retry_refused` allows one attempt)"
    )]
    LoginsMarked {
        /// The store's [place](crate::SessionStore::place).
        place: String,
    },
    /// Nothing was sent: another process has found the auth endpoint failing a short while ago.
    #[error(
        "the auth endpoint answered {status} to another process at {since}, so it is left alone for a while"
    )]
    CoolingDown {
        /// The status that the other process got.
        status: StatusCode,
        /// When the other process gave up.
        since: Timestamp,
    },
}

impl Failure {
    /// Returns whether the next attempt may succeed without any change. Other failures would only be repeated.
    pub fn is_transient(&self) -> bool {
        self.kind() == FailureKind::Transient
    }

    pub(crate) fn kind(&self) -> FailureKind {
        let (status, error) = match self {
            Self::Store(failure) if !failure.is_transient() => {
                return FailureKind::Configuration;
            }
            Self::Transport(_)
            | Self::Body(_)
            | Self::Store(_)
            | Self::Credentials(_)
            | Self::LoginsPaced
            | Self::LoginsUnclear
            | Self::LoginsMarked { .. }
            | Self::CoolingDown { .. } => return FailureKind::Transient,
            Self::Redirect(_) => return FailureKind::Configuration,
            Self::Status { status, error, .. } => (status.as_u16(), error),
        };
        match status {
            200..500 if error.is_some_and(OAuthError::is_configuration) => {
                FailureKind::Configuration
            }
            408 | 425 | 429 => FailureKind::Transient,
            404 | 405 | 407 | 411 | 413 | 414 | 415 | 417 | 421 | 426 | 431 => {
                FailureKind::Configuration
            }
            400..500 => FailureKind::Unclear,
            _ => FailureKind::Transient,
        }
    }

    /// Whether the server has answered at all.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::Status { .. } | Self::Redirect(_) | Self::Body(_)
        )
    }

    /// Whether it is an answer that says nothing good of a password, neither refuses it nor is an outage's.
    pub(crate) fn is_doubtful(&self) -> bool {
        match self {
            Self::Body(_) => true,
            Self::Status { status, .. } if status.is_success() => true,
            failure => failure.is_answer() && failure.kind() != FailureKind::Transient,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// What to make of a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// It may be over in a moment.
    Transient,
    /// The client's own settings, or where it asks, are wrong.
    Configuration,
    /// The server does not want it, and does not say why.
    Unclear,
}

/// An error code of RFC 6749, section 5.2. Codes other than these are not kept: a server may put anything there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OAuthError {
    /// `invalid_request`: the server can't read the request.
    InvalidRequest,
    /// `invalid_client`: the server does not know the client, or its secret is wrong.
    InvalidClient,
    /// `invalid_grant`: the password or the refresh token is no good.
    InvalidGrant,
    /// `unauthorized_client`: the client may not use this grant.
    UnauthorizedClient,
    /// `unsupported_grant_type`: the server does not have this grant.
    UnsupportedGrantType,
    /// `invalid_scope`: the scope is unknown, malformed, or more than was granted.
    InvalidScope,
}

impl OAuthError {
    const ALL: [Self; 6] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
    ];

    /// Returns the code as it stands in the body.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
        }
    }

    /// The client's fault, whatever was sent with it.
    pub(crate) fn is_configuration(self) -> bool {
        matches!(
            self,
            Self::InvalidClient
                | Self::UnauthorizedClient
                | Self::UnsupportedGrantType
                | Self::InvalidScope
        )
    }

    pub(crate) fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == code)
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A defect of the body of a token response. It names the member and never its value (I9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum BodyDefect {
    /// The body is larger than 1 MiB, and was not parsed.
    #[error("its body is larger than 1 MiB")]
    TooLarge,
    /// The body ends in the middle.
    #[error("its body ends before the JSON does")]
    Truncated,
    /// The body is not JSON.
    #[error("its body is not JSON (line {line}, column {column})")]
    NotJson {
        /// The line where the text stops being JSON, from 1.
        line: usize,
        /// The column where the text stops being JSON, from 1.
        column: usize,
    },
    /// The body is JSON, but no object.
    #[error("its body is JSON but not an object")]
    NotAnObject,
    /// A member is missing that RFC 6749, section 5.1, requires.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// The body has a token twice, with two values.
    #[error("`{0}` is there twice")]
    Duplicate(&'static str),
    /// A member has a value of the wrong type, such as a number in place of a string.
    #[error("`{0}` has the wrong type")]
    WrongType(&'static str),
    /// A token is empty.
    #[error("`{0}` is empty")]
    Empty(&'static str),
    /// A token has characters other than printable ASCII (RFC 6749, appendix A.12).
    #[error("`{0}` has characters that no token can have")]
    BadCharacter(&'static str),
    /// `token_type` is one that a bearer header does not do for (RFC 6749, section 7.1).
    #[error("`token_type` is not `bearer`")]
    NotBearer,
    /// The body is encoded, as with gzip, and nobody asked for that.
    #[error("its body is encoded with {0}, which was not asked for")]
    Encoded(&'static str),
}

/// The reason why an exchange got no answer, as a driver reports it.
///
/// Its text ends up in errors and logs, so it must hold no secret. The address of the auth endpoint is no secret, but
/// leave out its query, and what the server has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportFailure {
    cause: ErrorCause,
    is_not_sent: bool,
}

impl TransportFailure {
    /// Takes the HTTP client's error. Its text, with those of all its sources, becomes this one's.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of(ErrorCause::new(error))
    }

    /// Takes the HTTP client's error, for an exchange that ended before it had a connection.
    ///
    /// The host was not found, it or its proxy refused, the TLS handshake failed: nothing of the request has left.
    ///
    /// Decide by how far the exchange got, not by the error: a reset in the handshake and one after the request was
    /// read look alike. If you can't tell, use [`new`](Self::new).
    pub fn not_sent(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            is_not_sent: true,
            ..Self::new(error)
        }
    }

    /// Makes the failure of an exchange that took longer than the driver gives it.
    pub fn timed_out() -> Self {
        Self::of(ErrorCause::of_text("the exchange took too long"))
    }

    /// Makes the failure of an exchange that nobody carries out any more: after a panic, say, or with its runtime
    /// shut down.
    pub fn abandoned() -> Self {
        Self::of(ErrorCause::of_text("the exchange was abandoned"))
    }

    /// Returns the client's own error, to look at what it is; `None` if there is only a text.
    pub fn get_ref(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.cause.get_ref()
    }

    /// Returns whether it is certain that nothing of the request has left.
    pub fn is_not_sent(&self) -> bool {
        self.is_not_sent
    }

    fn of(cause: ErrorCause) -> Self {
        Self {
            cause,
            is_not_sent: false,
        }
    }
}

impl From<std::io::Error> for TransportFailure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error)
    }
}

impl fmt::Display for TransportFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for TransportFailure {}

impl From<BodyDefect> for Failure {
    fn from(defect: BodyDefect) -> Self {
        Self::Body(defect)
    }
}
