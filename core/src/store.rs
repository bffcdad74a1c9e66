//! Where sessions are saved: a file, a database row, a secret manager (DESIGN 11).

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::error::ErrorCause;
use crate::{InvalidSavedSession, SavedSession};

/// A place for one saved session, which several processes may share. The adapters drive it; each call
/// may block.
///
/// Processes that share a refresh token end each other's sessions unless one waits for the other: the
/// token is good once. So there is a lock, held while one of them loads, makes an exchange and
/// saves. Where there is one process, a `Mutex` is a lock.
///
/// ```
/// use simacan_auth::{LockedStore, SavedSession, SessionStore, StoreFailure};
/// use std::sync::{Arc, Mutex};
/// use std::time::Duration;
///
/// /// Stands for a client of a database or a secret manager.
/// #[derive(Clone, Default)]
/// struct Secrets(Arc<Mutex<Option<Vec<u8>>>>);
///
/// impl SessionStore for Secrets {
///     fn lock(&self, _patience: Duration) -> Result<Box<dyn LockedStore>, StoreFailure> {
///         Ok(Box::new(self.clone())) // a database has locks for it: pg_advisory_lock, GET_LOCK
///     }
/// }
///
/// impl LockedStore for Secrets {
///     fn load(&mut self) -> Result<Option<SavedSession>, StoreFailure> {
///         let secret = self.0.lock().map_err(|_| StoreFailure::Abandoned)?;
///         Ok(secret.as_deref().map(SavedSession::from_json).transpose()?)
///     }
///
///     fn save(&mut self, session: &SavedSession) -> Result<(), StoreFailure> {
///         *self.0.lock().map_err(|_| StoreFailure::Abandoned)? = Some(session.to_json().to_vec());
///         Ok(())
///     }
/// }
/// ```
pub trait SessionStore: Send + Sync {
    /// Takes the lock, or gives up with [`StoreFailure::Locked`] when another has held it for as
    /// long as `patience`.
    fn lock(&self, patience: Duration) -> Result<Box<dyn LockedStore>, StoreFailure>;
}

impl<S: SessionStore + ?Sized> SessionStore for Arc<S> {
    fn lock(&self, patience: Duration) -> Result<Box<dyn LockedStore>, StoreFailure> {
        (**self).lock(patience)
    }
}

/// A [`SessionStore`] whose lock is held until this is dropped. The system has to give the lock
/// free when the process dies.
pub trait LockedStore: Send {
    /// What was saved last, or `None` if nothing was.
    fn load(&mut self) -> Result<Option<SavedSession>, StoreFailure>;

    /// Puts `session` in its place: all of it or nothing, and durably, before this returns. The lock stays:
    /// there may be two saves under it, so a transaction is no lock.
    fn save(&mut self, session: &SavedSession) -> Result<(), StoreFailure>;
}

/// Why did a store not do what it was asked to?
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreFailure {
    /// Another process has held the lock all the time.
    #[error(
        "another process has kept the lock of the saved session all the time: look for one that hangs"
    )]
    Locked,
    /// There is something, but no session that can be read.
    #[error("the saved session is damaged: {0}")]
    Damaged(#[from] InvalidSavedSession),
    /// Whoever was asked is gone or stuck: a panic, a runtime that was shut down, a dead disk.
    #[error("the saved session's store did not answer")]
    Abandoned,
    /// The store's own error.
    #[error("the store of the saved session failed: {0}")]
    Other(#[source] ErrorCause),
}

impl StoreFailure {
    /// Takes the store's own error, whose text must hold no secret.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other(ErrorCause::new(error))
    }
}
