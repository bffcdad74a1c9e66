//! The numbers of a configuration that the rules depend on, in milliseconds.

use std::time::Duration;

use simacan_auth::{Config, Doubling};

pub(super) const HOUR: u64 = 3_600_000;
pub(super) const DAY: u64 = 24 * HOUR;

#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// Between a decision and what is seen of it.
    pub(super) slack: u64,
    pub(super) free_logins: usize,
    login_spacing: Doubling,
    pub(super) login_reset: u64,
    pub(super) logins_an_hour: usize,
    pub(super) refusal_memory: u64,
    pub(super) gateway_refusal: u64,
    pub(super) unclear_refusal: u64,
    pub(super) unclear_login: u64,
    pub(super) unrecorded_logins: bool,
    target_guard: Doubling,
    pub(super) target_refreshes: usize,
    pub(super) target_window: u64,
}

impl Limits {
    pub(super) fn of(config: &Config, slack: u64) -> Self {
        let spacing = &config.login_spacing;
        let is_default = (config.free_logins, spacing, config.login_reset)
            == (
                Config::default().free_logins,
                &Config::default().login_spacing,
                Config::default().login_reset,
            );
        Self {
            slack,
            free_logins: config.free_logins as usize,
            login_spacing: config.login_spacing,
            login_reset: millis(config.login_reset),
            logins_an_hour: if is_default { 12 } else { usize::MAX },
            refusal_memory: millis(config.refusal_memory),
            gateway_refusal: millis(config.gateway_refusal),
            unclear_refusal: millis(config.unclear_refusal),
            unclear_login: millis(config.unclear_login),
            unrecorded_logins: config.unrecorded_logins,
            target_guard: config.target_guard,
            target_refreshes: config.target_refreshes.max(1) as usize,
            target_window: millis(config.target_window),
        }
    }

    /// Between the passwords behind the free ones, by how many these were.
    pub(super) fn spacing(&self, n: usize) -> u64 {
        doubled(&self.login_spacing, n)
    }

    /// How long a target is guarded, by how often in a row it was.
    pub(super) fn guard(&self, n: usize) -> u64 {
        doubled(&self.target_guard, n)
    }

    /// No older token is fresh.
    pub(super) fn longest_guard(&self) -> u64 {
        millis(self.target_guard.longest)
    }
}

fn doubled(doubling: &Doubling, n: usize) -> u64 {
    millis(doubling.longest).min(millis(doubling.first) << n.min(20))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
