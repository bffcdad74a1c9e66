//! The reference model: callers, a machine, the platform, a bad network and a bad clock.
//!
//! A [`World`] moves by [`Step`]s. After each of them all invariants of the design, section 6, are
//! checked that can be checked there. The same world serves the exhaustive model checker and the long
//! random histories; it is deterministic, cheap to copy and cheap to tell from others.

mod callers;
mod fingerprint;
mod ghost;
mod liveness;
mod pass;
mod step;
mod subject;
mod violation;
mod wire;

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Request, StatusCode, Uri};
use simacan_auth::{Config, Credentials, Event, Machine, Provider, Status, Timestamp};
use simacan_auth_emulator::{Detail, Emulator, Place, Settings, Times};

pub use liveness::Settled;
pub(crate) use pass::check_pass;
pub(crate) use step::CALLERS;
pub use step::{AtServer, AtTarget, Body, Clock, Login, Step};
pub use subject::{Out, Subject};
pub use violation::Violation;

use callers::Caller;
use ghost::{Ghost, Standing};
use wire::Wire;

/// Where all histories begin.
const START: u64 = 1_700_000_000_000;
/// No clock is set out of this range, some 110 years.
const FIRST: u64 = 1_550_000_000_000;
const LAST: u64 = 4_900_000_000_000;
const HOSTS: [&str; 2] = [
    "https://tracking.services.simacan.com/api/v1/realisation",
    "https://stubborn.services.simacan.com/api/v1/realisation",
];
static TARGETS: LazyLock<[Uri; 2]> = LazyLock::new(|| HOSTS.map(Uri::from_static));

/// What a world is like from its start on.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How many callers there are. Those with an odd number use the second target.
    pub callers: u16,
    /// How the platform behaves.
    pub settings: Settings,
    /// How the machine is paced. The checks expect the default, but for the seed and `keep_alive`.
    pub config: Config,
    /// Look for secrets in all that is printed (I9). It costs more than all other checks together.
    pub secrets: bool,
}

impl Default for Rules {
    fn default() -> Self {
        let settings = Settings::new()
            .with_user(Login::Alice.user(), Login::Alice.password())
            .with_user(Login::Bob.user(), Login::Bob.password())
            .with_lock_out_after(None)
            .with_ledger(Detail::Nothing);
        Self {
            callers: 3,
            settings,
            config: Config::default(),
            secrets: false,
        }
    }
}

impl Rules {
    /// The platform's with this life of access tokens, in seconds.
    #[must_use]
    pub fn with_access_token_life(mut self, seconds: u64) -> Self {
        let life = Duration::from_secs(seconds);
        self.settings = self.settings.with_access_token_life(life);
        self
    }
}

/// Everything there is, at one moment.
#[derive(Debug)]
pub struct World<S = Machine> {
    subject: S,
    emulator: Emulator,
    now: u64,
    callers: Vec<Caller>,
    /// The exchange that the driver carries.
    wire: Option<Wire>,
    /// Those that it has given up on, still on their way.
    strays: Vec<Arc<Request<Vec<u8>>>>,
    /// What the machine waits for, as it said last.
    wait: Option<u64>,
    ghost: Ghost,
    secrets: bool,
    /// Set by a review of a 401 on an older generation: the step must start nothing (I5).
    is_stale: bool,
    /// The target whose answer is being reviewed.
    reviewed: Option<usize>,
}

impl World {
    /// A world around the real machine.
    pub fn new(rules: Rules) -> Self {
        let config = rules.config.clone();
        Self::around(
            rules,
            Machine::new(Provider::simacan(), credentials(Login::Alice), config),
        )
    }
}

impl<S: Subject> World<S> {
    /// A world around a machine of one's own, whose credentials are [`Login::Alice`].
    pub fn around(rules: Rules, subject: S) -> Self {
        Self {
            subject,
            emulator: Emulator::new(rules.settings),
            now: START,
            callers: (0..rules.callers).map(|_| Caller::default()).collect(),
            wire: None,
            strays: Vec::new(),
            wait: None,
            ghost: Ghost::new(),
            secrets: rules.secrets,
            is_stale: false,
            reviewed: None,
        }
    }

    /// The subject of a broken world: a machine for Alice.
    pub fn alice() -> Machine {
        Machine::new(
            Provider::simacan(),
            credentials(Login::Alice),
            Config::default(),
        )
    }

    /// Lets this happen, then polls the machine as its driver would, and checks.
    pub fn apply(&mut self, step: Step) -> Result<(), Violation> {
        let status = self.subject.machine().status();
        let pass = self.subject.machine_mut().pass();
        self.is_stale = false;
        self.reviewed = None;
        match step {
            Step::Ask(caller) => self.ask(caller)?,
            Step::AskForeign(caller) => self.ask_foreign(caller)?,
            Step::Answer(caller, answer) => self.answer(caller, answer)?,
            Step::Leave(caller) => self.leave(caller),
            Step::Serve => self.serve(),
            Step::Deliver(body) => self.deliver(body),
            Step::LoseRequest => self.lose(false),
            Step::LoseAnswer => self.lose(true),
            Step::TimeOut => self.time_out(),
            Step::StrayArrives => self.stray_arrives(),
            Step::Refuse(how) => self.refuse(how),
            Step::Clock(clock) => self.set_clock(clock),
            Step::RevokeAccess => self.emulator.revoke_access_tokens(),
            Step::RevokeRefresh => self.emulator.revoke_refresh_tokens(),
            Step::ChangePassword => {
                let new = Login::AliceNew;
                self.emulator.set_password(new.user(), new.password());
            }
            Step::Replace(login) => self.replace(login),
            Step::Stubborn => {
                let place = Place::Host(TARGETS[1].host().unwrap_or_default().to_owned());
                self.emulator.answer_targets_as_usual();
                self.emulator
                    .answer_targets(place, StatusCode::UNAUTHORIZED, Times::Always);
            }
        }
        self.drain()?;
        self.check(step, status)?;
        let now = Timestamp::from_millis(self.now);
        check_pass(pass.as_ref(), self.subject.machine(), now, &TARGETS[0])
    }

    /// What a driver does after each call.
    fn drain(&mut self) -> Result<(), Violation> {
        for _ in 0..1000 {
            match self.subject.poll(Timestamp::from_millis(self.now)) {
                Out::Event(event) => self.hear(&event)?,
                Out::Transmit(exchange, request) => {
                    if self.wire.is_some() {
                        return Violation::found(
                            4,
                            "an exchange began before the last was reported",
                        );
                    }
                    if self.is_stale {
                        return Violation::found(
                            5,
                            "a 401 on an older generation began an exchange",
                        );
                    }
                    if self.secrets {
                        self.look_for_secrets(&format!("{:?}", request.headers()))?;
                    }
                    let carried = self.ghost.check_exchange(self.now, &request)?;
                    self.wire = Some(Wire::new(exchange, carried, request, self.now));
                }
                Out::Wait(until) => {
                    self.wait = until.map(Timestamp::as_millis);
                    return match self.wait {
                        Some(until) if until <= self.now => Violation::found(
                            11,
                            format!("it waits for {until}, and it is {}", self.now),
                        ),
                        _ => Ok(()),
                    };
                }
            }
        }
        Violation::found(11, "poll never says Wait")
    }

    fn hear(&mut self, event: &Event) -> Result<(), Violation> {
        if self.secrets {
            self.look_for_secrets(&format!("{event} {event:?}"))?;
        }
        match event {
            Event::Unauthorized { .. } => {
                self.ghost.stand(Standing::Condemned);
                if self.is_stale {
                    return Violation::found(5, "a 401 on an older generation condemned the token");
                }
                if let Some(host) = self.reviewed {
                    self.ghost.count_started(host)?;
                }
            }
            // Section 4: usable again.
            Event::RoundFailed { .. } => self.ghost.stand(Standing::Good),
            _ => {}
        }
        self.callers.iter_mut().for_each(Caller::wake);
        Ok(())
    }

    /// What must hold between the steps.
    fn check(&mut self, step: Step, before: Status) -> Result<(), Violation> {
        let machine = self.subject.machine();
        let status = machine.status();
        if machine.in_flight() != self.wire.as_ref().map(|wire| wire.exchange) {
            return Violation::found(4, "the machine's exchange is not the one under way");
        }
        if self.is_stale && status != before {
            let why = format!("a 401 on an older generation led from {before:?} to {status:?}");
            return Violation::found(5, why);
        }
        if status == Status::Rejected && !self.ghost.has_refused(self.ghost.login) {
            return Violation::found(10, "the session has ended without the documented refusal");
        }
        if status == Status::Interrupted {
            return Violation::found(10, "the session was interrupted");
        }
        if matches!(step, Step::Deliver(_)) && self.ghost.is_good(self.now) {
            self.probe()?;
        }
        if self.secrets {
            self.look_for_secrets(&format!("{:?}", self.subject))?;
        }
        Ok(())
    }

    fn look_for_secrets(&self, text: &str) -> Result<(), Violation> {
        let held = self.ghost.held.as_ref();
        let access = held.map(|held| &*held.access);
        let refresh = held.and_then(|held| held.refresh.as_deref());
        // The end is a part that no two tokens share.
        let tail = |token: &str| text.contains(&token[token.len() - 40..]);
        if text.contains("pa55word") || access.is_some_and(tail) || refresh.is_some_and(tail) {
            return Violation::found(9, format!("a secret is in {text}"));
        }
        Ok(())
    }

    fn set_clock(&mut self, clock: Clock) {
        // A token without a known expiry has none to come to.
        let expiry = self.ghost.held.as_ref().map(|held| held.expires);
        let expiry = expiry.filter(|&at| at < LAST).unwrap_or(self.now);
        let until = match clock {
            Clock::Back(seconds) => {
                self.now = self
                    .now
                    .saturating_sub(u64::from(seconds) * 1000)
                    .max(FIRST);
                return self.ghost.look_at(self.now);
            }
            // Whoever waits at the end of the range is answered too.
            Clock::ToWait => self.wait.unwrap_or(self.now),
            Clock::NearExpiry => expiry.saturating_sub(10_000).min(LAST),
            Clock::ToExpiry => expiry.min(LAST),
            Clock::On(seconds) => LAST.min(self.now + u64::from(seconds) * 1000),
        };
        self.ghost.elapsed += until.saturating_sub(self.now);
        self.now = until.max(self.now);
        self.ghost.look_at(self.now);
    }

    fn replace(&mut self, login: Login) {
        let now = Timestamp::from_millis(self.now);
        let machine = self.subject.machine_mut();
        machine.handle_credentials(now, credentials(login));
        let ghost = &mut self.ghost;
        if login == ghost.login || ghost.has_refused(login) {
            return;
        }
        let is_other_user = login.user() != ghost.login.user();
        ghost.login = login;
        if is_other_user {
            ghost.held = None;
            ghost.door_open = false;
        }
        if let Some(wire) = &mut self.wire {
            wire.is_void |= is_other_user || wire.is_password();
        }
    }

    fn time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.now)
    }

    /// A copy, to see what could happen.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            subject: self.subject.fork(),
            emulator: self.emulator.clone(),
            now: self.now,
            callers: self.callers.iter().map(Caller::fork).collect(),
            wire: self.wire.clone(),
            strays: self.strays.clone(),
            wait: self.wait,
            ghost: self.ghost.clone(),
            secrets: self.secrets,
            is_stale: self.is_stale,
            reviewed: self.reviewed,
        }
    }

    /// How much time went by, however often the clock was set back.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.ghost.elapsed)
    }

    /// The machine under test.
    pub fn subject(&self) -> &S {
        &self.subject
    }
}

fn credentials(login: Login) -> Credentials {
    Credentials::new(login.user(), login.password())
}
