//! A model checker takes two states for one if their fingerprints are the same, and never sees what
//! only one of them leads to. So whatever decides what happens next has to be in it.
#![cfg(any(model, fuzzing))]

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use crate::common::prelude::*;

fn machine(username: &str, password: &str) -> Machine {
    let credentials = Credentials::new(username, password);
    Machine::new(Provider::simacan(), credentials, Config::default())
}

fn wait(machine: &mut Machine, now: Timestamp) -> Pending {
    waits(machine.authorize(now, Pending::new(), &mut request(API)))
}

fn go(machine: &mut Machine, uri: &str, pending: Pending) -> Sent {
    ready(machine.authorize(START, pending, &mut request(uri)))
}

/// Polls; the exchange that is due, if any, is answered with this, or is lost.
fn exchange(machine: &mut Machine, now: Timestamp, answer: (u16, &str)) {
    loop {
        match machine.poll(now) {
            Output::Event(_) => {}
            Output::Store(op) => panic!("it has no store: {op:?}"),
            Output::Wait(_) | Output::Credentials(_) => return,
            Output::Transmit(transmit) => respond(machine, now, &transmit, answer),
        }
    }
}

fn respond(machine: &mut Machine, now: Timestamp, to: &Transmit, (status, body): (u16, &str)) {
    let response = Response::builder().status(status).body(body).unwrap();
    machine.handle_response(now, to.exchange, response);
}

fn logged_in(access: &str, rest: &str) -> Machine {
    let mut machine = machine("u", "p");
    let _pending = wait(&mut machine, START);
    let body = format!(r#"{{"access_token":"{access}","token_type":"bearer"{rest}}}"#);
    exchange(&mut machine, START, (200, &body));
    machine
}

const REFRESH: &str = r#","refresh_token":"r""#;
const MINUTE: &str = r#","refresh_token":"r","expires_in":60"#;

/// The refresh that is due is refused; the login that follows is due.
fn refuse_one(machine: &mut Machine, now: Timestamp) {
    loop {
        if let Output::Transmit(transmit) = machine.poll(now) {
            return respond(machine, now, &transmit, (401, ""));
        }
    }
}

/// Pairs of neighbours differ in one thing.
fn machines() -> Vec<(&'static str, Machine)> {
    let in_flight_with = |password, now| {
        let mut machine = machine("u", password);
        let _pending = wait(&mut machine, now);
        while !matches!(machine.poll(now), Output::Wait(_)) {}
        machine
    };
    let in_flight = |now| in_flight_with("p", now);
    let condemned = |mut machine: Machine| {
        let pending = Pending::new();
        let sent = go(&mut machine, API, pending);
        let review = machine.review(START, sent, StatusCode::UNAUTHORIZED);
        assert!(matches!(review, Review::Retry(_)));
        machine
    };
    let answered = |answers: &[(u16, &str)]| {
        let mut machine = condemned(logged_in("a", REFRESH));
        for answer in answers {
            exchange(&mut machine, START, *answer);
        }
        machine
    };
    let failed_for = |username, password, status| {
        let mut machine = machine(username, password);
        let _pending = wait(&mut machine, START);
        exchange(&mut machine, START, (status, ""));
        machine
    };
    let failed = |status| failed_for("u", "p", status);
    let refused = |mut machine: Machine| {
        let due = after(59 * SECOND);
        let pending = Pending::new();
        let authorization = machine.authorize(due, pending, &mut request(API));
        assert!(matches!(authorization, Authorization::Ready(_)));
        refuse_one(&mut machine, due);
        machine
    };
    let superseded = |username, password| {
        let mut machine = in_flight(START);
        machine.handle_credentials(START, Credentials::new(username, password));
        machine
    };
    let replaced = |refused, password| {
        let mut machine = failed_for("u", refused, 401);
        machine.handle_credentials(START, Credentials::new("u", password));
        machine
    };
    let tokens = r#"{"access_token":"a","token_type":"bearer","refresh_token":"r"}"#;
    vec![
        ("new", machine("u", "p")),
        ("another user", machine("v", "p")),
        ("another password", machine("u", "q")),
        ("waited for", {
            let mut machine = machine("u", "p");
            let _pending = wait(&mut machine, START);
            machine
        }),
        ("in flight", in_flight(START)),
        ("in flight later", in_flight(after(SECOND))),
        ("in flight, another password", in_flight_with("q", START)),
        ("tokens", logged_in("a", REFRESH)),
        ("another access token", logged_in("b", REFRESH)),
        (
            "another refresh token",
            logged_in("a", r#","refresh_token":"s""#),
        ),
        ("no refresh token", logged_in("a", "")),
        ("an expiry", logged_in("a", MINUTE)),
        ("condemned", answered(&[])),
        (
            "condemned, another access token",
            condemned(logged_in("b", REFRESH)),
        ),
        ("condemned and refreshed", answered(&[(200, tokens)])),
        ("condemned, and the refresh failed", answered(&[(503, "")])),
        ("condemned, and the refresh refused", answered(&[(401, "")])),
        ("one failure", failed(503)),
        ("a failed round", failed(404)),
        ("rejected", failed(401)),
        ("rejected, another user", failed_for("v", "p", 401)),
        ("another password was refused", replaced("p", "r")),
        ("another than that", replaced("q", "r")),
        ("refused early", refused(logged_in("a", MINUTE))),
        (
            "refused early, another token",
            refused(logged_in("b", MINUTE)),
        ),
        ("superseded", superseded("u", "q")),
        ("superseded by another password", superseded("u", "r")),
        ("superseded by another user", superseded("v", "q")),
    ]
}

fn print(of: impl FnOnce(&mut dyn Hasher)) -> u64 {
    let mut hasher = DefaultHasher::new();
    of(&mut hasher);
    hasher.finish()
}

#[test]
fn no_two_states_of_a_machine_have_the_same_fingerprint_but_copies() {
    let mut known = BTreeMap::new();
    for (name, machine) in machines() {
        let print = fingerprint(&machine);
        let copy = machine.fork();
        assert_eq!(fingerprint(&copy), print, "{name}");
        prints(&copy, &format!("{machine:?}"));
        if let Some(other) = known.insert(print, name) {
            panic!("{name} and {other} are one");
        }
    }
    // The same made twice is the same: nothing in it is drawn, no address, no count of machines.
    for (name, machine) in machines() {
        let print = fingerprint(&machine);
        assert_eq!(known.get(&print), Some(&name));
    }
}

#[test]
fn no_two_pending_or_sent_have_the_same_fingerprint_but_copies() {
    let mut machine = logged_in("a", REFRESH);
    let free = Pending::new();
    let mut all_sent = Vec::new();
    for uri in [API, OTHER_API] {
        all_sent.push(go(&mut machine, uri, Pending::new()));
    }
    let sent = go(&mut machine, API, Pending::new());
    let retry = shows!(
        machine.review(START, sent, StatusCode::UNAUTHORIZED),
        Review::Retry(retry) => retry
    );
    let waiting = wait(&mut machine, START);
    let body = r#"{"access_token":"b","token_type":"bearer"}"#;
    exchange(&mut machine, START, (200, body));
    all_sent.push(go(&mut machine, API, retry.fork()));
    all_sent.push(go(&mut machine, API, Pending::new()));

    let pending = [free, retry, waiting];
    let mut prints: Vec<_> = pending
        .iter()
        .map(|pending| print(|hasher| pending.fingerprint(hasher)))
        .collect();
    prints.extend(
        all_sent
            .iter()
            .map(|sent| print(|hasher| sent.fingerprint(hasher))),
    );
    let copies = pending
        .iter()
        .map(|pending| print(|hasher| pending.fork().fingerprint(hasher)));
    let copies = copies.chain(
        all_sent
            .iter()
            .map(|sent| print(|hasher| sent.fork().fingerprint(hasher))),
    );
    assert!(copies.eq(prints.iter().copied()));
    let n = prints.len();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), n, "two of them are one");
}
