//! As little of a client as the tests need.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{Request, Response, StatusCode};
use serde_json::Value;
use simacan_auth_emulator::{Emulator, Settings};

pub(crate) const USER: &str = "foo@bar.com";
pub(crate) const PASSWORD: &str = "open sesame";
pub(crate) const HOUR: u64 = 3600;

pub(crate) fn settings() -> Settings {
    Settings::new().with_user(USER, PASSWORD)
}

pub(crate) fn emulator() -> Emulator {
    Emulator::new(settings())
}

/// This many seconds after the tests begin.
pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// A request with a form, encoded by the reference implementation.
pub(crate) fn form(path: &str, fields: &[(&str, &str)]) -> Request<String> {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    raw_form(path, &body)
}

/// A request with a form, encoded by hand.
pub(crate) fn raw_form(path: &str, body: &str) -> Request<String> {
    Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.to_owned())
        .unwrap()
}

/// With an id and a secret, encoded or not.
pub(crate) fn basic(mut request: Request<String>, credentials: &str) -> Request<String> {
    let value = format!("Basic {}", BASE64.encode(credentials));
    request
        .headers_mut()
        .insert("authorization", value.parse().unwrap());
    request
}

pub(crate) fn login(user: &str, password: &str) -> Request<String> {
    form(
        "/api/v1/auth/password",
        &[("username", user), ("password", password)],
    )
}

pub(crate) fn refresh(token: &str) -> Request<String> {
    form("/api/v1/auth/refresh", &[("refresh_token", token)])
}

pub(crate) fn post(token: &str, body: &str) -> Request<String> {
    Request::post("https://sct-tracking-data-api.services.simacan.com/api/v1/realisation")
        .header("authorization", format!("Bearer {token}"))
        .body(body.to_owned())
        .unwrap()
}

/// Sends a request that no fault meets.
pub(crate) fn send(
    emulator: &mut Emulator,
    s: u64,
    request: &Request<String>,
) -> Response<Vec<u8>> {
    emulator.respond(at(s), request).expect("an answer")
}

pub(crate) fn status(emulator: &mut Emulator, s: u64, request: &Request<String>) -> u16 {
    send(emulator, s, request).status().as_u16()
}

pub(crate) fn json(answer: &Response<Vec<u8>>) -> Value {
    serde_json::from_slice(answer.body()).expect("JSON")
}

/// The tokens of an answer that has both.
pub(crate) fn tokens(answer: &Response<Vec<u8>>) -> Tokens {
    assert_eq!(answer.status(), StatusCode::OK);
    let json = json(answer);
    let text = |name: &str| json[name].as_str().expect(name).to_owned();
    Tokens {
        access: text("access_token"),
        refresh: text("refresh_token"),
    }
}

pub(crate) fn log_in(emulator: &mut Emulator, s: u64) -> Tokens {
    tokens(&send(emulator, s, &login(USER, PASSWORD)))
}

pub(crate) fn refreshed(emulator: &mut Emulator, s: u64, token: &str) -> Tokens {
    tokens(&send(emulator, s, &refresh(token)))
}
