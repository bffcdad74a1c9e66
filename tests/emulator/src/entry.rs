//! One request in the ledger, and its line in a log.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::{Method, StatusCode};

use crate::fault::{Endpoint, Fault};

/// One request. It holds no password and no token; its `Display` form is fit for a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Entry {
    /// When it was received.
    pub at: SystemTime,
    /// Where.
    pub endpoint: Endpoint,
    /// What the rules made of it.
    pub what: What,
    /// The fault that struck it.
    pub fault: Option<Fault>,
    /// The status that was answered in the end, faults included. `None`: the answer was lost.
    pub answered: Option<StatusCode>,
}

/// What the rules made of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// A login.
    #[non_exhaustive]
    Password {
        /// The user, if there is one of this name. Other names aren't kept: a password typed into
        /// the wrong field is one of them.
        user: Option<Arc<str>>,
        /// How it ended.
        outcome: PasswordOutcome,
    },
    /// A refresh.
    #[non_exhaustive]
    Refresh {
        /// The serial number of the refresh token, if it is one of the emulator's own.
        serial: Option<u64>,
        /// How it ended.
        outcome: RefreshOutcome,
    },
    /// A request to a target API.
    #[non_exhaustive]
    Target {
        /// The method.
        method: Method,
        /// The path, without the query.
        path: String,
        /// The token that came with it.
        token: Presented,
        /// The status that was decided on.
        status: StatusCode,
        /// The length of the body in bytes.
        body_len: u64,
    },
    /// A request that is wrong in form, and changed nothing.
    #[non_exhaustive]
    Rejected {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A request to `/emulator/…`, which the ledger does not have.
    #[non_exhaustive]
    Control {
        /// What comes after `/emulator/`.
        order: String,
    },
    /// A request that a fault kept from being handled.
    Unhandled,
}

/// How a login ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PasswordOutcome {
    /// With tokens.
    Accepted {
        /// Their serial number.
        serial: u64,
    },
    /// There is no such user.
    UnknownUser,
    /// The password is wrong.
    WrongPassword,
    /// Too many passwords were wrong; right or wrong, this one was not looked at.
    LockedOut,
}

/// How a refresh ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefreshOutcome {
    /// With a new pair, in return for the current refresh token.
    Rotated {
        /// The serial number of the new pair.
        serial: u64,
    },
    /// With a new pair, in return for a spent refresh token:
    /// [`Settings::with_grace`](crate::Settings::with_grace).
    Grace {
        /// The serial number of the new pair.
        serial: u64,
    },
    /// With a new access token; the refresh token stays good:
    /// [`Rotation::KeepOld`](crate::Rotation::KeepOld).
    Kept {
        /// The serial number of the new access token.
        serial: u64,
    },
    /// With a refusal.
    Refused(Refusal),
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is not one of the emulator's own, or not of this kind.
    Unknown,
    /// Its life is over.
    Expired,
    /// It was spent before.
    Reused,
    /// It was revoked, by a control or with its family.
    Revoked,
}

/// The token that came with a request to a target API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presented {
    /// None.
    Nothing,
    /// A good one.
    Valid {
        /// Its serial number.
        serial: u64,
    },
    /// A bad one.
    Refused {
        /// Its serial number, if it is one of the emulator's own.
        serial: Option<u64>,
        /// What is wrong with it.
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
