//! The store's mark, where nothing can be saved: see `manual::stores`, *A store that can't be written*.

use std::time::Duration;

use super::{AfterMark, Step, pause};
use crate::error::Failure;
use crate::event::Event;
use crate::machine::Machine;
use crate::time::{Delay, Rest};
use crate::{Config, StoreFailure, Timestamp};

/// Until when no password leaves, says the store, since one has left that is recorded nowhere else.
#[derive(Clone, Debug, Default, Hash)]
pub(in crate::machine) struct Marks {
    /// Of another start of the program.
    theirs: Option<Delay>,
    /// Since that was read. It may be over before its time, so now and then a visit looks again.
    looked: Option<Delay>,
    /// The last one of this process, which knows better what is behind it.
    ours: Option<Timestamp>,
}

impl Marks {
    /// This is in the store. Gives what is to stand there instead, if a wrong clock has put it too far ahead.
    pub(super) fn found(
        &mut self,
        now: Timestamp,
        config: &Config,
        marked: Option<Timestamp>,
    ) -> Option<Timestamp> {
        /// A store may keep it to the second.
        const EXACTNESS: u64 = 2000;
        let is_ours = |marked: Timestamp| {
            let since = self
                .ours
                .map(|ours| marked.as_millis().checked_sub(ours.as_millis()));
            since.flatten().is_some_and(|since| since < EXACTNESS)
        };
        let marked = marked.filter(|&marked| marked > now && !is_ours(marked));
        let rest = marked.map(|marked| marked.saturating_since(now));
        let longest = config.refusal_memory;
        self.theirs = rest.map(|rest| Delay::new(now, rest.min(longest)));
        self.looked = rest.map(|_| Delay::new(now, pause(config)));
        let is_too_far =
            rest.is_some_and(|rest| rest.as_millis() > longest.as_millis() + u128::from(EXACTNESS));
        is_too_far.then(|| now.saturating_add(longest))
    }

    /// A mark until then, or until what is marked already. No further than any store can keep it.
    fn extended(&mut self, now: Timestamp, until: Timestamp) -> Timestamp {
        const FURTHEST: Duration = Duration::from_secs(366 * 86_400);
        let theirs = self.theirs.as_mut().and_then(|theirs| theirs.rest(now));
        let theirs = theirs.map(|rest| rest.end);
        let until = until.max(self.ours.max(theirs).unwrap_or_default());
        until.min(now.saturating_add(FURTHEST))
    }

    pub(super) fn set(&mut self, now: Timestamp, until: Timestamp) {
        self.ours = Some(until).filter(|&until| until > now);
        if self.ours.is_none() {
            self.theirs = None;
        }
    }

    /// Whether what is saved now says all that was marked: ours, or that a password is right.
    pub(super) fn are_over(&self, is_accepted: bool) -> bool {
        self.ours.is_some() || (is_accepted && self.theirs.is_some())
    }

    pub(in crate::machine) fn are_theirs(&mut self, now: Timestamp) -> bool {
        (self.theirs.as_mut()).is_some_and(|theirs| theirs.rest(now).is_some())
    }

    pub(in crate::machine) fn rest(&mut self, now: Timestamp) -> Option<Rest> {
        self.looked.as_mut()?.rest(now)?;
        self.theirs.as_mut()?.rest(now)
    }
}

impl Machine {
    pub(super) fn after_mark(&mut self, now: Timestamp, after: AfterMark) {
        match after {
            AfterMark::Load => self.step(Step::Load),
            AfterMark::Exchange => self.step(Step::Exchange),
            AfterMark::TakeBack => self.step(Step::Mark(now, AfterMark::Leave)),
            AfterMark::Leave => self.leave_save(now, Step::Save),
        }
    }

    pub(super) fn not_marked(&mut self, now: Timestamp, after: AfterMark) {
        if after == AfterMark::TakeBack {
            return self.step(Step::Unlock);
        }
        if after != AfterMark::Exchange || self.config.unrecorded_logins {
            return self.after_mark(now, after);
        }
        // Nobody would know of the password, so it stays here.
        self.take_back_login();
        self.step(Step::Unlock);
        let failure = self.visit_mut().and_then(|visit| visit.failure.take());
        let failure = failure.unwrap_or(StoreFailure::Abandoned);
        if self.round.is_open() && self.state.is_due() {
            self.attempt_failed(now, Failure::Store(failure));
        }
    }

    /// That it left, or was refused, is not saved.
    pub(super) fn mark_instead(&mut self, now: Timestamp, step: Step) -> Option<Step> {
        let (until, after) = match step {
            Step::Announce => {
                let until = now.saturating_add(self.config.login_spacing.longest);
                (until, AfterMark::Exchange)
            }
            Step::Save => {
                let held = self.store.as_ref()?.held.as_ref()?;
                let is_refusal = matches!(held.event, Event::Rejected { .. });
                let refused = is_refusal.then(|| self.refusal(now, None)).flatten()?;
                (refused.until, AfterMark::Leave)
            }
            _ => return None,
        };
        let until = self.store.as_mut()?.marks.extended(now, until);
        Some(Step::Mark(until, after))
    }
}
