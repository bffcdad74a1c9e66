//! What is to be saved, and who hears of it when.

use std::time::Duration;

use super::{AfterMark, Held, Seen, Step, Store, Unsaved};
use crate::event::Event;
use crate::machine::Machine;
use crate::machine::state::State;
use crate::saved::{Others, SavedTokens};
use crate::time::Delay;
use crate::{SavedSession, StoreFailure, Timestamp, fnv};

impl Machine {
    /// When something is to be saved for its own sake, if nothing else happens.
    pub(in crate::machine) fn save_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        let store = self.store.as_mut()?;
        let rest = store.retry.as_mut()?.rest(now)?;
        store.is_unsaved().then_some(rest.end)
    }

    /// The exchange of a visit has ended. With `changed` there is something to save; the event that wakes
    /// the callers is held until it is.
    pub(in crate::machine) fn end_store_exchange(&mut self, changed: bool) {
        if let Some(store) = &mut self.store {
            store.unsaved.tokens |= changed;
            self.step(if changed { Step::Save } else { Step::Unlock });
        }
    }

    /// What other processes are to know has changed, and is to be saved in another visit. Whoever has a cached bearer
    /// would not poll.
    pub(in crate::machine) fn note_unsaved(&mut self) {
        if let Some(store) = &mut self.store {
            store.unsaved.pacing = true;
            self.state.void_cached();
        }
    }

    /// It may have brought nothing, but what it counts for is to be saved, or whose 401 it was for.
    pub(in crate::machine) fn end_store_exchange_noted(&mut self) {
        if let Some(store) = &mut self.store {
            store.unsaved.pacing = true;
            self.step(Step::Save);
        }
    }

    /// Tokens have come, of a new login or of the last one's lineage.
    pub(in crate::machine) fn note_tokens(&mut self, now: Timestamp, is_login: bool) {
        let token = self.state.token().map(|token| token.bearer().digest());
        let lineage = self.new_lineage(now, token);
        if let Some(store) = &mut self.store {
            (store.outage, store.is_forgetting) = (None, false);
            if is_login {
                store.lineages.enter(Some(lineage));
            }
        }
    }

    /// Seeds may be alike, and so may clocks: tokens are not.
    fn new_lineage(&self, now: Timestamp, token: Option<u64>) -> u64 {
        let parts = [self.config.seed, now.as_millis(), token.unwrap_or_default()];
        fnv::add(fnv::START, parts.into_iter().flat_map(u64::to_le_bytes))
    }

    /// An empty session of a new lineage is to be saved in the place of whatever is there.
    pub(in crate::machine) fn forget_in_store(&mut self, now: Timestamp) {
        let token = self
            .store
            .as_ref()
            .and_then(|store| store.seen.access_token);
        let lineage = self.new_lineage(now, token.map(|token| !token));
        let lineages = self.store.as_ref().map(|store| store.lineages.clone());
        self.leave_store(true);
        if let (Some(store), Some(lineages)) = (&mut self.store, lineages) {
            store.lineages = lineages;
            store.lineages.enter(Some(lineage));
            (store.unsaved.tokens, store.is_forgetting, store.retry) = (true, true, None);
        }
    }

    /// Tells the event once what it is about is saved; at once where there is no store.
    pub(in crate::machine) fn tell_when_saved(&mut self, event: Event, is_awaited: bool) {
        match &mut self.store {
            Some(store) => store.held = Some(Held { event, is_awaited }),
            None => self.tell(event),
        }
    }

    /// Tells the event at once, unless what the exchange counts for is to be saved before.
    pub(in crate::machine) fn tell_when_noted(&mut self, event: Event) {
        if self.visit().is_some_and(|visit| visit.step == Step::Save) {
            self.tell_when_saved(event, false);
        } else {
            self.tell(event);
        }
    }

    /// Whether something is not told yet that decides about those who have no token.
    pub(in crate::machine) fn holds_answer(&self) -> bool {
        self.store
            .as_ref()
            .is_some_and(|store| store.held.is_some())
    }

    /// Whether the current token is not told of yet, and there was none before that was good.
    pub(in crate::machine) fn holds_token(&self) -> bool {
        let held = self.store.as_ref().and_then(|store| store.held.as_ref());
        held.is_some_and(|held| held.is_awaited)
    }

    /// It is no refusal of before that holds things up.
    pub(in crate::machine) fn forget_remembered(&mut self) {
        if let Some(store) = &mut self.store {
            store.remembered = None;
        }
    }

    /// Other credentials: what has been found out in this visit was about the old ones.
    pub(in crate::machine) fn leave_store(&mut self, is_other_user: bool) {
        let Some(store) = &mut self.store else {
            return;
        };
        store.remembered = None;
        let is_before = self.state.is_due();
        if let Some(visit) = &mut store.visit {
            let is_moot = match visit.step {
                Step::Announce
                | Step::Probe
                | Step::Exchange
                | Step::Mark(_, AfterMark::Exchange) => is_before,
                Step::Save => is_other_user && visit.awaited.is_none(),
                Step::Lock | Step::Load | Step::Mark(..) | Step::Reload | Step::Unlock => false,
            };
            if is_moot {
                visit.abort();
                self.take_back_login();
            }
        }
        let Some(store) = &mut self.store else {
            return;
        };
        if is_other_user {
            (store.seen.access_token, store.unsaved.tokens) = (None, false);
            store.lineages.reset();
            store.others = Others::default();
        }
        let is_moot =
            |held: &mut Held| is_other_user || matches!(held.event, Event::Rejected { .. });
        if let Some(held) = store.held.take_if(is_moot) {
            self.tell(held.event);
        }
    }

    /// What was to be saved is saved.
    pub(super) fn note_saved(&mut self) {
        let access_token = self.state.token().map(|token| token.bearer().digest());
        if let Some(store) = &mut self.store {
            store.seen = Seen {
                lineage: store.lineages.current(),
                revision: store.visit.as_ref().map_or(0, |visit| visit.tried),
                access_token,
            };
            store.unsaved = Unsaved::default();
            (store.is_forgetting, store.can_save) = (false, true);
            (store.retry, store.failed_in_a_row) = (None, 0);
        }
    }

    pub(super) fn not_saved(&mut self, now: Timestamp, step: Step, failure: StoreFailure) {
        if let (Some(store), Step::Announce | Step::Unlock) = (&mut self.store, step) {
            store.unsaved.pacing = true;
        }
        match (step, failure) {
            (Step::Announce | Step::Probe, failure @ StoreFailure::Superseded) => {
                self.take_back_login();
                self.lock_lost(now, failure);
            }
            (Step::Probe, failure @ StoreFailure::Denied(_)) => {
                self.save_failed(now, failure.clone());
                if self.state.has_usable_token(now) {
                    self.step(Step::Unlock);
                    return self.miss(now, failure);
                }
                // It needs a login of its own, if that can be recorded.
                self.state.drop_refresh_token();
                if let Some(store) = &mut self.store {
                    store.seen.revision = 0; // what is there is taken over again once that is mended
                }
                self.go_on(now);
            }
            // Whoever was to save it may be gone, or at it still.
            (Step::Announce | Step::Probe, failure @ StoreFailure::Abandoned) => {
                self.take_back_login();
                self.save_failed(now, failure.clone());
                self.step(Step::Unlock);
                self.miss(now, failure);
            }
            (step, failure) => {
                let is_lock_lost = failure == StoreFailure::Superseded;
                if is_lock_lost {
                    self.targets.prove_nothing();
                }
                if let Some(visit) = self.visit_mut() {
                    visit.failure = Some(failure.clone());
                }
                self.save_failed(now, failure);
                match self.mark_instead(now, step) {
                    _ if is_lock_lost => self.step(Step::Reload),
                    Some(mark) => self.step(mark),
                    None => self.leave_save(now, step),
                }
            }
        }
    }

    /// The password that was counted does not leave.
    pub(super) fn take_back_login(&mut self) {
        if self.logins.settle(false)
            && let Some(store) = &mut self.store
        {
            store.unsaved.pacing = true;
        }
    }

    pub(super) fn save_failed(&mut self, now: Timestamp, failure: StoreFailure) {
        let Some(store) = &mut self.store else {
            return;
        };
        store.can_save &= !matches!(failure, StoreFailure::Denied(_));
        // Whoever has the lock by now may be about to send the password that was refused.
        let is_lock_lost = failure == StoreFailure::Superseded;
        let brings = |held: &Held| match held.event {
            Event::LoggedIn { .. } | Event::Refreshed { .. } => true,
            Event::Rejected { .. } => is_lock_lost,
            _ => false,
        };
        let has_brought = store.held.as_ref().is_some_and(brings);
        let wait = if has_brought && !matches!(failure, StoreFailure::Denied(_)) {
            Duration::ZERO // nobody else has these tokens
        } else {
            let wait = self.config.cool_down.nth(store.failed_in_a_row);
            store.failed_in_a_row = store.failed_in_a_row.saturating_add(1);
            wait
        };
        store.retry = Some(Delay::new(now, wait));
        let retry_at = now.saturating_add(wait);
        self.tell(Event::SaveFailed { failure, retry_at });
    }

    pub(super) fn leave_save(&mut self, now: Timestamp, step: Step) {
        self.step(match step {
            Step::Announce | Step::Probe => Step::Exchange,
            _ => Step::Unlock,
        });
        if self.holds_token()
            && let State::Authenticated(session, _) = &mut self.state
        {
            session.token_mut().handed_out(now);
        }
        self.tell_held();
    }

    pub(in crate::machine) fn tell_held(&mut self) {
        if let Some(held) = self.store.as_mut().and_then(|store| store.held.take()) {
            self.tell(held.event);
        }
    }

    /// What is to be saved; `None` where there is nobody whose session it is.
    pub(super) fn what_to_save(&mut self) -> Option<SavedSession> {
        let Self {
            state,
            store,
            logins,
            login_answers,
            targets,
            ..
        } = self;
        let store = store.as_mut()?;
        let (seen, visit) = (store.seen, store.visit.as_mut()?);
        visit.tried = visit.tried.max(seen.revision).saturating_add(1);
        let (provider, username) = (state.provider()?, state.credentials()?.username());
        let access = state.token().filter(|_| state.may_adopt());
        let mut saved = match &visit.kept {
            Some(kept) if access.is_none() => kept.duplicate(),
            _ => {
                let mut saved = SavedSession::new(provider, username);
                let tokens =
                    (state.token()).map(|token| SavedTokens::of(token, state.refresh_token()));
                saved.tokens = tokens;
                saved.lineage = store.lineages.current();
                saved.others.clone_from(&store.others);
                saved.outage = store.outage;
                saved
            }
        };
        saved.revision = visit.tried;
        saved.logins = logins.clone();
        saved.login_answers = login_answers.clone();
        saved.targets = targets.to_save();
        Some(saved)
    }
}

impl Store {
    /// Whether there is anything to do for whoever polls next, or once something has ended.
    pub(in crate::machine) fn is_busy(&self) -> bool {
        self.visit.is_some() || self.is_unsaved()
    }

    pub(in crate::machine) fn is_unsaved(&self) -> bool {
        self.unsaved.tokens || self.unsaved.pacing
    }

    pub(super) fn is_save_due(&mut self, now: Timestamp) -> bool {
        let is_over = |retry: &mut Delay| retry.is_over(now);
        self.is_unsaved() && self.retry.as_mut().is_none_or(is_over)
    }
}
