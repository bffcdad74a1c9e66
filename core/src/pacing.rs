//! When an exchange may start: pure arithmetic over [`Config`]. The reasons are in `manual::time`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::config::Config;
use crate::origin::OriginId;
use crate::time::{Deadline, Delay, Rest};
use crate::token::{AccessToken, Generation};

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

/// Keeps a target that refuses every token from turning each request into a refresh (I15),
/// without a cost to the other targets.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct TargetGuards(BTreeMap<OriginId, TargetGuard>);

#[derive(Clone, Debug, Hash)]
struct TargetGuard {
    /// The generation that this origin's last 401 ended; `None` after any other answer.
    ended: Option<Generation>,
    /// How often in a row a refresh that its 401 had started ended in another 401.
    strikes: u32,
    closed: Option<Delay>,
    /// How many refreshes it has started in the window.
    started: u32,
    window: Delay,
    /// A generation whose 401 was delivered, and no other answer has come since.
    refused: Option<Generation>,
}

impl TargetGuard {
    fn reset(&mut self) {
        self.refused = None;
        self.ended = None;
        self.strikes = 0;
        self.closed = None;
    }

    fn is_calm(&self) -> bool {
        self.ended.is_none() && self.strikes == 0 && self.closed.is_none() && self.refused.is_none()
    }

    /// Until when its 401s are delivered and start nothing.
    fn closed_until(
        &mut self,
        now: Timestamp,
        config: &Config,
        current: Generation,
    ) -> Option<Timestamp> {
        let closed = self.closed.as_mut().and_then(|delay| delay.rest(now));
        let is_used_up = self.started >= config.target_refreshes && self.ended != Some(current);
        let used_up = self.window.rest(now).filter(|_| is_used_up);
        Some(closed.into_iter().chain(used_up).max()?.end)
    }
}

impl TargetGuards {
    /// Many more origins than anyone has; beyond it, those whose window is over are forgotten.
    const MANY: usize = 256;

    /// An answer other than 401.
    pub(crate) fn reset(&mut self, origin: OriginId) {
        if let Some(guard) = self.0.get_mut(&origin) {
            guard.reset();
        }
    }

    /// Whether [`reset`](Self::reset) would change nothing, whatever the origin.
    pub(crate) fn are_calm(&self) -> bool {
        self.0.values().all(TargetGuard::is_calm)
    }

    /// Another user: what was answered to the last one says nothing.
    pub(crate) fn reset_all(&mut self) {
        self.0.values_mut().for_each(TargetGuard::reset);
    }

    /// Whether 401s from `origin` are delivered and start nothing.
    pub(crate) fn is_guarded(
        &mut self,
        now: Timestamp,
        config: &Config,
        origin: OriginId,
        current: Generation,
    ) -> bool {
        let Some(guard) = self.0.get_mut(&origin) else {
            return false;
        };
        let is_guarded = guard.closed_until(now, config, current).is_some();
        if is_guarded {
            guard.refused = Some(current);
        }
        is_guarded
    }

    /// As [`is_guarded`](Self::is_guarded), if it was the current token that was refused: until when.
    pub(crate) fn refused_until(
        &mut self,
        now: Timestamp,
        config: &Config,
        origin: OriginId,
        current: Generation,
    ) -> Option<Timestamp> {
        let guard = self.0.get_mut(&origin);
        let guard = guard.filter(|guard| guard.refused == Some(current))?;
        guard.closed_until(now, config, current)
    }

    /// A 401 from an `origin` that is not guarded ends the token of `current` and starts a refresh. If
    /// the refresh that its last one started was no use, it starts a guard instead, until the time that
    /// is given.
    ///
    /// Further 401s on a token that this origin has ended already belong to the same refresh.
    pub(crate) fn admit(
        &mut self,
        now: Timestamp,
        config: &Config,
        origin: OriginId,
        current: Generation,
    ) -> Result<(), Timestamp> {
        if self.0.len() >= Self::MANY {
            self.0.retain(|_, guard| !guard.window.is_over(now));
        }
        let guard = self.0.entry(origin).or_insert_with(|| TargetGuard {
            ended: None,
            strikes: 0,
            closed: None,
            started: 0,
            window: Delay::new(now, config.target_window),
            refused: None,
        });
        if guard.ended == Some(current) {
            return Ok(());
        }
        if guard.ended.is_some() && guard.closed.is_none() {
            let length = config.target_guard.nth(guard.strikes);
            guard.strikes = guard.strikes.saturating_add(1);
            guard.closed = Some(Delay::new(now, length));
            guard.refused = Some(current);
            return Err(now.plus(length));
        }
        if guard.window.is_over(now) {
            guard.started = 0;
            guard.window = Delay::new(now, config.target_window);
        }
        guard.started += 1;
        guard.ended = Some(current);
        guard.closed = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;

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

    const HOUR: Duration = Duration::from_secs(3600);

    /// Guards that have each started a refresh, and their origins.
    fn guards(n: usize, now: Timestamp) -> TargetGuards {
        let mut guards = TargetGuards::default();
        for n in 0..n {
            let host = format!("{n}.example");
            let origin = Origin::new("https", &host, None).expect("https").id();
            let generation = Generation::default();
            let admitted = guards.admit(now, &Config::default(), origin, generation);
            assert_eq!(admitted, Ok(()));
        }
        guards
    }

    #[test]
    fn guards_are_forgotten_when_there_are_many_and_their_hour_is_over() {
        let (start, other) = (Timestamp::from_millis(0), OriginId::NONE);
        for (n, after, left) in [
            (255, HOUR, 256), // a few can stay
            (256, HOUR, 1),
            (256, HOUR / 2, 257), // these still count
        ] {
            let mut guards = guards(n, start);
            let now = start.saturating_add(after);
            let admitted = guards.admit(now, &Config::default(), other, Generation::default());
            assert_eq!(admitted, Ok(()));
            assert_eq!(guards.0.len(), left, "{n} after {after:?}");
        }
    }
}
