//! What the checks say.

use std::fmt;

/// A rule of `simacan_auth::manual::rules` that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its number.
    pub invariant: u8,
    /// What has happened.
    pub why: String,
}

impl Violation {
    pub(crate) fn found<T>(invariant: u8, why: impl Into<String>) -> Result<T, Self> {
        let why = why.into();
        Err(Self { invariant, why })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I{} is violated: {}", self.invariant, self.why)
    }
}

impl std::error::Error for Violation {}
