//! What is known of one process, and what it can know.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::passwords::{Login, Pace, Words};
use super::targets::Target;
use super::tokens::Held;

#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "what is known of it")]
pub(super) struct Party {
    /// The credentials that the program has set last and that changed something.
    pub(super) login: Option<Login>,
    /// Whose password was sent last.
    pub(super) user: Option<Arc<str>>,
    /// Those before, if they were replaced under the lock: what it does under this may be decided.
    pub(super) replaced: Option<Login>,
    /// A refused password that was set again: the library says whether it takes it.
    pub(super) next_login: Option<Login>,
    /// The tokens that were received last, or taken from the store, if they are still this user's.
    pub(super) held: Option<Held>,
    /// Whether there were ever any.
    pub(super) has_held: bool,
    /// The access token before, and until when it may still arrive somewhere, by the time that went by.
    pub(super) previous: Option<(Arc<str>, u64)>,
    /// An answer of which nobody knows whether it has arrived.
    pub(super) offered: Option<Held>,
    /// The exchange in flight.
    pub(super) flight: Option<Flight>,
    pub(super) words: Words,
    pub(super) pace: Pace,
    pub(super) targets: Vec<(Arc<str>, Target)>,
    /// The target whose 401 it has got just now, if nothing was under way.
    pub(super) accused: Option<Arc<str>>,
    /// Refresh tokens that were refused or replaced in an answer that it got; with a store only.
    pub(super) spent: Vec<Arc<str>>,
    /// How many of these were known when it saved last.
    pub(super) spent_saved: usize,
    /// When it got the lock, by the time that went by.
    pub(super) locked: Option<u64>,
    /// Whether something was saved or marked under this lock.
    pub(super) is_recorded: bool,
    /// Whether its last save failed.
    pub(super) save_failed: bool,
    /// Whether its password was refused and that is not saved.
    pub(super) has_unsaved_refusal: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) carried: Carried,
    pub(super) sent: u64,
    /// Other credentials have come since: its answer is discarded.
    pub(super) is_void: bool,
    /// Of a password: whether it is what a server without refresh tokens expects at the end of a token's life. If
    /// it brings tokens, it does not count (I13).
    pub(super) is_expected: bool,
}

/// What a request carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Carried {
    Password(Login),
    Refresh(Arc<str>),
    /// A token to be revoked (RFC 7009).
    Revoked,
    /// To this origin.
    Access(Arc<str>, Arc<str>),
    Nothing,
}

impl Carried {
    /// It goes to the auth server, whose answer counts.
    pub(super) fn is_exchange(&self) -> bool {
        !matches!(self, Self::Access(..) | Self::Nothing)
    }
}

impl Party {
    pub(super) fn target(&mut self, origin: &Arc<str>) -> &mut Target {
        let at = self.targets.iter().position(|(known, _)| known == origin);
        let at = at.unwrap_or_else(|| {
            self.targets.push((origin.clone(), Target::default()));
            self.targets.len() - 1
        });
        &mut self.targets[at].1
    }

    pub(super) fn has_spent(&self, token: &str) -> bool {
        self.spent.iter().any(|spent| &**spent == token)
    }

    pub(super) fn spend(&mut self, token: Arc<str>) {
        if !self.has_spent(&token) {
            self.spent.push(token);
        }
    }

    /// They are of a user who was replaced by another.
    pub(super) fn forget_tokens(&mut self) {
        (self.held, self.previous, self.offered) = (None, None, None);
        self.targets
            .iter_mut()
            .for_each(|(_, target)| target.reset());
    }

    /// The clock has been set.
    pub(super) fn look_at(&mut self, now: u64) {
        self.words.look_at(now);
        self.held
            .iter_mut()
            .chain(&mut self.offered)
            .for_each(|held| held.look_at(now));
    }

    /// All that a later check depends on.
    pub(super) fn fingerprint(&self, elapsed: u64, mut hasher: &mut dyn Hasher) {
        (
            &self.login,
            &self.user,
            &self.replaced,
            &self.next_login,
            self.has_held,
        )
            .hash(&mut hasher);
        self.held.is_some().hash(&mut hasher);
        if let Some(held) = &self.held {
            held.fingerprint(elapsed, hasher);
        }
        if let Some(flight) = &self.flight {
            (
                &flight.carried,
                flight.sent,
                flight.is_void,
                flight.is_expected,
            )
                .hash(&mut hasher);
        }
        self.words.fingerprint(elapsed, hasher);
        self.pace.fingerprint(elapsed, hasher);
        for (origin, target) in &self.targets {
            origin.hash(&mut hasher);
            target.fingerprint(elapsed, self.held.as_ref().map(|held| &held.access), hasher);
        }
        (&self.spent, self.spent_saved).hash(&mut hasher);
        self.locked.map(|at| elapsed - at).hash(&mut hasher);
        (self.is_recorded, self.save_failed, self.has_unsaved_refusal).hash(&mut hasher);
    }
}
