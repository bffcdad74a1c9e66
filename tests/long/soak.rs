//! A million requests through each adapter, over loopback, while tokens live for two seconds, are revoked
//! early, and one request in a hundred goes wrong:
//!
//! ```text
//! cargo run --release -p simacan-auth-tests --example soak -- ureq requests=1000000
//! cargo run --release -p simacan-auth-tests --example soak -- reqwest requests=1000000
//! ```
//!
//! Each request is sent until it is accepted. Prints what was received, and how much memory the program
//! had after a tenth and at the end (the emulator is in it, too). `seed=n` draws other faults.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http::{Request, StatusCode};
use simacan_auth::{Config, Credentials, Denied, Provider, Timestamp};
use simacan_auth_emulator::{Counters, Detail, Emulator, Endpoint, FaultRates, Server, Settings};
use simacan_auth_testkit::referee::{Referee, Service};

type Error = Box<dyn std::error::Error + Send + Sync>;

const CALLERS: u64 = 16;

fn main() -> Result<(), Error> {
    let (mut adapter, mut requests, mut seed) = (String::from("ureq"), 1_000_000, 1);
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            None => adapter = argument,
            Some(("requests", number)) => requests = number.parse()?,
            Some(("seed", number)) => seed = number.parse()?,
            Some((name, _)) => return Err(format!("there is no {name}").into()),
        }
    }
    let service = Service::simacan_at("http://emulator/api/v1").with_target("http://emulator");
    let referee = Referee::new(service).with_config(&config()).with_history();
    let referee = referee
        .with_targets()
        .with_slack(Duration::from_secs(1))
        .shared();
    let judge = referee.clone();
    let server = Server::options()
        .watch(move |now, request, reply| judge.see(now, 0, request, reply))
        .start(Emulator::new(settings(seed)))?;
    let tally = Tally::new(requests);
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| revoke(&server, &tally));
        let sent = match adapter.as_str() {
            "ureq" => send_with_ureq(&server, &tally),
            "reqwest" => send_with_reqwest(&server, &tally),
            other => Err(format!("there is no adapter {other}").into()),
        };
        tally.is_over.store(true, Ordering::Relaxed);
        sent
    })?;
    let took = began.elapsed();
    let counters = server.with(|emulator| *emulator.ledger().counters());
    println!("{adapter}: {requests} requests in {took:.1?}, seed {seed}");
    referee.verdict()?;
    report(&counters, &tally)
}

/// One in a hundred goes wrong. Of the targets' answers only what shows: nobody reads their bodies.
fn settings(seed: u64) -> Settings {
    let targets = FaultRates {
        request_lost: 2,
        answer_lost: 2,
        server_error: 4,
        delayed: 2,
        delay: Duration::from_millis(5),
        ..FaultRates::default()
    };
    let exchanges = FaultRates {
        garbage: 2,
        truncated: 2,
        server_error: 0,
        ..targets
    };
    Settings::new()
        .with_seed(seed)
        .with_user("u", "p")
        .with_lock_out_after(None)
        .with_ledger(Detail::Counters)
        .with_access_token_life(Duration::from_secs(2))
        .with_fault_rates_at(Endpoint::Password, exchanges)
        .with_fault_rates_at(Endpoint::Refresh, exchanges)
        .with_fault_rates_at(Endpoint::Target, targets)
}

fn provider(server: &Server) -> Result<Provider, Error> {
    let provider = Provider::simacan_at(server.base_url()).allow_origin(server.origin());
    Ok(provider.allow_loopback_http().build()?)
}

/// An hour is 36 seconds. The targets' bound is raised with the rate of the revocations.
fn config() -> Config {
    let mut config = Config::default().compressed(100);
    config.target_refreshes = 1_000;
    config
}

/// A few, since the emulator remembers each.
fn body(n: u64) -> String {
    format!("position {}", n % 1000)
}

/// What the callers count.
struct Tally {
    requests: u64,
    begun: AtomicU64,
    unauthorized: AtomicU64,
    denied: AtomicU64,
    failed: AtomicU64,
    memory: AtomicU64,
    is_over: AtomicBool,
}

impl Tally {
    fn new(requests: u64) -> Self {
        let zero = AtomicU64::default;
        Self {
            requests,
            begun: zero(),
            unauthorized: zero(),
            denied: zero(),
            failed: zero(),
            memory: zero(),
            is_over: AtomicBool::new(false),
        }
    }

    /// The next request, if there is one left.
    fn begin(&self) -> Option<u64> {
        let n = self.begun.fetch_add(1, Ordering::Relaxed);
        if n == self.requests / 10 {
            self.memory.store(memory(), Ordering::Relaxed);
        }
        (n < self.requests).then_some(n)
    }

    /// If the request is not done, after how long it is sent again.
    fn again_after(&self, outcome: Result<StatusCode, Trouble>) -> Option<Duration> {
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Ok(status) if status.is_success() => return None,
            Ok(StatusCode::UNAUTHORIZED) => count(&self.unauthorized),
            Ok(_) | Err(Trouble::Request) => count(&self.failed),
            Err(Trouble::Denied(
                Denied::Unavailable { until, .. } | Denied::Store { until, .. },
            )) => {
                count(&self.denied);
                let now = Timestamp::from(std::time::SystemTime::now());
                return Some(until.saturating_since(now) + Duration::from_millis(1));
            }
            Err(Trouble::Denied(denied)) => panic!("{denied}"),
        };
        Some(Duration::ZERO)
    }
}

enum Trouble {
    Denied(Denied),
    Request,
}

/// The platform ends tokens early: all access tokens three times a second, and the refresh tokens with them
/// every ten seconds.
fn revoke(server: &Server, tally: &Tally) {
    for n in 1_u32.. {
        thread::sleep(Duration::from_millis(333));
        if tally.is_over.load(Ordering::Relaxed) {
            return;
        }
        server.with(|emulator| {
            emulator.revoke_access_tokens();
            if n % 30 == 0 {
                emulator.revoke_refresh_tokens();
            }
        });
    }
}

fn send_with_ureq(server: &Server, tally: &Tally) -> Result<(), Error> {
    use simacan_auth_ureq::{Client, Error};
    let client = Client::builder(provider(server)?, Credentials::new("u", "p"))
        .config(config())
        .build()?;
    let target = format!("{}/x", server.origin());
    let send = |n: u64| {
        let request = Request::post(&target).body(body(n));
        match client.send(request.expect("it is well formed")) {
            Ok(response) => Ok(response.status()),
            Err(Error::Denied(denied)) => Err(Trouble::Denied(denied)),
            Err(Error::Request { .. }) => Err(Trouble::Request),
            Err(error) => panic!("{error}"),
        }
    };
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                while let Some(n) = tally.begin() {
                    while let Some(wait) = tally.again_after(send(n)) {
                        thread::sleep(wait);
                    }
                }
            });
        }
    });
    Ok(())
}

#[tokio::main]
async fn send_with_reqwest(server: &Server, tally: &Tally) -> Result<(), Error> {
    use simacan_auth_reqwest::{Client, Error};
    let client = Client::builder(provider(server)?, Credentials::new("u", "p"))
        .config(config())
        .build()?;
    let target = format!("{}/x", server.origin());
    let send = async |n: u64| {
        let request = client.post(&target).body(body(n));
        match request.send().await {
            Ok(response) => Ok(response.status()),
            Err(Error::Denied(denied)) => Err(Trouble::Denied(denied)),
            Err(Error::Request { .. }) => Err(Trouble::Request),
            Err(error) => panic!("{error}"),
        }
    };
    let caller = async || {
        while let Some(n) = tally.begin() {
            while let Some(wait) = tally.again_after(send(n).await) {
                tokio::time::sleep(wait).await;
            }
        }
    };
    futures_util::future::join_all((0..CALLERS).map(|_| caller())).await;
    Ok(())
}

fn report(counters: &Counters, tally: &Tally) -> Result<(), Error> {
    let at = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!("{counters:#?}");
    println!(
        "sent again: {} after a 401 that was delivered, {} after a failure, {} without a token",
        at(&tally.unauthorized),
        at(&tally.failed),
        at(&tally.denied),
    );
    let (early, late) = (at(&tally.memory), memory());
    println!("memory: {early} KiB after a tenth, {late} KiB at the end");

    if counters.targets_accepted < tally.requests {
        return Err("requests were lost".into());
    }
    if late > early + early / 4 {
        return Err("memory grows".into());
    }
    Ok(())
}

/// Resident, in KiB; 0 where there is no `/proc`.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
