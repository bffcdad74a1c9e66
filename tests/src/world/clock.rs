//! Time, which may jump.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use simacan_auth::Timestamp;
use simacan_auth_testkit::referee::Held;

use super::{Clock, Subject, World};

/// No clock is set out of this range, some 110 years.
const FIRST: u64 = 1_550_000_000_000;
const LAST: u64 = 4_900_000_000_000;

impl<S: Subject> World<S> {
    pub(super) fn set_clock(&mut self, clock: Clock) {
        // A token without a known expiry has none to come to.
        let expiry = self.referee.held(0).and_then(Held::expires_at);
        let expiry = expiry.map(Timestamp::as_millis);
        let expiry = expiry.filter(|&at| at < LAST).unwrap_or(self.now);
        let until = match clock {
            Clock::Back(seconds) => {
                self.now = self
                    .now
                    .saturating_sub(u64::from(seconds) * 1000)
                    .max(FIRST);
                return self.referee.look_at(Timestamp::from_millis(self.now));
            }
            // Whoever waits at the end of the range is answered too.
            Clock::ToWait => self.wait.unwrap_or(self.now),
            Clock::NearExpiry => expiry.saturating_sub(10_000).min(LAST),
            Clock::ToExpiry => expiry.min(LAST),
            Clock::On(seconds) => LAST.min(self.now + u64::from(seconds) * 1000),
        };
        self.pass_to(until);
    }

    pub(super) fn pass_to(&mut self, until: u64) {
        self.now = until.max(self.now);
        self.referee.look_at(Timestamp::from_millis(self.now));
    }

    pub(super) fn time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.now)
    }
}
