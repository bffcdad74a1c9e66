//! The emulated platform, its clock, and what its ledger says.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{Request, StatusCode};
use simacan_auth::{
    Config, Credentials, Denied, Doubling, Event, Provider, SessionStore, Timestamp,
};
use simacan_auth_emulator::{
    Counters, Detail, Emulator, Endpoint, Entry, Fault, Options, RefreshOutcome, Server, Settings,
    What,
};

use crate::judged::Judge;
use crate::subject::{Outcome, Plan, Subject, Trouble};

pub(crate) const USERNAME: &str = "fleet@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const WRONG_PASSWORD: &str = "wr0ng h0rse";

/// How long anything may take before a case fails: far more than it needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(25);

/// From the receipt of an hour's token: its refresh is due whatever the jitter, and there is most of a
/// minute left of it.
pub(crate) const REFRESH_IS_DUE: Duration = Duration::from_secs(3545);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
/// The default cool-down after a first round that failed, and the first spacing of logins, are over.
pub(crate) const COOLED_DOWN: Duration = Duration::from_secs(31);

/// Looks a text over for what may be in none (I9). Tokens begin like every JWT.
pub(crate) fn assert_holds_no_secret(text: &str) {
    assert!(!holds_secret(text), "a secret is in: {text}");
}

pub(crate) fn holds_secret(text: &str) -> bool {
    let secrets = [PASSWORD, WRONG_PASSWORD, "horse", "h0rse", "eyJ"];
    secrets.iter().any(|secret| text.contains(secret))
}

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) clock: Clock,
    pub(crate) events: Events,
    pub(crate) judge: Judge,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Self::settings())
    }

    pub(crate) fn settings() -> Settings {
        Settings::new()
            .with_user(USERNAME, PASSWORD)
            .with_lock_out_after(None)
            .with_ledger(Detail::Bodies)
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self::start(settings, Server::options())
    }

    pub(crate) fn start(settings: Settings, options: Options) -> Self {
        crate::secrets_stay::watch_the_log();
        let clock = Clock::default();
        let judge = Judge::default();
        let server = options
            .watch({
                let judge = judge.clone();
                move |now, request, reply| judge.see(now, request, reply)
            })
            .clock({
                let clock = clock.clone();
                move || clock.now()
            })
            .start(Emulator::new(settings))
            .expect("a port");
        Self {
            server,
            clock,
            events: Events::default(),
            judge,
        }
    }

    /// The usual client: a quick backoff, else the defaults.
    pub(crate) fn plan(&self) -> Plan {
        self.plan_at(self.provider())
    }

    pub(crate) fn plan_at(&self, provider: Provider) -> Plan {
        let (clock, events) = (self.clock.clone(), self.events.clone());
        Plan {
            provider,
            credentials: Credentials::new(USERNAME, PASSWORD).into(),
            config: config(),
            exchange_timeout: PATIENCE,
            token_timeout: 2 * PATIENCE,
            drop_timeout: PATIENCE,
            judge: self.judge.clone(),
            store: None,
            root: None,
            proxy: None,
            clock: Box::new(move || clock.timestamp()),
            on_event: Box::new(move |event| events.push(event)),
        }
    }

    /// The usual client, with a store.
    pub(crate) fn plan_with(&self, store: impl SessionStore + 'static) -> Plan {
        Plan {
            store: Some(Box::new(store)),
            ..self.plan()
        }
    }

    pub(crate) fn provider(&self) -> Provider {
        self.provider_with(&[])
    }

    /// Also allows these origins.
    pub(crate) fn provider_with(&self, origins: &[&str]) -> Provider {
        if !origins.is_empty() {
            self.judge.note_other_targets();
        }
        let builder =
            Provider::simacan_at(self.server.base_url()).allow_origin(self.server.origin());
        origins
            .iter()
            .fold(builder, |builder, origin| builder.allow_origin(*origin))
            .allow_loopback_http()
            .build()
            .expect("a provider")
    }

    pub(crate) fn subject<S: Subject>(&self) -> S {
        S::build(self.plan())
    }

    /// A subject that has logged in; the ledger is empty again.
    pub(crate) fn logged_in<S: Subject>(&self) -> S {
        let subject: S = self.subject();
        subject.log_in().expect("logged in");
        self.forget();
        subject
    }

    pub(crate) fn around<S: Subject>() -> (Self, S) {
        let world = Self::new();
        let subject = world.subject();
        (world, subject)
    }

    pub(crate) fn with_a_user<S: Subject>() -> (Self, S) {
        let world = Self::new();
        let subject = world.logged_in();
        (world, subject)
    }

    pub(crate) fn forget(&self) {
        self.emulate(|emulator| emulator.ledger_mut().clear());
        self.events.lock().clear();
    }

    pub(crate) fn uri(&self, path: &str) -> String {
        format!("{}{path}", self.server.origin())
    }

    pub(crate) fn post(&self, path: &str, body: impl Into<Bytes>) -> Request<Bytes> {
        post(&self.uri(path), body)
    }

    pub(crate) fn get(&self, path: &str) -> Request<Bytes> {
        get(&self.uri(path))
    }

    /// `n` requests, each with a path and a body of its own.
    pub(crate) fn crowd(&self, n: usize) -> Vec<Request<Bytes>> {
        (0..n)
            .map(|i| self.post(&format!("/caller/{i}"), format!("body {i}")))
            .collect()
    }

    pub(crate) fn emulate<R>(&self, f: impl FnOnce(&mut Emulator) -> R) -> R {
        self.server.with(f)
    }

    pub(crate) fn revoke(&self) {
        self.emulate(Emulator::revoke_access_tokens);
    }

    pub(crate) fn end_session(&self) {
        self.revoke();
        self.emulate(Emulator::revoke_refresh_tokens);
    }

    pub(crate) fn script(&self, endpoint: Endpoint, fault: Fault, n: usize) {
        self.emulate(|emulator| emulator.script_n(endpoint, fault, n));
    }

    pub(crate) fn skip(&self, duration: Duration) {
        self.clock.skip(duration);
    }

    pub(crate) fn counters(&self) -> Counters {
        self.emulate(|emulator| *emulator.ledger().counters())
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.emulate(|emulator| emulator.ledger().entries().to_vec())
    }

    /// Passwords and refresh tokens that were received.
    #[track_caller]
    pub(crate) fn assert_exchanges(&self, passwords: u64, refreshes: u64) {
        let counters = self.counters();
        let received = (counters.passwords_received, counters.refreshes_received);
        assert_eq!(received, (passwords, refreshes), "(passwords, refreshes)");
    }

    /// So many callers at once, at so many passwords and refreshes in all.
    #[track_caller]
    pub(crate) fn assert_served(
        &self,
        subject: &impl Subject,
        callers: usize,
        (passwords, refreshes): (u64, u64),
    ) {
        assert_accepted(&subject.send_all(self.crowd(callers)));
        self.assert_exchanges(passwords, refreshes);
    }

    pub(crate) fn refreshes_refused(&self) -> u64 {
        let refused = |entry: &&Entry| {
            let What::Refresh { outcome, .. } = &entry.what else {
                return false;
            };
            matches!(outcome, RefreshOutcome::Refused(_))
        };
        self.emulate(|emulator| emulator.ledger().entries().iter().filter(refused).count() as u64)
    }

    /// I7: no target request was sent more than twice. For requests with a path each.
    #[track_caller]
    pub(crate) fn assert_none_sent_thrice(&self) {
        let mut sent = BTreeMap::new();
        for entry in self.entries() {
            if let What::Target { path, .. } = entry.what {
                *sent.entry(path).or_insert(0) += 1;
            }
        }
        assert!(sent.values().all(|&n| n <= 2), "{sent:?}");
    }

    /// Waits until the ledger has this many refreshes.
    pub(crate) fn until_refreshes(&self, n: u64) {
        eventually("refreshes are received", || {
            self.counters().refreshes_received >= n
        });
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.judge.check();
        }
    }
}

pub(crate) fn post(uri: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(uri).body(body.into()).expect("a URI")
}

pub(crate) fn get(uri: &str) -> Request<Bytes> {
    Request::get(uri).body(Bytes::new()).expect("a URI")
}

pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.backoff = Doubling {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(5),
    };
    config.seed = 7;
    config
}

/// Holds back the answers of the Auth API while it is closed: they have been decided on, and nothing of
/// them has been sent.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// The options of a server whose answers to exchanges pass this gate.
    pub(crate) fn options(&self) -> Options {
        self.options_at(&[Endpoint::Password, Endpoint::Refresh])
    }

    pub(crate) fn options_at(&self, endpoints: &'static [Endpoint]) -> Options {
        let gate = self.clone();
        Server::options().log(move |entry| {
            if endpoints.contains(&entry.endpoint) {
                gate.pass();
            }
        })
    }

    pub(crate) fn close(&self) {
        *self.lock() = true;
    }

    pub(crate) fn open(&self) {
        *self.lock() = false;
        self.0.1.notify_all();
    }

    pub(crate) fn pass(&self) {
        let waited = self
            .0
            .1
            .wait_timeout_while(self.lock(), PATIENCE, |closed| *closed);
        drop(waited);
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The system's clock, and what has been skipped.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn now(&self) -> SystemTime {
        SystemTime::now() + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        self.now().into()
    }

    fn skip(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).expect("not that long");
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

/// What the library has told, looked over for secrets (I9).
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<Event>>>);

impl Events {
    pub(crate) fn push(&self, event: &Event) {
        assert_holds_no_secret(&format!("{event} {event:?}"));
        self.lock().push(event.clone());
    }

    pub(crate) fn count(&self, which: impl Fn(&Event) -> bool) -> usize {
        self.lock().iter().filter(|event| which(event)).count()
    }

    pub(crate) fn exchanges(&self) -> usize {
        self.count(|event| matches!(event, Event::ExchangeStarted { .. }))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Event>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for an effect.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Runs what might hang. If it does, its thread is left behind.
#[track_caller]
pub(crate) fn within<R: Send + 'static>(
    limit: Duration,
    what: &str,
    f: impl FnOnce() -> R + Send + 'static,
) -> R {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(f()));
    match receiver.recv_timeout(limit) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("hangs: {what}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("panicked: {what}"),
    }
}

#[track_caller]
pub(crate) fn assert_status(outcome: &Outcome, status: StatusCode) {
    match outcome {
        Ok(response) => assert_eq!(response.status(), status),
        Err(trouble) => panic!("{status} expected: {trouble}"),
    }
}

/// The emulator answers a POST with 204.
#[track_caller]
pub(crate) fn assert_accepted(outcomes: &[Outcome]) {
    for outcome in outcomes {
        assert_status(outcome, StatusCode::NO_CONTENT);
    }
}

#[track_caller]
pub(crate) fn denied<T>(outcome: Result<T, Trouble>) -> Denied {
    match outcome {
        Err(Trouble::Denied(denied)) => denied,
        Err(other) => panic!("not denied: {other}"),
        Ok(_) => panic!("not denied"),
    }
}
