//! What a driver does for the machine: one job at a time, whose end is reported once (I4).

use http::Response;

use super::Machine;
use crate::cause::ErrorCause;
use crate::error::{Failure, TransportFailure};
use crate::wire::{Answer, ResponseBody};
use crate::{Credentials, SavedSession, StoreFailure, Timestamp};

/// The name of a job of one machine: an exchange, something that its store is to do, or a question for credentials.
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

/// The end of a job, for [`Machine::handle_end`].
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver makes them")]
pub enum JobEnd {
    /// The exchange got this answer, read to its end or until it broke off.
    Answered(Response<ResponseBody>),
    /// The exchange got no answer, not even a status: refused, reset, timed out.
    Unanswered(TransportFailure),
    /// The store's lock is taken. Comes with the store's [mark](crate::LockedStore::marked), if there is one.
    Locked(Option<Timestamp>),
    /// The store's lock is denied, for this reason. Comes with what could be [looked at](crate::SessionStore::look).
    NotLocked(StoreFailure, Option<SavedSession>),
    /// The store has loaded the session that was saved last; `None` if none was.
    Loaded(Option<SavedSession>),
    /// The store has saved the session, durably.
    Saved,
    /// The store has noted the mark.
    Marked,
    /// The source of the credentials gave these, the same as before or others. They are to be sent.
    Credentials(Credentials),
    /// The source of the credentials gave none, for this reason.
    NoCredentials(ErrorCause),
    /// The store failed. Of an exchange: it was not made, since the store's lock is lost.
    StoreFailed(StoreFailure),
}

impl Machine {
    /// Returns the job whose end is yet to be reported, if there is one.
    pub fn in_flight(&self) -> Option<JobId> {
        let others = || {
            let job = self.at_store().or_else(|| self.source_job());
            job.or_else(|| self.revocation_job())
        };
        self.state.in_flight().or_else(others)
    }

    /// Takes the end of a job. A job that is not in flight, or an end that is not one of its kind, changes nothing.
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

    /// Gives up a job whose carrier is gone or stuck: a panic, a thread that hangs. What becomes of it is unknown.
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
