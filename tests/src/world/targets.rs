//! What the 401s of each target may start (I15).

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use simacan_auth::Generation;

use super::ghost::HOUR;
use super::violation::Violation;

/// Refreshes that the 401s of a target may start in any hour, and as many more for requests that it has answered
/// otherwise with the same token set.
const MOST: usize = 60;

/// A token that is older may have been revoked since it came.
const YOUNG: u64 = 600_000;

/// One target, as far as I15 asks. Time is what went by, as for the passwords.
#[derive(Clone, Debug, Default)]
pub(super) struct Target {
    /// When its 401s started refreshes in the last hour, and whether the request had been answered otherwise.
    started: VecDeque<(u64, bool)>,
    /// The generation with which its one request was answered otherwise last.
    answered: Option<Generation>,
    /// The generation for which its last 401 has started a refresh; `None` after any other answer.
    ended: Option<Generation>,
    /// How often in a row that was no use.
    strikes: u32,
    /// Since when its 401s start nothing, and for how long.
    guarded: Option<(u64, u64)>,
}

impl Target {
    /// Its 401 has started a refresh in place of this generation, which is so old.
    pub(super) fn has_started(
        &mut self,
        now: u64,
        generation: Generation,
        age: u64,
    ) -> Result<(), Violation> {
        while (self.started.front()).is_some_and(|(at, _)| now - *at >= HOUR) {
            self.started.pop_front();
        }
        let is_proven = self.answered == Some(generation);
        self.started.push_back((now, is_proven));
        let all = self.started.len();
        let unproven = self.started.iter().filter(|(_, proven)| !proven).count();
        if unproven > MOST || all > 2 * MOST {
            let why = format!("a target started {all} refreshes in an hour, {unproven} unproven");
            return Violation::found(15, why);
        }
        self.check_guard(now, generation, age)
    }

    /// By its means, the reactive guard of `manual::time` with the default config, which breaks sooner than the hour.
    fn check_guard(&mut self, now: u64, generation: Generation, age: u64) -> Result<(), Violation> {
        if let Some((since, length)) = self.guarded
            && now - since < length
        {
            let after = now - since;
            return Violation::found(
                15,
                format!("a target that is guarded for {length} ms started a refresh after {after}"),
            );
        }
        let is_no_use = self.ended.is_some_and(|ended| ended != generation) && age <= YOUNG;
        if self.guarded.is_none() && is_no_use {
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

    /// It has answered something else, to the request with this generation.
    pub(super) fn answer(&mut self, generation: Generation) {
        self.answered = Some(generation);
        self.reset();
    }

    /// There is another user.
    pub(super) fn reset(&mut self) {
        self.ended = None;
        self.strikes = 0;
        self.guarded = None;
    }

    /// But for what the limit asks: a history that a model checker reaches is too short for it.
    pub(super) fn fingerprint(&self, now: u64, mut hasher: &mut dyn Hasher) {
        let guarded = self
            .guarded
            .map(|(since, length)| (now - since).min(length));
        (self.ended, self.strikes, guarded).hash(&mut hasher);
    }
}
