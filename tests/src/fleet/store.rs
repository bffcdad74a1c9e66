//! What the store does, and the defects that it may have.

use simacan_auth::{JobEnd, JobId, SavedSession, StoreFailure};

use super::ghost::Ghost;
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

    /// `reported`: else the driver is told that it failed.
    pub(super) fn save(&mut self, p: usize, reported: bool) -> Result<(), Violation> {
        let now = self.timestamp();
        let Some(process) = &mut self.processes[p] else {
            return Ok(());
        };
        let Some(Op::Save(id, json)) = process.op.take_if(|op| matches!(op, Op::Save(..))) else {
            return Ok(());
        };
        Ghost::check_save(self.saved.as_deref(), &json)?;
        if self.defect != Some(StoreDefect::SavesNothing) {
            self.ghost.note_save(process, &json);
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
            self.mark = Some(until);
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
                    self.ghost.note_unsaved(process);
                    id
                }
            };
            process
                .machine
                .handle_end(now, id, JobEnd::StoreFailed(failure));
        }
    }
}
