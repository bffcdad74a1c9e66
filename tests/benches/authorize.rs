//! The hot path: the current bearer token put on a request. `cargo bench -p simacan-auth-tests --bench
//! authorize`
//!
//! Floor: clone a prebuilt header value, insert it, read the clock.

mod common;

use std::sync::{LazyLock, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use divan::{Bencher, black_box};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request};
use simacan_auth::{
    Clearance, Config, Credentials, Machine, Output, Permit, Provider, Ticket, Timestamp,
};
use simacan_auth_emulator::{Emulator, Server, Settings};

use common::ratio;

const TARGET: &str = "https://sct-tracking-data-api.services.simacan.com/api/v1/realisation";
const CALLS: u32 = 200;

fn main() {
    divan::main();
    if !common::is_bench() {
        return;
    }
    println!("token: {} bytes", BEARER.len());
    for threads in [1, 2] {
        println!("threads: {threads}");
        let floor = || {
            let mut headers = headers();
            move || floor(&mut headers)
        };
        ratio("the floor itself", threads, CALLS, floor, floor);
        ratio(
            "Mutex<Machine>, Provider::simacan()",
            threads,
            CALLS,
            floor,
            || {
                let mut request = request();
                move || drop(with_machine(&mut request))
            },
        );
        ratio("ureq", threads, CALLS, floor, || {
            let mut request = request();
            move || drop(with_ureq(&mut request))
        });
        ratio("reqwest", threads, CALLS, floor, || {
            let mut request = reqwest_request();
            move || drop(with_reqwest(&mut request))
        });
    }
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    headers
}

fn request() -> Request<()> {
    let mut request = Request::post(TARGET).body(()).expect("it is well formed");
    *request.headers_mut() = headers();
    request
}

fn reqwest_request() -> reqwest::Request {
    let url = TARGET.parse().expect("it is well formed");
    let mut request = reqwest::Request::new(http::Method::POST, url);
    *request.headers_mut() = headers();
    request
}

fn floor(headers: &mut HeaderMap) {
    black_box(SystemTime::now());
    headers.insert(AUTHORIZATION, BEARER.clone());
}

fn with_machine(request: &mut Request<()>) -> Ticket {
    let now = SystemTime::now().into();
    let mut machine = MACHINE.lock().expect("no panic");
    let permit = machine.permit();
    let clearance = machine.authorize(now, permit, request);
    let Output::Wait(_) = machine.poll(now) else {
        panic!("nothing is due");
    };
    drop(machine);
    match clearance {
        Clearance::Go(ticket) => ticket,
        other => panic!("there is a token: {other:?}"),
    }
}

fn with_ureq(request: &mut Request<()>) -> Ticket {
    UREQ.authorize(request).expect("there is a token")
}

fn with_reqwest(request: &mut reqwest::Request) -> Ticket {
    let authorized = std::pin::pin!(REQWEST.authorize(None, request));
    match authorized.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(ticket) => ticket.expect("there is a token"),
        Poll::Pending => panic!("there is a token"),
    }
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let settings = Settings::new()
        .with_user("u", "p")
        .with_access_token_life(DAY);
    Server::start(Emulator::new(settings)).expect("a loopback port")
});
const DAY: Duration = Duration::from_secs(86_400);

/// The tokens come from loopback; the target is where it is in production.
fn provider() -> Provider {
    Provider::simacan_at(SERVER.base_url())
        .allow_origin("https://sct-gps-data-api.services.simacan.com")
        .allow_origin("https://sct-tracking-data-api.services.simacan.com")
        .allow_loopback_http()
        .build()
        .expect("it is well formed")
}

static UREQ: LazyLock<simacan_auth_ureq::Client> = LazyLock::new(|| {
    let credentials = Credentials::new("u", "p");
    let client = simacan_auth_ureq::Client::builder(provider(), credentials).build();
    client.log_in().expect("the server is here");
    client
});

static REQWEST: LazyLock<simacan_auth_reqwest::Client> = LazyLock::new(|| {
    let credentials = Credentials::new("u", "p");
    let client = simacan_auth_reqwest::Client::builder(provider(), credentials);
    let client = client.build().expect("it is well formed");
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    runtime
        .block_on(client.log_in())
        .expect("the server is here");
    client
});

static BEARER: LazyLock<HeaderValue> = LazyLock::new(|| {
    let mut request = request();
    drop(with_ureq(&mut request));
    // Of memory of its own, as a program would build it.
    let mut bearer =
        HeaderValue::from_bytes(request.headers()[AUTHORIZATION].as_bytes()).expect("it is one");
    bearer.set_sensitive(true);
    bearer
});

static MACHINE: LazyLock<Mutex<Machine>> = LazyLock::new(|| {
    let credentials = Credentials::new("u", "p");
    let mut machine = Machine::new(Provider::simacan(), credentials, Config::default());
    let now = Timestamp::from(SystemTime::now());
    let permit: Permit = machine.permit();
    let Clearance::Wait(_) = machine.log_in(now, permit) else {
        panic!("there is no token yet");
    };
    let token = BEARER
        .to_str()
        .expect("it is ASCII")
        .trim_start_matches("Bearer ");
    let answer = format!(
        r#"{{"access_token":"{token}","refresh_token":"r","token_type":"bearer","expires_in":86400}}"#
    );
    loop {
        match machine.poll(now) {
            Output::Transmit(login) => {
                let answer = http::Response::new(answer.as_bytes());
                machine.handle_response(now, login.exchange, answer);
            }
            Output::Wait(_) => return Mutex::new(machine),
            _ => {}
        }
    }
});

#[divan::bench(name = "floor", threads = [1, 2])]
fn bench_floor(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(headers).bench_refs(floor);
}

#[divan::bench(name = "machine", threads = [1, 2])]
fn bench_machine(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(request).bench_refs(with_machine);
}

#[divan::bench(name = "ureq", threads = [1, 2])]
fn bench_ureq(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(request).bench_refs(with_ureq);
}

#[divan::bench(name = "reqwest", threads = [1, 2])]
fn bench_reqwest(bencher: Bencher<'_, '_>) {
    bencher
        .with_inputs(reqwest_request)
        .bench_refs(with_reqwest);
}
