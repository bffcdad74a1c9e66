//! The contract of a driver, rule by rule.

pub(crate) use stage::{MINUTE, Stage};
mod rules;
mod stage;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, StatusCode};
use simacan_auth::{Credentials, Provider};

use crate::time::Time;
use crate::{History, HistoryFailure, MemoryStore, Wire};

/// A check that a driver of your own keeps a program logged in, on any runtime, with a
/// [`Machine`](simacan_auth::Machine) or without.
///
/// You give it a closure that starts your driver in a [`Setup`], and returns a function that sends one request to a
/// target. The driver runs in virtual [time](crate::time): its tasks, threads, sleep and clock come from
/// [`Setup::time`], and it sends by [`Setup::wire`].
///
/// | rule | what holds |
/// |---|---|
/// | `a-request-gets-through` | with a token; the next one with the same |
/// | `callers-share-one-login` | however many come at once |
/// | `callers-share-one-refresh` | when the token has died early, and they learn of it by their 401s |
/// | `a-token-is-fresh` | for a day, no request is sent with an expired token, and one password is enough |
/// | `what-fails-is-tried-again` | a login or a refresh that is lost, or answered with a 503, a 429 or half an answer, is made again while the callers wait |
/// | `an-outage-ends` | hours without a connection, or with a server that is down: callers are told so, and minutes after it requests get through, without another password |
/// | `a-refused-refresh-costs-one-password` | and no caller sees it |
/// | `a-refused-password-is-not-sent-again` | callers are told, for as long as they ask |
/// | `passwords-are-paced` | twelve in an hour at most, whatever becomes of them |
/// | `a-401-that-stays-is-delivered` | where a target believes no token |
/// | `a-caller-that-goes-away-takes-nothing-along` | the others are answered |
/// | `the-next-process-goes-on` | with the session that is in the store, if the driver takes [`Setup::store`] |
/// | `two-processes-share-a-session` | by the store, at the same time |
/// | `a-save-that-fails-keeps-no-lock` | and requests get through |
/// | `histories` | all that is said below, whatever happens, in 80 [histories](History) |
///
/// In all of them the [referee](crate::referee) of the platform finds no [rule](crate::referee::RULES) broken. Each
/// caller is answered, with the target's answer or an error, within five minutes. Nothing [hangs or
/// spins](crate::time::Stopped). No request is sent to a target a third time. The store's lock is held for less than
/// a minute. An hour after all is well again, a request gets through.
///
/// Each rule is tried with some seeds: on one thread and on many, with requests that take time and with requests that
/// take none.
///
/// ```
/// use http::{Request, StatusCode};
/// use simacan_auth_testkit::{DriverContract, Setup};
///
/// /// Stands for yours; it is not much of one.
/// async fn send(setup: Setup, mut request: Request<Vec<u8>>) -> Result<StatusCode, String> {
///     let token = "none";
///     request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
///     let answer = setup.wire.exchange(&request).await;
///     answer.map(|answer| answer.status()).map_err(|failure| failure.to_string())
/// }
///
/// let contract = DriverContract::new(|setup| move |request| send(setup.clone(), request));
/// let how = contract.check_rule("a-request-gets-through").unwrap_err();
/// assert!(how.contains("401"), "{how}");
/// ```
#[derive(Clone)]
pub struct DriverContract {
    start: Start,
}

/// What a driver under test is given in place of the real world: clock, network, provider, user and store.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The clock, timers, tasks and threads.
    pub time: Time,
    /// The way that requests go, to the auth endpoint and to targets.
    pub wire: Wire,
    /// The provider to log in at.
    pub provider: Provider,
    /// The user to log in as.
    pub user: String,
    /// The password to log in with.
    pub password: String,
    store: MemoryStore,
    takes_store: Arc<AtomicBool>,
}

impl Setup {
    /// Returns the user and the password.
    pub fn credentials(&self) -> Credentials {
        Credentials::new(self.user.clone(), self.password.clone())
    }

    /// Returns the store for the session, for a driver that can save it: all processes of a program get the same
    /// place, and this process its own handle. Whoever does not ask for it is not checked by the rules about stores;
    /// whoever does has to send nothing to the auth endpoint without its lock.
    ///
    /// Each step may block, in this [time](Self::time). An async driver takes it in a
    /// [thread](Time::spawn_thread), and awaits that.
    pub fn store(&self) -> MemoryStore {
        self.takes_store.store(true, Ordering::Relaxed);
        self.store.clone()
    }
}

type Answer = Result<StatusCode, String>;
type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;
/// Sends one request to a target.
type Send1 = Arc<dyn Fn(Request<Vec<u8>>) -> Answering + Send + Sync>;
type Start = Arc<dyn Fn(Setup) -> Send1 + Send + Sync>;

impl DriverContract {
    /// Makes the contract of an async driver.
    ///
    /// `start` starts one and gives what sends one request to a target with a token, looks at the answer, and sends it
    /// once more if need be. When that is dropped, the process is at its end: nobody stops its tasks and threads, so
    /// what is under way can be ended and saved. Another process may run by then.
    pub fn new<Send, Sending, Error>(
        start: impl Fn(Setup) -> Send + std::marker::Send + Sync + 'static,
    ) -> Self
    where
        Send: Fn(Request<Vec<u8>>) -> Sending + std::marker::Send + Sync + 'static,
        Sending: Future<Output = Result<StatusCode, Error>> + std::marker::Send + 'static,
        Error: fmt::Display,
    {
        let start = Arc::new(move |setup: Setup| {
            let send = start(setup);
            let send = move |request| {
                let sending = send(request);
                let answering = async { sending.await.map_err(|error| error.to_string()) };
                Box::pin(answering) as Answering
            };
            Arc::new(send) as Send1
        });
        Self { start }
    }

    /// Makes the contract of a driver that blocks: as [`new`](Self::new), where each call has a thread of its own.
    pub fn blocking<Send, Error>(
        start: impl Fn(Setup) -> Send + std::marker::Send + Sync + 'static,
    ) -> Self
    where
        Send:
            Fn(Request<Vec<u8>>) -> Result<StatusCode, Error> + std::marker::Send + Sync + 'static,
        Error: fmt::Display,
    {
        let start = Arc::new(move |setup: Setup| {
            let time = setup.time.clone();
            let send = Arc::new(start(setup));
            let send = move |request| {
                let (time, send) = (time.clone(), send.clone());
                let send = move || send(request).map_err(|error| error.to_string());
                Box::pin(async move { time.spawn_blocking(send).await }) as Answering
            };
            Arc::new(send) as Send1
        });
        Self { start }
    }

    /// Checks all rules.
    ///
    /// # Panics
    ///
    /// With each rule that is broken, and how.
    pub fn check(&self) {
        let broken = self.broken();
        assert!(
            broken.is_empty(),
            "the driver breaks its contract:\n- {}",
            broken.join("\n- ")
        );
    }

    /// Returns the rules that are broken, by name, and how.
    pub fn broken(&self) -> Vec<String> {
        let broken = rules::names().filter_map(|rule| {
            let how = self.check_rule(rule).err()?;
            Some(format!("{rule}: {how}"))
        });
        broken.collect()
    }

    /// Checks one rule, and returns how it is broken.
    ///
    /// # Panics
    ///
    /// If there is no rule of this name.
    pub fn check_rule(&self, rule: &str) -> Result<(), String> {
        if rule == rules::HISTORIES {
            let mut failures = rules::histories().map(|history| self.play(&history));
            return failures.try_for_each(|played| played.map_err(|failure| failure.to_string()));
        }
        let check = rules::named(rule);
        let check = |seed| caught(|| Stage::new(seed, &self.start).play(check));
        (1..=rules::SEEDS)
            .try_for_each(|seed| check(seed).map_err(|how| format!("{how} (seed {seed})")))
    }

    /// Lives through a history, at whose end a request has to get through.
    pub fn play(&self, history: &History) -> Result<(), HistoryFailure> {
        let stage = Stage::new(history.seed, &self.start);
        let played = caught(|| stage.play(async |stage| history.play(stage).await));
        played.map_err(|how| HistoryFailure::new(history, how))
    }
}

/// A panic breaks the rule, too.
fn caught(check: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied());
        Err(format!("a panic: {}", text.unwrap_or("without a text")))
    })
}

impl fmt::Debug for DriverContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriverContract").finish_non_exhaustive()
    }
}
