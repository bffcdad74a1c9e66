//! The exchange path: a refresh request built, a token response of 2 kB digested. `cargo bench -p
//! simacan-auth-tests --bench exchange`
//!
//! Floor: a bare parse into borrowed strings and a copy of each token.

mod common;

use std::sync::LazyLock;
use std::time::UNIX_EPOCH;

use divan::{Bencher, black_box};
use http::{Request, Response};
use serde::Deserialize;
use simacan_auth::{
    Authenticated, Cause, Credentials, LoginOutcome, Provider, Refresh, RefreshOutcome,
    ResponseBody, Session, Timestamp,
};
use simacan_auth_emulator::{Emulator, Settings};

use common::ratio;

const CALLS: u32 = 20;

fn main() {
    divan::main();
    if !common::is_bench() {
        return;
    }
    println!("token response: {} bytes", ANSWER.len());
    let floor = || || drop(floor());
    ratio("the floor itself", 1, CALLS, floor, floor);
    ratio("from a slice", 1, CALLS, floor, || {
        let mut session = Some(session());
        move || session = session.take().map(|session| refresh(session, &ANSWER[..]))
    });
    ratio("from a ResponseBody, wiped", 1, CALLS, floor, || {
        let mut session = Some(session());
        move || session = session.take().map(|session| refresh(session, body()))
    });
}

#[derive(Deserialize)]
struct Tokens<'a> {
    access_token: &'a str,
    refresh_token: &'a str,
    token_type: &'a str,
    expires_in: u64,
}

fn floor() -> (String, String) {
    let tokens: Tokens<'_> = serde_json::from_slice(black_box(&ANSWER)).expect("it is well formed");
    black_box((tokens.token_type, tokens.expires_in));
    let Tokens {
        access_token,
        refresh_token,
        ..
    } = tokens;
    black_box((access_token.to_owned(), refresh_token.to_owned()))
}

/// As a driver collects it.
fn body() -> ResponseBody {
    let mut body = ResponseBody::new();
    assert!(body.push(black_box(&ANSWER)).is_continue());
    body
}

fn refresh(session: Session<Authenticated>, answer: impl AsRef<[u8]>) -> Session<Authenticated> {
    let Refresh::Refreshing(session) = session.refresh(NOW, Cause::Unauthorized) else {
        panic!("there is a refresh token");
    };
    let (request, exchange) = session.begin(NOW);
    black_box(&request);
    drop(request);
    match exchange.receive(NOW, Response::new(answer)) {
        RefreshOutcome::Authenticated(session) => session,
        other => panic!("these are tokens: {other:?}"),
    }
}

const NOW: Timestamp = Timestamp::from_millis(0);

static ANSWER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut emulator = Emulator::new(Settings::new().with_user("foo@bar.com", "p"));
    let login = Request::post("/api/v1/auth/password")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("username=foo%40bar.com&password=p")
        .expect("it is well formed");
    emulator
        .respond(UNIX_EPOCH, &login)
        .expect("no fault is set")
        .into_body()
});

fn session() -> Session<Authenticated> {
    let session = Session::new(Provider::simacan(), Credentials::new("foo@bar.com", "p"));
    let (_, exchange) = session.begin(NOW);
    match exchange.receive(NOW, Response::new(&ANSWER[..])) {
        LoginOutcome::Authenticated(session) => session,
        other => panic!("these are tokens: {other:?}"),
    }
}

#[divan::bench(name = "floor")]
fn bench_floor(bencher: Bencher<'_, '_>) {
    bencher.bench(floor);
}

#[divan::bench(name = "refresh, from a slice")]
fn bench_slice(bencher: Bencher<'_, '_>) {
    let sessions = bencher.with_inputs(session);
    sessions.bench_values(|session| refresh(session, &ANSWER[..]));
}

#[divan::bench(name = "refresh, from a ResponseBody")]
fn bench_body(bencher: Bencher<'_, '_>) {
    let sessions = bencher.with_inputs(session);
    sessions.bench_values(|session| refresh(session, body()));
}
