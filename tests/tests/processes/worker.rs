//! A process of a fleet: pushes numbered positions until it is told to stop, or killed.

use std::io::{self, Read};
use std::path::Path;
use std::process::{self, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use simacan_auth::{Config, Denied, Event, Failure, Timestamp};

use crate::child::{Task, parameter};
use crate::place;
use crate::pusher::{Adapter, Outcome, Plan, Pusher, until};

/// In each process.
pub(crate) const CALLERS: usize = 2;

/// Between two pushes of a caller.
const PACE: Duration = Duration::from_millis(10);

/// Between two tries, whatever a wrong clock says.
const LONGEST: Duration = Duration::from_secs(1);

/// What a worker is told.
pub(crate) struct Job<'a> {
    pub(crate) worker: usize,
    pub(crate) adapter: Adapter,
    pub(crate) origin: String,
    pub(crate) proxy: String,
    /// See [`place::open`].
    pub(crate) session: &'a str,
    /// What an hour is divided by.
    pub(crate) compressed: u32,
    /// So many milliseconds is its clock wrong.
    pub(crate) ahead: i64,
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
            .env("SESSION", self.session)
            .env("COMPRESSED", self.compressed.to_string())
            .env("AHEAD", self.ahead.to_string());
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
    /// There was no token for now.
    Again,
    /// A 401 was delivered.
    Unauthorized { caller: usize },
    /// A 401 was delivered while no refresh could be made.
    Blocked,
    /// Its lock was lost.
    Superseded,
    /// What the store could not do.
    Store(String),
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
            ["unauthorized", caller] => Self::Unauthorized {
                caller: caller.parse().expect("a caller"),
            },
            ["blocked", _] => Self::Blocked,
            ["superseded"] => Self::Superseded,
            ["store:", ..] => Self::Store(line.to_owned()),
            _ => Self::Trouble(line.to_owned()),
        }
    }
}

/// In one go, so that no other thread's words get between.
pub(crate) fn say(line: &str) {
    use io::Write;
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

pub(crate) fn body(worker: &str, caller: usize, position: u64) -> String {
    format!("worker {worker} caller {caller} position {position}")
}

pub(crate) fn path(worker: &str, caller: usize) -> String {
    format!("/api/v1/realisation/{worker}/{caller}")
}

pub(crate) fn work() {
    let worker = parameter("WORKER");
    let adapter = parameter("ADAPTER").parse().expect("an adapter");
    let session = parameter("SESSION");
    let origin = parameter("ORIGIN");
    let compressed = parameter("COMPRESSED").parse().expect("a number");
    let ahead: i64 = parameter("AHEAD").parse().expect("a number");
    let mut plan = Plan::new(&origin, Path::new(&session));
    plan.store = place::open(&session);
    let clock = move || {
        let now = Timestamp::from(SystemTime::now()).as_millis();
        Timestamp::from_millis(now.saturating_add_signed(ahead))
    };
    plan.clock = Box::new(clock);
    plan.proxy = Some(parameter("PROXY"));
    plan.config = config(compressed);
    // Until then no refresh can be made.
    let blocked_until = Arc::new(AtomicU64::new(0));
    plan.on_event = Box::new({
        let blocked_until = blocked_until.clone();
        move |event| {
            if let Event::TargetGuarded { until } | Event::RoundFailed { until, .. } = event {
                blocked_until.store(until.as_millis(), Ordering::SeqCst);
            }
            tell(event);
        }
    });
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
            let target = format!("{origin}{}", path(&worker, caller));
            let (pusher, worker, is_over) = (&pusher, &worker, &is_over);
            let blocked_until = &blocked_until;
            scope.spawn(move || {
                for position in from.. {
                    let body = body(worker, caller, position);
                    push(pusher, &target, &body, || {
                        let began = clock().as_millis();
                        move || {
                            let is_blocked = blocked_until.load(Ordering::SeqCst) > began;
                            let what = ["unauthorized", "blocked"][usize::from(is_blocked)];
                            say(&format!("{what} {caller}"));
                        }
                    });
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
fn push<F: FnOnce()>(pusher: &Pusher, target: &str, body: &str, begin: impl Fn() -> F) {
    loop {
        let tell_401 = begin();
        let wait = match pusher.push(target, body) {
            Outcome::Answered(StatusCode::NO_CONTENT) => return,
            // The next token was ended, too, before it was used.
            Outcome::Answered(StatusCode::UNAUTHORIZED) => {
                thread::sleep(PACE); // what has led to it may be told a little later
                tell_401();
                Duration::ZERO
            }
            Outcome::Denied(
                Denied::Unavailable { until: at, .. } | Denied::Store { until: at, .. },
            ) => {
                say("again");
                until(at).min(LONGEST)
            }
            outcome => {
                say(&format!("trouble: {outcome}"));
                Duration::ZERO
            }
        };
        thread::sleep(wait + Duration::from_millis(1));
    }
}

fn tell(event: &Event) {
    match event {
        Event::Adopted { .. } => say("adopted"),
        Event::SaveFailed { .. }
        | Event::AttemptFailed {
            failure: Failure::Store(_),
            ..
        }
        | Event::RoundFailed {
            failure: Failure::Store(_),
            ..
        } => say(&format!("store: {event}")),
        Event::SavedSessionDamaged { .. }
        | Event::SavedSessionForeign { .. }
        | Event::RefusalRemembered { .. }
        | Event::Rejected { .. } => say(&format!("trouble: {event}")),
        _ => {}
    }
}

/// Of each process of a fleet.
pub(crate) fn config(compressed: u32) -> Config {
    let mut config = Config::default().compressed(compressed);
    config.target_refreshes = 1_000; // tokens are ended more often than in any hour
    config
}
