//! A program that is started once a minute, for a day.

use std::path::Path;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use simacan_auth::{Credentials, Denied, Doubling};
use simacan_auth_emulator::{Emulator, Endpoint, Entry, Fault, Server};

use crate::pusher::{Adapter, Outcome, Plan, Pusher};
use crate::surroundings::{Clock, Folder, PASSWORD, USERNAME, counters, settings};

for_both! {
    i2_a_wrong_password_is_sent_once_a_day,
    i2_a_wrong_password_that_is_corrected_works_at_once,
    i13_an_auth_api_that_fails_for_a_day_gets_few_passwords,
    i13_an_auth_api_that_is_down_for_a_day_gets_few_passwords,
    i1_a_good_password_is_sent_once_a_day,
}

pub(crate) const WRONG_PASSWORD: &str = "wr0ng h0rse";
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
const RUNS: u32 = 24 * 60;

/// A platform with a clock of its own, and the program's file.
pub(crate) struct Day {
    pub(crate) clock: Clock,
    pub(crate) server: Server,
    pub(crate) folder: Folder,
    adapter: Adapter,
}

impl Day {
    pub(crate) fn new(name: &str, adapter: Adapter) -> Self {
        let clock = Clock::default();
        Self {
            server: clock.serve(settings()),
            clock,
            folder: Folder::new(&format!("{name}-{adapter}")),
            adapter,
        }
    }

    /// A run of the program: all that it has is new, but for its file.
    pub(crate) fn run(&self, password: &str) -> Outcome {
        let origin = self.server.origin();
        run(
            self.adapter,
            &origin,
            &self.folder.session(),
            password,
            self.clock.clone(),
        )
    }

    pub(crate) fn passwords(&self) -> u64 {
        counters(&self.server).passwords_received
    }
}

pub(crate) fn run(
    adapter: Adapter,
    origin: &str,
    session: &Path,
    password: &str,
    clock: Clock,
) -> Outcome {
    let mut plan = Plan::new(origin, session);
    plan.credentials = Credentials::new(USERNAME, password);
    plan.clock = Box::new(move || clock.now().into());
    plan.config.patience = Duration::from_secs(10); // waiting takes real time
    push_by(adapter, plan, origin)
}

pub(crate) fn push_by(adapter: Adapter, mut plan: Plan, origin: &str) -> Outcome {
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
pub(crate) fn passwords_at(server: &Server) -> Vec<SystemTime> {
    let is_password = |entry: &&Entry| entry.endpoint == Endpoint::Password;
    server.with(|emulator| {
        let entries = emulator.ledger().entries().iter();
        entries.filter(is_password).map(|entry| entry.at).collect()
    })
}

/// I13: at most 12 in any hour.
#[track_caller]
pub(crate) fn assert_few_an_hour(passwords: &[SystemTime]) {
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
            Outcome::Denied(Denied::Unavailable { .. }) => {}
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
