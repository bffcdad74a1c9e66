use std::collections::BTreeMap;

use simacan_auth_emulator::{Entry, Presented, What};

/// Of each target, in order: the token that was refused, or none if it was good.
pub(crate) struct Tries(BTreeMap<String, Vec<Option<u64>>>);

impl Tries {
    pub(crate) fn new(ledger: &[Entry]) -> Self {
        let mut tries = BTreeMap::<String, Vec<_>>::new();
        for entry in ledger {
            if let What::Target { token, path, .. } = &entry.what {
                let refused = match token {
                    Presented::Refused { serial, .. } => *serial,
                    _ => None,
                };
                tries.entry(path.clone()).or_default().push(refused);
            }
        }
        Self(tries)
    }

    /// A 401 is delivered only if the token that the first one has brought is refused, too.
    pub(crate) fn check(&self, path: &str, delivered: usize) {
        let mut uncured = 0;
        let mut before = None;
        for &refused in self.0.get(path).into_iter().flatten() {
            let is_uncured = before.is_some() && refused.is_some() && before != refused;
            uncured += usize::from(is_uncured);
            before = refused.filter(|_| !is_uncured);
        }
        assert!(
            delivered <= uncured,
            "{path}: {delivered} 401s, of which {uncured} had no cure; refused were {:?}",
            self.0
                .get(path)
                .map(|tries| tries.iter().flatten().collect::<Vec<_>>()),
        );
    }
}
