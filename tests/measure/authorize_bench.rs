//! The hot path: the current bearer token put on a request. `cargo bench -p simacan-auth-tests --bench
//! authorize`
//!
//! Floor: clone a prebuilt header value, insert it, read the clock.

mod common;

use simacan_auth::Pending;
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, SystemTime};

use divan::{Bencher, black_box};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response};
use simacan_auth::{
    Authorization, Config, Credentials, Machine, Output, Provider, RequestBody, ResponseBody, Sent,
    Timestamp,
};
use simacan_auth_emulator::{Emulator, Settings};
use simacan_auth_ureq::simacan_auth_driver::{Driver, block_on};

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
        ratio("the driver of both adapters", threads, CALLS, floor, || {
            let mut request = request();
            move || drop(with_driver(&mut request))
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

fn floor(headers: &mut HeaderMap) {
    black_box(SystemTime::now());
    headers.insert(AUTHORIZATION, BEARER.clone());
}

fn with_machine(request: &mut Request<()>) -> Sent {
    let now = SystemTime::now().into();
    let mut machine = MACHINE.lock().expect("no panic");
    let pending = Pending::new();
    let authorization = machine.authorize(now, pending, request);
    let Output::Wait(_) = machine.poll(now) else {
        panic!("nothing is due");
    };
    drop(machine);
    match authorization {
        Authorization::Ready(sent) => sent,
        other => panic!("there is a token: {other:?}"),
    }
}

/// As the adapters do.
fn with_driver(request: &mut Request<()>) -> Sent {
    block_on(DRIVER.authorize(None, request)).expect("there is a token")
}

fn respond(request: &Request<RequestBody>) -> Response<ResponseBody> {
    static PLATFORM: LazyLock<Mutex<Emulator>> = LazyLock::new(|| {
        const DAY: Duration = Duration::from_secs(86_400);
        let settings = Settings::new().with_user("u", "p");
        Mutex::new(Emulator::new(settings.with_access_token_life(DAY)))
    });
    let mut platform = PLATFORM.lock().expect("no panic");
    let answer = platform.respond(SystemTime::now(), request);
    answer.expect("no fault is set").map(|answer| {
        let mut body = ResponseBody::new();
        assert!(body.push(&answer).is_continue());
        body
    })
}

static DRIVER: LazyLock<Driver> = LazyLock::new(|| {
    let settings = Driver::settings(Provider::simacan(), Credentials::new("u", "p"));
    settings.build(|request| Ok(respond(&request)))
});

static BEARER: LazyLock<HeaderValue> = LazyLock::new(|| {
    let mut request = request();
    drop(with_driver(&mut request));
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
    let pending = Pending::new();
    let Authorization::Wait(_) = machine.log_in(now, pending) else {
        panic!("there is no token yet");
    };
    loop {
        match machine.poll(now) {
            Output::Transmit(login) => {
                machine.handle_response(now, login.exchange, respond(&login.request));
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

#[divan::bench(name = "driver", threads = [1, 2])]
fn bench_driver(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(request).bench_refs(with_driver);
}
