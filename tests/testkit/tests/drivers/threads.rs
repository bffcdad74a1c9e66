//! A driver made of threads, with a store: one thread carries, callers block.

use std::sync::Arc;

use http::{Request, StatusCode};
use simacan_auth::{
    Authorization, Config, JobEnd, LockRequest, LockedStore, Machine, Output, Pending, Review,
    SavedJson, SavedSession, SessionStore, StoreFailure, StoreOp, Timestamp,
};
use simacan_auth_testkit::time::{Condvar, Mutex, MutexGuard};
use simacan_auth_testkit::{DriverContract, MemoryStore, Setup};

use crate::{Defect, MINUTE, assert_breaks};

struct Driver {
    setup: Setup,
    store: MemoryStore,
    defect: Defect,
    state: Mutex<State>,
    /// Something has happened that may be an answer.
    woken: Condvar,
    /// The machine has been asked for something.
    asked: Condvar,
}

struct State {
    machine: Machine,
    is_closed: bool,
}

/// What is saved under the lock, and what this process has saved last.
type Locked = (Option<Box<dyn LockedStore>>, Option<SavedJson>);

/// Its end is the process's.
struct Client(Arc<Driver>);

impl Client {
    fn start(setup: Setup, defect: Defect) -> Self {
        let (provider, credentials) = (setup.provider.clone(), setup.credentials());
        let driver = Arc::new(Driver {
            store: setup.store(),
            defect,
            state: Mutex::new(State {
                machine: Machine::new(provider, credentials, Config::default()).with_store(),
                is_closed: false,
            }),
            woken: Condvar::new(),
            asked: Condvar::new(),
            setup,
        });
        let carrier = driver.clone();
        let time = &driver.setup.time;
        time.spawn_thread("carrier", move || carrier.carry());
        Self(driver)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.asked.notify_all();
    }
}

impl Driver {
    fn send(&self, mut request: Request<Vec<u8>>) -> Result<StatusCode, String> {
        let mut pending = Pending::new();
        let mut state = self.lock();
        loop {
            let authorization = state.machine.authorize(self.now(), pending, &mut request);
            self.asked.notify_one();
            pending = match authorization {
                Authorization::Ready(sent) => {
                    drop(state);
                    let answer = self.setup.wire.exchange_blocking(&request);
                    let status = answer.map_err(|failure| failure.to_string())?.status();
                    state = self.lock();
                    let review = state.machine.review(self.now(), sent, status);
                    self.asked.notify_one();
                    match review {
                        Review::Retry(pending) => pending,
                        Review::Deliver => return Ok(status),
                    }
                }
                Authorization::Wait(pending) => {
                    if self.defect == Defect::LooksAndWaits {
                        drop(state);
                        state = self.lock();
                    }
                    state = self.woken.wait(state).unwrap();
                    pending
                }
                Authorization::Denied(denied) => return Err(denied.to_string()),
                Authorization::Foreign(foreign) => return Err(foreign.to_string()),
            };
        }
    }

    fn carry(&self) {
        let mut locked = Locked::default();
        let mut state = self.lock();
        loop {
            match state.machine.poll(self.now()) {
                Output::Transmit(transmit) => {
                    drop(state);
                    if self.defect == Defect::ExchangesUnlocked {
                        locked.0 = None;
                    }
                    let end = match self.setup.wire.exchange_blocking(&transmit.request) {
                        Ok(response) => JobEnd::Answered(response),
                        Err(failure) => JobEnd::Unanswered(failure),
                    };
                    state = self.lock();
                    (state.machine).handle_end(self.now(), transmit.exchange, end);
                }
                Output::Event(_) => self.woken.notify_all(),
                Output::Store(StoreOp::Unlock) => {
                    if self.defect != Defect::KeepsTheLock {
                        locked.0 = None;
                    }
                }
                Output::Store(op) => {
                    drop(state);
                    let (StoreOp::Lock(id)
                    | StoreOp::Load(id)
                    | StoreOp::Save(id, _)
                    | StoreOp::Mark(id, _)) = op
                    else {
                        unreachable!("it is matched above")
                    };
                    let end = self.operate(&mut locked, op);
                    state = self.lock();
                    let end = end.unwrap_or_else(JobEnd::StoreFailed);
                    state.machine.handle_end(self.now(), id, end);
                }
                Output::Credentials(_) => unreachable!("it has no source"),
                Output::Wait(_) if state.is_closed => return,
                Output::Wait(until) => {
                    if self.defect == Defect::Forgets {
                        drop(state);
                        state = self.lock();
                    }
                    state = match until {
                        None => self.asked.wait(state).unwrap(),
                        Some(until) => {
                            let rest = until.saturating_since(self.now());
                            self.asked.wait_timeout(state, rest).unwrap().0
                        }
                    };
                }
            }
        }
    }

    fn operate(&self, (locked, own): &mut Locked, op: StoreOp) -> Result<JobEnd, StoreFailure> {
        let request = LockRequest {
            patience: MINUTE / 2,
            hold: MINUTE / 2,
        };
        if let StoreOp::Lock(_) = op {
            let lock = locked.insert(self.store.lock(request)?);
            return Ok(JobEnd::Locked(lock.marked()?));
        }
        let store = locked.as_mut().ok_or(StoreFailure::Superseded)?;
        Ok(match op {
            StoreOp::Load(_) if self.defect == Defect::LoadsNothing => JobEnd::Loaded(None),
            StoreOp::Load(_) => {
                let saved = match own.as_deref() {
                    Some(own) if self.defect == Defect::LoadsItsOwn => Some(own.to_vec().into()),
                    _ => store.load()?,
                };
                let saved = saved.map(|saved| SavedSession::from_json(&saved));
                JobEnd::Loaded(saved.transpose()?)
            }
            StoreOp::Save(_, session) => {
                let own = own.insert(session.to_json());
                if let Err(failure) = store.save(own) {
                    if self.defect == Defect::KeepsTheLockUnsaved {
                        std::mem::forget(locked.take());
                    }
                    return Err(failure);
                }
                JobEnd::Saved
            }
            StoreOp::Mark(_, until) => {
                store.mark(until)?;
                JobEnd::Marked
            }
            StoreOp::Lock(_) | StoreOp::Unlock => unreachable!("it is done above"),
        })
    }

    fn now(&self) -> Timestamp {
        self.setup.time.now().into()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn contract(defect: Defect) -> DriverContract {
    DriverContract::blocking(move |setup| {
        let client = Client::start(setup, defect);
        move |request| client.0.send(request)
    })
}

#[test]
fn a_driver_made_of_threads_keeps_the_contract() {
    contract(Defect::None).check();
}

#[test]
fn a_wake_up_that_is_lost_between_two_locks_is_found() {
    assert_breaks(
        &contract(Defect::LooksAndWaits),
        "callers-share-one-login",
        "hangs",
    );
}

#[test]
fn a_wish_that_is_not_remembered_is_found() {
    assert_breaks(
        &contract(Defect::Forgets),
        "callers-share-one-refresh",
        "hangs",
    );
}

#[test]
fn a_lock_of_the_store_that_is_kept_is_found() {
    let contract = contract(Defect::KeepsTheLock);
    assert_breaks(
        &contract,
        "a-request-gets-through",
        "the store's lock is kept",
    );
}

#[test]
fn a_lock_that_is_kept_after_a_save_that_failed_is_found() {
    assert_breaks(
        &contract(Defect::KeepsTheLockUnsaved),
        "a-save-that-fails-keeps-no-lock",
        "the store's lock is kept",
    );
}

#[test]
fn an_exchange_without_the_lock_is_found() {
    assert_breaks(
        &contract(Defect::ExchangesUnlocked),
        "two-processes-share-a-session",
        "I4 (one job at a time) is violated: an exchange began without the store's lock",
    );
}

#[test]
fn a_session_of_others_that_is_overwritten_unseen_is_found() {
    assert_breaks(
        &contract(Defect::LoadsNothing),
        "two-processes-share-a-session",
        "I14 (tokens are not lost) is violated",
    );
}

#[test]
fn a_refresh_token_that_others_have_spent_is_found() {
    assert_breaks(
        &contract(Defect::LoadsItsOwn),
        "two-processes-share-a-session",
        "I3 (a spent refresh token is gone) is violated",
    );
}
