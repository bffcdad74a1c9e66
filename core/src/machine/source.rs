//! Credentials that are asked for when a password is needed: see `manual::driving`.

use super::job::{JobId, JobKind};
use super::state::State;
use super::{Machine, Output};
use crate::cause::ErrorCause;
use crate::error::Failure;
#[cfg(any(model, fuzzing))]
use crate::fork::{Hash, Hasher};
use crate::time::Delay;
use crate::{Credentials, Timestamp};

/// Where the credentials come from, as far as the machine knows.
#[derive(Debug, Default)]
#[cfg_attr(any(model, fuzzing), derive(Clone))]
pub(super) struct Source {
    step: Step,
    asked: u64,
    /// Since a session that is over has asked: it asks no sooner again.
    looked: Option<Delay>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(any(model, fuzzing), derive(Hash))]
enum Step {
    /// What is in memory may be an old one.
    #[default]
    Stale,
    Wanted,
    Asked(JobId),
    /// For the attempt that is due.
    Fresh,
}

impl Machine {
    /// Asks for the credentials by [`Output::Credentials`] whenever a password is needed, and after one was refused.
    /// The password that the machine was made with is never sent.
    ///
    /// So a password that is changed where it is kept needs no restart. Nobody keeps the store's lock while
    /// it is asked for. [`handle_credentials`](Self::handle_credentials) takes the place of the source for good.
    pub fn with_credentials_source(mut self) -> Self {
        self.source.get_or_insert_default();
        self
    }

    /// A password is about to leave. Whether it is to be asked for before.
    pub(super) fn asks_credentials(&mut self) -> bool {
        let Some(source) = &mut self.source else {
            return false;
        };
        if source.step == Step::Stale {
            source.step = Step::Wanted;
        }
        source.step != Step::Fresh
    }

    /// Another one than was refused may be there by now. Whether it is asked for, which those who ask wait for.
    pub(super) fn asks_other_credentials(&mut self, now: Timestamp) -> bool {
        let Some(source) = self.source.as_mut().filter(|_| !self.is_closed) else {
            return false;
        };
        if !matches!(source.step, Step::Wanted | Step::Asked(_)) {
            let looked = source.looked.as_mut();
            if looked.is_some_and(|looked| !looked.is_over(now)) {
                return false;
            }
            source.looked = Some(Delay::new(now, self.config.cool_down.first));
            source.step = Step::Wanted;
        }
        true
    }

    /// Whether what is said of the password in memory says nothing of the one that will be sent.
    pub(super) fn are_credentials_stale(&self) -> bool {
        let source = self.source.as_ref();
        source.is_some_and(|source| source.step != Step::Fresh)
    }

    /// The attempt is over for which it was asked.
    pub(super) fn forget_asked(&mut self) {
        if let Some(source) = &mut self.source {
            let is_asked = matches!(source.step, Step::Asked(_));
            source.step = if is_asked { source.step } else { Step::Stale };
        }
    }

    pub(super) fn source_job(&self) -> Option<JobId> {
        match self.source.as_ref()?.step {
            Step::Asked(job) => Some(job),
            _ => None,
        }
    }

    pub(super) fn poll_source(&mut self) -> Option<Output> {
        let source = self.source.as_mut()?;
        match source.step {
            Step::Stale | Step::Fresh => None,
            Step::Asked(_) => Some(Output::Wait(None)),
            Step::Wanted => {
                source.asked += 1;
                let job = JobId {
                    machine: self.id,
                    number: source.asked,
                    kind: JobKind::Credentials,
                };
                source.step = Step::Asked(job);
                Some(Output::Credentials(job))
            }
        }
    }

    /// Whether [`poll_source`](Self::poll_source) would say anything but to wait; `None` if it would say
    /// nothing at all.
    pub(super) fn source_wants(&self) -> Option<bool> {
        match self.source.as_ref()?.step {
            Step::Stale | Step::Fresh => None,
            Step::Asked(_) => Some(false),
            Step::Wanted => Some(true),
        }
    }

    pub(super) fn credentials_got(&mut self, now: Timestamp, job: JobId, new: Credentials) {
        if !self.end_asking(job, Step::Fresh) {
            return;
        }
        let Some(current) = self.state.credentials() else {
            return;
        };
        let is_new = !current.same_as(&new);
        let is_other_user = current.username() != new.username();
        if matches!(self.state, State::Rejected(_))
            && (!is_new || self.refusal(now, Some(&new)).is_some())
        {
            self.forget_asked();
            return self.tell_rejected(); // it is still over, for those who wait
        }
        if is_new {
            self.replace(now, new, is_other_user);
        }
        if !self.is_retry && self.refusal(now, None).is_some() && self.state.reject_unsent() {
            self.tell_rejected();
        }
    }

    pub(super) fn credentials_failed(&mut self, now: Timestamp, job: JobId, cause: ErrorCause) {
        if !self.end_asking(job, Step::Stale) {
            return;
        }
        if self.round.is_open() && self.state.is_due() {
            self.attempt_failed(now, Failure::Credentials(cause));
        } else {
            self.tell_rejected();
        }
    }

    fn end_asking(&mut self, job: JobId, next: Step) -> bool {
        match &mut self.source {
            Some(source) if source.step == Step::Asked(job) => {
                source.step = next;
                true
            }
            _ => false,
        }
    }

    fn tell_rejected(&mut self) {
        if let Some(event) = self.enter_rejected() {
            self.tell(event);
        }
    }
}

#[cfg(any(model, fuzzing))]
impl Source {
    pub(super) fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        let is_asked = matches!(self.step, Step::Asked(_));
        (
            is_asked,
            self.step == Step::Fresh,
            self.step == Step::Wanted,
        )
            .hash(&mut hasher);
        self.looked.hash(&mut hasher);
    }
}
