//! Bodies that can be read once: the 401 is delivered, and the next request has a new token. So that it does not
//! come to that, they are not sent with a token that is about to end.

use simacan_auth_driver::Wait;
use std::io::{Cursor, Seek, Write};
use std::thread;
use std::time::Duration;

use ::ureq::unversioned::multipart::Form;
use futures_util::stream;
use http::{Request, StatusCode};
use simacan_auth_emulator::{Endpoint, Fault, Presented, What};
use simacan_auth_ureq::Client;

use crate::bodies::{sent, temporary_file};
use crate::platform::{Gate, REFRESH_IS_DUE, World, assert_accepted, assert_status};
use crate::subject::{CurrentThread, Flavour, MultiThread, Plan, Reqwest, Subject, Trouble, Ureq};

conformance! {
    what_is_sent_once_waits_for_the_token_that_follows,
    what_is_sent_once_waits_for_a_refresh_that_another_has_set_going,
    what_is_sent_once_goes_with_the_old_token_if_no_other_comes,
    what_is_sent_once_does_not_wait_longer_than_its_time,
}

/// Of an hour's token there are less than five seconds left, which is enough for a test.
const IS_ENDING: Duration = Duration::from_millis(3_595_200);

/// The serial numbers of the tokens that the target has seen.
fn presented(world: &World) -> Vec<u64> {
    let serial = |what| match what {
        What::Target {
            token: Presented::Valid { serial },
            ..
        } => Some(serial),
        _ => None,
    };
    let entries = world.entries().into_iter();
    entries.filter_map(|entry| serial(entry.what)).collect()
}

/// With another request that finds a refresh due before, if there is one.
fn waits<S: Subject>(other: Option<Duration>) {
    let gate = Gate::default();
    let world = World::start(World::settings(), gate.options());
    let subject: S = world.logged_in();
    assert_accepted(&[subject.send(world.post("/x", "x"))]);
    gate.close();
    if let Some(due) = other {
        world.skip(due);
        assert_accepted(&[subject.send(world.post("/x", "x"))]);
        world.until_refreshes(1);
    }
    world.skip(IS_ENDING.saturating_sub(other.unwrap_or_default()));
    let sent = thread::spawn({
        let (subject, request) = (subject.clone(), world.post("/x", "once"));
        move || subject.send_once(request)
    });
    world.until_refreshes(1);
    thread::sleep(Duration::from_millis(50));
    let before = presented(&world);
    gate.open();
    let outcome = sent.join().expect("no panic");
    assert_status(&outcome, StatusCode::NO_CONTENT);
    assert_eq!(presented(&world).len(), before.len() + 1);
    assert!(presented(&world).last() > before.last(), "{before:?}");
    world.assert_exchanges(0, 1);
}

fn what_is_sent_once_waits_for_the_token_that_follows<S: Subject>() {
    waits::<S>(None);
}

fn what_is_sent_once_waits_for_a_refresh_that_another_has_set_going<S: Subject>() {
    waits::<S>(Some(REFRESH_IS_DUE));
}

fn what_is_sent_once_goes_with_the_old_token_if_no_other_comes<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    world.skip(IS_ENDING);
    let unavailable = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
    world.script(Endpoint::Refresh, unavailable, 100);
    for _ in 0..3 {
        let outcome = subject.send_once(world.post("/x", "once"));
        assert_status(&outcome, StatusCode::NO_CONTENT);
    }
    assert_eq!(presented(&world), [presented(&world)[0]; 3]);
    assert_eq!(world.counters().passwords_received, 0);
}

fn what_is_sent_once_does_not_wait_longer_than_its_time<S: Subject>() {
    let gate = Gate::default();
    let world = World::start(World::settings(), gate.options());
    let subject = S::build(Plan {
        token_timeout: Duration::from_millis(200),
        ..world.plan()
    });
    subject.log_in().expect("logged in");
    world.skip(IS_ENDING);
    gate.close();
    let outcome = subject.send_once(world.post("/x", "once"));
    gate.open();
    assert_status(&outcome, StatusCode::NO_CONTENT);
    assert!(subject.settle());
    world.assert_exchanges(1, 1);
}

/// Nor could they be sent again.
#[test]
fn what_goes_through_an_agent_or_a_service_waits_for_the_token_that_follows() {
    let gate = Gate::default();
    let world = World::start(World::settings(), gate.options());
    let Ureq(client) = world.logged_in();
    let driver = client.driver().clone();
    let agent = ::ureq::Agent::config_builder().middleware(client);
    let agent = ::ureq::Agent::from(agent.proxy(None).build());
    gate.close();
    world.skip(IS_ENDING);
    let sent = thread::spawn({
        let uri = world.uri("/x");
        move || agent.post(uri).send("once").expect("an answer").status()
    });
    let authorized = thread::spawn({
        let mut request = world.post("/x", "once");
        let wait = Wait {
            is_once: true,
            ..Wait::default()
        };
        move || {
            simacan_auth_driver::block_on(driver.authorize_with(None, wait, &mut request)).map(drop)
        }
    });
    world.until_refreshes(1);
    thread::sleep(Duration::from_millis(50));
    assert!(!sent.is_finished() && !authorized.is_finished());
    gate.open();
    assert_eq!(sent.join().expect("no panic"), StatusCode::NO_CONTENT);
    authorized.join().expect("no panic").expect("a token");
    world.assert_exchanges(0, 1);
}

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
    let (world, subject) = World::with_a_user::<Reqwest<MultiThread>>();
    let send = || {
        let form = ::reqwest::multipart::Form::new()
            .text("vehicle", "NL-1")
            .text("x", "5.387");
        let request = subject.client.post(world.uri("/x"));
        let request = request.with(|request| request.multipart(form));
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
    let (world, subject) = World::with_a_user::<Reqwest<MultiThread>>();
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
    let (world, subject) = World::with_a_user::<Ureq>();
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
    world.assert_served(&subject, 20, (0, 2));
    // All that were sent with the new token were sent once.
    let unauthorized = sent(&world)
        .into_iter()
        .filter(|(_, status)| *status == 401);
    assert_eq!(unauthorized.count(), 2);
}

fn reqwest_delivers<F: Flavour>() {
    let (world, subject) = World::with_a_user::<Reqwest<F>>();
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
    world.assert_served(&subject, 20, (0, 2));
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
    let (world, subject) = World::with_a_user::<Reqwest<MultiThread>>();
    let chunks = [Ok("start"), Err(std::io::Error::other("no more"))];
    let body = ::reqwest::Body::wrap_stream(stream::iter(chunks));
    let request = subject.client.post(world.uri("/x")).body(body);
    let error = subject
        .runtime
        .block_on(subject.client.send(request))
        .unwrap_err();
    assert!(matches!(Trouble::from(error), Trouble::Request(_)));
    world.assert_served(&subject, 20, (0, 0));
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
