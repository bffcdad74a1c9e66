//! The rules, each with what is checked of it.
//!
//! What they mean, why, and what they leave open is in `simacan_auth::manual::rules`, by the same numbers.

use std::sync::Arc;

use super::party::{Carried, Party};
use super::passwords::{Login, Word};
use super::tokens::{Held, Standing};
use super::{Referee, Violation};

/// A rule of `simacan_auth::manual::rules`, and what has to be told to the referee for it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Rule {
    /// The rule's number, such as 1 for I1.
    pub number: u8,
    /// The rule in some words.
    pub title: &'static str,
    /// The calls of the referee that decide the rule, or who else decides it.
    pub decided_by: &'static str,
}

/// All rules, by their numbers. Each is explained, with its exceptions, in `simacan_auth::manual::rules`.
///
/// ```
/// for rule in simacan_auth_testkit::referee::RULES {
///     println!("I{}, {}: decided by {}", rule.number, rule.title, rule.decided_by);
/// }
/// ```
pub const RULES: [Rule; 16] = [
    rule(
        1,
        "a password needs a reason",
        "`sent`, `answered`; more by `credentials`, `saved`",
    ),
    rule(
        2,
        "a refused password is not repeated",
        "`sent`, `answered`; more by `saved`",
    ),
    rule(
        3,
        "a spent refresh token is gone",
        "`sent`, `answered`; more by `saved`",
    ),
    rule(
        4,
        "one job at a time",
        "`sent`, `answered`, `lost`; more by `locked`",
    ),
    rule(
        5,
        "an old 401 starts nothing",
        "`with_targets`, `sent` and `answered` of target requests",
    ),
    rule(6, "every caller gets an answer", "virtual time: what hangs"),
    rule(
        7,
        "a request goes out twice at most",
        "`with_request_id`, `sent` and `answered` of target requests",
    ),
    rule(8, "secrets go where they may", "`sent`"),
    rule(9, "nothing prints a secret", "`check_text`"),
    rule(10, "every answer is survived", "`event`"),
    rule(11, "no driver spins", "virtual time: what spins"),
    rule(
        12,
        "no clock wedges it",
        "the other rules while the clock jumps",
    ),
    rule(
        13,
        "twelve passwords an hour",
        "`sent`, `answered`, `not_sent`; more by `locked`, `saved`",
    ),
    rule(
        14,
        "tokens are not lost",
        "`sent` of target requests; more by `event`, `saved`",
    ),
    rule(
        15,
        "a target's 401s are bounded",
        "`sent` and `answered` of target requests; more by `event`",
    ),
    rule(
        16,
        "a good token does not wait",
        "virtual time: how long callers wait",
    ),
];

const fn rule(number: u8, title: &'static str, decided_by: &'static str) -> Rule {
    Rule {
        number,
        title,
        decided_by,
    }
}

type Review = Result<(), Violation>;

impl Referee {
    /// The password is sent only if the session has no tokens yet, or if a refresh was refused since it got the
    /// last ones, or if these came without a refresh token and have ended. What is saved counts as held, unless
    /// the sender knows better.
    pub(super) fn i1_a_password_needs_a_reason(
        &self,
        now: u64,
        party: &Party,
        login: &Login,
    ) -> Review {
        let is_set = |set: &Option<Login>| set.as_ref() == Some(login);
        let is_given = party.login.is_none()
            || [&party.login, &party.replaced, &party.next_login]
                .into_iter()
                .any(is_set);
        if !is_given {
            return Violation::found(
                1,
                "a password was sent that is not, or no longer, the program's",
            );
        }
        // Where nobody tells of credentials, another user's password ends the session of the last.
        let is_other =
            party.login.is_none() && party.user.as_ref().is_some_and(|user| *user != login.user);
        let own = party
            .held
            .as_ref()
            .filter(|held| !held.is_superseded && !is_other);
        if own.is_some_and(|held| held.bars_password(now)) {
            return Violation::found(1, "the password was sent while a refresh token is alive");
        }
        let saved = self
            .store
            .saved
            .as_ref()
            .filter(|saved| saved.user.as_deref() == Some(&login.user));
        let knows_better = |held: &Held| {
            held.refresh
                .as_deref()
                .is_some_and(|token| party.has_spent(token))
        };
        if saved.is_some_and(|saved| saved.held.bars_password(now) && !knows_better(&saved.held)) {
            return Violation::found(
                1,
                "the password was sent while a refresh token that is alive is saved",
            );
        }
        Ok(())
    }

    /// A password that was refused is not sent again while that is believed, by whoever has heard of it.
    pub(super) fn i2_a_refused_password_is_not_repeated(
        &self,
        party: &Party,
        login: &Login,
    ) -> Review {
        let words = [&party.words, &self.store.words];
        if words
            .iter()
            .any(|words| words.of(login).is_some_and(Word::is_believed))
        {
            let user = &login.user;
            return Violation::found(2, format!("{user}'s password was sent after its refusal"));
        }
        Ok(())
    }

    /// Once refused or replaced, as far as the sender can know, a refresh token is not sent. `Ok(Some)`: it is
    /// taken over from there.
    pub(super) fn i3_a_spent_refresh_token_is_gone(
        &self,
        now: u64,
        process: usize,
        token: &str,
    ) -> Result<Option<Held>, Violation> {
        let party = &self.parties[process];
        let is_its = |held: &&Held| held.refresh.as_deref() == Some(token);
        let unknown = || Some(Held::unknown(None, Some(token), now, self.elapsed));
        if self.store.had_vandals {
            let known = party.held.as_ref().filter(is_its);
            return Ok(if known.is_some() {
                None
            } else {
                self.store.held().filter(is_its).cloned().or_else(unknown)
            });
        }
        if party.has_spent(token) {
            return Violation::found(3, "a refresh token was sent that its sender has spent");
        }
        if self.store.has_spent(token) {
            return Violation::found(
                3,
                "a refresh token was sent that others have spent, and saved that",
            );
        }
        match party.held.as_ref().filter(is_its) {
            Some(held) if held.is_refused => {
                return Violation::found(3, "a refresh token was sent again after its refusal");
            }
            Some(_) => return Ok(None),
            None => {}
        }
        match self.elsewhere(process).find(is_its) {
            Some(held) => Ok(Some(held.clone())),
            None if party.has_held || self.store.is_reported => {
                Violation::found(3, "a refresh token was sent that is not the last received")
            }
            None => Ok(unknown()),
        }
    }

    /// One exchange at a time in each process; and if processes share a session, only by who has the lock.
    pub(super) fn i4_one_job_at_a_time(&self, party: &Party) -> Review {
        if party.flight.is_some() {
            return Violation::found(4, "an exchange began before the last was reported");
        }
        if self.store.is_locking && party.locked.is_none() {
            return Violation::found(4, "an exchange began without the store's lock");
        }
        Ok(())
    }

    /// The first refresh of a token set is due by time, or a 401 was to this very set.
    pub(super) fn i5_an_old_401_starts_nothing(&self, now: u64, held: &Held) -> Review {
        let has_reason = held.has_sent_refresh
            || held.unauthorized
            || held.was_condemned
            || held.may_be_due(now + self.limits.slack, self.elapsed);
        if self.sees_targets && !has_reason {
            return Violation::found(
                5,
                "a refresh began that is not due, and no 401 was to this token",
            );
        }
        Ok(())
    }

    /// Secrets leave in the form and to the places that the service is for.
    pub(super) fn i8_secrets_go_where_they_may(
        &self,
        uri: &http::Uri,
    ) -> Result<Arc<str>, Violation> {
        if let Some(origin) = self.service.target(uri) {
            return Ok(origin.into());
        }
        Violation::found(8, format!("a secret goes to {uri}, or in another form"))
    }

    /// Three passwords are free, further ones are spaced, and no more than twelve leave in an hour. After answers
    /// of no use they wait longer. With a store they are recorded there before.
    pub(super) fn i13_twelve_passwords_an_hour(&self, process: usize, login: &Login) -> Review {
        let party = &self.parties[process];
        for words in [&party.words, &self.store.words] {
            if let Some(word) = words.of(login)
                && let Some(wait) = word.wait_in_doubt(&self.limits)
                && self.elapsed - word.doubted + self.limits.slack < wait
            {
                let (since, count) = (self.elapsed - word.doubted, word.doubts);
                return Violation::found(
                    13,
                    format!("a password left {since} ms after answer {count} of no use"),
                );
            }
        }
        if self.store.is_locking && !party.is_recorded && !self.limits.unrecorded_logins {
            return Violation::found(13, "a password was sent, and that is recorded nowhere");
        }
        let is_expected = Self::is_expected(party);
        if let Some(held) = &party.held {
            let since = self.elapsed - held.received_after;
            // After a 401 it may be one that this has asked for, which is paced as any.
            let is_early = since + self.limits.slack < self.limits.spacing(0);
            if self.sees_targets && is_expected && held.standing == Standing::Good && is_early {
                return Violation::found(
                    13,
                    format!("a password left {since} ms after the last tokens"),
                );
            }
        }
        let pace = if self.store.is_reported {
            &self.store.pace
        } else {
            &party.pace
        };
        match pace.review(self.elapsed, &self.limits, is_expected) {
            Some(why) if !self.store.has_lost => Violation::found(13, why),
            _ => Ok(()),
        }
    }

    /// The end of a token's life, at a server that gives no refresh tokens.
    pub(super) fn is_expected(party: &Party) -> bool {
        party.held.as_ref().is_some_and(|held| {
            let has_no_other = held.refresh.is_none() && !held.is_refused;
            !held.has_sent_password && has_no_other && held.has_ended && !held.was_condemned
        })
    }

    /// What goes out is what was received last, and still good; and nobody is told of first tokens that are not
    /// saved yet. `Ok(Some)`: it is taken over from the store, or from who shares the session.
    pub(super) fn i14_tokens_are_not_lost(
        &self,
        now: u64,
        process: usize,
        token: &str,
    ) -> Result<Option<Held>, Violation> {
        let party = &self.parties[process];
        let slack = self.limits.slack;
        let is_it = |held: &&Held| &*held.access == token;
        let is_previous = |party: &Party| {
            let previous = party.previous.as_ref();
            previous.is_some_and(|(old, until)| &**old == token && self.elapsed < *until)
        };
        if is_previous(party) || self.shares && self.others(process).any(is_previous) {
            return Ok(None); // it was on its way when the new one came
        }
        let own = party.held.as_ref().filter(is_it);
        let (held, is_own) = match (own, self.elsewhere(process).find(is_it)) {
            (Some(held), _) => (held, true),
            (None, Some(held)) => (held, false),
            (None, None) if party.has_held || self.store.is_reported => {
                return Violation::found(14, "the token that goes out is not the last received");
            }
            (None, None) => return Ok(Some(Held::unknown(Some(token), None, now, self.elapsed))),
        };
        if held.has_expired(now, slack) {
            return Violation::found(14, "a token goes out that has expired");
        }
        if is_own
            && held.standing == Standing::Condemned
            && self.elapsed >= held.condemned_after + slack
        {
            return Violation::found(14, "a token goes out that a 401 has condemned");
        }
        if is_own && self.store.is_reported && held.is_first && !held.is_saved && !party.save_failed
        {
            return Violation::found(14, "a first token is handed out, and it is not saved");
        }
        Ok((!is_own).then(|| held.clone()))
    }

    /// Nobody overwrites what it has not seen, and no token that is alive with one that is not.
    pub(super) fn i14_nothing_good_is_overwritten(
        &self,
        process: usize,
        revision: Option<u64>,
        refresh: Option<&str>,
    ) -> Review {
        let Some(revision) = revision else {
            return Violation::found(10, "what is saved is no saved session");
        };
        let before = self.store.revision;
        if before.is_some_and(|before| revision <= before) {
            return Violation::found(
                14,
                format!("revision {before:?} is overwritten with {revision}"),
            );
        }
        let party = &self.parties[process];
        let is_spent = |token: &str| party.has_spent(token) || self.store.has_spent(token);
        let saved = self.store.saved.as_ref().filter(|saved| {
            party
                .login
                .as_ref()
                .is_none_or(|login| saved.user.as_deref() == Some(&login.user))
        });
        let alive = saved
            .and_then(|saved| saved.held.refresh.as_deref())
            .filter(|token| !is_spent(token));
        if alive.is_some() && refresh.is_none_or(is_spent) && !self.store.had_vandals {
            return Violation::found(14, "a refresh token that is alive is overwritten");
        }
        Ok(())
    }

    /// May this leave now?
    pub(super) fn review(
        &self,
        now: u64,
        process: usize,
        carried: &Carried,
    ) -> Result<Option<Held>, Violation> {
        let party = &self.parties[process];
        match carried {
            Carried::Password(login) => {
                self.i4_one_job_at_a_time(party)?;
                self.i2_a_refused_password_is_not_repeated(party, login)?;
                self.i1_a_password_needs_a_reason(now, party, login)?;
                self.i13_twelve_passwords_an_hour(process, login)?;
                Ok(None)
            }
            Carried::Refresh(token) => {
                self.i4_one_job_at_a_time(party)?;
                let adopted = self.i3_a_spent_refresh_token_is_gone(now, process, token)?;
                if let Some(held) = adopted.as_ref().or(party.held.as_ref()) {
                    self.i5_an_old_401_starts_nothing(now, held)?;
                }
                Ok(adopted)
            }
            Carried::Revoked => self.i4_one_job_at_a_time(party).map(|()| None),
            Carried::Access(_, token) => self.i14_tokens_are_not_lost(now, process, token),
            Carried::Nothing => Ok(None),
        }
    }
}
