//! A store in memory, in virtual time.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use simacan_auth::{LockRequest, LockedStore, SessionStore, StoreFailure, Zeroizing};

use crate::time::Time;

/// A [`SessionStore`] in memory whose lock is waited for in virtual time. Clones are the same.
#[derive(Clone)]
pub struct Shelf {
    time: Time,
    place: Arc<Mutex<Place>>,
    is_used: Arc<AtomicBool>,
}

#[derive(Default)]
struct Place {
    saved: Option<Vec<u8>>,
    /// Since when.
    locked: Option<Duration>,
    /// For how long it was held at most.
    longest: Duration,
}

struct Locked(Shelf);

impl Shelf {
    /// An empty one.
    pub fn new(time: &Time) -> Self {
        Self {
            time: time.clone(),
            place: Arc::default(),
            is_used: Arc::default(),
        }
    }

    /// Since when its lock is held, counted from the beginning.
    pub fn locked_since(&self) -> Option<Duration> {
        self.place().locked
    }

    /// For how long its lock was held at most, by now.
    pub fn longest_hold(&self) -> Duration {
        let place = self.place();
        let since = place.locked.unwrap_or(Duration::MAX);
        let now = self.time.elapsed().saturating_sub(since);
        place.longest.max(now)
    }

    pub(super) fn take_out(&self) {
        self.is_used.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionStore for Shelf {
    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        /// As one that asks a server again and again.
        const PAUSE: Duration = Duration::from_millis(10);
        let until = self.time.elapsed().saturating_add(request.patience);
        while self.place().locked.is_some() {
            if self.time.elapsed() >= until {
                return Err(StoreFailure::Locked);
            }
            self.time.block_on(self.time.sleep(PAUSE));
        }
        self.place().locked = Some(self.time.elapsed());
        Ok(Box::new(Locked(self.clone())))
    }
}

impl LockedStore for Locked {
    fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        Ok(self.0.place().saved.clone().map(Zeroizing::new))
    }

    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
        self.0.place().saved = Some(session.to_vec());
        Ok(())
    }

    fn unlock(self: Box<Self>) -> Result<(), StoreFailure> {
        Ok(())
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let longest = self.0.longest_hold();
        let mut place = self.0.place();
        place.longest = longest;
        place.locked = None;
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf")
            .field("locked_since", &self.locked_since())
            .finish_non_exhaustive()
    }
}
