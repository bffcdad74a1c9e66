//! What another process has left in the store, and what follows from it.

use std::mem;

use super::{Seen, Step, Store, pause};
use crate::event::Event;
use crate::machine::Machine;
use crate::outage::Outage;
use crate::saved::SavedTokens;
use crate::time::Delay;
use crate::{SavedSession, StoreFailure, Timestamp, pacing};

impl Machine {
    /// Takes over what another process has found out since.
    pub(super) fn compare(&mut self, now: Timestamp, mut saved: SavedSession) {
        let (Some(provider), Some(ours)) = (self.state.provider(), self.state.credentials()) else {
            return;
        };
        let is_ours = saved.belongs_to(provider, ours.username());
        let Some(store) = &mut self.store else {
            return;
        };
        // Whoever's they are, passwords are counted together. A clock that was ahead is put right once: it
        // must not hold a password back again and again (I12).
        let before = store.seen;
        let found = Seen {
            lineage: saved.lineage,
            revision: saved.revision,
            access_token: saved.tokens.as_ref().map(SavedTokens::digest),
        };
        let is_known = found == before;
        let mut mended = !is_known && self.logins.merge(now, &self.config, &saved.logins);
        // Revisions begin anew where the session was removed, so what looks known may say something new.
        mended |= self.login_answers.merge(now, &saved.login_answers);
        mended |= !is_known && (self.targets).merge(now, &self.config, &mut saved.targets);
        // Another endpoint's says nothing of ours.
        let outage = saved.outage.filter(|_| saved.is_at(provider));
        mended |= Outage::merge(&mut store.outage, now, outage);
        store.unsaved.pacing |= mended;
        store.seen = Seen {
            revision: before.revision.max(saved.revision),
            ..found
        };
        if !is_ours {
            if let Some(visit) = &mut store.visit {
                visit.kept = Some(saved);
            }
            let place = store.place.clone();
            return self.tell(Event::SavedSessionForeign { place });
        }
        store.others = mem::take(&mut saved.others);
        if store.is_forgetting {
            store.lineages.leave(saved.lineage);
            if let Some(tokens) = saved.tokens {
                let (access, refresh) = tokens.into_parts();
                self.revoke_saved(access.bearer(), refresh.as_ref());
            }
            return;
        }
        if !store.is_newer(&saved, before) {
            return;
        }
        if !self.state.may_adopt() {
            if let Some(visit) = &mut store.visit {
                visit.kept = Some(saved);
            }
            return;
        }
        store.unsaved.tokens = false;
        store.lineages.enter(saved.lineage);
        if let Some(tokens) = &saved.tokens {
            // The server has given tokens since.
            (store.outage).take_if(|outage| outage.is_before(tokens.received_at()));
        }
        // Without tokens the refresh token is spent: a good access token stays.
        let ours = || Some(SavedTokens::of(self.state.token()?, None));
        if let Some(tokens) = saved.tokens.or_else(ours) {
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
        self.forget_asked();
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
        store.looked = Some(Delay::new(now, pause(&self.config)));
        if self.round.is_open()
            && self.state.is_due()
            && let Some(outage) = &mut store.outage
        {
            let rest = outage.rest(now, self.config.cool_down.longest);
            let outage = *outage;
            if let Some(rest) = rest {
                self.learn(now, outage, rest);
            }
        }
        // If other processes have sent passwords, this one's waits.
        let may_begin = self.round.is_open() && self.state.is_due();
        if may_begin && self.until_attempt(now).is_none() {
            if !self.state.sends_password() {
                return self.step(self.before_refresh());
            }
            // Else with the lock free, and then in a visit anew.
            if !self.asks_credentials() {
                let refusal = self.refusal(now, None).filter(|_| !self.is_retry);
                let Some(refusal) = refusal else {
                    self.logins.count();
                    self.logins.note(now);
                    return self.step(Step::Announce);
                };
                self.reject_unsent(refusal.at);
            }
        }
        self.step(if self.is_saved() {
            Step::Unlock
        } else {
            Step::Save
        });
    }

    fn before_refresh(&self) -> Step {
        let is_shared = |store: &Store| !store.can_save && !store.unsaved.tokens;
        let is_alone = self.visit().is_none_or(|visit| visit.is_alone);
        if !is_alone && self.store.as_deref().is_some_and(is_shared) {
            Step::Probe
        } else {
            Step::Exchange
        }
    }

    /// Nothing can be saved, which only a person can mend.
    pub(super) fn go_on_alone(&mut self, now: Timestamp, failure: StoreFailure) {
        if let Some(visit) = self.visit_mut() {
            (visit.is_alone, visit.failure) = (true, Some(failure));
        }
        self.go_on(now);
    }

    /// Another process has had this password refused (I2).
    fn reject_unsent(&mut self, at: Timestamp) {
        self.state.reject_unsent();
        if let Some(store) = &mut self.store {
            store.remembered = Some(at);
            let place = store.place.clone();
            self.tell(Event::RefusalRemembered { at, place });
        }
        if let Some(event) = self.enter_rejected() {
            self.tell(event);
        }
    }
}

impl Store {
    /// Whether what was saved comes after ours, which comes after what was seen in the store before.
    fn is_newer(&self, saved: &SavedSession, before: Seen) -> bool {
        if saved.lineage.is_none() && saved.tokens.is_none() {
            return false; // nobody had logged in
        }
        if let Some(lineage) = saved.lineage
            && saved.lineage != self.lineages.current()
        {
            return !self.lineages.has_left(lineage);
        }
        let access_token = saved.tokens.as_ref().map(SavedTokens::digest);
        let is_same = access_token == before.access_token;
        // Ours has replaced that very set, and could not be saved.
        let is_successor = self.unsaved.tokens && is_same;
        let is_later = saved.revision > before.revision;
        !is_successor && (is_later || (saved.revision == before.revision && !is_same))
    }
}
