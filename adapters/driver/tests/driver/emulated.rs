//! The emulated platform without sockets, and a time that goes by as a test says.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Request, Response, StatusCode};
use simacan_auth_driver::simacan_auth::{
    Credentials, Event, Provider, RequestBody, ResponseBody, Review, TransportFailure,
};
use simacan_auth_driver::{Driver, Error, Process, Settings, System, block_on};
use simacan_auth_emulator::{Counters, Emulator};
use simacan_auth_testkit::{MemoryStore, StoreStep};

pub(crate) const REFRESH_IS_DUE: u64 = 3545;

/// Threads of the system, unless it has none to give, and a clock that a test moves.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<ClockInner>);

#[derive(Default)]
struct ClockInner {
    millis: AtomicU64,
    has_no_threads: AtomicBool,
}

impl System for Clock {
    fn spawn(&self, name: &str, run: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        if self.0.has_no_threads.load(Ordering::SeqCst) {
            return Err(io::Error::other("no thread to be had"));
        }
        if name == "simacan-auth" {
            std::thread::Builder::new().name(name.into()).spawn(run)?;
        }
        Ok(())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.millis.load(Ordering::SeqCst))
    }

    fn time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000) + self.monotonic()
    }
}

#[derive(Clone)]
pub(crate) struct World {
    emulator: Arc<Mutex<Emulator>>,
    pub(crate) clock: Clock,
    pub(crate) process: Arc<Process>,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let settings = simacan_auth_emulator::Settings::new()
            .with_user("u", "p")
            .with_user("v", "q");
        let clock = Clock::default();
        Self {
            emulator: Arc::new(Mutex::new(Emulator::new(settings))),
            process: Process::new(clock.clone()),
            clock,
            events: Arc::default(),
        }
    }

    pub(crate) fn emulate<R>(&self, f: impl FnOnce(&mut Emulator) -> R) -> R {
        f(&mut self.emulator.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn counters(&self) -> Counters {
        self.emulate(|emulator| *emulator.ledger().counters())
    }

    #[track_caller]
    pub(crate) fn assert_exchanges(&self, passwords: u64, refreshes: u64) {
        let counters = self.counters();
        let received = (counters.passwords_received, counters.refreshes_received);
        assert_eq!(received, (passwords, refreshes), "(passwords, refreshes)");
    }

    pub(crate) fn respond<B: AsRef<[u8]>>(
        &self,
        request: &Request<B>,
    ) -> Option<Response<Vec<u8>>> {
        let time = self.clock.time();
        self.emulate(|emulator| emulator.respond(time, request))
    }

    pub(crate) fn settings(&self) -> Settings {
        let events = self.events.clone();
        Driver::settings(Provider::simacan(), Credentials::new("u", "p"))
            .process(self.process.clone())
            .on_event(move |event| events.lock().unwrap().push(event.clone()))
    }

    pub(crate) fn exchange(
        &self,
    ) -> impl Fn(Request<RequestBody>) -> Result<Response<ResponseBody>, TransportFailure> + Clone + use<>
    {
        let clock = self.clock.clone();
        Emulator::exchange(self.emulator.clone(), move || clock.time())
    }

    /// One that stands before the gate first, while that is closed.
    pub(crate) fn exchange_behind(
        &self,
        gate: &Gate,
    ) -> impl Fn(Request<RequestBody>) -> Result<Response<ResponseBody>, TransportFailure> + use<>
    {
        let (gate, exchange) = (gate.clone(), self.exchange());
        move |request| {
            gate.pass();
            exchange(request)
        }
    }

    pub(crate) fn driver(&self) -> Driver {
        self.settings().build(self.exchange())
    }

    /// What a client does with a request.
    pub(crate) fn send(&self, driver: &Driver) -> Result<StatusCode, Error> {
        let mut pending = None;
        loop {
            let mut request = Request::get("https://a.services.simacan.com/x")
                .body([])
                .unwrap();
            let sent = block_on(driver.authorize(pending, &mut request))?;
            let answer = self.respond(&request).expect("targets answer");
            match driver.review(sent, answer.status()) {
                Review::Deliver => return Ok(answer.status()),
                Review::Retry(next) => pending = Some(next),
            }
        }
    }

    /// In a thread of its own.
    pub(crate) fn sending(
        &self,
        driver: &Driver,
    ) -> std::thread::JoinHandle<Result<StatusCode, Error>> {
        let (world, driver) = (self.clone(), driver.clone());
        std::thread::spawn(move || world.send(&driver))
    }

    #[track_caller]
    pub(crate) fn assert_sent(&self, driver: &Driver) {
        assert_eq!(self.send(driver).expect("an answer"), StatusCode::OK);
    }

    /// Sooner or later, while time goes by: who waits for a backoff can't be who lets it pass.
    #[track_caller]
    pub(crate) fn pass_until_sent(&self, driver: &Driver) {
        for _ in 0..50 {
            let caller = self.sending(driver);
            self.pass_until("a caller is answered", || caller.is_finished());
            if matches!(caller.join().unwrap(), Ok(StatusCode::OK)) {
                return;
            }
            self.skip(10); // a cool-down may be on
        }
        panic!("it is not served any more");
    }

    pub(crate) fn count(&self, which: impl Fn(&Event) -> bool) -> usize {
        let events = self.events.lock().unwrap();
        events.iter().filter(|event| which(event)).count()
    }

    pub(crate) fn give_no_threads(&self, is_so: bool) {
        self.clock.0.has_no_threads.store(is_so, Ordering::SeqCst);
    }

    pub(crate) fn skip(&self, seconds: u64) {
        self.clock
            .0
            .millis
            .fetch_add(seconds * 1000, Ordering::SeqCst);
        self.process.tick();
    }

    pub(crate) fn skip_to(&self, time: SystemTime) {
        let left = time
            .duration_since(self.clock.time())
            .expect("it is to come");
        self.skip(left.as_secs() + 1);
    }

    /// Time goes by, slowly enough for those who wait to look, until this is so.
    #[track_caller]
    pub(crate) fn pass_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        for _ in 0..600 {
            if is_so() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
            if !is_so() {
                self.skip(1);
            }
        }
        panic!("in vain: {what}");
    }
}

pub(crate) fn has_tokens(store: &MemoryStore) -> bool {
    String::from_utf8(store.record().unwrap_or_default())
        .unwrap()
        .contains(r#""access_token""#)
}

/// How often this has been begun.
pub(crate) fn count(store: &MemoryStore, step: StoreStep) -> usize {
    store
        .steps()
        .iter()
        .filter(|(_, begun)| *begun == step)
        .count()
}

#[track_caller]
pub(crate) fn settle(driver: &Driver) {
    assert!(block_on(driver.settle(Duration::from_secs(60))));
}

/// Asks for a token, and goes away.
#[track_caller]
pub(crate) fn ask(driver: &Driver) {
    let mut asked = pin!(driver.log_in());
    let mut context = Context::from_waker(Waker::noop());
    assert!(asked.as_mut().poll(&mut context).is_pending());
}

/// Waits for an effect, while no time goes by.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("in vain: {what}");
}

/// Whoever passes it waits while it is closed.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Default)]
struct GateState {
    is_closed: bool,
    waiting: usize,
}

impl Gate {
    pub(crate) fn closed() -> Self {
        let gate = Self::default();
        gate.0.0.lock().unwrap().is_closed = true;
        gate
    }

    pub(crate) fn pass(&self) {
        let mut state = self.0.0.lock().unwrap();
        state.waiting += 1;
        while state.is_closed {
            state = self.0.1.wait(state).unwrap();
        }
        state.waiting -= 1;
    }

    /// How many stand before it.
    pub(crate) fn waiting(&self) -> usize {
        self.0.0.lock().unwrap().waiting
    }

    pub(crate) fn open(&self) {
        self.0.0.lock().unwrap().is_closed = false;
        self.0.1.notify_all();
    }

    pub(crate) fn close(&self) {
        self.0.0.lock().unwrap().is_closed = true;
    }
}
