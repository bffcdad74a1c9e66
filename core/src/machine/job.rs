//! What a driver does for the machine: one job at a time, whose end is reported once (I4).

use http::Response;

use super::Machine;
use crate::cause::ErrorCause;
use crate::error::{Failure, TransportFailure};
use crate::wire::{Answer, ResponseBody};
use crate::{Credentials, SavedSession, StoreFailure, Timestamp};

/// Names a job of one machine: an exchange, something that its store is to do, or a question for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId {
    pub(super) machine: u64,
    pub(super) number: u64,
    pub(super) kind: JobKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum JobKind {
    Exchange,
    Lock,
    Load,
    Save,
    Mark,
    Credentials,
    Revocation,
}

/// How a job has ended, for [`Machine::handle_end`].
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver makes them")]
pub enum JobEnd {
    /// The answer to an exchange, read to its end or until it broke off.
    Answered(Response<ResponseBody>),
    /// No answer came, not even its status: refused, reset, timed out.
    Unanswered(TransportFailure),
    /// The store's lock is held. With the store's [mark](crate::LockedStore::marked), if there is one.
    Locked(Option<Timestamp>),
    /// The store's lock is denied, for this reason. With what could be [looked at](crate::SessionStore::look).
    NotLocked(StoreFailure, Option<SavedSession>),
    /// This was saved last; `None` if nothing was.
    Loaded(Option<SavedSession>),
    /// It is saved, durably.
    Saved,
    /// The mark stands.
    Marked,
    /// These are to be sent: the same as before, or others that hold by now.
    Credentials(Credentials),
    /// There are none to be had, for this reason.
    NoCredentials(ErrorCause),
    /// The store could not do what it was asked to. Of an exchange: it was not made, since the store's lock
    /// is lost.
    StoreFailed(StoreFailure),
}

impl Machine {
    /// The job whose end is yet to be reported, if there is one.
    pub fn in_flight(&self) -> Option<JobId> {
        let others = || {
            let job = self.at_store().or_else(|| self.source_job());
            job.or_else(|| self.revocation_job())
        };
        self.state.in_flight().or_else(others)
    }

    /// A job has ended so. One that is not in flight, or an end that is not one of its kind, changes nothing.
    pub fn handle_end(&mut self, now: Timestamp, job: JobId, end: JobEnd) {
        match (job.kind, end) {
            (JobKind::Exchange | JobKind::Revocation, JobEnd::Answered(response)) => {
                self.handle_response(now, job, response);
            }
            (JobKind::Exchange | JobKind::Revocation, JobEnd::Unanswered(failure)) => {
                self.handle_failure(now, job, failure);
            }
            (JobKind::Exchange, JobEnd::StoreFailed(failure))
                if self.state.in_flight() == Some(job) =>
            {
                self.end_exchange(now, Answer::Undecided(Failure::Store(failure)));
            }
            (JobKind::Lock, JobEnd::Locked(marked)) => self.store_locked(now, job, marked),
            (JobKind::Lock, JobEnd::NotLocked(failure, found)) => {
                self.store_not_locked(now, job, failure, found);
            }
            (JobKind::Load, JobEnd::Loaded(saved)) => self.store_loaded(now, job, saved),
            (JobKind::Save, JobEnd::Saved) => self.store_saved(now, job),
            (JobKind::Mark, JobEnd::Marked) => self.store_marked(now, job),
            (JobKind::Credentials, JobEnd::Credentials(new)) => self.credentials_got(now, job, new),
            (JobKind::Credentials, JobEnd::NoCredentials(cause)) => {
                self.credentials_failed(now, job, cause);
            }
            (_, JobEnd::StoreFailed(failure)) => self.store_failed(now, job, failure),
            _ => {}
        }
    }

    /// Whoever did this job is gone or stuck: a panic, a thread that hangs. What becomes of it is unknown.
    pub fn abandon(&mut self, now: Timestamp, job: JobId) {
        let end = match job.kind {
            JobKind::Exchange | JobKind::Revocation => {
                JobEnd::Unanswered(TransportFailure::abandoned())
            }
            JobKind::Credentials => {
                JobEnd::NoCredentials(ErrorCause::of_text("whoever was asked did not answer"))
            }
            _ => JobEnd::StoreFailed(StoreFailure::Abandoned),
        };
        self.handle_end(now, job, end);
    }
}
