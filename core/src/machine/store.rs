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
use crate::{Credentials, SavedSession, StoreFailure, Timestamp, pacing};

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
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Lock,
    Load,
    Save,
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
    /// Whether our tokens are not in the store.
    tokens_unsaved: bool,
    /// Whether a refusal or the count of the logins is not.
    pacing_unsaved: bool,
    /// What is in the store, in a visit that can't go on with it: no save may lose it.
    kept: Option<SavedSession>,
    /// Since a save failed: until then none is tried for its own sake.
    retry: Option<Delay>,
    failed_in_a_row: u32,
    refusal: Option<Refusal>,
    held: Option<Held>,
}

/// What an exchange has brought, told once it is saved: a program may end as soon as it has its answer.
#[derive(Clone, Debug)]
struct Held {
    event: Event,
    /// No token was good before it, so callers wait for it.
    is_awaited: bool,
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
        self.store.get_or_insert_default();
        self
    }

    /// The operation on the store whose end is yet to be reported, if there is one.
    pub fn at_store(&self) -> Option<StoreOpId> {
        self.visit().and_then(|visit| visit.awaited)
    }

    /// The lock is held.
    pub fn handle_locked(&mut self, _: Timestamp, op: StoreOpId) {
        if op.kind == Kind::Lock && self.end_op(op).is_some() {
            self.step(Step::Load);
        }
    }

    /// This was saved last; `None` if nothing was.
    pub fn handle_loaded(&mut self, now: Timestamp, op: StoreOpId, saved: Option<SavedSession>) {
        if op.kind == Kind::Load && self.end_op(op).is_some() {
            if let Some(saved) = saved {
                self.compare(now, saved);
            }
            self.go_on(now);
        }
    }

    /// It is saved, durably.
    pub fn handle_saved(&mut self, _: Timestamp, op: StoreOpId) {
        if op.kind != Kind::Save {
            return;
        }
        let (Some(step), Some(store)) = (self.end_op(op), &mut self.store) else {
            return;
        };
        store.revision = store.tried;
        store.seen = self.state.token().map(|token| token.bearer().digest());
        (store.tokens_unsaved, store.pacing_unsaved) = (false, false);
        store.retry = None;
        store.failed_in_a_row = 0;
        self.leave_save(step);
    }

    /// The store could not do what it was asked to.
    pub fn handle_store_failure(&mut self, now: Timestamp, op: StoreOpId, failure: StoreFailure) {
        let Some(step) = self.end_op(op) else {
            return;
        };
        match op.kind {
            Kind::Lock => {
                self.end_visit();
                self.miss(now, failure);
            }
            Kind::Load => match failure {
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
            Kind::Save => {
                if let (Some(store), Step::Announce | Step::Unlock) = (&mut self.store, step) {
                    store.pacing_unsaved = true;
                }
                let is_abandoned = failure == StoreFailure::Abandoned;
                self.save_failed(now, failure);
                if step == Step::Announce && is_abandoned {
                    // Whoever was to save it may be gone, and the lock with them.
                    self.step(Step::Unlock);
                    self.miss(now, StoreFailure::Abandoned);
                } else {
                    self.leave_save(step);
                }
            }
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
            Step::Lock => StoreOp::Lock(self.begin_op(Kind::Lock)?),
            Step::Load => StoreOp::Load(self.begin_op(Kind::Load)?),
            Step::Announce | Step::Save => {
                let store = self.store.as_mut()?;
                store.tried = store.tried.saturating_add(1);
                let Some(saved) = self.to_save() else {
                    self.leave_save(Step::Save);
                    return self.poll_store(now);
                };
                StoreOp::Save(self.begin_op(Kind::Save)?, saved)
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
        store.is_unsaved().then_some(rest.end)
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
            store.tokens_unsaved |= changed;
            self.step(if changed { Step::Save } else { Step::Unlock });
        }
    }

    /// Tells the event once what it is about is saved; at once where there is no store.
    pub(super) fn tell_when_saved(&mut self, event: Event, is_awaited: bool) {
        match &mut self.store {
            Some(store) => store.held = Some(Held { event, is_awaited }),
            None => self.tell(event),
        }
    }

    /// Whether something is not told yet that decides about those who have no token.
    pub(super) fn holds_answer(&self) -> bool {
        self.store
            .as_ref()
            .is_some_and(|store| store.held.is_some())
    }

    /// Whether the current token is not told of yet, and there was none before that was good.
    pub(super) fn holds_token(&self) -> bool {
        let held = self.store.as_ref().and_then(|store| store.held.as_ref());
        held.is_some_and(|held| held.is_awaited)
    }

    /// The auth endpoint has refused these, or else those of the session, and other processes must know.
    pub(super) fn note_refusal(&mut self, now: Timestamp, refused: Option<&Credentials>) {
        let refused = refused.or(self.state.credentials());
        if let (Some(refused), Some(provider)) = (refused, self.state.provider())
            && let Some(store) = &mut self.store
        {
            store.refusal = Some(Refusal::new(provider, refused, now));
            store.pacing_unsaved = true;
        }
    }

    /// Other credentials: what has been found out in this visit was about the old ones.
    pub(super) fn leave_store(&mut self, is_other_user: bool) {
        let Some(store) = &mut self.store else {
            return;
        };
        let is_before = self.state.is_due();
        if let Some(visit) = &mut store.visit {
            let is_moot = match visit.step {
                Step::Announce | Step::Exchange => is_before,
                Step::Save => is_other_user && visit.awaited.is_none(),
                Step::Lock | Step::Load | Step::Unlock => false,
            };
            if is_moot {
                visit.step = Step::Unlock;
            }
        }
        if is_other_user {
            (store.seen, store.tokens_unsaved) = (None, false);
        }
        let is_moot =
            |held: &mut Held| is_other_user || matches!(held.event, Event::Rejected { .. });
        if let Some(held) = store.held.take_if(is_moot) {
            self.tell(held.event);
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
            (store.visit, store.kept) = (None, None);
        }
    }

    fn begin_op(&mut self, kind: Kind) -> Option<StoreOpId> {
        let machine = self.id;
        let store = self.store.as_mut()?;
        store.ops += 1;
        let op = StoreOpId {
            machine,
            number: store.ops,
            kind,
        };
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
        } else if self.store.as_ref().is_some_and(|store| store.is_unsaved()) {
            self.save_failed(now, failure); // nothing else was wanted
        }
    }

    fn save_failed(&mut self, now: Timestamp, failure: StoreFailure) {
        let Some(store) = &mut self.store else {
            return;
        };
        let wait = self.config.cool_down.nth(store.failed_in_a_row);
        store.failed_in_a_row = store.failed_in_a_row.saturating_add(1);
        store.retry = Some(Delay::new(now, wait));
        let retry_at = now.saturating_add(wait);
        self.tell(Event::SaveFailed { failure, retry_at });
    }

    fn leave_save(&mut self, step: Step) {
        self.step(match step {
            Step::Announce => Step::Exchange,
            _ => Step::Unlock,
        });
        if let Some(held) = self.store.as_mut().and_then(|store| store.held.take()) {
            self.tell(held.event);
        }
    }

    /// Takes over what another process has found out since.
    fn compare(&mut self, now: Timestamp, mut saved: SavedSession) {
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
        for refusal in [&mut store.refusal, &mut saved.refusal] {
            mended |= refusal.as_mut().is_some_and(|refusal| refusal.mend(now));
        }
        let at = |refusal: &Option<Refusal>| refusal.as_ref().map(|refusal| refusal.at);
        if at(&saved.refusal) > at(&store.refusal) {
            store.refusal.clone_from(&saved.refusal);
        }
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
        self.state.adopt(access, refresh);
        let Some(token) = self.state.token() else {
            return;
        };
        let (is_usable, expires_at) = (token.is_usable(now), token.expires_at());
        self.refresh_due = pacing::refresh_due(&self.config, &mut self.jitter, token);
        if !is_same {
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
        } else if let Some(at) = self.remembered_refusal(now) {
            self.reject_unsent(at);
            leave
        } else {
            self.logins.count();
            self.logins.note(now);
            Step::Announce
        };
        self.step(step);
    }

    /// When the password that would be sent was refused to another process, not too long ago.
    fn remembered_refusal(&self, now: Timestamp) -> Option<Timestamp> {
        let refusal = self.store.as_ref()?.refusal.as_ref()?;
        let mut memory = Delay::new(refusal.at, self.config.refusal_memory);
        let is_ours = refusal.is_of(self.state.provider()?, self.state.credentials()?);
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
        if let Some(event) = self.enter_rejected() {
            self.tell(event);
        }
    }

    /// What is to be saved; `None` where there is nobody whose session it is.
    fn to_save(&self) -> Option<SavedSession> {
        let (store, credentials) = (self.store.as_ref()?, self.state.credentials()?);
        let (provider, username) = (self.state.provider()?, credentials.username());
        let access = self.state.token().filter(|_| self.state.may_adopt());
        let mut saved = match &store.kept {
            Some(kept) if access.is_none() => kept.fork(),
            _ => {
                let (access, refresh) = (self.state.token(), self.state.refresh_token());
                let mut saved = SavedSession::new(provider, username);
                saved.tokens = access.map(|access| SavedTokens::of(access, refresh));
                saved
            }
        };
        saved.revision = store.tried;
        saved.logins = self.logins.clone();
        saved.refusal.clone_from(&store.refusal);
        Some(saved)
    }
}

impl Store {
    pub(super) fn is_unsaved(&self) -> bool {
        self.tokens_unsaved || self.pacing_unsaved
    }

    fn is_save_due(&mut self, now: Timestamp) -> bool {
        let is_over = |retry: &mut Delay| retry.is_over(now);
        self.is_unsaved() && self.retry.as_mut().is_none_or(is_over)
    }
}

impl Fork for Store {
    fn fork(&self) -> Self {
        Self {
            kept: self.kept.as_ref().map(Fork::fork),
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
        (self.revision, self.tried, self.seen).hash(&mut hasher);
        (self.tokens_unsaved, self.pacing_unsaved, &self.retry).hash(&mut hasher);
        (self.failed_in_a_row, &self.refusal).hash(&mut hasher);
        let held = self.held.as_ref().map(|held| held.is_awaited);
        (held, self.kept.is_some()).hash(&mut hasher);
        if let Some(kept) = &self.kept {
            kept.fingerprint(hasher);
        }
    }
}
