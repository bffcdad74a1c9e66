//! Where the token may not go.

use simacan_auth::Provider;

use crate::stub::Stub;
use crate::subject::{Subject, Trouble, Ureq};
use crate::world::{World, get, post};

conformance! {
    i8_a_foreign_origin_is_refused_before_anything_is_sent,
    i8_plain_http_is_refused_before_anything_is_sent,
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
