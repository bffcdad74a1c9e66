//! What the store does, and the defects that it may have.

use simacan_auth::{JobEnd, JobId, SavedSession, StoreFailure};

use super::process::Op;
use super::{Fleet, StoreDefect};
use crate::world::Violation;

impl Fleet {
    pub(super) fn lock(&mut self, p: usize) {
        let now = self.timestamp();
        let is_free = self.holder.is_none() || self.defect == Some(StoreDefect::LocksNothing);
        if let Some(process) = &mut self.processes[p]
            && is_free
            && let Some(Op::Lock(id)) = process.op.take_if(|op| matches!(op, Op::Lock(_)))
        {
            self.holder = Some(p);
            process.has_lost_lock = false;
            self.referee.locked(now, p);
            process
                .machine
                .handle_end(now, id, JobEnd::Locked(self.mark));
        }
    }

    pub(super) fn load(&mut self, p: usize) {
        let now = self.timestamp();
        if let Some(process) = &mut self.processes[p]
            && let Some(Op::Load(id)) = process.op.take_if(|op| matches!(op, Op::Load(_)))
        {
            let saved = self
                .saved
                .as_deref()
                .map(SavedSession::from_json)
                .transpose();
            let saved = match self.defect {
                Some(StoreDefect::LoadsNothing) => Ok(None),
                _ => saved,
            };
            match saved {
                Ok(saved) => process.machine.handle_end(now, id, JobEnd::Loaded(saved)),
                Err(defect) => {
                    process
                        .machine
                        .handle_end(now, id, JobEnd::StoreFailed(defect.into()));
                }
            }
        }
    }

    /// Whoever takes it next is not waited for.
    pub(super) fn lose_lock(&mut self, p: usize) {
        if self.holder == Some(p)
            && let Some(process) = &mut self.processes[p]
        {
            self.holder = None;
            process.has_lost_lock = true;
            self.referee.unlocked(p);
        }
    }

    /// `reported`: else the driver is told that it failed.
    pub(super) fn save(&mut self, p: usize, reported: bool) -> Result<(), Violation> {
        let now = self.timestamp();
        let Some(process) = &mut self.processes[p] else {
            return Ok(());
        };
        if !matches!(process.op, Some(Op::Save(..))) {
            return Ok(());
        }
        if process.has_lost_lock {
            self.fail_op(p, StoreFailure::Superseded);
            return Ok(());
        }
        let Some(Op::Save(id, json)) = process.op.take() else {
            return Ok(());
        };
        if self.defect == Some(StoreDefect::SavesNothing) {
            self.referee.marked(p);
        } else {
            self.referee.saved(now, p, &json)?;
            self.saved = Some(json);
        }
        if reported {
            process.machine.handle_end(now, id, JobEnd::Saved);
        } else {
            let failure = StoreFailure::Abandoned;
            process
                .machine
                .handle_end(now, id, JobEnd::StoreFailed(failure));
        }
        Ok(())
    }

    pub(super) fn set_mark(&mut self, p: usize) {
        let now = self.timestamp();
        if let Some(process) = &mut self.processes[p]
            && let Some(Op::Mark(id, until)) = process.op.take_if(|op| matches!(op, Op::Mark(..)))
        {
            if process.has_lost_lock {
                let lost = JobEnd::StoreFailed(StoreFailure::Superseded);
                return process.machine.handle_end(now, id, lost);
            }
            self.mark = Some(until);
            self.referee.marked(p);
            process.machine.handle_end(now, id, JobEnd::Marked);
        }
    }

    pub(super) fn fail_op(&mut self, p: usize, failure: StoreFailure) {
        let now = self.timestamp();
        if let Some(process) = &mut self.processes[p]
            && let Some(op) = process.op.take()
        {
            let id: JobId = match op {
                Op::Lock(id) | Op::Load(id) | Op::Mark(id, _) => id,
                Op::Save(id, _) => {
                    self.referee.save_failed(p);
                    id
                }
            };
            process
                .machine
                .handle_end(now, id, JobEnd::StoreFailed(failure));
        }
    }
}
