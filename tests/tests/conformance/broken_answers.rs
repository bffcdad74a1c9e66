//! Answers of the Auth API that are none: resets, garbage, and ends that never come.

use std::io;
use std::thread;
use std::time::Duration;

use simacan_auth::{Denied, Failure, Provider, TransportFailure};

use crate::platform::{PATIENCE, World, denied, within};
use crate::stub::{Connection, Stub, proxy_to};
use crate::subject::{Plan, Subject};

conformance! {
    a_reset_before_the_request_is_read_is_a_typed_failure,
    a_reset_after_the_request_is_read_is_a_typed_failure,
    a_reset_in_the_middle_of_the_answer_is_a_typed_failure,
    garbage_instead_of_http_is_a_typed_failure,
    chunk_extensions_that_never_end_are_cut_off,
    trailers_that_never_end_are_cut_off,
    i6_no_time_at_all_is_a_typed_failure,
    what_finds_no_connection_was_not_sent,
    what_a_proxy_does_not_connect_was_not_sent,
    what_a_server_does_not_answer_was_sent,
    what_has_gone_through_a_proxy_was_sent,
}

/// What three attempts at such a server come to, and how many bytes they have taken.
fn log_in_at<S: Subject>(
    exchange_timeout: Duration,
    serve: impl Fn(&mut Connection) -> io::Result<()> + Send + Sync + 'static,
) -> (Failure, u64) {
    let world = World::new();
    let stub = Stub::start(serve);
    let provider = Provider::simacan_at(stub.origin())
        .allow_loopback_http()
        .build()
        .unwrap();
    let subject = S::build(Plan {
        exchange_timeout,
        ..world.plan_at(provider)
    });
    let denied = within(PATIENCE, "a login", move || denied(subject.log_in()));
    assert_eq!(world.events.exchanges(), 3);
    match denied {
        Denied::Unavailable {
            failure,
            attempts: 3,
            ..
        } => (failure, stub.written()),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_transport(failure: &Failure) {
    match failure {
        Failure::Transport(failure) => assert!(!failure.is_not_sent(), "{failure}"),
        failure => panic!("{failure:?}"),
    }
}

/// There was an answer, and no tokens could be read in it.
#[track_caller]
fn assert_no_tokens(failure: &Failure) {
    assert!(matches!(failure, Failure::Body(_)), "{failure:?}");
}

/// What a socket has received and nobody has read makes its end a reset.
fn a_reset_before_the_request_is_read_is_a_typed_failure<S: Subject>() {
    let (failure, _) = log_in_at::<S>(PATIENCE, Connection::wait_for_input);
    assert_transport(&failure);
}

fn a_reset_after_the_request_is_read_is_a_typed_failure<S: Subject>() {
    let (failure, _) = log_in_at::<S>(PATIENCE, Connection::read_all_but_a_byte);
    assert_transport(&failure);
}

fn a_reset_in_the_middle_of_the_answer_is_a_typed_failure<S: Subject>() {
    let (failure, _) = log_in_at::<S>(PATIENCE, |connection| {
        connection.read_all_but_a_byte()?;
        connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"access_token\":")
    });
    assert_no_tokens(&failure);
}

fn garbage_instead_of_http_is_a_typed_failure<S: Subject>() {
    for garbage in [
        &b"\x15\x03\x01\x00\x02\x02\x28"[..],
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"220 mail.example ESMTP\r\n",
        b"{\"access_token\":\"horse\",\"token_type\":\"bearer\"}",
        b"HTTP/1.1 eyJ OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\neyJ horse\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: eyJ\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"\0\0\0\0\0\0\0\0",
    ] {
        let (failure, _) = log_in_at::<S>(PATIENCE, move |connection| {
            connection.read_request()?;
            connection.write(garbage)
        });
        assert_transport(&failure);
    }
    let (failure, _) = log_in_at::<S>(PATIENCE, |connection| {
        connection.read_request()?;
        connection.write(CHUNKED)?;
        connection.write(b"eyJ\r\nhorse\r\n")
    });
    assert_no_tokens(&failure);
}

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// The buffers of three times two sockets, generously.
const BOUNDED: u64 = 64 << 20;

fn chunk_extensions_that_never_end_are_cut_off<S: Subject>() {
    let (failure, written) = log_in_at::<S>(PATIENCE, |connection| {
        connection.read_request()?;
        connection.write(CHUNKED)?;
        connection.write(b"1;")?;
        loop {
            connection.write(&[b'x'; 16 << 10])?;
        }
    });
    assert_no_tokens(&failure);
    assert!(written < BOUNDED, "{written}");
}

/// ureq skips them, keeping none, so there it is time that ends them.
fn trailers_that_never_end_are_cut_off<S: Subject>() {
    let (failure, _) = log_in_at::<S>(Duration::from_millis(300), |connection| {
        connection.read_request()?;
        connection.write(CHUNKED)?;
        connection.write(b"2\r\n{}\r\n0\r\n")?;
        loop {
            connection.write(b"x-padding: 0123456789abcdef\r\n")?;
            thread::sleep(Duration::from_millis(1));
        }
    });
    assert_no_tokens(&failure);
}

fn i6_no_time_at_all_is_a_typed_failure<S: Subject>() {
    let (failure, _) = log_in_at::<S>(Duration::ZERO, |connection| {
        connection.read_request().map(drop)
    });
    assert!(matches!(failure, Failure::Transport(_)), "{failure:?}");
}

/// How the one attempt of a login fails.
fn failure_at<S: Subject>(origin: &str, proxy: Option<String>) -> TransportFailure {
    let world = World::new();
    let provider = Provider::simacan_at(origin).allow_loopback_http();
    let mut plan = world.plan_at(provider.build().expect("it is https or loopback"));
    plan.config.attempts = 1;
    plan.exchange_timeout = Duration::from_secs(1);
    plan.proxy = proxy;
    let subject = S::build(plan);
    match within(PATIENCE, "a login", move || denied(subject.log_in())) {
        Denied::Unavailable {
            failure: Failure::Transport(failure),
            ..
        } => failure,
        other => panic!("{other:?}"),
    }
}

/// An origin where nobody listens any more.
fn nowhere() -> String {
    Stub::answering("").origin()
}

fn what_finds_no_connection_was_not_sent<S: Subject>() {
    for origin in [&nowhere(), "https://nobody.has.this.name.invalid"] {
        let failure = failure_at::<S>(origin, None);
        assert!(failure.is_not_sent(), "{origin}: {failure}");
    }
}

fn what_a_proxy_does_not_connect_was_not_sent<S: Subject>() {
    let auth = "https://auth.example";
    let failure = failure_at::<S>(auth, Some(nowhere()));
    assert!(failure.is_not_sent(), "{failure}");
    for serve in [
        |_: &mut Connection| Ok(()),
        |connection: &mut Connection| connection.read_head().map(drop),
        |connection: &mut Connection| {
            connection.read_head()?;
            connection.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
        },
        // To the end of the time to connect, or of the handshake behind it.
        Connection::wait_for_the_end,
        |connection: &mut Connection| {
            connection.read_head()?;
            connection.write(b"HTTP/1.1 200 OK\r\n\r\n")?;
            connection.wait_for_the_end()
        },
    ] {
        let proxy = Stub::start(serve);
        let failure = failure_at::<S>(auth, Some(proxy.origin()));
        assert!(failure.is_not_sent(), "{failure}");
        assert_eq!(proxy.connections(), 1);
    }
}

fn what_a_server_does_not_answer_was_sent<S: Subject>() {
    for serve in [
        |connection: &mut Connection| connection.read_request().map(drop),
        Connection::wait_for_the_end,
        Connection::read_all_but_a_byte,
    ] {
        let silent = Stub::start(serve);
        let failure = failure_at::<S>(&silent.origin(), None);
        assert!(!failure.is_not_sent(), "{failure}");
    }
}

fn what_has_gone_through_a_proxy_was_sent<S: Subject>() {
    let silent = Stub::start(Connection::wait_for_the_end);
    let proxy = proxy_to(silent.address());
    let failure = failure_at::<S>(&silent.origin(), Some(proxy.origin()));
    assert!(!failure.is_not_sent(), "{failure}");
}
