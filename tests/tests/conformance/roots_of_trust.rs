//! Over TLS, with a root of the tests' own, which each client is given its own way.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection};
use simacan_auth::{Denied, Failure, Provider};

use crate::certificates::authority;
use crate::platform::{COOLED_DOWN, HOUR, PATIENCE, World, assert_accepted, denied, post, within};
use crate::stub::{Connection, Stub};
use crate::subject::{Plan, Subject, Trouble};
use crate::tls_server::{Flaw, HOSTS, Secured, certified};

conformance! {
    a_session_goes_on_over_tls,
    i8_no_password_goes_to_an_auth_api_whose_certificate_is_bad,
    i8_no_refresh_token_goes_to_an_auth_api_whose_certificate_went_bad,
    i8_no_token_goes_to_a_target_whose_certificate_is_bad,
    i6_a_tls_handshake_that_stalls_ends_with_the_time_out,
    i6_a_tls_handshake_that_stalls_half_way_ends_with_the_time_out,
    a_tls_handshake_that_is_cut_off_is_a_typed_failure,
    a_tls_handshake_that_is_cut_off_half_way_is_a_typed_failure,
    a_server_that_talks_no_tls_is_a_typed_failure,
}

/// What both clients call it.
const FLAWS: [(Flaw, &str); 3] = [
    (Flaw::UnknownRoot, "UnknownIssuer"),
    (Flaw::Expired, "expired"),
    (Flaw::OtherName, "not valid for"),
];

fn a_session_goes_on_over_tls<S: Subject>() {
    for host in HOSTS {
        let authority = authority("root");
        let secured = Secured::new(host, Flaw::None, &authority);
        let subject: S = secured.subject(&authority, &[&secured]);
        assert_accepted(&subject.send_all(secured.crowd()));
        secured.world.assert_exchanges(1, 0);
        secured.world.forget();
        secured.world.revoke();
        assert_accepted(&subject.send_all(secured.crowd()));
        secured.world.assert_exchanges(0, 1);
        secured.world.assert_none_sent_thrice();
    }
}

fn i8_no_password_goes_to_an_auth_api_whose_certificate_is_bad<S: Subject>() {
    for (host, (flaw, words)) in HOSTS.into_iter().flat_map(|host| FLAWS.map(|f| (host, f))) {
        let authority = authority("root");
        let secured = Secured::new(host, flaw, &authority);
        let subject: S = secured.subject(&authority, &[&secured]);
        for outcome in subject.send_all(secured.crowd()) {
            let text = transport_failure(&denied(outcome), 3);
            assert!(text.contains(words), "{flaw:?} at {host}: {text}");
        }
        secured.world.assert_exchanges(0, 0);
        assert_eq!(secured.world.counters().others_received, 0);
        // It has wedged nothing (I6).
        secured.show(Flaw::None, &authority);
        secured.world.skip(COOLED_DOWN);
        assert_accepted(&subject.send_all(secured.crowd()));
        secured.world.assert_exchanges(1, 0);
    }
}

fn i8_no_refresh_token_goes_to_an_auth_api_whose_certificate_went_bad<S: Subject>() {
    for (flaw, words) in FLAWS {
        let authority = authority("root");
        let secured = Secured::new("localhost", Flaw::None, &authority);
        let subject: S = secured.subject(&authority, &[&secured]);
        subject.log_in().expect("logged in");
        secured.show(flaw, &authority);
        secured.world.skip(HOUR);
        let text = transport_failure(&denied(subject.log_in()), 3);
        assert!(text.contains(words), "{flaw:?}: {text}");
        secured.world.assert_exchanges(1, 0);
        // The refresh token is as good as it was, so no password follows (I1).
        secured.show(Flaw::None, &authority);
        secured.world.skip(COOLED_DOWN);
        assert_accepted(&subject.send_all(secured.crowd()));
        secured.world.assert_exchanges(1, 1);
    }
}

fn i8_no_token_goes_to_a_target_whose_certificate_is_bad<S: Subject>() {
    for (flaw, words) in FLAWS {
        let authority = authority("root");
        let good = Secured::new("localhost", Flaw::None, &authority);
        let bad = Secured::new("localhost", flaw, &authority);
        let subject: S = good.subject(&authority, &[&good, &bad]);
        match subject.send(post(&format!("{}/x", bad.origin), "x")) {
            Err(Trouble::Request(text)) => assert!(text.contains(words), "{flaw:?}: {text}"),
            other => panic!("{flaw:?}: {other:?}"),
        }
        assert_eq!(bad.world.counters().targets_received, 0);
        // It says nothing about the session.
        assert_accepted(&subject.send_all(good.crowd()));
        good.world.assert_exchanges(1, 0);
    }
}

/// The text of it, after so many attempts.
#[track_caller]
fn transport_failure(denied: &Denied, expected: u32) -> String {
    match denied {
        Denied::Unavailable {
            failure: Failure::Transport(failure),
            attempts,
            ..
        } => {
            assert_eq!(*attempts, expected);
            assert!(failure.is_not_sent(), "there was no connection");
            failure.to_string()
        }
        other => panic!("{other:?}"),
    }
}

/// Of an exchange that must not outlast its own time-out. Less than the clients' own time-outs, which
/// would end it too.
const SHORT: Duration = Duration::from_millis(300);

/// The text of what a login comes to at a server that does this with the bytes of a handshake, and could
/// have completed it.
fn log_in_at<S: Subject>(
    exchange_timeout: Duration,
    serve: impl Fn(&mut Connection, &Arc<ServerConfig>) -> io::Result<()> + Send + Sync + 'static,
) -> String {
    let authority = authority("root");
    let world = World::new();
    let config = certified(Flaw::None, &authority);
    let stub = Stub::start(move |connection| serve(connection, &config));
    let origin = stub.origin().replace("http://", "https://");
    let provider = Provider::simacan_at(origin).build().expect("it is https");
    let mut plan = Plan {
        exchange_timeout,
        root: Some(authority.der().to_vec()),
        ..world.plan_at(provider)
    };
    plan.config.attempts = 1;
    let subject = S::build(plan);
    let denied = within(PATIENCE / 3, "a login", move || denied(subject.log_in()));
    // None, where the machine is too slow for the time-out.
    assert!(stub.connections() <= 1, "it went again");
    transport_failure(&denied, 1)
}

/// Answers the client's first flight with half of the server's.
fn half_a_flight(connection: &mut Connection, config: &Arc<ServerConfig>) -> io::Result<()> {
    let mut tls = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
    while !tls.wants_write() {
        if tls.read_tls(connection.reader())? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        tls.process_new_packets().map_err(io::Error::other)?;
    }
    let mut flight = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut flight)?;
    }
    connection.write(&flight[..flight.len() / 2])
}

/// It is the exchange's own time-out that ended it: the driver's grace for a carrier that nobody polls has
/// other words.
#[track_caller]
fn assert_timed_out(text: &str) {
    let is_time_out = text.contains("timed out") || text.contains("timeout");
    assert!(is_time_out, "{text}");
}

fn i6_a_tls_handshake_that_stalls_ends_with_the_time_out<S: Subject>() {
    let text = log_in_at::<S>(SHORT, |connection, _| connection.wait_for_the_end());
    assert_timed_out(&text);
}

fn i6_a_tls_handshake_that_stalls_half_way_ends_with_the_time_out<S: Subject>() {
    let text = log_in_at::<S>(SHORT, |connection, config| {
        half_a_flight(connection, config)?;
        connection.wait_for_the_end()
    });
    assert_timed_out(&text);
}

fn a_tls_handshake_that_is_cut_off_is_a_typed_failure<S: Subject>() {
    log_in_at::<S>(PATIENCE, |connection, _| connection.read_a_byte());
}

fn a_tls_handshake_that_is_cut_off_half_way_is_a_typed_failure<S: Subject>() {
    log_in_at::<S>(PATIENCE, half_a_flight);
}

fn a_server_that_talks_no_tls_is_a_typed_failure<S: Subject>() {
    log_in_at::<S>(PATIENCE, |connection, _| {
        connection.read_a_byte()?;
        connection.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    });
}
