//! When an exchange may start: pure arithmetic over [`Config`]. The reasons are in `manual::time`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::config::Config;
use crate::time::{Deadline, Delay, Rest};
use crate::token::AccessToken;

/// A small deterministic generator (splitmix64): jitter needs no more, and the core draws no
/// randomness of its own.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Between zero and `most`.
    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let fraction = ((z ^ (z >> 31)) >> 32) as u32;
        let nanos = (most.as_nanos().min(u128::from(u64::MAX)) * u128::from(fraction)) >> 32;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// When a token is to be refreshed: a margin before it expires, and never in the first half of
/// the life that it had left when it was received.
pub(crate) fn refresh_due(config: &Config, jitter: &mut Jitter, token: &AccessToken) -> Deadline {
    let received = token.received_at();
    let Some(expiry) = token.expires_at() else {
        return Deadline::never(received);
    };
    let life = expiry.saturating_since(received);
    let margin = config.refresh_margin.min(life / 4);
    let margin = margin + jitter.up_to(margin);
    Deadline::at(
        received,
        received.saturating_add(life.saturating_sub(margin)),
    )
}

/// How long to wait after the `failures`th failure of a round: half of it sure, half of it drawn.
pub(crate) fn backoff(config: &Config, jitter: &mut Jitter, failures: u32) -> Duration {
    let doubled = config.backoff.nth(failures);
    let half = doubled / 2;
    (half + jitter.up_to(half)).max(config.backoff.first.min(doubled))
}

/// Counts every password that leaves, whoever asked and whatever came of it (I13). It outlives the
/// process in a saved session.
#[derive(Clone, Debug, Default, Hash, Serialize, Deserialize)]
pub(crate) struct LoginGuard {
    count: u32,
    /// When the last one left, or what a clock that was set back has made of it.
    last: Timestamp,
    /// What `last` was before the one that is on its way, should that turn out not to count.
    #[serde(skip)]
    before: Option<Timestamp>,
}

impl LoginGuard {
    /// How much longer no password may leave; `None` if one may.
    pub(crate) fn rest(&mut self, now: Timestamp, config: &Config) -> Option<Rest> {
        if self.count == 0 {
            return None;
        }
        let paced = self.count.checked_sub(config.free_logins);
        let spacing = paced.map_or(Duration::ZERO, |n| config.login_spacing.nth(n));
        let mut delay = Delay::new(self.last, spacing);
        let rest = delay.rest(now);
        self.last = delay.started();
        if rest.is_none() && Delay::new(self.last, config.login_reset).is_over(now) {
            *self = Self::default();
        }
        rest
    }

    /// A password is about to leave.
    pub(crate) fn count(&mut self) {
        self.count = self.count.saturating_add(1);
        self.before = Some(self.last);
    }

    /// The exchange that it was counted for has ended: it counts, or it does not after all. Whether that
    /// changes anything.
    pub(crate) fn settle(&mut self, counts: bool) -> bool {
        let before = self.before.take().filter(|_| !counts);
        if let Some(before) = before {
            self.count = self.count.saturating_sub(1);
            self.last = before;
        }
        before.is_some()
    }

    /// It leaves.
    pub(crate) fn note(&mut self, now: Timestamp) {
        self.last = now;
    }

    /// What another process has counted counts here. Whether its clock was ahead of this one, so that what
    /// is saved has to be mended: else each process would wait anew (I12).
    pub(crate) fn merge(&mut self, now: Timestamp, config: &Config, other: &Self) -> bool {
        let is_ahead = now.set_back_since(other.last);
        let mut other = other.clone();
        for guard in [&mut *self, &mut other] {
            guard.rest(now, config); // an hour without a password may be over
        }
        self.count = self.count.max(other.count);
        self.last = self.last.max(other.last);
        is_ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a seed draws is a promise: a failing history is replayed by its seed.
    #[test]
    fn a_seed_draws_what_it_always_drew() {
        // Up to 2^32 ns it is the upper half of SplitMix64 itself.
        let most = Duration::from_nanos(1 << 32);
        let mut jitter = Jitter::new(1);
        let drawn = [(); 5].map(|()| jitter.up_to(most).as_nanos());
        assert_eq!(
            drawn,
            [
                2_433_363_436,
                3_203_108_257,
                4_170_425_070,
                1_908_508_304,
                1_908_102_360
            ]
        );
        assert_eq!(jitter.up_to(Duration::ZERO), Duration::ZERO);
        assert!(jitter.up_to(Duration::MAX) <= Duration::from_nanos(u64::MAX));
    }
}
