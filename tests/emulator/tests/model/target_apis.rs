//! What target APIs answer.

use http::{Request, Response, StatusCode};

use crate::test_client::*;
use simacan_auth_emulator::{Emulator, Place, Presented, Refusal, Times, What};

const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;

#[test]
fn a_good_token_gets_it_done() {
    let mut emulator = emulator();
    let tokens = log_in(&mut emulator, 0);
    for (method, status) in [
        ("POST", 204),
        ("PUT", 204),
        ("PATCH", 204),
        ("DELETE", 204),
        ("GET", 200),
    ] {
        let mut request = post(&tokens.access, "x");
        *request.method_mut() = method.parse().unwrap();
        assert_eq!(
            send(&mut emulator, 0, &request).status(),
            status,
            "{method}"
        );
    }
    let mut get = post(&tokens.access, "");
    *get.method_mut() = "GET".parse().unwrap();
    assert_eq!(
        json(&send(&mut emulator, 0, &get))["path"],
        "/api/v1/realisation"
    );
}

#[test]
fn a_head_request_gets_the_length_and_no_body() {
    let mut emulator = emulator();
    let tokens = log_in(&mut emulator, 0);
    let mut request = post(&tokens.access, "");
    *request.method_mut() = "GET".parse().unwrap();
    let full = send(&mut emulator, 0, &request);
    *request.method_mut() = "HEAD".parse().unwrap();
    let answer = send(&mut emulator, 0, &request);
    assert_eq!(
        answer.headers()["content-length"],
        full.body().len().to_string()
    );
    assert!(answer.body().is_empty());
}

#[test]
fn without_a_good_token_it_is_a_401_with_a_challenge() {
    let mut emulator = emulator();
    let tokens = log_in(&mut emulator, 0);
    let invalid = r#"Bearer realm="simacan", error="invalid_token""#;
    for (header, challenge) in [
        (None, r#"Bearer realm="simacan""#),
        (Some(String::new()), invalid),
        (Some("Bearer".to_owned()), invalid),
        (Some("Bearer ".to_owned()), invalid),
        (Some("Bearer x".to_owned()), invalid),
        (Some(format!("Basic {}", tokens.access)), invalid),
        (Some(format!("Bearer  {}", tokens.access)), invalid),
        (
            Some(format!(
                "Bearer {}",
                &tokens.access[..tokens.access.len() - 1]
            )),
            invalid,
        ),
        (Some(format!("Bearer {}", tokens.refresh)), invalid),
    ] {
        let mut request = Request::post("/x").body(String::new()).unwrap();
        if let Some(header) = &header {
            request
                .headers_mut()
                .insert("authorization", header.parse().unwrap());
        }
        let answer = send(&mut emulator, 0, &request);
        assert_eq!(answer.status(), 401, "{header:?}");
        assert_eq!(
            answer.headers()["www-authenticate"],
            challenge,
            "{header:?}"
        );
    }
    assert_eq!(emulator.ledger().counters().target_unauthorized, 9);
}

#[test]
fn two_authorization_headers_are_one_too_many() {
    let mut emulator = emulator();
    let tokens = log_in(&mut emulator, 0);
    let mut request = post(&tokens.access, "");
    let again = request.headers()["authorization"].clone();
    request.headers_mut().append("authorization", again);
    assert_eq!(status(&mut emulator, 0, &request), 401);
}

#[test]
fn the_ledger_says_what_was_wrong_with_a_token() {
    let mut emulator = emulator();
    let tokens = log_in(&mut emulator, 0);
    let request = post(&tokens.access, "12345");
    send(&mut emulator, 0, &request);
    send(&mut emulator, HOUR, &request);
    emulator.revoke_access_tokens();
    send(&mut emulator, 0, &request);
    let serial = emulator.serial_of(&tokens.access);
    let seen: Vec<_> = emulator.ledger().entries()[1..]
        .iter()
        .map(|entry| match &entry.what {
            What::Target {
                token,
                status,
                body_len,
                ..
            } => (*token, status.as_u16(), *body_len),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Presented::Valid { serial: 1 }, 204, 5),
            (
                Presented::Refused {
                    serial,
                    why: Refusal::Expired
                },
                401,
                5
            ),
            (
                Presented::Refused {
                    serial,
                    why: Refusal::Revoked
                },
                401,
                5
            ),
        ]
    );
}

#[test]
fn a_status_can_be_ordered_for_the_next_requests() {
    let (mut emulator, request) = logged_in();
    emulator.answer_targets(Place::Anywhere, StatusCode::UNAUTHORIZED, Times::Next(2));
    emulator.answer_targets(Place::Anywhere, FORBIDDEN, Times::Next(1));
    emulator.answer_targets(Place::Anywhere, StatusCode::BAD_REQUEST, Times::Next(0));
    let got = [0; 4].map(|s| status(&mut emulator, s, &request));
    assert_eq!(got, [401, 401, 403, 204]);
}

#[test]
fn one_host_can_refuse_for_ever_beside_an_honest_one() {
    let (mut emulator, honest) = logged_in();
    emulator.answer_targets(
        Place::Host("Bad.example".into()),
        StatusCode::UNAUTHORIZED,
        Times::Always,
    );
    let mut by_uri = honest.clone();
    *by_uri.uri_mut() = "https://bad.example:8443/api".parse().unwrap();
    let mut by_header = honest.clone();
    *by_header.uri_mut() = "/api".parse().unwrap();
    by_header
        .headers_mut()
        .insert("host", "bad.example:8443".parse().unwrap());
    for _ in 0..10 {
        assert_eq!(status(&mut emulator, 0, &by_uri), 401);
        assert_eq!(status(&mut emulator, 0, &by_header), 401);
        assert_eq!(status(&mut emulator, 0, &honest), 204);
    }
    emulator.answer_targets_as_usual();
    assert_eq!(status(&mut emulator, 0, &by_uri), 204);
}

#[test]
fn one_path_can_answer_something_else() {
    let (mut emulator, request) = logged_in();
    emulator.answer_targets(
        Place::PathPrefix("/api/v1/real".into()),
        FORBIDDEN,
        Times::Always,
    );
    assert_eq!(status(&mut emulator, 0, &request), 403);
    let mut other = request.clone();
    *other.uri_mut() = "/api/v1/devices".parse().unwrap();
    assert_eq!(status(&mut emulator, 0, &other), 204);
}

#[test]
fn an_ordered_401_is_challenged_like_any_other() {
    let (mut emulator, request) = logged_in();
    emulator.answer_targets(Place::Anywhere, StatusCode::UNAUTHORIZED, Times::Always);
    let answer: Response<_> = send(&mut emulator, 0, &request);
    assert!(answer.headers().contains_key("www-authenticate"));
}

/// An emulator and a request to a target API with a good token.
fn logged_in() -> (Emulator, Request<String>) {
    let mut emulator = emulator();
    let tokens = log_in(&mut emulator, 0);
    (emulator, post(&tokens.access, ""))
}
