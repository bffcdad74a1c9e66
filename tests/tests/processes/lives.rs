use simacan_auth_emulator::{Emulator, PasswordOutcome, Presented, RefreshOutcome, What};

/// What the ledger says of the tokens, as far as it has been read.
#[derive(Default)]
pub(crate) struct Lives {
    read: usize,
    pub(crate) granted: usize,
    pub(crate) newest: u64,
    /// Pushes with the newest.
    pub(crate) pushes: u64,
}

impl Lives {
    pub(crate) fn read(&mut self, emulator: &Emulator) {
        let entries = emulator.ledger().entries();
        for entry in &entries[self.read..] {
            match &entry.what {
                What::Password {
                    outcome: PasswordOutcome::Accepted { serial },
                    ..
                }
                | What::Refresh {
                    outcome: RefreshOutcome::Rotated { serial },
                    ..
                } => {
                    self.newest = *serial;
                    self.granted += 1;
                    self.pushes = 0;
                }
                What::Target {
                    token: Presented::Valid { serial },
                    ..
                } => self.pushes += u64::from(*serial == self.newest),
                _ => {}
            }
        }
        self.read = entries.len();
    }
}
