//! `/oauth2/token`, by RFC 6749.

use http::{Request, Response};

use crate::test_client::*;
use simacan_auth_emulator::{Emulator, Endpoint, Fault, Rotation};

const PATH: &str = "/oauth2/token";
const CLIENT: (&str, &str) = ("client_id", "emulator");

#[test]
fn a_public_client_logs_in_and_refreshes() {
    let mut emulator = emulator();
    let first = tokens(&send(&mut emulator, 0, &password_grant(&[CLIENT])));
    let request = refresh_grant(&first.refresh);
    let second = tokens(&send(&mut emulator, 0, &request));
    assert_eq!(status(&mut emulator, 0, &post(&second.access, "")), 204);
    // Spent.
    assert_error(&send(&mut emulator, 0, &request), 400, "invalid_grant");
    let counters = emulator.ledger().counters();
    assert_eq!(
        (counters.passwords_accepted, counters.refreshes_accepted),
        (1, 1)
    );
    assert_eq!(counters.reuses, 1);
}

#[test]
fn a_wrong_password_is_an_invalid_grant() {
    let fields = [
        ("grant_type", "password"),
        CLIENT,
        ("username", USER),
        ("password", "wrong"),
    ];
    assert_error(
        &send(&mut emulator(), 0, &form(PATH, &fields)),
        400,
        "invalid_grant",
    );
}

#[test]
fn the_secret_may_come_by_basic_or_in_the_body() {
    let (id, secret) = ("my client:1", "s%c+r:t é");
    let mut emulator = Emulator::new(settings().with_client(id, Some(secret)));
    let in_body = password_grant(&[("client_id", id), ("client_secret", secret)]);
    assert_eq!(status(&mut emulator, 0, &in_body), 200);
    // RFC 6749, section 2.3.1: form-encoded before they are joined.
    let by_basic = basic(password_grant(&[]), "my+client%3A1:s%25c%2Br%3At+%C3%A9");
    assert_eq!(status(&mut emulator, 0, &by_basic), 200);
    let with_id_too = basic(
        password_grant(&[("client_id", id)]),
        "my+client%3A1:s%25c%2Br%3At+%C3%A9",
    );
    assert_eq!(status(&mut emulator, 0, &with_id_too), 200);
}

#[test]
fn a_wrong_client_is_refused_before_the_password_is_looked_at() {
    let settings = settings()
        .with_client("c", Some("s"))
        .with_lock_out_after(Some(1));
    let mut emulator = Emulator::new(settings);
    for extra in [
        &[][..],
        &[("client_id", "c")],
        &[("client_id", "c"), ("client_secret", "x")],
        &[("client_id", "x"), ("client_secret", "s")],
        &[("client_secret", "s")],
    ] {
        let answer = send(&mut emulator, 0, &password_grant(extra));
        assert_error(&answer, 401, "invalid_client");
        assert!(
            !answer.headers().contains_key("www-authenticate"),
            "{extra:?}"
        );
    }
    for credentials in ["c:x", "c", "c:", ":s", "%zz:s"] {
        let answer = send(&mut emulator, 0, &basic(password_grant(&[]), credentials));
        assert_error(&answer, 401, "invalid_client");
        assert_eq!(
            answer.headers()["www-authenticate"],
            r#"Basic realm="simacan""#
        );
    }
    assert_eq!(emulator.ledger().counters().passwords_received, 10);
    assert_eq!(emulator.ledger().counters().passwords_accepted, 0);
}

#[test]
fn a_secret_that_was_never_registered_is_refused() {
    let request = password_grant(&[CLIENT, ("client_secret", "x")]);
    assert_error(&send(&mut emulator(), 0, &request), 401, "invalid_client");
}

#[test]
fn two_ways_to_name_the_client_at_once_are_an_invalid_request() {
    let mut emulator = Emulator::new(settings().with_client("c", Some("s")));
    let both = basic(
        password_grant(&[("client_id", "c"), ("client_secret", "s")]),
        "c:s",
    );
    assert_error(&send(&mut emulator, 0, &both), 400, "invalid_request");
    let other = basic(password_grant(&[("client_id", "d")]), "c:s");
    assert_error(&send(&mut emulator, 0, &other), 400, "invalid_request");
}

#[test]
fn requests_that_are_wrong_in_form_are_invalid() {
    let mut emulator = emulator();
    for body in [
        "grant_type=password&client_id=emulator&username=foo%40bar.com",
        "grant_type=password&client_id=emulator&username=&password=x",
        "grant_type=refresh_token&client_id=emulator",
        "client_id=emulator",
        "grant_type=&client_id=emulator",
        "grant_type=password&grant_type=password&client_id=emulator&username=a&password=b",
        "grant_type=password&client_id=emulator&username=a&password=%",
    ] {
        assert_error(
            &send(&mut emulator, 0, &raw_form(PATH, body)),
            400,
            "invalid_request",
        );
    }
    let unsupported = form(PATH, &[("grant_type", "client_credentials"), CLIENT]);
    assert_error(
        &send(&mut emulator, 0, &unsupported),
        400,
        "unsupported_grant_type",
    );
    let get = Request::get(PATH).body(String::new()).unwrap();
    assert_eq!(status(&mut emulator, 0, &get), 405);
}

#[test]
fn a_scope_beyond_the_granted_is_refused() {
    let mut emulator = Emulator::new(settings().with_scope("tracking roster"));
    let narrow = send(
        &mut emulator,
        0,
        &password_grant(&[CLIENT, ("scope", "roster")]),
    );
    assert_eq!(json(&narrow)["scope"], "tracking roster");
    let wide = password_grant(&[CLIENT, ("scope", "roster admin")]);
    assert_error(&send(&mut emulator, 0, &wide), 400, "invalid_scope");
}

#[test]
fn a_refresh_answer_may_lack_a_refresh_token() {
    let mut emulator = Emulator::new(settings().with_rotation(Rotation::KeepOld));
    let first = tokens(&send(&mut emulator, 0, &password_grant(&[CLIENT])));
    for _ in 0..2 {
        let answer = send(&mut emulator, 0, &refresh_grant(&first.refresh));
        assert_eq!(answer.status(), 200);
        assert!(json(&answer).get("refresh_token").is_none());
    }
}

#[test]
fn faults_tell_the_grant_types_apart() {
    let mut emulator = emulator();
    emulator.script(Endpoint::Refresh, Fault::AnswerLost);
    let first = tokens(&send(&mut emulator, 0, &password_grant(&[CLIENT])));
    assert!(
        emulator
            .respond(at(0), &refresh_grant(&first.refresh))
            .is_none()
    );
}

fn password_grant(extra: &[(&str, &str)]) -> Request<String> {
    let fields = [
        ("grant_type", "password"),
        ("username", USER),
        ("password", PASSWORD),
    ];
    form(PATH, &[&fields, extra].concat())
}

fn refresh_grant(token: &str) -> Request<String> {
    form(
        PATH,
        &[
            ("grant_type", "refresh_token"),
            CLIENT,
            ("refresh_token", token),
        ],
    )
}

#[track_caller]
fn assert_error(answer: &Response<Vec<u8>>, status: u16, code: &str) {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.body(), format!(r#"{{"error":"{code}"}}"#).as_bytes());
}
