//! The reference model of [`simacan_auth::manual::stores`]: processes that share one saved session, the
//! store and its lock, a platform, a network that may lose, and processes that die at any point.
//!
//! A [`Fleet`] moves by [`FleetStep`]s, as a [`World`](crate::world::World) does by its own. What the World
//! checks of one machine is not checked again here.

mod fleets;
mod network;
mod process;
mod random;
mod recovery;
mod step;
mod store;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Request, Uri};
use simacan_auth::{Credentials, JobEnd, StoreFailure, Timestamp};
use simacan_auth_emulator::{Detail, Emulator, Reuse, Settings};
use simacan_auth_testkit::referee::{Referee, Service};

pub use fleets::{Dangers, FleetNode, Fleets};
pub use random::Random;
pub use step::{FleetStep, StoreDefect};

use crate::world::{Violation, check_cached_bearer, check_silence, check_wants};
use process::{Op, Process};

const START: u64 = 1_700_000_000_000;
const TOKEN_LIFE: u64 = 3_600_000;
const USER: &str = "alice";
const PASSWORDS: [&str; 2] = ["first-pa55word", "second-pa55word"];
static TARGET: LazyLock<Uri> =
    LazyLock::new(|| Uri::from_static("https://tracking.services.simacan.com/api/v1/realisation"));

/// The processes and all that they share, at one moment.
#[derive(Debug, Clone)]
pub struct Fleet {
    emulator: Emulator,
    now: u64,
    /// `None`: not running.
    processes: Vec<Option<Process>>,
    /// What is saved, as it would stand in a file.
    saved: Option<Arc<[u8]>>,
    /// Until when no password leaves, says the store.
    mark: Option<Timestamp>,
    /// Who has the lock.
    holder: Option<usize>,
    /// Requests whose sender is dead or has given up, on their way.
    strays: Vec<Arc<Request<Vec<u8>>>>,
    referee: Referee,
    /// When the tokens that were received last expire.
    expires: u64,
    defect: Option<StoreDefect>,
    /// What has happened, if anyone wants to know.
    trail: Option<Vec<FleetStep>>,
}

impl Fleet {
    /// So many processes, none of them started, and nothing saved.
    pub fn new(processes: usize, defect: Option<StoreDefect>) -> Self {
        Self {
            defect,
            ..Self::with_reuse(processes, Reuse::Refuse)
        }
    }

    /// On a platform that does this with a refresh token that is used again.
    pub fn with_reuse(processes: usize, reuse: Reuse) -> Self {
        let settings = Settings::new()
            .with_reuse(reuse)
            .with_user(USER, PASSWORDS[0])
            .with_lock_out_after(None)
            .with_ledger(Detail::Nothing);
        Self {
            emulator: Emulator::new(settings),
            now: START,
            processes: (0..processes).map(|_| None).collect(),
            saved: None,
            mark: None,
            holder: None,
            strays: Vec::new(),
            referee: Referee::new(Service::simacan())
                .with_store()
                .with_targets()
                .exact(),
            expires: 0,
            defect: None,
            trail: None,
        }
    }

    /// Lets this happen, lets the process that it happens to be polled as by its driver, and checks.
    pub fn apply(&mut self, step: FleetStep) -> Result<(), Violation> {
        if let Some(trail) = &mut self.trail {
            trail.push(step);
        }
        let machines = self
            .processes
            .iter_mut()
            .map(|p| Some(&mut p.as_mut()?.machine));
        let cached: Vec<_> = machines.map(|machine| machine?.cached_bearer()).collect();
        match step {
            FleetStep::Start(p) => {
                if self.processes[p].is_none() {
                    let now = self.timestamp();
                    self.referee.credentials(now, p, USER, PASSWORDS[0]);
                    self.processes[p] = Some(Process::start(PASSWORDS[0]));
                }
            }
            FleetStep::Crash(p) => self.crash(p),
            FleetStep::Ask(p) => self.ask(p)?,
            FleetStep::Answer(p) => self.answer(p),
            FleetStep::Lock(p) => self.lock(p),
            FleetStep::LockTimesOut(p) => {
                let op = self.processes[p]
                    .as_ref()
                    .and_then(|process| process.op.as_ref());
                if matches!(op, Some(Op::Lock(_))) {
                    self.fail_op(p, StoreFailure::Locked);
                }
            }
            FleetStep::Load(p) => self.load(p),
            FleetStep::Save(p) => {
                self.save(p, true)?;
                self.set_mark(p);
            }
            FleetStep::SaveUnreported(p) => self.save(p, false)?,
            FleetStep::StoreFails(p) => self.fail_op(p, StoreFailure::Abandoned),
            FleetStep::LoseLock(p) => self.lose_lock(p),
            FleetStep::NoRoom(p) => {
                let op = self.processes[p]
                    .as_ref()
                    .and_then(|process| process.op.as_ref());
                if matches!(op, Some(Op::Save(..))) {
                    self.fail_op(p, StoreFailure::new("no room"));
                }
            }
            FleetStep::SetCredentials(p) => self.set_credentials(p),
            FleetStep::Serve(p) => self.serve(p),
            FleetStep::Deliver(p) => self.deliver(p)?,
            FleetStep::LoseRequest(p) | FleetStep::LoseAnswer(p) => self.lose(p),
            FleetStep::StrayArrives => self.stray_arrives(),
            FleetStep::Pass(seconds) => self.pass(u64::from(seconds) * 1000),
            FleetStep::SetBack(seconds) => {
                self.now -= u64::from(seconds) * 1000;
                self.referee.look_at(self.timestamp());
            }
            FleetStep::ToWait => {
                self.pass(self.earliest_wait().unwrap_or(0).saturating_sub(self.now));
            }
            FleetStep::NearExpiry => {
                self.pass(self.expires.saturating_sub(10_000 + self.now));
            }
            FleetStep::ToExpiry => self.pass(self.expires.saturating_sub(self.now)),
            FleetStep::RevokeAccess => self.emulator.revoke_access_tokens(),
            FleetStep::RevokeRefresh => self.emulator.revoke_refresh_tokens(),
            FleetStep::ChangePassword => self.emulator.set_password(USER, PASSWORDS[1]),
            FleetStep::Wipe => {
                self.saved = None;
                self.referee.store_changed();
            }
            FleetStep::Damage => {
                let half = |saved: &Arc<[u8]>| Arc::from(&saved[..saved.len() / 2]);
                self.saved = self.saved.as_ref().map(half);
                self.referee.store_changed();
            }
        }
        for (process, cached) in self.processes.iter().zip(&cached) {
            if let Some(process) = process {
                check_silence(cached.as_ref(), &process.machine, self.timestamp(), &TARGET)?;
            }
        }
        // Time and what happens elsewhere wake those whose wait is over.
        for p in 0..self.processes.len() {
            self.drain(p)?;
        }
        for (process, cached) in self.processes.iter().zip(&cached) {
            if let Some(process) = process {
                check_cached_bearer(cached.as_ref(), &process.machine, self.timestamp(), &TARGET)?;
            }
        }
        Ok(())
    }

    fn pass(&mut self, millis: u64) {
        /// No driver lets the store take longer.
        const PATIENCE: u64 = 60_000;
        if millis > PATIENCE {
            for p in 0..self.processes.len() {
                self.fail_op(p, StoreFailure::Abandoned);
            }
        }
        self.now += millis;
        self.referee.look_at(self.timestamp());
    }

    fn crash(&mut self, p: usize) {
        if let Some(process) = self.processes[p].take() {
            self.strays.extend(process.unanswered());
        }
        if self.holder == Some(p) {
            self.holder = None; // the system sees to it
        }
        self.referee.ended(p);
    }

    /// What the driver of this process does after each call.
    fn drain(&mut self, p: usize) -> Result<(), Violation> {
        use simacan_auth::{Output, StoreOp, Transmit};
        for _ in 0..1000 {
            let now = self.timestamp();
            let Some(process) = &mut self.processes[p] else {
                return Ok(());
            };
            check_wants(&process.machine, now)?;
            match process.machine.poll(now) {
                Output::Event(event) => {
                    process.wake();
                    self.referee.event(now, p, &event)?;
                }
                // The lock is renewed before it.
                Output::Transmit(Transmit { exchange, .. }) if process.has_lost_lock => {
                    let lost = JobEnd::StoreFailed(StoreFailure::Superseded);
                    process.machine.handle_end(now, exchange, lost);
                }
                Output::Transmit(Transmit { exchange, request }) => {
                    let request = request.map(|body| body.to_vec());
                    let sent = self.referee.sent(now, p, &request)?;
                    process.send(exchange, sent, request);
                }
                Output::Store(StoreOp::Lock(id)) => process.op = Some(Op::Lock(id)),
                Output::Store(StoreOp::Load(id)) => process.op = Some(Op::Load(id)),
                Output::Store(StoreOp::Save(id, session)) => {
                    process.op = Some(Op::Save(id, Arc::from(&session.to_json()[..])));
                }
                Output::Store(StoreOp::Mark(id, until)) => process.op = Some(Op::Mark(id, until)),
                Output::Store(StoreOp::Unlock) => {
                    if self.holder == Some(p) {
                        self.holder = None;
                    }
                    self.referee.unlocked(p);
                }
                Output::Credentials(_) => return Violation::found(4, "it has no source"),
                Output::Wait(until) => {
                    process.wait = until.map(Timestamp::as_millis);
                    if process.wait.is_some_and(|until| until <= self.now) {
                        return Violation::found(11, format!("process {p} spins"));
                    }
                    if self.holder == Some(p) && process.is_idle() && self.defect.is_none() {
                        return Violation::found(6, format!("process {p} keeps the lock"));
                    }
                    return Ok(());
                }
            }
        }
        Violation::found(11, "poll never says Wait")
    }

    fn set_credentials(&mut self, p: usize) {
        let now = self.timestamp();
        if let Some(process) = &mut self.processes[p] {
            let credentials = Credentials::new(USER, PASSWORDS[1]);
            process.machine.handle_credentials(now, credentials);
            self.referee.credentials(now, p, USER, PASSWORDS[1]);
            if matches!(process.caller, process::Caller::Rejected) {
                process.caller = process::Caller::Idle;
            }
        }
    }

    fn earliest_wait(&self) -> Option<u64> {
        let waits = self.processes.iter().flatten().map(|process| process.wait);
        waits.flatten().min()
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    fn time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.now)
    }
}

/// All that decides what can happen next. Which process is which does not.
impl Fleet {
    /// With what is left for each process to do.
    fn fingerprint(&self, mut state: &mut impl Hasher, left: &[u8]) {
        self.emulator.hash(&mut state);
        (self.now, &self.saved, self.mark, self.holder.is_some()).hash(&mut state);
        let mut processes: Vec<u64> = (0..self.processes.len())
            .map(|p| {
                let left = left.get(p).copied().unwrap_or_default();
                let mut hasher = DefaultHasher::new();
                self.referee.fingerprint(Some(p), &mut hasher);
                let process = self.processes[p].as_ref();
                Process::digest(process, self.holder == Some(p), left, hasher)
            })
            .collect();
        processes.sort_unstable();
        processes.hash(&mut state);
        for stray in &self.strays {
            stray.body().hash(&mut state);
        }
        self.referee.fingerprint(None, &mut state);
    }
}
