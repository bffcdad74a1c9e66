//! What is sent, and sent again after a 401.

use std::fs::File;
use std::io::{Seek, Write};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use simacan_auth_emulator::What;
use simacan_auth_ureq::Body;

use crate::platform::{World, assert_accepted, assert_status, get};
use crate::subject::{MultiThread, Reqwest, Subject, Ureq};

conformance! {
    i7_a_body_is_sent_again_byte_for_byte,
    a_request_without_a_body_is_sent_again,
    an_authorization_of_the_users_own_is_replaced,
    i7_a_body_that_waits_for_a_100_is_sent_again,
}

/// The lengths of the bodies of the target requests, with their statuses.
pub(crate) fn sent(world: &World) -> Vec<(u64, u16)> {
    let sent = world
        .entries()
        .into_iter()
        .filter_map(|entry| match entry.what {
            What::Target {
                body_len, status, ..
            } => Some((body_len, status.as_u16())),
            _ => None,
        });
    sent.collect()
}

fn i7_a_body_is_sent_again_byte_for_byte<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    let every_byte: Bytes = (0..=255).cycle().take(100_000).collect();
    for body in [Bytes::from_static(b"x"), every_byte] {
        world.forget();
        world.revoke();
        assert_accepted(&[subject.send(world.post("/x", body.clone()))]);
        let length = body.len() as u64;
        assert_eq!(sent(&world), [(length, 401), (length, 204)]);
        world.emulate(|e| assert_eq!(e.ledger().accepted_bodies(), [body]));
        world.assert_exchanges(0, 1);
    }
}

fn a_request_without_a_body_is_sent_again<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    for method in ["GET", "HEAD", "DELETE", "POST"] {
        world.forget();
        world.revoke();
        let mut request = world.get("/x");
        *request.method_mut() = method.parse().unwrap();
        let status = subject.send(request).unwrap().status();
        assert!(status.is_success(), "{method}: {status}");
        assert_eq!(sent(&world), [(0, 401), (0, status.as_u16())]);
        world.assert_exchanges(0, 1);
    }
}

/// The emulator refuses two.
fn an_authorization_of_the_users_own_is_replaced<S: Subject>() {
    let (world, subject) = World::around::<S>();
    let mut request = get(&world.uri("/x"));
    for value in ["Basic eA==", "Bearer x"] {
        request
            .headers_mut()
            .append("authorization", value.parse().unwrap());
    }
    assert_status(&subject.send(request), StatusCode::OK);
    world.assert_exchanges(1, 0);
}

/// RFC 9110, section 10.1.1. The emulator says 100 before it reads the body.
fn i7_a_body_that_waits_for_a_100_is_sent_again<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    world.revoke();
    let mut request = world.post("/x", vec![7; 10_000]);
    let expected = "100-continue".parse().unwrap();
    request.headers_mut().insert("expect", expected);
    assert_accepted(&[subject.send(request)]);
    assert_eq!(sent(&world), [(10_000, 401), (10_000, 204)]);
    world.assert_exchanges(0, 1);
}

const LARGE: usize = 50 << 20;

fn large<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    world.revoke();
    assert_accepted(&[subject.send(world.post("/x", vec![7; LARGE]))]);
    assert_eq!(sent(&world), [(LARGE as u64, 401), (LARGE as u64, 204)]);
    world.assert_exchanges(0, 1);
}

#[test]
fn ureq_sends_50_mb_again() {
    large::<Ureq>();
}

#[test]
fn reqwest_sends_50_mb_again() {
    large::<Reqwest<MultiThread>>();
}

#[test]
fn ureq_sends_each_kind_of_body_again() {
    fn check<B: Body>(body: B, expected: &[u8]) {
        let world = World::new();
        let Ureq(client) = world.logged_in();
        world.revoke();
        let request = Request::post(world.uri("/x")).body(body).unwrap();
        assert_eq!(
            client.send(request).unwrap().status(),
            StatusCode::NO_CONTENT
        );
        let length = expected.len() as u64;
        assert_eq!(sent(&world), [(length, 401), (length, 204)]);
        if !expected.is_empty() {
            world.emulate(|e| assert_eq!(e.ledger().accepted_bodies(), [expected]));
        }
    }
    check((), b"");
    check("", b"");
    check("text", b"text");
    check(String::from("text"), b"text");
    check(&b"bytes"[..], b"bytes");
    check(vec![0, 1, 2], &[0, 1, 2]);
    check([0, 1, 2], &[0, 1, 2]);
    check(b"array", b"array");
    check(Arc::<str>::from("shared"), b"shared");
    check(Box::<[u8]>::from([9]), &[9]);
}

/// From the beginning of the file, wherever it stood.
#[test]
fn ureq_sends_a_file_again() {
    let (world, subject) = World::with_a_user::<Ureq>();
    let mut file = temporary_file("blocking");
    let content: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
    file.write_all(&content).unwrap();
    assert!(file.stream_position().unwrap() > 0);
    world.revoke();
    let request = Request::post(world.uri("/x")).body(file).unwrap();
    let response = subject.0.send(request).unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let length = content.len() as u64;
    assert_eq!(sent(&world), [(length, 401), (length, 204)]);
    world.emulate(|e| assert_eq!(e.ledger().accepted_bodies(), [content]));
}

/// Without a name by the time that it is given.
pub(crate) fn temporary_file(name: &str) -> File {
    let path = std::env::temp_dir().join(format!("conformance-{name}-{}", std::process::id()));
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    let file = options.open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file
}

/// No request of such a client goes out without it.
#[test]
fn what_a_client_of_reqwest_starts_is_sent_with_the_token() {
    let (world, subject) = World::with_a_user::<Reqwest<MultiThread>>();
    let client = &subject.client;
    let send = |request: simacan_auth_reqwest::RequestBuilder| {
        let response = subject.runtime.block_on(request.send());
        response.expect("an answer").status()
    };
    let uri = world.uri("/x");
    for request in [
        client.get(&uri),
        client.head(&uri),
        client.post(&uri),
        client.put(&uri),
        client.patch(&uri),
        client.delete(&uri),
        client.request(http::Method::OPTIONS, &uri),
    ] {
        assert!(send(request).is_success());
    }
    let mut headers = http::HeaderMap::new();
    headers.insert("x-a", "a".parse().unwrap());
    let request = (client.post(&uri).headers(headers).header("x-b", "b"))
        .timeout(std::time::Duration::from_secs(20))
        .json(&["c"])
        .with(|request| request.header("x-d", "d"));
    let again = request.try_clone().expect("it is in memory");
    let built = again.build().expect("it is well formed");
    assert!(!built.headers().contains_key("authorization"));
    for (name, value) in [("x-a", "a"), ("x-b", "b"), ("x-d", "d")] {
        assert_eq!(built.headers()[name], value);
    }
    assert_eq!(built.headers()["content-type"], "application/json");
    assert!(built.timeout().is_some());
    world.revoke();
    assert_eq!(send(request), StatusCode::NO_CONTENT);
    let response = subject.runtime.block_on(client.execute(built));
    assert_eq!(
        response.expect("an answer").status(),
        StatusCode::NO_CONTENT
    );
    let stream =
        ::reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("x")]));
    let once = client.post(&uri).body(stream);
    assert!(once.try_clone().is_none());
    assert_eq!(send(once), StatusCode::NO_CONTENT);
    let not_one = client.get("no URL");
    let error = subject
        .runtime
        .block_on(not_one.send())
        .expect_err("no URL");
    assert!(matches!(error, simacan_auth_reqwest::Error::Request { .. }));
    world.assert_exchanges(0, 1);
}

#[test]
fn reqwest_sends_json_and_forms_again() {
    let (world, subject) = World::with_a_user::<Reqwest<MultiThread>>();
    let client = &subject.client;
    let json = client.post(world.uri("/json")).json(&[("x", 5.387)]);
    let text = client.put(world.uri("/text")).body("text");
    for (request, body) in [(json, r#"[["x",5.387]]"#), (text, "text")] {
        world.forget();
        world.revoke();
        let response = subject.runtime.block_on(client.send(request)).unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        world.emulate(|e| assert_eq!(e.ledger().accepted_bodies(), [body.as_bytes()]));
        world.assert_exchanges(0, 1);
    }
}
