//! What faults do to an exchange, and what they leave behind.

use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode};

use crate::test_client::*;
use simacan_auth_emulator::{Emulator, Endpoint, Fault, Outcome, Reply, What};

#[test]
fn a_lost_request_changes_nothing() {
    let (mut emulator, first) = logged_in();
    emulator.script(Endpoint::Refresh, Fault::RequestLost);
    assert!(matches!(
        handle(&mut emulator, &refresh(&first.refresh)).outcome,
        Outcome::Lost
    ));
    refreshed(&mut emulator, 0, &first.refresh);
    assert_eq!(emulator.ledger().counters().refreshes_received, 2);
    assert_eq!(emulator.ledger().entries()[1].what, What::Unhandled);
}

#[test]
fn a_script_that_is_cleared_strikes_nothing() {
    let (mut emulator, first) = logged_in();
    emulator.script_n(Endpoint::Refresh, Fault::RequestLost, 3);
    emulator.clear_script();
    assert_eq!(emulator.faults_in_store(), 0);
    refreshed(&mut emulator, 0, &first.refresh);
}

#[test]
fn a_lost_answer_leaves_the_token_spent() {
    let (mut emulator, first) = logged_in();
    emulator.script(Endpoint::Refresh, Fault::AnswerLost);
    assert!(matches!(
        handle(&mut emulator, &refresh(&first.refresh)).outcome,
        Outcome::Lost
    ));
    assert_eq!(status(&mut emulator, 0, &refresh(&first.refresh)), 401);
    assert_eq!(emulator.ledger().counters().refreshes_accepted, 1);
    assert_eq!(emulator.ledger().entries()[1].answered, None);
}

#[test]
fn a_delay_holds_back_a_good_answer() {
    let (mut emulator, first) = logged_in();
    emulator.script(Endpoint::Refresh, Fault::Delay(Duration::from_secs(30)));
    let reply = handle(&mut emulator, &refresh(&first.refresh));
    assert_eq!(reply.delay, Duration::from_secs(30));
    tokens(&answer(reply));
}

#[test]
fn a_status_is_answered_without_handling() {
    let (mut emulator, first) = logged_in();
    emulator.script(
        Endpoint::Refresh,
        Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
    );
    let answer = answer(handle(&mut emulator, &refresh(&first.refresh)));
    assert_eq!(answer.status(), 503);
    assert!(answer.body().is_empty() && answer.headers().is_empty());
    refreshed(&mut emulator, 0, &first.refresh);
}

#[test]
fn retry_after_comes_in_seconds_or_as_a_date() {
    let (mut emulator, first) = logged_in();
    let date = "Wed, 21 Oct 2015 07:28:00 GMT";
    for (value, text) in [
        (HeaderValue::from(120), "120"),
        (HeaderValue::from_static(date), date),
    ] {
        emulator.script(
            Endpoint::Refresh,
            Fault::RetryAfter(StatusCode::TOO_MANY_REQUESTS, value),
        );
        let answer = answer(handle(&mut emulator, &refresh(&first.refresh)));
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["retry-after"], text);
    }
    refreshed(&mut emulator, 0, &first.refresh);
}

#[test]
fn a_truncated_body_comes_after_the_state_changed() {
    let (mut emulator, first) = logged_in();
    emulator.script(Endpoint::Refresh, Fault::Truncated);
    let answer = answer(handle(&mut emulator, &refresh(&first.refresh)));
    assert_eq!(answer.status(), 200);
    assert!(answer.body().starts_with(br#"{"access_token":""#));
    assert!(serde_json::from_slice::<serde_json::Value>(answer.body()).is_err());
    assert!(!answer.headers().contains_key("content-length"));
    assert_eq!(status(&mut emulator, 0, &refresh(&first.refresh)), 401);
}

#[test]
fn a_body_cut_short_announces_the_full_length() {
    let (mut emulator, first) = logged_in();
    emulator.script(Endpoint::Refresh, Fault::CutShort);
    let (answer, announced) = cut(handle(&mut emulator, &refresh(&first.refresh)));
    assert_eq!(answer.body().len(), announced / 2);
    assert!(serde_json::from_slice::<serde_json::Value>(answer.body()).is_err());
    assert_eq!(status(&mut emulator, 0, &refresh(&first.refresh)), 401);
}

#[test]
fn a_body_cut_at_its_end_is_a_whole_object_of_which_more_was_announced() {
    let (mut emulator, first) = logged_in();
    emulator.script(Endpoint::Refresh, Fault::CutAtEnd);
    let (answer, announced) = cut(handle(&mut emulator, &refresh(&first.refresh)));
    assert_eq!(announced, answer.body().len() + 1);
    refreshed(&mut emulator, 0, &tokens(&answer).refresh);
}

#[test]
fn refusals_break_off_too_with_a_body_or_without() {
    for fault in [Fault::CutShort, Fault::CutAtEnd] {
        let mut emulator = emulator();
        emulator.script_n(Endpoint::Password, fault, 2);
        let (bare, announced) = cut(handle(&mut emulator, &login(USER, "wrong")));
        assert_eq!((bare.status().as_u16(), announced), (401, 1));
        let request = form(
            "/oauth2/token",
            &[
                ("grant_type", "password"),
                ("client_id", "emulator"),
                ("username", USER),
                ("password", "wrong"),
            ],
        );
        let (coded, announced) = cut(handle(&mut emulator, &request));
        assert_eq!(coded.status(), 400);
        assert!(coded.body().starts_with(br#"{"error":"#));
        assert!(coded.body().len() < announced);
    }
}

#[test]
fn garbage_comes_with_a_200_after_the_state_changed() {
    let (mut emulator, first) = logged_in();
    emulator.script(Endpoint::Refresh, Fault::Garbage(vec![0xff, 0x00]));
    let answer = answer(handle(&mut emulator, &refresh(&first.refresh)));
    assert_eq!(
        (answer.status().as_u16(), &answer.body()[..]),
        (200, &[0xff, 0x00][..])
    );
    assert_eq!(status(&mut emulator, 0, &refresh(&first.refresh)), 401);
}

#[test]
fn a_replaced_answer_is_passed_on_as_it_is() {
    let (mut emulator, first) = logged_in();
    let replacement = Response::builder()
        .status(400)
        .header("x", "y")
        .body("{\"error\":\"invalid_grant\"}");
    emulator.script(Endpoint::Refresh, replacement.unwrap().into());
    let answer = answer(handle(&mut emulator, &refresh(&first.refresh)));
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x"]),
        (400, &"y".parse().unwrap())
    );
    assert_eq!(answer.body(), b"{\"error\":\"invalid_grant\"}");
    refreshed(&mut emulator, 0, &first.refresh);
}

#[test]
fn a_redirect_points_elsewhere() {
    let (mut emulator, first) = logged_in();
    let to = HeaderValue::from_static("https://evil.example/");
    emulator.script(
        Endpoint::Target,
        Fault::Redirect(StatusCode::TEMPORARY_REDIRECT, to),
    );
    let answer = answer(handle(&mut emulator, &post(&first.access, "")));
    assert_eq!(answer.status(), 307);
    assert_eq!(answer.headers()["location"], "https://evil.example/");
}

#[test]
fn scripted_faults_strike_their_endpoint_in_order() {
    let (mut emulator, tokens) = logged_in();
    let fault = |status: u16| Fault::Status(StatusCode::from_u16(status).unwrap());
    emulator.script(Endpoint::Target, fault(500));
    emulator.script_n(Endpoint::Target, fault(502), 2);
    emulator.script(Endpoint::Password, fault(503));
    emulator.script(Endpoint::Other, fault(504));
    assert_eq!(emulator.faults_in_store(), 5);
    let request = post(&tokens.access, "");
    let got = [0; 4].map(|s| status(&mut emulator, s, &request));
    assert_eq!(got, [500, 502, 502, 204]);
    assert_eq!(status(&mut emulator, 0, &login(USER, PASSWORD)), 503);
    assert_eq!(status(&mut emulator, 0, &form("/api/v1/auth/x", &[])), 504);
    assert_eq!(emulator.faults_in_store(), 0);
}

#[test]
fn a_wrong_password_counts_even_if_its_answer_is_lost() {
    let mut emulator = Emulator::new(settings().with_lock_out_after(Some(2)));
    emulator.script_n(Endpoint::Password, Fault::AnswerLost, 2);
    handle(&mut emulator, &login(USER, "wrong"));
    handle(&mut emulator, &login(USER, "wrong"));
    assert_eq!(status(&mut emulator, 0, &login(USER, PASSWORD)), 401);
}

fn logged_in() -> (Emulator, Tokens) {
    let mut emulator = emulator();
    let tokens = log_in(&mut emulator, 0);
    (emulator, tokens)
}

fn handle(emulator: &mut Emulator, request: &Request<String>) -> Reply {
    emulator.handle(at(0), request)
}

fn answer(reply: Reply) -> Response<Vec<u8>> {
    match reply.outcome {
        Outcome::Answer(answer) => answer,
        other => panic!("{other:?}"),
    }
}

/// What arrives of an answer that breaks off, and the length that it announced.
fn cut(reply: Reply) -> (Response<Vec<u8>>, usize) {
    let Outcome::CutShort(answer) = reply.outcome else {
        panic!("{:?}", reply.outcome);
    };
    let announced = answer.headers()["content-length"].to_str().unwrap();
    let announced = announced.parse().unwrap();
    (answer, announced)
}
