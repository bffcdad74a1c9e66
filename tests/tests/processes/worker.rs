//! A process of a fleet: pushes numbered positions until it is told to stop, or killed.

use std::io::{self, Read};
use std::path::Path;
use std::process::{self, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use http::StatusCode;
use simacan_auth::{Config, Denied, Event, Failure};

use crate::child::{Task, parameter};
use crate::pusher::{Adapter, Outcome, Plan, Pusher, until};

/// In each process.
pub(crate) const CALLERS: usize = 2;

/// An hour takes a second, the life of a token here.
const COMPRESSED: u32 = 3600;

/// Between two pushes of a caller.
const PACE: Duration = Duration::from_millis(10);

/// What a worker is told.
pub(crate) struct Job<'a> {
    pub(crate) worker: usize,
    pub(crate) adapter: Adapter,
    pub(crate) origin: String,
    pub(crate) proxy: String,
    pub(crate) session: &'a Path,
    /// The position that each caller pushes first.
    pub(crate) from: [u64; CALLERS],
}

impl Job<'_> {
    pub(crate) fn command(&self) -> Command {
        let mut command = Task::Work.command();
        command
            .env("WORKER", self.worker.to_string())
            .env("ADAPTER", self.adapter.to_string())
            .env("ORIGIN", &self.origin)
            .env("PROXY", &self.proxy)
            .env("SESSION", self.session);
        for (caller, from) in self.from.iter().enumerate() {
            command.env(format!("FROM_{caller}"), from.to_string());
        }
        command
    }
}

/// What it says, a line each.
pub(crate) enum Said {
    /// A caller's position was answered 204.
    Accepted { caller: usize, position: u64 },
    /// It took over what another process had saved.
    Adopted,
    /// A 401 was delivered, or there was no token for now.
    Again,
    /// What is not to happen.
    Trouble(String),
}

impl From<&str> for Said {
    fn from(line: &str) -> Self {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["accepted", caller, position] => Self::Accepted {
                caller: caller.parse().expect("a caller"),
                position: position.parse().expect("a position"),
            },
            ["adopted"] => Self::Adopted,
            ["again"] => Self::Again,
            _ => Self::Trouble(line.to_owned()),
        }
    }
}

/// In one go, so that no other thread's words get between.
fn say(line: &str) {
    use io::Write;
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

pub(crate) fn body(worker: &str, caller: usize, position: u64) -> String {
    format!("worker {worker} caller {caller} position {position}")
}

pub(crate) fn work() {
    let worker = parameter("WORKER");
    let adapter = parameter("ADAPTER").parse().expect("an adapter");
    let session = parameter("SESSION");
    let origin = parameter("ORIGIN");
    let target = format!("{origin}/api/v1/realisation");
    let mut plan = Plan::new(&origin, Path::new(&session));
    plan.proxy = Some(parameter("PROXY"));
    plan.config = Config::default().compressed(COMPRESSED);
    plan.config.target_refreshes = 1_000; // tokens are ended more often than in any hour
    plan.on_event = Box::new(tell);
    let pusher = Pusher::new(adapter, plan);

    let is_over = Arc::new(AtomicBool::new(false));
    thread::spawn({
        let is_over = is_over.clone();
        move || {
            let asked = io::stdin().read(&mut [0]);
            if !matches!(asked, Ok(1)) {
                process::exit(1); // nobody is there any more
            }
            is_over.store(true, Ordering::SeqCst);
        }
    });
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let from = parameter(&format!("FROM_{caller}"));
            let from: u64 = from.parse().expect("a position");
            let (pusher, target, worker, is_over) = (&pusher, &target, &worker, &is_over);
            scope.spawn(move || {
                for position in from.. {
                    push(pusher, target, &body(worker, caller, position));
                    say(&format!("accepted {caller} {position}"));
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    thread::sleep(PACE);
                }
            });
        }
    });
}

/// Until it is accepted.
fn push(pusher: &Pusher, target: &str, body: &str) {
    loop {
        let wait = match pusher.push(target, body) {
            Outcome::Answered(StatusCode::NO_CONTENT) => return,
            // The next token was ended, too, before it was used.
            Outcome::Answered(StatusCode::UNAUTHORIZED) => PACE,
            Outcome::Denied(Denied::Unavailable { until: at, .. }) => until(at),
            outcome => {
                say(&format!("trouble: {outcome}"));
                Duration::ZERO
            }
        };
        say("again");
        thread::sleep(wait + Duration::from_millis(1));
    }
}

fn tell(event: &Event) {
    match event {
        Event::Adopted { .. } => say("adopted"),
        Event::SaveFailed { .. }
        | Event::SavedSessionDamaged { .. }
        | Event::SavedSessionForeign
        | Event::RefusalRemembered { .. }
        | Event::Rejected { .. }
        | Event::AttemptFailed {
            failure: Failure::Store(_),
            ..
        }
        | Event::RoundFailed {
            failure: Failure::Store(_),
            ..
        } => say(&format!("trouble: {event}")),
        _ => {}
    }
}
