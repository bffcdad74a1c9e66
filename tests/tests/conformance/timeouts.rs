//! Answers of the Auth API that are slow, or never end.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use simacan_auth::{BodyDefect, Denied, Failure, Provider};
use simacan_auth_emulator::{Endpoint, Fault};

use crate::platform::{
    COOLED_DOWN, Gate, HOUR, PATIENCE, REFRESH_IS_DUE, World, assert_accepted, denied, eventually,
    within,
};
use crate::stub::{Connection, Stub};
use crate::subject::{MultiThread, Plan, Reqwest, Subject, Trouble};

conformance! {
    an_answer_slower_than_the_time_out_is_a_typed_failure,
    headers_that_never_end_are_cut_off,
    informational_answers_that_never_end_are_cut_off,
    a_body_that_never_ends_is_cut_off,
    a_body_that_claims_to_be_huge_is_cut_off,
    a_body_that_drips_ends_with_the_time_out,
    headers_that_drip_end_with_the_time_out,
    a_server_that_says_nothing_ends_with_the_time_out,
    a_time_out_without_end_is_none,
    i16_an_auth_server_that_says_nothing_keeps_each_caller_no_longer_than_the_token_timeout,
}

/// One attempt, and little time for it.
fn impatient(plan: Plan) -> Plan {
    let mut plan = Plan {
        exchange_timeout: Duration::from_millis(300),
        ..plan
    };
    plan.config.attempts = 1;
    plan
}

fn an_answer_slower_than_the_time_out_is_a_typed_failure<S: Subject>() {
    let world = World::new();
    let subject = S::build(impatient(world.plan()));
    world.script(Endpoint::Password, Fault::Delay(2 * PATIENCE), 1);
    let start = Instant::now();
    for outcome in subject.send_all(world.crowd(20)) {
        assert_timed_out(&denied(outcome));
    }
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(start.elapsed() < SOON);
    world.assert_exchanges(1, 0);
    // The time-out is short, so a slow machine may need more than one round.
    eventually("it is served", || {
        world.skip(COOLED_DOWN);
        subject.log_in().is_ok()
    });
}

/// Long before the client's own time-out, which would end it in the same words.
const SOON: Duration = PATIENCE.checked_div(3).expect("it is not 0");

/// It is the exchange's own time-out that ended it: the driver's grace for a carrier that nobody polls has
/// other words.
#[track_caller]
fn assert_timed_out(denied: &Denied) {
    assert_transport_failure(denied);
    let text = denied.to_string();
    let is_time_out = text.contains("timed out") || text.contains("timeout");
    assert!(is_time_out, "{text}");
}

#[track_caller]
fn assert_transport_failure(denied: &Denied) {
    let failure = failure(denied);
    assert!(matches!(failure, Failure::Transport(_)), "{failure:?}");
}

#[track_caller]
fn failure(denied: &Denied) -> &Failure {
    match denied {
        Denied::Unavailable {
            failure,
            attempts: 1,
            ..
        } => failure,
        other => panic!("{other:?}"),
    }
}

/// What a login at such a server comes to, and how many bytes the server got rid of.
fn log_in_at<S: Subject>(
    exchange_timeout: Duration,
    serve: impl Fn(&mut Connection) -> io::Result<()> + Send + Sync + 'static,
) -> (Denied, u64) {
    let world = World::new();
    let stub = Stub::start(move |connection| {
        connection.read_request()?;
        serve(connection)
    });
    let provider = Provider::simacan_at(stub.origin())
        .allow_loopback_http()
        .build()
        .unwrap();
    let plan = Plan {
        exchange_timeout,
        ..impatient(world.plan_at(provider))
    };
    let subject = S::build(plan);
    let limit = if exchange_timeout < SOON {
        SOON
    } else {
        PATIENCE
    };
    let denied = within(limit, "a login", move || denied(subject.log_in()));
    assert_eq!(stub.connections(), 1);
    (denied, stub.written())
}

/// The buffers of two sockets, generously, and what a client may read of an answer.
const BOUNDED: u64 = 32 << 20;

fn flood(connection: &mut Connection, start: &str, piece: &str) -> io::Result<()> {
    connection.write(start.as_bytes())?;
    let piece = piece.repeat(1024);
    loop {
        connection.write(piece.as_bytes())?;
    }
}

fn headers_that_never_end_are_cut_off<S: Subject>() {
    let (denied, written) = log_in_at::<S>(PATIENCE, |connection| {
        flood(
            connection,
            "HTTP/1.1 200 OK\r\n",
            "x-padding: 0123456789abcdef\r\n",
        )
    });
    assert_transport_failure(&denied);
    assert!(written < BOUNDED, "{written}");
    // One of them that never ends.
    let (denied, written) = log_in_at::<S>(PATIENCE, |connection| {
        flood(
            connection,
            "HTTP/1.1 200 OK\r\nx-padding: ",
            "0123456789abcdef",
        )
    });
    assert_transport_failure(&denied);
    assert!(written < BOUNDED, "{written}");
}

/// These are skipped, not kept, so it is time that ends them.
fn informational_answers_that_never_end_are_cut_off<S: Subject>() {
    let (denied, _) = log_in_at::<S>(Duration::from_secs(1), |connection| {
        loop {
            connection.write(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")?;
            thread::sleep(Duration::from_millis(1));
        }
    });
    assert_timed_out(&denied);
}

fn a_body_that_never_ends_is_cut_off<S: Subject>() {
    let (denied, written) = log_in_at::<S>(PATIENCE, |connection| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        flood(connection, head, "10\r\n{\"access_token\":\r\n")
    });
    assert_eq!(failure(&denied), &Failure::Body(BodyDefect::TooLarge));
    assert!(written < BOUNDED, "{written}");
}

fn a_body_that_claims_to_be_huge_is_cut_off<S: Subject>() {
    let (denied, written) = log_in_at::<S>(PATIENCE, |connection| {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 1099511627776\r\n\r\n";
        flood(connection, head, "0123456789abcdef")
    });
    assert_eq!(failure(&denied), &Failure::Body(BodyDefect::TooLarge));
    assert!(written < BOUNDED, "{written}");
}

fn drip(connection: &mut Connection, start: &str) -> io::Result<()> {
    connection.write(start.as_bytes())?;
    loop {
        connection.write(b" ")?;
        thread::sleep(Duration::from_millis(5));
    }
}

fn a_body_that_drips_ends_with_the_time_out<S: Subject>() {
    let (denied, _) = log_in_at::<S>(Duration::from_millis(300), |connection| {
        drip(
            connection,
            "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n",
        )
    });
    assert_eq!(failure(&denied), &Failure::Body(BodyDefect::Truncated));
}

fn headers_that_drip_end_with_the_time_out<S: Subject>() {
    let (denied, _) = log_in_at::<S>(Duration::from_millis(300), |connection| {
        drip(connection, "HTTP/1.1 200 OK\r\nx: ")
    });
    assert_timed_out(&denied);
}

fn a_server_that_says_nothing_ends_with_the_time_out<S: Subject>() {
    let (denied, written) =
        log_in_at::<S>(Duration::from_millis(300), Connection::wait_for_the_end);
    assert_timed_out(&denied);
    assert_eq!(written, 0);
}

fn a_time_out_without_end_is_none<S: Subject>() {
    let world = World::new();
    let plan = Plan {
        exchange_timeout: Duration::MAX,
        ..world.plan()
    };
    let subject = S::build(plan);
    world.assert_served(&subject, 20, (1, 0));
}

/// The exchange goes on without them, and who has a good token does not notice.
fn i16_an_auth_server_that_says_nothing_keeps_each_caller_no_longer_than_the_token_timeout<
    S: Subject,
>() {
    let gate = Gate::default();
    let world = World::start(World::settings(), gate.options());
    let token_timeout = Duration::from_millis(300);
    let subject = S::build(Plan {
        token_timeout,
        ..world.plan()
    });
    subject.log_in().unwrap();
    gate.close();
    world.skip(REFRESH_IS_DUE);
    assert_accepted(&subject.send_all(world.crowd(20)));
    world.until_refreshes(1);
    world.skip(HOUR.saturating_sub(REFRESH_IS_DUE)); // the token has expired
    let start = Instant::now();
    for outcome in subject.send_all(world.crowd(20)) {
        match outcome {
            Err(Trouble::TimedOut(text)) => {
                let from = format!("no token from {} within", world.server.origin());
                assert!(text.starts_with(&from), "{text}");
                assert!(
                    text.contains("the auth endpoint has not answered"),
                    "{text}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(start.elapsed() >= token_timeout && start.elapsed() < SOON);
    gate.open();
    eventually("it is served", || subject.log_in().is_ok());
    world.assert_exchanges(1, 1);
}

/// What a request may take in all begins with the wait for its token.
#[test]
fn a_time_out_of_the_request_covers_the_wait_for_the_token() {
    let gate = Gate::default();
    let world = World::start(World::settings(), gate.options());
    let subject = Reqwest::<MultiThread>::build(world.plan());
    gate.close();
    let request = subject.client.post(world.uri("/x"));
    let request = request.timeout(Duration::from_millis(200));
    let start = Instant::now();
    let outcome = subject.runtime.block_on(subject.client.send(request));
    assert!(matches!(
        outcome.map_err(Trouble::from),
        Err(Trouble::TimedOut(_))
    ));
    assert!(start.elapsed() < SOON);
    gate.open();
    world.assert_served(&subject, 5, (1, 0));
}
