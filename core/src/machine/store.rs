//! A session that outlives the process, and that several processes share (DESIGN 11).
//!
//! Each attempt is a visit to the store: lock, load, the exchange if it is still wanted, save, unlock.
//!
//! ```text
//! Lock ─▶ Load ─▶ Announce ─▶ Exchange ─▶ Save ─▶ Unlock
//!          │  └── refresh ───────▲ └─ failed ──────▲
//!          └── somebody else has been here ────────┘
//! ```

use std::hash::{Hash, Hasher};

use super::state::{Next, Phase, State};
use super::{Machine, Output};
use crate::error::Failure;
use crate::event::Event;
use crate::fork::Fork;
use crate::saved::{Refusal, SavedTokens};
use crate::time::Delay;
use crate::token::{AccessToken, RefreshToken};
use crate::{SavedSession, StoreFailure, Timestamp, pacing};

/// Something for the driver to do with its [`SessionStore`](crate::SessionStore). It may block, so do it
/// with no lock on the machine.
///
/// Report its end exactly once: by the method that each names, or by
/// [`Machine::handle_store_failure`].
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
#[derive(Debug)]
#[must_use = "do it and report how it ended, or nobody gets a token any more"]
pub enum StoreOp {
    /// Take the store's lock, then [`Machine::handle_locked`]. Give up after some time: half a
    /// minute is ample.
    Lock(StoreOpId),
    /// Load what is there, then [`Machine::handle_loaded`].
    Load(StoreOpId),
    /// Save this, then [`Machine::handle_saved`].
    Save(StoreOpId, SavedSession),
    /// Give the lock free, if it is held. There is nothing to report.
    Unlock,
}

/// Names one [`StoreOp`] of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreOpId {
    machine: u64,
    number: u64,
}

/// What a machine knows of its store.
#[derive(Default)]
pub(super) struct Store {
    visit: Option<Visit>,
    ops: u64,
    /// Of the set in the store that ours is, or that it comes from.
    revision: u64,
    /// Of the last save of this visit, whatever became of it.
    tried: u64,
    /// Of the access token that was in the store then.
    seen: Option<u64>,
    /// Whether something of ours is not in the store.
    dirty: bool,
    /// Since a save failed: until then none is tried for its own sake.
    retry: Option<Delay>,
    failed_in_a_row: u32,
    refusal: Option<Refusal>,
    /// Wakes the callers, once the tokens are saved.
    held: Option<Event>,
}

#[derive(Clone, Copy, Debug, Hash)]
struct Visit {
    step: Step,
    /// The operation whose end is yet to be reported.
    awaited: Option<StoreOpId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Lock,
    Load,
    /// A password is about to leave: that it has is saved before, so that the death of the
    /// process does not let another leave too soon (I13).
    Announce,
    Exchange,
    Save,
    Unlock,
}

impl Machine {
    /// Tells it that it has a [`SessionStore`](crate::SessionStore): its [`Output`]s have
    /// [`StoreOp`]s among them.
    pub fn with_store(mut self) -> Self {
        self.store = Some(Box::default());
        self
    }

    /// The operation on the store whose end is yet to be reported, if there is one.
    pub fn at_store(&self) -> Option<StoreOpId> {
        self.visit().and_then(|visit| visit.awaited)
    }

    /// The lock is held.
    pub fn handle_locked(&mut self, _: Timestamp, op: StoreOpId) {
        if self.end_op(op) == Some(Step::Lock) {
            self.step(Step::Load);
        }
    }

    /// This was saved last; `None` if nothing was.
    pub fn handle_loaded(&mut self, now: Timestamp, op: StoreOpId, saved: Option<SavedSession>) {
        if self.end_op(op) == Some(Step::Load) {
            if let Some(saved) = saved {
                self.compare(now, saved);
            }
            self.go_on(now);
        }
    }

    /// It is saved, durably.
    pub fn handle_saved(&mut self, _: Timestamp, op: StoreOpId) {
        let step = self.end_op(op);
        let (Some(step), Some(store)) = (step, &mut self.store) else {
            return;
        };
        store.revision = store.tried;
        store.seen = self.state.token().map(AccessToken::digest);
        store.dirty = false;
        store.retry = None;
        store.failed_in_a_row = 0;
        self.leave_save(step);
    }

    /// The store could not do what it was asked to.
    pub fn handle_store_failure(&mut self, now: Timestamp, op: StoreOpId, failure: StoreFailure) {
        match self.end_op(op) {
            Some(Step::Lock) => {
                self.end_visit();
                self.miss(now, failure);
            }
            Some(Step::Load) => match failure {
                StoreFailure::Damaged(defect) => {
                    self.tell(Event::SavedSessionDamaged { defect });
                    self.go_on(now);
                }
                // What is there is not known, so nothing may be sent that it could forbid.
                failure => {
                    self.step(Step::Unlock);
                    self.miss(now, failure);
                }
            },
            Some(step) => {
                self.save_failed(now, failure);
                self.leave_save(step);
            }
            None => {}
        }
    }

    /// What the store is to do now; `None` if nothing.
    pub(super) fn poll_store(&mut self, now: Timestamp) -> Option<Output> {
        let store = self.store.as_mut()?;
        if store.visit.is_none() {
            if !store.is_save_due(now) || self.round.is_open() {
                return None;
            }
            self.visit_store();
        }
        let Visit { step, awaited } = *self.visit()?;
        if awaited.is_some() {
            return Some(Output::Wait(None));
        }
        let op = match step {
            Step::Exchange if self.state.is_due() => return Some(self.begin(now)),
            Step::Exchange => return Some(Output::Wait(None)),
            Step::Lock => StoreOp::Lock(self.begin_op()?),
            Step::Load => StoreOp::Load(self.begin_op()?),
            Step::Announce | Step::Save => {
                self.store.as_mut()?.tried += 1;
                let Some(saved) = self.to_save() else {
                    self.step(Step::Unlock);
                    return self.poll_store(now);
                };
                StoreOp::Save(self.begin_op()?, saved)
            }
            Step::Unlock => {
                self.end_visit();
                StoreOp::Unlock
            }
        };
        Some(Output::Store(op))
    }

    /// When something is to be saved for its own sake, if nothing else happens.
    pub(super) fn save_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        let store = self.store.as_mut()?;
        let rest = store.retry.as_mut()?.rest(now)?;
        store.dirty.then_some(rest.end)
    }

    /// An exchange is due: not before the store was asked.
    pub(super) fn visit_store(&mut self) {
        if let Some(store) = &mut self.store {
            store.visit = Some(Visit {
                step: Step::Lock,
                awaited: None,
            });
        }
    }

    /// The exchange of a visit has ended. With `changed` there is something to save; the event that wakes
    /// the callers is held until it is.
    pub(super) fn end_store_exchange(&mut self, changed: bool) {
        if let Some(store) = &mut self.store {
            store.dirty |= changed;
            self.step(if changed { Step::Save } else { Step::Unlock });
        }
    }

    /// Tells the event once the tokens are saved; at once where there is no store.
    pub(super) fn tell_when_saved(&mut self, event: Event) {
        match &mut self.store {
            Some(store) => store.held = Some(event),
            None => self.tell(event),
        }
    }

    /// The auth endpoint has refused these, and another process must know.
    pub(super) fn note_refusal(&mut self, refusal: Refusal) {
        if let Some(store) = &mut self.store {
            store.refusal = Some(refusal);
            store.dirty = true;
        }
    }

    /// Other credentials: what has been found out in this visit was about the old ones.
    pub(super) fn leave_store(&mut self, is_other_user: bool) {
        let Some(store) = &mut self.store else {
            return;
        };
        let is_before = self.state.is_due();
        if let Some(visit) = &mut store.visit
            && matches!(visit.step, Step::Announce | Step::Exchange)
            && is_before
        {
            visit.step = Step::Unlock;
        }
        if is_other_user {
            store.held = None;
            store.dirty = false;
        }
    }

    fn visit(&self) -> Option<&Visit> {
        self.store.as_ref()?.visit.as_ref()
    }

    fn step(&mut self, step: Step) {
        if let Some(visit) = self.store.as_mut().and_then(|store| store.visit.as_mut()) {
            visit.step = step;
        }
    }

    fn end_visit(&mut self) {
        if let Some(store) = &mut self.store {
            store.visit = None;
        }
    }

    fn begin_op(&mut self) -> Option<StoreOpId> {
        let machine = self.id;
        let store = self.store.as_mut()?;
        store.ops += 1;
        let number = store.ops;
        let op = StoreOpId { machine, number };
        store.visit.as_mut()?.awaited = Some(op);
        Some(op)
    }

    /// The step that has ended, if it is this one that is awaited.
    fn end_op(&mut self, op: StoreOpId) -> Option<Step> {
        let visit = self.store.as_mut()?.visit.as_mut()?;
        visit.awaited.take_if(|awaited| *awaited == op)?;
        Some(visit.step)
    }

    /// An attempt that the store has prevented.
    fn miss(&mut self, now: Timestamp, failure: StoreFailure) {
        if self.round.is_open() && self.state.is_due() {
            self.attempt_failed(now, Failure::Store(failure));
        } else if self.store.as_ref().is_some_and(|store| store.dirty) {
            self.save_failed(now, failure); // nothing else was wanted
        }
    }

    fn save_failed(&mut self, now: Timestamp, failure: StoreFailure) {
        let Some(store) = &mut self.store else {
            return;
        };
        let wait = self.config.cool_down.nth(store.failed_in_a_row);
        store.failed_in_a_row = store.failed_in_a_row.saturating_add(1);
        store.dirty = true;
        store.retry = Some(Delay::new(now, wait));
        let retry_at = now.saturating_add(wait);
        self.tell(Event::SaveFailed { failure, retry_at });
    }

    fn leave_save(&mut self, step: Step) {
        self.step(match step {
            Step::Announce => Step::Exchange,
            _ => Step::Unlock,
        });
        if let Some(event) = self.store.as_mut().and_then(|store| store.held.take()) {
            self.tell(event);
        }
    }

    /// Takes over what another process has found out since.
    fn compare(&mut self, now: Timestamp, saved: SavedSession) {
        let (Some(provider), Some(ours)) = (self.state.provider(), self.state.credentials()) else {
            return;
        };
        if !saved.belongs_to(provider, ours.username()) {
            return self.tell(Event::SavedSessionForeign);
        }
        self.logins.merge(&saved.logins);
        let has_refresh_token = self.state.refresh_token().is_some();
        let Some(store) = &mut self.store else {
            return;
        };
        if !store.dirty || store.refusal.is_none() {
            store.refusal = saved.refusal;
        }
        if saved.revision <= store.revision {
            return;
        }
        store.revision = saved.revision;
        let Some(tokens) = saved.tokens else {
            return;
        };
        let (access, refresh) = tokens.into_parts();
        let is_what_ours_replaced = store.seen.replace(access.digest()) == Some(access.digest());
        // It has been refused since, for we have replaced it and could not save.
        if store.dirty && has_refresh_token && refresh.is_none() && is_what_ours_replaced {
            return;
        }
        store.dirty = false;
        self.adopt_tokens(now, access, refresh);
    }

    fn adopt_tokens(
        &mut self,
        now: Timestamp,
        mut access: AccessToken,
        refresh: Option<RefreshToken>,
    ) {
        let is_known = match self.state.token() {
            Some(ours) if ours.is_same(&access) => {
                // What a 401 has said of it still holds.
                access.inherit(ours);
                true
            }
            _ => false,
        };
        if !self.state.adopt(access, refresh) {
            return;
        }
        let Some(token) = self.state.token() else {
            return;
        };
        let (is_usable, expires_at) = (token.is_usable(now), token.expires_at());
        self.refresh_due = pacing::refresh_due(&self.config, &mut self.jitter, token);
        if !is_known {
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
    fn go_on(&mut self, now: Timestamp) {
        let Some(store) = &mut self.store else {
            return;
        };
        store.tried = store.revision;
        let is_dirty = store.dirty;
        let step = if !(self.round.is_open() && self.state.is_due()) {
            if is_dirty { Step::Save } else { Step::Unlock }
        } else if self.until_attempt(now).is_some() {
            Step::Unlock // other processes have sent passwords, so this one's waits
        } else if !self.state.sends_password() {
            Step::Exchange
        } else if let Some(at) = self.remembered_refusal(now) {
            self.reject_unsent(at);
            Step::Unlock
        } else {
            self.logins.count(now);
            Step::Announce
        };
        self.step(step);
    }

    /// When the password that would be sent was refused to another process, not too long ago.
    fn remembered_refusal(&self, now: Timestamp) -> Option<Timestamp> {
        let refusal = self.store.as_ref()?.refusal.as_ref()?;
        let mut memory = Delay::new(refusal.at, self.config.refusal_memory);
        let is_ours = refusal.is_of(self.state.credentials()?);
        (is_ours && !memory.is_over(now)).then_some(refusal.at)
    }

    /// Another process has had this password refused (I2).
    fn reject_unsent(&mut self, at: Timestamp) {
        self.state.replace(|state| {
            let state = match state {
                State::Unauthenticated(Phase::Due(session)) => Next::Login(session).reject().into(),
                State::ReLogin(Phase::Due(session)) => Next::ReLogin(session).reject().into(),
                other => other,
            };
            (state, ())
        });
        self.tell(Event::RefusalRemembered { at });
        self.enter_rejected();
    }

    /// What is to be saved; `None` where there is nobody whose session it is.
    fn to_save(&self) -> Option<SavedSession> {
        let (store, credentials) = (self.store.as_ref()?, self.state.credentials()?);
        let (provider, username) = (self.state.provider()?, credentials.username());
        let mut saved = SavedSession::new(provider, username, store.tried);
        let refresh = self.state.refresh_token();
        let access = self.state.token();
        saved.tokens = access.map(|access| SavedTokens::of(access, refresh));
        saved.logins = self.logins.clone();
        saved.refusal.clone_from(&store.refusal);
        Some(saved)
    }
}

impl Store {
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty
    }

    fn is_save_due(&mut self, now: Timestamp) -> bool {
        let is_over = |retry: &mut Delay| retry.is_over(now);
        self.dirty && self.retry.as_mut().is_none_or(is_over)
    }
}

impl Fork for Store {
    fn fork(&self) -> Self {
        Self {
            refusal: self.refusal.clone(),
            held: self.held.clone(),
            ..*self
        }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        (self
            .visit
            .map(|visit| (visit.step, visit.awaited.is_some())))
        .hash(&mut hasher);
        (
            self.revision,
            self.tried,
            self.seen,
            self.dirty,
            &self.retry,
        )
            .hash(&mut hasher);
        (self.failed_in_a_row, &self.refusal).hash(&mut hasher);
        self.held.is_some().hash(&mut hasher);
    }
}
