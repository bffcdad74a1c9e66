//! The same in processes of their own, for some of the runs.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use simacan_auth::Credentials;
use simacan_auth_emulator::Emulator;

use crate::child::{Process, Task, lock, parameter};
use crate::front::{Front, Moment};
use crate::minutely::{DAY, Day, MINUTE, WRONG_PASSWORD, assert_few_an_hour, push_by};
use crate::pusher::{Adapter, Plan};
use crate::surroundings::{Clock, Folder, PASSWORD, USERNAME, settings};

for_both! {
    i2_processes_send_a_wrong_password_once_a_day,
    i13_a_process_that_is_killed_with_each_password_in_flight_sends_few,
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
