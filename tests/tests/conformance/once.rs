//! Bodies that can be read once: the 401 is delivered, and the next request has a new token.

use std::io::{Cursor, Seek, Write};
use std::thread;

use ::ureq::unversioned::multipart::Form;
use futures_util::stream;
use http::{Request, StatusCode};
use simacan_auth_ureq::Client;

use crate::bodies::{sent, temporary_file};
use crate::subject::{CurrentThread, Flavour, MultiThread, Reqwest, Subject, Trouble, Ureq};
use crate::world::{Gate, REFRESH_IS_DUE, World, assert_accepted};

/// A form of parts is a stream to both clients, even if it is all in memory.
#[test]
fn ureq_delivers_the_401_to_a_multipart_form() {
    let world = World::new();
    let Ureq(client) = world.logged_in();
    let send = || {
        let form = Form::new().text("vehicle", "NL-1").text("x", "5.387");
        let request = Request::post(world.uri("/x")).body(form).unwrap();
        client.send_once(request).unwrap().status()
    };
    assert_eq!(send(), StatusCode::NO_CONTENT);
    world.revoke();
    assert_eq!(send(), StatusCode::UNAUTHORIZED);
    assert_eq!(send(), StatusCode::NO_CONTENT);
    world.assert_exchanges(0, 1);
    assert_is_multipart(&world);
}

#[test]
fn reqwest_delivers_the_401_to_a_multipart_form() {
    let world = World::new();
    let subject: Reqwest<MultiThread> = world.logged_in();
    let send = || {
        let form = ::reqwest::multipart::Form::new()
            .text("vehicle", "NL-1")
            .text("x", "5.387");
        let request = subject.client.post(world.uri("/x")).multipart(form);
        let sent = subject.runtime.block_on(subject.client.send(request));
        sent.unwrap().status()
    };
    assert_eq!(send(), StatusCode::NO_CONTENT);
    world.revoke();
    assert_eq!(send(), StatusCode::UNAUTHORIZED);
    assert_eq!(send(), StatusCode::NO_CONTENT);
    world.assert_exchanges(0, 1);
    assert_is_multipart(&world);
}

fn assert_is_multipart(world: &World) {
    world.emulate(|emulator| {
        let bodies = emulator.ledger().accepted_bodies();
        assert_eq!(bodies.len(), 2);
        for body in bodies {
            let text = String::from_utf8_lossy(body);
            assert!(text.contains("name=\"vehicle\"\r\n"), "{text}");
            assert!(text.contains("\r\n\r\n5.387\r\n--"), "{text}");
        }
    });
}

/// To reqwest a file is a stream, which can be read once.
#[test]
fn reqwest_delivers_the_401_to_a_file() {
    let world = World::new();
    let subject: Reqwest<MultiThread> = world.logged_in();
    let content: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
    let send = || {
        let mut file = temporary_file("async");
        file.write_all(&content).unwrap();
        file.rewind().unwrap();
        let body = ::reqwest::Body::from(tokio::fs::File::from_std(file));
        let request = subject.client.post(world.uri("/file")).body(body);
        let sent = subject.runtime.block_on(subject.client.send(request));
        sent.unwrap().status()
    };
    assert_eq!(send(), StatusCode::NO_CONTENT);
    world.revoke();
    assert_eq!(send(), StatusCode::UNAUTHORIZED);
    assert_eq!(send(), StatusCode::NO_CONTENT);
    world.assert_exchanges(0, 1);
    let expected = [content.clone(), content.clone()];
    world.emulate(|e| assert_eq!(e.ledger().accepted_bodies(), expected));
}

/// The 401 is delivered; the next request brings a new token, once.
#[test]
fn ureq_delivers_the_401_to_a_body_that_is_sent_once() {
    let world = World::new();
    let subject: Ureq = world.logged_in();
    let send_once = |status: StatusCode| {
        let mut reader = Cursor::new(b"read once".to_vec());
        let body = ::ureq::SendBody::from_reader(&mut reader);
        let request = Request::post(world.uri("/once")).body(body).unwrap();
        assert_eq!(subject.0.send_once(request).unwrap().status(), status);
    };
    send_once(StatusCode::NO_CONTENT);
    world.revoke();
    send_once(StatusCode::UNAUTHORIZED);
    send_once(StatusCode::NO_CONTENT);
    world.assert_exchanges(0, 1);
    world.revoke();
    send_once(StatusCode::UNAUTHORIZED);
    assert_accepted(&subject.send_all(world.crowd(20)));
    world.assert_exchanges(0, 2);
    // All that were sent with the new token were sent once.
    let unauthorized = sent(&world)
        .into_iter()
        .filter(|(_, status)| *status == 401);
    assert_eq!(unauthorized.count(), 2);
}

fn reqwest_delivers<F: Flavour>() {
    let world = World::new();
    let subject: Reqwest<F> = world.logged_in();
    let send_once = |status: StatusCode| {
        let chunks = ["read ", "once"].map(Ok::<_, std::io::Error>);
        let body = ::reqwest::Body::wrap_stream(stream::iter(chunks));
        let request = subject.client.post(world.uri("/once")).body(body);
        let response = subject
            .runtime
            .block_on(subject.client.send(request))
            .unwrap();
        assert_eq!(response.status(), status);
    };
    send_once(StatusCode::NO_CONTENT);
    world.revoke();
    send_once(StatusCode::UNAUTHORIZED);
    send_once(StatusCode::NO_CONTENT);
    world.assert_exchanges(0, 1);
    world.revoke();
    send_once(StatusCode::UNAUTHORIZED);
    assert_accepted(&subject.send_all(world.crowd(20)));
    world.assert_exchanges(0, 2);
    let unauthorized = sent(&world)
        .into_iter()
        .filter(|(_, status)| *status == 401);
    assert_eq!(unauthorized.count(), 2);
}

#[test]
fn reqwest_delivers_the_401_to_a_stream() {
    reqwest_delivers::<MultiThread>();
    reqwest_delivers::<CurrentThread>();
}

/// What fails on its way is the request's matter, and says nothing about the token.
#[test]
fn a_stream_that_fails_is_an_error_of_its_request() {
    let world = World::new();
    let subject: Reqwest<MultiThread> = world.logged_in();
    let chunks = [Ok("start"), Err(std::io::Error::other("no more"))];
    let body = ::reqwest::Body::wrap_stream(stream::iter(chunks));
    let request = subject.client.post(world.uri("/x")).body(body);
    let error = subject
        .runtime
        .block_on(subject.client.send(request))
        .unwrap_err();
    assert!(matches!(Trouble::from(error), Trouble::Request(_)));
    assert_accepted(&subject.send_all(world.crowd(20)));
    world.assert_exchanges(0, 0);
}

/// It does not wait for the refresh that it has set going.
#[test]
fn i16_ureq_sends_once_with_a_token_that_is_good() {
    let send_once = |client: &Client, uri: String| {
        let request = Request::post(uri).body(&b"once"[..]).unwrap();
        client.send_once(request).unwrap().status()
    };
    let send_with_an_agent = |client: &Client, uri: String| {
        let config = ::ureq::Agent::config_builder().proxy(None);
        let config = config
            .http_status_as_error(false)
            .middleware(client.clone());
        let agent = ::ureq::Agent::from(config.build());
        agent.post(uri).send("once").unwrap().status()
    };
    for send in [
        send_once as fn(&Client, String) -> StatusCode,
        send_with_an_agent,
    ] {
        let gate = Gate::default();
        let world = World::start(World::settings(), gate.options());
        let subject: Ureq = world.logged_in();
        world.skip(REFRESH_IS_DUE);
        gate.close();
        let sent = thread::spawn({
            let (client, uri) = (subject.0.clone(), world.uri("/once"));
            move || send(&client, uri)
        });
        assert_eq!(sent.join().unwrap(), StatusCode::NO_CONTENT);
        world.until_refreshes(1);
        gate.open();
        assert!(subject.settle());
        assert_eq!(world.counters().targets_received, 1);
        world.assert_exchanges(0, 1);
    }
}
