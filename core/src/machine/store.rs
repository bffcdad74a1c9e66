//! A session that outlives the process, and that several processes share: see `manual::stores`.
//!
//! Each attempt is a visit to the store: lock, load, the exchange if it is still wanted, save, unlock.
//!
//! ```text
//! Lock ─▶ Load ─▶ Announce ─▶ Exchange ─▶ Save ─▶ Unlock
//!          │  └── refresh ───────▲ └─ failed ──────▲
//!          └── somebody else has been here ────────┘
//! ```

#[cfg(any(model, fuzzing))]
mod fork;
mod load;
mod save;

use super::job::{JobId, JobKind};
use super::{Machine, Output};
use crate::error::Failure;
use crate::event::Event;
use crate::time::Delay;
use crate::{SavedSession, StoreFailure, Timestamp};

/// Something for the driver to do with its [`SessionStore`](crate::SessionStore). It may block, so do it
/// with no lock on the machine.
///
/// Report its end exactly once, with [`Machine::handle_end`]: as each names it, or as
/// [`JobEnd::StoreFailed`](crate::JobEnd::StoreFailed).
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
#[derive(Debug)]
#[must_use = "do it and report how it ended, or nobody gets a token any more"]
pub enum StoreOp {
    /// Take the store's lock: [`JobEnd::Locked`](crate::JobEnd::Locked). Give up after some time: half
    /// a minute is ample.
    Lock(JobId),
    /// Load what is there: [`JobEnd::Loaded`](crate::JobEnd::Loaded).
    Load(JobId),
    /// Save this: [`JobEnd::Saved`](crate::JobEnd::Saved).
    Save(JobId, SavedSession),
    /// Give the lock free, if it is held. There is nothing to report.
    Unlock,
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
    /// When the password was refused, if that is why the session is over.
    pub(super) remembered: Option<Timestamp>,
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
    awaited: Option<JobId>,
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

    /// Whether its store, if it has one, holds all that there is to save.
    pub fn is_saved(&self) -> bool {
        self.store.as_ref().is_none_or(|store| !store.is_unsaved())
    }

    /// The job of the store whose end is yet to be reported, if there is one.
    pub(super) fn at_store(&self) -> Option<JobId> {
        self.visit().and_then(|visit| visit.awaited)
    }

    pub(super) fn store_locked(&mut self, op: JobId) {
        if self.end_op(op).is_some() {
            self.step(Step::Load);
        }
    }

    pub(super) fn store_loaded(&mut self, now: Timestamp, op: JobId, saved: Option<SavedSession>) {
        if self.end_op(op).is_some() {
            if let Some(saved) = saved {
                self.compare(now, saved);
                self.recall_cached(); // there may be more to hear of
            }
            self.go_on(now);
        }
    }

    pub(super) fn store_saved(&mut self, now: Timestamp, op: JobId) {
        let (Some(step), Some(store)) = (self.end_op(op), &mut self.store) else {
            return;
        };
        store.revision = store.tried;
        store.seen = self.state.token().map(|token| token.bearer().digest());
        (store.tokens_unsaved, store.pacing_unsaved) = (false, false);
        store.retry = None;
        store.failed_in_a_row = 0;
        self.leave_save(now, step);
    }

    pub(super) fn store_failed(&mut self, now: Timestamp, op: JobId, failure: StoreFailure) {
        let Some(step) = self.end_op(op) else {
            return;
        };
        match op.kind {
            JobKind::Exchange => {}
            JobKind::Lock => {
                self.end_visit();
                self.miss(now, failure);
            }
            JobKind::Load => match failure {
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
            JobKind::Save => {
                if let (Some(store), Step::Announce | Step::Unlock) = (&mut self.store, step) {
                    store.pacing_unsaved = true;
                }
                let is_lock_lost =
                    matches!(failure, StoreFailure::Abandoned | StoreFailure::Superseded);
                self.save_failed(now, failure.clone());
                if step == Step::Announce && is_lock_lost {
                    // Whoever was to save it may be gone, or another process may be at it. No password leaves.
                    self.logins.settle(false);
                    self.step(Step::Unlock);
                    self.miss(now, failure);
                } else {
                    self.leave_save(now, step);
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
            Step::Exchange => return Some(self.begin(now)),
            Step::Lock => StoreOp::Lock(self.begin_op(JobKind::Lock)?),
            Step::Load => StoreOp::Load(self.begin_op(JobKind::Load)?),
            Step::Announce | Step::Save => {
                let store = self.store.as_mut()?;
                store.tried = store.tried.saturating_add(1);
                let Some(saved) = self.to_save() else {
                    self.leave_save(now, Step::Save);
                    return self.poll_store(now);
                };
                StoreOp::Save(self.begin_op(JobKind::Save)?, saved)
            }
            Step::Unlock => {
                self.end_visit();
                StoreOp::Unlock
            }
        };
        Some(Output::Store(op))
    }

    /// Whether [`poll_store`](Self::poll_store) would say anything but to wait; `None` if it would say
    /// nothing at all.
    pub(super) fn store_wants(&mut self, now: Timestamp) -> Option<bool> {
        let (is_due, is_open) = (self.state.is_due(), self.round.is_open());
        let store = self.store.as_mut()?;
        match store.visit {
            None => (store.is_save_due(now) && !is_open).then_some(true),
            Some(visit) if visit.step == Step::Exchange => Some(is_due),
            Some(visit) => Some(visit.awaited.is_none()),
        }
    }

    /// No exchange is begun any more: a visit before its exchange ends, whatever it awaits. A save that has
    /// failed is tried once more, at once.
    pub(super) fn close_store(&mut self) {
        if let Some(store) = &mut self.store {
            store.retry = None;
            if let Some(visit) = &mut store.visit
                && self.state.in_flight().is_none()
                && !matches!(visit.step, Step::Save)
            {
                visit.step = Step::Unlock;
            }
        }
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

    fn begin_op(&mut self, kind: JobKind) -> Option<JobId> {
        let machine = self.id;
        let store = self.store.as_mut()?;
        store.ops += 1;
        let op = JobId {
            machine,
            number: store.ops,
            kind,
        };
        store.visit.as_mut()?.awaited = Some(op);
        Some(op)
    }

    /// The step that has ended, if it is this one that is awaited.
    fn end_op(&mut self, op: JobId) -> Option<Step> {
        let visit = self.store.as_mut()?.visit.as_mut()?;
        visit.awaited.take_if(|awaited| *awaited == op)?;
        Some(visit.step)
    }

    /// An attempt that the store has prevented. Something is held only if the store came during an exchange.
    fn miss(&mut self, now: Timestamp, failure: StoreFailure) {
        self.tell_held();
        if self.round.is_open() && self.state.is_due() {
            self.attempt_failed(now, Failure::Store(failure));
        } else if self.store.as_ref().is_some_and(|store| store.is_unsaved()) {
            self.save_failed(now, failure); // nothing else was wanted
        }
    }
}
