//! A session's store in memory, shared by what would be processes.

use std::sync::{Arc, PoisonError};

use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;
use simacan_auth::{LockRequest, LockedStore, SessionStore, StoreFailure, Zeroizing};

/// Its lock is the checker's, and whoever waits for it waits as long as it takes.
#[derive(Clone)]
pub(super) struct Store(Arc<(Mutex<Shelf>, Condvar)>);

#[derive(Default)]
struct Shelf {
    saved: Option<Vec<u8>>,
    is_locked: bool,
}

struct Locked(Store);

impl Store {
    pub(super) fn new() -> Self {
        Self(Arc::new((Mutex::default(), Condvar::new())))
    }

    pub(super) fn is_locked(&self) -> bool {
        self.with(|shelf| shelf.is_locked)
    }

    /// Others go on before.
    fn with<R>(&self, look: impl FnOnce(&mut Shelf) -> R) -> R {
        thread::yield_now();
        look(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SessionStore for Store {
    fn lock(&self, _request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        thread::yield_now();
        let (shelf, unlocked) = &*self.0;
        let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        while shelf.is_locked {
            shelf = unlocked.wait(shelf).unwrap_or_else(PoisonError::into_inner);
        }
        shelf.is_locked = true;
        Ok(Box::new(Locked(self.clone())))
    }
}

impl LockedStore for Locked {
    fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        Ok(self.0.with(|shelf| shelf.saved.clone()).map(Zeroizing::new))
    }

    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
        self.0.with(|shelf| shelf.saved = Some(session.to_vec()));
        Ok(())
    }

    fn unlock(self: Box<Self>) -> Result<(), StoreFailure> {
        Ok(())
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.with(|shelf| shelf.is_locked = false);
        self.0.0.1.notify_all();
    }
}
