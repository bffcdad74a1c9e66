use std::fmt;

use simacan_auth_emulator::{Fault, PasswordOutcome, RefreshOutcome, Refusal, What};

use crate::front::Incarnation;

/// What a process has sent to the Auth API, and what came of it.
pub(crate) struct Exchange {
    pub(crate) place: usize,
    pub(crate) by: Incarnation,
    pub(crate) what: What,
    pub(crate) fault: Option<Fault>,
}

impl Exchange {
    pub(crate) fn is_password(&self) -> bool {
        matches!(self.what, What::Password { .. })
    }

    /// The serial number of the tokens that it brought.
    pub(crate) fn granted(&self) -> Option<u64> {
        match self.what {
            What::Password {
                outcome: PasswordOutcome::Accepted { serial },
                ..
            }
            | What::Refresh {
                outcome: RefreshOutcome::Rotated { serial },
                ..
            } => Some(serial),
            _ => None,
        }
    }

    /// The serial number of the refresh token that it has used up.
    pub(crate) fn spent(&self) -> Option<u64> {
        match self.what {
            What::Refresh {
                serial,
                outcome: RefreshOutcome::Rotated { .. },
                ..
            } => serial,
            _ => None,
        }
    }

    pub(crate) fn refused(&self) -> Option<Refusal> {
        match self.what {
            What::Refresh {
                outcome: RefreshOutcome::Refused(why),
                ..
            } => Some(why),
            _ => None,
        }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_password() {
            "password"
        } else {
            "refresh"
        };
        write!(
            f,
            "{:5}. process {}: {kind}, {}",
            self.place, self.by, self.what
        )?;
        match &self.fault {
            Some(fault) => write!(f, " [{fault}]"),
            None => Ok(()),
        }
    }
}
