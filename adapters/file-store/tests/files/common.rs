//! A folder for each test, and sessions to put into it.

use std::env;
use std::error::Error as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use simacan_auth_file_store::{
    Error, FileStore, LockedStore, SavedSession, SessionStore, StoreFailure,
};

/// What a test that does not wait for a lock gives as its patience.
pub(crate) const AT_ONCE: Duration = Duration::ZERO;
/// Nothing that works takes so long.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A new folder that is removed in the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// `name` is that of the test.
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("file-store-{}-{name}", process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A store in it.
    pub(crate) fn store(&self) -> FileStore {
        FileStore::new(self.join("session.json"))
    }

    /// The names in it, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the folder");
        let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("a name of ours");
        let mut names: Vec<_> = entries
            .map(|entry| name(entry.expect("an entry")))
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        set_mode(&self.0, 0o700);
        fs::remove_dir_all(&self.0).expect("the folder of the test");
    }
}

/// What is there after a save.
pub(crate) const SAVED: [&str; 2] = ["session.json", "session.json.lock"];

/// A session of about 1.5 kB.
pub(crate) fn session(revision: u64) -> SavedSession {
    SavedSession::from_json(&json(revision, 1_000)).expect("a session")
}

/// One that needs as many kilobytes.
pub(crate) fn large_session(revision: u64, kilobytes: usize) -> SavedSession {
    SavedSession::from_json(&json(revision, 1_000 * kilobytes)).expect("a session")
}

pub(crate) fn json(revision: u64, size: usize) -> Vec<u8> {
    let secret = "s3cret.".repeat(size / 7);
    format!(
        r#"{{"version":1,"revision":{revision},"endpoint":"https://login.example/token",
        "client_id":null,"username":"foo@bar.com","tokens":{{"access_token":"{secret}",
        "refresh_token":"ey.R","received_at":1800000000000,"expires_at":1800003600000}},
        "logins":{{"count":1,"last":1800000000000}},"refusal":null}}"#
    )
    .into_bytes()
}

pub(crate) fn lock(store: &FileStore) -> Box<dyn LockedStore> {
    store.lock(AT_ONCE).expect("the lock")
}

pub(crate) fn save(store: &FileStore, revision: u64) {
    lock(store).save(&session(revision)).expect("a save");
}

/// The revision that is saved, if any is.
pub(crate) fn revision(store: &FileStore) -> Option<u64> {
    let saved = lock(store).load().expect("what is saved");
    saved.map(|saved| saved.revision())
}

pub(crate) fn mode(path: &Path) -> u32 {
    let metadata = fs::symlink_metadata(path).expect("something there");
    metadata.permissions().mode() & 0o7777
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode");
}

/// Expects the store's own error, and gives its text, which is in the failure's once, and holds no
/// secret (I9).
pub(crate) fn refused<T>(
    result: Result<T, StoreFailure>,
    is_expected: impl FnOnce(&Error) -> bool,
) -> String {
    let failure = result.err().expect("it went through");
    let StoreFailure::Other(cause) = &failure else {
        panic!("no error of the store's own: {failure}");
    };
    let source = cause.source().and_then(|source| source.downcast_ref());
    let error: &Error = source.expect("the store's own error");
    assert!(is_expected(error), "{error:?}");
    let text = failure.to_string();
    assert_eq!(
        text,
        format!("the store of the saved session failed: {error}")
    );
    assert!(
        !format!("{failure:?} {error:?} {text}").contains("s3cret"),
        "{text}"
    );
    text
}
