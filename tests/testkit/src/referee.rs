//! The rules of `simacan_auth::manual::rules`, as checks of what a driver sends and what comes back.

mod answer;
mod driver;
mod limits;
mod outcome;
mod party;
mod passwords;
mod requests;
mod rules;
mod sent;
mod service;
mod shared;
mod store;
mod targets;
mod tokens;
mod violation;

use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderName;
use simacan_auth::{Config, Timestamp};

pub use rules::{RULES, Rule};
pub use service::Service;
pub use shared::SharedReferee;
pub use tokens::Held;
pub use violation::Violation;

use limits::Limits;
use party::{Carried, Party};
use requests::Requests;
use store::Store;

/// A judge that is told what a driver sends and gets, and says which rule the driver breaks.
///
/// It is told of each request before it leaves, and of what has become of it. That is enough for most of the
/// [`RULES`]; each further call that a driver can make decides more of them, and what it is not told it counts in
/// the driver's favour. Processes have numbers, from 0; a driver that is alone is number 0. Times are the driver's
/// own, and may jump.
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use simacan_auth::Timestamp;
/// use simacan_auth_testkit::referee::{Referee, Service};
///
/// let mut referee = Referee::new(Service::simacan());
/// let now = Timestamp::from_millis(1_800_000_000_000);
/// let login = Request::post("https://auth-service.services.simacan.com/api/v1/auth/password")
///     .body("username=fleet&password=secret")?;
///
/// let exchange = referee.sent(now, 0, &login)?;
/// let mut refused = Response::new("");
/// *refused.status_mut() = StatusCode::UNAUTHORIZED;
/// referee.answered(now, exchange, &refused);
///
/// let violation = referee.sent(now, 0, &login).unwrap_err();
/// assert_eq!(violation.rule, 2); // a refused password is not repeated
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Referee {
    service: Service,
    limits: Limits,
    /// Whether processes share a session, and whether that is told.
    shares: bool,
    parties: Vec<Party>,
    store: Store,
    /// What the clock showed last, and how much time went by, however often it was set back.
    latest: Option<u64>,
    elapsed: u64,
    sees_targets: bool,
    /// By which target requests are known again (I7).
    request_id: Option<HeaderName>,
    requests: Requests,
    /// All passwords and tokens, if they are looked for (I9).
    secrets: Option<Vec<Arc<str>>>,
    history: Option<Vec<String>>,
}

/// A request that was sent and is not answered yet.
#[derive(Clone, Debug)]
#[must_use = "say what has become of it: `answered`, `lost`, `not_sent`"]
pub struct Exchange {
    process: usize,
    carried: Carried,
    request_id: Option<Vec<u8>>,
}

impl Referee {
    /// Makes a referee for a session at this service, with the default configuration.
    pub fn new(service: Service) -> Self {
        Self {
            service,
            limits: Limits::of(&Config::default(), 5_000),
            shares: false,
            parties: Vec::new(),
            store: Store::default(),
            latest: None,
            elapsed: 0,
            sees_targets: false,
            request_id: None,
            requests: Requests::default(),
            secrets: None,
            history: None,
        }
    }

    /// Sets the configuration that the driver was given.
    #[must_use]
    pub fn with_config(mut self, config: &Config) -> Self {
        self.limits = Limits::of(config, self.limits.slack);
        self
    }

    /// Sets how much time may go by between what is decided and what is seen of it. Default: 5 s.
    #[must_use]
    pub fn with_slack(mut self, slack: Duration) -> Self {
        self.limits.slack = u64::try_from(slack.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Lets no time go by between what is decided and what is seen of it, as in a world of virtual time.
    #[must_use]
    pub fn exact(self) -> Self {
        self.with_slack(Duration::ZERO)
    }

    /// Lets the processes share a session by a store. What they do there is told by [`locked`](Self::locked),
    /// [`saved`](Self::saved) and the other calls of that kind, or it is not known.
    #[must_use]
    pub fn with_store(mut self) -> Self {
        self.shares = true;
        self
    }

    /// Lets the processes share a session by a store, as [`with_store`](Self::with_store) does, where all that they do
    /// there is told from the beginning: who is not said to have the lock has none.
    #[must_use]
    pub fn with_watched_store(mut self) -> Self {
        self = self.with_store();
        (self.store.is_reported, self.store.is_locking) = (true, true);
        self
    }

    /// Expects to be told each request to a target: then it is known whether a 401 came (I5).
    #[must_use]
    pub fn with_targets(mut self) -> Self {
        self.sees_targets = true;
        self
    }

    /// Sets the header by whose value a target request is known when it is sent again.
    #[must_use]
    pub fn with_request_id(mut self, header: HeaderName) -> Self {
        self.request_id = Some(header);
        self
    }

    /// Remembers all secrets, for [`check_text`](Self::check_text).
    #[must_use]
    pub fn with_secrets(mut self) -> Self {
        self.secrets = Some(Vec::new());
        self
    }

    /// Remembers what happened last, for [`Violation::history`].
    #[must_use]
    pub fn with_history(mut self) -> Self {
        self.history = Some(Vec::new());
        self
    }

    /// Makes of it a referee for a driver with threads or tasks.
    pub fn shared(self) -> SharedReferee {
        SharedReferee::new(self)
    }

    /// Judges a text that was printed, or put where people read: no secret may be in it (I9). Needs
    /// [`with_secrets`](Self::with_secrets).
    pub fn check_text(&self, text: &str) -> Result<(), Violation> {
        const LONG: usize = 40; // any part of a token, or more than its end
        let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let (long, short): (Vec<_>, Vec<_>) = self
            .secrets
            .iter()
            .flatten()
            .partition(|secret| secret.len() > LONG);
        let is_secret = |run: &str| {
            run.len() >= LONG
                && long
                    .iter()
                    .any(|token| token.contains(run) || run.contains(&token[token.len() - LONG..]))
        };
        if short.iter().any(|secret| text.contains(&***secret))
            || text.split(|c| !is_of_token(c)).any(is_secret)
        {
            return Violation::found(9, format!("a secret is in {text}"));
        }
        Ok(())
    }

    /// Takes the time that the clock shows. Each call that takes the time does that, too.
    pub fn look_at(&mut self, now: Timestamp) {
        let now = now.as_millis();
        let latest = *self.latest.get_or_insert(now);
        // The clocks of threads that report at the same time are not set back by that.
        let is_jitter = now < latest && now + 12 * self.limits.slack >= latest;
        if is_jitter {
            return;
        }
        if now + 60_000 < latest {
            // Each time may add one password (I13).
            self.parties
                .iter_mut()
                .for_each(|party| party.pace.take_back());
            self.store.pace.take_back();
        }
        self.elapsed += now.saturating_sub(latest);
        self.latest = Some(now);
        self.parties.iter_mut().for_each(|party| party.look_at(now));
        self.store.look_at(now);
    }

    /// Returns how much time went by, however often the clock was set back.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed)
    }

    /// Returns the tokens that a process has received last, or taken over, if they are still its user's.
    pub fn held(&self, process: usize) -> Option<&Held> {
        self.parties.get(process)?.held.as_ref()
    }

    /// Returns whether a process holds a token that has not ended and that no 401 was to.
    pub fn holds_good_token(&self, now: Timestamp, process: usize) -> bool {
        self.held(process)
            .is_some_and(|held| held.is_good(now.as_millis()))
    }

    /// Returns whether the password that a process uses was ever refused to it.
    pub fn was_refused(&self, process: usize) -> bool {
        self.word(process).is_some_and(|word| word.was_refused)
    }

    /// Returns how many answers to the password that a process uses were of no use, and how long it waits for that.
    pub fn doubts(&self, process: usize) -> (u32, Option<Duration>) {
        self.word(process).map_or((0, None), |word| {
            let wait = word.wait_in_doubt(&self.limits);
            (word.doubts, wait.map(Duration::from_millis))
        })
    }

    fn word(&self, process: usize) -> Option<&passwords::Word> {
        let party = self.parties.get(process)?;
        party.words.of(party.login.as_ref()?)
    }

    /// Hashes all that later judgements depend on: of one process, or of what all share.
    pub fn fingerprint(&self, process: Option<usize>, hasher: &mut dyn Hasher) {
        let Some(process) = process else {
            return self.store.fingerprint(self.elapsed, hasher);
        };
        if let Some(party) = self.parties.get(process) {
            party.fingerprint(self.elapsed, hasher);
        }
    }

    fn party(&mut self, process: usize) -> &mut Party {
        if self.parties.len() <= process {
            self.parties.resize_with(process + 1, Party::default);
        }
        &mut self.parties[process]
    }

    fn others(&self, process: usize) -> impl Iterator<Item = &Party> {
        self.parties
            .iter()
            .enumerate()
            .filter(move |(other, _)| *other != process)
            .map(|(_, party)| party)
    }

    /// Tokens that a process may have without the referee's knowledge: an answer that may have arrived, those that
    /// are saved, and, if they are shared, those of the others.
    fn elsewhere(&self, process: usize) -> impl Iterator<Item = &Held> {
        let offered = self.parties[process].offered.as_ref();
        let others = self.others(process).filter(|_| self.shares);
        offered
            .into_iter()
            .chain(self.store.held())
            .chain(others.filter_map(|other| other.held.as_ref()))
    }

    fn remember(&mut self, secrets: impl IntoIterator<Item = Option<Arc<str>>>) {
        if let Some(known) = &mut self.secrets {
            known.extend(secrets.into_iter().flatten());
        }
    }

    fn tell(&mut self, process: usize, line: impl FnOnce() -> String) {
        const LINES: usize = 200;
        if let Some(history) = &mut self.history {
            if history.len() >= LINES {
                history.drain(..LINES / 2);
            }
            let seconds = Duration::from_millis(self.elapsed).as_secs_f64();
            history.push(format!("{seconds:>12.3} s: process {process} {}", line()));
        }
    }

    fn with_story(&self, mut violation: Violation) -> Violation {
        violation.history = self.history.clone().unwrap_or_default();
        violation
    }
}
