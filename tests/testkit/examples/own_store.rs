//! A store of your own, and the check that it does what the library relies on.
//! `cargo run --example own_store`
//!
//! Here sessions are in a vault in memory, under leases that run out: it stands for a database or a secret manager. In
//! a project of yours `simacan-auth-testkit` is a dev-dependency, and this `main` a `#[test]`. A store that outlives
//! its process is also checked with one that is killed: `StoreContract::killed`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use simacan_auth::{LockRequest, LockedStore, SessionStore, StoreFailure, Zeroizing};
use simacan_auth_testkit::StoreContract;

type Saved = Option<Zeroizing<Vec<u8>>>;

/// An entry for each session: what was saved, the number of the last lease, and until when that holds.
type Vault = Arc<Mutex<HashMap<String, (Saved, u64, Option<Instant>)>>>;

struct VaultStore {
    vault: Vault,
    name: String,
}

impl SessionStore for VaultStore {
    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        let started = Instant::now();
        loop {
            let mut vault = self.vault.lock().expect("no panic");
            let (_, number, until) = vault.entry(self.name.clone()).or_default();
            if until.is_none_or(|until| until < Instant::now()) {
                (*number, *until) = (*number + 1, Some(Instant::now() + request.hold));
                return Ok(Box::new(Lease {
                    vault: self.vault.clone(),
                    name: self.name.clone(),
                    number: *number,
                    hold: request.hold,
                }));
            }
            drop(vault);
            if started.elapsed() >= request.patience {
                return Err(StoreFailure::Locked);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn place(&self) -> String {
        format!("the vault, as {:?}", self.name)
    }
}

struct Lease {
    vault: Vault,
    name: String,
    number: u64,
    hold: Duration,
}

impl Lease {
    /// Gives what was saved and the end of the lease to `change`, unless another has a lease by now.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Saved, &mut Option<Instant>) -> T,
    ) -> Result<T, StoreFailure> {
        match self.vault.lock().expect("no panic").get_mut(&self.name) {
            Some((saved, number, until)) if *number == self.number => Ok(change(saved, until)),
            _ => Err(StoreFailure::Superseded),
        }
    }
}

impl LockedStore for Lease {
    fn load(&mut self) -> Result<Saved, StoreFailure> {
        self.change(|saved, _| saved.clone())
    }

    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
        self.change(|saved, _| *saved = Some(session.to_vec().into()))
    }

    fn renew(&mut self) -> Result<(), StoreFailure> {
        self.change(|_, until| *until = Some(Instant::now() + self.hold))
    }

    fn unlock(self: Box<Self>) -> Result<(), StoreFailure> {
        self.change(|_, until| *until = None)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let _ = self.change(|_, until| *until = None);
    }
}

pub(crate) fn main() {
    let vault = Vault::default();
    let [of_store, of_thief] = [vault.clone(), vault];
    StoreContract::new(move |place| VaultStore {
        vault: of_store.clone(),
        name: place.to_owned(),
    })
    .stolen(move |place| {
        // The lease of whoever has it ends too soon.
        if let Some((_, _, until)) = of_thief.lock().expect("no panic").get_mut(place) {
            *until = None;
        }
    })
    .check();
    println!("the store keeps its contract");
}
