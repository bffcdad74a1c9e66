//! Callers that block, callers that await, carriers and the time-keeper, under a checker that decides which of
//! them goes on when:
//!
//! ```sh
//! RUSTFLAGS="--cfg shuttle" cargo test -p simacan-auth-driver --lib
//! ```
//!
//! Nothing times out there unless a scenario says that time goes by, so a wake-up that is lost is a deadlock,
//! which it finds. The machine and the platform are the real ones; only HTTP is not there.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Request, Response, StatusCode, Uri};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::{Condvar, Mutex};
use shuttle::{Runner, future, thread};
use simacan_auth::{
    Config, Credentials, Event, Provider, RequestBody, ResponseBody, Review, TransportFailure,
};
use simacan_auth_emulator::{Counters, Emulator, Endpoint, Fault};
use simacan_auth_testkit::MemoryStore;

use crate::sync::block_on;
use crate::{Driver, Error, Process, Settings, System};

const TARGET: &str = "https://a.services.simacan.com/";
const NOW: Duration = Duration::from_secs(1_800_000_000);

const SEED: u64 = 1;
const TIMES: usize = 1_500;

fn explore(scenario: fn()) {
    explore_fairly(scenario);
    // Few switches at the worst of moments.
    let few = PctScheduler::new_from_seed(SEED, 3, TIMES);
    Runner::new(few, shuttle::Config::default()).run(scenario);
}

/// For scenarios in which time goes by: it must not go by for ever while nothing else does.
fn explore_fairly(scenario: fn()) {
    let random = RandomScheduler::new_from_seed(SEED, TIMES);
    Runner::new(random, shuttle::Config::default()).run(scenario);
}

/// The checker's threads, and a clock that stands still. The time-keeper is the scenario.
#[derive(Clone, Default)]
struct Checked {
    seconds: Arc<AtomicU64>,
    refuses: Arc<AtomicU64>,
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
        UNIX_EPOCH + NOW + self.monotonic()
    }
}

/// The platform's lock is never held while another thread may go on, so it is none of the checker's.
#[derive(Clone)]
struct World {
    emulator: Arc<std::sync::Mutex<Emulator>>,
    system: Checked,
    process: Arc<Process>,
}

impl World {
    fn new() -> Self {
        let settings = simacan_auth_emulator::Settings::new();
        let settings = settings.with_user("u", "p").with_user("v", "q");
        let system = Checked::default();
        Self {
            emulator: Arc::new(std::sync::Mutex::new(Emulator::new(settings))),
            process: Process::new(system.clone()),
            system,
        }
    }

    fn with<R>(&self, look: impl FnOnce(&mut Emulator) -> R) -> R {
        look(&mut self.emulator.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Others go on before it arrives and before the answer does.
    fn respond<B: AsRef<[u8]>>(&self, request: &Request<B>) -> Option<Response<Vec<u8>>> {
        thread::yield_now();
        let response = self.with(|emulator| emulator.respond(UNIX_EPOCH + NOW, request));
        thread::yield_now();
        response
    }

    fn settings(&self, password: &str) -> Settings {
        self.settings_with(password, Config::default())
    }

    fn settings_with(&self, password: &str, mut config: Config) -> Settings {
        config.backoff.first = Duration::ZERO;
        Settings::new(Provider::simacan(), Credentials::new("u", password))
            .config(config)
            .process(self.process.clone())
    }

    fn exchange(
        &self,
    ) -> impl Fn(Request<RequestBody>) -> Result<Response<ResponseBody>, TransportFailure> + use<>
    {
        let world = self.clone();
        move |request| {
            let lost = TransportFailure::timed_out;
            let (parts, body) = world.respond(&request).ok_or_else(lost)?.into_parts();
            let mut collected = ResponseBody::new();
            let _ = collected.push(&body);
            Ok(Response::from_parts(parts, collected))
        }
    }

    fn driver(&self, password: &str) -> Driver {
        self.settings(password).build(self.exchange())
    }

    fn over(&self, store: &MemoryStore) -> Driver {
        let settings = self.settings("p").store(store.clone());
        settings.build(self.exchange())
    }

    fn counters(&self) -> Counters {
        self.with(|emulator| *emulator.ledger().counters())
    }

    #[track_caller]
    fn assert_exchanges(&self, passwords: u64, refreshes: u64) {
        let counters = self.counters();
        let received = (counters.passwords_received, counters.refreshes_received);
        assert_eq!(received, (passwords, refreshes), "(passwords, refreshes)");
    }
}

/// Others go on before each step. Whoever waits for its lock is as patient as the driver, at 10 ms a look.
fn store() -> MemoryStore {
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
struct Keeper(thread::JoinHandle<()>, Arc<AtomicBool>);

impl Keeper {
    fn start(world: &World, seconds: u64) -> Self {
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

    fn end(self) {
        self.1.store(true, Ordering::SeqCst);
        self.0.join().expect("no panic");
    }
}

/// What a client does with a request.
async fn send(world: World, driver: Driver) -> Result<StatusCode, Error> {
    let mut request = Request::new([]);
    *request.uri_mut() = Uri::from_static(TARGET);
    let mut pending = None;
    for _ in 0..2 {
        let sent = driver.authorize(pending, &mut request).await?;
        let answer = world.respond(&request).expect("targets answer");
        match driver.review(sent, answer.status()) {
            Review::Deliver => return Ok(answer.status()),
            Review::Retry(next) => pending = Some(next),
        }
    }
    panic!("I7: a third time");
}

type Answer = Result<StatusCode, Error>;

/// A caller with a request: the even ones are threads that block, the odd ones tasks that await.
enum Caller {
    Thread(thread::JoinHandle<Answer>),
    Task(future::JoinHandle<Answer>),
}

fn begin(world: &World, driver: &Driver, n: usize) -> Vec<Caller> {
    (0..n)
        .map(|n| {
            let sending = send(world.clone(), driver.clone());
            match n % 2 {
                0 => Caller::Thread(thread::spawn(move || block_on(sending))),
                _ => Caller::Task(future::spawn(sending)),
            }
        })
        .collect()
}

fn end(callers: Vec<Caller>) -> Vec<Answer> {
    let join = |caller| match caller {
        Caller::Thread(thread) => thread.join().expect("no caller panics"),
        Caller::Task(task) => block_on(task).expect("no caller panics"),
    };
    callers.into_iter().map(join).collect()
}

#[track_caller]
fn assert_sent(answers: Vec<Answer>) {
    for answer in answers {
        assert!(matches!(answer, Ok(StatusCode::OK)), "{answer:?}");
    }
}

fn send_all(world: &World, driver: &Driver, n: usize) -> Vec<Answer> {
    end(begin(world, driver, n))
}

#[test]
fn i4_i6_callers_without_a_token_share_one_login() {
    explore(|| {
        let world = World::new();
        assert_sent(send_all(&world, &world.driver("p"), 4));
        world.assert_exchanges(1, 0);
    });
}

#[test]
fn i4_i6_callers_with_a_revoked_token_share_one_refresh() {
    explore(|| {
        let world = World::new();
        let driver = world.driver("p");
        assert_sent(send_all(&world, &driver, 1));
        world.with(Emulator::revoke_access_tokens);
        assert_sent(send_all(&world, &driver, 3));
        world.assert_exchanges(1, 1);
    });
}

#[test]
fn i6_callers_are_answered_when_an_answer_is_lost() {
    explore(|| {
        let world = World::new();
        world.with(|emulator| emulator.script(Endpoint::Password, Fault::AnswerLost));
        assert_sent(send_all(&world, &world.driver("p"), 3));
        world.assert_exchanges(2, 0);
    });
}

#[test]
fn i6_callers_are_answered_when_the_round_fails() {
    explore(|| {
        let world = World::new();
        let down = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
        world.with(|emulator| emulator.script_n(Endpoint::Password, down, 3));
        for answer in send_all(&world, &world.driver("p"), 3) {
            assert!(matches!(answer, Err(Error::Denied(_))), "{answer:?}");
        }
        world.assert_exchanges(3, 0);
    });
}

#[test]
fn i2_i6_callers_are_answered_when_the_password_is_refused_and_after_a_new_one() {
    explore(|| {
        let world = World::new();
        let driver = world.driver("wrong");
        let other = driver.clone();
        let other = thread::spawn(move || other.set_credentials(Credentials::new("u", "p")));
        for answer in send_all(&world, &driver, 2) {
            match answer {
                Ok(status) => assert_eq!(status, StatusCode::OK),
                Err(error) => assert!(matches!(error, Error::Denied(_)), "{error:?}"),
            }
        }
        other.join().expect("it does not panic");
        assert_sent(send_all(&world, &driver, 1));
        assert!(world.counters().passwords_received <= 2);
    });
}

#[test]
fn another_user_in_the_middle_leaves_nobody_waiting() {
    explore(|| {
        let world = World::new();
        let driver = world.driver("p");
        let other = driver.clone();
        let other = thread::spawn(move || other.set_credentials(Credentials::new("v", "q")));
        assert_sent(send_all(&world, &driver, 2));
        other.join().expect("it does not panic");
        assert_sent(send_all(&world, &driver, 1));
        assert!(world.counters().passwords_received <= 2);
    });
}

/// Each comes when the carrier of the one before has done what there is to do, or is about to end.
#[test]
fn i6_a_caller_is_answered_whose_wish_meets_a_carrier_that_ends() {
    explore(|| {
        let world = World::new();
        let driver = world.driver("p");
        for refreshes in 0..3 {
            assert_sent(send_all(&world, &driver, 1));
            world.assert_exchanges(1, refreshes);
            world.with(Emulator::revoke_access_tokens);
        }
    });
}

#[test]
fn i6_a_caller_that_goes_away_leaves_the_others_their_token() {
    explore(|| {
        let world = World::new();
        let driver = world.driver("p");
        let gone = future::spawn(send(world.clone(), driver.clone()));
        let others = begin(&world, &driver, 2);
        thread::yield_now();
        gone.abort();
        assert_sent(end(others));
        world.assert_exchanges(1, 0);
    });
}

/// Who only reports a 401 has a refresh made, and waits for nothing.
#[test]
fn i6_a_401_of_a_request_that_is_not_sent_again_is_cured_for_the_others() {
    explore(|| {
        let world = World::new();
        let driver = world.driver("p");
        assert_sent(send_all(&world, &driver, 1));
        world.with(Emulator::revoke_access_tokens);
        let once = driver.clone();
        let once = thread::spawn(move || {
            let mut request = Request::new(());
            *request.uri_mut() = Uri::from_static(TARGET);
            let sent = block_on(once.authorize(None, &mut request));
            sent.map(|sent| drop(once.review(sent, StatusCode::UNAUTHORIZED)))
        });
        assert_sent(send_all(&world, &driver, 2));
        let once = once.join().expect("it does not panic");
        once.expect("there is a token");
        assert_eq!(world.counters().passwords_received, 1);
    });
}

#[test]
fn i6_callers_are_answered_when_the_exchange_panics() {
    explore(|| {
        let world = World::new();
        let (is_first, exchange) = (AtomicBool::new(true), world.exchange());
        let driver = world.settings("p").build(move |request| {
            if is_first.swap(false, Ordering::Relaxed) {
                std::panic::resume_unwind(Box::new("the first is unlucky"));
            }
            exchange(request)
        });
        assert_sent(send_all(&world, &driver, 3));
        world.assert_exchanges(1, 0);
    });
}

/// Told first, woken then: who is woken has been told of.
#[test]
fn events_are_told_in_order_and_before_anybody_is_woken() {
    explore(|| {
        let world = World::new();
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let settings = world.settings("p").on_event({
            let told = told.clone();
            move |event: &Event| {
                thread::yield_now();
                told.lock().expect("no panic").push(event.clone());
            }
        });
        let driver = settings.build(world.exchange());
        assert_sent(send_all(&world, &driver, 1));
        let told = told.lock().expect("no panic");
        let is_in_order = matches!(
            &told[..],
            [Event::ExchangeStarted { .. }, Event::LoggedIn { .. }]
        );
        assert!(is_in_order, "{told:?}");
    });
}

/// As two processes do.
#[test]
fn i3_i4_two_drivers_over_one_store_share_one_session() {
    explore(|| {
        let (world, store) = (World::new(), store());
        let drivers = [(); 2].map(|()| world.over(&store));
        let push = || {
            let callers = drivers.each_ref().map(|driver| begin(&world, driver, 2));
            for callers in callers {
                assert_sent(end(callers));
            }
        };
        push();
        world.assert_exchanges(1, 0);
        world.with(Emulator::revoke_access_tokens);
        push();
        world.assert_exchanges(1, 1);
    });
}

/// What is in flight is saved, and the lock is free, before the last client is gone; nothing begins after it.
#[test]
fn i14_the_last_client_waits_for_what_is_in_flight() {
    explore(|| {
        let (world, store) = (World::new(), store());
        let driver = world.over(&store);
        let caller = begin(&world, &driver, 1);
        drop(driver);
        assert_sent(end(caller));
        assert!(store.holder().is_none());
        let next = world.over(&store);
        world.with(Emulator::revoke_access_tokens);
        let gone = future::spawn(send(world.clone(), next));
        thread::yield_now();
        gone.abort();
        let _ = block_on(gone);
        assert_sent(send_all(&world, &world.over(&store), 1));
        assert_eq!(world.counters().reuses, 0);
        assert_eq!(world.counters().passwords_received, 1);
    });
}

/// Whoever wants to know is told once all is saved.
#[test]
fn what_has_settled_is_saved() {
    explore(|| {
        let (world, store) = (World::new(), store());
        let driver = world.over(&store);
        let caller = begin(&world, &driver, 1);
        assert!(block_on(driver.settle(Duration::from_secs(1))));
        assert_sent(end(caller));
        assert!(block_on(driver.settle(Duration::from_secs(1))));
        assert!(store.holder().is_none());
    });
}

/// The exchange takes longer than it may, with the store's lock: it is given up, others go on, and what it
/// brings in the end changes nothing.
#[test]
fn i6_what_is_given_up_is_reported_for_it_and_changes_nothing_later() {
    explore_fairly(|| {
        let (world, store) = (World::new(), store());
        let gate = Arc::new((Mutex::new(true), Condvar::new()));
        let (is_first, exchange) = (AtomicBool::new(true), world.exchange());
        // Others may be given up, too: it is the scenario that says how fast time goes by.
        let mut config = Config::default();
        (config.attempts, config.free_logins) = (100, 100);
        let settings = world.settings_with("p", config).store(store.clone());
        let settings = settings.exchange_timeout(Duration::from_secs(1));
        let settings = settings.token_timeout(Duration::MAX);
        let driver = settings.build({
            let gate = gate.clone();
            move |request| {
                let answer = exchange(request);
                if is_first.swap(false, Ordering::Relaxed) {
                    let mut is_closed = gate.0.lock().expect("no panic");
                    while *is_closed {
                        is_closed = gate.1.wait(is_closed).expect("no panic");
                    }
                }
                answer
            }
        });
        let keeper = Keeper::start(&world, 10);
        let callers = begin(&world, &driver, 2);
        assert_sent(end(callers));
        *gate.0.lock().expect("no panic") = false;
        gate.1.notify_all();
        assert_sent(send_all(&world, &driver, 2));
        // The answer of the first login was thrown away.
        assert!(world.counters().passwords_received >= 2);
        assert_eq!(world.counters().refreshes_received, 0);
        assert!(block_on(driver.settle(Duration::MAX)));
        assert!(store.holder().is_none());
        keeper.end();
    });
}

/// No thread is to be had at first. Nothing is lost, and the next one tries again.
#[test]
fn i6_who_has_no_token_is_told_that_there_is_no_thread() {
    explore_fairly(|| {
        let world = World::new();
        let settings = world.settings("p").token_timeout(Duration::MAX);
        let driver = settings.build(world.exchange());
        world.system.refuses.store(2, Ordering::SeqCst);
        let callers = begin(&world, &driver, 3);
        let keeper = Keeper::start(&world, 1);
        let answers = end(callers);
        keeper.end();
        for answer in answers {
            match answer {
                Ok(status) => assert_eq!(status, StatusCode::OK),
                Err(error) => assert!(matches!(error, Error::NoThread(_)), "{error:?}"),
            }
        }
        world.system.refuses.store(0, Ordering::SeqCst);
        assert_sent(send_all(&world, &driver, 2));
        world.assert_exchanges(1, 0);
    });
}
