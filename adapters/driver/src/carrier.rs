//! The one thread that does for a session what takes time: it makes the exchanges, is inside the store, and
//! tells the events. Everybody else only asks.
//!
//! It runs the loop that the core documents: poll; tell an event and wake; do a job with no lock held;
//! report its end; poll again. While it is current nobody else polls.

use std::cell::Cell;
use std::sync::Arc;

use http::Response;
use simacan_auth::{
    ErrorCause, Event, JobEnd, JobId, LockedStore, Output, SavedSession, SessionStore,
    StoreFailure, StoreOp, Timestamp, Transmit,
};

use crate::session::{Session, Shared, Task};
use crate::sync::{caught, thread_local};
use crate::{count, trace};

thread_local! {
    static IS_HERE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is a carrier's, or the time-keeper: nothing waits here.
pub(crate) fn is_here() -> bool {
    IS_HERE.with(Cell::get)
}

/// With nothing that waits.
pub(crate) fn here<T>(run: impl FnOnce() -> T) -> T {
    let was_here = IS_HERE.with(|is_here| is_here.replace(true));
    let result = run();
    IS_HERE.with(|is_here| is_here.set(was_here)); // the thread may do something else
    result
}

/// Until there is nothing to do, or it is dismissed.
pub(crate) fn carry(session: Arc<Session>, number: u64) {
    here(|| {
        let mut carrier = Carrier {
            session,
            number,
            locked: None,
            done: None,
        };
        while carrier.turn() {}
    });
}

struct Carrier {
    session: Arc<Session>,
    number: u64,
    locked: Option<Box<dyn LockedStore>>,
    /// The end of the last job. Without one, it is not known: there was a panic.
    done: Option<(JobId, Option<JobEnd>)>,
}

/// What the machine has said beside its events: one job at most (I4), since it waits for its end.
#[derive(Default)]
struct Said {
    job: Option<Job>,
    is_unlock: bool,
    until: Option<Timestamp>,
}

enum Job {
    Exchange(Transmit),
    AtStore(StoreOp),
    Credentials(JobId),
}

impl Said {
    fn at(shared: &mut Shared, now: Timestamp) -> Self {
        let mut said = Self::default();
        loop {
            match shared.machine.poll(now) {
                Output::Event(event) => shared.events.push_back(event),
                Output::Transmit(transmit) => said.job = Some(Job::Exchange(transmit)),
                Output::Credentials(id) => said.job = Some(Job::Credentials(id)),
                Output::Store(StoreOp::Unlock) => said.is_unlock = true,
                Output::Store(op) => said.job = Some(Job::AtStore(op)),
                Output::Wait(until) => {
                    said.until = until;
                    return said;
                }
            }
        }
    }
}

impl Job {
    fn id(&self) -> Option<JobId> {
        match self {
            Self::Exchange(transmit) => Some(transmit.exchange),
            Self::Credentials(id)
            | Self::AtStore(
                StoreOp::Lock(id) | StoreOp::Load(id) | StoreOp::Save(id, _) | StoreOp::Mark(id, _),
            ) => Some(*id),
            Self::AtStore(StoreOp::Unlock) => None,
        }
    }
}

impl Carrier {
    /// Whether there is another.
    fn turn(&mut self) -> bool {
        let session = self.session.clone();
        let now = self.now();
        let mut shared = session.lock();
        if !shared.is_current(self.number) {
            // What it brings has been reported for it. It is inside the store until it has let go of it.
            drop(shared);
            self.unlock();
            shared = session.lock();
            shared
                .dismissed
                .retain(|carrier| carrier.number != self.number);
            session.process.come_back(&session.line);
            let _ = session.ensure_carrier(shared, now, false); // if it has failed, that is to be told
            return false;
        }
        self.locked = shared.locked.take().or(self.locked.take());
        if let Some(job) = shared.given_up.take() {
            shared.machine.abandon(now, job);
        }
        match self.done.take() {
            Some((job, Some(end))) => shared.machine.handle_end(now, job, end),
            Some((job, None)) => shared.machine.abandon(now, job),
            None => {}
        }
        shared.note_end();
        let said = Said::at(&mut shared, now);
        let Said { job, until, .. } = said;
        let is_lock_needed = !matches!(
            job,
            None | Some(Job::AtStore(StoreOp::Lock(_)) | Job::Credentials(_))
        );
        let is_unlock_due = self.locked.is_some() && (said.is_unlock || !is_lock_needed);
        if shared.events.is_empty() && job.is_none() && !is_unlock_due {
            session.leave(&mut shared, now, until);
            let is_closed = shared.is_closed;
            let store = shared.store.take_if(|_| is_closed);
            drop(shared);
            caught(|| drop(store)); // which may block
            session.settled.wake_all();
            return false;
        }
        // Under the lock of the poll: who dismisses this carrier has to know which job it has.
        let id = job.as_ref().and_then(Job::id);
        // These come first, so that the drop of the last client need not wait for a callback.
        let is_save = matches!(job, Some(Job::AtStore(StoreOp::Save(..))));
        let first = match &job {
            _ if is_unlock_due || is_save => Task::Store,
            Some(Job::Exchange(_)) if shared.events.is_empty() => Task::Exchange,
            Some(Job::AtStore(_)) if shared.events.is_empty() => Task::Store,
            _ => Task::Tell,
        };
        session.begin(&mut shared, first, id);
        if first == Task::Tell {
            // A callback may hang: who gives it up has to find it there.
            shared.locked = self.locked.take();
        }
        drop(shared);
        if is_unlock_due {
            self.unlock();
        }
        if !is_save {
            self.tell(id);
        }
        if first == Task::Tell {
            let mut shared = session.lock();
            if shared.is_current(self.number) {
                self.locked = shared.locked.take();
            }
        }
        match job {
            Some(Job::Exchange(transmit)) => self.exchange(transmit),
            Some(Job::Credentials(id)) => self.ask_credentials(id),
            Some(Job::AtStore(op)) => self.operate(op),
            None => {}
        }
        true
    }

    /// Says what it is about to do. `false` if it is not current any more: then it does nothing.
    fn begin(&mut self, task: Task, job: Option<JobId>) -> bool {
        let mut shared = self.session.lock();
        let is_current = shared.is_current(self.number);
        if is_current {
            self.session.begin(&mut shared, task, job);
        }
        is_current
    }

    /// Tells all that there is to tell. Those who wait are woken only then: a program may end as soon as it
    /// is, and would lose its last lines.
    fn tell(&mut self, job: Option<JobId>) {
        let session = &self.session;
        let mut is_answer = false;
        loop {
            let mut shared = session.lock();
            if !shared.is_current(self.number) {
                break; // who comes next tells the rest
            }
            let Some(event) = shared.events.pop_front() else {
                break;
            };
            let is_progress = matches!(
                event,
                Event::ExchangeStarted { .. } | Event::ExchangeEnded { .. }
            );
            is_answer |= !is_progress;
            if shared.is_inside(Task::Tell) {
                // A callback that hangs costs one thread.
                shared.untold += 1;
                continue;
            }
            let untold = std::mem::take(&mut shared.untold);
            session.begin(&mut shared, Task::Tell, job);
            drop(shared);
            caught(|| {
                trace::untold(untold);
                count::untold(untold);
            });
            caught(|| {
                trace::event(&event);
                count::event(&event);
                (session.on_event)(&event);
            });
        }
        if is_answer {
            session.woken.wake_all();
        }
    }

    fn exchange(&mut self, transmit: Transmit) {
        let id = transmit.exchange;
        if self.locked.is_some() {
            self.at_store(id, |locked| locked.renew().map(|()| JobEnd::Locked(None)));
            let is_renewed = |done: &mut (JobId, _)| matches!(done.1, Some(JobEnd::Locked(_)));
            if self.done.take_if(is_renewed).is_none() {
                return;
            }
        }
        let mut shared = self.session.lock();
        if !shared.is_current(self.number) {
            return;
        }
        // With the lock in the slot: who gives it up has to find it there.
        self.session.begin(&mut shared, Task::Exchange, Some(id));
        let is_closed = shared.is_closed;
        if !is_closed {
            shared.locked = self.locked.take();
        }
        drop(shared);
        let answer = if is_closed {
            None // nobody is left to want it
        } else {
            let began = self.session.process.monotonic();
            let answer = caught(|| trace::exchange(transmit.request, &self.session.exchange));
            if let Some(answer) = &answer {
                let status = answer.as_ref().ok().map(Response::status);
                let took = self.session.process.monotonic().saturating_sub(began);
                let ended = Event::ExchangeEnded { status, took };
                self.session.lock().events.push_back(ended);
            }
            answer
        };
        let end = answer.map(|answer| match answer {
            Ok(response) => JobEnd::Answered(response),
            Err(failure) => JobEnd::Unanswered(failure),
        });
        self.done = Some((id, end));
    }

    fn ask_credentials(&mut self, id: JobId) {
        if !self.begin(Task::Credentials, Some(id)) {
            return;
        }
        let end = caught(|| self.session.source.ask());
        let end = end.map(|end| match end {
            Ok(credentials) => JobEnd::Credentials(credentials),
            Err(cause) => JobEnd::NoCredentials(ErrorCause::new(cause)),
        });
        self.done = Some((id, end));
    }

    fn operate(&mut self, op: StoreOp) {
        match op {
            StoreOp::Lock(id) => self.lock_store(id),
            StoreOp::Load(id) => self.at_store(id, |locked| {
                let saved = locked.load()?;
                let saved = saved.map(|saved| SavedSession::from_json(&saved));
                Ok(JobEnd::Loaded(saved.transpose()?))
            }),
            StoreOp::Save(id, session) => self.at_store(id, |locked| {
                locked.renew()?;
                locked.save(&session.to_json())?;
                Ok(JobEnd::Saved)
            }),
            StoreOp::Mark(id, until) => self.at_store(id, |locked| {
                locked.mark(until)?;
                Ok(JobEnd::Marked)
            }),
            StoreOp::Unlock => {}
        }
    }

    fn lock_store(&mut self, id: JobId) {
        if !self.begin(Task::Store, Some(id)) {
            return;
        }
        let shared = self.session.lock();
        // One that hangs inside the store costs one thread: nobody else enters it meanwhile.
        let store = shared
            .store
            .clone()
            .filter(|_| !shared.is_inside(Task::Store));
        drop(shared);
        let request = self.session.lock_request();
        let locked = store.as_ref().and_then(|store| {
            caught(|| {
                let mut locked = store.lock(request)?;
                let marked = match locked.marked() {
                    Err(StoreFailure::Denied(_)) => None, // it is for passwords alone, which a save announces
                    marked => marked?,
                };
                Ok((locked, marked))
            })
        });
        let found = match (&locked, store) {
            (Some(Err(StoreFailure::Denied(_))), Some(store)) => look(&*store),
            _ => None,
        };
        let end = locked.map(|locked| match locked {
            Ok((locked, marked)) => {
                self.locked = Some(locked);
                JobEnd::Locked(marked)
            }
            Err(failure @ StoreFailure::Denied(_)) => JobEnd::NotLocked(failure, found),
            Err(failure) => JobEnd::StoreFailed(failure),
        });
        self.done = Some((id, end));
    }

    /// Inside the store, with its lock.
    fn at_store(
        &mut self,
        id: JobId,
        operate: impl FnOnce(&mut dyn LockedStore) -> Result<JobEnd, StoreFailure>,
    ) {
        if !self.begin(Task::Store, Some(id)) {
            return;
        }
        let end = match &mut self.locked {
            Some(locked) => caught(|| operate(&mut **locked)),
            None => None,
        };
        self.done = Some((id, end.map(|end| end.unwrap_or_else(JobEnd::StoreFailed))));
    }

    /// Lets go of the store's lock, if it is held.
    fn unlock(&mut self) {
        if let Some(locked) = self.locked.take() {
            let_go(&self.session, locked);
        }
    }

    /// Whatever the user's clock does.
    fn now(&self) -> Timestamp {
        let now = caught(|| self.session.now());
        now.unwrap_or_else(|| self.session.process.time().into())
    }
}

/// Why nothing is seen is of no consequence: that the lock is denied says more.
fn look(store: &dyn SessionStore) -> Option<SavedSession> {
    let found = caught(|| store.look())?.ok()??;
    SavedSession::from_json(&found).ok()
}

/// Of the store's lock. If that fails, it is for the next who tells.
pub(crate) fn let_go(session: &Session, locked: Box<dyn LockedStore>) {
    let unlocked = caught(|| locked.unlock()).unwrap_or(Err(StoreFailure::Abandoned));
    if let Err(failure) = unlocked {
        (session.lock().events).push_back(Event::UnlockFailed { failure });
    }
}
