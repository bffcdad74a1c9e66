//! `simacan-auth-driver` in this time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use simacan_auth_driver::{Process, System};

use super::Time;

impl Time {
    /// Makes a process of `simacan-auth-driver` whose threads and clocks are of this time: for `process` of a
    /// `Settings`, or of a builder of one of the adapters. It has its time-keeper.
    pub fn process(&self) -> Arc<Process> {
        let process = Process::new(self.clone());
        let kept = Arc::downgrade(&process);
        self.keep(move || kept.upgrade()?.tick());
        process
    }
}

/// For [`Time::process`].
impl System for Time {
    fn spawn(&self, name: &str, run: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        match name {
            // It is asked what is due before any time goes by.
            "simacan-time" => Ok(()),
            _ => self.start_thread(name.to_owned(), |_| run()).map(drop),
        }
    }

    fn monotonic(&self) -> Duration {
        self.elapsed()
    }

    fn time(&self) -> SystemTime {
        self.now()
    }

    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>, until: Option<Duration>) {
        match until {
            None => self.block_on(future),
            Some(until) => {
                let longest = until.saturating_sub(self.elapsed());
                self.block_on(self.timeout(longest, future));
            }
        }
    }
}
