//! A machine by itself, in simulated time. `cargo bench -p simacan-auth-tests --bench machine`
//!
//! A life is what a driver makes of hourly tokens: each hour a target request that makes the refresh due,
//! the refresh, its answer, and the review. Three of its calls are transitions of the session's state:
//! due, begun, answered.

mod common;

use simacan_auth::Pending;
use std::hint::black_box;
use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use divan::Bencher;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use simacan_auth::{Authorization, Config, Credentials, Machine, Output, Provider, Timestamp};

/// In hours.
const WEEK: u32 = 24 * 7;
const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const ANSWER: &[u8] =
    br#"{"access_token":"ey.A.s","expires_in":3600,"refresh_token":"ey.R.s","token_type":"bearer"}"#;

fn main() {
    divan::main();
    if !common::is_bench() {
        return;
    }
    years();
    thousand();
    flat();
}

/// Ten machines, a year each.
fn years() {
    let mut counts = Counts::default();
    let mut weeks = Vec::new();
    for _ in 0..10 {
        let mut life = Life::new();
        for _ in 0..52 {
            weeks.push(common::time(WEEK, &mut || life.hour(&mut counts)));
        }
    }
    let hour = common::median(weeks.into_iter());
    let calls = f64::from(counts.calls) / f64::from(counts.refreshes);
    let transitions = f64::from(counts.transitions) / f64::from(counts.refreshes);
    let rate = |each: f64| each / hour * 1e3;
    println!(
        "an hour of one: {hour:.0} ns; millions a second: {:.2} refreshes, {:.2} transitions, {:.2} calls",
        rate(1.0),
        rate(transitions),
        rate(calls),
    );
}

/// A thousand machines, a year each: on one core, and on all that there are. None knows of another.
fn thousand() {
    let all = thread::available_parallelism().map_or(1, NonZero::get);
    for cores in [1, all] {
        let start = Instant::now();
        thread::scope(|scope| {
            for core in 0..cores {
                let lives = (core..1000).step_by(cores);
                scope.spawn(move || {
                    for mut life in lives.map(|_| Life::new()) {
                        (0..52 * WEEK).for_each(|_| life.hour(&mut Counts::default()));
                    }
                });
            }
        });
        let seconds = start.elapsed().as_secs_f64();
        println!("a year of hourly tokens for a thousand sessions, cores: {cores}: {seconds:.1} s");
    }
}

/// What an hour costs among so many machines, where there is one at the floor: each in its turn, and in an order
/// that no cache foresees. And what of that is the memory's: the same of values that have a machine's size and
/// tokens, and no logic.
fn flat() {
    for (order, stride) in [("in turn", 1), ("in no order", 61_803)] {
        for machines in [1, 10, 100, 1_000, 10_000, 100_000] {
            let hour = |life: &mut Life| life.hour(&mut Counts::default());
            let name = format!("an hour of one of {machines}, {order}");
            among(&name, machines, stride, Life::new, hour);
            among("  with no logic", machines, stride, Bare::new, Bare::hour);
        }
    }
}

fn among<T>(
    name: &str,
    many: usize,
    stride: usize,
    new: impl Fn() -> T + Sync,
    hour: impl Fn(&mut T) + Sync,
) {
    let among = |many| {
        let (new, hour) = (&new, &hour);
        move || {
            let mut all: Vec<T> = (0..many).map(|_| new()).collect();
            // The first hour of each takes memory that it keeps, new to the process.
            all.iter_mut().for_each(hour);
            let mut turn = 0;
            move || {
                hour(&mut all[turn]);
                turn = (turn + stride) % many;
            }
        }
    };
    common::ratio(name, 1, 50, among(1), among(many));
}

/// A machine's memory.
struct Bare {
    machine: [u64; size_of::<Machine>() / 8],
    refresh_token: Vec<u8>,
    request: Request<()>,
}

impl Bare {
    fn new() -> Self {
        Self {
            machine: [0; _],
            refresh_token: Vec::new(),
            request: request(),
        }
    }

    /// Touches all of it, and brings other tokens.
    fn hour(&mut self) {
        for word in self.machine.iter_mut().step_by(8) {
            *black_box(word) += 1;
        }
        self.refresh_token = black_box(b"ey.R.s").to_vec();
        let bearer = HeaderValue::from_bytes(black_box(b"Bearer ey.A.s")).expect("it is ASCII");
        self.request.headers_mut().insert(AUTHORIZATION, bearer);
    }
}

fn request() -> Request<()> {
    let uri = "https://sct-tracking-data-api.services.simacan.com/api/v1/realisation";
    Request::post(uri).body(()).expect("it is well formed")
}

#[derive(Default)]
struct Counts {
    calls: u32,
    transitions: u32,
    refreshes: u32,
}

/// One session and its clock.
struct Life {
    machine: Machine,
    now: Timestamp,
    request: Request<()>,
}

impl Life {
    fn new() -> Self {
        let credentials = Credentials::new("foo@bar.com", "open sesame");
        let machine = Machine::new(Provider::simacan(), credentials, Config::default());
        let mut life = Self {
            machine,
            now: START,
            request: request(),
        };
        let pending = Pending::new();
        let Authorization::Wait(_) = life.machine.log_in(START, pending) else {
            panic!("there is no token yet");
        };
        life.drain(&mut Counts::default());
        life
    }

    /// The token is due and still good.
    fn hour(&mut self, counts: &mut Counts) {
        self.now = self.now.saturating_add(Duration::from_secs(3570));
        let pending = Pending::new();
        let authorization = self.machine.authorize(self.now, pending, &mut self.request);
        let Authorization::Ready(sent) = authorization else {
            panic!("the token is good");
        };
        counts.calls += 3;
        counts.transitions += 1;
        self.drain(counts);
        let review = self.machine.review(self.now, sent, StatusCode::OK);
        drop(black_box(review));
        counts.calls += 1;
    }

    fn drain(&mut self, counts: &mut Counts) {
        loop {
            counts.calls += 1;
            match self.machine.poll(self.now) {
                Output::Event(event) => drop(black_box(event)),
                Output::Transmit(transmit) => {
                    let (id, answer) = (transmit.exchange, Response::new(ANSWER));
                    drop(black_box(transmit.request));
                    self.machine.handle_response(self.now, id, answer);
                    counts.calls += 1;
                    counts.transitions += 2;
                    counts.refreshes += 1;
                }
                Output::Credentials(_) => unreachable!("it has no source"),
                Output::Wait(_) => return,
                Output::Store(op) => panic!("it has no store: {op:?}"),
            }
        }
    }
}

#[divan::bench]
fn hour(bencher: Bencher<'_, '_>) {
    let mut life = Life::new();
    bencher.bench_local(move || life.hour(&mut Counts::default()));
}
