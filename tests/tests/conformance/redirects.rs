//! Redirects of target requests: what follows them, and what their 401s say.

use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use simacan_auth_emulator::{Endpoint, Fault};

use crate::platform::{World, assert_status, get, post};
use crate::stub::{Stub, answer};
use crate::subject::{CurrentThread, MultiThread, Reqwest, Subject, Ureq};

conformance! {
    a_401_from_a_second_place_does_not_condemn_the_token,
    a_401_at_the_end_of_a_detour_does_not_condemn_the_token,
    a_redirect_does_not_hide_a_401_of_its_first_hop,
}

pub(crate) const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

fn redirect(status: u16, to: &str) -> Fault {
    let status = StatusCode::from_u16(status).unwrap();
    Fault::Redirect(status, HeaderValue::from_str(to).unwrap())
}

fn moved(to: &str) -> String {
    answer("302 Found", &format!("location: {to}\r\n"), "")
}

fn unauthorized() -> Stub {
    Stub::answering(answer("401 Unauthorized", "", "no"))
}

fn assert_none_authorized(stub: &Stub) {
    for head in stub.heads() {
        let head = head.to_ascii_lowercase();
        assert!(!head.contains("authorization"), "{head}");
        assert!(!head.contains("eyj"), "{head}");
    }
}

fn a_401_from_a_second_place_does_not_condemn_the_token<S: Subject>() {
    let second = unauthorized();
    let world = World::new();
    let subject = S::build(world.plan_at(world.provider_with(&[&second.origin()])));
    subject.log_in().unwrap();
    world.script(Endpoint::Target, redirect(302, &second.origin()), 1);
    assert_status(&subject.send(world.get("/a")), StatusCode::UNAUTHORIZED);
    assert_eq!(second.heads().len(), 1);
    assert_status(&subject.send(world.get("/a")), StatusCode::OK);
    world.assert_exchanges(1, 0);
    // Asked itself, it is a target like any other.
    let outcome = subject.send(get(&format!("{}/b", second.origin())));
    assert_status(&outcome, StatusCode::UNAUTHORIZED);
    world.assert_exchanges(1, 1);
}

/// A -> B -> A, all allowed: the last request goes without the token (both clients take it off), so
/// that its 401 says nothing about it.
fn a_401_at_the_end_of_a_detour_does_not_condemn_the_token<S: Subject>() {
    let world = World::new();
    let detour = Stub::answering(moved(&world.uri("/end")));
    let subject = S::build(world.plan_at(world.provider_with(&[&detour.origin()])));
    subject.log_in().unwrap();
    world.script(Endpoint::Target, redirect(302, &detour.origin()), 1);
    let outcome = subject.send(world.get("/start"));
    // Cured or delivered, but not by ending a token that was never shown.
    drop(outcome);
    world.assert_exchanges(1, 0);
}

fn a_redirect_does_not_hide_a_401_of_its_first_hop<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    world.revoke();
    // The second time, with a new token, it is sent on.
    world.script(Endpoint::Target, Fault::Delay(std::time::Duration::ZERO), 1);
    world.script(Endpoint::Target, redirect(303, "http://127.0.0.1:1/x"), 1);
    let _ = subject.send(world.get("/x"));
    world.assert_exchanges(0, 1);
}

// What each adapter documents of a redirect that it follows.

#[test]
fn ureq_follows_a_redirect_without_the_token() {
    let second = Stub::answering(answer("200 OK", "", "hello"));
    let (world, subject) = World::with_a_user::<Ureq>();
    for origin in [second.origin(), world.server.origin()] {
        world.script(
            Endpoint::Target,
            redirect(302, &format!("{origin}/second")),
            1,
        );
        let expected = if origin == second.origin() {
            StatusCode::OK
        } else {
            StatusCode::UNAUTHORIZED
        };
        assert_status(&subject.send(world.get("/first")), expected);
    }
    assert_none_authorized(&second);
    assert_eq!(second.heads().len(), 1);
    world.assert_exchanges(0, 0);
}

#[test]
fn ureq_with_an_agent_that_follows_no_redirect_delivers_it() {
    let world = World::new();
    let agent = ::ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .build();
    let client = Ureq::builder(world.plan())
        .agent(agent.into())
        .build()
        .expect("a client");
    let subject = Ureq(client);
    subject.log_in().unwrap();
    world.script(Endpoint::Target, redirect(307, "http://127.0.0.1:1/"), 1);
    let outcome = subject.send(world.post("/x", "x"));
    assert_status(&outcome, StatusCode::TEMPORARY_REDIRECT);
    // And its 401s are still looked at.
    world.revoke();
    assert_status(&subject.send(world.get("/x")), StatusCode::OK);
    world.assert_exchanges(1, 1);
}

fn reqwest_follows<F: crate::subject::Flavour>() {
    let foreign = unauthorized();
    let (world, subject) = World::with_a_user::<Reqwest<F>>();
    for status in STATUSES {
        // Within the origin, with the token, and the body where the status says so.
        world.script(Endpoint::Target, redirect(status, "/second"), 1);
        let expected = if status < 307 {
            StatusCode::OK
        } else {
            StatusCode::NO_CONTENT
        };
        assert_status(&subject.send(world.post("/first", "body")), expected);
        // To a foreign one: delivered, not followed.
        world.script(Endpoint::Target, redirect(status, &foreign.origin()), 1);
        let response = subject.send(world.post("/first", "body")).unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()[LOCATION], foreign.origin());
    }
    assert_eq!(foreign.connections(), 0);
    assert_eq!(world.counters().most_repeats_of_a_body, 2, "307 and 308");
    world.assert_exchanges(0, 0);
    // A token that died is cured behind a redirect, too.
    world.script(Endpoint::Target, redirect(307, "/second"), 2);
    world.revoke();
    assert_status(&subject.send(world.post("/a", "x")), StatusCode::NO_CONTENT);
    world.assert_exchanges(0, 1);
}

#[test]
fn reqwest_follows_a_redirect_within_the_allowed_origins_only() {
    reqwest_follows::<MultiThread>();
    reqwest_follows::<CurrentThread>();
}

#[test]
fn reqwest_follows_a_loop_ten_times() {
    let (world, subject) = World::with_a_user::<Reqwest<MultiThread>>();
    world.script(Endpoint::Target, redirect(307, "/again"), 40);
    let outcome = subject.send(post(&world.uri("/again"), "x"));
    assert!(
        outcome
            .unwrap_err()
            .to_string()
            .contains("too many redirects")
    );
    assert_eq!(world.counters().targets_received, 11);
}
