//! The driver's locks and wake-ups, under a checker that decides which thread goes on when:
//!
//! ```sh
//! RUSTFLAGS="--cfg shuttle" cargo test -p simacan-auth-ureq --no-default-features --lib
//! ```
//!
//! Its condition variables never time out, so a wake-up that is lost is a deadlock, which it finds. The
//! machine and the platform are the real ones; only HTTP is not there. The time stands still: what
//! the machine paces is another test's.

mod store;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use http::{Request, Response, StatusCode, Uri};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Runner, thread};
use simacan_auth::{
    Config, Credentials, Machine, Provider, ResponseBody, SessionStore, Timestamp,
    TransportFailure, Verdict,
};
use simacan_auth_emulator::{Counters, Emulator, Endpoint, Fault, Settings};

use crate::Error;
use crate::driver::Driver;
use store::Store;

const TARGET: &str = "https://a.services.simacan.com/";
const NOW: Duration = Duration::from_secs(1_800_000_000);

fn explore(scenario: fn()) {
    const SEED: u64 = 1;
    const TIMES: usize = 3_000;
    let random = RandomScheduler::new_from_seed(SEED, TIMES);
    Runner::new(random, shuttle::Config::default()).run(scenario);
    // Few switches at the worst of moments.
    let few = PctScheduler::new_from_seed(SEED, 3, TIMES);
    Runner::new(few, shuttle::Config::default()).run(scenario);
}

/// Its lock is never held while another thread may go on, so it is none of the checker's.
#[derive(Clone)]
struct Platform(Arc<std::sync::Mutex<Emulator>>);

impl Platform {
    fn new() -> Self {
        let settings = Settings::new().with_user("u", "p").with_user("v", "q");
        Self(Arc::new(std::sync::Mutex::new(Emulator::new(settings))))
    }

    fn with<R>(&self, look: impl FnOnce(&mut Emulator) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Others go on before it arrives and before the answer does.
    fn respond<B: AsRef<[u8]>>(&self, request: &Request<B>) -> Option<Response<Vec<u8>>> {
        thread::yield_now();
        let response = self.with(|emulator| emulator.respond(UNIX_EPOCH + NOW, request));
        thread::yield_now();
        response
    }

    fn driver(&self, password: &str) -> Arc<Driver> {
        self.driver_that(password, None, || {})
    }

    /// Does this as well before each exchange.
    fn driver_that(
        &self,
        password: &str,
        store: Option<&Store>,
        before: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Driver> {
        let mut config = Config::default();
        config.backoff.first = Duration::ZERO;
        let credentials = Credentials::new("u", password);
        let machine = Machine::new(Provider::simacan(), credentials, config);
        let platform = self.clone();
        let exchange = move |request: Request<_>| {
            before();
            let lost = TransportFailure::timed_out;
            let (parts, body) = platform.respond(&request).ok_or_else(lost)?.into_parts();
            let mut collected = ResponseBody::new();
            let _ = collected.push(&body);
            Ok(Response::from_parts(parts, collected))
        };
        let clock = Box::new(|| UNIX_EPOCH + NOW);
        let minute = Duration::from_secs(60);
        Driver::new(
            machine,
            store.map(|store| Box::new(store.clone()) as Box<dyn SessionStore>),
            Box::new(exchange),
            minute,
            clock,
            Box::new(|_| {}),
        )
    }

    fn counters(&self) -> Counters {
        self.with(|emulator| *emulator.ledger().counters())
    }
}

/// What a client does with a request.
fn send(platform: &Platform, driver: &Driver) -> Result<StatusCode, Error> {
    let mut request = Request::new([]);
    *request.uri_mut() = Uri::from_static(TARGET);
    let mut permit = None;
    for _ in 0..2 {
        let ticket = driver.authorize(permit, &mut request)?;
        let answer = platform.respond(&request).expect("targets answer");
        match driver.review(ticket, answer.status()) {
            Verdict::Deliver => return Ok(answer.status()),
            Verdict::Retry(next) => permit = Some(next),
        }
    }
    panic!("I7: a third time");
}

/// So many callers at a time, each with a request.
fn send_all(platform: &Platform, driver: &Arc<Driver>, n: usize) -> Vec<Result<StatusCode, Error>> {
    let callers: Vec<_> = (0..n)
        .map(|_| {
            let (platform, driver) = (platform.clone(), driver.clone());
            thread::spawn(move || send(&platform, &driver))
        })
        .collect();
    callers
        .into_iter()
        .map(|caller| caller.join().expect("no caller panics"))
        .collect()
}

fn assert_sent(results: &[Result<StatusCode, Error>]) {
    for result in results {
        assert!(matches!(result, Ok(StatusCode::OK)), "{result:?}");
    }
}

#[test]
fn i4_i6_callers_without_a_token_share_one_login() {
    explore(|| {
        let platform = Platform::new();
        let driver = platform.driver("p");
        assert_sent(&send_all(&platform, &driver, 3));
        assert_eq!(platform.counters().passwords_received, 1);
    });
}

#[test]
fn i4_i6_callers_with_a_revoked_token_share_one_refresh() {
    explore(|| {
        let platform = Platform::new();
        let driver = platform.driver("p");
        assert_sent(&send_all(&platform, &driver, 1));
        platform.with(Emulator::revoke_access_tokens);
        assert_sent(&send_all(&platform, &driver, 3));
        let counters = platform.counters();
        assert_eq!(
            (counters.passwords_received, counters.refreshes_received),
            (1, 1)
        );
    });
}

#[test]
fn i6_callers_are_answered_when_an_answer_is_lost() {
    explore(|| {
        let platform = Platform::new();
        let driver = platform.driver("p");
        platform.with(|emulator| emulator.script(Endpoint::Password, Fault::AnswerLost));
        assert_sent(&send_all(&platform, &driver, 3));
        assert_eq!(platform.counters().passwords_received, 2);
    });
}

#[test]
fn i6_callers_are_answered_when_the_round_fails() {
    explore(|| {
        let platform = Platform::new();
        let driver = platform.driver("p");
        let down = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
        platform.with(|emulator| emulator.script_n(Endpoint::Password, down, 3));
        for result in send_all(&platform, &driver, 3) {
            assert!(matches!(result, Err(Error::Denied(_))), "{result:?}");
        }
        assert_eq!(platform.counters().passwords_received, 3);
    });
}

#[test]
fn i2_i6_callers_are_answered_when_the_password_is_refused_and_after_a_new_one() {
    explore(|| {
        let platform = Platform::new();
        let driver = platform.driver("wrong");
        let other = {
            let driver = driver.clone();
            thread::spawn(move || driver.set_credentials(Credentials::new("u", "p")))
        };
        for result in send_all(&platform, &driver, 2) {
            match result {
                Ok(status) => assert_eq!(status, StatusCode::OK),
                Err(error) => assert!(matches!(error, Error::Denied(_)), "{error:?}"),
            }
        }
        other.join().expect("it does not panic");
        assert_sent(&send_all(&platform, &driver, 1));
        assert!(platform.counters().passwords_received <= 2);
    });
}

#[test]
fn another_user_in_the_middle_leaves_nobody_waiting() {
    explore(|| {
        let platform = Platform::new();
        let driver = platform.driver("p");
        let other = {
            let driver = driver.clone();
            thread::spawn(move || driver.set_credentials(Credentials::new("v", "q")))
        };
        assert_sent(&send_all(&platform, &driver, 2));
        other.join().expect("it does not panic");
        assert_sent(&send_all(&platform, &driver, 1));
        assert!(platform.counters().passwords_received <= 2);
    });
}

/// A retry waits for the token of a refresh that a request without a body to send twice has started.
#[test]
fn i6_who_only_reports_a_401_leaves_the_refresh_to_the_others() {
    explore(|| {
        let platform = Platform::new();
        let driver = platform.driver("p");
        assert_sent(&send_all(&platform, &driver, 1));
        platform.with(Emulator::revoke_access_tokens);
        let once = {
            let driver = driver.clone();
            thread::spawn(move || {
                let mut request = Request::new(());
                *request.uri_mut() = Uri::from_static(TARGET);
                let ticket = driver.authorize(None, &mut request);
                ticket.map(|ticket| drop(driver.review(ticket, StatusCode::UNAUTHORIZED)))
            })
        };
        assert_sent(&send_all(&platform, &driver, 2));
        once.join()
            .expect("it does not panic")
            .expect("there is a token");
        assert!(platform.counters().passwords_received == 1);
    });
}

/// Whoever carries the exchange is gone, and with it the one that would have looked at what comes next.
#[test]
fn i6_callers_are_answered_when_the_thread_that_carries_the_exchange_panics() {
    explore(|| {
        let platform = Platform::new();
        let is_first = AtomicBool::new(true);
        let driver = platform.driver_that("p", None, move || {
            assert!(
                !is_first.swap(false, Ordering::Relaxed),
                "the first is unlucky"
            );
        });
        let callers: Vec<_> = (0..3)
            .map(|_| {
                let (platform, driver) = (platform.clone(), driver.clone());
                let send = AssertUnwindSafe(move || send(&platform, &driver));
                thread::spawn(move || catch_unwind(send).ok())
            })
            .collect();
        let results = callers
            .into_iter()
            .map(|caller| caller.join().expect("it is caught"));
        let answered: Vec<_> = results.flatten().collect();
        assert_eq!(answered.len(), 2);
        assert_sent(&answered);
        assert_eq!(platform.counters().passwords_received, 1);
    });
}

/// As two processes do.
#[test]
fn i3_i4_two_drivers_over_one_store_share_one_session() {
    explore(|| {
        let (platform, store) = (Platform::new(), Store::new());
        let drivers = [(); 2].map(|()| platform.driver_that("p", Some(&store), || {}));
        let push = || {
            let threads = drivers.each_ref().map(|driver| {
                let (platform, driver) = (platform.clone(), driver.clone());
                thread::spawn(move || send_all(&platform, &driver, 2))
            });
            for thread in threads {
                assert_sent(&thread.join().expect("no panic"));
            }
        };
        push();
        assert_eq!(platform.counters().passwords_received, 1);
        platform.with(Emulator::revoke_access_tokens);
        push();
        let counters = platform.counters();
        assert_eq!(
            (counters.passwords_received, counters.refreshes_received),
            (1, 1)
        );
    });
}

/// It holds the store's lock, and another driver waits for that.
#[test]
fn i6_a_thread_that_panics_in_an_exchange_gives_the_stores_lock_free() {
    explore(|| {
        let (platform, store) = (Platform::new(), Store::new());
        let is_first = AtomicBool::new(true);
        let unlucky = platform.driver_that("p", Some(&store), move || {
            let is_first = is_first.swap(false, Ordering::Relaxed);
            assert!(!is_first, "the first is unlucky");
        });
        let other = platform.driver_that("p", Some(&store), || {});
        let callers = [&unlucky, &unlucky, &other].map(|driver| {
            let (platform, driver) = (platform.clone(), driver.clone());
            let send = AssertUnwindSafe(move || send(&platform, &driver));
            thread::spawn(move || catch_unwind(send).ok())
        });
        let results = callers.map(|caller| caller.join().expect("it is caught"));
        let answered: Vec<_> = results.into_iter().flatten().collect();
        assert!(answered.len() >= 2, "one panics at most");
        assert_sent(&answered);
        assert_eq!(platform.counters().passwords_received, 1);
    });
}
