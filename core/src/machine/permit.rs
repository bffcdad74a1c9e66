//! What a caller holds: at most two sends for each target request, by construction (I7).

use std::hash::{Hash, Hasher};

use crate::error::Denied;
use crate::fork::Fork;
use crate::origin::{ForeignOrigin, OriginId};
use crate::token::Generation;

/// The right to send one target request, from [`Machine::permit`](crate::Machine::permit).
///
/// One permit for each request. It is spent by [`authorize`](crate::Machine::authorize), which
/// gives it back to those who have to wait.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    pub(super) machine: u64,
    /// For a retry: the generation that got a 401, which a newer token must follow.
    pub(super) after: Option<Generation>,
    /// The round that this caller waits for. If it fails, so does the wait.
    pub(super) round: Option<u64>,
}

/// The bearer token has been put on a request: bring the ticket back to
/// [`review`](crate::Machine::review) with the status of the answer.
///
/// Drop it if no answer came.
#[derive(Debug)]
#[must_use = "bring it to `review` with the status of the answer"]
pub struct Ticket {
    pub(super) machine: u64,
    pub(super) generation: Generation,
    pub(super) origin: OriginId,
    pub(super) is_retry: bool,
}

impl Ticket {
    /// Which token set the request was sent with.
    pub fn generation(&self) -> Generation {
        self.generation
    }
}

/// What [`Machine::authorize`](crate::Machine::authorize) says to a request.
#[derive(Debug)]
#[must_use]
pub enum Clearance {
    /// The `Authorization` header is in: send the request.
    Go(Ticket),
    /// Ask again after the next [`Event`](crate::Event).
    Wait(Permit),
    /// There is no token for this caller.
    Denied(Denied),
    /// The token may not go there (I8). Nothing was changed.
    Foreign(ForeignOrigin),
}

/// What to do with the answer to a target request.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    /// Give it to the caller.
    Deliver,
    /// It is a 401 that a newer token may cure: authorize the request again, with this permit,
    /// and send it a second time. If it can't be sent again, drop the
    /// permit and give the 401 to the caller.
    Retry(Permit),
}

impl Fork for Permit {
    fn fork(&self) -> Self {
        Self { ..*self }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        (self.after, self.round).hash(&mut hasher);
    }
}

impl Fork for Ticket {
    fn fork(&self) -> Self {
        Self { ..*self }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        (self.generation, self.origin, self.is_retry).hash(&mut hasher);
    }
}
