use super::Store;
use crate::fork::{Fork, Hash, Hasher};

impl Fork for Store {
    fn fork(&self) -> Self {
        Self {
            kept: self.kept.fork(),
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
        (self.failed_in_a_row, self.remembered).hash(&mut hasher);
        let held = self.held.as_ref().map(|held| held.is_awaited);
        held.hash(&mut hasher);
        self.kept.fingerprint(hasher);
    }
}
