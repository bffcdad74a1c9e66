//! The driver's lock and wake-ups, under a checker that decides which task goes on when:
//!
//! ```sh
//! RUSTFLAGS="--cfg shuttle" cargo test -p simacan-auth-reqwest --no-default-features --lib
//! ```
//!
//! Nothing times out there, so a wake-up that is lost is a deadlock, which it finds. The machine and
//! the platform are the real ones; only HTTP is not there. The time stands still: what the machine
//! paces is another test's.

mod store;

use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use http::{Request, Response, StatusCode, Uri};
use shuttle::Runner;
use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
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

fn explore<F: Future<Output = ()> + 'static>(scenario: fn() -> F) {
    const SEED: u64 = 1;
    const TIMES: usize = 3_000;
    let random = RandomScheduler::new_from_seed(SEED, TIMES);
    Runner::new(random, shuttle::Config::default()).run(move || block_on(scenario()));
    // Few switches at the worst of moments.
    let few = PctScheduler::new_from_seed(SEED, 3, TIMES);
    Runner::new(few, shuttle::Config::default()).run(move || block_on(scenario()));
}

/// Its lock is never held while another task may go on, so it is none of the checker's.
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
    async fn respond<B: AsRef<[u8]>>(&self, request: &Request<B>) -> Option<Response<Vec<u8>>> {
        yield_now().await;
        let response = self.with(|emulator| emulator.respond(UNIX_EPOCH + NOW, request));
        yield_now().await;
        response
    }

    fn driver(&self, password: &str) -> Arc<Driver> {
        self.driver_with(password, None)
    }

    fn driver_with(&self, password: &str, store: Option<&Store>) -> Arc<Driver> {
        let mut config = Config::default();
        config.backoff.first = Duration::ZERO;
        let credentials = Credentials::new("u", password);
        let machine = Machine::new(Provider::simacan(), credentials, config);
        let platform = self.clone();
        let exchange = move |request: Request<_>| -> crate::exchange::Answer {
            let platform = platform.clone();
            Box::pin(async move {
                let lost = TransportFailure::timed_out;
                let response = platform.respond(&request).await.ok_or_else(lost)?;
                let (parts, body) = response.into_parts();
                let mut collected = ResponseBody::new();
                let _ = collected.push(&body);
                Ok(Response::from_parts(parts, collected))
            })
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
async fn send(platform: Platform, driver: Arc<Driver>) -> Result<StatusCode, Error> {
    let mut request = Request::new([]);
    *request.uri_mut() = Uri::from_static(TARGET);
    let mut permit = None;
    for _ in 0..2 {
        let ticket = driver.authorize(permit, &mut request).await?;
        let answer = platform.respond(&request).await.expect("targets answer");
        match driver.review(ticket, answer.status()) {
            Verdict::Deliver => return Ok(answer.status()),
            Verdict::Retry(next) => permit = Some(next),
        }
    }
    panic!("I7: a third time");
}

type Sending = JoinHandle<Result<StatusCode, Error>>;

/// So many callers at a time, each with a request.
fn begin(platform: &Platform, driver: &Arc<Driver>, n: usize) -> Vec<Sending> {
    (0..n)
        .map(|_| spawn(send(platform.clone(), driver.clone())))
        .collect()
}

async fn end(callers: Vec<Sending>) -> Vec<Result<StatusCode, Error>> {
    let mut results = Vec::new();
    for caller in callers {
        results.push(caller.await.expect("no caller panics"));
    }
    results
}

async fn assert_sent(callers: Vec<Sending>) {
    for result in end(callers).await {
        assert!(matches!(result, Ok(StatusCode::OK)), "{result:?}");
    }
}

#[test]
fn i4_i6_callers_without_a_token_share_one_login() {
    explore(|| async {
        let platform = Platform::new();
        let driver = platform.driver("p");
        assert_sent(begin(&platform, &driver, 3)).await;
        assert_eq!(platform.counters().passwords_received, 1);
    });
}

#[test]
fn i4_i6_callers_with_a_revoked_token_share_one_refresh() {
    explore(|| async {
        let platform = Platform::new();
        let driver = platform.driver("p");
        assert_sent(begin(&platform, &driver, 1)).await;
        platform.with(Emulator::revoke_access_tokens);
        assert_sent(begin(&platform, &driver, 3)).await;
        let counters = platform.counters();
        assert_eq!(
            (counters.passwords_received, counters.refreshes_received),
            (1, 1)
        );
    });
}

#[test]
fn i6_callers_are_answered_when_an_answer_is_lost() {
    explore(|| async {
        let platform = Platform::new();
        let driver = platform.driver("p");
        platform.with(|emulator| emulator.script(Endpoint::Password, Fault::AnswerLost));
        assert_sent(begin(&platform, &driver, 3)).await;
        assert_eq!(platform.counters().passwords_received, 2);
    });
}

#[test]
fn i6_callers_are_answered_when_the_round_fails() {
    explore(|| async {
        let platform = Platform::new();
        let driver = platform.driver("p");
        let down = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
        platform.with(|emulator| emulator.script_n(Endpoint::Password, down, 3));
        for result in end(begin(&platform, &driver, 3)).await {
            assert!(matches!(result, Err(Error::Denied(_))), "{result:?}");
        }
        assert_eq!(platform.counters().passwords_received, 3);
    });
}

#[test]
fn i2_i6_callers_are_answered_when_the_password_is_refused_and_after_a_new_one() {
    explore(|| async {
        let platform = Platform::new();
        let driver = platform.driver("wrong");
        let callers = begin(&platform, &driver, 2);
        let other = {
            let driver = driver.clone();
            spawn(async move { driver.set_credentials(Credentials::new("u", "p")) })
        };
        for result in end(callers).await {
            match result {
                Ok(status) => assert_eq!(status, StatusCode::OK),
                Err(error) => assert!(matches!(error, Error::Denied(_)), "{error:?}"),
            }
        }
        other.await.expect("it does not panic");
        assert_sent(begin(&platform, &driver, 1)).await;
        assert!(platform.counters().passwords_received <= 2);
    });
}

#[test]
fn another_user_in_the_middle_leaves_nobody_waiting() {
    explore(|| async {
        let platform = Platform::new();
        let driver = platform.driver("p");
        let callers = begin(&platform, &driver, 2);
        let other = {
            let driver = driver.clone();
            spawn(async move { driver.set_credentials(Credentials::new("v", "q")) })
        };
        assert_sent(callers).await;
        other.await.expect("it does not panic");
        assert_sent(begin(&platform, &driver, 1)).await;
        assert!(platform.counters().passwords_received <= 2);
    });
}

/// The first of them began the exchange.
#[test]
fn i6_i14_callers_that_are_dropped_anywhere_take_nothing_from_the_others() {
    explore(|| async {
        let platform = Platform::new();
        let driver = platform.driver("p");
        let dropped = begin(&platform, &driver, 2);
        let callers = begin(&platform, &driver, 2);
        for caller in &dropped {
            yield_now().await;
            caller.abort();
        }
        assert_sent(callers).await;
        platform.with(Emulator::revoke_access_tokens);
        let dropped = begin(&platform, &driver, 2);
        for caller in &dropped {
            yield_now().await;
            caller.abort();
        }
        assert_sent(begin(&platform, &driver, 1)).await;
        let counters = platform.counters();
        assert_eq!(
            (counters.passwords_received, counters.refreshes_received),
            (1, 1)
        );
    });
}

#[test]
fn keeping_alive_ends_when_the_last_client_does() {
    explore(|| async {
        let platform = Platform::new();
        let driver = platform.driver("p");
        let keep_alive = spawn(Driver::keep_alive(Arc::downgrade(&driver)));
        let callers = begin(&platform, &driver, 1);
        drop(driver);
        assert_sent(callers).await;
        pin!(keep_alive).await.expect("it ends");
    });
}

/// As two processes do.
#[test]
fn i3_i4_two_drivers_over_one_store_share_one_session() {
    explore(|| async {
        let (platform, store) = (Platform::new(), Store::new());
        let drivers = [(); 2].map(|()| platform.driver_with("p", Some(&store)));
        let begin = || drivers.each_ref().map(|driver| begin(&platform, driver, 2));
        for callers in begin() {
            assert_sent(callers).await;
        }
        assert_eq!(platform.counters().passwords_received, 1);
        platform.with(Emulator::revoke_access_tokens);
        for callers in begin() {
            assert_sent(callers).await;
        }
        let counters = platform.counters();
        assert_eq!(
            (counters.passwords_received, counters.refreshes_received),
            (1, 1)
        );
    });
}

/// What they have begun is saved, and the lock is given free.
#[test]
fn i6_i14_callers_that_are_dropped_with_a_store_take_nothing_from_another_driver() {
    explore(|| async {
        let (platform, store) = (Platform::new(), Store::new());
        let driver = platform.driver_with("p", Some(&store));
        for refreshes in 0..2 {
            let dropped = begin(&platform, &driver, 2);
            for caller in &dropped {
                yield_now().await;
                caller.abort();
            }
            let other = platform.driver_with("p", Some(&store));
            assert_sent(begin(&platform, &other, 1)).await;
            let counters = platform.counters();
            assert_eq!(
                (counters.passwords_received, counters.refreshes_received),
                (1, refreshes)
            );
            platform.with(Emulator::revoke_access_tokens);
        }
    });
}
