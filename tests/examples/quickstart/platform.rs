//! The emulated platform, a clock that can skip an hour, and the story that is told of both.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use simacan_auth::{Credentials, Event, Provider, Timestamp};
use simacan_auth_emulator::{Detail, Emulator, Server, Settings};

use crate::Result;
use crate::report::Report;

const USERNAME: &str = "fleet@example.com";
const PASSWORD: &str = "correct horse battery staple";

pub(crate) struct Platform {
    adapter: &'static str,
    server: Server,
    clock: SkippingClock,
    story: Arc<Story>,
}

impl Platform {
    pub(crate) fn start(adapter: &'static str) -> Result<Self> {
        println!("\n{adapter}");
        let clock = SkippingClock::default();
        let settings = Settings::new()
            .with_user(USERNAME, PASSWORD)
            .with_ledger(Detail::Bodies);
        let server = Server::options()
            .clock({
                let clock = clock.clone();
                move || clock.now()
            })
            .start(Emulator::new(settings))?;
        let story = Arc::new(Story::new(clock.clone()));
        Ok(Self {
            adapter,
            server,
            clock,
            story,
        })
    }

    pub(crate) fn provider(&self) -> Result<Provider> {
        let provider = Provider::simacan_at(self.server.base_url())
            .allow_origin(self.server.origin())
            .allow_loopback_http()
            .build()?;
        Ok(provider)
    }

    pub(crate) fn credentials() -> Credentials {
        Credentials::new(USERNAME, PASSWORD)
    }

    pub(crate) fn target(&self) -> String {
        format!("{}/realisation", self.server.base_url())
    }

    pub(crate) fn with<R>(&self, interfere: impl FnOnce(&mut Emulator) -> R) -> R {
        self.server.with(interfere)
    }

    pub(crate) fn pass_an_hour(&self) {
        self.clock.skip(Duration::from_secs(3600));
    }

    pub(crate) fn clock(&self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        let clock = self.clock.clone();
        move || clock.now().into()
    }

    pub(crate) fn narrator(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let story = self.story.clone();
        move |event| story.tell("library", &event.to_string())
    }

    pub(crate) fn tell(&self, who: &str, what: &str) {
        self.story.tell(who, what);
    }

    pub(crate) fn pushed(&self, push: u32, status: StatusCode) {
        self.story.pushed(push, status);
    }

    /// What the platform itself has counted.
    pub(crate) fn report(self) -> Report {
        self.story.close();
        self.server
            .with(|emulator| Report::of(self.adapter, emulator.ledger()))
    }
}

/// The system's clock, and what has been skipped.
#[derive(Clone, Default)]
struct SkippingClock(Arc<AtomicU64>);

impl SkippingClock {
    fn now(&self) -> SystemTime {
        SystemTime::now() + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn skip(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

/// A timeline: accepted pushes are gathered into one line until something else happens.
struct Story {
    clock: SkippingClock,
    start: SystemTime,
    accepted: Mutex<Option<Accepted>>,
}

impl Story {
    fn new(clock: SkippingClock) -> Self {
        Self {
            start: clock.now(),
            clock,
            accepted: Mutex::default(),
        }
    }

    fn tell(&self, who: &str, what: &str) {
        self.close();
        self.write(self.clock.now(), who, what);
    }

    fn pushed(&self, push: u32, status: StatusCode) {
        if !status.is_success() {
            return self.tell("you", &format!("push {push} was answered {status}"));
        }
        let mut accepted = self.lock();
        *accepted = Some(Accepted {
            first: accepted.as_ref().map_or(push, |accepted| accepted.first),
            last: push,
            at: self.clock.now(),
        });
    }

    fn close(&self) {
        let Some(Accepted { first, last, at }) = self.lock().take() else {
            return;
        };
        let what = if first == last {
            format!("push {first} accepted")
        } else {
            format!("pushes {first} to {last} accepted")
        };
        self.write(at, "you", &what);
    }

    fn write(&self, at: SystemTime, who: &str, what: &str) {
        let elapsed = at.duration_since(self.start).unwrap_or_default();
        let (seconds, millis) = (elapsed.as_secs(), elapsed.subsec_millis());
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        println!("  +{hours}:{minutes:02}:{seconds:02}.{millis:03}  {who:<8} {what}");
    }

    fn lock(&self) -> MutexGuard<'_, Option<Accepted>> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Accepted {
    first: u32,
    last: u32,
    at: SystemTime,
}
