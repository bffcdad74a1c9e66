// A driver of threads, for a scenario: a thread carries what the machine wants done, as long as there is
// anything, and whoever has no token waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Request;
use shuttle::sync::{Condvar, Mutex, MutexGuard}; // std's, but for the scenarios
use shuttle::thread;
use simacan_auth::{
    Authorization, Config, Credentials, Denied, JobEnd, JobId, LockRequest, LockedStore, Machine,
    Output, Pending, Provider, RequestBody, ResponseBody, Review, SavedSession, Sent, SessionStore,
    StoreFailure, StoreOp, Timestamp, TransportFailure,
};
use simacan_auth_emulator::Emulator;
use simacan_auth_testkit::MemoryStore;

/// It stands still.
pub(crate) fn clock() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn now() -> Timestamp {
    clock().into()
}

/// Others go on before each of its steps. Who waits for its lock looks every 10 ms of its time.
pub(crate) fn store() -> MemoryStore {
    let looks = Arc::new(AtomicU64::new(0));
    let seen = looks.clone();
    let now = move || clock() + Duration::from_millis(10 * seen.load(Ordering::SeqCst));
    let look = move |_| {
        looks.fetch_add(1, Ordering::SeqCst);
        thread::yield_now();
    };
    let store = MemoryStore::new().in_time(now, look);
    store.before(|_| thread::yield_now())
}

type Answer = Result<http::Response<ResponseBody>, TransportFailure>;

pub(crate) struct Driver {
    state: Mutex<State>,
    changed: Condvar,
    store: Box<dyn SessionStore>,
    exchange: Box<dyn Fn(Request<RequestBody>) -> Answer + Send + Sync>,
    /// The bug that is planted: the carrier leaves after it has let go of the lock.
    leaves_late: bool,
}

struct State {
    machine: Machine,
    is_carried: bool,
    is_closed: bool,
    /// When there is something to do again.
    until: Option<Timestamp>,
}

impl Driver {
    pub(crate) fn new(
        platform: &Arc<std::sync::Mutex<Emulator>>,
        store: impl SessionStore + 'static,
        leaves_late: bool,
    ) -> Arc<Self> {
        let exchange = Emulator::exchange(platform.clone(), clock);
        let exchange = move |request| {
            thread::yield_now(); // others go on before it arrives, and before the answer does
            let answer = exchange(request);
            thread::yield_now();
            answer
        };
        let credentials = Credentials::new("u", "p");
        let mut config = Config::default();
        config.backoff.first = Duration::ZERO; // nobody is there to wait for it
        let machine = Machine::new(Provider::simacan(), credentials, config);
        Arc::new(Self {
            state: Mutex::new(State {
                machine: machine.with_store(),
                is_carried: false,
                is_closed: false,
                until: None,
            }),
            changed: Condvar::new(),
            store: Box::new(store),
            exchange: Box::new(exchange),
            leaves_late,
        })
    }

    /// Puts the token on the request, as soon as there is one.
    pub(crate) fn authorize<B>(
        self: &Arc<Self>,
        mut pending: Pending,
        request: &mut Request<B>,
    ) -> Result<Sent, Denied> {
        let mut state = self.lock();
        loop {
            let asked = state.machine.authorize(now(), pending, request);
            self.ensure_carrier(&mut state);
            pending = match asked {
                Authorization::Ready(sent) => return Ok(sent),
                Authorization::Wait(pending) => pending,
                Authorization::Denied(denied) => return Err(denied),
                Authorization::Foreign(foreign) => panic!("{foreign}"),
            };
            // Under the lock that it has asked under: no wake-up falls in between.
            state = match state.until {
                Some(until) => {
                    let rest = until.saturating_since(now());
                    self.changed.wait_timeout(state, rest).unwrap().0
                }
                None => self.changed.wait(state).unwrap(),
            };
        }
    }

    /// What the status of an answer means.
    pub(crate) fn review(self: &Arc<Self>, sent: Sent, status: http::StatusCode) -> Review {
        let mut state = self.lock();
        let review = state.machine.review(now(), sent, status);
        self.ensure_carrier(&mut state);
        review
    }

    pub(crate) fn set_credentials(self: &Arc<Self>, credentials: Credentials) {
        let mut state = self.lock();
        state.machine.handle_credentials(now(), credentials);
        self.ensure_carrier(&mut state);
    }

    /// Begins nothing more, and waits for the end of what is in flight.
    pub(crate) fn close(self: &Arc<Self>) {
        let mut state = self.lock();
        state.machine.close();
        state.is_closed = true;
        self.ensure_carrier(&mut state);
        while state.is_carried {
            state = self.changed.wait(state).unwrap();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn ensure_carrier(self: &Arc<Self>, state: &mut State) {
        if !state.is_carried && state.machine.wants(now()) {
            state.is_carried = true;
            let driver = self.clone();
            thread::spawn(move || driver.carry());
        }
    }

    fn carry(&self) {
        let mut locked = None;
        let mut state = self.lock();
        loop {
            let (job, end) = match state.machine.poll(now()) {
                Output::Event(_) => {
                    self.changed.notify_all();
                    continue;
                }
                Output::Wait(until) => {
                    state.until = until;
                    if self.leaves_late {
                        drop(state);
                        state = self.lock(); // a wish in between has found a carrier, and is nobody's
                    }
                    state.is_carried = false;
                    if state.is_closed {
                        self.changed.notify_all();
                    }
                    return;
                }
                Output::Store(StoreOp::Unlock) => {
                    drop(state);
                    drop(locked.take());
                    state = self.lock();
                    continue;
                }
                Output::Store(op) => {
                    drop(state);
                    self.operate(op, &mut locked)
                }
                Output::Transmit(transmit) => {
                    drop(state);
                    (
                        transmit.exchange,
                        self.transmit(transmit.request, &mut locked),
                    )
                }
                Output::Credentials(_) => unreachable!("it has no source"),
            };
            state = self.lock();
            state.machine.handle_end(now(), job, end);
        }
    }

    fn transmit(&self, request: Request<RequestBody>, locked: &mut Locked) -> JobEnd {
        if let Err(failure) = held(locked).renew() {
            return JobEnd::StoreFailed(failure);
        }
        match (self.exchange)(request) {
            Ok(response) => JobEnd::Answered(response),
            Err(failure) => JobEnd::Unanswered(failure),
        }
    }

    fn operate(&self, op: StoreOp, locked: &mut Locked) -> (JobId, JobEnd) {
        let (job, end) = match op {
            StoreOp::Lock(job) => (job, self.lock_store(locked)),
            StoreOp::Load(job) => (job, load(held(locked))),
            StoreOp::Save(job, session) => {
                let saved = held(locked).save(&session.to_json());
                (job, saved.map(|()| JobEnd::Saved))
            }
            StoreOp::Mark(job, until) => {
                let marked = held(locked).mark(until);
                (job, marked.map(|()| JobEnd::Marked))
            }
            StoreOp::Unlock => unreachable!("there is nothing to report of it"),
        };
        (job, end.unwrap_or_else(JobEnd::StoreFailed))
    }

    fn lock_store(&self, locked: &mut Locked) -> Result<JobEnd, StoreFailure> {
        let mut held = self.store.lock(LockRequest {
            patience: Duration::from_secs(25),
            hold: Duration::from_secs(30),
        })?;
        let marked = held.marked()?;
        *locked = Some(held);
        Ok(JobEnd::Locked(marked))
    }
}

type Locked = Option<Box<dyn LockedStore>>;

fn held(locked: &mut Locked) -> &mut dyn LockedStore {
    &mut **locked.as_mut().expect("the machine has had it locked")
}

fn load(locked: &mut dyn LockedStore) -> Result<JobEnd, StoreFailure> {
    let saved = locked.load()?;
    let saved = saved.map(|saved| SavedSession::from_json(&saved));
    Ok(JobEnd::Loaded(saved.transpose()?))
}
