//! A program that is started once a minute, for a day.

use std::error::Error as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use simacan_auth::{Credentials, Denied, Doubling};
use simacan_auth_emulator::{Emulator, Endpoint, Entry, Fault, Server};

use crate::child::{Process, Task, lock, parameter};
use crate::front::{Front, Moment};
use crate::pusher::{Adapter, Outcome, Plan, Pusher};
use crate::world::{Clock, Folder, PASSWORD, USERNAME, counters, settings};

/// Makes a test of each case for each adapter.
macro_rules! for_both {
    ($($case:ident),+ $(,)?) => {
        mod ureq {
            $(#[test] fn $case() { super::$case(super::Adapter::Ureq); })+
        }
        mod reqwest {
            $(#[test] fn $case() { super::$case(super::Adapter::Reqwest); })+
        }
    };
}

for_both! {
    i2_a_wrong_password_is_sent_once_a_day,
    i2_a_wrong_password_that_is_corrected_works_at_once,
    i13_an_auth_api_that_fails_for_a_day_gets_few_passwords,
    i13_an_auth_api_that_is_down_for_a_day_gets_few_passwords,
    i1_a_good_password_is_sent_once_a_day,
    i2_processes_send_a_wrong_password_once_a_day,
    i13_a_process_that_is_killed_with_each_password_in_flight_sends_few,
}

const WRONG_PASSWORD: &str = "wr0ng h0rse";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const RUNS: u32 = 24 * 60;

/// A platform with a clock of its own, and the program's file.
struct Day {
    clock: Clock,
    server: Server,
    folder: Folder,
    adapter: Adapter,
}

impl Day {
    fn new(name: &str, adapter: Adapter) -> Self {
        let clock = Clock::default();
        Self {
            server: clock.serve(settings()),
            clock,
            folder: Folder::new(&format!("{name}-{adapter}")),
            adapter,
        }
    }

    /// A run of the program: all that it has is new, but for its file.
    fn run(&self, password: &str) -> Outcome {
        let origin = self.server.origin();
        run(
            self.adapter,
            &origin,
            &self.folder.session(),
            password,
            self.clock.clone(),
        )
    }

    fn passwords(&self) -> u64 {
        counters(&self.server).passwords_received
    }
}

fn run(adapter: Adapter, origin: &str, session: &Path, password: &str, clock: Clock) -> Outcome {
    let mut plan = Plan::new(origin, session);
    plan.credentials = Credentials::new(USERNAME, password);
    plan.clock = Box::new(move || clock.now().into());
    push_by(adapter, plan, origin)
}

fn push_by(adapter: Adapter, mut plan: Plan, origin: &str) -> Outcome {
    // The usual pace, but that attempts follow each other at once.
    plan.config.backoff = Doubling {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(1),
    };
    let pusher = Pusher::new(adapter, plan);
    pusher.push(&format!("{origin}/api/v1/realisation"), "a position")
}

#[track_caller]
fn assert_rejected(outcome: &Outcome) {
    let is_rejected = matches!(outcome, Outcome::Denied(Denied::Rejected { .. }));
    assert!(is_rejected, "{outcome}");
}

#[track_caller]
fn assert_accepted(outcome: &Outcome) {
    let is_accepted = matches!(outcome, Outcome::Answered(StatusCode::NO_CONTENT));
    assert!(is_accepted, "{outcome}");
}

fn i2_a_wrong_password_is_sent_once_a_day(adapter: Adapter) {
    let day = Day::new("wrong", adapter);
    for _ in 1..RUNS {
        assert_rejected(&day.run(WRONG_PASSWORD));
        day.clock.skip(MINUTE);
    }
    assert_eq!(day.passwords(), 1, "in a day");
    // A day after it was refused.
    day.clock.skip(MINUTE);
    for _ in 0..10 {
        assert_rejected(&day.run(WRONG_PASSWORD));
        day.clock.skip(MINUTE);
    }
    assert_eq!(day.passwords(), 2, "on the next day");
}

fn i2_a_wrong_password_that_is_corrected_works_at_once(adapter: Adapter) {
    let day = Day::new("corrected", adapter);
    for _ in 0..10 {
        assert_rejected(&day.run(WRONG_PASSWORD));
        day.clock.skip(MINUTE);
    }
    for _ in 0..10 {
        assert_accepted(&day.run(PASSWORD));
        day.clock.skip(MINUTE);
    }
    assert_eq!(day.passwords(), 2, "the wrong one and the good one");
}

/// When passwords were received.
fn passwords_at(server: &Server) -> Vec<SystemTime> {
    let is_password = |entry: &&Entry| entry.endpoint == Endpoint::Password;
    server.with(|emulator| {
        let entries = emulator.ledger().entries().iter();
        entries.filter(is_password).map(|entry| entry.at).collect()
    })
}

/// I13: at most 12 in any hour.
#[track_caller]
fn assert_few_an_hour(passwords: &[SystemTime]) {
    for few in passwords.windows(13) {
        let took = few[12].duration_since(few[0]).expect("in order");
        assert!(took >= HOUR, "13 passwords in {took:?}");
    }
}

fn fails_for_a_day(name: &str, adapter: Adapter, fault: Fault) {
    let day = Day::new(name, adapter);
    day.server
        .with(|emulator| emulator.script_n(Endpoint::Password, fault, 100_000));
    for _ in 0..RUNS {
        match day.run(PASSWORD) {
            Outcome::Denied(denied @ Denied::Unavailable { .. }) => {
                assert!(denied.source().is_some(), "{denied}");
            }
            outcome => panic!("{outcome}"),
        }
        day.clock.skip(MINUTE);
    }
    let passwords = passwords_at(&day.server);
    println!("{adapter}, {name}: {} passwords in a day", passwords.len());
    assert_few_an_hour(&passwords);
    let an_hour = passwords.len() / 24;
    assert!((1..=12).contains(&an_hour), "{an_hour} an hour");

    // Once it is over, a password leaves within a quarter of an hour.
    day.server.with(Emulator::clear_script);
    let mut minutes = 0;
    while let Outcome::Denied(denied) = day.run(PASSWORD) {
        assert!(minutes < 15, "{denied}");
        day.clock.skip(MINUTE);
        minutes += 1;
    }
    assert_accepted(&day.run(PASSWORD));
    assert_eq!(day.passwords(), passwords.len() as u64 + 1);
}

fn i13_an_auth_api_that_fails_for_a_day_gets_few_passwords(adapter: Adapter) {
    let fault = Fault::Status(StatusCode::INTERNAL_SERVER_ERROR);
    fails_for_a_day("fails", adapter, fault);
}

fn i13_an_auth_api_that_is_down_for_a_day_gets_few_passwords(adapter: Adapter) {
    fails_for_a_day("down", adapter, Fault::RequestLost);
}

fn i1_a_good_password_is_sent_once_a_day(adapter: Adapter) {
    let day = Day::new("good", adapter);
    for _ in 0..RUNS {
        assert_accepted(&day.run(PASSWORD));
        day.clock.skip(MINUTE);
    }
    let counters = counters(&day.server);
    println!("{adapter}, a good day: {counters:#?}");
    assert_eq!(counters.passwords_received, 1);
    assert_eq!((counters.reuses, counters.target_unauthorized), (0, 0));
    // Each is good for an hour, less two minutes at most.
    assert!((24..=26).contains(&counters.refreshes_received));
}

/// A run in a process of its own.
struct Run<'a> {
    adapter: Adapter,
    origin: String,
    proxy: Option<String>,
    session: &'a Path,
    password: &'a str,
    clock: &'a Clock,
}

impl Run<'_> {
    fn command(&self) -> Command {
        let mut command = Task::PushMinutely.command();
        command
            .env("ADAPTER", self.adapter.to_string())
            .env("ORIGIN", &self.origin)
            .env("PROXY", self.proxy.as_deref().unwrap_or_default())
            .env("SESSION", self.session)
            .env("PASSWORD", self.password)
            .env("SKIPPED", self.clock.skipped().as_millis().to_string());
        command
    }
}

/// What such a process does; it says what that has come to.
pub(crate) fn push() {
    let clock = Clock::default();
    let skipped = parameter("SKIPPED").parse().expect("a number");
    clock.skip(Duration::from_millis(skipped));
    let adapter = parameter("ADAPTER").parse().expect("an adapter");
    let (origin, session) = (parameter("ORIGIN"), parameter("SESSION"));
    let mut plan = Plan::new(&origin, Path::new(&session));
    plan.credentials = Credentials::new(USERNAME, parameter("PASSWORD"));
    plan.proxy = Some(parameter("PROXY")).filter(|proxy| !proxy.is_empty());
    plan.clock = Box::new(move || clock.now().into());
    eprintln!("{}", push_by(adapter, plan, &origin));
}

fn i2_processes_send_a_wrong_password_once_a_day(adapter: Adapter) {
    const RUNS: u32 = 24;
    let day = Day::new("processes", adapter);
    let run = |password| {
        let run = Run {
            adapter,
            origin: day.server.origin(),
            proxy: None,
            session: &day.folder.session(),
            password,
            clock: &day.clock,
        };
        let (status, said) = Process::run(run.command());
        assert!(status.success(), "{status}: {said:#?}");
        said.concat()
    };
    for _ in 0..RUNS {
        let said = run(WRONG_PASSWORD);
        assert!(said.contains("refused the password of"), "{said}");
        day.clock.skip(DAY / (RUNS + 1));
    }
    assert_eq!(day.passwords(), 1, "in a day");
    day.clock.skip(DAY / (RUNS + 1));
    run(WRONG_PASSWORD);
    run(WRONG_PASSWORD);
    assert_eq!(day.passwords(), 2, "on the next day");
    assert_eq!(run(PASSWORD), StatusCode::NO_CONTENT.to_string());
    assert_eq!(run(PASSWORD), StatusCode::NO_CONTENT.to_string());
    assert_eq!(day.passwords(), 3, "corrected");
}

/// That a password has left is saved before it does.
fn i13_a_process_that_is_killed_with_each_password_in_flight_sends_few(adapter: Adapter) {
    const RUNS: usize = 60;
    const MOMENTS: [Moment; 3] = [Moment::Asked, Moment::Decided, Moment::HalfAnswered];
    let folder = Folder::new(&format!("in-flight-{adapter}"));
    let clock = Clock::default();
    let front = Front::start(Emulator::new(settings()), {
        let clock = clock.clone();
        move || clock.now()
    });
    let mut sent = Vec::new();
    for n in 0..RUNS {
        let run = Run {
            adapter,
            origin: front.origin(),
            proxy: Some(front.proxy(n)),
            session: &folder.session(),
            password: PASSWORD,
            clock: &clock,
        };
        front.arm(MOMENTS[n % MOMENTS.len()]);
        let said = Arc::new(Mutex::new(String::new()));
        let process = Arc::new(Process::start(run.command(), {
            let said = said.clone();
            move |line| lock(&said).push_str(&line)
        }));
        front.register(n, process.clone());
        process.end();
        if process.was_killed() {
            sent.push(clock.now());
        } else {
            let said = lock(&said);
            assert!(said.contains("sent too often"), "{said}");
        }
        clock.skip(MINUTE);
    }
    println!(
        "{adapter}, killed each time: {} passwords in {RUNS} minutes",
        sent.len()
    );
    assert_eq!(front.struck().len(), sent.len());
    assert_few_an_hour(&sent);
    assert!(sent.len() > 4, "it does not give up");
}
