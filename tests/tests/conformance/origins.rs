//! Where the token may not go.

use http::{Method, StatusCode};
use simacan_auth::Provider;

use crate::platform::{World, assert_status, get, post};
use crate::stub::{Stub, answer};
use crate::subject::{CurrentThread, Reqwest, Subject, Trouble, Ureq};

conformance! {
    i8_a_foreign_origin_is_refused_before_anything_is_sent,
    i8_plain_http_is_refused_before_anything_is_sent,
    i8_an_allowed_origin_is_allowed_however_it_is_spelled,
    i8_an_ipv6_origin_is_told_from_others,
}

fn i8_a_foreign_origin_is_refused_before_anything_is_sent<S: Subject>() {
    let world = World::new();
    let other = Stub::answering("");
    let port = world.server.address().port();
    let subject: S = world.subject();
    // Before and after there is a token.
    for _ in 0..2 {
        world.forget();
        for (uri, origin) in [
            (format!("{}/x", other.origin()), other.origin()),
            // The same server, by another name.
            (
                format!("http://localhost:{port}/x"),
                format!("http://localhost:{port}"),
            ),
            (
                format!("https://127.0.0.1:{port}/x"),
                format!("https://127.0.0.1:{port}"),
            ),
            ("http://127.0.0.1/x".into(), "http://127.0.0.1".into()),
            (
                "https://example.invalid/".into(),
                "https://example.invalid".into(),
            ),
        ] {
            let outcomes = subject.send_all(vec![post(&uri, "x"), get(&uri)]);
            for outcome in outcomes {
                assert_foreign(outcome.map(drop), &origin);
            }
        }
        world.assert_exchanges(0, 0);
        assert_eq!(world.counters().targets_received, 0);
        assert_eq!(other.connections(), 0);
        subject.log_in().unwrap();
    }
}

fn i8_plain_http_is_refused_before_anything_is_sent<S: Subject>() {
    let world = World::new();
    let subject = S::build(world.plan_at(Provider::simacan()));
    let host = "sct-tracking-data-api.services.simacan.com";
    let outcome = subject.send(post(&format!("http://{host}/x"), "x"));
    assert_foreign(outcome.map(drop), &format!("http://{host}"));
    assert_eq!(world.events.exchanges(), 0);
}

#[track_caller]
fn assert_foreign(outcome: Result<(), Trouble>, origin: &str) {
    match outcome {
        Err(Trouble::Foreign(foreign)) => {
            assert_eq!(foreign.origin.as_deref(), Some(origin));
            assert!(foreign.to_string().contains(origin), "{foreign}");
        }
        other => panic!("{origin}: {other:?}"),
    }
}

/// RFC 3986, section 6.2.2.1: the case of scheme and host means nothing.
fn i8_an_allowed_origin_is_allowed_however_it_is_spelled<S: Subject>() {
    let world = World::new();
    let port = world.server.address().port();
    let allowed = format!("http://localhost:{port}");
    let subject = S::build(world.plan_at(world.provider_with(&[&allowed])));
    for uri in [
        format!("HTTP://127.0.0.1:{port}/x"),
        format!("hTTp://LocalHost:{port}/x"),
        format!("http://LOCALHOST:{port}"),
        format!("http://localhost:{port}?query"),
    ] {
        assert_status(&subject.send(get(&uri)), StatusCode::OK);
    }
    world.assert_exchanges(1, 0);
}

fn i8_an_ipv6_origin_is_told_from_others<S: Subject>() {
    let world = World::new();
    let allowed = "http://[::1]:1";
    let subject = S::build(world.plan_at(world.provider_with(&[allowed])));
    subject.log_in().unwrap();
    // Nobody listens there, but it goes there.
    for uri in ["http://[::1]:1/x", "HTTP://[::1]:1"] {
        let outcome = subject.send(get(uri));
        assert!(matches!(outcome, Err(Trouble::Request(_))), "{outcome:?}");
    }
    for (uri, origin) in [
        ("http://[::1]/x", "http://[::1]"),
        ("http://[::1]:2/x", "http://[::1]:2"),
        ("http://[::2]:1/x", "http://[::2]:1"),
        ("https://[::1]:1/x", "https://[::1]:1"),
    ] {
        assert_foreign(subject.send(get(uri)).map(drop), origin);
    }
}

/// Which makes a request with `user:password@` carry them; the token takes their place, in one header.
#[test]
fn reqwest_puts_the_token_in_place_of_user_information() {
    let stub = Stub::answering(answer("200 OK", "", ""));
    let world = World::new();
    let plan = world.plan_at(world.provider_with(&[&stub.origin()]));
    let subject = <Reqwest<CurrentThread> as Subject>::build(plan);
    let url = stub.origin().replace("http://", "http://user:horse@");
    let built = ::reqwest::Request::new(Method::GET, url.parse().unwrap());
    let requests = [subject.client.get(&url).build().unwrap(), built];
    for request in requests {
        let sent = subject.client.execute(request);
        assert_eq!(subject.runtime.block_on(sent).unwrap().status(), 200);
    }
    for head in stub.heads() {
        let head = head.to_ascii_lowercase();
        assert_eq!(head.matches("authorization:").count(), 1, "{head}");
        assert!(head.contains("authorization: bearer eyj"), "{head}");
        assert!(!head.contains("horse"), "{head}");
    }
    assert_eq!(stub.heads().len(), 2);
}

/// reqwest has no such requests.
#[test]
fn i8_a_uri_without_an_origin_is_refused_by_ureq() {
    let world = World::new();
    let Ureq(client) = world.subject();
    let port = world.server.address().port();
    for uri in [
        "/x".to_owned(),
        format!("http://user:horse@127.0.0.1:{port}/x"),
    ] {
        let request = http::Request::get(uri).body(()).unwrap();
        let trouble = Trouble::from(client.send(request).unwrap_err());
        assert!(matches!(trouble, Trouble::Foreign(_)), "{trouble}");
    }
    assert_eq!(world.events.exchanges(), 0);
}
