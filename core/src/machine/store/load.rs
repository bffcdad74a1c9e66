//! What another process has left in the store, and what follows from it.

use super::Step;
use crate::event::Event;
use crate::machine::Machine;
use crate::saved::SavedTokens;
use crate::{SavedSession, Timestamp, pacing};

impl Machine {
    /// Takes over what another process has found out since.
    pub(super) fn compare(&mut self, now: Timestamp, mut saved: SavedSession) {
        let (Some(provider), Some(ours)) = (self.state.provider(), self.state.credentials()) else {
            return;
        };
        let is_ours = saved.belongs_to(provider, ours.username());
        let has_refresh_token = self.state.refresh_token().is_some();
        let Some(store) = &mut self.store else {
            return;
        };
        let digest = saved.tokens.as_ref().map(SavedTokens::digest);
        let is_seen = digest == store.seen;
        let is_known = saved.revision == store.revision && is_seen;
        let is_older = saved.revision < store.revision;

        // Whoever's they are, passwords are counted together. A clock that was ahead is put right once: it
        // must not hold a password back again and again (I12).
        let mut mended = !is_known && self.logins.merge(now, &self.config, &saved.logins);
        // Revisions begin anew where the session was removed, so what looks known may say something new.
        mended |= self.login_answers.merge(now, &saved.login_answers);
        mended |= !is_known && (self.targets).merge(now, &self.config, &mut saved.targets);
        store.pacing_unsaved |= mended;
        store.revision = store.revision.max(saved.revision);
        if !is_ours {
            store.seen = digest;
            store.kept = Some(saved);
            return self.tell(Event::SavedSessionForeign);
        }
        // Ours has replaced that very set, and could not be saved.
        let is_successor = store.tokens_unsaved && is_seen;
        // What was saved is gone, or an old copy of it has come back.
        let is_obsolete = is_older && has_refresh_token;
        if is_known || is_successor || is_obsolete {
            return;
        }
        if !self.state.may_adopt() {
            store.kept = Some(saved);
        } else if let Some(tokens) = saved.tokens {
            store.seen = digest;
            store.tokens_unsaved = false;
            self.adopt_tokens(now, tokens);
        }
    }

    fn adopt_tokens(&mut self, now: Timestamp, tokens: SavedTokens) {
        let (mut access, refresh) = tokens.into_parts();
        let is_same = match self.state.token() {
            Some(ours) if ours.is_same(&access) => {
                // What a 401 has said of it still holds.
                access.inherit(ours);
                true
            }
            _ => false,
        };
        self.is_retry = false;
        self.expected = None;
        self.state.adopt(access, refresh);
        let Some(token) = self.state.token() else {
            return;
        };
        let (is_usable, expires_at) = (token.is_usable(now), token.expires_at());
        self.refresh_due = pacing::refresh_due(&self.config, &mut self.jitter, token);
        if !is_same {
            self.targets.adopt(self.generation);
            self.generation = self.generation.next();
        }
        let generation = self.generation;
        self.tell(Event::Adopted {
            generation,
            expires_at,
        });
        if !self.round.is_open() {
            return;
        }
        if is_usable && !(self.refresh_due.passed(now) && self.state.refresh_token().is_some()) {
            return self.round.succeed();
        }
        if is_usable {
            self.round.become_early();
        }
        self.leave_authenticated(now);
    }

    /// The lock is held and what is there is known.
    pub(super) fn go_on(&mut self, now: Timestamp) {
        let Some(store) = &mut self.store else {
            return;
        };
        store.tried = store.revision;
        let leave = if store.is_unsaved() {
            Step::Save
        } else {
            Step::Unlock
        };
        // If other processes have sent passwords, this one's waits.
        let may_begin = self.round.is_open() && self.state.is_due();
        let step = if !may_begin || self.until_attempt(now).is_some() {
            leave
        } else if !self.state.sends_password() {
            Step::Exchange
        } else if let Some(refusal) = self.refusal(now, None).filter(|_| !self.is_retry) {
            self.reject_unsent(refusal.at);
            leave
        } else {
            self.logins.count();
            self.logins.note(now);
            Step::Announce
        };
        self.step(step);
    }

    /// Another process has had this password refused (I2).
    fn reject_unsent(&mut self, at: Timestamp) {
        self.state.reject_unsent();
        if let Some(store) = &mut self.store {
            store.remembered = Some(at);
        }
        self.tell(Event::RefusalRemembered { at });
        if let Some(event) = self.enter_rejected() {
            self.tell(event);
        }
    }
}
