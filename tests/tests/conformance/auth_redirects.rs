//! Redirects of both auth endpoints: password and refresh token never leave for a second place.

use http::header::LOCATION;
use http::{HeaderValue, Response, StatusCode};
use simacan_auth::{Denied, Failure};
use simacan_auth_emulator::{Emulator, Endpoint, Fault};

use crate::certificates::authority;
use crate::platform::{COOLED_DOWN, World, assert_accepted, denied, post};
use crate::redirects::STATUSES;
use crate::stub::{Stub, answer};
use crate::subject::{Outcome, Subject};
use crate::tls_server::{Flaw, HOSTS, Secured};

conformance! {
    i8_credentials_follow_no_redirect,
    i8_credentials_follow_no_redirect_of_an_oauth2_server,
    i8_credentials_follow_no_redirect_to_plain_http,
}

/// A redirect, or what is as little of one as its `Location`.
fn moved(status: u16, to: &str) -> Fault {
    let mut response = Response::new("{}");
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    if !to.is_empty() {
        let to = HeaderValue::from_str(to).unwrap();
        response.headers_mut().insert(LOCATION, to);
    }
    response.into()
}

/// It is the configuration's fault, so it is tried once.
#[track_caller]
fn assert_told(outcome: Outcome, status: u16) {
    match denied(outcome) {
        Denied::Unavailable {
            failure: Failure::Redirect(told),
            attempts: 1,
            ..
        } => assert_eq!(told, status),
        other => panic!("{other:?}"),
    }
}

/// A login, and a refresh, that are sent elsewhere; each is repaired after the cool-down.
fn sent_elsewhere<S: Subject>(world: &World, subject: &S, origin: &str, status: u16, to: &str) {
    let send = || subject.send(post(&format!("{origin}/x"), "x"));
    world.script(Endpoint::Password, moved(status, to), 1);
    assert_told(send(), status);
    world.assert_exchanges(1, 0);
    world.skip(COOLED_DOWN);
    assert_accepted(&[send()]);
    world.assert_exchanges(2, 0);

    world.revoke();
    world.script(Endpoint::Refresh, moved(status, to), 1);
    assert_told(send(), status);
    world.assert_exchanges(2, 1);
    world.skip(COOLED_DOWN);
    assert_accepted(&[send()]);
    world.assert_exchanges(2, 2);
    // Two accepted, one refused for its token, and another one where the refresh was not waited for: none
    // is a redirect that was followed.
    let counters = world.counters();
    assert!((3..=4).contains(&counters.targets_received));
    assert_eq!(counters.others_received, 0);
    world.emulate(|emulator: &mut Emulator| {
        let bodies = emulator.ledger().accepted_bodies();
        assert!(bodies.iter().all(|body| *body == b"x"));
    });
}

/// The same host, other hosts, and what clients make different things of.
fn places(world: &World, trap: &Stub) -> Vec<String> {
    let port = world.server.address().port();
    let trap = trap.origin();
    vec![
        "/api/v1/auth/password".into(),
        "/api/v1/auth/refresh".into(),
        "refresh".into(),
        world.uri("/x"),
        world.uri("/oauth2/token"),
        format!("http://localhost:{port}/api/v1/auth/password"),
        format!("{trap}/api/v1/auth/password"),
        trap.replace("http:", ""),
        trap.replace("http://", "HTTP://user@"),
        String::new(),
        "http://".into(),
    ]
}

fn trap() -> Stub {
    Stub::answering(answer("200 OK", "", "{}"))
}

fn i8_credentials_follow_no_redirect<S: Subject>() {
    let trap = trap();
    for status in STATUSES {
        for to in places(&World::new(), &trap) {
            let (world, subject) = World::around::<S>();
            sent_elsewhere(&world, &subject, &world.server.origin(), status, &to);
        }
    }
    assert_eq!(trap.connections(), 0);
}

fn i8_credentials_follow_no_redirect_of_an_oauth2_server<S: Subject>() {
    let trap = trap();
    for status in STATUSES {
        let world = World::new();
        let client = simacan_auth::ClientAuth::public("emulator");
        let provider = simacan_auth::Provider::oauth2(world.server.token_endpoint(), client)
            .allow_origin(world.server.origin())
            .allow_loopback_http();
        let subject = S::build(world.plan_at(provider.build().unwrap()));
        sent_elsewhere(
            &world,
            &subject,
            &world.server.origin(),
            status,
            &trap.origin(),
        );
    }
    assert_eq!(trap.connections(), 0);
}

fn i8_credentials_follow_no_redirect_to_plain_http<S: Subject>() {
    let trap = trap();
    let authority = authority("root");
    for status in STATUSES {
        let host = HOSTS[usize::from(status % 2)];
        let secured = Secured::new(host, Flaw::None, &authority);
        let subject: S = secured.subject(&authority, &[&secured]);
        let to = format!("{}/api/v1/auth/password", trap.origin());
        sent_elsewhere(&secured.world, &subject, &secured.origin, status, &to);
    }
    assert_eq!(trap.connections(), 0);
}
