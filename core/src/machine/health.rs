//! How a session does, for a page or a probe.

use std::fmt;

use super::round::Demand;
use super::state::State;
use super::{Machine, Status};
use crate::error::Failure;
use crate::{Generation, Timestamp};

/// The health of a session, for a page or a probe: whether a token can be used now, and if not, why not and until
/// when.
///
/// It prints as a sentence.
///
/// ```
/// use simacan_auth::{Config, Credentials, Machine, Provider, Timestamp};
///
/// let credentials = Credentials::new("foo@bar.com", "open sesame");
/// let mut machine = Machine::new(Provider::simacan(), credentials, Config::default());
/// let health = machine.health(Timestamp::from_millis(1_800_000_000_000));
/// assert!(!health.is_usable);
/// assert_eq!(
///     health.to_string(),
///     "no usable token; not logged in; the next attempt can be made from Fri, 15 Jan 2027 08:00:00 GMT on",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The state of the session.
    pub status: Status,
    /// Whether a request gets a token now, without a wait.
    pub is_usable: bool,
    /// The number of the current tokens; 0 before the first.
    pub generation: Generation,
    /// When the current access token expires, if there is one and the server said so.
    pub expires_at: Option<Timestamp>,
    /// How the last attempt failed, if none has brought tokens since.
    pub failure: Option<Failure>,
    /// When the next attempt to get tokens can be made. A request causes it, or
    /// [`Config::keep_alive`](crate::Config::keep_alive). `None` while one is under way, and where none will be.
    pub next_attempt: Option<Timestamp>,
    /// Whether the store, if there is one, holds all that there is to save.
    pub is_saved: bool,
}

impl Machine {
    /// Returns the health of the session. Starts nothing.
    pub fn health(&mut self, now: Timestamp) -> Health {
        let is_usable = self.state.has_usable_token(now) && !self.holds_token();
        Health {
            status: self.status(),
            is_usable,
            generation: self.generation,
            expires_at: self.expires_at(),
            failure: self.round.failure_since_tokens().cloned(),
            next_attempt: self.next_attempt(now, is_usable),
            is_saved: self.is_saved(),
        }
    }

    fn next_attempt(&mut self, now: Timestamp, is_usable: bool) -> Option<Timestamp> {
        let is_over = self.is_closed || matches!(self.state, State::Interrupted);
        if is_over || self.in_flight().is_some() {
            return None;
        }
        if matches!(self.state, State::Rejected(_)) {
            let refused = self.refusal(now, None);
            return Some(refused.map_or(now, |refused| refused.until));
        }
        if self.round.is_open() {
            return Some(self.until_attempt(now).map_or(now, |rest| rest.end));
        }
        let demand = if is_usable {
            Demand::Early
        } else {
            Demand::Urgent
        };
        let allowed = self.earliest_round(now, demand).unwrap_or(now);
        let wanted = match &self.state {
            State::Authenticated(session, _) if is_usable => {
                if session.has_refresh_token() {
                    self.refresh_due.moment()?
                } else {
                    session.expires_at()?
                }
            }
            _ => now,
        };
        Some(allowed.max(wanted))
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_usable, self.expires_at) {
            (false, _) => f.write_str("no usable token")?,
            (true, Some(at)) => write!(f, "token {} is usable until {at}", self.generation)?,
            (true, None) => write!(f, "token {} is usable until a 401", self.generation)?,
        }
        write!(f, "; {}", self.status)?;
        if let Some(failure) = &self.failure {
            write!(f, "; the last attempt failed: {failure}")?;
        }
        match self.next_attempt {
            Some(at) if self.status == Status::Rejected => {
                write!(f, "; it is not sent again before {at}")?;
            }
            Some(at) => write!(f, "; the next attempt can be made from {at} on")?,
            None if self.status.is_unfinished() => f.write_str("; an attempt is under way")?,
            None => {}
        }
        if !self.is_saved {
            f.write_str("; not saved")?;
        }
        Ok(())
    }
}

impl Status {
    /// Whether what it is about is yet to be sent, or to be answered.
    fn is_unfinished(self) -> bool {
        matches!(
            self,
            Self::Unauthenticated | Self::Refreshing | Self::ReLogin
        )
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unauthenticated => "not logged in",
            Self::Authenticated { .. } => "logged in",
            Self::Refreshing => "refreshing",
            Self::ReLogin => "logging in again, since the refresh token was refused",
            Self::Rejected => "the password was refused",
            Self::Interrupted => "interrupted by a panic",
        })
    }
}
