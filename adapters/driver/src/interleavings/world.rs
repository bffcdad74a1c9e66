//! What a scenario is made of: the platform without sockets, a clock that stands still, and callers.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Request, Response, StatusCode, Uri};
use shuttle::{future, thread};
use simacan_auth::{
    Config, Credentials, Provider, RequestBody, ResponseBody, Review, TransportFailure,
};
use simacan_auth_emulator::{Counters, Emulator};
use simacan_auth_testkit::MemoryStore;

use crate::sync::block_on;
use crate::{Driver, Error, Process, Settings, System};

pub(super) const TARGET: &str = "https://a.services.simacan.com/";

/// The checker's threads, and a clock that stands still. The time-keeper is the scenario.
#[derive(Clone, Default)]
pub(super) struct Checked {
    seconds: Arc<AtomicU64>,
    /// How many threads are not to be had.
    pub(super) refuses: Arc<AtomicU64>,
}

impl System for Checked {
    fn spawn(&self, name: &str, run: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        if self.refuses.load(Ordering::SeqCst) > 0 {
            self.refuses.fetch_sub(1, Ordering::SeqCst);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if name != "simacan-time" {
            thread::spawn(run);
        }
        Ok(())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.seconds.load(Ordering::SeqCst))
    }

    fn time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000) + self.monotonic()
    }
}

/// The platform's lock is never held while another thread may go on, so it is none of the checker's.
#[derive(Clone)]
pub(super) struct World {
    emulator: Arc<Mutex<Emulator>>,
    pub(super) system: Checked,
    process: Arc<Process>,
}

impl World {
    pub(super) fn new() -> Self {
        let settings = simacan_auth_emulator::Settings::new();
        let settings = settings.with_user("u", "p").with_user("v", "q");
        let system = Checked::default();
        Self {
            emulator: Arc::new(Mutex::new(Emulator::new(settings))),
            process: Process::new(system.clone()),
            system,
        }
    }

    pub(super) fn with<R>(&self, look: impl FnOnce(&mut Emulator) -> R) -> R {
        look(&mut self.emulator.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Others go on before it arrives and before the answer does.
    fn respond<B: AsRef<[u8]>>(&self, request: &Request<B>) -> Option<Response<Vec<u8>>> {
        thread::yield_now();
        let response = self.with(|emulator| emulator.respond(self.system.time(), request));
        thread::yield_now();
        response
    }

    pub(super) fn exchange(
        &self,
    ) -> impl Fn(Request<RequestBody>) -> Result<Response<ResponseBody>, TransportFailure> + use<>
    {
        let world = self.clone();
        move |request| {
            let response = world.respond(&request);
            let response = response.ok_or_else(TransportFailure::timed_out)?;
            Ok(response.map(ResponseBody::from))
        }
    }

    pub(super) fn settings(&self, password: &str) -> Settings {
        self.settings_with(password, Config::default())
    }

    pub(super) fn settings_with(&self, password: &str, mut config: Config) -> Settings {
        config.backoff.first = Duration::ZERO;
        Settings::new(Provider::simacan(), Credentials::new("u", password))
            .config(config)
            .process(self.process.clone())
    }

    pub(super) fn driver(&self, password: &str) -> Driver {
        self.settings(password).build(self.exchange())
    }

    /// A driver over this store.
    pub(super) fn over(&self, store: &MemoryStore) -> Driver {
        let settings = self.settings("p").store(store.clone());
        settings.build(self.exchange())
    }

    /// What a client does with a request.
    pub(super) async fn send(self, driver: Driver) -> Answer {
        let mut request = Request::new([]);
        *request.uri_mut() = Uri::from_static(TARGET);
        let mut pending = None;
        for _ in 0..2 {
            let sent = driver.authorize(pending, &mut request).await?;
            let answer = self.respond(&request).expect("targets answer");
            match driver.review(sent, answer.status()) {
                Review::Deliver => return Ok(answer.status()),
                Review::Retry(next) => pending = Some(next),
            }
        }
        panic!("I7: a third time");
    }

    pub(super) fn begin(&self, driver: &Driver, n: usize) -> Vec<Caller> {
        let begin = |n| {
            let sending = self.clone().send(driver.clone());
            match n % 2 {
                0 => Caller::Thread(thread::spawn(move || block_on(sending))),
                _ => Caller::Task(future::spawn(sending)),
            }
        };
        (0..n).map(begin).collect()
    }

    /// So many requests at the same time.
    pub(super) fn send_all(&self, driver: &Driver, n: usize) -> Vec<Answer> {
        end(self.begin(driver, n))
    }

    #[track_caller]
    pub(super) fn assert_sent(&self, driver: &Driver, n: usize) {
        assert_sent(self.send_all(driver, n));
    }

    pub(super) fn counters(&self) -> Counters {
        self.with(|emulator| *emulator.ledger().counters())
    }

    #[track_caller]
    pub(super) fn assert_exchanges(&self, passwords: u64, refreshes: u64) {
        let counters = self.counters();
        let received = (counters.passwords_received, counters.refreshes_received);
        assert_eq!(received, (passwords, refreshes), "(passwords, refreshes)");
    }
}

pub(super) type Answer = Result<StatusCode, Error>;

/// A caller with a request: the even ones are threads that block, the odd ones tasks that await.
pub(super) enum Caller {
    Thread(thread::JoinHandle<Answer>),
    Task(future::JoinHandle<Answer>),
}

pub(super) fn end(callers: Vec<Caller>) -> Vec<Answer> {
    let join = |caller| match caller {
        Caller::Thread(thread) => thread.join().expect("no caller panics"),
        Caller::Task(task) => block_on(task).expect("no caller panics"),
    };
    callers.into_iter().map(join).collect()
}

#[track_caller]
pub(super) fn assert_sent(answers: Vec<Answer>) {
    assert_sent_or(answers, |_| false);
}

/// Each was served, or told this.
#[track_caller]
pub(super) fn assert_sent_or(answers: Vec<Answer>, is_right: fn(&Error) -> bool) {
    for answer in answers {
        match &answer {
            Ok(status) => assert_eq!(*status, StatusCode::OK),
            Err(error) => assert!(is_right(error), "{error:?}"),
        }
    }
}

/// Others go on before each step. Whoever waits for its lock is as patient as the driver, at 10 ms a look.
pub(super) fn store() -> MemoryStore {
    let looks = Arc::new(AtomicU64::new(0));
    let millis = looks.clone();
    let now = move || UNIX_EPOCH + Duration::from_millis(millis.load(Ordering::SeqCst));
    let look = move |_| {
        looks.fetch_add(10, Ordering::SeqCst);
        thread::yield_now();
    };
    let store = MemoryStore::new().in_time(now, look);
    store.before(|_| thread::yield_now())
}

/// Time goes by, so many seconds a step, and the time-keeper looks after each.
pub(super) struct Keeper(thread::JoinHandle<()>, Arc<AtomicBool>);

impl Keeper {
    pub(super) fn start(world: &World, seconds: u64) -> Self {
        let (world, is_over) = (world.clone(), Arc::new(AtomicBool::new(false)));
        let over = is_over.clone();
        let keep_time = move || {
            while !over.load(Ordering::SeqCst) {
                thread::yield_now();
                world.system.seconds.fetch_add(seconds, Ordering::SeqCst);
                world.process.tick();
            }
        };
        Self(thread::spawn(keep_time), is_over)
    }

    pub(super) fn end(self) {
        self.1.store(true, Ordering::SeqCst);
        self.0.join().expect("no panic");
    }
}
