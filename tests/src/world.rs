//! The reference model: callers, a machine, the platform, a bad network and a bad clock.
//!
//! A [`World`] moves by [`Step`]s. After each of them all rules of [`simacan_auth::manual::rules`]
//! are checked that can be checked there. The same world serves the exhaustive model checker and the long
//! random histories; it is deterministic, cheap to copy and cheap to tell from others.

mod cached_bearer;
mod callers;
mod clock;
mod conditions;
mod credentials;
mod dialect;
mod fingerprint;
mod harmless;
mod liveness;
mod step;
mod subject;
mod wire;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::{Request, Uri};
use simacan_auth::{Config, Event, JobId, Machine, Provider, Status, Timestamp};
use simacan_auth_emulator::Emulator;
use simacan_auth_testkit::referee::Referee;
pub use simacan_auth_testkit::referee::Violation;

pub(crate) use cached_bearer::{check_cached_bearer, check_silence, check_wants};
pub use conditions::Rules;
pub use dialect::Dialect;
pub use liveness::Settled;
pub(crate) use step::CALLERS;
pub use step::{AtServer, AtTarget, Body, Clock, Login, Step};
pub use subject::{Out, Subject};

use callers::Caller;
use credentials::credentials;
use wire::Wire;

/// Where all histories begin.
const START: u64 = 1_700_000_000_000;
const HOSTS: [&str; 2] = [
    "https://tracking.services.simacan.com/api/v1/realisation",
    "https://stubborn.services.simacan.com/api/v1/realisation",
];
static TARGETS: LazyLock<[Uri; 2]> = LazyLock::new(|| HOSTS.map(Uri::from_static));

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
    /// How many exchanges have begun, and the one that ended last.
    begun: usize,
    ended: Option<JobId>,
    /// What the machine waits for, as it said last.
    wait: Option<u64>,
    /// Who judges what is sent, of process 0.
    referee: Referee,
    /// The emulator's number for the tokens that are held, and when it made them.
    made: Option<(u64, u64)>,
    /// Whether secrets are looked for (I9).
    secrets: bool,
    /// Set by a review of a 401 on an older generation: the step must start nothing (I5).
    is_stale: bool,
}

impl World {
    /// A world around the real machine.
    pub fn new(rules: Rules) -> Self {
        let (provider, config) = (rules.dialect.provider(), rules.config.clone());
        let machine = Machine::new(provider, credentials(Login::Alice), config);
        Self::around(rules, machine)
    }
}

impl<S: Subject> World<S> {
    /// A world around a machine of one's own, whose credentials are [`Login::Alice`].
    pub fn around(rules: Rules, subject: S) -> Self {
        let mut referee = Referee::new(rules.dialect.service())
            .with_config(&rules.config)
            .with_targets()
            .exact();
        if rules.secrets {
            referee = referee.with_secrets();
        }
        let (user, password) = (Login::Alice.user(), Login::Alice.password());
        referee.credentials(Timestamp::from_millis(START), 0, user, password);
        Self {
            subject,
            emulator: Emulator::new(rules.settings),
            now: START,
            callers: (0..rules.callers).map(|_| Caller::default()).collect(),
            wire: None,
            strays: Vec::new(),
            begun: 0,
            ended: None,
            wait: None,
            referee,
            made: None,
            secrets: rules.secrets,
            is_stale: false,
        }
    }

    /// The subject of a broken world: a machine for Alice.
    pub fn alice() -> Machine {
        Self::alice_with(Config::default())
    }

    /// The same with this configuration, whatever the rules say.
    pub fn alice_with(config: Config) -> Machine {
        Machine::new(Provider::simacan(), credentials(Login::Alice), config)
    }

    /// Lets this happen, then polls the machine as its driver would, and checks.
    pub fn apply(&mut self, step: Step) -> Result<(), Violation> {
        let status = self.subject.machine().status();
        let cached = self.subject.machine_mut().cached_bearer();
        self.is_stale = false;
        match step {
            Step::Ask(caller) => self.ask(caller)?,
            Step::AskForeign => self.ask_foreign()?,
            Step::Answer(caller, answer) => self.answer(caller, answer)?,
            Step::Leave(caller) => self.leave(caller),
            Step::Serve => self.serve(),
            Step::Deliver(body) => self.deliver(body),
            Step::LoseRequest => self.lose(false),
            Step::LoseAnswer => self.lose(true),
            Step::TimeOut => self.time_out(),
            Step::StrayArrives => self.stray_arrives(),
            Step::Refuse(how) => self.refuse(how),
            Step::ReportAgain => self.report_again()?,
            Step::ReportForeign => self.report_foreign()?,
            Step::Clock(clock) => self.set_clock(clock),
            Step::RevokeAccess => self.emulator.revoke_access_tokens(),
            Step::RevokeRefresh => self.emulator.revoke_refresh_tokens(),
            Step::ChangePassword => self.change_password(),
            Step::Replace(login) => self.replace(login),
            Step::Stubborn => self.make_stubborn(),
        }
        let now = Timestamp::from_millis(self.now);
        check_silence(cached.as_ref(), self.subject.machine(), now, &TARGETS[0])?;
        self.drain()?;
        self.check(step, status)?;
        check_cached_bearer(cached.as_ref(), self.subject.machine(), now, &TARGETS[0])
    }

    /// What a driver does after each call.
    fn drain(&mut self) -> Result<(), Violation> {
        let now = Timestamp::from_millis(self.now);
        for _ in 0..1000 {
            check_wants(self.subject.machine(), now)?;
            match self.subject.poll(now) {
                Out::Event(event) => self.hear(&event)?,
                Out::Transmit(exchange, request) => {
                    if self.is_stale {
                        return Violation::found(
                            5,
                            "a 401 on an older generation began an exchange",
                        );
                    }
                    if self.secrets {
                        self.referee
                            .check_text(&format!("{:?}", request.headers()))?;
                    }
                    let sent = self.referee.sent(now, 0, &request)?;
                    self.begun += 1;
                    self.wire = Some(Wire::new(exchange, sent, request));
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
            self.referee.check_text(&format!("{event} {event:?}"))?;
        }
        if self.is_stale && matches!(event, Event::Unauthorized { .. }) {
            return Violation::found(5, "a 401 on an older generation condemned the token");
        }
        self.referee
            .event(Timestamp::from_millis(self.now), 0, event)?;
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
        if status == Status::Rejected && !self.referee.was_refused(0) {
            return Violation::found(10, "the session has ended without the documented refusal");
        }
        if status == Status::Interrupted {
            return Violation::found(10, "the session was interrupted");
        }
        if matches!(step, Step::Deliver(_) | Step::Refuse(_)) && self.holds_good_token() {
            self.probe()?;
        }
        if self.secrets {
            self.referee.check_text(&format!("{:?}", self.subject))?;
        }
        Ok(())
    }

    fn holds_good_token(&self) -> bool {
        let now = Timestamp::from_millis(self.now);
        self.referee.holds_good_token(now, 0)
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
            begun: self.begun,
            ended: self.ended,
            wait: self.wait,
            referee: self.referee.clone(),
            made: self.made,
            secrets: self.secrets,
            is_stale: self.is_stale,
        }
    }

    /// How much time went by, however often the clock was set back.
    pub fn elapsed(&self) -> Duration {
        self.referee.elapsed()
    }

    /// The machine under test.
    pub fn subject(&self) -> &S {
        &self.subject
    }
}
