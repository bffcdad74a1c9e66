//! What a caller holds: at most two sends for each target request, by construction (I7).

use crate::error::Denied;
#[cfg(any(model, fuzzing))]
use crate::fork::{Fork, Hash, Hasher};
use crate::origin::{ForeignOrigin, OriginId, ResourceId};
use crate::token::Generation;

/// A request to a target API that has no token yet, or waits for a newer one.
///
/// Make one for each request. [`authorize`](crate::Machine::authorize) takes it, and gives it back where there
/// is something to wait for.
#[derive(Debug, Default)]
#[must_use]
pub struct Pending {
    /// No machine has number 0.
    pub(super) machine: u64,
    /// For a retry: the generation that got a 401, which a newer token must follow.
    pub(super) after: Option<Generation>,
    /// The round that this caller waits for. If it fails, so does the wait.
    pub(super) round: Option<u64>,
}

impl Pending {
    /// Makes the pending of a request that has not been sent.
    pub fn new() -> Self {
        Self::default()
    }
}

/// A request that the bearer token has been put on, with that token's generation and the request's origin.
///
/// Bring it to [`review`](crate::Machine::review) with the status of the answer, or drop it if none came.
#[derive(Debug)]
#[must_use = "bring it to `review` with the status of the answer"]
pub struct Sent {
    pub(super) machine: u64,
    pub(super) generation: Generation,
    pub(super) origin: OriginId,
    /// What it is a request for, where that is to be known.
    pub(super) resource: ResourceId,
    pub(super) is_retry: bool,
}

impl Sent {
    /// Returns the generation of the token that the request was sent with.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Counts this try as the first one: for what may be tried any number of times, such as a connection.
    pub fn anew(self) -> Self {
        let is_retry = false;
        Self { is_retry, ..self }
    }
}

/// The answer of [`Machine::authorize`](crate::Machine::authorize).
#[derive(Debug)]
#[must_use]
pub enum Authorization {
    /// The request has its `Authorization` header: send it.
    Ready(Sent),
    /// There is no token yet: ask again with this after the next [`Event`](crate::Event).
    Wait(Pending),
    /// There is no token for this caller.
    Denied(Denied),
    /// The token may not go to the request's origin. Nothing was changed.
    Foreign(ForeignOrigin),
}

/// The answer of [`Machine::review`](crate::Machine::review) to the status of a target API.
#[derive(Debug)]
#[must_use]
pub enum Review {
    /// Give the answer to the caller.
    Deliver,
    /// Send the request again: a newer token may cure its 401. Authorize it once more with this. If it can't be sent
    /// again, drop this and give the 401 to the caller.
    Retry(Pending),
}

#[cfg(any(model, fuzzing))]
impl Fork for Pending {
    fn fork(&self) -> Self {
        Self { ..*self }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        (self.after, self.round).hash(&mut hasher);
    }
}

#[cfg(any(model, fuzzing))]
impl Fork for Sent {
    fn fork(&self) -> Self {
        Self { ..*self }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        (self.generation, self.origin, self.resource, self.is_retry).hash(&mut hasher);
    }
}
