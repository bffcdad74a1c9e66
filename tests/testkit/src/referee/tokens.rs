//! A token set, and what its holder knows of it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::answer::{Answer, Meaning};
use super::limits::{DAY, Limits};

/// The expiry of a token whose server did not say.
const NEVER: u64 = u64::MAX;

/// A token set that a process holds. Times are in milliseconds since 1970.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what is known of it")]
pub struct Held {
    pub(super) access: Arc<str>,
    pub(super) refresh: Option<Arc<str>>,
    pub(super) received: u64,
    /// The same by the time that went by.
    pub(super) received_after: u64,
    pub(super) expires: u64,
    /// Whether a password, or the refresh token, has left since.
    pub(super) has_sent_password: bool,
    pub(super) has_sent_refresh: bool,
    /// When the refresh token was answered first, with anything but tokens.
    answered: Option<u64>,
    /// How many answers to it said nothing, and when the first did.
    unclear: (u32, Option<u64>),
    /// Whether the refresh token was refused, in one answer or in several.
    pub(super) is_refused: bool,
    /// Whether it was, in an answer of which nobody knows whether it arrived.
    pub(super) may_be_refused: bool,
    pub(super) standing: Standing,
    /// Whether a target has answered it with 401, whatever came of that.
    pub(super) unauthorized: bool,
    /// Whether the clock has ever shown its end: then it may be used or not, whatever the clock shows since.
    pub(super) has_ended: bool,
    /// Whether a 401 has ever condemned it before its end. Without a refresh token, that opens the way to the password
    /// for good (I1), even if the token is used again in an outage.
    pub(super) was_condemned: bool,
    /// When that was, by the time that went by.
    pub(super) condemned_after: u64,
    pub(super) is_saved: bool,
    /// Whether its holder had no good token before.
    pub(super) is_first: bool,
    /// Whether another process has received or saved tokens since: its holder may have seen these.
    pub(super) is_superseded: bool,
}

/// What the 401s so far mean for the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Standing {
    Good,
    /// One came after its expiry.
    Unsure,
    Condemned,
}

impl Held {
    pub(super) fn new(
        answer: &Answer,
        kept: Option<Arc<str>>,
        sent: u64,
        now: u64,
        elapsed: u64,
    ) -> Self {
        let until = |life: u64| (sent.min(now) + life).max(now + 1000);
        Self {
            access: answer.access.clone(),
            refresh: answer.refresh.clone().or(kept),
            received: now,
            received_after: elapsed,
            expires: answer.life.map_or(NEVER, until),
            has_sent_password: false,
            has_sent_refresh: false,
            answered: None,
            unclear: (0, None),
            is_refused: false,
            may_be_refused: false,
            standing: Standing::Good,
            unauthorized: false,
            has_ended: false,
            was_condemned: false,
            condemned_after: 0,
            is_saved: false,
            is_first: false,
            is_superseded: false,
        }
    }

    /// From before the referee was there.
    pub(super) fn unknown(
        access: Option<&str>,
        refresh: Option<&str>,
        now: u64,
        elapsed: u64,
    ) -> Self {
        let access = access.unwrap_or_default().into();
        let refresh = refresh.map(Arc::from);
        let life = None;
        let mut held = Self::new(
            &Answer {
                access,
                refresh,
                life,
            },
            None,
            now,
            now,
            elapsed,
        );
        (held.is_saved, held.unauthorized) = (true, true);
        held
    }

    /// Returns the access token.
    pub fn access_token(&self) -> &str {
        &self.access
    }

    /// Returns the refresh token, if there is one.
    pub fn refresh_token(&self) -> Option<&str> {
        self.refresh.as_deref()
    }

    /// Returns when the access token expires, if the server said so.
    pub fn expires_at(&self) -> Option<simacan_auth::Timestamp> {
        (self.expires != NEVER).then(|| simacan_auth::Timestamp::from_millis(self.expires))
    }

    /// At its expiry, or if the clock was set back to before its receipt.
    pub(super) fn has_expired(&self, now: u64, slack: u64) -> bool {
        self.expires != NEVER
            && (now >= self.expires.saturating_add(slack) || now + 60_000 < self.received)
    }

    pub(super) fn is_good(&self, now: u64) -> bool {
        self.standing == Standing::Good && !self.has_ended && !self.has_expired(now, 0)
    }

    /// Whether it leaves its holder no reason for a password (I1).
    pub(super) fn bars_password(&self, now: u64) -> bool {
        let is_refused = self.is_refused || self.may_be_refused;
        !is_refused && (self.refresh.is_some() || (self.is_good(now) && !self.was_condemned))
    }

    /// Whether a refresh is due without a 401: not in the first half of its life.
    pub(super) fn may_be_due(&self, now: u64, elapsed: u64) -> bool {
        let half = self.expires.saturating_sub(self.received) / 2;
        self.expires == NEVER
            || self.has_ended
            || self.received > now
            || now
                .saturating_sub(self.received)
                .max(elapsed - self.received_after)
                >= half
    }

    pub(super) fn look_at(&mut self, now: u64) {
        self.has_ended |= self.has_expired(now, 0);
    }

    pub(super) fn stand(&mut self, standing: Standing, elapsed: u64) {
        if standing == Standing::Condemned && self.standing != standing {
            self.condemned_after = elapsed;
        }
        self.standing = standing;
        self.was_condemned |= standing == Standing::Condemned && !self.has_ended;
    }

    /// The refresh token was answered, and there are no tokens. A day of that is as good as a refusal, and so
    /// are three answers that say nothing, if they are not of one bad quarter of an hour.
    pub(super) fn answer_refresh(&mut self, now: u64, meaning: &Meaning, limits: &Limits) {
        if matches!(meaning, Meaning::Refused { .. }) {
            self.is_refused = true;
            return;
        }
        let since = |first: &mut Option<u64>| {
            let known = first.filter(|first| *first <= now + 60_000);
            now.saturating_sub(*first.insert(known.unwrap_or(now)))
        };
        self.is_refused |= since(&mut self.answered) + limits.slack >= DAY;
        if *meaning == Meaning::Unclear {
            let (count, first) = &mut self.unclear;
            *count += 1;
            self.is_refused |= since(first) + limits.slack >= limits.unclear_refusal && *count >= 3;
        }
    }

    /// All that later judgements depend on.
    pub(super) fn fingerprint(&self, elapsed: u64, mut hasher: &mut dyn Hasher) {
        (&self.access, &self.refresh).hash(&mut hasher);
        (self.received, self.expires, self.standing).hash(&mut hasher);
        (
            self.answered,
            self.unclear,
            self.is_refused,
            self.may_be_refused,
        )
            .hash(&mut hasher);
        (self.has_ended, self.was_condemned, self.unauthorized).hash(&mut hasher);
        (self.has_sent_password, self.has_sent_refresh).hash(&mut hasher);
        (self.is_saved, self.is_first, self.is_superseded).hash(&mut hasher);
        (elapsed - self.received_after)
            .min(30_000)
            .hash(&mut hasher);
    }
}
