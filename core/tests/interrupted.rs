//! A panic of the program's own code inside a call: the machine has lost its session and says so. Only
//! a body can do that.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{API, START, credentials, request};
use http::{Response, StatusCode};
use simacan_auth::{
    Clearance, Config, Denied, ExchangeId, Machine, Output, Provider, Status, TransportFailure, Verdict,
};

struct Panicking;

impl AsRef<[u8]> for Panicking {
    fn as_ref(&self) -> &[u8] {
        panic!("there is no body")
    }
}

fn next_exchange(machine: &mut Machine) -> Option<ExchangeId> {
    loop {
        match machine.poll(START) {
            Output::Transmit(transmit) => return Some(transmit.exchange),
            Output::Event(_) => {}
            Output::Wait(until) => {
                assert_eq!(until, None);
                return None;
            }
        }
    }
}

#[test]
fn i10_a_body_that_panics_interrupts_the_machine_which_sends_nothing_more() {
    let mut machine = Machine::new(Provider::simacan(), credentials("u", 1), Config::default());
    let permit = machine.permit();
    let Clearance::Wait(permit) = machine.authorize(START, permit, &mut request(API)) else {
        panic!("there is no token");
    };
    let exchange = next_exchange(&mut machine).expect("a login");
    let answered = catch_unwind(AssertUnwindSafe(|| {
        machine.handle_response(START, exchange, Response::new(Panicking));
    }));
    assert!(answered.is_err());

    assert_eq!(machine.status(), Status::Interrupted);
    assert_eq!(machine.in_flight(), None);
    assert!(machine.provider().is_none());
    let is_interrupted = |clearance| {
        let Clearance::Denied(denied) = clearance else {
            panic!("{clearance:?}");
        };
        assert_eq!(denied, Denied::Interrupted);
        let said = denied.to_string();
        assert_eq!(said, "a panic has interrupted the session: make a new one");
    };
    is_interrupted(machine.authorize(START, permit, &mut request(API)));
    let permit = machine.permit();
    is_interrupted(machine.log_in(START, permit));

    // Neither of these brings it back, or panics.
    machine.handle_credentials(START, credentials("u", 2));
    machine.handle_failure(START, exchange, TransportFailure::timed_out());
    machine.handle_response(START, exchange, Response::new("{}"));
    assert_eq!(machine.status(), Status::Interrupted);
    assert_eq!(next_exchange(&mut machine), None);
    assert!(format!("{machine:?}").contains("Interrupted"));
}

/// While a token is out: its 401 starts nothing.
#[test]
fn i5_a_401_after_an_interruption_is_delivered_or_denied() {
    let mut machine = Machine::new(Provider::simacan(), credentials("u", 1), Config::default());
    let permit = machine.permit();
    let waits = machine.log_in(START, permit);
    assert!(matches!(waits, Clearance::Wait(_)));
    let exchange = next_exchange(&mut machine).expect("a login");
    let body = r#"{"access_token":"a","token_type":"bearer","refresh_token":"r"}"#;
    machine.handle_response(START, exchange, Response::new(body));
    let permit = machine.permit();
    let Clearance::Go(ticket) = machine.authorize(START, permit, &mut request(API)) else {
        panic!("there is a token");
    };
    let permit = machine.permit();
    let Clearance::Go(other) = machine.authorize(START, permit, &mut request(API)) else {
        panic!("there is a token");
    };
    let Verdict::Retry(_) = machine.review(START, other, StatusCode::UNAUTHORIZED) else {
        panic!("a refresh is worth it");
    };
    let exchange = next_exchange(&mut machine).expect("a refresh");
    let answered = catch_unwind(AssertUnwindSafe(|| {
        machine.handle_response(START, exchange, Response::new(Panicking));
    }));
    assert!(answered.is_err());
    if let Verdict::Retry(permit) = machine.review(START, ticket, StatusCode::UNAUTHORIZED) {
        let clearance = machine.authorize(START, permit, &mut request(API));
        let is_denied = matches!(clearance, Clearance::Denied(Denied::Interrupted));
        assert!(is_denied, "{clearance:?}");
    }
    assert_eq!(next_exchange(&mut machine), None);
}
