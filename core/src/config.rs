//! Every number that paces a machine, with its reason.

use std::time::Duration;

/// The times and limits of a session: when it refreshes, how often it tries, how long it waits.
///
/// The defaults suit a long-lived program that pushes to the platform; each number says why it is what it is.
///
/// ```
/// use simacan_auth::Config;
/// use std::time::Duration;
///
/// let mut config = Config::default();
/// config.patience = Duration::from_secs(5);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Whether a token is refreshed as soon as that is due, and not at the next request; the driver has to keep
    /// polling. Default: no, since nothing should happen that nobody asked for.
    pub keep_alive: bool,

    /// The seed of the jitter: give each process its own, so that a fleet that was started
    /// together does not refresh together. Default: 0; the adapters draw one.
    pub seed: u64,

    /// How long before its expiry a token is refreshed: a quarter of its life at most. A jitter makes that earlier by
    /// up to as much again. Default: 60 s, time for all retries.
    pub refresh_margin: Duration,

    /// How many transient failures in a row end a round of attempts, so that those who wait are told. Default: 3; 0
    /// counts as 1.
    pub attempts: u32,

    /// The wait between two attempts of one round. Default: 250 ms doubling to 30 s, with jitter.
    pub backoff: Doubling,

    /// The wait after a round that failed, before a request may start another. Default: 30 s doubling to 5 min: an
    /// outage costs the auth endpoint some requests an hour for each client.
    pub cool_down: Doubling,

    /// How far away the next attempt may be for callers to wait for it; if it is further, they are denied at once.
    /// Default: 30 s.
    pub patience: Duration,

    /// How many passwords may be sent without a wait between them. Default: 3, one round of attempts.
    pub free_logins: u32,

    /// The wait between two passwords after the [free ones](Self::free_logins). Default: 30 s doubling to 15 min,
    /// which makes at most 10 an hour (I13; rule 3 of the platform).
    pub login_spacing: Doubling,

    /// The time without a password after which the next ones are [free](Self::free_logins) again. Default: 1 h, a
    /// token's life.
    pub login_reset: Duration,

    /// How long a password that was refused is not sent again, by this process and the next. Default: 24 h, so that a
    /// program that is started each minute with a wrong password sends it once a day (I2).
    pub refusal_memory: Duration,

    /// How long a password is not sent again if a gateway in front of the API has plainly refused it, not the API;
    /// doubling to `refusal_memory`. Default: 1 h, since a gateway's bad minute should not cost a day.
    pub gateway_refusal: Duration,

    /// The time between the first and the last of three unclear answers (a 4xx that does not say why) from which they
    /// count as a refusal of the refresh token. Default: 15 min, longer than a gateway's bad minute.
    pub unclear_refusal: Duration,

    /// How long a password waits after three answers to it that are neither tokens nor a refusal nor an outage;
    /// doubling to `refusal_memory`. Default: 1 h, as for a gateway's refusal.
    pub unclear_login: Duration,

    /// Whether a password may be sent although the store can neither save nor [mark](crate::LockedStore::mark) that.
    /// Then each start of the program may send one. Default: no.
    pub unrecorded_logins: bool,

    /// How long the 401s of a target start no refresh, after it has answered even a fresh token with 401. A token
    /// that is older than the longest of these times is not fresh. Default: 10 s doubling to 10 min.
    pub target_guard: Doubling,

    /// How many refreshes the 401s of one target origin may start in any [`target_window`](Self::target_window),
    /// whatever it answers in between. The same number again is for requests that it has answered otherwise with the
    /// same token. Default: 60; 0 counts as 1.
    pub target_refreshes: u32,

    /// The time in which [`target_refreshes`](Self::target_refreshes) are counted. Default: 1 h (I15).
    pub target_window: Duration,
}

/// A length of time that doubles with each use, up to a longest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "there is nothing else to a doubling"
)]
pub struct Doubling {
    /// The first length of time.
    pub first: Duration,
    /// The longest length of time, where the doubling ends.
    pub longest: Duration,
}

impl Doubling {
    /// The `n`th, counted from 0.
    pub(crate) fn nth(&self, n: u32) -> Duration {
        let factor = 1u32.checked_shl(n).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

impl Default for Config {
    fn default() -> Self {
        const SECOND: Duration = Duration::from_secs(1);
        const MINUTE: Duration = Duration::from_secs(60);
        let doubling = |first, longest| Doubling { first, longest };
        Self {
            keep_alive: false,
            seed: 0,
            refresh_margin: MINUTE,
            attempts: 3,
            backoff: doubling(SECOND / 4, 30 * SECOND),
            cool_down: doubling(30 * SECOND, 5 * MINUTE),
            patience: 30 * SECOND,
            free_logins: 3,
            login_spacing: doubling(30 * SECOND, 15 * MINUTE),
            login_reset: 60 * MINUTE,
            refusal_memory: 24 * 60 * MINUTE,
            gateway_refusal: 60 * MINUTE,
            unclear_refusal: 15 * MINUTE,
            unclear_login: 60 * MINUTE,
            unrecorded_logins: false,
            target_guard: doubling(10 * SECOND, 10 * MINUTE),
            target_refreshes: 60,
            target_window: 60 * MINUTE,
        }
    }
}

impl Config {
    /// Returns these settings with all times divided by `factor`: for tests in which an hour takes seconds.
    ///
    /// # Panics
    ///
    /// If `factor` is 0.
    #[must_use]
    pub fn compressed(mut self, factor: u32) -> Self {
        let doublings = [
            &mut self.backoff,
            &mut self.cool_down,
            &mut self.login_spacing,
            &mut self.target_guard,
        ];
        for doubling in doublings {
            doubling.first /= factor;
            doubling.longest /= factor;
        }
        self.refresh_margin /= factor;
        self.patience /= factor;
        self.login_reset /= factor;
        self.refusal_memory /= factor;
        self.gateway_refusal /= factor;
        self.unclear_refusal /= factor;
        self.unclear_login /= factor;
        self.target_window /= factor;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_divides_every_time_and_nothing_else() {
        let seconds = |n| Duration::from_secs(n);
        let doubling = |first, longest| Doubling { first, longest };
        let compressed = Config::default().compressed(10);
        let expected = Config {
            keep_alive: false,
            seed: 0,
            refresh_margin: seconds(6),
            attempts: 3,
            backoff: doubling(Duration::from_millis(25), seconds(3)),
            cool_down: doubling(seconds(3), seconds(30)),
            patience: seconds(3),
            free_logins: 3,
            login_spacing: doubling(seconds(3), seconds(90)),
            login_reset: seconds(360),
            refusal_memory: seconds(8640),
            gateway_refusal: seconds(360),
            unclear_refusal: seconds(90),
            unclear_login: seconds(360),
            unrecorded_logins: false,
            target_guard: doubling(seconds(1), seconds(60)),
            target_refreshes: 60,
            target_window: seconds(360),
        };
        assert_eq!(format!("{compressed:?}"), format!("{expected:?}"));
    }
}
