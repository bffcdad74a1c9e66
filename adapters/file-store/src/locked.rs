use std::fs::File;
use std::path::PathBuf;

use simacan_auth::{LockedStore, SavedSession, StoreFailure};

use crate::{Error, file, system};

/// Holds the lock as long as it lives.
pub(crate) struct Locked {
    path: PathBuf,
    folder: PathBuf,
    lock: File,
    lock_path: PathBuf,
}

impl Locked {
    pub(crate) fn new(path: PathBuf, folder: PathBuf, lock: File, lock_path: PathBuf) -> Self {
        Self {
            path,
            folder,
            lock,
            lock_path,
        }
    }
}

impl LockedStore for Locked {
    fn load(&mut self) -> Result<Option<SavedSession>, StoreFailure> {
        let json = file::read(&self.path)?;
        Ok(json
            .map(|json| SavedSession::from_json(&json))
            .transpose()?)
    }

    fn save(&mut self, session: &SavedSession) -> Result<(), StoreFailure> {
        if !system::is_at(&self.lock, &self.lock_path) {
            let path = self.lock_path.clone();
            return Err(Error::LockLost { path }.into());
        }
        Ok(file::replace(&self.path, &self.folder, &session.to_json())?)
    }
}

/// To close it would not be enough: a process that another thread is just forking has it open, too.
impl Drop for Locked {
    fn drop(&mut self) {
        let _ = self.lock.unlock(); // closing it is what is left
    }
}
