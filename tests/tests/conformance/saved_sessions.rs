//! What is in a store of the cases, and a folder for that of files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use simacan_auth::{LockRequest, SavedSession};
use simacan_auth_file_store::FileStore;
use simacan_auth_testkit::MemoryStore;

use crate::platform::PATIENCE;

/// What is saved; nothing at first.
pub(crate) fn saved(store: &MemoryStore) -> String {
    String::from_utf8(store.record().unwrap_or_default()).expect("JSON")
}

/// Whether there is a session to go on with.
pub(crate) fn has_tokens(store: &MemoryStore) -> bool {
    saved(store).contains(r#""refresh_token":"ey"#)
}

pub(crate) fn revision(store: &MemoryStore) -> u64 {
    let saved = SavedSession::from_json(saved(store).as_bytes());
    saved.map_or(0, |saved| saved.revision())
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
