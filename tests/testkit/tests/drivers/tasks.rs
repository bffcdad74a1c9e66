//! A driver made of tasks, for any executor: a task carries, callers await.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use simacan_auth::{Authorization, Config, Machine, Output, Pending, Review, Transmit};
use simacan_auth_testkit::time::Mutex;
use simacan_auth_testkit::{DriverContract, Setup};
use tokio::sync::Notify;

use crate::{Defect, assert_breaks};

struct Driver {
    setup: Setup,
    defect: Defect,
    machine: Mutex<Machine>,
    /// Something has happened that may be an answer.
    woken: Notify,
    /// The machine has been asked for something.
    asked: Notify,
}

fn machine(setup: &Setup) -> Machine {
    Machine::new(
        setup.provider.clone(),
        setup.credentials(),
        Config::default(),
    )
}

impl Driver {
    fn start(setup: Setup, defect: Defect) -> Arc<Self> {
        let driver = Arc::new(Self {
            machine: Mutex::new(machine(&setup)),
            setup,
            defect,
            woken: Notify::new(),
            asked: Notify::new(),
        });
        if defect != Defect::CarriesInTheCaller {
            let carrier = driver.clone();
            let carrying = async move {
                loop {
                    carrier.carry().await;
                }
            };
            driver.setup.time.spawn("carrier", carrying);
        }
        driver
    }

    async fn send(&self, mut request: Request<Vec<u8>>) -> Result<StatusCode, String> {
        let time = &self.setup.time;
        let mut pending = Pending::new();
        loop {
            let woken = self.woken.notified();
            let authorization = {
                let mut machine = self.machine.lock().unwrap();
                machine.authorize(time.now().into(), pending, &mut request)
            };
            self.asked.notify_one();
            pending = match authorization {
                Authorization::Ready(sent) => {
                    let answer = self.setup.wire.exchange(&request).await;
                    let status = answer.map_err(|failure| failure.to_string())?.status();
                    let review = {
                        let mut machine = self.machine.lock().unwrap();
                        machine.review(time.now().into(), sent, status)
                    };
                    self.asked.notify_one();
                    match review {
                        Review::Retry(_) if self.defect == Defect::IgnoresThe401 => Pending::new(),
                        Review::Retry(pending) => pending,
                        Review::Deliver => return Ok(status),
                    }
                }
                Authorization::Wait(pending) => {
                    if self.defect == Defect::CarriesInTheCaller
                        && self.machine.lock().unwrap().in_flight().is_none()
                    {
                        self.carry().await;
                    } else if self.defect == Defect::ListensTooLate {
                        self.woken.notified().await;
                    } else {
                        woken.await;
                    }
                    pending
                }
                Authorization::Denied(denied) => return Err(denied.to_string()),
                Authorization::Foreign(foreign) => return Err(foreign.to_string()),
            };
        }
    }

    /// What the machine says next.
    async fn carry(&self) {
        let (time, wire) = (&self.setup.time, &self.setup.wire);
        let output = self.machine.lock().unwrap().poll(time.now().into());
        match output {
            Output::Transmit(Transmit { exchange, request }) => {
                let is_refresh = request.uri().path().ends_with("refresh");
                let mut end = wire.exchange(&request).await;
                if self.defect == Defect::SendsAgain
                    && end
                        .as_ref()
                        .is_ok_and(|answer| answer.status().is_server_error())
                {
                    end = wire.exchange(&request).await;
                }
                let (now, mut machine) = (time.now().into(), self.machine.lock().unwrap());
                match end {
                    Ok(response) => machine.handle_response(now, exchange, response),
                    Err(_) if is_refresh && self.defect == Defect::StartsAnew => {
                        *machine = self::machine(&self.setup);
                        self.woken.notify_waiters();
                    }
                    Err(failure) => machine.handle_failure(now, exchange, failure),
                }
            }
            Output::Event(_) if self.defect == Defect::WakesOne => self.woken.notify_one(),
            Output::Event(_) => self.woken.notify_waiters(),
            Output::Wait(until) => {
                let until = until.filter(|_| self.defect != Defect::NeverTriesAgain);
                let rest = match until {
                    Some(_) if self.defect == Defect::Spins => Duration::ZERO,
                    Some(until) => until.saturating_since(time.now().into()),
                    None => Duration::MAX,
                };
                time.timeout(rest, self.asked.notified()).await;
            }
            Output::Store(_) | Output::Credentials(_) => unreachable!("it has neither"),
        }
    }
}

pub(crate) fn contract(defect: Defect) -> DriverContract {
    DriverContract::new(move |setup| {
        let driver = Driver::start(setup, defect);
        move |request| {
            let driver = driver.clone();
            async move { driver.send(request).await }
        }
    })
}

#[test]
fn a_driver_made_of_tasks_keeps_the_contract() {
    contract(Defect::None).check();
}

#[test]
fn a_wake_up_for_one_of_many_is_found() {
    assert_breaks(
        &contract(Defect::WakesOne),
        "callers-share-one-login",
        "hangs",
    );
}

#[test]
fn a_wake_up_that_is_lost_before_anybody_listens_is_found() {
    assert_breaks(
        &contract(Defect::ListensTooLate),
        "callers-share-one-login",
        "hangs",
    );
}

#[test]
fn a_password_that_is_sent_again_by_the_exchange_is_found() {
    assert_breaks(
        &contract(Defect::SendsAgain),
        "passwords-are-paced",
        "I13 (twelve passwords an hour) is violated",
    );
}

#[test]
fn a_retry_that_is_missing_is_found() {
    assert_breaks(
        &contract(Defect::NeverTriesAgain),
        "what-fails-is-tried-again",
        "hangs",
    );
}

#[test]
fn a_loop_that_does_not_wait_is_found() {
    assert_breaks(
        &contract(Defect::Spins),
        "what-fails-is-tried-again",
        "`carrier` spins",
    );
}

#[test]
fn a_password_too_many_is_found() {
    assert_breaks(
        &contract(Defect::StartsAnew),
        "an-outage-ends",
        "I1 (a password needs a reason) is violated",
    );
}

#[test]
fn an_exchange_that_dies_with_its_caller_is_found() {
    let contract = contract(Defect::CarriesInTheCaller);
    assert_breaks(
        &contract,
        "a-caller-that-goes-away-takes-nothing-along",
        "hangs",
    );
}

#[test]
fn a_retry_without_what_was_learned_is_found() {
    assert_breaks(
        &contract(Defect::IgnoresThe401),
        "an-outage-ends",
        "I7 (a request goes out twice at most) is violated",
    );
}
