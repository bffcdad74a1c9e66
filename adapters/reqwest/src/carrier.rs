//! What a task does for the machine, with no lock on it: an exchange, or something with the store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use http::{Request, Response};
use simacan_auth::{
    Event, ExchangeId, LockedStore, Machine, RequestBody, ResponseBody, SavedSession, StoreFailure,
    StoreOp, StoreOpId, Timestamp, TransportFailure,
};

use crate::drained::Drained;
use crate::driver::Driver;
use crate::runtime::{Mutex, blocking};

/// Something to be done. At most one is under way (I4).
pub(crate) enum Job {
    Exchange(ExchangeId, Request<RequestBody>),
    Lock(StoreOpId),
    Load(StoreOpId),
    Save(StoreOpId, SavedSession),
}

/// Where the store's lock is held from one job of a visit to the next. Shared with the driver: should whoever
/// has an exchange to carry be stuck, others let go of it.
#[derive(Clone, Default)]
pub(crate) struct Slot(Arc<Mutex<Option<Box<dyn LockedStore>>>>);

impl Slot {
    pub(crate) fn take(&self) -> Option<Box<dyn LockedStore>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn put(&self, locked: Box<dyn LockedStore>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(locked);
    }
}

/// How it ended.
enum Report {
    Answer(ExchangeId, Result<Response<ResponseBody>, TransportFailure>),
    Locked(StoreOpId, Result<(), StoreFailure>),
    Loaded(StoreOpId, Result<Option<SavedSession>, StoreFailure>),
    Saved(StoreOpId, Result<(), StoreFailure>),
}

/// Has something to do. The end of it is reported when this is dropped, which happens in a panic and when
/// a runtime is shut down, too.
pub(crate) struct Carrier {
    driver: Arc<Driver>,
    began: Timestamp,
    job: Option<Job>,
    report: Option<Report>,
    locked: Slot,
}

impl Job {
    /// There is nothing to do for an unlock: a carrier whose next job needs no lock gives it free.
    pub(crate) fn at_store(op: StoreOp) -> Option<Self> {
        match op {
            StoreOp::Lock(op) => Some(Self::Lock(op)),
            StoreOp::Load(op) => Some(Self::Load(op)),
            StoreOp::Save(op, session) => Some(Self::Save(op, session)),
            StoreOp::Unlock => None,
        }
    }

    fn abandon(&self) -> Report {
        match self {
            Self::Exchange(id, _) => Report::Answer(*id, Err(TransportFailure::abandoned())),
            Self::Lock(op) => Report::Locked(*op, Err(StoreFailure::Abandoned)),
            Self::Load(op) => Report::Loaded(*op, Err(StoreFailure::Abandoned)),
            Self::Save(op, _) => Report::Saved(*op, Err(StoreFailure::Abandoned)),
        }
    }
}

impl Report {
    fn give(self, machine: &mut Machine, now: Timestamp) {
        match self {
            Self::Answer(id, Ok(response)) => machine.handle_response(now, id, response),
            Self::Answer(id, Err(failure)) => machine.handle_failure(now, id, failure),
            Self::Locked(op, Ok(())) => machine.handle_locked(now, op),
            Self::Loaded(op, Ok(saved)) => machine.handle_loaded(now, op, saved),
            Self::Saved(op, Ok(())) => machine.handle_saved(now, op),
            Self::Locked(op, Err(failure))
            | Self::Loaded(op, Err(failure))
            | Self::Saved(op, Err(failure)) => machine.handle_store_failure(now, op, failure),
        }
    }
}

impl Carrier {
    pub(crate) fn new(driver: Arc<Driver>, began: Timestamp, job: Job) -> Self {
        Self {
            driver,
            began,
            job: Some(job),
            report: None,
            locked: Slot::default(),
        }
    }

    /// In a task of its own: no caller's end is its end. What comes next as well: only who holds the store's
    /// lock can save, and the password after a refused refresh is not left to a caller who may be gone.
    pub(crate) async fn carry(mut self) {
        while let Some(job) = self.job.take() {
            self.report = Some(job.abandon()); // should it end here
            self.report = Some(self.perform(job).await);
            let events = self.go_on();
            self.unlock().await;
            self.driver.announce(&events);
        }
    }

    async fn perform(&mut self, job: Job) -> Report {
        let driver = self.driver.clone();
        match job {
            Job::Exchange(id, request) => Report::Answer(id, (driver.exchange)(request).await),
            Job::Lock(op) => {
                let (longest, locking) = (driver.longest(), driver.clone());
                let locked = blocking(longest, move || locking.lock_store()).await;
                let locked = locked.unwrap_or(Err(StoreFailure::Abandoned));
                Report::Locked(op, locked.map(|locked| driver.share(&self.locked, locked)))
            }
            Job::Load(op) => Report::Loaded(op, self.with_locked(|store| store.load()).await),
            Job::Save(op, session) => {
                let save = move |store: &mut dyn LockedStore| store.save(&session);
                Report::Saved(op, self.with_locked(save).await)
            }
        }
    }

    /// Should this task end meanwhile, the lock is given free at the end of the operation, not before.
    async fn with_locked<T: Send + 'static>(
        &mut self,
        operate: impl FnOnce(&mut dyn LockedStore) -> Result<T, StoreFailure> + Send + 'static,
    ) -> Result<T, StoreFailure> {
        let mut locked = self.locked.take().ok_or(StoreFailure::Abandoned)?;
        let operated = blocking(self.driver.longest(), move || {
            let result = operate(&mut *locked);
            (locked, result)
        });
        let (locked, result) = operated.await.ok_or(StoreFailure::Abandoned)?;
        self.locked.put(locked);
        result
    }

    /// Reports, and takes what comes next before anybody else can.
    fn go_on(&mut self) -> Vec<Event> {
        let now = self.now();
        let mut machine = self.driver.lock();
        if let Some(report) = self.report.take() {
            report.give(&mut machine, now);
        }
        let Drained { events, job, .. } = Drained::of(&mut machine, now);
        drop(machine);
        self.job = job;
        self.driver.wake();
        events
    }

    /// If what comes next needs no lock.
    async fn unlock(&mut self) {
        if let None | Some(Job::Lock(_)) = self.job
            && let Some(locked) = self.locked.take()
        {
            blocking(self.driver.longest(), move || drop(locked)).await;
        }
    }

    /// Whatever the user's clock does, and it may be the panic that this is about.
    fn now(&self) -> Timestamp {
        let clock = AssertUnwindSafe(|| self.driver.now());
        catch_unwind(clock).unwrap_or(self.began)
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let report = self.report.take();
        let report = report.or_else(|| self.job.as_ref().map(Job::abandon));
        if let Some(report) = report {
            let now = self.now();
            report.give(&mut self.driver.lock(), now);
            self.driver.wake();
        }
        drop(self.locked.take());
    }
}
