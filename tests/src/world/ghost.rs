//! What the checks remember, and the checks of what the machine sends.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::Request;

use super::dialect::{Dialect, Secret};
use super::step::Login;
use super::targets::Target;
use super::violation::Violation;
use super::words::Words;

pub(super) const HOUR: u64 = 3_600_000;

pub(super) const DAY: u64 = 24 * HOUR;

/// The expiry of a token whose server did not say.
pub(super) const NEVER: u64 = u64::MAX;

/// What has happened as far as the invariants ask. It is no part of the machine and decides nothing.
#[derive(Clone, Debug)]
pub(super) struct Ghost {
    /// The tokens that were received last, if they are still this user's.
    pub(super) held: Option<Held>,
    /// Whether since then a refresh was refused (I1).
    pub(super) door_open: bool,
    /// The credentials that the program has set last and that changed something.
    pub(super) login: Login,
    pub(super) words: Words,
    /// Milliseconds that went by, however often the clock was set back.
    pub(super) elapsed: u64,
    /// When passwords left in the last hour (I13).
    passwords: VecDeque<u64>,
    /// Whether the last one is what a server without refresh tokens expects at the end of a token's life. If it
    /// brings tokens, it does not count.
    is_expected: bool,
    pub(super) targets: [Target; 2],
}

#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) access: Arc<str>,
    pub(super) refresh: Option<Arc<str>>,
    /// The emulator's number for them, and when it made them.
    pub(super) made: (u64, u64),
    pub(super) received: u64,
    /// The same by the time that went by.
    pub(super) received_after: u64,
    pub(super) has_sent_password: bool,
    pub(super) expires: u64,
    /// When the refresh token was answered first, with anything but tokens.
    pub(super) answered: Option<u64>,
    /// How many answers to it said nothing, and when the first did.
    pub(super) unclear: (u32, Option<u64>),
    pub(super) standing: Standing,
    /// Whether the clock has ever shown its end: then it may be used or not, whatever the clock shows
    /// since.
    pub(super) has_ended: bool,
    /// Whether a 401 has ever condemned it. Without a refresh token, that opens the way to the password
    /// for good (`manual::rules`, I1), even if the token is used again in an outage (`manual::time`).
    pub(super) was_condemned: bool,
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
    /// At its expiry, or if the clock was set back to before its receipt.
    pub(super) fn has_expired(&self, now: u64) -> bool {
        self.expires != NEVER && (now >= self.expires || now + 60_000 < self.received)
    }
}

/// What an exchange carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Carried {
    Password(Login),
    Refresh,
}

impl Ghost {
    pub(super) fn new() -> Self {
        Self {
            held: None,
            door_open: false,
            login: Login::Alice,
            words: Words::default(),
            elapsed: 0,
            passwords: VecDeque::new(),
            is_expected: false,
            targets: Default::default(),
        }
    }

    pub(super) fn is_good(&self, now: u64) -> bool {
        self.held
            .as_ref()
            .is_some_and(|held| held.standing == Standing::Good && !held.has_ended)
            && self
                .held
                .as_ref()
                .is_some_and(|held| !held.has_expired(now))
    }

    /// The clock has been set.
    pub(super) fn look_at(&mut self, now: u64) {
        if let Some(held) = &mut self.held {
            held.has_ended |= held.has_expired(now);
        }
        self.words.look_at(now);
    }

    /// The refresh token was answered, and there are no tokens. A day of that is as good as a refusal, and so
    /// are three answers that say nothing, if they are not of one bad quarter of an hour.
    pub(super) fn answer_refresh(&mut self, now: u64, is_unclear: bool) {
        let since = |first: &mut Option<u64>| {
            let known = first.filter(|first| *first <= now + 60_000);
            now.saturating_sub(*first.insert(known.unwrap_or(now)))
        };
        if let Some(held) = &mut self.held {
            self.door_open |= since(&mut held.answered) >= DAY;
            if is_unclear {
                let (count, first) = &mut held.unclear;
                *count += 1;
                self.door_open |= since(first) >= 900_000 && *count >= 3;
            }
        }
    }

    pub(super) fn stand(&mut self, standing: Standing) {
        if let Some(held) = &mut self.held {
            held.standing = standing;
            held.was_condemned |= standing == Standing::Condemned;
        }
    }

    /// This password was refused. A token that a 401 had condemned is not usable again: the attempts have
    /// ended with an answer (`manual::time`).
    pub(super) fn refuse(&mut self, now: u64, login: Login, by_gateway: bool) {
        self.words.refuse(now, login, by_gateway);
        if let Some(held) = &mut self.held {
            held.has_ended |= held.standing != Standing::Good;
        }
    }

    /// It has brought tokens.
    pub(super) fn trust(&mut self, login: Login) {
        self.words.trust(login);
        if std::mem::take(&mut self.is_expected) {
            self.passwords.pop_back();
        }
    }

    /// Something goes to the auth server: may it?
    pub(super) fn check_exchange(
        &mut self,
        now: u64,
        dialect: Dialect,
        request: &Request<Vec<u8>>,
    ) -> Result<Carried, Violation> {
        match dialect.read(request) {
            Some(Secret::Refresh(token)) => self.check_refresh(token),
            Some(Secret::Password { user, password }) => self.check_password(now, user, password),
            None => {
                let uri = request.uri();
                Violation::found(8, format!("a secret goes to {uri}, or in another form"))
            }
        }
    }

    fn check_refresh(&self, token: &str) -> Result<Carried, Violation> {
        let current = self.held.as_ref().and_then(|held| held.refresh.as_deref());
        if current != Some(token) {
            return Violation::found(3, "a refresh token was sent that is not the last received");
        }
        if self.door_open {
            return Violation::found(3, "a refresh token was sent again after its refusal");
        }
        Ok(Carried::Refresh)
    }

    fn check_password(
        &mut self,
        now: u64,
        user: &str,
        password: &str,
    ) -> Result<Carried, Violation> {
        let sent = |login: &Login| (login.user(), login.password()) == (user, password);
        let Some(login) = Login::ALL.into_iter().find(sent) else {
            return Violation::found(1, "a password was sent that nobody has given");
        };
        if self.words.is_believed(login) {
            return Violation::found(
                2,
                format!("{login:?}'s password was sent after its refusal"),
            );
        }
        if login != self.login {
            return Violation::found(1, format!("{login:?}'s password was sent, now replaced"));
        }
        if let Some(held) = &self.held
            && !self.door_open
            && (held.refresh.is_some() || (self.is_good(now) && !held.was_condemned))
        {
            return Violation::found(1, "the password was sent while a refresh token is alive");
        }
        let (count, last) = self.words.doubts(login);
        let since = self.elapsed - last;
        if (self.words.wait_in_doubt(login)).is_some_and(|wait| since < wait) {
            let why = format!("a password left {since} ms after answer {count} of no use");
            return Violation::found(13, why);
        }
        self.is_expected = false;
        if let Some(held) = &mut self.held {
            let is_first = !std::mem::replace(&mut held.has_sent_password, true);
            let has_no_other = held.refresh.is_none() && !self.door_open;
            self.is_expected = is_first && has_no_other && held.has_ended && !held.was_condemned;
            let since = self.elapsed - held.received_after;
            // After a 401 it may be one that this has asked for, which is paced as any.
            let is_good = held.standing == Standing::Good;
            if self.is_expected && is_good && since < 30_000 {
                let why = format!("a password left {since} ms after the last tokens");
                return Violation::found(13, why);
            }
        }
        self.check_pace()?;
        Ok(Carried::Password(login))
    }

    /// I13 by its means, the login guard of `manual::time`, which breaks sooner than the twelve of an hour. With
    /// the default config: three are free, then 30 s doubling to 15 min; an hour without resets it.
    /// Time is what went by: a clock that is set back gains nothing.
    fn check_pace(&mut self) -> Result<(), Violation> {
        let now = self.elapsed;
        if self.passwords.back().is_some_and(|last| now - last >= HOUR) {
            self.passwords.clear();
        }
        if let (Some(last), Some(n)) = (self.passwords.back(), self.passwords.len().checked_sub(3))
        {
            let spacing = 900_000.min(30_000 << n.min(10));
            if now - last < spacing && !self.is_expected {
                let since = now - last;
                return Violation::found(
                    13,
                    format!("a password left {since} ms after the last, not {spacing} ms"),
                );
            }
        }
        self.passwords.push_back(now);
        let in_the_hour = self.passwords.iter().filter(|at| now - **at < HOUR).count();
        if in_the_hour > 12 {
            return Violation::found(13, format!("{in_the_hour} passwords left in an hour"));
        }
        if self.passwords.len() > 64 {
            // More of them change neither the spacing nor the hour.
            self.passwords.pop_front();
        }
        Ok(())
    }

    /// All that a later check depends on.
    pub(super) fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        (self.door_open, self.login).hash(&mut hasher);
        self.words.fingerprint(self.elapsed, hasher);
        for at in &self.passwords {
            (self.elapsed - at).min(HOUR).hash(&mut hasher);
        }
        self.is_expected.hash(&mut hasher);
        self.held.is_some().hash(&mut hasher);
        if let Some(held) = &self.held {
            (held.made, held.received, held.expires, held.standing).hash(&mut hasher);
            (held.answered, held.unclear).hash(&mut hasher);
            (held.refresh.is_some(), held.has_ended, held.was_condemned).hash(&mut hasher);
            let since = (self.elapsed - held.received_after).min(30_000);
            (since, held.has_sent_password).hash(&mut hasher);
        }
        for target in &self.targets {
            target.fingerprint(self.elapsed, hasher);
        }
    }
}
