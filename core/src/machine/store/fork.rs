use super::{Store, Visit};
use crate::fork::{Fork, Hash, Hasher};

impl Fork for Store {
    fn fork(&self) -> Self {
        Self {
            place: self.place.clone(),
            visit: self.visit.fork(),
            lineages: self.lineages.clone(),
            others: self.others.clone(),
            marks: self.marks.clone(),
            held: self.held.clone(),
            ..*self
        }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        self.visit.fingerprint(hasher);
        (&self.lineages, self.seen, &self.others).hash(&mut hasher);
        (self.unsaved, &self.retry).hash(&mut hasher);
        (self.is_forgetting, self.can_save).hash(&mut hasher);
        (self.failed_in_a_row, &self.marks, self.outage).hash(&mut hasher);
        (self.remembered, &self.looked).hash(&mut hasher);
        let held = self.held.as_ref().map(|held| held.is_awaited);
        held.hash(&mut hasher);
    }
}

impl Fork for Visit {
    fn fork(&self) -> Self {
        Self {
            failure: self.failure.clone(),
            kept: self.kept.fork(),
            ..*self
        }
    }

    fn fingerprint(&self, mut hasher: &mut dyn Hasher) {
        (self.step, self.awaited.is_some(), self.tried).hash(&mut hasher);
        (self.is_alone, self.failure.is_some(), self.is_look).hash(&mut hasher);
        self.kept.fingerprint(hasher);
    }
}
