//! What happened, fit to log.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::error::Failure;
use crate::{Generation, InvalidSavedSession, StoreFailure, Timestamp};

/// Something that has happened to a session: a login, a refresh, a failure.
///
/// No event holds a secret (I9), and each prints as a sentence. Callers that wait for a [`Machine`](crate::Machine)'s
/// token ask again after each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A request to the auth endpoint is on its way.
    ExchangeStarted {
        /// What the request sends.
        purpose: Purpose,
        /// The number of the attempt within its round, from 1.
        attempt: u32,
    },
    /// A request to the auth endpoint has ended. It comes from a driver that has a clock, such as
    /// `simacan-auth-driver`, and from no [`Machine`].
    ///
    /// [`Machine`]: crate::Machine
    ExchangeEnded {
        /// The status of the answer; `None` if none came.
        status: Option<StatusCode>,
        /// How long the exchange took.
        took: Duration,
    },
    /// The password brought tokens.
    LoggedIn {
        /// The generation of the new tokens.
        generation: Generation,
        /// When the access token expires, if the server said so.
        expires_at: Option<Timestamp>,
    },
    /// The refresh token brought new tokens.
    Refreshed {
        /// The generation of the new tokens.
        generation: Generation,
        /// When the access token expires, if the server said so.
        expires_at: Option<Timestamp>,
    },
    /// The lifetime that came with the tokens is not a number of seconds, so it counts as unknown.
    OddLifetime,
    /// An answer was neither tokens, nor a refusal, nor an outage. After three of them a password waits; three that
    /// are some time apart count as a refusal of the refresh token.
    AnswerUnclear {
        /// What the request was for.
        purpose: Purpose,
        /// How many unclear answers there were to that token or password.
        count: u32,
    },
    /// The refresh token was refused, so the password will be sent.
    RefreshRefused,
    /// The password was refused. It is not sent again before there are other credentials, or
    /// [`Config::refusal_memory`](crate::Config::refusal_memory) is over.
    Rejected {
        /// The user whose password was refused.
        username: String,
    },
    /// An attempt has failed and another will follow.
    AttemptFailed {
        /// What went wrong.
        failure: Failure,
        /// The number of the attempt within its round, from 1.
        attempt: u32,
        /// When the next attempt is made.
        retry_at: Timestamp,
    },
    /// All attempts of a round have failed, and the callers that waited are denied.
    RoundFailed {
        /// What went wrong at the last attempt.
        failure: Failure,
        /// How many attempts there were.
        attempts: u32,
        /// The time before which no request starts another round.
        until: Timestamp,
    },
    /// A target API answered the current token with 401, so it is not used any more.
    Unauthorized {
        /// The generation of the tokens that the 401 ended.
        generation: Generation,
    },
    /// A target API answered even a fresh token with 401: its 401s are delivered for a while and
    /// start nothing.
    TargetGuarded {
        /// The time from which the target's 401s start refreshes again.
        until: Timestamp,
    },
    /// The session took over the tokens that another process has saved in the store.
    Adopted {
        /// The generation of the new tokens.
        generation: Generation,
        /// When the access token expires, if the server said so.
        expires_at: Option<Timestamp>,
    },
    /// The session could not be saved. It goes on in memory.
    SaveFailed {
        /// Why the session could not be saved.
        failure: StoreFailure,
        /// The time before which the store is not visited for this save alone.
        retry_at: Timestamp,
    },
    /// The store's lock could not be released. Other processes may have to wait until it runs out.
    UnlockFailed {
        /// Why the lock could not be released.
        failure: StoreFailure,
    },
    /// The saved session can't be read. It is not used, and will be overwritten.
    SavedSessionDamaged {
        /// The store's [place](crate::SessionStore::place).
        place: String,
        /// What is wrong with the saved session.
        defect: InvalidSavedSession,
    },
    /// The saved session belongs to another user, auth endpoint or scope. It is not used, and will be overwritten.
    SavedSessionForeign {
        /// The store's [place](crate::SessionStore::place).
        place: String,
    },
    /// The password is not sent, since it was refused to another process, which has saved that.
    RefusalRemembered {
        /// When the password was refused.
        at: Timestamp,
        /// The store where the refusal is saved.
        place: String,
    },
    /// Somebody has logged out: the tokens are forgotten, and no other process is to refresh them.
    Forgotten,
    /// The auth endpoint has revoked a forgotten token (RFC 7009).
    Revoked,
    /// The auth endpoint has not revoked a forgotten token. It stays valid until it expires.
    RevocationFailed {
        /// Why the token was not revoked.
        failure: Failure,
    },
    /// New credentials are in use.
    CredentialsReplaced {
        /// The user of the new credentials.
        username: String,
    },
}

/// The purpose of an exchange, by what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// The password, for the first tokens.
    Login,
    /// The refresh token.
    Refresh,
    /// The password, since the refresh token was refused.
    ReLogin,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::ReLogin => "login after a refused refresh",
        })
    }
}

impl Purpose {
    /// What three unclear answers lead to.
    fn after_three_unclear(self) -> &'static str {
        match self {
            Self::Refresh => "three, some time apart, count as a refusal",
            Self::Login | Self::ReLogin => "after three the password waits",
        }
    }
}

impl Event {
    /// Returns the event's name in `snake_case`: for counters, and for fields of logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ExchangeStarted { .. } => "exchange_started",
            Self::ExchangeEnded { .. } => "exchange_ended",
            Self::LoggedIn { .. } => "logged_in",
            Self::Refreshed { .. } => "refreshed",
            Self::OddLifetime => "odd_lifetime",
            Self::AnswerUnclear { .. } => "answer_unclear",
            Self::RefreshRefused => "refresh_refused",
            Self::Rejected { .. } => "rejected",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::RoundFailed { .. } => "round_failed",
            Self::Unauthorized { .. } => "unauthorized",
            Self::TargetGuarded { .. } => "target_guarded",
            Self::Adopted { .. } => "adopted",
            Self::SaveFailed { .. } => "save_failed",
            Self::UnlockFailed { .. } => "unlock_failed",
            Self::SavedSessionDamaged { .. } => "saved_session_damaged",
            Self::SavedSessionForeign { .. } => "saved_session_foreign",
            Self::RefusalRemembered { .. } => "refusal_remembered",
            Self::Forgotten => "forgotten",
            Self::Revoked => "revoked",
            Self::RevocationFailed { .. } => "revocation_failed",
            Self::CredentialsReplaced { .. } => "credentials_replaced",
        }
    }
}

impl fmt::Display for Event {
    #[expect(clippy::too_many_lines, reason = "it is a table")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expiry = |f: &mut fmt::Formatter<'_>, expires_at: &Option<Timestamp>| match expires_at {
            Some(at) => write!(f, ", good until {at}"),
            None => f.write_str(", good until a 401 says otherwise"),
        };
        match self {
            Self::ExchangeStarted { purpose, attempt } => {
                write!(f, "{purpose} started (attempt {attempt})")
            }
            Self::ExchangeEnded { status, took } => {
                let answer = status.map_or("no answer".to_owned(), |status| status.to_string());
                write!(f, "exchange ended after {took:.1?}: {answer}")
            }
            Self::LoggedIn {
                generation,
                expires_at,
            } => {
                write!(f, "logged in: token {generation}")?;
                expiry(f, expires_at)
            }
            Self::Refreshed {
                generation,
                expires_at,
            } => {
                write!(f, "refreshed: token {generation}")?;
                expiry(f, expires_at)
            }
            Self::OddLifetime => {
                f.write_str("the lifetime that the server gave is not a number of seconds")
            }
            Self::AnswerUnclear { purpose, count } => write!(
                f,
                "{purpose}: unclear answer {count}, neither tokens nor a refusal ({})",
                purpose.after_three_unclear()
            ),
            Self::RefreshRefused => {
                f.write_str("the refresh token was refused; the password is sent again")
            }
            Self::Rejected { username } => write!(
                f,
                "the password of {username} was refused; waiting for other credentials"
            ),
            Self::AttemptFailed {
                failure,
                attempt,
                retry_at,
            } => write!(f, "attempt {attempt} failed: {failure}; next at {retry_at}"),
            Self::RoundFailed {
                failure,
                attempts,
                until,
            } => write!(
                f,
                "gave up after {attempts} attempt{}: {failure}; not again before {until}",
                if *attempts == 1 { "" } else { "s" }
            ),
            Self::Unauthorized { generation } => {
                write!(f, "a target API refused token {generation}")
            }
            Self::TargetGuarded { until } => write!(
                f,
                "a target API refuses even fresh tokens; its 401s cause no refresh before {until}"
            ),
            Self::Adopted {
                generation,
                expires_at,
            } => {
                write!(f, "took over a saved session: token {generation}")?;
                expiry(f, expires_at)
            }
            Self::SaveFailed { failure, retry_at } => {
                write!(
                    f,
                    "the session was not saved: {failure}; next try after {retry_at}"
                )
            }
            Self::UnlockFailed { failure } => {
                write!(
                    f,
                    "the lock of the saved session was not released: {failure}"
                )
            }
            Self::SavedSessionDamaged { place, defect } => {
                write!(
                    f,
                    "{defect} ({place}); it is not used, and will be overwritten"
                )
            }
            Self::SavedSessionForeign { place } => write!(
                f,
                "the session saved in {place} is not used: it is another user's, another auth endpoint's, or of \
                 another scope",
            ),
            Self::RefusalRemembered { at, place } => write!(
                f,
                "the password is not sent: it was refused on {at}, says the session saved in {place}; set new \
                 credentials, or call `retry_refused` if it is valid now"
            ),
            Self::Forgotten => f.write_str("logged out: the tokens are forgotten"),
            Self::Revoked => f.write_str("the auth endpoint has revoked a forgotten token"),
            Self::RevocationFailed { failure } => write!(
                f,
                "a forgotten token was not revoked: {failure}; it ends in its time"
            ),
            Self::CredentialsReplaced { username } => {
                write!(f, "new credentials, of {username}")
            }
        }
    }
}
