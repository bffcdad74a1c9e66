//! A folder for each test, and sessions to put into it.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, SystemTime};

use simacan_auth_file_store::{
    Error, FileStore, LockRequest, LockedStore, SessionStore, StoreFailure, Timestamp,
};

/// Nothing that works takes so long.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// What a test that does not wait for a lock asks for.
pub(crate) const AT_ONCE: LockRequest = request(Duration::ZERO);
pub(crate) const PATIENTLY: LockRequest = request(LONG);

/// A file's lock needs no lease.
pub(crate) const fn request(patience: Duration) -> LockRequest {
    let hold = Duration::ZERO;
    LockRequest { patience, hold }
}

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

/// What is to be saved: its revision, and something that no error may show. A kilobyte.
pub(crate) fn session(revision: u64) -> Vec<u8> {
    large_session(revision, 1)
}

/// One of so many kilobytes.
pub(crate) fn large_session(revision: u64, kilobytes: usize) -> Vec<u8> {
    let mut session = format!("{revision} {}", "s3cret.".repeat(150 * kilobytes)).into_bytes();
    session.truncate(1_000 * kilobytes);
    session
}

pub(crate) fn in_minutes(minutes: u64) -> Timestamp {
    (SystemTime::now() + Duration::from_secs(60 * minutes)).into()
}

/// Whoever locks it next finds the mark, and it is not set earlier than that.
pub(crate) fn is_marked(store: &FileStore, until: Timestamp) {
    let marked = lock(store).marked().expect("a look").expect("a mark");
    let later = marked.as_millis().checked_sub(until.as_millis());
    assert!(
        later.is_some_and(|later| later < 1_000),
        "{marked} for {until}"
    );
}

pub(crate) fn lock(store: &FileStore) -> Box<dyn LockedStore> {
    store.lock(AT_ONCE).expect("the lock")
}

pub(crate) fn save(store: &FileStore, number: u64) {
    lock(store).save(&session(number)).expect("a save");
}

/// The revision that is saved, if any is: all of it.
pub(crate) fn revision(store: &FileStore) -> Option<u64> {
    revision_in(&mut *lock(store))
}

pub(crate) fn revision_in(locked: &mut dyn LockedStore) -> Option<u64> {
    let saved = locked.load().expect("what is saved")?;
    let digits = saved
        .split(|byte| *byte == b' ')
        .next()
        .expect("a revision");
    let revision = std::str::from_utf8(digits)
        .expect("a revision")
        .parse()
        .expect("a revision");
    assert_eq!(*saved, large_session(revision, saved.len() / 1_000));
    Some(revision)
}

pub(crate) fn mode(path: &Path) -> u32 {
    let metadata = fs::symlink_metadata(path).expect("something there");
    metadata.permissions().mode() & 0o7777
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode");
}

/// How the text of a failure begins that only a person can mend.
pub(crate) const DENIED: &str = "the store of the saved session can't be used: ";
/// And that of one that may be over in a minute.
pub(crate) const FAILED: &str = "the store of the saved session failed: ";

/// Expects the store's own error, and gives the failure's text, which begins so, has the error's once, and
/// holds no secret (I9).
pub(crate) fn told<T>(
    begins: &str,
    result: Result<T, StoreFailure>,
    is_expected: impl FnOnce(&Error) -> bool,
) -> String {
    let failure = result.err().expect("it went through");
    let (StoreFailure::Denied(cause) | StoreFailure::Other(cause)) = &failure else {
        panic!("no error of the store's own: {failure}");
    };
    let own = cause.get_ref().and_then(|error| error.downcast_ref());
    let error: &Error = own.expect("the store's own error");
    assert!(is_expected(error), "{error:?}");
    let text = failure.to_string();
    assert_eq!(text, format!("{begins}{error}"));
    assert!(
        !format!("{failure:?} {error:?} {text}").contains("s3cret"),
        "{text}"
    );
    text
}
