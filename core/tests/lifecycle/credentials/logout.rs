//! Somebody logs out.

use crate::common::prelude::*;

#[test]
fn what_is_forgotten_is_neither_in_memory_nor_in_the_store() {
    let (store, mut process) = Process::first_logged_in();
    process.machine.forget(START);
    assert!(process.machine.cached_bearer().is_none());
    process.run();
    let visit = VISIT;
    assert_eq!(
        process.log,
        [&[Op::Event("logged out")][..], &visit].concat()
    );
    assert_clean(&store.text());
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
    let (store, mut first) = Process::first_logged_in();
    let mut second = Process::asked(&store, START);
    first.machine.forget(START);
    first.run();
    let _sent = second.go();
    second.now = after(HOUR);
    second.log.clear();
    let _pending = second.demand();
    assert_eq!(second.passwords(), 1, "{:?}", second.log);
    assert!(!second.has_done(Op::Refresh), "{:?}", second.log);
}

#[test]
fn what_another_process_has_refreshed_meanwhile_is_forgotten_too() {
    let (store, mut first) = Process::first_logged_in();
    let mut second = Process::asked(&store, START);
    second.renew_at(after(HOUR));
    first.now = second.now;
    first.machine.forget(first.now);
    first.run();
    assert_clean(&store.text());
    // And what somebody has logged in with since comes back for nobody.
    let third = Process::asked(&store, second.now);
    assert_eq!(third.passwords(), 1, "{:?}", third.log);
}

#[test]
fn it_is_saved_later_if_the_store_fails() {
    let (store, mut process) = Process::first_logged_in();
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
    assert_clean(&store.text());
}

#[test]
fn i2_a_refused_password_stays_refused() {
    let store = Memory::default();
    let mut process = Process::refused(&store, START);
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
    let mut process = Process::asked(&store, START);
    process.machine.forget(START);
    process.grant();
    assert_clean(&store.text());
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

fn logged_in() -> Process {
    let mut process = Process::of(oauth2(), &Memory::default(), START);
    process.log_in();
    process.grant();
    process
}

#[test]
fn a_forgotten_refresh_token_is_revoked_once() {
    let mut process = logged_in();
    process.machine.forget(START);
    assert!(process.machine.wants(START));
    process.run();
    let Transmit { exchange, request } = process.flight.as_ref().expect("a revocation");
    assert_eq!(request.uri(), "https://l.example/revoke");
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(process.machine.in_flight(), Some(*exchange));
    assert_eq!(process.sent(), revocation("refresh", 1));
    assert!(!process.machine.wants(START));
    // Who asks meanwhile waits, and is served after it.
    process.log_in();
    assert_eq!(process.until, None);
    process.answer(200, "");
    let Transmit { request, .. } = process.flight.as_ref().expect("a login");
    assert_eq!(request.uri(), "https://l.example/token");
    assert!(process.sent().contains("grant_type=password"));
}

fn revocation(kind: &str, number: u32) -> String {
    format!("token={MARK}-{kind}-{number}&token_type_hint={kind}_token")
}

#[test]
fn a_token_that_was_not_revoked_is_told_of_and_not_tried_again() {
    for is_abandoned in [false, true] {
        let mut process = logged_in();
        process.machine.forget(START);
        process.run();
        process.events.clear();
        if is_abandoned {
            let exchange = process.machine.in_flight().expect("a revocation");
            process.machine.abandon(START, exchange);
            process.run();
        } else {
            process.answer(503, "");
        }
        let told = shows!(&process.events[..], [told] => told.to_string());
        contains(&told, "a forgotten token was not revoked: ");
        assert!(!process.machine.wants(after(HOUR)));
    }
}

#[test]
fn what_a_refresh_in_flight_brings_is_revoked_too() {
    let mut process = logged_in();
    process.now = after(HOUR);
    process.log_in();
    let refresh = process.flight.as_ref().map(|refresh| refresh.exchange);
    process.machine.forget(process.now);
    process.run();
    assert_eq!(
        process.machine.in_flight(),
        refresh,
        "one exchange at a time (I4)"
    );
    process.grant();
    for number in [1, 2] {
        assert_eq!(process.sent(), revocation("refresh", number));
        process.lose();
    }
    assert!(
        process.sent().contains("grant_type=password"),
        "who waited logs in again"
    );
}

#[test]
fn an_access_token_is_revoked_where_there_is_no_other() {
    let mut process = Process::of(oauth2(), &Memory::default(), START);
    process.log_in();
    process.respond(Reply::AccessOnly("3600").text());
    process.machine.forget(START);
    process.run();
    assert_eq!(process.sent(), revocation("access", 0));
}
