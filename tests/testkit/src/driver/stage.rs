//! Where rules and histories are played: time, platform, store, and the processes of the driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Request;
use simacan_auth::Provider;
use simacan_auth_emulator::{Counters, Emulator, Settings};

use super::{Answer, Send1, Setup, Start};
use crate::time::{JoinHandle, Time};
use crate::{MemoryStore, Platform};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A driver need not take more for an answer than this, whatever happens.
const ANSWERED: Duration = Duration::from_secs(300);
const USER: &str = "foo@bar.com";
const PASSWORD: &str = "open sesame";

pub(crate) struct Stage {
    pub(crate) time: Time,
    pub(crate) platform: Platform,
    pub(crate) store: MemoryStore,
    takes_store: Arc<AtomicBool>,
    seed: u64,
    start: Start,
    callers: u32,
    /// How many callers and requests to targets have been looked at.
    checked: (u32, u64),
    begun: Vec<(String, Duration, JoinHandle<Answer>)>,
    process: Option<Send1>,
}

impl Stage {
    pub(super) fn new(seed: u64, start: &Start) -> Self {
        let time = Time::new(seed);
        time.set_tasks_are_threads(!seed.is_multiple_of(2));
        let settings = Settings::new().with_user(USER, PASSWORD).with_seed(seed);
        let platform = Platform::new(&time, settings);
        if is_instant(seed) {
            platform.set_latency(Duration::ZERO);
        }
        Self {
            store: time.store(),
            takes_store: Arc::default(),
            time,
            platform,
            seed,
            start: start.clone(),
            callers: 0,
            checked: (0, 0),
            begun: Vec::new(),
            process: None,
        }
    }

    /// With a process that has been started.
    pub(super) fn play(
        mut self,
        check: impl AsyncFnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let time = self.time.clone();
        let played = time.run(async {
            self.restart();
            if self.takes_store() {
                let referee = Platform::referee().with_store();
                self.platform.set_referee(referee);
            }
            check(&mut self).await?;
            self.end().await
        });
        // So that threads can end.
        drop(self);
        time.drop_tasks();
        let _ = time.run(time.sleep(MINUTE));
        played.map_err(|stopped| stopped.to_string())?
    }

    /// What holds in the end, whatever has happened.
    async fn end(&mut self) -> Result<(), String> {
        self.answers().await?;
        self.pass(MINUTE).await;
        self.check_sent()?;
        let longest = self.store.longest_hold();
        expect(longest < MINUTE, || {
            format!("the store's lock is kept: it was held for {longest:?}")
        })
    }

    /// Another process, in place of this one, if any.
    pub(crate) fn restart(&mut self) {
        self.process = None;
        self.process = Some(self.started());
    }

    pub(super) fn started(&self) -> Send1 {
        let wire = self.platform.wire();
        (self.start)(Setup {
            time: self.time.clone(),
            provider: Provider::simacan(),
            user: USER.into(),
            password: PASSWORD.into(),
            store: self.store.process(wire.process()),
            takes_store: self.takes_store.clone(),
            wire,
        })
    }

    pub(super) fn takes_store(&self) -> bool {
        self.takes_store.load(Ordering::Relaxed)
    }

    /// A caller with one request.
    pub(crate) fn begin(&mut self) {
        let process = self.process.clone().expect("it was started");
        self.begin_at(process);
    }

    /// It comes a moment later, while others wait or as they are answered; or all that there is happens at the
    /// same moment, in whatever order.
    pub(super) fn begin_at(&mut self, process: Send1) {
        const URI: &str = "https://sct-tracking-data-api.services.simacan.com/api/v1/realisation";
        self.callers += 1;
        let name = format!("caller {}", self.callers);
        let moment = if is_instant(self.seed) {
            0
        } else {
            u64::from(self.callers).wrapping_mul(self.seed) % 40
        };
        let sleep = self.time.sleep(Duration::from_millis(moment));
        let body = format!("<realisation>{}</realisation>", self.callers);
        let request = Request::post(URI).header(Platform::REQUEST_ID, self.callers);
        let request = request.body(body.into_bytes());
        let request = request.expect("these are its parts");
        let calling = async move {
            sleep.await;
            process(request).await
        };
        let handle = self.time.spawn(&name, calling);
        self.begun.push((name, self.time.elapsed(), handle));
    }

    /// The caller that came last goes away.
    pub(crate) fn cancel(&mut self) {
        if let Some((_, _, handle)) = self.begun.pop() {
            handle.cancel();
        }
    }

    /// Of all who have begun: every one is answered, and no request is sent a third time.
    pub(crate) async fn answers(&mut self) -> Result<Vec<Answer>, String> {
        let mut answers = Vec::new();
        for (name, since, handle) in std::mem::take(&mut self.begun) {
            let Some(answer) = self.time.timeout(ANSWERED, handle).await else {
                self.check_sent()?;
                return Err(format!(
                    "`{name}` hangs: it waits since {since:?}, and it is {:?} by now",
                    self.time.elapsed()
                ));
            };
            answers.push(answer);
        }
        self.check_sent()?;
        Ok(answers)
    }

    fn check_sent(&mut self) -> Result<(), String> {
        /// Of what led to it.
        const LINES: usize = 20;
        self.platform.verdict().map_err(|mut violation| {
            let rest = violation.history.len().saturating_sub(LINES);
            violation.history.drain(..rest);
            violation.to_string()
        })?;
        let now = (self.callers, self.counters().targets_received);
        let former = std::mem::replace(&mut self.checked, now);
        let (callers, sent) = (now.0 - former.0, now.1 - former.1);
        expect(sent <= 2 * u64::from(callers), || {
            format!("the requests of {callers} callers were sent {sent} times")
        })
    }

    /// So many callers, who may be told whatever is true.
    pub(crate) async fn push(&mut self, callers: u32) -> Result<Vec<Answer>, String> {
        (0..callers).for_each(|_| self.begin());
        self.answers().await
    }

    /// So many callers whose requests get through.
    pub(crate) async fn get_through(&mut self, callers: u32) -> Result<(), String> {
        (0..callers).for_each(|_| self.begin());
        self.all_get_through().await
    }

    pub(super) async fn all_get_through(&mut self) -> Result<(), String> {
        for answer in self.answers().await? {
            let status = answer.map_err(|error| format!("a caller was told: {error}"))?;
            expect(status.is_success(), || format!("a caller got {status}"))?;
        }
        Ok(())
    }

    pub(crate) async fn pass(&self, duration: Duration) {
        self.time.sleep(duration).await;
    }

    pub(crate) fn emulator<T>(&self, look: impl FnOnce(&mut Emulator) -> T) -> T {
        self.platform.with(look)
    }

    pub(super) fn counters(&self) -> Counters {
        self.emulator(|emulator| *emulator.ledger().counters())
    }

    /// So many have left so far.
    pub(super) fn expect_sent(&self, passwords: u64, refreshes: u64) -> Result<(), String> {
        let sent = self.counters();
        let is = |n: u64, what: &str| format!("{n} {what}");
        expect(sent.passwords_received == passwords, || {
            let sent = is(sent.passwords_received, "passwords were sent");
            format!("{sent} where {passwords} would do")
        })?;
        expect(sent.refreshes_received == refreshes, || {
            let sent = is(sent.refreshes_received, "refreshes were sent");
            format!("{sent} where {refreshes} would do")
        })
    }
}

/// Requests take no time then: what else takes a turn each happens in between.
fn is_instant(seed: u64) -> bool {
    seed % 4 >= 2
}

pub(super) fn expect(holds: bool, else_broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(else_broken()) }
}
