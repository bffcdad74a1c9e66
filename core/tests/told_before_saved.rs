//! What an exchange has brought is saved, and only then the callers hear of it (`manual::stores`). A
//! program ends when it has its answer, and what is not saved by then is lost to the next run.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use simacan_auth::{
    Authorization, Config, Credentials, Event, JobEnd, JobId, Machine, Output, Pending, Provider,
    Review, StoreFailure, StoreOp, Timestamp,
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const URI: &str = "https://sct-tracking-data-api.services.simacan.com/api/v1/realisation";
const TOKENS: &str =
    r#"{"access_token":"ey.A","refresh_token":"ey.R","token_type":"bearer","expires_in":3600}"#;

fn machine() -> Machine {
    let credentials = Credentials::new("foo@bar.com", "secret");
    Machine::new(Provider::simacan(), credentials, Config::default())
}

/// A caller who waits for its first token.
fn wait(machine: &mut Machine) -> Pending {
    let pending = Pending::new();
    match ask(machine, pending) {
        Authorization::Wait(pending) => pending,
        other => panic!("there is no token yet: {other:?}"),
    }
}

/// The same, up to the save of what was answered; and the events since.
fn answered(response: Response<&str>) -> (Machine, Pending, JobId, Vec<Event>) {
    let mut machine = machine().with_store();
    let pending = wait(&mut machine);
    let (mut response, mut events) = (Some(response), Vec::new());
    loop {
        match machine.poll(NOW) {
            Output::Store(StoreOp::Lock(op)) => machine.handle_end(NOW, op, JobEnd::Locked(None)),
            Output::Store(StoreOp::Load(op)) => machine.handle_end(NOW, op, JobEnd::Loaded(None)),
            Output::Store(StoreOp::Save(op, _)) if response.is_none() => {
                return (machine, pending, op, events);
            }
            Output::Store(StoreOp::Save(op, _)) => machine.handle_end(NOW, op, JobEnd::Saved), // it is announced
            Output::Transmit(transmit) => {
                let response = response.take().expect("one exchange");
                machine.handle_response(NOW, transmit.exchange, response);
            }
            Output::Event(Event::ExchangeStarted { .. }) => {}
            Output::Event(event) => events.push(event),
            other => panic!("{other:?}"),
        }
    }
}

/// A session whose token is still good when it is refreshed, up to the save of the new one; and the time.
fn refreshed_early() -> (Machine, JobId, Timestamp) {
    let (mut machine, _, save, _) = answered(Response::new(TOKENS));
    machine.handle_end(NOW, save, JobEnd::Saved);
    let due = NOW.saturating_add(Duration::from_secs(3590));
    let pending = Pending::new();
    assert!(matches!(
        ask_at(&mut machine, due, pending),
        Authorization::Ready(_)
    ));
    loop {
        match machine.poll(due) {
            Output::Store(StoreOp::Lock(op)) => machine.handle_end(due, op, JobEnd::Locked(None)),
            Output::Store(StoreOp::Load(op)) => machine.handle_end(due, op, JobEnd::Loaded(None)),
            Output::Store(StoreOp::Save(op, _)) => return (machine, op, due),
            Output::Transmit(transmit) => {
                machine.handle_response(due, transmit.exchange, Response::new(TOKENS));
            }
            Output::Event(_) | Output::Store(StoreOp::Unlock) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn refused() -> Response<&'static str> {
    let mut refused = Response::new("");
    *refused.status_mut() = StatusCode::UNAUTHORIZED;
    refused
}

fn ask(machine: &mut Machine, pending: Pending) -> Authorization {
    ask_at(machine, NOW, pending)
}

fn ask_at(machine: &mut Machine, now: Timestamp, pending: Pending) -> Authorization {
    let mut request = Request::post(URI).body(()).expect("a URI");
    machine.authorize(now, pending, &mut request)
}

#[test]
fn i2_a_refusal_is_told_once_it_is_saved() {
    let (mut machine, pending, save, events) = answered(refused());
    assert_eq!(events, []);
    let authorization = ask(&mut machine, pending);
    let Authorization::Wait(pending) = authorization else {
        panic!("{authorization:?}");
    };
    machine.handle_end(NOW, save, JobEnd::Saved);
    assert!(matches!(
        machine.poll(NOW),
        Output::Event(Event::Rejected { .. })
    ));
    assert!(matches!(
        ask(&mut machine, pending),
        Authorization::Denied(_)
    ));
}

#[test]
fn i14_first_tokens_are_handed_out_once_they_are_saved() {
    let (mut machine, pending, save, events) = answered(Response::new(TOKENS));
    assert_eq!(events, []);
    let authorization = ask(&mut machine, pending);
    let Authorization::Wait(pending) = authorization else {
        panic!("{authorization:?}");
    };
    machine.handle_end(NOW, save, JobEnd::Saved);
    assert!(matches!(
        machine.poll(NOW),
        Output::Event(Event::LoggedIn { .. })
    ));
    assert!(matches!(
        ask(&mut machine, pending),
        Authorization::Ready(_)
    ));
}

#[test]
fn a_save_that_fails_keeps_nobody_waiting() {
    let (mut machine, pending, save, _) = answered(Response::new(TOKENS));
    machine.handle_end(
        NOW,
        save,
        JobEnd::StoreFailed(StoreFailure::new("disk full")),
    );
    assert!(matches!(
        ask(&mut machine, pending),
        Authorization::Ready(_)
    ));
}

#[test]
fn i14_while_tokens_are_saved_those_who_had_one_go_on_with_the_new_one() {
    let (mut machine, saving, due) = refreshed_early();
    assert_eq!(machine.in_flight(), Some(saving));
    let pending = Pending::new();
    assert!(matches!(
        ask_at(&mut machine, due, pending),
        Authorization::Ready(_)
    ));
}

/// Whoever is told of a refusal asks the user for another password: not after that has been given.
#[test]
fn i2_a_refusal_is_told_before_the_credentials_that_end_it() {
    for username in ["foo@bar.com", "other"] {
        let (mut machine, pending, save, events) = answered(refused());
        assert_eq!(events, []);
        machine.handle_credentials(NOW, Credentials::new(username, "better"));
        let told = [machine.poll(NOW), machine.poll(NOW)];
        assert!(
            matches!(told[0], Output::Event(Event::Rejected { .. })),
            "{told:?}"
        );
        let is_replaced = matches!(told[1], Output::Event(Event::CredentialsReplaced { .. }));
        assert!(is_replaced, "{told:?}");
        assert!(matches!(ask(&mut machine, pending), Authorization::Wait(_)));
        machine.handle_end(NOW, save, JobEnd::Saved);
        let mut output = machine.poll(NOW);
        while let Output::Store(op) = output {
            match op {
                StoreOp::Lock(op) => machine.handle_end(NOW, op, JobEnd::Locked(None)),
                StoreOp::Load(op) => machine.handle_end(NOW, op, JobEnd::Loaded(None)),
                StoreOp::Save(op, _) => machine.handle_end(NOW, op, JobEnd::Saved),
                StoreOp::Mark(op, _) => machine.handle_end(NOW, op, JobEnd::Marked),
                StoreOp::Unlock => {}
            }
            output = machine.poll(NOW);
        }
        assert!(matches!(output, Output::Transmit(_)), "{output:?}");
    }
}

/// The store's lock can't be had any more than the disk can be written to.
#[test]
fn i6_a_machine_that_gets_its_store_during_an_exchange_keeps_nobody_waiting() {
    let mut machine = machine();
    let pending = wait(&mut machine);
    let Output::Transmit(login) = machine.poll(NOW) else {
        panic!("it is to log in");
    };
    let mut machine = machine.with_store();
    machine.handle_response(NOW, login.exchange, Response::new(TOKENS));
    let lock = loop {
        match machine.poll(NOW) {
            Output::Store(StoreOp::Lock(op)) => break op,
            Output::Event(_) => {}
            other => panic!("{other:?}"),
        }
    };
    machine.handle_end(NOW, lock, JobEnd::StoreFailed(StoreFailure::Locked));
    assert!(matches!(
        ask(&mut machine, pending),
        Authorization::Ready(_)
    ));
}

/// Those who had a token go on with the new one while it is saved, so their targets may refuse it.
#[test]
fn a_401_for_a_token_that_is_being_saved_is_told_after_the_token() {
    let (mut machine, save, due) = refreshed_early();
    let mut events = Vec::new();
    let pending = Pending::new();
    let Authorization::Ready(sent) = ask_at(&mut machine, due, pending) else {
        panic!("there was a token before");
    };
    let review = machine.review(due, sent, StatusCode::UNAUTHORIZED);
    assert!(matches!(review, Review::Retry(_)), "{review:?}");
    machine.handle_end(due, save, JobEnd::Saved);
    while let Output::Event(event) = machine.poll(due) {
        events.push(event);
    }
    assert!(
        matches!(
            events[..],
            [Event::Refreshed { .. }, Event::Unauthorized { .. }]
        ),
        "{events:?}"
    );
}

/// A token is usable for a second at least, however long its answer took; and however long its save.
#[test]
fn i6_a_save_that_outlives_the_token_keeps_nobody_waiting_for_ever() {
    const SHORT: &str =
        r#"{"access_token":"ey.A","refresh_token":"ey.R","token_type":"bearer","expires_in":1}"#;
    let (mut machine, mut now) = (machine().with_store(), NOW);
    let mut pending = Pending::new();
    let mut exchanges = 0;
    for _ in 0..100 {
        pending = match ask_at(&mut machine, now, pending) {
            Authorization::Wait(pending) => pending,
            Authorization::Ready(_) => return,
            other => panic!("{other:?}"),
        };
        loop {
            match machine.poll(now) {
                Output::Store(StoreOp::Lock(op)) => {
                    machine.handle_end(now, op, JobEnd::Locked(None));
                }
                Output::Store(StoreOp::Load(op)) => {
                    machine.handle_end(now, op, JobEnd::Loaded(None));
                }
                Output::Store(StoreOp::Save(op, _)) => {
                    now = now.saturating_add(Duration::from_secs(2)); // a slow disk
                    machine.handle_end(now, op, JobEnd::Saved);
                }
                Output::Transmit(transmit) => {
                    exchanges += 1;
                    machine.handle_response(now, transmit.exchange, Response::new(SHORT));
                }
                Output::Event(_) | Output::Store(StoreOp::Unlock | StoreOp::Mark(..)) => {}
                Output::Wait(_) | Output::Credentials(_) => break,
            }
        }
    }
    panic!("{exchanges} exchanges, and the caller still waits");
}

/// The tokens stay, so they are saved and told of.
#[test]
fn i14_a_new_password_between_an_answer_and_its_save_keeps_nobody_waiting() {
    let mut machine = machine().with_store();
    let pending = wait(&mut machine);
    let (mut visits, mut saves, mut told) = (0, 0, Vec::new());
    loop {
        match machine.poll(NOW) {
            Output::Store(StoreOp::Lock(op)) => {
                visits += 1;
                machine.handle_end(NOW, op, JobEnd::Locked(None));
            }
            Output::Store(StoreOp::Load(op)) => machine.handle_end(NOW, op, JobEnd::Loaded(None)),
            Output::Store(StoreOp::Save(op, _)) => {
                saves += 1;
                machine.handle_end(NOW, op, JobEnd::Saved);
            }
            Output::Transmit(transmit) => {
                machine.handle_response(NOW, transmit.exchange, Response::new(TOKENS));
                machine.handle_credentials(NOW, Credentials::new("foo@bar.com", "better"));
            }
            Output::Event(event) => told.push(event),
            Output::Store(StoreOp::Unlock | StoreOp::Mark(..)) => {}
            Output::Wait(_) | Output::Credentials(_) => break,
        }
    }
    // The announcement, and the tokens.
    assert_eq!((visits, saves), (1, 2));
    assert!(matches!(
        told[..],
        [
            Event::ExchangeStarted { .. },
            Event::CredentialsReplaced { .. },
            Event::LoggedIn { .. }
        ]
    ));
    assert!(matches!(
        ask(&mut machine, pending),
        Authorization::Ready(_)
    ));
}
