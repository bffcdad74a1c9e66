//! What the hot path, a refresh and a machine take of the allocator.

use simacan_auth::Pending;
use std::time::{Duration, SystemTime};

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use simacan_auth::{
    Authorization, Config, Credentials, Machine, Output, Provider, ResponseBody, Review, Timestamp,
    TransportFailure,
};
use simacan_auth_memory::Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// The refresh is due, and the token is still good.
const DUE: Duration = Duration::from_secs(3570);
const TARGETS: [&str; 2] = [
    "https://sct-tracking-data-api.services.simacan.com/api/v1/realisation",
    "https://tracking-device-api.services.simacan.com/api/v1/devices",
];

/// A token response of 2 kB, in a body as a driver collects it.
fn tokens() -> Response<ResponseBody> {
    let (access, refresh) = ("a".repeat(ACCESS), "r".repeat(REFRESH));
    let text = format!(
        r#"{{"access_token":"{access}","expires_in":3600,"refresh_expires_in":86400,"refresh_token":"{refresh}","token_type":"bearer","not-before-policy":0,"scope":"email profile"}}"#
    );
    let mut body = ResponseBody::new();
    assert!(body.push(text.as_bytes()).is_continue());
    Response::new(body)
}
const ACCESS: usize = 1200;
const REFRESH: usize = 700;

/// What a driver does: polls until there is nothing more to do, and has what is to be sent answered by
/// `answer`.
fn drain(
    machine: &mut Machine,
    now: Timestamp,
    mut answer: impl FnMut() -> Option<Response<ResponseBody>>,
) {
    let mut in_flight = None;
    loop {
        match machine.poll(now) {
            Output::Event(_) => {}
            Output::Transmit(transmit) => in_flight = Some(transmit.exchange),
            Output::Store(_) | Output::Credentials(_) => panic!("it has neither"),
            Output::Wait(_) => {
                let Some(exchange) = in_flight.take() else {
                    return;
                };
                match answer() {
                    Some(answer) => machine.handle_response(now, exchange, answer),
                    None => machine.handle_failure(now, exchange, TransportFailure::timed_out()),
                }
            }
        }
    }
}

fn logged_in() -> Machine {
    let credentials = Credentials::new("foo@bar.com", "open sesame");
    let mut machine = Machine::new(Provider::simacan(), credentials, Config::default());
    let pending = Pending::new();
    let waits = machine.log_in(START, pending);
    assert!(matches!(waits, Authorization::Wait(_)));
    drain(&mut machine, START, || Some(tokens()));
    machine
}

/// With room for one more header, as most builders of requests leave it.
fn request(target: &str) -> Request<()> {
    let request = Request::post(target).header("content-type", "application/xml");
    request.body(()).expect("it is well formed")
}

fn authorize(machine: &mut Machine, now: Timestamp, request: &mut Request<()>) {
    let pending = Pending::new();
    let Authorization::Ready(sent) = machine.authorize(now, pending, request) else {
        panic!("there is a token");
    };
    let review = machine.review(now, sent, StatusCode::OK);
    assert!(matches!(review, Review::Deliver));
}

/// How many allocations that makes.
fn allocations(run: impl FnOnce()) -> usize {
    let before = Counting::allocations();
    run();
    Counting::allocations() - before
}

#[test]
fn with_a_good_token_to_authorize_and_to_review_allocates_nothing() {
    let mut machine = logged_in();
    let mut requests = TARGETS.map(request);
    for request in &mut requests {
        authorize(&mut machine, START, request);
    }
    let made = allocations(|| {
        for request in &mut requests {
            authorize(&mut machine, START, request);
            drain(&mut machine, START, || panic!("nothing is due"));
        }
    });
    assert_eq!(made, 0);
}

#[test]
fn a_cached_bearer_allocates_nothing_once_it_was_given() {
    let mut machine = logged_in();
    let mut requests = TARGETS.map(request);
    for request in &mut requests {
        authorize(&mut machine, START, request);
    }
    drop(machine.cached_bearer().expect("there is a token"));
    let now = SystemTime::from(START);
    let made = allocations(|| {
        let cached = machine.cached_bearer().expect("it is the same");
        for request in &mut requests {
            let sent = cached.authorize(now, request).expect("it holds");
            let _deliver = machine.review(START, sent, StatusCode::OK);
        }
    });
    assert_eq!(made, 0);
}

/// The first failure opens a cool-down, in which each request asks whether it is over.
#[test]
fn an_early_refresh_that_cools_down_costs_the_requests_no_allocation() {
    let mut machine = logged_in();
    let mut request = request(TARGETS[0]);
    let mut now = START.saturating_add(Duration::from_secs(3510));
    for _ in 0..3 {
        authorize(&mut machine, now, &mut request);
        drain(&mut machine, now, || None);
        now = now.saturating_add(Duration::from_secs(1));
    }
    let made = allocations(|| {
        authorize(&mut machine, now, &mut request);
        drain(&mut machine, now, || panic!("it cools down"));
    });
    assert_eq!(made, 0);
    assert!(request.headers().contains_key(AUTHORIZATION));
}

/// The request: its form, and two of the header map. The answer: the room that it is read into, the bearer,
/// the owner of its bytes, the refresh token.
#[test]
fn a_whole_refresh_makes_few_allocations() {
    let mut machine = logged_in();
    let mut request = request(TARGETS[0]);
    authorize(&mut machine, START, &mut request);
    let now = START.saturating_add(DUE);
    let answer = tokens();
    let (parts, body) = answer.into_parts();
    let made = allocations(|| {
        authorize(&mut machine, now, &mut request);
        drain(&mut machine, now, || {
            let mut collected = ResponseBody::new();
            assert!(collected.push(body.as_ref()).is_continue());
            Some(Response::from_parts(parts.clone(), collected))
        });
    });
    assert_eq!(machine.generation().get(), 2);
    assert_eq!(made, 7);
}

/// With one target, after some refreshes. What machines share is not counted, and neither is the cached bearer, which
/// is the driver's.
#[test]
fn a_machine_takes_little_more_than_a_kibibyte_beside_its_tokens() {
    drop(logged_in());
    let before = Counting::in_use();
    let mut machine = Box::new(logged_in());
    let mut request = request(TARGETS[0]);
    let mut now = START;
    for _ in 0..3 {
        authorize(&mut machine, now, &mut request);
        now = now.saturating_add(DUE);
        authorize(&mut machine, now, &mut request);
        drain(&mut machine, now, || Some(tokens()));
    }
    authorize(&mut machine, now, &mut request);
    drop(request);
    let all = Counting::in_use() - before;
    let beside = all - (ACCESS + REFRESH).cast_signed();
    println!(
        "{beside} bytes, of which {} in itself",
        size_of::<Machine>()
    );
    assert!(beside <= 1200, "{beside} bytes");
}
