//! What the server has said of each password, and when passwords left.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::limits::{DAY, HOUR, Limits};

/// Whose password, and which.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Login {
    pub(super) user: Arc<str>,
    pub(super) password: Arc<str>,
}

/// How long each password is not to be sent for what was said of it (I2, I13).
#[derive(Clone, Debug, Default)]
pub(super) struct Words(Vec<(Login, Word)>);

#[derive(Clone, Debug, Default)]
pub(super) struct Word {
    pub(super) was_refused: bool,
    /// When, by the clock, and for how long that is believed.
    refused: Option<(u64, u64)>,
    /// How many of its refusals, in a row, were a gateway's.
    gateways: u32,
    /// How many answers were neither tokens nor a refusal nor an outage's.
    pub(super) doubts: u32,
    /// When the last of these came, by the time that went by.
    pub(super) doubted: u64,
}

impl Word {
    pub(super) fn is_believed(&self) -> bool {
        self.refused.is_some()
    }

    /// How far the next attempt is away for answers of no use.
    pub(super) fn wait_in_doubt(&self, limits: &Limits) -> Option<u64> {
        let n = self.doubts.checked_sub(3)?;
        Some(limits.refusal_memory.min(limits.unclear_login << n.min(10)))
    }
}

impl Words {
    pub(super) fn of(&self, login: &Login) -> Option<&Word> {
        self.0
            .iter()
            .find(|(known, _)| known == login)
            .map(|(_, word)| word)
    }

    fn entry(&mut self, login: &Login) -> &mut Word {
        let at = self.0.iter().position(|(known, _)| known == login);
        let at = at.unwrap_or_else(|| {
            self.0.push((login.clone(), Word::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    pub(super) fn refuse(&mut self, now: u64, limits: &Limits, login: &Login, by_gateway: bool) {
        let word = self.entry(login);
        let length = if by_gateway {
            limits
                .refusal_memory
                .min(limits.gateway_refusal << word.gateways.min(10))
        } else {
            limits.refusal_memory
        };
        word.gateways = (word.gateways + 1) * u32::from(by_gateway);
        word.was_refused = true;
        word.refused = Some((now, length));
    }

    pub(super) fn doubt(&mut self, elapsed: u64, login: &Login) {
        let word = self.entry(login);
        (word.doubts, word.doubted) = (word.doubts + 1, elapsed);
    }

    /// It has brought tokens.
    pub(super) fn trust(&mut self, login: &Login) {
        let word = self.entry(login);
        (word.gateways, word.doubts, word.doubted) = (0, 0, 0);
    }

    /// Somebody knows better than what was said of it; of each, if nobody knows which it is.
    pub(super) fn allow(&mut self, login: Option<&Login>) {
        let is_it = |known: &Login| login.is_none_or(|login| known == login);
        for (_, word) in self.0.iter_mut().filter(|(known, _)| is_it(known)) {
            (word.refused, word.doubts) = (None, 0);
        }
    }

    /// What another knows.
    pub(super) fn learn(&mut self, others: &Self) {
        for (login, word) in &others.0 {
            *self.entry(login) = word.clone();
        }
    }

    /// The clock has been set.
    pub(super) fn look_at(&mut self, now: u64) {
        for (_, word) in &mut self.0 {
            if let Some((at, length)) = &mut word.refused {
                if *at > now + 60_000 {
                    *at = now; // the clock was ahead
                }
                // A minute: the library may have looked at a clock that was set back by less after that.
                if now + 60_000 >= *at + *length {
                    word.refused = None;
                }
            }
        }
    }

    pub(super) fn fingerprint(&self, elapsed: u64, mut hasher: &mut dyn Hasher) {
        for (login, word) in &self.0 {
            login.hash(&mut hasher);
            (word.was_refused, word.gateways, word.refused).hash(&mut hasher);
            (word.doubts, (elapsed - word.doubted).min(DAY)).hash(&mut hasher);
        }
    }
}

/// When passwords left in the last hour, by the time that went by (I13).
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(VecDeque<u64>);

impl Pace {
    /// What is wrong if another leaves now.
    pub(super) fn review(&self, now: u64, limits: &Limits, is_expected: bool) -> Option<String> {
        let (last, n) = (*self.0.back()?, self.0.len());
        let since = now.saturating_sub(last);
        if since >= limits.login_reset {
            return None;
        }
        if let Some(n) = n.checked_sub(limits.free_logins)
            && !is_expected
        {
            let spacing = limits.spacing(n);
            if since + limits.slack < spacing {
                return Some(format!(
                    "a password left {since} ms after the last, not {spacing} ms"
                ));
            }
        }
        let in_the_hour = self.0.iter().filter(|at| now - **at < HOUR).count() + 1;
        (in_the_hour > limits.logins_an_hour)
            .then(|| format!("{in_the_hour} passwords left in an hour"))
    }

    pub(super) fn count(&mut self, now: u64, limits: &Limits) {
        if self
            .0
            .back()
            .is_some_and(|last| now.saturating_sub(*last) >= limits.login_reset)
        {
            self.0.clear();
        }
        self.0.push_back(now);
        if self.0.len() > 64 {
            self.0.pop_front(); // more of them change neither the spacing nor the hour
        }
    }

    /// The last does not count.
    pub(super) fn take_back(&mut self) {
        self.0.pop_back();
    }

    pub(super) fn fingerprint(&self, elapsed: u64, mut hasher: &mut dyn Hasher) {
        for at in &self.0 {
            (elapsed - at).min(HOUR).hash(&mut hasher);
        }
    }
}
