//! The reference model of [`simacan_auth::manual::stores`]: processes that share one saved session, the
//! store and its lock, a platform, a network that may lose, and processes that die at any point.
//!
//! A [`Fleet`] moves by [`FleetStep`]s, as a [`World`](crate::world::World) does by its own. What the World
//! checks of one machine is not checked again here.

mod ghost;
mod history;
mod model;
mod network;
mod process;
mod recovery;
mod step;
mod store;

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Request, Uri};
use simacan_auth::{Credentials, JobEnd, StoreFailure, Timestamp};
use simacan_auth_emulator::{Detail, Emulator, Reuse, Settings};

pub use history::Random;
pub use model::{Dangers, FleetNode, Fleets};
pub use step::{FleetStep, StoreDefect};

use crate::world::{Violation, check_cached_bearer, check_silence, check_wants};
use ghost::Ghost;
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
    ghost: Ghost,
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
            ghost: Ghost::default(),
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
        self.ghost.note_step(step);
        match step {
            FleetStep::Start(p) => {
                self.processes[p].get_or_insert_with(|| Process::start(PASSWORDS[0]));
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
            FleetStep::SetBack(seconds) => self.now -= u64::from(seconds) * 1000,
            FleetStep::ToWait => {
                self.pass(self.earliest_wait().unwrap_or(0).saturating_sub(self.now));
            }
            FleetStep::NearExpiry => {
                self.pass(self.ghost.expires.saturating_sub(10_000 + self.now));
            }
            FleetStep::ToExpiry => self.pass(self.ghost.expires.saturating_sub(self.now)),
            FleetStep::RevokeAccess => self.emulator.revoke_access_tokens(),
            FleetStep::RevokeRefresh => self.emulator.revoke_refresh_tokens(),
            FleetStep::ChangePassword => self.emulator.set_password(USER, PASSWORDS[1]),
            FleetStep::Wipe => {
                self.saved = None;
                self.ghost.forget_saved();
            }
            FleetStep::Damage => {
                let half = |saved: &Arc<[u8]>| Arc::from(&saved[..saved.len() / 2]);
                self.saved = self.saved.as_ref().map(half);
                self.ghost.forget_saved();
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
                self.ghost.note_abandoned(self.processes[p].as_ref());
                self.fail_op(p, StoreFailure::Abandoned);
            }
        }
        self.now += millis;
        self.ghost.elapsed += millis;
    }

    fn crash(&mut self, p: usize) {
        if let Some(process) = self.processes[p].take() {
            self.strays.extend(process.unanswered());
        }
        if self.holder == Some(p) {
            self.holder = None; // the system sees to it
        }
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
                    Ghost::check_event(&event, process, self.saved.as_deref())?;
                }
                // The lock is renewed before it.
                Output::Transmit(Transmit { exchange, .. }) if process.has_lost_lock => {
                    let lost = JobEnd::StoreFailed(StoreFailure::Superseded);
                    process.machine.handle_end(now, exchange, lost);
                }
                Output::Transmit(Transmit { exchange, request }) => {
                    if self.holder != Some(p) && self.defect.is_none() {
                        return Violation::found(4, format!("process {p} sends without the lock"));
                    }
                    let request = request.map(|body| body.to_vec());
                    self.check_exchange(p, &request)?;
                    if let Some(process) = &mut self.processes[p] {
                        process.send(exchange, request);
                    }
                }
                Output::Store(StoreOp::Lock(id)) => process.op = Some(Op::Lock(id)),
                Output::Store(StoreOp::Load(id)) => process.op = Some(Op::Load(id)),
                Output::Store(StoreOp::Save(id, session)) => {
                    process.op = Some(Op::Save(id, Arc::from(&session.to_json()[..])));
                    process.announced = self.ghost.elapsed;
                }
                Output::Store(StoreOp::Mark(id, until)) => process.op = Some(Op::Mark(id, until)),
                Output::Store(StoreOp::Unlock) => {
                    if self.holder == Some(p) {
                        self.holder = None;
                    }
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

    fn check_exchange(&mut self, p: usize, request: &Request<Vec<u8>>) -> Result<(), Violation> {
        let Some(process) = &self.processes[p] else {
            return Ok(());
        };
        let body = std::str::from_utf8(request.body()).unwrap_or_default();
        if let Some(token) = body.strip_prefix("refresh_token=") {
            return self.ghost.check_refresh(p, process, token);
        }
        // Would the token that is saved still bring others?
        if let Some(token) = self.saved.as_deref().and_then(refresh_token_in)
            && self.is_alive(token)?
        {
            let why =
                format!("process {p} sends a password, and a refresh token that is alive is saved");
            return Violation::found(1, why);
        }
        if !process.is_recorded && self.defect.is_none() {
            let why = format!("process {p} sends a password, and that is recorded nowhere");
            return Violation::found(13, why);
        }
        let announced = process.announced;
        self.ghost.check_password(p, body, announced)
    }

    /// Whether this refresh token would still bring others.
    fn is_alive(&self, token: &str) -> Result<bool, Violation> {
        let form = format!("refresh_token={token}").into_bytes();
        let uri = "https://auth-service.services.simacan.com/api/v1/auth/refresh";
        let request = Request::post(uri)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .map_err(|_| Violation::new(1, "the token fits no request"))?;
        let answer = self.emulator.clone().respond(self.time(), &request);
        Ok(answer.is_some_and(|answer| answer.status() == 200))
    }

    fn set_credentials(&mut self, p: usize) {
        let now = self.timestamp();
        if let Some(process) = &mut self.processes[p] {
            let credentials = Credentials::new(USER, PASSWORDS[1]);
            process.machine.handle_credentials(now, credentials);
            // That the old one was refused is no news to its callers any more.
            process.knowledge.has_unsaved_refusal = false;
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

/// The refresh token in a saved session, as the core writes it: the emulator's need no escape.
fn refresh_token_in(json: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(json).ok()?;
    let (_, value) = text.split_once("\"refresh_token\":\"")?;
    value.split_once('"').map(|(token, _)| token)
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
                Process::digest(self.processes[p].as_ref(), self.holder == Some(p), left)
            })
            .collect();
        processes.sort_unstable();
        processes.hash(&mut state);
        for stray in &self.strays {
            stray.body().hash(&mut state);
        }
        self.ghost.hash(&mut state);
    }
}
