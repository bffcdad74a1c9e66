//! What the processes share: a folder, an emulated platform and its clock.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use simacan_auth_emulator::{Counters, Emulator, Server, Settings};

pub(crate) const USERNAME: &str = "fleet@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// How long anything may take before a test fails: far more than it needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn settings() -> Settings {
    Settings::new()
        .with_user(USERNAME, PASSWORD)
        .with_lock_out_after(None)
}

/// A new folder that is removed in the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// `name` is that of the test.
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("processes-{}-{name}", process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    /// Where the session is saved.
    pub(crate) fn session(&self) -> PathBuf {
        self.0.join("session.json")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The system's clock, and what has been skipped.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn now(&self) -> SystemTime {
        SystemTime::now() + self.skipped()
    }

    pub(crate) fn skip(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).expect("not that long");
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn skipped(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    pub(crate) fn serve(&self, settings: Settings) -> Server {
        let clock = self.clone();
        let options = Server::options().clock(move || clock.now());
        options.start(Emulator::new(settings)).expect("a port")
    }
}

pub(crate) fn counters(server: &Server) -> Counters {
    server.with(|emulator| *emulator.ledger().counters())
}

/// A small generator (splitmix64), whose seed is printed.
pub(crate) struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    pub(crate) fn from_env() -> Self {
        let seed = env::var("SIMACAN_SEED").map_or(1, |seed| seed.parse().expect("a number"));
        Self { seed, state: seed }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}
