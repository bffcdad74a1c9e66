//! What the 401s of each target may start (I15).

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::limits::Limits;

/// One target. Time is what went by.
#[derive(Clone, Debug, Default)]
pub(super) struct Target {
    /// When its 401s started refreshes in the last hour, and whether the request had been answered otherwise.
    started: VecDeque<(u64, bool)>,
    /// The token with which it answered otherwise last.
    answered: Option<Arc<str>>,
    /// The token that its last 401 has ended; `None` after any other answer.
    ended: Option<Arc<str>>,
    /// How often in a row that was no use.
    strikes: usize,
    /// Since when its 401s start nothing, and for how long.
    guarded: Option<(u64, u64)>,
}

impl Target {
    /// Its 401 has started a refresh in place of this token, which is so old: what is wrong with that.
    pub(super) fn start(
        &mut self,
        now: u64,
        limits: &Limits,
        token: &Arc<str>,
        age: u64,
    ) -> Option<String> {
        while self
            .started
            .front()
            .is_some_and(|(at, _)| now - *at >= limits.target_window)
        {
            self.started.pop_front();
        }
        let is_proven = self.answered.as_ref() == Some(token);
        self.started.push_back((now, is_proven));
        let all = self.started.len();
        let unproven = self.started.iter().filter(|(_, proven)| !proven).count();
        if unproven > limits.target_refreshes || all > 2 * limits.target_refreshes {
            return Some(format!(
                "a target started {all} refreshes in an hour, {unproven} unproven"
            ));
        }
        // By its means, the guard of `manual::time`, which breaks sooner than the hour.
        if let Some((since, length)) = self.guarded
            && now - since + limits.slack < length
        {
            let after = now - since;
            return Some(format!(
                "a target that is guarded for {length} ms started a refresh after {after}"
            ));
        }
        let is_no_use = self.ended.as_ref().is_some_and(|ended| ended != token);
        let is_fresh = age + limits.slack <= limits.longest_guard();
        if self.guarded.is_none() && is_no_use && is_fresh {
            return Some("a target whose refresh was no use started another".into());
        }
        self.ended = Some(token.clone());
        self.guarded = None;
        None
    }

    /// The library says so.
    pub(super) fn guard(&mut self, now: u64, limits: &Limits) {
        self.guarded = Some((now, limits.guard(self.strikes)));
        self.strikes += 1;
    }

    /// It has answered something else to a request with this token.
    pub(super) fn accept(&mut self, token: Arc<str>) {
        self.answered = Some(token);
        self.reset();
    }

    /// What its last 401 has led to, says nothing.
    pub(super) fn prove_nothing(&mut self) {
        self.ended = None;
    }

    /// There is another user.
    pub(super) fn reset(&mut self) {
        self.ended = None;
        self.strikes = 0;
        self.guarded = None;
    }

    /// But for what the limit asks: a history that a model checker reaches is too short for it.
    pub(super) fn fingerprint(
        &self,
        now: u64,
        held: Option<&Arc<str>>,
        mut hasher: &mut dyn Hasher,
    ) {
        let guarded = self
            .guarded
            .map(|(since, length)| (now - since).min(length));
        (
            self.ended.is_some(),
            self.ended.as_ref() == held,
            self.strikes,
            guarded,
        )
            .hash(&mut hasher);
    }
}
