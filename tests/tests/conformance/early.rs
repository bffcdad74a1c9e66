//! Targets that refuse a token before they have read the body.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, StatusCode};

use crate::platform::{PATIENCE, World, assert_status, get, post, within};
use crate::stub::{Connection, Stub, answer};
use crate::subject::{Outcome, Subject, Trouble};

conformance! {
    a_401_that_comes_before_the_body_is_read_is_cured,
    a_401_that_comes_before_a_body_that_is_thrown_away_is_cured,
    a_401_that_a_reset_may_overtake_holds_up_nobody,
    a_401_in_place_of_a_100_is_cured,
    a_100_that_never_comes_is_not_waited_for,
}

/// More than a client reads ahead, more than sockets hold.
const LENGTHS: [usize; 3] = [10, 100_000, 10 << 20];

/// A target that refuses the first request this way, once it has its head. All others it answers as servers
/// do.
fn refusing(
    refuse: impl Fn(&mut Connection, &str) -> io::Result<()> + Send + Sync + 'static,
) -> Stub {
    let is_first = AtomicBool::new(true);
    Stub::start(move |connection| {
        while let Some(head) = connection.read_head()? {
            if is_first.swap(false, Ordering::SeqCst) {
                refuse(connection, &head)?;
                continue;
            }
            if head.contains("expect: 100-continue") {
                connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            connection.read_body(&head)?;
            connection.write(answer("200 OK", "", "hello").as_bytes())?;
        }
        Ok(())
    })
}

fn unauthorized(headers: &str) -> String {
    answer("401 Unauthorized", headers, "no")
}

fn send<S: Subject>(world: &World, target: &Stub, request: Request<bytes::Bytes>) -> (S, Outcome) {
    let subject = S::build(world.plan_at(world.provider_with(&[&target.origin()])));
    let outcome = within(PATIENCE / 3, "a retry", {
        let subject = subject.clone();
        move || subject.send(request)
    });
    (subject, outcome)
}

fn assert_cured<S: Subject>(target: &Stub, request: Request<bytes::Bytes>) {
    let world = World::new();
    let (_, outcome) = send::<S>(&world, target, request);
    assert_status(&outcome, StatusCode::OK);
    assert_eq!(target.heads().len(), 2);
    world.assert_exchanges(1, 1);
}

fn upload(target: &Stub, length: usize) -> Request<bytes::Bytes> {
    post(&format!("{}/x", target.origin()), vec![7; length])
}

fn a_401_that_comes_before_the_body_is_read_is_cured<S: Subject>() {
    for length in LENGTHS {
        let target = refusing(|connection, head| {
            connection.write(unauthorized("").as_bytes())?;
            connection.read_body(head)
        });
        assert_cured::<S>(&target, upload(&target, length));
    }
}

/// What RFC 9112, section 9.6, asks of a server that closes a connection, and what nginx does.
fn a_401_that_comes_before_a_body_that_is_thrown_away_is_cured<S: Subject>() {
    for length in LENGTHS {
        let target = refusing(|connection, _| {
            connection.write(unauthorized("connection: close\r\n").as_bytes())?;
            connection.finish_writing()?;
            connection.wait_for_the_end()
        });
        assert_cured::<S>(&target, upload(&target, length));
    }
}

/// A server that doesn't: what it has not read makes the end of the connection a reset, and the 401 is lost
/// on the way, or is not. It is the request that fails then, and says so; the session goes on.
fn a_401_that_a_reset_may_overtake_holds_up_nobody<S: Subject>() {
    let target = refusing(|connection, _| {
        connection.write(unauthorized("").as_bytes())?;
        Err(io::ErrorKind::Other.into())
    });
    let world = World::new();
    let (subject, outcome) = send::<S>(&world, &target, upload(&target, 10 << 20));
    match outcome {
        Err(Trouble::Request(_)) => {}
        outcome => assert_status(&outcome, StatusCode::OK),
    }
    let next = subject.send(get(&format!("{}/next", target.origin())));
    assert_status(&next, StatusCode::OK);
    assert_eq!(world.counters().passwords_received, 1);
}

fn expecting(target: &Stub, length: usize) -> Request<bytes::Bytes> {
    let mut request = upload(target, length);
    let expected = "100-continue".parse().unwrap();
    request.headers_mut().insert("expect", expected);
    request
}

/// And the connection ends, which ureq needs to see it: see its adapter's docs.
fn a_401_in_place_of_a_100_is_cured<S: Subject>() {
    for length in LENGTHS {
        let target = refusing(|connection, _| {
            connection.write(unauthorized("connection: close\r\n").as_bytes())?;
            connection.finish_writing()?;
            connection.wait_for_the_end()
        });
        assert_cured::<S>(&target, expecting(&target, length));
    }
}

/// RFC 9110, section 10.1.1: a client must not wait for it for ever.
fn a_100_that_never_comes_is_not_waited_for<S: Subject>() {
    for length in LENGTHS {
        let target = refusing(|connection, head| {
            connection.read_body(head)?;
            connection.write(unauthorized("").as_bytes())
        });
        assert_cured::<S>(&target, expecting(&target, length));
    }
}
