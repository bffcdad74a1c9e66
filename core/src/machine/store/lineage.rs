//! Which of two saved sessions is newer: see `manual::stores`.

use std::mem;

/// Each login begins a lineage, with an id drawn from the seed, the time and the token. One that was left before is an
/// old copy that has come back, such as a backup; one that was never known is somebody else's later login.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Lineages {
    /// Of the current tokens; `None` before the first, and where no machine has saved them: then revisions tell.
    current: Option<u64>,
    left: Vec<u64>,
}

impl Lineages {
    /// A backup that is older than that is no more likely than a lineage of another process.
    const MANY: usize = 16;

    pub(super) fn current(&self) -> Option<u64> {
        self.current
    }

    pub(super) fn enter(&mut self, lineage: Option<u64>) {
        if lineage != self.current {
            let left = mem::replace(&mut self.current, lineage);
            self.leave(left);
        }
    }

    /// Whatever is found of it from now on is old.
    pub(super) fn leave(&mut self, lineage: Option<u64>) {
        self.left.extend(lineage);
        let excess = self.left.len().saturating_sub(Self::MANY);
        self.left.drain(..excess);
    }

    pub(super) fn has_left(&self, lineage: u64) -> bool {
        self.left.contains(&lineage)
    }

    /// Another user's say nothing.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}
