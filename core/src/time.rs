//! The one notion of time: a number that the driver supplies.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};

/// A point in time: milliseconds since the Unix epoch.
///
/// The library reads no clock. Whoever drives it says what time it is, and one
/// notion of time serves expiry, backoff and a saved session alike. The clock
/// may jump in either direction; see the crate's section on time.
///
/// ```
/// use simacan_auth::Timestamp;
/// use std::time::{Duration, SystemTime};
///
/// let start = Timestamp::from(SystemTime::UNIX_EPOCH);
/// let later = start.saturating_add(Duration::from_secs(90));
/// assert_eq!(later.as_millis(), 90_000);
/// assert_eq!(later.saturating_since(start), Duration::from_secs(90));
/// assert_eq!(later.to_string(), "Thu, 01 Jan 1970 00:01:30 GMT");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The latest point in time, a hundred million years away. There is always a later moment inside the library, so
    /// that a wait which starts here ends after it.
    pub const MAX: Self = Self(1 << 62);

    /// Returns the time this many milliseconds after 1970-01-01 00:00:00 UTC, or [`MAX`](Self::MAX).
    pub const fn from_millis(millis: u64) -> Self {
        // Whichever branch takes the end itself, it is the end.
        if millis < Self::MAX.0 {
            Self(millis)
        } else {
            Self::MAX
        }
    }

    /// Returns the milliseconds since 1970-01-01 00:00:00 UTC.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns this time plus `duration`, or [`MAX`](Self::MAX).
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        self.plus(duration).min(Self::MAX)
    }

    /// Later than any time that a driver can name, if need be.
    pub(crate) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// Returns how long after `earlier` this is; zero if it is not.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Whether a clock that shows this time must have been set back since it
    /// showed `earlier`. Threads that read the clock in another order than they
    /// take the lock are within the tolerance (`manual::time`).
    pub(crate) fn set_back_since(self, earlier: Self) -> bool {
        self.saturating_add(CLOCK_TOLERANCE) < earlier
    }
}

/// A clock that reads earlier than before by no more than this has not been set back.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::from_millis)
    }
}

/// Times before the epoch become the epoch.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self::from_millis(time.duration_since(UNIX_EPOCH).map_or(0, millis))
    }
}

/// As far as the system's own type reaches.
impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        const YEAR_9999: Duration = Duration::from_secs(253_370_764_800);
        let exact = UNIX_EPOCH.checked_add(Duration::from_millis(time.0));
        exact.unwrap_or(UNIX_EPOCH + YEAR_9999)
    }
}

/// As an HTTP date, `Mon, 23 Nov 2026 09:00:00 GMT`; past the year 9999 as milliseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const YEAR_10000: u64 = 253_402_300_800_000;
        if self.0 >= YEAR_10000 {
            return write!(f, "{} ms after the Unix epoch", self.0);
        }
        let date = httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_millis(self.0));
        date.fmt(f)
    }
}

/// A moment after which something holds. Once set it stays, and a clock that has
/// been set back counts as past it: what a frozen deadline would cost is worse.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Deadline {
    set_at: Timestamp,
    /// `None`: never.
    at: Option<Timestamp>,
}

impl Deadline {
    pub(crate) fn never(now: Timestamp) -> Self {
        Self {
            set_at: now,
            at: None,
        }
    }

    /// A deadline that saturates is none.
    pub(crate) fn at(now: Timestamp, at: Timestamp) -> Self {
        Self {
            set_at: now,
            at: Some(at).filter(|&at| at < Timestamp::MAX),
        }
    }

    pub(crate) fn passed(&self, now: Timestamp) -> bool {
        self.at
            .is_some_and(|at| now >= at || now.set_back_since(self.set_at))
    }

    /// Puts it off until then, if it is before.
    pub(crate) fn not_before(&mut self, moment: Timestamp) {
        self.at = self.at.map(|at| at.max(moment));
    }

    pub(crate) fn moment(&self) -> Option<Timestamp> {
        self.at
    }
}

/// A length of time that must go by. A clock that has been set back starts it
/// again: nothing that it holds back gets out early (I12).
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Delay {
    started: Timestamp,
    length: Duration,
}

impl Delay {
    pub(crate) fn new(now: Timestamp, length: Duration) -> Self {
        Self {
            started: now,
            length,
        }
    }

    /// What is left of it; `None` once it is over.
    pub(crate) fn rest(&mut self, now: Timestamp) -> Option<Rest> {
        if now.set_back_since(self.started) {
            self.started = now;
        }
        let end = self.started.plus(self.length);
        (end > now).then(|| Rest {
            end,
            // `min`: for who reads a clock that is a little behind it is no longer than it is.
            length: end.saturating_since(now).min(self.length),
        })
    }

    pub(crate) fn is_over(&mut self, now: Timestamp) -> bool {
        self.rest(now).is_none()
    }

    /// When it started, at last.
    pub(crate) fn started(&self) -> Timestamp {
        self.started
    }
}

/// The rest of a [`Delay`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rest {
    /// Always later than the `now` that was given.
    pub(crate) end: Timestamp,
    pub(crate) length: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOON: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn before(time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(time.0 - millis(duration))
    }

    #[test]
    fn a_deadline_is_passed_from_its_moment_on() {
        let deadline = Deadline::at(NOON, NOON.saturating_add(DAY));
        assert!(!deadline.passed(NOON));
        assert!(!deadline.passed(before(NOON.saturating_add(DAY), Duration::from_millis(1))));
        assert!(deadline.passed(NOON.saturating_add(DAY)));
    }

    #[test]
    fn i12_a_clock_set_back_passes_a_deadline_and_a_small_disorder_does_not() {
        let deadline = Deadline::at(NOON, NOON.saturating_add(DAY));
        assert!(!deadline.passed(before(NOON, Duration::from_secs(60))));
        assert!(deadline.passed(before(NOON, Duration::from_secs(61))));
    }

    #[test]
    fn a_deadline_that_saturates_is_none() {
        let deadline = Deadline::at(NOON, NOON.saturating_add(Duration::MAX));
        assert!(!deadline.passed(Timestamp::MAX));
        assert_eq!(deadline.moment(), None);
    }

    #[test]
    fn i12_a_clock_set_back_starts_a_delay_again() {
        let mut delay = Delay::new(NOON, DAY);
        let yesterday = before(NOON, DAY);
        let rest = delay.rest(yesterday).unwrap();
        assert_eq!((rest.end, rest.length), (yesterday.plus(DAY), DAY));
        assert!(delay.is_over(NOON));
    }

    #[test]
    fn a_clock_that_is_a_little_behind_makes_no_delay_longer() {
        let mut delay = Delay::new(NOON, DAY);
        let behind = before(NOON, Duration::from_secs(60));
        let rest = delay.rest(behind).unwrap();
        assert_eq!((rest.end, rest.length), (NOON.plus(DAY), DAY));
        assert!(delay.is_over(NOON.plus(DAY)));
    }

    #[test]
    fn i11_the_end_of_a_delay_is_later_than_now_or_it_is_over() {
        let mut delay = Delay::new(Timestamp::MAX, DAY);
        assert!(delay.rest(Timestamp::MAX).unwrap().end > Timestamp::MAX);
        let mut nothing = Delay::new(NOON, Duration::ZERO);
        assert!(nothing.is_over(NOON));
    }
}
