//! `simacan-auth-driver` and both adapters keep the contract.

use std::io;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use http::{Request, StatusCode};
use simacan_auth::{Config, Review};
use simacan_auth_driver::{Driver, Process, System, Wait};
use simacan_auth_testkit::time::Time;
use simacan_auth_testkit::{DriverContract, Setup, Wire};

/// What a client does with each request, over a client of its own.
async fn send(
    driver: &Driver,
    wire: &Wire,
    mut request: Request<Vec<u8>>,
) -> Result<StatusCode, String> {
    let mut pending = None;
    loop {
        let sent = driver.authorize(pending, &mut request).await;
        let sent = sent.map_err(|error| error.to_string())?;
        let answer = wire.exchange(&request).await;
        let status = answer.map_err(|failure| failure.to_string())?.status();
        match driver.review(sent, status) {
            Review::Deliver => return Ok(status),
            Review::Retry(next) => pending = Some(next),
        }
    }
}

fn send_blocking(
    driver: &Driver,
    wire: &Wire,
    mut request: Request<Vec<u8>>,
) -> Result<StatusCode, String> {
    let mut pending = None;
    loop {
        let sent = driver.authorize_blocking(pending, Wait::default(), &mut request);
        let sent = sent.map_err(|error| error.to_string())?;
        let answer = wire.exchange_blocking(&request);
        let status = answer.map_err(|failure| failure.to_string())?.status();
        match driver.review(sent, status) {
            Review::Deliver => return Ok(status),
            Review::Retry(next) => pending = Some(next),
        }
    }
}

/// One that follows from nothing but the seed of the time.
fn config() -> Config {
    let mut config = Config::default();
    config.seed = 1;
    config
}

fn of_driver(setup: &Setup) -> Driver {
    let wire = setup.wire.clone();
    Driver::settings(setup.provider.clone(), setup.credentials())
        .process(setup.time.process())
        .config(config())
        .store(setup.store())
        .build(move |request| wire.exchange_blocking(&request))
}

pub(crate) fn driver_async() -> DriverContract {
    DriverContract::new(|setup| {
        let driver = of_driver(&setup);
        move |request| {
            let (driver, wire) = (driver.clone(), setup.wire.clone());
            async move { send(&driver, &wire, request).await }
        }
    })
}

fn driver_blocking() -> DriverContract {
    DriverContract::blocking(|setup| {
        let driver = of_driver(&setup);
        move |request| send_blocking(&driver, &setup.wire, request)
    })
}

pub(crate) fn driver_that_stays_logged_in() -> DriverContract {
    DriverContract::blocking(|setup| {
        let wire = setup.wire.clone();
        let driver = Driver::settings(setup.provider.clone(), setup.credentials())
            .process(setup.time.process())
            .config(config())
            .stay_logged_in()
            .build(move |request| wire.exchange_blocking(&request));
        move |request| send_blocking(&driver, &setup.wire, request)
    })
}

pub(crate) fn ureq() -> DriverContract {
    DriverContract::blocking(|setup| {
        let wire = setup.wire.clone();
        let client =
            simacan_auth_ureq::Client::builder(setup.provider.clone(), setup.credentials())
                .process(setup.time.process())
                .config(config())
                .store(setup.store())
                .exchange_with(move |request| wire.exchange_blocking(&request))
                .build()
                .expect("it needs no TLS");
        move |request| send_blocking(client.driver(), &setup.wire, request)
    })
}

pub(crate) fn reqwest() -> DriverContract {
    DriverContract::new(|setup| {
        let wire = setup.wire.clone();
        let client =
            simacan_auth_reqwest::Client::builder(setup.provider.clone(), setup.credentials())
                .process(setup.time.process())
                .config(config())
                .store(setup.store())
                .exchange_with(move |request| wire.exchange_blocking(&request))
                .build()
                .expect("it needs no TLS");
        move |request| {
            let (client, wire) = (client.clone(), setup.wire.clone());
            async move { send(client.driver(), &wire, request).await }
        }
    })
}

/// As somebody writes it for another runtime; the time-keeper is one of its threads.
struct OwnSystem(Time);

impl System for OwnSystem {
    fn spawn(&self, name: &str, run: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        drop(self.0.spawn_thread(name, run));
        Ok(())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn time(&self) -> SystemTime {
        self.0.now()
    }

    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>, until: Option<Duration>) {
        let longest = until.map_or(Duration::MAX, |until| {
            until.saturating_sub(self.monotonic())
        });
        self.0.block_on(self.0.timeout(longest, future));
    }
}

#[test]
fn the_driver_keeps_the_contract_on_a_system_of_its_own() {
    DriverContract::blocking(|setup| {
        let wire = setup.wire.clone();
        let driver = Driver::settings(setup.provider.clone(), setup.credentials())
            .process(Process::new(OwnSystem(setup.time.clone())))
            .config(config())
            .store(setup.store())
            .build(move |request| wire.exchange_blocking(&request));
        move |request| send_blocking(&driver, &setup.wire, request)
    })
    .check();
}

#[test]
fn the_driver_keeps_the_contract_in_async_code() {
    driver_async().check();
}

#[test]
fn the_driver_keeps_the_contract_in_blocking_code() {
    driver_blocking().check();
}

#[test]
fn the_driver_keeps_the_contract_while_it_stays_logged_in() {
    driver_that_stays_logged_in().check();
}

#[test]
fn the_adapter_of_ureq_keeps_the_contract() {
    ureq().check();
}

#[test]
fn the_adapter_of_reqwest_keeps_the_contract() {
    reqwest().check();
}
