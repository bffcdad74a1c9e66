//! The server, over plain sockets.

mod both;
mod socket;

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use http::StatusCode;
use simacan_auth_emulator::{
    Detail, Emulator, Endpoint, Fault, Options, Place, Server, Settings, Times, What,
};
use socket::{Client, LOGIN};

#[test]
fn addresses_are_those_of_the_listener() {
    let server = serve(Server::options());
    let origin = format!("http://127.0.0.1:{}", server.address().port());
    assert_eq!(server.origin(), origin);
    assert_eq!(server.base_url(), format!("{origin}/api/v1"));
    assert_eq!(server.token_endpoint(), format!("{origin}/oauth2/token"));
}

#[test]
fn a_connection_serves_many_requests() {
    let server = serve(Server::options());
    let mut client = Client::connect(&server);
    let token = client.log_in();
    for _ in 0..10 {
        client.post(&token, "<realisation/>");
        let answer = client.read_answer();
        assert_eq!(
            (answer.status, answer.header("content-length")),
            (204, None)
        );
    }
    assert_eq!(server.open_connections(), 1);
    assert_eq!(
        server.with(|emulator| emulator.ledger().counters().targets_accepted),
        10
    );
}

#[test]
fn chunked_bodies_are_put_together() {
    let server = serve(Server::options());
    let mut client = Client::connect(&server);
    let head = "POST /api/v1/auth/password HTTP/1.1\r\nhost: x\r\ntransfer-encoding: Chunked\r\n\
                content-type: application/x-www-form-urlencoded\r\n\r\n";
    let (a, b) = LOGIN.split_at(20);
    client.write(head);
    client.write(&format!("14;ext=1\r\n{a}\r\n"));
    client.write(&format!("{:X}\r\n{b}\r\n0\r\ntrailer: x\r\n\r\n", b.len()));
    assert_eq!(client.read_answer().status, 200);
    // Nothing is left over to disturb the next.
    client.log_in();
}

#[test]
fn a_client_that_expects_a_100_gets_it_before_it_sends_the_body() {
    let server = serve(Server::options());
    let mut client = Client::connect(&server);
    client.write(&format!(
        "POST /api/v1/auth/password HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
        LOGIN.len()
    ));
    assert_eq!(client.read_head().0, 100);
    client.write(LOGIN);
    assert_eq!(client.read_answer().status, 200);
}

#[test]
fn a_head_request_gets_no_body() {
    let server = serve(Server::options());
    let mut client = Client::connect(&server);
    let token = client.log_in();
    client.write(&format!(
        "HEAD /x HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"
    ));
    let (status, headers) = client.read_head();
    assert_eq!(status, 200);
    assert!(
        headers
            .iter()
            .any(|(name, value)| name == "content-length" && value != "0")
    );
    client.log_in();
}

#[test]
fn a_lost_answer_ends_the_connection_after_the_state_changed() {
    let (server, mut client) = login_that_meets(Fault::AnswerLost);
    assert_eq!(client.read_rest(), b"");
    assert_eq!(passwords_accepted(&server), 1);
}

#[test]
fn a_lost_request_ends_the_connection_before_anything_changed() {
    let (server, mut client) = login_that_meets(Fault::RequestLost);
    assert_eq!(client.read_rest(), b"");
    assert_eq!(passwords_accepted(&server), 0);
}

#[test]
fn a_body_cut_short_ends_the_connection_half_way() {
    let (_server, mut client) = login_that_meets(Fault::CutShort);
    let (status, headers) = client.read_head();
    assert_eq!(status, 200);
    let (_, announced) = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .unwrap();
    assert_eq!(
        client.read_rest().len(),
        announced.parse::<usize>().unwrap() / 2
    );
}

#[test]
fn a_refusal_cut_at_its_end_ends_the_connection_behind_all_of_it() {
    let server = serve(Server::options());
    server.with(|emulator| emulator.script_n(Endpoint::Password, Fault::CutAtEnd, 2));
    for (password, status) in [("open+sesame", 200), ("wrong", 401)] {
        let mut client = Client::connect(&server);
        let body = format!("username=foo%40bar.com&password={password}");
        client.form("/api/v1/auth/password", &body);
        let (got, headers) = client.read_head();
        let announced = headers.iter().find(|(name, _)| name == "content-length");
        let announced: usize = announced.unwrap().1.parse().unwrap();
        assert_eq!((got, client.read_rest().len()), (status, announced - 1));
    }
}

#[test]
fn a_truncated_body_is_a_whole_answer() {
    let (_server, mut client) = login_that_meets(Fault::Truncated);
    assert!(serde_json::from_slice::<serde_json::Value>(&client.read_answer().body).is_err());
    client.log_in();
}

#[test]
fn a_delay_holds_up_no_one_else() {
    let (server, mut slow) = login_that_meets(Fault::Delay(DAY));
    // Its fault is taken before the next login meets it.
    while server.with(|emulator| emulator.faults_in_store()) > 0 {
        thread::yield_now();
    }
    Client::connect(&server).log_in();
    // And a day's delay does not hold up the end.
    drop_promptly(server);
    assert_eq!(slow.read_rest(), b"");
}

#[test]
fn a_delayed_answer_arrives() {
    let server = serve(Server::options());
    let delay = Duration::from_millis(100);
    server.with(|emulator| emulator.script(Endpoint::Password, Fault::Delay(delay)));
    let start = Instant::now();
    Client::connect(&server).log_in();
    assert!(start.elapsed() >= delay);
}

#[test]
fn two_hundred_clients_at_once_are_served() {
    let server = serve(Server::options());
    let barrier = Barrier::new(200);
    thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| {
                barrier.wait();
                let mut client = Client::connect(&server);
                let token = client.log_in();
                client.post(&token, "x");
                assert_eq!(client.read_answer().status, 204);
            });
        }
    });
    let counters = server.with(|emulator| *emulator.ledger().counters());
    assert_eq!(
        (counters.passwords_accepted, counters.targets_accepted),
        (200, 200)
    );
}

#[test]
fn a_thousand_connections_are_open_at_the_same_time() {
    let server = serve(Server::options());
    let token = Client::connect(&server).log_in();
    let mut clients: Vec<Client> = (0..1000).map(|_| Client::connect(&server)).collect();
    for client in &mut clients {
        client.post(&token, "x");
    }
    for client in &mut clients {
        assert_eq!(client.read_answer().status, 204);
    }
    assert!(server.open_connections() >= 1000);
    drop_promptly(server);
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let server = serve(Server::options().max_connections(1));
    let mut first = Client::connect(&server);
    let mut second = Client::connect(&server);
    second.form("/api/v1/auth/password", LOGIN);
    first.log_in();
    assert_eq!(
        server.with(|emulator| emulator.ledger().counters().passwords_received),
        1
    );
    drop(first);
    assert_eq!(second.read_answer().status, 200);
    // And full or not, it stops.
    drop_promptly(server);
}

#[test]
fn a_connection_can_end_after_each_answer_unannounced() {
    let server = serve(Server::options().close_after_answer(true));
    let mut client = Client::connect(&server);
    client.form("/api/v1/auth/password", LOGIN);
    let answer = client.read_answer();
    assert_eq!((answer.status, answer.header("connection")), (200, None));
    assert_eq!(client.read_rest(), b"");
}

#[test]
fn a_connection_ends_when_the_client_says_so() {
    for head in [
        "GET /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "GET /x HTTP/1.0\r\n\r\n",
    ] {
        let server = serve(Server::options());
        let mut client = Client::connect(&server);
        client.write(head);
        let answer = client.read_answer();
        assert_eq!(
            (answer.status, answer.header("connection")),
            (401, Some("close"))
        );
        assert_eq!(client.read_rest(), b"");
    }
}

#[test]
fn what_is_not_http_gets_a_400() {
    let start = "GET /x HTTP/1.1\r\nx: ";
    for head in [
        "hello\r\n\r\n",
        "GET /x HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        "GET  HTTP/1.1\r\n\r\n",
        "POST /x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        // No longer than what is read: the rest would make the system reset the connection.
        &format!("{start}{}", "x".repeat(64 * 1024 - start.len())),
    ] {
        let server = serve(Server::options());
        let mut client = Client::connect(&server);
        client.write(head);
        assert_eq!(client.read_head().0, 400, "{}", &head[..head.len().min(60)]);
    }
}

#[test]
fn big_bodies_are_measured_and_not_kept() {
    let server = Server::options()
        .keep_of_body(64 * 1024)
        .start(Emulator::new(settings().with_ledger(Detail::Bodies)))
        .unwrap();
    let mut client = Client::connect(&server);
    let token = client.log_in();
    let body = "0123456789abcdef".repeat(50 * 1024 * 1024 / 16);
    for body in [&body[..], &body, "small"] {
        client.post(&token, body);
        assert_eq!(client.read_answer().status, 204);
    }
    server.with(|emulator| {
        let ledger = emulator.ledger();
        assert!(matches!(
            ledger.entries()[1].what,
            What::Target {
                body_len: 52_428_800,
                ..
            }
        ));
        assert_eq!(ledger.counters().most_repeats_of_a_body, 2);
        assert_eq!(ledger.accepted_bodies(), [b"small"]);
    });
}

#[test]
fn a_form_that_is_too_long_to_keep_gets_a_413() {
    let server = serve(Server::options().keep_of_body(100));
    let mut client = Client::connect(&server);
    client.form(
        "/api/v1/auth/password",
        &format!("{LOGIN}&x={}", "x".repeat(100)),
    );
    assert_eq!(client.read_answer().status, 413);
    client.log_in();
}

#[test]
fn the_clock_can_be_the_tests_own() {
    let seconds = Arc::new(AtomicU64::new(1_000_000));
    let clock = seconds.clone();
    let server = serve(
        Server::options()
            .clock(move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed))),
    );
    let mut client = Client::connect(&server);
    let token = client.log_in();
    client.post(&token, "x");
    assert_eq!(client.read_answer().status, 204);
    seconds.fetch_add(3600, Ordering::Relaxed);
    client.post(&token, "x");
    assert_eq!(client.read_answer().status, 401);
}

#[test]
fn the_log_gets_each_entry_also_without_a_ledger() {
    let (sender, lines) = mpsc::channel();
    let server = Server::options()
        .log(move |entry| sender.send(entry.to_string()).unwrap())
        .start(Emulator::new(settings().with_ledger(Detail::Nothing)))
        .unwrap();
    Client::connect(&server).log_in();
    assert_eq!(
        lines.recv().unwrap(),
        "password: foo@bar.com, accepted, tokens #1 -> 200"
    );
}

#[test]
fn hosts_are_told_apart_by_their_header() {
    let server = serve(Server::options());
    server.with(|emulator| {
        let host = Place::Host("localhost".into());
        emulator.answer_targets(host, StatusCode::UNAUTHORIZED, Times::Always);
    });
    let mut client = Client::connect(&server);
    let token = client.log_in();
    for (host, status) in [("localhost:4780", 401), ("127.0.0.1:4780", 204)] {
        client.write(&format!(
            "POST /x HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n"
        ));
        assert_eq!(client.read_answer().status, status);
    }
}

#[test]
fn a_failed_assertion_inside_with_does_not_take_the_server_down() {
    let server = serve(Server::options());
    let failed = thread::scope(|scope| {
        scope
            .spawn(|| server.with(|_| panic!("as a failed assertion does")))
            .join()
            .is_err()
    });
    assert!(failed);
    Client::connect(&server).log_in();
}

#[test]
fn a_dropped_server_leaves_its_port_and_its_connections() {
    let server = serve(Server::options());
    let address = server.address();
    let mut idle = Client::connect(&server);
    idle.log_in();
    let mut half_way = Client::connect(&server);
    half_way.write("POST /api/v1/auth/password HTTP/1.1\r\ncontent-le");
    drop_promptly(server);
    assert_eq!(idle.read_rest(), b"");
    assert!(TcpStream::connect(address).is_err());
    TcpListener::bind(address).expect("the port is free");
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let server = serve(Server::options());
    let port = server.address().port();
    assert!(
        Server::options()
            .port(port)
            .start(Emulator::new(settings()))
            .is_err()
    );
}

const DAY: Duration = Duration::from_secs(24 * 3600);

fn settings() -> Settings {
    Settings::new().with_user("foo@bar.com", "open sesame")
}

fn serve(options: Options) -> Server {
    options
        .start(Emulator::new(settings()))
        .expect("a free port")
}

/// A server whose next login has this fault, and a client that has asked for it.
fn login_that_meets(fault: Fault) -> (Server, Client) {
    let server = serve(Server::options());
    server.with(|emulator| emulator.script(Endpoint::Password, fault));
    let mut client = Client::connect(&server);
    client.form("/api/v1/auth/password", LOGIN);
    (server, client)
}

fn passwords_accepted(server: &Server) -> u64 {
    server.with(|emulator| emulator.ledger().counters().passwords_accepted)
}

/// Drops the server, which waits 5 seconds for a thread that hangs.
fn drop_promptly(server: Server) {
    let start = Instant::now();
    drop(server);
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
}
