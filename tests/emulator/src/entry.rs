//! One request in the ledger, and its line in a log.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::{Method, StatusCode};

use crate::fault::{Endpoint, Fault};

/// The ledger's entry for one request. It holds no password and no token; its `Display` form is fit for a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Entry {
    /// When the request was received.
    pub at: SystemTime,
    /// The endpoint that the request went to.
    pub endpoint: Endpoint,
    /// What the rules made of the request.
    pub what: What,
    /// The fault that struck the request, if one did.
    pub fault: Option<Fault>,
    /// The status that was answered in the end, faults included. `None`: the answer was lost.
    pub answered: Option<StatusCode>,
}

/// A request as the rules took it, and what they decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// The request is a login.
    #[non_exhaustive]
    Password {
        /// The user, if there is one of this name. Other names aren't kept: a password typed into
        /// the wrong field is one of them.
        user: Option<Arc<str>>,
        /// How the login ended.
        outcome: PasswordOutcome,
    },
    /// The request is a refresh.
    #[non_exhaustive]
    Refresh {
        /// The serial number of the refresh token, if it is one of the emulator's own.
        serial: Option<u64>,
        /// How the refresh ended.
        outcome: RefreshOutcome,
    },
    /// The request is to a target API.
    #[non_exhaustive]
    Target {
        /// The request's method.
        method: Method,
        /// The request's path, without the query.
        path: String,
        /// The token that came with the request.
        token: Presented,
        /// The status that was decided on.
        status: StatusCode,
        /// The length of the request's body in bytes.
        body_len: u64,
    },
    /// The request is wrong in form, and changed nothing.
    #[non_exhaustive]
    Rejected {
        /// What is wrong with the request.
        why: &'static str,
    },
    /// The request is to `/emulator/…`, which the ledger does not have.
    #[non_exhaustive]
    Control {
        /// The path after `/emulator/`.
        order: String,
    },
    /// The request was not handled, because of a fault.
    Unhandled,
}

/// The end of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PasswordOutcome {
    /// The login brought tokens.
    Accepted {
        /// The serial number of the tokens.
        serial: u64,
    },
    /// There is no such user.
    UnknownUser,
    /// The password is wrong.
    WrongPassword,
    /// Too many passwords were wrong; right or wrong, this one was not looked at.
    LockedOut,
}

/// The end of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefreshOutcome {
    /// The refresh brought a new pair, in return for the current refresh token.
    Rotated {
        /// The serial number of the new pair.
        serial: u64,
    },
    /// The refresh brought a new pair, in return for a spent refresh token:
    /// [`Settings::with_grace`](crate::Settings::with_grace).
    Grace {
        /// The serial number of the new pair.
        serial: u64,
    },
    /// The refresh brought a new access token; the refresh token stays good:
    /// [`Rotation::KeepOld`](crate::Rotation::KeepOld).
    Kept {
        /// The serial number of the new access token.
        serial: u64,
    },
    /// The refresh token was refused.
    Refused(Refusal),
}

/// The reason why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The token is not one of the emulator's own, or not of this kind.
    Unknown,
    /// The token's life is over.
    Expired,
    /// The token was spent before.
    Reused,
    /// The token was revoked, by a control or with its family.
    Revoked,
}

/// The bearer token that came with a request to a target API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presented {
    /// The request has no token.
    Nothing,
    /// The token is good.
    Valid {
        /// The token's serial number.
        serial: u64,
    },
    /// The token is refused.
    Refused {
        /// The token's serial number, if it is one of the emulator's own.
        serial: Option<u64>,
        /// What is wrong with the token.
        why: Refusal,
    },
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> ", self.endpoint, self.what)?;
        match self.answered {
            Some(status) => write!(f, "{}", status.as_u16())?,
            None => f.write_str("no answer")?,
        }
        match &self.fault {
            Some(fault) => write!(f, " [fault: {fault}]"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { user, outcome } => {
                write!(f, "{}, ", user.as_deref().unwrap_or("unknown user"))?;
                match outcome {
                    PasswordOutcome::Accepted { serial } => write!(f, "accepted, tokens #{serial}"),
                    PasswordOutcome::UnknownUser => f.write_str("refused"),
                    PasswordOutcome::WrongPassword => f.write_str("wrong password"),
                    PasswordOutcome::LockedOut => f.write_str("locked out"),
                }
            }
            Self::Refresh { serial, outcome } => {
                write_serial(f, *serial)?;
                match outcome {
                    RefreshOutcome::Rotated { serial } => write!(f, ", replaced by #{serial}"),
                    RefreshOutcome::Grace { serial } => {
                        write!(f, ", spent but in grace, replaced by #{serial}")
                    }
                    RefreshOutcome::Kept { serial } => write!(f, ", kept, access token #{serial}"),
                    RefreshOutcome::Refused(why) => write!(f, ", {why}"),
                }
            }
            Self::Target {
                method,
                path,
                token,
                body_len,
                ..
            } => {
                write!(f, "{method} {path}, {body_len} bytes, ")?;
                match token {
                    Presented::Nothing => f.write_str("no token"),
                    Presented::Valid { serial } => write_serial(f, Some(*serial)),
                    Presented::Refused { serial, why } => {
                        write_serial(f, *serial)?;
                        write!(f, ", {why}")
                    }
                }
            }
            Self::Rejected { why } => f.write_str(why),
            Self::Control { order } => write!(f, "control, {order}"),
            Self::Unhandled => f.write_str("not handled"),
        }
    }
}

fn write_serial(f: &mut fmt::Formatter<'_>, serial: Option<u64>) -> fmt::Result {
    match serial {
        Some(serial) => write!(f, "token #{serial}"),
        None => f.write_str("foreign token"),
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Reused => "reused",
            Self::Revoked => "revoked",
        })
    }
}
