//! A session that outlives the process, and that several processes share: see `manual::stores`.
//!
//! Each attempt is a visit to the store: lock, load, the exchange if it is still wanted, save, unlock.
//!
//! ```text
//!          ┌───── refresh, or Probe before ──┐
//! Lock ─▶ Load ─▶ Announce ───────────────▶ Exchange ─▶ Save ─▶ Unlock
//!          │       │   └─ not saved ─▶ Mark ─▲   │         │      ▲ ▲
//!          │       └──────── the lock is lost ───┴─────────┴▶ Reload │
//!          └── somebody else has been here ────────────────────────┘
//! ```

#[cfg(any(model, fuzzing))]
mod fork;
mod lineage;
mod load;
mod mark;
mod save;

use std::time::Duration;

use super::job::{JobId, JobKind};
use super::{Machine, Output};
use crate::error::Failure;
use crate::event::Event;
use crate::outage::Outage;
use crate::saved::Others;
use crate::time::Delay;
use crate::{Config, InvalidSavedSession, SavedSession, StoreFailure, Timestamp};

use lineage::Lineages;
use mark::Marks;

/// A thing for the driver to do with its [`SessionStore`](crate::SessionStore). It may block, so do it with no lock on
/// the machine.
///
/// Report its end exactly once, with [`Machine::handle_end`]: as each names it, or as
/// [`JobEnd::StoreFailed`](crate::JobEnd::StoreFailed).
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
#[derive(Debug)]
#[must_use = "do it and report how it ended, or nobody gets a token any more"]
pub enum StoreOp {
    /// Take the store's lock and look whether there is a mark. Report [`JobEnd::Locked`](crate::JobEnd::Locked), or
    /// [`JobEnd::NotLocked`](crate::JobEnd::NotLocked) if it is denied. Give up after some time: half a minute is
    /// ample.
    Lock(JobId),
    /// Load what is saved. Report [`JobEnd::Loaded`](crate::JobEnd::Loaded).
    Load(JobId),
    /// Save this session. Report [`JobEnd::Saved`](crate::JobEnd::Saved).
    Save(JobId, SavedSession),
    /// [Mark](crate::LockedStore::mark) that no password is to leave before then. Report
    /// [`JobEnd::Marked`](crate::JobEnd::Marked).
    Mark(JobId, Timestamp),
    /// Give the store's lock free, if it is held. There is nothing to report.
    Unlock,
}

/// Between two looks at the store for what others may have changed, even where there is no cool-down.
fn pause(config: &Config) -> Duration {
    config.cool_down.first.max(Duration::from_secs(1))
}

/// What a machine knows of its store.
#[derive(Default)]
pub(super) struct Store {
    /// Where it is, for those who read errors.
    pub(super) place: String,
    visit: Option<Visit>,
    ops: u64,
    lineages: Lineages,
    seen: Seen,
    /// Members of what is saved that only newer versions know.
    others: Others,
    unsaved: Unsaved,
    /// Whether the last save was one.
    can_save: bool,
    /// Whether what is there is to be replaced by an empty session.
    is_forgetting: bool,
    /// Since a save failed: until then none is tried for its own sake.
    retry: Option<Delay>,
    failed_in_a_row: u32,
    pub(super) marks: Marks,
    /// What holds every process up.
    pub(super) outage: Option<Outage>,
    /// When the password was refused, if that is why the session is over.
    pub(super) remembered: Option<Timestamp>,
    /// Since it was loaded: a session that is over looks no sooner again.
    looked: Option<Delay>,
    held: Option<Held>,
}

/// What is not in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Unsaved {
    /// Our tokens.
    tokens: bool,
    /// Something that paces.
    pacing: bool,
}

/// What was in the store last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Seen {
    lineage: Option<u64>,
    revision: u64,
    access_token: Option<u64>,
}

/// What an exchange has brought, told once it is saved: a program may end as soon as it has its answer.
#[derive(Clone, Debug)]
struct Held {
    event: Event,
    /// No token was good before it, so callers wait for it.
    is_awaited: bool,
}

struct Visit {
    step: Step,
    /// The operation whose end is yet to be reported.
    awaited: Option<JobId>,
    /// The revision of its last save, whatever became of it.
    tried: u64,
    /// Not even the lock can be had: what is in memory serves.
    is_alone: bool,
    /// Why nothing can be saved.
    failure: Option<StoreFailure>,
    /// What is in the store, if the session can't go on with it: no save may lose it.
    kept: Option<SavedSession>,
    /// Callers of a session that is over wait for what it finds.
    is_look: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Lock,
    Load,
    /// A password is about to leave: that it has is saved before, so that the death of the
    /// process does not let another leave too soon (I13).
    Announce,
    Mark(Timestamp, AfterMark),
    /// A refresh token that was loaded is everybody's: it is not sent by whoever may not save its successor.
    Probe,
    Exchange,
    Save,
    /// The lock is lost. What has whoever took it saved?
    Reload,
    Unlock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum AfterMark {
    Load,
    Exchange,
    /// The password does not leave after all.
    TakeBack,
    Leave,
}

impl Machine {
    /// Keeps the session in a [`SessionStore`](crate::SessionStore): [`poll`](Self::poll) then returns
    /// [`Output::Store`], too.
    pub fn with_store(self) -> Self {
        self.with_store_at("the session's store")
    }

    /// Keeps the session in a store at this [place](crate::SessionStore::place), which errors name: see
    /// [`with_store`](Self::with_store).
    pub fn with_store_at(mut self, place: impl Into<String>) -> Self {
        self.store.get_or_insert_default().place = place.into();
        self
    }

    pub(super) fn store_place(&self) -> Option<String> {
        Some(self.store.as_ref()?.place.clone())
    }

    /// Returns whether the store, if there is one, holds all that there is to save.
    pub fn is_saved(&self) -> bool {
        self.store.as_ref().is_none_or(|store| !store.is_unsaved())
    }

    /// The job of the store whose end is yet to be reported, if there is one.
    pub(super) fn at_store(&self) -> Option<JobId> {
        self.visit().and_then(|visit| visit.awaited)
    }

    pub(super) fn store_locked(&mut self, now: Timestamp, op: JobId, marked: Option<Timestamp>) {
        if self.end_op(op).is_none() {
            return;
        }
        let Some(store) = &mut self.store else {
            return;
        };
        let anew = store.marks.found(now, &self.config, marked);
        self.step(anew.map_or(Step::Load, |until| Step::Mark(until, AfterMark::Load)));
    }

    pub(super) fn store_not_locked(
        &mut self,
        now: Timestamp,
        op: JobId,
        failure: StoreFailure,
        found: Option<SavedSession>,
    ) {
        if self.end_op(op).is_none() {
            return;
        }
        if let Some(found) = found {
            // Its refresh token is for those who have the lock.
            self.compare(now, found.without_refresh_token());
        }
        self.go_on_alone(now, failure);
    }

    pub(super) fn store_loaded(&mut self, now: Timestamp, op: JobId, saved: Option<SavedSession>) {
        let Some(step) = self.end_op(op) else {
            return;
        };
        if let Some(saved) = saved {
            self.compare(now, saved);
            self.recall_cached(); // there may be more to hear of
        }
        if step == Step::Reload {
            self.leave_lost();
        } else {
            self.go_on(now);
        }
    }

    pub(super) fn store_saved(&mut self, now: Timestamp, op: JobId) {
        let Some(step) = self.end_op(op) else {
            return;
        };
        self.note_saved();
        if step == Step::Unlock
            && !self.is_closed
            && let Some(store) = &mut self.store
        {
            store.unsaved.pacing = true; // it has said of a password that it leaves
        }
        let is_mark_over = self.store.as_ref().is_some_and(|store| {
            let event = store.held.as_ref().map(|held| &held.event);
            let is_accepted = matches!(event, Some(Event::LoggedIn { .. }));
            store.marks.are_over(is_accepted)
        });
        if is_mark_over && step == Step::Save {
            self.step(Step::Mark(now, AfterMark::Leave));
        } else {
            self.leave_save(now, step);
        }
    }

    pub(super) fn store_marked(&mut self, now: Timestamp, op: JobId) {
        if let Some(Step::Mark(until, after)) = self.end_op(op) {
            if let Some(store) = &mut self.store
                && after != AfterMark::Load
            {
                store.marks.set(now, until);
            }
            self.after_mark(now, after);
        }
    }

    pub(super) fn store_failed(&mut self, now: Timestamp, op: JobId, failure: StoreFailure) {
        let Some(step) = self.end_op(op) else {
            return;
        };
        match op.kind {
            JobKind::Exchange | JobKind::Credentials | JobKind::Revocation => {}
            JobKind::Lock => match failure {
                StoreFailure::Denied(_) => self.go_on_alone(now, failure),
                failure => {
                    self.end_visit();
                    self.miss(now, failure);
                }
            },
            JobKind::Load if step == Step::Reload => self.leave_lost(),
            JobKind::Load => match failure {
                StoreFailure::Damaged(InvalidSavedSession::UnknownVersion(_)) => {
                    self.step(Step::Unlock); // it is a newer program's
                    self.miss(now, failure);
                }
                StoreFailure::Damaged(defect) => {
                    let place = self.store_place().unwrap_or_default();
                    self.tell(Event::SavedSessionDamaged { place, defect });
                    self.go_on(now);
                }
                // What is there is not known, so nothing may be sent that it could forbid.
                failure => {
                    self.step(Step::Unlock);
                    self.miss(now, failure);
                }
            },
            JobKind::Save => self.not_saved(now, step, failure),
            JobKind::Mark => {
                if let Step::Mark(_, after) = step {
                    self.not_marked(now, after);
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
        let visit = self.visit()?;
        let (step, is_alone) = (visit.step, visit.is_alone);
        if visit.awaited.is_some() {
            return Some(Output::Wait(None));
        }
        let op = match step {
            Step::Exchange => return Some(self.begin(now)),
            Step::Lock => StoreOp::Lock(self.begin_op(JobKind::Lock)?),
            Step::Load | Step::Reload => StoreOp::Load(self.begin_op(JobKind::Load)?),
            Step::Announce | Step::Probe | Step::Save if is_alone => {
                let failure = visit.failure.clone().unwrap_or(StoreFailure::Abandoned);
                self.not_saved(now, step, failure);
                return Some(self.poll(now));
            }
            Step::Announce | Step::Probe | Step::Save => {
                let Some(saved) = self.what_to_save() else {
                    self.leave_save(now, Step::Save);
                    return self.poll_store(now);
                };
                StoreOp::Save(self.begin_op(JobKind::Save)?, saved)
            }
            Step::Mark(_, after) if is_alone => {
                self.not_marked(now, after);
                return Some(self.poll(now));
            }
            Step::Mark(until, _) => StoreOp::Mark(self.begin_op(JobKind::Mark)?, until),
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
        match &store.visit {
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
                && !matches!(
                    visit.step,
                    Step::Save | Step::Mark(_, AfterMark::Leave | AfterMark::TakeBack)
                )
            {
                visit.abort();
            }
        }
    }

    /// An exchange is due: not before the store was asked.
    pub(super) fn visit_store(&mut self) {
        if let Some(store) = &mut self.store {
            store.visit = Some(Visit {
                step: Step::Lock,
                awaited: None,
                tried: 0,
                is_alone: false,
                failure: None,
                kept: None,
                is_look: false,
            });
        }
    }

    /// A session that is over may go on with what another process has got since. Whether there is a look at
    /// that, which those who ask wait for.
    pub(super) fn looks(&mut self, now: Timestamp) -> bool {
        let Some(store) = &mut self.store else {
            return false;
        };
        if store.visit.is_none() && !self.is_closed {
            if let Some(looked) = &mut store.looked
                && !looked.is_over(now)
            {
                return false;
            }
            // Whatever comes of it: those who ask again are answered.
            store.looked = Some(Delay::new(now, pause(&self.config)));
            self.visit_store();
            if let Some(visit) = self.visit_mut() {
                visit.is_look = true;
            }
        }
        self.visit().is_some_and(|visit| visit.is_look)
    }

    fn visit(&self) -> Option<&Visit> {
        self.store.as_ref()?.visit.as_ref()
    }

    fn visit_mut(&mut self) -> Option<&mut Visit> {
        self.store.as_mut()?.visit.as_mut()
    }

    fn step(&mut self, step: Step) {
        if let Some(visit) = self.visit_mut() {
            visit.step = step;
        }
    }

    fn end_visit(&mut self) {
        let visit = self.store.as_mut().and_then(|store| store.visit.take());
        if visit.is_some_and(|visit| visit.is_look)
            && let Some(event) = self.enter_rejected()
        {
            self.tell(event); // it is still over, for those who wait
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
        let visit = self.visit_mut()?;
        visit.awaited.take_if(|awaited| *awaited == op)?;
        Some(visit.step)
    }

    /// Somebody else has the lock. Nothing more is sent in this visit.
    pub(super) fn lock_lost(&mut self, now: Timestamp, failure: StoreFailure) {
        self.step(Step::Reload);
        if self.round.is_open() && self.state.is_due() && self.round.loses_lock_again() {
            self.attempt_failed(now, Failure::Store(failure));
        }
    }

    /// What is to be known of who has it is known. What is still to be saved or sent is in a new visit.
    fn leave_lost(&mut self) {
        self.tell_held();
        self.step(Step::Unlock);
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

impl Visit {
    /// What it is for has gone. A mark that is being set has to be known, and ended.
    fn abort(&mut self) {
        self.step = match self.step {
            Step::Mark(until, AfterMark::Exchange) if self.awaited.is_some() => {
                Step::Mark(until, AfterMark::TakeBack)
            }
            _ => Step::Unlock,
        };
    }
}
