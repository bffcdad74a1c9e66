//! What holds back the 401s of one target, and what lets them pass.

use super::record::{Record, most};
use crate::Timestamp;
use crate::config::Config;
use crate::origin::{OriginId, ResourceId};
use crate::token::Generation;

/// A 401 on the current token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unauthorized {
    pub(crate) origin: OriginId,
    pub(crate) resource: ResourceId,
    pub(crate) generation: Generation,
    /// When that token was.
    pub(crate) received_at: Timestamp,
    /// Whether it could be used up to now: else something is under way already, or it has expired.
    pub(crate) is_usable: bool,
}

/// Of one target.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct TargetGuard {
    pub(super) record: Record,
    /// What its last 401 has started; `None` after any other answer.
    pub(super) start: Option<Start>,
    /// Whether the last strike holds: not once another refresh was tried.
    pub(super) is_closed: bool,
    /// A generation whose 401 was delivered, and no other answer has come since.
    pub(super) refused: Option<Generation>,
    pub(super) evidence: Evidence,
}

/// A refresh that a 401 has started.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Start {
    pub(super) ended: Generation,
    pub(super) at: Timestamp,
    pub(super) is_proven: bool,
}

/// The requests that were answered otherwise than 401 with this generation: should one of them get a 401, it
/// is the token.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Evidence {
    generation: Generation,
    resources: Vec<ResourceId>,
}

impl Evidence {
    /// Memory is bounded; a program seldom has more.
    const MOST: usize = 64;

    pub(super) fn note(&mut self, generation: Generation, resource: ResourceId) {
        if self.generation != generation {
            self.generation = generation;
            self.resources.clear();
        }
        if self.resources.len() < Self::MOST && !self.resources.contains(&resource) {
            self.resources.push(resource);
        }
    }

    fn is_about(&self, unauthorized: &Unauthorized) -> bool {
        self.generation == unauthorized.generation
            && self.resources.contains(&unauthorized.resource)
    }
}

impl TargetGuard {
    pub(super) fn reset(&mut self) {
        self.start = None;
        self.record.strikes = 0;
        self.is_closed = false;
        self.refused = None;
    }

    /// Whether [`reset`](Self::reset) would change nothing.
    pub(super) fn is_calm(&self) -> bool {
        let has_strikes = self.record.strikes > 0 || self.is_closed;
        self.start.is_none() && !has_strikes && self.refused.is_none()
    }

    /// Half of the refreshes are used: until when.
    pub(super) fn gathers_until(&self, config: &Config) -> Option<Timestamp> {
        let half = most(config).div_ceil(2);
        (self.record.started).full_until(half, config.target_window)
    }

    pub(super) fn has_ended(&self, generation: Generation) -> bool {
        self.start.is_some_and(|start| start.ended == generation)
    }

    /// Until when its 401s are delivered and start nothing. One that `joins` what its origin has started
    /// needs no further refresh.
    pub(super) fn shut_until(
        &mut self,
        now: Timestamp,
        config: &Config,
        joins: bool,
    ) -> Option<Timestamp> {
        self.record.slide(now, config);
        let closed = self.record.closed_until(now, config);
        let used_up = (self.record.started).full_until(most(config), config.target_window);
        let closed = closed.filter(|_| self.is_closed);
        closed.into_iter().chain(used_up.filter(|_| !joins)).max()
    }

    /// Whether this one passes, shut or not: within a bound of its own, if it does not join what was started.
    pub(super) fn is_proven(
        &self,
        config: &Config,
        unauthorized: &Unauthorized,
        joins: bool,
    ) -> bool {
        let used_up = (self.record.proven).full_until(most(config), config.target_window);
        (joins || used_up.is_none()) && self.evidence.is_about(unauthorized)
    }

    /// Whether the refresh that its last 401 has started was no cure. A token that has served for long may
    /// have been revoked since.
    pub(super) fn is_strike(
        &self,
        now: Timestamp,
        config: &Config,
        unauthorized: &Unauthorized,
    ) -> bool {
        let age = now.saturating_since(unauthorized.received_at);
        self.start.is_some()
            && !self.has_ended(unauthorized.generation)
            && !self.is_closed
            && age <= config.target_guard.longest
    }
}
