//! What the 401s of each target may start (I15).

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use simacan_auth::Generation;

use super::ghost::HOUR;
use super::violation::Violation;

/// One target, as far as I15 asks. Time is what went by, as for the passwords.
#[derive(Clone, Debug, Default)]
pub(super) struct Target {
    /// When its 401s started refreshes in the last hour, or joined one.
    started: VecDeque<u64>,
    /// The generation for which its last 401 has started a refresh; `None` after any other answer.
    ended: Option<Generation>,
    /// How often in a row that was no use.
    strikes: u32,
    /// Since when its 401s start nothing, and for how long.
    guarded: Option<(u64, u64)>,
}

impl Target {
    /// Its 401 has ended this generation; which one is known only if nothing was under way.
    pub(super) fn has_started(
        &mut self,
        now: u64,
        generation: Option<Generation>,
    ) -> Result<(), Violation> {
        while self.started.front().is_some_and(|at| now - *at >= HOUR) {
            self.started.pop_front();
        }
        self.started.push_back(now);
        // Twice the limit of a window: any hour touches two.
        if self.started.len() > 120 {
            let n = self.started.len();
            return Violation::found(15, format!("a target started {n} refreshes in an hour"));
        }
        match generation {
            Some(generation) => self.check_guard(now, generation),
            None => Ok(()),
        }
    }

    /// By its means, the reactive guard of `manual::time` with the default config, which breaks sooner than the hour.
    fn check_guard(&mut self, now: u64, generation: Generation) -> Result<(), Violation> {
        if let Some((since, length)) = self.guarded
            && now - since < length
        {
            let after = now - since;
            return Violation::found(
                15,
                format!("a target that is guarded for {length} ms started a refresh after {after}"),
            );
        }
        if self.guarded.is_none() && self.ended.is_some_and(|ended| ended != generation) {
            return Violation::found(15, "a target whose refresh was no use started another");
        }
        self.ended = Some(generation);
        self.guarded = None;
        Ok(())
    }

    /// The machine says so.
    pub(super) fn guard(&mut self, now: u64) {
        self.guarded = Some((now, 600_000.min(10_000 << self.strikes.min(10))));
        self.strikes += 1;
    }

    /// It has answered something else, or there is another user.
    pub(super) fn reset(&mut self) {
        self.ended = None;
        self.strikes = 0;
        self.guarded = None;
    }

    /// But for the times of `started`: a history that a model checker reaches is too short for the limit.
    pub(super) fn fingerprint(&self, now: u64, mut hasher: &mut dyn Hasher) {
        let guarded = self
            .guarded
            .map(|(since, length)| (now - since).min(length));
        (self.ended, self.strikes, guarded).hash(&mut hasher);
    }
}
