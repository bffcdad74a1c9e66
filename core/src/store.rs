//! Where sessions are saved: a file, a database row, a secret manager.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::cause::ErrorCause;
use crate::{InvalidSavedSession, Timestamp};

/// A place for the bytes of one saved session, which several processes may share.
///
/// Processes that share a refresh token end each other's sessions unless one waits for the other: the token is good
/// once. So there is a lock, held while one of them loads, makes an exchange and saves. In one process a `Mutex`
/// does.
///
/// The driver calls it from a thread of its own, never from the threads or tasks of the program's callers:
/// each method may block. A client that needs an async runtime brings its own.
///
/// ```
/// use simacan_auth::{LockRequest, LockedStore, SessionStore, StoreFailure, Zeroizing};
/// use std::sync::{Arc, Mutex};
///
/// /// Stands for a client of a database or a secret manager.
/// #[derive(Clone, Default)]
/// struct Secrets(Arc<Mutex<Option<Vec<u8>>>>);
///
/// impl SessionStore for Secrets {
///     fn lock(&self, _request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
///         Ok(Box::new(self.clone())) // a database has locks for it: pg_advisory_lock, GET_LOCK
///     }
/// }
///
/// impl LockedStore for Secrets {
///     fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
///         let saved = self.0.lock().map_err(|_| StoreFailure::Abandoned)?;
///         Ok(saved.clone().map(Zeroizing::new))
///     }
///
///     fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
///         *self.0.lock().map_err(|_| StoreFailure::Abandoned)? = Some(session.to_vec());
///         Ok(())
///     }
///
///     fn unlock(self: Box<Self>) -> Result<(), StoreFailure> {
///         Ok(())
///     }
/// }
/// ```
pub trait SessionStore: Send + Sync {
    /// Takes the lock, or gives up with [`StoreFailure::Locked`] when another has held it for as
    /// long as the request's `patience`.
    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure>;

    /// Returns the name of the place, as people know it: a path, a table and a row, a server and a key. Errors name
    /// it, so it holds no secret.
    fn place(&self) -> String {
        "the session's store".to_owned()
    }

    /// Returns what was saved last, without the lock: for a process that may read the store but is
    /// [denied](StoreFailure::Denied) the lock. Such a process uses its access token, and not its refresh token.
    ///
    /// By default it returns `None`.
    fn look(&self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        Ok(None)
    }
}

impl<S: SessionStore + ?Sized> SessionStore for Arc<S> {
    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        (**self).lock(request)
    }

    fn place(&self) -> String {
        (**self).place()
    }

    fn look(&self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        (**self).look()
    }
}

impl<S: SessionStore + ?Sized> SessionStore for Box<S> {
    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        (**self).lock(request)
    }

    fn place(&self) -> String {
        (**self).place()
    }

    fn look(&self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        (**self).look()
    }
}

/// The times for which the lock of a [`SessionStore`] is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "tests of stores make it")]
pub struct LockRequest {
    /// How long to wait while another holds the lock.
    pub patience: Duration,
    /// For locks that are leases: how long the lock is held at most without a [`renew`](LockedStore::renew). Locks
    /// that end with their process or connection need no such time.
    pub hold: Duration,
}

/// A [`SessionStore`] whose lock is held.
///
/// [`unlock`](Self::unlock) releases it. So does dropping it, and so does the death of the process.
pub trait LockedStore: Send {
    /// Returns what was saved last, or `None` if nothing was.
    fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure>;

    /// Replaces what is saved by `session`: all of it or nothing, and durably, before this returns. The lock stays:
    /// there may be two saves under it, so a transaction is no lock.
    ///
    /// Nothing is saved if the lock is known to be lost ([`StoreFailure::Superseded`]).
    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure>;

    /// Extends the lock to [`LockRequest::hold`] from now. Called before an exchange and before a save.
    ///
    /// Only leases have something to do here.
    fn renew(&mut self) -> Result<(), StoreFailure> {
        Ok(())
    }

    /// Notes that no password may be sent before this time; a time that has come ends the mark. It is called when
    /// `save` has failed, so it has to work on a full disk: without a save or a mark no password is sent, unless
    /// [`Config::unrecorded_logins`](crate::Config::unrecorded_logins) allows it.
    ///
    /// By default it fails.
    fn mark(&mut self, until: Timestamp) -> Result<(), StoreFailure> {
        let _ = until;
        Err(StoreFailure::new("this store has no place for a mark"))
    }

    /// Returns what [`mark`](Self::mark) noted last, if that is not over.
    fn marked(&mut self) -> Result<Option<Timestamp>, StoreFailure> {
        Ok(None)
    }

    /// Releases the lock.
    fn unlock(self: Box<Self>) -> Result<(), StoreFailure>;
}

/// The reason why a store did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreFailure {
    /// Another process has held the lock for longer than the `patience`.
    #[error(
        "another process has kept the lock of the saved session for too long: look for one that hangs"
    )]
    Locked,
    /// The store's server is away: it may be there again in a minute.
    #[error("the store of the saved session can't be reached: {0}")]
    Unreachable(ErrorCause),
    /// The lock was lost, and another process may have saved since. Nothing was saved.
    #[error("the lock of the saved session was lost, and another process may have saved since")]
    Superseded,
    /// The store does not allow it, which only a person can change.
    #[error("the store of the saved session can't be used: {0}")]
    Denied(ErrorCause),
    /// The place holds something, but no session that can be read.
    #[error("{0}")]
    Damaged(InvalidSavedSession),
    /// The thread that uses the store has panicked or hangs.
    #[error("the store of the saved session did not answer")]
    Abandoned,
    /// The store has failed in another way, with this error of its own.
    #[error("the store of the saved session failed: {0}")]
    Other(ErrorCause),
}

impl StoreFailure {
    /// Returns whether this may be over by itself. If not, a person has to do something first.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::Denied(_) | Self::Damaged(_))
    }

    /// Takes the store's own error, whose text must hold no secret.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other(ErrorCause::new(error))
    }

    /// Takes the store's own error, as [`Unreachable`](Self::Unreachable). Its text must hold no secret.
    pub fn unreachable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unreachable(ErrorCause::new(error))
    }

    /// Takes the store's own error, as [`Denied`](Self::Denied). Its text must hold no secret.
    pub fn denied(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Denied(ErrorCause::new(error))
    }
}

impl From<InvalidSavedSession> for StoreFailure {
    fn from(defect: InvalidSavedSession) -> Self {
        Self::Damaged(defect)
    }
}
