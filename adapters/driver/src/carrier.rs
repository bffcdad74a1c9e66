//! The one thread that does for a session what takes time: it makes the exchanges, is inside the store, and
//! tells the events. Everybody else only asks.
//!
//! It runs the loop that the core documents: poll; tell an event and wake; do a job with no lock held;
//! report its end; poll again. While it is in office nobody else polls.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use simacan_auth::{
    Event, JobEnd, JobId, LockedStore, Machine, Output, SavedSession, StoreFailure, StoreOp,
    Timestamp, Transmit,
};

use crate::session::{Session, Task};
use crate::sync::thread_local;
use crate::trace;

thread_local! {
    static IS_HERE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is a carrier's: nothing waits here.
pub(crate) fn is_here() -> bool {
    IS_HERE.with(Cell::get)
}

/// Until there is nothing to do, or it is dismissed.
pub(crate) fn carry(session: Arc<Session>, term: u64) {
    IS_HERE.with(|is_here| is_here.set(true));
    let mut carrier = Carrier {
        session,
        term,
        locked: None,
        done: None,
    };
    while carrier.turn() {}
    carrier.unlock(None);
}

struct Carrier {
    session: Arc<Session>,
    term: u64,
    locked: Option<Box<dyn LockedStore>>,
    /// The end of the last job. Without one, it is not known: there was a panic.
    done: Option<(JobId, Option<JobEnd>)>,
}

/// What the machine has said: events, and then one job at most (I4), since it waits for its end.
#[derive(Default)]
struct Said {
    events: Vec<Event>,
    job: Option<Job>,
    until: Option<Timestamp>,
}

enum Job {
    Exchange(Transmit),
    AtStore(StoreOp),
}

impl Said {
    fn by(machine: &mut Machine, now: Timestamp) -> Self {
        let mut said = Self::default();
        loop {
            match machine.poll(now) {
                Output::Event(event) => said.events.push(event),
                Output::Transmit(transmit) => said.job = Some(Job::Exchange(transmit)),
                // The lock is let go whenever the next job does not need it.
                Output::Store(StoreOp::Unlock) => {}
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
            Self::AtStore(StoreOp::Lock(id) | StoreOp::Load(id) | StoreOp::Save(id, _)) => {
                Some(*id)
            }
            Self::AtStore(StoreOp::Unlock) => None,
        }
    }
}

impl Carrier {
    /// Whether there is another.
    fn turn(&mut self) -> bool {
        let session = self.session.clone();
        let now = self.now();
        let mut desk = session.lock();
        if !desk.is_in_office(self.term) {
            // What it brings has been reported for it.
            desk.dismissed.retain(|office| office.term != self.term);
            return false;
        }
        self.locked = desk.locked.take().or(self.locked.take());
        match self.done.take() {
            Some((job, Some(end))) => desk.machine.handle_end(now, job, end),
            Some((job, None)) => desk.machine.abandon(now, job),
            None => {}
        }
        let Said { events, job, until } = Said::by(&mut desk.machine, now);
        let is_lock_needed = !matches!(job, None | Some(Job::AtStore(StoreOp::Lock(_))));
        let is_unlock_due = self.locked.is_some() && !is_lock_needed;
        if events.is_empty() && job.is_none() && !is_unlock_due {
            session.leave(&mut desk, now, until);
            let is_closed = desk.is_closed;
            let store = desk.store.take_if(|_| is_closed);
            drop(desk);
            caught(|| drop(store)); // which may block
            session.settled.ring();
            return false;
        }
        // Under the lock of the poll: who dismisses this carrier has to know which job it has.
        let id = job.as_ref().and_then(Job::id);
        let first = match &job {
            _ if is_unlock_due => Task::Store,
            Some(Job::Exchange(_)) if events.is_empty() => Task::Exchange,
            Some(Job::AtStore(_)) if events.is_empty() => Task::Store,
            _ => Task::Tell,
        };
        desk.begin(session.process.monotonic(), first, id);
        drop(desk);
        // First, so that the drop of the last client need not wait for a callback.
        if is_unlock_due && self.begin(Task::Store, id) {
            self.unlock(id);
        }
        if !events.is_empty() && self.begin(Task::Tell, id) {
            self.tell(&events);
            // Only now: a program may end as soon as it is woken, and would lose its last lines.
            let is_answer = |event: &Event| !matches!(event, Event::ExchangeStarted { .. });
            if events.iter().any(is_answer) {
                session.woken.ring();
            }
        }
        match job {
            Some(Job::Exchange(transmit)) => self.exchange(transmit),
            Some(Job::AtStore(op)) => self.operate(op),
            None => {}
        }
        true
    }

    /// Says what it is about to do. `false` if it is not in office any more: then it does nothing.
    fn begin(&mut self, task: Task, job: Option<JobId>) -> bool {
        let mut desk = self.session.lock();
        let is_in_office = desk.is_in_office(self.term);
        if is_in_office {
            desk.begin(self.session.process.monotonic(), task, job);
        }
        is_in_office
    }

    fn tell(&self, events: &[Event]) {
        let session = &*self.session;
        let mut desk = session.lock();
        if desk.is_inside(Task::Tell) {
            // A callback that hangs costs one thread.
            desk.untold += events.len() as u64;
            return;
        }
        let untold = std::mem::take(&mut desk.untold);
        drop(desk);
        caught(|| trace::untold(untold));
        for event in events {
            caught(|| {
                trace::event(event);
                (session.on_event)(event);
            });
        }
    }

    fn exchange(&mut self, transmit: Transmit) {
        let id = transmit.exchange;
        if self.locked.is_some() {
            self.at_store(id, |locked| locked.renew().map(|()| JobEnd::Locked));
            let is_renewed = |done: &mut (JobId, _)| matches!(done.1, Some(JobEnd::Locked));
            if self.done.take_if(is_renewed).is_none() {
                return;
            }
        }
        if !self.begin(Task::Exchange, Some(id)) {
            return;
        }
        let mut desk = self.session.lock();
        let is_closed = desk.is_closed;
        if !is_closed {
            desk.locked = self.locked.take();
        }
        drop(desk);
        let answer = if is_closed {
            None // nobody is left to want it
        } else {
            caught(|| trace::exchange(transmit.request, &self.session.exchange))
        };
        let end = answer.map(|answer| match answer {
            Ok(response) => JobEnd::Answered(response),
            Err(failure) => JobEnd::Unanswered(failure),
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
            StoreOp::Unlock => {}
        }
    }

    fn lock_store(&mut self, id: JobId) {
        if !self.begin(Task::Store, Some(id)) {
            return;
        }
        let desk = self.session.lock();
        // One that hangs inside the store costs one thread: nobody else enters it meanwhile.
        let store = desk.store.clone().filter(|_| !desk.is_inside(Task::Store));
        drop(desk);
        let request = self.session.lock_request();
        let locked = match store {
            Some(store) => caught(|| store.lock(request)),
            None => None,
        };
        let end = locked.map(|locked| match locked {
            Ok(locked) => {
                self.locked = Some(locked);
                JobEnd::Locked
            }
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

    /// Lets go of the store's lock, if it is held. The job is what comes after that.
    fn unlock(&mut self, job: Option<JobId>) {
        let Some(locked) = self.locked.take() else {
            return;
        };
        let unlocked = caught(|| locked.unlock()).unwrap_or(Err(StoreFailure::Abandoned));
        if let Err(failure) = unlocked
            && self.begin(Task::Tell, job)
        {
            self.tell(&[Event::UnlockFailed { failure }]);
        }
    }

    /// Whatever the user's clock does.
    fn now(&self) -> Timestamp {
        let now = caught(|| self.session.now());
        now.unwrap_or_else(|| self.session.process.time().into())
    }
}

/// `None` after a panic, which ends nothing but what it happened in.
fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}
