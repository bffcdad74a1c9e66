//! Somebody logs out.

use crate::common::prelude::*;

#[test]
fn what_is_forgotten_is_neither_in_memory_nor_in_the_store() {
    let store = Memory::default();
    let mut process = Process::logged_in(&store, START);
    process.machine.forget(START);
    assert!(process.machine.cached_bearer().is_none());
    process.run();
    let visit = VISIT;
    assert_eq!(
        process.log,
        [&[Op::Event("logged out")][..], &visit].concat()
    );
    assert!(!store.text().contains("s3cr3t"), "{}", store.text());
    assert!(process.machine.is_saved());
    assert_eq!(process.machine.status(), Status::Unauthenticated);
    // Nothing happens before somebody asks.
    process.pass(2 * HOUR);
    assert_eq!(process.log.len(), 5);
    let pending = process.demand();
    assert_eq!(process.passwords(), 1);
    process.grant();
    let _sent = process.go_with(pending);
}

#[test]
fn another_process_goes_on_with_its_access_token_and_refreshes_it_no_more() {
    let store = Memory::default();
    let mut first = Process::logged_in(&store, START);
    let mut second = Process::start(&store, START);
    let _pending = second.demand();
    first.machine.forget(START);
    first.run();
    let _sent = second.go();
    second.now = START.saturating_add(HOUR);
    second.log.clear();
    let _pending = second.demand();
    assert_eq!(second.passwords(), 1, "{:?}", second.log);
    assert!(!second.has_done(Op::Refresh), "{:?}", second.log);
}

#[test]
fn what_another_process_has_refreshed_meanwhile_is_forgotten_too() {
    let store = Memory::default();
    let mut first = Process::logged_in(&store, START);
    let mut second = Process::start(&store, START);
    let _pending = second.demand();
    second.now = START.saturating_add(HOUR);
    let _pending = second.demand();
    second.grant();
    first.now = second.now;
    first.machine.forget(first.now);
    first.run();
    assert!(!store.text().contains("s3cr3t"), "{}", store.text());
    // And what somebody has logged in with since comes back for nobody.
    let mut third = Process::start(&store, second.now);
    let _pending = third.demand();
    assert_eq!(third.passwords(), 1, "{:?}", third.log);
}

#[test]
fn it_is_saved_later_if_the_store_fails() {
    let store = Memory::default();
    let mut process = Process::logged_in(&store, START);
    store.fail(
        Op::Lock,
        &StoreFailure::unreachable("the server is away"),
        1,
    );
    process.machine.forget(START);
    process.run();
    assert!(!process.machine.is_saved());
    assert!(store.text().contains("s3cr3t"));
    process.pass(Duration::from_secs(30));
    assert!(process.machine.is_saved());
    assert!(!store.text().contains("s3cr3t"), "{}", store.text());
}

#[test]
fn i2_a_refused_password_stays_refused() {
    let store = Memory::default();
    let mut process = Process::start(&store, START);
    let _pending = process.demand();
    process.refuse();
    process.machine.forget(START);
    process.run();
    assert_eq!(process.machine.status(), Status::Rejected);
    process.pass(HOUR);
    process.asks();
    assert_eq!(process.passwords(), 1);
}

#[test]
fn the_answer_to_a_login_that_is_in_flight_is_not_used() {
    let store = Memory::default();
    let mut process = Process::start(&store, START);
    let _pending = process.demand();
    process.machine.forget(START);
    process.grant();
    assert!(!store.text().contains("s3cr3t"), "{}", store.text());
}

// With a revocation endpoint.

fn oauth2() -> Machine {
    let provider = Provider::oauth2("https://l.example/token", ClientAuth::basic("me", "s3cret"))
        .revocation_endpoint("https://l.example/revoke")
        .allow_origin("https://api.example")
        .build()
        .expect("a provider");
    Machine::new(provider, credentials("fleet", 1), Config::default())
}

fn transmit(machine: &mut Machine) -> Transmit {
    loop {
        match poll(machine, START) {
            Output::Transmit(transmit) => return transmit,
            Output::Event(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn answer(machine: &mut Machine, exchange: JobId, number: u32) {
    let body = format!(
        r#"{{"access_token":"a{number}","refresh_token":"r{number}","token_type":"bearer","expires_in":3600}}"#
    );
    machine.handle_response(START, exchange, Response::new(body));
}

fn logged_in() -> Machine {
    let mut machine = oauth2();
    let _wait = machine.log_in(START, Pending::new());
    let login = transmit(&mut machine);
    answer(&mut machine, login.exchange, 1);
    machine
}

fn form(request: &Request<RequestBody>) -> String {
    String::from_utf8(request.body().to_vec()).expect("a form")
}

fn events(machine: &mut Machine, now: Timestamp) -> Vec<String> {
    let mut events = Vec::new();
    while let Output::Event(event) = machine.poll(now) {
        events.push(event.to_string());
    }
    events
}

#[test]
fn a_forgotten_refresh_token_is_revoked_once() {
    let mut machine = logged_in();
    machine.forget(START);
    assert!(machine.wants(START));
    let Transmit { exchange, request } = transmit(&mut machine);
    assert_eq!(request.uri(), "https://l.example/revoke");
    assert_eq!(form(&request), "token=r1&token_type_hint=refresh_token");
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(machine.in_flight(), Some(exchange));
    assert!(!machine.wants(START));
    // Who asks meanwhile waits, and is served after it.
    assert!(matches!(
        machine.log_in(START, Pending::new()),
        Authorization::Wait(_)
    ));
    assert!(matches!(machine.poll(START), Output::Wait(None)));
    machine.handle_response(START, exchange, Response::new(""));
    let login = transmit(&mut machine);
    assert_eq!(login.request.uri(), "https://l.example/token");
    assert!(form(&login.request).contains("grant_type=password"));
}

#[test]
fn a_token_that_was_not_revoked_is_told_of_and_not_tried_again() {
    for end in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK] {
        let mut machine = logged_in();
        machine.forget(START);
        let Transmit { exchange, .. } = transmit(&mut machine);
        if end.is_success() {
            machine.abandon(START, exchange);
        } else {
            let response = Response::builder()
                .status(end)
                .body("")
                .expect("a response");
            machine.handle_response(START, exchange, response);
        }
        let told = events(&mut machine, START);
        let [told] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert!(
            told.starts_with("a forgotten token was not revoked: "),
            "{told}"
        );
        assert!(!machine.wants(START.saturating_add(HOUR)));
    }
}

#[test]
fn what_a_refresh_in_flight_brings_is_revoked_too() {
    let mut machine = logged_in();
    let later = START.saturating_add(HOUR);
    let _wait = machine.log_in(later, Pending::new());
    let refresh = loop {
        match machine.poll(later) {
            Output::Transmit(transmit) => break transmit,
            Output::Event(_) => {}
            other => panic!("{other:?}"),
        }
    };
    machine.forget(later);
    events(&mut machine, later);
    assert!(
        matches!(machine.poll(later), Output::Wait(_)),
        "one exchange at a time (I4)"
    );
    machine.handle_response(
        later,
        refresh.exchange,
        Response::new(r#"{"access_token":"a2","refresh_token":"r2"}"#),
    );
    let mut revoked = Vec::new();
    for _ in 0..10 {
        if let Output::Transmit(Transmit { exchange, request }) = machine.poll(later) {
            if request.uri().path() != "/revoke" {
                break; // who waited logs in again
            }
            revoked.push(form(&request));
            machine.handle_failure(later, exchange, TransportFailure::timed_out());
        }
    }
    let form = |token| format!("token={token}&token_type_hint=refresh_token");
    assert_eq!(revoked, [form("r1"), form("r2")]);
}

#[test]
fn an_access_token_is_revoked_where_there_is_no_other() {
    let mut machine = oauth2();
    let _wait = machine.log_in(START, Pending::new());
    let login = transmit(&mut machine);
    let body = r#"{"access_token":"a1","token_type":"bearer","expires_in":3600}"#;
    machine.handle_response(START, login.exchange, Response::new(body));
    machine.forget(START);
    let revocation = transmit(&mut machine);
    let expected = "token=a1&token_type_hint=access_token";
    assert_eq!(form(&revocation.request), expected);
}
