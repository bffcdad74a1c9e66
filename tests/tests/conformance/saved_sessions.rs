//! A store of the cases' own, in memory, and a folder for that of files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use simacan_auth::{
    LockRequest, LockedStore, SavedSession, SessionStore, StoreFailure, Timestamp, Zeroizing,
};
use simacan_auth_file_store::FileStore;

use crate::platform::PATIENCE;

/// What a store is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    Lock,
    Load,
    Save,
    Unlock,
}

/// What comes first: it may block, panic or fail.
type Act = dyn Fn(Op) -> Result<(), StoreFailure> + Send + Sync;

#[derive(Clone)]
pub(crate) struct TestStore(Arc<Shared>);

struct Shared {
    act: Box<Act>,
    saved: Mutex<Option<Vec<u8>>>,
    mark: Mutex<Option<Timestamp>>,
    is_held: Mutex<bool>,
    freed: Condvar,
    done: Mutex<Vec<Op>>,
}

impl TestStore {
    pub(crate) fn new(
        act: impl Fn(Op) -> Result<(), StoreFailure> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            act: Box::new(act),
            saved: Mutex::default(),
            mark: Mutex::default(),
            is_held: Mutex::default(),
            freed: Condvar::new(),
            done: Mutex::default(),
        }))
    }

    /// One that works.
    pub(crate) fn working() -> Self {
        Self::new(|_| Ok(()))
    }

    /// What is saved; nothing at first.
    pub(crate) fn saved(&self) -> String {
        let saved = lock(&self.0.saved).clone().unwrap_or_default();
        String::from_utf8(saved).expect("JSON")
    }

    /// Whether there is a session to go on with.
    pub(crate) fn has_tokens(&self) -> bool {
        self.saved().contains(r#""refresh_token":"ey"#)
    }

    pub(crate) fn revision(&self) -> u64 {
        let saved = SavedSession::from_json(self.saved().as_bytes());
        saved.map_or(0, |saved| saved.revision())
    }

    /// Whether the client that had it has let go of it, which it must do on a plain thread, too.
    pub(crate) fn is_dropped(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    pub(crate) fn is_held(&self) -> bool {
        *lock(&self.0.is_held)
    }

    /// What has been done, to its end.
    pub(crate) fn done(&self) -> Vec<Op> {
        lock(&self.0.done).clone()
    }

    fn act(&self, op: Op) -> Result<(), StoreFailure> {
        (self.0.act)(op)?;
        lock(&self.0.done).push(op);
        Ok(())
    }
}

impl SessionStore for TestStore {
    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        self.act(Op::Lock)?;
        let is_held = lock(&self.0.is_held);
        let waited = self
            .0
            .freed
            .wait_timeout_while(is_held, request.patience, |held| *held);
        let (mut is_held, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
        if timed_out.timed_out() {
            return Err(StoreFailure::Locked);
        }
        *is_held = true;
        drop(is_held);
        Ok(Box::new(Held(self.clone())))
    }

    fn look(&self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        Ok(lock(&self.0.saved).clone().map(Zeroizing::new))
    }
}

struct Held(TestStore);

impl LockedStore for Held {
    fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        self.0.act(Op::Load)?;
        Ok(lock(&self.0.0.saved).clone().map(Zeroizing::new))
    }

    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
        self.0.act(Op::Save)?;
        *lock(&self.0.0.saved) = Some(session.to_vec());
        Ok(())
    }

    fn mark(&mut self, until: Timestamp) -> Result<(), StoreFailure> {
        *lock(&self.0.0.mark) = Some(until);
        Ok(())
    }

    fn marked(&mut self) -> Result<Option<Timestamp>, StoreFailure> {
        Ok(*lock(&self.0.0.mark))
    }

    fn unlock(self: Box<Self>) -> Result<(), StoreFailure> {
        self.0.act(Op::Unlock)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *lock(&self.0.0.is_held) = false;
        self.0.0.freed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For a lock that is free or not.
pub(crate) fn patience(patience: Duration) -> LockRequest {
    LockRequest {
        patience,
        hold: PATIENCE,
    }
}

/// A new folder that is removed in the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, n) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("conformance-{process}-{n}"));
        fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    pub(crate) fn session(&self) -> PathBuf {
        self.0.join("session.json")
    }

    /// As each process has one of its own, over the same file.
    pub(crate) fn store(&self) -> FileStore {
        FileStore::new(self.session())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
