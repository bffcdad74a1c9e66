//! What becomes of connections.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::StatusCode;
use simacan_auth::Event;
use simacan_auth_emulator::Server;

use crate::platform::{HOUR, PATIENCE, World, assert_status, eventually, get, within};
use crate::stub::{Stub, answer};
use crate::subject::{CurrentThread, Reqwest, Subject, Ureq};

conformance! {
    no_exchange_meets_a_connection_that_has_gone_stale,
    no_connection_to_the_auth_api_is_kept,
    a_401_whose_body_never_ends_does_not_hold_up_the_retry,
    a_401_with_a_large_body_does_not_hold_up_the_retry,
}

/// The server closes each connection after its answer, without a word: a pooled one would be found dead.
fn no_exchange_meets_a_connection_that_has_gone_stale<S: Subject>() {
    let world = World::start(
        World::settings(),
        Server::options().close_after_answer(true),
    );
    let subject: S = world.subject();
    for _ in 0..=100 {
        subject.log_in().unwrap();
        world.skip(HOUR);
    }
    world.assert_exchanges(1, 100);
    let failed = |event: &Event| matches!(event, Event::AttemptFailed { .. });
    assert_eq!(world.events.count(failed), 0);
}

fn no_connection_to_the_auth_api_is_kept<S: Subject>() {
    let (world, subject) = World::around::<S>();
    subject.log_in().unwrap();
    // On a current-thread runtime nothing is closed unless something is polled.
    eventually("it is closed", || {
        subject.log_in().unwrap();
        world.server.open_connections() == 0
    });
    world.assert_exchanges(1, 0);
}

/// One after the other: each that is read to its end makes room for the next.
#[test]
fn each_retry_of_ureq_uses_the_connection_of_its_401() {
    let is_200 = AtomicBool::new(false);
    let target = Stub::start(move |connection| {
        while connection.read_request()?.is_some() {
            let (status, body) = if is_200.fetch_xor(true, Ordering::SeqCst) {
                ("200 OK", "hello")
            } else {
                ("401 Unauthorized", "no")
            };
            connection.write(answer(status, "", body).as_bytes())?;
        }
        Ok(())
    });
    let world = World::new();
    let subject = Ureq::build(world.plan_at(world.provider_with(&[&target.origin()])));
    for _ in 0..3 {
        let outcome = subject.send(get(&format!("{}/x", target.origin())));
        assert_status(&outcome, StatusCode::OK);
    }
    assert_eq!((target.heads().len(), target.connections()), (6, 1));
}

/// A target that answers 401 to the first request and 200 to all others.
fn forgetful(unauthorized: impl Into<String>, then_silent: bool) -> Stub {
    let unauthorized = unauthorized.into();
    let requests = AtomicUsize::new(0);
    Stub::start(move |connection| {
        while connection.read_request()?.is_some() {
            if requests.fetch_add(1, Ordering::SeqCst) > 0 {
                connection.write(answer("200 OK", "", "hello").as_bytes())?;
                continue;
            }
            connection.write(unauthorized.as_bytes())?;
            if then_silent {
                return connection.wait_for_the_end();
            }
        }
        Ok(())
    })
}

fn served_by<S: Subject>(target: &Stub) {
    let world = World::new();
    let subject = S::build(world.plan_at(world.provider_with(&[&target.origin()])));
    let request = get(&format!("{}/x", target.origin()));
    // Less than what the clients' own time-outs are: those of users may be none.
    let outcome = within(PATIENCE / 3, "a retry", move || subject.send(request));
    assert_status(&outcome, StatusCode::OK);
    assert_eq!(target.heads().len(), 2);
    world.assert_exchanges(1, 1);
}

/// Not on a multi-thread runtime: there hyper may give the connection back a little too late.
#[test]
fn a_retry_uses_the_connection_of_the_401() {
    a_retry_uses_its_connection::<Ureq>();
    a_retry_uses_its_connection::<Reqwest<CurrentThread>>();
}

fn a_retry_uses_its_connection<S: Subject>() {
    let json = r#"{"error":"invalid_token"}"#;
    for unauthorized in [
        answer("401 Unauthorized", "", json),
        answer("401 Unauthorized", "www-authenticate: Bearer\r\n", ""),
        answer("401 Unauthorized", "", &"x".repeat(10_000)),
        // More than a client reads ahead.
        answer("401 Unauthorized", "", &"x".repeat(60_000)),
        "HTTP/1.1 401 Unauthorized\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            .into(),
    ] {
        let target = forgetful(unauthorized, false);
        served_by::<S>(&target);
        assert_eq!(target.connections(), 1);
    }
}

fn a_401_whose_body_never_ends_does_not_hold_up_the_retry<S: Subject>() {
    let endless = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 100\r\n\r\nand then";
    served_by::<S>(&forgetful(endless, true));
}

fn a_401_with_a_large_body_does_not_hold_up_the_retry<S: Subject>() {
    let large = answer("401 Unauthorized", "", &"x".repeat(10 << 20));
    served_by::<S>(&forgetful(large, false));
}
