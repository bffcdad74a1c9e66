//! What the tests share.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, process};

use simacan_auth_file_store::FileStore;
use simacan_auth_sealed_store::{
    Key, LockRequest, LockedStore, SealedStore, SessionStore, StoreFailure,
};

pub(crate) const SESSION: &[u8] = br#"{"access_token":"s3cret"}"#;

/// A new folder with a session in it, removed in the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("sealed-store-{}-{name}", process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&folder).expect("a new folder");
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Without a seal.
    pub(crate) fn plain(&self) -> FileStore {
        FileStore::new(self.0.join("session.json"))
    }

    pub(crate) fn store(&self, key: &Key) -> SealedStore<FileStore> {
        SealedStore::new(self.plain(), key.clone())
    }

    /// What is in the file.
    pub(crate) fn record(&self) -> Vec<u8> {
        load(&self.plain()).expect("a file").expect("a record")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the folder of the test");
    }
}

pub(crate) fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32])
}

pub(crate) fn lock(store: &impl SessionStore) -> Box<dyn LockedStore> {
    let (patience, hold) = (Duration::ZERO, Duration::ZERO);
    let locked = store.lock(LockRequest { patience, hold });
    locked.expect("the lock")
}

pub(crate) fn save(store: &impl SessionStore, session: &[u8]) {
    lock(store).save(session).expect("a save");
}

pub(crate) fn load(store: &impl SessionStore) -> Result<Option<Vec<u8>>, StoreFailure> {
    Ok(lock(store).load()?.map(|session| session.to_vec()))
}

/// A refusal, which tells of these and of no secret.
pub(crate) fn is_denied<T>(result: Result<T, StoreFailure>, words: &[&str]) {
    let failure = result.err().expect("it went through");
    assert!(matches!(failure, StoreFailure::Denied(_)), "{failure:?}");
    let text = failure.to_string();
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
    assert!(!format!("{text} {failure:?}").contains("s3cret"), "{text}");
}
