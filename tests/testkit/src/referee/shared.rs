//! A referee for several threads or tasks.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Referee, Violation};

/// A [`Referee`] for a driver with threads or tasks. It remembers the first violation.
#[derive(Clone)]
pub struct SharedReferee(Arc<Mutex<(Referee, Option<Violation>)>>);

impl SharedReferee {
    pub(super) fn new(referee: Referee) -> Self {
        Self(Arc::new(Mutex::new((referee, None))))
    }

    /// Tells it something. `None`: that is a violation, and [`verdict`](Self::verdict) says which.
    pub fn tell<T>(&self, tell: impl FnOnce(&mut Referee) -> Result<T, Violation>) -> Option<T> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (referee, found) = &mut *inner;
        match tell(referee) {
            Ok(told) => Some(told),
            Err(violation) => {
                found.get_or_insert(violation);
                None
            }
        }
    }

    /// The first violation, if there was one.
    pub fn verdict(&self) -> Result<(), Violation> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1.clone().map_or(Ok(()), Err)
    }
}

impl fmt::Debug for SharedReferee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedReferee")
            .field(&self.verdict())
            .finish()
    }
}
