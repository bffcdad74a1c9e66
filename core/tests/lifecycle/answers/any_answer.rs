//! Any answer of the auth endpoint is survived, and only a refusal ends anything (`manual::rules`, I10).

use crate::common::prelude::*;

const BODIES: [&str; 9] = [
    "",
    "{",
    "null",
    "[]",
    "\u{0}",
    "\u{FEFF}",
    MARK,
    r#"{"error":"invalid_grant"}"#,
    r#"{"error":"invalid_client"}"#,
];

fn refreshing_session() -> Session<Refreshing> {
    let (_, exchange) = new_session().begin(START);
    let session = entered(exchange.receive(START, TOKENS.answer(1)));
    refreshing(session, START, Cause::Due)
}

#[test]
fn i10_only_a_refusal_ends_a_session() {
    for status in (100..=999).filter(|&status| status != 401) {
        for body in BODIES {
            let is_refusal = Reply::Body(status, body).is_refusal();
            let respond = || Reply::Body(status, body).answer(0);
            let (_, exchange) = refreshing_session().begin(START);
            match exchange.receive(START, respond()) {
                RefreshOutcome::Failed(session, failure) => {
                    assert!(!is_refusal);
                    assert_clean(&format!("{failure} {failure:?}"));
                    let mut target = request(API);
                    assert_eq!(session.authorize(START, &mut target), Ok(()));
                    assert_eq!(bearer(&target), Some(Driver::bearer_of(1)));
                }
                RefreshOutcome::ReLogin(_) => assert!(is_refusal, "{status} {body}"),
                other @ RefreshOutcome::Authenticated(_) => panic!("{status} {body}: {other:?}"),
            }
            let (_, exchange) = new_session().begin(START);
            let outcome = exchange.receive(START, respond());
            let is_rejected = matches!(outcome, LoginOutcome::Rejected(_));
            assert_eq!(is_rejected, is_refusal, "{status} {body}: {outcome:?}");
        }
    }
}

#[test]
fn rfc_6749_refuses_with_invalid_grant_and_a_401_is_the_clients_fault() {
    let provider = || {
        Provider::oauth2("https://login.example/token", ClientAuth::basic("id", MARK))
            .allow_origin("https://api.example")
            .build()
            .unwrap()
    };
    let (request, exchange) = Session::new(provider(), credentials("fleet", 1)).begin(START);
    assert_clean(&format!("{request:?} {exchange:?} {:?}", provider()));
    let invalid_client = Reply::Body(401, r#"{"error":"invalid_client"}"#);
    let (session, failure) = shows!(
        exchange.receive(START, invalid_client.answer(0)),
        LoginOutcome::Failed(session, failure) => (session, failure)
    );
    assert!(!failure.is_transient(), "{failure}");
    assert!(failure.to_string().contains("invalid_client"), "{failure}");
    let invalid_grant = Reply::Body(400, r#"{"error":"invalid_grant"}"#);
    let outcome = session
        .begin(START)
        .1
        .receive(START, invalid_grant.answer(0));
    shows!(outcome, LoginOutcome::Rejected(_));
}

#[test]
fn i10_no_answer_costs_a_machine_its_token_or_its_session() {
    for status in [
        200, 201, 204, 301, 307, 400, 403, 404, 408, 429, 500, 503, 999,
    ] {
        for body in BODIES {
            if Reply::Body(status, body).is_refusal() {
                continue;
            }
            let mut driver = Driver::refreshing_early();
            driver.reply(&Reply::Body(status, body));
            let _sent = driver.go();
            assert_eq!(driver.header, Driver::bearer_of(1), "{status} {body}");
            assert_eq!(
                driver.machine.status(),
                Status::Refreshing,
                "{status} {body}"
            );
            assert_eq!(driver.passwords(), 1, "{status} {body}");
            driver.advance(HOUR);
            let pending = driver.wait();
            assert_eq!(
                *driver.flying(),
                Driver::refresh_token(1),
                "{status} {body}"
            );
            let _sent = driver.reply_to(pending, &TOKENS);
        }
    }
}

#[test]
fn i10_both_refusals_of_a_refresh_open_the_way_to_the_password() {
    for refusal in [
        Reply::Refused,
        Reply::Body(400, r#"{"error":"invalid_grant"}"#),
    ] {
        let mut driver = Driver::expired();
        let _pending = driver.wait();
        // Reported by hand: the driver knows one refusal.
        let exchange = driver.flight.take().unwrap().exchange;
        let now = driver.now;
        driver
            .machine
            .handle_response(now, exchange, refusal.answer(2));
        assert_eq!(driver.machine.status(), Status::ReLogin, "{refusal:?}");
    }
}
